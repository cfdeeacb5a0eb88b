"""labelmap.txt of CVAT's "Segmentation mask 1.1": parse, check, write. Bytes or text in, values out.

A line is ``name:r,g,b:parts:actions``; a line starting with ``#`` is a comment; a label's place among the lines is its
index. `parse` reads what is meant and notes everything that CVAT would refuse, change or misread.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice

from maskconv.errors import DataError
from maskconv.finding import Finding, Note
from maskconv.labelmap_check import (
    CODES,
    Color,
    Entry,
    Log,
    Rule,
    check_colors,
    check_names,
    check_parts,
    plain,
    rgb,
    show,
    voc_color,
)
from maskconv.model import Label, LabelMap

__all__ = ["CODES", "Rule", "check", "parse", "recognise", "voc_color", "voc_labels", "write"]

HEADER = "# label:color_rgb:parts:actions"
MAX_BYTES = 4 << 20
MAX_LINES = 20_000
MAX_LINE = 4096
MAX_NAME = 64  # what CVAT's own labels hold


def parse(data: bytes, note: Note, *, path: str = "", member: str = "") -> LabelMap | None:
    """The labels in the order of their lines; None where no usable map can be made (an error was noted then)."""
    log = Log(note, path, member)
    text = _decode(data, log)
    if text is None or _foreign(text, log):
        return None
    if "\r" in text:
        log("line-ends", "lines end with CR LF or CR; CVAT reads them like LF", fix="nothing to do")
    lines = _lines(text)
    if len(lines) > MAX_LINES:
        log("too-large", f"the file has {len(lines):,} lines, more than {MAX_LINES:,}; they are not read")
        return None
    reader = _Lines(log, {line.strip().partition(":")[0] for line in lines})
    for number, line in enumerate(lines, 1):
        reader.read(number, line)
    return reader.finish()


def check(data: bytes, path: str = "") -> list[Finding]:
    """Every Finding about a labelmap.txt, in the order of its lines, then those about the whole map."""
    found: list[Finding] = []
    parse(data, found.append, path=path)
    return found


def write(labels: LabelMap) -> str:
    """The text of labelmap.txt as CVAT writes it, ends of line LF. It adds no background.

    Raises DataError where a name, part or action cannot be held.
    """
    lines = [HEADER]
    for label in labels.labels:
        _holds("label", label.name, ":\r\n", label.name.startswith("#"))
        for word in label.parts + label.actions:
            _holds("part or action", word, ":\r\n,", "#" in word)
        color = rgb(label.color) if label.color else ""
        lines.append(f"{label.name}:{color}:{','.join(label.parts)}:{','.join(label.actions)}")
    return "\n".join(lines) + "\n"


def _holds(what: str, word: str, forbidden: str, bad: bool) -> None:
    surrogate = any("\ud800" <= c <= "\udfff" for c in word)
    if bad or surrogate or not word or word != word.strip() or any(c in word for c in forbidden):
        message = f"labelmap.txt cannot hold the {what} {show(word)}"
        fix = "rename it: no ':', line break, '#' at the start, or space at an end"
        raise DataError(message, fix=fix, code="labelmap-unwritable")


_VOC = (
    "background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
    "pottedplant sheep sofa train tvmonitor"
)
_ACTIONS = (
    "other jumping phoning playinginstrument reading ridingbike ridinghorse running takingphoto usingcomputer walking"
)


def voc_labels() -> LabelMap:
    """What CVAT assumes without a labelmap.txt: VOC's 21 labels, then ``ignored`` (224,224,192) as number 21."""
    labels = [Label(name=name, color=voc_color(index)) for index, name in enumerate(_VOC.split())]
    person = {"parts": ("head", "hand", "foot"), "actions": tuple(_ACTIONS.split())}
    labels[15] = labels[15].model_copy(update=person)
    return LabelMap(labels=(*labels, Label(name="ignored", color=voc_color(255))))


_MAGIC = {
    b"\x89PNG": "a PNG picture",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"\xff\xd8\xff": "a JPEG picture",
    b"%PDF": "a PDF document",
}
_WIDE = (
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def _decode(data: bytes, log: Log) -> str | None:
    """The text, whatever its encoding; None where it is too large or no text at all."""
    if len(data) > MAX_BYTES:
        log("too-large", f"the file has {len(data):,} bytes, more than {MAX_BYTES:,}; it is not read")
        return None
    kind = next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), "")
    text = "" if kind else _text(data, log)
    if not kind and len(_CONTROL.findall(text[:4096])) * 10 > len(text[:4096]):
        kind = "binary data"
    if kind:
        log("binary", f"the file is {kind}, not text; CVAT refuses it")
        return None
    return text


def _text(data: bytes, log: Log) -> str:
    wide = next((name for bom, name in _WIDE if data.startswith(bom)), _guess_wide(data))
    if wide:
        message = f"the file is {wide[:6].upper()}; CVAT reads UTF-8 only and fails with UnicodeDecodeError"
        log("encoding", message, fix="save it as UTF-8 without BOM")
        return data.decode(wide, "replace").removeprefix("\ufeff")
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        message = "the file starts with a byte order mark (BOM), which CVAT takes as part of the first line"
        log("bom", f"{message}: a label '\\ufeff...', or the import fails", 1, fix="save it as UTF-8 without BOM")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        return _eight_bit(data, error.start, log)


def _guess_wide(data: bytes) -> str:
    """UTF-16 without BOM: every other byte of Latin text is zero."""
    even, odd = data[:4096:2].count(0), data[1:4096:2].count(0)
    if max(even, odd) * 4 > min(len(data), 4096) and min(even, odd) * 8 < max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    return ""


def _eight_bit(data: bytes, start: int, log: Log) -> str:
    line = len(re.findall(rb"\r\n|\r|\n", data[:start])) + 1
    message = (
        f"byte 0x{data[start]:02x} is not UTF-8, so that CVAT fails with UnicodeDecodeError; it is read as Latin-1"
    )
    log("encoding", message, line, fix="save the file as UTF-8")
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _lines(text: str) -> list[str]:
    """As Python's text files do, and so CVAT: other separators than CR and LF end no line."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


_Kind = tuple[str, str, str]
_WHOLE: tuple[_Kind, ...] = (  # what it is, how its text looks, where its first name is
    ("a TensorFlow label map (pbtxt)", r"\bitem\s*\{[^{}]*\bname\s*:", r"\bname\s*:\s*['\"]([^'\"\n]+)"),
    (
        "YAML such as YOLO's data.yaml",
        r"(?m)^(?:nc|names)[ \t]*:",
        r"names[ \t]*:\s*(?:\[|-|0:)\s*['\"]?([^'\",\]\n]+)",
    ),
    ("XML", r"\A<[?!\w]", r"<name>([^<\n]+)"),
)
_EACH: tuple[_Kind, ...] = (  # the same, how each line looks
    ("a YAML list", r"- .+", r"- (.+)"),
    ("CamVid's label_colors.txt (r g b name)", r"\d+[ \t]+\d+[ \t]+\d+[ \t]+\S.*", r"\d+\s+\d+\s+\d+\s+(.+)"),
    ("a list of 'id name'", r"\d+[ \t]+\S.*", r"\d+\s+(.+)"),
    ("a list of 'id: name'", r"\d+[ \t]*:[ \t]*\S.*", r"\d+\s*:\s*(.+)"),
    ("a list of 'name: id'", r"[^:]+:[ \t]*\d+", r"([^:\n]+)"),
)
_JSON = ("JSON", "", r"\"(?:name|label)\"\s*:\s*\"([^\"\n]+)")
_CSV = ("CSV", "", "")
_NAMES = ("a list of names, one per line", "", r"(.+)")
_EMPTY = ("empty", "", "")


def recognise(text: str) -> str | None:
    """What a text is that is no label map of CVAT: a few words, "empty", or None where it is (or may be) one."""
    found = _kind(text)
    return found[0] if found else None


def _kind(text: str) -> _Kind | None:
    lines = _significant(text, 300)
    if not lines:
        return _EMPTY
    if lines[0][0] in "{[" and _is_json(text):
        return _JSON
    lines = [line for line in lines if len(line) <= MAX_LINE]
    if not lines or _HEADER.search(text[:1000]) or sum(map(_resembles, lines)) * 2 >= len(lines):
        return None
    head = "\n".join(lines)
    whole = (kind for kind in _WHOLE if re.search(kind[1], head))
    each = (kind for kind in _EACH if all(re.fullmatch(kind[1], line) for line in lines))
    return next(whole, None) or next(each, None) or _plain_list(lines)


def _significant(text: str, most: int) -> list[str]:
    """The first lines that are neither blank nor comments, stripped."""
    stripped = (line.strip() for line in _lines(text))
    return list(islice((line for line in stripped if line and line[0] != "#"), most))


def _resembles(line: str) -> bool:
    fields = line.replace(_WIDE_COLON, ":").split(":")
    return len(fields) > 3 or (len(fields) > 1 and _guess_color(fields[1]) is not None)


def _is_json(text: str) -> bool:
    """All of it, or the first line of several."""
    for part in (text, text.lstrip().partition("\n")[0]):
        try:
            return isinstance(json.loads(part), dict | list)
        except (ValueError, RecursionError):
            continue
    return False


def _plain_list(lines: list[str]) -> _Kind | None:
    if sum(":" in line for line in lines) * 10 > len(lines):
        return None
    for mark in ",;\t":
        counts = {line.count(mark) for line in lines}
        if len(counts) == 1 and 0 not in counts and not any(", " in line for line in lines):
            return _CSV
    return _NAMES


def _foreign(text: str, log: Log) -> bool:
    """Whether the file is not a CVAT label map at all; says so once instead of complaining line by line."""
    kind = _kind(text)
    if kind is None:
        return False
    if kind is _EMPTY:
        message = 'the file holds no label, so that to CVAT every pixel of a mask is an "Undeclared color"'
        log(
            "empty",
            message,
            fix="write one line per class as name:r,g,b::, background:0,0,0:: first, or remove the file",
        )
        return True
    example = _first_name(kind[2], text)
    message = f"this is not CVAT's label map but looks like {kind[0]}; CVAT refuses it"
    fix = f"write one line per class as name:r,g,b::, such as background:0,0,0:: and {example}:128,0,0::"
    log("other-format", message, fix=fix)
    return True


def _first_name(pattern: str, text: str) -> str:
    found = re.search(pattern, "\n".join(_significant(text, 300))) if pattern else None
    name = re.sub(r"[:\s'\"]+", " ", found[1])[:40].strip() if found else ""
    return plain(name) if name and name.casefold() != "background" else "car"


_WIDE_COLON = "\uff1a"
_HEADER = re.compile(r"(?im)^\s*#\s*label\s*:\s*colou?r")
_BARE_HEADER = re.compile(r"(?i)labels?\s*:\s*colou?r[\w ()]*:.*parts\s*:\s*actions")
_COMMENT = re.compile(r"(?i)\s(#)(?!(?:[0-9a-f]{3}){1,2}\s*(?::|$))")  # but not a colour such as #ff0000
_FOURTH = re.compile(r"[^:]*:[^:]*:[^:]*:\s*(#)")
_BREAK = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
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


def _guess_color(text: str) -> Color | None:
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


class _Lines:
    """Reads a label map line by line, noting what is wrong with each."""

    def __init__(self, log: Log, names: set[str]) -> None:
        self.log = log
        self.names = names  # of all lines, as CVAT reads them
        self.entries: list[Entry] = []
        self.usable = True
        self.comments: list[int] = []  # lines with a comment behind the label
        self.indexed = False  # comments name indices: the map is for grayscale masks
        self.shift = (0, 0)  # the last disagreement between comment and place, and its line

    def read(self, number: int, line: str) -> None:
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
        wide = line.count(":") < 3 and _WIDE_COLON in line
        fields, comment = _split(line.replace(_WIDE_COLON, ":") if wide else line)
        code, fixed = _arrange(fields)
        code = "fields" if wide else code
        if fixed[0].strip(". …") == "" and len(fields) == 1:
            self._ellipsis(number, line)
            return
        if code:
            self._malformed(code, number, line, len(line.split(":")) if wide else len(fields), fixed)
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
            entry.color = _guess_color(text)
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
    color = _guess_color(fields[1])
    line = ":".join([fields[0].strip(), rgb(color) if color else "r,g,b", fields[2].strip(), fields[3].strip()])
    known = color is not None or not fields[1]
    hint = "" if known and color else " with the colour it has in the masks"
    return f"write {plain(line)}{hint}" if len(line) <= 200 else "write it as name:r,g,b:parts:actions"


def _labels(entries: list[Entry]) -> Iterator[Label]:
    taken = {entry.raw for entry in entries}
    for entry in entries:
        name = entry.raw if entry.name != entry.raw and entry.name in taken else entry.name
        taken.add(name)
        parts, actions = tuple(filter(None, entry.parts)), tuple(filter(None, entry.actions))
        yield Label.unchecked(name=name, color=entry.color, id=None, parts=parts, actions=actions)
