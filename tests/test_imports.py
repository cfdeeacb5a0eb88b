"""What is loaded when: importing the package and asking for help are cheap, and the mask road needs no OpenCV."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FIXTURE = Path(__file__).resolve().parent.parent / "fixtures" / "cvat-mask" / "street.zip"
HEAVY = {"cv2", "PIL", "shapely", "torch", "ultralytics", "numpy", "pydantic", "orjson", "rich"}
SHOW = "\nimport sys, json\nprint(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"


def loaded(code, cwd=None):
    """The top-level packages that a fresh interpreter has loaded after running the code."""
    done = subprocess.run([sys.executable, "-c", code + SHOW], capture_output=True, text=True, check=True, cwd=cwd)
    return set(json.loads(done.stdout.splitlines()[-1]))


def command(*args):
    return f"from maskconv.cli import main\ntry:\n    main({list(args)!r})\nexcept SystemExit as e:\n    assert not e.code, e"


def test_importing_the_package_loads_nothing_heavy():
    assert not loaded("import maskconv") & HEAVY


@pytest.mark.parametrize(
    "args", [["--help"], ["--version"], ["convert", "--help"], ["validate", "--help"], ["formats", "--help"]]
)
def test_help_loads_nothing_heavy(args):
    assert not loaded(command(*args)) & HEAVY


def test_an_option_of_a_format_is_parsed_without_the_format():
    code = "from maskconv.cli import take_options\ntake_options(['convert', 'a', 'b', '--to-x', '1'])"
    assert not loaded(code) & HEAVY


@pytest.mark.skipif(os.name != "posix", reason="CPU time of children")
def test_help_is_quick():
    import resource

    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "maskconv", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 0.25


ROADS = [("street.zip", "out.ndjson"), ("out.ndjson", "back.zip"), ("back.zip", "files.ndjson", "--to-masks", "files")]


def test_the_mask_roads_load_no_opencv(tmp_path):
    """Nor anything else of the heavy kind that masks do not need."""
    (tmp_path / "street.zip").write_bytes(FIXTURE.read_bytes())
    for road in ROADS:
        assert not loaded(command("convert", *road), tmp_path) & {"cv2", "PIL", "shapely", "torch", "rich"}, road


@pytest.mark.parametrize("name", ["convert", "Mask", "Report", "LossError", "open_writer"])
def test_public_names_load_when_used(name):
    assert loaded(f"import maskconv\nmaskconv.{name}") & {"maskconv"}


def test_public_names_are_all_there():
    import maskconv

    assert all(getattr(maskconv, name) is not None for name in maskconv.__all__)
    assert set(maskconv.__all__) <= set(dir(maskconv))
    with pytest.raises(AttributeError):
        maskconv.nothing_of_that_name
