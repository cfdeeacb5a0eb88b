"""A segmentation model as a source: pictures in, instances out. Weights of Ultralytics (.pt and others), or ONNX."""

from shlex import quote

from maskconv.formats.yolo_model.expects import expects
from maskconv.formats.yolo_model.read import YoloModelReader
from maskconv.plugin import Format, Probe


def sniff(probe: Probe) -> bool:
    """Never: pictures are read with a model only where it is named."""
    del probe
    return False


def explain(probe: Probe) -> tuple[str, str] | None:
    """Pictures alone can be annotated."""
    if probe.kind == "zip" or not probe.pictures:
        return None
    return "", f"to annotate pictures: maskconv predict {quote(str(probe.path))} TARGET --model WEIGHTS"


FORMAT = Format(
    name="yolo-model",
    title="Pictures, predicted by a YOLO segmentation model",
    suffixes=(),
    sniff=sniff,
    reader=YoloModelReader,
    expects=expects,
    explain=explain,
)
