"""Predictions lie by their scores, all else in its own order."""

from __future__ import annotations

import pytest

from maskconv.model import Annotation, Box
from maskconv.zorder import z_order


def told(score: float | None, group: int | None = None) -> Annotation:
    return Annotation(label="cat", shape=Box(x=0, y=0, width=1, height=1), score=score, group=group)


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ([], []),
        ([told(0.9), told(0.5), told(0.7)], [1, 2, 0]),
        ([told(0.5), told(0.9), told(0.5)], [0, 2, 1]),
        ([told(0.9), told(None), told(0.7)], [0, 1, 2]),
        ([told(0.0), told(0.9, 4), told(0.5), told(0.1, 4)], [0, 2, 1, 3]),
        ([told(0.9, 1), told(0.9, 2), told(0.2, 1), told(0.1, 2)], [0, 2, 1, 3]),
    ],
)
def test_from_the_bottom_to_the_top(annotations: list[Annotation], expected: list[int]) -> None:
    assert z_order(annotations) == expected
