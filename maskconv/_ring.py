"""Pure: one closed ring that means a mask's pixels under the centre rules, holes and parts included.

Formats with one ring an instance have no place for holes and parts. A *keyhole* leads from a hole over the mask's own
pixels to the next contour and back, which changes nothing; a *bridge* leads from part to part over pixels that are
not the mask's, and `cv2.fillPoly` draws them. See docs/geometry.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskconv import runs
from maskconv._fill import SHEET, batches
from maskconv._opencv import opencv
from maskconv._ring_join import Contours, added, bridges, keyholes
from maskconv._ring_walk import Pieces, compressed, simplified, walk
from maskconv.model import Mask

__all__ = ["Crop", "Ring", "one_ring", "rings"]

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bitmap = NDArray[np.uint8]


class Crop(NamedTuple):
    """A mask's bounding box as 0 and 1, and its top left corner in the image."""

    bitmap: Bitmap
    x: int
    y: int


class Ring(NamedTuple):
    """A closed ring of pixel indices, and what it means under the centre rules.

    ``points``: int32 (n >= 3, 2) of x and y, the first not repeated at the end; no collinear points, but a ring of one or
    two pixels repeats the last point. ``area`` is the mask's, in pixels; ``bridged`` are the pixels that bridges between its
    ``parts`` add; ``holes`` are joined by ways of at most ``keyhole`` pixels. ``iou`` is intersection over union of what
    the ring means and the mask. ``simplified``: points were left out. ``crop`` are the mask's pixels.
    """

    points: Ints
    crop: Crop
    area: int
    bridged: int = 0
    parts: int = 1
    holes: int = 0
    keyhole: int = 0
    iou: float = 1.0
    simplified: bool = False

    @property
    def exact(self) -> bool:
        """Whether the ring means the mask's pixels and no others."""
        return self.iou == 1.0

    @property
    def perimeter(self) -> float:
        """The length of the ring in pixels, every way counted as often as it is gone."""
        steps = np.diff(self.points, axis=0, append=self.points[:1])
        return float(np.hypot(steps[:, 0], steps[:, 1]).sum())


def one_ring(mask: Mask, *, max_points: int | None = None) -> Ring | None:
    """The ring of a mask, its parts joined by the shortest bridges; None where the mask has no pixels.

    ``max_points`` (at least 3) leaves points out where there are more: the result has at most so many. Raises
    `MissingDependencyError` where OpenCV cannot be loaded.
    """
    return rings([mask], max_points=max_points)[0]


def rings(masks: Sequence[Mask], *, max_points: int | None = None) -> list[Ring | None]:
    """The rings of an image's masks, which are all of one size: `one_ring` of each, made together, as that is faster."""
    found: list[Ring | None] = []
    for crops in _crops(masks):
        drafts = _drafts([crop for crop in crops if crop.bitmap.size])
        made = iter(_made(drafts, max_points) if drafts else ())
        found += [next(made) if crop.bitmap.size else None for crop in crops]
    return found


class _Draft(NamedTuple):
    """The pieces of a ring in a crop's coordinates, and the ring's facts."""

    crop: Crop
    pieces: Pieces
    area: int
    bridged: int = 0
    parts: int = 1
    holes: int = 0
    keyhole: int = 0


def _drafts(crops: Sequence[Crop]) -> list[_Draft]:
    """Step by step for all crops: a processor that repeats one step is up to twice as fast as one that goes round."""
    cv2 = opencv()
    traced = [cv2.findContours(crop.bitmap, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE) for crop in crops]
    areas = [cv2.countNonZero(crop.bitmap) for crop in crops]
    joined = _joined([(crop, *found) for crop, found in zip(crops, traced, strict=True) if len(found[0]) > 1])
    return [
        _Draft(crop, [contours[0][:, 0]], area)
        if len(contours) == 1
        else _Draft(crop, next(joined), area, *next(joined))
        for crop, (contours, _), area in zip(crops, traced, areas, strict=True)
    ]


def _joined(traced: Sequence[tuple[Crop, Any, Any]]) -> Iterator[Any]:
    """For each crop of several contours the pieces of its ring, then its facts as `_Draft` has them."""
    bitmaps = [crop.bitmap for crop, _, _ in traced]
    known = [Contours.of(contours, tree) for _, contours, tree in traced]
    ways = [keyholes(each, bitmap) for each, bitmap in zip(known, bitmaps, strict=True)]
    joints = [bridges(each, bitmap.shape) for each, bitmap in zip(known, bitmaps, strict=True)]
    bridged = [added(each, bitmap) for each, bitmap in zip(joints, bitmaps, strict=True)]
    pieces = [walk(each, holes + parts) for each, holes, parts in zip(known, ways, joints, strict=True)]
    for i, each in enumerate(known):
        yield pieces[i]
        yield bridged[i], each.parts, len(ways[i]), max((way.length for way in ways[i]), default=0)


def _made(drafts: Sequence[_Draft], max_points: int | None) -> Iterator[Ring]:
    points, counts = compressed([draft.pieces for draft in drafts])
    placed = points + np.repeat(np.array([draft.crop[1:] for draft in drafts], np.int32), counts, axis=0)
    end = 0
    for draft, count in zip(drafts, counts, strict=True):
        start, end = end, end + count
        if max_points is None or count <= max_points:
            iou = draft.area / (draft.area + draft.bridged)
            yield Ring(_padded(placed[start:end]), draft.crop, *draft[2:], iou)
        else:
            fewer = simplified(draft.pieces, points[start:end], max_points)
            iou = _iou(fewer, draft.crop.bitmap)
            ring = _padded(fewer + np.array(draft.crop[1:], np.int32))
            yield Ring(ring, draft.crop, *draft[2:], iou, simplified=True)


def _padded(points: Ints) -> Ints:
    """At least three points: the last one is repeated where there are fewer."""
    return points if len(points) >= 3 else points[np.minimum(np.arange(3), len(points) - 1)]


def _iou(points: Ints, bitmap: Bitmap) -> float:
    drawn = opencv().fillPoly(np.zeros_like(bitmap), [points], 1)
    return int((drawn & bitmap).sum(dtype=np.int64)) / int((drawn | bitmap).sum(dtype=np.int64))


# --- masks -> crops -----------------------------------------------------------------------------------------------------


def _crops(masks: Sequence[Mask]) -> Iterator[list[Crop]]:
    """The masks' crops, in batches of bounded size; those of masks without pixels are empty."""
    if not masks:
        return
    counts = np.array([len(mask.starts) for mask in masks])
    rows, columns = np.divmod(np.concatenate([mask.starts for mask in masks]), np.int32(masks[0].width))
    lengths = np.concatenate([mask.lengths for mask in masks])
    boxes = _boxes(rows, columns, lengths, counts)
    first = np.cumsum(counts) - counts
    for batch in batches((boxes[:, 2] * boxes[:, 3]).tolist(), SHEET):
        own = slice(first[batch.start], first[batch.stop - 1] + counts[batch.stop - 1])
        yield _painted(rows[own], columns[own], lengths[own], counts[batch], boxes[batch])


def _boxes(rows: Ints, columns: Ints, lengths: Ints, counts: Longs) -> Longs:
    """Left, top, width and height of each mask, int64 (n, 4); all zero where there are no pixels."""
    boxes = np.zeros((len(counts), 4), np.int64)
    some = np.flatnonzero(counts)
    if len(some):
        last = np.cumsum(counts[some])
        first = last - counts[some]
        left, right = np.minimum.reduceat(columns, first), np.maximum.reduceat(columns + lengths, first)
        boxes[some] = np.stack([left, rows[first], right - left, rows[last - 1] - rows[first] + 1], axis=1)
    return boxes


def _painted(rows: Ints, columns: Ints, lengths: Ints, counts: Longs, boxes: Longs) -> list[Crop]:
    """Crops, painted one after the other into one long row of pixels."""
    left, top, width, height = boxes.T
    ends = np.cumsum(width * height)
    shift = ends - width * height - top * width - left
    starts = rows * np.repeat(width, counts) + columns + np.repeat(shift, counts)
    sheet = runs.to_bitmap(starts, lengths, int(ends[-1]), 1)[0].view(np.uint8)
    places = zip(pairwise([0, *ends.tolist()]), boxes.tolist(), strict=True)
    return [Crop(sheet[a:b].reshape(h, w), x, y) for (a, b), (x, y, w, h) in places]
