"""What is wrong with a labelmap.txt as a whole: the checks that look at more than one line, and what all of them share."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from maskconv.finding import Finding, Note, Where
from maskconv.labelmap_codes import CODES
from maskconv.wording import plain

__all__ = ["Entry", "Log", "check_colors", "check_names", "check_parts", "rgb", "show", "voc_color"]

Color = tuple[int, int, int]
BLACK: Color = (0, 0, 0)
BACKGROUND = "background"


@dataclass(slots=True)
class Entry:
    """One label's line: ``raw`` is its name as CVAT reads it, ``name`` as we do."""

    line: int
    raw: str
    name: str
    color_text: str
    color: Color | None
    parts: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Log:
    """Where findings go, with the file's place; the weight comes from the table."""

    note: Note
    path: str = ""
    member: str = ""

    def __call__(
        self, code: str, message: str, line: int | None = None, *, fix: str = "", amount: float = 1, unit: str = ""
    ) -> None:
        rule = CODES[f"labelmap-{code}"]
        where = Where(path=self.path, member=self.member, line=line)
        self.note(Finding(f"labelmap-{code}", rule.weight, message, where, amount, unit, fix or rule.fix))


def show(text: str, limit: int = 80) -> str:
    """``text`` in quotes for a person's eyes: nothing in it can move a cursor, and it is not long."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return f"'{plain(cut)}'"


def voc_color(index: int) -> Color:
    """Colour ``index`` of the Pascal VOC map."""
    r = g = b = 0
    for j in range(7, -1, -1):
        r |= (index & 1) << j
        g |= (index >> 1 & 1) << j
        b |= (index >> 2 & 1) << j
        index >>= 3
    return r, g, b


def rgb(color: Color) -> str:
    return ",".join(map(str, color))


def check_names(entries: Sequence[Entry], log: Log) -> bool:
    """Duplicates and near-duplicates; False where the names make no map."""
    exact: dict[str, Entry] = {}
    near: dict[str, Entry] = {}
    good = True
    for entry in entries:
        first = exact.setdefault(entry.raw, entry)
        if first is not entry:
            good = False
            _twice(entry, first, log)
            continue
        other = near.setdefault(_loose(entry.raw), entry)
        if other is not entry:
            _alike(entry, other, log)
    return good


def _twice(entry: Entry, first: Entry, log: Log) -> None:
    message = f'the label {show(entry.raw)} is already on line {first.line}; CVAT refuses the file ("already defined")'
    log("duplicate-name", message, entry.line, fix="rename one of the two or remove a line")


def _alike(entry: Entry, other: Entry, log: Log) -> None:
    names = {entry.raw, other.raw}
    if BACKGROUND in names:
        wrong = entry if other.raw == BACKGROUND else other
        message = f"{show(wrong.raw)} stands beside 'background'; to CVAT it is a label of its own, not the background"
        log("background-twice", message, wrong.line, fix="keep 'background' for the background and rename the other")
        return
    same = f"{show(entry.raw)} and {show(other.raw)} on line {other.line}"
    message = f"{same} differ only in case, spaces, underscores or Unicode form; to CVAT they are two labels"
    log("near-name", message, entry.line, fix="use one spelling, or rename one of them")


def _loose(name: str) -> str:
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name)
        name = "".join(c for c in name if unicodedata.category(c) != "Cf")
    return " ".join(name.casefold().replace("_", " ").split())


def check_parts(entries: Sequence[Entry], log: Log) -> None:
    """CVAT makes a label of every part, so that a part cannot be blank or named like a label."""
    names = {entry.raw for entry in entries}
    for entry in entries:
        for part in entry.parts:
            if not part or part in names:
                what = f"the part {show(part)} is named like a label" if part else "a part is blank"
                message = f"{what}; CVAT makes a label of every part and its import fails (AssertionError)"
                log("part", message, entry.line, fix=f"remove the part from {show(entry.name)} or rename it")


def check_colors(entries: Sequence[Entry], log: Log, *, black_needed: bool) -> None:
    """Blank, equal and nearly equal colours, and what is black; fills in VOC colours where all are blank."""
    if all(not entry.color_text for entry in entries):
        _fill(entries, log)
    else:
        _blanks(entries, log)
    by_color: dict[Color, Entry] = {}
    for entry in entries:
        if entry.color is not None and (first := by_color.setdefault(entry.color, entry)).raw != entry.raw:
            _same_color(entry, first, log)
    for entry, other in _neighbours(by_color):
        message = f"the colours of {show(entry.name)} and {show(other.name)} on line {other.line} differ by 1 at most"
        log("near-color", f"{message}; CVAT takes them as different", entry.line, fix="look which one the masks have")
    _background(entries, by_color.get(BLACK), log, black_needed=black_needed)


def _fill(entries: Sequence[Entry], log: Log) -> None:
    for index, entry in enumerate(entries):
        entry.color = voc_color(index)
    message = "no label has a colour; CVAT takes the VOC colour of each label's index"
    log("colors-blank", message, amount=len(entries), unit="labels", fix="nothing to do if the masks have them too")


def _blanks(entries: Sequence[Entry], log: Log) -> None:
    taken = {entry.color for entry in entries}
    for index, entry in enumerate(entries):
        if not entry.color_text:
            color = voc_color(index)
            free = color not in taken and (color != BLACK or entry.name == BACKGROUND)
            example = f", such as {plain(entry.name)}:{rgb(color)}::" if free else ""
            message = (
                f"{show(entry.name)} has no colour while other labels have; CVAT gives it none, so that no RGB mask"
            )
            log(
                "color-blank",
                f"{message} can hold it",
                entry.line,
                fix=f"write the colour it has in the masks{example}",
            )


def _same_color(entry: Entry, first: Entry, log: Log) -> None:
    color = rgb(entry.color or BLACK)
    same = f"{show(entry.name)} has the colour {color} of {show(first.name)} on line {first.line}"
    message = f"{same}; in RGB masks CVAT reads all its pixels as the last label with that colour"
    log("duplicate-color", message, entry.line, fix="give each label a colour of its own, here and in the masks")


def _neighbours(by_color: Mapping[Color, Entry]) -> Iterator[tuple[Entry, Entry]]:
    """For each label one whose colour differs by 1 at most in each channel; greys are the document's own fillers."""
    codes = {r << 20 | g << 10 | b: entry for (r, g, b), entry in by_color.items()}
    greys = {r << 20 | g << 10 | b for r, g, b in by_color if r == g == b}
    vivid = codes.keys() - greys
    pairs = [(code, code + step) for step in _STEPS for code in vivid if code + step in codes]
    pairs += [(code, code + step) for step in _STEPS for code in greys if code + step in vivid]
    told: set[int] = set()
    for pair in pairs:
        other, entry = sorted((codes[code] for code in pair), key=lambda entry: entry.line)
        if entry.line not in told and entry.raw != other.raw:
            told.add(entry.line)
            yield entry, other


_STEPS = [
    step for r in (0, 1) for g in (-1, 0, 1) for b in (-1, 0, 1) if (step := r * (1 << 20) + g * (1 << 10) + b) > 0
]


def _background(entries: Sequence[Entry], black: Entry | None, log: Log, *, black_needed: bool) -> None:
    named = next((entry for entry in entries if entry.name == BACKGROUND), None)
    if named is None:
        _unnamed(entries, black, log, black_needed=black_needed)
        return
    if named.color not in {BLACK, None}:
        message = "'background' is not 0,0,0; CVAT reads black pixels as "
        message += show(black.name) if black else 'an "Undeclared color (0, 0, 0)"'
        log("background-not-black", message, named.line, fix="write background:0,0,0:: if it is black in the masks")
    if named is not entries[0]:
        message = (
            f"'background' is label {entries.index(named)}, not 0; CVAT reads it, but PyPI's Datumaro damages class"
        )
        log("background-not-first", f"{message} masks when it writes such a set", named.line)


def _unnamed(entries: Sequence[Entry], black: Entry | None, log: Log, *, black_needed: bool) -> None:
    if black is not None:
        message = (
            f"0,0,0 belongs to {show(black.name)} and no label is named 'background'; CVAT reads unlabelled pixels as"
        )
        log("black-label", f"{message} {show(black.name)}", black.line, fix="nothing to do if it is the background")
    elif black_needed and all(entry.color or not entry.color_text for entry in entries):
        message = 'no label has the colour 0,0,0; CVAT\'s import of RGB masks fails with "Undeclared color (0, 0, 0)"'
        fix = "add the line background:0,0,0:: (at the end if the masks are grayscale: the order is the index)"
        log("no-black", message, fix=fix)
