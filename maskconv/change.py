"""What happens between reading and writing: labels are renamed, merged and dropped, items renamed."""

from __future__ import annotations

import csv
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter

from maskconv.errors import DataError, OptionError, SourceError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.model import AnnotatedImage, Label, LabelMap
from maskconv.options import nearest
from maskconv.store import unsafe

__all__ = ["Change", "label_rules", "unify"]

PLACES = ("name", "stem", "folder", "split", "source")
Rules = Mapping[str, str]  # old name -> new name; an empty one drops the label


@dataclass(frozen=True)
class Change:
    """One source's changes: pure and picklable.

    ``rules`` rename labels (several to one merges them, an empty name drops), ``only`` keeps some of the resulting
    labels, ``name`` is a template over ``{name} {stem} {folder} {split} {source}``.
    """

    rules: Rules = field(default_factory=dict)
    only: frozenset[str] | None = None
    name: str = ""
    source: str = ""

    @property
    def empty(self) -> bool:
        return not self.rules and self.only is None and not self.name

    def label(self, name: str) -> str:
        """A label's new name; empty where it is dropped."""
        new = self.rules.get(name, name)
        return new if self.only is None or new in self.only else ""

    def labels(self, labels: LabelMap) -> LabelMap:
        """The label map afterwards: merged labels take the place, the colour and the rest of the first of them."""
        kept: dict[str, Label] = {}
        for label in labels.labels:
            new = self.label(label.name)
            if new:
                kept.setdefault(new, label if new == label.name else label.model_copy(update={"name": new}))
        return LabelMap(labels=tuple(kept.values()))

    def image(self, image: AnnotatedImage, note: Note) -> AnnotatedImage:
        """The image afterwards; instances of merged labels stay separate, and their pixels untouched."""
        if self.empty:
            return image
        annotations, dropped = [], 0
        for annotation in image.annotations:
            new = self.label(annotation.label)
            if not new:
                dropped += 1
            else:
                annotations.append(annotation if new == annotation.label else annotation.replace(label=new))
        if dropped:
            text = "instances of labels that were not asked for are left out"
            note(Finding("labels-removed", Weight.INFO, text, Where(image=image.name), dropped, "instances"))
        name = self._renamed(image) if self.name else image.name
        return image.replace(annotations=tuple(annotations), name=name)

    def _renamed(self, image: AnnotatedImage) -> str:
        folder, _, stem = image.name.rpartition("/")
        facts = {"name": image.name, "stem": stem, "folder": folder, "split": image.split or "", "source": self.source}
        name = "/".join(part for part in self.name.format(**facts).split("/") if part)
        if not name or unsafe(name):
            text = f"--name {self.name!r} makes {name!r} of the item {image.name!r}, which is no usable name"
            raise DataError(text, where=Where(image=image.name), code="name-unusable", fix="change the template")
        return name


def check_template(template: str) -> str:
    """The template itself. Raises OptionError for a place it does not know."""
    try:
        places = [place for _, place, _, _ in Formatter().parse(template) if place is not None]
    except ValueError as error:
        raise OptionError(f"--name {template!r} is no template ({error})", code="option-value") from error
    for place in places:
        if place not in PLACES:
            known = " ".join(f"{{{name}}}" for name in PLACES)
            text = f"--name has no place {{{place}}}{nearest(place, PLACES)}; the places are {known}"
            raise OptionError(text, code="option-value")
    return template


def label_rules(given: Rules | str | os.PathLike[str] | None) -> dict[str, str]:
    """Renaming rules from a mapping, or from a CSV file with two columns, old and new name, without a header.

    Raises SourceError with the line where the file is not so.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return dict(given)
    path = Path(given)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader("\n" if line.startswith("#") else line for line in file)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"cannot be read ({reason})", where=Where(path=str(path)), fix="check --labels") from error
    return _rules(rows, path)


def _rules(rows: Iterable[tuple[int, Sequence[str]]], path: Path) -> dict[str, str]:
    """Old names keep the spaces at their ends, which a label may have."""
    rules: dict[str, str] = {}
    for number, row in rows:
        if not row:
            continue
        where = Where(path=str(path), line=number)
        if len(row) != 2 or not row[0].strip():
            fields = "1 field" if len(row) == 1 else f"{len(row)} fields"
            text = f"this line has {fields} where a rule has two: old name, new name"
            raise SourceError(text, where=where, code="labels-rule", fix="write car,vehicle to rename, car, to drop")
        old, new = row[0], row[1].strip()
        if rules.setdefault(old, new) != new:
            text = f"the label {old!r} has two rules: {rules[old]!r} and {new!r}"
            raise SourceError(text, where=where, code="labels-rule", fix="keep one of them")
    return rules


def fitting(rules: Rules, labels: Collection[str]) -> dict[str, str]:
    """The rules by the names that labels have: those that no label has with the spaces at its ends go without.

    Raises OptionError where two rules are for one label.
    """
    found: dict[str, str] = {}
    for old, new in rules.items():
        name = old if old in labels else old.strip()
        if found.setdefault(name, new) != new:
            text = f"--labels: the label {name!r} has two rules: {found[name]!r} and {new!r}; keep one of them"
            raise OptionError(text, code="labels-rule")
    return found


def check_known(rules: Rules, only: Iterable[str] | None, labels: Iterable[str]) -> None:
    """Each name that is asked for exists. Raises OptionError with the nearest known name."""
    known = list(dict.fromkeys(labels))
    for name in rules:
        if name not in known:
            raise _unknown("--labels", name, known)
    after = [new for name in known if (new := rules.get(name, name))]
    for name in only or ():
        if name not in after:
            raise _unknown("--only", name, after)


def _unknown(flag: str, name: str, known: Iterable[str]) -> OptionError:
    known = list(known)
    some = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    return OptionError(
        f"{flag}: no source has the label {name!r}{nearest(name, known)}; there are {some}", code="label-unknown"
    )


def unify(maps: Iterable[LabelMap]) -> LabelMap:
    """One label map of several: labels are the same where their names are; order and the rest by the first that has it."""
    found: dict[str, Label] = {}
    for labels in maps:
        for label in labels.labels:
            first = found.setdefault(label.name, label)
            if first.color is None and label.color is not None:
                found[label.name] = first.model_copy(update={"color": label.color})
    return LabelMap(labels=tuple(found.values()))
