"""Masks from prototypes, at the picture's own size, evaluated only inside each instance's box.

A mask's logits are coefficients x prototypes, upsampled in two bilinear steps with the letterbox' padding cut off in
between: what Ultralytics' ``retina_masks=True`` computes for the whole picture (ops.process_mask_native, 8.4.190). Both
steps are linear and separable, so that for any window they are ``rows @ (coefficients . prototypes) @ columns.T``
with the bilinear weights in ``rows`` and ``columns``. Arithmetic is float32, in another order than there: logits
differ in the last bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from maskconv import runs
from maskconv.model import Mask

Floats = NDArray[np.float32]
PROTO_STRIDE = 4  # network pixels to a prototype's pixel


def masks_of(coefficients: Floats, prototypes: Floats, boxes: Floats, size: tuple[int, int]) -> Iterator[Mask]:
    """The mask of each instance, perhaps empty.

    ``coefficients`` (n, k), ``prototypes`` (k, h, w), ``boxes`` (n, 4) of x1, y1, x2, y2 in the picture's pixels, ``size``
    the picture's (width, height). A pixel belongs to the mask where its logit is above 0 and its index is in the box.
    """
    width, height = size
    rows, columns = _weights(prototypes.shape[1], prototypes.shape[2], height, width)
    edges = np.ceil(np.clip(boxes, 0, (width, height, width, height))).astype(int).tolist()
    for coefficient, (left, top, right, bottom) in zip(coefficients, edges, strict=True):
        inside = _logits(coefficient, prototypes, rows[top:bottom], columns[left:right]) > 0
        starts, lengths = runs.from_bitmap(inside)
        if len(starts):
            starts = _shifted(starts, right - left, left, top, width)
        yield Mask.unchecked(width=width, height=height, starts=starts, lengths=lengths)


def _logits(coefficient: Floats, prototypes: Floats, rows: Floats, columns: Floats) -> Floats:
    """The logits of a window (len(rows), len(columns)); only prototypes' pixels that weigh in it are looked at."""
    if not len(rows) or not len(columns):
        return np.empty((len(rows), len(columns)), np.float32)
    y, x = _touched(rows), _touched(columns)
    window = prototypes[:, y, x]
    small = (coefficient @ window.reshape(len(window), -1)).reshape(window.shape[1:])
    found: Floats = np.linalg.multi_dot([rows[:, y], small, columns[:, x].T])
    return found


def _touched(weights: Floats) -> slice:
    """The prototypes' pixels that weigh: consecutive ones, for those of neighbours overlap."""
    first, last = np.flatnonzero(weights[0]), np.flatnonzero(weights[-1])
    return slice(int(first[0]), int(last[-1]) + 1)


def _shifted(starts: NDArray[np.int32], w: int, left: int, top: int, width: int) -> NDArray[np.int32]:
    """Runs of a window of width ``w`` as runs of the picture."""
    rows, columns = np.divmod(starts, np.int32(w))
    moved = np.asarray((rows + np.int32(top)) * np.int32(width) + (columns + np.int32(left)), np.int32)
    moved.flags.writeable = False
    return moved


# --- bilinear weights -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _weights(proto_height: int, proto_width: int, height: int, width: int) -> tuple[Floats, Floats]:
    """How much each prototype row (column) weighs in each row (column) of the picture."""
    factor = _factor(proto_height, proto_width, height, width)
    upsampled = factor * proto_height, factor * proto_width
    gain = min(upsampled[0] / height, upsampled[1] / width)
    rows = _axis(proto_height, factor, max(round(height * gain), 1), height)
    return rows, _axis(proto_width, factor, max(round(width * gain), 1), width)


def _factor(proto_height: int, proto_width: int, height: int, width: int) -> int:
    """The least upsampling (1, 2 or 4) after which the padding ends between pixels."""
    net = PROTO_STRIDE * proto_height, PROTO_STRIDE * proto_width
    gain = min(net[0] / height, net[1] / width)
    padding = (net[0] - max(round(height * gain), 1)) | (net[1] - max(round(width * gain), 1))
    return PROTO_STRIDE // math.gcd(PROTO_STRIDE, padding | padding // 2)


def _axis(size: int, factor: int, inner: int, wanted: int) -> Floats:
    """Weights (wanted, size): ``size`` pixels upsampled by ``factor``, of these ``inner`` ones in the middle, resized."""
    start = round((factor * size - inner) / 2 - 0.1)
    inner = min(inner, factor * size - start)
    weights = np.zeros((wanted, size), np.float32)
    rows = np.arange(wanted)
    for outer_index, outer_weight in _taps(wanted, inner, inner / wanted):
        for index, weight in _taps(factor * size, size, 1 / factor):
            np.add.at(weights, (rows, index[outer_index + start]), outer_weight * weight[outer_index + start])
    return weights


def _taps(wanted: int, size: int, scale: float) -> Iterator[tuple[NDArray[np.intp], Floats]]:
    """The two source pixels of each wanted pixel and their weights, float32 as PyTorch has them (align_corners=False)."""
    place = np.maximum(np.float32(scale) * (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5), 0)
    low = np.minimum(place.astype(np.intp), size - 1)
    share = (place - low).astype(np.float32)
    yield low, 1 - share
    yield np.minimum(low + 1, size - 1), share
