"""Parts of an export's JSON, checked: what is there has the type that it should have, or `RecordError` says so."""

from __future__ import annotations

from typing import Any

from maskconv.labelbox.checks import RecordError

__all__ = ["listing", "mapping", "short", "text"]

Json = dict[str, Any]


def mapping(value: Any, what: str) -> Json:
    """An object; an empty one where there is none."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise RecordError(f"its {what} is {short(value)}, not an object", code="labelbox-row", fix="export it again")


def listing(value: Any, what: str) -> list[Any]:
    """A list; an empty one where there is none."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise RecordError(f"its {what} is {short(value)}, not a list", code="labelbox-row", fix="export it again")


def text(value: Any) -> str:
    """A text, empty where there is none."""
    return value if isinstance(value, str) else ""


def short(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= 40 else f"{said[:37]}..."
