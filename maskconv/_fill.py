"""Pure: rings of pixel indices -> masks, all of an image at once: what costs most for small rings is the number of calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from maskconv._opencv import opencv
from maskconv._runmap import nonzero
from maskconv.model import Mask

__all__ = ["SHEET", "batches", "ring_masks"]

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
SHEET = 1 << 24  # pixels that are painted together, at most (but for a single one)


def ring_masks(points: Ints, counts: Sequence[int], width: int, height: int) -> Iterator[Mask]:
    """The pixels that `cv2.fillPoly` sets for each ring, in an image of ``width`` x ``height`` pixels.

    ``points`` are all rings behind one another, int32 (n, 2) of x and y, ``counts`` their numbers of points. The borders of
    rings count in; what lies outside the image is cut off. Raises `MissingDependencyError` where OpenCV cannot be loaded.
    """
    ends: Longs = np.cumsum(np.array(counts, np.int64))
    boxes = _boxes(points, ends - counts, width, height)
    rings = [points[a:b] for a, b in pairwise([0, *ends.tolist()])]
    for batch in batches(((boxes[:, 2] + 1) * boxes[:, 3]).tolist(), SHEET):
        yield from _filled(rings[batch], boxes[batch], width, height)


def batches(sizes: Sequence[int], most: int) -> Iterator[slice]:
    """Neighbours that are not too much together; one that is too large is alone."""
    start = together = 0
    for i, size in enumerate(sizes):
        if i > start and together + size > most:
            yield slice(start, i)
            start, together = i, 0
        together += size
    yield slice(start, len(sizes))


def _boxes(points: Ints, first: Longs, width: int, height: int) -> Longs:
    """Left, top, width and height of each ring within the image, int64 (n, 4); no size where it lies outside."""
    boxes = np.empty((len(first), 4), np.int64)
    low, high = boxes[:, :2], boxes[:, 2:]
    low[:] = np.minimum.reduceat(points, first)
    high[:] = np.maximum.reduceat(points, first)
    np.maximum(low, 0, out=low)
    np.minimum(high, (width - 1, height - 1), out=high)
    high += 1 - low
    high[(high < 1).any(axis=1)] = 0
    return boxes


def _filled(rings: Sequence[Ints], boxes: Longs, width: int, height: int) -> Iterator[Mask]:
    """One sheet for all, its cells behind one another, and one zero before each row and one at the end.

    So no run crosses a row, and edges alternate between start and end.
    """
    _, _, columns, rows = boxes.T
    ends = np.cumsum((columns + 1) * rows)
    sheet = np.zeros(int(ends[-1]) + 1, np.uint8)
    _paint(sheet, rings, boxes, [0, *ends.tolist()])
    edges = nonzero(sheet[1:] ^ sheet[:-1])[0].astype(np.int32)
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    last = starts.searchsorted(ends.astype(np.int32))
    starts = _placed(starts, np.diff(last, prepend=0), boxes, ends, width)
    starts.flags.writeable = lengths.flags.writeable = False
    for a, b in pairwise([0, *last.tolist()]):
        yield Mask.unchecked(width=width, height=height, starts=starts[a:b], lengths=lengths[a:b])


def _paint(sheet: NDArray[np.uint8], rings: Sequence[Ints], boxes: Longs, places: Sequence[int]) -> None:
    fill = opencv().fillPoly
    for ring, (x, y, w, h), (a, b) in zip(rings, boxes.tolist(), pairwise(places), strict=True):
        if h:
            fill(sheet[a:b].reshape(h, w + 1)[:, 1:], [ring], 1, offset=(-x, -y))


def _placed(starts: Ints, counts: NDArray[np.intp], boxes: Longs, ends: Longs, width: int) -> Ints:
    """Starts of runs in the sheet -> in the image; ``counts`` is their number in each cell."""
    left, top, columns, rows = boxes.T
    facts = np.array([ends - (columns + 1) * rows, columns + 1, top * width + left], np.int32)
    cell, pitch, corner = facts.repeat(counts, axis=1)
    starts = starts - cell
    placed: Ints = starts + starts // pitch * (width - pitch) + corner
    return placed
