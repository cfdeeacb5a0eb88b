"""What a user may choose when reading and writing."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from maskconv.cloud import SIGNED_AT_MOST
from maskconv.formats.labelbox_ndjson.tables import Table
from maskconv.maskfiles import MaskDir
from maskconv.options import Options

__all__ = ["ReadOptions", "WriteOptions"]

_TIME = re.compile(r"(\d{1,6})([dhms])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_FIELDS = ("name", "stem", "ext", "split")


def _prefix(value: str | None) -> str | None:
    if value is not None and "://" not in value:
        raise ValueError("a prefix of addresses has a scheme, such as https://storage.example.com/masks/")
    return value


def _lifetime(value: object) -> object:
    """``7d``, ``12h``, ``90m``, ``600s`` as a timedelta."""
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None and isinstance(value, str):
        raise ValueError("write a time as 7d, 12h or 90m")
    span = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else value
    if isinstance(span, timedelta) and not timedelta() < span <= SIGNED_AT_MOST:
        raise ValueError("a signed address is valid for 7 days at most")
    return span


Lifetime = Annotated[timedelta, BeforeValidator(_lifetime)]


class ReadOptions(Options):
    schema_ids: Table | None = Field(
        default=None,
        description='label -> schemaId, to name records that only have a schemaId: a JSON file {"label": "id"}, or the '
        "project's normalised ontology",
    )
    data_rows: Table | None = Field(
        default=None,
        description="names for records that have a dataRow.id: item -> data row id as a JSON file or a CSV of two columns, or "
        "an export of Labelbox (v2 NDJSON, v1 JSON), which also names those that have a globalKey",
    )
    mask_dir: MaskDir | None = Field(
        default=None,
        description="folder (on this machine, a zip, or s3://, gs://, az:// with --fetch) with the composite PNGs that "
        "instanceURI names, by the tail of its path or its last part (default: relative addresses only, beside the file)",
    )
    mask_uri: str | None = Field(
        default=None, description="prefix of instanceURI that stands for mask_dir: the rest is the path in it"
    )
    images: Path | None = Field(
        default=None,
        description="folder with the pictures: tells the sizes of images that have no mask, and the EXIF orientations",
    )
    orientation: Literal["shown", "stored"] = Field(
        default="shown",
        description="of pictures in the folder images that have an EXIF orientation: shown = annotations are turned as viewers "
        "turn the picture; stored = they stay as Labelbox has them, on the picture's pixels as they are in its file",
    )

    _uri = field_validator("mask_uri")(_prefix)


class WriteOptions(Options):
    masks: Literal["auto", "files", "png", "composite"] = Field(
        default="auto",
        description="how masks travel: files = one composite PNG an image in mask_dir, named by instanceURI; png = a PNG an "
        "instance inside its record; composite = the composite inside each record (imBytes, which Labelbox' SDK cannot "
        "read); auto = files where mask_uri or mask_dir is given, else png",
    )
    mask_uri: str | None = Field(
        default=None, description="prefix of instanceURI: the address under which mask_dir will be, or is, uploaded"
    )
    mask_dir: MaskDir | None = Field(
        default=None,
        description="folder for the composites, relative to the target's folder (default: <target>_masks beside the target), "
        "or a folder of an object store to upload them to: s3://bucket/masks, gs://..., az://...",
    )
    mask_sign: Lifetime | None = Field(
        default=None,
        description="with mask_dir in an object store: instanceURI is a signed address that is valid so long, 7d at most (12h, "
        "90m): whoever has it may fetch the composite",
    )
    shape: Literal["mask", "polygon"] = Field(
        default="mask", description="mask = pixels, exact; polygon = one record a part: holes are filled, parts split"
    )
    frames: Literal["pictures", "records"] = Field(
        default="pictures",
        description="images that are named <sequence>/frame_000001 by their number: pictures = each is a data "
        "row; records = those of a sequence are one mask record of the video or DICOM series, an instance for each track",
    )
    schema_ids: Table | None = Field(
        default=None,
        description='label -> schemaId: a JSON file {"label": "id"}, or the project\'s normalised ontology; records then '
        "have a schemaId instead of a name",
    )
    data_rows: Table | None = Field(
        default=None,
        description="item -> data row id: a JSON file, a CSV of two columns, or an export of Labelbox (v2 NDJSON, v1 "
        "JSON); records then have a dataRow.id instead of a globalKey",
    )
    global_key: str | None = Field(
        default=None,
        description="template of dataRow.globalKey over {name} {stem} {ext} {split} (default: {name}{ext}, the picture's "
        "extension where the source knows it)",
    )
    orientation: Literal["stored", "shown"] = Field(
        default="stored",
        description="of pictures with an EXIF orientation, where they or their headers are known: stored = annotations are "
        "turned back to the picture's pixels as they are in its file, which Labelbox shows; shown = they stay on those that "
        "viewers show, for pictures that Labelbox has turned",
    )
    uuid_namespace: str | None = Field(
        default=None,
        description="a text such as the model's version: other texts give other uuids for the same instances",
    )
    max_records: int | None = Field(
        default=None,
        ge=1,
        description="split the target between images into out-0001.ndjson, out-0002.ndjson, ... of at most so many records",
    )
    previous: Path | None = Field(
        default=None,
        description="the file of an earlier import, or a pattern of its parts: tells which of its records stay in Labelbox",
    )

    _uri = field_validator("mask_uri")(_prefix)

    @field_validator("global_key")
    @classmethod
    def _template(cls, value: str | None) -> str | None:
        if value is None:
            return value
        parts = list(Formatter().parse(value))
        fields = [field for _, field, _, _ in parts if field is not None]
        if any(spec or conversion for _, _, spec, conversion in parts) or not set(fields) <= set(_FIELDS):
            if "source" in fields:
                raise ValueError("a record's source is not known here; name items with --name '{source}/{name}'")
            raise ValueError("its fields are {name}, {stem}, {ext} and {split}")
        if not fields:
            raise ValueError("all images would get the same key; use {name}")
        return value

    @model_validator(mode="after")
    def _files(self) -> Self:
        if self.mask_sign and (self.mask_uri or not isinstance(self.mask_dir, str)):
            raise ValueError("mask_sign goes with a mask_dir in an object store, and instead of mask_uri")
        if (self.mask_uri or self.mask_dir) and (self.masks in ("png", "composite") or self.shape == "polygon"):
            raise ValueError("mask_dir and mask_uri are for masks=files")
        if self.frames == "records" and self.shape == "polygon":
            raise ValueError("frames=records are masks: they are for shape=mask")
        if self.mask_uri and "?" in self.mask_uri:
            raise ValueError("a prefix of addresses has no '?': a signature is valid for one file only")
        return self
