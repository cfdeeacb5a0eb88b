"""Where mask and picture files are read from: a folder, or a zip. Both look the same to a reader."""

from __future__ import annotations

import lzma
import os
import struct
import threading
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import IO, NamedTuple

from maskconv import limits
from maskconv._walk import MAX_DEPTH, Links, is_folder, size_of, too_deep, walk
from maskconv.errors import DataError, SourceError
from maskconv.finding import Where

__all__ = [
    "MAX_DEPTH",
    "ZIP_ERRORS",
    "Entry",
    "FolderStore",
    "Store",
    "ZipStore",
    "open_store",
    "read_picture",
    "read_whole",
    "unsafe",
    "walk",
]

# What zipfile raises on a damaged zip or member; it documents but the first.
ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(ValueError, KeyError, IndexError, OverflowError, RuntimeError, NotImplementedError),
)
_LOCAL = 30  # the fixed part of a zip's local file header


class Entry(NamedTuple):
    """One file of a store: small, picklable, and enough to read it again.

    ``offset`` is -1 in a folder, ``size`` where it cannot be read.
    """

    name: str
    size: int
    offset: int = -1
    packed: int = 0
    method: int = 0
    crc: int = 0


def unsafe(name: str) -> str:
    """Why a member or item name must not be followed, in words; empty when it is fine."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or (len(name) > 1 and name[1] == ":" and name[0].isalpha()):
        return "is an absolute path"
    if ".." in parts:
        return "leads out of the data set with '..'"
    return "holds a NUL character" if "\0" in name else ""


class Store(ABC):
    """Files by name, read whole; safe to read from several threads once open."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """All files, sorted by name; names have ``/`` and are safe to follow."""

    @abstractmethod
    def read(self, entry: Entry) -> bytes:
        """A file's bytes, checked against the store's own sum. Raises DataError."""

    def start(self, entry: Entry, count: int) -> bytes:
        """The first ``count`` bytes of a file, which no sum proves, as for a header. Raises DataError."""
        return self.read(entry)[:count]

    @abstractmethod
    def find(self, name: str) -> Entry | None:
        """The file of a name, which may come from anywhere. Raises DataError where it leads out of the store."""

    def open(self) -> None:  # noqa: B027 - a folder needs no handle
        """Open the handle that reading needs."""

    def close(self) -> None:  # noqa: B027
        """Close it."""

    def where(self, name: str) -> Where:
        return Where(path=str(self.path), member=name)

    def _outside(self, name: str) -> DataError:
        return DataError(f"{name} leads out of {self.path}", code="mask-uri", fix="name a file that is inside")

    def _too_big(self, name: str, size: int) -> DataError:
        text = f"has {size:,} bytes, more than the {limits.member():,} that one file may have"
        fix = limits.fix("MASKCONV_MAX_MEMBER", "remove it: no mask is that large")
        return DataError(text, where=self.where(name), code="member-too-big", fix=fix)

    def _unreadable(self, name: str, error: OSError) -> DataError:
        text = f"cannot be read ({error.strerror or error})"
        return DataError(text, where=self.where(name), code="member-unreadable", fix="check that it is still there")


class FolderStore(Store):
    """A folder's files. Links are followed, for whoever names a folder has them on purpose; but not by `find`.

    What is listed and cannot be read, such as a link to nothing, has the size -1. ``deep`` says whether folders in it count.
    """

    def __init__(self, path: Path, *, deep: bool = True) -> None:
        super().__init__(path)
        self._deep = deep

    def entries(self) -> Iterator[Entry]:
        yield from self._below(self.path, "", Links(self.path))

    def _below(self, folder: Path, prefix: str, links: Links) -> Iterator[Entry]:
        """In the order of whole names, as a zip's members have it: "a.png" comes before "a/b.png"."""
        for name, item in sorted((i.name + "/" * is_folder(i), i) for i in self._listed(folder)):
            if not name.endswith("/"):
                yield Entry(prefix + name, size_of(item))
            elif self._deep and links.lead_on(folder / item.name):
                if prefix.count("/") >= MAX_DEPTH:
                    raise too_deep(folder)
                yield from self._below(folder / item.name, prefix + name, links)

    def _listed(self, folder: Path) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as items:
                return list(items)
        except OSError as error:
            text, where = f"this folder cannot be read ({error.strerror or error})", Where(path=str(folder))
            raise SourceError(text, where=where, code="source-unreadable", fix="check its permissions") from error

    def find(self, name: str) -> Entry | None:
        try:
            path = Path(os.path.realpath(os.path.join(self._root, name)))
        except ValueError:  # a NUL, or half a surrogate pair: no file has such a name
            return None
        if not path.is_relative_to(self._root):
            raise self._outside(name)
        try:
            return Entry(name, path.stat().st_size) if path.is_file() else None
        except OSError as error:
            raise self._unreadable(name, error) from error

    @cached_property
    def _root(self) -> str:
        return os.path.realpath(self.path)

    def read(self, entry: Entry) -> bytes:
        if entry.size > limits.member():
            raise self._too_big(entry.name, entry.size)
        self._require(entry)
        try:
            return Path(self.path, entry.name).read_bytes()
        except OSError as error:
            raise self._unreadable(entry.name, error) from error

    def start(self, entry: Entry, count: int) -> bytes:
        self._require(entry)
        try:
            with Path(self.path, entry.name).open("rb") as file:
                return file.read(count)
        except OSError as error:
            raise self._unreadable(entry.name, error) from error

    def _require(self, entry: Entry) -> None:
        """Raises DataError for what is no regular file, such as a pipe, and for a link to nothing."""
        if entry.size >= 0:
            return
        path = Path(self.path, entry.name)
        text, fix = "is no regular file", "put one in its place, or remove it"
        if path.is_symlink() and not path.exists():
            text = f"is a link to {os.readlink(path)}, which is not there"
            fix = "fetch the file itself (git annex get, dvc pull), or remove the link"
        raise DataError(text, where=self.where(entry.name), code="member-unreadable", fix=fix)


class ZipStore(Store):
    """A zip's members, read with one ``pread`` each: no position is shared, and no page stays mapped."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = -1
        self._size = 0
        self._lock = threading.Lock()
        self._names: dict[str, Entry] | None = None

    def open(self) -> None:
        self._file = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._size = os.fstat(self._file).st_size

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def entries(self) -> Iterator[Entry]:
        found: dict[str, Entry] = {}
        for info in self._infos():
            name = info.filename.replace("\\", "/")  # as some Windows tools write it
            if name.endswith("/"):
                continue
            self._check(info, name, found)
            where = (info.header_offset, info.compress_size, info.compress_type, info.CRC)
            found[name] = Entry(name, info.file_size, *where)
        for name in sorted(found):
            yield found[name]

    def find(self, name: str) -> Entry | None:
        if unsafe(name):
            raise self._outside(name)
        with self._lock:
            if self._names is None:
                self._names = {entry.name: entry for entry in self.entries()}
        return self._names.get(name)

    def _infos(self) -> list[zipfile.ZipInfo]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                infos = archive.infolist()
        except ZIP_ERRORS as error:
            text = f"is not a readable zip ({error})"
            where = Where(path=str(self.path))
            raise SourceError(text, where=where, code="zip-corrupt", fix="export or copy it again") from error
        if (second := _overlapping(infos)) is not None:
            text, where = "this member shares its bytes with another, as in a zip bomb", self.where(second.filename)
            raise SourceError(text, where=where, code="zip-overlap", fix="do not trust this zip")
        return infos

    def _check(self, info: zipfile.ZipInfo, name: str, found: dict[str, Entry]) -> None:
        where = self.where(name)
        if reason := unsafe(name):
            raise SourceError(f"this member {reason}", where=where, code="zip-unsafe-name", fix="do not trust this zip")
        if info.flag_bits & 1:
            raise SourceError("this member is encrypted", where=where, code="zip-encrypted", fix="unpack it first")
        if name in found:
            text = "this member occurs twice in the zip"
            raise SourceError(text, where=where, code="zip-duplicate", fix="which one is right? pack it again")

    def read(self, entry: Entry) -> bytes:
        if max(entry.size, entry.packed) > limits.member():
            raise self._too_big(entry.name, entry.size)
        data = self._packed(entry, entry.packed)
        if len(data) != entry.packed:
            raise self._corrupt(entry, "the zip ends inside it")
        if entry.method == zipfile.ZIP_DEFLATED:
            data = self._inflate(entry, data)
        elif entry.method != zipfile.ZIP_STORED:
            raise self._corrupt(entry, f"compression method {entry.method} is neither stored nor deflated")
        if len(data) != entry.size or zlib.crc32(data) != entry.crc:
            raise self._corrupt(entry, "its checksum does not match")
        return data

    def start(self, entry: Entry, count: int) -> bytes:
        data = self._packed(entry, min(count, entry.packed))
        if entry.method != zipfile.ZIP_DEFLATED:
            return data
        try:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, count)
        except zlib.error as error:
            raise self._corrupt(entry, "it cannot be inflated") from error

    def _packed(self, entry: Entry, count: int) -> bytes:
        """The first ``count`` bytes of a member as they are packed; fewer where the zip ends inside it."""
        raw = self._pread(_LOCAL + len(entry.name.encode()) + 64 + count, entry)
        start = _LOCAL + int.from_bytes(raw[26:28], "little") + int.from_bytes(raw[28:30], "little")
        if raw[:4] != b"PK\3\4" or len(raw) < _LOCAL:
            raise self._corrupt(entry, "its local header is missing")
        if len(raw) < start + count:
            raw = self._pread(start + count, entry)
        return raw[start : start + count]

    def _pread(self, size: int, entry: Entry) -> bytes:
        size = max(0, min(size, self._size - entry.offset))  # what a forged header claims is not allocated
        try:
            if hasattr(os, "pread"):
                return os.pread(self._file, size, entry.offset)
            with self._lock:
                os.lseek(self._file, entry.offset, os.SEEK_SET)
                return os.read(self._file, size)
        except OSError as error:
            raise self._unreadable(entry.name, error) from error

    def _inflate(self, entry: Entry, data: bytes) -> bytes:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            out = stream.decompress(data, entry.size + 1)
        except zlib.error as error:
            raise self._corrupt(entry, "it cannot be inflated") from error
        if len(out) > entry.size or not stream.eof:
            raise self._corrupt(entry, "it does not inflate to the size it declares")
        return out

    def _corrupt(self, entry: Entry, reason: str) -> DataError:
        text = f"this member is damaged: {reason}"
        return DataError(text, where=self.where(entry.name), code="zip-corrupt", fix="export or copy the zip again")


def _overlapping(infos: Iterable[zipfile.ZipInfo]) -> zipfile.ZipInfo | None:
    """A member that begins before another one ends, if there is one: packers put them one behind the other."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    for first, second in pairwise(ordered):
        if first.header_offset + _LOCAL + first.compress_size > second.header_offset:
            return second
    return None


def open_store(path: Path) -> Store:
    """The store for a path: a folder, or a zip file."""
    return FolderStore(path) if path.is_dir() else ZipStore(path)


def read_whole(where: Where, opened: Callable[[], IO[bytes]], fix: str = "check that it is still there") -> bytes:
    """The bytes of a file or member that ``opened`` gives; no more than the limit are held. Raises DataError."""
    most = limits.member()
    try:
        with opened() as file:
            data = file.read(most + 1)
    except ZIP_ERRORS as error:
        text = f"cannot be read ({getattr(error, 'strerror', None) or error})"
        raise DataError(text, where=where, code="member-unreadable", fix=fix) from error
    if len(data) > most:
        text, fix = f"has more than {most:,} bytes", limits.fix("MASKCONV_MAX_MEMBER", "remove it")
        raise DataError(text, where=where, code="member-too-big", fix=fix)
    return data


def read_picture(path: Path) -> bytes:
    """A picture's bytes, untouched. Raises DataError."""
    return read_whole(Where(path=str(path)), lambda: path.open("rb"), fix="check it")
