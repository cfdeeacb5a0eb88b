"""Pixels -> PNG, fast: a window of a picture whose rest is zero is all that is looked at.

Rows above and below the window are streams of zeros that are known beforehand; the window's rows have filter UP.
"""

from __future__ import annotations

import zlib
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv._pngfile import RGB, RGB_ALPHA, Header, assemble

__all__ = ["encode_window"]

UP = 2
LARGEST = 20  # zeros come in powers of two up to this one
ADLER = 65521


def encode_window(pixels: NDArray[np.uint8], x: int, y: int, width: int, height: int) -> bytes:
    """An 8-bit PNG of ``width`` x ``height`` pixels: ``pixels`` with their top left corner at (x, y), zero elsewhere.

    ``pixels`` are uint8 (h, w, 3) in the order red, green, blue, or (h, w, 4) with alpha behind. The PNG's pixels are the
    same everywhere, its bytes wherever the compressor (ISA-L, else zlib) and the processor are.
    """
    h, w, channels = pixels.shape
    rows = np.zeros((h, 1 + width * channels), np.uint8)
    rows[:, 0] = UP
    inner, flat = rows[:, 1 + x * channels : 1 + (x + w) * channels], pixels.reshape(h, w * channels)
    inner[0] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=inner[1:])
    size = rows.shape[1]
    header = Header(width, height, 8, RGB if channels == 3 else RGB_ALPHA, interlaced=False)
    return assemble(header, _stream(y * size, rows, (height - y - h) * size))


def _stream(before: int, rows: NDArray[np.uint8], after: int) -> bytes:
    """A zlib stream of ``before`` zeros, the rows, and ``after`` zeros."""
    codec = _codec()
    press = codec.compressobj(1)
    body = press.compress(rows.data.cast("B")) + press.flush(codec.Z_FULL_FLUSH)
    end = press.flush()  # an empty block and the Adler-32 of the rows alone
    b, a = divmod(int.from_bytes(end[-4:]), 1 << 16)
    b = (b + before + after * a) % ADLER
    return b"".join((body[:2], _zeros(before), body[2:], _zeros(after), end[:-4], (b << 16 | a).to_bytes(4)))


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
