"""What is decided before the first image: how masks travel and where they go, tables, keys."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from maskconv.cloud import Bucket
from maskconv.errors import OptionError
from maskconv.filenames import no_text
from maskconv.finding import Finding, Note, Weight
from maskconv.formats.labelbox_ndjson.datarows import DataRows, data_rows
from maskconv.formats.labelbox_ndjson.limits import key_error
from maskconv.formats.labelbox_ndjson.options import WriteOptions
from maskconv.formats.labelbox_ndjson.previous import earlier
from maskconv.formats.labelbox_ndjson.tables import Schemas, schemas
from maskconv.formats.labelbox_ndjson.uuids import namespace
from maskconv.labelbox.names import Row, is_external, known_extension, known_row
from maskconv.model import AnnotatedImage
from maskconv.plugin import Target

__all__ = ["Plan", "make_plan"]

_NUMBERED = re.compile(r".*\.\d+", re.DOTALL)

Mode = Literal["files", "png", "composite"]


@dataclass(frozen=True)
class Plan:
    """``folder`` or ``bucket`` takes the composites, ``prefix`` is what their paths in it are appended to; where they are
    ``signed``, their addresses are the store's and valid so long.
    """

    mode: Mode
    polygons: bool
    folder: Path | None
    prefix: str
    space: bytes
    template: str | None
    schemas: Schemas | None
    rows: DataRows | None
    max_records: int | None = None
    bucket: Bucket | None = None
    signed: timedelta | None = None
    frames: bool = False  # of a sequence, are one record

    def row(self, image: AnnotatedImage, note: Note) -> tuple[Row, bool]:
        """The data row of an image, and whether its global key may lack the picture's extension. Raises DataError."""
        if self.rows is not None:
            return ("id", self._row_id(self.rows, image, note)), False
        known = known_row(image) if self.template is None else None
        if known is not None:
            return known, False
        key, guessed = self._key(image)
        if self.template is None and is_external(image):
            text = f"the source does not tell the data row's global key or id: its external id {key!r} is taken for the key"
            fix = "name the data rows with --to-data-rows, or say what their keys are: --to-global-key '{name}{ext}'"
            note(Finding("labelbox-key-external", Weight.WARNING, text, unit="images", fix=fix))
        if (error := key_error(key)) is not None:
            raise error
        return ("globalKey", key), guessed

    def _key(self, image: AnnotatedImage) -> tuple[str, bool]:
        name, ext = image.name, known_extension(image)
        template = "{name}{ext}" if self.template is None else self.template
        values = {"name": name, "stem": name.rsplit("/", 1)[-1], "ext": ext or "", "split": image.split or ""}
        return template.format_map(values).lstrip("/"), ext is None and "{ext}" in template

    def _row_id(self, rows: DataRows, image: AnnotatedImage, note: Note) -> str:
        found, guessed = rows.find(image.name, known_extension(image) or "")
        if guessed:
            text = f"only the file's name tells that this is the data row {found}: its picture is at {guessed}"
            fix = "see that it is the same picture"
            note(Finding("labelbox-data-row-guessed", Weight.WARNING, text, unit="images", fix=fix))
        return found

    def key(self, image: AnnotatedImage, row: Row) -> str:
        """What no two images may share: the data row, or the composite's path where that tells them apart as well."""
        by_name = self.template is None or "{name}" in self.template
        return self._place(image).casefold() if self.mode == "files" and by_name and self.rows is None else row[1]

    def path(self, image: AnnotatedImage, layer: int, data: bytes) -> str:
        """Where a composite goes in the folder: no two images' composites, and no two layers, have one path.

        In a bucket a path names the content, too, so that a second run replaces nothing by something else.
        """
        suffix = f".{layer}" if layer > 1 or _NUMBERED.fullmatch(image.name) else ""
        if self.bucket is not None:
            suffix += f".{hashlib.sha256(data).hexdigest()[:16]}"
        return "/".join(
            part if part not in ("", ".") else "_" for part in f"{self._place(image)}{suffix}.png".split("/")
        )

    def _place(self, image: AnnotatedImage) -> str:
        split = f"{image.split}/" if image.split and self.template is not None and "{split}" in self.template else ""
        return f"{split}{image.name}"

    def uri(self, path: str) -> str:
        """The instanceURI of a composite. Raises TargetError where it cannot be signed."""
        if self.bucket is not None and self.signed is not None:
            return self.bucket.sign(path, self.signed)
        return self.prefix + quote(path)


def make_plan(options: WriteOptions, target: Target, note: Note) -> Plan:
    """Raises OptionError."""
    mode, polygons = _mode(options), options.shape == "polygon"
    bucket = _bucket(options)
    folder, prefix = _places(options, bucket, target) if mode == "files" and not polygons else (None, "")
    tables = schemas(options.schema_ids) if options.schema_ids is not None else None
    rows = data_rows(options.data_rows) if options.data_rows is not None else None
    for flag, text in (("--to-global-key", options.global_key), ("the masks' address", prefix)):
        if text and (reason := no_text(text)):
            fix = "choose another, or another name for the target"
            raise OptionError(f"{flag} {text!r} {reason}, which no record can hold", fix=fix, code="option-value")
    if not polygons:
        _notice(mode, options, note, bucket=bucket is not None)
    if tables is not None and (odd := tables.odd()):
        text = f"Labelbox' schema ids have 25 characters; {', '.join(odd[:5])} {'has' if len(odd) == 1 else 'have'} not"
        note(
            Finding("labelbox-schema-odd", Weight.WARNING, text, amount=len(odd), unit="labels", fix="check the table")
        )
    space = namespace(options.uuid_namespace)
    if options.previous is not None:
        earlier(options.previous)
    known = (space, options.global_key, tables, rows, options.max_records)
    return Plan(mode, polygons, folder, prefix, *known, bucket, options.mask_sign, options.frames == "records")


def _mode(options: WriteOptions) -> Mode:
    if options.masks == "auto":
        return "files" if options.mask_uri or options.mask_dir else "png"
    return options.masks


def _bucket(options: WriteOptions) -> Bucket | None:
    """The place in an object store. Raises OptionError, MissingDependencyError."""
    if not isinstance(options.mask_dir, str):
        return None
    bucket = Bucket.parse(options.mask_dir)
    bucket.check()
    return bucket


def _places(options: WriteOptions, bucket: Bucket | None, target: Target) -> tuple[Path | None, str]:
    """The folder of composites on this machine, and the prefix of their addresses."""
    given = options.mask_uri
    if given and not given.endswith(("/", "=")):
        given += "/"
    if bucket is not None:
        return None, given or f"{bucket.scheme}://{bucket.name}/{quote(bucket.prefix)}{'/' * bool(bucket.prefix)}"
    if target.stdout:
        fix = "write to a file, or put the masks into the records: --to-masks png"
        raise OptionError("standard output has no place for mask files", fix=fix)
    home = target.path.parent
    folder = home / (options.mask_dir or f"{target.path.stem}_masks")
    if given:
        return folder, given
    try:
        relative = Path(os.path.relpath(folder, home)).as_posix()
    except ValueError as error:  # another drive
        raise OptionError("the folder for masks is on another drive", fix="choose one beside the target") from error
    return folder, (relative if no_text(relative) else quote(relative)) + "/"


def _notice(mode: Mode, options: WriteOptions, note: Note, *, bucket: bool) -> None:
    if mode == "files" and not options.mask_uri and not options.mask_sign:
        what = "an object that needs the store's credentials" if bucket else "a path on this machine"
        text = f"instanceURI is {what}; Labelbox needs an address that it can fetch"
        sign = "sign their addresses: --to-mask-sign 7d" if bucket else "put them into the records: --to-masks png"
        fix = f"name where the masks will be: --to-mask-uri https://..., or {sign}"
        note(Finding("labelbox-local-uri", Weight.WARNING, text, fix=fix))
    if mode == "composite":
        text = "masks travel as imBytes, which Labelbox' SDK cannot read"
        note(Finding("labelbox-imbytes", Weight.WARNING, text, fix="use --to-masks png or files where that matters"))
