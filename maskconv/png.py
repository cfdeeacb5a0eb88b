"""Mask PNGs: bytes <-> runs, and the colours in them.

In a row with filter SUB each nonzero byte is the difference to the pixel on the left, so nonzero bytes *are* the run
boundaries: such images (OpenCV's, ours) become runs without ever being unfiltered, and are written straight from
runs. Every other PNG is read by unfiltering it first. Formats: PNG specification; Pascal VOC colour map (VOCdevkit).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskconv import _deflate, _pngfile
from maskconv._deflate import Buffer
from maskconv._pngfile import MAX_PIXELS, Contents, Header, read_header
from maskconv.errors import PngError
from maskconv.runs import Ints, RunMap, Values

__all__ = [
    "MAX_PIXELS",
    "Header",
    "Kind",
    "MaskPng",
    "decode",
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

Bytes = NDArray[np.uint8]
Packed = NDArray[np.uint32]


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


# --- decoding ---------------------------------------------------------------------------------------------------------

_KINDS = {0: Kind.GRAY, 2: Kind.RGB, 3: Kind.PALETTE, 4: Kind.GRAY, 6: Kind.RGB}


def decode(data: Buffer, *, max_pixels: int = MAX_PIXELS) -> MaskPng:
    """Read a PNG of any kind into runs; the file is verified throughout.

    16-bit colours are read where each sample is an 8-bit one repeated (v * 257). Raises PngError for what is no PNG,
    damaged, cut off, larger than ``max_pixels``, or holds 16-bit colours or an index beyond its palette.
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
    """An 8-bit PNG that is not interlaced, by its run boundaries."""
    header, rows = contents.header, contents.rows
    stride = 1 + header.row_bytes(header.width)
    if bytes(rows[::stride]).count(1) == header.height and header.width <= _WIDEST:
        return _image(header, *_from_differences(rows, header, stride))
    return _image(header, *_from_plain(_plain(rows.reshape(-1, stride), header.bpp), header, stride))


def _nonzero(data: Bytes) -> tuple[NDArray[np.intp], Bytes]:
    """The positions of nonzero bytes, where they are few, and the bytes: whole words are looked at first."""
    whole = len(data) & ~7
    words = data[:whole].view(np.uint64)
    hits = np.flatnonzero(words != 0)
    near = words.take(hits).view(np.uint8)
    inside = np.flatnonzero(near.view(np.bool_))
    shift = (hits - np.arange(len(hits))) << 3
    rest = np.flatnonzero(data[whole:])
    at, found = inside + shift.take(inside >> 3), near.take(inside)
    return (np.concatenate((at, rest + whole)), np.append(found, data[whole:][rest])) if len(rest) else (at, found)


# A row's differences add up in lanes of 21 bits, one a channel: enough for this many pixels. Alpha's would begin at bit 63,
# where it disturbs nobody.
_LANE = 21
_WIDEST = (1 << _LANE) // 255


def _from_differences(rows: Bytes, header: Header, stride: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Starts and values of runs, from rows that all have filter SUB: values are sums of differences."""
    at, steps = _nonzero(rows)
    y = at // stride
    heads = np.flatnonzero(at == y * stride)  # filter bytes, never 0: each row's first entry
    at -= y + 1
    at[heads] += 1  # they stand for the row's first pixel
    pixel = at // header.bpp
    channel = at - pixel * header.bpp
    sums = np.add.accumulate(steps.astype(np.int64) << (channel * _LANE))
    last = np.append(np.flatnonzero(pixel[1:] != pixel[:-1]), len(pixel) - 1)
    return pixel.take(last), _unlane(sums.take(last) - sums.take(heads).take(y.take(last)), header)


def _unlane(sums: NDArray[np.int64], header: Header) -> NDArray[np.int64]:
    """Sums in lanes -> packed values."""
    if header.channels < 3:
        return sums & 0xFF
    return (sums & 0xFF) << 16 | (sums >> (_LANE - 8) & 0xFF00) | (sums >> 2 * _LANE & 0xFF)


def _plain(rows: Bytes, bpp: int) -> Bytes:
    """Unfiltered rows in the layout of filtered ones, flat."""
    plain = np.empty_like(rows)
    plain[:, 0] = 0
    plain[:, 1:] = _pngfile.unfilter(rows, bpp)
    return plain.reshape(-1)


def _from_plain(rows: Bytes, header: Header, stride: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Starts and values of runs, from unfiltered rows: where a byte differs from the pixel on the left."""
    bpp = header.bpp
    changes = np.zeros(len(rows), np.bool_)
    np.not_equal(rows[bpp:], rows[:-bpp], out=changes[bpp:])
    changes[::stride] = True
    at = _nonzero(changes.view(np.uint8))[0]
    y = at // stride
    pixel = np.maximum(at - y * stride - 1, 0) // bpp + y * header.width
    last = np.append(np.flatnonzero(pixel[1:] != pixel[:-1]), len(pixel) - 1)
    pixel = pixel.take(last)
    at = pixel * bpp + y.take(last) + 1
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


# --- colours ----------------------------------------------------------------------------------------------------------


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
