"""The writing end of a run: a writer, its plan, its stage and the report, from the plan to the commit."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from maskconv import limits, registry
from maskconv._blame import blamed
from maskconv._commit import parts
from maskconv._dry import DryStage
from maskconv._place import check_kind
from maskconv.change import Change
from maskconv.errors import (
    ConversionError,
    DataError,
    LossError,
    TargetError,
    TargetExistsError,
    UsageError,
)
from maskconv.filenames import windows
from maskconv.finding import Finding, Note, Report, Weight, Where, as_finding
from maskconv.losses import image_losses, label_losses, shape_feature
from maskconv.model import AnnotatedImage, LabelMap
from maskconv.plugin import LOSSES, Copy, Format, Piece, Target, Writer
from maskconv.result import Result
from maskconv.stage import Stage, explained, repair

__all__ = ["Encoder", "OnError", "OnLoss", "Result", "Sink", "open_sink"]

OnLoss = Literal["warn", "fail", "ignore"]
OnError = Literal["fail", "skip"]


@dataclass(frozen=True)
class Encoder:
    """The writing half of the pure map: images to pieces. Pickles."""

    writer: Writer[Any]
    plan: Any
    labels: frozenset[str]

    def __call__(self, image: AnnotatedImage, note: Note, change: Change | None = None) -> Piece | None:
        """Encode one image, and note what the writer does not keep; Findings know their image, an error is one."""
        try:
            if change is not None:
                image = change.image(image, note)
            image = self._known(image, note)
            _check_size(image)
            with blamed(self.writer, Where(image=image.name)):
                keeps = self.writer.keeps() | self.writer.holds(image)
                for finding in image_losses(image, keeps, self.writer.spares):
                    note(finding)
                piece = self.writer.encode(image, self.plan, lambda finding: note(finding.at(image=image.name)))
        except DataError as error:
            note(as_finding(error).at(image=image.name))
            return None
        reshaped = sum(
            (shape := shape_feature(annotation)) not in keeps
            and LOSSES[shape].weight is not Weight.INFO  # polygons that are painted keep their pixels
            and shape not in self.writer.spares(annotation)
            for annotation in image.annotations
        )
        return piece._replace(changed=min(piece.instances, piece.changed + reshaped)) if piece and reshaped else piece

    def _known(self, image: AnnotatedImage, note: Note) -> AnnotatedImage:
        """The image without annotations whose label is not in the label map: they are errors."""
        told = image.annotations
        if all(annotation.label in self.labels for annotation in told):
            return image
        for index, annotation in enumerate(told):
            if annotation.label not in self.labels:
                text = f"its label {annotation.label!r} is not in the label map"
                where, fix = Where(image=image.name, annotation=index), "add it there"
                note(Finding("label-unknown", Weight.ERROR, text, where, 1, "instances", fix))
        return image.replace(annotations=tuple(a for a in told if a.label in self.labels))


def _check_size(image: AnnotatedImage) -> None:
    """A few bytes may claim any size, and painting needs memory for it. Raises DataError."""
    count = (image.width or 0) * (image.height or 0)
    if count > limits.pixels():
        text = f"the image has {image.width:,} x {image.height:,} pixels, more than the {limits.pixels():,} that one may have"
        fix = limits.fix("MASKCONV_MAX_PIXELS", "look at its size in the source")
        raise DataError(text, where=Where(image=image.name), code="image-too-large", fix=fix)


class Sink:
    """Takes results in order, judges them at the end, and commits or leaves the target as it was."""

    def __init__(
        self,
        writer: Writer[Any],
        labels: LabelMap,
        target: Target,
        report: Report,
        *,
        overwrite: bool,
        fingerprint: str = "",
        sources: Sequence[Path] = (),
        dry: bool = False,
    ) -> None:
        self.writer, self.report, self.target = writer, report, target
        with blamed(writer):
            plan = writer.plan(labels, target, report.add)
        self.encode = Encoder(writer, plan, frozenset(labels.names))
        report.extend(label_losses(labels, writer.keeps()))
        self._keys: dict[str, str] = {}
        self._stage: Stage | None = (
            DryStage(target) if dry else Stage(target, overwrite=overwrite, fingerprint=fingerprint, sources=sources)
        )
        try:
            with blamed(writer):
                writer.begin(self._stage, plan)
        except BaseException:
            self.abort()
            raise

    def resume(self, *, stop_at_error: bool) -> int:
        """Take again, from the journal, what an interrupted run had finished: how many units that are."""
        assert self._stage is not None  # noqa: S101
        count = 0
        for unit in self._stage.done():
            self._take(unit.result, stop_at_error=stop_at_error, source=unit.source, staged=True)
            count += 1
        return count

    def take(self, result: Result, *, stop_at_error: bool, source: str = "") -> list[Finding]:
        """Stage one unit's pieces; once there was an error that ends the run, only listen. Says what is left out here."""
        left_out = self._take(result, stop_at_error=stop_at_error, source=source, staged=False)
        if self._stage is not None:
            self._stage.record(source, result)
        return left_out

    def _take(self, result: Result, *, stop_at_error: bool, source: str, staged: bool) -> list[Finding]:
        self.report.extend(result.findings)
        self.report.images += result.images
        self.report.instances += result.instances
        for label, count in result.labels.items():
            self.report.labels[label] = self.report.labels.get(label, 0) + count
        left_out: list[Finding] = []
        for piece in result.pieces:
            wrong = self._collision(piece.key, source)
            if wrong is None and not (stop_at_error and self.report.failed):
                wrong = self._append(piece, staged=staged)
            if wrong is not None:
                self.report.add(wrong)
                left_out.append(wrong)
        return left_out

    def _append(self, piece: Piece, *, staged: bool) -> Finding | None:
        assert self._stage is not None  # noqa: S101 - only end() and abort() take it away
        try:
            for copy in piece.copies:  # first: a picture that cannot be read keeps the rest out, too
                self._stage.copy(Copy(*copy), staged=staged)
            for path, data in piece.blobs:
                if staged:
                    self._stage.claim(path)
                else:
                    self._stage.put(path, data)
            with blamed(self.writer, Where(image=piece.key)):
                self.writer.append(piece, self.report.add)
        except DataError as error:
            return as_finding(error)
        self._note_windows(piece)
        self.report.images_written += 1
        self.report.files_written += len(piece.blobs) + len(piece.copies)
        self.report.bytes_written += len(piece.rows) + sum(len(data) for _, data in piece.blobs)
        self.report.instances_written += piece.instances
        self.report.instances_changed += piece.changed
        return None

    def _note_windows(self, piece: Piece) -> None:
        """Files that cannot be on Windows keep their names, for these say which picture they belong to."""
        for path in (*(path for path, _ in piece.blobs), *(copy.path for copy in map(Copy._make, piece.copies))):
            if reason := windows(path):
                text = f"the file {path!r} cannot be on Windows: {reason}"
                fix = "if it is to go there, rename the item with --name"
                where = Where(path=str(self.target.path), image=piece.key)
                self.report.add(Finding("name-windows", Weight.WARNING, text, where, 1, "images", fix))
                return

    def _collision(self, key: str, source: str) -> Finding | None:
        """The error where an image of that name came before; the later one is left out."""
        if not key or key not in self._keys:
            self._keys[key] = source
            return None
        first = self._keys[key]
        both = f"one of {first}, one of {source}" if first != source else f"both of {source}" if source else "twice"
        text = f"two images would be named {key!r} in the target ({both})"
        fix = "give them different names with --name '{source}/{name}'"
        if first == source:
            fix = "rename one: names that differ only in upper and lower case, or in the picture's extension, are one here"
            fix += "; where they are of different splits, --name '{split}/{name}' may help"
        return Finding("name-collision", Weight.ERROR, text, Where(image=key), fix=fix)

    def end(self, on_loss: OnLoss, on_error: OnError) -> None:
        """Judge, then commit or raise."""
        report = self.report
        if not report.images and not report.failed:
            text = "the source holds no images"
            report.add(Finding("source-empty", Weight.ERROR, text, fix="check that this is the right file or folder"))
        if not (report.failed and on_error == "fail"):
            with blamed(self.writer):
                self.writer.finish(report.add)
        if report.failed and (on_error == "fail" or not report.images_written):
            raise _failure(report, on_error)
        if report.lossy and on_loss == "fail":
            text = "nothing was written: data would be lost, and --on-loss fail forbids it"
            raise LossError(text, report=report, fix="see the findings, or convert with --on-loss warn")
        if not report.images_written:
            text = "the target holds nothing: of no image there was anything that it can hold"
            report.add(Finding("target-empty", Weight.WARNING, text, fix="check that this is what you want"))
        elif not report.instances_written:
            text = "the target holds no instance: none of the images has one that arrived"
            fix = "check that this is what you want: uploaded, it may replace what is there"
            report.add(Finding("target-no-instances", Weight.WARNING, text, fix=fix))
        assert self._stage is not None  # noqa: S101
        self._stage.commit()
        self._stage = None
        report.next_steps = self.writer.next_steps()

    def abort(self, *, keep: bool = False) -> None:
        """Leave the target as it was; ``keep`` leaves what is done beside it, where the run can be resumed."""
        if self._stage is not None:
            self.report.resumable = self._stage.abort(keep=keep)
            self._stage = None

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.abort(keep=kind is not None and not issubclass(kind, ConversionError))


def _failure(report: Report, on_error: OnError) -> ConversionError:
    count = report.count(Weight.ERROR)
    text = f"nothing was written: the source has {count} error{'s' if count > 1 else ''}"
    them = "them" if count > 1 else "it"
    fix = f"mend {them}"
    if on_error == "skip":
        text += f", and nothing is left without what {'they hit' if count > 1 else 'it hits'}"
    elif report.images:
        fix += f", or leave {them} out with --on-error skip"
    return ConversionError(text, report=report, fix=fix)


def open_sink(
    target: str | os.PathLike[str],
    to: str | None,
    options: Mapping[str, Any],
    labels: LabelMap,
    report: Report,
    *,
    overwrite: bool,
    sources: Sequence[Path] = (),
    fingerprint: str = "",
    dry: bool = False,
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
    if not place.stdout and not dry:
        with explained(path):
            repair(path, keep_journal=bool(fingerprint))
            _guard(place, fmt, sources, overwrite=overwrite)
    facts: dict[str, Any] = {"fingerprint": fingerprint, "sources": sources, "dry": dry}
    return Sink(writer, labels, place, report, overwrite=overwrite, **facts)


def _guard(target: Target, fmt: Format, sources: Sequence[Path], *, overwrite: bool) -> None:
    """Never replace a source, or a folder that is no such data set."""
    path = target.path
    there = [place for place in [path, *(parts(path) if target.layout == "parts" else [])] if os.path.lexists(place)]
    if not there:
        return
    where = Where(path=str(there[0]))
    check_kind(there[0])
    if not overwrite:
        fix = "choose another name or replace it with --overwrite"
        raise TargetExistsError("the target exists already", where=where, fix=fix)
    for source in sources:
        if source.exists() and any(place.exists() and place.samefile(source) for place in there):
            raise TargetError("the target is the source", where=Where(path=str(source)), fix="choose another name")
        if path.resolve() in source.resolve().parents:
            raise TargetError("the target holds the source", where=where, fix="choose another name")
    if path.is_dir() and any(path.iterdir()) and not fmt.sniff(registry.probe(path)):
        text = f"the target is a folder with other files than {fmt.name}'s, and is not replaced"
        raise TargetError(text, where=where, code="target-foreign", fix="choose another name")
