"""What classes are called where no data.yaml of the set says it, or another one is to count."""

from __future__ import annotations

import re
from pathlib import Path

from maskconv import labelmap
from maskconv.errors import SourceError
from maskconv.finding import Note, Where
from maskconv.model import Label
from maskconv.yolo import datayaml

__all__ = ["MAX_NAMES", "given", "lines"]

MAX_NAMES = 1 << 20  # bytes
_COLORS = re.compile(rb"(?m)^[^#:\r\n][^:\r\n]*:(?:\d{1,3},\d{1,3},\d{1,3})?:[^:\r\n]*:")
BACKGROUND = "background"


def given(text: str, note: Note) -> dict[int, Label]:
    """The classes that ``--from-names`` says: a data.yaml, a labelmap.txt, a file with a name a line, or ``car,person``.

    A label map's background is no class. Raises SourceError.
    """
    path = Path(text)
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if there:
        return _of_file(path, note)
    where = Where(path=text)
    if "," not in text and (path.suffix or "/" in text or "\\" in text):
        fix = "check --from-names: a data.yaml, a labelmap.txt, a file with a name a line, or car,person"
        raise SourceError("there is no such file", where=where, code="yolo-names", fix=fix)
    return _numbered([name.strip() for name in text.split(",")], Where(path="--from-names"))


def _of_file(path: Path, note: Note) -> dict[int, Label]:
    where = Where(path=str(path))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_NAMES + 1)
    except OSError as error:
        text = f"cannot be read ({error.strerror or error})"
        raise SourceError(text, where=where, code="yolo-names", fix="check --from-names") from error
    if path.suffix.lower() in (".yaml", ".yml"):
        names = datayaml.names(data, where, note)
        if not names:
            raise SourceError("has no names", where=where, code="yolo-names", fix="name another file")
        return {number: Label(name=name) for number, name in names.items()}
    if _COLORS.search(data):
        labels = labelmap.parse(data, note, path=str(path))
        if labels is None:
            raise SourceError("is no usable label map", where=where, code="yolo-names", fix="correct it")
        classes = [label for label in labels.labels if label.name != BACKGROUND]
        return dict(enumerate(classes))
    return lines(data, where)


def lines(data: bytes, where: Where) -> dict[int, Label]:
    """The classes of a file with a name a line, such as classes.txt. Raises SourceError."""
    if len(data) > MAX_NAMES:
        text = f"has more than {MAX_NAMES:,} bytes"
        raise SourceError(text, where=where, code="yolo-names", fix="name another file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError("is not UTF-8", where=where, code="yolo-names", fix="save it as UTF-8") from error
    return _numbered([line.strip() for line in text.rstrip().splitlines()], where)


def _numbered(names: list[str], where: Where) -> dict[int, Label]:
    first: dict[str, int] = {}
    for number, name in enumerate(names):
        if not name:
            text = f"class {number} has no name"
            raise SourceError(text, where=where.at(line=number + 1), code="yolo-names", fix="write one")
        if first.setdefault(name, number) != number:
            text = f"classes {first[name]} and {number} are both called {name!r}"
            raise SourceError(text, where=where.at(line=number + 1), code="yolo-names", fix="rename one of them")
    return {number: Label(name=name) for number, name in enumerate(names)}
