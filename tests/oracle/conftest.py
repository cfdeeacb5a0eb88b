"""Other people's software, each in an environment of its own that a variable names, and the scripts that drive it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ORACLES = Path(os.environ.get("MASKCONV_ORACLES") or Path(__file__).parents[3] / "shared" / "oracles")


class Oracle:
    """Runs the scripts with another Python."""

    def __init__(self, variable: str) -> None:
        self.python = os.environ.get(variable, "")
        if not self.python:
            pytest.skip(f"no other Python: set {variable}")
        if not ORACLES.is_dir():
            pytest.skip(f"no oracle scripts in {ORACLES}: set MASKCONV_ORACLES")

    def __call__(self, script: str, *args: Any) -> str:
        """The script's output. Fails with its errors."""
        command = [self.python, str(ORACLES / script), *map(str, args)]
        return self._run(command)

    def code(self, code: str, *args: Any) -> str:
        """The output of a piece of code that may import the scripts."""
        return self._run(
            [self.python, "-c", f"import sys; sys.path.insert(0, {str(ORACLES)!r})\n{code}", *map(str, args)]
        )

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout


@pytest.fixture(scope="session")
def datumaro() -> Oracle:
    return Oracle("MASKCONV_DATUMARO_PYTHON")
