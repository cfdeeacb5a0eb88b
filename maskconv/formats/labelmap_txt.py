"""labelmap.txt by itself: no annotations, but it can be checked."""

from __future__ import annotations

import re

from maskconv.errors import SourceError
from maskconv.finding import Note, Where
from maskconv.labelmap import MAX_BYTES, parse
from maskconv.plugin import Format, Probe

_NAME = re.compile(r"label[-_ ]?map", re.IGNORECASE)
_LINE = re.compile(rb"(?m)^[^:\r\n{}\[\]\"]+:\d{1,3},\d{1,3},\d{1,3}:[^:\r\n]*:")


def sniff(probe: Probe) -> bool:
    """A text file named so, or one with CVAT's lines in it."""
    if probe.kind != "file" or probe.suffix not in (".txt", ".labelmap"):
        return False
    return bool(_NAME.search(probe.path.name) or _LINE.search(probe.head))


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
