"""Which folders are read below one that is named: those that links lead to as well."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from maskconv.errors import SourceError
from maskconv.finding import Where

__all__ = ["MAX_DEPTH", "Links", "is_folder", "size_of", "too_deep", "walk"]

MAX_DEPTH = 64  # folders in one another
MAX_LINKS = 10_000  # to folders: links that lead to links are many more than they look


def walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """`os.walk` that follows links as `FolderStore` does, down to `MAX_DEPTH`. Raises SourceError for what lies deeper."""
    top, links = Path(folder), Links(folder)
    for base, folders, files in os.walk(top, followlinks=True):
        folders[:] = [name for name in folders if links.lead_on(Path(base, name))]
        if folders and len(Path(base).parts) - len(top.parts) >= MAX_DEPTH:
            raise too_deep(Path(base))
        yield base, folders, files


class Links:
    """The links to folders below one: all are followed but those that lead back to where they are."""

    def __init__(self, top: Path) -> None:
        self._top = Path(top)
        self._followed = 0

    def lead_on(self, folder: Path) -> bool:
        """Whether what is in this folder is to be read. Raises SourceError for links without end."""
        if not folder.is_symlink():
            return True
        self._followed += 1
        if self._followed > MAX_LINKS:
            text, where = f"holds more than {MAX_LINKS:,} links to folders", Where(path=str(self._top))
            raise SourceError(text, where=where, code="source-too-deep", fix="name the folder that they lead to")
        real, depth = os.path.realpath(folder), len(folder.parts) - len(self._top.parts)
        return not any(Path(os.path.realpath(above)).is_relative_to(real) for above in folder.parents[:depth])


def too_deep(folder: Path) -> SourceError:
    text = f"lies deeper than {MAX_DEPTH} folders"
    return SourceError(text, where=Where(path=str(folder)), code="source-too-deep", fix="move the data set up")


def is_folder(item: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or a link to one."""
    try:
        return item.is_dir()  # asks the system about links only
    except OSError:  # links in a circle
        return False


def size_of(item: os.DirEntry[str]) -> int:
    """A regular file's bytes; -1 of what is none, such as a pipe or a link to nothing."""
    with suppress(OSError):
        facts = item.stat()
        if stat.S_ISREG(facts.st_mode):
            return facts.st_size
    return -1
