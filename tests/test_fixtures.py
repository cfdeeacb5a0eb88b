"""Each fixture says what it holds: its content lies beside it as .mcv."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import maskconv
from tests.places import FIXTURES

INPUTS = sorted(
    path
    for path in FIXTURES.glob("*/*")
    if path.is_file() and path.suffix != ".mcv" and path.parent.name != "yolo-model"  # test_yolo_model_fixtures.py
)


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.relative_to(FIXTURES).as_posix())
def test_content(path: Path, tmp_path: Path) -> None:
    maskconv.convert(path, tmp_path / "read.mcv")
    found = (tmp_path / "read.mcv").read_bytes().replace(f"{path.parent}/".encode(), b"")  # pictures have paths
    assert found == path.with_suffix(".mcv").read_bytes()


def test_there_are_some() -> None:
    assert {path.parent.name for path in INPUTS} == {"cvat-mask", "labelbox-export", "labelbox-ndjson", "yolo-seg"}


def test_the_script_makes_them(tmp_path: Path) -> None:
    (tmp_path / "cvat-mask").mkdir()
    (tmp_path / "make.py").write_bytes((FIXTURES / "make.py").read_bytes())
    subprocess.run([sys.executable, tmp_path / "make.py"], check=True)
    made = maskconv.convert(tmp_path / "cvat-mask" / "street.zip", tmp_path / "made.mcv")
    assert made.instances == 71
    assert (tmp_path / "made.mcv").read_bytes() == (FIXTURES / "cvat-mask" / "street.mcv").read_bytes()
