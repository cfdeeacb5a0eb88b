"""The JSON values of a file, one after the other, each with its place; nothing of it is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from maskconv.errors import DataError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.labelbox import split
from maskconv.labelbox.split import Place, Span

__all__ = ["load", "values"]

_COMMENT = re.compile(rb'("(?:[^"\\]|\\.)*")|//[^\n]*')


def load(data: bytes) -> Any:
    """A record's JSON value; ``//`` comments, as Labelbox' documents have them, are skipped. Raises JSONDecodeError."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        plain = _COMMENT.sub(lambda found: found[1] or b"", data)
        if plain == data:
            raise
    return orjson.loads(plain)


def values(path: Path, note: Note) -> Iterator[tuple[Place, Any]]:
    """The values of NDJSON, of a JSON array, or of objects one behind the other. What is no JSON is noted and left out."""
    with path.open("rb", buffering=1 << 18) as file:
        encoding = json.detect_encoding(file.read(4))[:6].upper()
        file.seek(0)
        if encoding in ("UTF-16", "UTF-32"):
            text = f"the file is {encoding}, not UTF-8"
            note(Finding("labelbox-json", Weight.ERROR, text, Where(path=str(path)), fix="save it as UTF-8"))
            return
        spans = split.lines(file) if split.is_lines(file) else split.objects(file)
        try:
            for place, data in spans:
                try:
                    value = load(data)
                except orjson.JSONDecodeError as error:
                    yield from _broken(path, Span(place, data), error, note)
                else:
                    yield place, value
        except DataError as error:
            note(Finding(error.code, Weight.ERROR, error.message, Where(path=str(path)), fix=error.fix))


def _broken(path: Path, span: Span, error: orjson.JSONDecodeError, note: Note) -> Iterator[tuple[Place, Any]]:
    """A line that is no JSON: several objects behind one another, NaN, or damage."""
    place, data = span
    inner = split.split_line(data) if not place.number else []
    if len(inner) < 2:
        said, fix = _no_json(data, error)
        note(place.finding(path, "labelbox-json", Weight.ERROR, said, fix=fix))
        return
    for at in inner:
        one = Place(place.offset + at.offset, at.length, place.line, at.number)
        text = data[at.offset : at.offset + at.length]
        try:
            value = load(text)
        except orjson.JSONDecodeError as wrong:
            yield from _broken(path, Span(one, text), wrong, note)
        else:
            yield one, value


def _no_json(data: bytes, error: orjson.JSONDecodeError) -> tuple[str, str]:
    """Why a record is no JSON, and what to do."""
    constants: list[str] = []
    with suppress(ValueError, RecursionError):
        json.loads(data, parse_constant=constants.append)
        if constants:
            fix = "mend the shape that has no number, or remove the record"
            return "NaN and Infinity are no JSON, and no coordinates", fix
    text = data[:60].decode("utf-8", "replace").strip()
    return f"this is no JSON ({_lower(error.msg)}): {text!r}{' ...' if len(data) > 60 else ''}", "mend or remove it"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
