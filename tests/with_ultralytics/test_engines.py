"""Both engines of yolo-model see what Ultralytics sees: the tiny model over 50 pictures of odd sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import maskconv
from maskconv.formats.yolo_model.letterbox import Fit
from maskconv.model import AnnotatedImage, Mask
from tests.synthetic import ONNX, SIZE, WEIGHTS, draw, matched, shapes
from tests.with_ultralytics.ultra import Seen, look

Images = dict[str, AnnotatedImage]
SIZES = [SIZE, 320]  # the second one upsamples all pictures: other steps of interpolation
SCORE = 1e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenes")


@pytest.fixture(scope="module")
def scenes(folder: Path) -> dict[str, Any]:
    return draw(folder)


@pytest.fixture(scope="module", params=SIZES)
def size(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def seen(scenes: Any, folder: Path, size: int) -> dict[str, Seen]:
    return look(WEIGHTS, folder, imgsz=size)


@pytest.fixture(scope="module", params=[WEIGHTS, ONNX], ids=["ultralytics", "onnxruntime"])
def images(request: pytest.FixtureRequest, scenes: Any, folder: Path, size: int) -> Images:
    return read(folder, request.param, imgsz=size)


def read(folder: Path, weights: Path, **options: Any) -> Images:
    with maskconv.open_reader(folder, format="yolo-model", model=weights, **options) as found:
        images = {image.name: image for image in found}
        assert {finding.code for finding in found.report.findings} <= {"yolo-empty-mask"}
    return images


def bitmaps(image: AnnotatedImage) -> np.ndarray:
    """(n, height, width)."""
    shapes = [annotation.shape for annotation in image.annotations]
    assert all(isinstance(shape, Mask) for shape in shapes)
    arrays = [shape.to_array() for shape in shapes]
    return np.array(arrays) if arrays else np.zeros((0, image.height, image.width), bool)


def test_the_same_instances_in_the_same_order(images: Images, seen: dict[str, Seen]) -> None:
    assert_same_instances(images, seen)
    assert sum(len(one.labels) for one in seen.values()) > 150


def assert_same_instances(images: Images, seen: dict[str, Seen]) -> None:
    assert images.keys() == seen.keys()
    for name, image in images.items():
        assert [annotation.label for annotation in image.annotations] == seen[name].labels, name
        scores = [annotation.score for annotation in image.annotations]
        np.testing.assert_allclose(scores, seen[name].scores, rtol=0, atol=SCORE, err_msg=name)
        boxes = [(a.box.x, a.box.y, a.box.x + a.box.width, a.box.y + a.box.height) for a in image.annotations]
        np.testing.assert_allclose(np.reshape(boxes, (-1, 4)), seen[name].boxes, rtol=0, atol=1e-3, err_msg=name)


def test_the_masks_are_those_of_retina_masks(images: Images, seen: dict[str, Seen]) -> None:
    assert_same_masks(images, seen)


def assert_same_masks(images: Images, seen: dict[str, Seen]) -> None:
    """Every pixel whose logit is further than 1e-4 from the threshold."""
    for name, image in images.items():
        found = bitmaps(image)
        assert found.shape == seen[name].masks.shape
        assert not (seen[name].least & ~found).any(), name
        assert not (found & ~seen[name].most).any(), name


def test_the_engines_agree(scenes: Any, folder: Path) -> None:
    ours, theirs = read(folder, ONNX), read(folder, WEIGHTS)  # at the size that both files say
    seen = look(WEIGHTS, folder, imgsz=SIZE)
    for name, image in ours.items():
        other = theirs[name]
        assert [a.label for a in image.annotations] == [a.label for a in other.annotations]
        scores = [[a.score for a in one.annotations] for one in (image, other)]
        np.testing.assert_allclose(*scores, rtol=0, atol=SCORE)
        apart = bitmaps(image) ^ bitmaps(other)
        assert not (apart & ~(seen[name].most & ~seen[name].least)).any(), name


@pytest.mark.parametrize("weights", [WEIGHTS, ONNX], ids=["ultralytics", "onnxruntime"])
def test_a_batch_changes_nothing_but_the_last_bits(weights: Path, scenes: Any, folder: Path) -> None:
    alone, together = read(folder, weights), read(folder, weights, batch=8)
    for name, image in alone.items():
        other = together[name]
        assert [a.label for a in image.annotations] == [a.label for a in other.annotations]
        scores = [[a.score for a in one.annotations] for one in (image, other)]
        np.testing.assert_allclose(*scores, rtol=0, atol=SCORE)


def test_they_see_what_is_there(scenes: dict[str, Any], folder: Path) -> None:
    for weights in (WEIGHTS, ONNX):
        values = []
        for name, image in read(folder, weights).items():
            found = [(a.label, a.shape.to_array()) for a in image.annotations]
            values += matched(scenes[name].instances, found)
        assert np.mean(values) >= 0.75  # those that were missed count as 0


ROUNDED = {  # (width, height) of which one side is rounded down to a multiple of the stride, by the network's size
    160: [(129, 214), (122, 152), (269, 162), (352, 71), (140, 348), (593, 2955)],
    224: [(373, 651), (347, 199), (270, 377), (120, 417), (469, 135), (207, 89)],
    320: [(327, 164), (350, 582), (566, 397), (663, 133), (140, 349), (561, 113)],
    640: [(873, 568), (421, 647), (349, 262), (743, 1649), (150, 748), (777, 78)],
}


@pytest.mark.parametrize("weights", [WEIGHTS, ONNX], ids=["ultralytics", "onnxruntime"])
@pytest.mark.parametrize("size", ROUNDED)
def test_sides_rounded_down_to_a_multiple_of_the_stride(size: int, weights: Path, tmp_path: Path) -> None:
    """Ultralytics tells from the input's shape where the picture lay in it, which is not where it was put."""
    rng = np.random.default_rng(size)
    for width, height in ROUNDED[size]:
        fit = Fit.of(width, height, (size, size), 32)
        assert fit != Fit.of(width, height, fit.shape, None)
        picture = shapes.scene(rng, width, height, most=12).picture
        assert cv2.imwrite(str(tmp_path / f"{width}x{height}.png"), picture[..., ::-1])
    images, seen = read(tmp_path, weights, imgsz=size, conf=0.05), look(WEIGHTS, tmp_path, imgsz=size, conf=0.05)
    assert_same_instances(images, seen)
    assert_same_masks(images, seen)
    assert all(len(one.labels) for one in seen.values())
