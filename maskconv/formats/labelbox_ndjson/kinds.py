"""Which records are segmentations of a picture, and what the others are."""

from __future__ import annotations

from typing import Any

__all__ = ["foreign", "is_video", "unknown_keys"]

# key of a record -> what such a record is; the first that fits counts
_FOREIGN = {
    "segments": "an object in a video",
    "frames": "a classification of video frames",
    "groupKey": "an annotation of a DICOM group",
    "page": "an annotation on a document's page",
    "textSelections": "an entity in a document",
    "messageEvaluationTask": "an evaluation of chat messages",
    "messageId": "an entity in a conversation",
    "location": "an entity in a text",
    "relationship": "a relationship between annotations",
    "metricValue": "a metric",
    "metricName": "a metric",
    "answer": "a classification of the whole data row",
    "answers": "a classification of the whole data row",
    "point": "a point",
    "line": "a line",
}
_KEYS = frozenset(_FOREIGN)
_KNOWN = frozenset(
    {"uuid", "dataRow", "name", "schemaId", "classifications", "confidence", "customMetrics", "mask", "polygon", "bbox"}
)


def is_video(record: dict[str, Any]) -> bool:
    """Whether a record has the masks of a video or of a DICOM series."""
    return record.get("masks") is not None


def foreign(record: dict[str, Any]) -> str:
    """What a record is that is no segmentation of a picture, in words; empty for one that may be."""
    if _KEYS.isdisjoint(record) or is_video(record):
        return ""
    return next((kind for key, kind in _FOREIGN.items() if record.get(key) is not None), "")


def unknown_keys(record: dict[str, Any]) -> list[str]:
    """Keys that mean nothing to an import of pictures, and have a value."""
    if _KNOWN.issuperset(record):
        return []
    return sorted(key for key, value in record.items() if key not in _KNOWN and value is not None)
