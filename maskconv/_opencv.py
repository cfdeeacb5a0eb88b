"""OpenCV, imported where it is needed; its missing system libraries are told in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from maskconv.errors import MissingDependencyError

__all__ = ["opencv", "silent"]


def opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        fix = "on Debian apt-get install libgl1 libglib2.0-0, or pip install opencv-python-headless instead"
        raise MissingDependencyError(f"OpenCV cannot be loaded ({error})", fix=fix) from error
    return cv2


@contextmanager
def silent(cv2: Any) -> Iterator[None]:
    """Without OpenCV's own lines on standard error, as of a damaged picture."""
    logging = cv2.utils.logging
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)
