"""Pictures: where they are, how large they are by their headers, and their pixels.

A picture's size and pixels are those that a viewer shows: an EXIF orientation is applied, as OpenCV does when it reads.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskconv import _jpeg, limits, png
from maskconv._opencv import opencv, silent
from maskconv.errors import DataError, PngError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.model import MAX_PIXELS, PICTURE_SUFFIXES, Picture
from maskconv.store import ZIP_ERRORS, read_whole, walk
from maskconv.wording import quoted

__all__ = [
    "MAX_PICTURE",
    "Header",
    "PictureFolder",
    "header_in",
    "header_of",
    "is_local",
    "is_picture",
    "pixels",
    "read",
    "size_in",
    "size_of",
    "stem",
]

MAX_PICTURE = 1 << 30  # pixels that are decoded, as OpenCV has it
# The kinds that are read. Others that Pillow knows it may hand to programs of the system, such as EPS to Ghostscript.
_KINDS = frozenset({"AVIF", "BMP", "DIB", "GIF", "HEIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP"})
_TURNED = frozenset({5, 6, 7, 8})  # EXIF orientations that swap width and height
_ORIENTATION = 274
_ORIENTATIONS = frozenset(range(1, 9))
_SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
_REFERENCE = re.compile("[a-z]{2,}:[a-z-]+")  # a service, and which of its keys the member is: no file has such a path
_PILLOW = Lock()
# What Pillow raises on damaged pictures of all kinds; it documents but the first.
_DAMAGED = (
    *(OSError, PngError, ValueError, SyntaxError, EOFError, struct.error),
    *(TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, NotImplementedError, AssertionError),
)


class Header(NamedTuple):
    """What a picture's file says of itself: its size in pixels as they are stored, and its EXIF orientation 1..8, by which
    viewers turn it; 1 where it has none."""

    width: int
    height: int
    orientation: int = 1

    @property
    def stored(self) -> tuple[int, int]:
        """``(width, height)`` in the file."""
        return self.width, self.height

    @property
    def shown(self) -> tuple[int, int]:
        """``(width, height)`` as a viewer shows it."""
        return (self.height, self.width) if self.orientation in _TURNED else self.stored


def is_picture(name: str) -> bool:
    """Whether a file's name has a picture's extension."""
    return PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES


def stem(name: str) -> str:
    """A path-like name without its picture extension; other dots stay."""
    return name[: -len(PurePosixPath(name).suffix)] if is_picture(name) else name


class PictureFolder:
    """The pictures below a folder, by item name (the path below the folder without extension) and by file name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._names: dict[str, str] = {}
        for name in sorted(_below(folder)):
            self._names.setdefault(stem(name), name)
            self._names[name] = name

    def find(self, name: str, split: str | None = None) -> Picture | None:
        """The picture of an item, its size unread; a name may carry its extension.

        Pictures may lie in folders of splits, ``train/``, ``images/train/`` or ``train/images/``: an item's own split goes
        before the folder itself. Without one it is the only split's that has the name; never one of several.
        """
        found = self._at(_places(split), name)[:1] or self._at([""], name)
        if not found and split is None:
            found = self._in_splits(name)
        return Picture.unchecked(path=str(self.folder / found[0])) if len(found) == 1 else None

    def lacks(self, name: str, split: str | None = None) -> str:
        """Why `find` finds nothing, as a clause."""
        found = [] if split is not None else self._in_splits(name)
        several = f"the item has no split, and {' and '.join(found)} in {self.folder} are called so"
        return several if found else f"there is no picture {quoted(name)} in {self.folder}"

    def _in_splits(self, name: str) -> list[str]:
        return self._at([place for split in _SPLITS for place in _places(split)], name)

    def _at(self, places: Iterable[str], name: str) -> list[str]:
        keys = [key for place in places for key in (place + name, place + stem(name))]
        return list(dict.fromkeys(found for key in keys if (found := self._names.get(key)) is not None))


def _places(split: str | None) -> list[str]:
    """The folders in which a split's pictures may lie."""
    if not split:
        return []
    names = [split, *next((same for same in _SPLITS.values() if split.casefold() in same), ())]
    return [place for name in names for place in (f"{name}/", f"images/{name}/", f"{name}/images/")]


def is_local(picture: Picture) -> bool:
    """Whether it is a file, or in one. Others are in a service, whose reference must not be taken for a path."""
    return bool(picture.path) and not _REFERENCE.fullmatch(picture.path)


def _below(folder: Path) -> Iterator[str]:
    for base, folders, files in walk(folder):
        folders.sort()
        for file in files:
            if is_picture(file):
                yield Path(base, file).relative_to(folder).as_posix()


def read(picture: Picture) -> bytes:
    """A picture's file, untouched. Raises DataError."""
    return read_whole(_where(picture), lambda: _opened(picture))


def size_of(picture: Picture) -> tuple[int, int]:
    """``(width, height)`` in pixels as a viewer shows it, from the header; nothing is decoded. Raises DataError."""
    if picture.width is not None and picture.height is not None:
        return picture.width, picture.height
    return header_of(picture).shown


def size_in(data: bytes, picture: Picture) -> tuple[int, int]:
    """`size_of` where the picture's file has been read already, as from a zip whose index is at hand."""
    return header_in(data, picture).shown


def header_of(picture: Picture) -> Header:
    """The header of a picture's file; nothing is decoded. Raises DataError."""
    try:
        with _opened(picture) as file:
            return _header_in(file)
    except (*_DAMAGED, *ZIP_ERRORS) as error:
        raise _unreadable(picture, f"its size cannot be read ({_why(error)})") from error


def header_in(data: bytes, picture: Picture) -> Header:
    """`header_of` where the picture's file has been read already. Raises DataError."""
    try:
        return _header_in(io.BytesIO(data))
    except _DAMAGED as error:
        raise _unreadable(picture, f"its size cannot be read ({_why(error)})") from error


def pixels(picture: Picture, note: Note | None = None) -> NDArray[np.uint8]:
    """The pixels, uint8 (height, width, 3) in OpenCV's order blue, green, red. Raises DataError.

    A JPEG that is decoded although it is damaged is noted, as far as that can be seen (`maskconv._jpeg.damage`).
    """
    data = read(picture)
    try:
        width, height = _header_in(io.BytesIO(data)).shown
    except _DAMAGED as error:
        raise _unreadable(picture, f"it is damaged, or no picture ({_why(error)})") from error
    most = min(MAX_PICTURE, limits.pixels())
    if width * height > most:
        text = f"{width} x {height} pixels are more than the {most:,} that are decoded"
        raise _unreadable(picture, text, limits.fix("MASKCONV_MAX_PIXELS", "take a smaller picture"))
    if reason := _jpeg.damage(data) if data.startswith(b"\xff\xd8\xff") else "":
        damaged = _by_pillow(data, picture, damaged=True)  # OpenCV's decoder would print a line that names no picture
        if note is not None:
            text, fix = f"{reason}; parts of the picture may be wrong", "take an undamaged copy of it"
            note(Finding("picture-damaged", Weight.WARNING, text, _where(picture), unit="images", fix=fix))
        return damaged
    cv2 = opencv()
    found: Any = None
    with suppress(cv2.error), silent(cv2):
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if found is None:
        found = _by_pillow(data, picture)
    return np.asarray(found, np.uint8)


def _why(error: Exception) -> str:
    """Pillow names its own file object where it knows no picture."""
    return "no kind of picture that is known" if "cannot identify" in str(error) else str(error)


def _by_pillow(data: bytes, picture: Picture, *, damaged: bool = False) -> NDArray[np.uint8]:
    """What OpenCV does not decode, such as GIF in older versions, or should not: a JPEG that is known to be damaged."""
    from PIL import ImageOps

    try:
        with _header(io.BytesIO(data)) as image:
            try:
                image.load()
            except OSError:
                if not damaged or image.getbbox() is None:  # all is black: nothing was decoded before it failed
                    raise
            return np.ascontiguousarray(np.asarray(ImageOps.exif_transpose(image).convert("RGB"))[:, :, ::-1])
    except _DAMAGED as error:
        raise _unreadable(picture, f"it is damaged, or no picture ({_why(error)})") from error


def _opened(picture: Picture) -> Any:
    if not is_local(picture):
        raise OSError("it is no file on this machine")
    if not stat.S_ISREG(os.stat(picture.path).st_mode):
        raise OSError("it is no file")  # a pipe or a device would never end
    if not picture.member:
        return Path(picture.path).open("rb")
    archive = zipfile.ZipFile(picture.path)
    try:
        return archive.open(picture.member)
    finally:
        archive.close()  # the member's handle keeps the file


def _header_in(file: Any) -> Header:
    start = file.read(1 << 16)
    if not start:
        raise ValueError("the file is empty")
    if start[:8] == b"\x89PNG\r\n\x1a\n" and b"eXIf" not in start:
        header = png.read_header(start, max_pixels=MAX_PIXELS)
        return Header(header.width, header.height)
    if (found := _jpeg.header(start)) is not None:
        return _checked(*found)
    file.seek(0)
    with _header(file) as image:
        tags = getattr(image, "tag_v2", None)  # of a TIFF Pillow has turned the size already, in some versions
        width, height = image.size if tags is None else (int(tags[256]), int(tags[257]))
        return _checked(width, height, image.getexif().get(_ORIENTATION))


def _checked(width: int, height: int, orientation: Any) -> Header:
    return Header(width, height, orientation if orientation in _ORIENTATIONS else 1)


@contextmanager
def _header(file: Any) -> Iterator[Any]:
    """A picture opened by Pillow, which reads its header only and warns of large ones; nothing here decodes them."""
    from PIL import Image

    with _PILLOW:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(file)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    with image:
        if image.format not in _KINDS:
            raise OSError(f"pictures of the kind {image.format} are not read")
        yield image


def _where(picture: Picture) -> Where:
    return Where(path=picture.path, member=picture.member)


def _unreadable(picture: Picture, text: str, fix: str = "check the picture") -> DataError:
    return DataError(text, where=_where(picture), code="picture-unreadable", fix=fix)
