"""A segmentation model as a source: pictures in, instances out. Weights of Ultralytics (.pt and others), or ONNX."""

from maskconv.formats.yolo_model.expects import expects
from maskconv.formats.yolo_model.read import YoloModelReader
from maskconv.plugin import Format, Probe


def sniff(probe: Probe) -> bool:
    """Never: pictures are read with a model only where it is named."""
    del probe
    return False


FORMAT = Format(
    name="yolo-model",
    title="Pictures, predicted by a YOLO segmentation model",
    suffixes=(),
    sniff=sniff,
    reader=YoloModelReader,
    expects=expects,
)
