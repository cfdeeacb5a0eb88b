"""Writing each object as a picture of its own, and the index that says what they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import Field, model_validator

from maskconv import isolation, pictures
from maskconv._opencv import opencv
from maskconv._pngpixels import encode_window
from maskconv.errors import DataError, SourceError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.isolated.names import folded, item_path, label_names
from maskconv.isolation import Background, Crop, Isolated
from maskconv.model import AnnotatedImage, Feature, LabelMap, Picture
from maskconv.options import Options
from maskconv.plugin import Layout, Piece, Target, Writer
from maskconv.stage import Stage
from maskconv.store import unsafe
from maskconv.wording import quoted

INDEX = "index.jsonl"
DROPS = {  # shapes are what it draws, the index has the rest
    Feature.EMPTY_IMAGES,
    Feature.IGNORED,
    Feature.LABEL_COLORS,
    Feature.LABEL_ORDER,
    Feature.LABEL_PARTS,
}
FACTS = {"split", "sequence", "frame", "attributes"}


class WriteOptions(Options):
    images: Path | None = Field(
        None, description="folder with the pictures, where the source has none or others are to be taken"
    )
    background: Background = Field(
        "black", description="what is around an object: black, transparent, or kept (with a crop only)"
    )
    crop: Crop = Field(
        "none",
        description="none: the picture's full size; mask: the bounds of the object's mask; box: those of mask and "
        "detector's box",
        json_schema_extra={"switches": {"full": "none"}},
    )
    margin: int = Field(0, ge=0, description="pixels around a crop, up to the picture's edge")

    @model_validator(mode="after")
    def _fit(self) -> WriteOptions:
        isolation.check(self.background, self.crop, self.margin)
        return self


@dataclass(frozen=True)
class Plan:
    """Each label's part of a file's name, and the pictures where a folder of them was named."""

    labels: dict[str, str]
    pictures: pictures.PictureFolder | None


class IsolatedWriter(Writer[Plan]):
    Options = WriteOptions
    options: WriteOptions

    def layout(self, path: Path) -> Layout:
        return "zip" if path.suffix.lower() == ".zip" else "folder"

    def keeps(self) -> frozenset[Feature]:
        return frozenset(Feature) - DROPS

    def plan(self, labels: LabelMap, target: Target, note: Note) -> Plan:
        del target
        folder = self.options.images
        if folder is not None and not folder.is_dir():
            where = Where(path=str(folder))
            raise SourceError("there is no such folder of pictures", where=where, fix="check --images")
        names = label_names(labels.names)
        for label, name in names.items():
            if label != name:
                text = (
                    f"the label {quoted(label)} is {quoted(name)} in the names of files; the index has the label itself"
                )
                note(Finding("isolated-label-name", Weight.INFO, text, unit="labels"))
        if self.options.background == "keep":
            text = "the objects stand in their surroundings: which pixels are theirs cannot be told from the target"
            note(Finding("isolated-surroundings", Weight.INFO, text))
        return Plan(names, None if folder is None else pictures.PictureFolder(folder))

    def encode(self, image: AnnotatedImage, plan: Plan, note: Note) -> Piece:
        if reason := unsafe(image.name):
            raise DataError(f"the item's name {reason}", code="name-unsafe", fix="rename the item")
        path = item_path(image.name)
        key = folded(path)
        if path != image.name:
            text = (
                f"the item {quoted(image.name)} is {quoted(path)} in the names of files; the index has the name itself"
            )
            note(Finding("isolated-item-name", Weight.INFO, text, unit="images"))
        if not image.annotations:
            return Piece(key=key)
        found = list(self._files(image, self._pixels(image, plan, note), path, plan))
        _name_empty(image, {index for index, *_ in found}, note)
        rows = b"".join(row for _, row, _ in found)
        return Piece(rows, tuple(blob for *_, blob in found), instances=len(found), key=key)

    def _pixels(self, image: AnnotatedImage, plan: Plan, note: Note) -> NDArray[np.uint8]:
        """The image's picture, uint8 (height, width, 3), blue first."""
        picture = _picture(image, plan)
        code, count = "isolated-picture-damaged", len(image.annotations)
        bgr = pictures.pixels(picture, lambda d: note(replace(d, code=code, amount=count, unit="instances")))
        height, width = bgr.shape[:2]
        if (image.width or width, image.height or height) != (width, height):
            text = f"the picture has {width} x {height} pixels, its annotations {image.width} x {image.height}"
            where, fix = Where(path=picture.path, member=picture.member), "take the pictures that were annotated"
            raise DataError(text, where=where, code="isolated-picture-size", fix=fix)
        return bgr

    def _files(
        self, image: AnnotatedImage, bgr: NDArray[np.uint8], path: str, plan: Plan
    ) -> Iterator[tuple[int, bytes, tuple[str, bytes]]]:
        """For each object its index, its row and its file."""
        options, (height, width) = self.options, bgr.shape[:2]
        facts = {"name": image.name, "width": width, "height": height, **_told(image, FACTS)}
        for one in isolation.cut(image, bgr, options.background, options.crop, options.margin):
            file = f"{path}_{plan.labels[one.annotation.label]}-{one.index}.png"
            h, w = one.pixels.shape[:2]
            place = (0, 0, width, height) if options.crop == "none" else (one.x, one.y, w, h)
            frame = (one.x, one.y, width, height) if options.crop == "none" else (0, 0, w, h)
            yield one.index, _row(file, one, place, facts), (file, encode_window(_red_first(one.pixels), *frame))

    def begin(self, stage: Stage, plan: Plan) -> None:
        del plan
        self._stage = stage
        self._rows: list[bytes] = []

    def append(self, piece: Piece, note: Note) -> None:
        del note
        self._rows.append(piece.rows)

    def finish(self, note: Note) -> None:
        del note
        self._stage.put(INDEX, b"".join(self._rows))

    def next_steps(self) -> tuple[str, ...]:
        return (f"{INDEX} says of each file which object it shows: image, label, score, place.",)


def _picture(image: AnnotatedImage, plan: Plan) -> Picture:
    """Where the image's picture is: in the folder given, else where the source says. Raises DataError."""
    own = image.picture
    if plan.pictures is not None:
        found, text = plan.pictures.find(image.name, image.split), plan.pictures.lacks(image.name, image.split)
        fix = "check --images; a picture is named as its item, with an extension"
    else:
        found = own if own is not None and pictures.is_local(own) else None
        text = "the source does not have this item's picture"
        fix = "name the folder that has it: --images FOLDER (--to-images in maskconv convert)"
    if found is None:
        raise DataError(text, code="isolated-picture-missing", fix=fix)
    return found


def _red_first(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A window's pixels with red and blue exchanged: cheaper than the whole picture's."""
    cv2 = opencv()
    found: NDArray[np.uint8] = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
    return found


def _name_empty(image: AnnotatedImage, found: set[int], note: Note) -> None:
    for index, annotation in enumerate(image.annotations):
        if index not in found:
            text = f"an object ({annotation.label}) has no pixel in the picture; there is nothing to write"
            note(Finding("isolated-no-pixels", Weight.DATA, text, Where(annotation=index), 1, "instances"))


def _row(file: str, one: Isolated, place: tuple[int, int, int, int], image: dict[str, Any]) -> bytes:
    """An object's line of the index: ``place`` is the file's window in the picture: x, y, width, height."""
    window = dict(zip(("x", "y", "width", "height"), place, strict=True))
    try:
        if one.annotation.attributes:  # what comes next would write NaN as null and a set as a list
            json.dumps(one.annotation.attributes, allow_nan=False)
        facts = one.annotation.model_dump(mode="json", exclude_defaults=True, exclude={"shape"})
        return orjson.dumps({"file": file, "index": one.index, **facts, **window, "image": image}) + b"\n"
    except (TypeError, ValueError) as error:
        raise _unwritable(error) from error


def _told(image: AnnotatedImage, names: set[str]) -> dict[str, Any]:
    try:
        json.dumps(image.attributes, allow_nan=False)
        return image.model_dump(mode="json", exclude_defaults=True, include=names)
    except (TypeError, ValueError) as error:
        raise _unwritable(error) from error


def _unwritable(error: Exception) -> DataError:
    text = f"it holds a value that JSON cannot hold ({error})"
    return DataError(text, fix="use text, numbers, lists and mappings")
