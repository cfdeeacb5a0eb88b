"""Writing arrays: one file an image, its instances as indices, as colours, or as a stack of masks, and a table beside it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from maskconv import png, runs
from maskconv._opencv import opencv
from maskconv.errors import DataError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.mask_data.layout import MASKS, TABLES
from maskconv.formats.mask_data.table import facts
from maskconv.model import AnnotatedImage, Annotation, Feature, Label, LabelMap, Mask
from maskconv.options import Options
from maskconv.plugin import Layout, Piece, Target, Writer, loss
from maskconv.runs import RunMap
from maskconv.stage import Stage
from maskconv.zorder import z_order


class WriteOptions(Options):
    file: Literal["png", "npy", "npz"] = Field("png", description="the kind of file")
    array: Literal["index", "color", "stack"] = Field(
        "index",
        description="instances as integers (height, width), as colours (height, width, 3), or as a stack of masks (n, height, "
        "width), which keeps overlaps and needs npy or npz",
    )

    @model_validator(mode="after")
    def _holds(self) -> WriteOptions:
        if self.file == "png" and self.array == "stack":
            raise ValueError("a PNG holds no stack of masks: write --to-file npz")
        return self


class MaskDataWriter(Writer[LabelMap]):
    Options = WriteOptions
    options: WriteOptions

    def layout(self, path: Path) -> Layout:
        return "zip" if path.suffix.lower() == ".zip" else "folder"

    def keeps(self) -> frozenset[Feature]:
        f = Feature
        kept = {f.MASKS, f.HOLES, f.PARTS, f.EMPTY_IMAGES, f.IMAGE_SIZE, f.LABEL_COLORS, f.LABEL_ORDER, f.LABEL_PARTS}
        kept |= {f.SCORES, f.DETECTOR_BOXES, f.ATTRIBUTES, f.GROUPS, f.TRACKS, f.CROWDS, f.INSTANCE_IDS}
        return frozenset(kept | ({f.OVERLAP} if self.options.array == "stack" else {f.IGNORED}))

    def plan(self, labels: LabelMap, target: Target, note: Note) -> LabelMap:
        del target, note
        return labels

    def encode(self, image: AnnotatedImage, plan: LabelMap, note: Note) -> Piece | None:
        del plan
        if image.width is None or image.height is None:
            if not image.annotations:
                text = "an image without annotations whose size the source does not tell: there is no array of it"
                note(loss(Feature.EMPTY_IMAGES, 1, message=text))
                return None
            text = "masks need the picture's size, which the source does not tell"
            fix = "name the folder of the pictures, where maskconv formats NAME says that the source's format takes one"
            raise DataError(text, where=Where(image=image.name), code="image-size-unknown", fix=fix)
        shown = _shown(image, image.width, image.height, note)
        data: RunMap | NDArray[Any]
        changed, table = 0, dict[str, Any]()
        if self.options.array == "stack":
            data = _stack(shown, image)
            table = {str(k + 1): facts(one) for k, (one, _) in enumerate(shown)}
        else:
            order, kept, changed = _painted(shown, image, note)
            data = self._array(order)
            table = {self._key(k + 1): facts(one) for k, one in enumerate(kept)}
            if image.ignored is not None and image.ignored.area:
                table[self._key(len(kept) + 1)] = None
        instances = sum(one is not None for one in table.values())
        blobs = (
            (f"{MASKS}{image.name}.{self.options.file}", self._file(data)),
            (f"{MASKS}{image.name}.json", json.dumps(table, ensure_ascii=False, indent=1).encode()),
        )
        return Piece(blobs=blobs, instances=instances, key=image.name.casefold(), changed=changed)

    def _key(self, value: int) -> str:
        return f"#{int(png.voc_packed(value)):06x}" if self.options.array == "color" else str(value)

    def _array(self, order: RunMap) -> RunMap | NDArray[Any]:
        """Instance numbers as they go into the file."""
        if self.options.array == "color":
            order = RunMap(order.width, order.height, order.starts, png.voc_packed(order.values).astype(np.uint32))
        if self.options.file == "png":
            return order
        if self.options.array == "color":
            return png.unpack(order.to_array())
        highest = int(order.values.max())
        return order.to_array().astype(np.uint8 if highest <= 0xFF else np.uint16 if highest <= 0xFFFF else np.int32)

    def _file(self, data: RunMap | NDArray[Any]) -> bytes:
        if isinstance(data, RunMap):
            return png.encode_rgb(data) if self.options.array == "color" else _gray(data)
        file = io.BytesIO()
        np.lib.format.write_array(file, data, allow_pickle=False)
        return file.getvalue() if self.options.file == "npy" else _npz(file.getvalue())

    def begin(self, stage: Stage, plan: LabelMap) -> None:
        self._stage, self._labels = stage, plan

    def append(self, piece: Piece, note: Note) -> None:
        """An image is its files."""

    def finish(self, note: Note) -> None:
        del note
        rows = [_row(label) for label in self._labels.labels]
        self._stage.put(TABLES[0], json.dumps({"labels": rows}, ensure_ascii=False, indent=1).encode())


Shown = list[tuple[Annotation, Mask]]


def _row(label: Label) -> dict[str, Any]:
    return label.model_dump(mode="json", exclude={"id"}, exclude_defaults=True) | {"name": label.name}


def _shown(image: AnnotatedImage, width: int, height: int, note: Note) -> Shown:
    """The annotations that have pixels, and these."""
    found: Shown = []
    for annotation in image.annotations:
        shape = annotation.shape
        if not isinstance(shape, Mask):
            from maskconv.geometry import shape_mask

            shape = shape_mask(shape, width, height)
        if len(shape.starts):
            found.append((annotation, shape))
        else:
            text = f"an instance of {annotation.label!r} has no pixels in the image and is left out"
            note(Finding("instance-empty", Weight.DATA, text, unit="instances"))
    return found


def _painted(shown: Shown, image: AnnotatedImage, note: Note) -> tuple[RunMap, list[Annotation], int]:
    """The instances on top of each other, numbered from 1 over those that stay visible, and void as the number after.

    Also how many were changed. What is hidden is noted.
    """
    assert image.width is not None  # noqa: S101 - encode() looked
    assert image.height is not None  # noqa: S101
    shown = [shown[k] for k in z_order([annotation for annotation, _ in shown])]
    void = image.ignored
    shapes = [(mask.starts, mask.lengths) for _, mask in shown]
    below = [] if void is None else [(void.starts, void.lengths)]
    order, seen = runs.paint(image.width, image.height, [*below, *shapes], range(1, len(below) + len(shapes) + 1))
    visible = seen[len(below) :]
    areas = np.array([mask.area for _, mask in shown], np.int64)
    _note_hidden(shown, areas, visible, note)
    if void is not None and (under := void.area - int(seen[0])):
        note(loss(Feature.IGNORED, under, message="instances lie over void pixels, which are theirs now"))
    numbers = np.zeros(len(seen) + 1, np.uint32)
    kept = np.flatnonzero(visible)
    numbers[kept + len(below) + 1] = np.arange(1, len(kept) + 1)
    if below:
        numbers[1] = len(kept) + 1
    image_map = RunMap(order.width, order.height, order.starts, numbers[order.values])
    return image_map, [shown[k][0] for k in kept], int(((visible > 0) & (visible < areas)).sum())


def _note_hidden(shown: Shown, areas: NDArray[np.int64], visible: NDArray[np.int64], note: Note) -> None:
    if lost := int((areas - visible).sum()):
        note(loss(Feature.OVERLAP, lost, fix="a stack keeps overlaps: --to-array stack --to-file npz"))
    for k in np.flatnonzero(visible == 0):
        text = f"an instance of {shown[k][0].label!r} with {areas[k]:,} pixels is wholly hidden by those above it"
        note(
            Finding(
                "instance-hidden", Weight.DATA, text, unit="instances", fix="a stack keeps overlaps: --to-array stack"
            )
        )


def _stack(shown: Shown, image: AnnotatedImage) -> NDArray[np.bool_]:
    stack = np.zeros((len(shown), image.height or 0, image.width or 0), np.bool_)
    for k, (_, mask) in enumerate(shown):
        stack[k] = mask.to_array()
    return stack


def _gray(image: RunMap) -> bytes:
    """A gray PNG, of 16 bits where 8 do not hold the values."""
    highest = int(image.values.max())
    if highest <= 0xFF:
        return png.encode_gray(image)
    if highest > 0xFFFF:
        text = f"{highest:,} instances do not fit into a 16-bit PNG"
        raise DataError(text, code="mask-data-too-many", fix="write --to-file npy")
    done, data = opencv().imencode(".png", image.to_array().astype(np.uint16))
    assert done  # noqa: S101 - it raises where it cannot
    return bytes(data)


def _npz(array: bytes) -> bytes:
    """An .npz of one array, the same bytes every time."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("masks.npy", (1980, 1, 1, 0, 0, 0)), array, zipfile.ZIP_DEFLATED)
    return file.getvalue()
