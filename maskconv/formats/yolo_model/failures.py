"""What both engines say where they fail."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

from maskconv.errors import MissingDependencyError, OptionError, SourceError
from maskconv.finding import Where

__all__ = ["no_device", "no_package", "not_loaded", "not_run", "not_segmenting"]


def not_segmenting(path: Path, found: str) -> SourceError:
    text = f"{found}, not a model for instance segmentation, and makes no masks"
    fix = "take weights that were trained with the task segment, such as yolo11n-seg.pt"
    return SourceError(text, where=Where(path=str(path)), code="yolo-not-segmentation", fix=fix)


def not_loaded(path: Path, error: Exception, engine: str) -> SourceError:
    text = f"{engine} cannot load these weights ({_reason(error, path)})"
    fix = "copy or export the file again: yolo export model=best.pt format=onnx dynamic=True"
    return SourceError(text, where=Where(path=str(path)), code="yolo-weights-corrupt", fix=fix)


def not_run(path: Path, error: Exception, shape: Sequence[int]) -> SourceError:
    text = f"the model failed on pictures of {shape[3]} x {shape[2]} pixels ({_reason(error, path)})"
    fix = "try another --imgsz, --batch 1 or --device cpu"
    return SourceError(text, where=Where(path=str(path)), code="yolo-model-failed", fix=fix)


def _reason(error: Exception, path: Path) -> str:
    """An engine's first line, without its decoration and the path, which the sentence begins with."""
    text = str(error).strip().split("\n", maxsplit=1)[0].replace(str(path), path.name)
    text = re.sub(r"^(ERROR \S+ |\[ONNXRuntimeError\] : \d+ : \w+ : )", "", text)
    return textwrap.shorten(text, 160, placeholder=" ...") or type(error).__name__


def no_package(package: str, extra: str, error: ImportError) -> MissingDependencyError:
    text = f"these weights need {package}, which cannot be imported ({error})"
    return MissingDependencyError(text, fix=f"install it with: pip install 'maskconv[{extra}]'")


def no_device(device: str, there: Sequence[str], fix: str) -> OptionError:
    text = f"the device {device!r} is not there; there is {', '.join(there)}"
    return OptionError(text, fix=fix, code="yolo-no-device")
