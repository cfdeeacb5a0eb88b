"""What a CVAT task, job or project expects: its frames and labels, from an export "for images" or "for video"."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from maskconv import limits
from maskconv.against import Expected
from maskconv.errors import SourceError
from maskconv.finding import Where
from maskconv.plugin import Probe
from maskconv.store import ZIP_ERRORS

__all__ = ["expects"]

MEMBER = "annotations.xml"
MASKS = frozenset({"any", "mask", "polygon"})  # CVAT makes polygons of masks by default
MOST_FRAMES = 200_000  # that have no names, but numbers
MAX_DEPTH = 32


def expects(probe: Probe) -> Expected | None:
    """A zip with ``annotations.xml``, or that file. Raises SourceError where it cannot be read as such."""
    if not (probe.kind == "file" and b"<annotations" in probe.head) and not _member(probe):
        return None
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException

    where = Where(path=str(probe.path), member=_member(probe))
    try:
        with _opened(probe) as file:
            task = _parse(file)
    except (ParseError, DefusedXmlException, *ZIP_ERRORS) as error:
        why = "it holds XML entities, which are refused" if isinstance(error, DefusedXmlException) else error
        text = f"this is no XML of CVAT ({why})"
        raise SourceError(
            text, where=where, code="cvat-xml", fix="export the task again: CVAT for images 1.1"
        ) from error
    counted = range(task.size if task.size <= MOST_FRAMES else 0)
    frames = frozenset(task.frames or (f"frame_{number:06}" for number in counted))
    return Expected(task.title(), task.labels, frames or None, MASKS, task.size or len(frames))


def _member(probe: Probe) -> str:
    if probe.kind != "zip" or ("", ".xml") not in probe.entries:
        return ""
    with zipfile.ZipFile(probe.path) as archive:
        return MEMBER if MEMBER in archive.namelist() else ""


@contextmanager
def _opened(probe: Probe) -> Iterator[IO[bytes]]:
    if probe.kind == "file":
        with probe.path.open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(probe.path) as archive:
        if archive.getinfo(MEMBER).file_size > limits.member():
            raise ValueError(f"it has more than {limits.member():,} bytes: raise MASKCONV_MAX_MEMBER if you trust it")
        with archive.open(MEMBER) as file:
            yield file


@dataclass
class _Task:
    kind: str = "task"
    name: str = ""
    size: int = 0
    frames: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)

    def title(self) -> str:
        return f"the {self.kind} {self.name!r}" if self.name else f"the {self.kind}"


def _parse(file: IO[bytes]) -> _Task:
    """Streamed: an export of a large task holds every annotation."""
    from defusedxml.ElementTree import iterparse

    task, path = _Task(), list[str]()
    root: Any = None
    for event, element in iterparse(file, events=("start", "end")):
        if event == "start":
            path.append(element.tag)
            if len(path) > MAX_DEPTH:
                raise ValueError(f"its elements lie more than {MAX_DEPTH} deep in one another")
            root = element if len(path) == 1 else root
            continue
        _take(task, "/".join(path), element)
        path.pop()
        if len(path) == 1:
            root.clear()  # an image that was looked at
        elif element.tag == "label":
            element.clear()
    return task


def _take(task: _Task, path: str, element: Any) -> None:
    match path.split("/"):
        case ["annotations", "image"] if name := element.get("name"):
            task.frames.append(name)
        case ["annotations", "meta", "task" | "job" | "project" as kind, "name"]:
            task.kind, task.name = kind, (element.text or "").strip()
        case ["annotations", "meta", "task" | "job" as kind, "size"]:
            task.kind = kind
            task.size = int(element.text or 0)
        case ["annotations", "meta", *_, "labels", "label"]:
            name = (element.findtext("name") or "").strip()
            if name:
                task.labels[name] = (element.findtext("type") or "").strip()
