"""The writing end of a run: a writer, its plan, its stage and the report, from the plan to the commit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from maskconv import registry
from maskconv.errors import (
    ConversionError,
    DataError,
    LossError,
    MaskconvError,
    TargetError,
    TargetExistsError,
    UsageError,
)
from maskconv.finding import Finding, Note, Report, Weight, Where
from maskconv.losses import image_losses, label_losses
from maskconv.model import AnnotatedImage, LabelMap
from maskconv.plugin import Format, Piece, Target, Writer
from maskconv.stage import Stage

__all__ = ["OnError", "OnLoss", "Result", "Sink", "as_finding", "encoded", "noted", "open_sink"]

OnLoss = Literal["warn", "fail", "ignore"]
OnError = Literal["fail", "skip"]


@dataclass(frozen=True)
class Result:
    """What one unit became: pieces and Findings in order, as they were noted."""

    pieces: list[Piece]
    findings: list[Finding]
    images: int
    instances: int


def encoded(writer: Writer[Any], plan: Any, keeps: frozenset[Any], image: AnnotatedImage, note: Note) -> Piece | None:
    """Encode one image and note what the writer does not keep; its Findings know their image."""
    for finding in image_losses(image, keeps, writer.spares):
        note(finding)
    return writer.encode(image, plan, lambda finding: note(finding.at(image=image.name)))


@contextmanager
def noted(findings: list[Finding], image: str) -> Iterator[None]:
    """An image's DataError is a Finding; the others go on."""
    try:
        yield
    except DataError as error:
        findings.append(as_finding(error).at(image=image))


def as_finding(error: MaskconvError) -> Finding:
    """An error as the Finding it is in a report."""
    return Finding(error.code, Weight.ERROR, error.message, error.where or Where(), fix=error.fix)


class Sink:
    """Takes results in order, judges them at the end, and commits or leaves the target as it was."""

    def __init__(
        self, writer: Writer[Any], labels: LabelMap, target: Target, report: Report, *, overwrite: bool
    ) -> None:
        self.writer, self.report, self.target = writer, report, target
        self.plan = writer.plan(labels, target, report.add)
        report.extend(label_losses(labels, writer.keeps()))
        self._keys: dict[str, str] = {}
        self._stage: Stage | None = Stage(target, overwrite=overwrite)
        try:
            writer.begin(self._stage, self.plan)
        except BaseException:
            self.abort()
            raise

    def take(self, result: Result, *, stop_at_error: bool, source: str = "") -> None:
        """Stage one unit's pieces; once there was an error that ends the run, only listen."""
        self.report.extend(result.findings)
        self.report.images += result.images
        self.report.instances += result.instances
        for piece in result.pieces:
            if not self._collides(piece.key, source) and not (stop_at_error and self.report.failed):
                self._append(piece)

    def _append(self, piece: Piece) -> None:
        assert self._stage is not None  # noqa: S101 - only end() and abort() take it away
        try:
            for path, data in piece.blobs:
                self._stage.put(path, data)
            self.writer.append(piece, self.report.add)
        except DataError as error:
            self.report.add(as_finding(error))
            return
        self.report.images_written += 1
        self.report.instances_written += piece.instances

    def _collides(self, key: str, source: str) -> bool:
        """Whether an image of that name came before; it is noted, and the later one left out."""
        if not key or key not in self._keys:
            self._keys[key] = source
            return False
        first = self._keys[key]
        both = f"one of {first}, one of {source}" if first != source else f"both of {source}" if source else "twice"
        text = f"two images would be named {key!r} in the target ({both})"
        fix = "give them different names with --name '{source}/{name}' or '{split}/{name}'"
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

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()


def open_sink(
    target: str | os.PathLike[str],
    to: str | None,
    options: Mapping[str, Any],
    labels: LabelMap,
    report: Report,
    *,
    overwrite: bool,
    sources: Sequence[Path] = (),
) -> Sink:
    """A sink for a path; the format is the one named, or the suffix's. Raises UsageError, FormatError, TargetError."""
    path = Path(target)
    fmt = registry.by_name(to) if to else registry.by_target(path)
    report.target_format = fmt.name
    if fmt.writer is None:
        raise UsageError(f"{fmt.name} can be read or checked, not written")
    writer = fmt.writer(fmt.writer.Options.parse(options, fmt.name, "write"))
    place = Target(path, writer.layout(path))
    if place.stdout and place.layout != "file":
        raise UsageError(f"{fmt.name} is a {place.layout} and cannot go to standard output")
    _guard(place, fmt, sources, overwrite=overwrite)
    return Sink(writer, labels, place, report, overwrite=overwrite)


def _guard(target: Target, fmt: Format, sources: Sequence[Path], *, overwrite: bool) -> None:
    """Never replace a source, or a folder that is no such data set."""
    path, where = target.path, Where(path=str(target.path))
    if target.stdout or not path.exists():
        return
    if not overwrite:
        fix = "choose another name or replace it with --overwrite"
        raise TargetExistsError("the target exists already", where=where, fix=fix)
    for source in sources:
        if source.exists() and (path.samefile(source) or path.resolve() in source.resolve().parents):
            raise TargetError("the target is the source, or holds it", where=where, fix="choose another name")
    if path.is_dir() and any(path.iterdir()) and not fmt.sniff(registry.probe(path)):
        text = f"the target is a folder with other files than {fmt.name}'s, and is not replaced"
        raise TargetError(text, where=where, code="target-foreign", fix="choose another name")
