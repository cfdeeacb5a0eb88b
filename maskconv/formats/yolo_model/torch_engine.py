"""Weights that Ultralytics loads: its own .pt, and whatever else its AutoBackend knows.

Ultralytics (AGPL-3.0) is imported here only, as an optional package. Its import changes the process: that is undone.
It is kept off the network, and its settings go to a folder that vanishes with the process.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from maskconv._opencv import opencv
from maskconv.formats.yolo_model import failures, metadata
from maskconv.formats.yolo_model.engine import LEAST_STRIDE, Engine, Facts, Floats

QUIET = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}
_settings: list[Any] = []  # the folder that holds Ultralytics' settings while this process lives


class TorchEngine(Engine):
    """Ultralytics' AutoBackend, of 8.3 or 8.4. Raises SourceError, OptionError, MissingDependencyError."""

    def __init__(self, path: Path, device: str | None, threads: int | None) -> None:
        self._path = path
        self._torch, kind = _imported()
        self._threads = self._torch.get_num_threads()
        place = _device(self._torch, device)
        if path.suffix.lower() == ".engine" and not self._torch.cuda.is_available():
            raise failures.no_gpu(path)
        head = (
            {"end2end": False} if "end2end" in signature(kind).parameters else {}
        )  # as Ultralytics predicts by default
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                self._model = kind(str(path), device=place, verbose=False, **head)
        except Exception as error:
            raise failures.not_loaded(path, error, "Ultralytics") from error
        self._model.eval()
        self.facts = _facts(self._model)
        if threads is not None:
            self._torch.set_num_threads(threads)

    def run(self, batch: Floats) -> tuple[Floats, Floats]:
        torch = self._torch
        try:
            with torch.inference_mode():
                found = self._model(torch.from_numpy(batch).to(self._model.device))
                pair = _pair(found)
                if pair is None:
                    raise failures.not_segmenting(self._path, "this network has no output of prototypes")
                return _array(pair[0]), _array(pair[1])
        except RuntimeError as error:
            raise failures.not_run(self._path, error, batch.shape) from error

    def close(self) -> None:
        self._torch.set_num_threads(self._threads)


def _array(tensor: Any) -> Floats:
    return np.asarray(tensor.float().cpu().numpy(), np.float32)


def _pair(found: Any) -> tuple[Any, Any] | None:
    """Output and prototypes of what a model returns: nested differently by weights of torch, exports, 8.3 and 8.4."""
    if not isinstance(found, list | tuple) or len(found) < 2:
        return None
    first, second = found[0], found[1]
    if isinstance(first, list | tuple):
        first, second = first[0], first[1]
    elif isinstance(second, list | tuple):
        second = second[-1]
    if getattr(first, "ndim", 0) == 3 and getattr(second, "ndim", 0) == 4:
        return first, second
    return None


def _device(torch: Any, device: str | None) -> Any:
    """The one named: ``cpu``, ``0``, ``cuda:0``, ``mps``; where none is, the first GPU, or the CPU."""
    there = [f"cuda:{number}" for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)]
    there += ["mps"] if torch.backends.mps.is_available() else []
    if not device:
        return torch.device(there[0] if there and there[0].startswith("cuda") else "cpu")
    name = f"cuda:{device}" if device.isdecimal() else "cuda:0" if device == "cuda" else device
    if name != "cpu" and name not in there:
        raise failures.no_device(device, ["cpu", *there], "leave --device out, or install a torch that knows it")
    return torch.device(name)


def _facts(model: Any) -> Facts:
    inner = getattr(model, "model", None)
    own = getattr(model, "format", "") == "pt" or bool(getattr(model, "pt", False))
    trained = getattr(inner, "args", None)
    size = metadata.size_of(
        trained.get("imgsz") if own and isinstance(trained, dict) else metadata.literal(getattr(model, "imgsz", None))
    )
    fixed = not own and not getattr(model, "dynamic", False)
    return Facts(
        names=metadata.class_names(model.names),
        task=str(getattr(inner if own else model, "task", None) or ""),
        stride=max(int(model.stride), LEAST_STRIDE),
        size=size or (640, 640),
        fixed=fixed,
        batch=(int(getattr(model, "batch", 1) or 1)) if fixed else None,
        channels=int(getattr(model, "channels", None) or getattr(model, "ch", None) or 3),
        end2end=bool(getattr(model, "end2end", False)),
    )


# --- the import -------------------------------------------------------------------------------------------------------


def _imported() -> tuple[Any, Any]:
    """torch and Ultralytics' AutoBackend."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import torch

            with _contained(torch):
                from ultralytics.nn.autobackend import AutoBackend
    except ImportError as error:
        raise failures.no_package("ultralytics", "yolo", error) from error
    return torch, AutoBackend


@contextlib.contextmanager
def _contained(torch: Any) -> Iterator[None]:
    """Import Ultralytics quiet and offline, unless the user's environment says otherwise, and undo what that changes:
    environment, threads of torch and OpenCV, how arrays are printed, functions of both that it puts its own in place of.
    """
    cv2 = opencv()
    environment, printing = dict(os.environ), np.get_printoptions()
    threads, shown = (torch.get_num_threads(), cv2.getNumThreads()), vars(torch._tensor_str.PRINT_OPTS).copy()  # noqa: SLF001
    replaced = [(torch, "save"), *((cv2, name) for name in ("imread", "imwrite", "imshow"))]
    own = [(place, name, getattr(place, name)) for place, name in replaced if hasattr(place, name)]
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if "ultralytics" not in sys.modules and "YOLO_CONFIG_DIR" not in os.environ:
        _settings.append(tempfile.TemporaryDirectory(prefix="maskconv-ultralytics-"))
        os.environ["YOLO_CONFIG_DIR"] = _settings[-1].name
    try:
        yield
    finally:
        for place, name, value in own:
            setattr(place, name, value)
        os.environ.clear()
        os.environ.update(environment)
        np.set_printoptions(**printing)
        vars(torch._tensor_str.PRINT_OPTS).update(shown)  # noqa: SLF001 - there is no public way to read them
        torch.set_num_threads(threads[0])
        cv2.setNumThreads(threads[1])
