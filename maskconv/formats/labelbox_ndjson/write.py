"""Writing an import NDJSON: a line an instance, masks in files, PNGs or composites."""

from __future__ import annotations

import binascii
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from maskconv import png, runs
from maskconv.errors import DataError, OptionError
from maskconv.filenames import no_text
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.labelbox_ndjson import clips
from maskconv.formats.labelbox_ndjson.clips import Clips
from maskconv.formats.labelbox_ndjson.items import Item, held_items, wire
from maskconv.formats.labelbox_ndjson.limits import limits
from maskconv.formats.labelbox_ndjson.options import WriteOptions
from maskconv.formats.labelbox_ndjson.orientation import Headers, stored
from maskconv.formats.labelbox_ndjson.parts import Parts
from maskconv.formats.labelbox_ndjson.plan import Plan, make_plan
from maskconv.formats.labelbox_ndjson.previous import Previous, earlier
from maskconv.formats.labelbox_ndjson.shapes import Held
from maskconv.formats.labelbox_ndjson.uuids import Uuids, as_uuid
from maskconv.model import AnnotatedImage, Annotation, Box, Feature, LabelMap, Mask
from maskconv.plugin import Layout, Piece, Target, Writer, loss
from maskconv.stage import Stage
from maskconv.store import unsafe
from maskconv.wording import counted

__all__ = ["LabelboxWriter"]

_IMPORT = (
    "In a project whose ontology has these labels and whose batch has these data rows, import the file with Labelbox' "
    "Python SDK and an API key: MALPredictionImport.create_from_file(client, project_id, name, path) for pre-labels, "
    "LabelImport.create_from_file(...) for ground truth."
)
_AGAIN = "A second import overrides instances with the same uuid; instances that are gone from the source stay there."

Blobs = tuple[tuple[str, bytes], ...]


class LabelboxWriter(Writer[Plan]):
    """One record an instance (of polygons: a part), in the images' order."""

    Options = WriteOptions
    options: WriteOptions

    def __init__(self, options: WriteOptions) -> None:
        super().__init__(options)
        self._headers = Headers()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.options,)

    def layout(self, path: Path) -> Layout:
        if self.options.max_records is None:
            return "file"
        if str(path) == "-":
            text = "standard output is one file, which --to-max-records cannot split"
            raise OptionError(text, code="option-value", fix="name a file, or leave it out")
        return "parts"

    def keeps(self) -> frozenset[Feature]:
        kept = {Feature.BOXES, Feature.OVERLAP, Feature.SCORES}
        if self.options.shape == "polygon":
            return frozenset(kept | {Feature.POLYGONS})
        return frozenset(kept | {Feature.MASKS, Feature.HOLES, Feature.PARTS, Feature.IMAGE_SIZE})

    def spares(self, annotation: Annotation) -> frozenset[Feature]:
        kept = [Feature.INSTANCE_IDS] if as_uuid(annotation.id) is not None else []
        if annotation.attributes and len(wire(annotation)) == len(annotation.attributes):
            kept.append(Feature.ATTRIBUTES)
        return frozenset(kept)

    def holds(self, image: AnnotatedImage) -> frozenset[Feature]:
        return clips.KEPT if self.options.frames == "records" and clips.is_frame(image) else frozenset()

    def plan(self, labels: LabelMap, target: Target, note: Note) -> Plan:
        del labels
        return make_plan(self.options, target, note)

    def encode(self, image: AnnotatedImage, plan: Plan, note: Note) -> Piece | None:
        if not image.annotations:
            return None
        for name in (image.name, image.split or ""):
            if reason := unsafe(name) or no_text(name):
                raise DataError(f"the name {name!r} {reason}", code="name-unsafe", fix="rename the item")
        if self.options.orientation == "stored":
            image = stored(image, self._headers, note)
        if plan.frames and clips.is_frame(image):
            return clips.encode(image, plan, note)
        row, guessed = plan.row(image, note)
        items = held_items(image, plan, note)
        if not items:
            return None
        limits(image, [item.tool for item in items], note)
        if image.width is not None and all(item.kind == "bbox" for item in items):
            note(loss(Feature.IMAGE_SIZE, 1))
        geometries, blobs = _transport(image, items, plan)
        uuids = Uuids(plan.space, row[1])
        records = _records(items, geometries, {row[0]: row[1]}, uuids, plan)
        if uuids.replaced:
            text = "uuids that occur twice in the image: all but the first were replaced"
            note(Finding("labelbox-uuid-replaced", Weight.WARNING, text, amount=uuids.replaced, unit="instances"))
        if plan.max_records is not None and len(records) > plan.max_records:
            text = f"its {len(records):,} records are more than --to-max-records: they have a file of their own"
            note(Finding("labelbox-part-large", Weight.WARNING, text, Where(image=image.name), len(records), "records"))
        masks = sum(item.kind == "mask" for item in items)
        given = [row[0], row[1], uuids.given] if self.options.previous is not None else None
        facts = [guessed, masks, len(records), given]
        return Piece(b"".join(records), blobs, facts, len(items), plan.key(image, row))

    def begin(self, stage: Stage, plan: Plan) -> None:
        self._plan, self._guessed = plan, 0
        self._parts = Parts(stage, plan.max_records)
        self._clips = Clips(self._parts, "name" if plan.schemas is None else "schemaId")
        self._previous = Previous(earlier(self.options.previous)) if self.options.previous is not None else None
        if plan.folder is not None:
            stage.sidecar(plan.folder)
        if plan.bucket is not None:
            stage.remote(plan.bucket)

    def append(self, piece: Piece, note: Note) -> None:
        if isinstance(piece.facts, dict):
            self._guessed += self._clips.take(piece, note)
            return
        self._clips.close()
        guessed, masks, records, given = piece.facts
        self._guessed += guessed
        self._parts.write(piece.rows, records, masks)
        if self._previous is not None:
            kind, key, uuids = given
            self._previous.take((kind, key), uuids)

    def finish(self, note: Note) -> None:
        self._clips.close()
        if self.options.frames == "records":
            self._clips.tell(note)
        if not self._parts.images:
            text = "no image has an instance, so the file would be empty"
            note(Finding("labelbox-empty", Weight.ERROR, text, fix="there is nothing to import"))
        if self._guessed:
            text = f"{counted(self._guessed, 'global key')} without an extension: the source does not know its pictures' names"
            fix = "where Labelbox' keys have one, say which: --to-global-key '{name}.jpg'"
            note(Finding("labelbox-key-extension", Weight.WARNING, text, amount=self._guessed, unit="images", fix=fix))
        self._parts.tell(note)
        if self._previous is not None:
            self._previous.tell(note)

    def next_steps(self) -> tuple[str, ...]:
        names = self._parts.names()
        each = (f"The records are in {names}: each file is an import of its own.",) if names else ()
        steps = (*each, _IMPORT, _AGAIN)
        if self._plan.signed is not None:
            return (
                f"The masks' addresses are valid for {_spoken(self._plan.signed)}: import before they run out.",
                *steps,
            )
        if self._plan.folder is None:
            return steps
        place = self.options.mask_uri or "where Labelbox can fetch them, and write the file again with --to-mask-uri"
        return f"Upload the PNGs of {self._plan.folder} to {place}.", *steps


def _spoken(span: timedelta) -> str:
    return counted(span.days, "day") if not span.seconds else f"{span.total_seconds() / 3600:g} hours"


# --- geometry ---------------------------------------------------------------------------------------------------------


def _transport(image: AnnotatedImage, items: list[Item], plan: Plan) -> tuple[dict[int, Any], Blobs]:
    """For each mask, by its annotation's number, the wire's ``mask``; and the files that go with them."""
    masks = [(item.number, item.shape) for item in items if isinstance(item.shape, Mask)]
    if plan.mode == "png":
        return _inline(masks), ()
    found: dict[int, Any] = {}
    blobs: list[tuple[str, bytes]] = []
    for layer, (data, colors) in enumerate(_composites(image, masks), start=1):
        if plan.mode == "files":
            path = plan.path(image, layer, data)
            blobs.append((path, data))
            form, text = "instanceURI", plan.uri(path)
        else:
            form, text = "imBytes", _base64(data)
        found.update((number, {form: text, "colorRGB": color}) for number, color in colors)
    return found, tuple(blobs)


def _inline(masks: list[tuple[int, Mask]]) -> dict[int, Any]:
    """A PNG for each instance."""
    if not masks:
        return {}
    first = masks[0][1]
    found = png.encode_binaries([(mask.starts, mask.lengths) for _, mask in masks], first.width, first.height)
    return {number: {"png": _base64(data)} for (number, _), data in zip(masks, found, strict=True)}


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _composites(image: AnnotatedImage, masks: list[tuple[int, Mask]]) -> list[tuple[bytes, list[tuple[int, Any]]]]:
    """Composite PNGs and the colours of their annotations: the source's own, or as many as keep overlaps apart."""
    encoded = image.encoded
    if encoded is not None and len(masks) == len(image.annotations):
        return [(encoded.png, list(enumerate(encoded.colors)))]
    shapes = [(mask.starts, mask.lengths) for _, mask in masks]
    return [_painted([masks[i] for i in layer]) for layer in runs.layers(shapes)]


def _painted(masks: list[tuple[int, Mask]]) -> tuple[bytes, list[tuple[int, Any]]]:
    """One composite in Pascal VOC's colours; instances in it do not overlap."""
    first = masks[0][1]
    packed = png.voc_packed(np.arange(1, len(masks) + 1))
    canvas, _ = runs.paint(first.width, first.height, [(m.starts, m.lengths) for _, m in masks], packed)
    colors = png.unpack(packed).tolist()
    return png.encode_rgb(canvas), [(number, color) for (number, _), color in zip(masks, colors, strict=True)]


# --- records ----------------------------------------------------------------------------------------------------------


def _records(items: list[Item], masks: dict[int, Any], row: dict[str, str], uuids: Uuids, plan: Plan) -> list[bytes]:
    """The lines, keys in the order of Labelbox' own serialiser."""
    lines: list[bytes] = []
    key = "name" if plan.schemas is None else "schemaId"
    for number, annotation, shape, kind, tool in items:
        head = wire(annotation) if annotation.attributes else {}
        inner = head.pop("classifications", [])
        if annotation.score is not None:
            head["confidence"] = annotation.score
        for part, value in enumerate([masks[number]] if kind == "mask" else _values(shape)):
            uuid = uuids.give(tool, annotation.id, part)
            record = {**head, "uuid": uuid, "dataRow": row, key: tool, "classifications": inner, kind: value}
            lines.append(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
    return lines


def _values(shape: Held) -> list[Any]:
    """The wire's box, or a ring for each part."""
    if isinstance(shape, Box):
        return [{"top": shape.y, "left": shape.x, "height": shape.height, "width": shape.width}]
    assert isinstance(shape, tuple)  # noqa: S101 - masks do not come here
    return [[{"x": x, "y": y} for x, y in [*ring.tolist(), ring[0].tolist()]] for ring in shape]
