"""Labelbox' annotation types and import records.

The types of Labelbox' SDK by the same names, with the same fields and pixels (docs/coming-from-labelbox.md):

from maskconv.labelbox import Label, Mask, MaskData, ObjectAnnotation, Point, Polygon

Import records as checked values: build them, check them, write them as NDJSON lines:

from maskconv.labelbox import DataRowRef, MaskRecord, UriMask
record = MaskRecord(
    uuid="45b15f9d-7884-4bb7-ac01-3567e8ed6c36",
    data_row=DataRowRef(global_key="img-0001.jpg"),
    name="car",
    mask=UriMask(instance_uri="https://storage.example.com/masks/img-0001.png", color_rgb=(128, 0, 0)),
)
line = record.to_json()

Names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskconv.labelbox.annotation import (
        Checklist,
        ClassificationAnnotation,
        ClassificationAnswer,
        ObjectAnnotation,
        Radio,
        Text,
    )
    from maskconv.labelbox.convert import from_label, to_label
    from maskconv.labelbox.label import GenericDataRowData, Label
    from maskconv.labelbox.mask import Mask
    from maskconv.labelbox.mask_data import MaskData
    from maskconv.labelbox.records import (
        BoundingBox,
        BoxRecord,
        CustomMetric,
        DataRowRef,
        InlineMask,
        MaskRecord,
        PngMask,
        PolygonRecord,
        Record,
        RecordError,
        UriMask,
        parse_record,
    )
    from maskconv.labelbox.shapes import Geometry, Line, Point, Polygon, Rectangle

_HOMES = {
    "annotation": (
        "Checklist",
        "ClassificationAnnotation",
        "ClassificationAnswer",
        "ObjectAnnotation",
        "Radio",
        "Text",
    ),
    "convert": (
        "from_label",
        "to_label",
    ),
    "label": (
        "GenericDataRowData",
        "Label",
    ),
    "mask": ("Mask",),
    "mask_data": ("MaskData",),
    "records": (
        "BoundingBox",
        "BoxRecord",
        "CustomMetric",
        "DataRowRef",
        "InlineMask",
        "MaskRecord",
        "PngMask",
        "PolygonRecord",
        "Record",
        "RecordError",
        "UriMask",
        "parse_record",
    ),
    "shapes": (
        "Geometry",
        "Line",
        "Point",
        "Polygon",
        "Rectangle",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "BoundingBox",
    "BoxRecord",
    "Checklist",
    "ClassificationAnnotation",
    "ClassificationAnswer",
    "CustomMetric",
    "DataRowRef",
    "GenericDataRowData",
    "Geometry",
    "InlineMask",
    "Label",
    "Line",
    "Mask",
    "MaskData",
    "MaskRecord",
    "ObjectAnnotation",
    "PngMask",
    "Point",
    "Polygon",
    "PolygonRecord",
    "Radio",
    "Record",
    "RecordError",
    "Rectangle",
    "Text",
    "UriMask",
    "from_label",
    "parse_record",
    "to_label",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'maskconv.labelbox' has no attribute {name!r}")
    return getattr(import_module(f"maskconv.labelbox.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
