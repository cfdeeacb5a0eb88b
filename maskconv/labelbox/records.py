"""The records of a Labelbox import NDJSON for pictures, as public models: frozen, checked, in the serialiser's key order.

Wire names are aliases (``data_row`` is ``dataRow``); both are taken. ``to_dict`` and ``to_json`` give the wire form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    model_validator,
)

from maskconv.labelbox import checks
from maskconv.labelbox.checks import RecordError

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


def _base64(text: str) -> str:
    checks.base64_bytes(text)
    return text


Uuid = Annotated[str, BeforeValidator(checks.uuid_text)]
Color = Annotated[tuple[int, int, int], BeforeValidator(checks.color)]
Text = Annotated[str, Field(min_length=1)]
Base64 = Annotated[str, Field(min_length=1), AfterValidator(_base64)]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)

    def to_dict(self) -> dict[str, Any]:
        """The wire form, keys in the serialiser's order; what is not given is not in it."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def to_json(self) -> bytes:
        """One line of NDJSON, its line end included."""
        return orjson.dumps(self.to_dict(), option=orjson.OPT_APPEND_NEWLINE)


class DataRowRef(_Wire):
    """The data row of a record: exactly one of ``id`` and ``global_key``."""

    id: Text | None = None
    global_key: Text | None = Field(default=None, alias="globalKey", max_length=200)

    @model_validator(mode="after")
    def _one(self) -> DataRowRef:
        checks.data_row({"id": self.id, "globalKey": self.global_key})
        return self


class CustomMetric(_Wire):
    """A named number of the record's own."""

    name: str
    value: float


class Point(_Wire):
    """A polygon's point in pixels."""

    x: float
    y: float


class BoundingBox(_Wire):
    """A rectangle in pixels: top left corner and size."""

    top: float
    left: float
    height: float = Field(ge=0)
    width: float = Field(ge=0)


class UriMask(_Wire):
    """The pixels of one colour of a composite PNG that lies at ``instance_uri``."""

    instance_uri: Text = Field(alias="instanceURI")
    color_rgb: Color = Field(alias="colorRGB")


class PngMask(_Wire):
    """A gray PNG of the whole image in base64: 1 on the instance, 0 elsewhere."""

    png: Base64


class InlineMask(_Wire):
    """The pixels of one colour of a composite PNG in base64. Labelbox' own SDK cannot read this form."""

    im_bytes: Base64 = Field(alias="imBytes")
    color_rgb: Color = Field(alias="colorRGB")


_TAGS = {"instanceURI": "uri", "png": "png", "imBytes": "inline"}
_ALIASES = {"instance_uri": "instanceURI", "im_bytes": "imBytes"}
_CLASSES: dict[type, str] = {UriMask: "uri", PngMask: "png", InlineMask: "inline"}


def _wire_names(value: Any) -> Any:
    if isinstance(value, dict):
        value = {_ALIASES.get(key, key): content for key, content in value.items()}
    if type(value) not in _CLASSES:
        checks.mask_form(value)
    return value


def _form(value: Any) -> str:
    return _CLASSES.get(type(value)) or _TAGS[checks.mask_form(value)[0]]


MaskForm = Annotated[
    Annotated[UriMask, Tag("uri")] | Annotated[PngMask, Tag("png")] | Annotated[InlineMask, Tag("inline")],
    Discriminator(_form),
    BeforeValidator(_wire_names),
]


class _Record(_Wire):
    """What all records have. Exactly one of ``name`` and ``schema_id`` is given; ``uuid`` may be left to Labelbox."""

    custom_metrics: tuple[CustomMetric, ...] | None = Field(default=None, alias="customMetrics")
    confidence: float | None = Field(default=None, ge=0, le=1)
    uuid: Uuid | None = None
    data_row: DataRowRef = Field(alias="dataRow")
    name: Text | None = None
    schema_id: Text | None = Field(default=None, alias="schemaId")
    classifications: tuple[dict[str, Any], ...] = ()

    @model_validator(mode="after")
    def _labelled(self) -> _Record:
        checks.label({"name": self.name, "schemaId": self.schema_id})
        return self


class MaskRecord(_Record):
    """An instance as pixels."""

    mask: MaskForm


class PolygonRecord(_Record):
    """An instance as one ring; the first point may be repeated as the last."""

    polygon: Annotated[tuple[Point, ...], Field(min_length=3)]


class BoxRecord(_Record):
    """An instance as a rectangle."""

    bbox: BoundingBox


Record = MaskRecord | PolygonRecord | BoxRecord
_MODELS: dict[str, TypeAdapter[Any]] = {
    "mask": TypeAdapter(MaskRecord),
    "polygon": TypeAdapter(PolygonRecord),
    "bbox": TypeAdapter(BoxRecord),
}


def parse_record(record: Mapping[str, Any] | bytes | str) -> Record:
    """A record from its wire form: an object, or the JSON text of one.

    Raises ValueError: `RecordError` where it has none or several of mask, polygon and bbox, pydantic's ValidationError
    where something in it is wrong, JSONDecodeError where it is no JSON.
    """
    wire = dict(record) if isinstance(record, Mapping) else orjson.loads(record)
    if not isinstance(wire, dict):
        raise RecordError(f"a record is a JSON object, not a {type(wire).__name__}")
    parsed: Record = _MODELS[checks.geometry(wire)].validate_python(wire)
    return parsed
