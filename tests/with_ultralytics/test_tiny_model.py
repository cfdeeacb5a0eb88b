"""The tiny model by Ultralytics alone: it sees what is there, and its two files are the same network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.synthetic import ONNX, SIZE, WEIGHTS, draw, matched


@pytest.fixture(scope="module")
def model() -> Any:
    from ultralytics import YOLO

    return YOLO(WEIGHTS)


def test_it_sees_what_is_there(model: Any, tmp_path: Path) -> None:
    scenes = draw(tmp_path)
    found = {
        Path(result.path).stem: list(
            zip((result.names[int(c)] for c in result.boxes.cls), result.masks.data.numpy() > 0, strict=True)
        )
        for result in model.predict(tmp_path, imgsz=SIZE, retina_masks=True, stream=True)
    }
    values = [value for stem, scene in scenes.items() for value in matched(scene.instances, found[stem])]
    assert np.mean([value for value in values if value > 0.5]) >= 0.85
    assert np.mean([value > 0.5 for value in values]) >= 0.9


def test_both_files_are_one_network(model: Any) -> None:
    import torch
    from onnxruntime import InferenceSession

    pixels = np.random.default_rng(0).random((2, 3, 96, SIZE), np.float32)
    rows, prototypes = InferenceSession(ONNX, providers=["CPUExecutionProvider"]).run(None, {"images": pixels})
    with torch.no_grad():
        (expected, expected_prototypes), _ = model.model.float().eval()(torch.from_numpy(pixels))
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(prototypes, expected_prototypes, rtol=1e-4, atol=1e-4)
