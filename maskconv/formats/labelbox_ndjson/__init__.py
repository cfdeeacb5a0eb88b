"""Labelbox import NDJSON: a record an annotation, for pictures. See docs/formats/labelbox-ndjson.md."""

from __future__ import annotations

from maskconv.formats.labelbox_ndjson.ontology import expects
from maskconv.formats.labelbox_ndjson.read import LabelboxReader
from maskconv.formats.labelbox_ndjson.write import LabelboxWriter
from maskconv.plugin import Format, Probe

__all__ = ["FORMAT"]


def _sniff(probe: Probe) -> bool:
    """``dataRow`` in the first record; exports say ``data_row``."""
    return probe.kind == "file" and "dataRow" in probe.keys and "data_row" not in probe.keys


FORMAT = Format(
    name="labelbox-ndjson",
    title="Labelbox import NDJSON",
    suffixes=(".ndjson", ".jsonl", ".json"),
    sniff=_sniff,
    reader=LabelboxReader,
    writer=LabelboxWriter,
    expects=expects,
)
