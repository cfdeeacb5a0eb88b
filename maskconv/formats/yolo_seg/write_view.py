"""What Ultralytics' trainer (8.4) sees in a row, modelled from its documented behaviour, at the picture's own size.

It parses single precision, puts points between the row's own ones until there are 1000 (or one more than the image's
longest row has), multiplies by width and height, truncates, and fills with OpenCV. The points in between lie on straight
lines, but their truncation may be a pixel beside the line that OpenCV draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskconv._opencv import opencv
from maskconv._ring import Crop
from maskconv.formats.yolo_seg.rows_out import shares

__all__ = ["POINTS", "Shown", "resampled", "seen_ious"]

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
AT_ONCE = 32  # rows that are resampled together
POINTS = 1000  # what a row is resampled to, where no row of the image has more


class Shown(NamedTuple):
    """An instance: the rings of its rows, its mask's pixels and their number. The rings do not leave the crop."""

    rings: Sequence[Ints]
    crop: Crop
    area: int


class _Spread(NamedTuple):
    """Where the points of a resampled row lie: behind which point, and which share of the way to the next one."""

    behind: NDArray[Any]
    share: NDArray[np.float64]


def resampled(rows: Sequence[Floats], longest: int) -> Floats:
    """Rows of (n, 2) as the trainer resamples them, where the image's longest row has ``longest`` points.

    They have all the same number of points then, 1000 or more: float32 (rows, points, 2).
    """
    count = POINTS if longest <= POINTS else longest + 1
    spreads = [_usual(len(row)) if count == POINTS else _spread(len(row), count) for row in rows]
    ends = np.cumsum([len(row) for row in rows])
    starts = ends - [len(row) for row in rows]
    points = np.concatenate(rows).astype(np.float64)
    steps = np.empty_like(points)
    np.subtract(points[1:], points[:-1], out=steps[:-1])
    steps[ends - 1] = points[starts] - points[ends - 1]
    behind = np.concatenate([spread.behind + start for spread, start in zip(spreads, starts, strict=True)])
    share = np.concatenate([spread.share for spread in spreads])
    found: Floats = (steps.take(behind, axis=0) * share + points.take(behind, axis=0)).astype(np.float32)
    return found.reshape(len(rows), count, 2)


@lru_cache(POINTS)  # ten bytes for each of its points
def _usual(points: int) -> _Spread:
    behind, share = _spread(points, POINTS)
    return _Spread(behind.astype(np.int16), share)


def _spread(points: int, count: int) -> _Spread:
    """Even places along the closed row's points 0..n, and these points themselves where there is room for them.

    A row that has as many points already stays as it is.
    """
    closed = points + 1
    if points == count:
        return _Spread(np.arange(count), np.zeros((count, 1)))
    at = np.linspace(0, points, count - closed if closed < count else count)
    if closed < count:
        at = np.sort(np.concatenate((at, np.arange(closed))), kind="stable")
    behind = np.minimum(at.astype(np.intp), points - 1)
    return _Spread(behind, (at - behind)[:, None])


def seen_ious(shown: Sequence[Shown], size: tuple[int, int], longest: int) -> list[float]:
    """Of each instance the intersection over union of its mask and what the trainer sees of its rows.

    ``size`` is that of the picture, in pixels; ``longest`` the number of points of its longest row.
    """
    seen = _seen([ring for each in shown for ring in each.rings], size, longest)
    return [_iou(list(islice(seen, len(each.rings))), each) for each in shown]


def _seen(rings: Sequence[Ints], size: tuple[int, int], longest: int) -> Iterator[Ints]:
    """The pixel indices that the trainer makes of each ring's row; some are made together, as that is faster."""
    for i in range(0, len(rings), AT_ONCE):
        some = rings[i : i + AT_ONCE]
        values = shares(np.concatenate(some), *size)
        rows = np.split(values, np.cumsum([len(ring) for ring in some[:-1]]))
        yield from (resampled(rows, longest) * np.array(size, np.float32)).astype(np.int32)


def _iou(seen: list[Ints], shown: Shown) -> float:
    cv2, crop = opencv(), shown.crop
    drawn: NDArray[np.uint8] = np.zeros_like(crop.bitmap)
    for points in seen:
        cv2.fillPoly(drawn, [points], 1, offset=(-crop.x, -crop.y))
    both, all_drawn = int(cv2.countNonZero(drawn & crop.bitmap)), int(cv2.countNonZero(drawn))
    return both / (all_drawn + shown.area - both)
