"""What is kept of a file in memory: where each record lies, and which data row it belongs to; about 20 bytes a record."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from maskconv.finding import Note
from maskconv.formats.labelbox_ndjson import kinds
from maskconv.formats.labelbox_ndjson.video import frames_of, instances
from maskconv.labelbox.checks import GEOMETRIES, RecordError, data_row
from maskconv.labelbox.names import Row
from maskconv.labelbox.split import Place
from maskconv.labelbox.values import values

__all__ = ["Index"]

GEOMETRY_KEYS = frozenset(GEOMETRIES)


class Index:
    """The records of a file by data row, in order of first appearance.

    Building it notes everything that keeps a record from being assigned to a data row. ``labels`` are the segmentations'
    names and schema ids in order of first appearance, ``masks`` how many there are, ``unsized`` data rows that have shapes
    but no mask,
    ``elsewhere`` the records whose instanceURI is ``remote``; the first of these is kept with its line.
    """

    def __init__(self, path: Path, note: Note, remote: Callable[[str], bool] | None = None) -> None:
        self.path = path
        self.rows: dict[Row, int] = {}
        self.labels: dict[tuple[str, str], None] = {}
        self.without_uuid = 0
        self.masks = 0
        self.elsewhere = 0
        self.first_elsewhere = ("", 0)
        self._remote = remote
        self._offsets, self._lengths = array("Q"), array("I")
        self._lines, self._numbers, self._owners = array("I"), array("I"), array("I")
        self._holds = bytearray()  # per data row, what it has: 1 shapes, 2 masks, 4 frames, 8 records of a picture
        for place, record in values(path, note):
            try:
                self._add(place, record)
            except RecordError as error:
                note(place.error(path, error, unit="instances" if _is_instance(record) else ""))

    @property
    def unsized(self) -> int:
        return sum(holds & 3 == 1 for holds in self._holds)

    def has_frames(self, row: Row) -> bool:
        """Whether records of a data row have the masks of a video or of a DICOM series."""
        return bool(self._holds[self.rows[row]] & 4)

    def has_picture(self, row: Row) -> bool:
        """Whether there are other records of a data row."""
        return bool(self._holds[self.rows[row]] & 8)

    def __iter__(self) -> Iterator[tuple[Row, list[Place]]]:
        """Each data row with the places of its records, in the file's order."""
        owners = np.asarray(self._owners)
        order = np.argsort(owners, kind="stable").astype(np.uint32)
        bounds = np.searchsorted(owners, np.arange(len(self.rows) + 1), sorter=order)
        for number, row in enumerate(self.rows):
            yield row, [self._place(i) for i in order[bounds[number] : bounds[number + 1]].tolist()]

    def _place(self, i: int) -> Place:
        return Place(self._offsets[i], self._lengths[i], self._lines[i], self._numbers[i])

    def _add(self, place: Place, record: Any) -> None:
        if not isinstance(record, dict):
            fix = "write each record as an object"
            raise RecordError("this is no record but another JSON value", code="labelbox-json", fix=fix)
        row = data_row(record.get("dataRow"))
        owner = self.rows.setdefault(row, len(self.rows))
        if owner == len(self._holds):
            self._holds.append(0)
        self._offsets.append(place.offset)
        self._lengths.append(place.length)
        self._lines.append(place.line)
        self._numbers.append(place.number)
        self._owners.append(owner)
        if kinds.is_video(record):
            self._holds[owner] |= 4
            self._clip(record, place)
            return
        self._holds[owner] |= 8
        if not kinds.foreign(record) and not GEOMETRY_KEYS.isdisjoint(record):
            self._holds[owner] |= 2 if "mask" in record else 1
            self._label(record)
            self.masks += "mask" in record
            if record.get("uuid") is None:
                self.without_uuid += 1
            if self._remote is not None and "mask" in record:
                self._place_of(record["mask"], self._remote, place)

    def _clip(self, record: dict[str, Any], place: Place) -> None:
        """What is wrong in it is told when it is read."""
        with suppress(RecordError):
            for instance in instances(record):
                self._label(instance)
        if self._remote is not None:
            for frame in frames_of(record):
                self._place_of(frame, self._remote, place)

    def _place_of(self, mask: Any, remote: Callable[[str], bool], place: Place) -> None:
        uri = mask.get("instanceURI") if isinstance(mask, dict) else None
        if isinstance(uri, str) and remote(uri):
            self.first_elsewhere = self.first_elsewhere if self.elsewhere else (uri, place.line)
            self.elsewhere += 1

    def _label(self, record: dict[str, Any]) -> None:
        for key in ("name", "schemaId"):
            text = record.get(key)
            if isinstance(text, str) and text:
                self.labels.setdefault((key, text))
                break


def _is_instance(record: Any) -> bool:
    return isinstance(record, dict) and not GEOMETRY_KEYS.isdisjoint(record) and not kinds.is_video(record)
