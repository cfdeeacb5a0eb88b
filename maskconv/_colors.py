"""Colours in mask PNGs: packing, and the Pascal VOC colour map (VOCdevkit). The public face is `maskconv.png`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Bytes", "Packed", "pack", "unpack", "voc_colors", "voc_index", "voc_packed"]

Bytes = NDArray[np.uint8]
Packed = NDArray[np.uint32]


def pack(rgb: NDArray[Any]) -> Packed:
    """Colours (..., 3) of 0..255 -> 0xRRGGBB, uint32 (...)."""
    wide = rgb.astype(np.uint32)
    red, green, blue = wide[..., 0], wide[..., 1], wide[..., 2]
    packed: Packed = red << np.uint32(16) | green << np.uint32(8) | blue
    return packed


def unpack(packed: ArrayLike) -> Bytes:
    """0xRRGGBB (...) -> colours uint8 (..., 3)."""
    wide = np.asarray(packed, np.uint32)
    return np.stack((wide >> 16, wide >> 8, wide), axis=-1).astype(np.uint8)


def _voc_tables(bits: list[tuple[int, int]]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """What the lower 16 bits (65536,) and the upper 8 (256,) of a value contribute when bit a moves to bit b for (a, b)."""
    parts = np.zeros((3, 256), np.uint32)
    for a, b in bits:
        parts[a // 8] |= (np.arange(256, dtype=np.uint32) >> np.uint32(a % 8) & 1) << np.uint32(b)
    return (parts[1][:, None] | parts[0]).reshape(-1), parts[2]


# bit 3 j + c of an index is bit 7 - j of channel c (red, green, blue); red is the highest byte of a packed colour
_BITS = [(3 * j + c, 8 * (2 - c) + 7 - j) for j in range(8) for c in range(3)]
_TO_COLOR = _voc_tables(_BITS)
_TO_INDEX = _voc_tables([(b, a) for a, b in _BITS])


def _move_bits(tables: tuple[NDArray[np.uint32], NDArray[np.uint32]], values: ArrayLike) -> Packed:
    wide = np.asarray(values).astype(np.intp)  # what `take` wants
    moved: Packed = tables[0].take(wide & 0xFFFF) | tables[1].take(wide >> 16)
    return moved


def voc_packed(indices: ArrayLike) -> Packed:
    """The Pascal VOC colour map: indices 0..2**24-1 -> 0xRRGGBB. A bijection; `voc_index` is its inverse.

    Raises IndexError for larger indices.
    """
    return _move_bits(_TO_COLOR, indices)


def voc_index(packed: ArrayLike) -> Packed:
    """The index of each colour 0xRRGGBB in the Pascal VOC colour map."""
    return _move_bits(_TO_INDEX, packed)


def voc_colors(n: int) -> Bytes:
    """The first ``n`` colours of the Pascal VOC colour map, uint8 (n, 3)."""
    return unpack(voc_packed(np.arange(n)))
