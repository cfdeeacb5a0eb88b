"""Several sources, labels renamed, merged and dropped, items renamed."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import maskconv
from maskconv import AnnotatedImage, Annotation, DataError, Label, LabelMap, Mask, OptionError, SourceError, UsageError
from maskconv.change import Change, check_template, fitting, label_rules, unify
from maskconv.sources import expand, names
from tests.places import FIXTURES, real_data

STREET = FIXTURES / "cvat-mask" / "street.zip"


def image(name: str = "a", *labels: str, split: str | None = None) -> AnnotatedImage:
    mask = Mask.from_array(np.eye(4))
    return AnnotatedImage(
        name=name, width=4, height=4, split=split, annotations=[Annotation(label=x, shape=mask) for x in labels]
    )


def labelmap(*labels: str | Label) -> LabelMap:
    return LabelMap(labels=[Label(name=x) if isinstance(x, str) else x for x in labels])


class TestLabels:
    def test_merged_labels_take_the_place_and_colour_of_the_first(self) -> None:
        red, blue = Label(name="car", color=(255, 0, 0), parts=("door",)), Label(name="truck", color=(0, 0, 255))
        change = Change({"car": "vehicle", "truck": "vehicle"})
        after = change.labels(labelmap("sky", red, "tree", blue))
        assert after.names == ("sky", "vehicle", "tree")
        assert after.labels[1] == Label(name="vehicle", color=(255, 0, 0), parts=("door",))

    def test_instances_of_merged_labels_stay_separate_and_untouched(self) -> None:
        before = image("a", "car", "truck", "sky")
        after = Change({"car": "vehicle", "truck": "vehicle"}).image(before, pytest.fail)
        assert [a.label for a in after.annotations] == ["vehicle", "vehicle", "sky"]
        assert all(a.shape is b.shape for a, b in zip(after.annotations, before.annotations, strict=True))

    def test_dropped_labels_are_counted(self) -> None:
        found: list[maskconv.Finding] = []
        after = Change({"car": ""}, frozenset({"sky"})).image(image("a", "car", "sky", "tree"), found.append)
        assert [a.label for a in after.annotations] == ["sky"]
        assert [(f.code, f.weight.value, f.amount, f.where.image) for f in found] == [
            ("labels-removed", "info", 2, "a")
        ]

    def test_nothing_to_change_is_the_very_same_image(self) -> None:
        before = image("a", "car")
        assert Change().image(before, pytest.fail) is before

    def test_labels_of_several_sources_are_one_by_name(self) -> None:
        first = labelmap(Label(name="b"), Label(name="a", color=(1, 1, 1)))
        second = labelmap(Label(name="c"), Label(name="a", color=(2, 2, 2)), Label(name="b", color=(3, 3, 3)))
        after = unify([first, second])
        assert [(label.name, label.color) for label in after.labels] == [
            ("b", (3, 3, 3)),
            ("a", (1, 1, 1)),
            ("c", None),
        ]

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("car\n", r"map.csv:1: this line has 1 field where a rule has two: old name, new name; write car,vehicle"),
            ("a,b\n\nc,d,e\n", "map.csv:3: this line has 3 fields"),
            (",b\n", "map.csv:1: this line has 2 fields"),
            ('"a\nb",c\n# no rule\nd\n', "map.csv:4: this line has 1 field"),
            ("a,b\na,c\n", "map.csv:2: the label 'a' has two rules: 'b' and 'c'; keep one of them"),
        ],
    )
    def test_rules_that_cannot_be_read(self, tmp_path: Path, text: str, says: str) -> None:
        (tmp_path / "map.csv").write_text(text)
        with pytest.raises(SourceError, match=says):
            label_rules(tmp_path / "map.csv")

    def test_rules(self, tmp_path: Path) -> None:
        (tmp_path / "map.csv").write_text(
            '\ufeff# old,new\ncar, vehicle\n"a, b",c\nsky,\ncar,vehicle\n', encoding="utf-8"
        )
        assert label_rules(tmp_path / "map.csv") == {"car": "vehicle", "a, b": "c", "sky": ""}
        assert label_rules({"a": "b"}) == {"a": "b"}
        (tmp_path / "map.csv").write_text('# no rule\r\n"#c",c\r\n" a",a\r\n"x\ny",x y\r\nb , b c \r\n', newline="")
        assert label_rules(tmp_path / "map.csv") == {"#c": "c", " a": "a", "x\ny": "x y", "b ": "b c"}
        assert label_rules(None) == {}

    def test_spaces_at_the_ends_of_old_names_count_where_a_label_has_them(self) -> None:
        assert fitting({" a": "b", " c": "d", "e": "f"}, {"a", " a", "c", "e"}) == {" a": "b", "c": "d", "e": "f"}
        assert fitting({" a": "b", "a": "b"}, {"a"}) == {"a": "b"}
        with pytest.raises(OptionError, match="--labels: the label 'a' has two rules: 'b' and 'c'; keep one of them"):
            fitting({" a": "b", "a": "c"}, {"a"})

    def test_labels_that_a_target_cannot_hold_are_told_with_their_source_and_can_be_renamed(
        self, tmp_path: Path
    ) -> None:
        bad = {"one": ["a:b", "good", "#c"], "two": ["x\ny", " a"], "three": ["good"]}
        for name, labels in bad.items():
            with maskconv.open_writer(tmp_path / f"{name}.mcv", labelmap(*labels)) as writer:
                writer.write(image(name, *labels))
        paths = [tmp_path / f"{name}.mcv" for name in bad]
        with pytest.raises(DataError) as caught:
            maskconv.convert(paths, tmp_path / "out.zip")
        for name in ("a:b", "#c", "x\\ny", " a"):
            assert f"'{name}' (" in caught.value.message
        assert caught.value.message.endswith(f" (labels of {paths[0]}, {paths[1]})")
        with pytest.raises(DataError) as caught:
            maskconv.convert(paths[0], tmp_path / "out.zip")
        assert caught.value.where is not None and caught.value.where.path == str(paths[0])
        assert "--labels FILE" in caught.value.fix and "labels of" not in caught.value.message
        (tmp_path / "map.csv").write_text('a:b,a_b\n"#c",c\n"x\ny",x y\n" a",a\n')
        maskconv.convert(paths, tmp_path / "out.zip", labels=tmp_path / "map.csv")
        with maskconv.open_reader(tmp_path / "out.zip") as images:
            assert set(images.labels.names) == {"background", "a_b", "good", "c", "x y", "a"}

    def test_a_map_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"map.csv: cannot be read \(No such file or directory\); check --labels"):
            maskconv.convert(STREET, tmp_path / "a.mcv", labels=tmp_path / "map.csv")

    @pytest.mark.parametrize(
        ("asked", "says"),
        [
            (
                {"labels": {"cra": "x"}},
                r"--labels: no source has the label 'cra' \(did you mean 'car'\?\); there are back",
            ),
            ({"only": ["tre"]}, r"--only: no source has the label 'tre' \(did you mean 'tree'\?\)"),
            ({"labels": {"car": "auto"}, "only": ["car"]}, "--only: no source has the label 'car'"),
        ],
    )
    def test_unknown_names_have_the_nearest(self, tmp_path: Path, asked: dict[str, object], says: str) -> None:
        with pytest.raises(OptionError, match=says):
            maskconv.convert(STREET, tmp_path / "a.mcv", **asked)
        assert not list(tmp_path.iterdir())


class TestNames:
    @pytest.mark.parametrize(
        ("template", "name"),
        [
            ("{source}/{name}", "s/x/y/a.b"),
            ("{stem}", "a.b"),
            ("{folder}-{stem}", "x/y-a.b"),
            ("{split}/{name}", "train/x/y/a.b"),
            ("img_{stem:>8}", "img_     a.b"),
        ],
    )
    def test_templates(self, template: str, name: str) -> None:
        change = Change(name=template, source="s")
        assert change.image(image("x/y/a.b", split="train"), pytest.fail).name == name

    def test_empty_places_leave_no_empty_folders(self) -> None:
        assert Change(name="{split}/{folder}/{stem}").image(image("a"), pytest.fail).name == "a"

    @pytest.mark.parametrize(
        ("template", "says"),
        [
            ("{nmae}", r"--name has no place \{nmae\} \(did you mean 'name'\?\); the places are \{name\} \{stem\}"),
            ("{name", "--name '{name' is no template"),
            ("{}", r"--name has no place \{\}"),
            ("{name.upper}", r"--name has no place \{name.upper\}"),
        ],
    )
    def test_templates_that_are_none(self, template: str, says: str) -> None:
        with pytest.raises(OptionError, match=says):
            check_template(template)

    @pytest.mark.parametrize("template", ["..{name}/../x", "{split}"])
    def test_names_that_lead_nowhere(self, template: str) -> None:
        with pytest.raises(DataError, match="which is no usable name; change the template"):
            Change(name=template + ("/.." if "x" in template else "")).image(image("a"), pytest.fail)


class TestSources:
    def test_patterns_and_folders_in_the_order_of_names(self, tmp_path: Path) -> None:
        for name in ("c.zip", "a.zip", "b.zip"):
            shutil.copy(STREET, tmp_path / name)
        (tmp_path / "notes.txt").write_text("not an export")
        (tmp_path / "other.zip").write_bytes(b"PK\5\6" + bytes(18))
        expected = [tmp_path / n for n in ("a.zip", "b.zip", "c.zip")]
        assert expand(tmp_path) == expected
        assert expand(str(tmp_path / "[a-c].zip")) == expected
        assert expand([tmp_path / "c.zip", str(tmp_path / "a*.zip")]) == [tmp_path / "c.zip", tmp_path / "a.zip"]

    def test_a_data_set_is_no_folder_of_exports(self, tmp_path: Path) -> None:
        shutil.unpack_archive(STREET, tmp_path / "set")
        shutil.copy(STREET, tmp_path / "set" / "also.zip")
        assert expand(tmp_path / "set") == [tmp_path / "set"]

    @pytest.mark.parametrize(
        ("given", "error", "says"),
        [
            ("nothing*.zip", SourceError, r"nothing\*.zip: no file fits this pattern; check the path"),
            ([STREET, os.path.relpath(STREET)], UsageError, "is given twice"),
            ([], UsageError, "there is no source"),
        ],
    )
    def test_sources_that_are_none(self, given, error: type[Exception], says: str) -> None:
        with pytest.raises(error, match=says):
            expand(given)

    @pytest.mark.parametrize(
        ("paths", "told"),
        [
            (["/x/a.zip", "/y/b.ndjson"], ["a", "b"]),
            (["/x/mon/voc.zip", "/x/tue/voc.zip"], ["mon", "tue"]),
            (["/x/mon/voc.zip", "/x/tue/voc.zip", "/x/z.zip"], ["mon/voc", "tue/voc", "x/z"]),
            (["/x/a/1/voc.zip", "/x/b/1/voc.zip"], ["a/1", "b/1"]),
            (["/x/a.zip", "/x/a.ndjson"], ["a.zip", "a.ndjson"]),
            (["-"], ["stdin"]),
        ],
    )
    def test_names_tell_sources_apart(self, paths: list[str], told: list[str]) -> None:
        assert names(paths) == told

    def test_colliding_items_name_both_sources_and_the_way_out(self, tmp_path: Path) -> None:
        for name in ("a.zip", "b.zip"):
            shutil.copy(STREET, tmp_path / name)
        for target in ("out.zip", "out.ndjson", "out.mcv"):
            with pytest.raises(maskconv.ConversionError) as caught:
                maskconv.convert(tmp_path, tmp_path / target)
            told = [f for f in caught.value.report.findings if f.code == "name-collision"]
            assert len(told) in (6, 7)
            assert f"one of {tmp_path / 'a.zip'}, one of {tmp_path / 'b.zip'}" in str(told[0])
            assert "--name '{source}/{name}'" in told[0].fix
        report = maskconv.convert(tmp_path / "*.zip", tmp_path / "out.zip", name="{source}/{name}")
        assert (report.images, report.images_written) == (14, 14)

    def test_formats_may_differ(self, tmp_path: Path) -> None:
        maskconv.convert(STREET, tmp_path / "a.ndjson", write={"masks": "files"})
        maskconv.convert([STREET, tmp_path / "a.ndjson"], tmp_path / "all.mcv", name="{source}/{name}")
        with maskconv.open_reader(tmp_path / "all.mcv") as images:
            found = {each.name: [(a.label, a.shape) for a in each.annotations] for each in images if each.annotations}
        for name in ("street_0001", "night/rain 01"):
            assert found[f"street/{name}"] == found[f"a/{name}"]

    def test_options_go_to_the_sources_whose_format_has_them(self, tmp_path: Path) -> None:
        """The masks of one source are in another folder; the other one's format knows no such folder."""
        maskconv.convert(STREET, tmp_path / "a.ndjson", write={"masks": "files"})
        (tmp_path / "a_masks").rename(tmp_path / "masks")
        given, target = [STREET, tmp_path / "a.ndjson"], tmp_path / "all.mcv"
        both = {"mask_dir": str(tmp_path / "masks"), "mixed": "split"}
        with pytest.raises(maskconv.ConversionError):
            maskconv.convert(given, target, name="{source}/{name}", read={"mixed": "split"})
        report = maskconv.convert(given, target, name="{source}/{name}", read=both)
        assert report.images == 13 and not report.failed
        says = "none of cvat-mask, labelbox-ndjson has an option --from-mask-dirr to read with .did you mean 'mask_dir'.*; "
        says += "cvat-mask has --from-objects, .*; labelbox-ndjson has --from-schema-ids, .*--from-mask-dir"
        with pytest.raises(OptionError, match=says):
            maskconv.convert(given, target, read=both | {"mask_dirr": "x"}, overwrite=True)
        with pytest.raises(OptionError, match="cvat-mask has no option --from-mask-dir to read with"):
            maskconv.convert([STREET], target, read=both, overwrite=True)
        with pytest.raises(OptionError, match="cvat-mask: --from-mixed does not take 'x'"):
            maskconv.convert(given, target, read={"mixed": "x"}, overwrite=True)

    def test_the_documents_names_of_sources(self) -> None:
        text = (Path(__file__).parents[1] / "docs" / "everyday.md").read_text(encoding="utf-8")
        found = re.findall(r"of\s`(\S+)` and `(\S+)` it is `(\S+)` and `(\S+)`", text)
        assert len(found) == 2
        for one, other, *told in found:
            assert names([one, other]) == told

    def test_class_order_never_depends_on_the_listing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for number, order in enumerate((["x", "y"], ["y", "z"])):
            with maskconv.open_writer(tmp_path / f"{number}.mcv", labelmap(*order)) as writer:
                writer.write(image(f"i{number}", *order))
        listed = Path.iterdir
        monkeypatch.setattr(Path, "iterdir", lambda self: iter(sorted(listed(self), reverse=True)))
        maskconv.convert(tmp_path, tmp_path / "all.zip", to="cvat-mask")
        with maskconv.open_reader(tmp_path / "all.zip") as images:
            assert images.labels.names == ("background", "x", "y", "z")


def test_the_everyday_trial(tmp_path: Path) -> None:
    """Real exports together: two labels merged, one dropped, into parts of 50 records, and back: all survivors exact."""
    sources = [real_data(f"cvat-oracle/{name}/voc.zip") for name in ("blank", "gray", "media", "plain")]
    sources.append(real_data("cvat-smask-animals"))
    rules, template = {"car": "vehicle", "person": "vehicle", "tree": ""}, "{source}/{name}"
    maskconv.convert(
        sources, tmp_path / "all.ndjson", labels=rules, name=template, write={"masks": "files", "max_records": 50}
    )
    parts = sorted(tmp_path.glob("all-*.ndjson"))
    assert len(parts) > 3
    assert all(len(part.read_bytes().splitlines()) <= 50 for part in parts)
    maskconv.convert(parts, tmp_path / "back.zip")
    maskconv.convert(sources, tmp_path / "truth.mcv", labels=rules, name=template)

    def content(path: Path) -> dict[str, list[tuple[str, Mask]]]:
        with maskconv.open_reader(path) as images:
            return {each.name: [(a.label, a.shape) for a in each.annotations] for each in images if each.annotations}

    truth = content(tmp_path / "truth.mcv")
    assert content(tmp_path / "back.zip") == truth
    assert sum(map(len, truth.values())) == 181


def test_parts_never_replace_their_own_sources(tmp_path: Path) -> None:
    write = {"masks": "png", "max_records": 20}
    maskconv.convert(STREET, tmp_path / "out.ndjson", write=write)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert len(before) > 2
    with pytest.raises(maskconv.TargetError, match=r"out-0001.ndjson: the target is the source; choose another name"):
        maskconv.convert(tmp_path / "out-*.ndjson", tmp_path / "out.ndjson", write=write, overwrite=True)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
