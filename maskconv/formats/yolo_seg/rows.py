"""The rows of a label file: numbers first, then what the trainer accepts of them (Ultralytics 8.4, verify_image_label)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskconv.finding import Weight
from maskconv.formats.yolo_seg import behind
from maskconv.formats.yolo_seg.behind import Extras
from maskconv.formats.yolo_seg.numbers import REJECTED, Floats, Numbers, Say, fast
from maskconv.formats.yolo_seg.numbers import numbers as of_file

__all__ = ["Extras", "Row", "Rows", "beyond", "count_boxes", "read"]

HIGHEST, LOWEST = np.float32(1.01), np.float32(-0.01)  # the trainer's tolerance for an outline's box


class Row(NamedTuple):
    """A row that can be used: its line, class number, coordinates (n, 2) in shares of the picture, score and track."""

    line: int
    number: int
    points: Floats
    score: float | None = None
    track: int | None = None


@dataclass(frozen=True)
class Rows:
    """A file's rows. ``boxes``: its points are (centre, size) of boxes, all of them; ``leave``: outlines have some outside 0..1."""

    rows: list[Row]
    boxes: bool = False
    leave: bool = False


@np.errstate(invalid="ignore", over="ignore")  # infinite numbers are told as such
def read(data: bytes, names: Mapping[int, str], extras: Extras, say: Say) -> Rows:
    """The rows of a label file that can be used; what is wrong with the others is said."""
    numbers = of_file(data, names, say)
    if not len(numbers.lines):
        return Rows([])
    counts = np.diff(numbers.starts) - extras.values
    boxes = not (counts > 6).any() and bool((counts == 5).any())
    kept = _of_length(counts, numbers, extras, say, boxes=boxes)
    kept &= _finite(numbers, say)
    kept &= _classes(numbers, names, say)
    if extras.values:
        kept = behind.check(numbers, extras, kept, say)
    elif not boxes:
        behind.note_unsaid(numbers, say)
    rows = _rows(numbers, extras, kept)
    leave = not boxes and _leaves(numbers, extras)
    if boxes or leave:
        hint = behind.fitting(numbers, extras)
        rows = [row for row in rows if _inside(row, say, hint, boxes=boxes)]
    _note_twice(rows, say)
    return Rows(rows if boxes else _padded(rows, say), boxes, leave)


def count_boxes(data: bytes) -> int:
    """How many rows a label file has, where each is a class and the four values of a box; else 0."""
    found = fast(data)
    return len(found.lines) if found is not None and (np.diff(found.starts) == 5).all() else 0


def beyond(rows: list[Row], size: Floats) -> tuple[int, float]:
    """How many outlines have points more than one pixel outside a picture of that size, and how far the farthest is."""
    pixels = (row.points * size for row in rows)
    far = [float(np.maximum(-one, one - size).max()) for one in pixels]
    return sum(one > 1 for one in far), max(far, default=0.0)


# --- which rows can be used -------------------------------------------------------------------------------------------

Chosen = NDArray[np.bool_]


def _of_length(counts: NDArray[np.intp], numbers: Numbers, extras: Extras, say: Say, *, boxes: bool) -> Chosen:
    """Rows of a class and whole points. In a file of outlines the trainer takes one of a single point, but no box."""
    fine: Chosen = counts == 5 if boxes else (counts % 2 == 1) & (counts >= 3) & (counts != 5)
    if not boxes and not (counts > 6).any():
        fine = np.zeros(len(counts), np.bool_)
    if fine.all():
        return fine
    hint = behind.fitting(numbers, extras)
    for index in np.flatnonzero(~fine).tolist():
        count = int(counts[index])
        odd = count > 1 and count % 2 == 0
        if odd and extras.values:
            code, text, fix = behind.lacking(float(numbers.values[numbers.starts[index + 1] - 1]), extras)
        else:
            code, text, fix = _wrong_length(count, boxes=boxes)
        text += "" if extras.values else f": {REJECTED}"
        say(code, Weight.ERROR, numbers.lines[index], text, hint if odd and hint else fix)
    return fine


def _wrong_length(count: int, *, boxes: bool) -> tuple[str, str, str]:
    """Code, sentence and remedy for a row of ``count`` values, those behind the coordinates left out."""
    values = f"{max(count - 1, 0)} coordinates"
    if count == 5:
        return "yolo-row-box", "this row is a box, among outlines", "outline the object, or remove the row"
    if count > 1 and count % 2 == 0:
        return "yolo-row-odd", "the number of coordinates is odd", "correct the row, or remove it"
    if boxes:
        return "yolo-row-count", f"{values} among boxes of 4", "write centre, width and height"
    return "yolo-row-count", f"{values} are too few for an outline", "write 3 points or more, or remove the row"


def _finite(numbers: Numbers, say: Say) -> Chosen:
    finite = np.isfinite(numbers.values)
    if finite.all():
        return np.ones(len(numbers.lines), np.bool_)
    fine: Chosen = np.logical_and.reduceat(finite, numbers.starts[:-1])
    for index in np.flatnonzero(~fine).tolist():
        text = f"a value is not finite (nan or inf): {REJECTED}"
        say("yolo-row-finite", Weight.ERROR, numbers.lines[index], text, "correct the row, or remove it")
    return fine


def _classes(numbers: Numbers, names: Mapping[int, str], say: Say) -> Chosen:
    """Rows whose class has a name. The trainer parses classes in single precision: 0.99999999999 is 1."""
    classes = numbers.values[numbers.starts[:-1]]
    fine = np.array([number in names for number in classes.astype(np.float32).tolist()], np.bool_)
    for index in np.flatnonzero(~fine & np.isfinite(classes)).tolist():
        say("yolo-row-class", Weight.ERROR, numbers.lines[index], *_wrong_class(float(classes[index]), names))
    return fine


def _wrong_class(number: float, names: Mapping[int, str]) -> tuple[str, str]:
    if number < 0:
        return f"the class {_shown(number)} is negative: {REJECTED}", "write the class's number, from 0"
    if np.float32(number) % 1 > 0:
        return f"the class {number!r} is no whole number: {REJECTED}", "each row begins with its class's number"
    last = max(names, default=-1)
    return (
        f"the class {_shown(number)} has no name, for the names end at {last}: {REJECTED}",
        "add its name to the names",
    )


def _shown(number: float) -> str:
    return f"{number:.0f}" if number % 1 == 0 and abs(number) < 1e16 else repr(number)


def _rows(numbers: Numbers, extras: Extras, kept: Chosen) -> list[Row]:
    values, starts, lines = numbers.values, numbers.starts.tolist(), numbers.lines
    classes = numbers.values[numbers.starts[:-1]].astype(np.float32).tolist()
    rows = []
    for index in np.flatnonzero(kept).tolist():
        start, end = starts[index], starts[index + 1]
        points = values[start + 1 : end - extras.values].reshape(-1, 2)
        score = float(values[end - extras.values]) if extras.scores else None
        track = int(values[end - 1]) if extras.tracks else None
        rows.append(Row(lines[index], int(classes[index]), points, score, track))
    return rows


def _leaves(numbers: Numbers, extras: Extras) -> bool:
    """Whether any coordinate of the file lies outside 0..1."""
    coordinates = numbers.values.copy()
    coordinates[numbers.starts[:-1]] = 0
    for back in range(extras.values):
        coordinates[numbers.starts[1:] - 1 - back] = 0
    return bool(((coordinates > 1) | (coordinates < 0)).any())


def _inside(row: Row, say: Say, hint: str, *, boxes: bool) -> bool:
    """Whether the trainer takes the row: centre and size of its box lie within 1 % of 0..1, in float32.

    ``hint`` are options that would take its last point for something else.
    """
    points = row.points.astype(np.float32)
    low, high = points.min(axis=0), points.max(axis=0)
    box = points.ravel() if boxes else np.concatenate([(low + high) / 2, high - low])
    if (box <= HIGHEST).all() and (box >= LOWEST).all() and not (boxes and (box[2:] < 0).any()):
        return True
    far = max(row.points.max(), row.points.min(), key=lambda value: abs(value - 0.5))
    text = f"coordinates such as {far:g} lie outside the picture (0 to 1): {REJECTED}"
    fix = "divide them by the picture's width and height" if far > 2 else "correct the row, or remove it"
    if hint and row.points[-1, 1] > 1:
        text = f"the last point lies outside the picture (0 to 1), as a score and a track number would: {REJECTED}"
        fix = hint
    say("yolo-row-range", Weight.ERROR, row.line, text, fix)
    return False


def _note_twice(rows: list[Row], say: Say) -> None:
    """Rows are the same where they are in float32, as the trainer has it."""
    first: dict[tuple[int, bytes], int] = {}
    for row in rows:
        line = first.setdefault((row.number, row.points.astype(np.float32).tobytes()), row.line)
        if line != row.line:
            text = f"this row is the same as that of line {line}: the trainer drops it; it is read here"
            say("yolo-row-twice", Weight.WARNING, row.line, text, "remove it, if a prediction was saved twice")


def _padded(rows: list[Row], say: Say) -> list[Row]:
    """A row of one point is one pixel; a ring has three."""
    for index, row in enumerate(rows):
        if len(row.points) < 3:
            text = "an outline of one point: it is one pixel, for the trainer as well"
            say("yolo-row-point", Weight.WARNING, row.line, text, "remove the row, if it is a mistake")
            rows[index] = row._replace(points=np.repeat(row.points, 3, axis=0)[:3])
    return rows
