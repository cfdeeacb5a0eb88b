"""The numbers of a label file, row by row: quickly where it is written as usual, and else as the trainer reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from maskconv.finding import Weight

__all__ = ["REJECTED", "Floats", "Numbers", "Say", "fast", "numbers", "slow"]

Floats = NDArray[np.float64]
Say = Callable[[str, Weight, int, str, str], None]  # code, weight, line, sentence, fix

REJECTED = "the trainer rejects the image for it"
_PLAIN = b"0123456789.eE+-\n "


class Numbers(NamedTuple):
    """All numbers of a file: row i is ``values[starts[i]:starts[i + 1]]``, on line ``lines[i]``."""

    values: Floats
    starts: NDArray[np.intp]
    lines: list[int]


def numbers(data: bytes, names: Mapping[int, str], say: Say) -> Numbers:
    """All rows of a label file that are numbers; those that are not are said. ``names`` help to say it."""
    found = fast(data)
    return slow(data, names, say) if found is None else found


def fast(data: bytes) -> Numbers | None:
    """The fast ways, for rows of JSON's numbers with one space between; None where the file has anything else."""
    body = data.strip(b"\n")
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n")
    if body.translate(None, _PLAIN):
        return None
    if not body:
        return Numbers(np.empty(0), np.zeros(1, np.intp), [])
    lines = body.split(b"\n")
    counts = [line.count(b" ") + 1 for line in lines]
    values = _of_one_width(lines, counts)
    if values is None:
        values = _of_any_width(body)
    if values is None:
        return None
    first = 1 + len(data) - len(data.lstrip(b"\n"))
    return Numbers(values, np.cumsum([0, *counts], dtype=np.intp), list(range(first, first + len(counts))))


def _of_any_width(body: bytes) -> Floats | None:
    try:
        return np.array(orjson.loads(b"[" + body.replace(b"\n", b",").replace(b" ", b",") + b"]"), np.float64)
    except (orjson.JSONDecodeError, OverflowError):
        return None


def _of_one_width(lines: list[bytes], counts: list[int]) -> Floats | None:
    """The numbers where all coordinates are of the form 0.123456, with as many decimals each, as maskconv writes them.

    An integer below 2**53 over a power of ten up to 10**22 is rounded once, so that these are the numbers that float() gives.
    """
    classes, _, rests = zip(*(line.partition(b" ") for line in lines), strict=True)
    width = len(rests[0].partition(b" ")[0]) + 1
    if not 4 <= width <= 17 or any(len(rest) + 1 != width * (n - 1) for rest, n in zip(rests, counts, strict=True)):
        return None
    table = np.frombuffer(b" ".join(rests) + b" ", np.uint8).reshape(-1, width)
    digits = table - np.uint8(ord("0"))
    digits[:, 1] = 0  # the point
    if not (table[:, 1] == ord(".")).all() or not (table[:, -1] == ord(" ")).all() or (digits[:, :-1] > 9).any():
        return None
    if not all(map(bytes.isdigit, classes)):
        return None
    weights = 10.0 ** np.array([width - 3, 0, *range(width - 4, -1, -1), 0])
    weights[[1, -1]] = 0
    values = np.empty(len(table) + len(lines))
    starts = np.cumsum([0, *counts[:-1]])
    values[starts] = list(map(float, classes))
    inside = np.ones(len(values), np.bool_)
    inside[starts] = False
    values[inside] = digits @ weights / 10.0 ** (width - 3)
    return values


def slow(data: bytes, names: Mapping[int, str], say: Say) -> Numbers:
    """Whatever the trainer's own way of reading takes: any space between, any form of number, a byte order mark."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fix = "save it as UTF-8"
        say("yolo-row-text", Weight.ERROR, line, f"the file is not UTF-8, so that {REJECTED}", fix)
        text = ""
    values: list[float] = []
    starts, lines = [0], []
    for line, row in enumerate(text.replace("\r\n", "\n").splitlines(), 1):
        tokens = row.split()
        try:
            found = list(map(float, tokens))
        except ValueError:
            say("yolo-row-text", Weight.ERROR, line, *_wrong_text(tokens, names))
            continue
        if tokens:
            values += found
            starts.append(len(values))
            lines.append(line)
    return Numbers(np.array(values, np.float64), np.array(starts, np.intp), lines)


def _wrong_text(tokens: list[str], names: Mapping[int, str]) -> tuple[str, str]:
    """What is wrong with a row that holds more than numbers, and the remedy."""
    bad = next(token for token in tokens if not _is_number(token))
    shown = bad if len(bad) <= 40 else bad[:40] + "..."
    if bad.startswith(("#", "//")):
        return f"this is a comment, which label files do not have: {REJECTED}", "remove it"
    if re.search(r"\d[,;]", bad):
        return f"{shown!r} is no number: {REJECTED}", "put spaces between the numbers, and a point in them"
    number = (
        next((n for n, name in names.items() if bad == name.split(maxsplit=1)[0]), None) if bad == tokens[0] else None
    )
    if number is not None:
        return f"{shown!r} is the name of a class, not its number: {REJECTED}", f"write {number} in its place"
    return f"{shown!r} is no number: {REJECTED}", "write a class number and coordinates, with spaces between"


def _is_number(token: str) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return True
