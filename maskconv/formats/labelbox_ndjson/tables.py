"""The tables that options name: schema ids of labels, and data row ids of items."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from maskconv.errors import OptionError
from maskconv.finding import Where
from maskconv.formats.labelbox_ndjson.names import stem
from maskconv.options import nearest

__all__ = ["DataRows", "Schemas", "Table", "data_rows", "schemas"]

Table = Path | dict[str, Any]
_MAX = 2**28
_TOOLS = {
    "mask": frozenset({"raster-segmentation", "superpixel", "segmentation", "mask"}),
    "polygon": frozenset({"polygon"}),
    "bbox": frozenset({"rectangle", "bounding-box", "bbox"}),
}
_ITEM_HEADERS = frozenset(
    {"item", "name", "image", "file", "filename", "file_name", "global_key", "globalkey", "external_id", "externalid"}
)
_ID_HEADERS = frozenset({"id", "data_row_id", "datarowid", "data_row", "datarow", "data row id", "data row"})


def _bad(text: str, source: Table, fix: str) -> OptionError:
    where = Where(path=str(source)) if isinstance(source, Path) else None
    return OptionError(text, where=where, fix=fix, code="option-value")


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX:
            raise _bad(f"the file has more than {_MAX:,} bytes", path, "is this the right file?")
        return path.read_bytes()
    except OSError as error:
        raise _bad(f"cannot be read ({error.strerror})", path, "check the path") from error


def _json(source: Table) -> Any:
    if isinstance(source, Mapping):
        return source
    try:
        return orjson.loads(_read(source).removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise _bad(f"this is no JSON ({error})", source, "give a JSON file") from error


# --- schema ids -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Schemas:
    """Schema ids of labels. ``ids[label]`` has an id for each tool, "" standing for any."""

    ids: dict[str, dict[str, str]]
    labels: dict[str, str] = field(default_factory=dict)  # the inverse

    def find(self, label: str, kind: str) -> str | None:
        """The id for a label's records of that kind (mask, polygon, bbox)."""
        tools = self.ids.get(label, {})
        return next((tools[tool] for tool in tools if not tool or tool in _TOOLS[kind]), None)

    def missing(self, label: str, kind: str) -> str:
        """Why there is none, in words."""
        if tools := self.ids.get(label):
            return f"the schema ids have {label!r} as {' and '.join(sorted(tools))}, not as a tool for a {kind}"
        known = ", ".join(sorted(self.ids)) or "none"
        return f"the schema ids have no {label!r}{nearest(label, self.ids)}; they have {known}"

    def odd(self) -> list[str]:
        """Ids that are not of the 25 characters that Labelbox' ids have."""
        return sorted(schema for schema in self.labels if len(schema) != 25)


def schemas(source: Table) -> Schemas:
    """From ``{"label": "schemaId"}`` or a project's normalised ontology ``{"tools": [...]}``. Raises OptionError."""
    table = _json(source)
    fix = 'give {"label": "schema id"} or the project\'s normalised ontology {"tools": [...]}'
    if not isinstance(table, Mapping):
        raise _bad("the schema ids are no JSON object", source, fix)
    found: dict[str, dict[str, str]] = {}
    for label, tool, schema in _ontology(table["tools"]) if isinstance(table.get("tools"), list) else _flat(table):
        if not isinstance(label, str) or not isinstance(schema, str) or not schema:
            raise _bad(f"the label {label!r} has the schema id {schema!r}, which is no text", source, fix)
        found.setdefault(label, {})[str(tool)] = schema
    if not found:
        raise _bad("it has no schema ids", source, fix)
    return Schemas(found, {schema: label for label, tools in found.items() for schema in tools.values()})


def _flat(table: Mapping[str, Any]) -> list[tuple[Any, str, Any]]:
    return [(label, "", schema) for label, schema in table.items()]


def _ontology(tools: list[Any]) -> list[tuple[Any, str, Any]]:
    """``featureSchemaId`` is the id that imports want; older dumps have only ``schemaNodeId``."""
    good = [tool for tool in tools if isinstance(tool, Mapping)]
    return [(t.get("name"), t.get("tool") or "", t.get("featureSchemaId") or t.get("schemaNodeId")) for t in good]


# --- data rows --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DataRows:
    """Data row ids of items; items are known without their picture extension."""

    ids: dict[str, str]
    items: dict[str, str] = field(default_factory=dict)  # the inverse


def data_rows(source: Table) -> DataRows:
    """From ``{"item": "data row id"}``, as JSON or as a CSV of two columns. Raises OptionError."""
    pairs = _csv(source) if isinstance(source, Path) and source.suffix.lower() in (".csv", ".tsv") else _pairs(source)
    ids: dict[str, str] = {}
    items: dict[str, str] = {}
    for item, row in pairs:
        name = stem(item)
        if ids.setdefault(name, row) != row:
            raise _bad(f"the item {name!r} has two data rows, {ids[name]} and {row}", source, "keep one of them")
        if items.setdefault(row, name) != name:
            raise _bad(f"the data row {row} has two items, {items[row]!r} and {name!r}", source, "keep one of them")
    return DataRows(ids, items)


def _pairs(source: Table) -> list[tuple[str, str]]:
    table = _json(source)
    fix = 'give {"item": "data row id"}, or a CSV file with these two columns'
    if not isinstance(table, Mapping) or not all(isinstance(row, str) and row for row in table.values()):
        raise _bad("the data rows are no JSON object of texts", source, fix)
    return list(table.items())


def _csv(path: Path) -> list[tuple[str, str]]:
    """Two columns, item and id; a header line may name them in either order."""
    try:
        text = _read(path).decode("utf-8-sig")
        rows = [row for row in csv.reader(text.splitlines(), delimiter=_delimiter(text)) if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise _bad(f"is no CSV in UTF-8 ({error})", path, "save it as CSV, UTF-8") from error
    item, row_id = 0, 1
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    if len(_ID_HEADERS.intersection(header)) == 1:
        row_id = next(i for i, cell in enumerate(header) if cell in _ID_HEADERS)
        item = next((i for i, cell in enumerate(header) if cell in _ITEM_HEADERS), 0 if row_id else 1)
        rows = rows[1:]
    for number, row in enumerate(rows):
        if len(row) <= max(item, row_id) or not row[item].strip() or not row[row_id].strip():
            raise _bad(f"row {number + 1} has no item and data row id: {row}", path, "give two columns: item and id")
    return [(row[item].strip(), row[row_id].strip()) for row in rows]


def _delimiter(text: str) -> str:
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count)
