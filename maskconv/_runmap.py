"""Whole label images as runs. The public face of this module is `maskconv.runs`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Ints",
    "RunMap",
    "Runs",
    "Values",
    "crossing",
    "distinct",
    "frozen",
    "group",
    "lookup",
    "nonzero",
    "within",
]

Ints = NDArray[np.int32]
Values = NDArray[Any]  # uint16 or uint32
Runs = tuple[Ints, Ints]
_A = TypeVar("_A", bound=NDArray[Any])


def frozen(array: _A) -> _A:
    """The same array, read-only."""
    array.flags.writeable = False
    return array


def nonzero(data: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """The positions of nonzero bytes, where they are few, and the bytes: whole words are looked at first."""
    whole = len(data) & ~7
    words = data[:whole].view(np.uint64)
    hits = _true(words != 0)
    near = words.take(hits).view(np.uint8)
    inside = (near != 0).nonzero()[0]
    at, found = _spread(inside, hits), near.take(inside)
    if not (rest := data[whole:]).any():
        return at, found
    last = rest.nonzero()[0]
    return np.concatenate((at, last + whole)), np.append(found, rest[last])


def _true(flags: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The positions of True, where they are few: eight at a time are looked at first."""
    whole = len(flags) & ~7
    eights = flags[:whole].view(np.uint64)
    hits = (eights != 0).nonzero()[0]
    at = _spread(eights.take(hits).view(np.bool_).nonzero()[0], hits)
    rest = flags[whole:]
    return np.concatenate((at, rest.nonzero()[0] + whole)) if rest.any() else at


def _spread(inside: NDArray[np.intp], hits: NDArray[np.intp]) -> NDArray[np.intp]:
    """Positions in some groups of eight -> in all of them; ``hits`` are those groups' numbers."""
    shift: NDArray[np.intp] = (hits - np.arange(len(hits))) << 3
    shift = shift.take(inside >> 3)
    shift += inside
    return shift


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
        return frozen(lengths)

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
        starts = nonzero(change.reshape(-1).view(np.uint8))[0]
        values = array.reshape(-1).take(starts)
        if (values.dtype.kind == "i" and values.min() < 0) or values.max() > 0xFFFFFFFF:
            raise ValueError("a label image holds values from 0 to 2**32 - 1")
        kind = np.uint16 if array.dtype.kind in "bu" and array.dtype.itemsize <= 2 else np.uint32
        return cls(width, height, frozen(starts.astype(np.int32)), frozen(values.astype(kind)))

    def to_array(self) -> Values:
        """The image, (height, width), in the type of ``values``."""
        return np.repeat(self.values, self.lengths).reshape(self.height, self.width)


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
        return frozen(values[:0].copy()), []
    order = np.argsort(_narrow(kept), kind="stable")
    ordered = kept.take(order)
    bounds = [0, *(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1).tolist(), len(ordered)]
    if keep is not None:
        order = keep.take(order)
    starts, lengths = frozen(starts.take(order)), frozen(lengths.take(order))
    return frozen(ordered.take(bounds[:-1])), [(starts[a:b], lengths[a:b]) for a, b in pairwise(bounds)]


def lookup(image: RunMap, offsets: NDArray[Any]) -> Values:
    """The values of ``image`` at row-major pixel offsets (any shape, any order, all inside the image)."""
    return image.values[_index(image, offsets)]


def _index(image: RunMap, offsets: NDArray[Any]) -> NDArray[np.intp]:
    # equal types spare searchsorted a copy of the haystack in a wider type
    return np.searchsorted(image.starts, offsets.astype(np.int32, copy=False), side="right") - 1


def within(image: RunMap, starts: Ints) -> Values | None:
    """The value of ``image`` in each run of another one of its size, whose runs begin at ``starts``; None where it changes
    inside one of them."""
    begins = np.zeros(image.width * image.height, np.bool_)
    begins[image.starts] = True
    index = np.add.accumulate(begins.take(starts), dtype=np.int32)
    return image.values.take(index - 1) if index[-1] == len(image.starts) else None


def crossing(a: RunMap, b: RunMap) -> tuple[Ints, Ints, Values, Values]:
    """The common refinement of two images of one size: starts, lengths, values in ``a``, values in ``b``.

    Raises ValueError where the sizes differ.
    """
    if (a.width, a.height) != (b.width, b.height):
        raise ValueError(f"the images have different sizes: {a.width} x {a.height} and {b.width} x {b.height} pixels")
    starts = distinct(np.concatenate((a.starts, b.starts)))
    lengths = np.diff(starts, append=np.int32(a.width * a.height))
    return frozen(starts), frozen(lengths), lookup(a, starts), lookup(b, starts)


def distinct(values: Ints) -> Ints:
    """The distinct values, ascending; sorts in place."""
    values.sort(kind="stable")  # a merge sort: the input consists of few ascending parts
    fresh = np.empty(len(values), np.bool_)
    fresh[:1] = True
    np.not_equal(values[1:], values[:-1], out=fresh[1:])
    return values[fresh]
