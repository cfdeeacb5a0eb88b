"""The one way from sources to a target: what it refuses, lists, leaves out, commits."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

import maskconv
from maskconv import registry
from maskconv.errors import (
    ConversionError,
    DataError,
    FormatError,
    LossError,
    MaskconvError,
    SourceError,
    TargetError,
    TargetExistsError,
    UsageError,
)
from maskconv.finding import Finding, Report, Weight, Where
from maskconv.formats.mcv import McvReader
from maskconv.losses import image_losses, label_losses
from maskconv.model import AnnotatedImage, Annotation, Box, Feature, Label, LabelMap, PixelRule, Polygon
from maskconv.plugin import LOSSES, Access, Format, Head, Piece, Reader, Writer
from maskconv.samples import LABELS, Sample, block, crowded, image, sample
from maskconv.testing import tree

CAT = Annotation(label="cat", shape=block(1, 1, 5, 5))


def source(path: Path, *images: AnnotatedImage, labels: LabelMap = LABELS, more: str = "") -> Path:
    lines = [
        '{"maskconv":1,"labels":['
        + ",".join(label.model_dump_json(exclude_defaults=True) for label in labels.labels)
        + "]}"
    ]
    lines += [one.model_dump_json(exclude_defaults=True) for one in images]
    path.write_text("\n".join(lines) + "\n" + more, encoding="utf-8")
    return path


def codes(report: Report) -> dict[str, int]:
    return {code: tally.count for (code, _), tally in report.tallies.items()}


# -- a format that does what a test wants ----------------------------------------------------------------------------


class Fake(Reader[Any, Head]):
    """Units are lines; some do something."""

    closed: ClassVar[list[str]] = []

    def open(self) -> None:
        if "unopenable" in self.source.name:
            raise PermissionError(13, "Permission denied")

    def close(self) -> None:
        self.closed.append(self.source.name)

    def head(self, note: Any) -> Head:
        if "headless" in self.source.name:
            raise IsADirectoryError(21, "Is a directory")
        note(Finding("fake-note", Weight.INFO, "from the head"))
        return Head(LabelMap(labels=(Label(name="first"),)), complete="scan" not in self.source.name)

    def units(self, note: Any) -> Iterator[str]:
        yield from self.source.read_text().split()
        if "endless" in self.source.name:
            raise OSError(5, "Input/output error")

    def scan(self, unit: str) -> Head:
        return Head(LabelMap(labels=(Label(name=unit),)))

    def decode(self, unit: str, head: Head, note: Any) -> Iterator[AnnotatedImage]:
        if unit == "gone":
            raise FileNotFoundError(2, "No such file or directory")
        if unit == "bug":
            raise ZeroDivisionError("oops")
        label = unit if "scan" in self.source.name else "first"
        yield image(unit, Annotation(label=label, shape=block(1, 1, 5, 5)))
        if unit == "half":
            raise DataError("the second half is missing", where=Where(path="x"))


class FakeWriter(Writer[None]):
    def keeps(self) -> frozenset[Feature]:
        return frozenset(Feature) - {Feature.EMPTY_IMAGES}

    def plan(self, labels: LabelMap, target: Any, note: Any) -> None:
        if "late" in target.path.name:
            raise DataError("these labels cannot be held")

    def begin(self, stage: Any, plan: None) -> None:
        self.stage = stage

    def encode(self, image: AnnotatedImage, plan: None, note: Any) -> Piece | None:
        if image.name == "refused":
            raise DataError("this image cannot be held", code="fake-refused", fix="leave it out")
        if image.name == "noted":
            note(Finding("fake-noted", Weight.ERROR, "this image cannot be held either"))
            return None
        blobs = ((image.name, b"data"),) if image.name.startswith("blob") or ".." in image.name else ()
        return Piece(b"row\n", blobs, instances=len(image.annotations), key=image.name) if image.annotations else None

    def append(self, piece: Piece, note: Any) -> None:
        self.stage.write(piece.rows)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Format:
    found = Format("fake", "Fake", (".fake",), lambda p: p.path.suffix == ".fake", Fake, FakeWriter)
    monkeypatch.setattr(registry, "_plugins", lambda: {"fake": found})
    Fake.closed.clear()
    return found


# -- errors ----------------------------------------------------------------------------------------------------------


def test_all_errors_are_listed_and_nothing_is_written(tmp_path: Path) -> None:
    path = source(tmp_path / "a.mcv", image("fine", CAT), more='{"name":""}\n' * 25 + "{\n")
    for jobs in (1, 3):
        with pytest.raises(
            ConversionError, match="nothing was written: the source has 26 errors; mend them, or"
        ) as caught:
            maskconv.convert(path, tmp_path / "b.mcv", jobs=jobs)
        report = caught.value.report
        assert report.count(Weight.ERROR) == 26
        assert [f.where.line for f in report.findings] == list(range(3, 23)), "the first 20, in order"
    assert [p.name for p in tmp_path.iterdir()] == ["a.mcv"]


def test_skip_commits_the_rest(tmp_path: Path) -> None:
    path = source(tmp_path / "a.mcv", image("fine", CAT), more="{\n" + image("also", CAT).model_dump_json() + "\n")
    report = maskconv.convert(path, tmp_path / "b.mcv", on_error="skip")
    assert report.failed
    assert (report.images, report.images_written, report.instances_written) == (
        3,
        2,
        2,
    )  # the one that is left out counts
    with maskconv.open_reader(tmp_path / "b.mcv") as images:
        assert [i.name for i in images] == ["fine", "also"]


def test_a_target_without_any_instance_is_told(tmp_path: Path) -> None:
    path = source(tmp_path / "a.mcv", image("one"), image("two"))
    report = maskconv.convert(path, tmp_path / "b.mcv")
    assert [(f.code, f.weight) for f in report.findings] == [("target-no-instances", Weight.WARNING)]
    assert report.images_written == 2


@pytest.mark.parametrize("name", ["a.mcv", "a.zip", "a.ndjson"])
def test_a_writer_refuses_what_it_would_lose(name: str, tmp_path: Path) -> None:
    labels = LabelMap(labels=(Label(name="cat"),))
    with maskconv.open_writer(tmp_path / name, labels) as writer:
        writer.write(image("fine", CAT))
        with pytest.raises(DataError, match="its label 'Cat' is not in the label map"):
            writer.write(image("wrong", CAT, CAT.replace(label="Cat")))
    assert (writer.report.images_written, writer.report.instances_written) == (1, 1)


def test_polygons_that_are_painted_are_not_changed(tmp_path: Path) -> None:
    shape = (Polygon(exterior=[(1, 1), (9, 1), (9, 9)], rule=PixelRule.EDGE),)
    path = source(tmp_path / "a.mcv", image("one", Annotation(label="cat", shape=shape)))
    report = maskconv.convert(path, tmp_path / "b.zip")
    assert (report.instances_written, report.instances_changed) == (1, 0)


def test_skip_with_nothing_left_is_a_failure(tmp_path: Path) -> None:
    path = source(tmp_path / "a.mcv", more="{\n")
    with pytest.raises(ConversionError, match=r"1 error, and nothing is left without what it hits; mend it$"):
        maskconv.convert(path, tmp_path / "b.mcv", on_error="skip")
    assert [p.name for p in tmp_path.iterdir()] == ["a.mcv"]


def test_unknown_label(tmp_path: Path) -> None:
    stray = Annotation(label="zebra", shape=block(9, 9, 2, 2))
    path = source(tmp_path / "a.mcv", image("one", CAT, stray, CAT), image("two", stray), image("three", CAT))
    with pytest.raises(ConversionError) as caught:
        maskconv.convert(path, tmp_path / "b.mcv")
    told = caught.value.report.findings
    assert [(f.code, f.where.image, f.where.annotation, f.unit) for f in told] == [
        ("label-unknown", "one", 1, "instances"),
        ("label-unknown", "two", 0, "instances"),
    ]
    assert "'zebra' is not in the label map" in str(told[0])
    report = maskconv.convert(path, tmp_path / "b.mcv", on_error="skip")
    with maskconv.open_reader(tmp_path / "b.mcv") as images:
        assert [(i.name, [a.label for a in i.annotations]) for i in images] == [
            ("one", ["cat", "cat"]),
            ("two", []),
            ("three", ["cat"]),
        ]
    assert (report.instances, report.instances_written) == (5, 3)


def test_empty_source(tmp_path: Path) -> None:
    with pytest.raises(ConversionError) as caught:
        maskconv.convert(source(tmp_path / "a.mcv"), tmp_path / "b.mcv")
    assert codes(caught.value.report) == {"source-empty": 1}
    assert not (tmp_path / "b.mcv").exists()


def test_empty_target_is_said(tmp_path: Path, fake: Format) -> None:
    report = maskconv.convert(source(tmp_path / "a.mcv", image("a"), image("b")), tmp_path / "b.fake")
    assert codes(report) == {"empty-images-dropped": 2, "target-empty": 1}
    assert report.images_written == 0


@pytest.mark.parametrize("argument", ["on_loss", "on_error"])
def test_unknown_manner(tmp_path: Path, argument: str) -> None:
    with pytest.raises(UsageError, match=f"{argument} is one of .*fail.*, not 'perhaps'"):
        maskconv.convert(tmp_path / "no", tmp_path / "x.mcv", **{argument: "perhaps"})  # type: ignore[arg-type]


# -- losses ----------------------------------------------------------------------------------------------------------


def test_on_loss(tmp_path: Path) -> None:
    scored = source(tmp_path / "a.mcv", image("a", CAT.replace(score=0.5)))
    harmless = source(tmp_path / "b.mcv", image("a", CAT.replace(id=7)))
    target = tmp_path / "x.zip"
    with pytest.raises(LossError, match="data would be lost, and --on-loss fail forbids it") as caught:
        maskconv.convert(scored, target, on_loss="fail")
    assert codes(caught.value.report)["scores-dropped"] == 1
    assert not target.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mcv", "b.mcv"]
    for how in ("warn", "ignore"):
        report = maskconv.convert(scored, target, on_loss=how, overwrite=True)
        assert report.lossy
    report = maskconv.convert(harmless, target, on_loss="fail", overwrite=True)
    assert "ids-dropped" in codes(report)
    assert not report.lossy


@pytest.mark.parametrize("feature", [f for f in Feature if f not in {Feature.HOLES, Feature.PARTS, Feature.OVERLAP}])
def test_the_driver_measures_what_is_dropped(feature: Feature) -> None:
    labels, images = sample(feature)
    found = [*label_losses(labels, frozenset(Feature) - {feature})]
    found += [f for i in images for f in image_losses(i, frozenset(Feature) - {feature})]
    loss = LOSSES[feature]
    assert {(f.code, f.weight, f.unit) for f in found} == {(loss.code, loss.weight, loss.unit)}
    expected = {Feature.IGNORED: 16, Feature.LABEL_COLORS: 2, Feature.LABEL_ORDER: 3, Feature.SPLITS: 2, Feature.IMAGE_SIZE: 2, Feature.MASKS: 2, Feature.POLYGONS: 2, Feature.BOXES: 2}  # fmt: skip
    assert sum(f.amount for f in found) == expected.get(feature, 1)


def test_nothing_is_dropped_by_who_keeps_everything() -> None:
    for feature in Feature:
        labels, images = sample(feature)
        assert not [*label_losses(labels, frozenset(Feature))]
        assert not [f for i in images for f in image_losses(i, frozenset(Feature))]


def test_one_finding_an_image_with_the_number_of_instances() -> None:
    told = image("a", CAT.replace(score=0.5, track=1), CAT.replace(score=0.0), CAT)
    found = {f.code: f for f in image_losses(told, frozenset(Feature) - {Feature.SCORES, Feature.TRACKS})}
    assert found["scores-dropped"].amount == 2, "0.0 is a score"
    assert found["tracks-dropped"].amount == 1
    assert found["scores-dropped"].where == Where(image="a")


# -- targets ---------------------------------------------------------------------------------------------------------


def test_target_exists(tmp_path: Path) -> None:
    path = source(tmp_path / "a.mcv", image("a", CAT))
    (tmp_path / "b.mcv").write_text("old")
    (tmp_path / ".b.mcv.partial").mkdir()
    (tmp_path / ".b.mcv.partial" / "main").write_text("of a run that was killed")
    with pytest.raises(TargetExistsError, match="the target exists already; choose another name or replace it"):
        maskconv.convert(path, tmp_path / "b.mcv")
    assert (tmp_path / "b.mcv").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mcv", "b.mcv"]
    maskconv.convert(path, tmp_path / "b.mcv", overwrite=True)
    assert (tmp_path / "b.mcv").read_bytes() == path.read_bytes()


def test_the_source_is_never_the_target(tmp_path: Path) -> None:
    path = source(tmp_path / "a.mcv", image("a", CAT))
    before = path.read_bytes()
    (tmp_path / "link.mcv").symlink_to("a.mcv")
    os.link(path, tmp_path / "hard.mcv")
    for target in ("a.mcv", "link.mcv", "hard.mcv", "../" + tmp_path.name + "/a.mcv"):
        with pytest.raises(TargetError, match="the target is the source; choose another name"):
            maskconv.convert(path, tmp_path / target, overwrite=True)
    with pytest.raises(TargetError, match="the target holds the source"):
        maskconv.convert(path, tmp_path, to="mcv", overwrite=True)
    with pytest.raises(TargetExistsError):
        maskconv.convert(path, path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


def test_foreign_folder_is_not_replaced(tmp_path: Path) -> None:
    path = source(tmp_path / "a.mcv", image("a", CAT))
    folder = tmp_path / "photos"
    folder.mkdir()
    maskconv.convert(path, folder, to="cvat-mask", overwrite=True)
    maskconv.convert(path, folder, to="cvat-mask", overwrite=True)
    own = tmp_path / "mine"
    own.mkdir()
    (own / "holiday.jpg").write_bytes(b"precious")
    for to in ("cvat-mask", "mcv"):
        with pytest.raises(TargetError, match=f"a folder with other files than {to}'s, and is not replaced") as caught:
            maskconv.convert(path, own, to=to, overwrite=True)
        assert caught.value.code == "target-foreign"
    assert tree(own) == {"holiday.jpg": b"precious"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no/such/b.mcv", "does not exist; create it first"),
        ("x" * 300 + ".mcv", "cannot be written (File name too long)"),
    ],
)
def test_impossible_target(tmp_path: Path, name: str, words: str) -> None:
    path = source(tmp_path / "a.mcv", image("a", CAT))
    with pytest.raises(TargetError) as caught:
        maskconv.convert(path, tmp_path / name)
    assert words in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["a.mcv"]


def test_formats_that_cannot(tmp_path: Path) -> None:
    path = source(tmp_path / "a.mcv", image("a", CAT))
    with pytest.raises(UsageError, match="labelmap can be read or checked, not written"):
        maskconv.convert(path, tmp_path / "x.txt", to="labelmap")
    with pytest.raises(UsageError, match=r"cvat-mask is a .* and cannot go to standard output"):
        maskconv.convert(path, "-", to="cvat-mask")
    (tmp_path / "labelmap.txt").write_text("background:0,0,0::\ncat:128,0,0::\n")
    with pytest.raises(
        FormatError,
        match=r"can be checked as CVAT's labelmap\.txt, but holds no annotations; check it with: maskconv validate",
    ):
        maskconv.convert(tmp_path / "labelmap.txt", tmp_path / "x.mcv")


# -- readers that fail -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unopenable.fake", "cannot be read (Permission denied)"),
        ("headless.fake", "cannot be read (Is a directory)"),
        ("endless.fake", "cannot be read (Input/output error)"),
    ],
)
def test_source_that_cannot_be_read(tmp_path: Path, fake: Format, name: str, words: str) -> None:
    path = tmp_path / name
    path.write_text("a b c")
    for act in (lambda: maskconv.convert(path, tmp_path / "x.mcv"), lambda: read(path)):
        with pytest.raises(SourceError) as caught:
            act()
        assert str(caught.value).startswith(f"{path}: {words}; check its permissions")
    assert [p.name for p in tmp_path.iterdir()] == [name]


def read(path: Path, **options: Any) -> list[AnnotatedImage]:
    with maskconv.open_reader(path, **options) as images:
        return list(images)


def test_folder_given_as_a_file_format(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for act in (read, maskconv.validate):
        try:
            result = act(tmp_path / "folder", format="mcv")  # type: ignore[operator]
        except SourceError as error:
            assert "cannot be read (Is a directory)" in str(error)
        else:
            assert "cannot be read (Is a directory)" in str(result[0])


def test_unit_that_cannot_be_read_is_one_error(tmp_path: Path, fake: Format) -> None:
    path = tmp_path / "a.fake"
    path.write_text("one gone two half")
    with maskconv.open_reader(path) as images:
        assert [i.name for i in images] == ["one", "two", "half"]
        assert [(f.code, f.message) for f in images.report.findings] == [
            ("source-unreadable", "cannot be read (No such file or directory)"),
            ("data-invalid", "the second half is missing"),
            ("fake-note", "from the head"),
        ]
    report = maskconv.convert(path, tmp_path / "x.mcv", on_error="skip")
    assert (report.images_written, report.count(Weight.ERROR)) == (3, 2)
    assert len(maskconv.validate(path)) == 3


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_bug_in_a_format_is_not_hidden(tmp_path: Path, fake: Format, jobs: int) -> None:
    path = tmp_path / "a.fake"
    path.write_text("one bug two")
    with pytest.raises(MaskconvError, match="failed at 'bug' with ZeroDivisionError") as caught:
        maskconv.convert(path, tmp_path / "x.mcv", jobs=jobs, workers="threads")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert [p.name for p in tmp_path.iterdir()] == ["a.fake"]
    assert Fake.closed.count("a.fake") >= 1


def test_labels_that_only_the_units_know(tmp_path: Path, fake: Format) -> None:
    path = tmp_path / "scan.fake"
    path.write_text("b a")
    with maskconv.open_reader(path) as images:
        assert images.labels.names == ("first", "b", "a")
    report = maskconv.convert(path, tmp_path / "x.mcv")
    assert (report.images_written, codes(report)) == (2, {"fake-note": 1})
    with maskconv.open_reader(tmp_path / "x.mcv") as images:
        assert images.labels.names == ("first", "b", "a")


# -- writers that refuse ---------------------------------------------------------------------------------------------


def test_images_that_a_writer_refuses(tmp_path: Path, fake: Format) -> None:
    names = ["one", "refused", "noted", "two", "two", "blob"]
    path = source(tmp_path / "a.mcv", *(image(name, CAT) for name in names))
    found: list[Finding] = []
    with pytest.raises(ConversionError):
        maskconv.convert(path, tmp_path / "x.fake", report=Report(sink=found.append))
    assert [(f.code, f.where.image) for f in found] == [
        ("fake-refused", "refused"),
        ("fake-noted", "noted"),
        ("name-collision", "two"),
    ]
    assert found[0].fix == "leave it out"
    with pytest.raises(AssertionError, match="sidecar"):
        maskconv.convert(path, tmp_path / "x.fake", on_error="skip")
    assert [p.name for p in tmp_path.iterdir()] == ["a.mcv"]


def test_names_that_lead_out_are_errors_of_their_image(tmp_path: Path, fake: Format) -> None:
    path = source(tmp_path / "a.mcv", image("fine", CAT), image("../out", CAT))
    report = maskconv.convert(path, tmp_path / "x.fake", on_error="skip")
    assert codes(report) == {"name-unsafe": 1}
    assert (tmp_path / "x.fake").read_bytes() == b"row\n"


def test_writer_that_refuses_the_labels(tmp_path: Path, fake: Format) -> None:
    path = source(tmp_path / "a.mcv", image("fine", CAT))
    with pytest.raises(DataError, match="these labels cannot be held"):
        maskconv.convert(path, tmp_path / "late.fake")
    assert [p.name for p in tmp_path.iterdir()] == ["a.mcv"]


# -- writing image by image ------------------------------------------------------------------------------------------


def test_open_writer(tmp_path: Path) -> None:
    with maskconv.open_writer(tmp_path / "x.zip", LABELS, format="cvat-mask", png="palette") as writer:
        writer.write(image("a", CAT.replace(score=0.5)))
        assert not (tmp_path / "x.zip").exists()
        assert writer.report.images_written == 1
        assert "scores-dropped" in codes(writer.report)
    assert [i.name for i in read(tmp_path / "x.zip")] == ["a"]
    assert [p.name for p in tmp_path.iterdir()] == ["x.zip"]
    with pytest.raises(TargetExistsError), maskconv.open_writer(tmp_path / "x.zip", LABELS):
        pass


def test_what_cannot_be_written_is_raised_at_once(tmp_path: Path, fake: Format) -> None:
    with maskconv.open_writer(tmp_path / "x.fake", LABELS) as writer:
        writer.write(image("fine", CAT))
        for name, code in (
            ("refused", "fake-refused"),
            ("noted", "fake-noted"),
            ("fine", "name-collision"),
            ("../out", "name-unsafe"),
        ):
            with pytest.raises(DataError) as caught:
                writer.write(image(name, CAT))
            assert caught.value.code == code
        writer.write(image("empty"))
    assert (tmp_path / "x.fake").read_bytes() == b"row\n"
    assert sorted(codes(writer.report)) == [
        "empty-images-dropped",
        "fake-noted",
        "fake-refused",
        "name-collision",
        "name-unsafe",
    ]
    assert writer.report.images == 6


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError, GeneratorExit])
def test_writing_that_stops_half_way(tmp_path: Path, stop: type[BaseException]) -> None:
    (tmp_path / "x.mcv").write_text("old")
    with pytest.raises(stop), maskconv.open_writer(tmp_path / "x.mcv", LABELS, overwrite=True) as writer:
        writer.write(image("a", CAT))
        raise stop
    assert tree(tmp_path) == {"x.mcv": b"old"}


def test_writer_without_images(tmp_path: Path) -> None:
    with pytest.raises(ConversionError), maskconv.open_writer(tmp_path / "x.mcv", LABELS):
        pass
    assert list(tmp_path.iterdir()) == []


# -- reading image by image ------------------------------------------------------------------------------------------


def test_open_reader(tmp_path: Path) -> None:
    labels, given = crowded(4)
    path = source(tmp_path / "a.mcv", *given, labels=labels, more="{\n")
    with maskconv.open_reader(path) as images:
        assert images.labels == labels
        assert images.report.images == 0
        assert next(iter(images)) == given[0]
        assert list(images) == list(given)
        assert images.report.source_format == "mcv"
        assert codes(images.report) == {"data-invalid": 1}


def test_report_and_progress(tmp_path: Path) -> None:
    labels, given = crowded(20)
    path = source(tmp_path / "a.mcv", *given, labels=labels)
    found: list[Finding] = []
    done: list[int] = []
    mine = Report(sink=found.append)
    report = maskconv.convert(path, tmp_path / "x.zip", report=mine, progress=done.append, jobs=2)
    assert report is mine
    assert done == sorted(done)
    assert done[-1] == 20
    assert (report.images, report.images_written) == (20, 20)
    assert (report.source_format, report.target_format) == ("mcv", "cvat-mask")
    assert len(found) == sum(codes(report).values())
    assert report.next_steps


def test_validate_and_info(tmp_path: Path) -> None:
    path = source(tmp_path / "a.mcv", image("a", CAT, split="train"), image("b", width=None, height=None), more="{\n")
    (found,) = maskconv.validate(path)
    assert (found.weight, found.where.line) == (Weight.ERROR, 4)
    facts = maskconv.info(path)
    assert (facts["format"], facts["images"], facts["instances"]) == ("mcv", 2, 1)
    assert facts["labels"] == {"cat": 1, "dog": 0}
    assert facts["sizes"] == {"24x16": 1, "unknown": 1}
    assert facts["splits"] == {"train": 1, "": 1}
    with pytest.raises(UsageError, match="has no option --from-x"):
        maskconv.validate(path, x=1)
    with pytest.raises(SourceError, match="there is no such file"):
        maskconv.validate(tmp_path / "no")


def test_the_source_is_closed_before_the_target_appears(
    tmp_path: Path, fake: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    from maskconv.stage import Stage

    commit = Stage.commit
    seen: list[list[str]] = []

    def committed(self: Stage) -> None:
        seen.append(list(Fake.closed))
        commit(self)

    monkeypatch.setattr(Stage, "commit", committed)
    (tmp_path / "a.fake").write_text("one")
    maskconv.convert(tmp_path / "a.fake", tmp_path / "x.mcv")
    assert seen == [["a.fake"]]


# -- standard input and output ---------------------------------------------------------------------------------------


def command(*args: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "maskconv", *map(str, args)], input=given, capture_output=True, check=False
    )


def test_pipes(tmp_path: Path) -> None:
    path = source(tmp_path / "a.mcv", image("a", CAT), image("b", CAT))
    done = command("convert", "-", "-", "--to", "mcv", given=path.read_bytes())
    assert (done.returncode, done.stdout) == (0, path.read_bytes()), done.stderr
    done = command("convert", "-", tmp_path / "x.zip", given=path.read_bytes())
    assert done.returncode == 0, done.stderr
    assert [i.name for i in read(tmp_path / "x.zip")] == ["a", "b"]
    broken = command("convert", "-", "-", "--to", "mcv", given=path.read_bytes() + b"{\n")
    assert (broken.returncode, broken.stdout) == (1, b""), "nothing of a failed run"
    assert command("convert", path, "-", "--to", "cvat-mask").returncode == 2


def test_everything_together(tmp_path: Path) -> None:
    """Each feature's sample through the whole way and back."""
    given: list[Sample] = [sample(feature) for feature in Feature]
    for number, (labels, images) in enumerate(given):
        path = source(tmp_path / f"{number}.mcv", *images, labels=labels)
        maskconv.convert(path, tmp_path / f"{number}b.mcv", on_loss="fail")
        assert read(tmp_path / f"{number}b.mcv") == list(images)
    assert issubclass(LossError, MaskconvError)
    assert Box(x=0, y=0, width=1, height=1)


# Readers that decode where they were opened, and that take all paths at once.


class Model(McvReader):
    """Notes the threads that it works in, and the sources that it got."""

    pinned = True
    gathers = True
    seen: ClassVar[set[tuple[str, int]]] = set()

    def decode(self, unit, head, note):
        self.seen.add(("decode", threading.get_ident()))
        note(Finding("told", Weight.INFO, ",".join(map(str, self.sources))))
        yield from super().decode(unit, head, note)


@pytest.mark.parametrize("jobs", [1, 3])
def test_pinned_readers_decode_in_one_thread(jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = replace(registry.by_name("mcv"), name="model", reader=Model, writer=None, sniff=lambda _: False)
    monkeypatch.setattr(registry, "_plugins", lambda: {"model": model})
    monkeypatch.setattr(Model, "seen", set())
    labels, images = crowded(60)
    with maskconv.open_writer(tmp_path / "a.mcv", labels) as writer:
        for image in images:
            writer.write(image)
    convert = partial(maskconv.convert, from_="model", jobs=jobs)
    report = convert([tmp_path / "a.mcv", tmp_path / "no-*.mcv"], tmp_path / "b.mcv")
    assert Model.seen == {("decode", threading.get_ident())}
    assert (tmp_path / "b.mcv").read_bytes() == (tmp_path / "a.mcv").read_bytes()
    assert report.count(Weight.INFO) == 60
    assert report.findings[0].message == f"{tmp_path / 'a.mcv'},{tmp_path / 'no-*.mcv'}"


def test_what_a_run_may_fetch_reaches_the_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Asks(McvReader):
        def open(self) -> None:
            seen.append(pickle.loads(pickle.dumps(self)).access)

    asks = replace(registry.by_name("mcv"), name="asks", reader=Asks, writer=None, sniff=lambda _: False)
    monkeypatch.setattr(registry, "_plugins", lambda: {"asks": asks})
    monkeypatch.setitem(globals(), "Asks", Asks)
    Asks.__qualname__ = "Asks"
    labels, images = crowded(2)
    with maskconv.open_writer(tmp_path / "a.mcv", labels) as writer:
        for image in images:
            writer.write(image)
    convert = partial(maskconv.convert, tmp_path / "a.mcv", from_="asks")
    convert(tmp_path / "b.mcv")
    convert(tmp_path / "c.mcv", fetch=True, cache=str(tmp_path), allow_hosts=["localhost"])
    assert seen == [Access(), Access(fetch=True, cache=tmp_path, allow_hosts=frozenset({"localhost"}))]
