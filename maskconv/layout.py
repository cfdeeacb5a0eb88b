"""Text that fits a stream: wrapped and coloured for a terminal, plain when piped."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Look", "cells", "columns", "hanging", "shortened"]

STYLES: dict[str, dict[str, Any]] = {
    "error": {"fg": "red", "bold": True},
    "data": {"fg": "magenta", "bold": True},
    "warning": {"fg": "yellow"},
    "info": {"fg": "cyan"},
    "dim": {"dim": True},
    "bold": {"bold": True},
}


@dataclass(frozen=True, slots=True)
class Look:
    """How wide a stream is (None: never wrap) and whether it takes colour."""

    width: int | None = None
    color: bool = False

    def paint(self, text: str, style: str) -> str:
        if not self.color:
            return text
        import click

        return click.style(text, **STYLES[style])


def cells(text: str) -> int:
    """How many terminal cells a text takes."""
    if text.isascii():
        return len(text)
    return sum(_cell(char) for char in text)


def _cell(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def wrapped(text: str, width: int | None) -> list[str]:
    """Lines of at most ``width`` cells, broken between words; a word that is too long for a line is cut."""
    if width is None or cells(text) <= width:
        return [text]
    lines, line = [], ""
    for word in text.split(" "):
        both = f"{line} {word}" if line else word
        if cells(both) <= width:
            line = both
            continue
        if line:
            lines.append(line)
        *whole, line = _cut(word, max(width, 8))
        lines.extend(whole)
    return [*lines, line]


def _cut(word: str, width: int) -> list[str]:
    parts, part, used = [], "", 0
    for char in word:
        if used + _cell(char) > width:
            parts.append(part)
            part, used = "", 0
        part, used = part + char, used + _cell(char)
    return [*parts, part]


def shortened(text: str, width: int) -> str:
    """The end of a text that has at most so many cells: of a path it says more than the beginning."""
    if cells(text) <= width:
        return text
    used, start = 1, len(text)
    while start and used + _cell(text[start - 1]) <= width:
        start -= 1
        used += _cell(text[start])
    return f"…{text[start:]}"


def hanging(head: str, text: str, look: Look, *, used: int | None = None) -> Iterator[str]:
    """``head`` and then ``text``, wrapped under its own column; ``used`` are head's cells where it holds colour."""
    used = cells(head) if used is None else used
    first, *rest = wrapped(text, None if look.width is None else max(look.width - used, 20))
    yield f"{head}{first}".rstrip()
    yield from (" " * used + line for line in rest)


def columns(rows: Sequence[Sequence[str]], look: Look, *, indent: int = 0, heading: bool = False) -> Iterator[str]:
    """Aligned columns; the last one wraps under itself."""
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        padded = (cell + " " * (width - cells(cell) + 2) for cell, width in zip(row[:-1], widths, strict=False))
        head = " " * indent + "".join(padded)
        for line in hanging(head, row[-1], look):
            yield look.paint(line, "dim") if heading and number == 0 else line
