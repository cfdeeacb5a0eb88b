"""One ring for a mask with holes and parts: what OpenCV and the trainer fill of it, against the mask."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from places import real_data
from strategies import masks

import maskconv
from maskconv._ring import Ring
from maskconv._ring_far import far_bridges
from maskconv._ring_join import Contours, _near_bridges
from maskconv.formats.yolo_seg.rows_out import rows
from maskconv.geometry import (
    fill_holes,
    one_ring,
    polygon_mask,
    rings,
    shape_mask,
    split_parts,
)
from maskconv.model import Mask, PixelRule, Polygon
from tests.topology import hole_count, part_count

Bools = NDArray[np.bool_]


def filled(points: Any, width: int, height: int) -> Bools:
    canvas = np.zeros((height, width), np.uint8)
    cv2.fillPoly(canvas, [np.asarray(points, np.int32)], 1)
    return canvas > 0


def trained(points: Any, width: int, height: int) -> Any:
    """The indices that the trainer makes of a row: single precision, times the size, cut off."""
    row = rows([0], [np.asarray(points, np.int32)], width, height)[0].split()[1:]
    seen = np.array(row, dtype=np.float32).reshape(-1, 2)
    seen[:, 0] *= width
    seen[:, 1] *= height
    return seen.astype(np.int32)


def check(mask: Mask) -> Ring | None:
    """All that a ring promises."""
    ring = one_ring(mask)
    wanted = mask.to_array()
    if ring is None:
        assert not wanted.any()
        return None
    width, height, points = mask.width, mask.height, ring.points
    shown = filled(points, width, height)
    assert not (wanted & ~shown).any(), "no pixel is lost"
    assert int((shown & ~wanted).sum()) == ring.bridged
    assert (trained(points, width, height) == points).all()
    near = polygon_mask([Polygon(exterior=points + 0.5, rule=PixelRule.CENTRE_NEAR)], width, height)
    assert (near.to_array() == shown).all()
    assert (ring.area, ring.parts, ring.holes) == (mask.area, part_count(mask), hole_count(mask))
    assert ring.iou == pytest.approx(mask.area / shown.sum())
    assert ring.exact == (ring.parts == 1) or ring.bridged == 0
    assert points.dtype == np.int32
    assert len(points) >= 3
    tight(points)
    return ring


def tight(points: Any) -> None:
    """Straight and diagonal steps only, and no collinear points; one and two pixels repeat the last point."""
    steps = np.roll(points, -1, axis=0) - points
    if len(points) == 3 and not steps.any(axis=1).all():
        return
    assert steps.any(axis=1).all()
    assert ((steps == 0).any(axis=1) | (np.abs(steps[:, 0]) == np.abs(steps[:, 1]))).all()
    way = np.sign(steps)
    assert (way != np.roll(way, 1, axis=0)).any(axis=1).all()


def stress(seed: int) -> Bools:
    """Noise, blobs, checkers, dots, diagonals, nested rings, combs, thin lines, circles; most touch the border."""
    rng = np.random.default_rng(seed)
    h, w = (int(v) for v in rng.integers(1, 60, 2))
    y, x = np.mgrid[:h, :w]
    size = int(rng.integers(1, 4))
    canvas = np.zeros((h, w), np.uint8)
    kind = seed % 9
    if kind == 0:
        return rng.random((h, w)) < rng.choice([0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98])
    if kind == 1:
        smooth = cv2.GaussianBlur(rng.standard_normal((h, w)).astype(np.float32), (0, 0), float(rng.uniform(1, 4)))
        return smooth > rng.uniform(-0.1, 0.15)
    if kind == 2:
        return (x + y) // size % 2 == 0
    if kind == 3:
        return (x % 2 == 0) & (y % 2 == 0) & (rng.random((h, w)) < 0.8)
    if kind == 4:
        return (x - y) % (size + 1) == 0
    if kind == 5:
        return np.hypot(y - h / 2, x - w / 2) // size % 2 == 0
    if kind == 6:
        return ((y == 0) | (x % 2 == 0)) & (rng.random((h, w)) < 0.97)
    for _ in range(6):
        a, b = (tuple(int(v) for v in rng.integers(0, 60, 2)) for _ in range(2))
        if kind == 7:
            cv2.line(canvas, a, b, 1, size)
        else:
            cv2.circle(canvas, a, int(rng.integers(0, 15)), int(rng.integers(0, 2)), -1)
    return canvas > 0


@pytest.mark.parametrize("block", range(15))
def test_stress(block: int) -> None:
    """1500 masks; some of each kind have several parts, some have holes."""
    found = [check(Mask.from_array(stress(seed))) for seed in range(100 * block, 100 * block + 100)]
    made = [ring for ring in found if ring is not None]
    assert any(ring.parts > 1 for ring in made)
    assert any(ring.holes > 1 for ring in made)
    assert any(ring.exact for ring in made)


@given(masks())
@settings(max_examples=300, deadline=None)
def test_any_mask(mask: Mask) -> None:
    check(mask)


@pytest.mark.parametrize("width", [640, 1920, 4000, 7360])
def test_large_pictures(width: int) -> None:
    """Anywhere in a large picture, also in its last column and row."""
    height = width * 9 // 16
    rng = np.random.default_rng(width)
    for seed in range(45):
        pixels = stress(seed)
        h, w = pixels.shape
        x, y = (
            (width - w, height - h)
            if seed % 3 == 0
            else (int(rng.integers(0, width - w)), int(rng.integers(0, height - h)))
        )
        ring = one_ring(Mask.from_array(pixels))
        if ring is not None:
            points = ring.points + np.array([x, y], np.int32)
            assert (trained(points, width, height) == points).all()
            starts, lengths = Mask.from_array(pixels).starts, Mask.from_array(pixels).lengths
            moved = Mask(width=width, height=height, starts=(starts // w + y) * width + starts % w + x, lengths=lengths)
            again = one_ring(moved)
            assert again is not None
            assert (again.points == points).all()


REAL = [f"cvat-oracle/{kind}/voc.zip" for kind in ("plain", "media", "gray", "blank")]
REAL += ["cvat-smask-animals", "voc-labelme-instance/data_dataset_voc"]


@pytest.mark.parametrize("name", REAL)
def test_real_masks(name: str) -> None:
    with maskconv.open_reader(real_data(name), format="cvat-mask") as images:
        found = [(a.shape, i) for i in images for a in i.annotations]
    assert found
    made = [check(shape_mask(shape, image.width or 0, image.height or 0)) for shape, image in found]
    assert any(ring is not None and ring.exact for ring in made)


# --- bridges ------------------------------------------------------------------------------------------------------------


def several(seeds: range) -> Iterator[tuple[Bools, Contours]]:
    for seed in seeds:
        pixels = stress(seed)
        traced, tree = cv2.findContours(pixels.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        if len(traced):
            contours = Contours.of(traced, tree)
            if 1 < contours.parts < 60:
                yield pixels, contours


def length(contours: Contours, pairs: list[tuple[int, int]]) -> int:
    return sum(int(np.abs(contours.points[a] - contours.points[b]).max()) for a, b in pairs)


def least(pixels: Bools) -> int:
    """Prim over all pairs of parts, by all pairs of pixels."""
    count, label = cv2.connectedComponents(pixels.astype(np.uint8), connectivity=8)
    parts = [np.argwhere(label == i) for i in range(1, count)]
    apart = {}
    for i, j in combinations(range(len(parts)), 2):
        distance = int(np.abs(parts[i][:, None] - parts[j][None]).max(axis=2).min())
        apart[i, j] = apart[j, i] = distance
    inside, total = {0}, 0
    while len(inside) < len(parts):
        distance, new = min((apart[i, j], j) for i in inside for j in range(len(parts)) if j not in inside)
        inside.add(new)
        total += distance
    return total


def test_bridges_are_the_shortest() -> None:
    """Both ways to find them, against all pairs of pixels."""
    compared = 0
    for pixels, contours in several(range(400)):
        wanted = least(pixels)
        assert length(contours, list(_near_bridges(contours))) == wanted
        assert length(contours, far_bridges(contours.points, contours.parts_first, pixels.shape)) == wanted
        compared += 1
    assert compared > 150


def test_two_long_parts_far_apart() -> None:
    """More distances than are computed at once."""
    pixels = np.zeros((900, 1400), bool)
    pixels[::2, 0] = pixels[:, 1] = True
    pixels[:, -1] = pixels[::2, -2] = True
    ring = check(Mask.from_array(pixels))
    assert ring is not None
    assert ring.bridged == 1400 - 4


def test_many_parts() -> None:
    pixels = np.random.default_rng(0).random((300, 300)) < 0.1
    ring = check(Mask.from_array(pixels))
    assert ring is not None
    assert ring.parts > 3000


# --- by hand ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("picture", "points"),
    [
        ("#", [(0, 0), (0, 0), (0, 0)]),
        ("##", [(0, 0), (1, 0), (1, 0)]),
        (".#|#.", [(1, 0), (0, 1), (0, 1)]),
        ("###", [(0, 0), (2, 0), (2, 0)]),
        ("##|##", [(0, 0), (0, 1), (1, 1), (1, 0)]),
    ],
)
def test_small(picture: str, points: list[tuple[int, int]]) -> None:
    ring = check(Mask.from_array(np.array([[c == "#" for c in row] for row in picture.split("|")])))
    assert ring is not None
    assert ring.points.tolist() == [list(p) for p in points]


def test_a_keyhole() -> None:
    pixels = np.ones((9, 12), bool)
    pixels[3:6, 6:9] = False
    ring = check(Mask.from_array(pixels))
    assert ring is not None
    assert (ring.holes, ring.keyhole, ring.bridged, ring.iou) == (1, 5, 0, 1.0)


def test_an_island_in_a_hole() -> None:
    pixels = np.ones((11, 11), bool)
    pixels[2:9, 2:9] = False
    pixels[5, 5] = True
    ring = check(Mask.from_array(pixels))
    assert ring is not None
    assert (ring.parts, ring.holes, ring.bridged) == (2, 1, 3)
    assert ring.iou == (121 - 48) / (121 - 45)


def test_the_perimeter_counts_ways_twice() -> None:
    pixels = np.zeros((1, 9), bool)
    pixels[0, [0, 8]] = True
    ring = check(Mask.from_array(pixels))
    assert ring is not None
    assert ring.perimeter == 16


def test_an_empty_mask() -> None:
    empty, full = Mask.from_array(np.zeros((4, 5), bool)), Mask.from_array(np.ones((4, 5), bool))
    assert one_ring(empty) is None
    assert [ring is None for ring in rings([empty, full, empty])] == [True, False, True]
    assert rings([]) == []
    assert rings([empty]) == [None]


def test_together_is_as_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the crops are more than are painted at once."""
    several = [np.zeros((60, 60), bool) for _ in range(27)]
    for seed, pixels in enumerate(several):
        found = stress(seed)
        pixels[: found.shape[0], : found.shape[1]] = found
    masks = [Mask.from_array(pixels) for pixels in several]
    alone = [one_ring(mask) for mask in masks]
    for sheet in (1 << 24, 5000, 1):
        monkeypatch.setattr("maskconv._ring.SHEET", sheet)
        for one, other in zip(rings(masks), alone, strict=True):
            assert (one is None) == (other is None)
            if one is not None and other is not None:
                assert (one.points == other.points).all()
                assert one[2:] == other[2:]


# --- fewer points -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [3, 4, 10, 30, 100])
def test_fewer_points(most: int) -> None:
    """The cap holds, the IoU is what OpenCV fills, and rings that are short enough stay as they are."""
    for seed in range(180):
        mask = Mask.from_array(stress(seed))
        whole, ring = one_ring(mask), one_ring(mask, max_points=most)
        if whole is None or ring is None:
            assert whole is None
            assert ring is None
            continue
        assert 3 <= len(ring.points) <= most
        if len(whole.points) <= most:
            assert (ring.points == whole.points).all()
            assert not ring.simplified
            continue
        shown, wanted = filled(ring.points, mask.width, mask.height), mask.to_array()
        assert ring.simplified
        assert ring.iou == pytest.approx((shown & wanted).sum() / (shown | wanted).sum())


def test_fewer_points_keep_the_shape() -> None:
    y, x = np.mgrid[:300, :300]
    mask = Mask.from_array((np.hypot(x - 150, y - 150) < 140) & (np.hypot(x - 170, y - 150) > 60))
    whole, ring = one_ring(mask), one_ring(mask, max_points=40)
    assert whole is not None
    assert ring is not None
    assert len(whole.points) > 200
    assert ring.iou > 0.97
    assert ring.holes == 1


# --- filled, split ------------------------------------------------------------------------------------------------------


def test_filled_holes() -> None:
    for seed in range(300):
        pixels = stress(seed)
        flooded = np.pad(pixels, 1).astype(np.uint8)
        cv2.floodFill(flooded, None, (0, 0), 2, flags=4)
        found = fill_holes(Mask.from_array(pixels))
        assert Mask(**found.__dict__) == Mask.from_array(flooded[1:-1, 1:-1] != 2)


def test_split_parts() -> None:
    for seed in range(300):
        mask = Mask.from_array(stress(seed))
        parts = split_parts(mask)
        assert len(parts) == part_count(mask)
        assert all(part_count(Mask(**part.__dict__)) == 1 for part in parts)
        total = sum((part.to_array().astype(int) for part in parts), np.zeros((mask.height, mask.width), int))
        assert (total == mask.to_array()).all()


@given(st.integers(0, 8), st.integers(0, 2**20))
@settings(max_examples=100, deadline=None)
def test_a_part_alone_is_exact(kind: int, seed: int) -> None:
    for part in split_parts(Mask.from_array(stress(seed * 9 + kind)))[:5]:
        ring = check(part)
        assert ring is not None
        assert ring.exact
