"""Writing CVAT masks: what is in the target, read with Pillow and numpy alone, and what every loss is called."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_cvat_mask import COLORS, VOC, Array, Got, jpeg, pixels, read, voc, where

import maskconv
from maskconv.errors import DataError, SourceError
from maskconv.finding import Finding, Weight
from maskconv.model import AnnotatedImage, Annotation, Box, Label, LabelMap, Mask, PixelRule, Polygon
from tests.making import written

CAR, TREE = Label(name="car", color=(250, 50, 83)), Label(name="tree", color=(0, 128, 0))
LABELS = LabelMap(labels=(CAR, TREE))
W, H = 20, 12


def mask(*boxes: tuple[int, int, int, int]) -> Mask:
    """The union of rectangles x, y, width, height."""
    array = np.zeros((H, W), bool)
    for x, y, w, h in boxes:
        array[y : y + h, x : x + w] = True
    return Mask.from_array(array)


def annotation(shape: Any, label: str = "car", **facts: Any) -> Annotation:
    return Annotation(label=label, shape=shape, **facts)


def image(name: str, *annotations: Annotation, **facts: Any) -> AnnotatedImage:
    return AnnotatedImage(**{"name": name, "width": W, "height": H, "annotations": annotations} | facts)


def write(path: Path, *images: AnnotatedImage, labels: LabelMap = LABELS, **options: Any) -> list[Finding]:
    return written(path, *images, labels=labels, format="cvat-mask", **options)


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def shown(path: Path, name: str) -> tuple[Array, Array]:
    """Both masks of an image as RGB arrays, by Pillow."""
    with zipfile.ZipFile(path) as archive:
        return tuple(
            np.asarray(Image.open(io.BytesIO(archive.read(f"{folder}/{name}.png"))).convert("RGB"))
            for folder in ("SegmentationClass", "SegmentationObject")
        )  # type: ignore[return-value]


def codes(found: Iterable[Finding]) -> list[str]:
    return [f.code for f in found]


def only(found: list[Finding], code: str) -> Finding:
    (finding,) = [f for f in found if f.code == code]
    return finding


# --- the files -----------------------------------------------------------------------------------------------------------


def test_the_files_are_as_cvat_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    names = ["a", "sub/dir/b", "with space", "dots.in.name.v2", "ünï", "frame_000001"]
    found = write(path, *(image(n, annotation(mask((1, 1, 4, 3)))) for n in names), image("empty"))
    with zipfile.ZipFile(path) as archive:
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
        assert not any(i.is_dir() for i in archive.infolist())
        assert len({i.date_time for i in archive.infolist()}) == 1
    inside = members(path)
    folders = ("SegmentationClass", "SegmentationObject")
    lists = {"ImageSets/Segmentation/default.txt", "labelmap.txt"}
    assert inside.keys() == {f"{folder}/{n}.png" for folder in folders for n in names} | lists
    assert inside["ImageSets/Segmentation/default.txt"].decode() == "".join(f"{n}\n" for n in [*names, "empty"])
    assert inside["labelmap.txt"].decode() == (
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncar:250,50,83::\ntree:0,128,0::\n"
    )
    assert codes(found) == ["image-size-dropped"]
    assert found[0].where.image == "empty"


@pytest.mark.parametrize("kind", ["rgb", "palette"])
def test_pixels_and_png_kind(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "out.zip"
    shapes = mask((1, 1, 8, 6)), mask((12, 2, 3, 3), (16, 8, 2, 2)), mask((0, 0, 1, 1))
    write(path, image("a", annotation(shapes[0]), annotation(shapes[1], "tree"), annotation(shapes[2])), png=kind)
    number = np.zeros((H, W), int)
    for i, shape in enumerate(shapes, 1):
        number[shape.to_array()] = i
    classes, objects = shown(path, "a")
    assert (classes == COLORS[np.array([0, 1, 2, 1])[number]]).all()
    assert (objects == VOC[number]).all()
    for data in (members(path)["SegmentationClass/a.png"], members(path)["SegmentationObject/a.png"]):
        assert data[24:26] == bytes((8, {"rgb": 2, "palette": 3}[kind]))
        assert data[28] == 0, "not interlaced"


def test_palettes_are_what_cvat_expects(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    write(path, image("a", annotation(mask((1, 1, 4, 3)))), png="palette")
    inside = members(path)
    colors = Image.open(io.BytesIO(inside["SegmentationObject/a.png"])).getpalette()
    assert colors == VOC.ravel().tolist()
    colors = Image.open(io.BytesIO(inside["SegmentationClass/a.png"])).getpalette()
    assert colors is not None
    assert colors[:9] == COLORS.ravel().tolist()


def test_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "out", image("sub/a", annotation(mask((1, 1, 4, 3)))))
    found = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    names = "SegmentationClass/sub/a.png", "SegmentationObject/sub/a.png"
    assert found == {*names, "ImageSets/Segmentation/default.txt", "labelmap.txt"}
    assert pixels(read(tmp_path / "out").images[0].annotations[0].shape) == where(mask((1, 1, 4, 3)).to_array())


def test_nothing_to_show_writes_no_masks(tmp_path: Path) -> None:
    """Older versions of CVAT fail on empty instance masks."""
    path = tmp_path / "out.zip"
    found = write(path, image("a", annotation(mask())), image("b"))
    assert members(path).keys() == {"ImageSets/Segmentation/default.txt", "labelmap.txt"}
    assert members(path)["ImageSets/Segmentation/default.txt"] == b"a\nb\n"
    finding = only(found, "instance-empty")
    assert (finding.weight, finding.where.image) == (Weight.DATA, "a")
    assert "'car'" in finding.message


def test_the_same_bytes_with_any_number_of_jobs(tmp_path: Path) -> None:
    source = tmp_path / "in.zip"
    write(source, *(image(f"i{n}", annotation(mask((n % 9, 1, 4, 3)))) for n in range(40)))
    made = []
    for jobs in (1, 4):
        maskconv.convert(source, tmp_path / f"{jobs}.zip", jobs=jobs)
        made.append((tmp_path / f"{jobs}.zip").read_bytes())
    assert made[0] == made[1] == source.read_bytes()


def test_closing_lines_say_what_cvat_does_next(tmp_path: Path) -> None:
    source = tmp_path / "in.zip"
    write(source, image("a", annotation(mask((1, 1, 4, 3)))))
    text = " ".join(maskconv.convert(source, tmp_path / "out.zip").next_steps)
    assert [w for w in ("replaces", "conv_mask_to_poly=false", "--to-images FOLDER") if w not in text] == []
    pictures = {"images": tmp_path}
    text = " ".join(maskconv.convert(source, tmp_path / "more.zip", write=pictures).next_steps)
    assert "--to-images" not in text


# --- painting ------------------------------------------------------------------------------------------------------------


def test_later_is_on_top_and_hidden_pixels_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    below, middle, top = mask((0, 0, 10, 10)), mask((5, 5, 10, 6)), mask((8, 8, 4, 4))
    found = write(path, image("a", annotation(below), annotation(middle, "tree"), annotation(top)))
    got = read(path).images[0].annotations
    a, b, c = (where(m.to_array()) for m in (below, middle, top))
    assert [pixels(x.shape) for x in got] == [a - b - c, b - c, c]
    finding = only(found, "overlap-painted")
    hidden = len(a & (b | c)) + len(b & c)
    assert (finding.weight, finding.amount, finding.unit) == (Weight.DATA, hidden, "pixels")


def test_wholly_hidden_instances_are_named(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    hidden, top = mask((5, 5, 3, 3)), mask((2, 2, 10, 9))
    found = write(path, image("a", annotation(hidden, "tree"), annotation(top)))
    finding = only(found, "instance-hidden")
    assert (finding.weight, finding.where.image) == (Weight.DATA, "a")
    assert "'tree' with 9 pixels" in finding.message
    (left,) = read(path).images[0].annotations
    assert (left.label, left.id) == ("car", 1), "numbers have no gap"


def test_numbers_follow_the_painting_order_not_the_source(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    write(path, image("a", annotation(mask((0, 0, 2, 2)), id=77), annotation(mask((4, 4, 2, 2)), id=3)))
    assert [a.id for a in read(path).images[0].annotations] == [1, 2]


def test_a_group_is_one_instance_each_member_at_its_own_z(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    first, between, last = mask((0, 0, 6, 6)), mask((4, 4, 6, 6)), mask((8, 8, 6, 3))
    shapes = annotation(first, group=5), annotation(between, "tree"), annotation(last, group=5)
    found = write(path, image("a", *shapes))
    got = {a.label: pixels(a.shape) for a in read(path).images[0].annotations}
    a, b, c = (where(m.to_array()) for m in (first, between, last))
    assert got == {"car": (a - b) | c, "tree": b - c}
    assert only(found, "overlap-painted").amount == len(a & b) + len(b & c)
    assert only(found, "groups-dropped").amount == 2


def test_members_of_a_group_do_not_hide_each_other(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    shapes = annotation(mask((2, 2, 3, 3)), group=1), annotation(mask((0, 0, 9, 9)), group=1)
    found = write(path, image("a", *shapes))
    assert codes(found) == ["groups-dropped"]
    (one,) = read(path).images[0].annotations
    assert pixels(one.shape) == where(mask((0, 0, 9, 9)).to_array())


def test_a_group_with_two_labels_is_an_error(tmp_path: Path) -> None:
    shapes = annotation(mask((2, 2, 3, 3)), group=1), annotation(mask((8, 2, 3, 3)), "tree", group=1)
    with pytest.raises(DataError, match=r"the group 1 has the labels 'car' and 'tree'.*give its members one label"):
        write(tmp_path / "out.zip", image("a", *shapes))


def test_polygons_and_boxes_are_painted(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    ring = Polygon(
        exterior=[(1, 1), (6, 1), (6, 5), (1, 5)], holes=([(3, 2), (5, 2), (5, 4), (3, 4)],), rule=PixelRule.EDGE
    )  # type: ignore[arg-type]
    box = Box(x=10, y=2, width=4, height=3)
    turned = Box(x=9, y=8, width=2, height=4, rotation=90)
    found = write(path, image("a", *map(annotation, ((ring,), box, turned))))
    got = [pixels(a.shape) for a in read(path).images[0].annotations]
    hole = where(mask((3, 2, 2, 2)).to_array())
    assert got[0] == where(mask((1, 1, 5, 4)).to_array()) - hole
    assert got[1] == where(mask((10, 2, 4, 3)).to_array())
    assert got[2] == where(mask((8, 9, 4, 2)).to_array())
    assert {f.code: f.amount for f in found} == {"polygons-painted": 1, "boxes-painted": 2}


# --- 255 instances -------------------------------------------------------------------------------------------------------


def many(count: int, scored: bool) -> AnnotatedImage:
    size = 20
    array = np.arange(size * size).reshape(size, size)
    shapes = [Mask.from_array(array == i) for i in range(count)]
    told = [annotation(s, score=(i + 1) / 1000 if scored else None) for i, s in enumerate(shapes)]
    return AnnotatedImage(name="many", width=size, height=size, annotations=tuple(told))


def test_255_instances_fit(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    assert write(path, many(255, scored=False)) == []
    assert len(read(path).images[0].annotations) == 255
    objects = shown(path, "many")[1].reshape(-1, 3)
    assert (objects[:255] == VOC[1:256]).all()


def test_human_work_of_more_than_255_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the image has 300 instances; CVAT's importer knows 255") as caught:
        write(tmp_path / "out.zip", many(300, scored=False))
    assert caught.value.where is not None
    assert caught.value.where.image == "many" or "many" in str(caught.value.where)


def test_of_predictions_the_best_255_stay(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    found = write(path, many(300, scored=True))
    assert codes(found) == ["scores-dropped", *["cvat-too-many"] * 45]
    left = found[1:]
    assert [f.where.annotation for f in left] == list(range(44, -1, -1)), "each is told, the best first"
    assert {(f.weight, f.amount, f.unit, f.where.image) for f in left} == {(Weight.DATA, 1, "instances", "many")}
    assert [f.message for f in left] == [
        f"CVAT's importer knows 255 in an image; car {score / 1000:.3f} is not among the 255 with the highest scores, and is left out"
        for score in range(45, 0, -1)
    ]
    assert {f.fix for f in left} == {"of a model's predictions take fewer: a higher --conf, or --max-det 255"}
    got = read(path).images[0].annotations
    assert [a.id for a in got] == list(range(1, 256))
    assert [pixels(a.shape) for a in got] == [{(i % 20, i // 20)} for i in range(45, 300)]


def test_predictions_lie_by_their_scores_whatever_their_order(tmp_path: Path) -> None:
    """A model lists its best first; the best is on top all the same, and each one's loss is told."""
    path = tmp_path / "out.zip"
    best, next_, last = mask((0, 0, 6, 6)), mask((3, 0, 6, 6)), mask((6, 0, 6, 6))
    told = [annotation(best, score=0.9), annotation(next_, "tree", score=0.5), annotation(last, score=0.4)]
    found = write(path, image("a", *told))
    got = read(path).images[0].annotations
    assert [(a.label, pixels(a.shape)) for a in got] == [
        ("car", pixels(mask((9, 0, 3, 6)))),
        ("tree", pixels(mask((6, 0, 3, 6)))),
        ("car", pixels(best)),
    ]
    finding = only(found, "overlap-painted")
    assert finding.amount == 36
    assert "tree 0.500 loses 18 of 36 pixels" in finding.message
    assert "car 0.400 loses 18 of 36 pixels" in finding.message


def test_where_one_has_no_score_the_order_counts(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    write(path, image("a", annotation(mask((0, 0, 6, 6)), score=0.9), annotation(mask((3, 0, 6, 6)))))
    assert [a.shape.area for a in read(path).images[0].annotations] == [18, 36]


def test_of_many_losses_the_greatest_are_told(tmp_path: Path) -> None:
    under = [annotation(mask((0, 0, n, 1))) for n in range(1, 8)]
    finding = only(write(tmp_path / "out.zip", image("a", *under, annotation(mask((0, 0, 9, 9))))), "overlap-painted")
    assert finding.amount == 28
    assert "(car loses 7 of 7 pixels, car loses 6 of 6 pixels" in finding.message
    assert finding.message.endswith("car loses 3 of 3 pixels, and 2 more lose some)")


def test_of_groups_the_best_255_stay(tmp_path: Path) -> None:
    """A group is one instance and as good as its best member; what a better one hides takes no place."""
    path = tmp_path / "out.zip"
    one = many(300, scored=True)
    worst = one.annotations[0].replace(group=7, score=0.001)
    grouped = one.annotations[299].replace(group=7)
    hidden = one.annotations[298].replace(score=0.2985)
    below = annotation(one.annotations[1].shape, score=0.0005)  # hidden by what is left out
    found = write(path, one.replace(annotations=(worst, *one.annotations[1:299], grouped, hidden, below)))
    left = [f.where.annotation for f in found if f.code == "cvat-too-many"]
    assert len(left) == 299 + 3 - (255 + 1 + 1)  # the group has two members, and one is hidden
    assert left == [*range(44, 0, -1), 301]
    got = read(path).images[0].annotations
    assert len(got) == 255
    assert pixels(got[-1].shape) == {(0, 0), (19, 14)}
    assert [pixels(a.shape) for a in got[:-1]] == [{(i % 20, i // 20)} for i in range(45, 299)]
    assert [f.where.annotation for f in found if f.code == "instance-hidden"] == [300]


def test_what_is_invisible_needs_no_number(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    one = many(255, scored=False)
    more = one.replace(annotations=(*one.annotations[:60], *one.annotations))
    found = write(path, more)
    assert codes(found) == ["overlap-painted", *["instance-hidden"] * 60]
    assert len(read(path).images[0].annotations) == 255


# --- labels --------------------------------------------------------------------------------------------------------------


def colors_of(path: Path) -> dict[str, Any]:
    return {label.name: label.color for label in read(path).labels.labels}


def test_without_colours_labels_get_vocs(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    labels = LabelMap(labels=(Label(name="car"), Label(name="tree"), Label(name="background"), Label(name="dog")))
    assert write(path, image("a", annotation(mask((1, 1, 2, 2)), "dog")), labels=labels) == []
    expected = {n: tuple(VOC[i].tolist()) for i, n in enumerate(("background", "car", "tree", "dog"))}
    assert colors_of(path) == expected
    assert list(colors_of(path)) == list(expected), "background first"
    assert tuple(shown(path, "a")[0][1, 1]) == expected["dog"]


def test_equal_and_black_colours_are_changed_and_told(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    labels = LabelMap(
        labels=(
            Label(name="car", color=(9, 9, 9)),
            Label(name="tree", color=(9, 9, 9)),
            Label(name="dog", color=(0, 0, 0)),
            Label(name="cat"),
        )
    )
    found = write(path, image("a", annotation(mask((1, 1, 2, 2)), "dog")), labels=labels)
    got = colors_of(path)
    assert len(set(got.values())) == 5
    assert (got["background"], got["car"]) == ((0, 0, 0), (9, 9, 9))
    messages = [f.message for f in found if f.code == "cvat-color-changed"]
    assert len(messages) == 2
    assert "'tree' has the colour (9, 9, 9), which is that of 'car'" in messages[0]
    assert "'dog' has the colour (0, 0, 0), which is that of 'background'" in messages[1]


def test_a_background_that_is_not_black_becomes_black(tmp_path: Path) -> None:
    labels = LabelMap(labels=(CAR, Label(name="background", color=(7, 7, 7))))
    found = write(tmp_path / "out.zip", image("a"), labels=labels)
    assert "not black" in only(found, "cvat-color-changed").message
    assert colors_of(tmp_path / "out.zip") == {"background": (0, 0, 0), "car": (250, 50, 83)}


def test_parts_and_actions_stay(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    labels = LabelMap(labels=(CAR.model_copy(update={"parts": ("wheel", "door"), "actions": ("turn",)}),))
    write(path, image("a"), labels=labels)
    assert members(path)["labelmap.txt"].decode().splitlines()[2] == "car:250,50,83:wheel,door:turn"


def test_more_than_256_labels(tmp_path: Path) -> None:
    labels = LabelMap(labels=tuple(Label(name=f"l{i}") for i in range(300)))
    one = image("a", annotation(mask((1, 1, 2, 2)), "l299"))
    write(tmp_path / "out.zip", one, labels=labels)
    assert read(tmp_path / "out.zip").images[0].annotations[0].label == "l299"
    with pytest.raises(DataError, match="301 labels do not fit"):
        write(tmp_path / "p.zip", one, labels=labels, png="palette")


@pytest.mark.parametrize("name", ["a:b", "#a", " a", "a\nb"])
def test_label_names_that_the_map_cannot_hold(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="cannot hold the label"):
        write(tmp_path / "out.zip", labels=LabelMap(labels=(Label(name=name),)))
    assert list(tmp_path.iterdir()) == []


LOCK = "tree:1,2,3:leaf:\ncar:4,5,6::\nbackground:0,0,0::\nunused:7,8,9::\n"


def locked(tmp_path: Path, text: str, *annotations: Annotation, **facts: Any) -> Path:
    (tmp_path / "lock.txt").write_text(text)
    path = tmp_path / "out.zip"
    write(path, image("a", *annotations), labelmap=tmp_path / "lock.txt", **facts)
    return path


def test_the_lock_keeps_order_colours_and_unused_labels(tmp_path: Path) -> None:
    path = locked(tmp_path, LOCK, annotation(mask((1, 1, 2, 2))), annotation(mask((5, 5, 2, 2)), "tree"))
    assert members(path)["labelmap.txt"].decode() == "# label:color_rgb:parts:actions\n" + LOCK
    classes = shown(path, "a")[0]
    assert [tuple(classes[y, x]) for x, y in ((0, 0), (1, 1), (5, 5))] == [(0, 0, 0), (4, 5, 6), (1, 2, 3)]
    assert [a.label for a in read(path).images[0].annotations] == ["car", "tree"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("car:4,5,6::\n", [("background", (0, 0, 0)), ("car", (4, 5, 6))]),
        ("car:4,5,6::\nbackground:9,9,9::\n", [("car", (4, 5, 6)), ("background", (9, 9, 9))]),
        ("car:4,5,6::\nvoid:0,0,0::\n", [("car", (4, 5, 6)), ("void", (0, 0, 0))]),
        ("background:::\ntree:::\ncar:::\n", [("background", (0, 0, 0)), ("tree", (128, 0, 0)), ("car", (0, 128, 0))]),
        (
            "tree:0,128,0::\ncar:::\nbackground:::\n",
            [("tree", (0, 128, 0)), ("car", (128, 0, 0)), ("background", (0, 0, 0))],
        ),
    ],
)
def test_locks_with_and_without_background_and_colours(tmp_path: Path, text: str, expected: Any) -> None:
    path = locked(tmp_path, text, annotation(mask((1, 1, 2, 2))))
    assert list(colors_of(path).items()) == expected
    (one,) = read(path).images[0].annotations
    assert (one.label, pixels(one.shape)) == ("car", where(mask((1, 1, 2, 2)).to_array()))


def test_a_label_that_the_lock_lacks(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text(LOCK)
    source = tmp_path / "in.zip"
    labels = LabelMap(labels=(CAR, Label(name="cars")))
    write(source, image("a", annotation(mask((1, 1, 2, 2)), "cars"), annotation(mask((5, 5, 2, 2)))), labels=labels)
    options = {"labelmap": tmp_path / "lock.txt"}
    with pytest.raises(maskconv.ConversionError) as caught:
        maskconv.convert(source, tmp_path / "out.zip", write=options)
    (finding,) = [f for f in caught.value.report.findings if f.weight is Weight.ERROR]
    assert finding.code == "label-unknown"
    assert finding.where.image == "a"
    assert "'cars' is not in the label map (did you mean 'car'?)" in finding.message
    assert "--to-allow-new-labels true" in finding.fix and "--labels FILE" in finding.fix
    assert not (tmp_path / "out.zip").exists()
    maskconv.convert(source, tmp_path / "out.zip", write=options, on_error="skip")
    assert [a.label for a in read(tmp_path / "out.zip").images[0].annotations] == ["car"]


def test_a_lock_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text("car:1,2,3::\ncar:4,5,6::\n")
    with pytest.raises(SourceError, match=r"lock.txt:2: the label map cannot be used: .*'car'"):
        write(tmp_path / "out.zip", labelmap=tmp_path / "lock.txt")
    with pytest.raises(SourceError, match="--to-labelmap"):
        write(tmp_path / "out.zip", labelmap=tmp_path / "none.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["lock.txt"]


# --- subsets, names, pictures --------------------------------------------------------------------------------------------


def lists(path: Path) -> dict[str, str]:
    folder = "ImageSets/Segmentation/"
    return {n.removeprefix(folder): d.decode() for n, d in members(path).items() if n.startswith(folder)}


def test_splits_are_subsets(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    found = write(path, image("a", split="train"), image("b", split="val"), image("c"), image("d", split="my_set"))
    expected = {"train.txt": "a\n", "val.txt": "b\n", "default.txt": "c\n", "my-set.txt": "d\n"}
    assert lists(path) == expected
    finding = only(found, "cvat-split-renamed")
    assert finding.weight is Weight.WARNING
    assert "'my_set' is written as 'my-set'" in finding.message
    assert {i.name: i.split for i in read(path).images} == {"a": "train", "b": "val", "c": None, "d": "my-set"}


def test_renamed_subsets_may_meet(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    found = write(path, image("a", split="x-y"), image("b", split="x_y"))
    assert lists(path) == {"x-y.txt": "a\nb\n"}
    assert "joins" in only(found, "cvat-split-renamed").message


def test_the_subset_option(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    found = write(path, image("a", split="train"), image("b"), subset="mine")
    assert lists(path) == {"mine.txt": "a\nb\n"}
    assert only(found, "splits-dropped").weight is Weight.INFO


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("../a", "leads out"),
        ("/a", "absolute"),
        ("#a", "begins with #"),
        (" a", "space"),
        ("a\nb", "line break"),
        ("a//b", "empty folder"),
        ("a/", "empty folder"),
        ("./a", "empty folder"),
        ("a\udce9", "UTF-8"),
    ],
)
def test_names_that_lists_cannot_hold(tmp_path: Path, name: str, word: str) -> None:
    with pytest.raises(DataError, match=word) as caught:
        write(tmp_path / "out.zip", AnnotatedImage.model_construct(**image("x").__dict__ | {"name": name}))
    assert caught.value.code == "cvat-name"
    assert "rename" in caught.value.fix


def test_images_that_differ_by_case(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    with pytest.raises(DataError, match="named 'a'") as caught:
        write(path, image("a", split="x"), image("A", split="y"))
    assert caught.value.code == "name-collision"


def test_pictures_are_included(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    (pictures / "sub").mkdir(parents=True)
    (pictures / "a.JPG").write_bytes(jpeg(W, H))
    (pictures / "sub/b.png").write_bytes(b"anything")
    path = tmp_path / "out.zip"
    found = write(path, image("a"), image("sub/b"), image("c"), images=pictures)
    assert members(path)["JPEGImages/a.JPG"] == jpeg(W, H)
    assert members(path)["JPEGImages/sub/b.png"] == b"anything"
    finding = only(found, "cvat-picture-missing")
    assert (finding.weight, finding.where.image) == (Weight.WARNING, "c")


def test_pictures_of_the_items_split_are_included(tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / "images" / split).mkdir(parents=True)
        (tmp_path / "images" / split / "a.png").write_bytes(split.encode())
    path = tmp_path / "out.zip"
    write(path, image("a", split="val"), images=tmp_path)
    assert members(path)["JPEGImages/a.png"] == b"val"
    found = write(tmp_path / "none.zip", image("a"), images=tmp_path)
    assert "the item has no split" in only(found, "cvat-picture-missing").message


def test_a_folder_of_pictures_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder of pictures"):
        write(tmp_path / "out.zip", images=tmp_path / "none")


def test_an_image_of_unknown_size(tmp_path: Path) -> None:
    shape = (Polygon(exterior=[(1, 1), (5, 1), (5, 5)], rule=PixelRule.EDGE),)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="need the picture's size"):
        write(tmp_path / "out.zip", image("a", annotation(shape), width=None, height=None))


# --- what passes through -------------------------------------------------------------------------------------------------


def source_with(tmp_path: Path, objects: bytes) -> Path:
    shapes = annotation(mask((1, 1, 2, 2))), annotation(mask((5, 5, 2, 2)), "tree")
    write(tmp_path / "in.zip", image("a", *shapes), overwrite=True)
    inside = members(tmp_path / "in.zip") | {"SegmentationObject/a.png": objects}
    with zipfile.ZipFile(tmp_path / "in2.zip", "w") as archive:
        for name, data in inside.items():
            archive.writestr(name, data)
    return tmp_path / "in2.zip"


def number() -> Array:
    array = np.zeros((H, W), int)
    array[1:3, 1:3], array[5:7, 5:7] = 1, 2
    return array


def as_png(array: Array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG", compress_level=1)
    return file.getvalue()


def passed(tmp_path: Path, objects: bytes) -> bool:
    source = source_with(tmp_path, objects)
    maskconv.convert(source, tmp_path / "out.zip", overwrite=True)
    got: Got = read(tmp_path / "out.zip")
    assert [pixels(a.shape) for a in got.images[0].annotations] == [where(number() == 1), where(number() == 2)]
    return members(tmp_path / "out.zip")["SegmentationObject/a.png"] == objects


def test_the_sources_instance_mask_passes_through_only_where_it_is_the_same(tmp_path: Path) -> None:
    assert passed(tmp_path, as_png(VOC[number()]))
    assert not passed(tmp_path, as_png(VOC[number() * 3])), "numbers with a gap"
    assert not passed(tmp_path, as_png(number().astype(np.uint8))), "gray"
    with_alpha = np.dstack([VOC[number()], np.zeros((H, W), np.uint8)])
    assert not passed(tmp_path, as_png(with_alpha)), "alpha"
    assert not passed(tmp_path, as_png(voc(600)[number() * 299])), "unknown to CVAT"


def test_new_labels_are_appended_to_a_locked_map(tmp_path):
    lock = tmp_path / "labelmap.txt"
    lock.write_text("background:0,0,0::\ncar:1,2,3::\n")
    labels = LabelMap(
        labels=[Label(name=n, color=c) for n, c in [("bus", (1, 2, 3)), ("car", None), ("van", (9, 9, 9))]]
    )
    for allow in ("true", "false"):
        with maskconv.open_writer(tmp_path / f"{allow}.zip", labels, labelmap=lock, allow_new_labels=allow) as writer:
            for label in ("car", "bus"):
                image = AnnotatedImage(
                    name=label,
                    width=4,
                    height=4,
                    annotations=[Annotation(label=label, shape=Mask.from_array(np.eye(4)))],
                )
                try:
                    writer.write(image)
                except maskconv.DataError as error:
                    assert (allow, label) == ("false", "bus")
                    assert "'bus' is not in the label map" in str(error)
        with maskconv.open_reader(tmp_path / f"{allow}.zip") as images:
            read = [(label.name, label.color) for label in images.labels.labels]
        assert read[:2] == [("background", (0, 0, 0)), ("car", (1, 2, 3))]
        assert [name for name, _ in read[2:]] == (["bus", "van"] if allow == "true" else [])
        assert len({color for _, color in read}) == len(read)
