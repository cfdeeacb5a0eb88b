"""Writing YOLO segmentation labels: what is in the target, read by hand and as the trainer does, and what every loss is called."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from places import real_data
from test_ring import REAL, stress

import maskconv
from maskconv.errors import ConversionError, DataError, OptionError, SourceError
from maskconv.finding import Finding, Weight
from maskconv.formats.yolo_seg import rows_out, write_view
from maskconv.formats.yolo_seg.rows_out import decimals, rows, shares
from maskconv.formats.yolo_seg.splits import label_path
from maskconv.geometry import polygon_mask, rings, shape_mask
from maskconv.model import AnnotatedImage, Annotation, Box, Label, LabelMap, Mask, Picture, PixelRule, Polygon
from tests.making import written

LABELS = LabelMap(labels=(Label(name="background"), Label(name="car"), Label(name="tree")))
W, H = 40, 24


def block(*boxes: tuple[int, int, int, int], holes: tuple[tuple[int, int, int, int], ...] = ()) -> Mask:
    pixels = np.zeros((H, W), bool)
    for x, y, w, h in boxes:
        pixels[y : y + h, x : x + w] = True
    for x, y, w, h in holes:
        pixels[y : y + h, x : x + w] = False
    return Mask.from_array(pixels)


def car(shape: Any, label: str = "car", **facts: Any) -> Annotation:
    return Annotation(label=label, shape=shape, **facts)


def image(name: str, *annotations: Annotation, **facts: Any) -> AnnotatedImage:
    return AnnotatedImage(**{"name": name, "width": W, "height": H, "annotations": annotations} | facts)


def write(path: Path, *images: AnnotatedImage, labels: LabelMap = LABELS, **options: Any) -> list[Finding]:
    return written(path, *images, labels=labels, **{"format": "yolo-seg", "images": "none"} | options)


def files(path: Path) -> set[str]:
    return {p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()}


def label_rows(path: Path, name: str = "labels/train/a.txt") -> list[tuple[int, Any]]:
    """Each row's class and shares of the picture, in single precision."""
    found = []
    for line in (path / name).read_text().splitlines():
        number, *values = line.split()
        found.append((int(number), np.array(values, dtype=np.float32).reshape(-1, 2)))
    return found


def painted(shares: Any, width: int, height: int) -> Any:
    canvas = np.zeros((height, width), np.uint8)
    cv2.fillPoly(canvas, [(shares * np.array([width, height], np.float32)).astype(np.int32)], 1)
    return canvas > 0


def resample(s: Any, longest: int) -> Any:
    """An own reading of what Ultralytics 8.4 does with a row's points."""
    n = 1000 if longest <= 1000 else longest + 1
    if len(s) == n:
        return s
    closed = [*s.tolist(), s[0].tolist()]
    k = len(closed)
    at = sorted([*np.linspace(0, k - 1, n - k).tolist(), *range(k)]) if k < n else np.linspace(0, k - 1, n).tolist()
    x, y = np.array(closed, np.float64).T
    return np.array([np.interp(at, range(k), x), np.interp(at, range(k), y)]).T.astype(np.float32)


def one(found: list[Finding], code: str) -> Finding:
    (finding,) = [f for f in found if f.code == code]
    return finding


def codes(found: list[Finding]) -> set[str]:
    return {f.code for f in found if f.weight is not Weight.INFO}


# --- pixels -------------------------------------------------------------------------------------------------------------


def test_instances_come_back(tmp_path: Path) -> None:
    """One part with any holes exactly, several parts with the bridges that the Finding names."""
    rng = np.random.default_rng(3)
    images = []
    for seed in range(60):
        width, height = (int(v) for v in rng.integers(60, 200, 2))
        whole = []
        for i in range(4):
            pixels = np.zeros((height, width), bool)
            some = stress(4 * seed + i)
            pixels[: some.shape[0], : some.shape[1]] = some
            whole.append(car(Mask.from_array(pixels)))
        images.append(image(f"{seed}", *whole, width=width, height=height))
    found = write(tmp_path / "out", *images)
    told = {(f.where.image, f.where.annotation): f for f in found if f.code == "parts-split"}
    empty = {(f.where.image, f.where.annotation) for f in found if f.code == "instance-empty"}
    exact = 0
    for each in images:
        rows = label_rows(tmp_path / "out", f"labels/train/{each.name}.txt")
        longest = max(len(points) for _, points in rows)
        kept = [i for i in range(4) if (each.name, i) not in empty]
        for i, (_, points) in zip(kept, rows, strict=True):
            mask = each.annotations[i].shape.to_array()
            shown = painted(points, each.width, each.height)
            assert not (mask & ~shown).any()
            added = int((shown & ~mask).sum())
            if (each.name, i) not in told:
                assert added == 0
                exact += 1
                continue
            assert f"bridges of {added:,} pixels" in told[each.name, i].message
            seen = painted(resample(points, longest), each.width, each.height)
            iou = (seen & mask).sum() / (seen | mask).sum()
            assert f"IoU {iou:.4f} for the trainer" in told[each.name, i].message
    assert exact > 40
    assert len(told) > 50


@pytest.mark.parametrize("name", REAL)
def test_real_masks_there_and_back(name: str, tmp_path: Path) -> None:
    """By our own reader, and as the trainer paints them."""
    source = real_data(name)
    bridges: dict[tuple[str, Any], int] = {}

    def sink(f: Finding) -> None:
        if f.code == "parts-split":
            bridges[f.where.image, f.where.annotation] = int(
                f.message.split("bridges of ")[1].split()[0].replace(",", "")
            )

    report = maskconv.Report(sink=sink)
    maskconv.convert(
        source, tmp_path / "out", to="yolo-seg", write={"images": "none"}, report=report, from_="cvat-mask"
    )
    compared = 0
    with maskconv.open_reader(source, format="cvat-mask") as images:
        for each in images:
            split = {None: "train"}.get(each.split, (each.split or "").lower())
            if not each.annotations:
                continue
            shown = label_rows(tmp_path / "out", f"labels/{split}/{each.name}.txt")
            for i, ((_, points), annotation) in enumerate(zip(shown, each.annotations, strict=True)):
                mask = shape_mask(annotation.shape, each.width or 0, each.height or 0).to_array()
                pixels = painted(points, each.width or 0, each.height or 0)
                assert not (mask & ~pixels).any()
                assert int((pixels & ~mask).sum()) == bridges.get((each.name, i), 0)
                compared += 1
    assert compared == report.instances_written > 0


@pytest.mark.parametrize(
    "size", [1, 2, 3, 7, 96, 640, 1333, 1920, 4000, 7360, 32768, 32769, 99_999, 250_000, 250_001, 2_500_001, 3_000_000]
)
def test_every_index_is_found_again(size: int) -> None:
    """By truncation in single precision, and by floor(v + 0.25); all have the same length."""
    at = np.arange(size) if size < 1e5 else np.random.default_rng(0).integers(0, size, 20000)
    ring = np.stack([at, np.zeros_like(at)], axis=1).astype(np.int32)
    text = rows([7], [ring], size, 1)[0].split()
    assert text[0] == b"7"
    assert {len(value) for value in text[1:]} == {decimals(size) + 2}
    values = np.array([float(value) for value in text[1::2]])
    assert ((values.astype(np.float32) * size).astype(np.int32) == at).all()
    assert (np.floor(values * size + 0.25) == at).all()
    assert (shares(ring, size, 1)[:, 0] == values.astype(np.float32)).all()


def test_six_decimals_as_is_usual() -> None:
    assert [decimals(size) for size in (1, 640, 7360, 250_000, 250_001, 2_500_000)] == [6, 6, 6, 6, 7, 7]
    assert rows([3], [np.array([[0, 0], [1, 1], [3, 1]], np.int32)], 4, 2) == [
        b"3 0.125000 0.250000 0.375000 0.750000 0.875000 0.750000"
    ]
    assert rows_out.rows([], [], 4, 2) == []


@given(st.integers(3, 1100), st.integers(0, 300))
@settings(max_examples=80, deadline=None)
def test_resampling(points: int, more: int) -> None:
    row = np.random.default_rng(points).random((points, 2)).astype(np.float32)
    longest = points + more
    other = np.random.default_rng(0).random((longest, 2)).astype(np.float32)
    found = write_view.resampled([other, row, other], longest)[1]
    assert found.dtype == np.float32
    assert (found == resample(row, longest)).all()


# --- options: parts, holes, points --------------------------------------------------------------------------------------

HOLED = block((2, 2, 12, 9), holes=((5, 4, 4, 3),))
PARTED = block((2, 2, 5, 5), (12, 3, 6, 6))


def test_holes_filled(tmp_path: Path) -> None:
    found = write(tmp_path / "out", image("a", car(HOLED)), holes="fill")
    assert painted(label_rows(tmp_path / "out")[0][1], W, H).sum() == 12 * 9
    finding = one(found, "holes-filled")
    assert (finding.amount, finding.weight, finding.where.annotation) == (12, Weight.DATA, 0)
    assert finding.message == f"12 pixels of holes were filled: IoU {96 / 108:.4f} for the trainer"


def test_holes_kept(tmp_path: Path) -> None:
    assert codes(write(tmp_path / "out", image("a", car(HOLED)))) == {"yolo-split-none"}
    assert (painted(label_rows(tmp_path / "out")[0][1], W, H) == HOLED.to_array()).all()


def test_parts_split(tmp_path: Path) -> None:
    found = write(tmp_path / "out", image("a", car(PARTED, "tree")), parts="split")
    shown = label_rows(tmp_path / "out")
    assert [number for number, _ in shown] == [1, 1]
    assert (painted(shown[0][1], W, H) | painted(shown[1][1], W, H) == PARTED.to_array()).all()
    assert one(found, "parts-split").message.startswith("its 2 parts became rows")
    assert "IoU 1.0000" in one(found, "parts-split").message


def test_an_island_split_and_filled(tmp_path: Path) -> None:
    """The island goes with the hole, and is no row."""
    island = Mask.from_array(HOLED.to_array() | block((6, 5, 1, 1)).to_array())
    write(tmp_path / "out", image("a", car(island)), parts="split", holes="fill")
    assert len(label_rows(tmp_path / "out")) == 1


def test_parts_joined(tmp_path: Path) -> None:
    found = write(tmp_path / "out", image("a", car(block((1, 1, 2, 2))), car(PARTED)))
    finding = one(found, "parts-split")
    assert (finding.where.image, finding.where.annotation, finding.unit) == ("a", 1, "instances")
    assert finding.message.startswith("its 2 parts were joined by bridges of 5 pixels: IoU 0.9")
    assert finding.fix == "--to-parts split gives each part a row of its own"


def test_max_points(tmp_path: Path) -> None:
    y, x = np.mgrid[:200, :200]
    disc = Mask.from_array(np.hypot(x - 100, y - 90) < 80)
    found = write(tmp_path / "out", image("a", car(disc), width=200, height=200), max_points=20)
    points = label_rows(tmp_path / "out")[0][1]
    assert len(points) <= 20
    seen, mask = painted(resample(points, 20), 200, 200), disc.to_array()
    iou = (seen & mask).sum() / (seen | mask).sum()
    assert iou > 0.97
    text = f"its outline was simplified to {len(points)} points: IoU {iou:.4f} for the trainer"
    assert one(found, "yolo-simplified").message == text


def test_a_long_ring_with_holes_is_a_warning(tmp_path: Path) -> None:
    pixels = np.ones((200, 200), bool)
    pixels[1:-1:2, 1:-1:2] = False
    found = write(tmp_path / "out", image("a", car(Mask.from_array(pixels)), width=200, height=200))
    finding = one(found, "yolo-keyhole-long")
    assert finding.weight is Weight.WARNING
    assert "9801 holes" in finding.message
    assert (painted(label_rows(tmp_path / "out")[0][1], 200, 200) == pixels).all()


# --- shapes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [PixelRule.CENTRE_NEAR, PixelRule.CENTRE_TRUNC])
def test_a_polygon_keeps_its_points(rule: PixelRule, tmp_path: Path) -> None:
    polygon = Polygon(exterior=[(2.1, 3.2), (9.6, 3.9), (20.7, 4.0), (14, 15.5)], rule=rule)
    found = write(tmp_path / "out", image("a", car((polygon,))))
    points = label_rows(tmp_path / "out")[0][1]
    assert len(points) == 4
    assert (painted(points, W, H) == polygon_mask([polygon], W, H).to_array()).all()
    assert "polygons-painted" not in {f.code for f in found}


def test_a_polygon_that_keeps_its_pixels_is_not_counted_as_changed(tmp_path: Path) -> None:
    kept = Polygon(exterior=[(2, 3), (9, 3), (20, 15)], rule=PixelRule.CENTRE_NEAR)
    cut = Polygon(exterior=[(-5, 3), (9, 3), (20, 15)], rule=PixelRule.CENTRE_NEAR)
    edged = Polygon(exterior=[(2, 3), (9, 3), (20, 15)], rule=PixelRule.EDGE)
    box = Box(x=2, y=3, width=9, height=5)
    with maskconv.open_writer(tmp_path / "out", LABELS, format="yolo-seg", images="none") as writer:
        writer.write(image("a", *map(car, ((kept,), (cut,), (edged,), box))))
    assert (writer.report.instances_written, writer.report.instances_changed) == (4, 1)


@pytest.mark.parametrize(
    "shape",
    [
        (Polygon(exterior=[(2, 3), (9, 3), (20, 15)], rule=PixelRule.EDGE),),
        (Polygon(exterior=[(-5, 3), (9, 3), (70, 15)], rule=PixelRule.CENTRE_NEAR),),
        (
            Polygon(
                exterior=[(2, 3), (30, 3), (30, 20)], holes=([(20, 6), (25, 6), (25, 8)],), rule=PixelRule.CENTRE_NEAR
            ),
        ),
        (
            Polygon(exterior=[(2, 3), (9, 3), (9, 9)], rule=PixelRule.CENTRE_NEAR),
            Polygon(exterior=[(5, 3), (19, 3), (9, 9)], rule=PixelRule.CENTRE_NEAR),
        ),
        Box(x=2, y=3, width=9, height=4, rotation=20),
    ],
)
def test_other_shapes_are_painted(shape: Any, tmp_path: Path) -> None:
    found = write(tmp_path / "out", image("a", car(shape)))
    assert (painted(label_rows(tmp_path / "out")[0][1], W, H) == shape_mask(shape, W, H).to_array()).all()
    told = {f.code for f in found} & {"polygons-painted", "boxes-painted"}
    assert told == {"boxes-painted" if isinstance(shape, Box) else "polygons-painted"}


def test_nothing_to_see(tmp_path: Path) -> None:
    outside = Polygon(exterior=[(100, 100), (110, 100), (105, 120)], rule=PixelRule.CENTRE_NEAR)
    found = write(tmp_path / "out", image("a", car(block()), car((outside,)), car(block((1, 1, 3, 3)))))
    assert len(label_rows(tmp_path / "out")) == 1
    assert [f.where.annotation for f in found if f.code == "instance-empty"] == [0, 1]


def test_order_and_overlap(tmp_path: Path) -> None:
    below, above = block((1, 1, 10, 10)), block((5, 5, 10, 10))
    found = write(tmp_path / "out", image("a", car(below, "tree"), car(above)))
    shown = label_rows(tmp_path / "out")
    assert [number for number, _ in shown] == [1, 0]
    assert (painted(shown[0][1], W, H) == below.to_array()).all()
    assert codes(found) == {"yolo-split-none"}


def test_the_same_row_twice(tmp_path: Path) -> None:
    same = block((1, 1, 10, 10))
    found = write(tmp_path / "out", image("a", car(same), car(same, "tree"), car(same)))
    assert len(label_rows(tmp_path / "out")) == 3
    finding = one(found, "yolo-rows-same")
    assert (finding.where.annotation, finding.unit, finding.weight) == (2, "rows", Weight.DATA)
    assert finding.message == "its row is the very same as that of annotation 0; the trainer drops it"


def test_scores(tmp_path: Path) -> None:
    some = car(block((1, 1, 3, 3)), score=0.8125), car(block((9, 9, 3, 3)), score=1e-7), car(block((9, 1, 3, 3)))
    found = write(tmp_path / "out", image("a", *some), scores=True)
    lines = (tmp_path / "out/labels/train/a.txt").read_text().splitlines()
    assert [float(line.split()[-1]) for line in lines] == [0.8125, 1e-7, 1.0]
    assert {len(line.split()) % 2 for line in lines} == {0}
    assert one(found, "yolo-score-missing").amount == 1
    assert "scores-dropped" not in codes(found)
    found = write(tmp_path / "without", image("a", *some))
    assert one(found, "scores-dropped").amount == 2


# --- files --------------------------------------------------------------------------------------------------------------


def test_a_data_set(tmp_path: Path) -> None:
    names = ["a", "sub/dir/b", "with space", "dots.in.name.v2", "ünï"]
    write(tmp_path / "out", *(image(n, car(block((1, 1, 4, 3)))) for n in names), image("empty", split="val"))
    labels = {f"labels/train/{n}.txt" for n in names} | {"labels/val/empty.txt"}
    assert files(tmp_path / "out") == labels | {"data.yaml"}
    assert (tmp_path / "out/labels/val/empty.txt").read_bytes() == b""
    assert (tmp_path / "out/data.yaml").read_text() == (
        'train: images/train\nval: images/val\nnc: 2\nnames:\n  0: "car"\n  1: "tree"\n'
    )
    row = (tmp_path / "out/labels/train/a.txt").read_text()
    assert row == "0 0.037500 0.062500 0.037500 0.145833 0.112500 0.145833 0.112500 0.062500\n"


def test_a_zip(tmp_path: Path) -> None:
    write(tmp_path / "out.zip", image("a", car(block((1, 1, 4, 3)))))
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert set(archive.namelist()) == {"labels/train/a.txt", "data.yaml"}


def test_names_that_yaml_would_take_for_something_else(tmp_path: Path) -> None:
    names = ["no", "1", "a: b", "# x", 'quo"te', "back\\slash", "null", "кот", " space ", "tab\tbed"]
    write(tmp_path / "out", image("a"), labels=LabelMap(labels=tuple(Label(name=n) for n in names)))
    yaml = pytest.importorskip("yaml") if os.environ.get("MASKCONV_YAML") else None
    text = (tmp_path / "out/data.yaml").read_text()
    if yaml is not None:
        assert list(yaml.safe_load(text)["names"].values()) == names
    with maskconv.open_reader(tmp_path / "out", format="yolo-seg", size="40x24") as images:
        assert list(images.labels.names) == names


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (None, "train"),
        ("default", "train"),
        ("Train", "train"),
        ("Validation", "val"),
        ("VALID", "val"),
        ("Test", "test"),
        ("fold 1", "val"),
    ],
)
def test_splits(given: str | None, written: str, tmp_path: Path) -> None:
    found = write(tmp_path / "out", image("a", split=given), splits="fold 1=val, fold 2=test")
    assert files(tmp_path / "out") == {f"labels/{written}/a.txt", "data.yaml"}
    assert "yolo-split" not in codes(found)
    text = (tmp_path / "out/data.yaml").read_text()
    assert text.startswith("train: images/") and "\nval: images/" in text
    assert ("test:" in text) == (written == "test")


def test_an_unknown_split(tmp_path: Path) -> None:
    found = write(tmp_path / "out", image("a", split="holdout"))
    assert "'holdout'" in one(found, "yolo-split").message
    assert "labels/train/a.txt" in files(tmp_path / "out")


@pytest.mark.parametrize(("split", "missing"), [("train", ["val"]), ("val", ["train"]), ("test", ["val", "train"])])
def test_what_stands_for_a_missing_split(split: str, missing: list[str], tmp_path: Path) -> None:
    found = write(tmp_path / "out", image("a", split=split))
    told = [f for f in found if f.code == "yolo-split-none"]
    assert [f.message.split()[5].rstrip(",") for f in told] == missing
    assert all(f"data.yaml names images/{split}" in f.message for f in told)
    for key in missing:
        assert f"{key}: images/{split}\n" in (tmp_path / "out/data.yaml").read_text()


def test_a_share_goes_to_val(tmp_path: Path) -> None:
    """Frames of one sequence stay together, the same ones go every time, more of them where the share is larger."""
    images = [image(f"s{i % 50}/f{i}", sequence=f"s{i % 50}" if i % 2 else None, frame=i) for i in range(600)]
    before: set[str] = set()
    for share in (0.0, 0.1, 0.4, 1.0):
        write(tmp_path / f"{share}", *images, val=share)
        moved = {Path(name).stem for name in files(tmp_path / f"{share}") if name.startswith("labels/val/")}
        assert before <= moved
        assert abs(len(moved) / 600 - share) < 0.12
        sequences = {i.sequence for i in images if i.sequence and i.name.split("/")[1] in moved}
        together = {i.name.split("/")[1] for i in images if i.sequence in sequences}
        assert together <= moved
        before = moved


def test_the_trainer_finds_the_labels(tmp_path: Path) -> None:
    """The last folder images of a path counts, also where it is part of the item's name."""
    assert label_path("images/train/a.jpg") == "labels/train/a.txt"
    assert label_path("images/train/x/images/a.b.jpg") == "images/train/x/labels/a.b.txt"
    assert label_path("images/train/images/a.jpg") == "images/train/labels/a.txt"
    assert label_path("images/train/myimages/a.jpg") == "labels/train/myimages/a.txt"


# --- names --------------------------------------------------------------------------------------------------------------


def lock(tmp_path: Path, kind: str) -> str:
    texts = {
        "data.yaml": "train: x\nval: x\nnames: [tree, lamp, car]\n",
        "labelmap.txt": "# label:color_rgb:parts:actions\nbackground:0,0,0::\ntree:1,1,1::\nlamp:2,2,2::\ncar:3,3,3::\n",
        "classes.txt": "tree\nlamp\ncar\n",
    }
    if kind not in texts:
        return kind
    (tmp_path / kind).write_text(texts[kind])
    return str(tmp_path / kind)


@pytest.mark.parametrize("kind", ["data.yaml", "labelmap.txt", "classes.txt", "tree, lamp,car"])
def test_locked_names(kind: str, tmp_path: Path) -> None:
    write(
        tmp_path / "out",
        image("a", car(block((1, 1, 3, 3))), car(block((9, 1, 3, 3)), "tree")),
        names=lock(tmp_path, kind),
    )
    assert [number for number, _ in label_rows(tmp_path / "out")] == [2, 0]
    assert 'nc: 3\nnames:\n  0: "tree"\n  1: "lamp"\n  2: "car"\n' in (tmp_path / "out/data.yaml").read_text()


def test_a_label_that_the_lock_lacks(tmp_path: Path) -> None:
    found: list[Finding] = []
    source = tmp_path / "in.mcv"
    with maskconv.open_writer(source, LABELS) as writer:
        writer.write(image("a", car(block((1, 1, 3, 3))), car(block((9, 1, 3, 3)), "tree")))
    how: Any = {"to": "yolo-seg", "write": {"images": "none", "names": "tree,cart"}}
    with pytest.raises(ConversionError):
        maskconv.convert(source, tmp_path / "out", report=maskconv.Report(sink=found.append), **how)
    finding = one(found, "label-unknown")
    assert (finding.weight, finding.where.annotation) == (Weight.ERROR, 0)
    assert finding.message == "the label 'car' is not among the names (did you mean 'cart'?)"
    lacking = one(found, "yolo-names-lack")
    assert lacking.amount == 1
    assert lacking.message.endswith("not among the given names: 'car'; each of their instances is an error")
    report = maskconv.convert(source, tmp_path / "out", on_error="skip", **how)
    assert report.instances_written == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: {0: a, 2: b}\n", "its class numbers are not 0, 1, 2, ... without gaps"),
        ("nothing: 1\n", "has no names"),
    ],
)
def test_a_lock_that_cannot_be_used(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(SourceError) as caught:
        write(tmp_path / "out", image("a"), names=str(tmp_path / "data.yaml"))
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_lock_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there is no such file.*--to-names"):
        write(tmp_path / "out", image("a"), names=str(tmp_path / "data.yaml"))


@pytest.mark.parametrize("name", ["background", "Background"])
def test_background_is_no_class_and_its_instances_are_named(name: str, tmp_path: Path) -> None:
    labels = LabelMap(labels=(Label(name=name), Label(name="car")))
    some = image("a", car(block((1, 1, 3, 3)), name), car(block((9, 1, 3, 3))))
    found = write(tmp_path / "out", some, labels=labels)
    finding = one(found, "yolo-background-instance")
    assert (finding.weight, finding.unit, finding.where.annotation) == (Weight.DATA, "instances", 0)
    assert len(label_rows(tmp_path / "out")) == 1
    write(tmp_path / "locked", some, labels=labels, names=f"car,{name}")
    assert [number for number, _ in label_rows(tmp_path / "locked")] == [1, 0]


# --- pictures -----------------------------------------------------------------------------------------------------------


def picture(path: Path, size: tuple[int, int] = (W, H)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (9, 9, 9)).save(path)
    return path


def test_linked(tmp_path: Path) -> None:
    own = picture(tmp_path / "in/x.JPG")
    found = write(
        tmp_path / "out", image("sub/a", car(block((1, 1, 3, 3))), picture=Picture(path=str(own))), images="link"
    )
    assert files(tmp_path / "out") == {"images/train/sub/a.JPG", "labels/train/sub/a.txt", "data.yaml"}
    assert (tmp_path / "out/images/train/sub/a.JPG").samefile(own)
    assert codes(found) == {"yolo-split-none"}
    assert "image-size-dropped" not in {f.code for f in found}


def test_copied(tmp_path: Path) -> None:
    own = picture(tmp_path / "in/x.png")
    write(tmp_path / "out", image("a", picture=Picture(path=str(own))), images="copy")
    assert not (tmp_path / "out/images/train/a.png").samefile(own)
    assert (tmp_path / "out/images/train/a.png").read_bytes() == own.read_bytes()


def test_out_of_a_zip_and_into_one(tmp_path: Path) -> None:
    own = picture(tmp_path / "x.png")
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(own, "deep/x.png")
    some = image("a", picture=Picture(path=str(tmp_path / "in.zip"), member="deep/x.png"))
    write(tmp_path / "out", some, images="link")
    assert (tmp_path / "out/images/train/a.png").read_bytes() == own.read_bytes()
    write(tmp_path / "out.zip", some, images="link")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.read("images/train/a.png") == own.read_bytes()


def test_from_a_folder(tmp_path: Path) -> None:
    picture(tmp_path / "in/sub/a.png")
    write(tmp_path / "out", image("sub/a", width=None, height=None), images="link", pictures=tmp_path / "in")
    assert "images/train/sub/a.png" in files(tmp_path / "out")


def test_a_split_s_pictures(tmp_path: Path) -> None:
    for number, place in enumerate(("train/a.png", "val/a.png", "val/b.png", "holdout/c.png", "test/d.png")):
        picture(tmp_path / "in/images" / place, (40 + number, 40))
    images = [image(n, split=s, width=None, height=None) for n, s in (("a", "train"), ("b", None), ("d", "street"))]
    for folder in ("in", "in/images"):
        out = tmp_path / f"out-{Path(folder).name}"
        write(out, *images, images="link", pictures=tmp_path / folder, splits="street=test")
        assert (out / "images/train/a.png").samefile(tmp_path / "in/images/train/a.png")
        assert (out / "images/train/b.png").samefile(tmp_path / "in/images/val/b.png")
        assert (out / "images/test/d.png").samefile(tmp_path / "in/images/test/d.png")
    both = image("a", split=None, width=None, height=None)
    with pytest.raises(DataError, match=r"no split, and train/a\.png and val/a\.png in") as caught:
        write(tmp_path / "none", both, images="link", pictures=tmp_path / "in/images")
    assert caught.value.code == "yolo-picture-missing"
    with pytest.raises(DataError, match="there is no picture 'b' in"):
        write(tmp_path / "none", image("b", split="train"), images="link", pictures=tmp_path / "in")


def test_a_reference_to_a_service_is_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("service:some-key").write_bytes(picture(tmp_path / "x.png").read_bytes())
    with pytest.raises(DataError, match="its picture is not known; --to-pictures FOLDER"):
        write(tmp_path / "out", image("a", picture=Picture(path="service:some-key", member="a")), images="link")


def test_the_size_comes_from_the_picture(tmp_path: Path) -> None:
    picture(tmp_path / "in/a.png")
    polygon = Polygon(exterior=[(2, 3), (9, 3), (20, 15)], rule=PixelRule.CENTRE_NEAR)
    some = image("a", car((polygon,)), width=None, height=None)
    for images in ("link", "none"):
        write(tmp_path / images, some, images=images, pictures=tmp_path / "in")
        assert len(label_rows(tmp_path / images)) == 1
    with pytest.raises(DataError, match=r"its size is not known.*--to-pictures"):
        write(tmp_path / "out", some)


def test_a_missing_picture(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="its picture is not known; --to-pictures FOLDER, or --to-images none"
    ) as caught:
        write(tmp_path / "out", image("a"), images="link")
    assert caught.value.code == "yolo-picture-missing"
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="there is no picture 'a' in"):
        write(tmp_path / "out", image("a"), images="link", pictures=tmp_path / "in")
    with pytest.raises(SourceError, match="there is no such folder of pictures"):
        write(tmp_path / "out", image("a"), pictures=tmp_path / "no")


@pytest.mark.parametrize(
    ("name", "size", "code", "part"),
    [
        ("a.png", (W * 2, H), "yolo-picture-size", f"{W * 2} x {H} pixels, its annotations are for {W} x {H}"),
        ("a.gif", (W, H), "yolo-picture-refused", "named .gif"),
        ("a.png", (W, 9), "yolo-picture-refused", "of less than 10 pixels"),
    ],
)
def test_odd_pictures(name: str, size: tuple[int, int], code: str, part: str, tmp_path: Path) -> None:
    own = picture(tmp_path / "in" / name, size)
    found = write(tmp_path / "out", image("a", picture=Picture(path=str(own))), images="link")
    assert part in one(found, code).message
    assert one(found, code).weight is Weight.WARNING


# --- names of items -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../a", "/a", "a//b", "a/./b", "a\nb", "a\0b", "a\ud800"])
def test_names_that_cannot_be(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the item name") as caught:
        write(tmp_path / "out", image("a").replace(name=name))
    assert caught.value.code == "name-unsafe"


def test_colliding_names(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two images would be named"):
        write(tmp_path / "out", image("a"), image("A"))
    write(tmp_path / "fine", image("a"), image("a", split="val"))
    assert files(tmp_path / "fine") >= {"labels/train/a.txt", "labels/val/a.txt"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_points": 2}, "--to-max-points"),
        ({"val": 2}, "--to-val"),
        ({"splits": "fold"}, "write SPLIT=train"),
        ({"splits": "fold=else"}, "--to-splits"),
        ({"images": "symlink"}, "--to-images"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=message):
        write(tmp_path / "out", image("a"), **options)


def test_class_counts(tmp_path: Path) -> None:
    """What the report counts is in the files."""
    some = [
        image(f"{i}", *(car(block((j, i % 9, 3, 3)), ("car", "tree")[j % 2]) for j in range(i % 7))) for i in range(30)
    ]
    write(tmp_path / "out", *some, val=0.3)
    found = Counter(
        line.split()[0] for p in (tmp_path / "out/labels").rglob("*.txt") for line in p.read_text().splitlines()
    )
    wanted = Counter(a.label for each in some for a in each.annotations)
    assert found == {"0": wanted["car"], "1": wanted["tree"]}


@pytest.mark.parametrize("size", [(97, 61), (640, 480), (1921, 1083), (40_001, 300)])
def test_ious_known_without_drawing_are_those_of_drawing(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    masks = []
    for _ in range(40):
        pixels = cv2.resize(rng.random((15, 21), np.float32), (70, 50), interpolation=cv2.INTER_CUBIC) > 0.6
        canvas = np.zeros((size[1], size[0]), np.bool_)
        x, y = rng.integers(0, size[0] - 70), rng.integers(0, size[1] - 50)
        canvas[y : y + 50, x : x + 70] = pixels
        masks.append(Mask.from_array(canvas))
    made = [ring for ring in rings(masks) if ring is not None]
    for longest in (300, 999, 1000, 1500):
        shown = [write_view.Shown([ring.points], ring.crop, ring.area) for ring in made]
        known = [each._replace(iou=ring.iou) for each, ring in zip(shown, made, strict=True)]
        assert write_view.seen_ious(known, size, longest) == write_view.seen_ious(shown, size, longest)
    assert any(ring.parts > 1 for ring in made)
