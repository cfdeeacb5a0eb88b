"""Stands in for torchvision in tests: Linux has no build of it for CPUs alone in the package index, and Ultralytics requires
the package but calls one of its functions."""

from types import SimpleNamespace

__version__ = "0.28.0+stub"


def _nms(boxes, scores, iou_threshold):  # type: ignore[no-untyped-def]
    from ultralytics.utils.nms import TorchNMS

    return TorchNMS.nms(boxes, scores, iou_threshold)


ops = SimpleNamespace(nms=_nms)
