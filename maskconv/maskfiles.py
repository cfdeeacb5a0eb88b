"""Mask files that records name by an address: beside the source, or in a folder that the user names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from maskconv.errors import DataError, OptionError
from maskconv.finding import Where
from maskconv.model import PICTURE_SUFFIXES
from maskconv.plugin import Access
from maskconv.store import MAX_MEMBER, unsafe

__all__ = ["REMOTE", "MaskFiles"]

REMOTE = "mask-remote"
NO_ACCESS = Access()
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_SERVE = "name the folder that holds the masks with --from-mask-dir"


class MaskFiles:
    """Finds the file that an address means: below ``home`` (the source's folder), or in ``folder``; never outside of them.

    What follows ``prefix`` in an address is the path in ``folder``; without one, the tail of the address's path is.
    Several threads may read at once. Raises OptionError where there is no such folder.
    """

    def __init__(self, home: Path, folder: Path | None, prefix: str | None, access: Access = NO_ACCESS) -> None:
        self.home = Path(os.path.realpath(home))
        self.folder = Path(os.path.realpath(folder)) if folder is not None else None
        self.prefix = prefix
        self.access = access
        if folder is not None and not folder.is_dir():
            text = "the folder of masks does not exist"
            raise OptionError(text, where=Where(path=str(folder)), fix="check --from-mask-dir", code="option-value")

    def open(self) -> None:
        """Open what reading needs."""

    def close(self) -> None:
        """Give it back."""

    def read(self, uri: str) -> tuple[str, bytes]:
        """The mask's path and bytes, as a person may see them. Raises DataError."""
        if len(uri) > 4096:
            raise DataError("the mask's address has more than 4,096 characters", code="mask-uri", fix="name a file")
        path = self._find(uri)
        try:
            if path.stat().st_size > MAX_MEMBER:
                text = f"the mask {path} has more than {MAX_MEMBER:,} bytes"
                raise DataError(text, code="member-too-big", fix="no mask is that large; remove it")
            return str(path), path.read_bytes()
        except OSError as error:
            text = f"the mask {path} cannot be read ({error.strerror})"
            raise DataError(text, code="mask-missing", fix="check its permissions") from error

    def _find(self, uri: str) -> Path:
        missing = None
        for root, name in self._candidates(uri):
            path = Path(os.path.realpath(root / name))
            if not path.is_relative_to(root):
                missing = f"{uri} leads out of {root}"
            elif path.is_file():
                return path
        raise self._missing(uri, missing)

    def _candidates(self, uri: str) -> Iterator[tuple[Path, str]]:
        """Where the file may be, best first: (folder, path in it)."""
        folder = self.folder or self.home
        if self.prefix is not None and uri.startswith(self.prefix):
            yield folder, unquote(uri[len(self.prefix) :]).lstrip("/")
        elif _SCHEME.match(uri) or uri.startswith(("/", "\\")):
            yield from ((self.folder, tail) for tail in _tails(uri) if self.folder is not None)
        else:
            roots = [self.folder, self.home] if self.folder is not None else [self.home]
            yield from ((root, name) for root in roots for name in dict.fromkeys((unquote(uri), uri)))
            yield from ((self.folder, tail) for tail in _tails(uri) if self.folder is not None)

    def _missing(self, uri: str, reason: str | None) -> DataError:
        if reason:
            return DataError(reason, code="mask-uri", fix=_SERVE)
        code, text = "mask-missing", f"the mask {_short(uri)} is not there"
        if self.folder is not None:
            return DataError(f"{text}: {self.folder} holds no such file", code=code, fix="check --from-mask-dir")
        if uri.startswith(("file:", "/", "\\")):
            text = f"{_short(uri)} is an absolute path; only files beside the source are read"
            return DataError(text, code="mask-uri", fix=f"use a relative one, or {_SERVE}")
        if _SCHEME.match(uri):
            text = f"the mask {_short(uri)} is not on this machine, and nothing is fetched"
            return DataError(text, code=REMOTE, fix=f"download the masks, then {_SERVE}")
        return DataError(text, code=code, fix=f"keep it beside the source, or {_SERVE}")


def _tails(uri: str) -> list[str]:
    """The ends of an address' path, longest first: a/b/c.png, b/c.png, c.png; with and without .png."""
    path = unquote(urlsplit(uri).path if _SCHEME.match(uri) and uri[1] != ":" else uri).replace("\\", "/")
    parts = [part for part in path.split("/") if part and not unsafe(part)]
    tails = ["/".join(parts[i:]) for i in range(len(parts))]
    named = [PurePosixPath(tail).suffix.lower() in PICTURE_SUFFIXES for tail in tails]
    return [
        name for tail, known in zip(tails, named, strict=True) for name in ((tail,) if known else (tail, f"{tail}.png"))
    ]


def _short(uri: str) -> str:
    shown = uri.split("?", 1)[0]
    return shown if len(shown) <= 120 else f"{shown[:60]}...{shown[-50:]}"
