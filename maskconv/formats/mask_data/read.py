"""Reading arrays: each colour or index is an instance of the label that the colours table names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from maskconv import runs
from maskconv.errors import DataError, SourceError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.mask_data.arrays import VOID, Layer, keys, layers
from maskconv.formats.mask_data.layout import Item, Survey, survey
from maskconv.formats.mask_data.soft import note_soft
from maskconv.formats.mask_data.table import BACKGROUNDS, Meaning, Table, annotation_facts, key_text, load
from maskconv.model import AnnotatedImage, Annotation, Mask
from maskconv.options import Options
from maskconv.plugin import Head, Reader
from maskconv.runs import Runs
from maskconv.store import Entry, FolderStore, Store, open_store


class ReadOptions(Options):
    colors: Path | None = Field(
        None,
        description="the colours table: JSON, or a labelmap.txt; by default colors.json or labelmap.txt of the source",
    )
    label: str | None = Field(None, description="the label of all values that no table names, as in binary masks")
    files: Literal["image", "suffix", "folder"] = Field(
        "image",
        description="what a file is: an image, or one label of it, told by its name: image_label.png, or image/label.png",
    )
    objects: Path | None = Field(
        None, description="folder of arrays of the same names whose values tell the instances of a label apart"
    )
    instances: Literal["value", "component"] = Field(
        "value", description="an instance is all pixels of one value, or each connected component of them"
    )
    threshold: float | None = Field(None, description="take what is not below it as one mask, as of soft masks")
    void: int | None = Field(None, description="an index that means void")


@dataclass(frozen=True)
class ArrayHead(Head):
    table: Table = field(default_factory=Table)


class MaskDataReader(Reader[Item, ArrayHead]):
    Options = ReadOptions
    options: ReadOptions

    def open(self) -> None:
        single = self.source.is_file() and self.source.suffix.lower() != ".zip"
        self._only = self.source.name if single else ""
        self._store: Store = FolderStore(self.source.parent, deep=False) if single else open_store(self.source)
        self._store.open()
        self._objects = Objects(self.options.objects) if self.options.objects is not None else None

    def close(self) -> None:
        self._store.close()

    def head(self, note: Note) -> ArrayHead:
        table = self._given(note)
        found = survey(self._store, "image", self._only, (), lambda _: None)
        if table is None and found.table is not None:
            table = load(
                Path(found.table.name), self._store.read(found.table), self._store.where(found.table.name), note
            )
        names = tuple(table.names()) if table is not None else ()
        self._survey = survey(self._store, self.options.files, self._only, names, note)
        if not self._survey.items:
            text, fix = "holds no arrays (.png, .npy, .npz)", "check that this is the right folder"
            raise SourceError(text, where=Where(path=str(self.source)), code="mask-data-none", fix=fix)
        if table is None:
            self._require_labels(self._survey)
            table = Table()
        more = [*self._survey.labels, *([self.options.label] if self.options.label else [])]
        complete = bool(table.labels) or not self._survey.own_tables
        return ArrayHead(table.label_map(more), complete, table)

    def _given(self, note: Note) -> Table | None:
        path = self.options.colors
        if path is None:
            return None
        where = Where(path=str(path))
        try:
            return load(path, path.read_bytes(), where, note)
        except OSError as error:
            text = f"cannot be read ({error.strerror})"
            raise SourceError(text, where=where, fix="check --from-colors") from error

    def _require_labels(self, found: Survey) -> None:
        if not (self.options.label or found.own_tables or self.options.files != "image"):
            text = "there is no colours table, so nothing tells which labels the masks have"
            fix = "name one, --from-colors FILE, or where all masks have one label, --from-label NAME"
            raise SourceError(text, where=Where(path=str(self.source)), code="mask-data-no-table", fix=fix)

    def expected(self) -> int:
        return len(self._survey.items)

    def units(self, note: Note) -> Iterator[Item]:
        del note
        yield from self._survey.items

    def scan(self, unit: Item) -> ArrayHead:
        try:
            table = self._own(unit)
        except (DataError, OSError):  # decoding reports it
            table = Table()
        return ArrayHead(table.label_map())

    def decode(self, unit: Item, head: ArrayHead, note: Note) -> Iterator[AnnotatedImage]:
        own = self._own(unit)
        first = unit.parts[0]
        data, where = self._store.read(first.entry), self._store.where(first.entry.name)
        if self.options.files == "image" and first.entry.name.lower().endswith(".npz"):
            names = keys(data, where)
            for key in names:
                name = unit.name if len(names) == 1 else f"{unit.name}/{key}"
                yield self._image(name, [(data, first.entry.name, key, None)], own, head.table, note)
        else:
            yield self._image(unit.name, self._files(unit), own, head.table, note)

    def _files(self, unit: Item) -> Iterator[tuple[bytes, str, str, str | None]]:
        """Of each array: its file's bytes and name, its own name in an .npz, and its label."""
        for part in unit.parts:
            data, name = self._store.read(part.entry), part.entry.name
            if name.lower().endswith(".npz"):
                yield from ((data, name, key, part.label or key) for key in keys(data, self._store.where(name)))
            else:
                yield data, name, "", part.label

    def _own(self, unit: Item) -> Table:
        """The table of one image."""
        if unit.table is None:
            return Table()
        where = self._store.where(unit.table.name)
        try:
            return load(Path(unit.table.name), self._store.read(unit.table), where, lambda _: None)
        except SourceError as error:
            raise DataError(error.message, where=where, code=error.code, fix=error.fix) from error

    def _image(self, name: str, files: Any, own: Table, table: Table, note: Note) -> AnnotatedImage:
        found = Image(self.options, name, [own, table.images.get(name, Table()), table])
        for data, file, key, label in files:
            where = self._store.where(file)
            for layer in layers(file, data, key, where, self.options.threshold):
                objects = self._objects.of(name) if self._objects is not None else None
                found.add(layer, label, objects, where, note)
        return found.finish()


class Objects:
    """The arrays that tell instances apart, by image."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            text = "there is no such folder"
            raise SourceError(text, where=Where(path=str(folder)), code="mask-data-objects", fix="check --from-objects")
        self._store = FolderStore(folder)
        found = survey(self._store, "image", "", (), lambda _: None)
        self._entries: dict[str, Entry] = {item.name: item.parts[0].entry for item in found.items}

    def of(self, name: str) -> Layer:
        entry = self._entries.get(name)
        if entry is None:
            text = f"there is no array of {name!r} that tells its instances apart"
            raise DataError(text, where=self._store.where(""), code="mask-data-objects", fix="check --from-objects")
        return layers(entry.name, self._store.read(entry), "", self._store.where(entry.name), None)[0]


class Image:
    """One image's annotations, collected array by array."""

    def __init__(self, options: ReadOptions, name: str, tables: list[Table]) -> None:
        self._options, self._name, self._tables = options, name, tables
        self._plain = Meaning(options.label) if options.label else None
        self._size = (0, 0)
        self._told: list[Annotation] = []
        self._void: list[Runs] = []

    def add(self, layer: Layer, label: str | None, objects: Layer | None, where: Where, note: Note) -> None:
        """Take a label image; ``label`` is what its file's name says. Raises DataError."""
        size = (layer.map.width, layer.map.height)
        if self._size not in ((0, 0), size):
            text = "this array has {}x{} pixels, others of its image {}x{}".format(*size, *self._size)
            raise DataError(text, where=where, code="mask-data-size", fix="save all of them at the picture's size")
        self._size = size
        image = layer.map
        values, shapes = runs.group(image.starts, image.lengths, image.values)
        named = Meaning(label) if label is not None else None
        meanings = self._meanings(layer, values.tolist(), named)
        if not layer.color:
            note_soft(meanings, named or self._plain, Where(where.path, where.member, image=self._name), note)
        self._note_unknown(layer, [v for v in meanings if meanings[v] is None], shapes, values, where, note)
        place = {value: k for k, value in enumerate(values.tolist())}
        for value, found in meanings.items():
            if found is None or (found.label is not None and found.label.casefold() in BACKGROUNDS):
                continue
            if found.label is None:
                self._void.append(shapes[place[value]])
            else:
                self._told += self._annotations(found, shapes[place[value]], objects, where)

    def _meanings(self, layer: Layer, values: list[int], named: Meaning | None) -> dict[int, Meaning | None]:
        """What each value means, in the order of painting: that of the image's own table, then of the values."""
        by_color = layer.color or self._by_palette(layer, values)
        found: dict[int, Meaning | None] = {}
        for value in values:
            key = int(layer.palette[value]) if layer.palette is not None and by_color else value
            if named is not None:
                found[value] = self._void_or_background(value, key, by_color=by_color) or named
            else:
                found[value] = self._looked_up(key, value, by_color=by_color)
        own = [key for table in self._tables[:2] for key in (table.colors if by_color else table.indices)]
        rank = {key: k for k, key in enumerate(own)}
        return dict(sorted(found.items(), key=lambda item: rank.get(item[0], -1)))

    def _void_or_background(self, value: int, key: int, *, by_color: bool) -> Meaning | None:
        if key == 0:
            return Meaning("background")
        void = not by_color and value in (VOID, self._options.void)
        return Meaning(None) if void else None

    def _looked_up(self, key: int, value: int, *, by_color: bool) -> Meaning | None:
        if not by_color and value in (VOID, self._options.void):
            return Meaning(None)
        for table in self._tables:
            found = (table.colors if by_color else table.indices).get(key)
            if found is not None:
                return found
        if key == 0:
            return Meaning("background")
        return self._plain

    def _by_palette(self, layer: Layer, values: list[int]) -> bool:
        """Whether an indexed PNG is read by its colours: where tables name colours, and all that are used."""
        if layer.palette is None or not any(table.colors for table in self._tables):
            return False
        known = {0, *(color for table in self._tables for color in table.colors)}
        return all(value < len(layer.palette) and int(layer.palette[value]) in known for value in values)

    def _note_unknown(
        self, layer: Layer, unknown: list[int], shapes: list[Runs], values: NDArray[Any], where: Where, note: Note
    ) -> None:
        if not unknown:
            return
        at = np.flatnonzero(np.isin(values, unknown))
        pixels = sum(int(shapes[k][1].sum()) for k in at)
        y, x = divmod(int(shapes[at[0]][0][0]), layer.map.width)
        first = key_text(unknown[0], color=layer.color)
        more = (
            f" ({len(unknown):,} such values, {pixels:,} pixels in all)"
            if len(unknown) > 1
            else f" ({pixels:,} pixels)"
        )
        text = f"{first} at x={x}, y={y} is not in the colours table{more}"
        fix = "add it there, or say --from-label NAME for all that are not"
        where = Where(where.path, where.member, image=self._name)
        note(Finding("mask-data-unknown", Weight.ERROR, text, where, len(unknown), "instances", fix))

    def _annotations(self, found: Meaning, shape: Runs, objects: Layer | None, where: Where) -> Iterator[Annotation]:
        assert found.label is not None  # noqa: S101 - void is no annotation
        told = annotation_facts(found)
        for one in self._instances(shape, objects, where):
            mask = Mask.unchecked(width=self._size[0], height=self._size[1], starts=one[0], lengths=one[1])
            yield Annotation(label=found.label, shape=mask, **told)

    def _instances(self, shape: Runs, objects: Layer | None, where: Where) -> list[Runs]:
        """The pixels of one value, cut into instances."""
        width = self._size[0]
        if objects is not None:
            if (objects.map.width, objects.map.height) != self._size:
                text = "has another size than the array that tells its instances apart"
                raise DataError(text, where=where, code="mask-data-size", fix="save both at the picture's size")
            return _crossed(shape, objects.map, width)
        return runs.components(*shape, width) if self._options.instances == "component" else [shape]

    def finish(self) -> AnnotatedImage:
        width, height = self._size
        ignored = None
        if self._void:
            starts, lengths = runs.union(self._void, width)
            ignored = Mask.unchecked(width=width, height=height, starts=starts, lengths=lengths)
        return AnnotatedImage(
            name=self._name, width=width, height=height, annotations=tuple(self._told), ignored=ignored
        )


def _crossed(shape: Runs, objects: runs.RunMap, width: int) -> list[Runs]:
    """A shape cut by the values of another image; what has none there (0, or void) is one instance."""
    _, others = runs.group(objects.starts, objects.lengths, objects.values)
    cut = [runs.intersect([shape, other], width) for other in others]
    return [one for one in cut if len(one[0])]
