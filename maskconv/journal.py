"""What an interrupted run had finished: a line for each unit, each with its own sum, flushed at once.

A line holds all that the sink needs to take the unit again, but for the blobs, which are in the stage already. The first
line is the run's fingerprint: another source, option or version is noticed.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from maskconv.finding import Finding, Weight, Where
from maskconv.plugin import Piece
from maskconv.result import Result

__all__ = ["Done", "Journal"]


@dataclass(frozen=True)
class Done:
    """One finished unit: the name of its source, what it became, and the stage's state after it."""

    source: str
    result: Result
    state: list[Any]


class Journal:
    """Append-only; a line that is cut off or damaged ends it when it is read again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def read(self) -> str:
        """The fingerprint, empty where there is no journal. Mends the file's end; what is sound can be gone through after."""
        good, fingerprint = 0, ""
        if self._path.exists():
            with self._path.open("rb") as file:
                for line in file:
                    value = _checked(line)
                    if value is None:
                        break
                    fingerprint = fingerprint or value["fingerprint"]
                    good += len(line)
            os.truncate(self._path, good)
        return fingerprint

    def finished(self) -> Iterator[Done]:
        """The finished units, one after the other: rows may be large."""
        with self._path.open("rb") as file:
            next(file, None)
            for line in file:
                value = _checked(line)
                if value is None:
                    return
                yield _done(value)

    def open(self, fingerprint: str) -> None:
        """Go on writing; a new journal gets its first line."""
        self._file = self._path.open("ab")
        if not self._file.tell():
            self._write({"fingerprint": fingerprint})

    def add(self, done: Done) -> None:
        self._write(_facts(done))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, value: dict[str, Any]) -> None:
        assert self._file is not None, "open() comes first"  # noqa: S101
        text = json.dumps(value, separators=(",", ":")).encode()
        self._file.write(b"%08x %s\n" % (zlib.crc32(text), text))
        self._file.flush()


def _checked(line: bytes) -> dict[str, Any] | None:
    try:
        if not line.endswith(b"\n") or int(line[:8], 16) != zlib.crc32(line[9:-1]):
            return None
        value: dict[str, Any] = json.loads(line[9:-1])
    except ValueError:
        return None
    return value


def _facts(done: Done) -> dict[str, Any]:
    result = done.result
    pieces = [
        [piece.rows.decode("utf-8", "surrogateescape"), [p for p, _ in piece.blobs], *piece[2:]]
        for piece in result.pieces
    ]
    counts = [result.images, result.instances, result.labels]
    findings = [asdict(finding) for finding in result.findings]
    return {"source": done.source, "pieces": pieces, "findings": findings, "counts": counts, "state": done.state}


def _done(value: dict[str, Any]) -> Done:
    return Done(value["source"], Result(list(_pieces(value)), list(_findings(value)), *value["counts"]), value["state"])


def _pieces(value: dict[str, Any]) -> Iterator[Piece]:
    for rows, paths, *rest in value["pieces"]:
        yield Piece(rows.encode("utf-8", "surrogateescape"), tuple((path, b"") for path in paths), *rest)


def _findings(value: dict[str, Any]) -> Iterator[Finding]:
    for found in value["findings"]:
        yield Finding(**(found | {"weight": Weight(found["weight"]), "where": Where(**found["where"])}))
