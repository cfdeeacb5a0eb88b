"""labelmap.txt by itself: no annotations, but it can be checked."""

from __future__ import annotations

import re

from maskconv.errors import SourceError
from maskconv.finding import Note, Where
from maskconv.labelmap import MAX_BYTES, decode, parse
from maskconv.labelmap_check import Log
from maskconv.labelmap_foreign import likely
from maskconv.plugin import Format, Probe

_SUFFIXES = frozenset({".txt", ".labelmap", ".pbtxt", ""})
_NAME = re.compile(r"label[-_ ]?map", re.IGNORECASE)


def sniff(probe: Probe) -> bool:
    """A text file named so, or one with a label map's lines in it, whatever its encoding."""
    if probe.kind != "file" or probe.suffix not in _SUFFIXES:
        return False
    if probe.suffix and _NAME.search(probe.path.name):
        return True
    text = decode(probe.head, Log(lambda _: None))
    return text is not None and likely(text)


def check(probe: Probe, note: Note) -> None:
    if probe.kind != "file":
        text, where = f"this is a {probe.kind}, not a labelmap.txt", Where(path=str(probe.path))
        raise SourceError(text, where=where, fix="name the file in it")
    with probe.path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    parse(data, note, path=str(probe.path))


FORMAT = Format(
    name="labelmap",
    title="CVAT's labelmap.txt",
    suffixes=(".txt",),
    sniff=sniff,
    check=check,
)
