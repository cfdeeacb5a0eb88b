"""Findings: losses, problems and notes are one thing, and the Report that keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskconv.errors import MaskconvError

__all__ = ["Finding", "Note", "Report", "Tally", "Weight", "Where", "as_finding"]

EXAMPLES = 20
WORST = 3


class Weight(StrEnum):
    """How much a Finding matters, heaviest first."""

    ERROR = "error"  # cannot be right, or the platform refuses it
    DATA = "data"  # pixels, instances, labels, scores or attributes lost or changed, here or by the platform
    WARNING = "warning"  # suspicious, or will surprise
    INFO = "info"  # harmless: colours, unused labels, empty images, splits that the target cannot hold


@dataclass(frozen=True, slots=True)
class Where:
    """A place in the data. ``line`` counts from 1, ``annotation`` from 0 in the image's order."""

    path: str = ""
    member: str = ""
    line: int | None = None
    image: str = ""
    annotation: int | None = None

    def __str__(self) -> str:
        place = self.path
        if self.member:
            place = f"{place}/{self.member}" if place else self.member
        if self.line is not None:
            place = f"{place}:{self.line}" if place else f"line {self.line}"
        if self.image and not self.member:
            place = f"{place}: image {self.image}" if place else f"image {self.image}"
        if self.annotation is not None:
            place = f"{place}, annotation {self.annotation}"
        return place

    def at(self, **facts: Any) -> Where:
        """The same place with missing parts filled in; what is there stays."""
        known = {name: value for name, value in facts.items() if getattr(self, name) in ("", None)}
        if not known:
            return self
        own = {"path": self.path, "member": self.member, "line": self.line, "image": self.image}
        return Where(**{**own, "annotation": self.annotation, **known})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing worth saying: what (``code``, ``message``), how bad (``weight``), where, how much, and the remedy.

    ``amount`` is measured, in ``unit`` (pixels, instances, images, IoU, ...). ``code`` is stable and documented.
    """

    code: str
    weight: Weight
    message: str
    where: Where = Where()
    amount: float = 1
    unit: str = ""
    fix: str = ""

    def __str__(self) -> str:
        place = str(self.where)
        text = f"{place}: {self.message}" if place else self.message
        return f"{text}; {self.fix}" if self.fix else text

    def at(self, **facts: Any) -> Finding:
        """The same Finding with missing parts of its place filled in; what is there stays."""
        where = self.where.at(**facts)
        if where is self.where:
            return self
        return Finding(self.code, self.weight, self.message, where, self.amount, self.unit, self.fix)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; empty parts are left out."""
        place = {k: v for k, v in asdict(self.where).items() if v not in ("", None)}
        found: dict[str, Any] = {"code": self.code, "weight": self.weight.value, "message": self.message}
        return found | {"where": place, "amount": self.amount, "unit": self.unit, "fix": self.fix}


Note = Callable[[Finding], None]


def as_finding(error: MaskconvError) -> Finding:
    """An error as the Finding it is in a report."""
    return Finding(error.code, Weight.ERROR, error.message, error.where or Where(), fix=error.fix)


@dataclass(slots=True)
class Tally:
    """What the Report counts for one code: its first Findings, and those with the largest amounts."""

    code: str
    weight: Weight
    unit: str = ""
    count: int = 0
    amount: float = 0
    examples: list[Finding] = field(default_factory=list)
    worst: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        self.count += 1
        self.amount += finding.amount
        if len(self.examples) < EXAMPLES:
            self.examples.append(finding)
        if len(self.worst) < WORST or finding.amount > self.worst[-1].amount:
            self.worst = sorted([*self.worst, finding], key=lambda f: -f.amount)[:WORST]


@dataclass(slots=True)
class Report:
    """The outcome of a run: counters, and the first 20 Findings of each code; memory does not grow with the data.

    ``images`` / ``instances`` count what was read, ``images_written`` / ``instances_written`` what the target holds,
    ``instances_changed`` how many of the latter are there otherwise than they were: painted over, filled, traced.
    ``images_expected`` is about how many there are to read (None: unknown), ``files_written`` and ``bytes_written`` what
    was made of them so far. ``labels`` counts the instances read by the labels they have in the target. ``source_format`` and ``target_format`` name the formats that were used. ``sink`` receives every Finding as it comes.
    ``aliases`` are paths that are shown by another name. ``next_steps`` say what the target's platform does next.
    """

    images: int = 0
    instances: int = 0
    images_written: int = 0
    instances_written: int = 0
    instances_changed: int = 0
    images_expected: int | None = None
    files_written: int = 0
    bytes_written: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    tallies: dict[tuple[str, Weight], Tally] = field(default_factory=dict)
    sink: Note | None = None
    aliases: dict[str, str] = field(default_factory=dict)
    next_steps: tuple[str, ...] = ()
    resumable: bool = False
    source_format: str = ""
    target_format: str = ""

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        """Everything but ``sink``, which belongs to the process that runs."""
        return None, {f.name: None if f.name == "sink" else getattr(self, f.name) for f in fields(self)}

    def add(self, finding: Finding) -> None:
        if finding.where.path in self.aliases:
            finding = replace(finding, where=replace(finding.where, path=self.aliases[finding.where.path]))
        key = (finding.code, finding.weight)
        tally = self.tallies.get(key)
        if tally is None:
            tally = self.tallies[key] = Tally(finding.code, finding.weight, finding.unit)
        tally.add(finding)
        if self.sink is not None:
            self.sink(finding)

    def extend(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.add(finding)

    @property
    def findings(self) -> list[Finding]:
        """The kept examples, heaviest first, in the order they were found."""
        return [finding for tally in self.heaviest for finding in tally.examples]

    @property
    def heaviest(self) -> list[Tally]:
        """The tallies, heaviest first, in the order they were begun."""
        order = list(Weight)
        return sorted(self.tallies.values(), key=lambda t: order.index(t.weight))

    def count(self, weight: Weight) -> int:
        return sum(t.count for t in self.tallies.values() if t.weight is weight)

    @property
    def failed(self) -> bool:
        """Whether there were errors: something of the source is not in the target."""
        return self.count(Weight.ERROR) > 0

    @property
    def lossy(self) -> bool:
        """Whether data was lost or changed."""
        return self.count(Weight.DATA) > 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: counters, ``codes`` with what was counted for each, ``findings`` with the examples."""
        names = ("images", "instances", "images_written", "instances_written", "instances_changed")
        codes = [
            {"code": t.code, "weight": t.weight.value, "count": t.count, "amount": t.amount, "unit": t.unit}
            for t in self.heaviest
        ]
        findings = [finding.to_dict() for finding in self.findings]
        counts = {name: getattr(self, name) for name in names} | {"labels": dict(self.labels)}
        return counts | {"codes": codes, "findings": findings}
