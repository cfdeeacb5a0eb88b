"""Tests that need Ultralytics in their own process; they are skipped where it is not installed.

The folder is not called ultralytics: pytest puts tests/ on the path, and the import would find it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_spec("ultralytics") is None:
        skip = pytest.mark.skip(reason="ultralytics is not installed here: .ci/run makes an environment with it")
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ultralytics without network and settings of its own; what torch and it warn of on import is theirs."""
    os.environ["YOLO_CONFIG_DIR"] = str(tmp_path_factory.mktemp("settings"))
    os.environ |= {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "0", "YOLO_VERBOSE": "0"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ultralytics
    yield
    assert ultralytics.__version__
