"""What is kept of an export in memory: where each record lies and which data row it is; about 40 bytes a record."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from maskconv.finding import Note
from maskconv.formats.labelbox_export import document
from maskconv.formats.labelbox_export.choose import of_project
from maskconv.formats.labelbox_export.document import Row
from maskconv.formats.labelbox_export.objects import label_color, label_of, masks_of, nature
from maskconv.labelbox.checks import RecordError
from maskconv.labelbox.names import stem
from maskconv.labelbox.pixels import Color
from maskconv.labelbox.split import Place
from maskconv.labelbox.values import values
from maskconv.model import Label

__all__ = ["Group", "Index", "digest"]


class Group(NamedTuple):
    """The records of one data row; ``video`` where one of its labels has frames. A frame that stands alone is one, too."""

    places: tuple[Place, ...]
    video: bool


@dataclass(slots=True)
class _Tool:
    """A label's colour and schema, while all of its objects have the same ones."""

    colors: set[Color] = field(default_factory=set)
    schemas: set[str] = field(default_factory=set)


def digest(key: str) -> int:
    """64 bits, never 0, that stand for the name that a key gives, whatever its case and picture extension."""
    return _bits(stem(key).casefold()) | 1


def _bits(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


class Index:
    """The records of a file by data row, in order of first appearance.

    Building it notes what cannot be read. ``remote`` counts instances whose masks must all be fetched, of which ``first`` is
    one; ``unsized`` counts pictures with shapes of which neither a mask nor the export tells the size. ``projects`` are those
    of all rows, by id and name.
    """

    def __init__(self, path: Path, project: str | None, must_fetch: Callable[[str], bool], note: Note) -> None:
        self.project = project
        self.must_fetch = must_fetch
        self.first = ""
        self.remote = self.unsized = 0
        self.projects: dict[tuple[str, str], None] = {}
        self._tools: dict[str, _Tool] = {}
        self._offsets, self._lengths = array("Q"), array("I")
        self._lines, self._numbers = array("I"), array("I")
        self._rows, self._names = array("Q"), array("Q")
        self._videos = bytearray()
        for place, record in values(path, note):
            try:
                self._add(place, record)
            except RecordError as error:
                note(place.error(path, error))

    def __len__(self) -> int:
        return len(self._videos)

    @property
    def labels(self) -> tuple[Label, ...]:
        """In order of first appearance; a colour or an id that is not the same everywhere is none."""
        return tuple(Label(name=name, color=_only(t.colors), id=_only(t.schemas)) for name, t in self._tools.items())

    @property
    def recolored(self) -> int:
        """How many labels have several colours."""
        return sum(len(tool.colors) > 1 for tool in self._tools.values())

    def shared(self) -> bytes:
        """Digests, sorted, of the external ids that several data rows have."""
        names = np.asarray(self._names)
        ordered = np.sort(names)
        twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])  # few, as a rule: memory is kept small
        at = np.flatnonzero(np.isin(names, twice[twice != 0]))
        pairs = np.unique(np.stack([names[at], np.asarray(self._rows)[at]], axis=1), axis=0)
        found, counts = np.unique(pairs[:, 0], return_counts=True)
        return bytes(found[counts > 1].astype("<u8").tobytes())

    def __iter__(self) -> Iterator[Group]:
        for at in self._grouped():
            yield Group(tuple(map(self._place, at)), any(self._videos[i] for i in at))

    def _grouped(self) -> Iterator[list[int]]:
        """The records' numbers, those of one data row together."""
        rows = np.asarray(self._rows)
        order = np.argsort(rows, kind="stable").astype(np.uint32)
        edges = np.ones(len(rows) + 1, np.bool_)
        edges[1:-1] = rows[order[1:]] != rows[order[:-1]]
        bounds = np.flatnonzero(edges).astype(np.uint32)
        for group in np.argsort(order[bounds[:-1]], kind="stable").astype(np.uint32):
            yield order[bounds[group] : bounds[group + 1]].tolist()

    def _place(self, i: int) -> Place:
        return Place(self._offsets[i], self._lengths[i], self._lines[i], self._numbers[i])

    def _add(self, place: Place, record: Any) -> None:
        row, alone = document.row(record), document.kind(record) == "frame"
        self._look(row)
        self._offsets.append(place.offset)
        self._lengths.append(place.length)
        self._lines.append(place.line)
        self._numbers.append(place.number)
        self._rows.append(_bits(f"frame {len(self)}" if alone else f"row {row.id}"))
        self._names.append(digest(row.external_id) if row.external_id else 0)
        self._videos.append(not alone and any(label.video for label in row.labels))

    def _look(self, row: Row) -> None:
        """What the objects tell of labels and masks; those that are wrong are told when they are read."""
        self.projects.update(dict.fromkeys(row.projects))
        for label in of_project(row.labels, self.project):
            for frame in label.frames:
                kinds = {self._tool(raw) for raw in frame.objects}
                shapes = row.id and kinds & {"box", "polygon"}
                self.unsized += bool(shapes) and "mask" not in kinds and row.size is None

    def _tool(self, raw: Any) -> str:
        try:
            kind, name = nature(raw), label_of(raw)
            if kind == "mask":
                self._masks([ref.address for ref in masks_of(raw)])
        except RecordError:
            return ""
        if kind in ("box", "polygon", "mask"):
            tool = self._tools.setdefault(name, _Tool())
            color, schema = label_color(raw), raw.get("feature_schema_id") or raw.get("schemaId")
            if color is not None and len(tool.colors) < 2:
                tool.colors.add(color)
            if isinstance(schema, str) and len(tool.schemas) < 2:
                tool.schemas.add(schema)
        return kind

    def _masks(self, addresses: list[str]) -> None:
        if all(map(self.must_fetch, addresses)):
            self.remote += 1
            self.first = self.first or addresses[0]


def _only(values: set[Any]) -> Any:
    return next(iter(values)) if len(values) == 1 else None
