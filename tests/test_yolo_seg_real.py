"""yolo-seg on real data: what is expected is found in the raw files without maskconv."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import maskconv
from maskconv.geometry import polygon_mask
from maskconv.model import Box
from tests.places import real_data

SETS = {"yolo-seg-datumaro": ("data.yaml", 1, 2), "yolo-seg-labelformat": ("dataset.yaml", 2, 3)}


def raw(folder: Path) -> dict[str, list[list[float]]]:
    """The numbers of each label file, by its stem."""
    files = sorted(folder.rglob("labels/**/*.txt"))
    return {f.stem: [[float(v) for v in line.split()] for line in f.read_text().splitlines() if line] for f in files}


def read(path: Path, **options):
    with maskconv.open_reader(path, **options) as images:
        return images, list(images)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("by", ["folder", "yaml"])
def test_every_row(name: str, by: str) -> None:
    folder = real_data(name)
    yaml, images, instances = SETS[name]
    reader, found = read(folder if by == "folder" else folder / yaml)
    rows = raw(folder)
    assert (len(found), sum(map(len, rows.values()))) == (images, instances)
    names = reader.labels.names
    for image in found:
        with Image.open(next((folder / "images").rglob(f"{image.name}.jpg"))) as opened:
            assert (image.width, image.height) == opened.size
        assert image.split == "train"
        size = np.array((image.width, image.height))
        assert [a.label for a in image.annotations] == [names[int(row[0])] for row in rows[image.name]]
        for annotation, row in zip(image.annotations, rows[image.name], strict=True):
            ring = np.array(row[1:]).reshape(-1, 2) * size
            assert np.array_equal(annotation.shape[0].exterior, ring)
            drawn = np.zeros((image.height, image.width), np.uint8)
            cv2.fillPoly(drawn, [np.floor(ring + 0.25).astype(np.int32)], 1)
            assert np.array_equal(polygon_mask(annotation.shape, *size.tolist()).to_array(), drawn != 0)
    assert [f.code for f in reader.report.findings] == ["yolo-split-key"]


def test_names() -> None:
    assert read(real_data("yolo-seg-labelformat"))[0].labels.names == ("kite", "person", "elephant", "sports ball")
    assert read(real_data("yolo-seg-datumaro"))[0].labels.names == tuple(f"label_{n}" for n in range(10))


def test_validate() -> None:
    found = {f.code: f for f in maskconv.validate(real_data("yolo-seg-labelformat"))}
    assert set(found) == {"yolo-split-key", "yolo-path", "yolo-class-unused"}
    assert found["yolo-class-unused"].message == "no label of 1 class: kite"
    assert (found["yolo-path"].where.member, found["yolo-path"].where.line) == ("dataset.yaml", 1)


def test_to_cvat_and_read_again(tmp_path: Path) -> None:
    """The masks that CVAT gets are those that the rows mean, where no other covers them."""
    folder = real_data("yolo-seg-labelformat")
    maskconv.convert(folder, tmp_path / "cvat.zip", to="cvat-mask")
    masks = {i.name: i for i in read(tmp_path / "cvat.zip")[1]}
    for image in read(folder)[1]:
        seen = np.zeros((image.height, image.width), int)
        for number, annotation in enumerate(image.annotations, 1):
            seen[polygon_mask(annotation.shape, image.width, image.height).to_array()] = number
        got = np.zeros_like(seen)
        for number, annotation in enumerate(masks[image.name].annotations, 1):
            got[annotation.shape.to_array()] = number
            assert annotation.label == image.annotations[number - 1].label
        assert np.array_equal(seen, got)


def test_a_detection_set_is_boxes() -> None:
    """coco8 without its pictures: nothing can be read without a size; boxes are never outlines of two points."""
    folder = real_data("yolo-det-coco8-negative")
    reader, found = read(folder)
    assert found == []
    (alone,) = [f for f in reader.report.findings if f.code == "yolo-labels-alone"]
    rows = raw(folder)
    assert alone.amount == len(rows) == 8
    reader, found = read(folder, size="640x480")
    assert [(i.name, len(i.annotations)) for i in found] == [
        (name, len(rows[name]))
        for split in ("train", "val")
        for name in sorted(p.stem for p in (folder / "coco8/labels" / split).iterdir())
    ]
    assert {i.split for i in found} == {"train", "val"}
    assert len(reader.labels.names) == 80
    for image in found:
        for annotation, (number, x, y, w, h) in zip(image.annotations, rows[image.name], strict=True):
            assert annotation.label == reader.labels.names[int(number)]
            want = Box(x=x * 640 - w * 640 / 2, y=y * 480 - h * 480 / 2, width=w * 640, height=h * 480)
            assert annotation.shape == want
    codes = {f.code: f for f in reader.report.findings}
    assert set(codes) == {"yolo-boxes", "yolo-download"}
    assert "no outlines: the labels of a detection data set" in codes["yolo-boxes"].message
