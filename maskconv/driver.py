"""The one path from sources to a target: head, plan, map, append, commit. Validation is the same path without a target.

    heads -> unify labels -> plan -> map(encode . change . decode, batches of units) in order -> stage -> append -> commit

The driver, not the formats, notes what a writer does not keep; on an error it goes on reading to find the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from maskconv import pool, registry
from maskconv.change import Change, Rules, check_template, label_rules
from maskconv.errors import ConversionError, DataError, UsageError
from maskconv.finding import Finding, Report, Weight
from maskconv.fingerprint import fingerprint
from maskconv.maskfiles import REMOTE
from maskconv.model import AnnotatedImage, LabelMap
from maskconv.plugin import Access, Reader
from maskconv.pool import Workers
from maskconv.review import check
from maskconv.sink import OnError, OnLoss, Result, Sink, open_sink
from maskconv.sources import (
    PathLike,
    Source,
    expand,
    head_of,
    images_of,
    labels_of,
    open_all,
    reading,
    require_path,
    spooled,
    units_of,
)
from maskconv.unitmap import UnitMap, decoded, tasks_of

__all__ = ["ImageReader", "ImageWriter", "convert", "info", "open_reader", "open_writer", "validate"]

Progress = Callable[[int], None]


def convert(
    source: PathLike | Sequence[PathLike],
    target: PathLike,
    *,
    from_: str | None = None,
    to: str | None = None,
    read: Mapping[str, Any] | None = None,
    write: Mapping[str, Any] | None = None,
    labels: Rules | PathLike | None = None,
    only: str | Iterable[str] | None = None,
    name: str | None = None,
    jobs: int = 1,
    workers: Workers = "auto",
    on_loss: OnLoss = "warn",
    on_error: OnError = "fail",
    overwrite: bool = False,
    resume: bool = False,
    dry_run: bool = False,
    fetch: bool = False,
    cache: PathLike | None = None,
    allow_hosts: Iterable[str] = (),
    report: Report | None = None,
    progress: Progress | None = None,
) -> Report:
    """Convert one annotation set, or several into one, to another format.

    ``source`` is a path, a pattern (``exports/*.zip``), a folder of exports, or a sequence of these; ``target`` is a path;
    ``-`` is standard input or output. ``from_`` and ``to`` name formats where they cannot be told from the source's content
    and the target's suffix. ``read`` and ``write`` are the formats' options.

    ``labels`` renames labels (a mapping, or a CSV file of old,new; several to one merges them, an empty new name drops),
    ``only`` keeps some of the resulting labels (one, or several), ``name`` is a template for the items' names over ``{name} {stem} {folder}
    {split} {source}``. Labels of several sources are the same where their names are.

    ``jobs`` workers, threads or processes, work at once; neither changes a byte. ``progress`` is called with the number of images done.
    ``resume`` keeps what is done beside the target when the run is interrupted, and goes on with it when the same run is
    started again. ``dry_run`` does everything but write: the Report says what there would be.
    ``fetch`` allows masks that lie on other machines to be fetched, ``cache`` is a folder that keeps them, and
    ``allow_hosts`` names hosts that may have a private address.
    ``report`` may be a Report to fill (with a ``sink`` that sees every Finding).

    Returns the Report. Raises ConversionError (with the report) where something of the source is wrong and ``on_error``
    is "fail"; LossError where data would be lost and ``on_loss`` is "fail"; UsageError, SourceError and TargetError where
    the run cannot start. Whatever it raises, the target is as it was before.
    """
    _one_of("on_loss", on_loss, ("warn", "fail", "ignore"))
    _one_of("on_error", on_error, ("fail", "skip"))
    require_jobs(jobs)
    kept = None if only is None else frozenset([only] if isinstance(only, str) else only)
    if name is not None and not name.strip():
        raise UsageError("name is an empty template", fix="leave it out, or write one such as {source}/{name}")
    for path, what in ((labels, "labels"), (target, "the target"), (cache, "the cache")):
        if isinstance(path, str):
            require_path(path, what)
    change = Change(label_rules(labels), kept, check_template(name or ""))
    result, paths = Report() if report is None else report, expand(source, from_)
    access = reaching(cache, allow_hosts, fetch=fetch)
    if resume and any(str(path) == "-" or Path(path).is_fifo() for path in paths):
        raise UsageError("standard input or a pipe cannot be read again, so a run over it cannot be resumed")
    with open_all(paths, from_, read or {}, change, result, access) as (sources, known):
        places = [Path(path) for path in paths if str(path) != "-"]
        asked: dict[str, Any] = {"target": target, "from": from_, "to": to, "read": read or {}, "write": write or {}}
        asked |= {"labels": labels, "only": kept, "name": name, "on_error": on_error}
        mark = fingerprint(paths, asked) if resume and not dry_run else ""
        with (
            labels_of(sources, result),
            open_sink(
                target,
                to,
                write or {},
                known,
                result,
                overwrite=overwrite,
                sources=places,
                fingerprint=mark,
                dry=dry_run,
            ) as sink,
        ):
            _run(sources, sink, jobs, workers, stop_at_error=on_error == "fail", progress=progress)
            for each in sources:
                each.reader.close()
            sink.end(on_loss, on_error)
    return result


def reaching(cache: PathLike | None, allow_hosts: Iterable[str], *, fetch: bool) -> Access:
    """Raises UsageError where hosts or a cache are named and nothing is fetched."""
    hosts = frozenset([allow_hosts] if isinstance(allow_hosts, str) else allow_hosts)
    if not fetch and (cache is not None or hosts):
        raise UsageError("--cache and --allow-host are for masks that are fetched", fix="add --fetch")
    return Access(fetch, None if cache is None else Path(cache), hosts)


def require_jobs(jobs: int) -> None:
    """Raises UsageError."""
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise UsageError(f"jobs is a number of workers, 1 or more, not {jobs!r}")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{name} is one of {', '.join(known)}, not {value!r}")


def _run(
    sources: list[Source],
    sink: Sink,
    jobs: int,
    workers: Workers,
    *,
    stop_at_error: bool,
    progress: Progress | None,
) -> None:
    work = UnitMap(sources, sink.encode)
    expected = [source.reader.expected() for source in sources]
    known = [count for count in expected if count is not None]
    sink.report.images_expected = sum(known) if len(known) == len(expected) else None
    names = [sink.report.aliases.get(path, path) for path in (str(source.reader.source) for source in sources)]
    tasks = islice(tasks_of(sources, sink.report), sink.resume(stop_at_error=stop_at_error), None)
    feed = pool.batches(tasks)
    if any(source.reader.pinned for source in sources):  # never fork beside a model; one unit is a batch of its own
        feed, workers = pool.batches(decoded(tasks, sources), 1), "threads"
    if any(source.reader.access.fetch for source in sources):  # connections and their bounds are one process's
        workers = "threads"
    for results in pool.ordered(work, feed, jobs, workers):
        for number, result in results:
            sink.take(result, stop_at_error=stop_at_error, source=names[number])
        if progress is not None:
            progress(sink.report.images)


class ImageReader:
    """The images of a source, one after the other: iterate once or again; ``labels`` and ``report`` beside them.

    Errors in the data are Findings in ``report``; what they hit is left out.
    """

    def __init__(self, reader: Reader[Any, Any], report: Report) -> None:
        self.report = report
        self._reader = reader
        self._head = head_of(reader, report.add)

    @property
    def labels(self) -> LabelMap:
        return self._head.labels

    def __iter__(self) -> Iterator[AnnotatedImage]:
        self.report.images = self.report.instances = 0
        for unit in units_of(self._reader, self.report.add):
            for image in images_of(self._reader, unit, self._head, self.report.add):
                self.report.images += 1
                self.report.instances += len(image.annotations)
                yield image


@contextmanager
def open_reader(
    source: PathLike,
    *,
    format: str | None = None,  # noqa: A002
    fetch: bool = False,
    cache: PathLike | None = None,
    allow_hosts: Iterable[str] = (),
    **options: Any,
) -> Iterator[ImageReader]:
    """Read a source image by image; ``options`` are the format's, the others those of `convert`.

    Raises UsageError and SourceError.
    """
    report = Report()
    with reading(source, format, options, report, reaching(cache, allow_hosts, fetch=fetch)) as reader:
        yield ImageReader(reader, report)


class ImageWriter:
    """Takes images for a target that appears when the ``with`` block of `open_writer` ends without an error."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.report = sink.report

    def write(self, image: AnnotatedImage) -> None:
        """Add one image. Raises DataError where it cannot be written; it is then left out."""
        findings: list[Finding] = []
        piece = self._sink.encode(image, findings.append)
        wrong_with_it = [finding for finding in findings if finding.weight is Weight.ERROR]
        pieces = [] if piece is None or wrong_with_it else [piece]
        labels = Counter(annotation.label for annotation in image.annotations)
        left_out = self._sink.take(Result(pieces, findings, 1, labels.total(), labels), stop_at_error=False)
        left_out = wrong_with_it or left_out
        if left_out:
            wrong = left_out[0]
            raise DataError(wrong.message, where=wrong.where, fix=wrong.fix, code=wrong.code)


@contextmanager
def open_writer(
    target: PathLike,
    labels: LabelMap,
    *,
    format: str | None = None,  # noqa: A002
    overwrite: bool = False,
    **options: Any,
) -> Iterator[ImageWriter]:
    """Write a target image by image; it appears whole at the end, or, where the block raises, not at all.

    Raises UsageError and TargetError, and at the end ConversionError where no image arrived.
    """
    require_path(target, "the target")
    with open_sink(target, format, options, labels, Report(), overwrite=overwrite) as sink:
        yield ImageWriter(sink)
        _end(sink)


def _end(sink: Sink) -> None:
    """Raises ConversionError where there is nothing to commit."""
    report = sink.report
    if not report.images:
        fix = "write one, or open no writer where there is none"
        raise ConversionError("nothing was written: the writer was given no image", report=report, fix=fix)
    try:
        sink.end("warn", "skip")
    except ConversionError as error:
        text = f"nothing was written: none of the images given can be (errors: {report.count(Weight.ERROR)})"
        raise ConversionError(text, report=report, fix="see the findings of the report") from error


def validate(
    path: PathLike,
    *,
    format: str | None = None,  # noqa: A002
    for_: str | None = None,
    write: Mapping[str, Any] | None = None,
    against: PathLike | None = None,
    fetch: bool = False,
    cache: PathLike | None = None,
    allow_hosts: Iterable[str] = (),
    **options: Any,
) -> list[Finding]:
    """Everything that is wrong or suspicious in a source: a list of Finding, heaviest first (20 examples a code).

    ``for_`` names a format to check for, ``write`` are its options: what it would not hold, and what its platform changes.
    ``against`` is what the source must fit: the export of a CVAT task, a Labelbox ontology, a data.yaml, another data set.
    ``options`` are those of the source's format, the others those of `convert`. Raises UsageError and SourceError where
    there is nothing to look at.
    """
    access = reaching(cache, allow_hosts, fetch=fetch)
    return check(path, format, options, for_=for_, write=write, against=against, access=access).findings


def info(
    path: PathLike,
    *,
    format: str | None = None,  # noqa: A002
    fetch: bool = False,
    cache: PathLike | None = None,
    allow_hosts: Iterable[str] = (),
    **options: Any,
) -> dict[str, Any]:
    """What a source is and holds: format, labels with their instances, images, sizes. Reads all of it.

    Instances whose masks are on other machines are among ``instances``, and counted in ``unread``; their labels are not.
    ``options`` are the format's, and ``fetch``, ``cache`` and ``allow_hosts`` of `convert`.
    """
    access = reaching(cache, allow_hosts, fetch=fetch)
    with spooled(path, Report()) as place:
        fmt = registry.by_name(format) if format else registry.sniff(place)
        with reading(place, fmt.name, options, Report(), access) as reader:
            reader.checking = True  # what a source holds can be told without masks that are elsewhere
            images = ImageReader(reader, Report())
            counts = dict.fromkeys(images.labels.names, 0)
            sizes: dict[str, int] = {}
            splits: dict[str, int] = {}
            for image in images:
                size = f"{image.width}x{image.height}" if image.width else "unknown"
                sizes[size] = sizes.get(size, 0) + 1
                splits[image.split or ""] = splits.get(image.split or "", 0) + 1
                for annotation in image.annotations:
                    counts[annotation.label] = counts.get(annotation.label, 0) + 1
            report = images.report
    unread = sum(int(tally.amount) for tally in report.heaviest if tally.code == REMOTE)
    facts = {"path": str(path), "format": fmt.name, "images": report.images, "instances": report.instances + unread}
    facts["unread"] = unread
    found = report.to_dict()
    facts |= {"labels": counts, "sizes": sizes, "splits": splits}
    return facts | {"codes": found["codes"], "findings": found["findings"]}
