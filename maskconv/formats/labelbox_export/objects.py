"""An object of an export -> label, shape or masks, and what else it says; the words of v1 and v2 are both taken."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from maskconv.formats.labelbox_export.parts import Json, listing, mapping, short, text
from maskconv.labelbox import checks, pixels
from maskconv.labelbox.checks import RecordError
from maskconv.labelbox.pixels import Color
from maskconv.model import Box, Polygon

__all__ = ["Found", "MaskRef", "first_address", "found", "label_color", "label_of", "masks_of", "nature"]

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
# what an object has instead of a mask, in words; v1 gives each of these an address of a mask all the same
_FOREIGN = {
    "point": "a point",
    "line": "a line",
    "polyline": "a line",
    "geometry": "a shape on a map",
    "cuboid": "a cuboid",
    "location": "an entity in a text",
    "text_location": "an entity in a text",
    "conversational_location": "an entity in a conversation",
    "page": "an entity on a page",
}
_KNOWN = frozenset(
    {
        *("featureId", "schemaId", "title", "value", "color", "instanceURI", "bbox", "polygon", "classifications"),
        *("feature_id", "feature_schema_id", "name", "annotation_kind", "bounding_box", "mask", "composite_mask"),
        *("confidence", "custom_metrics", "customMetrics", "keyframe", "type"),
    }
)


@dataclass(frozen=True, slots=True)
class MaskRef:
    """Where an instance's pixels are: ``composite`` with a colour (None: all that is not black), or a PNG of its own."""

    address: str
    composite: bool = False
    color: Color | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """An object that is an instance: ``shape``, or else ``masks`` of which any may be taken, best first."""

    id: str
    label: str
    shape: tuple[Polygon, ...] | Box | None
    masks: tuple[MaskRef, ...]
    score: float | None
    metrics: list[Any]
    classifications: list[Any]
    keyframe: bool | None
    unknown: list[str]


def nature(raw: Any) -> str:
    """``box``, ``polygon`` or ``mask``; what any other object is, in words that begin with an article."""
    if not isinstance(raw, dict):
        raise RecordError(f"its object is {short(raw)}, not an object", code="labelbox-row", fix="export it again")
    if raw.get("bbox") is not None or raw.get("bounding_box") is not None:
        return "box"
    if raw.get("polygon") is not None:
        return "polygon"
    if found := next((said for key, said in _FOREIGN.items() if raw.get(key) is not None), ""):
        return found
    if any(raw.get(key) is not None for key in ("composite_mask", "mask", "instanceURI")):
        return "mask"
    return f"an object of kind {short(raw.get('annotation_kind') or raw.get('type'))}, without a shape"


def label_of(raw: Json) -> str:
    """The tool's name: ``name`` of v2, ``title`` of v1, else ``value``. Raises RecordError."""
    for key in ("name", "title", "value"):
        if isinstance(raw.get(key), str) and raw[key]:
            return str(raw[key])
    raise RecordError("the object has no name or title", code="labelbox-label", fix="export it again")


def label_color(raw: Json) -> Color | None:
    """``#2BFF00`` -> (43, 255, 0); None where there is none."""
    color = raw.get("color")
    if not isinstance(color, str) or not _HEX.fullmatch(color):
        return None
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def found(raw: Json) -> Found:
    """Raises RecordError for what is wrong. `nature` tells first whether it is an instance at all."""
    kind = nature(raw)
    score = raw.get("confidence")
    metrics = raw.get("custom_metrics") or raw.get("customMetrics")
    return Found(
        id=text(raw.get("feature_id")) or text(raw.get("featureId")),
        label=label_of(raw),
        shape=_shape(raw, kind),
        masks=masks_of(raw) if kind == "mask" else (),
        score=checks.confidence(score) if score is not None else None,
        metrics=checks.custom_metrics(metrics) if metrics else [],
        classifications=listing(raw.get("classifications"), "classifications"),
        keyframe=_flag(raw.get("keyframe")),
        unknown=sorted(raw.keys() - _KNOWN),
    )


def _shape(raw: Json, kind: str) -> tuple[Polygon, ...] | Box | None:
    if kind == "polygon":
        return (pixels.polygon(checks.points(raw["polygon"])),)
    if kind == "mask":
        return None
    left, top, width, height = checks.box(raw["bbox"] if raw.get("bbox") is not None else raw["bounding_box"])
    return Box.unchecked(x=left, y=top, width=width, height=height)


def masks_of(raw: Json) -> tuple[MaskRef, ...]:
    """The composite that several instances share comes first. Raises RecordError where there is none."""
    composite, own = mapping(raw.get("composite_mask"), "composite_mask"), mapping(raw.get("mask"), "mask")
    refs = []
    if text(composite.get("url")):
        refs.append(MaskRef(composite["url"], composite=True, color=_color(composite.get("color_rgb"))))
    refs += [MaskRef(one) for one in dict.fromkeys((text(own.get("url")), text(raw.get("instanceURI")))) if one]
    if not refs:
        fix = "export it again"
        raise RecordError("its mask has no address", code="labelbox-mask", fix=fix)
    return tuple(refs)


def first_address(raw: Any) -> str:
    """Of the mask that is tried first; empty where the object has none, or is wrong."""
    with suppress(RecordError):
        return masks_of(raw)[0].address if nature(raw) == "mask" else ""
    return ""


def _color(value: Any) -> Color | None:
    try:
        return None if value is None else checks.color(value)
    except RecordError as error:
        text = error.message.replace("colorRGB", "color_rgb")
        raise RecordError(text, code=error.code, fix="export it again") from error


def _flag(value: Any) -> bool | None:
    """``true`` and ``"true"``, as exports have both."""
    return {"true": True, "false": False}.get(str(value).lower())
