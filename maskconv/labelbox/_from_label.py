"""A `Label` -> an `AnnotatedImage`; the public face is `maskconv.labelbox.from_label`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from maskconv.errors import DataError, MaskconvError
from maskconv.finding import Finding, Note, Weight, Where, as_finding
from maskconv.labelbox import names, shapes
from maskconv.labelbox._keys import HELD, OURS, key_picture
from maskconv.labelbox.annotation import ClassificationAnnotation, ObjectAnnotation
from maskconv.labelbox.label import KEYS, GenericDataRowData, Label
from maskconv.labelbox.mask import Mask
from maskconv.labelbox.wire import survives, to_wire
from maskconv.model import AnnotatedImage, Annotation, Box, Feature, Picture, PixelRule, Polygon, Shape
from maskconv.model import Mask as Pixels
from maskconv.plugin import loss

__all__ = ["build"]

Size = tuple[int, int]


def build(label: Label, size: Size | None, note: Note) -> AnnotatedImage:
    own = dict(label.extra)
    context = own.pop(OURS, {})
    name, picture = _item(label, context)
    where = Where(image=name)
    size = size or _told_size(label, context)
    found = []
    for i, one in enumerate(label.object_annotations()):
        annotation = _annotation(one, size, where.at(annotation=i), note)
        if annotation is not None:
            found.append(annotation)
    attributes = _attributes(label, context.get("attributes", {}), own, where, note)
    facts = {key: context[key] for key in ("split", "sequence", "frame") if key in context}
    width, height = size or (None, None)
    return AnnotatedImage(
        name=name, width=width, height=height, annotations=tuple(found), picture=picture, attributes=attributes, **facts
    )


def _item(label: Label, context: dict[str, Any]) -> tuple[str, Picture | None]:
    """The image's name and its picture, as `to_label` found them, else by the data row's key."""
    known = context.get("picture")
    if "name" in context:
        return context["name"], None if known is None else Picture.model_validate(known)
    for kind in KEYS:
        key = getattr(label.data, kind, None)
        if key:
            return (key if kind == "uid" else names.stem(key)), key_picture(kind, key)
    fix = "name its data row: Label(data={'global_key': ...})"
    raise DataError("the label's data has no key, so the image has no name", code="labelbox-data-row", fix=fix)


def _told_size(label: Label, context: dict[str, Any]) -> Size | None:
    """Width and height as `to_label` found them, else those of the first mask that can be read."""
    if "width" in context and "height" in context:
        return context["width"], context["height"]
    for one in label.object_annotations():
        if isinstance(one.value, Mask):
            try:
                image = one.value.mask.composite.map
            except (MaskconvError, ValueError):
                continue  # said where its annotation is read
            return image.width, image.height
    return None


# --- annotations ------------------------------------------------------------------------------------------------------


def _annotation(one: ObjectAnnotation, size: Size | None, where: Where, note: Note) -> Annotation | None:
    name = one.name or one.feature_schema_id
    if not name:
        text = "the annotation's name is empty, and it has no schema id"
        note(Finding("labelbox-label", Weight.ERROR, text, where, 1, "instances", "name it"))
        return None
    extra = dict(one.extra)
    own = extra.pop(OURS, {})
    shape = _shape(one.value, size, where, note)
    if shape is None:
        return None
    if isinstance(shape, Box):
        shape = _resized(shape, own.get("size"))
    box, held = own.get("box"), {key: own[key] for key in HELD if key in own}
    if "uuid" in extra:
        held["id"] = str(extra.pop("uuid"))
    return Annotation(
        label=name,
        shape=shape,
        box=None if box is None else Box.model_validate(box),
        score=one.confidence,
        attributes=_said(one, extra | own.get("attributes", {}), where, note),
        **held,
    )


def _said(one: ObjectAnnotation, extra: dict[str, Any], where: Where, note: Note) -> dict[str, Any]:
    """All that is said of an instance, as attributes; what was one before is one again."""
    found: dict[str, Any] = extra | (one.model_extra or {})
    if one.feature_schema_id is not None:
        found["schemaId"] = one.feature_schema_id
    if one.custom_metrics:
        found["customMetrics"] = [metric.to_dict() for metric in one.custom_metrics]
    if one.classifications:
        found["classifications"] = _wires(one.classifications, where, note)
    if any(shape.extra for shape in _all(one.value)):
        text = "the extra of the annotation's geometry has no place and is dropped"
        note(loss(Feature.ATTRIBUTES, 1, where, message=text))
    return found


def _all(value: shapes.Geometry) -> list[shapes.Geometry]:
    """A shape and its points."""
    points = [value.start, value.end] if isinstance(value, shapes.Rectangle) else getattr(value, "points", [])
    return [value, *points]


def _wires(given: list[ClassificationAnnotation], where: Where, note: Note) -> list[dict[str, Any]]:
    lost = sum(not survives(one) for one in given)
    if lost:
        text = f"{lost} classifications have facts that an import record has no place for (extra, keyframe, message_id)"
        note(loss(Feature.ATTRIBUTES, lost, where, message=text))
    return [to_wire(one) for one in given]


def _shape(value: shapes.Geometry, size: Size | None, where: Where, note: Note) -> Shape | None:
    if isinstance(value, Mask):
        return _pixels(value, size, where, note)
    if isinstance(value, shapes.Rectangle):
        (left, right), (top, bottom) = sorted((value.start.x, value.end.x)), sorted((value.start.y, value.end.y))
        return Box(x=left, y=top, width=right - left, height=bottom - top)
    if isinstance(value, shapes.Polygon):
        ring = [(point.x, point.y) for point in value.points]
        ring = ring[:-1] if len(ring) > 3 and ring[0] == ring[-1] else ring
        return (Polygon(exterior=np.array(ring), rule=PixelRule.CENTRE_TRUNC),)
    text = f"a {type(value).__name__} is no segmentation of a picture and is left out"
    note(Finding("labelbox-no-segmentation", Weight.DATA, text, where, 1, "instances"))
    return None


def _resized(box: Box, size: Any) -> Box:
    """The box with the size that it had before, while the corners are the same."""
    if size is None:
        return box
    width, height = size
    same = (box.x + width, box.y + height) == (box.x + box.width, box.y + box.height)
    return Box(x=box.x, y=box.y, width=width, height=height) if same else box


def _pixels(value: Mask, size: Size | None, where: Where, note: Note) -> Pixels | None:
    try:
        found = value.pixels
    except MaskconvError as error:
        note(replace(_at(as_finding(error), where), unit="instances"))
        return None
    except ValueError as error:
        note(Finding("labelbox-mask", Weight.ERROR, str(error), where, 1, "instances"))
        return None
    if not len(found.starts):
        text, fix = f"the colour {value.color} is not in its composite", "name one of those that are: "
        told = fix + value.mask.composite.shown()
        note(Finding("labelbox-color-absent", Weight.ERROR, text, where, 1, "instances", told))
        return None
    if (found.width, found.height) != size:
        text = f"a mask of {found.width} x {found.height} in an image of {' x '.join(map(str, size or ()))} pixels"
        fix = "a mask has exactly the size of its picture"
        note(Finding("labelbox-size", Weight.ERROR, text, where, 1, "instances", fix))
        return None
    return found


def _at(finding: Finding, where: Where) -> Finding:
    return finding.at(image=where.image, annotation=where.annotation)


def _attributes(
    label: Label, before: dict[str, Any], extra: dict[str, Any], where: Where, note: Note
) -> dict[str, Any]:
    """What is said of the whole image, and of the label itself where it is more than the data row's key."""
    found = dict(before)
    if classes := label.classification_annotations():
        found["classifications"] = _wires(classes, where, note)
    own: dict[str, Any] = {"uid": label.uid, "extra": extra or None}
    own["is_benchmark_reference"] = label.is_benchmark_reference or None
    if isinstance(label.data, GenericDataRowData):
        data = label.data.model_dump(exclude=set(KEYS), exclude_none=True)
        own["data"] = data or None
    own = {key: value for key, value in own.items() if value is not None}
    return found | ({"labelbox": own} if own else {})
