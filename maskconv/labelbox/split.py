"""Where the records of a file lie: NDJSON line by line, JSON arrays and concatenated objects by their brackets.

Both ways read in chunks and keep no record; one record may have up to `maskconv.limits.record` bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from maskconv import limits
from maskconv.errors import DataError
from maskconv.finding import Finding, Weight, Where
from maskconv.labelbox.checks import RecordError

__all__ = ["Place", "Span", "is_lines", "lines", "objects"]

CHUNK = 2**20
SAMPLE = 2**21  # bytes that tell lines from brackets
BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
_KEYS = frozenset({"dataRow", "data_row", "DataRow ID", "frameNumber", "featureId"})  # of an import, of exports


class Place(NamedTuple):
    """Where a record is: enough to read and to name it. ``number`` is 0 where the line says it all."""

    offset: int
    length: int
    line: int
    number: int = 0

    @property
    def spoken(self) -> str:
        return f"record {self.number}" if self.number else f"line {self.line}"

    def finding(self, path: Path, code: str, weight: Weight, message: str, image: str = "", **facts: Any) -> Finding:
        """A Finding at this place."""
        text = f"record {self.number}: {message}" if self.number else message
        return Finding(code, weight, text, Where(path=str(path), line=self.line, image=image), **facts)

    def error(self, path: Path, error: RecordError | DataError, image: str = "", **facts: Any) -> Finding:
        """An error at this place."""
        return self.finding(path, error.code, Weight.ERROR, error.message, image, fix=error.fix, **facts)


class Span(NamedTuple):
    """A record's place and bytes."""

    place: Place
    data: bytes


def is_lines(file: IO[bytes]) -> bool:
    """Whether lines at the file's beginning are by themselves records, without commas; else brackets must tell."""
    sample = file.read(SAMPLE + 1)
    file.seek(0)
    found = [line.strip(_SPACE) for line in sample[:SAMPLE].removeprefix(BOM).split(b"\n", 64)]
    if len(sample) > SAMPLE or len(found) > 64:
        found.pop()
    first = next(filter(None, found), b"")
    if (first.startswith(b"[") and not _is_json(first)) or any(
        line.startswith(b"{") and line.endswith(b"},") for line in found
    ):
        return False
    return any(map(_is_record, found))


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _is_record(line: bytes) -> bool:
    if not line.startswith(b"{") or not line.endswith(b"}"):
        return False
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(record, dict) and not _KEYS.isdisjoint(record)


def lines(file: IO[bytes]) -> Iterator[Span]:
    """Each line that is not blank. Raises DataError for a line that is too long."""
    offset, most = 0, limits.record()
    for number, line in enumerate(iter(partial(file.readline, most + 1), b""), start=1):
        if len(line) > most:
            raise _too_long(number)
        data = line
        if number == 1 and line.startswith(BOM):
            data = line[len(BOM) :]
        if not data.isspace():
            yield Span(Place(offset + len(line) - len(data), len(data), number), data)
        offset += len(line)


def _too_long(line: int) -> DataError:
    text = f"the record that begins on line {line} has more than {limits.record():,} bytes"
    fix = limits.fix("MASKCONV_MAX_RECORD", "look for a closing bracket that is missing")
    return DataError(text, code="labelbox-json", fix=fix)


def split_line(line: bytes) -> list[Place]:
    """The objects of a line that holds several, as printed in Labelbox' documents (``}{``); offsets count in the line."""
    try:
        return [span.place for span in objects(io.BytesIO(line))]
    except DataError:
        return []


# --- brackets ---------------------------------------------------------------------------------------------------------

_STEP = np.zeros(256, np.int8)
_STEP[[ord("{"), ord("[")]] = 1
_STEP[[ord("}"), ord("]")]] = -1
_ESCAPED = re.compile(rb"\\.", re.DOTALL)


class _Brackets:
    """Nesting depth over chunks, strings left out."""

    def __init__(self) -> None:
        self.depth = 0
        self.quotes = 0

    def feed(self, data: bytes) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Positions of brackets outside strings, their steps, and the depth behind each."""
        clean = np.frombuffer(_ESCAPED.sub(b"__", data) if b"\\" in data else data, np.uint8)
        quotes = np.flatnonzero(clean == ord('"'))
        at = np.flatnonzero(_STEP[clean])
        outside = (np.searchsorted(quotes, at) + self.quotes) % 2 == 0
        at = at[outside]
        steps = _STEP[clean[at]]
        depths = self.depth + np.cumsum(steps, dtype=np.int64)
        self.quotes += len(quotes)
        self.depth = int(depths[-1]) if len(depths) else self.depth
        return at, steps, depths


class _Splitter:
    """Cuts a stream of chunks into the values at one depth: 0 for objects in a row, 1 for an array's."""

    def __init__(self, offset: int, depth: int) -> None:
        self.base = depth
        self.brackets = _Brackets()
        self.buffer = bytearray()  # what lies behind the last record
        self.offset = self.chunk_at = offset  # of the buffer, of the next chunk
        self.begin = -1
        self.line = self.begin_line = 1
        self.number = 0

    def feed(self, chunk: bytes) -> Iterator[Span]:
        self.buffer += chunk
        at, steps, depths = self.brackets.feed(chunk)
        breaks = np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord("\n"))
        good = int(np.argmax(depths < 0)) if (depths < 0).any() else len(at)
        edge = np.flatnonzero(np.where(steps > 0, depths == self.base + 1, depths == self.base)[:good])
        numbers = np.searchsorted(breaks, at) + self.line
        for position, step, line in zip(at[edge].tolist(), steps[edge].tolist(), numbers[edge].tolist(), strict=True):
            yield from self._edge(position + self.chunk_at, step, line)
        if good < len(at):
            self._fail(f"on line {int(numbers[good])} a bracket closes that was never opened")
        self.line += len(breaks)
        self.chunk_at += len(chunk)
        self._trim()

    def _edge(self, at: int, step: int, line: int) -> Iterator[Span]:
        if step > 0:
            yield from self._gap(at)
            self.begin, self.begin_line = at, line
        elif self.begin >= 0:
            self.number += 1
            place = Place(self.begin, at + 1 - self.begin, self.begin_line, self.number)
            yield Span(place, bytes(self.buffer[place.offset - self.offset : at + 1 - self.offset]))
            self._drop(at + 1)
            self.begin = -1

    def _gap(self, until: int) -> Iterator[Span]:
        """What lies between records, where it is more than space and commas: the reader will say that it is no JSON."""
        text = bytes(self.buffer[: until - self.offset])
        if text.strip(b" \t\r\n,[]"):
            yield Span(Place(self.offset, len(text), self.line), text)
        self._drop(until)

    def _drop(self, until: int) -> None:
        del self.buffer[: until - self.offset]
        self.offset = until

    def _trim(self) -> None:
        if len(self.buffer) > limits.record():
            raise _too_long(self.begin_line if self.begin >= 0 else self.line)

    def _fail(self, text: str) -> None:
        raise DataError(f"{text}; nothing behind it was read", code="labelbox-json", fix="mend the file's brackets")

    def end(self) -> Iterator[Span]:
        if self.begin >= 0:
            self._fail(f"the record that begins on line {self.begin_line} never ends: a closing bracket is missing")
        yield from self._gap(self.offset + len(self.buffer))
        if self.brackets.depth:
            self._fail("the array is never closed, as if the file were cut off")


def objects(file: IO[bytes]) -> Iterator[Span]:
    """The values of a JSON array, or objects one behind the other. Raises DataError where brackets do not match."""
    head = file.read(CHUNK)
    offset = len(BOM) if head.startswith(BOM) else 0
    splitter = _Splitter(offset, int(head[offset:].lstrip(_SPACE).startswith(b"[")))
    chunk = head[offset:]
    while chunk:
        while (len(chunk) - len(chunk.rstrip(b"\\"))) % 2 and (more := file.read(1)):
            chunk += more  # an escape is never cut in two
        yield from splitter.feed(chunk)
        chunk = file.read(CHUNK)
    yield from splitter.end()
