"""Label rows as the trainer reads them: ``class x1 y1 ... xn yn``, coordinates as shares of the picture's size.

A pixel index x is written as (x + 0.5) / width, the pixel's middle: whoever truncates the product finds the index again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["decimals", "rows", "shares"]

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
Texts = NDArray[np.bytes_]
TABLE = 1 << 15  # sizes up to here have a table of all their coordinates


def decimals(size: int) -> int:
    """How many decimals tell all pixel indices of a side of ``size`` pixels: six, as is usual, up to 250,000.

    With d decimals a coordinate times the size is wrong by at most 0.5 * size / 10**d, here by an eighth of a pixel. So it
    lies within (x + 0.375, x + 0.625), and truncation as well as floor(v + 0.25) of v - 0.5 or of v gives x. Single precision
    adds less than size / 2**23, which stays under 0.375 up to 3,000,000 pixels.
    """
    return max(6, len(str(4 * size - 1)))


def rows(classes: Sequence[int], rings: Sequence[Ints], width: int, height: int) -> list[bytes]:
    """A row for each class and ring of pixel indices, without the end of the line."""
    if not rings:
        return []
    points = np.concatenate(rings)
    places = decimals(max(width, height))
    text = np.empty(points.shape, f"S{places + 3}")  # " 0." and the decimals: all have the same length
    text[:, 0] = _texts(points[:, 0], width, places)
    text[:, 1] = _texts(points[:, 1], height, places)
    data, size = text.tobytes(), 2 * (places + 3)
    ends = (np.cumsum([len(ring) for ring in rings]) * size).tolist()
    starts = [0, *ends[:-1]]
    return [b"%d%b" % (number, data[a:b]) for number, a, b in zip(classes, starts, ends, strict=True)]


def shares(ring: Ints, width: int, height: int) -> Floats:
    """The coordinates of a row in single precision, as the trainer parses them: float32 (n, 2)."""
    places = decimals(max(width, height))
    found: Floats = np.empty(ring.shape, np.float32)
    found[:, 0] = _values(ring[:, 0], width, places)
    found[:, 1] = _values(ring[:, 1], height, places)
    return found


def _texts(at: Ints, size: int, places: int) -> Texts:
    if size <= TABLE:
        return _table(size, places).take(at)
    some, index = np.unique(at, return_inverse=True)
    return _formatted(some.tolist(), size, places)[index]


def _values(at: Ints, size: int, places: int) -> Floats:
    return _numbers(size, places).take(at) if size <= TABLE else _parsed(_texts(at, size, places))


@lru_cache(64)
def _numbers(size: int, places: int) -> Floats:
    return _parsed(_table(size, places))


def _parsed(texts: Texts) -> Floats:
    return texts.astype(np.float64).astype(np.float32)


@lru_cache(64)
def _table(size: int, places: int) -> Texts:
    return _formatted(range(size), size, places)


def _formatted(at: Any, size: int, places: int) -> Texts:
    return np.array([b" %.*f" % (places, (x + 0.5) / size) for x in at], f"S{places + 3}")
