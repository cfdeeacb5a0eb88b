"""Classifications <-> the JSON objects that import records have for them."""

from __future__ import annotations

from typing import Any

from maskconv.labelbox.annotation import Checklist, ClassificationAnnotation, ClassificationAnswer, Radio, Text

__all__ = ["from_wire", "survives", "to_wire"]

_FACTS = {
    "name": "name",
    "schemaId": "feature_schema_id",
    "confidence": "confidence",
    "customMetrics": "custom_metrics",
}


def to_wire(one: ClassificationAnnotation) -> dict[str, Any]:
    """The JSON object; what it has no place for is not in it (see `survives`)."""
    answer = one.value.answer
    if isinstance(answer, str):
        return _facts_of(one) | _facts_of(one.value) | {"answer": answer}
    return _facts_of(one) | {"answer": [_answer(a) for a in answer] if isinstance(answer, list) else _answer(answer)}


def survives(one: ClassificationAnnotation) -> bool:
    """Whether the JSON object says all of it."""
    again = from_wire(to_wire(one))
    return again is not None and again.model_dump() == one.model_dump()


def _facts_of(one: Any) -> dict[str, Any]:
    """The facts that are given, by their names in JSON."""
    found = {key: getattr(one, field, None) for key, field in _FACTS.items()}
    if found["customMetrics"] is not None:
        found["customMetrics"] = [metric.to_dict() for metric in found["customMetrics"]]
    return {key: value for key, value in found.items() if value is not None}


def _answer(one: ClassificationAnswer) -> dict[str, Any]:
    inner = {} if one.classifications is None else {"classifications": [to_wire(c) for c in one.classifications]}
    return _facts_of(one) | inner


def from_wire(wire: Any) -> ClassificationAnnotation | None:
    """The classification that a JSON object says; None where `to_wire` would not give the same again."""
    try:
        one = _classification(wire)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return one if to_wire(one) == wire else None


def _classification(wire: dict[str, Any]) -> ClassificationAnnotation:
    facts, answer = {field: wire[key] for key, field in _FACTS.items() if key in wire}, wire["answer"]
    if isinstance(answer, str):  # its confidence is the text's, as with the SDK
        own = {key: facts.pop(key) for key in ("confidence", "custom_metrics") if key in facts}
        return ClassificationAnnotation(value=Text(answer=answer, **own), **facts)
    if isinstance(answer, list):
        return ClassificationAnnotation(value=Checklist(answer=[_chosen(given) for given in answer]), **facts)
    return ClassificationAnnotation(value=Radio(answer=_chosen(answer)), **facts)


def _chosen(wire: dict[str, Any]) -> ClassificationAnswer:
    inner = wire.get("classifications")
    facts = {field: wire[key] for key, field in _FACTS.items() if key in wire}
    return ClassificationAnswer(classifications=inner and [_classification(given) for given in inner], **facts)
