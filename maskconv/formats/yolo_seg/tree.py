"""The files of a source: a folder or a zip, by paths with ``/`` relative to it. Looked at one folder at a time."""

from __future__ import annotations

import os
import posixpath
from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple

from maskconv.errors import DataError, SourceError
from maskconv.finding import Where
from maskconv.model import Picture
from maskconv.store import Entry, ZipStore

__all__ = ["MAX_DEPTH", "MAX_LABELS", "FolderTree", "Listing", "Tree", "ZipTree", "is_tree", "open_tree", "too_deep"]

MAX_DEPTH = 64
MAX_LABELS = 1 << 26  # bytes of one text file: a million points


class Listing(NamedTuple):
    """The names in one folder, sorted."""

    folders: list[str]
    files: list[str]


def _listing(folders: list[str], files: list[str]) -> Listing:
    """Sorted, without what macOS puts beside files, and hidden folders, into which the trainer does not look."""
    known = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
    return Listing(sorted(known), sorted(name for name in files if not name.startswith("._")))


class Tree(ABC):
    """A folder of files. ``""`` is the source itself; ``..`` leads out of it where it is a folder on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> None:  # noqa: B027 - a folder needs no handle
        """Open the handle that reading needs."""

    def close(self) -> None:  # noqa: B027
        """Close it."""

    @abstractmethod
    def listing(self, folder: str) -> Listing:
        """What lies in a folder; nothing where there is none."""

    @abstractmethod
    def is_folder(self, path: str) -> bool: ...

    @abstractmethod
    def is_file(self, path: str) -> bool: ...

    @abstractmethod
    def entry(self, path: str) -> Entry | None:
        """What a worker needs to read the file; None where it needs the path only."""

    @abstractmethod
    def read(self, path: str, entry: Entry | None = None) -> bytes:
        """A text file's bytes. Raises DataError."""

    @abstractmethod
    def picture(self, path: str) -> Picture:
        """A picture's place, its size unread."""

    def where(self, path: str) -> Where:
        return Where(path=str(self.path), member=path)

    def _too_big(self, path: str, size: int) -> DataError:
        text = f"has {size:,} bytes, more than the {MAX_LABELS:,} that are read"
        return DataError(text, where=self.where(path), code="yolo-too-big", fix="no list of labels is that large")


class FolderTree(Tree):
    """A folder on disk. Links are followed, as the trainer does, unless they lead back to where they are."""

    def listing(self, folder: str) -> Listing:
        folders, files = [], []
        try:
            with os.scandir(self.path / folder) as items:
                for item in items:
                    if item.is_dir():
                        if not (item.is_symlink() and _leads_back(item.path)):
                            folders.append(item.name)
                    elif item.is_file():
                        files.append(item.name)
        except OSError:
            return Listing([], [])
        return _listing(folders, files)

    def is_folder(self, path: str) -> bool:
        return (self.path / path).is_dir()

    def is_file(self, path: str) -> bool:
        return (self.path / path).is_file()

    def entry(self, path: str) -> None:
        del path

    def read(self, path: str, entry: Entry | None = None) -> bytes:
        del entry
        try:
            with (self.path / path).open("rb") as file:
                data = file.read(MAX_LABELS + 1)
                if len(data) > MAX_LABELS:
                    raise self._too_big(path, os.fstat(file.fileno()).st_size)
        except OSError as error:
            text, fix = f"cannot be read ({error.strerror or error})", "check that it is still there"
            raise DataError(text, where=self.where(path), code="member-unreadable", fix=fix) from error
        return data

    def picture(self, path: str) -> Picture:
        place = os.path.normpath(self.path / path)
        return Picture.unchecked(path=place)


def _leads_back(link: str) -> bool:
    real = os.path.realpath(link)
    return Path(os.path.realpath(os.path.dirname(link))).is_relative_to(real)


class ZipTree(Tree):
    """A zip's members; nothing leads out of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.store = ZipStore(path)
        self._folders: dict[str, dict[str, Entry | None]] = {}  # by name; None is a folder

    def open(self) -> None:
        self.store.open()

    def close(self) -> None:
        self.store.close()

    def listing(self, folder: str) -> Listing:
        found = self._index().get(_within(folder), {})
        folders = [name for name, entry in found.items() if entry is None]
        return _listing(folders, [name for name, entry in found.items() if entry is not None])

    def is_folder(self, path: str) -> bool:
        return _within(path) in self._index()

    def is_file(self, path: str) -> bool:
        return self.entry(path) is not None

    def entry(self, path: str) -> Entry | None:
        folder, _, name = _within(path).rpartition("/")
        return self._index().get(folder, {}).get(name)

    def read(self, path: str, entry: Entry | None = None) -> bytes:
        entry = entry or self.entry(path)
        if entry is None:
            raise DataError("is not in the zip", where=self.where(path), code="member-unreadable", fix="pack it again")
        if entry.size > MAX_LABELS:
            raise self._too_big(path, entry.size)
        return self.store.read(entry)

    def picture(self, path: str) -> Picture:
        return Picture.unchecked(path=str(self.path), member=_within(path))

    def _index(self) -> dict[str, dict[str, Entry | None]]:
        """Built when first asked for, where the feed runs; workers read by entries."""
        if not self._folders:
            self._folders[""] = {}
            for entry in self.store.entries():
                folder, _, name = _within(entry.name).rpartition("/")
                self._add_folder(folder)
                self._folders[folder][name] = entry
        return self._folders

    def _add_folder(self, folder: str) -> None:
        if folder.count("/") >= MAX_DEPTH:
            raise too_deep(self.where(folder))
        parts = folder.split("/") if folder not in self._folders else []
        for depth, name in enumerate(parts):
            self._folders["/".join(parts[:depth])].setdefault(name, None)
            self._folders.setdefault("/".join(parts[: depth + 1]), {})


def too_deep(where: Where) -> SourceError:
    text = f"lies deeper than {MAX_DEPTH} folders"
    return SourceError(text, where=where, code="yolo-too-deep", fix="move the data set up")


def _within(path: str) -> str:
    """A member's name as the index has it; what leads out of the zip is the name of nothing."""
    path = posixpath.normpath(path) if path else ""
    return "" if path == "." else path


def is_tree(path: Path) -> bool:
    """Whether a source is a folder or a zip, not a data.yaml."""
    if path.is_dir():
        return True
    with path.open("rb") as file:
        return file.read(4) in {b"PK\3\4", b"PK\5\6"}


def open_tree(source: Path) -> Tree:
    """The tree of a source: a folder, a zip, or the folder of a data.yaml. Raises OSError."""
    if source.is_dir():
        return FolderTree(source)
    return ZipTree(source) if is_tree(source) else FolderTree(source.parent)
