"""A folder of fetched masks, by what their addresses name. Each file begins with its size and sum, and is checked when read."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from maskconv.errors import SourceError
from maskconv.finding import Where

__all__ = ["Cache"]

_HEAD = "maskconv-mask 1 {size:20d} {digest}\n"
_LENGTH = len(_HEAD.format(size=0, digest="0" * 64))


class Cache:
    """Files are written beside their place and moved there whole, so that several runs may share the folder.

    Without a folder, what is fetched is kept in a temporary one until it was read once. Raises SourceError where the
    folder cannot be used.
    """

    def __init__(self, folder: Path | None) -> None:
        self.kept = folder is not None
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            self.folder = Path(tempfile.mkdtemp(prefix="maskconv-")) if folder is None else folder
        except OSError as error:
            raise _unusable(folder or Path(tempfile.gettempdir()), error) from error

    def path(self, name: str) -> Path:
        """The file of an address; ``name`` is what it names."""
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        return self.folder / digest[:2] / f"{digest[2:]}.mask"

    def has(self, name: str) -> bool:
        """Whether there is a file of that name, sound or not."""
        return self.path(name).is_file()

    def load(self, name: str) -> bytes | None:
        """A file's bytes; None where it is not there, or not what was written."""
        path = self.path(name)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, error) from error
        body = data[_LENGTH:]
        sound = data[:_LENGTH] == _head(len(body), hashlib.sha256(body).hexdigest())
        if not sound or not self.kept:
            with suppress(OSError):
                path.unlink()
        return body if sound else None

    def store(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write a file as its bytes come; where they end with an error (no OSError), nothing is kept and it goes on."""
        path = self.path(name)
        try:
            path.parent.mkdir(exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    _fill(file, chunks)
                os.replace(temporary, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)
                raise
        except OSError as error:
            raise _unusable(path, error) from error

    def close(self) -> None:
        """Remove a temporary folder."""
        if not self.kept:
            import shutil

            shutil.rmtree(self.folder, ignore_errors=True)


def _head(size: int, digest: str) -> bytes:
    return _HEAD.format(size=size, digest=digest).encode()


def _fill(file: IO[bytes], chunks: Iterable[bytes]) -> None:
    file.write(b" " * _LENGTH)
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        file.write(chunk)
    file.seek(0)
    file.write(_head(size, digest.hexdigest()))


def _unusable(path: Path, error: OSError) -> SourceError:
    text = f"fetched masks cannot be kept here ({error.strerror or error})"
    fix = "check space and permissions, or name another folder with --cache"
    return SourceError(text, where=Where(path=str(path)), code="cache-unusable", fix=fix)
