"""Pure: polygons that mean exactly given pixels, under each pixel rule (docs/geometry.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv._opencv import opencv
from maskconv.model import Mask, PixelRule, Polygon

__all__ = ["trace"]

Ring = NDArray[np.float64]  # (n, 2), x and y
Ints = NDArray[np.int64]
Part = tuple[NDArray[Any], list[NDArray[Any]]]  # one exterior and its holes, in whole coordinates of a crop


def trace(mask: Mask, rule: PixelRule) -> tuple[Polygon, ...]:
    """Polygons that mean exactly the mask's pixels: ``polygon_mask(trace(m, rule), m.width, m.height) == m``.

    One polygon with its holes for each connected part (CENTRE: 8 neighbours, vertices on pixel indices; EDGE: 4
    neighbours, simple rings along pixel corners without collinear points). An island in a hole is a part of its own. A
    ring of one or two pixels repeats its last point. An empty mask gives no polygons. Raises `MissingDependencyError`
    where OpenCV is needed and cannot be loaded.
    """
    if not len(mask.starts):
        return ()
    bitmap, x, y = mask.crop()
    parts = _edge_parts(bitmap) if rule is PixelRule.EDGE else _centre_parts(bitmap)
    at = np.array([x, y])
    return tuple(_polygon(ring + at, [hole + at for hole in holes], rule) for ring, holes in parts)


def _polygon(ring: NDArray[Any], holes: Sequence[NDArray[Any]], rule: PixelRule) -> Polygon:
    return Polygon.unchecked(exterior=_frozen(ring), holes=tuple(_frozen(hole) for hole in holes), rule=rule)


def _frozen(ring: NDArray[Any]) -> Ring:
    """A read-only float64 copy of a ring with at least three points, the last one repeated where there are fewer."""
    if len(ring) < 3:
        ring = ring[np.minimum(np.arange(3), len(ring) - 1)]
    frozen = np.array(ring, np.float64, order="C")
    frozen.flags.writeable = False
    return frozen


def _centre_parts(bitmap: NDArray[np.bool_]) -> list[Part]:
    cv2 = opencv()
    contours, tree = cv2.findContours(bitmap.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    parts: dict[int, Part] = {}
    parents = tree.reshape(-1, 4)[:, 3].tolist()
    for i, contour in enumerate(contours):
        if parents[i] < 0:
            parts[i] = (contour.reshape(-1, 2), [])
    for i, contour in enumerate(contours):
        if parents[i] >= 0:
            parts[parents[i]][1].append(contour.reshape(-1, 2))
    return list(parts.values())


def _edge_parts(bitmap: NDArray[np.bool_]) -> list[Part]:
    """The boundary as simple rings, each hole with the exterior of the part that surrounds it."""
    width = bitmap.shape[1] + 1
    rings = [(divmod(min(ring), width), _points(ring, width)) for ring in _rings(bitmap)]
    # the pixel at a ring's first corner lies inside the ring, the one above it outside
    outer = [(at, points) for at, points in rings if bitmap[at]]
    inner = [((y - 1, x), points) for (y, x), points in rings if not bitmap[y, x]]
    parts: list[Part] = [(points, []) for _, points in outer]
    if len(parts) == 1 or not inner:
        parts[0][1].extend(points for _, points in inner)
        return parts
    _, label = opencv().connectedComponents(bitmap.view(np.uint8), connectivity=4)
    owner = {int(label[at]): holes for (at, _), (_, holes) in zip(outer, parts, strict=True)}
    for at, points in inner:
        owner[int(label[at])].append(points)
    return parts


def _points(ring: list[int], width: int) -> Ints:
    points = np.empty((len(ring), 2), np.int64)
    np.divmod(ring, width, points[:, 1], points[:, 0])
    return points


def _rings(bitmap: NDArray[np.bool_]) -> Iterator[list[int]]:
    """The boundary's simple rings as corners ``y * (width + 1) + x``, turns only, ordered by their first corner.

    In a row of the boundary's corners, first and second, third and fourth ... are joined, and so they are in a column.
    A corner where two pixels meet diagonally occurs twice there, once for each of them.
    """
    corners, down = _turns(bitmap)
    y, x = np.divmod(corners, bitmap.shape[1] + 1)
    order = np.argsort((x * (bitmap.shape[0] + 1) + y) * 2 + down)
    mates = np.empty(len(order), np.int64)
    mates[order[0::2]], mates[order[1::2]] = order[1::2], order[0::2]
    corner, mate = corners.tolist(), mates.tolist()
    seen = bytearray(len(corner) // 2)
    for start in range(0, len(corner), 2):
        loop, i = [], start
        while not seen[i >> 1]:
            seen[i >> 1] = 1
            loop += [corner[i], corner[i ^ 1]]
            i = mate[i ^ 1]
        yield from _simple(loop) if loop else ()


def _turns(bitmap: NDArray[np.bool_]) -> tuple[Ints, NDArray[np.bool_]]:
    """The corners where the boundary turns, ascending; and of a corner's two occurrences, the one that goes down."""
    pixels = np.pad(bitmap, 1)
    nw, ne, sw, se = pixels[:-1, :-1], pixels[:-1, 1:], pixels[1:, :-1], pixels[1:, 1:]
    double = (nw == se) & (ne == sw) & (nw != ne)
    corners = np.flatnonzero((nw ^ ne ^ sw ^ se) | double)
    corners = np.repeat(corners, 1 + double.reshape(-1)[corners])
    first = np.flatnonzero(corners[1:] == corners[:-1])
    falling = nw[np.divmod(corners[first], bitmap.shape[1] + 1)]  # the pair lies northwest and southeast
    down = np.zeros(len(corners), np.bool_)
    down[first], down[first + 1] = ~falling, falling
    return corners, down


def _simple(loop: list[int]) -> Iterator[list[int]]:
    """A loop cut into rings that pass no corner twice."""
    if len(set(loop)) == len(loop):
        yield loop
        return
    ring: list[int] = []
    place: dict[int, int] = {}
    for corner in loop:
        if corner in place:
            cut = place[corner]
            piece, ring = ring[cut:], ring[:cut]
            for old in piece:
                del place[old]
            yield piece
        place[corner] = len(ring)
        ring.append(corner)
    yield ring
