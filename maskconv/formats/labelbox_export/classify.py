"""Classifications of an object, a picture or a frame as attributes: an attribute each, or in the form of an import."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from maskconv.formats.labelbox_export.parts import Json, listing, mapping, short
from maskconv.labelbox.checks import RecordError

__all__ = ["flat", "nested"]

_DEEP = 32


def flat(classifications: list[Any]) -> tuple[dict[str, Any], int]:
    """Name to answer: a text, or the texts of a checklist; those below an answer are ``name/answer/name``.

    Also says how many had to be left out because another has their name. Raises RecordError.
    """
    found: dict[str, Any] = {}
    twice = 0
    for name, answer in _flat(classifications, "", 0):
        twice += name in found
        found.setdefault(name, answer)
    return found, twice


def _flat(classifications: list[Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    for item in _items(classifications, depth):
        name = prefix + _name(item)
        answer = _answer(item)
        if isinstance(answer, str):
            yield name, answer
            continue
        chosen = answer if isinstance(answer, list) else [answer]
        yield name, [_name(option) for option in answer] if isinstance(answer, list) else _name(answer)
        for option in chosen:
            inner = listing(option.get("classifications"), "classifications")
            yield from _flat(inner, f"{name}/{_name(option)}/", depth + 1)


def nested(classifications: list[Any], depth: int = 0) -> list[Json]:
    """``[{"name": "color", "answer": {"name": "red"}}]``, as records of an import have them. Raises RecordError."""
    found: list[Json] = []
    for item in _items(classifications, depth):
        answer = _answer(item)
        if isinstance(answer, list):
            found.append({"name": _name(item), "answer": [_option(option, depth) for option in answer]})
        else:
            found.append({"name": _name(item), "answer": answer if isinstance(answer, str) else _option(answer, depth)})
    return found


def _option(option: Json, depth: int) -> Json:
    inner = nested(listing(option.get("classifications"), "classifications"), depth + 1)
    return {"name": _name(option), "classifications": inner} if inner else {"name": _name(option)}


def _items(classifications: list[Any], depth: int) -> Iterator[Json]:
    """Each classification; v1 puts those of a point into a list of their own."""
    if depth > _DEEP:
        text = f"classifications lie more than {_DEEP} deep in one another"
        raise RecordError(text, code="labelbox-classifications", fix="leave some out")
    for item in classifications:
        for one in item if isinstance(item, list) else (item,):
            yield mapping(one or None, "classification")


def _name(item: Json) -> str:
    for key in ("name", "title", "value"):
        if isinstance(item.get(key), str) and item[key]:
            return str(item[key])
    text = "a classification or an answer has no name or title"
    raise RecordError(text, code="labelbox-classifications", fix="export it again")


def _answer(item: Json) -> str | Json | list[Json]:
    """A text, an option, or the options of a checklist."""
    if item.get("text_answer") is not None:
        content = mapping(item["text_answer"], "text_answer").get("content")
        return content if isinstance(content, str) else ""
    given = [
        item[key] for key in ("radio_answer", "checklist_answers", "answer", "answers") if item.get(key) is not None
    ]
    if len(given) > 1 or not isinstance(given[0] if given else "", str | dict | list):
        text = f"the classification {short(_name(item))} has no answer of a known kind"
        raise RecordError(text, code="labelbox-classifications", fix="export it again")
    answer: Any = given[0] if given else ""
    return [mapping(option, "answer") for option in answer] if isinstance(answer, list) else answer
