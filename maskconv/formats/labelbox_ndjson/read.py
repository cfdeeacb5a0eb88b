"""Reading an import NDJSON: an index first, then one data row after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import orjson

from maskconv.errors import DataError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.labelbox_ndjson.datarows import item_names
from maskconv.formats.labelbox_ndjson.index import Index
from maskconv.formats.labelbox_ndjson.limits import key_error, limits, many_masks
from maskconv.formats.labelbox_ndjson.options import ReadOptions
from maskconv.formats.labelbox_ndjson.row import RowDecoder
from maskconv.formats.labelbox_ndjson.tables import schemas
from maskconv.formats.labelbox_ndjson.video import Clips, FrameDecoder, Key, note_absent
from maskconv.labelbox import turn
from maskconv.labelbox.names import Row, addressed, picture, stem
from maskconv.labelbox.source import RecordReader
from maskconv.labelbox.split import Place
from maskconv.maskfiles import REMOTE
from maskconv.model import AnnotatedImage, Label, LabelMap, Picture
from maskconv.pictures import Header
from maskconv.plugin import Head
from maskconv.store import unsafe
from maskconv.wording import counted

__all__ = ["LabelboxHead", "LabelboxReader", "Unit"]

WINDOW = 32  # frames
_SCHEMA = re.compile(r"[a-z0-9]{25}")


class Unit(NamedTuple):
    """One data row: its key, the item's name, and where its records are; of a video or a DICOM series some ``frames``."""

    row: Row
    name: str
    places: tuple[Place, ...]
    frames: tuple[Key, ...] | None = None


@dataclass(frozen=True)
class LabelboxHead(Head):
    """``named`` says which label each (name or schemaId, text) of a record is."""

    named: dict[tuple[str, str], str] = field(default_factory=dict)


class LabelboxReader(RecordReader[Unit, LabelboxHead]):
    """Import NDJSON, a JSON array of its records, or the records one behind the other."""

    Options = ReadOptions
    options: ReadOptions

    name_the = "name the NDJSON file"

    def open(self) -> None:
        self._index: Index | None = None
        self._last: tuple[tuple[Place, ...], Clips] | None = None
        super().open()

    def head(self, note: Note) -> LabelboxHead:
        looked = None if self.checking or self.access.fetch else self.files.must_fetch
        index = self._index = Index(self.source, note, looked)
        first, line = index.first_elsewhere
        self.files.require(index.elsewhere, first, Where(path=str(self.source), line=line))
        named = self._named(index, note)
        self._warn(index, note)
        labels = tuple(Label(name=name) for name in dict.fromkeys(named.values()))
        return LabelboxHead(LabelMap(labels=labels), named=named)

    def _named(self, index: Index, note: Note) -> dict[tuple[str, str], str]:
        """The label of each name and schema id; ids without a name stand for themselves."""
        known = schemas(self.options.schema_ids).labels if self.options.schema_ids is not None else {}
        named = {key: known.get(key[1], key[1]) if key[0] == "schemaId" else key[1] for key in index.labels}
        bare = [text for (kind, text) in index.labels if kind == "schemaId" and text not in known]
        if bare:
            shown = ", ".join(bare[:5]) + (" ..." if len(bare) > 5 else "")
            text = f"{counted(len(bare), 'label')} known by schemaId only, and named so: {shown}"
            fix = "name them with --from-schema-ids FILE"
            note(self._finding("labelbox-schema-unnamed", Weight.WARNING, text, len(bare), "labels", fix))
        return named

    def _warn(self, index: Index, note: Note) -> None:
        if index.unsized and self.options.images is None:
            text = f"{counted(index.unsized, 'image')} with shapes but no mask: the size is not known"
            fix = "where the target needs it, tell it from the pictures: --from-images DIR"
            note(self._finding("labelbox-size-unknown", Weight.WARNING, text, index.unsized, "images", fix))
        if index.without_uuid:
            text = f"{counted(index.without_uuid, 'record')} without a uuid, which Labelbox requires"
            fix = "writing the file again with maskconv gives each one"
            note(self._finding("labelbox-uuid-missing", Weight.WARNING, text, index.without_uuid, "records", fix))
        if self.checking:
            many_masks(index.masks, Where(path=str(self.source)), note)
            self._warn_ids([text for kind, text in index.labels if kind == "schemaId"], note)

    def _warn_ids(self, ids: list[str], note: Note) -> None:
        odd = [text for text in ids if not _SCHEMA.fullmatch(text)]
        if odd:
            text = f"Labelbox' schema ids are 25 lower-case letters and digits; {', '.join(odd[:5])} {_is(odd)} not"
            fix = "take them from the project's ontology, or give names instead"
            note(self._finding("labelbox-schema-odd", Weight.WARNING, text, len(odd), "labels", fix))

    def _finding(self, code: str, weight: Weight, text: str, amount: float, unit: str, fix: str) -> Finding:
        return Finding(code, weight, text, Where(path=str(self.source)), amount, unit, fix)

    def units(self, note: Note) -> Iterator[Unit]:
        return self.files.ahead(self._units(note), self._addresses)

    def _addresses(self, unit: Unit) -> Iterator[str]:
        """The masks that a data row's records name."""
        if unit.frames is not None:
            known = [
                one.frames.get(i)
                for group, i in unit.frames
                for one in self._clips(unit.places).good
                if one.group == group
            ]
            yield from (form[1] for form in known if form is not None and form[0] == "instanceURI")
            return
        for place in unit.places:
            with suppress(orjson.JSONDecodeError):
                record = orjson.loads(self.read(place))
                mask = record.get("mask")
                uri = mask.get("instanceURI") if isinstance(mask, dict) else None
                if isinstance(uri, str):
                    yield uri

    def _units(self, note: Note) -> Iterator[Unit]:
        index = self._index or Index(self.source, note)
        items = item_names(self.options.data_rows) if self.options.data_rows is not None else None
        seen: dict[str, Row] = {}
        for row, places in index:
            name = self._name(row, places[0], items, note)
            error = _refused(name, row, seen)
            if error is None:
                seen[name.casefold()] = row
                if index.has_picture(row):
                    yield Unit(row, name, tuple(places))
                if index.has_frames(row):
                    yield from self._windows(row, name, tuple(places), note)
            else:
                note(places[0].error(self.source, error))

    def _windows(self, row: Row, name: str, places: tuple[Place, ...], note: Note) -> Iterator[Unit]:
        """A data row with frames, some of them at a time."""
        clips = self._clips(places)
        for place, error in clips.wrong:
            note(place.error(self.source, error, name))
        keys = clips.keys
        for begin in range(0, len(keys), WINDOW):
            yield Unit(row, name, places, tuple(keys[begin : begin + WINDOW]))

    def _clips(self, places: tuple[Place, ...]) -> Clips:
        """The records with frames of a data row; the last ones are kept, as its windows follow one another."""
        last = self._last
        if last is None or last[0] != places:
            last = self._last = (places, Clips.of((place, self.read(place)) for place in places))
        return last[1]

    def _name(self, row: Row, place: Place, items: dict[Row, str] | None, note: Note) -> str:
        """The item that a data row is."""
        if items is None or (row[0] == "globalKey" and row not in items):
            return _natural(row)
        if row not in items:
            text = f"--from-data-rows does not have the data row {row[1]!r}: the image is named so"
            fix = "add it, or export it too"
            note(place.finding(self.source, "labelbox-data-row-unnamed", Weight.WARNING, text, unit="images", fix=fix))
        return items.get(row, row[1])

    def decode(self, unit: Unit, head: LabelboxHead, note: Note) -> Iterator[AnnotatedImage]:
        if unit.frames is not None:
            yield from self._frames(unit, unit.frames, head, note)
            return
        place, header = self._picture(unit, note)
        size, sized_by = (None, "") if header is None else (header.stored, _sized_by(header))
        decoder = RowDecoder(self.source, unit.name, head.named, self.files, size, note, sized_by)
        for record in unit.places:
            decoder.take(record, self.read(record))
        image = decoder.finish(place)
        if image is not None:
            yield image if header is None or header.orientation == 1 else self._turned(image, unit, header, note)

    def _turned(self, image: AnnotatedImage, unit: Unit, header: Header, note: Note) -> AnnotatedImage:
        """The annotations as viewers show the picture, if that is asked for."""
        assert image.picture is not None  # noqa: S101 - the header is its
        if self.options.orientation == "stored":
            return image.replace(picture=turn.noted(image.picture, 1))
        facts = {"unit": "images", "fix": turn.KEEP}
        note(
            unit.places[0].finding(
                self.source, "labelbox-turned", Weight.WARNING, turn.said(header.orientation), unit.name, **facts
            )
        )
        picture = turn.noted(image.picture, header.orientation)
        return turn.image_turned(image.replace(picture=picture), header.orientation, *header.stored)

    def _frames(self, unit: Unit, keys: tuple[Key, ...], head: LabelboxHead, note: Note) -> Iterator[AnnotatedImage]:
        clips = self._clips(unit.places)
        for group, index in keys:
            sequence = f"{unit.name}/{group}" if group else unit.name
            decoder = FrameDecoder(self.source, f"{sequence}/frame_{index:06d}", head.named, self.files, note)
            for one, track in clips.tracks():
                if one.group == group and index in one.frames:
                    decoder.take(one, index, track)
            image = decoder.finish(sequence, index, picture(unit.row))
            if image is not None:
                yield image
        note_absent(self.source, unit.name, clips, keys, self.files, note)

    def check(self, unit: Unit, head: LabelboxHead, note: Note) -> Iterator[AnnotatedImage]:
        """Masks that are elsewhere, and records of other kinds, are no fault of the file; what Labelbox would refuse is."""
        for image in self.decode(unit, head, lambda finding: note(self._checked(finding))):
            limits(image, [annotation.label for annotation in image.annotations], note)
            yield image
        if unit.row[0] == "globalKey" and (error := key_error(unit.row[1])) is not None:
            note(unit.places[0].error(self.source, error, unit.name))

    def _checked(self, finding: Finding) -> Finding:
        weight = {REMOTE: Weight.WARNING, "labelbox-no-segmentation": Weight.INFO if self.uploading else None}
        lower = weight.get(finding.code)
        return (
            finding
            if lower is None
            else replace(finding, weight=lower, message=f"{finding.message}: it was not checked")
        )

    def _picture(self, unit: Unit, note: Note) -> tuple[Picture, Header | None]:
        """The picture of a data row, and its header where it is in the folder ``images``."""
        if self.pictures is None:
            return picture(unit.row), None
        found = self.pictures.find(unit.row[1]) or self.pictures.find(unit.name)
        seen = self.look(self.pictures, found, unit.name, note)
        if seen is None:
            return picture(unit.row), None
        own = unit.name == _natural(unit.row)  # a name from a table asks for other keys
        return (addressed(seen[0], unit.row, unit.name) if own else seen[0]), seen[1]


def _sized_by(header: Header) -> str:
    turned = f" in its file (EXIF orientation {header.orientation} turns it)" if header.orientation > 1 else ""
    return f"the picture{turned}"


def _natural(row: Row) -> str:
    """What a data row is called, where no table names it."""
    return stem(row[1]) if row[0] == "globalKey" else row[1]


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _refused(name: str, row: Row, seen: dict[str, Row]) -> DataError | None:
    """Why a data row cannot be an item of that name."""
    if reason := unsafe(name):
        fix = "no file can be named so: change the global key"
        return DataError(f"the {row[0]} {row[1]!r} {reason}", code="name-unsafe", fix=fix)
    if not name or name.endswith("/"):
        return DataError(f"the {row[0]} {row[1]!r} gives no name", code="name-unsafe", fix="change the global key")
    other = seen.get(name.casefold())
    if other is None:
        return None
    text = f"the data rows {other[1]!r} and {row[1]!r} would both be the image {name!r}"
    return DataError(text, code="name-collision", fix="rename one of them; names differ in more than case and suffix")
