"""Pure: which pixels polygons and boxes mean, and polygons that mean exactly given pixels (docs/geometry.md).

Two families of rules exist. *Centre* rules take vertices as pixel indices and count the boundary in: OpenCV's fillPoly,
hence Labelbox and YOLO. The *edge* rule takes them as continuous coordinates: pycocotools, hence COCO and CVAT. A
polygon carries its rule; nothing here guesses it. Work happens on the clipped bounding box, so that coordinates of any
size cost no more than the image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv import runs
from maskconv._fill import ring_masks
from maskconv._opencv import opencv
from maskconv._ring import Ring, one_ring, rings
from maskconv._ring_parts import fill_holes, split_parts
from maskconv._trace import trace
from maskconv.errors import DataError
from maskconv.model import MAX_PIXELS, Box, Mask, PixelRule, Polygon, Shape

__all__ = [
    "Ring",
    "box_mask",
    "fill_holes",
    "one_ring",
    "polygon_mask",
    "rings",
    "shape_mask",
    "shape_masks",
    "split_parts",
    "trace",
]

Vertices = NDArray[np.float64]  # (n, 2), x and y
Ints = NDArray[np.int64]
Bitmap = NDArray[np.uint8]

FAR = 2.0**40  # coordinates beyond are moved here: whole numbers stay exact in float64 with room for products
NEAR = 2**20  # fillPoly walks every row down to the image, so edges end at most this far outside
AT_ONCE = 2**18  # crossings that are computed together, at most


# --- polygon -> mask --------------------------------------------------------------------------------------------------


def polygon_mask(polygons: Sequence[Polygon], width: int, height: int) -> Mask:
    """The pixels that the parts of one instance mean in an image of ``width`` x ``height`` pixels.

    Each part is filled by its own ``rule``, holes belong to their polygon, parts are a union. What lies outside the
    image is cut off; the mask may be empty. CENTRE rules equal ``cv2.fillPoly`` with exterior and holes in one call, EDGE
    equals ``pycocotools.mask.frPyObjects`` with the holes' pixels taken away. Raises `DataError` where the size is no
    image's, `MissingDependencyError` where OpenCV is needed and cannot be loaded.
    """
    _check_size(width, height)
    ring = _one_ring(polygons)
    if ring is not None and (found := _ring_masks([ring], width, height)):
        return found[0]
    left, top, right, bottom = _window(
        [ring for part in polygons for ring in (part.exterior, *part.holes)], (0, 0, width, height)
    )
    canvas = np.zeros((bottom - top, right - left), np.uint8)
    if canvas.size:
        for part in polygons:
            if part.rule is not PixelRule.EDGE:
                _paint_centre(canvas, left, top, part)
        if edged := [part for part in polygons if part.rule is PixelRule.EDGE]:
            _paint_edge(canvas, left, top, edged)
    return _mask_at(canvas, left, top, width, height)


def box_mask(box: Box, width: int, height: int) -> Mask:
    """The pixels of a box, rotated or not, in an image of ``width`` x ``height`` pixels: as CVAT paints it.

    CVAT rounds the corners to two decimals, turns them about the centre, rounds again, and fills the polygon under the
    EDGE rule (cvat/apps/dataset_manager/formats/transformations.py). Raises `DataError` where the size is no image's.
    """
    corners = np.array([box.x, box.y, box.x + box.width, box.y + box.height])
    x0, y0, x1, y1 = np.clip(corners, -FAR, FAR).round(2).tolist()
    ring = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    if box.rotation:
        centre = np.array([x0 + (x1 - x0) / 2, y0 + (y1 - y0) / 2])
        cos, sin = math.cos(math.radians(box.rotation)), math.sin(math.radians(box.rotation))
        x, y = (ring - centre).T
        ring = (centre + np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)).round(2)
    return polygon_mask([Polygon(exterior=ring, rule=PixelRule.EDGE)], width, height)


def shape_mask(shape: Shape, width: int, height: int) -> Mask:
    """The pixels of any annotation's shape; a mask comes back as it is.

    Raises `DataError` where a mask is of another size than ``width`` x ``height``, or the size is no image's.
    """
    if isinstance(shape, Box):
        return box_mask(shape, width, height)
    if isinstance(shape, tuple):
        return polygon_mask(shape, width, height)
    if (shape.width, shape.height) != (width, height):
        raise DataError(f"a mask of {shape.width} x {shape.height} in an image of {width} x {height} pixels")
    return shape


def shape_masks(shapes: Sequence[Shape], width: int, height: int) -> list[Mask]:
    """`shape_mask` of each of an image's shapes, in their order: together, as that is faster."""
    _check_size(width, height)
    rings = [_one_ring(shape) for shape in shapes]
    found = _ring_masks([ring for ring in rings if ring is not None], width, height)
    made = iter(found)
    return [
        next(made) if found and ring is not None else shape_mask(shape, width, height)
        for shape, ring in zip(shapes, rings, strict=True)
    ]


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise DataError(f"{width} x {height} pixels is no size of an image (1 to {MAX_PIXELS} pixels)")


def _window(rings: Sequence[Vertices], limits: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom (exclusive) of all pixels that the rings can touch under any rule, within ``limits``."""
    if not rings:
        return limits[0], limits[1], limits[0], limits[1]
    low = np.floor(np.min([ring.min(axis=0) for ring in rings], axis=0)) - 1
    high = np.ceil(np.max([ring.max(axis=0) for ring in rings], axis=0)) + 2
    left, top = np.clip(low, limits[:2], limits[2:]).astype(int).tolist()
    right, bottom = np.clip(high, limits[:2], limits[2:]).astype(int).tolist()
    return left, top, right, bottom


def _mask_at(bitmap: NDArray[Any], left: int, top: int, width: int, height: int) -> Mask:
    """The nonzero pixels of a bitmap whose top left corner lies at (left, top) of the image."""
    starts, lengths = runs.from_bitmap(bitmap)
    if len(starts):
        rows, columns = np.divmod(starts, np.int32(bitmap.shape[1]))
        starts = np.asarray((rows + np.int32(top)) * np.int32(width) + (columns + np.int32(left)), np.int32)
        starts.flags.writeable = False
    return Mask.unchecked(width=width, height=height, starts=starts, lengths=lengths)


# --- the centre rules -------------------------------------------------------------------------------------------------


def _one_ring(shape: Shape | Sequence[Polygon]) -> Polygon | None:
    """The polygon of one ring under a centre rule, as nearly every shape is, that is not a mask."""
    if isinstance(shape, Sequence) and len(shape) == 1 and not shape[0].holes and shape[0].rule is not PixelRule.EDGE:
        return shape[0]
    return None


def _ring_masks(polygons: Sequence[Polygon], width: int, height: int) -> list[Mask]:
    """The pixels of polygons of one ring, without the detours of several; none where coordinates or sizes are too large."""
    if not polygons or (width + 1) * height > MAX_PIXELS:
        return []
    points = np.concatenate([polygon.exterior for polygon in polygons])
    if points.min() < -NEAR or points.max() > NEAR:
        return []
    counts = [len(polygon.exterior) for polygon in polygons]
    rules = {polygon.rule for polygon in polygons}
    if len(rules) == 1:
        points = _quantised(points, rules.pop())
    else:
        points = np.concatenate([_quantised(polygon.exterior, polygon.rule) for polygon in polygons])
    return list(ring_masks(points.astype(np.int32), counts, width, height))


def _paint_centre(canvas: Bitmap, left: int, top: int, part: Polygon) -> None:
    """Set the pixels of a polygon in the canvas, whose corner lies at (left, top) of the image."""
    height, width = canvas.shape
    high = np.array([width + NEAR, height + NEAR])
    rings = [_indices(ring, part.rule) - (left, top) for ring in (part.exterior, *part.holes)]
    near = [_nearby(ring, -NEAR, high).astype(np.int32) for ring in rings]
    opencv().fillPoly(canvas, near, 1)


def _indices(ring: Vertices, rule: PixelRule) -> Vertices:
    """The pixel indices that a centre rule takes vertices for."""
    return _quantised(np.clip(ring, -FAR, FAR), rule)


def _quantised(ring: Vertices, rule: PixelRule) -> Vertices:
    return _truncated(ring) if rule is PixelRule.CENTRE_TRUNC else np.floor(ring + 0.25)


def _truncated(ring: Vertices) -> Vertices:
    """``trunc(round(v, 6))`` with Python's exact rounding, which matters just below whole numbers; numpy's is not exact."""
    nearest = np.rint(ring)
    close = (np.abs(ring - nearest) < 1e-6) & (ring != nearest)
    whole = np.trunc(ring)
    if close.any():
        whole[close] = [math.trunc(round(value, 6)) for value in ring[close].tolist()]
    return whole


def _nearby(ring: Vertices, low: int, high: Ints) -> Vertices:
    """A ring that runs along the borders of a rectangle wherever the given one leaves it, and is the same inside.

    Edges are cut where they meet the lines of the rectangle, then all points are moved into it: that keeps the winding
    about every point inside. A ring that does not leave it comes back untouched.
    """
    if (ring >= low).all() and (ring <= high).all():
        return ring
    step = np.roll(ring, -1, axis=0) - ring
    with np.errstate(divide="ignore", invalid="ignore"):
        cuts = np.concatenate([(low - ring) / step, (high - ring) / step], axis=1)
    cuts = np.sort(np.clip(np.nan_to_num(cuts), 0, 1), axis=1)
    cuts = np.pad(cuts, ((0, 0), (1, 0)))
    points = ring[:, None] + cuts[:, :, None] * step[:, None]
    return np.rint(np.clip(points.reshape(-1, 2), low, high))


# --- the edge rule ----------------------------------------------------------------------------------------------------


def _paint_edge(canvas: Bitmap, left: int, top: int, parts: Sequence[Polygon]) -> None:
    """Set the pixels of polygons in the canvas, whose corner lies at (left, top) of the image."""
    height, width = canvas.shape
    if width > 1 and (_crossing_count(parts, left, width) > AT_ONCE or width * (height + 1) > MAX_PIXELS):
        _paint_edge(canvas[:, : width // 2], left, top, parts)
        _paint_edge(canvas[:, width // 2 :], left + width // 2, top, parts)
    else:
        canvas |= _fill(parts, left, top, width, height)


def _crossing_count(parts: Sequence[Polygon], left: int, width: int) -> int:
    """An upper bound, exact where it is large."""
    rings = [ring for part in parts for ring in (part.exterior, *part.holes)]
    bound = width * sum(map(len, rings))
    return bound if bound <= AT_ONCE else sum(int(_spans(*_fifths(r), left, left + width)[1].sum()) for r in rings)


def _fill(parts: Sequence[Polygon], left: int, top: int, width: int, height: int) -> NDArray[np.bool_]:
    """The window's pixels inside polygons. On the way there are runs down the columns, of height + 1 pixels each."""
    window = (left, top, width, height)
    shapes = _columns([part.exterior for part in parts if not part.holes], *window)
    for part in parts:
        if part.holes:
            outer = runs.union(_columns([part.exterior], *window), height + 1)
            holes = runs.union(_columns(part.holes, *window), height + 1)
            shapes.append(runs.subtract(outer, holes, height + 1))
    starts, lengths = runs.union(shapes, height + 1) if len(shapes) > 1 else shapes[0]
    return runs.to_bitmap(starts, lengths, height + 1, width).T[:height]


def _columns(rings: Sequence[Vertices], left: int, top: int, width: int, height: int) -> list[runs.Runs]:
    """The window's pixels inside each ring, as runs down the columns: between odd and even crossings."""
    if not rings:
        return []
    ring, columns, rows = _crossings(rings, left, left + width)
    size = width * (height + 1)
    offsets = ring * size + (columns - left) * (height + 1) + np.clip(rows - top, 0, height)
    offsets.sort()
    starts, ends = offsets[::2], offsets[1::2]
    some = starts < ends
    starts, ends = starts[some], ends[some]
    cuts = np.searchsorted(starts, np.arange(1, len(rings)) * size)
    starts, lengths = (starts % size).astype(np.int32), (ends - starts).astype(np.int32)
    return list(zip(np.split(starts, cuts), np.split(lengths, cuts), strict=True))


def _crossings(rings: Sequence[Vertices], left: int, right: int) -> tuple[Ints, Ints, Ints]:
    """Where rings cross the middles of the columns left..right-1: (rings, columns, rows), the first row below.

    As pycocotools has it: vertices move to a grid of fifths of a pixel, an edge becomes a chain of its points, and the
    crossing is where the chain steps from 5 x column + 2 to 5 x column + 3.
    """
    grids = [_fifths(ring) for ring in rings]
    start, end = (np.concatenate(points) for points in zip(*grids, strict=True))
    first, count = _spans(start, end, left, right)
    edge = np.repeat(np.arange(len(count)), count)
    columns = np.arange(len(edge)) + np.repeat(first - (np.cumsum(count) - count), count)
    rows = (_step(start[edge], end[edge], 5 * columns + 2) + 2) // 5
    return np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])[edge], columns, rows


def _fifths(ring: Vertices) -> tuple[Ints, Ints]:
    """The starts and ends of a ring's edges on a grid of fifths of a pixel."""
    start = np.trunc(5 * np.clip(ring, -FAR, FAR) + 0.5).astype(np.int64)
    return start, np.roll(start, -1, axis=0)


def _spans(start: Ints, end: Ints, left: int, right: int) -> tuple[Ints, Ints]:
    """The first of the columns left..right-1 whose middle each edge crosses, and the number of those columns."""
    low, high = np.minimum(start[:, 0], end[:, 0]), np.maximum(start[:, 0], end[:, 0])
    first = np.maximum((low + 2) // 5, left)
    return first, np.maximum(np.minimum((high - 3) // 5, right - 1) - first + 1, 0)


def _step(start: Ints, end: Ints, x: Ints) -> Ints:
    """The lesser y of the two points between which each edge's chain steps from x to x + 1, or back."""
    size = np.abs(end - start)
    steep = size[:, 0] < size[:, 1]
    flip = np.where(steep, start[:, 1] > end[:, 1], start[:, 0] > end[:, 0])[:, None]
    start, end = np.where(flip, end, start), np.where(flip, start, end)
    y = np.empty(len(x), np.int64)
    flat = ~steep
    y[flat] = _step_flat(start[flat].T, end[flat].T, x[flat])
    y[steep] = _step_steep(start[steep].T, end[steep].T, x[steep])
    return y


def _step_flat(start: Ints, end: Ints, x: Ints) -> Ints:
    """Edges that advance by one in x: the lesser of the rounded y at x and x + 1."""
    (xs, ys), (xe, ye) = start, end
    slope = (ye - ys) / (xe - xs)
    y = np.minimum(ys + slope * (x - xs) + 0.5, ys + slope * (x + 1 - xs) + 0.5)
    return np.asarray(np.floor(y), np.int64)


def _step_steep(start: Ints, end: Ints, x: Ints) -> Ints:
    """Edges that advance by one in y: the last y before the rounded x changes from x to x + 1, or back."""
    (xs, ys), (xe, ye) = start, end
    slope = (xe - xs) / (ye - ys)
    right = slope > 0
    t = np.ceil((x + 0.5 - xs) / slope)  # the first step past the change, but for rounding
    t += (xs + slope * t + 0.5 >= x + 1) != right
    t -= (xs + slope * (t - 1) + 0.5 >= x + 1) == right
    return np.asarray(ys + t - 1, np.int64)
