"""Ultralytics as an engine leaves the process, the home folder, the working folder and the network alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import maskconv
from maskconv.errors import MissingDependencyError, OptionError, SourceError
from tests.places import ROOT
from tests.synthetic import FOLDER, ONNX, WEIGHTS

RUN = """
import json, os, socket, sys

def refuse(*args, **kwargs):
    asked.append(repr(args))
    raise OSError("no network here")

asked = []
for name in ("getaddrinfo", "gethostbyname", "create_connection"):
    setattr(socket, name, refuse)
for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse)

import cv2, numpy as np
import torch
cv2.setNumThreads(3)
torch.set_num_threads(2)
np.set_printoptions(precision=3)

def state():
    return {
        "environment": dict(os.environ),
        "threads": [cv2.getNumThreads(), torch.get_num_threads()],
        "functions": [repr(one) for one in (torch.save, torch.load, cv2.imread, cv2.imwrite, cv2.imshow, print)],
        "printing": [repr(np.get_printoptions()), repr(np.array([1 / 3])), repr(torch.tensor([1 / 3, 12345.6789]))],
    }

before = state()
import maskconv
with maskconv.open_reader(sys.argv[1], format="yolo-model", model=sys.argv[2]) as images:
    found = sum(len(image.annotations) for image in images)
    settings = os.environ.get("YOLO_CONFIG_DIR")
    from ultralytics.utils import USER_CONFIG_DIR
print(json.dumps({"same": before == state(), "before": before, "after": state(), "asked": asked, "found": found,
                  "settings": str(USER_CONFIG_DIR), "loaded": "ultralytics" in sys.modules}))
"""


def run(folder: Path, weights: Path = WEIGHTS, **environment: str) -> tuple[dict[str, Any], Path, Path]:
    """What a fresh process says, and its home and working folders afterwards."""
    home, place = folder / "home", folder / "place"
    home.mkdir()
    place.mkdir()
    told = {name: value for name, value in os.environ.items() if not name.startswith(("YOLO_", "OMP_", "XDG_", "MPL"))}
    told |= {"HOME": str(home), "USERPROFILE": str(home), "APPDATA": str(home), "PYTHONPATH": str(ROOT)} | environment
    command = [sys.executable, "-W", "error::UserWarning:maskconv", "-c", RUN, str(FOLDER / "pictures"), str(weights)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=place, env=told, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    return json.loads(line), home, place


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    said, home, place = run(tmp_path)
    assert said["found"] > 10
    assert said["after"] == said["before"]
    assert said["asked"] == []
    assert list(home.rglob("*")) == []
    assert list(place.rglob("*")) == []
    assert not Path(said["settings"]).exists()
    assert not Path(said["settings"]).is_relative_to(home)


def test_the_users_own_settings_count(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    said, home, _ = run(tmp_path, YOLO_CONFIG_DIR=str(own), OMP_NUM_THREADS="2")
    assert Path(said["settings"]).is_relative_to(own)
    assert said["after"] == said["before"]
    assert said["after"]["environment"]["OMP_NUM_THREADS"] == "2"
    assert list(home.rglob("*")) == []


def test_onnx_loads_no_ultralytics_and_no_torch(tmp_path: Path) -> None:
    code = "import sys, maskconv\nwith maskconv.open_reader(sys.argv[1], format='yolo-model', model=sys.argv[2]) as i: list(i)\n"
    code += "print({'torch', 'ultralytics'} & set(sys.modules))"
    command = [sys.executable, "-c", code, str(FOLDER / "pictures"), str(ONNX)]
    assert subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout == "set()\n"


def read(weights: Path, **options: Any) -> None:
    with maskconv.open_reader(FOLDER / "pictures", format="yolo-model", model=weights, **options) as images:
        list(images)


@pytest.mark.parametrize("task", ["detect", "classify", "pose", "obb"])
def test_other_tasks_are_refused(task: str, tmp_path: Path) -> None:
    from ultralytics import YOLO

    suffix = {"detect": "", "classify": "-cls", "pose": "-pose", "obb": "-obb"}[task]
    YOLO(f"yolo11n{suffix}.yaml").save(tmp_path / "model.pt")
    with pytest.raises(SourceError) as caught:
        read(tmp_path / "model.pt")
    assert caught.value.code == "yolo-not-segmentation"
    assert f"this is a model for the task {task!r}, not a model for instance segmentation" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty.pt", b"", "empty.pt is not a loadable checkpoint"),
        ("words.pt", b"these are words", "Ultralytics cannot load these weights ("),
        ("cut.pt", WEIGHTS.read_bytes()[:9999], "Ultralytics cannot load these weights ("),
        ("notes.md", b"# notes", "is not a supported model format"),
    ],
)
def test_what_is_no_model(
    name: str, data: bytes, reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError) as caught:
        read(tmp_path / name)
    assert caught.value.code == "yolo-weights-corrupt"
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).count("(") == str(caught.value).count(")")
    assert "ERROR" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [
        ("m_openvino_model", "openvino", "openvino"),
        ("m_saved_model", "tensorflow", "tensorflow"),
        ("m.mnn", "MNN", "MNN"),
    ],
)
def test_an_export_whose_runtime_is_missing(
    name: str,
    module: str,
    package: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    if name.endswith("_model"):
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).touch()
    with pytest.raises(MissingDependencyError) as caught:
        read(tmp_path / name)
    assert str(caught.value).startswith(f"these weights need {package}, which cannot be imported (")
    assert str(caught.value).endswith(f"; install it with: pip install {package}")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["m_web_model", "m_ncnn_model"])
def test_a_folder_that_is_no_export(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes to Ultralytics by its name, which finds nothing in it."""
    monkeypatch.setitem(sys.modules, "ncnn", ModuleType("ncnn"))
    (tmp_path / name).mkdir()
    with pytest.raises(SourceError) as caught:
        read(tmp_path / name)
    assert caught.value.code == "yolo-weights-corrupt"
    assert "Ultralytics cannot load these weights" in str(caught.value)
    assert str(caught.value).count("(") == str(caught.value).count(")")
    assert "NoneType" not in str(caught.value)


def test_an_engine_of_tensorrt_without_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (tmp_path / "m.engine").write_bytes(b"words")
    with pytest.raises(
        SourceError, match=r"m\.engine: this is an engine of TensorRT, which runs on NVIDIA GPUs only, and"
    ):
        read(tmp_path / "m.engine")


@pytest.mark.filterwarnings("ignore")  # torch finds its own format old
def test_an_export_is_read(tmp_path: Path) -> None:
    """TorchScript, which needs no other package."""
    from ultralytics import YOLO

    weights = Path(shutil.copy(WEIGHTS, tmp_path))
    assert YOLO(weights).export(format="torchscript", imgsz=160, verbose=False)
    with maskconv.open_reader(
        FOLDER / "pictures", format="yolo-model", model=weights.with_suffix(".torchscript")
    ) as images:
        assert images.labels.names == ("circle", "rectangle", "triangle", "ring")
        assert sum(len(image.annotations) for image in images) > 10


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(OptionError, match="the device 'cuda:7' is not there; there is cpu"):
        read(WEIGHTS, device="cuda:7")


def test_threads_are_the_models_only() -> None:
    import torch

    before = torch.get_num_threads()
    with maskconv.open_reader(FOLDER / "pictures", format="yolo-model", model=WEIGHTS, threads=before + 1) as images:
        assert torch.get_num_threads() == before + 1
        next(iter(images))
    assert torch.get_num_threads() == before
