"""The tables that options name, and the schema ids of labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from maskconv.errors import OptionError
from maskconv.finding import Where
from maskconv.options import nearest

__all__ = ["MASK_TOOLS", "Schemas", "Table", "bad", "load", "read", "schemas", "tools_of"]

Table = Path | dict[str, Any]
_MAX = 2**28
MASK_TOOLS = frozenset({"raster-segmentation", "superpixel", "segmentation", "mask"})
_TOOLS = {
    "mask": MASK_TOOLS,
    "polygon": frozenset({"polygon"}),
    "bbox": frozenset({"rectangle", "bounding-box", "bbox"}),
}


def bad(text: str, source: Table, fix: str) -> OptionError:
    """The error that a table is."""
    where = Where(path=str(source)) if isinstance(source, Path) else None
    return OptionError(text, where=where, fix=fix, code="option-value")


def read(path: Path) -> bytes:
    """A table's file. Raises OptionError."""
    try:
        if path.stat().st_size > _MAX:
            raise bad(f"the file has more than {_MAX:,} bytes", path, "is this the right file?")
        return path.read_bytes()
    except OSError as error:
        raise bad(f"cannot be read ({error.strerror})", path, "check the path") from error


def load(source: Table) -> Any:
    """A table's JSON. Raises OptionError."""
    if isinstance(source, Mapping):
        return source
    try:
        return orjson.loads(read(source).removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise bad(f"this is no JSON ({error})", source, "give a JSON file") from error


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
    """From ``{"label": "schemaId"}`` or a project's normalised ontology ``{"tools": [...]}``, which may lie within a
    project's or an ontology's JSON. Raises OptionError."""
    table = load(source)
    fix = 'give {"label": "schema id"} or the project\'s normalised ontology {"tools": [...]}'
    if not isinstance(table, Mapping):
        raise bad("the schema ids are no JSON object", source, fix)
    found: dict[str, dict[str, str]] = {}
    tools = tools_of(table)
    for label, tool, schema in _flat(table) if tools is None else _ontology(tools):
        if not isinstance(label, str) or not isinstance(schema, str) or not schema:
            raise bad(f"the label {label!r} has the schema id {schema!r}, which is no text", source, fix)
        found.setdefault(label, {})[str(tool)] = schema
    if not found:
        raise bad("it has no schema ids", source, fix)
    return Schemas(found, {schema: label for label, tools in found.items() for schema in tools.values()})


def tools_of(document: Any) -> list[Any] | None:
    """The tools of a normalised ontology, by itself or within a project's or an ontology's JSON; None where it is none."""
    for _ in range(4):
        if not isinstance(document, Mapping):
            return None
        tools = document.get("tools")
        if isinstance(tools, list):
            return tools
        document = document.get("normalized") or document.get("ontology")
    return None


def _flat(table: Mapping[str, Any]) -> list[tuple[Any, str, Any]]:
    return [(label, "", schema) for label, schema in table.items()]


def _ontology(tools: list[Any]) -> list[tuple[Any, str, Any]]:
    """``featureSchemaId`` is the id that imports want; older dumps have only ``schemaNodeId``."""
    good = [tool for tool in tools if isinstance(tool, Mapping)]
    return [(t.get("name"), t.get("tool") or "", t.get("featureSchemaId") or t.get("schemaNodeId")) for t in good]
