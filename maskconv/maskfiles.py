"""Mask files that records name by an address: beside the source, in a folder that the user names, or fetched.

The one room for all readers: a folder, a zip, http(s) and object stores look the same to them.
"""

from __future__ import annotations

import os
import re
import threading
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import quote, unquote

from pydantic import BeforeValidator

from maskconv._fetch_url import OBJECTS, is_remote, scheme, shown
from maskconv.errors import DataError, OptionError, SourceError
from maskconv.finding import Where
from maskconv.model import PICTURE_SUFFIXES
from maskconv.plugin import Access
from maskconv.store import Entry, Store, open_store, unsafe

if TYPE_CHECKING:
    from maskconv.fetch import Fetcher

__all__ = ["REMOTE", "MaskDir", "MaskFiles"]

REMOTE = "mask-remote"
NO_ACCESS = Access()
_MAX = 8192
_DEEPEST = 32  # folders of an address that are looked for
AHEAD = 32  # units whose masks are being fetched before they are decoded
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_COMMON = re.compile(r"(?:(?:mask|index|[0-9]{1,6})(?:/|$))+")
_SERVE = "name the folder that holds the masks with --from-mask-dir"
U = TypeVar("U")


def _place(value: object) -> object:
    """A path, unless it is the address of a folder in an object store."""
    return Path(value) if isinstance(value, str) and scheme(value) not in OBJECTS else value


MaskDir = Annotated[Path | str, BeforeValidator(_place)]


class MaskFiles:
    """Finds the file that an address means: below ``home`` (the source's folder), or in ``folder``; never outside of them.

    ``folder`` may be a zip, or a folder of an object store. What follows ``prefix`` in an address is the path in ``folder``;
    without one, the tail of the address's path is. What is not there is fetched, where ``access`` allows it. Several threads
    may read at once. Raises OptionError where there is no such folder.
    """

    def __init__(self, home: Path, folder: Path | str | None, prefix: str | None, access: Access = NO_ACCESS) -> None:
        self.folder = folder
        self.prefix = prefix
        self.access = access
        self._home = open_store(Path(os.path.realpath(home)))
        self._folder = _opened(folder)
        self._far = folder if isinstance(folder, str) else None
        self._fetcher: Fetcher | None = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Open what reading needs; connections are made when there is something to fetch."""
        if self._folder is not None:
            self._folder.open()

    def close(self) -> None:
        """Give it back, and end all fetching."""
        if self._folder is not None:
            self._folder.close()
        with self._lock:
            if self._fetcher is not None:
                self._fetcher.close()
                self._fetcher = None

    def stop(self) -> None:
        """End all fetching; who waits for a mask gets an error."""
        with self._lock:
            if self._fetcher is not None:
                self._fetcher.close()

    def must_fetch(self, uri: str) -> bool:
        """Whether a mask is nowhere but on another machine."""
        if self._far is not None:
            return True
        served = self.folder is not None or (self.prefix is not None and uri.startswith(self.prefix))
        return is_remote(uri) and not served

    def require(self, count: int, first: str, where: Where) -> None:
        """Raises SourceError where ``count`` instances have masks, ``first`` of all, that may not be fetched and must be."""
        if count and not self.access.fetch:
            whose = "1 instance has its mask" if count == 1 else f"{count:,} instances have their masks"
            text = f"{whose} on other machines ({shown(first)}), and nothing is fetched unless you say so"
            raise SourceError(text, where=where, code=REMOTE, fix=f"fetch with --fetch, or download them and {_SERVE}")

    def ahead(self, units: Iterable[U], uris: Callable[[U], Iterable[str]]) -> Iterator[U]:
        """The same units; the masks of the coming ones are being fetched meanwhile."""
        if not self.access.fetch:
            yield from units
            return
        coming: deque[U] = deque()
        for unit in units:
            for uri in uris(unit):
                self._begin(uri)
            coming.append(unit)
            if len(coming) > AHEAD:
                yield coming.popleft()
        yield from coming

    def _begin(self, uri: str) -> None:
        with suppress(DataError):  # read() says it
            if self._local(uri) is None:
                for address in self._addresses(uri)[:1]:
                    self._fetching().ahead(address)

    def read(self, uri: str) -> tuple[str, bytes]:
        """The mask's path or address, as a person may see it, and its bytes. Raises DataError."""
        if len(uri) > _MAX:
            raise DataError(f"the mask's address has more than {_MAX:,} characters", code="mask-uri", fix="name a file")
        local = self._local(uri)
        if local is not None:
            store, entry = local
            return str(store.path / entry.name), store.read(entry)
        missing: DataError = self._missing(uri)
        for address in self._addresses(uri) if self.access.fetch else ():
            try:
                return shown(address), self._fetching().read(address)
            except DataError as error:
                if error.code != "mask-missing":
                    raise
                missing = error
        raise missing

    def _fetching(self) -> Fetcher:
        from maskconv.fetch import Fetcher

        with self._lock:
            if self._fetcher is None:
                self._fetcher = Fetcher(self.access)
            return self._fetcher

    def _addresses(self, uri: str) -> list[str]:
        """What to fetch, best first."""
        if self._far is None:
            return [uri] if is_remote(uri) else []
        if self._named(uri):
            return [f"{self._far}/{quote(name)}" for name in self._names(uri)[:1]]
        return [uri] if is_remote(uri) else [f"{self._far}/{quote(tail)}" for tail in _tails(uri)]

    def _local(self, uri: str) -> tuple[Store, Entry] | None:
        """Where the file is on this machine; None where it is not. Raises DataError where it leads out of the folders."""
        outside: DataError | None = None
        for store, name in self._candidates(uri):
            try:
                entry = store.find(name)
            except DataError as error:
                outside = error
            else:
                if entry is not None:
                    return store, entry
        if outside is not None:
            raise DataError(outside.message, code=outside.code, fix=_SERVE)
        return None

    def _candidates(self, uri: str) -> Iterator[tuple[Store, str]]:
        """Where the file may be, best first: (store, path in it)."""
        if self._named(uri):
            stores = [self._folder, self._home] if self.folder is not None else [self._home]
            if self.prefix is not None and uri.startswith(self.prefix):
                stores = stores[:1]
            yield from ((store, name) for store in stores if store is not None for name in self._names(uri))
        if self._folder is not None and not (self.prefix is not None and uri.startswith(self.prefix)):
            yield from ((self._folder, tail) for tail in _tails(uri))

    def _named(self, uri: str) -> bool:
        """Whether an address says by itself which path in the folder it means: it has the prefix, or is relative."""
        known = self.prefix is not None and uri.startswith(self.prefix)
        return known or not (_SCHEME.match(uri) or uri.startswith(("/", "\\")))

    def _names(self, uri: str) -> list[str]:
        if self.prefix is not None and uri.startswith(self.prefix):
            return [unquote(uri[len(self.prefix) :]).lstrip("/")]
        return list(dict.fromkeys((unquote(uri), uri)))

    def _missing(self, uri: str) -> DataError:
        code, text = "mask-missing", f"the mask {shown(uri)} is not there"
        if self.folder is not None:
            return DataError(f"{text}: {self.folder} holds no such file", code=code, fix="check --from-mask-dir")
        if uri.startswith(("file:", "/", "\\")):
            text = f"{shown(uri)} is an absolute path; only files beside the source are read"
            return DataError(text, code="mask-uri", fix=f"use a relative one, or {_SERVE}")
        if is_remote(uri):
            text = f"the mask {shown(uri)} is not on this machine, and nothing is fetched"
            return DataError(text, code=REMOTE, fix=f"fetch it with --fetch, or download the masks and {_SERVE}")
        if _SCHEME.match(uri):
            text = f"the mask {shown(uri)} is neither a file nor an http, https, s3, gs or az address"
            return DataError(text, code="mask-uri", fix=f"download the masks and {_SERVE}")
        return DataError(text, code=code, fix=f"keep it beside the source, or {_SERVE}")


def _opened(folder: Path | str | None) -> Store | None:
    """The store of a folder or a zip on this machine. Raises OptionError."""
    if folder is None:
        return None
    if isinstance(folder, str):
        from maskconv.cloud import Bucket

        Bucket.parse(folder).check()
        return None
    where = Where(path=str(folder))
    if not folder.is_dir() and not zipfile.is_zipfile(folder):
        text = "the folder of masks does not exist" if not folder.exists() else "this is neither a folder nor a zip"
        raise OptionError(text, where=where, fix="check --from-mask-dir", code="option-value")
    return open_store(Path(os.path.realpath(folder)))


def _tails(uri: str) -> list[str]:
    """The ends of an address' path, longest first: a/b/c.png, b/c.png, c.png; with and without .png.

    Not those that are the same for many masks, such as ``index/1/mask``.
    """
    path = unquote(_path(uri) if _SCHEME.match(uri) else uri).replace("\\", "/")
    parts = [part for part in path.split("/") if part and not unsafe(part)][-_DEEPEST:]
    tails = ["/".join(parts[i:]) for i in range(len(parts)) if not _COMMON.fullmatch("/".join(parts[i:]))]
    return [name for tail in tails for name in ((tail,) if _is_picture(tail) else (tail, f"{tail}.png"))]


def _path(uri: str) -> str:
    """An address without its scheme, host, query and fragment; it may be anything."""
    rest = uri.split("#", 1)[0].split("?", 1)[0].partition(":")[2]
    return rest[2:].partition("/")[2] if rest.startswith("//") else rest


def _is_picture(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES
