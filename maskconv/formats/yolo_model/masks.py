"""Masks from prototypes, at the picture's own size, evaluated only inside each instance's box.

A mask's logits are coefficients x prototypes, upsampled in two bilinear steps with the letterbox' padding cut off in
between: what Ultralytics' ``retina_masks=True`` computes for the whole picture (ops.process_mask_native, 8.4.190). Both
steps are linear and separable, so that for any window they are ``rows @ (coefficients . prototypes) @ columns.T``
with the bilinear weights in ``rows`` and ``columns``. Arithmetic is float32, in another order than there: logits
differ in the last bits.

A row of weights has three neighbours at most that are not zero, so products are made in pieces of few rows. These are
too small for BLAS to start threads, which would cost more than they bring: ten times where other work waits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskconv import runs
from maskconv.model import Mask

Floats = NDArray[np.float32]
PROTO_STRIDE = 4  # network pixels to a prototype's pixel
TOGETHER = 16  # instances
SMALL = 1 << 18  # multiplications of a product that OpenBLAS does in one thread


class Axis(NamedTuple):
    """How much each pixel of the prototypes weighs in each of the picture's, along one side: ``weights`` (picture,
    prototypes), and for each row of it the ``first`` that weighs and the ``end`` after the last."""

    weights: Floats
    first: NDArray[np.intp]
    end: NDArray[np.intp]

    def part(self, start: int, stop: int) -> Axis:
        return Axis(self.weights[start:stop], self.first[start:stop], self.end[start:stop])


def masks_of(coefficients: Floats, prototypes: Floats, boxes: Floats, size: tuple[int, int]) -> Iterator[Mask]:
    """The mask of each instance, perhaps empty.

    ``coefficients`` (n, k), ``prototypes`` (k, h, w), ``boxes`` (n, 4) of x1, y1, x2, y2 in the picture's pixels, ``size``
    the picture's (width, height). A pixel belongs to the mask where its logit is above 0 and its index is in the box.
    """
    width, height = size
    rows, columns = _axes(prototypes.shape[1], prototypes.shape[2], height, width)
    edges = np.ceil(np.clip(boxes, 0, (width, height, width, height))).astype(int).tolist()
    for number, (left, top, right, bottom) in enumerate(edges):
        if number % TOGETHER == 0:
            small = _small(coefficients[number : number + TOGETHER], prototypes)
        inside = _logits(small[number % TOGETHER], rows.part(top, bottom), columns.part(left, right)) > 0
        starts, lengths = runs.from_bitmap(inside)
        if len(starts):
            starts = _shifted(starts, right - left, left, top, width)
        yield Mask.unchecked(width=width, height=height, starts=starts, lengths=lengths)


def _small(coefficients: Floats, prototypes: Floats) -> Floats:
    """The logits of some instances at the prototypes' size: (n, h, w)."""
    flat = prototypes.reshape(len(prototypes), -1)
    found = np.empty((len(coefficients), flat.shape[1]), np.float32)
    step = max(SMALL // max(coefficients.size, 1), 1)
    for start in range(0, flat.shape[1], step):
        np.matmul(coefficients, flat[:, start : start + step], out=found[:, start : start + step])
    return found.reshape(len(coefficients), *prototypes.shape[1:])


def _logits(small: Floats, rows: Axis, columns: Axis) -> Floats:
    """The logits of a window, (len(rows), len(columns)); only pixels of ``small`` that weigh in it are looked at."""
    if not len(rows.first) or not len(columns.first):
        return np.empty((len(rows.first), len(columns.first)), np.float32)
    top, bottom = rows.first[0], rows.end[-1]
    near = Axis(rows.weights[:, top:bottom], rows.first - top, rows.end - top)
    return _product(near, _product(columns, small[top:bottom].T).T)


def _product(axis: Axis, values: Floats) -> Floats:
    """``axis.weights @ values``, in pieces."""
    found = np.empty((len(axis.weights), values.shape[1]), np.float32)
    step = 16 if values.shape[1] <= SMALL // 128 else 4
    for start in range(0, len(found), step):
        stop = min(start + step, len(found))
        near = slice(axis.first[start], axis.end[stop - 1])
        np.matmul(axis.weights[start:stop, near], values[near], out=found[start:stop])
    return found


def _shifted(starts: NDArray[np.int32], w: int, left: int, top: int, width: int) -> NDArray[np.int32]:
    """Runs of a window of width ``w`` as runs of the picture."""
    rows, columns = np.divmod(starts, np.int32(w))
    moved = np.asarray((rows + np.int32(top)) * np.int32(width) + (columns + np.int32(left)), np.int32)
    moved.flags.writeable = False
    return moved


# --- bilinear weights -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _axes(proto_height: int, proto_width: int, height: int, width: int) -> tuple[Axis, Axis]:
    """The weights of rows and of columns."""
    factor = _factor(proto_height, proto_width, height, width)
    gain = min(factor * proto_height / height, factor * proto_width / width)
    rows = _axis(proto_height, factor, max(round(height * gain), 1), height)
    return rows, _axis(proto_width, factor, max(round(width * gain), 1), width)


def _factor(proto_height: int, proto_width: int, height: int, width: int) -> int:
    """The least upsampling (1, 2 or 4) after which the padding ends between pixels."""
    net = PROTO_STRIDE * proto_height, PROTO_STRIDE * proto_width
    gain = min(net[0] / height, net[1] / width)
    padding = (net[0] - max(round(height * gain), 1)) | (net[1] - max(round(width * gain), 1))
    return PROTO_STRIDE // math.gcd(PROTO_STRIDE, padding | padding // 2)


def _axis(size: int, factor: int, inner: int, wanted: int) -> Axis:
    """``size`` pixels upsampled by ``factor``, of these ``inner`` ones in the middle, resized to ``wanted``."""
    start = round((factor * size - inner) / 2 - 0.1)
    inner = min(inner, factor * size - start)
    weights = np.zeros((wanted, size), np.float32)
    rows = np.arange(wanted)
    for outer_index, outer_weight in _taps(wanted, inner, inner / wanted):
        for index, weight in _taps(factor * size, size, 1 / factor):
            np.add.at(weights, (rows, index[outer_index + start]), outer_weight * weight[outer_index + start])
    some = weights != 0
    return Axis(weights, some.argmax(axis=1), size - some[:, ::-1].argmax(axis=1))


def _taps(wanted: int, size: int, scale: float) -> Iterator[tuple[NDArray[np.intp], Floats]]:
    """The two source pixels of each wanted pixel and their weights, float32 as PyTorch has them (align_corners=False)."""
    place = np.maximum(np.float32(scale) * (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5), 0)
    low = np.minimum(place.astype(np.intp), size - 1)
    share = (place - low).astype(np.float32)
    yield low, 1 - share
    yield np.minimum(low + 1, size - 1), share
