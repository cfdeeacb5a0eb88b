"""Pure: one closed ring that means a mask's pixels under the centre rules, holes and parts included.

Formats with one ring an instance have no place for holes and parts. A *keyhole* leads from a hole over the mask's own
pixels to the next contour and back, which changes nothing; a *bridge* leads from part to part over pixels that are
not the mask's, and `cv2.fillPoly` draws them. See docs/geometry.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskconv import runs
from maskconv._opencv import opencv
from maskconv._ring_join import Contours, added, bridges, keyholes, longest
from maskconv._ring_walk import Pieces, compressed, simplified, walk
from maskconv.model import Mask

__all__ = ["Ring", "one_ring", "rings"]

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bitmap = NDArray[np.uint8]
SHEET = 1 << 24  # pixels of crops that are painted together, at most (but for a single one)


@dataclass(frozen=True, slots=True, eq=False)
class Ring:
    """A closed ring of pixel indices, and what it means under the centre rules.

    ``points``: int32 (n >= 3, 2) of x and y, the first not repeated at the end; no collinear points, but a ring of one or
    two pixels repeats the last point. ``area`` is the mask's, in pixels; ``bridged`` are the pixels that bridges between its
    ``parts`` add; ``holes`` are joined by ways of at most ``keyhole`` pixels. ``iou`` is intersection over union of what
    the ring means and the mask. ``simplified``: points were left out.
    """

    points: Ints
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
        drafts = [_draft(crop) for crop in crops if crop.bitmap.size]
        made = iter(_made(drafts, max_points) if drafts else ())
        found += [next(made) if crop.bitmap.size else None for crop in crops]
    return found


class _Crop(NamedTuple):
    """A mask's bounding box as 0 and 1, and its top left corner in the image."""

    bitmap: Bitmap
    x: int
    y: int


class _Draft(NamedTuple):
    """The pieces of a ring in a crop's coordinates, and the ring's facts."""

    crop: _Crop
    pieces: Pieces
    area: int
    bridged: int = 0
    parts: int = 1
    holes: int = 0
    keyhole: int = 0


def _draft(crop: _Crop) -> _Draft:
    cv2 = opencv()
    contours, tree = cv2.findContours(crop.bitmap, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    area = cv2.countNonZero(crop.bitmap)
    if len(contours) == 1:
        return _Draft(crop, [contours[0][:, 0]], area)
    known = Contours.of(contours, tree)
    data, width = crop.bitmap.tobytes(), crop.bitmap.shape[1]
    ways, joints = keyholes(known, data, width), bridges(known, crop.bitmap.shape)
    bridged = added(known, joints, data, width)
    return _Draft(crop, walk(known, ways, joints), area, bridged, known.parts, len(ways), longest(known, ways))


def _made(drafts: Sequence[_Draft], max_points: int | None) -> Iterator[Ring]:
    points, counts = compressed([draft.pieces for draft in drafts])
    placed = points + np.repeat(np.array([draft.crop[1:] for draft in drafts], np.int32), counts, axis=0)
    end = 0
    for draft, count in zip(drafts, counts, strict=True):
        start, end = end, end + count
        if max_points is None or count <= max_points:
            iou = draft.area / (draft.area + draft.bridged)
            yield Ring(_padded(placed[start:end]), *draft[2:], iou)
        else:
            fewer = simplified(draft.pieces, points[start:end], max_points)
            iou = _iou(fewer, draft.crop.bitmap)
            yield Ring(_padded(fewer + np.array(draft.crop[1:], np.int32)), *draft[2:], iou, simplified=True)


def _padded(points: Ints) -> Ints:
    """At least three points: the last one is repeated where there are fewer."""
    return points if len(points) >= 3 else points[np.minimum(np.arange(3), len(points) - 1)]


def _iou(points: Ints, bitmap: Bitmap) -> float:
    drawn = opencv().fillPoly(np.zeros_like(bitmap), [points], 1)
    return int((drawn & bitmap).sum(dtype=np.int64)) / int((drawn | bitmap).sum(dtype=np.int64))


# --- masks -> crops -----------------------------------------------------------------------------------------------------


def _crops(masks: Sequence[Mask]) -> Iterator[list[_Crop]]:
    """The masks' crops, in batches of bounded size; those of masks without pixels are empty."""
    if not masks:
        return
    counts = np.array([len(mask.starts) for mask in masks])
    rows, columns = np.divmod(np.concatenate([mask.starts for mask in masks]), np.int32(masks[0].width))
    lengths = np.concatenate([mask.lengths for mask in masks])
    boxes = _boxes(rows, columns, lengths, counts)
    first = np.cumsum(counts) - counts
    for batch in _batches((boxes[:, 2] * boxes[:, 3]).tolist()):
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


def _batches(sizes: Sequence[int]) -> Iterator[slice]:
    """Neighbours that are not too many pixels together; one that is too large is alone."""
    start = pixels = 0
    for i, size in enumerate(sizes):
        if i > start and pixels + size > SHEET:
            yield slice(start, i)
            start, pixels = i, 0
        pixels += size
    yield slice(start, len(sizes))


def _painted(rows: Ints, columns: Ints, lengths: Ints, counts: Longs, boxes: Longs) -> list[_Crop]:
    """Crops, painted one after the other into one long row of pixels."""
    left, top, width, height = boxes.T
    ends = np.cumsum(width * height)
    shift = ends - width * height - top * width - left
    starts = rows * np.repeat(width, counts) + columns + np.repeat(shift, counts)
    sheet = runs.to_bitmap(starts, lengths, int(ends[-1]), 1)[0].view(np.uint8)
    places = zip(pairwise([0, *ends.tolist()]), boxes.tolist(), strict=True)
    return [_Crop(sheet[a:b].reshape(h, w), x, y) for (a, b), (x, y, w, h) in places]
