"""Every object as a picture of its own, and an index of them. It can be written only."""

from __future__ import annotations

import zipfile
from pathlib import Path

from maskconv.formats.isolated.write import INDEX, IsolatedWriter
from maskconv.plugin import Format, Probe
from maskconv.store import ZIP_ERRORS

__all__ = ["FORMAT"]


def _sniff(probe: Probe) -> bool:
    others = probe.entries - {("", ".jsonl")}
    if probe.kind == "file" or others == probe.entries or any(suffix != ".png" for _, suffix in others):
        return False
    first = _first(probe.path)
    return first is not None and (first.startswith(b'{"file":') or (not first and not others))


def _first(path: Path) -> bytes | None:
    """The beginning of the index; None where there is none."""
    try:
        if path.is_dir():
            with (path / INDEX).open("rb") as file:
                return file.read(8)
        with zipfile.ZipFile(path) as archive, archive.open(INDEX) as member:
            return member.read(8)
    except ZIP_ERRORS:
        return None


FORMAT = Format(
    name="isolated",
    title="a folder of isolated objects, one PNG each",
    suffixes=(),
    sniff=_sniff,
    writer=IsolatedWriter,
)
