"""Masks whose colours were damaged are recognised for what happened to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from test_cvat_mask import build

import maskconv
from maskconv.finding import Finding

LABELS = {"background": (0, 0, 0), "car": (250, 50, 83), "person": (51, 221, 255), "tree": (36, 179, 83)}
MAP = "".join(f"{name}:{r},{g},{b}::\n" for name, (r, g, b) in LABELS.items())
NOUGHT = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)]


def scene() -> np.ndarray:
    classes = np.zeros((60, 90), np.uint8)
    classes[10:40, 10:40] = 1
    cv2.circle(classes, (60, 30), 15, 2, -1)
    classes[45:58, 20:80] = 3
    return classes


def told(folder: Path, classes: np.ndarray, objects: np.ndarray) -> Finding:
    files: dict[str, Any] = {"labelmap.txt": MAP, "ImageSets/Segmentation/default.txt": "a\n"}
    for name, colors in (("Class", classes), ("Object", objects)):
        files[f"Segmentation{name}/a.png"] = cv2.imencode(".png", colors[:, :, ::-1])[1].tobytes()
    (found,) = [f for f in maskconv.validate(build(folder / "set.zip", files)) if f.code == "cvat-color-undeclared"]
    return found


def rgb(colors: list[tuple[int, int, int]], indices: np.ndarray) -> np.ndarray:
    return np.array(colors, np.uint8)[indices]


COLORS = list(LABELS.values())


@pytest.mark.parametrize("scale", [2, 3.3, 0.7])
def test_interpolation(scale: float, tmp_path: Path) -> None:
    classes = cv2.resize(rgb(COLORS, scene()), None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    size = (classes.shape[1], classes.shape[0])
    objects = cv2.resize(rgb(NOUGHT, scene()), size, interpolation=cv2.INTER_NEAREST)
    found = told(tmp_path, classes, objects)
    assert "of them blends of two declared ones, as interpolation leaves them" in found.message
    assert found.fix.startswith("masks were resized with interpolation: export the masks again as PNG")
    assert (found.where.path, found.where.member) == (str(tmp_path / "set.zip"), "SegmentationClass/a.png")


@pytest.mark.parametrize("quality", [95, 90, 85])
def test_jpeg(quality: int, tmp_path: Path) -> None:
    data = cv2.imencode(".jpg", rgb(COLORS, scene())[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    classes = cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1]
    found = told(tmp_path, classes, rgb(NOUGHT, scene()))
    assert "of them within 12 of a declared one, as JPEG leaves them" in found.message
    assert found.fix.startswith("masks were saved as JPEG")


def test_bad_jpeg(tmp_path: Path) -> None:
    data = cv2.imencode(".jpg", rgb(COLORS, scene())[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
    found = told(tmp_path, cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1], rgb(NOUGHT, scene()))
    assert "as JPEG and interpolation leave them" in found.message
    assert found.fix.startswith("masks were saved as JPEG, or resized with interpolation")


def test_swapped_channels(tmp_path: Path) -> None:
    found = told(tmp_path, rgb(COLORS, scene())[:, :, ::-1], rgb(NOUGHT, scene()))
    assert found.fix == "red and blue are swapped: write the mask again as RGB, not BGR"


def test_labels_that_the_map_lacks_are_nothing_else(tmp_path: Path) -> None:
    others = [(0, 0, 0), (1, 200, 77), (99, 3, 140), (240, 240, 3), (3, 140, 240), (200, 30, 200)]
    classes = scene()
    classes[:5, :30] = 4
    classes[:5, 40:] = 5
    objects = rgb([*NOUGHT, (0, 0, 128), (128, 0, 128)], classes)
    found = told(tmp_path, rgb(others, classes), objects)
    assert "(5 such values, " in found.message
    assert found.fix.startswith("add a label of that colour to labelmap.txt")
