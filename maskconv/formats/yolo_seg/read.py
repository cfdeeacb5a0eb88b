"""Reading YOLO segmentation labels: data sets, and a model's predictions on disk."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field, field_validator

from maskconv import pictures
from maskconv.errors import MaskconvError, SourceError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.yolo_seg import layout, rows, trainer, walk
from maskconv.formats.yolo_seg.numbers import Floats
from maskconv.formats.yolo_seg.rows import Extras, Row
from maskconv.formats.yolo_seg.tally import Tally
from maskconv.formats.yolo_seg.tree import FolderTree, Tree, ZipTree, open_tree
from maskconv.model import MAX_PIXELS, AnnotatedImage, Annotation, Box, Label, LabelMap, Picture, PixelRule, Polygon
from maskconv.options import Options
from maskconv.plugin import Head, Reader
from maskconv.store import Entry
from maskconv.yolo import names

_BEGINNING = 1 << 16
_SIZE = re.compile(r"([1-9]\d{0,8})[xX]([1-9]\d{0,8})")


class ReadOptions(Options):
    names: str | None = Field(
        None, description="the classes' names: a data.yaml, a labelmap.txt, a file with a name a line, or car,person"
    )
    images: Path | None = Field(None, description="folder of the pictures, where they are not where the data set says")
    size: str | None = Field(None, description="size of all pictures that are missing, such as 1920x1080")
    rule: Literal["near", "trainer"] = Field(
        "near",
        description="pixels of the outlines: as meant when written, or cut off to whole pixels as the trainer does",
    )
    scores: bool = Field(False, description="each row ends with a score (predictions saved with save_conf)")
    tracks: bool = Field(False, description="each row ends with a track number (predictions of a tracker)")

    @field_validator("size")
    @classmethod
    def _sized(cls, value: str | None) -> str | None:
        found = value is None or _SIZE.fullmatch(value)
        if not found or (value is not None and _pixels(value) > MAX_PIXELS):
            raise ValueError("a size is WIDTHxHEIGHT in pixels, such as 1920x1080")
        return value


def _pixels(size: str) -> int:
    width, height = map(int, size.lower().split("x"))
    return width * height


@dataclass(frozen=True)
class YoloHead(Head):
    """The labels, and the label's name of each class number."""

    names: dict[int, str] = field(default_factory=dict)


class Item(NamedTuple):
    """One unit: an item, its picture if there is one, and its label file if there is one."""

    name: str
    split: str | None
    picture: Picture | None
    label: str
    packed: tuple[Entry | None, Entry | None] = (None, None)  # the picture and the labels, as members of a zip


class YoloSegReader(Reader[Item, YoloHead]):
    Options = ReadOptions
    options: ReadOptions

    def open(self) -> None:
        self._tree: Tree = open_tree(self.source)
        self._pictures = self._tree if self.options.images is None else FolderTree(self.options.images)
        self._extras = Extras(self.options.scores, self.options.tracks)
        self._tally = Tally()
        self._tree.open()

    def close(self) -> None:
        self._tree.close()

    def head(self, note: Note) -> YoloHead:
        if self.options.images is not None and not self.options.images.is_dir():
            where, fix = Where(path=str(self.options.images)), "check --from-images"
            raise SourceError("there is no such folder", where=where, code="yolo-images", fix=fix)
        found = layout.survey(self._tree, self.source, note, checking=self.checking)
        self._roots = [self._placed(root) for root in found.roots]
        labels = self._labels(found, note)
        unique = {label.name: label for label in reversed(labels.values())}
        order = dict.fromkeys(label.name for label in labels.values())
        named = {number: label.name for number, label in labels.items()}
        return YoloHead(LabelMap(labels=tuple(unique[name] for name in order)), names=named)

    def _labels(self, found: layout.Layout, note: Note) -> dict[int, Label]:
        if self.options.names is not None:
            return names.given(self.options.names, note)
        if found.names:
            return {number: Label(name=name) for number, name in found.names.items()}
        if found.list:
            return names.lines(self._tree.read(found.list), self._tree.where(found.list))
        text = "the names of the classes are not known, only their numbers"
        fix = "say them: --from-names data.yaml, labelmap.txt, a file with a name a line, or car,person"
        raise SourceError(text, where=self._tree.where(found.yaml), code="yolo-names-unknown", fix=fix)

    def _placed(self, root: layout.Root) -> layout.Root:
        """The root with its pictures in the folder of ``--from-images``: a split's own there, or what has labels."""
        if self.options.images is None or self._tree.is_file(root.images):
            return root
        home = root.by_rule if root.labels is None else None
        if root.split is None:
            return root._replace(images="", home=home, deep=True)
        places = (f"{root.split}/images", root.split, f"images/{root.split}")
        own = next((place for place in places if self._pictures.is_folder(place)), "")
        return root._replace(images=own, home=home, rest=bool(own))

    # -- units -----------------------------------------------------------------------------------------------------

    def units(self, note: Note) -> Iterator[Item]:
        self._tally = Tally()
        seen: set[int] = set()
        overlap = walk.overlap(self._roots)
        collide = partial(self._collide, note)
        for root in self._roots:
            for pair in walk.pairs(root, self._pictures, self._tree, collide):
                if overlap:
                    mark = hash(pair.picture or pair.label or pair.name)
                    if mark in seen:
                        self._tally.several.add(pair.picture or pair.label or pair.name)
                        continue
                    seen.add(mark)
                if self._usable(pair):
                    yield self._item(pair)
        self._tally.note(self._tree, note, checking=self.checking)

    def _usable(self, pair: walk.Pair) -> bool:
        """Whether the picture's size can be known; counts what is missing."""
        if pair.picture and not pair.label:
            self._tally.unlabelled.add(pair.picture)
        elif not pair.picture and not pair.label:
            self._tally.missing.add(pair.listed)
            return False
        elif not pair.picture and self.options.size is None:
            self._tally.count_alone(pair.label, self._boxes(pair.label) if self.checking else 0)
            return False
        return True

    def _boxes(self, label: str) -> int:
        """How many boxes a label file holds that cannot be read otherwise."""
        try:
            return rows.count_boxes(self._tree.read(label))
        except (MaskconvError, OSError):
            return 0

    def _collide(self, note: Note, path: str, other: str) -> None:
        text = f"this picture and {other} differ only in the extension: one label file for both, and one item"
        note(
            Finding("yolo-picture-collision", Weight.ERROR, text, self._pictures.where(path), fix="rename one of them")
        )

    def _item(self, pair: walk.Pair) -> Item:
        picture = self._pictures.picture(pair.picture) if pair.picture else None
        packed = self._pictures.entry(pair.picture) if pair.picture else None
        return Item(
            pair.name, pair.split, picture, pair.label, (packed, self._tree.entry(pair.label) if pair.label else None)
        )

    # -- images ----------------------------------------------------------------------------------------------------

    def decode(self, unit: Item, head: YoloHead, note: Note) -> Iterator[AnnotatedImage]:
        width, height = self._size(unit)
        annotations = self._annotations(unit, head, (width, height), note)
        picture = unit.picture
        if picture is not None:
            picture = Picture.unchecked(path=picture.path, member=picture.member, width=width, height=height)
        yield AnnotatedImage.unchecked(
            name=unit.name, width=width, height=height, annotations=annotations, split=unit.split, picture=picture
        )

    def check(self, unit: Item, head: YoloHead, note: Note) -> Iterator[AnnotatedImage]:
        """Also whether the trainer takes such pictures; counts classes for what `units` says in the end."""
        for image in self.decode(unit, head, note):
            self._tally.count(unit.label, image, head.names)
            if unit.picture is not None:
                self._tally.compare(
                    unit.picture.member or unit.picture.path, unit.split, _mark(unit.picture, unit.packed[0])
                )
            self._note_picture(unit, image, note)
            yield image

    def _note_picture(self, unit: Item, image: AnnotatedImage, note: Note) -> None:
        where, least = self._tree.where(unit.label).at(image=unit.name), trainer.SMALLEST
        if min(image.width or least, image.height or least) < least:
            text = f"the picture has {image.width} x {image.height} pixels: the trainer takes none under {least}"
            note(Finding("yolo-picture-small", Weight.ERROR, text, where, fix="remove it from the set"))
        if unit.picture is not None and unit.picture.extension.lower() not in trainer.OPENED:
            text = f"the trainer does not open pictures named {unit.picture.extension}, and leaves this one out"
            note(Finding("yolo-picture-kind", Weight.ERROR, text, where, fix="convert it to .png or .jpg"))

    def _size(self, unit: Item) -> tuple[int, int]:
        if unit.picture is None:
            width, height = map(int, (self.options.size or "1x1").lower().split("x"))
            return width, height
        if unit.packed[0] is not None and isinstance(self._tree, ZipTree):
            return pictures.size_in(self._tree.store.read(unit.packed[0]), unit.picture)
        return pictures.size_of(unit.picture)

    def _annotations(self, unit: Item, head: YoloHead, size: tuple[int, int], note: Note) -> tuple[Annotation, ...]:
        if not unit.label:
            return ()
        where = self._tree.where(unit.label).at(image=unit.name)

        def say(code: str, weight: Weight, line: int, text: str, fix: str) -> None:
            note(Finding(code, weight, text, where.at(line=line), unit="instances", fix=fix))

        found = rows.read(self._tree.read(unit.label, unit.packed[1]), head.names, self._extras, say)
        if found.boxes and found.rows:
            count = f"{len(found.rows)} box{'es' if len(found.rows) > 1 else ''}"
            text = f"{count}, no outlines: the labels of a detection data set; they are read as boxes"
            fix = "to segment with them, outline the objects"
            note(Finding("yolo-boxes", Weight.WARNING, text, where, len(found.rows), "instances", fix))
        make, scale = _box if found.boxes else self._outline, np.array(size, np.float64)
        if found.leave:
            _note_beyond(found.rows, scale, where, note)
        shapes = [make(row, scale) for row in found.rows]
        return tuple(
            Annotation.unchecked(
                label=head.names[row.number], shape=shape, id=None, box=None, group=None, track=row.track, crowd=False,
                score=row.score, attributes={},
            )
            for row, shape in zip(found.rows, shapes, strict=True)
        )  # fmt: skip

    def _outline(self, row: Row, size: Floats) -> tuple[Polygon, ...]:
        if self.options.rule == "trainer":
            pixels = np.trunc(row.points.astype(np.float32) * size.astype(np.float32)).astype(np.float64)
        else:
            pixels = row.points * size
        pixels.flags.writeable = False
        return (Polygon.unchecked(exterior=pixels, holes=(), rule=PixelRule.CENTRE_NEAR),)


def _note_beyond(found: list[Row], size: Floats, where: Where, note: Note) -> None:
    count, far = rows.beyond(found, size)
    if count:
        subject = "1 row has" if count == 1 else f"{count:,} rows have"
        text = f"{subject} points outside the picture, by up to {far:.1f} pixels: what lies there is cut off"
        fix = "are these the labels of this picture? Else clip the coordinates to 0 to 1"
        note(Finding("yolo-outside-picture", Weight.WARNING, text, where, count, "instances", fix))


def _mark(picture: Picture, entry: Entry | None) -> tuple[int, int]:
    """A file's size, and a checksum of it, or of how it begins."""
    if entry is not None:
        return entry.size, entry.crc
    try:
        with Path(picture.path).open("rb") as file:
            return os.fstat(file.fileno()).st_size, zlib.crc32(file.read(_BEGINNING))
    except OSError:
        return 0, hash(picture.path)


def _box(row: Row, size: Floats) -> Box:
    (x, y), (width, height) = (row.points * size).tolist()
    values: dict[str, Any] = {
        "x": x - width / 2,
        "y": y - height / 2,
        "width": width,
        "height": height,
        "rotation": 0.0,
    }
    return Box.unchecked(**values)
