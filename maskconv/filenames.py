"""Names of files: which ones no system takes, which ones Windows does not, and which two are one file somewhere."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from posixpath import basename

from maskconv.errors import DataError, UsageError
from maskconv.store import unsafe

__all__ = ["FORBIDDEN", "RESERVED", "Names", "as_text", "folded", "no_text", "refusal", "windows"]

MAX_PART, MAX_PATH = 255, 4096  # bytes, as Linux has them
FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]')
_PORTS = (f"{port}{number}" for port in ("com", "lpt") for number in "123456789¹²³")
RESERVED = frozenset({"con", "prn", "aux", "nul", "conin$", "conout$", *_PORTS})
_BARE = re.compile(r"\.(png|npy|npz|json|txt|jpe?g)", re.IGNORECASE)


def folded(path: str) -> str:
    """The form in which two names must not be equal: file systems that ignore case, or compose accents, see one."""
    return unicodedata.normalize("NFC", path).casefold()


def no_text(name: str) -> str:
    """Why a file that is text cannot hold a name, in words; empty where it can. Bytes of no character are half surrogates."""
    if name.encode("utf-8", "ignore").decode() == name:
        return ""
    try:
        name.encode("utf-8", "surrogateescape").decode()
    except UnicodeError:
        return "holds bytes that are no UTF-8"
    return "is UTF-8, which this locale is not (with LC_ALL=C.UTF-8 it can be read)"


def as_text(value: str, flag: str) -> str:
    """An argument that is no path: what the locale could not decode is UTF-8. Raises UsageError where it is not."""
    try:
        return value.encode("utf-8", "surrogateescape").decode()
    except UnicodeError as error:
        raise UsageError(f"{flag} {value!r} holds bytes that are no UTF-8", fix="write it in UTF-8") from error


def refusal(path: str) -> tuple[str, str]:
    """Why no file can have a path with ``/``: a code, and the reason in words; both empty where it can."""
    if reason := no_text(path):
        return "name-unsafe", reason
    encoded = path.encode()
    parts = encoded.split(b"/")
    if b"" in parts or b"." in parts or _BARE.fullmatch(basename(path)):
        return "name-unsafe", "has an empty part or '.'"
    if len(encoded) > MAX_PATH:
        return "name-too-long", f"makes a path of {len(encoded):,} bytes; systems take {MAX_PATH:,}"
    if (longest := max(map(len, parts))) > MAX_PART:
        return "name-too-long", f"makes a file's name of {longest:,} bytes; systems take {MAX_PART}"
    return "", ""


def windows(path: str) -> str:
    """Why Windows cannot hold a path with ``/``, in words; empty where it can."""
    for part in path.split("/"):
        if part.split(".", 1)[0].rstrip(" ").casefold() in RESERVED:
            return f"{part!r} is a device there"
        if part.endswith((".", " ")):
            return f"{part!r} ends in a dot or a space"
        if found := FORBIDDEN.search(part):
            return f"no name has {found[0]!r} there"
    return ""


class Names:
    """The names of blobs that were taken, as file systems see them that ignore case."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def wrong(self, path: str) -> DataError | None:
        """What speaks against one more of that name."""
        code, reason = ("name-unsafe", unsafe(path)) if unsafe(path) else refusal(path)
        if not reason and os.name == "nt" and (reason := windows(path)):
            code, reason = "name-unsafe", f"makes a file that Windows cannot hold: {reason}"
        if reason:
            return DataError(f"the item's name {reason}", code=code, fix="rename the item, as with --name")
        name = folded(path)
        if name in self._files:
            text = f"two items would be written to {path}, or to names that are one file where case does not count"
            return DataError(text, code="name-collision", fix="rename one of them")
        if name in self._folders or not self._files.isdisjoint(_above(name)):
            text = f"one item would be the file, another the folder {path}"
            return DataError(text, code="name-collision", fix="rename one of them")
        return None

    def add(self, path: str) -> None:
        name = folded(path)
        self._files.add(name)
        self._folders.update(_above(name))


def _above(path: str) -> Iterator[str]:
    """The folders that a path lies in."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)
