"""The PNG file as a container: header, chunks, filters, interlacing. Source: the PNG specification, third edition (W3C)."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv import limits
from maskconv._deflate import Buffer, compress, crc32, inflate
from maskconv.errors import PngError

__all__ = ["MAX_PIXELS", "Contents", "Header", "assemble", "open_png", "read_header", "samples", "unfilter"]

Bytes = NDArray[np.uint8]

MAX_PIXELS = limits.DEFAULTS["MASKCONV_MAX_PIXELS"]
SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGB_ALPHA: 4}
DEPTHS = {GRAY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GRAY_ALPHA: (8, 16), RGB_ALPHA: (8, 16)}
ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # x, y, dx, dy
WHOLE = ((0, 0, 1, 1),)
FOREIGN = (
    (b"\x89PNG", "a PNG whose line ends were converted in a transfer"),
    (b"\xff\xd8\xff", "a JPEG"),
    (b"GIF8", "a GIF"),
    (b"RIFF", "a WebP"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"PK\3\4", "a zip archive"),
    (b"version https://git-lfs", "a Git LFS pointer instead of the file"),
    (b"<", "HTML or XML, such as an error page"),
    (b"{", "JSON, such as an error answer"),
    (b"\0\0\0\0", "zero bytes"),
)


@dataclass(frozen=True, slots=True)
class Header:
    """What a PNG says of itself: size in pixels, bits a sample, colour type (0 gray, 2 RGB, 3 palette, 4 gray and alpha,
    6 RGBA), Adam7 interlacing or not."""

    width: int
    height: int
    depth: int
    color_type: int
    interlaced: bool

    @property
    def channels(self) -> int:
        """Samples a pixel, alpha included."""
        return CHANNELS[self.color_type]

    @property
    def bpp(self) -> int:
        """The distance in bytes that filters look to the left: a whole pixel, at least 1."""
        return max(1, self.channels * self.depth // 8)

    def row_bytes(self, width: int) -> int:
        """The bytes of a row of ``width`` pixels, without its filter byte."""
        return (width * self.channels * self.depth + 7) // 8

    def passes(self) -> Iterator[tuple[int, int, int, int, int, int]]:
        """``(x, y, dx, dy, width, height)`` of each pass that has pixels; one when not interlaced."""
        for x, y, dx, dy in ADAM7 if self.interlaced else WHOLE:
            width, height = (self.width - x + dx - 1) // dx, (self.height - y + dy - 1) // dy
            if width > 0 and height > 0:
                yield x, y, dx, dy, width, height

    def size(self) -> int:
        """The bytes of all filtered rows."""
        return sum(height * (1 + self.row_bytes(width)) for *_, width, height in self.passes())


@dataclass(frozen=True, slots=True)
class Contents:
    """A verified PNG: its filtered rows as one byte array, ``palette`` uint8 (n, 3) and ``transparency`` where present."""

    header: Header
    rows: Bytes
    palette: Bytes | None
    transparency: bytes | None


# --- reading ----------------------------------------------------------------------------------------------------------


def read_header(data: Buffer, *, max_pixels: int | None = None) -> Header:
    """The header from a file's first 33 bytes (more do no harm).

    Raises PngError for what is no PNG (saying what it looks like), for a damaged header, and for more than ``max_pixels``
    (None: MASKCONV_MAX_PIXELS, see `maskconv.limits`).
    """
    head = bytes(data[:33])
    if head[:8] != SIGNATURE:
        raise PngError(_foreign(bytes(data[:64])), code="png-foreign")
    if len(head) < 33:
        raise PngError(f"the PNG is cut off after {len(head)} bytes, within its header")
    if head[8:16] != b"\0\0\0\rIHDR" or crc32(head[12:29]) != int.from_bytes(head[29:]):
        raise PngError("the PNG's header is damaged")
    width, height, depth, color_type, compression, filtering, interlacing = struct.unpack(">IIBBBBB", head[16:29])
    if depth not in DEPTHS.get(color_type, ()) or compression or filtering or interlacing > 1:
        raise PngError(f"the PNG's header has values that do not exist (colour type {color_type}, {depth} bits)")
    if not 0 < width < 2**31 or not 0 < height < 2**31:
        raise PngError(f"the PNG's size is {width} x {height} pixels")
    limit = min(limits.pixels() if max_pixels is None else max_pixels, 2**31 - 1)  # runs are int32
    if width * height > limit:
        fix = limits.fix("MASKCONV_MAX_PIXELS", "look at the file") if max_pixels is None else ""
        raise PngError(f"{width} x {height} pixels are more than the limit of {limit}", code="png-size", fix=fix)
    return Header(width, height, depth, color_type, bool(interlacing))


def _foreign(start: bytes) -> str:
    if not start:
        return "the file is empty, not a PNG"
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    kind = next((name for magic, name in FOREIGN if start.startswith(magic) or text.startswith(magic)), "")
    return f"this is no PNG but looks like {kind}" if kind else f"this is no PNG: it begins with {start[:8].hex(' ')}"


def _shown(kind: bytes) -> str:
    return kind.decode("ascii", "backslashreplace")


def _chunks(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Type and content of each chunk behind the header, up to IEND; every CRC is checked."""
    at, size = 33, len(data)
    kind = b"IHDR"
    while kind != b"IEND":
        if at + 12 > size:
            raise PngError("the PNG is cut off: its last chunk (IEND) is missing")
        length, kind = int.from_bytes(data[at : at + 4]), bytes(data[at + 4 : at + 8])
        end = at + 8 + length
        if end + 4 > size:
            raise PngError(
                f"the PNG is cut off, or damaged: its chunk {_shown(kind)} at byte {at} claims {length} bytes"
            )
        if crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise PngError(f"the PNG is damaged: the checksum of its chunk {_shown(kind)} at byte {at} does not match")
        yield kind, data[at + 8 : end]
        at = end + 4


def open_png(data: Buffer, *, max_pixels: int | None = None) -> Contents:
    """Verify a PNG and inflate its rows: signature, header, order and CRC of all chunks, Adler-32, exact size.

    Bytes behind IEND are ignored, as everyone does. Raises PngError.
    """
    header = read_header(data, max_pixels=max_pixels)
    pixels: list[memoryview] = []
    found: dict[bytes, memoryview] = {}
    previous = b"IHDR"
    for kind, content in _chunks(memoryview(data)):
        if kind == b"IDAT":
            if pixels and previous != kind:
                raise PngError("the PNG's pixels (IDAT) are not in one piece")
            pixels.append(content)
        elif not kind[0] & 32 and (kind not in (b"PLTE", b"IEND") or kind in found or (kind == b"PLTE" and pixels)):
            raise PngError(f"the PNG has a chunk {_shown(kind)} where none may be")
        else:
            found[kind] = content
        previous = kind
    if not pixels:
        raise PngError("the PNG has no pixels (IDAT)")
    rows = np.frombuffer(inflate(pixels[0] if len(pixels) == 1 else b"".join(pixels), header.size()), np.uint8)
    trns = found.get(b"tRNS")
    return Contents(header, rows, _palette(header, found.get(b"PLTE")), None if trns is None else bytes(trns))


def _palette(header: Header, content: memoryview | None) -> Bytes | None:
    if header.color_type != PALETTE:
        return None
    if content is None or not 3 <= len(content) <= 768 or len(content) % 3:
        raise PngError("the PNG's palette (PLTE) is missing or malformed")
    palette = np.frombuffer(bytes(content), np.uint8).reshape(-1, 3)
    return palette[: 1 << header.depth]


# --- filters and samples ----------------------------------------------------------------------------------------------


def unfilter(rows: Bytes, bpp: int) -> Bytes:
    """Undo the filters of one image or pass: (height, 1 + n) filtered rows -> (height, n) bytes. ``rows`` stays as it is.

    Raises PngError for a filter that does not exist.
    """
    filters = rows[:, 0].tolist()
    highest = max(filters)
    if highest > 4:
        raise PngError(f"the PNG has a row with filter {highest}; there are 0 to 4")
    if highest > 2:
        return _unfilter_by_pillow(rows, bpp)
    plain = rows[:, 1:].copy()
    above = np.zeros_like(plain[0])
    for kind, row in zip(filters, plain, strict=True):
        if kind == 1:
            pixels = row.reshape(-1, bpp)
            np.add.accumulate(pixels, axis=0, out=pixels)
        elif kind == 2:
            np.add(row, above, out=row)
        above = row
    return plain


def _unfilter_by_pillow(rows: Bytes, bpp: int) -> Bytes:
    """Filters work on bytes, not samples: rows become a PNG of 8-bit samples with the same ``bpp``, so that Pillow neither
    scales nor converts anything."""
    from PIL.PngImagePlugin import PngImageFile

    height, size = rows.shape[0], rows.shape[1] - 1
    if bpp > 4:  # 16-bit RGB(A): each byte of a pixel is filtered for itself, so halves can go apart
        pixels = rows[:, 1:].reshape(height, -1, 2, bpp // 2)
        halves = [np.hstack((rows[:, :1], pixels[:, :, k].reshape(height, -1))) for k in (0, 1)]
        plain = [_unfilter_by_pillow(half, bpp // 2).reshape(height, -1, 1, bpp // 2) for half in halves]
        return np.concatenate(plain, axis=2).reshape(height, size)
    color_type = (GRAY, GRAY_ALPHA, RGB, RGB_ALPHA)[bpp - 1]
    header = Header(size // bpp, height, 8, color_type, interlaced=False)
    # the image class, not Image.open: no warnings about sizes that we have checked
    stream = compress(np.ascontiguousarray(rows).data.cast("B"))
    with PngImageFile(io.BytesIO(assemble(header, stream))) as image:
        return np.frombuffer(image.tobytes(), np.uint8).reshape(height, size)


@cache
def _unpacked(depth: int) -> NDArray[Any]:
    """(256,): the samples of each byte, as bytes of one number."""
    shifts = np.arange(8 - depth, -1, -depth)
    split = (np.arange(256)[:, None] >> shifts & (1 << depth) - 1).astype(np.uint8)
    return split.view(f"u{len(shifts)}").reshape(-1)


def _unpack(plain: Bytes, header: Header, width: int) -> NDArray[Any]:
    """(height, n) unfiltered bytes -> (height, width, channels) samples, uint8 or uint16."""
    height = len(plain)
    if header.depth == 16:
        return plain.view(">u2").astype(np.uint16).reshape(height, width, -1)
    if header.depth < 8:
        return _unpacked(header.depth)[plain].view(np.uint8)[:, :width, None]
    return plain.reshape(height, width, -1)


def samples(contents: Contents) -> NDArray[Any]:
    """The raw samples, (height, width, channels), uint8 or uint16, of any PNG."""
    header, at = contents.header, 0
    kind = np.uint16 if header.depth == 16 else np.uint8
    image = np.empty((header.height, header.width, header.channels), kind)
    for x, y, dx, dy, width, height in header.passes():
        stride = 1 + header.row_bytes(width)
        rows = contents.rows[at : at + height * stride].reshape(height, stride)
        image[y::dy, x::dx] = _unpack(unfilter(rows, header.bpp), header, width)
        at += height * stride
    return image


# --- writing ----------------------------------------------------------------------------------------------------------


def assemble(header: Header, stream: bytes, palette: Bytes | None = None) -> bytes:
    """A PNG file of a zlib stream of filtered rows, and a palette uint8 (n, 3) where it needs one."""
    interlacing = int(header.interlaced)
    sizes = struct.pack(">IIBBBBB", header.width, header.height, header.depth, header.color_type, 0, 0, interlacing)
    colors = b"" if palette is None else _chunk(b"PLTE", palette.tobytes())
    # PNG limits a chunk to 2**31 - 1 bytes; some readers hold far less at once
    parts = [_chunk(b"IDAT", stream[at : at + 2**24]) for at in range(0, len(stream), 2**24)]
    return b"".join((SIGNATURE, _chunk(b"IHDR", sizes), colors, *parts, _chunk(b"IEND", b"")))


def _chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return b"".join((len(content).to_bytes(4), body, crc32(body).to_bytes(4)))
