"""The tiny model in fixtures/yolo-model: it is whole, runs without torch, and its pictures are what they are said to be."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import maskconv
from tests.places import ROOT
from tests.synthetic import FOLDER, ONNX, SIZE, WEIGHTS, draw, matched, shapes


@pytest.fixture(scope="module")
def session():
    from onnxruntime import InferenceSession

    return InferenceSession(ONNX, providers=["CPUExecutionProvider"])


def test_the_model_says_what_it_is(session):
    told = session.get_modelmeta().custom_metadata_map
    assert ast.literal_eval(told["names"]) == dict(enumerate(shapes.LABELS))
    assert (told["task"], told["stride"], ast.literal_eval(told["imgsz"])) == ("segment", "16", [SIZE, SIZE])
    assert "AGPL-3.0" in told["license"]


@pytest.mark.parametrize(("count", "height", "width"), [(1, SIZE, SIZE), (3, 96, SIZE), (2, 320, 192)])
def test_any_batch_and_shape(session, count, height, width):
    pixels = np.zeros((count, 3, height, width), np.float32)
    rows, prototypes = session.run(None, {"images": pixels})
    assert rows.shape == (count, 4 + len(shapes.LABELS) + 16, height * width // 64 + height * width // 256)
    assert prototypes.shape == (count, 16, height // 4, width // 4)


def test_a_picture_does_not_depend_on_its_batch(session):
    one = np.random.default_rng(0).random((1, 3, 96, SIZE), np.float32)
    alone, among = (session.run(None, {"images": np.repeat(one, n, axis=0)}) for n in (1, 4))
    for a, b in zip(alone, among, strict=True):
        np.testing.assert_allclose(b[3:], a, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("path", [WEIGHTS, ONNX], ids=lambda path: path.name)
def test_nothing_of_the_time_and_place_of_its_making(path):
    data = path.read_bytes()
    assert len(data) < 1_100_000
    assert not [word for word in (b"/tmp", b"/home", b"/root", b"/work", b"site-packages", b"2026-") if word in data]


def test_the_licence_is_told_and_the_wheel_has_none_of_it():
    told = (FOLDER / "README.md").read_text()
    assert all(word in told for word in ("tiny-seg.pt", "tiny-seg.onnx", "AGPL-3.0", "no part of the wheel"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"] == {"packages": ["maskconv"]}


def test_the_script_draws_the_pictures_and_their_truth(tmp_path):
    subprocess.run([sys.executable, FOLDER / "train.py", "--pictures", "--target", tmp_path], check=True)
    assert (tmp_path / "truth.mcv").read_bytes() == (FOLDER / "truth.mcv").read_bytes()
    kept = {path.relative_to(FOLDER): pixels(path) for path in (FOLDER / "pictures").rglob("*.*")}
    made = {path.relative_to(tmp_path): pixels(path) for path in (tmp_path / "pictures").rglob("*.*")}
    assert kept.keys() == made.keys()
    for name in kept:
        near = 8 if name.suffix == ".jpg" else 0  # encoders of JPEG differ
        assert np.abs(kept[name].astype(int) - made[name]).max() <= near, name


def pixels(path: Path) -> np.ndarray:
    import cv2

    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)


def test_the_truth_lies_on_the_pictures():
    with maskconv.open_reader(FOLDER / "truth.mcv") as images:
        assert images.labels.names == shapes.LABELS
        for image in images:
            (path,) = (FOLDER / "pictures").glob(f"{image.name}.*")
            assert pixels(path).shape == (image.height, image.width, 3)
            assert bool(image.annotations) is (image.name != "nothing")


def test_scenes_are_odd_and_reproducible():
    first, again = list(shapes.scenes(50, 7)), list(shapes.scenes(50, 7))
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.picture, b.picture)
        assert all(np.array_equal(x, y) for (_, x), (_, y) in zip(a.instances, b.instances, strict=True))
        assert all(side % 2 for side in a.picture.shape[:2])
        assert sum(mask.astype(int) for _, mask in a.instances).max() == 1  # the visible pixels alone
    assert len({scene.picture.shape for scene in first}) > 40
    assert {label for scene in first for label, _ in scene.instances} == set(shapes.LABELS)


def test_instances_are_matched_best_first(tmp_path):
    ring = next(mask for scene in draw(tmp_path, 9).values() for label, mask in scene.instances if label == "ring")
    half = ring & (np.arange(ring.shape[1]) % 2 == 0)
    part = half.sum() / ring.sum()
    assert matched([("ring", ring), ("ring", half)], [("ring", half)]) == [0.0, 1.0]
    assert matched([("ring", ring), ("circle", ring)], [("ring", half)]) == [pytest.approx(part), 0.0]
