"""What a Labelbox project expects: the tools of its ontology."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from maskconv.against import Expected
from maskconv.errors import SourceError
from maskconv.finding import Where
from maskconv.formats.labelbox_ndjson.tables import MASK_TOOLS, tools_of
from maskconv.plugin import Probe

__all__ = ["expects"]

_WITHIN = frozenset({"tools", "normalized", "ontology"})
_MOST = 1 << 28


def expects(probe: Probe) -> Expected | None:
    """A normalised ontology ``{"tools": [...]}``, by itself or within a project's or an ontology's JSON."""
    if probe.kind != "file" or not probe.keys & _WITHIN:
        return None
    where = Where(path=str(probe.path))
    try:
        if probe.path.stat().st_size > _MOST:
            raise SourceError(f"has more than {_MOST:,} bytes", where=where, fix="name the ontology's JSON")
        document = orjson.loads(probe.path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return None
    tools = tools_of(document)
    if tools is None:
        return None
    labels = {str(t["name"]): str(t.get("tool") or "") for t in tools if isinstance(t, Mapping) and t.get("name")}
    name = document.get("name")
    return Expected(f"the ontology {name!r}" if name else "the ontology", labels, masks=MASK_TOOLS)
