"""Joined contours -> rings: the walk along all contours and ways, collinear points dropped, and fewer points on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv._opencv import opencv
from maskconv._ring_join import Contours, Joint

__all__ = ["Pieces", "compressed", "simplified", "walk"]

Ints = NDArray[np.int32]
Counts = NDArray[np.int64]
Pieces = list[Ints]  # (n, 2) each; behind one another they are a ring


def walk(contours: Contours, ways: Sequence[Joint], bridges: Sequence[Joint]) -> Pieces:
    """The ring that goes along every contour once and along every joint there and back, from the first point on.

    Pieces are arcs of contours, and the corners of bridges in between.
    """
    links: dict[int, list[Joint]] = {}
    bends = {joint: [np.array(bend, np.int32)] for joint in bridges if (bend := contours.path(*joint)[1:-1])}
    bends |= {Joint(b, a): bend for (a, b), bend in bends.items()}
    for a, b in (*ways, *bridges):
        links.setdefault(contours.contour(a), []).append(Joint(a, b))
        links.setdefault(contours.contour(b), []).append(Joint(b, a))
    pieces: Pieces = []
    stack = [_Visit(contours, links, 0, -1)]
    while stack:
        visit = stack[-1]
        if visit.left:
            joint = visit.left.pop()
            pieces += visit.until(joint.a)
            pieces += bends.get(joint, ())
            stack.append(_Visit(contours, links, joint.b, joint.a))
        else:
            pieces += visit.rest()
            stack.pop()
            if stack:
                pieces += bends.get(Joint(visit.entry, visit.source), ())
    return pieces


class _Visit:
    """The way round one contour, from the point where it is entered; ``left`` are the joints to come, the next one last."""

    __slots__ = ("end", "entry", "left", "now", "points", "size", "source")

    def __init__(self, contours: Contours, links: dict[int, list[Joint]], entry: int, source: int) -> None:
        number = contours.contour(entry)
        self.points, self.entry, self.source, self.now = contours.points, entry, source, entry
        self.end = contours.first[number + 1]
        self.size = size = self.end - contours.first[number]
        self.left = [joint for joint in links.get(number, ()) if joint != (entry, source)]
        if len(self.left) > 1:
            self.left.sort(key=lambda joint: (joint.a - entry) % size, reverse=True)

    def until(self, point: int) -> Pieces:
        """From where the walk is to a point, both included."""
        before, self.now = self.now, point
        if point >= before:
            return [self.points[before : point + 1]]
        return [self.points[before : self.end], self.points[self.end - self.size : point + 1]]

    def rest(self) -> Pieces:
        """From where the walk is to where the contour was entered."""
        if self.now != self.entry:
            return self.until(self.entry)
        return [self.points[self.now : self.end], self.points[self.end - self.size : self.now + 1]]


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
    return points.take(np.flatnonzero(keep), axis=0), np.add.reduceat(keep, _firsts(counts), dtype=np.int64)


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
