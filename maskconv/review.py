"""Checking a source: what is wrong with it, what a target would make of it, and whether it fits what is there already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from maskconv import registry
from maskconv.against import Comparison, expected
from maskconv.errors import SourceError, UsageError
from maskconv.finding import Finding, Report, Weight, Where, as_finding
from maskconv.model import AnnotatedImage
from maskconv.options import Options
from maskconv.plugin import Access, Reader
from maskconv.sink import Result, Sink, open_sink
from maskconv.sources import PathLike, head_of, images_of, reading, spooled, units_of

__all__ = ["check"]

NO_ACCESS = Access()


def check(
    path: PathLike,
    format: str | None = None,  # noqa: A002
    options: Mapping[str, Any] | None = None,
    *,
    for_: str | None = None,
    write: Mapping[str, Any] | None = None,
    against: PathLike | None = None,
    progress: Callable[[int], None] | None = None,
    access: Access = NO_ACCESS,
) -> Report:
    """Everything that is wrong or suspicious in a source.

    ``for_`` names a format to be written, with its options ``write``: what it cannot hold, and what its platform will
    change, is part of the outcome. ``against`` is an export or ontology whose names must fit. Raises UsageError,
    SourceError and FormatError where there is nothing to look at.
    """
    report = Report()
    with spooled(path, report) as place:
        fmt = registry.by_name(format) if format else registry.sniff(place, checking=True)
        report.source_format = fmt.name
        if fmt.check is not None:
            (fmt.reader.Options if fmt.reader else Options).parse(options or {}, fmt.name, "read")
            if for_ or against:
                raise UsageError(f"{fmt.title} holds no annotations to check for a target, or against what is there")
            fmt.check(registry.probe(place), report.add)
            return report
        wanted = None if against is None else Comparison(expected(Path(against)))
        with reading(place, fmt.name, options or {}, report, access) as reader:
            reader.checking, reader.uploading = True, for_ in (None, fmt.name)
            try:
                _look(reader, report, for_, write or {}, wanted, progress)
            except SourceError as error:
                report.add(as_finding(error))
    return report


def _look(
    reader: Reader[Any, Any],
    report: Report,
    for_: str | None,
    write: Mapping[str, Any],
    wanted: Comparison | None,
    progress: Callable[[int], None] | None,
) -> None:
    head = head_of(reader, report.add)
    report.images_expected = reader.expected()
    sink = None
    if for_ is not None:
        sink = open_sink(_target(for_), for_, write, head.labels, report, overwrite=True, dry=True)
    for unit in units_of(reader, report.add):
        for image in images_of(reader, unit, head, report.add):
            if wanted is not None:
                wanted.add(image)
            if sink is not None:
                sink.take(_foreseen(image, sink, str(reader.source)), stop_at_error=False)
            else:
                report.images += 1
                report.instances += len(image.annotations)
        if progress is not None:
            progress(report.images)
    if not report.images and not report.failed:
        text, weight = "there is no image in it that could be checked", Weight.WARNING if sink is None else Weight.ERROR
        where, fix = Where(path=str(reader.source)), "check that this is the right file or folder"
        report.add(Finding("source-empty", weight, text, where, fix=fix))
    if sink is not None:
        sink.writer.finish(report.add)
    if wanted is not None:
        wanted.finish(lambda finding: report.add(finding.at(path=str(reader.source))))


def _target(name: str) -> str:
    """A path as a target of that format would have; nothing is written there."""
    fmt = registry.by_name(name)
    return f"target{(*fmt.suffixes, '')[0]}"


def _foreseen(image: AnnotatedImage, sink: Sink, path: str) -> Result:
    """What a target would hold of an image, and what its platform would change of that."""
    found: list[Finding] = []
    piece = sink.encode(image, found.append)
    if piece is not None:
        sink.writer.foresee(image, sink.encode.plan, lambda finding: found.append(finding.at(image=image.name)))
    labels = Counter(annotation.label for annotation in image.annotations)
    found = [finding.at(path=path) for finding in found]
    return Result([] if piece is None else [piece], found, 1, labels.total(), labels)
