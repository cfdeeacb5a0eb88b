"""Labelbox' import records as checked values: build them, check them, write them as NDJSON lines.

from maskconv.labelbox import DataRowRef, MaskRecord, UriMask
record = MaskRecord(
    uuid="45b15f9d-7884-4bb7-ac01-3567e8ed6c36",
    data_row=DataRowRef(global_key="img-0001.jpg"),
    name="car",
    mask=UriMask(instance_uri="https://storage.example.com/masks/img-0001.png", color_rgb=(128, 0, 0)),
)
line = record.to_json()
"""

from maskconv.labelbox.records import (
    BoundingBox,
    BoxRecord,
    CustomMetric,
    DataRowRef,
    InlineMask,
    MaskRecord,
    PngMask,
    Point,
    PolygonRecord,
    Record,
    RecordError,
    UriMask,
    parse_record,
)

__all__ = [
    "BoundingBox",
    "BoxRecord",
    "CustomMetric",
    "DataRowRef",
    "InlineMask",
    "MaskRecord",
    "PngMask",
    "Point",
    "PolygonRecord",
    "Record",
    "RecordError",
    "UriMask",
    "parse_record",
]
