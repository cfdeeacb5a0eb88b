"""Which pictures are meant: a picture, a folder, a pattern, a text list, or several of these.

An item's name is the picture's path, without extension, below the longest folder that all sources share: a folder shares
itself, a pattern what comes before its first wildcard, a picture its folder, a list what its pictures share.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from maskconv.errors import SourceError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.pictures import is_picture, stem

VIDEOS = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv"})
TAKES = "give a picture, a folder, a pattern such as 'street/**/*.jpg', or a .txt list of pictures"


class Found(NamedTuple):
    """Paths of pictures as they are opened, in order, each once; ``root`` is what their names leave out."""

    paths: list[str]
    root: str

    def name(self, path: str) -> str:
        """The item's name."""
        below = os.path.relpath(os.path.abspath(path), self.root).replace(os.sep, "/")
        return stem(below.removeprefix("../"))


def check(source: Path) -> None:
    """Raises SourceError where there is nothing at a path that is no pattern."""
    text = str(source)
    if not os.path.exists(text) and not glob.has_magic(text):
        raise SourceError("there is no such file or folder", where=Where(path=text), code="source-missing", fix=TAKES)


def find(sources: Sequence[Path], note: Note) -> Found:
    """All pictures; those that a list names and that are not there are noted. Raises SourceError for a source without any."""
    paths: dict[str, str] = {}
    bases = []
    for source in sources:
        found, base = _of(source, note)
        if not found:
            raise _empty(source)
        bases.append(base)
        for path in found:
            paths.setdefault(os.path.abspath(path), path)
    return Found(list(paths.values()), _shared(bases))


def _shared(folders: Sequence[str]) -> str:
    try:
        return os.path.commonpath([os.path.abspath(folder) for folder in folders])
    except ValueError:  # on several drives
        return os.path.abspath(folders[0])


def _of(source: Path, note: Note) -> tuple[list[str], str]:
    """A source's pictures, and the folder below which it names them."""
    text = str(source)
    if os.path.isdir(text):
        return list(_below(text, note)), text
    if os.path.isfile(text):
        return _of_file(source, note)
    check(source)
    return [path for path in sorted(glob.glob(text, recursive=True)) if _is_one(path)], _fixed(source)


def _of_file(source: Path, note: Note) -> tuple[list[str], str]:
    where, suffix = Where(path=str(source)), source.suffix.lower()
    if is_picture(source.name):
        return [str(source)], str(source.parent)
    if suffix == ".txt":
        found = list(_listed(source, note))
        return found, _shared([os.path.dirname(path) for path in found] or ["."])
    if suffix in VIDEOS:
        fix = f"take its frames apart first: ffmpeg -i {source.name} frames/%06d.png"
        raise SourceError("this is a video; pictures are read", where=where, code="yolo-no-picture", fix=fix)
    raise SourceError("this is neither a picture nor a .txt list", where=where, code="yolo-no-picture", fix=TAKES)


def _empty(source: Path) -> SourceError:
    what = "no picture fits this pattern" if not os.path.exists(source) else "there are no pictures here"
    return SourceError(what, where=Where(path=str(source)), code="yolo-no-pictures", fix=TAKES)


def _is_one(path: str) -> bool:
    return is_picture(path.replace(os.sep, "/")) and os.path.isfile(path)


def _below(folder: str, note: Note) -> Iterator[str]:
    """The pictures in a folder and its folders, by name; hidden ones are not meant. Links are followed, as a pattern does,
    but no folder is read twice."""
    top = os.path.realpath(folder)
    seen = {top}
    for base, folders, files in os.walk(folder, followlinks=True):
        visible = sorted(name for name in folders if not name.startswith("."))
        folders[:] = [name for name in visible if _is_new(os.path.join(base, name), top, seen, note)]
        for name in sorted(files):
            if is_picture(name) and not name.startswith("."):
                yield os.path.join(base, name)


def _is_new(folder: str, top: str, seen: set[str], note: Note) -> bool:
    """Whether a folder is to be read; then it is ``seen``. Of one that a link leads to, its own place comes first."""
    real = os.path.realpath(folder)
    if os.path.islink(folder) and _is_in(os.path.realpath(os.path.dirname(folder)), real):
        text = "this link leads back to a folder that it lies in, and is not followed"
    elif real in seen or (os.path.islink(folder) and _is_in(real, top) and not _is_hidden(real, top)):
        text = f"this folder is {real}, whose pictures are read already, and is not read again"
    else:
        seen.add(real)
        return True
    note(Finding("yolo-folder-again", Weight.INFO, text, Where(path=folder), unit="folders"))
    return False


def _is_in(path: str, folder: str) -> bool:
    return Path(path).is_relative_to(folder)


def _is_hidden(path: str, top: str) -> bool:
    return any(part.startswith(".") for part in Path(path).relative_to(top).parts)


def _fixed(pattern: Path) -> str:
    """The folders of a pattern before its first wildcard."""
    parts = pattern.parts
    first = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    return os.path.join(*parts[:first]) if first else "."


def _listed(source: Path, note: Note) -> Iterator[str]:
    """The pictures that a list's lines name, relative to the list's folder; lines that start with # are comments."""
    with source.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, start=1):
            entry = line.strip()
            if entry.startswith("#"):
                continue
            path = os.path.join(source.parent, entry)
            if entry and "\0" not in entry and os.path.isfile(path):
                yield os.path.normpath(path)
            elif entry:
                where = Where(path=str(source), line=number)
                text, fix = f"there is no picture {entry[:200]!r}", "paths in a list count from the list's own folder"
                note(Finding("yolo-listed-missing", Weight.ERROR, text, where, unit="images", fix=fix))
