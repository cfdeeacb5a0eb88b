"""Inflating and checksums: libdeflate and ISA-L where they are installed, the standard library where not.

Whatever is installed, the same bytes come out and the same streams are refused.
"""

from __future__ import annotations

import zlib
from importlib import import_module
from typing import Any

from maskconv.errors import PngError

__all__ = ["adler32", "compress", "crc32", "inflate"]

Buffer = bytes | bytearray | memoryview


def _optional(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


_libdeflate = _optional("deflate")
_isal = _optional("isal.isal_zlib")

MAX_RATIO = 1032  # deflate cannot do better: 258 bytes in two bits


def crc32(data: Buffer) -> int:
    """The CRC-32 of PNG and zip."""
    found: int = _libdeflate.crc32(data) if _libdeflate is not None else zlib.crc32(data)
    return found


def adler32(data: Buffer) -> int:
    """The Adler-32 of zlib streams."""
    found: int = zlib.adler32(data) if _libdeflate is None else _libdeflate.adler32(data)
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


def compress(data: Buffer) -> bytes:
    """A zlib stream for passing on at once, fast. Not for files: isal's bytes differ between versions and processors."""
    found: bytes = zlib.compress(data, 1) if _isal is None else _isal.compress(data, 1)
    return found
