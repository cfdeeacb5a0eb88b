"""What Ultralytics' trainer (8.4) sees in a row, modelled from its documented behaviour, at the picture's own size.

It parses single precision, puts points between the row's own ones until there are 1000 (or one more than the image's
longest row has), multiplies by width and height, truncates, and fills with OpenCV. The points in between lie on straight
lines, but their truncation may be a pixel beside the line that OpenCV draws.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from maskconv._opencv import opencv
from maskconv.formats.yolo_seg.rows_out import shares
from maskconv.model import Mask

__all__ = ["POINTS", "resampled", "seen_iou", "seen_points"]

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
POINTS = 1000  # what a row is resampled to, where no row of the image has more


def resampled(row: Floats, longest: int) -> Floats:
    """A row of (n, 2) as the trainer resamples it, where the image's longest row has ``longest`` points."""
    count = POINTS if longest <= POINTS else longest + 1
    if len(row) == count:
        return row
    closed = np.concatenate((row, row[:1]))
    at = _spread(len(closed), count) if count == POINTS else _places(len(closed), count)
    known = np.arange(len(closed))
    return np.stack([np.interp(at, known, closed[:, i]) for i in range(2)], axis=1).astype(np.float32)


@lru_cache(256)
def _spread(points: int, count: int) -> NDArray[np.float64]:
    return _places(points, count)


def _places(points: int, count: int) -> NDArray[np.float64]:
    """Evenly spread places along the points' numbers, the points themselves among them where there is room."""
    if points >= count:
        return np.linspace(0, points - 1, count)
    even = np.linspace(0, points - 1, count - points)
    return np.sort(np.concatenate((even, np.arange(points))))


def seen_points(ring: Ints, width: int, height: int, longest: int) -> Ints:
    """The pixel indices that the trainer makes of a ring's row."""
    seen = resampled(shares(ring, width, height), longest)
    return (seen * np.array([width, height], np.float32)).astype(np.int32)


def seen_iou(rings: list[Ints], mask: Mask, longest: int) -> float:
    """Intersection over union of the mask and what the trainer sees of the rows of its rings, together."""
    crop, x, y = mask.crop()
    wanted = crop.view(np.uint8)
    drawn: NDArray[np.uint8] = np.zeros_like(wanted)
    for ring in rings:
        opencv().fillPoly(drawn, [seen_points(ring, mask.width, mask.height, longest) - np.array([x, y], np.int32)], 1)
    both, all_drawn = int(opencv().countNonZero(drawn & wanted)), int(opencv().countNonZero(drawn))
    return both / (all_drawn + mask.area - both)
