"""Names of files that every system takes, and that stay apart: of items, and of labels.

A file is ``<item>_<label>-<index>.png``. Two items' files have different names where the items' own are different and no
label's name ends in ``_`` and another's: ``a`` with ``b_c`` would be ``a_b`` with ``c``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from maskconv.filenames import FORBIDDEN, RESERVED, folded

__all__ = ["folded", "item_path", "label_names"]

FOLDER, STEM, LABEL = 255, 150, 80  # bytes; all of a file's name are at most 255


def item_path(name: str) -> str:
    """An item's name as a path; where it cannot be that as it is, a digest of it keeps it apart from others."""
    *folders, stem = [part for part in name.split("/") if part] or [""]
    path = "/".join([*(cleaned(folder, FOLDER) for folder in folders), cleaned(stem, STEM)])
    return name if path == name else f"{path}~{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def label_names(labels: Sequence[str]) -> dict[str, str]:
    """For each label its part of a file's name; the later of two that cannot be told apart gets a number."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    endings: set[str] = set()  # of those that are taken
    for label in labels:
        base = name = cleaned(label, LABEL)
        number = 1
        while folded(name) in endings or not taken.isdisjoint(_endings(folded(name))):
            number += 1
            name = f"{base}~{number}"
        found[label] = name
        taken.add(folded(name))
        endings |= _endings(folded(name))
    return found


def _endings(name: str) -> set[str]:
    """The name, and what follows each of its ``_``."""
    parts = name.split("_")
    return {"_".join(parts[i:]) for i in range(len(parts))}


def cleaned(part: str, most: int) -> str:
    """A name of at most ``most`` bytes that Linux, macOS and Windows take; it is not hidden."""
    text = FORBIDDEN.sub("_", part).encode()[:most].decode(errors="ignore").strip(" ").rstrip(". ")
    if text.startswith(".") or text.partition(".")[0].rstrip().casefold() in RESERVED:
        text = "_" + text[1:] if text.startswith(".") else "_" + text
    return text or "_"
