"""What looks like CVAT's masks and is not: other exports of CVAT, and Pascal VOC's boxes."""

from __future__ import annotations

from maskconv.plugin import Probe

__all__ = ["explain"]

_AGAIN = 'export the task from CVAT again, as "Segmentation mask 1.1"'


def explain(probe: Probe) -> tuple[str, str] | None:
    """What a source is that is no set of masks, and what to do; None where it has nothing of CVAT or VOC."""
    if probe.kind == "file":
        return _xml() if b"<annotations" in probe.head else None
    parts = {(part, suffix) for folder, suffix in probe.entries for part in folder.split("/")}
    if {("Annotations", ".xml"), ("Main", ".txt")} & parts:
        text = 'this is Pascal VOC, or CVAT\'s "Pascal VOC 1.1": boxes in XML, and no masks (there is no SegmentationClass)'
        return text, f"{_AGAIN}, or add the folders SegmentationClass and SegmentationObject"
    return _xml() if any(suffix == ".xml" for _, suffix in probe.entries) else None


def _xml() -> tuple[str, str]:
    text = 'it is XML as "CVAT for images 1.1" has it, which is not read; a set can be compared with it: --against'
    return text, _AGAIN
