"""One data row's records -> one image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from maskconv.errors import DataError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.labelbox_ndjson import kinds
from maskconv.formats.labelbox_ndjson.limits import outside
from maskconv.labelbox import checks, pixels
from maskconv.labelbox.checks import Color, RecordError
from maskconv.labelbox.pixels import Composite
from maskconv.labelbox.split import Place
from maskconv.labelbox.values import load
from maskconv.maskfiles import MaskFiles
from maskconv.model import AnnotatedImage, Annotation, Box, Encoded, Mask, Picture, Shape
from maskconv.wording import counted

__all__ = ["RowDecoder"]

Size = tuple[int, int]


class _Failed:
    """A composite that cannot be had: one error for all of its records."""

    def __init__(self, error: DataError, place: Place) -> None:
        self.error, self.place, self.count, self.data = error, place, 0, b""


class _LeftOutError(Exception):
    """This record is left out; it has been said, or will be, why."""


class RowDecoder:
    """Takes records in order, keeps annotations; what is wrong is noted and left out."""

    def __init__(
        self,
        source: Path,
        name: str,
        named: dict[tuple[str, str], str],
        files: MaskFiles,
        size: Size | None,
        note: Note,
        sized_by: str = "the picture",
    ) -> None:
        self._source, self._name, self._named, self._files, self._note = source, name, named, files, note
        self._size = size
        self._sized_by = sized_by
        self._found: dict[str | int, Annotation] = {}
        self._shapes: dict[str | int, Place] = {}  # where those are that are no masks
        self._colors: dict[str | int, int] = {}  # of annotations that are colours of `_only`
        self._composites: dict[str, Composite | _Failed] = {}
        self._errors = 0

    def take(self, place: Place, data: bytes) -> None:
        """One record."""
        try:
            record: dict[str, Any] = load(data)
            if kinds.is_video(record):
                return
            if kind := kinds.foreign(record):
                self._say(
                    place, "labelbox-no-segmentation", Weight.DATA, f"this is {kind}, no segmentation of a picture"
                )
                return
            self._keep(place, record)
        except RecordError as error:
            self._errors += 1
            self._note(place.error(self._source, error, self._name, unit="instances"))
        except orjson.JSONDecodeError:
            self._errors += 1
            text = "the file changed while it was read"
            self._say(place, "labelbox-json", Weight.ERROR, text, unit="instances", fix="run it again")
        except _LeftOutError:
            self._errors += 1

    def _say(self, place: Place, code: str, weight: Weight, text: str, **facts: Any) -> None:
        self._note(place.finding(self._source, code, weight, text, self._name, **facts))

    def _keep(self, place: Place, record: dict[str, Any]) -> None:
        kind = checks.geometry(record)
        label = self._named[checks.label(record)]
        uuid = checks.uuid_text(record["uuid"]) if record.get("uuid") is not None else None
        score = checks.confidence(record["confidence"]) if record.get("confidence") is not None else None
        attributes = _attributes(record)
        color, shape = self._shape(place, kind, record[kind])
        if unknown := kinds.unknown_keys(record):
            text = f"the import does not know {', '.join(unknown)}, which is dropped"
            self._say(place, "labelbox-unknown-key", Weight.WARNING, text, fix="is a key misspelt?")
        key = uuid if uuid is not None else len(self._found)
        if key in self._found:
            text = f"the uuid {uuid} occurs twice in this data row: the last record overrides the others"
            self._say(place, "labelbox-uuid-twice", Weight.DATA, text, unit="instances", fix="give each its own uuid")
            del self._found[key]
            self._colors.pop(key, None)
            self._shapes.pop(key, None)
        if color is not None:
            self._colors[key] = color
        if kind != "mask":
            self._shapes[key] = place
        self._found[key] = Annotation.unchecked(label=label, shape=shape, id=uuid, score=score, attributes=attributes)

    def _shape(self, place: Place, kind: str, value: Any) -> tuple[int | None, Shape]:
        """The shape, and its packed colour where it is one colour of a composite."""
        if kind == "polygon":
            return None, (pixels.polygon(checks.points(value)),)
        if kind == "bbox":
            left, top, width, height = checks.box(value)
            return None, Box.unchecked(x=left, y=top, width=width, height=height)
        form, text = checks.mask_form(value)
        if form == "png":
            mask = self._binary(place, checks.base64_bytes(text), value.get("colorRGB"))
            color = None
        else:
            color = checks.color(value["colorRGB"]) if value.get("colorRGB") is not None else None
            mask = self._colored(place, form, text, color)
        self._fit(place, mask, "its mask" if form != "instanceURI" else f"the composite {text}")
        return pixels.pack(color) if color is not None else None, mask

    def _binary(self, place: Place, data: bytes, color: Any) -> Mask:
        """An instance's own PNG. Labelbox has no colour for it: one beside a PNG of other colours is an error."""
        try:
            mask, odd = pixels.binary(data)
        except DataError as error:
            raise RecordError(
                f"its mask.png: {error.message}", code=error.code, fix=error.fix or "write it again"
            ) from error
        if color is not None:
            text = f"its mask.png has a colorRGB, {list(checks.color(color))}, which Labelbox knows of composites only"
            if odd and pixels.composite("png", data).shapes.keys() != {pixels.pack(checks.color(color))}:
                fix = "give a composite as imBytes or instanceURI, or the instance alone as 8-bit gray PNG of 0 and 1"
                raise RecordError(text, code="labelbox-mask", fix=fix)
            self._say(place, "labelbox-unknown-key", Weight.WARNING, text, fix="remove it")
        if odd:
            text = f"its mask.png {odd}; Labelbox' SDK refuses it"
            self._say(place, "labelbox-png-kind", Weight.WARNING, text, fix="write 8-bit gray PNGs of 0 and 1")
        if not len(mask.starts):
            text = "its mask has no pixels"
            self._say(place, "labelbox-mask-empty", Weight.WARNING, text, fix="remove the record")
        return mask

    def _fit(self, place: Place, mask: Mask, what: str) -> None:
        """All masks of a picture have its size."""
        size = mask.width, mask.height
        if self._size is None:
            self._size, self._sized_by = size, f"the mask of {place.spoken}"
        elif size != self._size:
            text = f"{what} has {size[0]} x {size[1]} pixels, {self._sized_by} has {self._size[0]} x {self._size[1]}"
            fix = "a mask has exactly the size of its picture"
            raise RecordError(text, code="labelbox-size", fix=fix)

    # --- composites ---------------------------------------------------------------------------------------------------

    def _colored(self, place: Place, form: str, text: str, color: Color | None) -> Mask:
        known = self._composites.get(text)
        if known is None:
            known = self._composites[text] = self._composite(place, form, text)
        if isinstance(known, _Failed):
            known.count += 1
            raise _LeftOutError
        if color is not None and color in known.taken:
            said = f"the colour {list(color)} of the composite {known.name} is named by two records"
            self._say(place, "labelbox-color-twice", Weight.WARNING, said, fix="each instance has a colour of its own")
        if color is None:
            said = "its mask has no colorRGB, which Labelbox requires: all pixels that are not black were taken"
            self._say(place, "labelbox-color-missing", Weight.WARNING, said, fix="name the instance's colour")
        mask = known.mask(color)
        if mask is None:
            said = f"the colour {list(color)} is not in" if color is not None else "there is no colour in"
            fix = f"name one of those that are: {known.colors}"
            raise RecordError(f"{said} the composite {known.name}", code="labelbox-color-absent", fix=fix)
        return mask

    def _composite(self, place: Place, form: str, text: str) -> Composite | _Failed:
        try:
            name, data = self._files.read(text) if form == "instanceURI" else ("imBytes", checks.base64_bytes(text))
        except DataError as error:
            return _Failed(error, place)
        try:
            found = pixels.composite(name, data)
        except DataError as error:
            said = f"{name}: {error.message}"
            return _Failed(DataError(said, code=error.code, fix=error.fix or "write or copy it again"), place)
        for other in self._composites.values():
            other.data = b""  # only a row's single composite can be passed on
        if found.odd:
            said = f"the composite {name} {found.odd}; Labelbox takes 8-bit RGB PNGs only"
            self._say(place, "labelbox-composite-kind", Weight.WARNING, said, fix="write it again as RGB")
        return found

    # --- the image ----------------------------------------------------------------------------------------------------

    def finish(self, picture: Picture) -> AnnotatedImage | None:
        """The image of all that was kept; None where nothing was."""
        for found in self._composites.values():
            self._close(found)
        if not self._found:
            return None
        width, height = self._size or (None, None)
        self._note_outside()
        annotations = tuple(self._found.values())
        image = AnnotatedImage.unchecked(
            name=self._name, width=width, height=height, annotations=annotations, picture=picture
        )
        encoded = self._encoded(annotations)
        return image.with_encoded(encoded) if encoded is not None else image

    def _note_outside(self) -> None:
        """Shapes that lie out of the picture, where its size is known."""
        if self._size is None:
            return
        for key, place in self._shapes.items():
            if far := outside(self._found[key].shape, self._size):
                fix = "coordinates are pixels of this picture: check that they are not of another one, or scaled"
                text = f"it reaches {far}"
                self._say(place, "labelbox-outside", Weight.WARNING, text, unit="instances", fix=fix)

    def _close(self, found: Composite | _Failed) -> None:
        if isinstance(found, _Failed):
            self._note(found.place.error(self._source, found.error, self._name, amount=found.count, unit="instances"))
        elif not self._errors and (left := found.unnamed()):
            area = sum(found.shapes[packed].area for packed in left)
            text = (
                f"no record names {counted(len(left), 'colour')} of the composite {found.name}: the pixels are dropped"
            )
            where = Where(path=str(self._source), image=self._name)
            self._note(Finding("labelbox-color-unnamed", Weight.WARNING, text, where, area, "pixels", ""))

    def _encoded(self, annotations: tuple[Annotation, ...]) -> Encoded | None:
        """The one composite, where it shows exactly these annotations."""
        if len(self._composites) != 1 or len(self._colors) != len(self._found):
            return None
        (only,) = self._composites.values()
        return (
            None if isinstance(only, _Failed) else only.encoded([self._colors[key] for key in self._found], annotations)
        )


def _attributes(record: dict[str, Any]) -> dict[str, Any]:
    """What a record holds besides: written again by the writer."""
    found: dict[str, Any] = {}
    if record.get("classifications"):
        found["classifications"] = checks.classifications(record["classifications"])
    if record.get("customMetrics"):
        found["customMetrics"] = checks.custom_metrics(record["customMetrics"])
    return found
