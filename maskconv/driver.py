"""The one path from sources to a target: head, plan, map, append, commit. Validation is the same path without a target.

    head -> plan -> map(encode . decode, batches of units) in order -> stage blobs -> append -> finish -> commit

The driver, not the formats, notes what a writer does not keep; on an error it goes on reading to find the others.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from maskconv import pool, registry
from maskconv.errors import (
    ConversionError,
    DataError,
    FormatError,
    LossError,
    MaskconvError,
    SourceError,
    TargetError,
    TargetExistsError,
    UsageError,
)
from maskconv.finding import Finding, Note, Report, Weight, Where
from maskconv.losses import image_losses, label_losses
from maskconv.model import AnnotatedImage, LabelMap
from maskconv.options import Options
from maskconv.plugin import Format, Head, Piece, Reader, Target, Writer
from maskconv.stage import Stage

__all__ = ["ImageReader", "ImageWriter", "convert", "info", "open_reader", "open_writer", "validate"]

PathLike = str | os.PathLike[str]
OnLoss = Literal["warn", "fail", "ignore"]
OnError = Literal["fail", "skip"]
Progress = Callable[[int], None]


def convert(
    source: PathLike,
    target: PathLike,
    *,
    from_: str | None = None,
    to: str | None = None,
    read: Mapping[str, Any] | None = None,
    write: Mapping[str, Any] | None = None,
    jobs: int = 1,
    on_loss: OnLoss = "warn",
    on_error: OnError = "fail",
    overwrite: bool = False,
    report: PathLike | Report | None = None,
    progress: Progress | None = None,
) -> Report:
    """Convert one annotation set into another format.

    ``source`` and ``target`` are paths; ``-`` is standard input or output. ``from_`` and ``to`` name formats where they
    cannot be told from the source's content and the target's suffix. ``read`` and ``write`` are the formats' options.
    ``jobs`` threads work at once; their number never changes a byte. ``progress`` is called with the number of images done.
    ``report`` may be a Report to fill (with a ``sink`` that sees every Finding).

    Returns the Report. Raises ConversionError (with the report) where something of the source is wrong and ``on_error``
    is "fail"; LossError where data would be lost and ``on_loss`` is "fail"; UsageError, SourceError and TargetError where
    the run cannot start. Whatever it raises, the target is as it was before.
    """
    _one_of("on_loss", on_loss, ("warn", "fail", "ignore"))
    _one_of("on_error", on_error, ("fail", "skip"))
    result = report if isinstance(report, Report) else Report()
    with _reader(source, from_, read or {}, result) as reader:
        head = reader.head(result.add)
        sink = _sink(target, to, write or {}, head.labels, result, overwrite=overwrite, source=Path(source))
        with sink:
            _run(reader, head, sink, jobs, stop_at_error=on_error == "fail", progress=progress)
            reader.close()
            sink.end(on_loss, on_error)
    return result


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{name} is one of {', '.join(known)}, not {value!r}")


@dataclass(frozen=True)
class _Result:
    """What one unit became: pieces and Findings in order, as they were noted."""

    pieces: list[Piece]
    findings: list[Finding]
    images: int
    instances: int


@dataclass(frozen=True)
class _Work:
    """The pure map: one batch of units to results. Pickles whole, so it can run anywhere."""

    reader: Reader[Any, Any]
    head: Head
    writer: Writer[Any]
    plan: Any

    def __call__(self, batch: list[Any]) -> list[_Result]:
        return [self.one(unit) for unit in batch]

    def one(self, unit: Any) -> _Result:
        pieces: list[Piece] = []
        findings: list[Finding] = []
        images = instances = 0
        keeps = self.writer.keeps()
        try:
            for image in self.reader.decode(unit, self.head, findings.append):
                images += 1
                instances += len(image.annotations)
                with _noted(findings, image.name):
                    piece = encoded(self.writer, self.plan, keeps, image, findings.append)
                    if piece is not None:
                        pieces.append(piece)
        except DataError as error:
            findings.append(as_finding(error))
        return _Result(pieces, findings, images, instances)


def encoded(writer: Writer[Any], plan: Any, keeps: frozenset[Any], image: AnnotatedImage, note: Note) -> Piece | None:
    """Encode one image and note what the writer does not keep; its Findings know their image."""
    for finding in image_losses(image, keeps):
        note(finding)
    return writer.encode(image, plan, lambda finding: note(finding.at(image=image.name)))


@contextmanager
def _noted(findings: list[Finding], image: str) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        findings.append(as_finding(error).at(image=image))


def as_finding(error: MaskconvError) -> Finding:
    """An error as the Finding it is in a report."""
    return Finding(error.code, Weight.ERROR, error.message, error.where or Where(), fix=error.fix)


def _run(
    reader: Reader[Any, Any], head: Head, sink: _Sink, jobs: int, *, stop_at_error: bool, progress: Progress | None
) -> None:
    work = _Work(reader, head, sink.writer, sink.plan)
    units = pool.batches(reader.units(sink.report.add))
    for results in pool.ordered(work, units, jobs):
        for result in results:
            sink.take(result, stop_at_error=stop_at_error)
        if progress is not None:
            progress(sink.report.images)


class _Sink:
    """A writer, its plan, its stage and the report, from the plan to the commit."""

    def __init__(
        self, writer: Writer[Any], labels: LabelMap, target: Target, report: Report, *, overwrite: bool
    ) -> None:
        self.writer, self.report, self.target = writer, report, target
        self.plan = writer.plan(labels, target, report.add)
        report.extend(label_losses(labels, writer.keeps()))
        self._keys: set[str] = set()
        self._stage: Stage | None = Stage(target, overwrite=overwrite)
        try:
            writer.begin(self._stage, self.plan)
        except BaseException:
            self.abort()
            raise

    def take(self, result: _Result, *, stop_at_error: bool) -> None:
        """Stage one unit's pieces; once there was an error that ends the run, only listen."""
        self.report.extend(result.findings)
        self.report.images += result.images
        self.report.instances += result.instances
        for piece in result.pieces:
            if not (stop_at_error and self.report.failed):
                self._append(piece)

    def _append(self, piece: Piece) -> None:
        assert self._stage is not None  # noqa: S101 - only end() and abort() take it away
        if piece.key and self._collides(piece.key):
            return
        try:
            for path, data in piece.blobs:
                self._stage.put(path, data)
            self.writer.append(piece, self.report.add)
        except DataError as error:
            self.report.add(as_finding(error))
            return
        self.report.images_written += 1
        self.report.instances_written += piece.instances

    def _collides(self, key: str) -> bool:
        """Whether an image of that name came before; it is noted, and the later one left out."""
        if key not in self._keys:
            self._keys.add(key)
            return False
        text = f"two images would be named {key!r} in the target"
        fix = "rename one of them in the source, or convert its splits into targets of their own"
        self.report.add(Finding("name-collision", Weight.ERROR, text, Where(image=key), fix=fix))
        return True

    def end(self, on_loss: OnLoss, on_error: OnError) -> None:
        """Judge, then commit or raise."""
        report = self.report
        if not report.images and not report.failed:
            text = "the source holds no images"
            report.add(Finding("source-empty", Weight.ERROR, text, fix="check that this is the right file or folder"))
        if not (report.failed and on_error == "fail"):
            self.writer.finish(report.add)
        if report.failed and (on_error == "fail" or not report.images_written):
            count = report.count(Weight.ERROR)
            text = f"nothing was written: the source has {count} error{'s' if count > 1 else ''}"
            raise ConversionError(text, report=report, fix="mend them, or leave them out with --on-error skip")
        if report.lossy and on_loss == "fail":
            text = "nothing was written: data would be lost, and --on-loss fail forbids it"
            raise LossError(text, report=report, fix="see the findings, or convert with --on-loss warn")
        assert self._stage is not None  # noqa: S101
        self._stage.commit()
        self._stage = None
        report.next_steps = self.writer.next_steps()

    def abort(self) -> None:
        if self._stage is not None:
            self._stage.abort()
            self._stage = None

    def __enter__(self) -> _Sink:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()


def _sink(
    target: PathLike,
    to: str | None,
    options: Mapping[str, Any],
    labels: LabelMap,
    report: Report,
    *,
    overwrite: bool,
    source: Path | None = None,
) -> _Sink:
    path = Path(target)
    fmt = registry.by_name(to) if to else registry.by_target(path)
    report.target_format = fmt.name
    if fmt.writer is None:
        raise UsageError(f"{fmt.name} can be read or checked, not written")
    writer = fmt.writer(fmt.writer.Options.parse(options, fmt.name, "write"))
    place = Target(path, writer.layout(path))
    if place.stdout and place.layout != "file":
        raise UsageError(f"{fmt.name} is a {place.layout} and cannot go to standard output")
    _guard(place, fmt, source, overwrite=overwrite)
    return _Sink(writer, labels, place, report, overwrite=overwrite)


def _guard(target: Target, fmt: Format, source: Path | None, *, overwrite: bool) -> None:
    """Never replace the source, or a folder that is no such data set."""
    path, where = target.path, Where(path=str(target.path))
    if target.stdout or not path.exists():
        return
    if not overwrite:
        fix = "choose another name or replace it with --overwrite"
        raise TargetExistsError("the target exists already", where=where, fix=fix)
    if source is not None and source.exists() and (path.samefile(source) or path.resolve() in source.resolve().parents):
        raise TargetError("the target is the source, or holds it", where=where, fix="choose another name")
    if path.is_dir() and any(path.iterdir()) and not fmt.sniff(registry.probe(path)):
        text = f"the target is a folder with other files than {fmt.name}'s, and is not replaced"
        raise TargetError(text, where=where, code="target-foreign", fix="choose another name")


@contextmanager
def _reader(
    source: PathLike, from_: str | None, options: Mapping[str, Any], report: Report
) -> Iterator[Reader[Any, Any]]:
    """An open reader for a path or standard input, closed in the end."""
    with _spooled(source) as path:
        fmt = registry.by_name(from_) if from_ else registry.sniff(path)
        report.source_format = fmt.name
        if fmt.reader is None:
            text = f"this is {fmt.title}, which can be checked but holds no annotations"
            fix = f"check it with: maskconv validate {path}"
            raise FormatError(text, where=Where(path=str(path)), candidates=(fmt.name,), fix=fix)
        if from_:
            registry.probe(path)  # a missing source is told the same way for all formats
        reader = fmt.reader(path, fmt.reader.Options.parse(options, fmt.name, "read"))
        reader.open()
        try:
            yield reader
        finally:
            reader.close()


@contextmanager
def _spooled(source: PathLike) -> Iterator[Path]:
    """The source's path; standard input is put into a temporary file first, for readers go back and forth."""
    if str(source) != "-":
        yield Path(source)
        return
    with tempfile.TemporaryDirectory(prefix="maskconv-") as folder:
        path = Path(folder, "stdin")
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield path


class ImageReader:
    """The images of a source, one after the other: iterate once or again; ``labels`` and ``report`` beside them.

    Errors in the data are Findings in ``report``; what they hit is left out.
    """

    def __init__(self, reader: Reader[Any, Any], report: Report) -> None:
        self.report = report
        self._reader = reader
        self._head: Head = reader.head(report.add)

    @property
    def labels(self) -> LabelMap:
        return self._head.labels

    def __iter__(self) -> Iterator[AnnotatedImage]:
        for unit in self._reader.units(self.report.add):
            try:
                for image in self._reader.decode(unit, self._head, self.report.add):
                    self.report.images += 1
                    self.report.instances += len(image.annotations)
                    yield image
            except DataError as error:
                self.report.add(as_finding(error))

    def check(self) -> None:
        """Look at everything, make nothing."""
        for unit in self._reader.units(self.report.add):
            try:
                self._reader.check(unit, self._head, self.report.add)
            except DataError as error:
                self.report.add(as_finding(error))


@contextmanager
def open_reader(source: PathLike, *, format: str | None = None, **options: Any) -> Iterator[ImageReader]:  # noqa: A002
    """Read a source image by image; ``options`` are the format's. Raises UsageError and SourceError."""
    report = Report()
    with _reader(source, format, options, report) as reader:
        yield ImageReader(reader, report)


class ImageWriter:
    """Takes images for a target that appears when the ``with`` block of `open_writer` ends without an error."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self.report = sink.report

    def write(self, image: AnnotatedImage) -> None:
        """Add one image. Raises DataError where it cannot be written; it is then left out."""
        sink, findings = self._sink, list[Finding]()
        piece = encoded(sink.writer, sink.plan, sink.writer.keeps(), image, findings.append)
        pieces = [] if piece is None else [piece]
        sink.take(_Result(pieces, findings, 1, len(image.annotations)), stop_at_error=False)
        if piece is None:
            wrong = next((f for f in findings if f.weight is Weight.ERROR), None)
            if wrong is not None:
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
    """Write a target image by image; it appears whole at the end, or, where the block raises, not at all."""
    with _sink(target, format, options, labels, Report(), overwrite=overwrite) as sink:
        yield ImageWriter(sink)
        sink.end("warn", "skip")


def validate(path: PathLike, *, format: str | None = None, **options: Any) -> list[Finding]:  # noqa: A002
    """Everything that is wrong or suspicious in a source: a list of Finding, heaviest first (20 examples a code).

    Raises UsageError and SourceError where there is nothing to look at.
    """
    return check(path, format, options).findings


def check(path: PathLike, format: str | None, options: Mapping[str, Any]) -> Report:  # noqa: A002
    """What `validate` found, with counters."""
    report = Report()
    with _spooled(path) as place:
        fmt = registry.by_name(format) if format else registry.sniff(place)
        report.source_format = fmt.name
        if fmt.check is not None:
            (fmt.reader.Options if fmt.reader else Options).parse(options, fmt.name, "read")
            fmt.check(registry.probe(place), report.add)
            return report
        with _reader(place, fmt.name, options, report) as reader:
            try:
                ImageReader(reader, report).check()
            except SourceError as error:
                report.add(as_finding(error))
    return report


def info(path: PathLike, *, format: str | None = None, **options: Any) -> dict[str, Any]:  # noqa: A002
    """What a source is and holds: format, labels with their instances, images, sizes. Reads all of it."""
    with _spooled(path) as place:
        fmt = registry.by_name(format) if format else registry.sniff(place)
        with open_reader(place, format=fmt.name, **options) as images:
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
    facts = {"path": str(path), "format": fmt.name, "images": report.images, "instances": report.instances}
    found = report.to_dict()
    facts |= {"labels": counts, "sizes": sizes, "splits": splits}
    return facts | {"codes": found["codes"], "findings": found["findings"]}
