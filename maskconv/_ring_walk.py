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
    joints make the contours a tree, so this walk comes by everything before it is back. Neighbours differ: where two contours
    meet in a pixel, it is left out the second time.
    """
    points, at = contours.points, [point for joint in joints for point in joint[:2]]
    begin = [point + (not joint.length) for joint in joints for point in joint[:2]]
    order = sorted(range(len(at)), key=at.__getitem__)  # both ends of joint i are 2 * i and 2 * i + 1
    arcs: dict[int, tuple[int, Pieces]] = {}  # from each end the next one, and the way there
    i = 0
    for start, end in pairwise(contours.first):
        first = order[i]
        while i + 1 < len(order) and at[order[i + 1]] < end:
            here, then = order[i], order[i + 1]
            arcs[here] = then, [points[begin[here] : at[then] + 1]]
            i += 1
        home = points[start : at[first] + 1] if end - start > 1 else points[:0]  # one pixel is there already
        arcs[order[i]] = first, [points[begin[order[i]] : end], home]
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
    """The rings without collinear points, behind one another, and their numbers of points.

    Steps between points must be straight or diagonal; neighbours must differ.
    """
    counts = np.array([sum(map(len, pieces)) for pieces in rings])
    points = np.concatenate([piece for pieces in rings for piece in pieces])
    keep = _turning(points, counts)
    return points.take(keep.nonzero()[0], axis=0), np.add.reduceat(keep, _firsts(counts), dtype=np.int64).tolist()


def _firsts(counts: Counts) -> Counts:
    return np.cumsum(counts) - counts


def _turning(points: Ints, counts: Counts) -> NDArray[np.bool_]:
    """Which points are no mere continuation of the step before; of a ring without any the first."""
    first = _firsts(counts)
    last = first + counts - 1
    steps = np.empty_like(points)
    np.subtract(points[1:], points[:-1], out=steps[:-1])
    steps[last] = points[first] - points[last]
    way = np.sign(steps, out=steps).view(np.int64)[:, 0]  # both signs at once
    keep = np.empty(len(way), np.bool_)
    np.not_equal(way[1:], way[:-1], out=keep[1:])
    keep[first] = way[first] != way[last]
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
    keep = (points != np.roll(points, 1, axis=0)).any(axis=1)
    return np.asarray(points[keep] if keep.any() else points[:1], np.int32)
