"""Pixels against the programs that define them, and traces against the pixels they come from. No tolerance anywhere."""

from __future__ import annotations

import json
import math
import os
import pickle
import sys
import time
import tracemalloc
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from maskconv import geometry
from maskconv.errors import DataError, MissingDependencyError
from maskconv.geometry import box_mask, polygon_mask, shape_mask, shape_masks, trace
from maskconv.model import Annotation, Box, Mask, PixelRule, Polygon
from tests.topology import hole_count, part_count

REAL = Path(os.environ.get("MASKCONV_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
RULES = list(PixelRule)
CENTRE = [PixelRule.CENTRE_TRUNC, PixelRule.CENTRE_NEAR]
QUANTISE = {
    PixelRule.CENTRE_TRUNC: lambda v: np.trunc(np.round(v, 6)),
    PixelRule.CENTRE_NEAR: lambda v: np.floor(v + 0.25),
}


def by_opencv(rings, rule, width, height):
    """The whole image by one plain fillPoly call."""
    canvas = np.zeros((height, width), np.uint8)
    cv2.fillPoly(canvas, [QUANTISE[rule](np.asarray(ring, float)).astype(np.int32) for ring in rings], 1)
    return canvas > 0


def by_coco(ring, width, height):
    flat = np.asarray(ring, float).ravel().tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools 2.0.11 under numpy 2
        return coco.decode(coco.frPyObjects([flat], height, width)[0]).astype(bool)


def pixels(rings, rule, width, height):
    polygon = Polygon(exterior=rings[0], holes=tuple(rings[1:]), rule=rule)
    return polygon_mask([polygon], width, height).to_array()


def test_many_shapes_are_painted_as_each_alone(monkeypatch):
    rng = np.random.default_rng(7)
    rings = [rng.uniform(-20, 60, (count, 2)) for count in (3, 4, 9, 3, 30, 5)] + [np.full((3, 2), 7.0)]
    shapes = [(Polygon(exterior=ring, rule=CENTRE[i % 2]),) for i, ring in enumerate(rings)]
    shapes.insert(2, (Polygon(exterior=rings[0] + 900, rule=PixelRule.CENTRE_NEAR),))
    shapes.insert(4, (Polygon(exterior=rings[1], rule=PixelRule.EDGE),))
    shapes.insert(5, Mask.from_array(rng.random((31, 43)) < 0.5))
    shapes.insert(6, Box(x=3, y=4, width=9, height=5))
    shapes.append((shapes[0][0], shapes[1][0]))
    wanted = [shape_mask(shape, 43, 31) for shape in shapes]
    for sheet in (1, 2000, 1 << 24):
        monkeypatch.setattr("maskconv._fill.SHEET", sheet)
        assert shape_masks(shapes, 43, 31) == wanted
    far = [*shapes, (Polygon(exterior=rings[0] * 1e9, rule=PixelRule.CENTRE_TRUNC),)]
    assert shape_masks(far, 43, 31) == [*wanted, shape_mask(far[-1], 43, 31)]
    assert shape_masks([], 43, 31) == []


@st.composite
def canvases(draw, reach=st.sampled_from([0, 2, 30, 500, 5000])):
    """A ring and an image: inside, over the border, far outside; fractional, halves, whole, repeated, collinear."""
    width, height = draw(st.integers(1, 48)), draw(st.integers(1, 48))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, far = draw(st.integers(3, 12)), draw(reach)
    ring = rng.uniform(-far, [width + far, height + far], (count, 2))
    kind = draw(st.sampled_from(["free", "whole", "tenths", "halves", "line", "repeated", "closed", "near"]))
    if kind in {"whole", "tenths", "halves"}:
        ring = {"whole": np.round(ring), "tenths": np.round(ring, 1), "halves": np.round(ring * 2) / 2}[kind]
    elif kind == "line":
        ring[:, draw(st.integers(0, 1))] = ring[0, 0]
    elif kind == "repeated":
        ring = np.repeat(ring, 2, axis=0)
    elif kind == "closed":
        ring = np.vstack([ring, ring[:1]])
    elif kind == "near":  # a whisker from whole numbers, where rounding before truncating matters
        ring = np.round(ring) + rng.choice([-4e-7, -6e-7, 0.0, 4e-7], ring.shape)
    return ring, width, height


def stress(count, seed=0):
    """Noise, blobs, checkers, dots, diagonals, nested rings, pinholes, thin lines; most touch the border."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        height, width = (int(n) for n in rng.integers(1, 48, 2))
        y, x = np.indices((height, width))
        bitmap = np.zeros((height, width), bool)
        match i % 8:
            case 0:
                bitmap = rng.random((height, width)) < rng.random()
            case 1:
                soft = cv2.GaussianBlur(rng.random((height + 8, width + 8)), (0, 0), 2)[:height, :width]
                bitmap = soft > np.quantile(soft, rng.random())
            case 2:
                bitmap = (x + y) % 2 == i // 8 % 2
            case 3:
                bitmap[rng.integers(0, height, 3), rng.integers(0, width, 3)] = True
            case 4:
                bitmap = (x - y == rng.integers(-3, 4)) | (x + y == rng.integers(0, width + height))
            case 5:
                ring = np.maximum(abs(x - width // 2), abs(y - height // 2)) // rng.integers(1, 4)
                bitmap = ring % 2 == 0
            case 6:
                bitmap = rng.random((height, width)) > 0.05
            case 7:
                canvas = np.zeros((height, width), np.uint8)
                cv2.polylines(canvas, [rng.integers(0, 50, (9, 1, 2)).astype(np.int32)], True, 1)
                bitmap = canvas > 0
        yield bitmap


# --- polygon -> mask --------------------------------------------------------------------------------------------------


@settings(max_examples=2000)
@given(canvases())
def test_edge_rule_is_pycocotools(case):
    ring, width, height = case
    assert (pixels([ring], "edge", width, height) == by_coco(ring, width, height)).all()


@settings(max_examples=300)
@given(arrays(float, st.tuples(st.integers(3, 8), st.just(2)), elements=st.floats(-90, 90, width=32)))
def test_edge_rule_is_pycocotools_on_any_floats(ring):
    assert (pixels([ring], "edge", 31, 17) == by_coco(ring, 31, 17)).all()


def test_edge_rule_is_pycocotools_far_outside():
    rng = np.random.default_rng(5)
    for reach in (2e4, 1e5):
        for _ in range(20):
            ring = np.vstack([rng.uniform(-reach, reach, (3, 2)), rng.uniform(0, 60, (2, 2))])
            assert (pixels([ring], "edge", 60, 50) == by_coco(ring, 60, 50)).all()


@settings(max_examples=1000)
@given(canvases(), st.sampled_from(CENTRE))
def test_centre_rules_are_fillpoly(case, rule):
    ring, width, height = case
    assert (pixels([ring], rule, width, height) == by_opencv([ring], rule, width, height)).all()


@settings(max_examples=150)
@given(canvases(reach=st.sampled_from([1e4, 1e5, 1e6])), st.sampled_from(CENTRE))
def test_centre_rules_are_fillpoly_far_outside(case, rule):
    ring, width, height = case
    ring = np.vstack([ring, [[width / 2, height / 2], [0, 0]]])
    assert (pixels([ring], rule, width, height) == by_opencv([ring], rule, width, height)).all()


@settings(max_examples=200)
@given(canvases(), canvases(), st.sampled_from(CENTRE))
def test_centre_holes_are_one_call(case, other, rule):
    ring, width, height = case
    rings = [ring, other[0]]
    assert (pixels(rings, rule, width, height) == by_opencv(rings, rule, width, height)).all()


@settings(max_examples=300)
@given(canvases(), canvases(), canvases())
def test_edge_holes_are_taken_away(case, second, third):
    ring, width, height = case
    rings = [ring, second[0], third[0]]
    full, *holes = [by_coco(r, width, height) for r in rings]
    assert (pixels(rings, "edge", width, height) == full & ~holes[0] & ~holes[1]).all()


@settings(max_examples=300)
@given(canvases(), st.lists(st.tuples(canvases(), st.sampled_from(RULES), st.booleans()), min_size=1, max_size=4))
def test_parts_are_a_union_whatever_their_rules(case, others):
    ring, width, height = case
    parts = [Polygon(exterior=other[0], holes=(ring,) if holed else (), rule=rule) for other, rule, holed in others]
    want = np.zeros((height, width), bool)
    for part in parts:
        want |= polygon_mask([part], width, height).to_array()
    assert (polygon_mask(parts, width, height).to_array() == want).all()


def test_a_part_inside_another_is_no_hole():
    for rule in RULES:
        big = Polygon(exterior=[[0, 0], [20, 0], [20, 20], [0, 20]], rule=rule)
        small = Polygon(exterior=[[5, 5], [9, 5], [9, 9], [5, 9]], rule=rule)
        assert polygon_mask([big, small], 30, 30) == polygon_mask([big], 30, 30)


def test_a_hole_does_not_cut_into_another_part():
    ring, hole = [[0, 0], [20, 0], [20, 20], [0, 20]], [[4, 4], [16, 4], [16, 16], [4, 16]]
    for rule in RULES:
        holed = Polygon(exterior=ring, holes=(hole,), rule=rule)
        whole = Polygon(exterior=ring, rule=rule)
        assert polygon_mask([whole, holed], 30, 30) == polygon_mask([whole], 30, 30)


def test_the_two_families_differ_by_the_boundary():
    square = [[2, 1], [5, 1], [5, 3], [2, 3]]
    assert pixels([square], "centre-trunc", 9, 9).sum() == 12
    assert pixels([square], "edge", 9, 9).sum() == 6


def test_the_quantisers_differ():
    ring = [[2.8, 2.8], [6.8, 2.8], [6.8, 6.8], [2.8, 6.8]]
    assert pixels([ring], "centre-trunc", 9, 9)[2:7, 2:7].all()
    assert not pixels([ring], "centre-near", 9, 9)[2].any()
    assert pixels([ring], "centre-near", 9, 9)[3:8, 3:8].all()


def test_labelbox_draws_the_same():
    folder = REAL / "labelbox-oracle"
    if not folder.is_dir():
        pytest.skip(f"no sample collection at {REAL} (MASKCONV_REAL_DATA names it)")
    lines = (folder / "polys400.crc.txt").read_text().splitlines()
    want = {int(line.split()[0]): line.split()[1] for line in lines if not line.startswith("#")}
    found = {}
    for i, record in enumerate(json.loads((folder / "polys400.json").read_text())):
        width, height = record["size"]
        canvas = np.zeros((height, width, 3), np.uint8)
        canvas[pixels([record["points"]], "centre-trunc", width, height)] = record["color"]
        found[i] = f"{zlib.crc32(canvas.tobytes()):08x}"
    assert len(found) == 400
    assert found == want


# --- coordinates of any size ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [12, 16, 20, 21, 25, 31, 33, 39, 52, 63, 100, 1020])
@pytest.mark.parametrize("rule", RULES)
def test_huge_coordinates_neither_overflow_nor_hang(rule, power):
    k = 2.0**power
    start = time.perf_counter()
    assert pixels([[[-k, -k], [k, -k], [k, k], [-k, k]]], rule, 50, 40).all()
    left = pixels([[[-k, -k], [20, -k], [20, k], [-k, k]]], rule, 50, 40)
    assert left.sum() == left[0].sum() * 40 == (20 if rule is PixelRule.EDGE else 21) * 40
    assert not pixels([[[k, -k], [2 * k, 0], [k, k]]], rule, 50, 40).any()
    band = pixels([[[-k, 10], [k, 10], [k, 20], [-k, 20]]], rule, 50, 40)
    assert band.all(axis=1).sum() == band.any(axis=1).sum() == (10 if rule is PixelRule.EDGE else 11)
    if power < 40:
        below = np.subtract.outer(np.arange(40), np.arange(50)) >= 3
        assert (pixels([[[-k, -k + 3], [k, k + 3], [-k, k + 3]]], rule, 50, 40) == below).all()
    assert time.perf_counter() - start < 5


@settings(max_examples=100)
@given(canvases(), st.sampled_from(CENTRE), st.integers(21, 60))
def test_far_points_keep_the_winding(case, rule, power):
    """A square that swallows the image is cut by a ring to the same pixels, however far its corners are."""
    ring, width, height = case
    near, far = ([[-k, -k], [k, -k], [k, k], [-k, k]] for k in (2.0**13, 2.0**power))
    assert (pixels([far, ring], rule, width, height) == pixels([near, ring], rule, width, height)).all()


@pytest.mark.parametrize("rule", RULES)
def test_long_images(rule):
    strip = [[-9.0, -5.0], [-3.0, -5.0], [-3.0, 5.0], [-9.0, 5.0]]
    wide = [[3_000_000 + x, y] for x, y in strip]
    count = 6 if rule is PixelRule.EDGE else 7
    mask = polygon_mask([Polygon(exterior=wide, rule=rule)], 3_000_000, 1)
    assert (mask.starts.tolist(), mask.lengths.tolist()) == ([2_999_991], [count])
    mask = polygon_mask([Polygon(exterior=[p[::-1] for p in wide], rule=rule)], 1, 3_000_000)
    assert mask.starts.tolist() == list(range(2_999_991, 2_999_991 + count))
    assert mask == Mask(width=1, height=3_000_000, starts=mask.starts, lengths=mask.lengths)


@pytest.mark.parametrize("rule", RULES)
def test_memory_is_that_of_the_box(rule):
    small = Polygon(exterior=[[30_000, 30_000], [30_040, 30_010], [30_020, 30_050]], rule=rule)
    polygon_mask([small], 40_000, 40_000)
    tracemalloc.start()
    try:
        mask = polygon_mask([small], 40_000, 40_000)
        assert trace(mask, rule)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert mask.bbox[:2] == (30_000, 30_000)


def test_crossings_in_portions_change_nothing(monkeypatch):
    rng = np.random.default_rng(2)
    parts = [
        Polygon(exterior=rng.uniform(-20, 120, (40, 2)), holes=(rng.uniform(0, 90, (5, 2)),), rule="edge"),
        Polygon(exterior=rng.uniform(-20, 120, (9, 2)), rule="edge"),
    ]
    want = polygon_mask(parts, 100, 80)
    monkeypatch.setattr(geometry, "AT_ONCE", 50)
    assert polygon_mask(parts, 100, 80) == want


def test_a_zigzag_of_millions_of_crossings_is_bounded():
    ring = np.stack([np.tile([0.0, 2000.0], 1500), np.arange(3000.0) % 2000], axis=1)
    tracemalloc.start()
    try:
        polygon_mask([Polygon(exterior=ring, rule="edge")], 2000, 2000)
        assert tracemalloc.get_traced_memory()[1] < 250_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-1, 5), (2**16, 2**16)])
def test_sizes_that_no_image_has(size):
    square = Polygon(exterior=[[0, 0], [4, 0], [4, 4]], rule="edge")
    with pytest.raises(DataError, match="no size of an image"):
        polygon_mask([square], *size)


def test_nothing_gives_an_empty_mask():
    empty = Mask(width=7, height=5, starts=[], lengths=[])
    assert polygon_mask([], 7, 5) == empty
    for rule in RULES:
        outside = Polygon(exterior=[[70, 70], [80, 70], [80, 80]], rule=rule)
        assert polygon_mask([outside], 7, 5) == empty
        assert trace(empty, rule) == ()


# --- boxes and shapes -------------------------------------------------------------------------------------------------


def as_cvat_paints(box, width, height):
    """The corners in CVAT's arithmetic: plain floats, two decimals before and after turning."""
    x0, y0, x1, y1 = np.around([box.x, box.y, box.x + box.width, box.y + box.height], 2).tolist()
    cx, cy, angle = x0 + (x1 - x0) / 2, y0 + (y1 - y0) / 2, math.radians(box.rotation)
    ring = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    if box.rotation:
        ring = [
            (
                cx + math.cos(angle) * (x - cx) - math.sin(angle) * (y - cy),
                cy + math.sin(angle) * (x - cx) + math.cos(angle) * (y - cy),
            )
            for x, y in ring
        ]
        ring = np.around(ring, 2)
    return by_coco(ring, width, height)


sides = st.floats(0, 60).map(lambda v: round(v, 2))
places = st.floats(-30, 60).map(lambda v: round(v, 2))
turns = st.one_of(st.just(0.0), st.sampled_from([45.0, 90.0, 180.0, 270.0, 359.9]), st.floats(0, 360))


@settings(max_examples=400)
@given(places, places, sides, sides, turns)
def test_boxes_are_painted_as_cvat_does(x, y, width, height, rotation):
    box = Box(x=x, y=y, width=width, height=height, rotation=rotation)
    assert (box_mask(box, 50, 40).to_array() == as_cvat_paints(box, 50, 40)).all()


def test_boxes_are_rounded_first():
    assert box_mask(Box(x=0.496, y=0, width=3, height=1), 9, 9).bbox == (1, 0, 3, 1)
    assert box_mask(Box(x=0.494, y=0, width=3, height=1), 9, 9).bbox == (0, 0, 3, 1)


def test_a_box_of_whole_pixels():
    mask = box_mask(Box(x=2, y=1, width=3, height=2), 9, 9)
    assert (mask.bbox, mask.area) == ((2, 1, 3, 2), 6)


def test_a_box_turns_clockwise():
    mask = box_mask(Box(x=4, y=9, width=12, height=2, rotation=30), 20, 20).to_array()
    assert mask[13, 14] and mask[6, 5] and not mask[13, 5] and not mask[6, 14]


def test_a_quarter_turn_is_exact():
    assert box_mask(Box(x=3, y=6, width=10, height=4, rotation=90), 20, 20) == box_mask(
        Box(x=6, y=3, width=4, height=10), 20, 20
    )


def test_a_huge_box():
    assert box_mask(Box(x=-1e308, y=-1e300, width=1.7e308, height=1.7e308, rotation=0), 8, 8).area == 64


def test_any_shape():
    square = Polygon(exterior=[[1, 1], [4, 1], [4, 4], [1, 4]], rule="edge")
    mask = polygon_mask([square], 8, 6)
    assert shape_mask(mask, 8, 6) is mask
    assert shape_mask((square,), 8, 6) == mask
    assert shape_mask(Box(x=1, y=1, width=3, height=3), 8, 6) == mask
    with pytest.raises(DataError, match="8 x 6 in an image of 6 x 8"):
        shape_mask(mask, 6, 8)


# --- mask -> polygon --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
def test_traces_come_back_exactly(rule):
    wrong = 0
    for bitmap in stress(600):
        mask = Mask.from_array(bitmap)
        back = polygon_mask(trace(mask, rule), mask.width, mask.height)
        wrong += int((back.to_array() != bitmap).sum())
        assert back == mask
    assert wrong == 0


@settings(max_examples=300)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9)), st.sampled_from(RULES))
def test_traces_of_any_bitmap_come_back_exactly(bitmap, rule):
    mask = Mask.from_array(bitmap)
    assert polygon_mask(trace(mask, rule), mask.width, mask.height) == mask


def test_every_bitmap_of_three_by_three_comes_back():
    for number in range(2**9):
        mask = Mask.from_array((number >> np.arange(9) & 1).reshape(3, 3))
        for rule in RULES:
            assert polygon_mask(trace(mask, rule), 3, 3) == mask


@settings(max_examples=200)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9)), st.integers(0, 99), st.integers(0, 99))
def test_a_trace_does_not_depend_on_the_place(bitmap, x, y):
    height, width = bitmap.shape
    moved = Mask.from_array(np.pad(bitmap, ((y, 3), (x, 2))))
    for rule in RULES:
        here, there = trace(Mask.from_array(bitmap), rule), trace(moved, rule)
        assert [(p.exterior + np.array([x, y])).tolist() for p in here] == [p.exterior.tolist() for p in there]
        assert polygon_mask(there, width + x + 2, height + y + 3) == moved


@pytest.mark.parametrize("rule", CENTRE)
def test_centre_traces_have_one_polygon_a_part(rule):
    for bitmap in stress(160, seed=3):
        mask = Mask.from_array(bitmap)
        polygons = trace(mask, rule)
        assert len(polygons) == part_count(mask)
        assert sum(len(p.holes) for p in polygons) == hole_count(mask)


def test_edge_traces_are_valid_and_minimal():
    for bitmap in stress(240, seed=4):
        mask = Mask.from_array(bitmap)
        polygons = trace(mask, PixelRule.EDGE)
        assert len(polygons) == cv2.connectedComponents(bitmap.astype(np.uint8), connectivity=4)[0] - 1
        shapes = [shapely.Polygon(p.exterior, p.holes) for p in polygons]
        assert all(shape.is_valid for shape in shapes)
        assert sum(shape.area for shape in shapes) == mask.area
        for ring in (ring for p in polygons for ring in (p.exterior, *p.holes)):
            sideways = np.diff(ring, axis=0, append=ring[:1]) != 0
            assert (sideways[:, 0] != sideways[:, 1]).all()
            assert (sideways[:-1, 0] != sideways[1:, 0]).all()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dots", [[(3, 2)], [(3, 2), (4, 2)], [(3, 2), (3, 3)], [(3, 2), (4, 3)], [(0, 0)], [(6, 4)]])
def test_tiny_instances_survive(rule, dots):
    bitmap = np.zeros((5, 7), bool)
    for x, y in dots:
        bitmap[y, x] = True
    mask = Mask.from_array(bitmap)
    polygons = trace(mask, rule)
    assert all(len(polygon.exterior) >= 3 for polygon in polygons)
    assert polygon_mask(polygons, 7, 5) == mask


@pytest.mark.parametrize("rule", RULES)
def test_a_whole_image_of_one_pixel(rule):
    mask = Mask.from_array(np.ones((1, 1), bool))
    assert polygon_mask(trace(mask, rule), 1, 1) == mask


@pytest.mark.parametrize("rule", RULES)
def test_an_island_in_a_hole_is_a_part(rule):
    bitmap = np.ones((11, 13), bool)
    bitmap[2:9, 2:11] = False
    bitmap[4:7, 5:8] = True
    polygons = trace(Mask.from_array(bitmap), rule)
    assert sorted(len(polygon.holes) for polygon in polygons) == [0, 1]


@pytest.mark.parametrize("rule", RULES)
def test_a_trace_is_what_the_public_constructor_builds(rule):
    for bitmap in stress(80, seed=6):
        polygons = trace(Mask.from_array(bitmap), rule)
        for p in polygons:
            assert p == Polygon(exterior=p.exterior, holes=p.holes, rule=p.rule)
            assert p.exterior.dtype == np.float64
            assert not any(ring.flags.writeable for ring in (p.exterior, *p.holes))
        if polygons:
            annotation = Annotation(label="car", shape=polygons)
            assert pickle.loads(pickle.dumps(annotation)) == annotation


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_counts_are_those_of_connected_components():
    for bitmap in stress(400, seed=7):
        mask = Mask.from_array(bitmap)
        ground = np.pad(~bitmap, 1, constant_values=True).astype(np.uint8)
        assert part_count(mask) == cv2.connectedComponents(bitmap.astype(np.uint8), connectivity=8)[0] - 1
        assert hole_count(mask) == cv2.connectedComponents(ground, connectivity=4)[0] - 2


def test_without_opencv_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    square = [[0, 0], [4, 0], [4, 4], [0, 4]]
    with pytest.raises(MissingDependencyError, match=r"apt-get install libgl1 .* opencv-python-headless"):
        polygon_mask([Polygon(exterior=square, rule="centre-trunc")], 9, 9)
    assert polygon_mask([Polygon(exterior=square, rule="edge")], 9, 9).area == 16


def test_results_are_read_only():
    mask = polygon_mask([Polygon(exterior=[[0, 0], [4, 0], [4, 4]], rule="edge")], 9, 9)
    assert not mask.starts.flags.writeable
    assert not mask.lengths.flags.writeable
    assert mask.starts.dtype == mask.lengths.dtype == np.int32


@given(
    st.integers(-3000, 3000),
    st.sampled_from([5e-7, 4.999999e-7, 5.000001e-7, 1e-7, 1e-6, 9.9e-7]),
    st.sampled_from([1, -1]),
)
def test_labelbox_rounds_as_python_does(whole: int, off: float, sign: int) -> None:
    from maskconv.geometry import _truncated

    value = whole + sign * off
    assert _truncated(np.array([[value, whole]]))[0, 0] == math.trunc(round(value, 6))
