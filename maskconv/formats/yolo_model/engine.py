"""What runs a network, and what is known of it: the two engines behind one face, chosen by the weights' suffix."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskconv.errors import SourceError
from maskconv.finding import Where
from maskconv.formats.yolo_model import failures

Floats = NDArray[np.float32]
LEAST_STRIDE = 32  # Ultralytics pads for its own weights to multiples of at least this
MOST_SIDE, MOST_STRIDE, MOST_BATCH = 8192, 1024, 256  # what weights may say of their input
EXPORTED = re.compile(r".*(_model|\.mlpackage|\.aimodel)", re.IGNORECASE)  # folders that Ultralytics exports to
OFFICIAL = re.compile(r"yolo[\w-]*-seg\.(pt|onnx)", re.IGNORECASE)


@dataclass(frozen=True)
class Facts:
    """What weights say of themselves. ``size`` is (height, width); where it is ``fixed`` the input has exactly that, and
    ``batch`` pictures (None: any number)."""

    names: tuple[str, ...]
    task: str = ""
    stride: int = LEAST_STRIDE
    size: tuple[int, int] = (640, 640)
    fixed: bool = False
    batch: int | None = None
    channels: int = 3
    end2end: bool = False


class Engine(ABC):
    """Loaded weights. Not for several threads at once."""

    facts: Facts

    @abstractmethod
    def run(self, batch: Floats) -> tuple[Floats, Floats]:
        """Output (n, ...) and prototypes (n, k, h, w) of a batch (n, 3, height, width), float32."""

    def close(self) -> None:  # noqa: B027 - most have nothing to do
        """Give back what the process was changed for."""


def load(model: str | Path, device: str | None, threads: int | None) -> Engine:
    """The weights, ready to run. Raises SourceError, OptionError (a device that is not there), MissingDependencyError."""
    path = Path(model)
    if not path.exists():
        raise _missing(path)
    if not path.is_file() and not (path.is_dir() and EXPORTED.fullmatch(path.resolve().name)):
        raise _no_file(path)
    if path.suffix.lower() == ".onnx":
        from maskconv.formats.yolo_model.onnx_engine import OnnxEngine

        engine: Engine = OnnxEngine(path, device, threads)
    else:
        from maskconv.formats.yolo_model.torch_engine import TorchEngine

        engine = TorchEngine(path, device, threads)
    try:
        _check(path, engine.facts)
        if not engine.facts.names:
            engine.facts = replace(engine.facts, names=_numbered(path, engine))
    except SourceError:
        engine.close()
        raise
    return engine


def _numbered(path: Path, engine: Engine) -> tuple[str, ...]:
    """Names for the classes of weights that have none, as many as the output has."""
    output, prototypes = engine.run(np.zeros((1, 3, *engine.facts.size), np.float32))
    count = output.shape[1] - 4 - prototypes.shape[1]
    if engine.facts.end2end or count < 1 or output.shape[2] == 6 + prototypes.shape[1]:
        text, fix = "these weights do not name their classes", "export the model again with Ultralytics"
        raise SourceError(text, where=Where(path=str(path)), code="yolo-outputs", fix=fix)
    return tuple(f"class{number}" for number in range(count))


def _missing(path: Path) -> SourceError:
    fix = "give the path of a .pt or .onnx file of a segmentation model"
    if OFFICIAL.fullmatch(path.name) and path.suffix == ".pt":
        fix += f"; Ultralytics' own is fetched with: python -c \"from ultralytics import YOLO; YOLO('{path.name}')\""
    return SourceError("there are no such weights", where=Where(path=str(path)), code="yolo-no-weights", fix=fix)


def _no_file(path: Path) -> SourceError:
    """Of a folder, such as that of a training, its own weights are named."""
    found = sorted(one for place in (path, path / "weights") for kind in ("*.onnx", "*.pt") for one in place.glob(kind))
    best = [one for one in found if one.stem == "best"] or found
    whose = "its" if len(best) == 1 else "one of its"
    fix = f"give {whose} weights: --model {best[0]}" if best else "give the path of a .pt or .onnx file"
    text = f"this is {'a folder' if path.is_dir() else 'no file'}, and weights are a file"
    return SourceError(text, where=Where(path=str(path)), code="yolo-no-weights", fix=fix)


def _check(path: Path, facts: Facts) -> None:
    if facts.task not in ("", "segment"):
        raise failures.not_segmenting(path, f"this is a model for the task {facts.task!r}")
    if facts.channels != 3:
        text = f"the model takes pictures of {facts.channels} channels; maskconv reads colour pictures, of 3"
        fix = "take a model for colour pictures"
        raise SourceError(text, where=Where(path=str(path)), code="yolo-channels", fix=fix)
    height, width = facts.size
    batch = facts.batch or 1
    if max(height, width) > MOST_SIDE or not 0 < facts.stride <= MOST_STRIDE or batch > MOST_BATCH:
        text = f"the model says that it takes {batch} x {height} x {width} pixels at stride {facts.stride}"
        fix = f"export it with an imgsz of at most {MOST_SIDE} and a batch of at most {MOST_BATCH}"
        raise SourceError(text, where=Where(path=str(path)), code="yolo-input", fix=fix)
