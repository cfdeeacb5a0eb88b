"""Whether a data set fits what is there already: the items, labels and tools of a task, a project, or another data set."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from shlex import quote
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
from maskconv.wording import quoted
from maskconv.yolo.names import MAX_NAMES, given

__all__ = ["Comparison", "Expected", "expected"]

LISTS = frozenset({".txt", ".names", ".labelmap", ""})
MOST = 1000  # unmatched names that are looked at for what they have in common
ALIKE = 500  # expected names that are looked at for each of them


@dataclass(frozen=True)
class Expected:
    """What the other side has.

    ``what`` names it in a sentence, ``items`` are its pictures by name (None: it does not say), ``labels`` its labels with
    the kind of their tool ("" where that does not matter). ``masks`` are the kinds that take masks. ``frames``: it is a
    task of so many, which adds the folder that all items lack; an item whose name is a number lands on that frame where
    no name fits.
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
        raise SourceError(
            "is no usable label map", where=where, fix=f"mend it: maskconv labelmap {quote(str(path))} --fix"
        )
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
        self._names = _Names(stem_of(item) for item in wanted.items or ())
        self._lost, self._numbers = _Seen(), _Seen()
        self._folders: Counter[str] = Counter()  # that would make an item fit, and how many
        self._labels: Counter[str] = Counter()
        self._hit = 0

    def add(self, image: AnnotatedImage) -> None:
        self._labels.update(annotation.label for annotation in image.annotations)
        if self._wanted.items is None:
            return
        if image.name in self._names.all or image.name in self._wanted.items:
            self._hit += 1
            return
        if self._wanted.frames:
            self._folders.update({way.prefix for way in self._names.within(image.name)})
        if image.name.isdecimal() and len(image.name) < 10 and int(image.name) < self._wanted.frames:
            self._numbers.add(image.name)
        else:
            self._lost.add(image.name)

    def finish(self, note: Note) -> None:
        for finding in (*self._about_items(), *self._about_labels()):
            note(finding)

    def _about_items(self) -> Iterator[Finding]:
        what, (found, folder) = self._wanted.what, self._folder()
        if folder:
            some = self._lost.first or self._numbers.first
            text = f"{_counted(found, 'item')}, such as {quoted(some)}, {'lacks' if found == 1 else 'lack'} the folder {quoted(folder)} of "
            text += f"the pictures of {what}; an import usually adds it"
            fix = f"to be sure, rename them when converting: --name {quote(_before(folder).template)}"
            yield Finding("against-folder", Weight.WARNING, text, amount=found, unit="images", fix=fix)
        elif self._lost.count:
            text = self._misses(self._lost)
            fix = "rename the items with --name, or choose the right task"
            yield self._with_hint("against-items", self._lost, text, fix)
        if self._numbers.count and not folder:
            text = f"{self._misses(self._numbers)}, which is taken as a frame number instead: it lands on frame "
            text += f"{int(self._numbers.first)}"
            fix = "rename the items as the task has them"
            yield self._with_hint("against-frame-number", self._numbers, text, fix)
        rest = len(self._wanted.items or ()) - self._hit - found
        if self._wanted.items is not None and rest > 0 and (self._hit or found):
            gets = "gets" if rest == 1 else "get"
            text = f"{_counted(rest, 'picture')} of {what} {gets} no annotations from here"
            yield Finding("against-unannotated", Weight.INFO, text, amount=rest, unit="images")

    def _folder(self) -> tuple[int, str]:
        """The one folder that makes all items fit, and how many they are, where none fits without it; 0 and "" else."""
        count = self._lost.count + self._numbers.count
        every = [folder for folder, fits in self._folders.items() if fits == count]
        return (count, every[0]) if len(every) == 1 and not self._hit else (0, "")

    def _misses(self, seen: _Seen) -> str:
        return f"no picture of {self._wanted.what} has the name of {_counted(seen.count, 'item')}, such as {quoted(seen.first)}"

    def _with_hint(self, code: str, seen: _Seen, text: str, fix: str) -> Finding:
        """With what would make most of the names fit, if anything, and how many."""
        votes = Counter(way for name in seen.items for way in set(self._names.ways(name)))
        for way, fits in votes.most_common(1):
            text += f"; {way.words} {fits:,} would be found" if fits > 1 else f"; {way.words} one would be found"
            fix = f"rename them when converting: --name {quote(way.template)}" if way.template else fix
        return Finding(code, Weight.ERROR, text, amount=seen.count, unit="images", fix=fix)

    def _about_labels(self) -> Iterator[Finding]:
        wanted = self._wanted
        for label, count in self._labels.items():
            if label not in wanted.labels:
                near = nearest(label, wanted.labels)
                has = "has" if count == 1 else "have"
                text = f"{wanted.what} has no label {quoted(label)}{near}; {_counted(count, 'instance')} {has} it here"
                known = ", ".join(list(wanted.labels)[:8]) or "none"
                fix = f"add it there, or rename it with --labels; there are {known}"
                yield Finding("against-label", Weight.ERROR, text, amount=count, unit="instances", fix=fix)
            elif (kind := wanted.labels[label]) and wanted.masks and kind not in wanted.masks:
                text = f"the label {quoted(label)} of {wanted.what} is for {kind}, which holds no masks"
                fix = f"make it a label for {' or '.join(sorted(wanted.masks))}, or convert to another shape"
                yield Finding("against-tool", Weight.ERROR, text, amount=count, unit="instances", fix=fix)


class _Way(NamedTuple):
    """How names could become those expected: in words, and as a template for ``--name`` where one can say it."""

    words: str
    template: str = ""
    prefix: str = ""


class _Names:
    """The names expected, without extension, and which of them others may mean."""

    def __init__(self, stems: Iterable[str]) -> None:
        self.all = frozenset(stems)
        self._ends: dict[str, list[str]] = {}
        for stem in self.all:
            self._ends.setdefault(stem.rsplit("/", 1)[-1], []).append(stem)

    @cached_property
    def _folded(self) -> frozenset[str]:
        return frozenset(stem.casefold() for stem in self.all)

    @cached_property
    def _ordered(self) -> list[str]:
        return sorted(self.all)

    @cached_property
    def _mirrored(self) -> list[str]:
        return sorted(stem[::-1] for stem in self.all)

    def within(self, name: str) -> Iterator[_Way]:
        """The folders in which a name stands."""
        for stem in self._ends.get(name.rsplit("/", 1)[-1], ()):
            if stem.endswith(f"/{name}"):
                yield _before(stem[: -len(name)])

    def ways(self, name: str) -> Iterator[_Way]:
        """All that would make a name one of them; at most `ALIKE` of a kind."""
        yield from self.within(name)
        last = name.rsplit("/", 1)[-1]
        for stem in self._ends.get(last, ()):
            if name.endswith(f"/{stem}"):
                yield _Way(f"without the prefix {quoted(name[: -len(stem)])}", "{stem}" if stem == last else "")
        for rest in islice(_longer(self._mirrored, name[::-1]), ALIKE):
            if "/" not in rest:
                yield _before(rest[::-1])
        for rest in islice(_longer(self._ordered, name), ALIKE):
            if "/" not in rest:
                yield _Way(f"with the suffix {quoted(rest)}", f"{{name}}{_plain(rest)}")
        if name.casefold() in self._folded:
            yield _Way("with other capital or small letters")


def _before(prefix: str) -> _Way:
    return _Way(f"with the prefix {quoted(prefix)}", f"{_plain(prefix)}{{name}}", prefix)


def _plain(text: str) -> str:
    """A text as a template has it."""
    return text.replace("{", "{{").replace("}", "}}")


def _longer(ordered: Sequence[str], start: str) -> Iterator[str]:
    """What follows a start in the names that have it."""
    for place in range(bisect_right(ordered, start), len(ordered)):
        if not ordered[place].startswith(start):
            return
        yield ordered[place][len(start) :]


def _counted(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"
