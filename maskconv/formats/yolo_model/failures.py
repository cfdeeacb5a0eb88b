"""What both engines say where they fail."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

from maskconv.errors import MaskconvError, MissingDependencyError, OptionError, SourceError
from maskconv.finding import Where

__all__ = ["no_device", "no_gpu", "no_package", "not_loaded", "not_run", "not_segmenting"]

# What runs Ultralytics' exports, as it is installed, by what is imported. Others may be anything that a pickle names.
RUNTIMES = {
    "MNN": "MNN",
    "ai_edge_litert": "ai_edge_litert",
    "coremltools": "coremltools",
    "executorch": "executorch",
    "ncnn": "ncnn",
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
    "paddle": "paddlepaddle",
    "rknnlite": "rknn_toolkit_lite2",
    "tensorflow": "tensorflow",
    "tensorrt": "tensorrt",
}
# Errors of an engine's own code, which did not expect such weights; their words say nothing of these.
INTERNAL = (AttributeError, NameError, LookupError, StopIteration, AssertionError)


def not_segmenting(path: Path, found: str) -> SourceError:
    text = f"{found}, not a model for instance segmentation, and makes no masks"
    fix = "take weights that were trained with the task segment, such as yolo11n-seg.pt"
    return SourceError(text, where=Where(path=str(path)), code="yolo-not-segmentation", fix=fix)


def not_loaded(path: Path, error: Exception, engine: str) -> MaskconvError:
    """A runtime that is missing, or weights that are none."""
    if isinstance(error, ImportError) and (package := RUNTIMES.get((error.name or "").partition(".")[0])):
        return _missing(package, f"pip install {package}", error)
    inner = isinstance(error, INTERNAL)
    why = ": they are damaged, or not what their name says" if inner else f" ({_reason(error, path)})"
    fix = "copy or export the file again: yolo export model=best.pt format=onnx dynamic=True"
    where = Where(path=str(path))
    return SourceError(f"{engine} cannot load these weights{why}", where=where, code="yolo-weights-corrupt", fix=fix)


def not_run(path: Path, error: Exception, shape: Sequence[int]) -> SourceError:
    text = f"the model failed on pictures of {shape[3]} x {shape[2]} pixels ({_reason(error, path)})"
    fix = "try another --imgsz, --batch 1 or --device cpu"
    return SourceError(text, where=Where(path=str(path)), code="yolo-model-failed", fix=fix)


def _reason(error: Exception, path: Path) -> str:
    """An engine's first sentence, without its decoration and the path, which ours begins with."""
    text = str(error).strip().split("\n", maxsplit=1)[0].replace(str(path), path.name)
    text = re.sub(r"^(ERROR \S+ |\[ONNXRuntimeError\] : \d+ : \w+ : )", "", text)
    text = re.split(r"\.(?= [A-Z]|$)", text, maxsplit=1)[0]
    return _closed(textwrap.shorten(text, 160, placeholder=" ...")) or type(error).__name__


def _closed(text: str) -> str:
    """With the brackets closed that shortening left open."""
    pairs, missing = {"(": ")", "[": "]", "{": "}"}, list[str]()
    for letter in text:
        if letter in pairs:
            missing.append(pairs[letter])
        elif missing and letter == missing[-1]:
            missing.pop()
    return text + "".join(reversed(missing))


def no_package(package: str, extra: str, error: ImportError) -> MissingDependencyError:
    return _missing(package, f"pip install 'maskconv[{extra}]'", error)


def _missing(package: str, command: str, error: ImportError) -> MissingDependencyError:
    text = f"these weights need {package}, which cannot be imported ({error})"
    return MissingDependencyError(text, fix=f"install it with: {command}")


def no_gpu(path: Path) -> SourceError:
    text = "this is an engine of TensorRT, which runs on NVIDIA GPUs only, and there is none that torch can use"
    fix = "take the .pt that it was made of, or export that: yolo export model=best.pt format=onnx dynamic=True"
    return SourceError(text, where=Where(path=str(path)), code="yolo-no-device", fix=fix)


def no_device(device: str, there: Sequence[str], fix: str) -> OptionError:
    text = f"the device {device!r} is not there; there is {', '.join(there)}"
    return OptionError(text, fix=fix, code="yolo-no-device")
