"""Reading an export: an index first, then one data row, or a few frames of one, after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import orjson

from maskconv.errors import OptionError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.labelbox_export import choose, document, losses, naming
from maskconv.formats.labelbox_export.choose import Chosen, Scene
from maskconv.formats.labelbox_export.document import Labelled, Row
from maskconv.formats.labelbox_export.image import ImageDecoder
from maskconv.formats.labelbox_export.index import Group, Index
from maskconv.formats.labelbox_export.naming import ExportHead
from maskconv.formats.labelbox_export.objects import first_address
from maskconv.formats.labelbox_export.options import ReadOptions
from maskconv.labelbox import turn
from maskconv.labelbox.checks import RecordError
from maskconv.labelbox.source import RecordReader, unchecked
from maskconv.labelbox.split import Place
from maskconv.labelbox.values import load
from maskconv.model import AnnotatedImage, LabelMap, Picture
from maskconv.wording import counted

__all__ = ["ExportHead", "ExportReader", "Unit"]

WINDOW = 32  # frames


class Unit(NamedTuple):
    """A data row's records; of one with frames those from ``begin`` to ``end``, counted in the order of `choose.scenes`."""

    places: tuple[Place, ...]
    begin: int = 0
    end: int | None = None


class Content(NamedTuple):
    """What is read of a data row."""

    row: Row
    chosen: Chosen
    scenes: list[Scene]


class Known(NamedTuple):
    """A data row's picture, the size of its file, and the EXIF orientation by which viewers turn it."""

    picture: Picture | None
    size: tuple[int, int] | None
    orientation: int


class ExportReader(RecordReader[Unit, ExportHead]):
    """v1 JSON, v2 NDJSON, frames, and bare objects as Labelbox' documents print them."""

    Options = ReadOptions
    options: ReadOptions

    folder_is = "this is a folder, not an export"

    def open(self) -> None:
        self._index: Index | None = None
        self._last: tuple[tuple[Place, ...], Content] | None = None
        super().open()

    def head(self, note: Note) -> ExportHead:
        index = self._index = self._indexed(note)
        self._check_project(index)
        if not self.checking:
            self.files.require(index.remote, index.first, Where(path=str(self.source)))
        if index.unsized and self.options.images is None:
            text = f"{counted(index.unsized, 'picture')} with shapes but no mask, and the export tells no size"
            fix = "where the target needs it, tell it from the pictures: --from-images DIR"
            self._warn(note, "labelbox-size-unknown", text, index.unsized, "images", fix)
        if index.recolored:
            text = f"{counted(index.recolored, 'label')} with several colours: none of them was taken"
            self._warn(note, "labelbox-recolored", text, index.recolored, "labels", "", Weight.INFO)
        return ExportHead(LabelMap(labels=index.labels), shared=index.shared())

    def _check_project(self, index: Index) -> None:
        """Raises OptionError where nothing in the file is of the project that was asked for."""
        wanted = self.options.project
        if wanted is not None and len(index) and (text := choose.unknown_project(wanted, index.projects)):
            where, fix = Where(path=str(self.source)), "name one of them: --from-project NAME"
            raise OptionError(text, where=where, code="labelbox-project-unknown", fix=fix)

    def _indexed(self, note: Note) -> Index:
        return Index(self.source, self.options.project, self.files.must_fetch, note)

    def _warn(
        self, note: Note, code: str, text: str, amount: int, unit: str, fix: str, weight: Weight = Weight.WARNING
    ) -> None:
        note(Finding(code, weight, text, Where(path=str(self.source)), amount, unit, fix))

    def expected(self) -> int | None:
        return None if self._index is None else len(self._index)

    # --- units --------------------------------------------------------------------------------------------------------

    def units(self, note: Note) -> Iterator[Unit]:
        index = self._index if self._index is not None else self._indexed(note)
        return self.files.ahead(self._units(index, note), self._addresses)

    def _units(self, index: Index, note: Note) -> Iterator[Unit]:
        for group in index:
            if group.video:
                yield from self._windows(group, note)
            else:
                yield Unit(group.places)

    def _windows(self, group: Group, note: Note) -> Iterator[Unit]:
        """A data row with frames, some of them at a time."""
        place = group.places[0]
        try:
            content = self._content(group.places)
        except RecordError as error:
            note(place.error(self.source, error, unit="images"))
            return
        self._tell(content, place, note)
        count = len(content.scenes)
        for begin in range(0, count, WINDOW):
            yield Unit(group.places, begin, min(begin + WINDOW, count))

    def _addresses(self, unit: Unit) -> list[str]:
        """The masks of a unit that decoding will read first."""
        with suppress(RecordError):
            scenes = self._content(unit.places).scenes[unit.begin : unit.end]
            addresses = (first_address(one.raw) for scene in scenes for one in scene.objects)
            return list(dict.fromkeys(filter(None, addresses)))
        return []

    def _content(self, places: tuple[Place, ...]) -> Content:
        """A data row's records; those of the last one are kept, as its windows follow one another. Raises RecordError."""
        last = self._last
        if last is None or last[0] != places:
            rows = [self._parsed(place) for place in places]
            row = rows[0] if len(rows) == 1 else document.joined(rows)
            chosen = choose.choose(row, self.options)
            last = self._last = (places, Content(row, chosen, choose.scenes(chosen.labels)))
        return last[1]

    def _tell(self, content: Content, place: Place, note: Note) -> None:
        """What is not read of a data row."""
        for code, weight, text, amount, unit, fix in losses.of(content.row, content.chosen, self.options.project):
            note(place.finding(self.source, code, weight, text, amount=amount, unit=unit, fix=fix))

    def _parsed(self, place: Place) -> Row:
        try:
            return document.row(load(self.read(place)))
        except orjson.JSONDecodeError as error:
            text = "the file changed while it was read"
            raise RecordError(text, code="labelbox-json", fix="run it again") from error

    # --- images -------------------------------------------------------------------------------------------------------

    def decode(self, unit: Unit, head: ExportHead, note: Note) -> Iterator[AnnotatedImage]:
        place = unit.places[0]
        try:
            content = self._content(unit.places)
            row, labels = content.row, content.chosen.labels
            if unit.end is None:
                self._tell(content, place, note)
            if not labels:
                return
            name = naming.item(row, self.options.name, head) if row.id else self.source.stem
            _elsewhere(labels)
        except RecordError as error:
            note(place.error(self.source, error, unit="images"))
            return
        known = self._known(row, name, note, look=unit.end is None)
        for scene in content.scenes[unit.begin : unit.end]:
            image = self._image(scene, place, name, row, known, note)
            if image is not None:
                yield image

    def check(self, unit: Unit, head: ExportHead, note: Note) -> Iterator[AnnotatedImage]:
        """Masks that are elsewhere are no fault of the file."""
        yield from self.decode(unit, head, lambda finding: note(unchecked(finding)))

    def _image(
        self,
        scene: Scene,
        place: Place,
        name: str,
        row: Row,
        known: Known,
        note: Note,
    ) -> AnnotatedImage | None:
        sequence = f"{name}/{scene.group.lower()}" if scene.group else name
        facts: dict[str, Any] = {"split": row.split, "picture": known.picture, "sequence": None}
        if scene.number is not None:
            name, facts["sequence"] = f"{sequence}/frame_{scene.number:06d}", sequence
        decoder = ImageDecoder(self.source, place, name, known.size, self.files, self.options, note)
        return decoder.image(scene, known.orientation, facts)

    def _known(self, row: Row, name: str, note: Note, *, look: bool) -> Known:
        """From the export, else from the folder of pictures; of frames there are none."""
        seen = None
        if look and self.pictures is not None:
            seen = self.look(self.pictures, naming.find(self.pictures, row, name), name, note)
        if seen is None:
            picture, size, said = naming.at_labelbox(row, name), row.size, row.exif or 1
            tagged = said != 1
        else:
            picture, header = naming.addressed(seen[0], row, name), seen[1]
            turned = 1 if row.size == header.shown != header.stored else header.orientation
            size, said = row.size or header.stored, row.exif or turned
            tagged = (said, header.orientation) != (1, 1)
        orientation = said if self.options.orientation == "shown" else 1
        if picture is not None and tagged:
            picture = turn.noted(picture, orientation)
        return Known(picture, size, orientation)


def _elsewhere(labels: tuple[Labelled, ...]) -> None:
    if found := next((label.elsewhere for label in labels if label.elsewhere), ""):
        text = f"its frames are in another file, {found.split('?')[0]}"
        fix = "download that file, and convert it by itself"
        raise RecordError(text, code="labelbox-frames-elsewhere", fix=fix)
