"""Mask PNGs: bytes <-> runs, and the colours in them.

In a row with filter SUB each nonzero byte is the difference to the pixel on the left, so nonzero bytes *are* the run
boundaries: such images (OpenCV's, ours) become runs without ever being unfiltered, and are written straight from
runs. Every other PNG is read by unfiltering it first. Formats: PNG specification; Pascal VOC colour map (VOCdevkit).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv import _pngfile
from maskconv._colors import Bytes, pack, unpack, voc_colors, voc_index, voc_packed
from maskconv._deflate import Buffer
from maskconv._pngfile import MAX_PIXELS, Contents, Header, read_header
from maskconv._pngwrite import encode_binaries, encode_binary, encode_gray, encode_palette, encode_rgb
from maskconv._runmap import RunMap, nonzero
from maskconv.errors import PngError

__all__ = [
    "MAX_PIXELS",
    "Header",
    "Kind",
    "MaskPng",
    "decode",
    "encode_binaries",
    "encode_binary",
    "encode_gray",
    "encode_palette",
    "encode_rgb",
    "pack",
    "read_header",
    "unpack",
    "voc_colors",
    "voc_index",
    "voc_packed",
]


class Kind(StrEnum):
    """What a `MaskPng`'s values are."""

    RGB = "rgb"  # packed colours, 0xRRGGBB
    GRAY = "gray"  # samples as they are in the file: a 1-bit PNG has 0 and 1
    PALETTE = "palette"  # indices into the palette


@dataclass(frozen=True, slots=True, eq=False)
class MaskPng:
    """A decoded mask PNG.

    ``map`` holds uint32 packed colours (RGB) or uint16 samples or indices. ``depth`` is the file's bits a sample.
    ``alpha``: the file has an alpha channel, or a transparent colour or palette entry; it is not in ``map``. ``palette`` is
    uint8 (n, 3), only for PALETTE.
    """

    kind: Kind
    depth: int
    alpha: bool
    palette: Bytes | None
    map: RunMap


_KINDS = {0: Kind.GRAY, 2: Kind.RGB, 3: Kind.PALETTE, 4: Kind.GRAY, 6: Kind.RGB}


def decode(data: Buffer, *, max_pixels: int | None = None) -> MaskPng:
    """Read a PNG of any kind into runs; the file is verified throughout.

    16-bit colours are read where each sample is an 8-bit one repeated (v * 257). Raises PngError for what is no PNG,
    damaged, cut off, larger than ``max_pixels`` (None: MASKCONV_MAX_PIXELS), or holds 16-bit colours or an index beyond its palette.
    """
    contents = _pngfile.open_png(data, max_pixels=max_pixels)
    header = contents.header
    image = _scan(contents) if header.depth == 8 and not header.interlaced else _expand(contents)
    palette = contents.palette
    if palette is not None and (highest := int(image.values.max())) >= len(palette):
        raise PngError(f"the PNG uses palette index {highest}, but its palette has {len(palette)} colours")
    return MaskPng(_KINDS[header.color_type], header.depth, _transparent(contents), palette, image)


def _transparent(contents: Contents) -> bool:
    header, transparency = contents.header, contents.transparency
    if header.color_type in (_pngfile.GRAY_ALPHA, _pngfile.RGB_ALPHA):
        return True
    if transparency is None:
        return False
    return header.color_type != _pngfile.PALETTE or any(alpha < 255 for alpha in transparency)


def _expand(contents: Contents) -> RunMap:
    """Any PNG, by way of its samples."""
    image = _pngfile.samples(contents)
    if image.shape[2] < 3:
        return RunMap.from_array(image[:, :, 0])
    image = image[:, :, :3]
    if image.dtype.itemsize > 1:
        if (image // 257 * 257 != image).any():
            raise PngError("the PNG has 16-bit colours, which no mask format knows", code="png-kind")
        image = (image // 257).astype(np.uint8)
    return RunMap.from_array(pack(image))


def _scan(contents: Contents) -> RunMap:
    """An 8-bit PNG that is not interlaced, by its run boundaries, a few rows at a time."""
    header, rows = contents.header, contents.rows
    stride = 1 + header.row_bytes(header.width)
    find = _from_differences
    if header.width > _WIDEST or bytes(rows[::stride]).count(1) < header.height:
        rows, find = _pngfile.unfilter(rows.reshape(-1, stride), header.bpp).reshape(-1), _from_plain
        stride -= 1
    step = max(8, _BAND // stride & ~7)  # rows; eight keep words aligned
    bands = [find(rows[y * stride : (y + step) * stride], header) for y in range(0, header.height, step)]
    if len(bands) == 1:
        return _image(header, *bands[0])
    starts = np.concatenate([found + k * step * header.width for k, (found, _) in enumerate(bands)])
    return _image(header, starts, np.concatenate([values for _, values in bands]))


_BAND = 2**22  # bytes of rows at once: positions take several times as much memory where an image is noise

# A row's differences add up in lanes of 21 bits, one a channel: enough for this many pixels. Alpha's would begin at bit 63,
# where it disturbs nobody.
_LANE = 21
_WIDEST = (1 << _LANE) // 255


def _from_differences(rows: Bytes, header: Header) -> tuple[NDArray[Any], NDArray[Any]]:
    """Starts and values of runs, from rows that all have filter SUB: values are sums of differences."""
    stride = 1 + header.row_bytes(header.width)
    found, steps = nonzero(rows)
    at = found.astype(np.int32)  # divides twice as fast, and a band is small
    y = at // stride
    heads = np.flatnonzero(at == y * stride)  # filter bytes, never 0: each row's first entry
    at -= y + 1
    at[heads] += 1  # they stand for the row's first pixel
    pixel = at // header.bpp
    channel = at - pixel * header.bpp
    sums = np.add.accumulate(steps.astype(np.int64) << (channel * _LANE))
    last = np.flatnonzero(np.append(pixel[1:] != pixel[:-1], True))
    return pixel.take(last), _unlane(sums.take(last) - sums.take(heads).take(y.take(last)), header)


def _unlane(sums: NDArray[np.int64], header: Header) -> NDArray[np.int64]:
    """Sums in lanes -> packed values."""
    if header.channels < 3:
        return sums & 0xFF
    return (sums & 0xFF) << 16 | (sums >> (_LANE - 8) & 0xFF00) | (sums >> 2 * _LANE & 0xFF)


def _from_plain(rows: Bytes, header: Header) -> tuple[NDArray[Any], NDArray[Any]]:
    """Starts and values of runs, from unfiltered rows: where a byte differs from the pixel on the left."""
    bpp = header.bpp
    changes = np.empty(len(rows), np.bool_)
    np.not_equal(rows[bpp:], rows[:-bpp], out=changes[bpp:])
    changes[:: header.width * bpp] = True
    pixel = nonzero(changes.view(np.uint8))[0] // bpp
    pixel = pixel.take(np.flatnonzero(np.append(True, pixel[1:] != pixel[:-1])))
    at = pixel * bpp
    if header.channels < 3:
        return pixel, rows.take(at)
    return pixel, pack(np.stack((rows.take(at), rows.take(at + 1), rows.take(at + 2)), axis=-1))


def _image(header: Header, starts: NDArray[Any], values: NDArray[Any]) -> RunMap:
    if header.channels in (2, 4):  # neighbours may have differed in alpha alone
        keep = np.append(True, values[1:] != values[:-1]) | (starts % header.width == 0)
        starts, values = starts[keep], values[keep]
    values = values.astype(np.uint32 if header.channels > 2 else np.uint16)
    starts = starts.astype(np.int32)
    values.flags.writeable = starts.flags.writeable = False
    return RunMap(header.width, header.height, starts, values)
