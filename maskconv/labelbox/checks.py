"""What Labelbox' import asks of each part of a record: one function a part, used by the public models and the reader.

Each takes a JSON value as it was parsed and returns it in canonical form, or raises `RecordError`.
"""

from __future__ import annotations

import binascii
import re
from math import isfinite
from typing import Any

__all__ = [
    "GEOMETRIES",
    "RecordError",
    "base64_bytes",
    "box",
    "classifications",
    "color",
    "confidence",
    "custom_metrics",
    "data_row",
    "geometry",
    "label",
    "mask_form",
    "points",
    "uuid_text",
]

Color = tuple[int, int, int]

GEOMETRIES = ("mask", "polygon", "bbox")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEX = re.compile(r"[0-9a-f]{32}")
_FORMS = ("instanceURI", "png", "imBytes")


class RecordError(ValueError):
    """A record that Labelbox does not take: ``code`` is stable, ``fix`` says what to do."""

    def __init__(self, message: str, *, code: str = "labelbox-record", fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.fix = fix


def uuid_text(value: Any) -> str:
    """A uuid in any of the spellings Labelbox takes (hyphens and braces or not) -> lower case with hyphens."""
    if isinstance(value, str):
        if _UUID.fullmatch(value):
            return value
        bare = value[1:-1] if value.startswith("{") and value.endswith("}") else value
        bare = bare.replace("-", "").lower()
        if _HEX.fullmatch(bare):
            return f"{bare[:8]}-{bare[8:12]}-{bare[12:16]}-{bare[16:20]}-{bare[20:]}"
    fix = "give 32 hexadecimal digits, with hyphens and braces or without"
    raise RecordError(f"the uuid {_short(value)} is not one of 128 bits", code="labelbox-uuid", fix=fix)


def data_row(value: Any) -> tuple[str, str]:
    """``{"id": ...}`` or ``{"globalKey": ...}`` -> ("id" or "globalKey", text)."""
    code, fix = "labelbox-data-row", "give exactly one of dataRow.id and dataRow.globalKey"
    if not isinstance(value, dict):
        raise RecordError("the record has no dataRow", code=code, fix=fix)
    given = [(name, value[name]) for name in ("id", "globalKey") if value.get(name) is not None]
    if len(given) != 1:
        text = "both an id and a globalKey" if given else "neither an id nor a globalKey"
        raise RecordError(f"its dataRow has {text}", code=code, fix=fix)
    name, key = given[0]
    if not isinstance(key, str) or not key:
        raise RecordError(f"its dataRow.{name} is {_short(key)}, not a text", code=code, fix=fix)
    return name, key


def label(record: dict[str, Any]) -> tuple[str, str]:
    """The tool of a record: ("name" or "schemaId", text)."""
    text = record.get("name")
    if type(text) is str and text and "schemaId" not in record:
        return "name", text
    code, fix = "labelbox-label", "give exactly one of name and schemaId"
    given = [(key, record[key]) for key in ("name", "schemaId") if record.get(key) is not None]
    if len(given) != 1:
        text = "both a name and a schemaId" if given else "neither a name nor a schemaId"
        raise RecordError(f"the record has {text}", code=code, fix=fix)
    key, text = given[0]
    if not isinstance(text, str) or not text:
        raise RecordError(f"its {key} is {_short(text)}, not a text", code=code, fix=fix)
    return key, text


def geometry(record: dict[str, Any]) -> str:
    """Which of mask, polygon and bbox a record has: exactly one."""
    given = [key for key in GEOMETRIES if record.get(key) is not None]
    if len(given) == 1:
        return given[0]
    text = f"the record has {' and '.join(given)}" if given else "the record has no mask, polygon or bbox"
    raise RecordError(text, code="labelbox-geometry", fix="give each shape a record of its own")


def color(value: Any) -> Color:
    """``[r, g, b]``, integers 0..255."""
    if isinstance(value, (list, tuple)) and len(value) == 3:
        r, g, b = value
        if type(r) is type(g) is type(b) is int and 0 <= r <= 255 and 0 <= g <= 255 and 0 <= b <= 255:
            return r, g, b
    text = f"colorRGB is {_short(value)}, not three integers 0..255"
    raise RecordError(text, code="labelbox-color", fix="name the instance's colour in the composite")


def mask_form(mask: Any) -> tuple[str, str]:
    """Which of ``instanceURI``, ``png`` and ``imBytes`` a mask has, exactly one, and its text."""
    code, fix = "labelbox-mask", "give exactly one of mask.instanceURI, mask.png and mask.imBytes"
    if not isinstance(mask, dict):
        raise RecordError(f"its mask is {_short(mask)}, not an object", code=code, fix=fix)
    given = [(form, mask[form]) for form in _FORMS if mask.get(form) is not None]
    if len(given) != 1:
        text = " and ".join(form for form, _ in given) or "none of instanceURI, png and imBytes"
        raise RecordError(f"its mask has {text}", code=code, fix=fix)
    form, text = given[0]
    if not isinstance(text, str) or not text:
        raise RecordError(f"its mask.{form} is {_short(text)}, not a text", code=code, fix=fix)
    return form, text


def base64_bytes(text: str) -> bytes:
    """The bytes that base64 text holds."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        reason = str(error).lower()
        fix = "encode the PNG's bytes with base64, without line ends or a data: prefix"
        raise RecordError(f"its mask is no base64 ({reason})", code="labelbox-base64", fix=fix) from error


def points(value: Any) -> list[tuple[float, float]]:
    """``[{"x": .., "y": ..}, ...]``, at least three, all finite; a closing point stays."""
    code = "labelbox-polygon"
    if not isinstance(value, list) or len(value) < 3:
        text = f"has {len(value)} points" if isinstance(value, list) else f"is {_short(value)}, not a list of points"
        raise RecordError(f"its polygon {text}", code=code, fix="a polygon has at least 3 points")
    try:
        ring = [(point["x"], point["y"]) for point in value]
    except (TypeError, KeyError, IndexError) as error:
        fix = 'write each point as {"x": 1.5, "y": 2.0}'
        raise RecordError("a point of its polygon has no x and y", code=code, fix=fix) from error
    for number, (x, y) in enumerate(ring):
        _number(x, f"x of its polygon's point {number}", code)
        _number(y, f"y of its polygon's point {number}", code)
    return ring


def box(value: Any) -> tuple[float, float, float, float]:
    """``{"top", "left", "height", "width"}`` -> (left, top, width, height), finite, sizes not negative."""
    code, fix = "labelbox-bbox", 'write it as {"top": 1, "left": 2, "height": 3, "width": 4}'
    if not isinstance(value, dict):
        raise RecordError(f"its bbox is {_short(value)}, not an object", code=code, fix=fix)
    missing = [key for key in ("top", "left", "height", "width") if key not in value]
    if missing:
        raise RecordError(f"its bbox has no {' and no '.join(missing)}", code=code, fix=fix)
    left, top, width, height = (_number(value[k], f"its bbox's {k}", code) for k in ("left", "top", "width", "height"))
    if width < 0 or height < 0:
        raise RecordError(f"its bbox has a negative size, {width} x {height}", code=code, fix="swap its corners")
    return left, top, width, height


def confidence(value: Any) -> float:
    """A number 0..1; 0 is a value."""
    if type(value) in (int, float) and 0 <= value <= 1:
        return float(value)
    text = f"its confidence is {_short(value)}, not a number 0..1"
    raise RecordError(text, code="labelbox-confidence", fix="divide percentages by 100")


def custom_metrics(value: Any) -> list[dict[str, Any]]:
    """``[{"name": text, "value": number}, ...]``."""
    good = isinstance(value, list) and all(
        isinstance(m, dict) and set(m) == {"name", "value"} and isinstance(m["name"], str) for m in value
    )
    if not good:
        fix = 'write them as [{"name": "iou", "value": 0.4}]'
        raise RecordError("its customMetrics are not a list of names and values", code="labelbox-metrics", fix=fix)
    for metric in value:
        _number(metric["value"], f"its metric {metric['name']!r}", "labelbox-metrics")
    return list(value)


def classifications(value: Any) -> list[Any]:
    """A list of sub-classifications, kept as they are."""
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return value
    fix = 'write them as [{"name": "color", "answer": {"name": "red"}}]'
    raise RecordError("its classifications are not a list of objects", code="labelbox-classifications", fix=fix)


def _number(value: Any, what: str, code: str) -> float:
    if type(value) is float and isfinite(value):
        return value
    if type(value) is int and abs(value) < 2**63:
        return float(value)
    raise RecordError(f"{what} is {_short(value)}, not a finite number", code=code, fix="give a number of pixels")


def _short(value: Any) -> str:
    text = "missing" if value is None else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
