"""The colours table: which label a colour or an index means; for all images, or for one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from maskconv import labelmap, png
from maskconv.errors import DataError, SourceError
from maskconv.finding import Note, Where
from maskconv.model import Annotation, Box, Color, Label, LabelMap

__all__ = ["BACKGROUNDS", "Meaning", "Table", "facts", "from_json", "key_text", "load", "meaning"]

BACKGROUNDS = frozenset({"background", "_background_", "__background__"})
_HEX = re.compile(r"#[0-9A-Fa-f]{6}")
_TRIPLE = re.compile(r"[(\[]?\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*[)\]]?")
_INDEX = re.compile(r"-?\d{1,10}")
MOST = 64 << 20  # bytes of a table


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a value stands for: a label, and facts of the one instance; without a label it is void."""

    label: str | None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Table:
    """Meanings by packed colour 0xRRGGBB and by index; ``images`` are tables for single items, which go first."""

    colors: dict[int, Meaning] = field(default_factory=dict)
    indices: dict[int, Meaning] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    images: dict[str, Table] = field(default_factory=dict)

    def names(self) -> Iterator[str]:
        """All labels that the table knows, in its order; the background is none."""
        yield from (name for name in self.labels if name.casefold() not in BACKGROUNDS)
        for table in (self, *self.images.values()):
            for found in (*table.colors.values(), *table.indices.values()):
                if found.label is not None and found.label.casefold() not in BACKGROUNDS:
                    yield found.label

    def label_map(self, more: Sequence[str] = ()) -> LabelMap:
        names = dict.fromkeys((*self.names(), *more))
        colors = {found.label: color for color, found in self.colors.items() if found.label and not found.facts}
        return LabelMap(labels=tuple(self._label(name, colors.get(name)) for name in names))

    def _label(self, name: str, color: int | None) -> Label:
        known = self.labels.get(name) or Label(name=name)
        return known if known.color or color is None else known.model_copy(update={"color": _rgb(color)})


def _rgb(color: int) -> Color:
    return color >> 16, color >> 8 & 255, color & 255


def key_text(value: int, *, color: bool) -> str:
    """A value as a person writes it."""
    return f"the colour {_rgb(value)}" if color else f"the index {value}"


def load(path: Path, data: bytes, where: Where, note: Note) -> Table:
    """A table from a label map (.txt) or JSON. Raises SourceError."""
    if len(data) > MOST:
        raise _wrong(where, f"has more than {MOST:,} bytes")
    if path.suffix.lower() == ".txt":
        return _from_labelmap(data, where, note)
    try:
        return from_json(json.loads(data, parse_constant=_refuse))
    except ValidationError as error:
        raise _wrong(where, f"is no colours table ({error.errors(include_url=False)[0]['msg']})") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise _wrong(where, f"is no colours table ({error})") from error


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _wrong(where: Where, text: str) -> SourceError:
    fix = 'write {"car": [0, 0, 142], ...}, {"1": "car", ...}, or name a labelmap.txt; see the format\'s page'
    return SourceError(text, where=where, code="mask-data-table", fix=fix)


def _from_labelmap(data: bytes, where: Where, note: Note) -> Table:
    found = labelmap.parse(data, note, path=where.path, member=where.member)
    if found is None:
        raise _wrong(where, "is no label map that can be used")
    table = Table(labels={label.name: label for label in found.labels})
    for index, label in enumerate(found.labels):
        table.indices[index] = Meaning(label.name)
        if label.color is not None:
            table.colors[_packed(label.color)] = Meaning(label.name)
    return table


def from_json(value: Any) -> Table:
    """A table from parsed JSON, in any of the forms that the format's page lists. Raises ValueError."""
    if isinstance(value, list):
        return _from_list(value)
    if not isinstance(value, dict):
        raise ValueError("it is neither an object nor a list")  # noqa: TRY004 - told like every other fault of a table
    nested = {"labels", "colors", "images"} & value.keys()
    if not nested or any(not isinstance(value[name], dict | list) for name in nested):
        return _from_pairs(value)
    table = (
        _from_list(value["labels"]) if isinstance(value.get("labels"), list) else _from_pairs(value.get("labels", {}))
    )
    more = _from_pairs(value.get("colors", {}))
    table.colors |= more.colors
    table.indices |= more.indices
    for name, own in value.get("images", {}).items():
        table.images[name] = _from_pairs(own)
    return table


def _from_list(rows: Sequence[Any]) -> Table:
    """Names by their place, or objects with a name and an index, a colour, or both."""
    table = Table()
    for place, row in enumerate(rows):
        if isinstance(row, str):
            table.indices[place] = Meaning(row)
            table.labels[row] = Label(name=row)
            continue
        if not isinstance(row, dict) or not isinstance(row.get("name"), str):
            raise ValueError(f"entry {place} of the list is neither a name nor an object with one")  # noqa: TRY004
        _add_row(table, row)
    return table


def _add_row(table: Table, row: Mapping[str, Any]) -> None:
    name, color = row["name"], row.get("color")
    index = next((row[key] for key in ("index", "value", "id") if isinstance(row.get(key), int)), None)
    more = {key: tuple(row[key]) for key in ("parts", "actions") if key in row}
    packed = None if color is None else _color(color)
    table.labels[name] = Label(name=name, color=None if packed is None else _rgb(packed), **more)
    if index is not None:
        table.indices[index] = Meaning(name)
    if packed is not None:
        table.colors[packed] = Meaning(name)


def _from_pairs(pairs: Any) -> Table:
    """``{"1": "car"}``, ``{"#00008e": "car"}``, ``{"0, 0, 142": "car"}``, or ``{"car": [0, 0, 142]}``, ``{"car": 1}``."""
    if not isinstance(pairs, dict):
        raise ValueError(f"{pairs!r:.60} is no object")  # noqa: TRY004
    table = Table()
    for key, value in pairs.items():
        color, index = _parsed(key)
        if value is None or (isinstance(value, str | dict) and (color is not None or index is not None)):
            _put(table, color, index, meaning(value), key)
        elif isinstance(value, int) and not isinstance(value, bool):
            _put(table, None, value, Meaning(key), key)
        else:
            _put(table, _color(value), None, Meaning(key), key)
    return table


def _put(table: Table, color: int | None, index: int | None, found: Meaning, key: str) -> None:
    if color is not None:
        table.colors[color] = found
    elif index is not None:
        table.indices[index] = found
    else:
        raise ValueError(f"{key!r} is neither a colour nor an index")
    if found.label is not None:
        table.labels.setdefault(found.label, Label(name=found.label))


def _parsed(key: str) -> tuple[int | None, int | None]:
    """A key as colour or index."""
    if _HEX.fullmatch(key):
        return int(key[1:], 16), None
    if found := _TRIPLE.fullmatch(key):
        return _packed(tuple(map(int, found.groups()))), None
    return (None, int(key)) if _INDEX.fullmatch(key) else (None, None)


def _color(value: Any) -> int:
    if isinstance(value, str):
        color, _ = _parsed(value)
        if color is not None:
            return color
    if isinstance(value, list) and len(value) == 3 and all(type(v) is int for v in value):
        return _packed(tuple(value))
    raise ValueError(f"{value!r:.60} is no colour: [r, g, b] or '#rrggbb'")


def _packed(color: tuple[int, ...]) -> int:
    if not all(0 <= v <= 255 for v in color):
        raise ValueError(f"{color} is no colour: its values are 0 to 255")
    return int(png.pack(np.array(color, np.uint8)))


# --- one instance -----------------------------------------------------------------------------------------------------

_FACTS = frozenset(Annotation.model_fields) - {"label", "shape"}


def meaning(value: Any) -> Meaning:
    """A label's name, null for void, or an object with ``label`` and the instance's facts. Raises ValueError."""
    if value is None or isinstance(value, str):
        if value == "":
            raise ValueError("a label's name is empty")
        return Meaning(value)
    name = value.get("label")
    if not isinstance(name, str) or not name or not value.keys() - {"label"} <= _FACTS:
        raise ValueError(f"{value!r:.80} is no instance: it has a label and may have {', '.join(sorted(_FACTS))}")
    return Meaning(name, {key: one for key, one in value.items() if key != "label"})


def facts(annotation: Annotation) -> str | dict[str, Any]:
    """An annotation without its shape, as a table holds it: its label alone where there is no more."""
    told = annotation.model_dump(mode="json", exclude={"shape"}, exclude_defaults=True)
    return told if len(told) > 1 else annotation.label


def annotation_facts(found: Meaning) -> dict[str, Any]:
    """What of an `Annotation` a meaning tells. Raises DataError."""
    told = dict(found.facts)
    try:
        if isinstance(told.get("box"), dict):
            told["box"] = Box(**told["box"])
        Annotation(label=found.label or "void", shape=Box(x=0, y=0, width=0, height=0), **told)
    except ValueError as error:
        raise DataError(f"the facts of an instance of {found.label!r} are wrong", code="mask-data-facts") from error
    return told
