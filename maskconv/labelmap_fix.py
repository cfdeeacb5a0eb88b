"""Mends a labelmap.txt where it is clear what is meant; everything else is left as it is, for a person to decide."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from maskconv.finding import Finding, Weight
from maskconv.labelmap import check, decode, eight_bit, note_guessed
from maskconv.labelmap_check import BACKGROUND, BLACK, Color, Log, rgb, voc_color
from maskconv.labelmap_foreign import recognise
from maskconv.labelmap_lines import HEADER, HEADER_COMMENT, arrange, guess_color, is_label, text_lines, visible

__all__ = ["Change", "Fixed", "fix"]

_GUESSED = "labelmap-encoding-guessed"
_BREAKS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one line: its number in the old file (None: a new line, or the whole file), and both texts."""

    line: int | None
    old: str
    new: str


@dataclass(frozen=True)
class Fixed:
    """A mended label map: its text (None where nothing can be mended), what was changed, and what is left to decide."""

    text: str | None
    changes: list[Change] = field(default_factory=list)
    left: list[Finding] = field(default_factory=list)

    @property
    def bad(self) -> bool:
        """Whether something is left that CVAT would refuse or change."""
        return any(finding.weight in {Weight.ERROR, Weight.DATA} for finding in self.left)


@dataclass(frozen=True)
class _Label:
    """One label's line, field by field."""

    name: str
    color: str
    parts: str
    actions: str
    comment: str

    def lines(self, old: str) -> list[str]:
        """The line, as it was where it is right; a comment that would add fields goes on a line of its own above."""
        code, _, fields, _ = arrange(old)
        if not code and fields[:2] == [self.name, self.color] and ":" not in self.comment:
            return [old]
        line = f"{self.name}:{self.color}:{self.parts.strip()}:{self.actions.strip()}"
        if not self.comment:
            return [line]
        return [f"# {self.comment.strip()}", line] if ":" in self.comment else [f"{line} # {self.comment.strip()}"]


def fix(data: bytes, path: str = "") -> Fixed:
    """Mend the bytes of a labelmap.txt: encoding, byte order mark, ends of line, header, spaces and invisible characters in
    names, the number of fields, colours however they are written, blank colours by the VOC rule, a missing background.

    No label's index changes. Names that depend on a guessed encoding are ``left`` to decide. ``left`` are the Findings about the mended text that are more than a note.
    """
    whole: list[Finding] = []
    text = decode(data, Log(whole.append, path))
    if text is None or recognise(text):
        return Fixed(None, left=check(data, path))
    guessed = [finding for finding in whole if finding.code == _GUESSED]
    changes = [Change(None, f.message, "UTF-8 without byte order mark") for f in whole if f.code != _GUESSED]
    if "\r" in text:
        changes.append(Change(None, "lines end with CR LF or CR", "lines end with LF"))
    old = [line.strip() for line in text_lines(text.rstrip())]
    labels = _mended(old)
    new = [labels[k].lines(line) if k in labels else [_header(line)] for k, line in enumerate(old)]
    changes += [Change(k + 1, a, "\n".join(b)) for k, (a, b) in enumerate(zip(old, new, strict=True)) if b != [a]]
    lines = _framed([line for lines in new for line in lines], labels, changes)
    mended = "\n".join(lines) + "\n"
    left = [finding for finding in check(mended.encode(), path) if finding.weight is not Weight.INFO]
    if guessed:
        note_guessed(mended, eight_bit(data)[1], Log(left.append, path))
    return Fixed(mended, changes, left)


def _header(line: str) -> str:
    """A line that is no label: a header without its '#' gets it."""
    return line if not line or line.startswith("#") or is_label(line) or ":" not in line else HEADER


def _mended(old: list[str]) -> dict[int, _Label]:
    """The labels by line, as they are meant; without those of which that is not clear."""
    found: dict[int, _Label] = {}
    place: dict[int, int] = {}  # a label's index among all
    for k, line in enumerate(old):
        if not line or not is_label(line):
            continue
        code, count, fields, comment = arrange(line)
        place[k] = len(place)
        unclear = code == "name-colon" or fields[1] == "?" or (count > 4 and _BREAKS.search(line))
        unclear = unclear or _content(line) != _content("".join(fields) + comment)
        if fields[0].strip() and not unclear and (not fields[1] or guess_color(fields[1])):
            name, color, parts, actions = fields
            found[k] = _Label(name, color, parts, actions, comment)
    return _colored(_named(found), place, blank=all(_blank(line) for line in old if line and is_label(line)))


def _content(text: str) -> str:
    """A line without what separates."""
    return re.sub(r"[\s:,#\uff1a]", "", text)


def _blank(line: str) -> bool:
    return not arrange(line)[2][1]


def _named(labels: dict[int, _Label]) -> dict[int, _Label]:
    """Names without spaces around them and invisible characters, unless another line has that name."""
    taken = {label.name for label in labels.values()}
    named = {}
    for k, label in labels.items():
        name = visible(label.name)
        free = bool(name) and (name == label.name or name not in taken)
        taken.add(name if free else label.name)
        named[k] = replace(label, name=name) if free else label
    return named


def _colored(labels: dict[int, _Label], place: dict[int, int], *, blank: bool) -> dict[int, _Label]:
    """Colours as three integers; blank ones by the VOC rule, as CVAT has it where all are, as far as no label has that."""
    taken = {guess_color(label.color) for label in labels.values() if label.color}
    colored = {}
    for k, label in labels.items():
        color: Color | None = guess_color(label.color) if label.color else voc_color(place[k])
        if not label.color and not blank and (color in taken or (color == BLACK and label.name != BACKGROUND)):
            color = None
        taken.add(color)
        colored[k] = label if color is None else replace(label, color=rgb(color))
    return colored


def _framed(lines: list[str], labels: dict[int, _Label], changes: list[Change]) -> list[str]:
    """With a header above, and black for the background below, where it changes no index."""
    colors = {guess_color(label.color) for label in labels.values()}
    if BLACK not in colors and BACKGROUND not in {label.name for label in labels.values()}:
        line = f"{BACKGROUND}:{rgb(BLACK)}::"
        changes.append(Change(None, "no label has the colour 0,0,0", f"{line} as the last line: no index changes"))
        lines = [*lines, line]
    if not any(HEADER_COMMENT.search(line) for line in lines):
        changes.append(Change(None, "there is no header", HEADER))
        lines = [HEADER, *lines]
    return lines
