"""Whether a data set fits what is there already: the items, labels and tools of a task, a project, or another data set."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from maskconv import labelmap, registry
from maskconv.errors import SourceError
from maskconv.finding import Finding, Note, Report, Weight, Where
from maskconv.labelmap_check import BACKGROUND, Log
from maskconv.labelmap_foreign import NAMES, recognise
from maskconv.model import AnnotatedImage
from maskconv.options import nearest
from maskconv.pictures import stem as stem_of
from maskconv.plugin import Probe
from maskconv.yolo.names import MAX_NAMES, given

__all__ = ["Comparison", "Expected", "expected"]

LISTS = frozenset({".txt", ".names", ".labelmap", ""})
MOST = 1000  # unmatched names that are looked at for what they have in common


@dataclass(frozen=True)
class Expected:
    """What the other side has.

    ``what`` names it in a sentence, ``items`` are its pictures by name (None: it does not say), ``labels`` its labels with
    the kind of their tool ("" where that does not matter). ``masks`` are the kinds that take masks. ``frames``: an item
    whose name is a number lands on that frame where no name fits, of so many.
    """

    what: str
    labels: Mapping[str, str]
    items: frozenset[str] | None = None
    masks: frozenset[str] = frozenset()
    frames: int = 0


def expected(path: Path) -> Expected:
    """What an export, an ontology, a list of names or a data set expects. Raises SourceError, FormatError."""
    seen = registry.probe(path)
    for fmt in registry.formats():
        if fmt.expects is not None and (found := fmt.expects(seen)) is not None:
            return found
    return (_listed(path) if _may_list(seen) else None) or _read(path)


def _may_list(seen: Probe) -> bool:
    """Whether it is a small text file that no format reads."""
    small = seen.kind == "file" and seen.suffix in LISTS and seen.path.stat().st_size <= MAX_NAMES
    return small and not any(fmt.reader for fmt in registry.candidates(seen.path))


def _listed(path: Path) -> Expected | None:
    """Of a labelmap.txt, or a file with a name a line; None where it is no text. Raises SourceError."""
    data, where = path.read_bytes(), Where(path=str(path))
    text = labelmap.decode(data, Log(_silent, str(path)))
    if text is None:
        return None
    kind = recognise(text)
    if kind not in {None, NAMES}:
        fix = "write a name a line, or name a data.yaml or a labelmap.txt"
        text = f"lists no names: it {'is' if kind == 'empty' else 'looks like'} {kind}"
        raise SourceError(text, where=where, fix=fix)
    if kind == NAMES:
        found = list(given(str(path), _silent).values())
    elif (labels := labelmap.parse(data, _silent, path=str(path))) is not None:
        found = [label for label in labels.labels if label.name != BACKGROUND]
    else:
        raise SourceError("is no usable label map", where=where, fix=f"mend it: maskconv labelmap {path} --fix")
    return Expected(path.name, {label.name: "" for label in found})


def _read(path: Path) -> Expected:
    """Of any data set that can be read: its items and labels."""
    from maskconv.sources import head_of, images_of, reading, units_of

    with reading(path, None, {}, Report()) as reader:
        reader.checking = True  # names can be told without masks that are elsewhere
        head = head_of(reader, _silent)
        units = units_of(reader, _silent)
        items = frozenset(image.name for unit in units for image in images_of(reader, unit, head, _silent))
    if not items and not head.labels.labels:
        text, fix = "holds neither items nor labels to compare with", "name the export of the task"
        raise SourceError(text, where=Where(path=str(path)), fix=fix)
    return Expected(f"the set {path.name}", {label.name: "" for label in head.labels.labels}, items)


def _silent(_: Finding) -> None:
    """What is wrong with the other side is not what is asked."""


@dataclass
class _Seen:
    count: int = 0
    first: str = ""
    items: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        self.count += 1
        self.first = self.first or name
        if len(self.items) < MOST:
            self.items.append(name)


class Comparison:
    """Compares images as they come with what is expected; ``finish`` says what does not fit."""

    def __init__(self, wanted: Expected) -> None:
        self._wanted = wanted
        self._names = {stem_of(item): item for item in wanted.items or ()}
        self._lost, self._numbers = _Seen(), _Seen()
        self._labels: Counter[str] = Counter()
        self._hit = 0

    def add(self, image: AnnotatedImage) -> None:
        self._labels.update(annotation.label for annotation in image.annotations)
        if self._wanted.items is None:
            return
        if image.name in self._names or image.name in self._wanted.items:
            self._hit += 1
        elif image.name.isdecimal() and len(image.name) < 10 and int(image.name) < self._wanted.frames:
            self._numbers.add(image.name)
        else:
            self._lost.add(image.name)

    def finish(self, note: Note) -> None:
        for finding in (*self._about_items(), *self._about_labels()):
            note(finding)

    def _about_items(self) -> Iterator[Finding]:
        what = self._wanted.what
        if self._lost.count:
            text = f"no picture of {what} has the name of {_counted(self._lost.count, 'item')}, such as {self._lost.first!r}"
            fix = "rename the items with --name, or choose the right task"
            for way, fits in self._common():
                text += f"; {way.words} {fits:,} would be found" if fits > 1 else f"; {way.words} one would be found"
                fix = f"rename them when converting: --name '{way.template}'" if way.template else fix
            yield Finding("against-items", Weight.ERROR, text, amount=self._lost.count, unit="images", fix=fix)
        if self._numbers.count:
            text = f"no picture of {what} has the name of {_counted(self._numbers.count, 'item')}, such as "
            text += f"{self._numbers.first!r}, which is taken as a frame number instead: it lands on frame "
            text += f"{int(self._numbers.first)}"
            fix = "rename the items as the task has them"
            yield Finding(
                "against-frame-number", Weight.ERROR, text, amount=self._numbers.count, unit="images", fix=fix
            )
        rest = len(self._wanted.items or ()) - self._hit
        if self._wanted.items is not None and rest > 0 and self._hit:
            gets = "gets" if rest == 1 else "get"
            text = f"{_counted(rest, 'picture')} of {what} {gets} no annotations from here"
            yield Finding("against-unannotated", Weight.INFO, text, amount=rest, unit="images")

    def _common(self) -> list[tuple[_Way, int]]:
        """What would make most of the lost names fit, if anything, and how many."""
        ends: dict[str, list[str]] = {}
        for stem in self._names:
            ends.setdefault(stem.rsplit("/", 1)[-1], []).append(stem)
        ordered = sorted(self._names)
        votes = Counter(way for name in self._lost.items for way in set(_ways(name, ends, ordered)))
        return votes.most_common(1)

    def _about_labels(self) -> Iterator[Finding]:
        wanted = self._wanted
        for label, count in self._labels.items():
            if label not in wanted.labels:
                near = nearest(label, wanted.labels)
                has = "has" if count == 1 else "have"
                text = f"{wanted.what} has no label {label!r}{near}; {_counted(count, 'instance')} {has} it here"
                known = ", ".join(list(wanted.labels)[:8]) or "none"
                fix = f"add it there, or rename it with --labels; there are {known}"
                yield Finding("against-label", Weight.ERROR, text, amount=count, unit="instances", fix=fix)
            elif (kind := wanted.labels[label]) and wanted.masks and kind not in wanted.masks:
                text = f"the label {label!r} of {wanted.what} is for {kind}, which holds no masks"
                fix = f"make it a label for {' or '.join(sorted(wanted.masks))}, or convert to another shape"
                yield Finding("against-tool", Weight.ERROR, text, amount=count, unit="instances", fix=fix)


class _Way(NamedTuple):
    """How names could become those expected: in words, and as a template for ``--name`` where one can say it."""

    words: str
    template: str


def _ways(name: str, ends: Mapping[str, list[str]], ordered: Sequence[str]) -> Iterator[_Way]:
    last = name.rsplit("/", 1)[-1]
    for stem in ends.get(last, ()):
        if stem.endswith(f"/{name}"):
            prefix = stem[: -len(name)]
            yield _Way(f"with the prefix {prefix!r}", f"{prefix}{{name}}")
        elif name.endswith(f"/{stem}"):
            yield _Way(f"without the prefix {name[: -len(stem)]!r}", "{stem}" if stem == last else "")
    for stem in ordered[bisect_right(ordered, name) :]:
        if not stem.startswith(name):
            break
        if "/" not in stem[len(name) :]:
            yield _Way(f"with the suffix {stem[len(name) :]!r}", f"{{name}}{stem[len(name) :]}")


def _counted(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"
