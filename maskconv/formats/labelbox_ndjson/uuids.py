"""uuids that are the same for the same instance, whenever it is written: a second import overrides the first."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID, uuid5

import orjson

from maskconv.labelbox.checks import RecordError, uuid_text

__all__ = ["Uuids", "as_uuid", "namespace"]

_NAMESPACE = UUID("6f0d3c5e-52a4-5c0b-9d6a-9a3b8c1f7e21")  # never change it: it would orphan all earlier imports

_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}  # the two top bits are 10


def namespace(text: str | None) -> bytes:
    """The namespace for `Uuids`; another text gives other uuids."""
    return (_NAMESPACE if text is None else uuid5(_NAMESPACE, text)).bytes


def as_uuid(value: Any) -> str | None:
    """The value's canonical form where it is a uuid."""
    if not isinstance(value, str) or len(value) < 32:
        return None
    try:
        return uuid_text(value)
    except RecordError:
        return None


class Uuids:
    """The uuids of one data row's records: its own where it has one, else uuid5 of ``[data row, tool, id]``.

    ``id`` is the instance's id, or its ordinal among those of its tool that have none. No uuid is given twice: a number is
    added to the list until it is free.
    """

    def __init__(self, space: bytes, row: str) -> None:
        self._space, self._row = space, row
        self._taken: set[str] = set()
        self._ordinals: dict[str, int] = {}
        self.replaced = 0  # uuids of the source's that occurred before

    @property
    def given(self) -> list[str]:
        """All so far, in no order that means something."""
        return sorted(self._taken)

    def give(self, tool: str, own: Any, part: int = 0) -> str:
        """The uuid of an instance's part; the first part has the instance's own."""
        found = as_uuid(own) if own is not None and not part else None
        self.replaced += found in self._taken
        key = self._ordinal(tool) if own is None and not part else own
        names: list[Any] = [self._row, tool, key, "part", part] if part else [self._row, tool, key]
        number = 0
        while found is None or found in self._taken:
            found = self._derive([*names, number] if number else names)
            number += 1
        self._taken.add(found)
        return found

    def _ordinal(self, tool: str) -> int:
        number = self._ordinals[tool] = self._ordinals.get(tool, -1) + 1
        return number

    def _derive(self, names: list[Any]) -> str:
        """uuid5, without the cost of the UUID class."""
        text = hashlib.sha1(self._space + orjson.dumps(names), usedforsecurity=False).hexdigest()
        return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"
