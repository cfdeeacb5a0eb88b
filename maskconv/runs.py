"""Pixel sets and label images as run-length arrays: everything here costs O(runs), not O(pixels).

*Runs* are a pair ``(starts, lengths)`` of int32 arrays: row-major pixel offsets (``y * width + x``), ascending, never
crossing a row, maximal within it. That is the canonical form of `maskconv.model.Mask`. A `RunMap` is a whole label
image in the same spirit. Arrays handed out are read-only. Bitmaps are made only where a caller asks for one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv._runmap import Ints, RunMap, Runs, Values, crossing, frozen, group, lookup, nonzero, within
from maskconv._shapes import components, intersect, layers, overlap, paint, subtract, union

__all__ = [
    "Ints",
    "RunMap",
    "Runs",
    "Values",
    "bbox",
    "components",
    "crop_bitmap",
    "crossing",
    "from_bitmap",
    "group",
    "intersect",
    "layers",
    "lookup",
    "overlap",
    "paint",
    "subtract",
    "to_bitmap",
    "union",
    "within",
]


def from_bitmap(array: NDArray[Any]) -> Runs:
    """The runs of the nonzero pixels of a two-dimensional array (height, width)."""
    height, width = array.shape
    # one zero before each row and one at the very end: no run crosses a row, edges alternate between start and end
    padded = np.zeros(height * (width + 1) + 1, np.bool_)
    np.not_equal(array, 0, out=padded[:-1].reshape(height, width + 1)[:, 1:])
    edges = nonzero((padded[1:] != padded[:-1]).view(np.uint8))[0]
    first = edges[::2]
    starts = first - first // (width + 1)
    return frozen(starts.astype(np.int32)), frozen((edges[1::2] - first).astype(np.int32))


def _fill(starts: NDArray[Any], lengths: NDArray[Any], size: int) -> NDArray[np.bool_]:
    """A flat bitmap of ``size`` pixels with the given runs set."""
    edges = np.empty(2 * len(starts) + 1, np.int64)  # lengths of gap, run, gap, run, ..., gap
    ends = starts + lengths
    edges[0:-1:2] = starts
    edges[2:-1:2] -= ends[:-1]
    edges[1::2] = lengths
    edges[-1] = size - (ends[-1] if len(ends) else 0)
    flags = np.zeros(len(edges), np.bool_)
    flags[1::2] = True
    return np.repeat(flags, edges)


def to_bitmap(starts: Ints, lengths: Ints, width: int, height: int) -> NDArray[np.bool_]:
    """The whole image, bool (height, width)."""
    return _fill(starts, lengths, width * height).reshape(height, width)


def crop_bitmap(starts: Ints, lengths: Ints, width: int, x: int, y: int, w: int, h: int) -> NDArray[np.bool_]:
    """The pixels of the window with top left corner (x, y) and size w x h: bool (h, w). Runs outside are cut off."""
    rows = starts // width
    left = starts - rows * width - x
    right = np.minimum(left + lengths, w)
    left = np.maximum(left, 0)
    rows = rows - y
    inside = (rows >= 0) & (rows < h) & (left < right)
    if not inside.all():
        rows, left, right = rows[inside], left[inside], right[inside]
    return _fill(rows * w + left, right - left, w * h).reshape(h, w)


def bbox(starts: Ints, lengths: Ints, width: int) -> tuple[int, int, int, int]:
    """``(x, y, width, height)`` of the pixels; all zero when there are none."""
    if not len(starts):
        return 0, 0, 0, 0
    top, bottom = int(starts[0]) // width, int(starts[-1]) // width
    columns = starts % width
    left = int(columns.min())
    return left, top, int((columns + lengths).max()) - left, bottom - top + 1
