"""Joined contours -> rings: the walk along all contours and ways, collinear points dropped, and fewer points on request."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv._opencv import opencv
from maskconv._ring_join import Contours, Joint

__all__ = ["Pieces", "compressed", "simplified", "walk"]

Ints = NDArray[np.int32]
Counts = NDArray[np.int64]
Pieces = list[Ints]  # (n, 2) each; behind one another they are a ring


def walk(contours: Contours, joints: Sequence[Joint]) -> Pieces:
    """The ring that goes along every contour once and along every joint there and back.

    Pieces are arcs of contours, from one joint to the next one round the contour, and the bends of joints in between. The
    joints make the contours a tree, so this walk comes by everything before it is back.
    """
    points, at = contours.points, [point for joint in joints for point in joint[:2]]
    order = sorted(range(len(at)), key=at.__getitem__)  # both ends of joint i are 2 * i and 2 * i + 1
    arcs: dict[int, tuple[int, Pieces]] = {}  # from each end the next one, and the way there
    i = 0
    for start, end in pairwise(contours.first):
        first = order[i]
        while i + 1 < len(order) and at[order[i + 1]] < end:
            here, then = order[i], order[i + 1]
            arcs[here] = then, [points[at[here] : at[then] + 1]]
            i += 1
        arcs[order[i]] = first, [points[at[order[i]] : end], points[start : at[first] + 1]]
        i += 1
    pieces: Pieces = []
    now = order[0]
    for _ in at:
        now, arc = arcs[now]
        pieces += arc
        if bend := joints[now >> 1].way[1:-1]:
            pieces.append(np.array(bend, np.int32))
        now ^= 1
    return pieces


def compressed(rings: Sequence[Pieces]) -> tuple[Ints, list[int]]:
    """The rings without repeated and collinear points, behind one another, and their numbers of points.

    Steps between points must be straight or diagonal.
    """
    counts = np.array([sum(map(len, pieces)) for pieces in rings])
    points = np.concatenate([piece for pieces in rings for piece in pieces])
    points, counts = _kept(points, counts, _turning(_ways(points, counts), counts))
    points, counts = _kept(points, counts, _moving(points, counts))
    steps = np.sign(_steps(points, counts))
    points, counts = _kept(points, counts, _turning(steps[:, 0] * 3 + steps[:, 1], counts))
    return points, counts.tolist()


def _kept(points: Ints, counts: Counts, keep: NDArray[np.bool_]) -> tuple[Ints, Counts]:
    return points.take(keep.nonzero()[0], axis=0), np.add.reduceat(keep, _firsts(counts), dtype=np.int64)


def _firsts(counts: Counts) -> Counts:
    return np.cumsum(counts) - counts


def _steps(points: NDArray[Any], counts: Counts) -> NDArray[Any]:
    """From each point to the next one of its ring."""
    first = _firsts(counts)
    steps = np.empty_like(points)
    np.subtract(points[1:], points[:-1], out=steps[:-1])
    last = first + counts - 1
    steps[last] = points[first] - points[last]
    return steps


def _ways(points: Ints, counts: Counts) -> NDArray[Any]:
    """A number for each step, equal where the steps are."""
    return _steps(np.ascontiguousarray(points).view(np.int64)[:, 0], counts)


def _moving(points: Ints, counts: Counts) -> NDArray[np.bool_]:
    """Which points differ from the next one; of a ring of equal points the first."""
    keep: NDArray[np.bool_] = np.not_equal(_ways(points, counts), 0)
    first = _firsts(counts)
    keep[first[~np.logical_or.reduceat(keep, first)]] = True
    return keep


def _turning(way: NDArray[Any], counts: Counts) -> NDArray[np.bool_]:
    """Which points are no mere continuation of the step before; of a ring without any the first."""
    first = _firsts(counts)
    keep = np.empty(len(way), np.bool_)
    np.not_equal(way[1:], way[:-1], out=keep[1:])
    keep[first] = way[first] != way[first + counts - 1]
    keep[first[~np.logical_or.reduceat(keep, first)]] = True
    return keep


# --- fewer points -------------------------------------------------------------------------------------------------------


def simplified(pieces: Pieces, ring: Ints, most: int) -> Ints:
    """The ring with at most so many points, at least three, as near to the given one as Douglas and Peucker get.

    Arcs between joints are simplified on their own, so that ways there and back stay on each other; only where that
    leaves too many points are the ways simplified, too.
    """
    closed = len(pieces) == 1
    return _least(pieces, most, closed=closed) if closed else _fewer(pieces, ring, most)


def _fewer(pieces: Pieces, ring: Ints, most: int) -> Ints:
    found = _least(pieces, most, closed=False)
    return found if len(found) <= most else _least([ring], most, closed=True)


def _least(pieces: Pieces, most: int, *, closed: bool) -> Ints:
    """By the least tolerance of a bisection that leaves few enough points, or else the largest."""
    low, high = 0.0, float(np.ptp(np.concatenate(pieces), axis=0).max()) + 1
    found = _approximated(pieces, high, closed=closed)
    if len(found) > most:
        return found
    while high - low > 0.05:
        middle = (low + high) / 2
        tried = _approximated(pieces, middle, closed=closed)
        if len(tried) <= most:
            found, high = tried, middle
        else:
            low = middle
    return found


def _approximated(pieces: Pieces, tolerance: float, *, closed: bool) -> Ints:
    cv2 = opencv()
    thin: list[Any] = [cv2.approxPolyDP(p, tolerance, closed).reshape(-1, 2) if len(p) > 2 else p for p in pieces]
    points = np.concatenate(thin)
    keep = _moving(points, np.array([len(points)]))
    return np.asarray(points[keep], np.int32)
