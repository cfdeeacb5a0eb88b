"""The classes of a data set: the source's labels in order, or the names that another data set fixed."""

from __future__ import annotations

from maskconv.errors import SourceError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.model import LabelMap
from maskconv.yolo import names

__all__ = ["class_names", "is_background"]


def is_background(name: str) -> bool:
    return name.strip().casefold() == names.BACKGROUND


def class_names(labels: LabelMap, given: str | None, note: Note) -> tuple[str, ...]:
    """The names by class number. Raises SourceError where those given cannot be read or used."""
    if given is None:
        return tuple(name for name in labels.names if not is_background(name))
    found = _locked(given, note)
    unused = [name for name in labels.names if name not in found and not is_background(name)]
    if unused:
        shown = ", ".join(map(repr, unused[:5])) + (", ..." if len(unused) > 5 else "")
        text = f"labels that are not among the given names: {shown}; each of their instances is an error"
        fix = "add them at the end of the names, or rename them with --labels"
        note(Finding("yolo-names-lack", Weight.WARNING, text, Where(path=given), len(unused), "labels", fix))
    return found


def _locked(given: str, note: Note) -> tuple[str, ...]:
    """The given names, each of one class. What a reader would merge is an error here."""
    told: list[Finding] = []
    try:
        found = names.given(given, told.append)
    except SourceError as error:
        fix = error.fix.replace("--from-names", "--to-names")
        where = error.where if error.where and error.where.path != "--from-names" else Where(path="--to-names")
        raise SourceError(error.message, where=where, code=error.code, fix=fix) from error
    same = next((finding for finding in told if finding.code == "yolo-names-same"), None)
    if same is not None:
        raise SourceError(same.message, where=same.where, code="yolo-names", fix=f"{same.fix} in that file")
    if list(found) != list(range(len(found))):
        text = "its class numbers are not 0, 1, 2, ... without gaps"
        raise SourceError(text, where=Where(path=given), code="yolo-names", fix="number the classes so in that file")
    for finding in told:
        note(finding)
    return tuple(label.name for label in found.values())
