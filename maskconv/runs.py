"""Pixel sets and label images as run-length arrays: everything here costs O(runs), not O(pixels).

*Runs* are a pair ``(starts, lengths)`` of int32 arrays: row-major pixel offsets (``y * width + x``), ascending, never
crossing a row, maximal within it. That is the canonical form of `maskconv.model.Mask`. A `RunMap` is a whole label
image in the same spirit. Arrays handed out are read-only. Bitmaps are made only where a caller asks for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "RunMap",
    "bbox",
    "components",
    "crop_bitmap",
    "crossing",
    "from_bitmap",
    "group",
    "intersect",
    "layers",
    "lookup",
    "overlap",
    "paint",
    "subtract",
    "to_bitmap",
    "uniform",
    "union",
]

Ints = NDArray[np.int32]
Values = NDArray[Any]  # uint16 or uint32
Runs = tuple[Ints, Ints]
_A = TypeVar("_A", bound=NDArray[Any])

_EMPTY: Ints = np.empty(0, np.int32)
_EMPTY.flags.writeable = False


def _frozen(array: _A) -> _A:
    array.flags.writeable = False
    return array


@dataclass(frozen=True, slots=True, eq=False)
class RunMap:
    """A label image (height, width) as runs of equal value.

    ``starts`` is int32 (k,), ascending; ``starts[0] == 0``, every row begins a run, neighbours within a row differ.
    ``values`` is uint16 or uint32 (k,). That form is canonical; it is trusted, not checked.
    """

    width: int
    height: int
    starts: Ints
    values: Values

    @property
    def lengths(self) -> Ints:
        """The runs' lengths in pixels, int32 (k,)."""
        lengths = np.empty_like(self.starts)
        np.subtract(self.starts[1:], self.starts[:-1], out=lengths[:-1])
        lengths[-1:] = self.width * self.height - self.starts[-1:]
        return _frozen(lengths)

    @classmethod
    def from_array(cls, array: NDArray[Any]) -> RunMap:
        """A two-dimensional array (height, width) of bool or integers 0..2**32-1.

        Values are uint16 where the array's type is no wider, else uint32. Raises ValueError for any other array.
        """
        if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "biu":
            raise ValueError(f"a label image is a two-dimensional array of integers, not {array.dtype} {array.shape}")
        height, width = array.shape
        change = np.empty((height, width), np.bool_)
        change[:, 0] = True
        np.not_equal(array[:, 1:], array[:, :-1], out=change[:, 1:])
        starts = np.flatnonzero(change.reshape(-1))
        values = array.reshape(-1)[starts]
        if (values.dtype.kind == "i" and values.min() < 0) or values.max() > 0xFFFFFFFF:
            raise ValueError("a label image holds values from 0 to 2**32 - 1")
        kind = np.uint16 if array.dtype.kind in "bu" and array.dtype.itemsize <= 2 else np.uint32
        return cls(width, height, _frozen(starts.astype(np.int32)), _frozen(values.astype(kind)))

    def to_array(self) -> Values:
        """The image, (height, width), in the type of ``values``."""
        return np.repeat(self.values, self.lengths).reshape(self.height, self.width)


# --- bitmaps ----------------------------------------------------------------------------------------------------------


def from_bitmap(array: NDArray[Any]) -> Runs:
    """The runs of the nonzero pixels of a two-dimensional array (height, width)."""
    height, width = array.shape
    # one zero before each row and one at the very end: no run crosses a row, edges alternate between start and end
    padded = np.zeros(height * (width + 1) + 1, np.bool_)
    np.not_equal(array, 0, out=padded[:-1].reshape(height, width + 1)[:, 1:])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    first = edges[::2]
    starts = first - first // (width + 1)
    return _frozen(starts.astype(np.int32)), _frozen((edges[1::2] - first).astype(np.int32))


def _fill(starts: NDArray[Any], lengths: NDArray[Any], size: int) -> NDArray[np.bool_]:
    """A flat bitmap of ``size`` pixels with the given runs set."""
    edges = np.empty(2 * len(starts) + 1, np.int64)  # lengths of gap, run, gap, run, ..., gap
    ends = starts + lengths
    edges[0:-1:2] = starts
    edges[2:-1:2] -= ends[:-1]
    edges[1::2] = lengths
    edges[-1] = size - (ends[-1] if len(ends) else 0)
    flags = np.zeros(len(edges), np.bool_)
    flags[1::2] = True
    return np.repeat(flags, edges)


def to_bitmap(starts: Ints, lengths: Ints, width: int, height: int) -> NDArray[np.bool_]:
    """The whole image, bool (height, width)."""
    return _fill(starts, lengths, width * height).reshape(height, width)


def crop_bitmap(starts: Ints, lengths: Ints, width: int, x: int, y: int, w: int, h: int) -> NDArray[np.bool_]:
    """The pixels of the window with top left corner (x, y) and size w x h: bool (h, w). Runs outside are cut off."""
    rows = starts // width
    left = starts - rows * width - x
    right = np.minimum(left + lengths, w)
    left = np.maximum(left, 0)
    rows = rows - y
    inside = (rows >= 0) & (rows < h) & (left < right)
    if not inside.all():
        rows, left, right = rows[inside], left[inside], right[inside]
    return _fill(rows * w + left, right - left, w * h).reshape(h, w)


def bbox(starts: Ints, lengths: Ints, width: int) -> tuple[int, int, int, int]:
    """``(x, y, width, height)`` of the pixels; all zero when there are none."""
    if not len(starts):
        return 0, 0, 0, 0
    top, bottom = int(starts[0]) // width, int(starts[-1]) // width
    columns = starts % width
    left = int(columns.min())
    return left, top, int((columns + lengths).max()) - left, bottom - top + 1


# --- one label image --------------------------------------------------------------------------------------------------


def _narrow(values: Values) -> NDArray[Any]:
    """Keys in the same order as ``values``, 16 bits wide where possible: numpy sorts those four times as fast."""
    if values.dtype.itemsize <= 2:
        return values
    if not len(values) or values.max() <= 0xFFFF:
        return values.astype(np.uint16)
    known = np.unique(values)
    return np.searchsorted(known, values).astype(np.uint16) if len(known) <= 0x10000 else values


def group(starts: Ints, lengths: Ints, values: Values, skip: int | None = None) -> tuple[Values, list[Runs]]:
    """Split runs by value: the distinct values, ascending, and for each its runs.

    ``starts``, ``lengths`` and ``values`` have equal length; ``skip`` is a value to leave out (the background). The
    runs are read-only slices of one sorted array, in their original order.
    """
    keep = None if skip is None else np.flatnonzero(values != skip)
    kept = values if keep is None else values.take(keep)
    if not len(kept):
        return _frozen(values[:0].copy()), []
    order = np.argsort(_narrow(kept), kind="stable")
    ordered = kept.take(order)
    bounds = [0, *(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1).tolist(), len(ordered)]
    if keep is not None:
        order = keep.take(order)
    starts, lengths = _frozen(starts.take(order)), _frozen(lengths.take(order))
    return _frozen(ordered.take(bounds[:-1])), [(starts[a:b], lengths[a:b]) for a, b in pairwise(bounds)]


def lookup(image: RunMap, offsets: NDArray[Any]) -> Values:
    """The values of ``image`` at row-major pixel offsets (any shape, any order, all inside the image)."""
    return image.values[_index(image, offsets)]


def _index(image: RunMap, offsets: NDArray[Any]) -> NDArray[np.intp]:
    # equal types spare searchsorted a copy of the haystack in a wider type
    return np.searchsorted(image.starts, offsets.astype(np.int32, copy=False), side="right") - 1


def uniform(image: RunMap, starts: Ints, lengths: Ints) -> tuple[Values, NDArray[np.bool_]]:
    """For each given run the value of ``image`` at its first pixel, and whether ``image`` changes inside the run.

    Runs may come in any order, fastest when ascending; call it once for many masks rather than once a mask.
    """
    index = _index(image, starts)
    following = np.concatenate((image.starts[1:], np.array([image.width * image.height], np.int32)))
    return image.values[index], following[index] < starts + lengths


def crossing(a: RunMap, b: RunMap) -> tuple[Ints, Ints, Values, Values]:
    """The common refinement of two images of one size: starts, lengths, values in ``a``, values in ``b``.

    Raises ValueError where the sizes differ.
    """
    if (a.width, a.height) != (b.width, b.height):
        raise ValueError(f"the images have different sizes: {a.width} x {a.height} and {b.width} x {b.height} pixels")
    starts = _distinct(np.concatenate((a.starts, b.starts)))
    lengths = np.diff(starts, append=np.int32(a.width * a.height))
    return _frozen(starts), _frozen(lengths), lookup(a, starts), lookup(b, starts)


def _distinct(values: Ints) -> Ints:
    """The distinct values, ascending; sorts in place."""
    values.sort(kind="stable")  # a merge sort: the input consists of few ascending parts
    fresh = np.empty(len(values), np.bool_)
    fresh[:1] = True
    np.not_equal(values[1:], values[:-1], out=fresh[1:])
    return values[fresh]


# --- several shapes ---------------------------------------------------------------------------------------------------


def _together(shapes: Sequence[Runs]) -> Runs:
    """All shapes' runs behind one another."""
    if not shapes:
        return _EMPTY, _EMPTY
    return np.concatenate([s for s, _ in shapes]), np.concatenate([n for _, n in shapes])


def _depth(shapes: Sequence[Runs]) -> tuple[Ints, NDArray[np.intp]]:
    """Cut the offsets at every start and end of a run: the cuts, and how many shapes cover each piece up to the next.

    The last cut has depth 0.
    """
    starts, lengths = _together(shapes)
    starts, ends = np.sort(starts), np.sort(starts + lengths)
    cuts = _distinct(np.concatenate((starts, ends)))
    return cuts, np.searchsorted(starts, cuts, side="right") - np.searchsorted(ends, cuts, side="right")


def _select(cuts: Ints, chosen: NDArray[np.bool_], width: int) -> Runs:
    """The canonical runs of the chosen pieces between cuts; a piece does not cross a row."""
    index = np.flatnonzero(chosen[:-1])
    if not len(index):
        return _EMPTY, _EMPTY
    starts, ends = cuts[index], cuts[index + 1]
    fresh = np.empty(len(index), np.bool_)
    fresh[0] = True
    fresh[1:] = (starts[1:] != ends[:-1]) | (starts[1:] % width == 0)
    first = np.flatnonzero(fresh)
    last = np.append(first[1:], len(index)) - 1
    starts = starts[first]
    return _frozen(starts), _frozen(ends[last] - starts)


def union(shapes: Sequence[Runs], width: int) -> Runs:
    """The pixels that belong to any of the shapes, in an image of that width."""
    cuts, depth = _depth(shapes)
    return _select(cuts, depth > 0, width)


def intersect(shapes: Sequence[Runs], width: int) -> Runs:
    """The pixels that belong to all of the shapes; no shapes, no pixels."""
    cuts, depth = _depth(shapes)
    return _select(cuts, (depth == len(shapes)) & (depth > 0), width)


def subtract(a: Runs, b: Runs, width: int) -> Runs:
    """The pixels of ``a`` that do not belong to ``b``."""
    cuts = _distinct(np.concatenate((a[0], a[0] + a[1], b[0], b[0] + b[1])))
    return _select(cuts, _covered(a, cuts) & ~_covered(b, cuts), width)


def _covered(shape: Runs, offsets: Ints) -> NDArray[np.bool_]:
    starts, lengths = shape
    index = np.searchsorted(starts, offsets, side="right") - 1
    if not len(starts):
        return np.zeros(len(offsets), np.bool_)
    return (index >= 0) & (offsets < (starts + lengths)[index])


def overlap(shapes: Sequence[Runs]) -> int:
    """The number of pixels that belong to more than one shape; 0 when no two overlap."""
    starts, lengths = _together(shapes)
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], (starts + lengths)[order]
    if not (starts[1:] < ends[:-1]).any():
        return 0
    cuts, depth = _depth(shapes)
    return int(np.diff(cuts)[depth[:-1] > 1].sum(dtype=np.int64))


def layers(shapes: Sequence[Runs]) -> list[list[int]]:
    """Distribute shapes over layers so that no two in a layer overlap, each into the first layer that has room.

    Returns the shapes' indices, ascending within a layer. Without overlaps that is one layer; no shapes, no layers.
    """
    if not shapes or not overlap(shapes):
        return [list(range(len(shapes)))] if shapes else []
    found: list[list[int]] = []
    taken: list[Runs] = []
    for i, shape in enumerate(shapes):
        place = next((k for k, other in enumerate(taken) if not _meet(other, shape)), len(taken))
        if place == len(taken):
            found.append([])
            taken.append((_EMPTY, _EMPTY))
        found[place].append(i)
        starts, lengths = _together([taken[place], shape])
        order = np.argsort(starts, kind="stable")
        taken[place] = starts[order], lengths[order]
    return found


def _meet(a: Runs, b: Runs) -> bool:
    """Whether two sets of runs, each ascending and without overlaps, share a pixel."""
    if not len(a[0]) or not len(b[0]):
        return False
    before = np.searchsorted(a[0], b[0] + b[1], side="left") - 1  # a's last run that starts before b's run ends
    return bool(((before >= 0) & ((a[0] + a[1])[before] > b[0])).any())


# --- painting ---------------------------------------------------------------------------------------------------------


def paint(
    width: int, height: int, shapes: Sequence[Runs], values: Sequence[int] | NDArray[Any]
) -> tuple[RunMap, NDArray[np.int64]]:
    """Paint shapes in order, later ones on top, on a background of 0.

    ``values[i]`` (0..2**32-1) is what shape i is painted with. Returns the image, and int64 (n,) how many pixels of
    each shape are still visible. The image's values are uint16 where they fit, else uint32.
    """
    starts, lengths = _together(shapes)
    owners = np.repeat(np.arange(len(shapes)), [len(s) for s, _ in shapes])
    starts, ends, owners = _flatten(starts, starts + lengths, owners)
    visible = np.bincount(owners, weights=ends - starts, minlength=len(shapes)).astype(np.int64)
    paints = np.asarray(values, dtype=np.int64)
    kind = np.uint16 if not len(paints) or paints.max() <= 0xFFFF else np.uint32
    return _image(width, height, starts, ends, paints.astype(kind)[owners]), visible


def _flatten(starts: Ints, ends: Ints, owners: NDArray[np.intp]) -> tuple[Ints, Ints, NDArray[np.intp]]:
    """Runs in order of painting -> ascending runs that do not overlap, cut where a later one covers an earlier one."""
    order = np.argsort(starts, kind="stable")
    if not (starts[order][1:] < ends[order][:-1]).any():
        return starts[order], ends[order], owners[order]
    cuts, place = _ranks(np.concatenate((starts, ends)))
    first, last = place[: len(starts)], place[len(starts) :]
    pieces = last - first
    total = int(pieces.sum())
    if total > 16 * len(starts) and len(starts) > 1:
        return _merge_halves(starts, ends, owners)
    top = np.full(len(cuts), -1, np.intp)
    # an index that occurs twice in an assignment keeps its last value: later runs cover earlier ones
    top[np.repeat(first - (np.cumsum(pieces) - pieces), pieces) + np.arange(total)] = np.repeat(owners, pieces)
    seen = np.flatnonzero(top >= 0)
    return cuts[seen], cuts[seen + 1], top[seen]


def _ranks(values: Ints) -> tuple[Ints, NDArray[np.intp]]:
    """The distinct values, ascending, and the place of each value among them."""
    order = np.argsort(values, kind="stable")
    ordered = values.take(order)
    fresh = np.concatenate((np.ones(1, np.bool_), ordered[1:] != ordered[:-1]))
    place = np.empty(len(values), np.intp)
    place[order] = np.cumsum(fresh) - 1
    return ordered[fresh], place


def _merge_halves(starts: Ints, ends: Ints, owners: NDArray[np.intp]) -> tuple[Ints, Ints, NDArray[np.intp]]:
    """Flatten each half for itself first: deep stacks would be cut into too many pieces at once."""
    half = len(starts) // 2
    low = _flatten(starts[:half], ends[:half], owners[:half])
    high = _flatten(starts[half:], ends[half:], owners[half:])
    starts, ends = np.concatenate((low[0], high[0])), np.concatenate((low[1], high[1]))
    return _flatten(starts, ends, np.concatenate((low[2], high[2])))


def _image(width: int, height: int, starts: Ints, ends: Ints, values: Values) -> RunMap:
    """The image of ascending runs that do not overlap, on a background of 0."""
    keys = np.empty((len(starts), 2), np.int64)  # offset and value in one number: sorts both at once
    keys[:, 0] = starts
    keys[:, 1] = ends
    keys <<= 32
    keys[:, 0] |= values
    rows = np.arange(0, width * height, width, dtype=np.int64) << 32
    ordered = np.sort(np.concatenate((keys.reshape(-1), rows, [width * height << 32])), kind="stable")
    offsets = ordered >> 32
    last = np.flatnonzero(offsets[1:] != offsets[:-1])  # a run outdoes the end of another and the row
    offsets, found = offsets.take(last), ordered.take(last) & 0xFFFFFFFF
    fresh = offsets % width == 0
    fresh[1:] |= found[1:] != found[:-1]
    kept = np.flatnonzero(fresh)
    return RunMap(
        width, height, _frozen(offsets.take(kept).astype(np.int32)), _frozen(found.take(kept).astype(values.dtype))
    )


# --- connected components ---------------------------------------------------------------------------------------------


def components(starts: Ints, lengths: Ints, width: int) -> list[Runs]:
    """The connected components (8 neighbours), ordered by their first pixel."""
    if not len(starts):
        return []
    # two columns more keep a row's last pixel from touching the next row's first
    rows = starts // width
    left = starts.astype(np.int64) + 2 * rows
    right = left + lengths
    first = np.searchsorted(right, left + width + 2, side="left")
    last = np.searchsorted(left, right + width + 2, side="right")
    counts = np.maximum(last - first, 0)
    above = np.repeat(np.arange(len(starts)), counts)
    below = np.arange(len(above)) + np.repeat(first - (np.cumsum(counts) - counts), counts)
    return group(starts, lengths, _roots(len(starts), above, below))[1]


def _roots(count: int, a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.uint32]:
    """For each of ``count`` nodes the smallest node that edges (a[i], b[i]) connect it with."""
    parent = np.arange(count)
    while len(a):
        low, high = parent[a], parent[b]
        np.minimum.at(parent, np.maximum(low, high), np.minimum(low, high))
        while (flat := parent[parent]).tolist() != parent.tolist():
            parent = flat
        apart = parent[a] != parent[b]
        a, b = a[apart], b[apart]
    return parent.astype(np.uint32)
