"""yolo-seg: what is read of data sets and predictions, and every way in which a row or a data.yaml can be wrong."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import maskconv
from maskconv import registry
from maskconv.errors import ConversionError, OptionError, SourceError
from maskconv.finding import Weight
from maskconv.formats.yolo_seg import numbers, rows
from maskconv.formats.yolo_seg.rows import Extras
from maskconv.formats.yolo_seg.tree import ZipTree
from maskconv.geometry import polygon_mask
from maskconv.model import Box, PixelRule
from maskconv.yolo import datayaml, nodes
from tests.places import real_data

YAML = "train: images/train\nval: images/val\nnames: [car, person]\n"
RING = "0.1 0.1 0.5 0.1 0.5 0.5"


def picture(path: Path, size: tuple[int, int] = (100, 50), **how) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path, **how)


def text(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One picture of 100 x 50 in train, one in val."""
    folder = tmp_path / "data"
    text(folder / "data.yaml", YAML)
    for split, name in (("train", "a"), ("val", "b")):
        picture(folder / f"images/{split}/{name}.png")
        text(folder / f"labels/{split}/{name}.txt", f"0 {RING}\n")
    return folder


def read(path: Path, **options):
    with maskconv.open_reader(path, format="yolo-seg", **options) as images:
        return images, list(images)


def told(path: Path, weight: Weight | None = None, **options) -> list[str]:
    """All findings of reading, as sentences without the source's own path."""
    images, _ = read(path, **options)
    found = [f for f in images.report.findings if weight is None or f.weight is weight]
    return [f"{f.code}: {f}".replace(f"{path}/", "").replace(str(path), ".") for f in found]


def checked(path: Path, **options) -> dict[str, str]:
    """What checking finds, as sentences; all pictures of the data are equal, which other tests are about."""
    found = maskconv.validate(path, format="yolo-seg", **options)
    return {f.code: str(f).replace(f"{path}/", "").replace(str(path), ".") for f in found}


# --- rows -------------------------------------------------------------------------------------------------------------

WRONG = [
    (
        "0 0.1 0.1 0.5 0.1 0.5 0.5 0.2",
        "yolo-row-odd: {0}: the number of coordinates is odd: {1}; if the last value of each row is its score, say so: --from-scores true",
    ),
    (
        f"0 {RING} 7",
        "yolo-row-odd: {0}: the number of coordinates is odd: {1}; if the last value of each row is its track, say so: --from-tracks true",
    ),
    ("0 0.5", "yolo-row-odd: {0}: the number of coordinates is odd: {1}; correct the row, or remove it"),
    (
        "0",
        "yolo-row-count: {0}: 0 coordinates are too few for an outline: {1}; write 3 points or more, or remove the row",
    ),
    (
        "0 0.5 0.5",
        "yolo-row-count: {0}: 2 coordinates are too few for an outline: {1}; write 3 points or more, or remove the row",
    ),
    (
        "0 0.1,0.1 0.5,0.1",
        "yolo-row-text: {0}: '0.1,0.1' is no number: {1}; put spaces between the numbers, and a point in them",
    ),
    (f"# {RING}", "yolo-row-text: {0}: this is a comment, which label files do not have: {1}; remove it"),
    (f"0 {RING} # car", "yolo-row-text: {0}: this is a comment, which label files do not have: {1}; remove it"),
    (
        f"person {RING}",
        "yolo-row-text: {0}: 'person' is the name of a class, not its number: {1}; write 1 in its place",
    ),
    (
        f"dog {RING}",
        "yolo-row-text: {0}: 'dog' is no number: {1}; write a class number and coordinates, with spaces between",
    ),
    (
        f"2 {RING}",
        "yolo-row-class: {0}: the class 2 has no name, for the names end at 1: {1}; add its name to the names",
    ),
    (f"-1 {RING}", "yolo-row-class: {0}: the class -1 is negative: {1}; write the class's number, from 0"),
    (
        f"0.5 {RING}",
        "yolo-row-class: {0}: the class 0.5 is no whole number: {1}; each row begins with its class's number",
    ),
    (
        f"0 nan{RING[3:]}",
        "yolo-row-finite: {0}: a value is not finite (nan or inf): {1}; correct the row, or remove it",
    ),
    (
        f"0 inf{RING[3:]}",
        "yolo-row-finite: {0}: a value is not finite (nan or inf): {1}; correct the row, or remove it",
    ),
    (f"nan {RING}", "yolo-row-finite: {0}: a value is not finite (nan or inf): {1}; correct the row, or remove it"),
    (
        "0 10 10 50 10 50 25",
        "yolo-row-range: {0}: coordinates such as 50 lie outside the picture (0 to 1): {1}; divide them by the picture's width and height",
    ),
    (
        "0 -0.3 0.1 0.1 0.1 0.1 0.5",
        "yolo-row-range: {0}: coordinates such as -0.3 lie outside the picture (0 to 1): {1}; correct the row, or remove it",
    ),
    (
        "0 0.1 0.1 1.3 0.1 1.3 0.5",
        "yolo-row-range: {0}: coordinates such as 1.3 lie outside the picture (0 to 1): {1}; correct the row, or remove it",
    ),
]
REJECTED = "the trainer rejects the image for it"


@pytest.mark.parametrize(("row", "sentence"), WRONG)
def test_a_wrong_row(data: Path, row: str, sentence: str) -> None:
    """It is an error with its line, alone in the file; the trainer's message is about the whole image."""
    text(data / "labels/train/a.txt", row + "\n")
    assert told(data, Weight.ERROR) == [sentence.format("labels/train/a.txt:1", REJECTED)]
    with pytest.raises(ConversionError):
        maskconv.convert(data, data.with_name("out.mcv"), from_="yolo-seg")


@pytest.mark.parametrize("row", [row for row, _ in WRONG])
def test_a_wrong_row_among_others(data: Path, row: str) -> None:
    """The others are read when errors are skipped."""
    text(data / "labels/train/a.txt", f"1 {RING}\n\n{row}\n0 {RING}\n")
    images, found = read(data)
    assert [f.where.line for f in images.report.findings if f.weight is Weight.ERROR] == (
        [3] if row != "0 0.5 0.5" else []
    )
    labels = [a.label for a in found[0].annotations]
    assert labels == (["person", "car", "car"] if row == "0 0.5 0.5" else ["person", "car"])
    report = maskconv.convert(data, data.with_name("out.mcv"), from_="yolo-seg", on_error="skip")
    assert report.instances_written == len(labels) + 1


def test_a_box_among_outlines(data: Path) -> None:
    text(data / "labels/train/a.txt", f"0 {RING}\n1 0.5 0.5 0.2 0.2\n")
    sentence = (
        "this row is a box, among outlines: the trainer rejects the image for it; outline the object, or remove the row"
    )
    assert told(data, Weight.ERROR) == [f"yolo-row-box: labels/train/a.txt:2: {sentence}"]


def test_an_outline_among_boxes_of_too_many(data: Path) -> None:
    text(data / "labels/train/a.txt", "1 0.5 0.5 0.2 0.2\n0 0.1 0.1\n1 0.5 0.5 0.2 -0.2\n")
    assert told(data, Weight.ERROR) == [
        f"yolo-row-count: labels/train/a.txt:2: 2 coordinates among boxes of 4: {REJECTED}; write centre, width and height",
        f"yolo-row-range: labels/train/a.txt:3: coordinates such as -0.2 lie outside the picture (0 to 1): {REJECTED}; correct the row, or remove it",
    ]


def test_a_file_that_is_not_utf8(data: Path) -> None:
    text(data / "labels/train/a.txt", f"0 {RING}\n".encode("utf-16"))
    sentence = f"yolo-row-text: labels/train/a.txt:1: the file is not UTF-8, so that {REJECTED}; save it as UTF-8"
    assert told(data, Weight.ERROR) == [sentence]


def test_same_rows(data: Path) -> None:
    """The same in float32, which is what the trainer compares."""
    text(data / "labels/train/a.txt", f"0 {RING}\n1 {RING}\n0 0.1000000001{RING[3:]}\n")
    sentence = "this row is the same as that of line 1: the trainer drops it; it is read here; remove it, if a prediction was saved twice"
    assert told(data) == [f"yolo-row-twice: labels/train/a.txt:3: {sentence}"]
    assert len(read(data)[1][0].annotations) == 3


def test_one_point_is_one_pixel(data: Path) -> None:
    text(data / "labels/train/a.txt", f"0 {RING}\n1 0.505 0.51\n")
    sentence = "an outline of one point: it is one pixel, for the trainer as well; remove the row, if it is a mistake"
    assert told(data) == [f"yolo-row-point: labels/train/a.txt:2: {sentence}"]
    mask = polygon_mask(read(data)[1][0].annotations[1].shape, 100, 50)
    assert (mask.bbox, mask.area) == ((50, 25, 1, 1), 1)


FINE = [
    f"0 {RING}\n1 {RING}",
    f"0 {RING}\r\n1 {RING}\r\n",
    f"0 {RING}\r1 {RING}\r",
    f"\ufeff0 {RING}\n1 {RING}\n",
    f"\n\n0 {RING}\n   \n1 {RING}\n\n",
    f"  0\t{RING}  \n1  {RING}\n".replace(" 0.5", "\t 0.5"),
    f"0.0 {RING}\n1e0 {RING}\n",
    "0 1e-1 .1 5.E-1 +0.1 0.5 0.50\n1 0.1 0.1 0.5 0.1 0.5 0.5\n",
    f"0 {RING}\v1 {RING}",
    f"0\u00a0{RING}\u20281 {RING}",
]


@pytest.mark.parametrize("content", FINE)
def test_ways_to_write_the_same(data: Path, content: str) -> None:
    text(data / "labels/train/a.txt", content)
    images, found = read(data)
    assert images.report.findings == []
    ring = np.array([(10, 5), (50, 5), (50, 25)], float)
    assert [a.label for a in found[0].annotations] == ["car", "person"]
    assert all(
        np.array_equal(a.shape[0].exterior, ring) and a.shape[0].rule is PixelRule.CENTRE_NEAR
        for a in found[0].annotations
    )


@pytest.mark.parametrize("ring", ["-0.004 0.1 0.5 0.1 0.5 1.004", "-0.1 0.2 1.1 0.2 0.5 0.5", "0 0 1.01 0 1.01 1"])
def test_slightly_outside(data: Path, ring: str) -> None:
    """The trainer looks at the centre and size of the outline's box: those are at most 1 % outside."""
    fine = ring != "-0.1 0.2 1.1 0.2 0.5 0.5"  # a width of 1.2
    text(data / "labels/train/a.txt", f"0 {ring}\n")
    images, found = read(data)
    assert len(found[0].annotations) == fine
    assert [f.code for f in images.report.findings] == ([] if fine else ["yolo-row-range"])


FAR = "-0.3 0.1 0.7 0.1 0.7 0.5"  # its box has the centre 0.2 and the width 1, which the trainer takes


def test_points_outside_the_picture(data: Path) -> None:
    near = "-0.009 0.1 0.5 0.1 0.5 1.019"  # 0.9 and 0.95 pixels outside of 100 x 50
    text(data / "labels/train/a.txt", f"0 {RING}\n0 {near}\n")
    assert told(data) == []
    text(data / "labels/train/a.txt", f"0 {RING}\n0 {near}\n0 {FAR}\n1 0.1 0.5 0.5 0.5 0.5 1.3\n")
    sentence = (
        "labels/train/a.txt: 2 rows have points outside the picture, by up to 30.0 pixels: what lies there is cut off;"
        " are these the labels of this picture? Else clip the coordinates to 0 to 1"
    )
    assert told(data, Weight.WARNING) == [f"yolo-outside-picture: {sentence}"]
    assert checked(data)["yolo-outside-picture"] == sentence
    (finding,) = maskconv.convert(data, data.with_name("out.mcv")).findings
    assert (finding.code, finding.amount, finding.unit) == ("yolo-outside-picture", 2, "instances")
    images, _ = read(data, rule="trainer")
    assert [f.code for f in images.report.findings] == ["yolo-outside-picture"]


@pytest.mark.parametrize("row", ["0 0.1", f"7 {RING}", "0 0 0 5 5 9 9", "person 0 0 1 1 1 0", f"nan {RING}"])
def test_a_wrong_row_counts_as_one_instance(data: Path, row: str) -> None:
    text(data / "labels/train/a.txt", f"0 {RING}\n{row}\n")
    images, found = read(data)
    (finding,) = images.report.findings
    assert (finding.weight, finding.amount, finding.unit) == (Weight.ERROR, 1, "instances")
    assert len(found[0].annotations) == 1


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=9)),
        max_size=5,
    )
)
def test_numbers_are_exact(found: list) -> None:
    """Shortest form, 19 digits, or what lies between: the very numbers, by either road."""
    for style in ("{!r}", "{:.6f}", "{:.14f}", "{:.19f}", "{:.25g}", "{:.17e}"):
        lines = [" ".join([str(n), *(style.format(v) for p in points for v in p)]) for n, points in found]
        for end in ("\n", " \n"):  # the second takes the slow road
            data = "".join(line + end for line in lines).encode()
            got = rows.read(data, {0: "a", 1: "b"}, Extras(), lambda *_: None).rows
            want = [[tuple(float(style.format(v)) for v in p) for p in points] for _, points in found]
            assert [list(map(tuple, row.points.tolist())) for row in got] == want
            assert [row.number for row in got] == [n for n, _ in found]


@given(st.binary(max_size=200) | st.text("0123456789.eE+- \t\n,#nai", max_size=200).map(str.encode))
def test_any_bytes(data: bytes) -> None:
    """Whatever a label file holds, it is read or told; both roads say the same."""
    for extras in (Extras(), Extras(True), Extras(True, True)):
        said: list[tuple] = []
        got = rows.read(data, {0: "a", 1: "b"}, extras, lambda *facts: said.append(facts))
        assert all(np.isfinite(row.points).all() and row.number in (0, 1) for row in got.rows)
        plain = numbers.fast(data)
        if plain is not None:
            other = numbers.slow(data, {}, lambda *_: None)
            assert np.array_equal(plain.values, other.values) and plain.lines == other.lines
            assert plain.starts.tolist() == other.starts.tolist()


# --- pixels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [96, 320, 640, 1333, 1920, 4000, 7360])
@pytest.mark.parametrize("middle", [0.0, 0.5], ids=["as Ultralytics saves", "as maskconv writes"])
def test_pixel_indices_are_recovered(tmp_path: Path, size: int, middle: float) -> None:
    """``floor(v + 0.25)`` of what is read gives every index, under both conventions and with 6 or so digits."""
    index = np.arange(size)
    for style in ("{:.6f}", "{:g}"):
        text(
            tmp_path / "labels/a.txt", "0 " + " ".join(style.format((i + middle) / size) + " 0.5" for i in index) + "\n"
        )
        _, (image,) = read(tmp_path / "labels", names="thing", size=f"{size}x10")
        found = image.annotations[0].shape[0].exterior[:, 0]
        if style == "{:.6f}" or size < 4000:
            assert np.array_equal(np.floor(found + 0.25), index)
        mask = polygon_mask(image.annotations[0].shape, size, 10)
        assert mask.bbox == (0, 5, size, 1)


@given(
    st.integers(10, 8000),
    st.integers(10, 8000),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=9),
)
def test_rule_trainer(width: int, height: int, points: list) -> None:
    """float32 numbers times a float32 size, cut off to integers."""
    from maskconv.formats.yolo_seg.read import ReadOptions, YoloSegReader

    reader = YoloSegReader(Path("x"), ReadOptions(rule="trainer"))
    ring = reader._outline(rows.Row(1, 0, np.array(points)), np.array([width, height], float))[0].exterior
    want = (np.array(points, np.float32) * np.array([width, height], np.float32)).astype(np.int32)
    assert np.array_equal(ring, want)
    assert np.array_equal(np.floor(ring + 0.25), want)


def test_keyholes_stay_one_ring(data: Path) -> None:
    ring = [
        (10, 10),
        (40, 10),
        (40, 40),
        (10, 40),
        (10, 20),
        (20, 20),
        (20, 30),
        (30, 30),
        (30, 20),
        (20, 20),
        (10, 20),
    ]
    text(
        data / "labels/train/a.txt",
        "0 " + " ".join(f"{(x + 0.5) / 100:.6f} {(y + 0.5) / 50:.6f}" for x, y in ring) + "\n",
    )
    (polygon,) = read(data)[1][0].annotations[0].shape
    assert polygon.exterior.shape == (11, 2)
    mask = polygon_mask((polygon,), 100, 50).to_array()
    assert mask[10:41, 10:41].sum() == 31 * 31 - 9 * 9 and not mask[21:30, 21:30].any()


# --- boxes, scores, tracks --------------------------------------------------------------------------------------------


def test_a_detection_set(data: Path) -> None:
    text(data / "labels/train/a.txt", "0 0.5 0.5 0.2 0.4\n1 0.5 0.5 1 1\n")
    images, found = read(data)
    assert [a.shape for a in found[0].annotations] == [
        Box(x=40, y=15, width=20, height=20),
        Box(x=0, y=0, width=100, height=50),
    ]
    (finding,) = images.report.findings
    assert (finding.code, finding.weight, finding.amount) == ("yolo-boxes", Weight.WARNING, 2)
    assert finding.message == "2 boxes, no outlines: the labels of a detection data set; they are read as boxes"
    mixed = "1 label file, such as labels/train/a.txt, with boxes, others with outlines: the trainer then ignores all outlines"
    assert checked(data)["yolo-boxes-mixed"] == f".: {mixed}; outline those objects, or remove these files' rows"


def test_a_detection_set_without_pictures_is_told_when_checked(data: Path) -> None:
    for split in ("train", "val"):
        (data / f"images/{split}").rename(data / f"images/{split} gone")
    alone = "2 label files, such as labels/train/a.txt, without a picture"
    assert "yolo-boxes" not in checked(data)
    text(data / "labels/train/a.txt", "0 0.5 0.5 0.2 0.4\n1 0.5 0.5 1 1\n")
    found = checked(data)
    assert alone in found["yolo-labels-alone"]
    assert found["yolo-boxes"] == (
        ".: 1 label file, such as labels/train/a.txt, with boxes, no outlines: the labels of a detection data set;"
        " to segment with them, outline the objects"
    )
    (finding,) = [f for f in maskconv.validate(data, format="yolo-seg") if f.code == "yolo-boxes"]
    assert (finding.weight, finding.amount, finding.unit) == (Weight.WARNING, 2, "instances")
    text(data / "labels/train/a.txt", f"0 0.5 0.5 0.2 0.4\n1 {RING}\n")
    assert "yolo-boxes" not in checked(data)


def test_the_real_detection_set_is_told_when_checked() -> None:
    found = maskconv.validate(real_data("yolo-det-coco8-negative"), format="yolo-seg")
    (finding,) = [f for f in found if f.code == "yolo-boxes"]
    assert finding.message.startswith("8 label files, such as ")
    assert finding.amount > 8


def test_scores_and_tracks(data: Path) -> None:
    text(data / "labels/train/a.txt", f"0 {RING} 0.75 3\n1 {RING} 1 12\n")
    text(data / "labels/val/b.txt", f"0 {RING} 0.125 0\n")
    images, found = read(data, scores=True, tracks=True)
    assert images.report.findings == []
    assert [(a.score, a.track) for i in found for a in i.annotations] == [(0.75, 3), (1.0, 12), (0.125, 0)]
    assert all(len(a.shape[0].exterior) == 3 for i in found for a in i.annotations)


def test_boxes_with_scores(data: Path) -> None:
    text(data / "labels/train/a.txt", "0 0.5 0.5 0.2 0.4 0.875\n")
    text(data / "labels/val/b.txt", "")
    found = read(data, scores=True)[1]
    assert (found[0].annotations[0].shape, found[0].annotations[0].score) == (
        Box(x=40, y=15, width=20, height=20),
        0.875,
    )


def test_wrong_scores_and_tracks(data: Path) -> None:
    asked = "does each row end with its score? If not, leave out --from-scores"
    text(data / "labels/train/a.txt", f"0 {RING} 1.5\n0 {RING}\n1 {RING} 0.5\n")
    text(data / "labels/val/b.txt", "")
    assert told(data, Weight.ERROR, scores=True) == [
        f"yolo-row-score: labels/train/a.txt:2: there are whole pairs of coordinates, and no score behind them; {asked}",
        f"yolo-row-score: labels/train/a.txt:1: the score 1.5 is not between 0 and 1; {asked}",
    ]
    text(data / "labels/train/a.txt", f"0 {RING} 0.5 1.5\n1 {RING} 0.5 -1\n")
    rest = "does each row end with its score and its track? If not, leave out --from-scores and --from-tracks"
    assert told(data, Weight.ERROR, scores=True, tracks=True) == [
        f"yolo-row-track: labels/train/a.txt:1: the track 1.5 is no whole number; {rest}",
        f"yolo-row-track: labels/train/a.txt:2: the track -1 is no whole number; {rest}",
    ]


# --- pictures and labels ----------------------------------------------------------------------------------------------


def test_items(data: Path) -> None:
    picture(data / "images/train/deep/é 1.v2.PNG", (20, 30))
    picture(data / "images/train/c.png")
    text(data / "labels/train/c.txt", "")
    text(data / "labels/train/deep/é 1.v2.txt", f"1 {RING}\n")
    (data / "labels/train.cache").write_bytes(b"\0numpy")
    images, found = read(data)
    assert images.labels.names == ("car", "person")
    facts = [(i.split, i.name, i.width, i.height, [a.label for a in i.annotations]) for i in found]
    assert facts == [
        ("train", "a", 100, 50, ["car"]),
        ("train", "c", 100, 50, []),
        ("train", "deep/é 1.v2", 20, 30, ["person"]),
        ("val", "b", 100, 50, ["car"]),
    ]
    assert Path(found[2].picture.path).name == "é 1.v2.PNG" and found[2].picture.width == 20
    assert images.report.findings == []


def test_lists_beside_labels(tmp_path: Path) -> None:
    """classes.txt is no label file, unless it holds rows: an item may be called so."""
    for name, content in {
        "classes": "car\n",
        "labels": "0\n1\n",
        "train": f"0 {RING}\n",
        "val": "",
        "notes": "made 1 2 3\n",
    }.items():
        text(tmp_path / f"labels/{name}.txt", content)
    images, found = read(tmp_path / "labels", size="100x50")
    assert [(i.name, len(i.annotations)) for i in found] == [("train", 1), ("val", 0)]
    assert images.report.findings == [] and images.labels.names == ("car",)


def test_hidden_files(data: Path) -> None:
    for name in ("images/train/._a.png", "labels/train/._a.txt", "images/train/.thumbs/a.png", "__MACOSX/images/a.png"):
        text(data / name, b"\0\5")
    images, found = read(data)
    assert [i.name for i in found] == ["a", "b"] and images.report.findings == []


def test_the_same_from_folder_yaml_and_zip(data: Path, tmp_path: Path) -> None:
    (data / "images/val/b.png").unlink()
    picture(data / "images/val/b.jpg", (30, 20))
    packed = {}
    for top in ("", "wrapped/deep/"):
        packed[top] = tmp_path / f"{len(top)}.zip"
        with zipfile.ZipFile(packed[top], "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(data.rglob("*")):
                archive.write(path, top + path.relative_to(data).as_posix())
    facts = []
    for source in (data, data / "data.yaml", *packed.values()):
        assert registry.sniff(source).name == "yolo-seg"
        images, found = read(source)
        assert images.report.findings == []
        facts.append([(i.split, i.name, i.width, i.height, i.annotations) for i in found])
    assert facts[0] == facts[1] == facts[2] == facts[3] and len(facts[0]) == 2
    assert found[1].picture.member == "wrapped/deep/images/val/b.jpg"
    jobs = [
        maskconv.convert(packed[""], tmp_path / f"{n}.mcv", jobs=n, workers=w)
        for n, w in ((1, "auto"), (2, "threads"), (3, "processes"))
    ]
    assert {r.instances_written for r in jobs} == {2}
    assert (tmp_path / "1.mcv").read_bytes() == (tmp_path / "2.mcv").read_bytes() == (tmp_path / "3.mcv").read_bytes()


def test_exif_orientation(data: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    (data / "images/train/a.png").unlink()
    picture(data / "images/train/a.jpg", (100, 50), exif=exif)
    image = read(data)[1][0]
    assert (image.width, image.height) == (50, 100)
    assert image.annotations[0].shape[0].exterior.tolist() == [[5, 10], [25, 10], [25, 50]]


def test_unlabelled_and_alone(data: Path) -> None:
    picture(data / "images/train/no labels.png")
    text(data / "labels/val/gone/c.txt", f"1 {RING}\n")
    assert told(data) == [
        (
            "yolo-labels-alone: .: 1 label file, such as labels/val/gone/c.txt, without a picture: the size is not known, and they"
            " cannot be read; name the pictures' folder (--from-images), or their size (--from-size 1920x1080)"
        ),
        (
            "yolo-unlabelled: .: 1 picture, such as images/train/no labels.png, without a label file: taken as without annotations,"
            " as the trainer does; if they should have some, look for their label files"
        ),
    ]
    with pytest.raises(ConversionError):
        maskconv.convert(data, data.with_name("out.mcv"))
    images, found = read(data, size="200x100")
    assert [(i.name, i.width, i.picture is None) for i in found] == [
        ("a", 100, False),
        ("no labels", 100, False),
        ("b", 100, False),
        ("gone/c", 200, True),
    ]
    assert not images.report.failed


def test_pictures_elsewhere(data: Path, tmp_path: Path) -> None:
    for split, name in (("train", "a"), ("val", "b")):
        (data / f"images/{split}/{name}.png").rename(tmp_path / f"{name}.png")
    elsewhere = tmp_path / "elsewhere"
    picture(elsewhere / "a.jpg", (40, 30))
    picture(elsewhere / "b.jpg", (60, 30))
    picture(elsewhere / "other.jpg")
    images, found = read(data, images=elsewhere)
    assert [(i.split, i.name, i.width) for i in found] == [("train", "a", 40), ("val", "b", 60)]
    assert images.report.findings == []
    for before, after in (("", "{}/"), ("{}/", "{}/images/"), ("{}/images/", "images/{}/")):
        for split, name in (("train", "a"), ("val", "b")):
            place = elsewhere / after.format(split)
            place.mkdir(parents=True)
            (elsewhere / before.format(split) / f"{name}.jpg").rename(place / f"{name}.jpg")
            if "images" in before:
                shutil.rmtree(elsewhere / split)
        assert [(i.split, i.name, i.width) for i in read(data, images=elsewhere)[1]] == [
            ("train", "a", 40),
            ("val", "b", 60),
        ]
    with pytest.raises(SourceError) as caught:
        read(data, images=tmp_path / "nowhere")
    assert str(caught.value) == f"{tmp_path / 'nowhere'}: there is no such folder; check --from-images"


def test_two_pictures_of_one_name(data: Path) -> None:
    picture(data / "images/train/a.jpg")
    sentence = (
        "this picture and a.jpg differ only in the extension: one label file for both, and one item; rename one of them"
    )
    assert told(data) == [f"yolo-picture-collision: images/train/a.png: {sentence}"]


def test_a_picture_in_two_splits(data: Path) -> None:
    text(data / "data.yaml", "train: images\nval: images/val\nnames: [car, person]\n")
    assert told(data) == [
        (
            "yolo-split-several: .: 1 picture, such as images/val/b.png, in several splits or lists; each is read once, where it"
            " comes first; keep each picture in one split: what a model trained on cannot test it"
        )
    ]
    assert [(i.split, i.name) for i in read(data)[1]] == [("train", "train/a"), ("train", "val/b")]


def test_two_splits_of_one_folder(data: Path) -> None:
    text(data / "data.yaml", YAML.replace("images/val", "images/train"))
    sentence = "val names the same pictures as train; they are read once, as train"
    fix = "if val is to test the model, give it pictures of its own"
    assert told(data) == [f"yolo-split-same: data.yaml: {sentence}; {fix}"]
    assert [(i.split, i.name) for i in read(data)[1]] == [("train", "a")]


def test_the_same_picture_under_two_names(data: Path, tmp_path: Path) -> None:
    """Of a data set that is checked; those of one split do not matter."""
    for split, name, shade in (
        ("train", "c", 7),
        ("val", "d", 7),
        ("val", "e", 8),
        ("val", "f", 8),
        ("train", "a", 1),
        ("val", "b", 2),
    ):
        Image.new("RGB", (100, 50), (shade, 0, 0)).save(data / f"images/{split}/{name}.png")
    sentence = "of one split in another one, too: the same file under two names"
    fix = "keep each picture in one split: what a model trained on cannot test it"
    assert checked(data)["yolo-picture-twice"] == f".: 1 picture, such as images/val/d.png, {sentence}; {fix}"
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for path in sorted(data.rglob("*")):
            archive.write(path, path.relative_to(data).as_posix())
    assert (
        checked(tmp_path / "x.zip")["yolo-picture-twice"]
        == f".: 1 picture, such as images/val/d.png, {sentence}; {fix}"
    )


def test_a_damaged_picture(data: Path) -> None:
    (data / "images/train/a.png").write_bytes(b"no picture")
    images, found = read(data)
    (finding,) = images.report.findings
    assert finding.code == "picture-unreadable" and finding.where.path.endswith("images/train/a.png")
    assert [i.name for i in found] == ["b"]


def test_a_small_picture_is_told_when_checked(data: Path) -> None:
    picture(data / "images/train/a.png", (100, 9))
    sentence = "the picture has 100 x 9 pixels: the trainer takes none under 10; remove it from the set"
    assert checked(data) == {
        "yolo-picture-small": f"labels/train/a.txt: {sentence}",
        "yolo-class-unused": ".: no label of 1 class: person; nothing to do",
    }


def test_links_are_followed_but_not_in_circles(data: Path, tmp_path: Path) -> None:
    (data / "images/train").rename(tmp_path / "elsewhere")
    (data / "images/train").symlink_to(tmp_path / "elsewhere")
    (data / "images/val/again").symlink_to(data / "images")
    assert [i.name for i in read(data)[1]] == ["a", "b"]


# --- data.yaml --------------------------------------------------------------------------------------------------------


def test_lists(data: Path) -> None:
    picture(data / "images/train/sub/d.png")
    picture(data / "images/extra/e.png")
    text(
        data / "lists/train.txt",
        "./../images/train/a.png\n\n../images/train/sub/d.png\n../images/train/gone.png\n../images/extra/e.png\n",
    )
    text(data / "data.yaml", "train: lists/train.txt\nval: [images/val]\nnames: {0: car, 1: person}\n")
    images, found = read(data)
    assert [(i.split, i.name, len(i.annotations)) for i in found] == [
        ("train", "a", 1),
        ("train", "sub/d", 0),
        ("train", "extra/e", 0),
        ("val", "b", 1),
    ]
    assert [f.code for f in images.report.findings] == ["yolo-list-missing", "yolo-unlabelled"]
    assert str(images.report.findings[0]).endswith(
        "1 picture, such as images/train/gone.png in lists/train.txt:4, listed and not there; correct the list, or --from-images"
    )


def test_several_folders_of_a_split(data: Path) -> None:
    picture(data / "images/more/a.png")
    text(data / "data.yaml", "train: [images/train, images/more]\nval: images/val\nnames: [car, person]\n")
    assert [(i.split, i.name) for i in read(data)[1]] == [("train", "train/a"), ("train", "more/a"), ("val", "b")]


def test_labels_beside_pictures(tmp_path: Path) -> None:
    text(tmp_path / "x.yaml", "train: .\nval: ''\nnames: [car]\n")
    picture(tmp_path / "a.png")
    text(tmp_path / "a.txt", f"0 {RING}")
    text(tmp_path / "classes.txt", "car\n")
    images, found = read(tmp_path)
    assert [(i.name, len(i.annotations)) for i in found] == [("a", 1)] and images.report.findings == []


@pytest.mark.parametrize("train", ["../train/images", "train/images", "train"])
def test_as_roboflow_packs_it(tmp_path: Path, train: str) -> None:
    text(tmp_path / "set/data.yaml", f"train: {train}\nval: ../valid/images\nnames: ['car']\nnc: 1\n")
    for split in ("train", "valid"):
        picture(tmp_path / f"set/{split}/images/{split}.jpg")
        text(tmp_path / f"set/{split}/labels/{split}.txt", f"0 {RING}")
    for source in (tmp_path / "set", tmp_path / "set/data.yaml"):
        images, found = read(source)
        assert [(i.split, i.name, len(i.annotations)) for i in found] == [("train", "train", 1), ("val", "valid", 1)]
        assert images.report.findings == []


def test_path(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").mkdir()
    config = tmp_path / "config/set.yaml"
    for path in (str(data), "../data"):
        text(config, f"path: {path}\n{YAML}")
        images, found = read(config)
        assert [i.name for i in found] == ["a", "b"]
        sentence = f"the pictures of train lie outside this file's folder, in {data / 'images/train'}"
        said = [str(f) for f in images.report.findings if f.code == "yolo-outside"]
        assert len(said) == len(images.report.findings) == 2
        assert said[0] == f"{tmp_path / 'config'}/set.yaml: {sentence}; nothing, if they are meant"
    text(config, f"path: data\n{YAML}")
    monkeypatch.chdir(tmp_path)  # as the trainer has it
    assert [i.name for i in read(config)[1]] == ["a", "b"]
    text(data / "data.yaml", f"path: /content/drive/data\n{YAML}")
    sentence = (
        "the 'path' '/content/drive/data' is not here; this file's own folder is taken; correct it, or remove the key"
    )
    assert told(data) == [f"yolo-path: data.yaml:1: {sentence}"]
    text(data / "data.yaml", YAML.replace("images/train", "/content/drive/data/images/train"))
    sentence = "'/content/drive/data/images/train' is not here; images/train in the data set is taken for train"
    assert told(data) == [f"yolo-path: data.yaml:1: {sentence}; write it relative to this file"]
    text(data / "data.yaml", f"path: ./\n{YAML}")
    sentence = "the trainer takes a relative 'path' from its current folder or its datasets folder, not from this file"
    assert (
        checked(data)["yolo-path"] == f"data.yaml:1: {sentence}; remove the key: without it, this file's folder counts"
    )
    assert told(data) == []


YAMLS = [
    ("train: images/train\nnames: [car, person]\n", "yolo-split-key", "data.yaml: there is no key 'val', which the trainer demands; add 'val:' with the folder of its pictures"),
    ("train: images/train\nvalid: images/val\nnames: [car, person]\n", "yolo-split-key", "data.yaml:2: the trainer does not know the key 'valid'; it is read as 'val' here; rename it to val"),
    (YAML + "nc: 3\n", "yolo-nc", "data.yaml:4: nc is 3, but there are 2 names; the names count; write nc: 2, or remove it"),
    (YAML + "nc: many\n", "yolo-nc", "data.yaml:4: nc is no number of classes; write how many there are"),
    (YAML + "train: images/val\n", "yolo-key-twice", "data.yaml:4: the key 'train' stands there twice; the last one counts; remove one of them"),
    (YAML + "download: |\n  import os\n", "yolo-download", "data.yaml:4: has a 'download' entry, which the trainer runs where pictures are missing; it is not followed here; remove it unless you trust where it is from"),
    ("train: images/train\nval: images/gone\nnames: [car, person]\n", "yolo-split-missing", "data.yaml:2: 'images/gone', the pictures of val, is not here; correct the path, or remove the key"),
    ("train: images/train\nval: images/val\nnames:\n  0: car\n  2: person\n", "yolo-names-gap", "data.yaml:4: class 1 has no name, for the numbers go from 0 to 2; number the 2 classes from 0 to 1, in the labels as well"),
    ("train: images/train\nval: images/val\nnames:\n  0: car\n  0: bus\n  1: person\n", "yolo-names-twice", "data.yaml:5: class 0 is named twice; the last name counts; give each class a number of its own"),
    ("train: images/train\nval: images/val\nnames: [car, no]\n", "yolo-names-type", "data.yaml:3: YAML takes the name of class 1, 'no', for true or false; it is read as text here; put it in quotes: \"no\""),
    ("train: images/train\nval: images/val\nnames: [car, car]\n", "yolo-names-same", "data.yaml:3: classes 0 and 1 are both called 'car', which makes them one label; rename one of them"),
    ("train: images/train\nval: images/val\nnc: 2\n", "yolo-names-missing", "data.yaml: there are no names for the 2 classes; they are called class_0, class_1, ... as the trainer does; add names: or --from-names"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "code", "sentence"), YAMLS)
def test_what_is_wrong_with_a_yaml(data: Path, content: str, code: str, sentence: str) -> None:
    text(data / "data.yaml", content)
    assert checked(data)[code] == sentence
    images, found = read(data)
    assert found and (code in {f.code for f in images.report.findings})
    assert images.report.failed == (code == "yolo-split-missing"), "what can be read is read"


USELESS = [
    ("train: images/train\nnames: [car\nval: x\n", "data.yaml:3: is no YAML (did not find expected ',' or ']'); correct the file"),
    ("- a\n- b\n", "data.yaml: is no mapping of train, val and names; name the data set's data.yaml"),
    ("train: {a: b}\nnames: [car]\n", "data.yaml:1: 'train' is neither a path nor a list of paths; write the path of the pictures' folder"),
    ("train: images/train\nnames: car\n", "data.yaml:2: 'names' is neither a list nor a mapping of class numbers; write it as [car, person] or 0: car"),
    ("train: images/train\nnames:\n  car: 0\n", "data.yaml:3: the key 'car' of names is no class number; number the classes 0, 1, 2, ..."),
    ("train: images/train\nnames: [car, null]\n", "data.yaml:2: class 1 has no name; write one, in quotes where it is a word that YAML knows"),
    ("train: images/train\nnames: [car, [x]]\n", "data.yaml:2: class 1 has no name; write one, in quotes where it is a word that YAML knows"),
    ("train: images/train\n", "data.yaml: the names of the classes are not known, only their numbers; say them: --from-names data.yaml, labelmap.txt, a file with a name a line, or car,person"),
    ("train: gone\nnames: [car]\n", "data.yaml: names no folder that is there; correct train and val: they are the folders of the pictures"),
    ("names: *x\n", "data.yaml:1: has no anchor &x; correct the file"),
    ("train: a\n--- \ntrain: b\n", "data.yaml: holds several documents; keep one of them"),
    ("train: " + "[" * 50_000, "data.yaml:1: is nested deeper than 16 levels; correct the file"),
    ("train: " + "a" * (1 << 20), "data.yaml: has 1,048,583 bytes, more than the 1,048,576 that are read; correct the file"),
    (b"train: \xff\n", "data.yaml: is not UTF-8; save it as UTF-8"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "sentence"), USELESS, ids=range(len(USELESS)))
def test_a_yaml_that_cannot_be_used(data: Path, content: str, sentence: str) -> None:
    text(data / "data.yaml", content)
    with pytest.raises(SourceError) as caught:
        read(data)
    assert str(caught.value).replace(f"{data}/", "") == sentence


def test_yaml_is_never_built(data: Path, tmp_path: Path) -> None:
    """Tags do nothing, aliases are not expanded."""
    mark = tmp_path / "ran"
    laughs = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefghijklmno", "bcdefghijklmnop", strict=True)
    )
    text(data / "data.yaml", f"{laughs}x: !!python/object/apply:os.mkdir ['{mark}']\ndownload: mkdir {mark}\n{YAML}")
    images, found = read(data)
    assert len(found) == 2 and not mark.exists()
    assert [f.code for f in images.report.findings] == ["yolo-download"]


@given(st.text(alphabet="abc:-[]{}&*!|>'\"#%@ \n\t0", max_size=80) | st.binary(max_size=60))
def test_any_yaml(content: str | bytes) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    try:
        datayaml.parse(data, maskconv.Where(path="x"), lambda _: None)
    except SourceError as error:
        assert str(error)


def test_nodes_have_the_kinds_of_safe_load() -> None:
    import yaml

    for value in ("1", "1.5", "true", "no", "null", "~", "", "text", "'1'", "0x1f", "1e3", "2020-01-01", "!!str 1"):
        node = nodes.parse(f"a: {value}\n".encode(), maskconv.Where()).flat[1]
        loaded = yaml.safe_load(f"a: {value}\n")["a"]
        kinds = {"str": str, "int": int, "float": float, "bool": bool, "null": type(None), "timestamp": object}
        assert isinstance(loaded, kinds[node.kind]), value


def test_several_yamls(data: Path) -> None:
    text(data / "other.yaml", YAML)
    assert len(read(data)[1]) == 2, "data.yaml is the usual name"
    (data / "data.yaml").rename(data / "one.yaml")
    text(data / "args.yaml", "task: segment\nval: true\n")
    with pytest.raises(SourceError) as caught:
        read(data)
    sentence = "there are several files that could be its data.yaml (one.yaml, other.yaml); name the one that is meant as the source"
    assert str(caught.value) == f"{data}: {sentence}"
    (data / "other.yaml").unlink()
    assert len(read(data)[1]) == 2


# --- without a data.yaml ----------------------------------------------------------------------------------------------


def test_folders_say_it(data: Path, tmp_path: Path) -> None:
    (data / "data.yaml").unlink()
    with pytest.raises(SourceError) as caught:
        read(data)
    assert str(caught.value).startswith(
        f"{data}: the names of the classes are not known, only their numbers; say them:"
    )
    assert [(i.split, i.name) for i in read(data, names="car,person")[1]] == [("train", "a"), ("val", "b")]
    text(data / "classes.txt", "car\nperson\n")
    assert [(i.split, i.name) for i in read(data)[1]] == [("train", "a"), ("val", "b")]
    flat = tmp_path / "flat"
    (flat / "images").mkdir(parents=True)
    os.rename(data / "images/train/a.png", flat / "images/a.png")
    text(flat / "labels/a.txt", f"0 {RING}\n")
    assert [(i.split, i.name) for i in read(flat, names="car")[1]] == [(None, "a")]


NAMES = {
    "data.yaml": "names: {0: car, 1: person}\n",
    "labelmap.txt": "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncar:1,2,3::\nperson:4,5,6::\n",
    "list.names": "car\nperson\n\n",
}


@pytest.mark.parametrize("name", [*NAMES, ""])
def test_predictions(tmp_path: Path, name: str) -> None:
    """runs/segment/predict with pictures beside labels, and pictures in a folder of their own."""
    labels = tmp_path / "runs/segment/predict/labels"
    text(labels / "a.txt", f"1 {RING} 0.5\n0 {RING} 0.25\n")
    names = "car,person"
    if name:
        text(tmp_path / name, NAMES[name])
        names = str(tmp_path / name)
    assert registry.sniff(labels).name == registry.sniff(labels.parent).name == "yolo-seg"
    picture(tmp_path / "pictures/a.jpg", (40, 30))
    picture(tmp_path / "pictures/nothing.jpg", (40, 30))
    for source in (labels, labels.parent):
        images, found = read(source, names=names, images=tmp_path / "pictures", scores=True)
        assert [(i.name, i.width, [(a.label, a.score) for a in i.annotations]) for i in found] == [
            ("a", 40, [("person", 0.5), ("car", 0.25)]),
            ("nothing", 40, []),
        ]
        assert [f.code for f in images.report.findings] == ["yolo-unlabelled"]
    if name == "labelmap.txt":
        assert [label.color for label in images.labels.labels] == [(1, 2, 3), (4, 5, 6)]
    picture(labels.parent / "a.jpg", (60, 30))
    for source in (labels, labels.parent):
        (image,) = read(source, names=names, scores=True)[1]
        assert (image.name, image.width) == ("a", 60)


def test_predictions_without_names(tmp_path: Path) -> None:
    text(tmp_path / "labels/a.txt", f"1 {RING}\n")
    with pytest.raises(SourceError) as caught:
        read(tmp_path / "labels", size="10x10")
    sentence = "the names of the classes are not known, only their numbers; say them: --from-names data.yaml, labelmap.txt, a file with a name a line, or car,person"
    assert str(caught.value) == f"{tmp_path / 'labels'}: {sentence}"


@pytest.mark.parametrize(
    ("names", "content", "sentence"),
    [
        ("gone.yaml", None, "gone.yaml: there is no such file; check --from-names: a data.yaml, a labelmap.txt, a file with a name a line, or car,person"),
        ("car,,bus", None, "--from-names:2: class 1 has no name; write one"),
        ("car,bus,car", None, "--from-names:3: classes 0 and 2 are both called 'car'; rename one of them"),
        ("file.txt", "car\n\nbus\n", "file.txt:2: class 1 has no name; write one"),
        ("file.txt", b"\xff\xfe", "file.txt: is not UTF-8; save it as UTF-8"),
        ("file.yaml", "train: x\n", "file.yaml: has no names; name another file"),
        ("file.txt", "car\n" * 300_000, "file.txt: has more than 1,048,576 bytes; name another file"),
    ],
)  # fmt: skip
def test_wrong_names(
    data: Path, names: str, content: str | bytes | None, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    if content is not None:
        text(Path(names), content)
    with pytest.raises(SourceError) as caught:
        read(data, names=names)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("size", ["", "10", "0x5", "10x", "x10", "10.5x3", "99999999x99999999", "-3x4"])
def test_wrong_size(data: Path, size: str) -> None:
    with pytest.raises(OptionError) as caught:
        read(data, size=size)
    assert (
        str(caught.value)
        == f"yolo-seg: --from-size does not take {size!r}: a size is WIDTHxHEIGHT in pixels, such as 1920x1080"
    )


def test_nothing_of_the_kind(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"")
    with pytest.raises(SourceError) as caught:
        read(tmp_path)
    assert (
        str(caught.value)
        == f"{tmp_path}: holds no data.yaml and no labels; name the data.yaml, or the folder above images and labels"
    )


# --- recognised -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "files",
    [
        {"a.txt": "some notes\n"},
        {"a.txt": "1 2 3\n"},
        {"labels/a.txt": "car\nbus\n"},
        {"config.yaml": "model: x\nval: true\n"},
        {"a.png": "x", "readme.txt": "12 pictures\n"},
        {"labels/a.txt": ""},
    ],
)
def test_other_folders_are_left_alone(tmp_path: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        text(tmp_path / "folder" / name, content)
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    assert "yolo-seg" not in {
        f.name for path in (tmp_path / "folder", tmp_path / "packed.zip") for f in registry.candidates(path)
    }


def test_ultralytics_own_ndjson_is_another_format(tmp_path: Path) -> None:
    lines = '{"type": "dataset", "task": "segment", "class_names": {"0": "car"}}\n{"type": "image", "file": "a.jpg", "split": "train"}\n'
    text(tmp_path / "set.ndjson", lines)
    assert registry.candidates(tmp_path / "set.ndjson") == []


def test_rows_of_many_points_are_recognised(tmp_path: Path) -> None:
    text(tmp_path / "labels/a.txt", "0" + " 0.1234567890123456789" * 674 + "\n")
    assert [f.name for f in registry.candidates(tmp_path)] == ["yolo-seg"]


# --- hostile ----------------------------------------------------------------------------------------------------------


def test_a_zip_of_a_thousand_folders(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("data.yaml", YAML)
        archive.writestr("images/" + "a/" * 1000 + "b.png", "")
    with pytest.raises(SourceError) as caught:
        read(tmp_path / "x.zip")
    assert "lies deeper than 64 folders; move the data set up" in str(caught.value)


def test_nothing_leads_out_of_a_zip(tmp_path: Path, data: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(
            "data.yaml", f"path: {data}\ntrain: ../data/images/train\nval: {data}/images/val\nnames: [car]\n"
        )
        archive.writestr("other/images/a.png", "")
    with pytest.raises(SourceError) as caught:
        read(tmp_path / "x.zip")
    assert "names no folder that is there" in str(caught.value)
    tree = ZipTree(tmp_path / "x.zip")
    tree.open()
    assert (
        not tree.is_file("../data/data.yaml")
        and not tree.is_file(str(data / "data.yaml"))
        and tree.is_folder("other/images")
    )
    tree.close()


def test_a_label_file_that_is_too_large(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maskconv.formats.yolo_seg.tree.MAX_LABELS", 20)
    sentence = "has 26 bytes, more than the 20 that are read; no list of labels is that large"
    text(data / "data.yaml", "names: [x]\ntrain: .")
    assert [s for s in told(data) if "too-big" in s] == [
        f"yolo-too-big: labels/train/a.txt: {sentence}",
        f"yolo-too-big: labels/val/b.txt: {sentence}",
    ]
