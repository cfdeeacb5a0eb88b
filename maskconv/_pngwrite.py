"""Runs -> mask PNGs, without a bitmap in between. The public face is `maskconv.png`.

With filter SUB a row is zero except where a run starts, so the filtered rows are known from the runs alone. Rows without
any run keep filter NONE: all zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, groupby

import numpy as np
from numpy.typing import NDArray

from maskconv import _pngfile
from maskconv._colors import Bytes
from maskconv._pngfile import Header
from maskconv._runmap import Ints, RunMap, Runs, Values
from maskconv._sparse import END, NONE, Habit, Numbers, deflate_sparse, deflate_streams

__all__ = ["encode_binaries", "encode_binary", "encode_gray", "encode_palette", "encode_rgb"]

_TRUE = np.ones(1, np.bool_)
_TOGETHER = 2**14  # runs at once: enough to make calls few, not so many that memory slows them


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
    y = image.starts // np.int32(image.width)
    heads = np.flatnonzero(np.concatenate((_TRUE, y[1:] != y[:-1])))
    steps = _steps(image.values, heads, header.bpp)
    which = np.flatnonzero(steps != 0)
    filters = image.starts.astype(np.int64) * header.bpp + y  # where a run's filter byte is, were it the row's first
    run = which // (header.bpp + 1)
    at = filters.take(run) + (which - run * (header.bpp + 1))
    stream = deflate_sparse(at, steps.take(which), header.size(), Habit.COLORS)
    return _pngfile.assemble(header, stream, palette)


def _steps(values: Values, heads: NDArray[np.intp], channels: int) -> Bytes:
    """For each run its filter byte (1 only for ``heads``) and its value minus the one before, byte by byte; flat."""
    pixels = values.astype(">u2" if channels == 1 else ">u4")  # the filter byte takes the place of the highest
    before = np.zeros_like(pixels)
    before[1:] = pixels[:-1]
    before[heads] = 0
    pixels[heads] |= 1 << 8 * channels
    return pixels.view(np.uint8) - before.view(np.uint8)


def encode_binary(starts: Ints, lengths: Ints, width: int, height: int) -> bytes:
    """An 8-bit gray PNG (height, width) of one instance: 1 on its runs, 0 elsewhere."""
    return _encode_binaries([(starts, lengths)], width, height)[0]


def encode_binaries(shapes: Sequence[Runs], width: int, height: int) -> list[bytes]:
    """What `encode_binary` gives for each of the shapes, in less time."""
    before = accumulate((len(starts) for starts, _ in shapes), initial=0)
    parts = groupby(zip(before, shapes, strict=False), key=lambda part: part[0] // _TOGETHER)
    return [data for _, part in parts for data in _encode_binaries([shape for _, shape in part], width, height)]


def _encode_binaries(shapes: list[Runs], width: int, height: int) -> list[bytes]:
    header = Header(width, height, 8, _pngfile.GRAY, interlaced=False)
    at, steps = _edges(shapes, width, header.size())
    found = np.flatnonzero(steps)[1:-1]  # the first is an end, the last one a beginning
    at, steps = at.take(found), steps.take(found)
    streams = deflate_streams(at, steps, np.flatnonzero(at < 0), header.size(), Habit.BINARY)
    return [_pngfile.assemble(header, stream) for stream in streams]


def _edges(shapes: list[Runs], width: int, size: int) -> tuple[Numbers, Numbers]:
    """Three places for each run: its filter byte, first pixel, pixel behind. Before, between and behind the shapes there
    are three more, as one stream's end and the next one's beginning."""
    starts = _joined([starts for starts, _ in shapes], -width)  # a row of its own
    y = starts // np.int32(width)
    at = np.empty((len(starts), 3), np.int64)
    steps = np.ones((len(starts), 3), np.int64)
    at[:, 0] = y * np.int64(width + 1)
    at[:, 1] = starts + np.int64(1) + y
    np.add(at[:, 1], _joined([lengths for _, lengths in shapes], 0), out=at[:, 2])
    np.not_equal(y[1:], y[:-1], out=steps[1:, 0], casting="unsafe")
    steps[:, 2] = np.where(
        at[:, 2] - at[:, 0] <= width, 255, 0
    )  # a run that reaches the row's end has nothing behind it
    between = list(accumulate((len(starts) + 1 for starts, _ in shapes), initial=0))
    at[between], steps[between] = (size, -1, 0), (END, NONE, 0)
    return at.reshape(-1), steps.reshape(-1)


def _joined(arrays: list[Ints], between: int) -> Ints:
    """The arrays behind one another, a number before, between and behind them."""
    single = np.array([between], np.int32)
    return np.concatenate([part for array in arrays for part in (single, array)] + [single])
