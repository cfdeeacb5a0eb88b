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
from maskconv.formats.yolo_seg.rows_out import decimals, shares

__all__ = ["POINTS", "Shown", "resampled", "seen_ious"]

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
AT_ONCE = 32  # rows that are resampled together
POINTS = 1000  # what a row is resampled to, where no row of the image has more


class Shown(NamedTuple):
    """An instance: the rings of its rows, its mask's pixels and their number. The rings do not leave the crop.

    ``iou``: what its one ring has where every point that the trainer puts between lies on the ring; all steps of that are
    straight or diagonal.
    """

    rings: Sequence[Ints]
    crop: Crop
    area: int
    iou: float | None = None


class _Spread(NamedTuple):
    """Where the points of a resampled row lie: behind which point, and which share of the way to the next one."""

    behind: NDArray[Any]
    share: NDArray[np.float64]


def resampled(rows: Sequence[Floats], longest: int) -> Floats:
    """Rows of (n, 2) as the trainer resamples them, where the image's longest row has ``longest`` points.

    They have all the same number of points then, 1000 or more: float32 (rows, points, 2).
    """
    counts = [len(row) for row in rows]
    spread = _spreads(counts, longest)
    return _between(np.concatenate(rows), counts, spread).reshape(len(rows), -1, 2)


def _between(points: Floats, counts: Sequence[int], spread: _Spread) -> Floats:
    """Those places on closed rows that lie behind one another, in single precision."""
    values = points.astype(np.float64)
    steps = _steps(values, counts)
    found: Floats = (steps.take(spread.behind, axis=0) * spread.share + values.take(spread.behind, axis=0)).astype(
        np.float32
    )
    return found


def _steps(points: NDArray[Any], counts: Sequence[int]) -> NDArray[Any]:
    """From each point to the next one of its closed row."""
    ends = np.cumsum(counts)
    steps = np.empty_like(points)
    np.subtract(points[1:], points[:-1], out=steps[:-1])
    steps[ends - 1] = points[ends - counts] - points[ends - 1]
    return steps


def _spreads(counts: Sequence[int], longest: int) -> _Spread:
    """The places on rows of so many points, behind one another, where the image's longest row has ``longest`` points."""
    count = POINTS if longest <= POINTS else longest + 1
    spreads = [_usual(points) if count == POINTS else _spread(points, count) for points in counts]
    starts = np.cumsum(counts) - counts
    behind = np.concatenate([spread.behind for spread in spreads]) + starts.repeat(count)
    return _Spread(behind, np.concatenate([spread.share for spread in spreads]))


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
    known = [each for each in shown if each.iou is not None]
    strays = iter(_straying([each.rings[0] for each in known], size, longest))
    ious = [None if each.iou is not None and next(strays) else each.iou for each in shown]
    drawn = [each for each, iou in zip(shown, ious, strict=True) if iou is None]
    seen = _seen([ring for each in drawn for ring in each.rings], size, longest)
    made = iter([_iou(list(islice(seen, len(each.rings))), each) for each in drawn])
    return [next(made) if iou is None else iou for iou in ious]


def _straying(rings: Sequence[Ints], size: tuple[int, int], longest: int) -> list[bool]:
    """Of each ring of straight and diagonal steps whether a point that the trainer puts between lies beside it.

    That takes a diagonal step, and a place midway between two of its pixels, where both coordinates change at once but for
    what their rounding adds: all other places are not looked at.
    """
    doubt = _doubt(max(size))
    found: list[bool] = []
    for i in range(0, len(rings), AT_ONCE):
        some = rings[i : i + AT_ONCE]
        counts = [len(ring) for ring in some]
        points, spread = np.concatenate(some), _spreads(counts, longest)
        steps = _steps(points, counts)
        reach = np.minimum(*np.abs(steps).T)
        along = reach.take(spread.behind) * spread.share[:, 0]
        along -= np.floor(along)
        places = (np.abs(along - 0.5) < doubt).nonzero()[0]
        inner = _Spread(spread.behind.take(places), spread.share.take(places, axis=0))
        seen = _pixels(_between(shares(points, *size), counts, inner), size)
        off = (seen - points.take(inner.behind, axis=0)) * np.sign(steps.take(inner.behind, axis=0))
        beside = places[off[:, 0] != off[:, 1]] // (len(spread.behind) // len(some))
        strays = set(beside.tolist())
        found += [number in strays for number in range(len(some))]
    return found


def _doubt(size: int) -> float:
    """More than the pixels by which a coordinate of a row can be wrong: its decimals, and four roundings to single precision."""
    return size * (0.5 / 10.0 ** decimals(size) + 4 / 2**24)


def _pixels(values: Floats, size: tuple[int, int]) -> Ints:
    """The pixel indices that the trainer makes of coordinates."""
    found: Ints = (values * np.array(size, np.float32)).astype(np.int32)
    return found


def _seen(rings: Sequence[Ints], size: tuple[int, int], longest: int) -> Iterator[Ints]:
    """The pixel indices that the trainer makes of each ring's row; some are made together, as that is faster."""
    for i in range(0, len(rings), AT_ONCE):
        some = rings[i : i + AT_ONCE]
        values = shares(np.concatenate(some), *size)
        rows = np.split(values, np.cumsum([len(ring) for ring in some[:-1]]))
        yield from _pixels(resampled(rows, longest), size)


def _iou(seen: list[Ints], shown: Shown) -> float:
    cv2, crop = opencv(), shown.crop
    drawn: NDArray[np.uint8] = np.zeros_like(crop.bitmap)
    for points in seen:
        cv2.fillPoly(drawn, [points], 1, offset=(-crop.x, -crop.y))
    both, all_drawn = int(cv2.countNonZero(drawn & crop.bitmap)), int(cv2.countNonZero(drawn))
    return both / (all_drawn + shown.area - both)
