"""The pure map of a run: units of the sources to what a target is to hold of them, for any worker to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maskconv.change import Change
from maskconv.finding import Finding, Note, Report, Weight
from maskconv.model import AnnotatedImage
from maskconv.plugin import Piece
from maskconv.result import Result
from maskconv.sink import Encoder
from maskconv.sources import Source, images_of, units_of

__all__ = ["Task", "UnitMap", "decoded", "tasks_of"]

Task = tuple[int, Any]  # the number of a source, and one of its units


@dataclass(frozen=True)
class _Decoded:
    """A unit that was decoded where the feed runs, because its reader is pinned there."""

    images: list[AnnotatedImage]
    findings: list[Finding]


@dataclass(frozen=True)
class UnitMap:
    """The pure map: a batch of units to results. Pickles whole, so it can run anywhere."""

    sources: list[Source]
    encode: Encoder

    def open(self) -> None:
        """In a worker process: the sources came without their handles."""
        for source in self.sources:
            source.reader.open()

    def stop(self) -> None:
        for source in self.sources:
            source.reader.stop()

    def __call__(self, batch: list[Task]) -> list[tuple[int, Result]]:
        return [(number, self._one(self.sources[number], unit)) for number, unit in batch]

    def _one(self, source: Source, unit: Any) -> Result:
        pieces: list[Piece] = []
        findings: list[Finding] = []
        images = 0
        labels: Counter[str] = Counter()
        lost: list[Finding] = []  # what cannot be read was there all the same

        def told(finding: Finding) -> None:
            findings.append(finding)
            if finding.weight is Weight.ERROR:
                lost.append(finding)

        for image in self._images(source, unit, told):
            images += 1
            labels.update([annotation.label for annotation in image.annotations])
            piece = self.encode(image, findings.append, source.change)
            if piece is not None:
                pieces.append(piece)
        images = images or min(len(lost), 1)
        instances = labels.total() + _amount(lost, "instances")
        return Result(pieces, findings, images, instances, _renamed(labels, source.change))

    @staticmethod
    def _images(source: Source, unit: Any, note: Note) -> Iterable[AnnotatedImage]:
        if isinstance(unit, _Decoded):
            for finding in unit.findings:
                note(finding)
            return unit.images
        return images_of(source.reader, unit, source.head, note)


def _amount(lost: Iterable[Finding], unit: str) -> int:
    return sum(int(finding.amount) for finding in lost if finding.unit == unit)


def _renamed(labels: Mapping[str, int], change: Change) -> dict[str, int]:
    """The counts by the labels' new names, without those that are dropped."""
    found: dict[str, int] = {}
    for name, count in labels.items():
        if new := change.label(name):
            found[new] = found.get(new, 0) + count
    return found


def tasks_of(sources: Sequence[Source], report: Report) -> Iterator[Task]:
    """All units of all sources, in order; what is wrong with a unit as such goes into the report."""

    def told(finding: Finding) -> None:
        report.add(finding)
        report.images += finding.weight is Weight.ERROR and bool(finding.where.image)  # it is left out, and was there

    for number, source in enumerate(sources):
        for unit in units_of(source.reader, told):
            yield number, unit


def decoded(tasks: Iterator[Task], sources: Sequence[Source]) -> Iterator[Task]:
    """The tasks, those of pinned readers already decoded."""
    for number, unit in tasks:
        source = sources[number]
        if source.reader.pinned:
            findings: list[Finding] = []
            images = list(images_of(source.reader, unit, source.head, findings.append))
            yield number, _Decoded(images, findings)
        else:
            yield number, unit
