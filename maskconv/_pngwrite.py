"""Runs -> mask PNGs, without a bitmap in between. The public face is `maskconv.png`."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from maskconv import _deflate, _pngfile
from maskconv._colors import Bytes
from maskconv._pngfile import Header
from maskconv._runmap import Ints, RunMap, Values

__all__ = ["encode_binary", "encode_gray", "encode_palette", "encode_rgb"]

# --- encoding ---------------------------------------------------------------------------------------------------------

_KEEP = 64 * 2**20  # bytes of scratch that a thread keeps
_local = threading.local()


def _take_scratch(size: int) -> Bytes:
    """``size`` zero bytes at least. First touch of memory is expensive, so a thread reuses its own; see `_give_back`."""
    scratch: Bytes | None = _local.__dict__.pop("scratch", None)
    return scratch if scratch is not None and len(scratch) >= size else np.zeros(size, np.uint8)


def _give_back(scratch: Bytes) -> None:
    """Only after every byte is zero again."""
    if len(scratch) <= _KEEP:
        _local.scratch = scratch


def encode_rgb(image: RunMap) -> bytes:
    """An 8-bit RGB PNG; values are packed colours 0xRRGGBB. Raises ValueError for larger values."""
    return _encode(image, 0xFFFFFF, _pngfile.RGB)


def encode_gray(image: RunMap) -> bytes:
    """An 8-bit gray PNG. Raises ValueError for values over 255."""
    return _encode(image, 0xFF, _pngfile.GRAY)


def encode_palette(image: RunMap, palette: Bytes) -> bytes:
    """An 8-bit palette PNG; ``palette`` is uint8 (n, 3), n in 1..256. Raises ValueError for values that are not in it."""
    if palette.dtype != np.uint8 or palette.ndim != 2 or palette.shape[1] != 3 or not 0 < len(palette) <= 256:
        raise ValueError(f"a palette is a uint8 array (1..256, 3), not {palette.dtype} {palette.shape}")
    return _encode(image, len(palette) - 1, _pngfile.PALETTE, palette)


def _encode(image: RunMap, highest: int, color_type: int, palette: Bytes | None = None) -> bytes:
    if (found := int(image.values.max())) > highest:
        raise ValueError(f"the image has a value {found}; this PNG holds 0 to {highest}")
    header = Header(image.width, image.height, 8, color_type, interlaced=False)
    stride, size, bpp = 1 + header.row_bytes(image.width), header.size(), header.bpp
    y = image.starts // np.int32(image.width)
    first = image.starts.astype(np.int64) * bpp + (y + 1)
    places = [first + channel for channel in range(bpp)]
    steps = _differences(image.values, np.flatnonzero(y[1:] != y[:-1]) + 1, bpp)
    rows = _take_scratch(size)
    for at, step in zip(places, steps, strict=True):
        rows[at] = step
    rows[:size:stride] = 1
    blocks = _deflate.compress(rows[:size].data)
    for at in places:
        rows[at] = 0
    rows[:size:stride] = 0
    _give_back(rows)
    adler = _adler(size, _shares(places, steps, size), _filter_share(0, size, stride, size))
    return _pngfile.assemble(header, b"".join((_deflate.START, blocks, adler)), palette)


def _differences(values: Values, heads: NDArray[np.intp], channels: int) -> list[Bytes]:
    """Each value minus the one before it, for each byte, highest first; a row's first value (``heads``) minus 0."""
    before = np.zeros_like(values)
    before[1:] = values[:-1]
    before[heads] = 0
    shifts = range(8 * channels - 8, -1, -8)
    return [((values >> shift) - (before >> shift)).astype(np.uint8) for shift in shifts]


# Adler-32 of bytes that are mostly zero, without reading them all: its low half sums bytes, its high half sums them weighted
# with how many bytes are left. A share is such a pair of sums.
_Share = tuple[int, int]


def _shares(places: list[NDArray[np.int64]], steps: list[Bytes], size: int) -> _Share:
    """The share of bytes ``steps`` at ``places`` of ``size`` bytes."""
    low = high = 0
    for at, step in zip(places, steps, strict=True):
        low += int(step.sum())
        for k in range(0, len(at), 2**20):  # 20 bits for this many, 8 for a step, 32 for a place
            high += int(np.dot(size - at[k : k + 2**20], step[k : k + 2**20].astype(np.int64)))
    return low, high


def _filter_share(first: int, end: int, stride: int, size: int) -> _Share:
    """The share of a filter byte 1 at the start of each row between the bytes ``first`` and ``end``."""
    count = (end - first) // stride
    return count, count * (size - first) - stride * (count * (count - 1) // 2)


def _adler(size: int, *shares: _Share) -> bytes:
    low = (1 + sum(share[0] for share in shares)) % 65521
    high = (size + sum(share[1] for share in shares)) % 65521
    return (high << 16 | low).to_bytes(4)


_BLOCK = 4096


def encode_binary(starts: Ints, lengths: Ints, width: int, height: int) -> bytes:
    """An 8-bit gray PNG (height, width) of one instance: 1 on its runs, 0 elsewhere.

    Rows without runs have filter NONE, so they are zero bytes, and their compressed form is known beforehand; only the rows
    between the first and the last run (filter SUB) are compressed.
    """
    header = Header(width, height, 8, _pngfile.GRAY, interlaced=False)
    return _pngfile.assemble(header, _binary_stream(starts, lengths, 1 + width, header.size()))


def _binary_stream(starts: Ints, lengths: Ints, stride: int, size: int) -> bytes:
    rises, falls, top, bottom = _binary_steps(starts, lengths, stride)
    above = top // _BLOCK * _BLOCK
    below = (size - bottom) // _BLOCK * _BLOCK
    part = size - above - below
    rows = _take_scratch(part)
    rows[rises - above] = 1
    rows[falls - above] = 255
    rows[top - above : bottom - above : stride] = 1
    blocks = _deflate.compress_part(rows[:part].data)
    rows[rises - above] = 0
    rows[falls - above] = 0
    rows[top - above : bottom - above : stride] = 0
    _give_back(rows)
    up, down = len(rises) * size - int(rises.sum()), len(falls) * size - int(falls.sum())
    runs = (len(rises) + 255 * len(falls), up + 255 * down)
    adler = _adler(size, runs, _filter_share(top, bottom, stride, size))
    return b"".join(
        (_deflate.START, *_deflate.zeros(above), blocks, *_deflate.zeros(below), _deflate.LAST_BLOCK, adler)
    )


def _binary_steps(starts: Ints, lengths: Ints, stride: int) -> tuple[NDArray[np.int64], NDArray[np.int64], int, int]:
    """Where the filtered rows have 1 (starts) and -1 (behind ends), and where the first row with runs starts, the last ends."""
    if not len(starts):
        nowhere = np.empty(0, np.int64)
        return nowhere, nowhere, 0, 0
    y = starts // np.int32(stride - 1)
    rises = starts.astype(np.int64) + (y + 1)
    falls = rises + lengths
    falls = falls[falls % stride != 0]  # a run that reaches the row's end has nothing behind it
    return rises, falls, int(y[0]) * stride, int(y[-1] + 1) * stride
