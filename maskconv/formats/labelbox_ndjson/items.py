"""What of an image can be written: its annotations as the records that Labelbox has."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

from maskconv.errors import DataError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.labelbox_ndjson.plan import Plan
from maskconv.formats.labelbox_ndjson.shapes import Held, held
from maskconv.formats.labelbox_ndjson.tables import Schemas
from maskconv.labelbox import checks
from maskconv.model import AnnotatedImage, Annotation, Box, Mask

__all__ = ["Item", "held_items", "wire"]

_KINDS: dict[type, str] = {Mask: "mask", Box: "bbox", tuple: "polygon"}


class Item(NamedTuple):
    """An annotation that can be written, its number in the image, its kind of record and its label or schema id."""

    number: int
    annotation: Annotation
    shape: Held
    kind: str
    tool: str


def held_items(image: AnnotatedImage, plan: Plan, note: Note) -> list[Item]:
    """The annotations that can be written; the others are noted."""
    found: list[Item] = []
    for number, annotation in enumerate(image.annotations):
        try:
            shape = held(image, number, annotation, plan.polygons, note)
            kind = _KINDS[type(shape)]
            tool = annotation.label if plan.schemas is None else _schema(plan.schemas, annotation.label, kind)
        except DataError as error:
            where = error.where or Where(annotation=number)
            note(Finding(error.code, Weight.ERROR, error.message, where, unit="instances", fix=error.fix))
            continue
        if not (len(shape.starts) if isinstance(shape, Mask) else isinstance(shape, Box) or shape):
            text = "an instance without pixels cannot be imported: it was left out"
            note(Finding("instance-empty", Weight.DATA, text, Where(annotation=number), unit="instances"))
        else:
            found.append(Item(number, annotation, shape, kind, tool))
    return found


def _schema(table: Schemas, label: str, kind: str) -> str:
    found = table.find(label, kind)
    if found is None:
        text = table.missing(label, kind)
        raise DataError(text, code="labelbox-schema-unknown", fix="add it to --to-schema-ids")
    return found


def wire(annotation: Annotation) -> dict[str, Any]:
    """The attributes that a record holds, as the record holds them."""
    found: dict[str, Any] = {}
    for key, check in (("customMetrics", checks.custom_metrics), ("classifications", checks.classifications)):
        if key in annotation.attributes:
            with suppress(checks.RecordError):
                found[key] = check(annotation.attributes[key])
    return found
