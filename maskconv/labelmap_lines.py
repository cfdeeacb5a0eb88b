"""The lines of a labelmap.txt: each is read for what it means, and what CVAT would make of it is noted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from maskconv.labelmap_check import (
    Color,
    Entry,
    Log,
    check_colors,
    check_names,
    check_parts,
    rgb,
    show,
    voc_color,
)
from maskconv.model import Label, LabelMap
from maskconv.wording import plain

__all__ = [
    "HEADER",
    "HEADER_COMMENT",
    "MAX_LINE",
    "WIDE_COLON",
    "Lines",
    "arrange",
    "guess_color",
    "is_label",
    "text_lines",
    "visible",
]

HEADER = "# label:color_rgb:parts:actions"
MAX_LINE = 4096
MAX_NAME = 64  # what CVAT's own labels hold

WIDE_COLON = "\uff1a"
HEADER_COMMENT = re.compile(r"(?im)^\s*#\s*label\s*:\s*colou?r")
_BARE_HEADER = re.compile(r"(?i)labels?\s*:\s*colou?r[\w ()]*:.*parts\s*:\s*actions")
_COMMENT = re.compile(r"(?i)\s(#)(?!(?:[0-9a-f]{3}){1,2}\s*(?::|$))")  # but not a colour such as #ff0000
_FOURTH = re.compile(r"[^:]*:[^:]*:[^:]*:\s*(#)")
_BREAK = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_PLAIN = re.compile(r"([A-Za-z0-9_](?:[\w .-]{0,62}[\w.-])?):(\d{1,3}),(\d{1,3}),(\d{1,3})::", re.ASCII)  # most lines
_INDEX = re.compile(r"(?i)\bindex\s*(?:[:=]\s*)?(\d{1,9})\b")
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\ufeff]")
_HEX = re.compile(r"(?i)(?:#|0x)([0-9a-f]{3}|[0-9a-f]{6})")
_NUMBERS = re.compile(
    r"[\[({\"'\s]*(?:rgb\s*\()?([\d.]+)[\s,;/]+([\d.]+)[\s,;/]+([\d.]+)(?:[\s,;/]+[\d.]+)?[\])}\"'\s]*"
)


def _triple(text: str) -> Color | None:
    """Three integers between commas, of any size, as CVAT reads them."""
    values = text.split(",")
    if len(values) != 3:
        return None
    try:
        return int(values[0]), int(values[1]), int(values[2])
    except ValueError:
        return None


def guess_color(text: str) -> Color | None:
    """The colour that is meant, however it is written; None where that is not clear."""
    if color := _triple(text):
        return color
    if found := _HEX.fullmatch(text.strip()):
        digits = found[1] if len(found[1]) == 6 else "".join(c * 2 for c in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    found = _NUMBERS.fullmatch(text)
    return _whole(found.groups()) if found else None


def _whole(texts: Sequence[str]) -> Color | None:
    try:
        values = [float(text) for text in texts]
    except ValueError:
        return None
    if any("." in text for text in texts) and max(values) <= 1:
        if all(value.is_integer() for value in values):
            return None  # 1.0 may be 1 or 255
        values = [round(value * 255) for value in values]
    if not all(float(value).is_integer() and value <= 255 for value in values):
        return None
    return int(values[0]), int(values[1]), int(values[2])


class Lines:
    """Reads a label map line by line, noting what is wrong with each."""

    def __init__(self, log: Log, lines: Sequence[str]) -> None:
        self.log = log
        self._lines = lines
        self.entries: list[Entry] = []
        self.usable = True
        self.comments: list[int] = []  # lines with a comment behind the label
        self.indexed = False  # comments name indices: the map is for grayscale masks
        self.shift = (0, 0)  # the last disagreement between comment and place, and its line

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of all lines, as CVAT reads them."""
        return frozenset(line.strip().partition(":")[0] for line in self._lines)

    def read(self, number: int, line: str) -> None:
        found = _PLAIN.fullmatch(line)
        if found and max(color := (int(found[2]), int(found[3]), int(found[4]))) <= 255:  # nothing can be wrong with it
            self.entries.append(Entry(number, found[1], found[1], line[found.end(1) + 1 : -2], color))
            return
        if len(line) > MAX_LINE:
            self.log("line-length", f"the line has {len(line):,} characters, more than {MAX_LINE:,}", number)
            self.usable = False
            return
        line = line.strip()
        if line.startswith("#"):
            self._commented(number, line[1:].strip())
        elif _BARE_HEADER.fullmatch(line):
            message = f"the header {show(line)} lacks its '#'; CVAT reads it as a label (\"wrong color\")"
            self.log("header", message, number, fix=f"write {HEADER}")
        elif line:
            self._label(number, line)

    def _commented(self, number: int, line: str) -> None:
        fields = line.split(":")
        if len(fields) == 4 and _triple(fields[1]):
            message = f"{show(line)} looks like a label behind '#'; CVAT skips it as a comment"
            self.log("commented-label", message, number, fix="remove the '#' if the label is wanted")

    def _label(self, number: int, line: str) -> None:
        code, count, fixed, comment = arrange(line)
        if fixed[0].strip(". …") == "" and count == 1:
            self._ellipsis(number, line)
            return
        if code:
            self._malformed(code, number, line, count, fixed)
        entry = Entry(number, fixed[0], fixed[0].strip(), fixed[1], None)
        entry.parts, entry.actions = _words(fixed[2]), _words(fixed[3])
        self.entries.append(entry)
        self._name(entry, fixed)
        self._color(entry, line, fixed, silent=code == "color-syntax" or (code == "fields" and fixed[1] == "?"))
        if comment:
            self._comment(entry, line, comment, fixed)

    def _ellipsis(self, number: int, line: str) -> None:
        message = f'{show(line)} is an ellipsis, not a label; CVAT refuses the file ("wrong number of fields")'
        at = len(self.entries)
        fix = f"write a line for every index it stands for, such as {_filler(at)}, or remove it"
        self.log("fields", message, number, fix=fix)
        self.usable = False

    def _malformed(self, code: str, number: int, line: str, count: int, fixed: list[str]) -> None:
        if code == "name-colon":
            what = f"has a ':' in the name {show(fixed[0])}, which no label of this format can have"
        elif code == "fields":
            what = f"has {count} field{'s' * (count > 1)} where CVAT reads four between colons"
            what += "" if line.count(":") == 3 else ' ("wrong number of fields")'
        else:
            what = 'has a colour between colons where CVAT reads three integers r,g,b ("wrong color")'
        fix = _corrected([fixed[0].strip().replace(":", "_"), *fixed[1:]])
        if count > 4 and (found := _BREAK.search(line)):
            fix = f"break the line at {show(found[0])}, which ends no line for CVAT"
            self.usable = False
        self.log(code, f"{show(line)} {what}", number, fix=fix)

    def _name(self, entry: Entry, fields: list[str]) -> None:
        name, line = entry.name, entry.line
        if not name:
            self.log("name-empty", "the label has no name; CVAT's import fails (AssertionError)", line)
            self.usable = False
            return
        if name != entry.raw:
            message = f"the name {show(entry.raw)} ends in a space; CVAT takes it as a label other than {show(name)}"
            self.log("name-space", message, line, fix=self._renamed(name, fields))
        if _HIDDEN.search(name):
            message = f"the name {show(name)} holds control or invisible characters; CVAT takes them as part of it"
            self.log("control-character", message, line, fix=self._renamed(_HIDDEN.sub("", name), fields))
        if len(name) > MAX_NAME:
            message = f"the name {show(name)} has {len(name)} characters; CVAT's own labels hold {MAX_NAME}"
            self.log("name-long", f"{message}, so that it matches none", line, fix="shorten it")

    def _renamed(self, name: str, fields: list[str]) -> str:
        if not name:
            return "give it a name"
        if name in self.names:
            return f"give it another name or remove the line: {show(name)} is there too"
        return _corrected([name, *fields[1:]])

    def _color(self, entry: Entry, line: str, fields: list[str], *, silent: bool) -> None:
        text = fields[1]
        color = _triple(text)
        if color is None:
            entry.color = guess_color(text)
            if text and not silent:
                what = f'has the colour {show(text)} where CVAT reads three integers r,g,b ("wrong color")'
                meant = rgb(entry.color) if entry.color else ""
                self.log(
                    "color-syntax", f"{show(line)} {what}", entry.line, fix=_corrected([fields[0], meant, *fields[2:]])
                )
        elif min(color) < 0 or max(color) > 255:
            message = f"{show(entry.name)} has the colour {rgb(color)}; CVAT accepts it, but no pixel ever matches"
            self.log("color-range", message, entry.line, fix="write the colour it has in the masks, values of 0..255")
        else:
            entry.color = color

    def _comment(self, entry: Entry, line: str, comment: str, fields: list[str]) -> None:
        if ":" in comment:
            does = "takes it as fields" if line.count(":") == 3 else 'refuses the file ("wrong number of fields")'
            message = f"the comment {show('#' + comment)} has a ':'; CVAT {does}"
            fix = f"{_corrected(fields)} and put the comment on a line of its own"
            self.log("comment-colon", message, entry.line, fix=fix)
        else:
            self.comments.append(entry.line)
        if found := _INDEX.search(comment):
            self.indexed = True
            self._index(entry, int(found[1]))

    def _index(self, entry: Entry, said: int) -> None:
        index = len(self.entries) - 1
        shift = said - index
        if shift:
            message = (
                f"the comment says index {said}, but {show(entry.name)} is label {index}: CVAT counts lines from 0"
            )
            if shift == self.shift[0]:
                fix = f"see line {self.shift[1]}: the same {abs(shift)} off"
            elif shift > 0:
                fix = f"write {index} in the comment, or insert {shift} filler line{'s' * (shift > 1)} such as {_filler(index)}"
            else:
                fix = f"write {index} in the comment, and in the masks if they have {said}"
            self.log("index-comment", message, entry.line, fix=fix)
        if shift != self.shift[0]:
            self.shift = shift, entry.line

    def finish(self) -> LabelMap | None:
        """The checks of the whole map, and the map."""
        if not self.entries:
            return None
        if self.comments:
            message = "a comment follows the label; CVAT keeps it as an action of the label"
            self.log("inline-comment", message, self.comments[0], amount=len(self.comments), unit="lines")
        self.usable &= check_names(self.entries, self.log)
        check_parts(self.entries, self.log)
        check_colors(self.entries, self.log, black_needed=self.usable and not self.indexed)
        return LabelMap(labels=tuple(_labels(self.entries))) if self.usable else None


def is_label(line: str) -> bool:
    """Whether a stripped line is read as a label: no comment, header or ellipsis, not blank, not too long."""
    ellipsis = ":" not in line and line.strip(". …") == ""
    return not (ellipsis or line.startswith("#") or len(line) > MAX_LINE or _BARE_HEADER.fullmatch(line))


def visible(name: str) -> str:
    """A name without surrounding spaces and invisible characters."""
    return _HIDDEN.sub("", name).strip()


def arrange(line: str) -> tuple[str, int, list[str], str]:
    """A label's line: what is wrong with it (a code, or nothing), the number of its fields, the four fields that are meant
    (a colour that is missing is "?"), and the comment behind them."""
    wide = line.count(":") < 3 and WIDE_COLON in line
    fields, comment = _split(line.replace(WIDE_COLON, ":") if wide else line)
    code, fixed = _arrange(fields)
    return "fields" if wide else code, len(line.split(":")) if wide else len(fields), fixed, comment


def _split(line: str) -> tuple[list[str], str]:
    """The fields, and the comment behind them."""
    if "#" not in line:
        return line.split(":"), ""
    start = line.find(":") + 1
    found = [m for m in (_FOURTH.match(line), _COMMENT.search(line, start) if start else None) if m]
    if not found:
        return line.split(":"), ""
    place = min(m.start(1) for m in found)
    return line[:place].rstrip().split(":"), line[place + 1 :]


def _arrange(fields: list[str]) -> tuple[str, list[str]]:
    """What is wrong with the fields, and four fields as they are meant."""
    if len(fields) == 4 and (not fields[1] or _triple(fields[1])):
        return "", fields
    place = next((i for i, text in enumerate(fields[1:], 1) if _triple(text)), 0)
    if place > 1:
        return "name-colon", _four([":".join(fields[:place]), *fields[place:]])
    if len(fields) >= 4 and all(text.strip().isdecimal() for text in fields[1:4]):
        return "color-syntax" if len(fields) == 4 else "fields", _four([fields[0], ",".join(fields[1:4]), *fields[4:]])
    if len(fields) != 4:
        return "fields", _four([*fields, "?"] if len(fields) == 1 else fields)
    return "", fields


def _filler(index: int) -> str:
    color = (index, index, index) if index < 256 else voc_color(index)
    return f"_dummy{index}:{rgb(color)}::"


def _four(fields: list[str]) -> list[str]:
    return [*fields, "", "", ""][:4]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",")) if text else ()


def _corrected(fields: list[str]) -> str:
    """The line as it should be; where the colour is unknown, what to put there."""
    color = guess_color(fields[1])
    line = ":".join([fields[0].strip(), rgb(color) if color else "r,g,b", fields[2].strip(), fields[3].strip()])
    known = color is not None or not fields[1]
    hint = "" if known and color else " with the colour it has in the masks"
    return f"write {plain(line)}{hint}" if len(line) <= 200 else "write it as name:r,g,b:parts:actions"


def _labels(entries: list[Entry]) -> Iterator[Label]:
    taken = {entry.raw for entry in entries}
    for entry in entries:
        name = entry.raw if entry.name != entry.raw and entry.name in taken else entry.name
        taken.add(name)
        parts = tuple(filter(None, entry.parts)) if entry.parts else ()
        actions = tuple(filter(None, entry.actions)) if entry.actions else ()
        yield Label.unchecked(name=name, color=entry.color, id=None, parts=parts, actions=actions)


def text_lines(text: str) -> list[str]:
    """As Python's text files do, and so CVAT: other separators than CR and LF end no line."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
