"""Which rings the trainer sees otherwise than OpenCV draws them, against a look at every place it puts a point."""

from __future__ import annotations

from typing import Any

import numpy as np
from test_ring import stress

from maskconv.formats.yolo_seg import write_view
from maskconv.formats.yolo_seg.rows_out import shares
from maskconv.geometry import one_ring
from maskconv.model import Mask

SIDES = [61, 64, 97, 640, 1000, 1023, 1920, 4000, 7361]


def strays(ring: Any, size: tuple[int, int], longest: int) -> bool:
    """Whether a point between lies beside the straight or diagonal step it belongs to."""
    seen = (write_view.resampled([shares(ring, *size)], longest)[0] * np.array(size, np.float32)).astype(np.int32)
    behind = write_view._spreads([len(ring)], longest).behind
    steps = np.sign(np.roll(ring, -1, axis=0) - ring)[behind]
    off = seen - ring[behind]
    return bool((steps * np.abs(off).max(axis=1, keepdims=True) != off).any())


def test_straying_is_found_where_it_happens() -> None:
    rng = np.random.default_rng(5)
    found = []
    for seed in range(450):
        ring = one_ring(Mask.from_array(stress(seed)))
        if ring is None:
            continue
        size = int(rng.choice(SIDES)), int(rng.choice(SIDES))
        corner = [int(rng.integers(0, max(1, side - 60))) for side in size]
        points = ring.points + np.array(corner, np.int32)
        longest = max(len(points), int(rng.choice([1000, len(points) + 700])))
        found.append(strays(points, size, longest))
        assert write_view._straying([points], size, longest) == found[-1:], (seed, size, longest)
    assert 10 < sum(found) < len(found)
