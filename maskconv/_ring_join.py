"""Where the contours of a mask are joined into one ring: keyholes to holes, and the shortest bridges between parts.

Distances are those of a pixel's eight neighbours (the larger of dx and dy), as a bridge of length d draws d - 1 pixels in
between. So a spanning tree of least length adds the fewest pixels that straight bridges between parts can add.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskconv._ring_far import far_bridges

__all__ = ["Contours", "Joint", "added", "bridges", "keyholes"]

Ints = NDArray[np.int32]
Bitmap = NDArray[np.uint8]
FAR = 1 << 30
AT_ONCE = 1 << 18  # distances that are computed together, at most
MANY = 1 << 20  # pairs of a part and a point; where there are more, parts are not compared one by one


class Joint(NamedTuple):
    """Two points that are joined, by their index in `Contours.points`, and their distance in pixels, by eight neighbours.

    ``way`` is that of a bridge from one to the other; a keyhole is straight.
    """

    a: int
    b: int
    length: int
    way: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True, eq=False)
class Contours:
    """All contours of a mask, pixel by pixel, one part after the other: its outline, then its holes from left to right.

    ``points``: int32 (n, 2) of x and y in the crop; ``xy`` is the same as (2, n). ``first`` are the contours' first points and
    the number of points, ``parts_first`` those of the parts. ``inner``: of each hole the leftmost point, its x and y.
    """

    points: Ints
    xy: Ints
    first: list[int]
    parts_first: list[int]
    inner: list[tuple[int, int, int]]

    @classmethod
    def of(cls, traced: Sequence[Any], tree: Any) -> Contours:
        """From what cv2.findContours gives with RETR_CCOMP and CHAIN_APPROX_NONE."""
        holes: dict[int, list[tuple[int, int, int]]] = {}
        parents = tree[0, :, 3].tolist()
        for i, parent in enumerate(parents):
            if parent >= 0:
                columns = traced[i][:, 0, 0]
                at = columns.argmin()
                holes.setdefault(parent, []).append((columns.item(at), i, int(at)))
        order: list[Any] = []
        first, parts_first, end = [0], [0], 0
        inner: list[tuple[int, int, int]] = []
        for i, parent in enumerate(parents):
            if parent >= 0:
                continue
            order.append(traced[i])
            end += len(traced[i])
            first.append(end)
            for x, hole, at in sorted(holes[i]) if i in holes else ():
                inner.append((end + at, x, traced[hole].item(2 * at + 1)))
                order.append(traced[hole])
                end += len(traced[hole])
                first.append(end)
            parts_first.append(end)
        points = np.concatenate(order)[:, 0]
        return cls(points, np.ascontiguousarray(points.T), first, parts_first, inner)

    @property
    def parts(self) -> int:
        return len(self.parts_first) - 1

    def bridge(self, a: int, b: int) -> Joint:
        """A way of straight pieces: diagonal first, then along a row or column. All programs draw it alike both ways."""
        x, y = self.xy
        x0, y0, x1, y1 = x.item(a), y.item(a), x.item(b), y.item(b)
        dx, dy = x1 - x0, y1 - y0
        short, length = sorted((abs(dx), abs(dy)))
        if short in (0, length):
            return Joint(a, b, length, ((x0, y0), (x1, y1)))
        bend = x0 + (short if dx > 0 else -short), y0 + (short if dy > 0 else -short)
        return Joint(a, b, length, ((x0, y0), bend, (x1, y1)))


def keyholes(contours: Contours, bitmap: Bitmap) -> list[Joint]:
    """For each hole the way from its leftmost point left over the mask's pixels to the next background.

    What ends there is another contour of the same part, and begins further left than the hole; where several meet in that
    pixel, the first of them does in any case. So the ways of a part form a tree. ``bitmap`` are the crop's pixels.
    """
    if not contours.inner:
        return []
    width = bitmap.shape[1]
    lefts = [bitmap[y, :x].tobytes().rfind(0) + 1 for _, x, y in contours.inner]
    pixels = contours.xy[1] * np.int32(width) + contours.xy[0]
    found = _found(
        pixels, [y * width + left for (_, _, y), left in zip(contours.inner, lefts, strict=True)], bitmap.size
    )
    return [Joint(point, end, x - left) for (point, x, _), left, end in zip(contours.inner, lefts, found, strict=True)]


def _found(pixels: Ints, wanted: Sequence[int], size: int) -> list[int]:
    """The first place of each wanted pixel, of which all are among the ``pixels``."""
    if len(wanted) * len(pixels) < AT_ONCE:
        return [int((pixels == pixel).argmax()) for pixel in wanted]
    place = np.empty(size, np.int32)
    place[pixels[::-1]] = np.arange(len(pixels) - 1, -1, -1, dtype=np.int32)
    found: list[int] = place[wanted].tolist()
    return found


def added(joints: Sequence[Joint], bitmap: Bitmap) -> int:
    """How many pixels the bridges draw that are not the mask's."""
    if not joints:
        return 0
    width = bitmap.shape[1]
    drawn: set[int] = set()
    for joint in joints:
        for (x0, y0), (x1, y1) in pairwise(joint.way):
            step = ((x1 > x0) - (x1 < x0)) + ((y1 > y0) - (y1 < y0)) * width
            drawn.update(range(y0 * width + x0, y1 * width + x1, step) if step else ())
    return len(drawn) - int(np.count_nonzero(bitmap.reshape(-1).take(list(drawn))))


def bridges(contours: Contours, shape: tuple[int, ...]) -> list[Joint]:
    """A spanning tree of the parts of least length, by exact distances: part by part, or, where that takes longer, at once."""
    if contours.parts == 1:
        return []
    work = contours.parts * len(contours.points)
    if work > MANY or work + 3000 * contours.parts > 5 * (shape[0] * shape[1] + 5000):
        return [contours.bridge(a, b) for a, b in far_bridges(contours.points, contours.parts_first, shape)]
    return [contours.bridge(a, b) for a, b in _near_bridges(contours)]


# --- few parts ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Group:
    """Parts that are joined already: their numbers, the ranges of their points, and how many these are."""

    parts: list[int]
    spans: list[tuple[int, int]]
    size: int

    def join(self, other: _Group) -> None:
        self.parts += other.parts
        self.spans += other.spans
        self.size += other.size

    def point(self, member: int) -> int:
        """The index in all points of one of the group's."""
        for a, b in self.spans:
            if member < b - a:
                return a + member
            member -= b - a
        raise IndexError(member)


def _near_bridges(contours: Contours) -> Iterator[tuple[int, int]]:
    """The smallest group is joined with what is nearest to it, until one is left."""
    first, xy = contours.parts_first, contours.xy
    low = np.minimum.reduceat(xy, first[:-1], axis=1)[:, :, None]
    high = np.maximum.reduceat(xy, first[:-1], axis=1)[:, :, None]
    bounds = np.maximum(*np.maximum(low - xy[:, None], xy[:, None] - high))  # from each part's box to each point
    groups = [_Group([i], [(a, b)], b - a) for i, (a, b) in enumerate(pairwise(first))]
    owner = groups.copy()
    while len(groups) > 1:
        group = min(groups, key=_size)
        groups.remove(group)
        here, there = _nearest(xy, bounds, group)
        if len(groups) > 1:
            other = owner[bisect_right(first, there) - 1]
            other.join(group)
            for part in group.parts:
                owner[part] = other
        yield here, there


_size = attrgetter("size")


def _nearest(xy: Ints, bounds: Ints, group: _Group) -> tuple[int, int]:
    """A point of the group and one outside with the least distance; the distance to its parts' boxes rules most out."""
    bound = bounds[group.parts[0]] if len(group.parts) == 1 else bounds[group.parts].min(axis=0)
    for a, b in group.spans:
        bound[a:b] = FAR
    best = int(bound.argmin())
    if group.size == 1:  # its box is the point itself
        return group.spans[0][0], best
    members = np.concatenate([xy[:, a:b] for a, b in group.spans], axis=1) if len(group.spans) > 1 else xy[:, a:b]
    here, distance = _closest(members, xy[:, best : best + 1])
    if distance > bound[best]:
        (others,) = (bound < distance).nonzero()
        if len(others) * group.size > AT_ONCE:
            others = others[bound[others].argsort(kind="stable")]
        some = max(1, AT_ONCE // group.size)
        for i in range(0, len(others), some):
            near = others[i : i + some]
            at, least = _closest(members[:, None], xy.take(near, axis=1)[:, :, None])
            if least < distance:
                row, here = divmod(at, group.size)
                best, distance = int(near[row]), least
            if i + some < len(others) and bound[others[i + some]] >= distance:
                break
    return group.point(here), best


def _closest(some: Ints, others: Ints) -> tuple[int, int]:
    """The index of the least distance, and that distance."""
    distances = np.maximum(*np.abs(some - others)).ravel()
    at = int(distances.argmin())
    return at, int(distances[at])
