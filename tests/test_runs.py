"""Runs against bitmaps: every function must give what plain numpy on full images gives."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskconv import runs
from maskconv.model import Mask
from maskconv.runs import RunMap

many = settings(max_examples=300, deadline=None)


@st.composite
def bitmaps(draw, count=None):
    """A list of bitmaps of one size, from empty to full, noise and blocks."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    count = draw(st.integers(0, 6)) if count is None else count
    step = draw(st.sampled_from([1, 1, 2, 4]))
    shape = (height // step + 1, width // step + 1)
    density = draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
    coarse = [rng.random(shape) < density * rng.random() ** 0.3 for _ in range(count)]
    grown = [np.kron(bitmap, np.ones((step, step), bool))[:height, :width] for bitmap in coarse]
    return height, width, [np.ascontiguousarray(bitmap) for bitmap in grown]


def canonical(shape, width, height):
    starts, lengths = shape
    for array in shape:
        assert array.dtype == np.int32
        assert not array.flags.writeable
    Mask(width=width, height=height, starts=starts, lengths=lengths)  # raises where it is not canonical


def is_exactly(shape, bitmap):
    height, width = bitmap.shape
    canonical(shape, width, height)
    expected = runs.from_bitmap(bitmap)
    return all(np.array_equal(a, b) for a, b in zip(shape, expected, strict=True))


# --- bitmaps ----------------------------------------------------------------------------------------------------------


@many
@given(bitmaps(count=1))
def test_bitmap_there_and_back(case):
    height, width, (bitmap,) = case
    shape = runs.from_bitmap(bitmap)
    canonical(shape, width, height)
    back = runs.to_bitmap(*shape, width, height)
    assert back.dtype == np.bool_
    assert np.array_equal(back, bitmap)


def test_from_bitmap_takes_any_number_and_layout():
    bitmap = np.array([[0, 7, -2], [0.5, 0, 0]])
    starts, lengths = runs.from_bitmap(bitmap)
    assert starts.tolist() == [1, 3]
    assert lengths.tolist() == [2, 1]
    flipped = runs.from_bitmap(bitmap[::-1, ::-1])
    assert flipped[0].tolist() == [2, 3]
    assert flipped[1].tolist() == [1, 2]


@many
@given(bitmaps(count=1), st.data())
def test_crop_and_bbox(case, data):
    height, width, (bitmap,) = case
    shape = runs.from_bitmap(bitmap)
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    w, h = data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y))
    assert np.array_equal(runs.crop_bitmap(*shape, width, x, y, w, h), bitmap[y : y + h, x : x + w])
    bx, by, bw, bh = runs.bbox(*shape, width)
    ys, xs = np.nonzero(bitmap)
    assert (bx, by, bw, bh) == ((xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1) if len(xs) else (0, 0, 0, 0))
    assert all(type(v) is int for v in (bx, by, bw, bh))
    assert np.array_equal(runs.crop_bitmap(*shape, width, bx, by, bw, bh), bitmap[by : by + bh, bx : bx + bw])


def test_offsets_up_to_the_largest_image():
    width, height = 2**16, 2**15 - 1
    starts, lengths = np.array([0, (height - 1) * width], np.int32), np.array([width, width], np.int32)
    assert runs.bbox(starts, lengths, width) == (0, 0, width, height)
    image, visible = runs.paint(width, height, [(starts, lengths)], [5])
    assert image.values[0] == image.values[-1] == 5
    assert visible.tolist() == [2 * width]
    assert runs.union([(starts, lengths)], width)[0].tolist() == starts.tolist()


# --- label images -----------------------------------------------------------------------------------------------------


@st.composite
def label_images(draw, count=1):
    """Label images of one size with few values, small or wide."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    values = np.array(draw(st.lists(st.sampled_from([0, 1, 2, 255, 65535, 65536, 2**24 - 1, 2**32 - 1]), min_size=1)))
    return [values[rng.integers(0, len(values), (height, width))].astype(np.uint32) for _ in range(count)]


@many
@given(label_images())
def test_map_there_and_back(case):
    array = case[0]
    image = RunMap.from_array(array)
    assert image.values.dtype == np.uint32
    assert np.array_equal(image.to_array(), array)
    assert not image.starts.flags.writeable
    assert not image.values.flags.writeable
    assert not image.lengths.flags.writeable
    assert image.lengths.sum() == array.size
    height, width = array.shape
    assert set(range(0, array.size, width)) <= set(image.starts.tolist())
    inner = image.starts[1:] % width != 0
    assert (image.values[1:] != image.values[:-1])[inner].all()
    assert (image.width, image.height) == (width, height)


@pytest.mark.parametrize(("kind", "expected"), [("?", "u2"), ("u1", "u2"), ("u2", "u2"), ("i4", "u4"), ("i8", "u4")])
def test_map_value_types(kind, expected):
    array = np.array([[0, 1], [1, 1]]).astype(kind)
    image = RunMap.from_array(array)
    assert image.values.dtype == expected
    assert np.array_equal(image.to_array(), array)


@pytest.mark.parametrize(
    "array", [np.zeros(3, int), np.zeros((0, 3), int), np.zeros((2, 2)), np.full((2, 2), -1), np.full((1, 1), 2**32)]
)
def test_map_refuses(array):
    with pytest.raises(ValueError, match="a label image"):
        RunMap.from_array(array)


@many
@given(label_images(), st.booleans())
def test_group(case, skipping):
    image = RunMap.from_array(case[0] if case[0].max() > 65535 else case[0].astype(np.uint16))
    skip = int(image.values[0]) if skipping else None
    values, groups = runs.group(image.starts, image.lengths, image.values, skip=skip)
    assert values.tolist() == sorted(set(image.values.tolist()) - {skip})
    assert values.dtype == image.values.dtype
    for value, shape in zip(values, groups, strict=True):
        assert is_exactly(shape, case[0] == value)


def test_group_more_values_than_16_bits_hold():
    values = np.random.default_rng(1).permutation(70_000).astype(np.uint32) * 3
    starts = np.arange(70_000, dtype=np.int32)
    found, groups = runs.group(starts, np.ones_like(starts), values)
    assert np.array_equal(found, np.arange(70_000) * 3)
    assert [int(s[0]) for s, _ in groups] == np.argsort(values).tolist()


@many
@given(label_images(2))
def test_crossing_lookup_within(case):
    a, b = map(RunMap.from_array, case)
    starts, lengths, in_a, in_b = runs.crossing(a, b)
    assert np.array_equal(np.repeat(in_a, lengths), case[0].ravel())
    assert np.array_equal(np.repeat(in_b, lengths), case[1].ravel())
    assert starts.tolist() == sorted({*a.starts.tolist(), *b.starts.tolist()})
    offsets = np.arange(case[0].size).reshape(case[0].shape)
    assert np.array_equal(runs.lookup(b, offsets), case[1])
    pieces = np.split(case[1].ravel(), a.starts[1:])
    even = [len(set(piece.tolist())) == 1 for piece in pieces]
    found = runs.within(b, a.starts)
    assert (found is not None) == all(even)
    if found is not None:
        assert found.tolist() == [int(piece[0]) for piece in pieces]
    coarser = runs.within(RunMap.from_array(case[0] // 2), a.starts)
    assert coarser is not None
    assert coarser.tolist() == (a.values // 2).tolist()


def test_within_a_finer_image():
    image = RunMap.from_array(np.array([[1, 1, 2], [3, 3, 3]]))
    finer = np.array([0, 1, 2, 3, 5], np.int32)
    found = runs.within(image, finer)
    assert found is not None
    assert found.tolist() == [1, 1, 2, 3, 3]
    assert runs.within(image, finer[:2]) is None


def test_crossing_refuses_other_sizes():
    with pytest.raises(ValueError, match="2 x 1 and 1 x 2"):
        runs.crossing(RunMap.from_array(np.zeros((1, 2), int)), RunMap.from_array(np.zeros((2, 1), int)))


# --- several shapes ---------------------------------------------------------------------------------------------------


@many
@given(bitmaps())
def test_set_operations(case):
    height, width, maps = case
    shapes = [runs.from_bitmap(bitmap) for bitmap in maps]
    depth = np.sum(maps, axis=0) if maps else np.zeros((height, width), int)
    assert is_exactly(runs.union(shapes, width), depth > 0)
    assert is_exactly(runs.intersect(shapes, width), (depth == len(maps)) & (depth > 0))
    assert runs.overlap(shapes) == (depth > 1).sum()
    for a, b in zip(range(len(maps)), range(1, len(maps)), strict=False):
        assert is_exactly(runs.subtract(shapes[a], shapes[b], width), maps[a] & ~maps[b])


@many
@given(bitmaps())
def test_layers_are_first_fit(case):
    _, _, maps = case
    expected: list[list[int]] = []
    for i, bitmap in enumerate(maps):
        room = next((layer for layer in expected if not any((maps[k] & bitmap).any() for k in layer)), None)
        if room is None:
            expected.append([i])
        else:
            room.append(i)
    assert runs.layers([runs.from_bitmap(bitmap) for bitmap in maps]) == expected


@many
@given(bitmaps(), st.data())
def test_paint(case, data):
    height, width, maps = case
    palette = data.draw(st.sampled_from([[0, 1, 2], [7, 65535], [1, 65536], [2**32 - 1, 3]]))
    values = data.draw(st.lists(st.sampled_from(palette), min_size=len(maps), max_size=len(maps)))
    image, visible = runs.paint(width, height, [runs.from_bitmap(bitmap) for bitmap in maps], values)
    expected, top = np.zeros((height, width), np.uint32), np.full((height, width), -1)
    for i, (bitmap, value) in enumerate(zip(maps, values, strict=True)):
        expected[bitmap], top[bitmap] = value, i
    wanted = RunMap.from_array(expected)
    assert np.array_equal(image.starts, wanted.starts)
    assert np.array_equal(image.values, wanted.values)
    assert image.starts.dtype == np.int32
    assert image.values.dtype == (np.uint32 if any(value > 65535 for value in values) else np.uint16)
    assert visible.dtype == np.int64
    assert visible.tolist() == [(top == i).sum() for i in range(len(maps))]


def test_paint_a_deep_stack():
    """Nested shapes would be cut into a quadratic number of pieces; the result is the same."""
    maps = []
    for i in range(150):
        bitmap = np.zeros((3, 400), bool)
        bitmap[:, i : 400 - i] = True
        maps.append(bitmap)
    for order in (maps, maps[::-1]):
        image, visible = runs.paint(400, 3, [runs.from_bitmap(m) for m in order], range(1, 151))
        expected = np.zeros((3, 400), int)
        for i, bitmap in enumerate(order):
            expected[bitmap] = i + 1
        assert np.array_equal(image.to_array(), expected)
        assert visible.tolist() == [(expected == i + 1).sum() for i in range(150)]


@many
@given(bitmaps(count=1))
def test_components(case):
    _, width, (bitmap,) = case
    found = runs.components(*runs.from_bitmap(bitmap), width)
    count, labels = cv2.connectedComponents(bitmap.astype(np.uint8), connectivity=8)
    assert len(found) == count - 1
    for shape in found:
        label = labels.ravel()[shape[0][0]]
        assert is_exactly(shape, labels == label)
    firsts = [int(starts[0]) for starts, _ in found]
    assert firsts == sorted(firsts)


def test_components_of_a_spiral_and_a_comb():
    spiral = np.zeros((41, 41), bool)
    for k in range(0, 20, 2):
        spiral[k, k : 41 - k] = spiral[40 - k, k : 41 - k] = spiral[k : 41 - k, 40 - k] = True
        spiral[k + 2 : 41 - k, k] = True
        spiral[k + 2, k : k + 2] = True
    comb = np.zeros((30, 300), bool)
    comb[:, ::3] = True
    comb[-1] = True
    for bitmap in (spiral, comb, comb[::-1]):
        expected = cv2.connectedComponents(bitmap.astype(np.uint8), connectivity=8)[0] - 1
        assert len(runs.components(*runs.from_bitmap(bitmap), bitmap.shape[1])) == expected


def test_every_public_name_exists():
    assert all(hasattr(runs, name) for name in runs.__all__)
