"""A file of Labelbox' records, open for reading, with the masks and the pictures that they name."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from maskconv import pictures
from maskconv.errors import DataError, OptionError, SourceError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.labelbox.split import Place
from maskconv.maskfiles import REMOTE, MaskFiles
from maskconv.model import Picture
from maskconv.pictures import Header, PictureFolder
from maskconv.plugin import Head, Reader

__all__ = ["RecordReader", "unchecked"]

U = TypeVar("U")
H = TypeVar("H", bound=Head)


class RecordReader(Reader[U, H]):
    """A reader of one such file. Its options have ``mask_dir``, ``mask_uri``, ``images`` and ``orientation``."""

    options: Any
    folder_is: ClassVar[str] = "this is a folder, not a file of records"
    name_the: ClassVar[str] = "name the JSON or NDJSON file"

    def open(self) -> None:
        if not self.source.is_file():
            raise SourceError(self.folder_is, where=Where(path=str(self.source)), fix=self.name_the)
        self._lock = threading.Lock()
        self.files = MaskFiles(self.source.parent, self.options.mask_dir, self.options.mask_uri, self.access)
        self.pictures = _pictures(self.options.images) if self.options.images is not None else None
        self._file = os.open(self.source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            self.files.open()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.files.close()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def stop(self) -> None:
        self.files.stop()

    def read(self, place: Place) -> bytes:
        """A record's bytes; several threads may read at once."""
        if hasattr(os, "pread"):
            return os.pread(self._file, place.length, place.offset)
        with self._lock:
            os.lseek(self._file, place.offset, os.SEEK_SET)
            return os.read(self._file, place.length)

    def look(
        self, folder: PictureFolder, found: Picture | None, name: str, note: Note
    ) -> tuple[Picture, Header] | None:
        """A picture of the folder, and its header; None where it is not there or cannot be read, which is noted."""
        try:
            if found is not None:
                header = pictures.header_of(found)
                width, height = header.shown
                return Picture.unchecked(path=found.path, member=found.member, width=width, height=height), header
        except DataError as error:
            note(Finding(error.code, Weight.WARNING, error.message, error.where or Where(), fix=error.fix))
        text = f"{folder.folder} holds no readable picture of this name"
        note(Finding("labelbox-picture-missing", Weight.WARNING, text, Where(image=name), unit="images"))
        return None


def _pictures(folder: Path) -> PictureFolder:
    if not folder.is_dir():
        text = "the folder of pictures does not exist"
        raise OptionError(text, where=Where(path=str(folder)), fix="check --from-images", code="option-value")
    return PictureFolder(folder)


def unchecked(finding: Finding) -> Finding:
    """For a check: masks that are elsewhere are no fault of the file."""
    if finding.code != REMOTE:
        return finding
    return replace(finding, weight=Weight.WARNING, message=f"{finding.message}: it was not checked")
