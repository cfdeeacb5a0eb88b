"""What a file named labelmap.txt really is, where another tool made it."""

from __future__ import annotations

import json
import re
from itertools import islice

from maskconv.labelmap_check import Log
from maskconv.labelmap_lines import HEADER_COMMENT, MAX_LINE, WIDE_COLON, guess_color, text_lines
from maskconv.wording import plain

__all__ = ["NAMES", "foreign", "likely", "recognise"]

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
_LABEL_MAPS = (_WHOLE[0], _EACH[1])
_JSON = ("JSON", "", r"\"(?:name|label)\"\s*:\s*\"([^\"\n]+)")
_CSV = ("CSV", "", "")
NAMES = "a list of names, one per line"
_NAMES = (NAMES, "", r"(.+)")
_EMPTY = ("empty", "", "")


def recognise(text: str) -> str | None:
    """What a text is that is no label map of CVAT: a few words, "empty", or None where it is (or may be) one."""
    found = _kind(text)
    return found[0] if found else None


def likely(text: str) -> bool:
    """Whether the beginning of a text, whatever its name, shows a label map: CVAT's, or one of a tool that has no other
    files like it."""
    lines = _significant(text, 300)
    if HEADER_COMMENT.search(text[:1000]) or sum(map(_labels, lines)) * 2 > len(lines):
        return True
    return bool(lines) and _kind(text) in _LABEL_MAPS


def _labels(line: str) -> bool:
    """Whether a line is a label's: with a colour that is written as one, or blank between the right colons."""
    fields = line.replace(WIDE_COLON, ":").split(":")
    if len(fields) == 4 and not fields[1].strip():
        return bool(fields[0].strip())
    return len(fields) > 1 and guess_color(fields[1]) is not None


def _kind(text: str) -> _Kind | None:
    lines = _significant(text, 300)
    if not lines:
        return _EMPTY
    if lines[0][0] in "{[" and _is_json(text):
        return _JSON
    lines = [line for line in lines if len(line) <= MAX_LINE]
    if not lines or HEADER_COMMENT.search(text[:1000]) or sum(map(_resembles, lines)) * 2 >= len(lines):
        return None
    head = "\n".join(lines)
    whole = (kind for kind in _WHOLE if re.search(kind[1], head))
    each = (kind for kind in _EACH if all(re.fullmatch(kind[1], line) for line in lines))
    return next(whole, None) or next(each, None) or _plain_list(lines)


def _significant(text: str, most: int) -> list[str]:
    """The first lines that are neither blank nor comments, stripped."""
    stripped = (line.strip() for line in text_lines(text))
    return list(islice((line for line in stripped if line and line[0] != "#"), most))


def _resembles(line: str) -> bool:
    fields = line.replace(WIDE_COLON, ":").split(":")
    return len(fields) > 3 or (len(fields) > 1 and guess_color(fields[1]) is not None)


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


def foreign(text: str, log: Log) -> bool:
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
