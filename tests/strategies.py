"""Hypothesis strategies for the vocabulary: masks, label maps, annotated images with any feature."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from maskconv.model import AnnotatedImage, Annotation, Box, Label, LabelMap, Mask, Picture, PixelRule, Polygon

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
NAMES = st.one_of(
    st.sampled_from(["a", "dir/b", "dots.in.name.v2", "ünï cödé", "with space", "000123", "sub/dir/кот"]),
    st.from_regex(r"[a-zA-Z0-9_]{1,8}(/[a-zA-Z0-9_.]{1,8}[a-z])?", fullmatch=True),
)
COLORS = st.tuples(*[st.integers(0, 255)] * 3)
IDS = st.one_of(st.integers(-5, 2**53), TEXT)
COORDS = st.floats(-1e6, 1e6, allow_nan=False)
ATTRIBUTES = st.dictionaries(
    TEXT,
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), TEXT
    ),
    max_size=3,
)


def bitmaps(width: int | None = None, height: int | None = None) -> st.SearchStrategy[Any]:
    """bool (height, width): noise, blocks, lines, all, nothing."""
    sizes = st.tuples(
        st.integers(1, 40) if height is None else st.just(height),
        st.integers(1, 40) if width is None else st.just(width),
    )
    return sizes.flatmap(lambda size: st.one_of(arrays.arrays(np.bool_, size), _blocks(size)))


def _blocks(size: tuple[int, int]) -> st.SearchStrategy[Any]:
    corner = st.tuples(
        st.integers(0, size[0] - 1), st.integers(0, size[1] - 1), st.integers(0, 40), st.integers(0, 40), st.booleans()
    )

    def paint(boxes: list[tuple[int, int, int, int, bool]]) -> Any:
        found = np.zeros(size, bool)
        for y, x, h, w, value in boxes:
            found[y : y + h, x : x + w] = value
        return found

    return st.lists(corner, max_size=4).map(paint)


def masks(width: int | None = None, height: int | None = None) -> st.SearchStrategy[Mask]:
    return bitmaps(width, height).map(Mask.from_array)


RINGS = st.lists(st.tuples(COORDS, COORDS), min_size=3, max_size=8)
POLYGONS = st.builds(
    Polygon, exterior=RINGS, holes=st.lists(RINGS, max_size=2).map(tuple), rule=st.sampled_from(PixelRule)
)
BOXES = st.builds(
    Box,
    x=COORDS,
    y=COORDS,
    width=st.floats(0, 1e6),
    height=st.floats(0, 1e6),
    rotation=st.sampled_from([0.0, 90.0, -12.5]),
)


def shapes(width: int, height: int) -> st.SearchStrategy[Any]:
    return st.one_of(masks(width, height), st.lists(POLYGONS, min_size=1, max_size=3).map(tuple), BOXES)


@st.composite
def annotations(draw: Any, labels: tuple[str, ...], width: int, height: int) -> Annotation:
    return Annotation(
        label=draw(st.sampled_from(labels)),
        shape=draw(shapes(width, height)),
        id=draw(st.none() | IDS),
        box=draw(st.none() | BOXES),
        group=draw(st.none() | st.integers(0, 9)),
        track=draw(st.none() | IDS),
        crowd=draw(st.booleans()),
        score=draw(st.none() | st.floats(0, 1)),
        attributes=draw(ATTRIBUTES),
    )


LABELS = st.builds(
    Label,
    name=TEXT,
    color=st.none() | COLORS,
    id=st.none() | IDS,
    parts=st.lists(TEXT, max_size=2).map(tuple),
    actions=st.lists(TEXT, max_size=2).map(tuple),
)
LABEL_MAPS = st.lists(LABELS, min_size=1, max_size=5, unique_by=lambda label: label.name).map(
    lambda labels: LabelMap(labels=tuple(labels))
)


@st.composite
def images(draw: Any, labels: tuple[str, ...] = ("cat", "dog"), name: st.SearchStrategy[str] = NAMES) -> AnnotatedImage:
    """Any features together."""
    width, height = draw(st.integers(1, 30)), draw(st.integers(1, 30))
    return AnnotatedImage(
        name=draw(name),
        width=width,
        height=height,
        annotations=tuple(draw(st.lists(annotations(labels, width, height), max_size=4))),
        split=draw(st.none() | st.sampled_from(["train", "val", "test set"])),
        picture=draw(st.none() | st.builds(Picture, path=TEXT, member=TEXT, width=st.none() | st.integers(1, 9))),
        ignored=draw(st.none() | masks(width, height)),
        sequence=draw(st.none() | TEXT),
        frame=draw(st.none() | st.integers(0, 99)),
        attributes=draw(ATTRIBUTES),
    )


@st.composite
def data_sets(draw: Any) -> tuple[LabelMap, tuple[AnnotatedImage, ...]]:
    """A label map, and some images with different names that use its labels."""
    labels = draw(LABEL_MAPS)
    found = draw(st.lists(images(labels.names), min_size=1, max_size=4, unique_by=lambda i: (i.split, i.name)))
    return labels, tuple(found)
