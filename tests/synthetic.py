"""Synthetic pictures with exact truth, from the generator beside the tiny model (fixtures/yolo-model/shapes.py)."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from tests.places import FIXTURES

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # tests that import onnxruntime themselves send nothing, either
FOLDER = FIXTURES / "yolo-model"
WEIGHTS, ONNX = FOLDER / "tiny-seg.pt", FOLDER / "tiny-seg.onnx"
SIZE = 160  # what the model was trained at


def _load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"yolo_model_{name}", FOLDER / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


shapes = _load("shapes")


def draw(folder: Path, count: int = 50, seed: int = 7) -> dict[str, Any]:
    """Writes scenes of odd sizes as ``00.png`` and so on; the scenes by stem."""
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    drawn = {f"{number:02}": scene for number, scene in enumerate(shapes.scenes(count, seed))}
    for stem, scene in drawn.items():
        assert cv2.imwrite(str(folder / f"{stem}.png"), scene.picture[..., ::-1])
    return drawn


def iou(a: Any, b: Any) -> float:
    """Of two bitmaps."""
    either = int((a | b).sum())
    return int((a & b).sum()) / either if either else 1.0


def matched(truth: list[tuple[str, Any]], found: list[tuple[str, Any]]) -> list[float]:
    """The IoU of each true instance with what was found of its label: best pairs first, 0 where nothing is left."""
    pairs = sorted(
        ((iou(t, f), i, j) for i, (a, t) in enumerate(truth) for j, (b, f) in enumerate(found) if a == b), reverse=True
    )
    best: dict[int, float] = {}
    taken: set[int] = set()
    for value, i, j in pairs:
        if value > 0 and i not in best and j not in taken:
            best[i] = value
            taken.add(j)
    return [best.get(i, 0.0) for i in range(len(truth))]
