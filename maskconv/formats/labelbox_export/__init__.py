"""What Labelbox exports: v1 JSON, v2 NDJSON, frames of videos and DICOM series. See docs/formats/labelbox-export.md."""

from __future__ import annotations

from maskconv.formats.labelbox_export.read import ExportReader
from maskconv.plugin import Format, Probe

__all__ = ["FORMAT"]

_SHAPES = (
    frozenset({"data_row", "projects"}),
    frozenset({"data_row", "media_attributes"}),
    frozenset({"data_row", "experiments"}),
    frozenset({"DataRow ID", "Label"}),
    frozenset({"Labeled Data", "Label"}),
    frozenset({"frameNumber", "objects"}),
    frozenset({"featureId", "schemaId"}),
)


def _sniff(probe: Probe) -> bool:
    """The keys of the first row, frame or object; imports say ``dataRow``."""
    return probe.kind == "file" and "dataRow" not in probe.keys and any(keys <= probe.keys for keys in _SHAPES)


FORMAT = Format(
    name="labelbox-export",
    title="Labelbox export (v1 JSON, v2 NDJSON)",
    suffixes=(".ndjson", ".jsonl", ".json"),
    sniff=_sniff,
    reader=ExportReader,
)
