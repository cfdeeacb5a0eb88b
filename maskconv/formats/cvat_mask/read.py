"""Reading CVAT masks: from two PNGs to the instances of an image."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from maskconv import pictures, png
from maskconv.errors import DataError, PngError, SourceError
from maskconv.finding import Finding, Note, Weight, Where, as_finding
from maskconv.formats.cvat_mask import layout
from maskconv.formats.cvat_mask.instances import Found, Pair, from_classes, from_pair
from maskconv.formats.cvat_mask.layout import Item
from maskconv.formats.cvat_mask.table import Table, assumed, parse_meta
from maskconv.labelmap import parse
from maskconv.model import AnnotatedImage, Annotation, Encoded, LabelMap, Picture
from maskconv.options import Options
from maskconv.plugin import Head, Reader
from maskconv.store import Entry, Store, open_store
from maskconv.wording import counted, quoted

_BEGINNING = 1 << 16  # bytes of a picture that hold its header, mostly

# What CVAT refuses (an error) or loses silently (data) of a set that is read all the same. It is a warning for who
# converts, and for sets of other tools: those that have no label map of CVAT.
_READABLE = {
    "cvat-background-instance": Weight.ERROR,
    "cvat-black-undeclared": Weight.ERROR,
    "cvat-folder-name": Weight.ERROR,
    "cvat-instance-color": Weight.ERROR,
    "cvat-labelmap-place": Weight.ERROR,
    "cvat-list-encoding": Weight.ERROR,
    "cvat-list-line": Weight.DATA,
    "cvat-mask-suffix": Weight.DATA,
    "cvat-no-lists": Weight.ERROR,
    "cvat-object-missing": Weight.DATA,
    "cvat-palette-index": Weight.ERROR,
    "cvat-png-kind": Weight.ERROR,
    "cvat-roots": Weight.ERROR,
    "cvat-split-name": Weight.ERROR,
    "cvat-too-many": Weight.ERROR,
    "cvat-unlisted": Weight.DATA,
    "cvat-void": Weight.ERROR,
}
_PLACES = frozenset({"cvat-labelmap-place", "cvat-roots"})  # what packing one folder may mend


class ReadOptions(Options):
    objects: Literal["component", "class"] = Field(
        "component", description="instances where SegmentationObject is missing: connected components, or one per class"
    )
    mixed: Literal["error", "split"] = Field(
        "error", description="an instance over two classes: an error, or one instance for each class"
    )
    labelmap: Path | None = Field(None, description="a labelmap.txt to use instead of the source's own")


@dataclass(frozen=True)
class CvatHead(Head):
    """The source's labels, and one table for each label map in it."""

    tables: tuple[Table, ...] = ()


@dataclass
class _Count:
    """How many, and the first."""

    number: int = 0
    first: str = ""

    def add(self, name: str) -> None:
        self.number += 1
        self.first = self.first or name


class CvatMaskReader(Reader[Item, CvatHead]):
    Options = ReadOptions
    options: ReadOptions
    _for_cvat = False  # whether this is a set for CVAT, and about to be uploaded

    def open(self) -> None:
        self._store: Store = open_store(self.source)
        self._store.open()

    def close(self) -> None:
        self._store.close()

    def head(self, note: Note) -> CvatHead:
        found: list[Finding] = []
        self._layout = layout.survey(self._store, found.append)
        self._for_cvat = self.uploading and bool(self._layout.maps)
        note = self._weighed(note)
        for finding in found:
            note(finding)
        if not self._layout.roots:
            text = "holds neither SegmentationClass nor ImageSets/Segmentation"
            fix = "name the folder above them, or the zip as CVAT exported it"
            raise SourceError(text, where=self._store.where(""), code="cvat-no-masks", fix=fix)
        tables = self._tables(note)
        labels = {label.name: label for table in reversed(tables) for label in table.labels.labels}
        names = dict.fromkeys(name for table in tables for name in table.names)
        return CvatHead(LabelMap(labels=tuple(labels[name] for name in names)), tables=tuple(tables))

    def _weighed(self, note: Note) -> Note:
        """Lowers to a warning what only CVAT minds, unless this source goes there as it is."""
        whole = self._for_cvat and (not self.source.is_dir() or len(self._layout.roots) > 1)

        def weighed(finding: Finding) -> None:
            refused = whole or (self._for_cvat and finding.code not in _PLACES)
            if refused or _READABLE.get(finding.code) is not finding.weight:
                note(finding)
            elif finding.code != "cvat-black-undeclared":  # the label map's own finding says that once
                note(replace(finding, weight=Weight.WARNING))

        return weighed

    def _tables(self, note: Note) -> list[Table]:
        """The label map of each root: its own folder's, or the nearest one above."""
        if self.options.labelmap is not None:
            return [Table(self._given(self.options.labelmap, note))]
        tables: dict[str, Table] = {}
        for root in self._layout.roots:
            entry = self._nearest_map(root.path)
            key = entry.name if entry is not None else ""
            if key not in tables:
                tables[key] = Table(self._parsed(entry, note))
                self._note_place(root.path, entry, note)
            root.table = list(tables).index(key)
        return list(tables.values())

    def _given(self, path: Path, note: Note) -> LabelMap:
        try:
            data = path.read_bytes()
        except OSError as error:
            text = f"cannot be read ({error.strerror})"
            raise SourceError(text, where=Where(path=str(path)), fix="check --from-labelmap") from error
        return parsed(data, Where(path=str(path)), note, checking=self.uploading)

    def _nearest_map(self, folder: str) -> Entry | None:
        while folder and folder not in self._layout.maps:
            folder = posixpath.dirname(folder)
        return self._layout.maps.get(folder)

    def _note_place(self, folder: str, entry: Entry | None, note: Note) -> None:
        if entry is not None and len(self._layout.roots) == 1 and posixpath.dirname(entry.name) != folder:
            text = f"the label map is not beside SegmentationClass, in {folder}: CVAT does not see it and assumes VOC's labels"
            where, fix = self._store.where(entry.name), "for an upload, put it there"
            note(Finding("cvat-labelmap-place", Weight.ERROR, text, where, fix=fix))

    def _parsed(self, entry: Entry | None, note: Note) -> LabelMap:
        if entry is None:
            text = "there is no labelmap.txt: CVAT assumes VOC's 21 labels, and so does this run"
            fix = "for other labels, add it to the set or name it: --from-labelmap labelmap.txt"
            note(Finding("cvat-no-labelmap", Weight.WARNING, text, self._store.where(""), fix=fix))
            return assumed()
        data, where = self._store.read(entry), self._store.where(entry.name)
        if entry.name.endswith(layout.META):
            return parse_meta(data, where, note)
        return parsed(data, where, note, checking=self.uploading)

    def expected(self) -> int:
        return sum(len(root.classes.keys() | root.objects.keys()) for root in self._layout.roots)

    def units(self, note: Note) -> Iterator[Item]:
        """All items; two whose names differ by case only are an error, for they are one file elsewhere."""
        note = self._weighed(note)
        seen: dict[str, str] = {}
        empty, lone = _Count(), _Count()
        for root in self._layout.roots:
            for item in layout.items(root, self._store, note):
                other = seen.setdefault(item.name.casefold(), item.name)
                if other != item.name:
                    text = f"the items {quoted(other)} and {quoted(item.name)} differ only by case: on many systems one file"
                    where = self._store.where("").at(image=item.name)
                    note(Finding("cvat-item-collision", Weight.ERROR, text, where, fix="rename one of them"))
                    continue
                if item.objects is None:
                    (empty if item.classes is None else lone).add(item.name)
                yield item
        self._note_empty(empty, note)
        self._note_lone(lone, note)

    def _note_empty(self, empty: _Count, note: Note) -> None:
        if empty.number:
            count = counted(empty.number, "listed image")
            text = f"{count} without masks, such as {quoted(empty.first)}: taken as without annotations"
            fix = "if they should have some, the export is incomplete"
            where = self._store.where("")
            note(Finding("cvat-listed-empty", Weight.WARNING, text, where, empty.number, "images", fix))

    def _note_lone(self, lone: _Count, note: Note) -> None:
        if lone.number:
            made = (
                "each class is one instance" if self.options.objects == "class" else "connected parts are the instances"
            )
            text = f"{counted(lone.number, 'image')} without a mask in SegmentationObject, such as {quoted(lone.first)}: {made}"
            text += "; CVAT makes one of each class, background included"
            where, fix = self._store.where(""), "for an upload, convert it to cvat-mask"
            note(Finding("cvat-object-missing", Weight.DATA, text, where, lone.number, "images", fix))

    def decode(self, unit: Item, head: CvatHead, note: Note) -> Iterator[AnnotatedImage]:
        note = self._weighed(note)
        if unit.classes is None and unit.objects is None:
            yield self._sized(self._image(unit), unit)
            return
        if unit.classes is None:
            text = "the item has a mask in SegmentationObject, but none in SegmentationClass (CVAT: TypeError)"
            fix = "export it again, or remove this mask"
            raise DataError(text, where=self._where(unit, unit.objects), code="cvat-class-missing", fix=fix)
        table, where = head.tables[unit.table], self._where(unit, unit.classes)
        classes, _ = self._png(unit, unit.classes)
        if unit.objects is None:
            by_class = self.options.objects == "class"
            yield self._image(unit, from_classes(classes, table, where, note, by_class=by_class), table)
            return
        objects, data = self._png(unit, unit.objects)
        pair = Pair(classes, objects, table, where, self._where(unit, unit.objects))
        found = from_pair(pair, note, split_mixed=self.options.mixed == "split")
        composite = objects.kind is png.Kind.RGB and objects.depth == 8 and not objects.alpha
        yield self._image(unit, found, table, data if composite else b"")

    def check(self, unit: Item, head: CvatHead, note: Note) -> Iterator[AnnotatedImage]:
        """Also whether the picture has the masks' size, by its header."""
        for image in self.decode(unit, head, note):
            if unit.picture is not None and image.width is not None:
                self._compare(unit, unit.picture, (image.width, image.height), note)
            yield image

    def _compare(self, unit: Item, entry: Entry, masks: tuple[int, int | None], note: Note) -> None:
        try:
            size = self._picture_size(entry)
        except DataError as error:
            note(replace(as_finding(error), weight=Weight.WARNING, where=self._where(unit, entry)))
            return
        if size != masks:
            text = "the picture has {}x{} pixels, its masks {}x{}; CVAT accepts them silently".format(*size, *masks)
            fix = "export the masks again at the picture's size"
            note(Finding("cvat-picture-size", Weight.WARNING, text, self._where(unit, entry), fix=fix))

    def _picture_size(self, entry: Entry) -> tuple[int, int]:
        """As a viewer shows it. Raises DataError."""
        picture = Picture.unchecked(path=str(self.source), member=entry.name, width=None, height=None)
        with suppress(DataError):
            return pictures.size_in(self._store.start(entry, _BEGINNING), picture)
        return pictures.size_in(self._store.read(entry), picture)

    def _png(self, unit: Item, entry: Entry) -> tuple[png.MaskPng, bytes]:
        data = self._store.read(entry)
        try:
            return png.decode(data), data
        except PngError as error:
            error.where = self._where(unit, entry)
            error.fix = error.fix or "export or copy this file again"
            raise

    def _where(self, unit: Item, entry: Entry | None) -> Where:
        return self._store.where(entry.name if entry else "").at(image=unit.name)

    def _image(
        self, unit: Item, found: Found | None = None, table: Table | None = None, data: bytes = b""
    ) -> AnnotatedImage:
        if found is None or table is None:
            return self._empty(unit)
        names, triples = table.names, zip(found.codes, found.ids, found.masks, strict=True)
        annotations = tuple(
            Annotation.unchecked(**_BARE, label=names[code], shape=mask, id=number, attributes={})
            for code, number, mask in triples
        )
        facts = {"width": found.width, "height": found.height, "annotations": annotations, "ignored": found.ignored}
        image = AnnotatedImage.unchecked(**(self._empty(unit).__dict__ | facts))
        if data and found.whole:
            colors = png.unpack(png.voc_packed(np.asarray(found.ids, np.uint32))).tolist()
            image.with_encoded(Encoded(data, tuple(map(tuple, colors)), tuple(found.masks)))
        return image

    def _sized(self, image: AnnotatedImage, unit: Item) -> AnnotatedImage:
        """An image without masks has its picture's size, where that is there."""
        if unit.picture is None:
            return image
        with suppress(DataError):
            width, height = self._picture_size(unit.picture)
            return image.replace(width=width, height=height)
        return image

    def _empty(self, unit: Item) -> AnnotatedImage:
        picture = None
        if unit.picture is not None:
            member = unit.picture.name if unit.picture.offset >= 0 else ""
            path = str(self.source if member else self.source / unit.picture.name)
            picture = Picture.unchecked(path=path, member=member, width=None, height=None)
        return AnnotatedImage.unchecked(
            name=unit.name, width=None, height=None, annotations=(), split=unit.split, picture=picture,
            ignored=None, sequence=None, frame=None, attributes={},
        )  # fmt: skip


def parsed(data: bytes, where: Where, note: Note, *, checking: bool = False) -> LabelMap:
    """A labelmap.txt that can be used. Raises SourceError with the first thing that is wrong with it.

    What CVAT refuses and can be read all the same is an error for who checks, a warning for who converts.
    """
    found: list[Finding] = []
    labels = parse(data, found.append, path=where.path, member=where.member)
    for finding in found:
        refused = finding.weight is Weight.ERROR and labels is not None and not checking
        note(replace(finding, weight=Weight.WARNING) if refused else finding)
    if labels is None:
        first = next(finding for finding in found if finding.weight is Weight.ERROR)
        text = f"the label map cannot be used: {first.message}"
        raise SourceError(text, where=first.where, code="labelmap-unusable", fix=first.fix)
    return labels


_BARE: dict[str, Any] = {"box": None, "group": None, "track": None, "crowd": False, "score": None}
