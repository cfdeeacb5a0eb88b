"""An `AnnotatedImage` -> a `Label`; the public face is `maskconv.labelbox.to_label`."""

from __future__ import annotations

from typing import Any

import numpy as np

from maskconv import geometry, png, runs
from maskconv.errors import DataError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.labelbox import shapes
from maskconv.labelbox._keys import CONTEXT, HELD, OURS, OWN, picture_key
from maskconv.labelbox.annotation import ObjectAnnotation
from maskconv.labelbox.checks import RecordError, uuid_text
from maskconv.labelbox.label import Label
from maskconv.labelbox.mask import Mask
from maskconv.labelbox.mask_data import MaskData
from maskconv.labelbox.wire import from_wire
from maskconv.model import AnnotatedImage, Annotation, Box, Feature, PixelRule, Polygon
from maskconv.model import Mask as Pixels
from maskconv.plugin import loss

__all__ = ["build"]


def build(image: AnnotatedImage, data: dict[str, str] | None, note: Note) -> Label:
    where = Where(image=image.name)
    held = [_held(image, annotation, where.at(annotation=i), note) for i, annotation in enumerate(image.annotations)]
    found = _masks(image, [shape for shape in held if isinstance(shape, Pixels)])
    told = []
    for annotation, shape in zip(image.annotations, held, strict=True):
        if shape is not None:
            told.append(_annotation(annotation, found.pop(0) if isinstance(shape, Pixels) else shape))
    if image.ignored is not None and image.ignored.area:
        note(loss(Feature.IGNORED, image.ignored.area, where))
    return _label(image, data, told)


# --- shapes -----------------------------------------------------------------------------------------------------------


def _held(image: AnnotatedImage, annotation: Annotation, where: Where, note: Note) -> shapes.Geometry | Pixels | None:
    """The shape as Labelbox has it, masks still as they are; None where there is nothing."""
    shape = annotation.shape
    if isinstance(shape, Box) and not shape.rotation:
        return shapes.Rectangle.from_xyhw(shape.x, shape.y, shape.height, shape.width)
    if isinstance(shape, tuple) and _plain(shape):
        return shapes.Polygon(points=[shapes.Point(x=x, y=y) for x, y in shape[0].exterior.tolist()])
    if not isinstance(shape, Pixels):
        shape = _painted(image, annotation, where, note)
    if shape.area:
        return shape
    text = "the instance has no pixels within the image and is left out"
    note(Finding("instance-empty", Weight.DATA, text, where, 1, "instances", "correct the shape"))
    return None


def _plain(parts: tuple[Polygon, ...]) -> bool:
    """Whether Labelbox' polygons mean the same pixels."""
    if len(parts) > 1 or parts[0].holes:
        return False
    ring = parts[0].exterior
    whole = bool((ring == np.floor(ring)).all())
    return parts[0].rule is PixelRule.CENTRE_TRUNC or (parts[0].rule is PixelRule.CENTRE_NEAR and whole)


def _painted(image: AnnotatedImage, annotation: Annotation, where: Where, note: Note) -> Pixels:
    if image.width is None or image.height is None:
        text = "this shape must be painted, and the image's size is not known"
        raise DataError(
            text, where=where, code="image-size-unknown", fix="give it: image.replace(width=..., height=...)"
        )
    if isinstance(annotation.shape, Box):
        note(loss(Feature.BOXES, 1, where, message="Labelbox has no rotated boxes: this one was painted"))
    else:
        text = "Labelbox has no polygons of several parts, with holes or of another pixel rule: this one was painted"
        note(loss(Feature.POLYGONS, 1, where, message=text))
    return geometry.shape_mask(annotation.shape, image.width, image.height)


def _masks(image: AnnotatedImage, pixels: list[Pixels]) -> list[Mask]:
    """Masks in as few composites as overlaps allow; the source's own PNG where it is one for all."""
    if image.encoded is not None and len(pixels) == len(image.annotations):
        shared = MaskData(im_bytes=image.encoded.png)
        return [Mask(mask=shared, color=color) for color in image.encoded.colors]
    shapes_ = [(mask.starts, mask.lengths) for mask in pixels]
    packed = png.voc_packed(np.arange(1, len(pixels) + 1))
    colors = png.unpack(packed).tolist()
    found: dict[int, Mask] = {}
    for layer in runs.layers(shapes_):
        first = pixels[layer[0]]
        painted, _ = runs.paint(first.width, first.height, [shapes_[i] for i in layer], packed[layer])
        shared = MaskData(im_bytes=png.encode_rgb(painted))
        found |= {i: Mask(mask=shared, color=tuple(colors[i])) for i in layer}
    return [found[i] for i in range(len(pixels))]


# --- what is said of them ---------------------------------------------------------------------------------------------


def _annotation(annotation: Annotation, value: shapes.Geometry) -> ObjectAnnotation:
    attributes = dict(annotation.attributes)
    name, schema = annotation.label, _schema(attributes)
    return ObjectAnnotation(
        name=None if schema == name else name,
        feature_schema_id=schema,
        value=value,
        confidence=annotation.score,
        classifications=_taken(attributes, "classifications", _classifications) or [],
        custom_metrics=_taken(attributes, "customMetrics", _metrics),
        extra=_extra(annotation, attributes),
    )


def _schema(attributes: dict[str, Any]) -> str | None:
    found: str | None = _taken(attributes, "schemaId", lambda v: v if isinstance(v, str) and len(v) == 25 else None)
    return found


def _taken(attributes: dict[str, Any], key: str, make: Any) -> Any:
    """What ``make`` gives for an attribute, which is then no longer one; None where it is of another kind."""
    found = make(attributes[key]) if key in attributes else None
    if found is not None:
        del attributes[key]
    return found


def _classifications(value: Any) -> Any:
    found = [from_wire(one) for one in value] if isinstance(value, list) and value else [None]
    return None if None in found else found


def _metrics(value: Any) -> Any:
    good = isinstance(value, list) and value and all(isinstance(m, dict) and set(m) == {"name", "value"} for m in value)
    return value if good and all(isinstance(m["name"], str) and type(m["value"]) is float for m in value) else None


def _extra(annotation: Annotation, attributes: dict[str, Any]) -> dict[str, Any]:
    """All that `ObjectAnnotation` has no field for: attributes as they are, the rest under one key."""
    plain = dict(annotation)
    own = {key: plain[key] for key in HELD if plain[key] is not None and plain[key] is not False}
    found = {key: value for key, value in attributes.items() if key not in ("uuid", OURS)}
    if (uuid := _uuid(annotation.id)) is not None:
        found["uuid"] = uuid
        del own["id"]
    if annotation.box is not None:
        own["box"] = annotation.box.model_dump()
    if isinstance(annotation.shape, Box) and (size := _unsaid_size(annotation.shape)):
        own["size"] = size
    if hidden := {key: value for key, value in attributes.items() if key in ("uuid", OURS)}:
        own["attributes"] = hidden
    return found | ({OURS: own} if own else {})


def _unsaid_size(box: Box) -> list[float]:
    """Width and height where corners, being rounded, do not give them back."""
    size = [box.width, box.height]
    return [] if [box.x + box.width - box.x, box.y + box.height - box.y] == size else size


def _uuid(value: Any) -> str | None:
    """An id that is a uuid as it is written here."""
    try:
        return value if isinstance(value, str) and uuid_text(value) == value else None
    except RecordError:
        return None


def _label(image: AnnotatedImage, data: dict[str, str] | None, told: list[ObjectAnnotation]) -> Label:
    attributes = dict(image.attributes)
    classes = _taken(attributes, "classifications", _classifications) or []
    own = (
        _taken(attributes, "labelbox", lambda value: value if isinstance(value, dict) and value.keys() <= OWN else None)
        or {}
    )
    plain = dict(image)
    context = {key: plain[key] for key in CONTEXT if plain[key] is not None}
    if image.picture is not None:
        context["picture"] = image.picture.model_dump()
    if attributes:
        context["attributes"] = attributes
    row = data or dict([picture_key(image)])
    return Label(
        uid=own.get("uid"),
        data=row | own.get("data", {}),
        annotations=[*told, *classes],
        extra=own.get("extra", {}) | {OURS: context},
        is_benchmark_reference=own.get("is_benchmark_reference", False),
    )
