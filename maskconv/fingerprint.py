"""Whether a run to be resumed is still the same: its sources, its options, its codecs, and the version of maskconv."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from maskconv import __version__
from maskconv.sources import PathLike
from maskconv.store import walk

__all__ = ["fingerprint"]

HEAD = 1 << 16
CODECS = ("isal", "deflate", "pillow")  # another version may make other bytes of the same pixels
MODELS = ("opencv-python", "onnxruntime", "ultralytics", "torch")  # or see other things in them
LIST = 1 << 26  # bytes of a text file in which paths are looked for


def fingerprint(sources: Iterable[PathLike], asked: Mapping[str, Any]) -> str:
    """A digest of what decides the target's bytes: ``asked`` are the options as they were given.

    Of a file count size, time of change and first 64 KiB, of a folder its files, but not its own time: the target may
    lie inside. Of a pattern count the files that fit, of a text file also those that its lines name. Paths among the
    options are looked at in the same way, but nothing of the target: it may appear in between.
    """
    paths = [str(source) for source in sources]
    facts = [
        __version__,
        [_version(name) for name in CODECS + MODELS],
        _plain(asked),
        [list(_files(path)) for path in [*paths, *_inputs(asked)]],
        [list(_meant(path)) for path in paths],
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, list | tuple):
        return list(map(str, value))
    return value if isinstance(value, int | float | bool | None) else str(value)


def _inputs(asked: Mapping[str, Any]) -> Iterator[str]:
    """What options read; of those to write a folder may be the target's own, so there only files count."""
    if not isinstance(asked.get("labels"), Mapping):
        yield from _named(asked.get("labels"))
    yield from _named(asked.get("read"))
    yield from filter(os.path.isfile, _named(asked.get("write")))


def _named(value: Any) -> Iterator[str]:
    """Files and folders that options name."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _named(one)
    elif isinstance(value, str | os.PathLike) and str(value) and Path(value).exists():
        yield str(value)


def _meant(path: str) -> Iterator[list[Any]]:
    """The files that a pattern or a list stands for."""
    if glob.has_magic(path) and not os.path.exists(path):
        for found in sorted(glob.glob(path, recursive=True)):
            if os.path.isfile(found) and ".partial" not in found:
                yield _stamp(found)
    elif path.lower().endswith(".txt") and os.path.isfile(path) and os.path.getsize(path) <= LIST:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            for line in map(str.strip, file):
                place = os.path.join(os.path.dirname(path), line)
                if line and "\0" not in line and os.path.isfile(place):
                    yield _stamp(place)


def _stamp(path: str) -> list[Any]:
    facts = os.stat(path)
    return [path, facts.st_size, facts.st_mtime_ns]


def _files(path: str) -> Iterator[list[Any]]:
    if os.path.isdir(path):
        for folder, names, files in walk(Path(path)):
            names[:] = sorted(name for name in names if not name.endswith(".partial"))
            for name in sorted(files):
                place = os.path.join(folder, name)
                facts = os.stat(place, follow_symlinks=os.path.exists(place))
                yield [os.path.relpath(place, path), facts.st_size, facts.st_mtime_ns]
    elif os.path.exists(path):
        facts = os.stat(path)
        with open(path, "rb") as file:
            head = hashlib.sha256(file.read(HEAD)).hexdigest()
        yield [path, facts.st_size, facts.st_mtime_ns, head]
