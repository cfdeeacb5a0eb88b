"""Where a stage keeps its blobs: members of a zip, or files of a folder."""

from __future__ import annotations

import errno
import os
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from maskconv.errors import DataError

__all__ = ["Blobs", "Files", "Members"]

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip can hold: same input, same bytes


class Blobs(ABC):
    @abstractmethod
    def put(self, path: str, data: bytes) -> list[Any] | None:
        """Store a blob. What a run that goes on with this one has to know of it, if anything. Raises DataError."""

    def link(self, path: str, source: str) -> bool:
        """Make a blob of a file that exists without copying it; whether that could be done."""
        del path, source
        return False

    def flush(self) -> None:  # noqa: B027 - files are closed as they are written
        """Let all that was put be read by a later run."""

    def close(self) -> None:  # noqa: B027
        """Nothing more is put."""


class Members(Blobs):
    """A zip of stored members. It goes on behind those of a run before, ``told`` as `put` did; what came after is cut off."""

    def __init__(self, file: IO[bytes], told: Iterable[Sequence[Any]]) -> None:
        infos = [_info(*facts) for facts in told]
        end = max((info.header_offset + _span(info) for info in infos), default=0)
        file.truncate(end)
        file.seek(end)
        self._file = file
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._zip.filelist += infos
        self._zip.NameToInfo |= {info.filename: info for info in infos}

    def put(self, path: str, data: bytes) -> list[Any] | None:
        if path in self._zip.NameToInfo:
            return None
        info = _info(path)
        self._zip.writestr(info, data)
        return [path, info.header_offset, info.file_size, info.CRC]

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._zip.close()


class Files(Blobs):
    """The files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, path: str, data: bytes) -> None:
        file = self._folder / path
        try:
            if not file.parent.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            text = "the item's name is too long for the target's file system"
            raise DataError(text, code="name-too-long", fix="shorten it with --name") from error

    def link(self, path: str, source: str) -> bool:
        file = self._folder / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink(missing_ok=True)  # of a run that is resumed
            os.link(os.path.realpath(source), file)
        except OSError:  # another file system, one without links, or a file that cannot be read
            return False
        return True


def _info(path: str, offset: int = 0, size: int = 0, crc: int = 0) -> zipfile.ZipInfo:
    """A stored member with a fixed time; the rest is known of one that was written before."""
    info = zipfile.ZipInfo(path, _EPOCH)
    info.external_attr = 0o644 << 16
    info.header_offset, info.file_size, info.compress_size, info.CRC = offset, size, size, crc
    if any(ord(c) > 127 for c in path):
        info.flag_bits |= 0x800
    return info


def _span(info: zipfile.ZipInfo) -> int:
    """The bytes of a member's local header and data."""
    return len(info.FileHeader()) + info.file_size
