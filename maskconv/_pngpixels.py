"""Pixels -> PNG, fast: a window of a picture whose rest is zero is all that is looked at.

Rows above and below the window are streams of zeros that are known beforehand; the window's rows have filter UP or SUB.
"""

from __future__ import annotations

import zlib
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv._deflate import adler32
from maskconv._opencv import opencv
from maskconv._pngfile import RGB, RGB_ALPHA, Header, assemble

__all__ = ["encode_window"]

SUB, UP = 1, 2
START, END = b"\x78\x01", b"\x03\x00"  # of a zlib stream: window of 32 KiB, fast; an empty last block
WINDOW = (
    -9
)  # bits, without header: in photographs, what looks alike further away than 512 bytes costs more than it saves
FEW = 8
LARGEST = 20  # zeros come in powers of two up to this one
ADLER = 65521


def encode_window(pixels: NDArray[np.uint8], x: int, y: int, width: int, height: int) -> bytes:
    """An 8-bit PNG of ``width`` x ``height`` pixels: ``pixels`` with their top left corner at (x, y), zero elsewhere.

    ``pixels`` are uint8 (h, w, 3) in the order red, green, blue, or (h, w, 4) with alpha behind. The PNG's pixels are the
    same everywhere, its bytes wherever the compressor (ISA-L, else zlib) and the processor are.
    """
    h, _, channels = pixels.shape
    rows = _filtered(pixels, x, width)
    size = rows.shape[1]
    header = Header(width, height, 8, RGB if channels == 3 else RGB_ALPHA, interlaced=False)
    return assemble(header, _stream(y * size, rows, (height - y - h) * size))


def _filtered(pixels: NDArray[np.uint8], x: int, width: int) -> NDArray[np.uint8]:
    """The window's rows in the whole width, filtered; those above and below them have filter NONE."""
    h, w, channels = pixels.shape
    flat = pixels.reshape(h, w * channels)
    rows = np.zeros((h, 1 + width * channels), np.uint8)
    inner, behind = np.split(rows[:, 1 + x * channels : 1 + (x + w + 1) * channels], [w * channels], axis=1)
    if _smoother_down(flat, channels):
        rows[:, 0] = UP
        inner[0] = flat[0]
        np.subtract(flat[1:], flat[:-1], out=inner[1:])
    else:
        rows[:, 0] = SUB
        inner[:, :channels] = flat[:, :channels]
        np.subtract(flat[:, channels:], flat[:, :-channels], out=inner[:, channels:])
        if behind.size:
            np.negative(flat[:, -channels:], out=behind)
    return rows


def _smoother_down(flat: NDArray[np.uint8], channels: int) -> bool:
    """Whether pixels differ less from those above them than from those on their left, in every fourth row."""
    if min(flat.shape[0], flat.shape[1] // channels) == 1:
        return bool(flat.shape[0] > 1)
    cv2 = opencv()
    down: float = cv2.norm(flat[1::4], flat[:-1:4], cv2.NORM_L1)
    along: float = cv2.norm(flat[::4, channels:], flat[::4, :-channels], cv2.NORM_L1)
    return down <= along


def _stream(before: int, rows: NDArray[np.uint8], after: int) -> bytes:
    """A zlib stream of ``before`` zeros, the rows, and ``after`` zeros."""
    data = rows.data.cast("B")
    b, a = divmod(adler32(data), 1 << 16)
    b = (b + before + after * a) % ADLER
    return b"".join((START, _zeros(before), _blocks(data), _zeros(after), END, (b << 16 | a).to_bytes(4)))


def _blocks(data: memoryview) -> bytes:
    """Bytes as deflate blocks that end with a byte.

    The first few are a block of their own: where ISA-L's assembler for levels 1 and 2 meets the beginning of a stream, it hashes
    an address instead of the third byte, and what it finds depends on where in memory it runs. So few bytes it leaves to
    another routine.
    """
    codec = _codec()
    press = codec.compressobj(1, codec.DEFLATED, WINDOW)
    first = press.compress(data[:FEW]) + press.flush(codec.Z_SYNC_FLUSH)
    return b"".join((first, press.compress(data[FEW:]), press.flush(codec.Z_FULL_FLUSH)))


def _zeros(count: int) -> bytes:
    """So many zeros as whole deflate blocks that end with a byte."""
    largest, rest = divmod(count, 1 << LARGEST)
    parts = (_power(bit) for bit in range(LARGEST) if rest >> bit & 1)
    return b"".join((_power(LARGEST) * largest, *parts))


@cache
def _power(bit: int) -> bytes:
    press = zlib.compressobj(9, wbits=-15)
    return press.compress(bytes(1 << bit)) + press.flush(zlib.Z_FULL_FLUSH)


@cache
def _codec() -> Any:
    try:
        return import_module("isal.isal_zlib")
    except ImportError:
        return zlib
