"""YOLO segmentation labels, as Ultralytics trains on and predicts them. See docs/formats/yolo-seg.md."""

from __future__ import annotations

from maskconv.formats.yolo_seg.expects import expects
from maskconv.formats.yolo_seg.read import YoloSegReader
from maskconv.formats.yolo_seg.sniff import sniff
from maskconv.formats.yolo_seg.write import YoloSegWriter
from maskconv.plugin import Format

__all__ = ["FORMAT"]

FORMAT = Format(
    name="yolo-seg",
    title="YOLO segmentation labels (Ultralytics)",
    suffixes=(),
    sniff=sniff,
    reader=YoloSegReader,
    writer=YoloSegWriter,
    expects=expects,
)
