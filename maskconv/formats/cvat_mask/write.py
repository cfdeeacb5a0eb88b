"""Writing CVAT masks: instances painted in z-order into a class mask and an instance mask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from maskconv import labelmap, png, runs
from maskconv.errors import DataError, SourceError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.model import PICTURE_SUFFIXES, AnnotatedImage, Annotation, Color, Feature, Label, LabelMap, Mask
from maskconv.options import Options, nearest
from maskconv.plugin import Layout, Piece, Target, Writer, loss
from maskconv.runs import RunMap, Runs
from maskconv.stage import Stage
from maskconv.store import read_picture, unsafe

MOST_INSTANCES = 255  # CVAT's importer knows VOC colours 0..255
BACKGROUND = Label(name="background", color=(0, 0, 0))
DEFAULT_SUBSET = "default"


class WriteOptions(Options):
    labelmap: Path | None = Field(
        None, description="a labelmap.txt whose labels, order and colours are kept as they are"
    )
    subset: str | None = Field(None, description="put all images into this subset; by default each keeps its split")
    images: Path | None = Field(None, description="folder of pictures to include (a CVAT project import needs them)")
    png: Literal["rgb", "palette"] = Field(
        "rgb", description="kind of mask PNG: rgb as CVAT writes it, palette is smaller"
    )


@dataclass(frozen=True)
class Plan:
    """The label map as it is written, and each label's position in it."""

    labels: LabelMap
    index: dict[str, int]
    colors: NDArray[np.uint32]


@dataclass
class Painted:
    """What of an image is painted: annotations with their runs, in z-order, and the instance number of each."""

    width: int
    height: int
    annotations: list[Annotation] = field(default_factory=list)
    shapes: list[Runs] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


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
        written = _locked(self.options.labelmap, note) if self.options.labelmap else _colored(labels, note)
        labelmap.write(written)  # raises DataError for a name that the file cannot hold
        colors = png.pack(np.array([label.color for label in written.labels], np.uint8))
        if self.options.png == "palette" and len(colors) > 256:
            text = f"{len(colors)} labels do not fit into the 256 colours of a palette PNG"
            raise DataError(text, code="cvat-palette-full", fix="write --to-png rgb")
        return Plan(written, {name: i for i, name in enumerate(written.names)}, colors)

    def encode(self, image: AnnotatedImage, plan: Plan, note: Note) -> Piece | None:
        split = self.options.subset or image.split or DEFAULT_SUBSET
        facts, key = [split, image.name], image.name.casefold()
        _check_name(image.name)
        blobs = tuple(self._picture(image, note))
        if not image.annotations:
            _note_empty_size(image, note)
            return Piece(blobs=blobs, facts=facts, key=key)
        painted = _painted(image, plan, note)
        masks, arrived = self._masks(image, painted, plan, note)
        return Piece(blobs=(*masks, *blobs), facts=facts, instances=arrived, key=key)

    def _masks(
        self, image: AnnotatedImage, painted: Painted, plan: Plan, note: Note
    ) -> tuple[tuple[tuple[str, bytes], ...], int]:
        """Both PNGs, and how many annotations are visible in them."""
        order, visible = _paint(painted, range(len(painted.shapes)))
        _note_hidden(painted, visible, note)
        numbers = _numbers(painted, visible)
        labels = np.zeros(len(numbers), np.intp)
        labels[1:] = [plan.index[annotation.label] for annotation in painted.annotations]
        labels[0] = plan.index[BACKGROUND.name]
        classes = self._png(order, labels, plan.colors)
        objects = _passed(image, numbers) if self.options.png == "rgb" else b""
        if not objects:
            objects = self._png(order, numbers, png.voc_packed(np.arange(MOST_INSTANCES + 1)))
        blobs = (f"SegmentationClass/{image.name}.png", classes), (f"SegmentationObject/{image.name}.png", objects)
        return blobs, int((visible > 0).sum())

    def _png(self, order: RunMap, index: NDArray[np.intp], colors: NDArray[np.uint32]) -> bytes:
        values = index[order.values]
        if self.options.png == "rgb":
            return png.encode_rgb(RunMap(order.width, order.height, order.starts, colors[values]))
        palette = png.unpack(colors)
        return png.encode_palette(RunMap(order.width, order.height, order.starts, values.astype(np.uint16)), palette)

    def _picture(self, image: AnnotatedImage, note: Note) -> Iterator[tuple[str, bytes]]:
        """The image's own picture, from the folder given."""
        if self.options.images is None:
            return
        for suffix in sorted(PICTURE_SUFFIXES):
            for ending in (suffix, suffix.upper()):
                path = self.options.images / (image.name + ending)
                if path.is_file():
                    yield f"JPEGImages/{image.name}{ending}", read_picture(path)
                    return
        text = f"there is no picture {image.name}.* in {self.options.images}; it is not included"
        note(Finding("cvat-picture-missing", Weight.WARNING, text, fix="check --to-images"))

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
            lists.setdefault(_list_name(split, note), []).extend(names)
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
        if color is None or color in taken or (index and color == (0, 0, 0)):
            color = _free(index, taken.keys() | wanted)
        if label.color not in (None, color):
            text = f"label {label.name!r} has the colour {label.color}, which is {_why(label, taken)}; it gets {color}"
            note(Finding("cvat-color-changed", Weight.INFO, text, unit="labels"))
        taken[color] = label.name
        written.append(label.model_copy(update={"color": color}))
    return LabelMap(labels=tuple(written))


def _why(label: Label, taken: dict[Color, str]) -> str:
    if label.name == BACKGROUND.name:
        return "not black, as the pixels outside all instances are"
    owner = taken.get(label.color) if label.color else None
    return f"{owner!r}'s already" if owner else "the background's"


def _free(index: int, taken: Any) -> Color:
    """VOC's colour for the index, or the next one that is free."""
    while True:
        r, g, b = png.unpack(png.voc_packed(np.array([index], np.uint32)))[0].tolist()
        if (r, g, b) not in taken and index:
            return r, g, b
        index += 1


def _locked(path: Path, note: Note) -> LabelMap:
    where = Where(path=str(path))
    try:
        parsed = labelmap.parse(path.read_bytes(), note, path=str(path))
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror})", where=where, fix="check --to-labelmap") from error
    if parsed is None:
        text = "this label map cannot be used"
        raise SourceError(text, where=where, code="labelmap-unusable", fix="mend what the findings name")
    if any(label.color is None for label in parsed.labels):
        return _colored(parsed, note)
    return parsed if parsed.get(BACKGROUND.name) else LabelMap(labels=(BACKGROUND, *parsed.labels))


def _check_name(name: str) -> None:
    """What a line of the list cannot hold, or must not point to."""
    reason = unsafe(name)
    if not reason and (name != name.strip() or name.startswith("#") or len(name.splitlines()) > 1):
        reason = "begins with #, begins or ends with a space, or holds a line break"
    if reason:
        text = f"the item name {name!r} {reason}, which CVAT's lists cannot hold"
        raise DataError(text, code="cvat-name", fix="rename the item")


def _note_empty_size(image: AnnotatedImage, note: Note) -> None:
    if image.width is not None:
        text = "the target does not hold the size of an image without annotations"
        note(loss(Feature.IMAGE_SIZE, 1, message=text))


def _size(image: AnnotatedImage) -> tuple[int, int]:
    if image.width is None or image.height is None:
        text = "masks need the picture's size, which the source does not tell"
        fix = "name the folder of the pictures, where the source's format has the option: --from-images FOLDER"
        raise DataError(text, where=Where(image=image.name), code="image-size-unknown", fix=fix)
    return image.width, image.height


def _painted(image: AnnotatedImage, plan: Plan, note: Note) -> Painted:
    """All annotations as runs, with instance numbers; those of one group are one instance."""
    painted, groups = Painted(*_size(image)), dict[int, int]()
    for annotation in _best(image.annotations, note):
        if annotation.label not in plan.index:
            text = f"the label {annotation.label!r} is not in the label map{nearest(annotation.label, plan.index)}"
            fix = "add it there, or rename it in the source"
            note(Finding("label-unknown", Weight.ERROR, text, unit="instances", fix=fix))
            continue
        mask = annotation.shape if isinstance(annotation.shape, Mask) else _drawn(annotation, painted)
        if not len(mask.starts):
            text = f"an instance of {annotation.label!r} has no pixels in the image and is left out"
            note(Finding("instance-empty", Weight.DATA, text, unit="instances"))
            continue
        painted.annotations.append(annotation)
        painted.shapes.append((mask.starts, mask.lengths))
        number = (
            len(painted.numbers)
            if annotation.group is None
            else groups.setdefault(annotation.group, len(painted.numbers))
        )
        painted.numbers.append(number)
    _check_groups(painted)
    return painted


def _drawn(annotation: Annotation, painted: Painted) -> Mask:
    from maskconv.geometry import shape_mask

    return shape_mask(annotation.shape, painted.width, painted.height)


def _paint(painted: Painted, members: Sequence[int]) -> tuple[RunMap, NDArray[np.int64]]:
    """Some shapes in z-order, numbered from 1, and the pixels of each that stay visible."""
    shapes = [painted.shapes[i] for i in members]
    return runs.paint(painted.width, painted.height, shapes, range(1, len(shapes) + 1))


def _check_groups(painted: Painted) -> None:
    for number, annotation in zip(painted.numbers, painted.annotations, strict=True):
        first = painted.annotations[number]
        if first.label != annotation.label:
            text = f"group {annotation.group} has the labels {first.label!r} and {annotation.label!r}; a group is one instance"
            raise DataError(text, code="cvat-group-labels", fix="give its members one label, or split the group")


def _best(annotations: Sequence[Annotation], note: Note) -> Sequence[Annotation]:
    """CVAT knows 255 instances an image: of predictions the best stay, of human work none may go."""
    units = {("group", a.group) if a.group is not None else ("one", i) for i, a in enumerate(annotations)}
    if len(units) <= MOST_INSTANCES:
        return annotations
    if any(a.score is None for a in annotations) or len(units) < len(annotations):
        text = f"the image has {len(units)} instances; CVAT's importer knows {MOST_INSTANCES} an image"
        raise DataError(text, code="cvat-too-many", fix="split the image, or use a format without that limit")
    ranked = sorted(range(len(annotations)), key=lambda i: -(annotations[i].score or 0.0))
    kept, left = sorted(ranked[:MOST_INSTANCES]), ranked[MOST_INSTANCES:]
    names = ", ".join(f"{annotations[i].label} {annotations[i].score:.3f}" for i in left[:5])
    text = f"CVAT's importer knows {MOST_INSTANCES} instances an image; the {len(left)} with the lowest scores are left out ({names}"
    note(
        Finding(
            "cvat-too-many",
            Weight.DATA,
            text + (", ...)" if len(left) > 5 else ")"),
            amount=len(left),
            unit="instances",
        )
    )
    return [annotations[i] for i in kept]


def _note_hidden(painted: Painted, visible: NDArray[np.int64], note: Note) -> None:
    """What painting over costs: pixels, and whole instances. Members of one group do not hide each other."""
    areas = np.array([int(lengths.sum()) for _, lengths in painted.shapes], np.int64)
    hidden = areas - visible
    if not hidden.any():
        return
    numbers = np.asarray(painted.numbers)
    if len(set(painted.numbers)) < len(numbers):
        hidden -= _within_groups(painted, numbers)
    lost = int(hidden.sum())
    if lost:
        note(loss(Feature.OVERLAP, lost))
    for i in np.flatnonzero((visible == 0) & (hidden > 0)):
        text = f"an instance of {painted.annotations[i].label!r} with {areas[i]:,} pixels is wholly hidden by those above it"
        fix = "a format that keeps overlaps can hold it"
        note(Finding("instance-hidden", Weight.DATA, text, unit="instances", fix=fix))


def _within_groups(painted: Painted, numbers: NDArray[Any]) -> NDArray[np.int64]:
    """The pixels that a member loses to later members of its own group."""
    own = np.zeros(len(numbers), np.int64)
    for number in np.unique(numbers):
        members = np.flatnonzero(numbers == number).tolist()
        if len(members) > 1:
            _, seen = _paint(painted, members)
            own[members] = [int(painted.shapes[i][1].sum()) for i in members] - seen
    return own


def _numbers(painted: Painted, visible: NDArray[np.int64]) -> NDArray[np.intp]:
    """The instance index of each annotation, 1..N in z-order over the visible ones; [0] is the background."""
    numbers = np.zeros(len(painted.numbers) + 1, np.intp)
    given: dict[int, int] = {}
    for i, number in enumerate(painted.numbers):
        if visible[i]:
            numbers[i + 1] = given.setdefault(number, len(given) + 1)
    return numbers


def _passed(image: AnnotatedImage, numbers: NDArray[np.intp]) -> bytes:
    """The source's own instance PNG where it is exactly what would be written."""
    encoded = image.encoded
    if encoded is None or len(numbers) != len(encoded.colors) + 1 or (np.diff(numbers) != 1).any():
        return b""
    wanted = png.unpack(png.voc_packed(numbers[1:].astype(np.uint32))).tolist()
    return encoded.png if list(map(list, encoded.colors)) == wanted else b""


def _list_name(split: str, note: Note) -> str:
    """A subset name that CVAT finds: it looks for lists without an underscore."""
    name = split.replace("_", "-").replace("/", "-").replace("\\", "-").strip() or DEFAULT_SUBSET
    if name != split:
        text = f"the subset {split!r} is written as {name!r}: CVAT does not find a data set with such a list name"
        note(Finding("cvat-split-renamed", Weight.WARNING, text, unit="splits"))
    return name
