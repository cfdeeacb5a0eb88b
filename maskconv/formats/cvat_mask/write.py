"""Writing CVAT masks: instances painted in z-order into a class mask and an instance mask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from maskconv import labelmap, png
from maskconv.errors import DataError, SourceError
from maskconv.finding import Finding, Note, Weight, Where, as_finding
from maskconv.formats.cvat_mask.layout import DEFAULT_SUBSET
from maskconv.formats.cvat_mask.paint import MOST_INSTANCES, Seen, numbered, paint
from maskconv.formats.cvat_mask.read import parsed
from maskconv.formats.cvat_mask.upload import foresee
from maskconv.model import AnnotatedImage, Color, Feature, Label, LabelMap, Picture
from maskconv.options import Options
from maskconv.pictures import PictureFolder, size_in
from maskconv.plugin import Layout, Piece, Target, Writer, loss
from maskconv.runs import RunMap
from maskconv.stage import Stage
from maskconv.store import read_picture, unsafe

BACKGROUND = Label(name="background", color=(0, 0, 0))


class WriteOptions(Options):
    labelmap: Path | None = Field(
        None, description="a labelmap.txt whose labels, order and colours are kept as they are"
    )
    allow_new_labels: bool = Field(
        False, description="append labels that the given labelmap lacks, instead of refusing them"
    )
    subset: str | None = Field(None, description="put all images into this subset; by default each keeps its split")
    images: Path | None = Field(None, description="folder of pictures to include (a CVAT project import needs them)")
    png: Literal["rgb", "palette"] = Field(
        "rgb", description="kind of mask PNG: rgb as CVAT writes it, palette is smaller"
    )


@dataclass(frozen=True)
class Plan:
    """The label map as it is written, each label's position in it, the one that fills the rest of a class mask, and the
    folder of pictures, where one was named."""

    labels: LabelMap
    index: dict[str, int]
    colors: NDArray[np.uint32]
    background: int
    pictures: PictureFolder | None = None


class CvatMaskWriter(Writer[Plan]):
    Options = WriteOptions
    options: WriteOptions

    def layout(self, path: Path) -> Layout:
        return "zip" if path.suffix.lower() == ".zip" else "folder"

    def keeps(self) -> frozenset[Feature]:
        kept = {Feature.MASKS, Feature.HOLES, Feature.PARTS, Feature.EMPTY_IMAGES, Feature.IMAGE_SIZE}
        kept |= {Feature.LABEL_COLORS, Feature.LABEL_ORDER, Feature.LABEL_PARTS}
        return frozenset(kept if self.options.subset else kept | {Feature.SPLITS})

    def plan(self, labels: LabelMap, target: Target, note: Note) -> Plan:
        del target
        folder = self.options.images
        if folder is not None and not folder.is_dir():
            where = Where(path=str(folder))
            raise SourceError("there is no such folder of pictures", where=where, fix="check --to-images")
        more = labels.labels if self.options.allow_new_labels else ()
        written = _locked(self.options.labelmap, more, note) if self.options.labelmap else _colored(labels, note)
        labelmap.write(written)  # raises DataError for a name that the file cannot hold
        colors = png.pack(np.array([label.color for label in written.labels], np.uint8))
        if self.options.png == "palette" and len(colors) > 256:
            text = f"{len(colors)} labels do not fit into the 256 colours of a palette PNG"
            raise DataError(text, code="cvat-palette-full", fix="write --to-png rgb")
        index = {name: i for i, name in enumerate(written.names)}
        pictures = PictureFolder(folder) if folder is not None else None
        return Plan(written, index, colors, _background(written), pictures)

    def encode(self, image: AnnotatedImage, plan: Plan, note: Note) -> Piece | None:
        split = self.options.subset or image.split or DEFAULT_SUBSET
        facts, key = [split, image.name], image.name.casefold()
        _check_name(image.name)
        blobs = tuple(self._picture(image, plan, note))
        seen = paint(image, plan.index, note) if image.annotations else None
        if seen is None:  # CVAT writes no masks without instances, and older versions fail on empty ones
            _note_size(image, note)
            return Piece(blobs=blobs, facts=facts, key=key)
        masks = self._masks(image, seen, plan)
        arrived = int((seen.visible > 0).sum())
        return Piece(blobs=(*masks, *blobs), facts=facts, instances=arrived, key=key, changed=seen.changed)

    def _masks(self, image: AnnotatedImage, seen: Seen, plan: Plan) -> Iterator[tuple[str, bytes]]:
        labels = np.array([plan.background, *(plan.index[a.label] for a in seen.painted.annotations)], np.intp)
        numbers = numbered(seen)
        objects = _passed(image, numbers) if self.options.png == "rgb" else b""
        if not objects:
            objects = self._png(seen.order, numbers, png.voc_packed(np.arange(MOST_INSTANCES + 1)))
        yield f"SegmentationClass/{image.name}.png", self._png(seen.order, labels, plan.colors)
        yield f"SegmentationObject/{image.name}.png", objects

    def _png(self, order: RunMap, index: NDArray[np.intp], colors: NDArray[np.uint32]) -> bytes:
        values = index[order.values]
        if self.options.png == "rgb":
            return png.encode_rgb(RunMap(order.width, order.height, order.starts, colors[values]))
        palette = png.unpack(colors)
        return png.encode_palette(RunMap(order.width, order.height, order.starts, values.astype(np.uint16)), palette)

    def _picture(self, image: AnnotatedImage, plan: Plan, note: Note) -> Iterator[tuple[str, bytes]]:
        """The image's own picture, from the folder given."""
        if plan.pictures is None:
            return
        if (found := plan.pictures.find(image.name, image.split)) is not None:
            data = read_picture(Path(found.path))
            _compare(image, data, found, note)
            yield f"JPEGImages/{image.name}{found.extension}", data
            return
        text = f"{plan.pictures.lacks(image.name, image.split)}; none is included"
        note(Finding("cvat-picture-missing", Weight.WARNING, text, unit="images", fix="check --to-images"))

    def foresee(self, image: AnnotatedImage, plan: Plan, note: Note) -> None:
        del plan
        foresee(image, note)

    def begin(self, stage: Stage, plan: Plan) -> None:
        self._stage, self._plan = stage, plan
        self._lists: dict[str, list[str]] = {}

    def append(self, piece: Piece, note: Note) -> None:
        del note
        split, name = piece.facts
        self._lists.setdefault(split, []).append(name)

    def finish(self, note: Note) -> None:
        lists: dict[str, list[str]] = {}
        for split, names in self._lists.items():
            name = _list_name(split)
            if name != split:
                text = f"the subset {split!r} is written as {name!r}: CVAT does not see a list with that name"
                text += ", and joins the subset that has it" if name in lists or name in self._lists else ""
                note(Finding("cvat-split-renamed", Weight.WARNING, text, amount=len(names), unit="images"))
            lists.setdefault(name, []).extend(names)
        for name, names in (lists or {DEFAULT_SUBSET: []}).items():
            self._stage.put(f"ImageSets/Segmentation/{name}.txt", "".join(n + "\n" for n in names).encode())
        self._stage.put("labelmap.txt", labelmap.write(self._plan.labels).encode())

    def next_steps(self) -> tuple[str, ...]:
        upload = "In CVAT: Upload annotations, format Segmentation mask 1.1; this replaces the task's annotations."
        switch = (
            'Switch "Convert masks to polygons" off there (API: conv_mask_to_poly=false) to keep the masks exact; otherwise '
            "CVAT drops the smallest instances and thin lines, and splits instances of several parts."
        )
        project = "A CVAT project import needs the pictures as well: convert with --to-images FOLDER."
        return (upload, switch) if self.options.images else (upload, switch, project)


def _colored(labels: LabelMap, note: Note) -> LabelMap:
    """Background first and black, every label a colour of its own: the source's where it has one, else VOC's by index."""
    ordered = [labels.get(BACKGROUND.name) or BACKGROUND, *(a for a in labels.labels if a.name != BACKGROUND.name)]
    wanted = {label.color for label in ordered}
    taken: dict[Color, str] = {}
    written = []
    for index, label in enumerate(ordered):
        color = (0, 0, 0) if index == 0 else label.color
        if color is None or color in taken:
            color = _free(index, taken.keys() | wanted)
        if label.color not in (None, color):
            text = (
                f"the label {label.name!r} has the colour {label.color}, which is {_why(label, taken)}; it gets {color}"
            )
            note(Finding("cvat-color-changed", Weight.INFO, text, unit="labels"))
        taken[color] = label.name
        written.append(label.model_copy(update={"color": color}))
    return LabelMap(labels=tuple(written))


def _why(label: Label, taken: dict[Color, str]) -> str:
    owner = taken.get(label.color) if label.color else None
    return f"that of {owner!r}" if owner else "not black, as the pixels outside all instances are"


def _free(index: int, taken: Any) -> Color:
    """VOC's colour for the index, or the next one that is free."""
    while True:
        color = labelmap.voc_color(index)
        if color not in taken and index:
            return color
        index += 1


def _locked(path: Path, more: Sequence[Label], note: Note) -> LabelMap:
    """The labels of a labelmap.txt in its order and colours, then those of ``more`` that it lacks. Those without a colour
    get a free one, and a background is added where there is none, as CVAT does."""
    try:
        given = parsed(path.read_bytes(), Where(path=str(path)), note)
    except OSError as error:
        text = f"cannot be read ({error.strerror})"
        raise SourceError(text, where=Where(path=str(path)), fix="check --to-labelmap") from error
    taken = {label.color for label in given.labels}
    labels: list[Label] = []
    if _background(given) < 0:
        labels.append(BACKGROUND)
    new = [label for label in more if given.get(label.name) is None and label.name != BACKGROUND.name]
    for index, label in enumerate([*given.labels, *new]):
        own = None if index >= len(given.labels) and label.color in taken else label.color
        color = own or ((0, 0, 0) if label.name == BACKGROUND.name and (0, 0, 0) not in taken else None)
        color = color or _free(index, taken)
        taken.add(color)
        labels.append(label.model_copy(update={"color": color}))
    return LabelMap(labels=tuple(labels))


def _background(labels: LabelMap) -> int:
    """The label that the pixels outside all instances have: ``background``, else the black one, else none (-1)."""
    names, colors = labels.names, [label.color for label in labels.labels]
    if BACKGROUND.name in names:
        return names.index(BACKGROUND.name)
    return colors.index(BACKGROUND.color) if BACKGROUND.color in colors else -1


def _check_name(name: str) -> None:
    """What a line of the list cannot hold, or must not point to."""
    reason = unsafe(name)
    if not reason and (name != name.strip() or name.startswith("#") or "\n" in name or "\r" in name):
        reason = "begins with #, begins or ends with a space, or holds a line break"
    if not reason and {"", "."} & set(name.split("/")):
        reason = "has an empty folder name or '.'"
    if not reason and any("\ud800" <= c <= "\udfff" for c in name):
        reason = "holds bytes that are no UTF-8"
    if reason:
        text = f"the item name {name!r} {reason}, which CVAT's lists cannot hold"
        raise DataError(text, code="cvat-name", fix="rename the item")


def _note_size(image: AnnotatedImage, note: Note) -> None:
    if image.width is not None:
        text = "the target does not hold the size of an image without annotations"
        note(loss(Feature.IMAGE_SIZE, 1, message=text))


def _compare(image: AnnotatedImage, data: bytes, picture: Picture, note: Note) -> None:
    """Whether the picture has the masks' size, as a viewer shows it."""
    where = Where(path=picture.path)
    try:
        size = size_in(data, picture)
    except DataError as error:
        note(replace(as_finding(error), weight=Weight.WARNING, where=where))
        return
    if image.width is not None and size != (image.width, image.height):
        text = "the picture has {}x{} pixels, its masks {}x{}; CVAT accepts them silently"
        fix = "if it is turned by its EXIF orientation, name the pictures for reading, too, where the source's format can: --from-images"
        text = text.format(*size, image.width, image.height)
        note(Finding("cvat-picture-size", Weight.WARNING, text, where, unit="images", fix=fix))


def _passed(image: AnnotatedImage, numbers: NDArray[np.intp]) -> bytes:
    """The source's own instance PNG where it is exactly what would be written."""
    encoded = image.encoded
    if encoded is None or len(numbers) != len(encoded.colors) + 1 or (np.diff(numbers) != 1).any():
        return b""
    wanted = png.unpack(png.voc_packed(numbers[1:].astype(np.uint32))).tolist()
    return encoded.png if list(map(list, encoded.colors)) == wanted else b""


def _list_name(split: str) -> str:
    """A subset name that CVAT finds: it looks for lists without an underscore."""
    return split.replace("_", "-").replace("/", "-").replace("\\", "-").strip() or DEFAULT_SUBSET
