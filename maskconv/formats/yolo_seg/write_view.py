"""What Ultralytics' trainer (8.4) sees in a row, modelled from its documented behaviour, at the picture's own size.

It parses single precision, puts points between the row's own ones until there are 1000 (or one more than the image's
longest row has), multiplies by width and height, truncates, and fills with OpenCV. The points in between lie on straight
lines, but their truncation may be a pixel beside the line that OpenCV draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskconv._opencv import opencv
from maskconv._ring import Crop
from maskconv.formats.yolo_seg.rows_out import shares

__all__ = ["POINTS", "resampled", "seen_iou", "seen_points"]

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
POINTS = 1000  # what a row is resampled to, where no row of the image has more


class _Spread(NamedTuple):
    """Where the points of a resampled row lie: behind which point, and which share of the way to the next one."""

    behind: NDArray[Any]
    share: NDArray[np.float64]


def resampled(row: Floats, longest: int) -> Floats:
    """A row of (n, 2) as the trainer resamples it, where the image's longest row has ``longest`` points."""
    count = POINTS if longest <= POINTS else longest + 1
    if len(row) == count:
        return row
    spread = _usual(len(row)) if count == POINTS else _spread(len(row), count)
    start = row.astype(np.float64)
    step = np.concatenate((start[1:], start[:1])) - start
    return (step.take(spread.behind, axis=0) * spread.share + start.take(spread.behind, axis=0)).astype(np.float32)


@lru_cache(POINTS)  # ten bytes for each of its points
def _usual(points: int) -> _Spread:
    behind, share = _spread(points, POINTS)
    return _Spread(behind.astype(np.int16), share)


def _spread(points: int, count: int) -> _Spread:
    """Even places along the closed row's points 0..n, and these points themselves where there is room for them."""
    closed = points + 1
    at = np.linspace(0, points, count - closed if closed < count else count)
    if closed < count:
        at = np.sort(np.concatenate((at, np.arange(closed))), kind="stable")
    behind = np.minimum(at.astype(np.intp), points - 1)
    return _Spread(behind, (at - behind)[:, None])


def seen_points(ring: Ints, width: int, height: int, longest: int) -> Ints:
    """The pixel indices that the trainer makes of a ring's row."""
    seen = resampled(shares(ring, width, height), longest)
    return (seen * np.array([width, height], np.float32)).astype(np.int32)


def seen_iou(rings: Sequence[Ints], crop: Crop, area: int, size: tuple[int, int], longest: int) -> float:
    """Intersection over union of a mask's crop, of ``area`` pixels, and what the trainer sees of the rows of its rings.

    ``size`` is that of the picture, in pixels; the rings do not leave the crop.
    """
    cv2 = opencv()
    drawn: NDArray[np.uint8] = np.zeros_like(crop.bitmap)
    for ring in rings:
        cv2.fillPoly(drawn, [seen_points(ring, *size, longest)], 1, offset=(-crop.x, -crop.y))
    both, all_drawn = int(cv2.countNonZero(drawn & crop.bitmap)), int(cv2.countNonZero(drawn))
    return both / (all_drawn + area - both)
