"""Several shapes, as runs: set operations, overlaps, layers, painting, components. The public face is `maskconv.runs`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv._runmap import Ints, RunMap, Runs, Values, distinct, frozen, group

__all__ = ["components", "intersect", "layers", "overlap", "paint", "subtract", "union"]

_EMPTY: Ints = frozen(np.empty(0, np.int32))


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
    cuts = distinct(np.concatenate((starts, ends)))
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
    return frozen(starts), frozen(ends[last] - starts)


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
    cuts = distinct(np.concatenate((a[0], a[0] + a[1], b[0], b[0] + b[1])))
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
        width, height, frozen(offsets.take(kept).astype(np.int32)), frozen(found.take(kept).astype(values.dtype))
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
