"""PNGs of every kind against an encoder of our own, Pillow and OpenCV; damage; encoders; colours."""

from __future__ import annotations

import io
import pickle
import struct
import subprocess
import sys
import tracemalloc
import zlib

import cv2
import deflate
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isal import isal_zlib
from PIL import Image

from maskconv import _deflate, _pngwrite, _sparse, png, runs
from maskconv.errors import DataError, PngError
from maskconv.png import Kind
from maskconv.runs import RunMap

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8)]
KINDS += [(4, 8), (4, 16), (6, 8), (6, 16)]
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


# --- an encoder that follows the specification and nothing else -------------------------------------------------------


def chunk(kind, content=b""):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def paeth(a, b, c):
    p = a + b - c
    distances = abs(p - a), abs(p - b), abs(p - c)
    return (a, b, c)[distances.index(min(distances))]


def filter_row(kind, row, above, bpp):
    left, corner = bytes(bpp) + row[:-bpp], bytes(bpp) + above[:-bpp]
    guesses = {
        0: lambda a, b, c: 0,
        1: lambda a, b, c: a,
        2: lambda a, b, c: b,
        3: lambda a, b, c: (a + b) // 2,
        4: paeth,
    }
    guess = guesses.get(kind, guesses[0])
    return bytes([kind]) + bytes(
        (x - guess(a, b, c)) & 255 for x, a, b, c in zip(row, left, above, corner, strict=True)
    )


def packed_rows(samples, depth):
    height = len(samples)
    flat = samples.reshape(height, -1)
    if depth == 16:
        return [row.astype(">u2").tobytes() for row in flat]
    bits = (flat[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1
    return [np.packbits(row.reshape(-1)).tobytes() for row in bits.astype(np.uint8)]


def filtered(samples, depth, filters, interlaced=False):
    """The filtered rows of (height, width, channels) samples; ``filters`` is cycled through."""
    out, number = [], 0
    bpp = max(1, samples.shape[2] * depth // 8)
    for x, y, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = samples[y::dy, x::dx]
        if not part.size:
            continue
        rows = packed_rows(part, depth)
        for row, above in zip(rows, [bytes(len(rows[0])), *rows], strict=False):
            out.append(filter_row(filters[number % len(filters)], row, above, bpp))
            number += 1
    return b"".join(out)


def wrap(size, depth, color_type, stream, *, interlaced=False, split=None, before=b"", after=b""):
    header = struct.pack(">IIBBBBB", *size, depth, color_type, 0, 0, interlaced)
    split = split or len(stream) or 1
    parts = [chunk(b"IDAT", stream[at : at + split]) for at in range(0, len(stream), split)]
    return b"".join((SIGNATURE, chunk(b"IHDR", header), before, *parts, after, chunk(b"IEND")))


def palette_of(n):
    return np.random.default_rng(n).integers(0, 256, (n, 3)).astype(np.uint8)


def write(samples, color_type, depth, filters=(0,), *, interlaced=False, split=None, before=b"", after=b""):
    height, width, _ = samples.shape
    if color_type == 3:
        before = chunk(b"PLTE", palette_of(int(samples.max()) + 1).tobytes()) + before
    stream = zlib.compress(filtered(samples, depth, filters, interlaced))
    options = {"interlaced": interlaced, "split": split, "before": before, "after": after}
    return wrap((width, height), depth, color_type, stream, **options)


def values_of(samples, color_type, depth):
    """What `decode` must give for these samples."""
    if color_type in (2, 6):
        return png.pack(samples[:, :, :3] // (257 if depth == 16 else 1))
    return samples[:, :, 0]


def decoded(data, **options):
    found = png.decode(data, **options)
    image = found.map
    again = RunMap.from_array(image.to_array())
    assert np.array_equal(again.starts, image.starts), "not canonical"
    assert image.starts.dtype == np.int32
    assert image.values.dtype == (np.uint32 if found.kind is Kind.RGB else np.uint16)
    assert not image.starts.flags.writeable
    assert not image.values.flags.writeable
    return found


@st.composite
def images(draw, kinds=KINDS, largest=20):
    """(samples, colour type, depth): noise, blocks, or one colour."""
    color_type, depth = draw(st.sampled_from(kinds))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    height, width, step = draw(st.integers(1, largest)), draw(st.integers(1, largest)), draw(st.integers(1, 6))
    colors = rng.integers(0, 1 << depth, (draw(st.integers(1, 8)), CHANNELS[color_type]))
    if depth == 16 and color_type in (2, 6):
        colors = colors // 257 * 257
    coarse = colors[rng.integers(0, len(colors), (height // step + 1, width // step + 1))]
    samples = coarse.repeat(step, 0).repeat(step, 1)[:height, :width]
    return np.ascontiguousarray(samples).astype(np.uint16 if depth == 16 else np.uint8), color_type, depth


filter_lists = st.one_of(
    st.integers(0, 4).map(lambda kind: [kind]),
    st.lists(st.integers(0, 2), min_size=1, max_size=20),
    st.lists(st.integers(0, 4), min_size=1, max_size=20),
)


@pytest.fixture(params=["libdeflate", "isal", "zlib"])
def codec(request, monkeypatch):
    """Each test once with each set of codecs that may be installed."""
    use_codec(monkeypatch, request.param)
    return request.param


def use_codec(monkeypatch, name):
    if name != "libdeflate":
        monkeypatch.setattr(_deflate, "_libdeflate", None)
    if name == "zlib":
        monkeypatch.setattr(_deflate, "_isal", None)


# --- decoding ---------------------------------------------------------------------------------------------------------


@settings(max_examples=1500)
@given(images(), filter_lists, st.booleans(), st.one_of(st.none(), st.integers(1, 40)))
def test_every_kind_decodes_to_its_samples(image, filters, interlaced, split):
    samples, color_type, depth = image
    data = write(samples, color_type, depth, filters, interlaced=interlaced, split=split)
    found = decoded(data)
    assert found.kind is {0: Kind.GRAY, 2: Kind.RGB, 3: Kind.PALETTE, 4: Kind.GRAY, 6: Kind.RGB}[color_type]
    assert found.depth == depth
    assert found.alpha is (color_type in (4, 6))
    assert np.array_equal(found.map.to_array(), values_of(samples, color_type, depth))
    if color_type == 3:
        assert np.array_equal(found.palette, palette_of(int(samples.max()) + 1))
    else:
        assert found.palette is None


@settings(max_examples=300)
@given(images(kinds=[(2, 8), (0, 8), (3, 8), (6, 8), (4, 8)], largest=60), filter_lists)
def test_eight_bit_images_in_bands(image, filters):
    samples, color_type, depth = image
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png, "_BAND", 300)
        found = decoded(write(samples, color_type, depth, filters))
    assert np.array_equal(found.map.to_array(), values_of(samples, color_type, depth))


def seen_by_opencv(data):
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image.ndim == 2:
        return image
    return png.pack(image[:, :, 2::-1] // (257 if image.dtype == np.uint16 else 1))


@settings(max_examples=500)
@given(images(kinds=[(0, 8), (0, 16), (2, 8), (2, 16), (6, 8), (6, 16)]), filter_lists, st.booleans())
def test_opencv_sees_the_same(image, filters, interlaced):
    data = write(*image, filters, interlaced=interlaced)
    assert np.array_equal(decoded(data).map.to_array(), seen_by_opencv(data))


@settings(max_examples=500)
@given(images(kinds=[(0, 1), (0, 8), (0, 16), (2, 8), (3, 1), (3, 2), (3, 4), (3, 8), (4, 8), (6, 8)]), filter_lists)
def test_pillow_sees_the_same(image, filters):
    data = write(*image, filters)
    with Image.open(io.BytesIO(data)) as opened:
        seen = np.asarray(opened)
    seen = seen if seen.ndim == 2 else values_of(seen, image[1], 8)
    assert np.array_equal(decoded(data).map.to_array(), seen)


@pytest.mark.parametrize("mode", ["1", "L", "I;16", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("optimize", [False, True])
def test_files_that_pillow_writes(mode, optimize):
    rng = np.random.default_rng(3)
    image = Image.fromarray(np.kron(rng.integers(0, 9, (9, 11)), np.ones((7, 9))).astype(np.uint8) * 20)
    image = image.convert("I").convert(mode) if mode == "I;16" else image.convert(mode)
    out = io.BytesIO()
    image.save(out, "png", optimize=optimize)
    with Image.open(io.BytesIO(out.getvalue())) as opened:
        seen = np.asarray(opened)
    seen = seen if seen.ndim == 2 else values_of(seen, 2 if mode in ("RGB", "RGBA") else 0, 8)
    assert np.array_equal(decoded(out.getvalue()).map.to_array(), seen)


@settings(max_examples=200)
@given(images(kinds=[(2, 8)], largest=80), st.integers(0, 9))
def test_files_that_opencv_writes(image, level):
    samples = image[0]
    ok, data = cv2.imencode(".png", samples[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, level])
    assert ok
    assert np.array_equal(decoded(data.tobytes()).map.to_array(), png.pack(samples))


@pytest.mark.parametrize("width", [8223, 8224, 8225, 20_000])
def test_rows_with_more_runs_than_a_lane_holds(width):
    samples = np.zeros((9, width, 3), np.uint8)
    samples[:, 1::2] = 255, 255, 1
    samples[:, ::2, 2] = 254
    data = write(samples[:2], 2, 8, [1])
    assert np.array_equal(decoded(data).map.to_array(), png.pack(samples[:2]))


def test_data_may_be_any_buffer():
    data = write(np.arange(12, dtype=np.uint8).reshape(2, 2, 3), 2, 8, [1])
    for kind in (bytes, bytearray, memoryview):
        assert np.array_equal(png.decode(kind(data)).map.to_array(), decoded(data).map.to_array())


# --- transparency, palettes, 16 bits ----------------------------------------------------------------------------------

ONE = np.zeros((2, 2, 1), np.uint8)


@pytest.mark.parametrize(("content", "alpha"), [(b"\xff", False), (b"\xff\xff", False), (b"\xfe", True), (b"", False)])
def test_transparent_palette_entries(content, alpha):
    assert decoded(write(ONE, 3, 8, before=chunk(b"tRNS", content))).alpha is alpha


def test_transparent_colours():
    assert decoded(write(ONE, 0, 8, before=chunk(b"tRNS", b"\0\1"))).alpha
    assert decoded(write(np.zeros((2, 2, 3), np.uint8), 2, 8, before=chunk(b"tRNS", bytes(6)))).alpha


def test_alpha_alone_makes_no_run():
    samples = np.zeros((2, 4, 4), np.uint8)
    samples[:, ::2, 3] = 255
    for filters in ([0], [1], [4]):
        assert decoded(write(samples, 6, 8, filters)).map.starts.tolist() == [0, 4]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("filters", [[0], [1], [4]])
def test_index_beyond_the_palette(depth, filters):
    samples = np.array([[[0], [1]]], np.uint8)
    data = wrap((2, 1), depth, 3, zlib.compress(filtered(samples, depth, filters)), before=chunk(b"PLTE", b"abc"))
    with pytest.raises(PngError, match="uses palette index 1, but its palette has 1 colours"):
        png.decode(data)


@pytest.mark.parametrize("content", [b"", b"ab", b"abcd", bytes(771), None])
def test_malformed_palette(content):
    before = b"" if content is None else chunk(b"PLTE", content)
    with pytest.raises(PngError, match="palette"):
        png.decode(wrap((1, 1), 8, 3, zlib.compress(b"\0\0"), before=before))


@pytest.mark.parametrize("color_type", [2, 6])
def test_true_16_bit_colours_are_refused(color_type):
    samples = np.full((3, 3, CHANNELS[color_type]), 257, np.uint16)
    samples[1, 1, 1] = 258
    with pytest.raises(PngError, match="16-bit colours") as caught:
        png.decode(write(samples, color_type, 16))
    assert caught.value.code == "png-kind"


# --- damage -----------------------------------------------------------------------------------------------------------


def samples_for(kind, seed=5):
    rng = np.random.default_rng(seed)
    color_type, depth = kind
    small = rng.integers(0, 1 << depth, (3, 3, CHANNELS[color_type])).astype(np.uint16 if depth == 16 else np.uint8)
    return np.ascontiguousarray(small.repeat(3, 0).repeat(3, 1))


DAMAGED = {
    "rgb sub": write(samples_for((2, 8)), 2, 8, [1], split=20),
    "rgb": write(samples_for((2, 8)), 2, 8, [0, 2, 3, 4]),
    "rgba": write(samples_for((6, 8)), 6, 8, [1, 4]),
    "palette": write(samples_for((3, 2)), 3, 2, [0], before=chunk(b"tRNS", b"\0")),
    "gray": write(samples_for((0, 8)), 0, 8, [2], before=chunk(b"tEXt", b"a\0b"), after=chunk(b"tIME", bytes(7))),
    "gray 16": write(samples_for((0, 16)), 0, 16, [3], interlaced=True),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_every_flipped_bit_is_an_error_or_harmless(name, codec):
    data = DAMAGED[name]
    truth = decoded(data).map.to_array()
    silent = 0
    for bit in range(8 * len(data)):
        bad = bytearray(data)
        bad[bit // 8] ^= 1 << bit % 8
        try:
            found = png.decode(bytes(bad)).map
        except PngError as error:
            assert isinstance(error, DataError)
            assert error.message
            continue
        silent += 1
        assert np.array_equal(found.to_array(), truth)
    assert silent == 0  # every byte is covered by a checksum


@pytest.mark.parametrize("name", DAMAGED)
def test_every_truncation_is_an_error(name, codec):
    data = DAMAGED[name]
    for length in range(len(data)):
        with pytest.raises(PngError):
            png.decode(data[:length])


def test_bytes_behind_the_end_are_ignored(codec):
    data = DAMAGED["rgb sub"]
    assert np.array_equal(decoded(data + b"junk").map.to_array(), decoded(data).map.to_array())
    samples = samples_for((2, 8))
    stream = zlib.compress(filtered(samples, 8, [1])) + b"junk"
    assert np.array_equal(decoded(wrap((9, 9), 8, 2, stream)).map.to_array(), png.pack(samples))


def test_every_flipped_bit_of_the_stream_under_right_checksums(codec):
    """Chunk CRCs that match do not hide a damaged stream: deflate and its Adler-32 are checked, too."""
    samples = samples_for((2, 8))
    stream = zlib.compress(filtered(samples, 8, [1, 4]))
    for bit in range(8 * len(stream)):
        bad = bytearray(stream)
        bad[bit // 8] ^= 1 << bit % 8
        try:
            found = png.decode(wrap((9, 9), 8, 2, bytes(bad))).map
        except PngError:
            continue
        assert np.array_equal(found.to_array(), png.pack(samples))


@pytest.mark.parametrize("missing", [1, 2, 3, 4])
def test_a_stream_without_its_checksum(missing, codec):
    stream = zlib.compress(filtered(samples_for((2, 8)), 8, [1]))
    with pytest.raises(PngError):
        png.decode(wrap((9, 9), 8, 2, stream[:-missing]))


@settings(max_examples=1000)
@given(st.sampled_from(sorted(DAMAGED)), st.data())
def test_random_damage_under_right_checksums_never_escapes(name, data):
    """Chunks with changed content, order and number, but right CRCs: an error of ours, or an image of the header's size."""
    rest, chunks = DAMAGED[name][8:], []
    while rest:
        length = int.from_bytes(rest[:4])
        chunks.append([rest[4:8], bytearray(rest[8 : 8 + length])])
        rest = rest[12 + length :]
    for _ in range(data.draw(st.integers(1, 3))):
        which = data.draw(st.integers(0, len(chunks) - 1))
        action = data.draw(st.sampled_from(["change", "change", "change", "drop", "copy", "cut", "rename"]))
        kind, content = chunks[which]
        if action == "change" and content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        elif action == "cut":
            del content[data.draw(st.integers(0, 8)) :]
        elif action == "copy":
            chunks.insert(data.draw(st.integers(0, len(chunks))), [kind, bytearray(content)])
        elif action == "rename":
            chunks[which][0] = data.draw(
                st.sampled_from([b"IDAT", b"PLTE", b"tRNS", b"IEND", b"ABCD", b"abcd", b"\0\0\0\0"])
            )
        elif action == "drop" and len(chunks) > 1:
            del chunks[which]
    bad = SIGNATURE + b"".join(chunk(kind, bytes(content)) for kind, content in chunks)
    try:
        found = png.decode(bad, max_pixels=10**6)
    except PngError:
        return
    header = png.read_header(bad)
    assert found.map.to_array().shape == (header.height, header.width)


@settings(max_examples=500)
@given(st.binary(max_size=80))
def test_random_bytes(data):
    for start in (b"", SIGNATURE, SIGNATURE + b"\0\0\0\rIHDR"):
        with pytest.raises(PngError):
            png.decode(start + data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\xff\xd8\xff\xe0" + bytes(60), "a JPEG"),
        (b"\n <!DOCTYPE html><html>", "HTML"),
        (b'{"error": 1}', "JSON"),
        (b"GIF89a", "a GIF"),
        (b"PK\3\4", "a zip"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (SIGNATURE.replace(b"\r\n", b"\n"), "line ends"),
        (bytes(100), "zero bytes"),
        (b"\x01\x02hello", "begins with 01 02 68"),
        (SIGNATURE, "cut off after 8 bytes"),
    ],
)
def test_what_is_no_png_is_named(data, words):
    for reader in (png.decode, png.read_header):
        with pytest.raises(PngError, match=words):
            reader(data)


def test_errors_pickle():
    with pytest.raises(PngError) as caught:
        png.decode(b"")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again), again.code) == (PngError, str(caught.value), "png-foreign")


# --- headers and limits -----------------------------------------------------------------------------------------------


def header_only(*fields):
    return SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", *fields))


def test_header_from_33_bytes():
    header = png.read_header(write(samples_for((3, 2)), 3, 2, interlaced=True)[:33])
    assert header == png.Header(9, 9, 2, 3, interlaced=True)


@pytest.mark.parametrize(
    "fields",
    [
        (0, 1, 8, 2, 0, 0, 0),
        (1, 0, 8, 2, 0, 0, 0),
        (2**31, 1, 8, 2, 0, 0, 0),
        (1, 2**32 - 1, 8, 2, 0, 0, 0),
        (1, 1, 3, 0, 0, 0, 0),
        (1, 1, 4, 2, 0, 0, 0),
        (1, 1, 16, 3, 0, 0, 0),
        (1, 1, 8, 1, 0, 0, 0),
        (1, 1, 8, 7, 0, 0, 0),
        (1, 1, 8, 2, 1, 0, 0),
        (1, 1, 8, 2, 0, 1, 0),
        (1, 1, 8, 2, 0, 0, 2),
    ],
)
def test_headers_that_cannot_be(fields):
    with pytest.raises(PngError):
        png.read_header(header_only(*fields))


def test_pixel_limit_is_named():
    data = write(ONE, 0, 8)
    assert png.decode(data, max_pixels=4).map.width == 2
    with pytest.raises(PngError, match="2 x 2 pixels are more than the limit of 3") as caught:
        png.decode(data, max_pixels=3)
    assert caught.value.code == "png-size"
    with pytest.raises(PngError, match=str(2**31 - 1)):
        png.read_header(header_only(2**16, 2**15, 8, 2, 0, 0, 0), max_pixels=2**40)
    with pytest.raises(PngError, match=str(2**28)):
        png.read_header(header_only(2**15, 2**14, 8, 2, 0, 0, 0))


def test_unknown_filters(codec):
    for color_type, depth in KINDS:
        for filters in ([5], [1, 5, 1], [255], [4, 200]):
            with pytest.raises(PngError, match=f"filter {max(filters)}"):
                png.decode(write(samples_for((color_type, depth)), color_type, depth, filters))


def test_a_bomb_is_not_inflated(codec):
    bomb = zlib.compress(bytes(200_000_000), 9)
    data = wrap((100, 100), 8, 0, bomb)
    tracemalloc.start()
    with pytest.raises(PngError):
        png.decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_header_that_promises_too_much_allocates_nothing(codec):
    data = wrap((2**14, 2**14), 16, 6, zlib.compress(b"abc"))
    tracemalloc.start()
    with pytest.raises(PngError, match="cannot hold"):
        png.decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


@pytest.mark.parametrize("count", [-1, 1, 1000])
def test_too_few_and_too_many_rows(count, codec):
    rows = filtered(samples_for((2, 8)), 8, [1])
    rows = rows[:count] if count < 0 else rows + bytes(count)
    with pytest.raises(PngError):
        png.decode(wrap((9, 9), 8, 2, zlib.compress(rows)))


def test_chunks_out_of_place():
    stream = zlib.compress(b"\0\0")
    idat, plte, end = chunk(b"IDAT", stream), chunk(b"PLTE", b"abc"), chunk(b"IEND")
    head = header_only(1, 1, 8, 3, 0, 0, 0)
    assert png.decode(head + plte + idat + end).kind is Kind.PALETTE
    assert png.decode(head + plte + idat + chunk(b"IDAT") + end).kind is Kind.PALETTE
    split = chunk(b"IDAT", stream[:4]) + chunk(b"tEXt", b"a\0b") + chunk(b"IDAT", stream[4:])
    wrong = [
        plte + end,
        idat + plte + end,
        plte + plte + idat + end,
        plte + idat + chunk(b"ABCD") + end,
        plte + split + end,
    ]
    wrong += [plte + idat, plte + chunk(b"IHDR", head[16:29]) + idat + end, end]
    for chunks in wrong:
        with pytest.raises(PngError):
            png.decode(head + chunks)


# --- encoding ---------------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(images(kinds=[(2, 8)], largest=70))
def test_encode_rgb(image):
    samples = image[0]
    data = png.encode_rgb(RunMap.from_array(png.pack(samples)))
    check_rgb(data, samples)
    assert data == png.encode_rgb(RunMap.from_array(png.pack(samples)))


def check_rgb(data, samples):
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.mode == "RGB"
        assert np.array_equal(np.asarray(opened), samples)
    assert np.array_equal(seen_by_opencv(data), png.pack(samples))
    assert np.array_equal(decoded(data).map.to_array(), png.pack(samples))


@settings(max_examples=200)
@given(images(kinds=[(3, 8)], largest=70))
def test_encode_palette_and_gray(image):
    indices = image[0][:, :, 0]
    data = png.encode_gray(RunMap.from_array(indices))
    assert np.array_equal(seen_by_opencv(data), indices)
    assert np.array_equal(decoded(data).map.to_array(), indices)
    palette = palette_of(int(indices.max()) + 1)
    data = png.encode_palette(RunMap.from_array(indices), palette)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.mode == "P"
        assert np.array_equal(np.asarray(opened), indices)
        assert np.array_equal(np.asarray(opened.convert("RGB")), palette[indices])
    found = decoded(data)
    assert np.array_equal(found.map.to_array(), indices)
    assert np.array_equal(found.palette, palette)


@settings(max_examples=300)
@given(images(kinds=[(0, 1)], largest=150))
def test_encode_binary(image):
    check_binary(image[0][:, :, 0])


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 4095), (4095, 1), (1, 4096), (300, 401), (700, 1023), (1, 70_000)]
)
@pytest.mark.parametrize("where", ["nowhere", "first", "last", "middle", "everywhere", "corners", "right column"])
def test_encode_binary_where_the_instance_is(height, width, where, codec):
    bitmap = np.full((height, width), where == "everywhere", np.uint8)
    places = {
        "first": [(0, 0)],
        "last": [(-1, -1)],
        "middle": [(height // 2, width // 2)],
        "corners": [(0, 0), (-1, -1)],
    }
    for y, x in places.get(where, []):
        bitmap[y, x] = 1
    if where == "right column":
        bitmap[:, -1] = 1
    check_binary(bitmap)


def check_binary(bitmap):
    height, width = bitmap.shape
    shape = runs.from_bitmap(bitmap)
    data = png.encode_binary(*shape, width, height)
    assert data == png.encode_binary(*shape, width, height)
    found = decoded(data)
    assert (found.kind, found.depth) == (Kind.GRAY, 8)
    assert np.array_equal(found.map.to_array(), bitmap)
    assert np.array_equal(seen_by_opencv(data), bitmap)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.mode == "L"
        assert np.array_equal(np.asarray(opened), bitmap)
    idat = data[41 : 41 + int.from_bytes(data[33:37])]
    assert len(zlib.decompress(idat)) == height * (width + 1)


def shape_of(kind, height, width, rng):
    bitmap = np.full((height, width), kind == "full", np.uint8)
    if kind == "pixel":
        bitmap[rng.integers(height), rng.integers(width)] = 1
    elif kind == "noise":
        bitmap[:] = rng.random((height, width)) < rng.choice([0.02, 0.5])
    elif kind == "block":
        bitmap[rng.integers(height) :, rng.integers(width) :] = 1
    return bitmap


@pytest.mark.parametrize("many", [30, 10**9])
@pytest.mark.parametrize("together", [1, 200, 10**9])
@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(["empty", "pixel", "full", "noise", "block"]), max_size=9),
    st.sampled_from([(1, 1), (1, 60), (60, 1), (7, 9), (40, 33), (64, 257), (300, 258), (3, 5000)]),
    st.integers(0, 2**32),
)
def test_several_at_once_are_the_same_as_one_by_one(many, together, kinds, size, seed):
    rng = np.random.default_rng(seed)
    bitmaps = [shape_of(kind, *size, rng) for kind in kinds]
    shapes = [runs.from_bitmap(bitmap) for bitmap in bitmaps]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_sparse, "_MANY", many)
        patch.setattr(_pngwrite, "_TOGETHER", together)
        found = png.encode_binaries(shapes, *size[::-1])
        assert found == [png.encode_binary(*shape, *size[::-1]) for shape in shapes]
    for data, bitmap in zip(found, bitmaps, strict=True):
        with Image.open(io.BytesIO(data)) as opened:
            assert np.array_equal(np.asarray(opened), bitmap)


def test_several_at_once_with_more_values_than_sums_hold_unreduced():
    rng = np.random.default_rng(4)
    bitmaps = [shape_of(kind, 1500, 1500, rng) for kind in ("block", "noise", "empty", "full")]
    bitmaps[1] = rng.integers(0, 2, (1500, 1500))
    shapes = [runs.from_bitmap(bitmap) for bitmap in bitmaps]
    found = png.encode_binaries(shapes, 1500, 1500)
    assert found == [png.encode_binary(*shape, 1500, 1500) for shape in shapes]
    assert all(np.array_equal(decoded(data).map.to_array(), bitmaps[k]) for k, data in enumerate(found))


def test_binary_pngs_stay_the_same_byte_for_byte():
    rng = np.random.default_rng(6)
    sizes = [(1, 1), (1, 300), (40, 33), (300, 258), (200, 3000)]
    kinds = ["empty", "pixel", "full", "noise", "block"]
    files = [
        png.encode_binaries([runs.from_bitmap(shape_of(kind, *size, rng)) for kind in kinds], *size[::-1])
        for size in sizes
    ]
    assert zlib.crc32(b"".join(data for part in files for data in part)) == 0x282FF5B5


def test_encoders_write_the_same_with_every_codec(codec):
    samples = samples_for((2, 8))
    data = png.encode_rgb(RunMap.from_array(png.pack(samples)))
    check_rgb(data, samples)
    assert zlib.crc32(data) == 0xED0EB314


def test_encoders_write_the_same_in_every_process_and_thread():
    """Compressors that leave parts of their state unset do not."""
    code = """
import sys, threading, zlib, numpy as np
from maskconv import png, runs
rng = np.random.default_rng(2)
cases = [rng.integers(0, 4, tuple(rng.integers(1, 60, 2))).astype(np.uint8) for _ in range(60)]
def work(out):
    for case in cases:
        image, shape = runs.RunMap.from_array(case), runs.from_bitmap(case)
        out.append(png.encode_rgb(image) + png.encode_gray(image) + png.encode_binary(*shape, *case.shape[::-1]))
results = [[] for _ in range(4)]
threads = [threading.Thread(target=work, args=(out,)) for out in results]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print({zlib.crc32(b"".join(out)) for out in results})
"""
    texts = {subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout for _ in range(4)}
    assert len(texts) == 1
    assert b"," not in texts.pop()


def test_encoders_refuse_values_that_do_not_fit():
    image = RunMap.from_array(np.array([[0, 256]]))
    with pytest.raises(ValueError, match="a value 256"):
        png.encode_gray(image)
    with pytest.raises(ValueError, match="a value 256"):
        png.encode_palette(image, np.zeros((256, 3), np.uint8))
    with pytest.raises(ValueError, match="a value 16777216"):
        png.encode_rgb(RunMap.from_array(np.array([[2**24]])))
    for palette in (np.zeros((257, 3), np.uint8), np.zeros((0, 3), np.uint8), np.zeros((2, 3)), np.zeros(3, np.uint8)):
        with pytest.raises(ValueError, match="a palette is"):
            png.encode_palette(RunMap.from_array(np.zeros((1, 1), np.uint8)), palette)


@st.composite
def sparse_bytes(draw):
    """(positions, values, size) with short gaps, gaps around the longest match, and long ones."""
    gaps = st.one_of(st.integers(0, 6), st.integers(250, 265), st.integers(510, 530), st.integers(0, 3000))
    values = draw(st.lists(st.integers(1, 255), max_size=30))
    spaces = draw(st.lists(gaps, min_size=len(values) + 1, max_size=len(values) + 1))
    at = np.cumsum(np.array(spaces[:-1], np.int64) + 1) - 1
    size = int(at[-1]) + 1 + spaces[-1] if values else max(1, spaces[-1])
    return at, np.array(values, np.uint8), size


def check_sparse(at, values, size, habit):
    data = _sparse.deflate_sparse(at, values, size, habit)
    plain = np.zeros(size, np.uint8)
    plain[at] = values
    stream = zlib.decompressobj()
    assert stream.decompress(data) == plain.tobytes()
    assert stream.eof
    assert not stream.unused_data
    assert isal_zlib.decompress(data) == plain.tobytes()
    assert deflate.zlib_decompress(data, size) == plain.tobytes()
    return data


@pytest.mark.parametrize("many", [0, 10**9])
@settings(max_examples=500)
@given(sparse_bytes())
def test_deflate_sparse(many, case):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_sparse, "_MANY", many)
        check_sparse(*case, _sparse.Habit.COLORS)


@settings(max_examples=300)
@given(sparse_bytes())
def test_deflate_sparse_of_two_values(case):
    at, values, size = case
    check_sparse(at, np.where(values > 127, 255, 1).astype(np.uint8), size, _sparse.Habit.BINARY)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 258, 259, 260, 261, 516, 517, 10**6, 7 * 10**6])
@pytest.mark.parametrize("many", [-1, 10**9])
def test_deflate_sparse_of_nothing(size, many, monkeypatch):
    monkeypatch.setattr(_sparse, "_MANY", many)
    data = check_sparse(np.empty(0, np.int64), np.empty(0, np.uint8), size, _sparse.Habit.COLORS)
    assert len(data) < 200 + size // 1000


@pytest.mark.parametrize(("count", "spread"), [(20_000, 1), (20_000, 30), (20_000, 3000), (3_000_000, 1), (50_000, 2)])
def test_deflate_sparse_of_many_values(count, spread):
    rng = np.random.default_rng(count + spread)
    at = np.cumsum(rng.integers(1, spread + 1, count))
    values = np.minimum(rng.geometric(0.1, count), 255).astype(np.uint8)
    check_sparse(at, values, int(at[-1]) + 1, _sparse.Habit.COLORS)


def test_codes_have_15_bits_at_most():
    """Counts that grow like Fibonacci's numbers would make a deeper tree."""
    counts = [1, 1]
    while len(counts) < 40:
        counts.append(counts[-1] + counts[-2])
    sizes = _sparse._code_lengths(counts)
    assert sizes[:40].min() > 0
    assert sizes.max() <= 15
    assert sum(0.5 ** int(size) for size in sizes if size) == 1


# --- colours ----------------------------------------------------------------------------------------------------------


def test_voc_colours_are_a_bijection_on_24_bits():
    everything = np.arange(2**24)
    assert np.array_equal(png.voc_index(png.voc_packed(everything)), everything)
    assert np.array_equal(png.voc_packed(png.voc_index(everything)), everything)


def test_voc_colours_follow_the_formula():
    colors = png.voc_colors(1000)
    assert colors.dtype == np.uint8
    for i in range(1000):
        expected, rest = [0, 0, 0], i
        for j in range(7, -1, -1):
            for c in range(3):
                expected[c] |= (rest >> c & 1) << j
            rest >>= 3
        assert colors[i].tolist() == expected


def test_colours_of_any_shape_and_type():
    assert png.voc_index(0x800000) == 1
    assert png.voc_packed([[1, 2]]).tolist() == [[0x800000, 0x008000]]
    assert png.voc_colors(0).shape == (0, 3)
    with pytest.raises(IndexError):
        png.voc_packed([2**24])


def test_pack_and_unpack():
    rgb = np.array([[[1, 2, 3]], [[255, 254, 253]]], np.uint8)
    assert png.pack(rgb).tolist() == [[0x010203], [0xFFFEFD]]
    assert np.array_equal(png.unpack(png.pack(rgb)), rgb)
    assert png.unpack([0x010203]).dtype == np.uint8


# --- house rules ------------------------------------------------------------------------------------------------------


def test_masks_of_8_bits_and_less_need_no_opencv():
    code = """
import sys, numpy as np
from maskconv import png, runs
image = runs.RunMap.from_array(np.eye(9, dtype=np.uint8))
png.decode(png.encode_rgb(image)); png.decode(png.encode_binary(*runs.from_bitmap(np.eye(9)), 9, 9))
assert not {"cv2", "PIL"} & set(sys.modules), "heavy imports"
for data in sys.argv[1:]:
    png.decode(bytes.fromhex(data))
assert "cv2" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code, *(data.hex() for data in DAMAGED.values())], check=True)


def test_missing_codecs_are_no_error():
    assert _deflate._optional("no_such_codec") is None
    assert _deflate._optional("zlib") is zlib


def test_every_public_name_exists():
    assert all(hasattr(png, name) for name in png.__all__)
