"""Masks inside boxes are those that Ultralytics computes for whole pictures: any size of picture and network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from maskconv.formats.yolo_model.letterbox import Fit
from maskconv.formats.yolo_model.masks import masks_of
from tests.with_ultralytics.ultra import full_size


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([64, 160, 320]), st.booleans(), st.integers(0, 2**32))
@example(1920, 1080, 640, True, 1)
@example(1080, 1920, 640, False, 2)
@example(3840, 2160, 640, True, 3)
@example(1333, 777, 1280, True, 4)
@example(1, 1, 64, True, 5)
@example(400, 1, 64, False, 6)
@example(161, 160, 160, True, 7)
@settings(max_examples=60)
def test_any_size(width: int, height: int, size: int, rect: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    fit = Fit.of(width, height, (size, size), 32 if rect else None)
    prototypes = rng.normal(size=(16, fit.net_height // 4, fit.net_width // 4)).astype(np.float32)
    coefficients = rng.normal(size=(6, 16)).astype(np.float32)
    corners = np.sort(rng.uniform(0, 1, (6, 2, 2)), axis=1).reshape(6, 4)
    boxes = (corners * ((width, height) * 2)).astype(np.float32)
    boxes[0] = 0, 0, width, height
    found = np.array([mask.to_array() for mask in masks_of(coefficients, prototypes, boxes, (width, height))])
    least, most = (full_size(coefficients, prototypes, boxes, (width, height), by) for by in (-1e-4, 1e-4))
    assert not (least & ~found).any()
    assert not (found & ~most).any()


@pytest.mark.parametrize(
    "box", [(10.0, 20, 30, 40), (10.2, 20.8, 30.2, 40.8), (0, 0, 0.4, 0.4), (30, 30, 30, 30), (99.5, 0, 100, 80)]
)
def test_a_box_holds_the_pixels_whose_index_is_in_it(box: tuple[float, ...]) -> None:
    prototypes, coefficients = np.ones((1, 40, 40), np.float32), np.ones((1, 1), np.float32)
    boxes = np.array([box], np.float32)
    (mask,) = masks_of(coefficients, prototypes, boxes, (100, 80))
    (expected,) = full_size(coefficients, prototypes, boxes, (100, 80), 0)
    assert np.array_equal(mask.to_array(), expected)
