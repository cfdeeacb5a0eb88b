"""Label rows: what the trainer accepts is read, for what it rejects an image there is an error, and for nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from maskconv.finding import Weight
from maskconv.formats.yolo_seg import rows
from maskconv.formats.yolo_seg.rows import Extras

NAMES = {0: "car", 1: "person", 2: "bus"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    Image.new("RGB", (32, 32)).save(folder / "a.png")
    return folder


def trained(folder, data: bytes):
    """What the trainer makes of a label file: None where it rejects it, else classes, outlines or boxes."""
    from ultralytics.data.utils import verify_image_label

    (folder / "a.txt").write_bytes(data)
    facts = verify_image_label((str(folder / "a.png"), str(folder / "a.txt"), "", False, len(NAMES), 0, 0, False))
    if facts[0] is None:
        return None
    _, labels, _, segments, *_ = facts
    shapes = segments or [label[1:].reshape(2, 2) for label in labels]
    return sorted((int(label[0]), told(shape)) for label, shape in zip(labels, shapes, strict=True))


def told(points) -> bytes:
    """The numbers in single precision; -0.0 is 0."""
    return (points.astype(np.float32) + np.float32(0)).tobytes()


def ours(data: bytes):
    said: list[tuple[str, Weight]] = []
    found = rows.read(data, NAMES, Extras(), lambda code, weight, *_: said.append((code, weight)))
    if any(weight is Weight.ERROR for _, weight in said):
        return None
    points = [
        row.points[:1] if (row.points == row.points[0]).all() and len(row.points) == 3 else row.points
        for row in found.rows
    ]
    return sorted({(row.number, told(p)) for row, p in zip(found.rows, points, strict=True)})


numbers = st.one_of(
    st.floats(0, 1).map(repr),
    st.floats(-0.02, 1.02).map("{:.6f}".format),
    st.sampled_from(
        ["1.01", "1.0100001", "-0.01", "-0.0100001", "1.0099999", "0", "1", "1e-3", ".5", "+0.25", "5.", "nan"]
    ),
)
usual = st.sampled_from(["0", "1", "2"])
classes = st.one_of(
    usual, usual, usual, st.sampled_from(["3", "-1", "0.5", "1.0", "1e0", "-0.005", "nan", "car", "#", "00"])
)
lengths = st.one_of(st.just(6), st.just(6), st.just(8), st.just(4), st.integers(0, 13))


@st.composite
def files(draw) -> bytes:
    kind = draw(st.sampled_from(["any", "outlines", "boxes"]))
    lines = []
    for _ in range(draw(st.integers(0, 4))):
        count = {"any": draw(lengths), "outlines": 6, "boxes": 4}[kind]
        values = draw(st.lists(numbers if kind == "any" else st.floats(0, 1).map(repr), min_size=count, max_size=count))
        lines.append(
            draw(st.sampled_from([" ", "  ", "\t"])).join([draw(classes if kind == "any" else usual), *values])
        )
    if lines and draw(st.booleans()):
        lines.append(draw(st.sampled_from(lines)))
    end = draw(st.sampled_from(["\n", "\r\n", "\n\n", " \n", "\r", "\v"]))
    return (draw(st.sampled_from(["", "\ufeff", "\n"])) + end.join(lines) + draw(st.sampled_from(["", end]))).encode()


@settings(max_examples=2000, deadline=None)
@given(files())
@example(b"0 0.0 0.0 0.0 0.0 0.0 -0.000000")
def test_the_same_as_the_trainer(place, data: bytes) -> None:
    theirs = trained(place, data)
    if theirs is not None:
        theirs = sorted(set(theirs))  # an outline of three same points, and one of one point, are one to us
        theirs = sorted({(n, s[:8] if len(s) == 24 and s == s[:8] * 3 else s) for n, s in theirs})
    assert ours(data) == theirs


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes(place, data: bytes) -> None:
    assert ours(data) == trained(place, data)
