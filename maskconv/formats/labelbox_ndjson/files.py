"""Files on this machine that records and options name: composites of instanceURI, pictures for sizes. Nothing is fetched."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from maskconv import png
from maskconv.errors import DataError, OptionError, PngError
from maskconv.finding import Where
from maskconv.formats.labelbox_ndjson.names import extension, stem
from maskconv.model import Picture
from maskconv.store import MAX_MEMBER, unsafe

__all__ = ["REMOTE", "MaskFiles", "Pictures"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
REMOTE = "labelbox-mask-remote"
_SERVE = "name the folder that holds the masks with --from-mask-dir"


class MaskFiles:
    """Finds the file of an instanceURI: beside the NDJSON, or in ``mask_dir``; never outside of them."""

    def __init__(self, source: Path, mask_dir: Path | None, mask_uri: str | None) -> None:
        self.home = Path(os.path.realpath(source.parent))
        self.folder = Path(os.path.realpath(mask_dir)) if mask_dir is not None else None
        self.prefix = mask_uri
        if mask_dir is not None and not mask_dir.is_dir():
            text = "the folder of masks does not exist"
            raise OptionError(text, where=Where(path=str(mask_dir)), fix="check --from-mask-dir", code="option-value")

    def read(self, uri: str) -> tuple[str, bytes]:
        """The file's path and bytes. Raises DataError."""
        if len(uri) > 4096:
            raise DataError("instanceURI has more than 4,096 characters", code="labelbox-uri", fix="name a file")
        path = self._find(uri)
        try:
            if path.stat().st_size > MAX_MEMBER:
                text = f"the composite {path} has more than {MAX_MEMBER:,} bytes"
                raise DataError(text, code="member-too-big", fix="no mask is that large; remove it")
            return str(path), path.read_bytes()
        except OSError as error:
            text = f"the composite {path} cannot be read ({error.strerror})"
            raise DataError(text, code="labelbox-mask-missing", fix="check its permissions") from error

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
            return DataError(reason, code="labelbox-uri", fix=_SERVE)
        code, text = "labelbox-mask-missing", f"the composite {_short(uri)} is not there"
        if self.folder is not None:
            return DataError(f"{text}: {self.folder} holds no such file", code=code, fix="check --from-mask-dir")
        if uri.startswith(("file:", "/", "\\")):
            text = f"{_short(uri)} is an absolute path; only files beside the NDJSON are read"
            return DataError(text, code="labelbox-uri", fix=f"use a relative one, or {_SERVE}")
        if _SCHEME.match(uri):
            text = f"the composite {_short(uri)} is not on this machine, and nothing is fetched"
            return DataError(text, code=REMOTE, fix=f"download the masks, then {_SERVE}")
        return DataError(text, code=code, fix=f"keep it beside the file, or {_SERVE}")


def _tails(uri: str) -> list[str]:
    """The ends of an address' path, longest first: a/b/c.png, b/c.png, c.png; with and without .png."""
    path = unquote(urlsplit(uri).path if _SCHEME.match(uri) and uri[1] != ":" else uri).replace("\\", "/")
    parts = [part for part in path.split("/") if part and not unsafe(part)]
    tails = ["/".join(parts[i:]) for i in range(len(parts))]
    return [name for tail in tails for name in ((tail,) if extension(tail) else (tail, f"{tail}.png"))]


def _short(uri: str) -> str:
    shown = uri.split("?", 1)[0]
    return shown if len(shown) <= 120 else f"{shown[:60]}...{shown[-50:]}"


class Pictures:
    """The pictures of a folder by item name, and their sizes from their headers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._paths: dict[str, str] = {}
        if not folder.is_dir():
            text = "the folder of pictures does not exist"
            raise OptionError(text, where=Where(path=str(folder)), fix="check --from-images", code="option-value")
        for base, folders, files in os.walk(folder):
            folders.sort()
            for file in sorted(files):
                name = Path(base, file).relative_to(folder).as_posix()
                if extension(name):
                    self._paths.setdefault(stem(name), name)
                    self._paths[name] = name

    def find(self, item: str, key: str) -> Picture | None:
        """The picture of an item: the file of its global key, else the first of its name. Raises DataError."""
        name = self._paths.get(key) or self._paths.get(item)
        if name is None:
            return None
        path = self.folder / name
        width, height = _size(path)
        return Picture(path=str(path), width=width, height=height)


def _size(path: Path) -> tuple[int, int]:
    """A picture's size from its header."""
    try:
        if path.suffix.lower() == ".png":
            with path.open("rb") as file:
                header = png.read_header(file.read(64))
            return header.width, header.height
        from PIL import Image

        with Image.open(path) as image:
            return image.size
    except (OSError, ValueError, PngError, SyntaxError) as error:
        text = f"the picture's size cannot be read ({error})"
        raise DataError(
            text, where=Where(path=str(path)), code="picture-unreadable", fix="check the picture"
        ) from error
