"""Opening what is to be read: one source or many, by path, folder, pattern, or standard input."""

from __future__ import annotations

import glob
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

from maskconv import registry
from maskconv._blame import blamed
from maskconv.change import Change, check_known, fitting, unify
from maskconv.errors import DataError, FormatError, MaskconvError, SourceError, UsageError
from maskconv.finding import Note, Report, Where, as_finding
from maskconv.model import AnnotatedImage, LabelMap
from maskconv.options import shared
from maskconv.plugin import Access, Format, Head, Reader

__all__ = [
    "PathLike",
    "Source",
    "expand",
    "head_of",
    "images_of",
    "labels_of",
    "open_all",
    "readable",
    "reading",
    "require_path",
    "spooled",
    "units_of",
]

PathLike = str | os.PathLike[str]
STDIN = "standard input"
NO_ACCESS = Access()


@dataclass(frozen=True)
class Source:
    """An open reader with its head, and what is changed of its images. Pickles without handles."""

    reader: Reader[Any, Any]
    head: Head
    change: Change


def require_path(path: PathLike, what: str) -> None:
    """Raises UsageError for an empty path, which would mean the folder one is in."""
    if isinstance(path, str) and not path:
        raise UsageError(f"the path of {what} is empty", fix="name a file or a folder, . for this one")


@contextmanager
def spooled(source: PathLike, report: Report) -> Iterator[Path]:
    """The source's path; standard input or a pipe is put into a temporary file first, for readers go back and forth.

    A person is shown neither that file's name in the report nor in an error. Raises UsageError for an empty path.
    """
    require_path(source, "the source")
    pipe = str(source) != "-" and Path(source).is_fifo()
    if str(source) != "-" and not pipe:
        yield Path(source)
        return
    name = str(source) if pipe else STDIN
    with tempfile.TemporaryDirectory(prefix="maskconv-") as folder:
        path = Path(folder, "stdin")
        with path.open("wb") as file, open(source, "rb") if pipe else nullcontext(sys.stdin.buffer) as stream:
            shutil.copyfileobj(stream, file)
        report.aliases[str(path)] = name
        try:
            yield path
        except MaskconvError as error:
            if error.where is not None and error.where.path == str(path):
                error.where = replace(error.where, path=name)
            raise


def recognised(path: Path, name: str | None) -> Format:
    """The format named, or else the one that the path's content shows."""
    if not name:
        return registry.sniff(path)
    fmt = registry.by_name(name)
    if not os.path.exists(path) and not (fmt.reader and fmt.reader.gathers):
        registry.probe(path)  # a missing source is told the same way for all formats
    return fmt


@contextmanager
def reading(
    source: PathLike | Sequence[PathLike],
    from_: str | None,
    options: Mapping[str, Any],
    report: Report,
    access: Access = NO_ACCESS,
) -> Iterator[Reader[Any, Any]]:
    """An open reader for a path, standard input, or the paths that a reader gathers; closed in the end."""
    paths = [source] if isinstance(source, str | os.PathLike) else list(source)
    with spooled(paths[0], report) as path:
        group = (path, *map(Path, paths[1:]))
        with _opened(group, recognised(path, from_), options, report, access) as reader:
            yield reader


@contextmanager
def _opened(
    paths: tuple[Path, ...], fmt: Format, options: Mapping[str, Any], report: Report, access: Access
) -> Iterator[Reader[Any, Any]]:
    path = paths[0]
    report.source_format = fmt.name
    if fmt.reader is None:
        fix = (
            f"check it with: maskconv validate {quote(str(path))}"
            if fmt.check
            else "name the data set that it was made of"
        )
        text = f"this is {fmt.title}, which can be written but not read"
        if fmt.check:  # which takes a file by its name, whatever is in it
            text = f"this can be checked as {fmt.title}, but holds no annotations"
        raise FormatError(text, where=Where(path=str(path)), candidates=(fmt.name,), fix=fix)
    reader = fmt.reader(path, fmt.reader.Options.parse(options, fmt.name, "read"))
    reader.access, reader.sources = access, paths
    with readable(path), blamed(reader, Where(path=str(path))):
        reader.open()
    try:
        yield reader
    finally:
        reader.close()


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn an OSError (no permission, a folder where a file was expected, gone) into one sentence."""
    try:
        yield
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> SourceError:
    text = f"cannot be read ({error.strerror or error})"
    fix = "check its permissions, and that it is a source of this format"
    return SourceError(text, where=Where(path=str(path)), code="source-unreadable", fix=fix)


def head_of(reader: Reader[Any, Any], note: Note) -> Head:
    """The reader's head; where that does not know all labels, all units are scanned for them."""
    with readable(reader.source), blamed(reader, Where(path=str(reader.source))):
        head: Head = reader.head(note)
        if not head.complete:
            for unit in reader.units(lambda _: None):
                head = head.merge(reader.scan(unit))
        return head


def units_of(reader: Reader[Any, Any], note: Note) -> Iterator[Any]:
    with readable(reader.source), blamed(reader, Where(path=str(reader.source))):
        yield from reader.units(note)


def images_of(reader: Reader[Any, Any], unit: Any, head: Head, note: Note) -> Iterator[AnnotatedImage]:
    """A unit's images; what of it cannot be decoded or read is an error that is noted."""
    try:
        with blamed(reader, Where(path=str(reader.source)), unit):
            yield from (reader.check if reader.checking else reader.decode)(unit, head, note)
    except DataError as error:
        note(as_finding(error))
    except OSError as error:
        note(as_finding(unreadable(reader.source, error)))


def _gathers(from_: str | None) -> bool:
    reader = registry.by_name(from_).reader if from_ else None
    return reader is not None and reader.gathers


def expand(given: PathLike | Sequence[PathLike], from_: str | None = None) -> list[PathLike]:
    """All sources meant: paths, patterns such as ``exports/*.zip``, and folders of exports, in a fixed order.

    Those of a format whose reader gathers them stay as they are. Raises SourceError for a pattern that fits nothing,
    UsageError for one source given twice.
    """
    paths: list[PathLike] = []
    for one in [given] if isinstance(given, str | os.PathLike) else given:
        paths += [one] if _gathers(from_) else _matches(one)
    seen: set[str] = set()
    for path in paths:
        real = os.path.realpath(path)
        if real in seen:
            raise UsageError(f"the source {path} is given twice")
        seen.add(real)
    if not paths:
        raise UsageError("there is no source")
    return paths


def _matches(one: PathLike) -> list[PathLike]:
    text = os.fspath(one)
    if text == "-" or os.path.isfile(text):
        return [one]
    if os.path.isdir(text):
        return _within(Path(text)) or [one]
    if not glob.has_magic(text):
        return [one]
    found: list[PathLike] = [Path(path) for path in sorted(glob.glob(text, recursive=True))]
    if not found:
        where = Where(path=text)
        raise SourceError("no file fits this pattern", where=where, code="source-missing", fix="check the path")
    return found


def _within(folder: Path) -> list[PathLike]:
    """The exports in a folder that is none itself."""
    if registry.candidates(folder):
        return []
    suffixes = registry.source_suffixes()
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in suffixes)
    return [path for path in files if any(fmt.reader for fmt in registry.candidates(path))]


def names(paths: Sequence[PathLike]) -> list[str]:
    """A name for each source, for ``{source}``: its stem, with as many folders before it as tell them apart.

    Those of one folder that differ in the suffix only keep it.
    """
    whole = [Path(path).resolve() if str(path) != "-" else Path("stdin") for path in paths]
    parts = [path.with_suffix("").parts for path in whole]
    if len(set(parts)) < len(parts):
        parts = [path.parts for path in whole]
    for depth in range(1, max(map(len, parts)) + 1):
        shortened = ["/".join(p[-depth:]) for p in parts]
        if len(set(shortened)) == len(shortened):
            return [_without_tail(name, shortened) for name in shortened]
    return ["/".join(p[1:]) for p in parts]


def _without_tail(name: str, all_: Sequence[str]) -> str:
    """``a/voc`` is ``a`` where every source is called voc."""
    tail = name.rsplit("/", 1)[-1]
    return name.removesuffix("/" + tail) if all(other.endswith("/" + tail) for other in all_) else name


@contextmanager
def labels_of(sources: Sequence[Source], report: Report) -> Iterator[None]:
    """An error about labels is told with the sources that have them."""
    try:
        yield
    except DataError as error:
        having = [
            report.aliases.get(str(each.reader.source), str(each.reader.source))
            for each in sources
            if not set(error.labels).isdisjoint(each.change.labels(each.head.labels).names)
        ]
        if having and error.where is None:
            error.where = Where(path=having[0])
            error.message += f" (labels of {', '.join(having)})" if len(having) > 1 else ""
        raise


@contextmanager
def open_all(
    paths: Sequence[PathLike],
    from_: str | None,
    options: Mapping[str, Any],
    change: Change,
    report: Report,
    access: Access = NO_ACCESS,
) -> Iterator[tuple[list[Source], LabelMap]]:
    """All sources open, with their changes, and the one label map of all after those.

    Each takes of the options those that its format has; one that no source's has is an OptionError.
    """
    with ExitStack() as stack:
        groups = [paths] if _gathers(from_) else [[path] for path in paths]
        places = [(stack.enter_context(spooled(first, report)), *map(Path, rest)) for first, *rest in groups]
        formats = [recognised(place[0], from_) for place in places]
        shares = shared(options, [(fmt.name, fmt.reader.Options) for fmt in formats if fmt.reader], "read")
        readers = [
            stack.enter_context(_opened(place, fmt, shares.get(fmt.name, {}), report, access))
            for place, fmt in zip(places, formats, strict=True)
        ]
        heads = [head_of(reader, report.add) for reader in readers]
        known = [name for head in heads for name in head.labels.names]
        rules = fitting(change.rules, set(known))
        check_known(rules, change.only, known)
        changes = [Change(rules, change.only, change.name, name) for name in names([g[0] for g in groups])]
        labels = unify(each.labels(head.labels) for each, head in zip(changes, heads, strict=True))
        yield [Source(*facts) for facts in zip(readers, heads, changes, strict=True)], labels
