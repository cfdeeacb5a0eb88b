"""Whether a source is a YOLO data set, or a folder of YOLO labels."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from maskconv.formats.yolo_seg.layout import KEYS, YAMLS
from maskconv.plugin import Probe
from maskconv.store import ZIP_ERRORS

__all__ = ["sniff"]

_START = 4096
_TRIES = 8  # files that are looked into
_ROW = re.compile(rb"\s*\d+(?:[ \t]+-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?){4,}[ \t]*(?:\r?\n|$)")
_MASKS = {"SegmentationClass", "SegmentationObject", "SegmentationClassPNG", "SegmentationObjectPNG"}


def sniff(probe: Probe) -> bool:
    """A YAML file with names or train; a folder or zip with such a file on top, or with labels that hold rows.

    A folder of text files is one only where the first of them begins with a row of numbers.
    """
    if probe.kind == "file":
        return probe.suffix in YAMLS and bool(KEYS.search(probe.head))
    if any(_MASKS & set(folder.split("/")) for folder, _ in probe.entries):
        return False
    tops = {folder for folder, suffix in probe.entries if suffix in YAMLS and folder.count("/") < 2}
    if tops and any(KEYS.search(head) for head in _starts(probe, tops, YAMLS)):
        return True
    texts = {
        folder
        for folder, suffix in probe.entries
        if suffix == ".txt" and (folder == "" or "labels" in folder.split("/"))
    }
    return bool(texts) and any(_ROW.match(head) for head in _starts(probe, texts, (".txt",)))


def _starts(probe: Probe, folders: set[str], suffixes: tuple[str, ...]) -> Iterator[bytes]:
    """The first bytes of some files in these folders that are not empty."""
    read = _zipped if probe.kind == "zip" else _loose
    count = 0
    for head in read(probe.path, folders, suffixes):
        if head.strip():
            yield head if len(head) < _START else head[: max(map(head.rfind, (b" ", b"\n"))) + 1]
            count += 1
        if count >= _TRIES:
            return


def _loose(path: Path, folders: set[str], suffixes: tuple[str, ...]) -> Iterator[bytes]:
    for folder in sorted(folders):
        for file in (path / folder).iterdir():
            if file.suffix.lower() in suffixes and file.is_file():
                with file.open("rb") as opened:
                    yield opened.read(_START)


def _zipped(path: Path, folders: set[str], suffixes: tuple[str, ...]) -> Iterator[bytes]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.filename.replace("\\", "/")
            folder, _, base = name.rpartition("/")
            if folder in folders and base.lower().endswith(suffixes):
                try:
                    with archive.open(info) as opened:
                        yield opened.read(_START)
                except ZIP_ERRORS:
                    return
