"""Compression for PNG: libdeflate and ISA-L where they are installed, the standard library where not.

Whatever is installed, the same bytes go in and come out; only the compressed form may differ.
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from importlib import import_module
from typing import Any

from maskconv.errors import PngError

__all__ = ["LAST_BLOCK", "START", "compress", "compress_part", "crc32", "inflate", "zeros"]

Buffer = bytes | bytearray | memoryview


def _optional(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


_libdeflate = _optional("deflate")
_isal = _optional("isal.isal_zlib")

MAX_RATIO = 1032  # deflate cannot do better: 258 bytes in two bits
START = b"\x78\x01"  # a zlib stream's header: window of 32 KiB, fast
LAST_BLOCK = b"\x03\x00"  # an empty block that ends a raw deflate stream


def crc32(data: Buffer) -> int:
    """The CRC-32 of PNG and zip."""
    found: int = _libdeflate.crc32(data) if _libdeflate is not None else zlib.crc32(data)
    return found


def inflate(data: Buffer, size: int) -> bytearray | bytes:
    """Decompress a zlib stream that must hold exactly ``size`` (> 0) bytes; its Adler-32 is checked.

    Bytes behind the stream are ignored, as everyone does. Raises PngError when it is damaged, too short or too long; a
    longer stream is never inflated beyond ``size``.
    """
    if size > MAX_RATIO * len(data):
        raise PngError(f"{len(data)} bytes of compressed pixels cannot hold the {size} bytes that the header promises")
    found = _inflate_at_once(data, size) if _libdeflate is not None else _inflate_stream(data, size)
    if len(found) < size:
        raise PngError(f"the pixels end early: {len(found)} of {size} bytes")
    return found


def _inflate_at_once(data: Buffer, size: int) -> bytearray:
    try:
        found: bytearray = _libdeflate.zlib_decompress(data, size)
    except _libdeflate.DeflateError:
        raise PngError("the compressed pixels are damaged, or more than the header promises") from None
    return found


def _inflate_stream(data: Buffer, size: int) -> bytes:
    codec: Any = zlib if _isal is None else _isal
    stream = codec.decompressobj()
    try:
        found: bytes = stream.decompress(data, size + 1)  # one more, so that the stream's end and checksum are read
    except codec.error:
        raise PngError("the compressed pixels are damaged") from None
    if len(found) > size:
        raise PngError(f"the pixels are more than the {size} bytes that the header promises")
    if not stream.eof:
        raise PngError("the compressed pixels end early")
    return found


def _pack(data: Buffer, flush: int) -> bytes:
    # isal's levels 1 and 2 give other bytes for the same input in a few processes of a hundred; level 0 never did
    codec, level = (zlib, 1) if _isal is None else (_isal, 0)
    stream = codec.compressobj(level, zlib.DEFLATED, -15)
    found: bytes = stream.compress(data) + stream.flush(flush)
    return found


def compress(data: Buffer) -> bytes:
    """A raw deflate stream, fast."""
    return _pack(data, zlib.Z_FINISH)


def compress_part(data: Buffer) -> bytes:
    """Raw deflate blocks, fast, that end on a byte and refer to nothing before them: parts can be joined freely."""
    return _pack(data, zlib.Z_FULL_FLUSH)


@lru_cache(maxsize=32)
def _power_of_zeros(exponent: int) -> bytes:
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = bytes(min(1 << exponent, 1 << 20))
    parts = [stream.compress(block) for _ in range((1 << exponent) // len(block))]
    return b"".join(parts) + stream.flush(zlib.Z_FULL_FLUSH)


def zeros(count: int) -> list[bytes]:
    """Raw deflate blocks, to be joined, of ``count`` (< 2**32) zero bytes; like `compress_part`, but nearly free."""
    return [_power_of_zeros(bit) for bit in range(31, -1, -1) if count >> bit & 1]
