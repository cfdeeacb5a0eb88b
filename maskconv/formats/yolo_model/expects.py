"""What a model expects: its classes."""

from __future__ import annotations

from maskconv.against import Expected
from maskconv.errors import SourceError
from maskconv.finding import Where
from maskconv.plugin import Probe

__all__ = ["expects"]


def expects(probe: Probe) -> Expected | None:
    """The classes' names in an ONNX file. A .pt is a pickle, which is loaded to predict with it and for nothing else.

    Raises SourceError, MissingDependencyError (without onnxruntime).
    """
    if probe.kind != "folder" and probe.suffix == ".pt":
        text, fix = "the names in a .pt are not read", "export it: yolo export model=best.pt format=onnx"
        raise SourceError(text, where=Where(path=str(probe.path)), code="yolo-weights-pickle", fix=fix)
    if probe.kind != "file" or probe.suffix != ".onnx":
        return None
    from maskconv.formats.yolo_model.engine import load

    engine = load(probe.path, None, 1)
    try:
        return Expected(f"the model {probe.path.name}", dict.fromkeys(engine.facts.names, ""))
    finally:
        engine.close()
