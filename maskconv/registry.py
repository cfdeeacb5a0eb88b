"""Which formats there are, and which of them a path is."""

from __future__ import annotations

import importlib
import os
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from maskconv.errors import FormatError, SourceError, UnknownFormatError
from maskconv.finding import Where
from maskconv.options import nearest
from maskconv.plugin import Format, Probe
from maskconv.store import ZIP_ERRORS, walk

__all__ = ["BUILT_IN", "COMMANDS", "DEFAULTS", "Command", "by_name", "by_target", "formats", "names", "probe", "sniff"]

BUILT_IN: dict[str, str] = {
    "cvat-mask": "maskconv.formats.cvat_mask:FORMAT",
    "isolated": "maskconv.formats.isolated:FORMAT",
    "labelbox-export": "maskconv.formats.labelbox_export:FORMAT",
    "labelbox-ndjson": "maskconv.formats.labelbox_ndjson:FORMAT",
    "labelmap": "maskconv.formats.labelmap_txt:FORMAT",
    "mask-data": "maskconv.formats.mask_data:FORMAT",
    "mcv": "maskconv.formats.mcv:FORMAT",
    "yolo-model": "maskconv.formats.yolo_model:FORMAT",
    "yolo-seg": "maskconv.formats.yolo_seg:FORMAT",
}
# The format of a target that names none, by suffix; plugins never change it.
DEFAULTS: dict[str, str] = {
    ".zip": "cvat-mask",
    ".ndjson": "labelbox-ndjson",
    ".jsonl": "labelbox-ndjson",
    ".mcv": "mcv",
}


class Command(NamedTuple):
    """A command that is ``convert`` with one side fixed to a format, whose options are flags there.

    ``needs`` is the option without which that format cannot be used.
    """

    name: str
    format: str
    side: Literal["read", "write"]
    needs: str = ""


COMMANDS = (
    Command("predict", "yolo-model", "read", needs="model"),
    Command("isolate", "isolated", "write"),
)
GROUP = "maskconv.formats"
KEYS_WITHIN = 1 << 20
# Widespread JSON that no format reads, by keys of its start; long lists of COCO hide what follows them.
OTHERS = (
    ("COCO", frozenset({"images", "annotations", "categories"})),
    ("COCO", frozenset({"info", "licenses", "images"})),
    ("LabelMe", frozenset({"shapes", "imagePath"})),
)


@cache
def _plugins() -> dict[str, Format]:
    """Third-party formats by name; broken, duplicate and shadowing ones warn and are skipped."""
    from importlib.metadata import entry_points

    found: dict[str, Format] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda p: (p.name, p.value)):
        try:
            plugin = point.load()
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises, the others still work
            _skip(point.name, f"it cannot be loaded: {error}")
            continue
        if not isinstance(plugin, Format):
            _skip(point.name, f"{point.value} is no maskconv.plugin.Format")
        elif plugin.name in BUILT_IN:
            _skip(point.name, f"{plugin.name!r} is a built-in format")
        elif plugin.name in found:
            _skip(point.name, f"there are two formats named {plugin.name!r}")
        else:
            found[plugin.name] = plugin
    return found


def _skip(name: str, reason: str) -> None:
    warnings.warn(f"the format plugin {name!r} is skipped: {reason}", RuntimeWarning, stacklevel=3)


def _built_in(name: str) -> Format:
    module, _, attribute = BUILT_IN[name].partition(":")
    found: Format = getattr(importlib.import_module(module), attribute)
    return found


def names() -> list[str]:
    """All formats' names, sorted."""
    return sorted({*BUILT_IN, *_plugins()})


def formats() -> Iterator[Format]:
    """All formats, built-in ones first."""
    yield from map(_built_in, BUILT_IN)
    yield from _plugins().values()


def by_name(name: str) -> Format:
    """The format of that name. Raises UnknownFormatError that lists those there are."""
    if name in BUILT_IN:
        return _built_in(name)
    if name in _plugins():
        return _plugins()[name]
    text = f"there is no format {name!r}{nearest(name, names())}; the formats are {', '.join(names())}"
    raise UnknownFormatError(text)


def by_target(path: Path) -> Format:
    """The format to write where none is named: by the target's suffix. Raises FormatError."""
    suffix = path.suffix.lower()
    if suffix in DEFAULTS:
        return by_name(DEFAULTS[suffix])
    fitting = [f for f in _plugins().values() if suffix and suffix in f.suffixes and f.writer is not None]
    if len(fitting) == 1:
        return fitting[0]
    text = f"the name does not say which format to write (known suffixes: {', '.join(DEFAULTS)})"
    writers = [f.name for f in formats() if f.writer is not None]
    candidates = tuple(f.name for f in fitting)
    raise FormatError(
        text, where=Where(path=str(path)), candidates=candidates, fix=f"name it: --to {' | '.join(writers)}"
    )


def source_suffixes() -> frozenset[str]:
    """The suffixes of files that some format reads."""
    return frozenset(suffix for fmt in formats() if fmt.reader for suffix in fmt.suffixes) | {".zip", ".json"}


def candidates(path: Path) -> list[Format]:
    """The formats that say the path is one of theirs. Raises SourceError where it cannot be looked at."""
    seen = probe(path)
    return [fmt for fmt in formats() if _says_yes(fmt, seen)]


def _says_yes(fmt: Format, seen: Probe) -> bool:
    try:
        return fmt.sniff(seen)
    except Exception as error:
        if fmt.name in BUILT_IN:
            raise
        _skip(fmt.name, f"its sniffer failed: {error}")
        return False


def sniff(path: Path, *, checking: bool = False) -> Format:
    """The one format that says it can read the path, or check it. Raises FormatError naming the candidates."""
    fitting = candidates(path)
    if len(fitting) == 1:
        return fitting[0]
    where, found = Where(path=str(path)), tuple(f.name for f in fitting)
    if fitting:
        text, fix = f"this could be {' or '.join(found)}", "say which: --from FORMAT"
        raise FormatError(text, where=where, candidates=found, fix=fix, code="format-ambiguous")
    raise _unknown(probe(path), where, checking=checking)


def _unknown(seen: Probe, where: Where, *, checking: bool) -> FormatError:
    """What is said of a path that no format recognises."""
    text = f"no format recognises this {_looks(seen)}"
    told = [pair for fmt in formats() if fmt.explain is not None and (pair := fmt.explain(seen)) is not None]
    known = next((pair for pair in told if pair[0]), None)
    if known is not None:
        return FormatError(f"{text}: {known[0]}", where=where, fix=known[1])
    other = next((name for name, keys in OTHERS if keys <= seen.keys), None)
    if other is not None:
        text, fix = f"this is a {other} file, which maskconv does not read", "export it again as masks, or for YOLO"
        return FormatError(text, where=where, fix=fix)
    readers = [f.name for f in formats() if f.reader is not None or (checking and f.check is not None)]
    known_better = f"if you know better, name it: --from {' | '.join(readers)}"
    return FormatError(text, where=where, fix="; ".join(fix for _, fix in told) or known_better)


def probe(path: Path) -> Probe:
    """What all sniffers get to see. Raises SourceError where there is nothing to read."""
    where = Where(path=str(path))
    if not os.path.exists(path):
        raise SourceError("there is no such file or folder", where=where, code="source-missing", fix="check the path")
    if not (os.path.isfile(path) or os.path.isdir(path)):
        text, fix = "is a pipe or a device, and not read here", "save it to a file, or give - and pipe it in"
        raise SourceError(text, where=where, code="source-unreadable", fix=fix)
    try:
        return _probe(path)
    except OSError as error:
        text = f"cannot be read ({error.strerror or error})"
        raise SourceError(text, where=where, code="source-unreadable", fix="check its permissions") from error


def _probe(path: Path) -> Probe:
    if path.is_dir():
        return Probe(path, "folder", entries=_pairs(_walk(path)))
    with path.open("rb") as file:
        start = file.read(KEYS_WITHIN)
    if start[:4] in {b"PK\3\4", b"PK\5\6"}:
        try:
            with zipfile.ZipFile(path) as archive:
                return Probe(path, "zip", start[:4096], entries=_pairs(archive.namelist()))
        except ZIP_ERRORS as error:
            text, where = f"is a zip that cannot be opened ({error})", Where(path=str(path))
            raise SourceError(text, where=where, code="zip-corrupt", fix="export or copy it again") from error
    return Probe(path, "file", start[:4096], keys=_keys(start))


def _walk(path: Path) -> Iterator[str]:
    for folder, _, files in walk(path):
        base = Path(folder).relative_to(path).as_posix()
        yield from (f"{base}/{name}" if base != "." else name for name in files)


def _pairs(members: Iterable[str]) -> frozenset[tuple[str, str]]:
    """The distinct (folder, lower-case suffix) of all members."""
    found = set()
    for member in members:
        folder, _, name = member.replace("\\", "/").rpartition("/")
        found.add((folder, PurePosixPath(name).suffix.lower()))
    return frozenset(found)


_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"?|[{}\[\]]')


def _keys(data: bytes) -> frozenset[str]:
    """The keys of the first JSON object in data, which may be cut off, be in an array, or be followed by others."""
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
        return frozenset()
    depth, inside, keys = 0, 0, set()
    for match in _TOKEN.finditer(data):
        token = match.group()
        if token in b"{[":
            depth += 1
            inside = inside or (depth if token == b"{" else 0)
        elif token in b"}]":
            depth -= 1
            if inside and depth < inside:
                break
        elif depth == inside and data[match.end() : match.end() + 8].lstrip()[:1] == b":":
            keys.add(token[1:-1].decode("utf-8", "replace"))
    return frozenset(keys)


def _some(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:6]) + (" ..." if len(ordered) > 6 else "")


def _looks(seen: Probe) -> str:
    if seen.kind != "file":
        folders, suffixes = ({pair[k] for pair in seen.entries} for k in (0, 1))
        held = _some(suffix or "files without a suffix" for suffix in suffixes)
        within = _some(folders - {""})
        if within:
            held += f"{', also' if '' in folders else ''} in {within}"
        return f"{seen.kind} (it holds {held})" if held else f"empty {seen.kind}"
    kinds = ((b"\x89PNG", "PNG picture"), (b"\xff\xd8", "JPEG picture"), (b"<", "XML or HTML file"), (b"%PDF", "PDF"))
    for magic, kind in kinds:
        if seen.head.startswith(magic):
            return kind
    if seen.keys:
        return f"JSON file (its keys are {', '.join(sorted(seen.keys)[:8])})"
    return "empty file" if not seen.head else "file"
