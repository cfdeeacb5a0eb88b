"""Weights in ONNX, run by onnxruntime."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from maskconv.formats.yolo_model import failures, metadata
from maskconv.formats.yolo_model.engine import LEAST_STRIDE, Engine, Facts, Floats
from maskconv.pool import cores

SILENT = 4  # onnxruntime's level for fatal errors only; what goes wrong is raised as well
KINDS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxEngine(Engine):
    """An onnxruntime session. Raises SourceError, OptionError, MissingDependencyError."""

    def __init__(self, path: Path, device: str | None, threads: int | None) -> None:
        self._path = path
        self._session = _session(path, device, threads)
        given = self._session.get_inputs()
        if len(given) != 1 or len(given[0].shape) != 4 or given[0].type not in KINDS:
            raise failures.not_segmenting(path, "this network does not take pictures")
        self._input, self._kind = given[0].name, KINDS[given[0].type]
        outputs = [len(output.shape) for output in self._session.get_outputs()]
        written = self._session.get_modelmeta().custom_metadata_map
        self.facts = _facts(written, given[0].shape)
        if outputs != [3, 4] and self.facts.task in ("", "segment"):
            raise failures.not_segmenting(path, f"this network has outputs of {outputs} dimensions instead of [3, 4]")

    def run(self, batch: Floats) -> tuple[Floats, Floats]:
        count = len(batch)
        if self.facts.batch is not None and count < self.facts.batch:
            batch = np.concatenate([batch, np.zeros((self.facts.batch - count, *batch.shape[1:]), np.float32)])
        try:
            found = self._session.run(None, {self._input: batch.astype(self._kind, copy=False)})
        except Exception as error:  # onnxruntime's errors have no common base
            raise failures.not_run(self._path, error, batch.shape) from error
        output, prototypes = (np.asarray(each[:count], np.float32) for each in found)
        return output, prototypes


def _session(path: Path, device: str | None, threads: int | None) -> Any:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # importing it would begin, and write into the home folder
    try:
        import onnxruntime
    except ImportError as error:
        raise failures.no_package("onnxruntime", "onnx", error) from error
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    options.intra_op_num_threads = threads or cores()
    providers = _providers(device, onnxruntime.get_available_providers())
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime's errors have no common base
        raise failures.not_loaded(path, error, "onnxruntime") from error


def _providers(device: str | None, available: list[str]) -> list[Any]:
    """The CPU, or with ``cuda``, ``cuda:1`` or ``1`` that GPU."""
    if device in (None, "", "cpu"):
        return ["CPUExecutionProvider"]
    number = device.removeprefix("cuda").removeprefix(":") or "0"
    if number.isdecimal() and "CUDAExecutionProvider" in available:
        return [("CUDAExecutionProvider", {"device_id": int(number)}), "CPUExecutionProvider"]
    there = ["cpu", *(["cuda:0"] if "CUDAExecutionProvider" in available else [])]
    raise failures.no_device(device, there, "leave --device out, or install onnxruntime-gpu for an NVIDIA GPU")


def _facts(written: dict[str, str], shape: list[Any]) -> Facts:
    """What the export wrote into the file; the input's own shape counts where it is fixed."""
    told = {
        name: metadata.literal(text) for name, text in written.items() if name in {"names", "imgsz", "stride", "args"}
    }
    batch, channels, height, width = (side if isinstance(side, int) and side > 0 else None for side in shape)
    size = metadata.size_of(told.get("imgsz")) or (640, 640)
    suppressed = isinstance(told.get("args"), dict) and told["args"].get("nms")
    return Facts(
        names=metadata.class_names(told.get("names")),
        task=written.get("task", ""),
        stride=max(told["stride"], LEAST_STRIDE) if isinstance(told.get("stride"), int) else LEAST_STRIDE,
        size=(height or size[0], width or size[1]),
        fixed=height is not None or width is not None,
        batch=batch,
        channels=channels or 3,
        end2end=written.get("end2end") == "True" or bool(suppressed),
    )
