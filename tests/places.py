"""Where tests find the fixtures, and real data beside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FIXTURES = ROOT / "fixtures"
REAL_DATA = Path(os.environ.get("MASKCONV_REAL_DATA", ROOT.parent / "shared" / "data"))


def real_data(name: str) -> Path:
    """A sample of the real data; the test is skipped where it is not there."""
    path = REAL_DATA / name
    if not path.exists():
        pytest.skip(f"real data {name} is not at {REAL_DATA} (set MASKCONV_REAL_DATA)")
    return path
