"""labelmap.txt of CVAT's "Segmentation mask 1.1": parse, check, write. Bytes or text in, values out.

A line is ``name:r,g,b:parts:actions``; a line starting with ``#`` is a comment; a label's place among the lines is its
index. `parse` reads what is meant and notes everything that CVAT would refuse, change or misread.
"""

from __future__ import annotations

import re

from maskconv.errors import DataError
from maskconv.finding import Finding, Note
from maskconv.labelmap_check import Log, rgb, show, voc_color
from maskconv.labelmap_codes import CODES, Rule
from maskconv.labelmap_foreign import foreign, recognise
from maskconv.labelmap_lines import HEADER, Lines, text_lines
from maskconv.model import Label, LabelMap

__all__ = ["CODES", "Rule", "check", "decode", "parse", "recognise", "voc_color", "voc_labels", "write"]

MAX_BYTES = 4 << 20
MAX_LINES = 20_000


def parse(data: bytes, note: Note, *, path: str = "", member: str = "") -> LabelMap | None:
    """The labels in the order of their lines; None where no usable map can be made (an error was noted then)."""
    log = Log(note, path, member)
    text = decode(data, log)
    if text is None or foreign(text, log):
        return None
    if "\r" in text:
        log("line-ends", "lines end with CR LF or CR; CVAT reads them like LF", fix="nothing to do")
    lines = text_lines(text)
    if len(lines) > MAX_LINES:
        log("too-large", f"the file has {len(lines):,} lines, more than {MAX_LINES:,}; they are not read")
        return None
    reader = Lines(log, lines)
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

    Raises DataError with all names, parts and actions that cannot be held.
    """
    _refuse(labels)
    lines = [HEADER]
    for label in labels.labels:
        color = rgb(label.color) if label.color else ""
        lines.append(f"{label.name}:{color}:{','.join(label.parts)}:{','.join(label.actions)}")
    return "\n".join(lines) + "\n"


MOST_TOLD = 20


def _refuse(labels: LabelMap) -> None:
    names = {label.name: why for label in labels.labels if (why := _fault(label.name))}
    words = {
        word: why
        for label in labels.labels
        for word in label.parts + label.actions
        if (why := _fault(word) or next((f"has {show(c)}" for c in ",#" if c in word), ""))
    }
    kinds = ((names, "label", "labels"), (words, "part or action", "parts or actions"))
    if told := " and ".join(_told(found, *nouns) for found, *nouns in kinds if found):
        them = "it" if len(names) + len(words) == 1 else "them"
        fix = f"rename {them}, labels of a data set with --labels FILE: a line old,new for each"
        text = f"labelmap.txt cannot hold {told}"
        raise DataError(text, fix=fix, code="labelmap-unwritable", labels=tuple(names))


def _told(found: dict[str, str], one: str, several: str) -> str:
    shown = [f"{show(word)} ({why})" for word, why in list(found.items())[:MOST_TOLD]]
    more = f", and {len(found) - MOST_TOLD:,} more" if len(found) > MOST_TOLD else ""
    return f"the {one if len(found) == 1 else several} {', '.join(shown)}{more}"


def _fault(word: str) -> str:
    """Why a field of a line cannot be this text."""
    if not word:
        return "is empty"
    if any("\ud800" <= c <= "\udfff" for c in word):
        return "is no UTF-8"
    if ":" in word:
        return "has a ':'"
    if "\r" in word or "\n" in word:
        return "has a line break"
    if word.startswith("#"):
        return "begins with '#'"
    return "has a space at an end" if word != word.strip() else ""


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


def decode(data: bytes, log: Log) -> str | None:
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
    text, name = eight_bit(data)
    message = f"byte 0x{data[start]:02x} is not UTF-8, so that CVAT fails with UnicodeDecodeError; it is read as {name}"
    log("encoding", message, line, fix="save the file as UTF-8")
    note_guessed(text, name, log)
    return text


def eight_bit(data: bytes) -> tuple[str, str]:
    """The text of bytes that are no UTF-8, and the encoding that is guessed for them."""
    try:
        return data.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "Latin-1"


def note_guessed(text: str, encoding: str, log: Log) -> None:
    """Note the names that depend on a guessed encoding."""
    for number, line in enumerate(text_lines(text), 1):
        name = line.partition(":")[0].strip()
        if not name.isascii() and not name.startswith("#"):
            message = f"the name {show(name)} is what its bytes are in {encoding}, which is a guess"
            fix = "if it is not right, convert the file from the encoding that it has: iconv -f CP1251 -t UTF-8"
            log("encoding-guessed", message, number, fix=fix)
