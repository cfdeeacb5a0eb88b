"""Writing an import NDJSON: a line an instance, masks in files, PNGs or composites."""

from __future__ import annotations

import binascii
from collections import Counter
from typing import Any

import numpy as np
import orjson

from maskconv import png, runs
from maskconv.errors import DataError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.labelbox_ndjson.names import counted
from maskconv.formats.labelbox_ndjson.options import WriteOptions
from maskconv.formats.labelbox_ndjson.plan import Plan, make_plan
from maskconv.formats.labelbox_ndjson.shapes import Held, held
from maskconv.formats.labelbox_ndjson.uuids import Uuids, as_uuid
from maskconv.labelbox import checks
from maskconv.model import AnnotatedImage, Annotation, Box, Feature, LabelMap, Mask
from maskconv.plugin import Piece, Target, Writer, loss
from maskconv.stage import Stage
from maskconv.store import unsafe

__all__ = ["LabelboxWriter"]

MAX_SAME = 5000  # annotations of one label on one data row
MAX_MASKS = 1000  # masks of one import job
MAX_SIDE = 9000  # pixels of a picture's side

_IMPORT = (
    "In a project whose ontology has these labels and whose batch has these data rows, import the file with Labelbox' "
    "Python SDK and an API key: MALPredictionImport.create_from_file(client, project_id, name, path) for pre-labels, "
    "LabelImport.create_from_file(...) for ground truth."
)
_AGAIN = "A second import overrides instances with the same uuid; instances that are gone from the source stay there."

Item = tuple[int, Annotation, Held]
Blobs = tuple[tuple[str, bytes], ...]


class LabelboxWriter(Writer[Plan]):
    """One record an instance (of polygons: a part), in the images' order."""

    Options = WriteOptions
    options: WriteOptions

    def keeps(self) -> frozenset[Feature]:
        kept = {Feature.BOXES, Feature.OVERLAP, Feature.SCORES, Feature.ATTRIBUTES, Feature.INSTANCE_IDS}
        if self.options.shape == "polygon":
            return frozenset(kept | {Feature.POLYGONS})
        return frozenset(kept | {Feature.MASKS, Feature.HOLES, Feature.PARTS, Feature.IMAGE_SIZE})

    def plan(self, labels: LabelMap, target: Target, note: Note) -> Plan:
        del labels
        return make_plan(self.options, target, note)

    def encode(self, image: AnnotatedImage, plan: Plan, note: Note) -> Piece | None:
        if not image.annotations:
            return None
        if reason := unsafe(image.name):
            raise DataError(f"the name {image.name!r} {reason}", code="name-unsafe", fix="rename the item")
        row, guessed = plan.row(image)
        items = _held(image, plan, note)
        if not items:
            return None
        _limits(image, items, note)
        _lost(image, items, note)
        geometries, blobs = _transport(image, items, plan, note)
        records = _records(items, geometries, {row[0]: row[1]}, Uuids(plan.space, row[1]), plan)
        masks = sum(isinstance(shape, Mask) for _, _, shape in items)
        return Piece(b"".join(records), blobs, [row[0], row[1], guessed, masks], len(items))

    def begin(self, stage: Stage, plan: Plan) -> None:
        self._stage, self._plan = stage, plan
        self._keys: set[str] = set()
        self._guessed = self._masks = 0
        if plan.folder is not None:
            stage.sidecar(plan.folder)

    def append(self, piece: Piece, note: Note) -> None:
        del note
        kind, key, guessed, masks = piece.facts
        if key in self._keys:
            what = "data row id" if kind == "id" else "global key"
            text = f"two images have the {what} {key!r}"
            fix = "make them differ: --to-global-key '{split}/{name}{ext}'" if kind != "id" else "check --to-data-rows"
            raise DataError(text, code="labelbox-key-twice", fix=fix)
        self._keys.add(key)
        self._guessed += guessed
        self._masks += masks
        self._stage.write(piece.rows)

    def finish(self, note: Note) -> None:
        if not self._keys:
            text = "no image has an instance, so the file would be empty"
            note(Finding("labelbox-empty", Weight.ERROR, text, fix="there is nothing to import"))
        if self._guessed:
            text = f"{counted(self._guessed, 'global key')} without an extension: the source does not know its pictures' names"
            fix = "where Labelbox' keys have one, say which: --to-global-key '{name}.jpg'"
            note(Finding("labelbox-key-extension", Weight.WARNING, text, amount=self._guessed, unit="images", fix=fix))
        if self._masks > MAX_MASKS:
            text = (
                f"the file has {self._masks:,} masks; Labelbox asks to split more than {MAX_MASKS:,} into separate jobs"
            )
            note(
                Finding(
                    "labelbox-many-masks", Weight.WARNING, text, amount=self._masks, unit="masks", fix="split the file"
                )
            )

    def next_steps(self) -> tuple[str, ...]:
        steps = (_IMPORT, _AGAIN)
        if self._plan.folder is None:
            return steps
        place = self.options.mask_uri or "where Labelbox can fetch them, and write the file again with --to-mask-uri"
        return f"Upload the PNGs of {self._plan.folder} to {place}.", *steps


def _held(image: AnnotatedImage, plan: Plan, note: Note) -> list[Item]:
    """The annotations that can be written; the others are noted."""
    found: list[Item] = []
    for number, annotation in enumerate(image.annotations):
        try:
            shape = held(image, number, annotation, plan.polygons, note)
            _check_label(annotation.label, shape, plan, number)
        except DataError as error:
            where = error.where or Where(annotation=number)
            note(Finding(error.code, Weight.ERROR, error.message, where, unit="instances", fix=error.fix))
            continue
        if (isinstance(shape, Mask) and not len(shape.starts)) or shape == ():
            text = "an instance without pixels cannot be imported: it was left out"
            note(Finding("empty-instance-dropped", Weight.DATA, text, Where(annotation=number), unit="instances"))
            continue
        found.append((number, annotation, shape))
    return found


def _kind(shape: Held) -> str:
    return "mask" if isinstance(shape, Mask) else "bbox" if isinstance(shape, Box) else "polygon"


def _check_label(label: str, shape: Held, plan: Plan, number: int) -> None:
    if plan.schemas is not None and plan.schemas.find(label, _kind(shape)) is None:
        text, where = plan.schemas.missing(label, _kind(shape)), Where(annotation=number)
        raise DataError(text, where=where, code="labelbox-schema-unknown", fix="add it to --to-schema-ids")


def _limits(image: AnnotatedImage, items: list[Item], note: Note) -> None:
    if len(items) > MAX_SAME:
        label, count = Counter(annotation.label for _, annotation, _ in items).most_common(1)[0]
        if count > MAX_SAME:
            text = f"{count:,} instances of {label!r}; Labelbox takes {MAX_SAME:,} of a label on a data row"
            note(Finding("labelbox-too-many", Weight.ERROR, text, amount=count, unit="instances", fix="leave some out"))
    if max(image.width or 0, image.height or 0) > MAX_SIDE:
        text = f"{image.width} x {image.height} pixels; Labelbox recommends at most {MAX_SIDE} x {MAX_SIDE}"
        note(Finding("labelbox-large-image", Weight.WARNING, text, unit="images", fix="tile the picture"))


_KEPT = frozenset({"classifications", "customMetrics"})


def _lost(image: AnnotatedImage, items: list[Item], note: Note) -> None:
    """What only this writer knows to be lost: some attributes, some ids, the size where there is no mask."""
    attributes = sum(
        not _KEPT.issuperset(_wire(a)) or len(_wire(a)) < len(a.attributes) for _, a, _ in items if a.attributes
    )
    if attributes:
        note(loss(Feature.ATTRIBUTES, attributes, fix="Labelbox has classifications and customMetrics only"))
    numbers = sum(a.id is not None and as_uuid(a.id) is None for _, a, _ in items)
    if numbers:
        text = "instance ids are no uuids: they live on in the uuids made from them, and are not read back"
        note(loss(Feature.INSTANCE_IDS, numbers, message=text))
    if image.width is not None and all(isinstance(shape, Box) for _, _, shape in items):
        note(loss(Feature.IMAGE_SIZE, 1))


def _wire(annotation: Annotation) -> dict[str, Any]:
    """The attributes that a record holds, as the record holds them."""
    found: dict[str, Any] = {}
    try:
        if annotation.attributes.get("customMetrics"):
            found["customMetrics"] = checks.custom_metrics(annotation.attributes["customMetrics"])
        if annotation.attributes.get("classifications"):
            found["classifications"] = checks.classifications(annotation.attributes["classifications"])
    except checks.RecordError:
        return found
    return found


# --- geometry ---------------------------------------------------------------------------------------------------------


def _transport(image: AnnotatedImage, items: list[Item], plan: Plan, note: Note) -> tuple[dict[int, Any], Blobs]:
    """For each mask, by its annotation's number, the wire's ``mask``; and the files that go with them."""
    del note
    masks = [(number, shape) for number, _, shape in items if isinstance(shape, Mask)]
    if plan.mode == "png":
        return {n: {"png": _base64(png.encode_binary(m.starts, m.lengths, m.width, m.height))} for n, m in masks}, ()
    found: dict[int, Any] = {}
    blobs: list[tuple[str, bytes]] = []
    for layer, (data, colors) in enumerate(_composites(image, masks), start=1):
        if plan.mode == "files":
            path = plan.path(image, layer)
            blobs.append((path, data))
            form, text = "instanceURI", plan.uri(path)
        else:
            form, text = "imBytes", _base64(data)
        found.update((number, {form: text, "colorRGB": color}) for number, color in colors)
    return found, tuple(blobs)


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
    for number, annotation, shape in items:
        head: dict[str, Any] = _wire(annotation) if annotation.attributes else {}
        inner = head.pop("classifications", [])
        if annotation.score is not None:
            head["confidence"] = annotation.score
        kind = _kind(shape)
        key, tool = (
            ("name", annotation.label)
            if plan.schemas is None
            else ("schemaId", plan.schemas.find(annotation.label, kind))
        )
        assert tool is not None  # noqa: S101 - _check_label has seen it
        for part, value in enumerate(_values(shape, masks.get(number))):
            uuid = uuids.give(tool, annotation.id, part)
            record = {**head, "uuid": uuid, "dataRow": row, key: tool, "classifications": inner, kind: value}
            lines.append(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
    return lines


def _values(shape: Held, mask: Any) -> list[Any]:
    """The wire's geometry: one value, or of rings one each."""
    if isinstance(shape, Mask):
        return [mask]
    if isinstance(shape, Box):
        return [{"top": shape.y, "left": shape.x, "height": shape.height, "width": shape.width}]
    return [[{"x": x, "y": y} for x, y in [*ring.tolist(), ring[0].tolist()]] for ring in shape]
