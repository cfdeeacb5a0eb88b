"""Makes label maps from names, and shows one as the platforms' own set-up of a project."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from maskconv import labelmap, registry, review
from maskconv.errors import DataError, SourceError
from maskconv.filenames import as_text
from maskconv.finding import Finding, Report, Weight, Where
from maskconv.labelmap_check import BACKGROUND, voc_color
from maskconv.labelmap_fix import Fixed, fix
from maskconv.model import Label, LabelMap
from maskconv.plugin import Target
from maskconv.sources import head_of, reading, require_path, spooled
from maskconv.stage import Stage

__all__ = [
    "Fixed",
    "Setup",
    "checked",
    "facts",
    "from_names",
    "labels_of",
    "made",
    "mended",
    "names_of",
    "put",
    "same",
    "set_up",
]

Setup = Literal["cvat-json", "labelbox-ontology"]


def names_of(text: str) -> list[str]:
    """The names that ``a,b,c`` lists, or that a file tells: a data.yaml, a model, a task, an ontology, a data set.

    Raises SourceError, FormatError where a file tells none, UsageError where they are no text.
    """
    try:
        there = Path(text).exists()
    except OSError:  # too long for a path
        there = False
    if there:
        from maskconv.against import expected

        return list(expected(Path(text)).labels)
    names = [name.strip() for name in as_text(text, "--from-names").split(",")]
    if len(names) == 1 and (Path(text).suffix or "/" in text):
        fix = "name a file that is there, or list the labels: car,person"
        raise SourceError("there is no such file", where=Where(path=text), code="source-missing", fix=fix)
    return names


def from_names(names: Iterable[str]) -> LabelMap:
    """A label map of these labels in their order, ``background`` first and black, each with VOC's colour of its index.

    Raises DataError where a name is empty or occurs twice.
    """
    ordered = [BACKGROUND, *(name for name in names if name != BACKGROUND)]
    for place, name in enumerate(ordered):
        if not name or name in ordered[:place]:
            text = f"the label {name!r} is there twice" if name else f"label {place} has no name"
            raise DataError(text, code="labelmap-names", fix="give each label a name of its own")
    return LabelMap(labels=tuple(Label(name=name, color=voc_color(k)) for k, name in enumerate(ordered)))


def set_up(labels: LabelMap, kind: Setup) -> str:
    """The labels without the background as JSON: for CVAT's "Raw" label editor, or a Labelbox ontology."""
    shown = [label for label in labels.labels if label.name != BACKGROUND]
    value: Any = [_raw(label) for label in shown]
    if kind == "labelbox-ontology":
        value = {"tools": [_tool(label) for label in shown], "classifications": []}
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _hex(label: Label) -> dict[str, str]:
    return {} if label.color is None else {"color": "#{:02x}{:02x}{:02x}".format(*label.color)}


def _raw(label: Label) -> dict[str, Any]:
    return {"name": label.name, **_hex(label), "type": "any", "attributes": []}


def _tool(label: Label) -> dict[str, Any]:
    return {
        "tool": "raster-segmentation",
        "name": label.name,
        **_hex(label),
        "required": False,
        "classifications": [],
    }


# --- what the command does --------------------------------------------------------------------------------------------


def checked(file: str) -> Report:
    """What is wrong with a label map, a file or standard input, or with a data set. Raises SourceError, FormatError."""
    report = Report()
    with spooled(file, report) as path:
        if path != Path(file) or _is_text(path):
            report.source_format = "labelmap"
            labelmap.parse(_read(path), report.add, path=str(path))
            return report
    return review.check(file)


def _is_text(path: Path) -> bool:
    """Whether to take a path for a label map: a file that no format knows as another thing."""
    return registry.probe(path).kind == "file" and not any(fmt.reader for fmt in registry.candidates(path))


def mended(file: str) -> Fixed:
    """A label map's file, mended. Raises SourceError."""
    report = Report()
    with spooled(file, report) as path:
        return fix(_read(path), report.aliases.get(str(path), file))


def made(file: str | None, names: str | None, kind: Setup | None) -> str:
    """The text of a label map of those names, or the set-up of a platform for those names or the labels of a file."""
    if names is not None:
        labels = from_names(names_of(names))
    else:
        with spooled(file or "", Report()) as path:
            labels = labels_of(path)
    return labelmap.write(labels) if kind is None else set_up(labels, kind)


def facts(fixed: Fixed, kind: Setup | None) -> dict[str, Any]:
    """What the command prints as JSON: the label map's ``text``, or a platform's set-up as ``document``; what was changed."""
    made = {"text": fixed.text} if kind is None else {"document": json.loads(fixed.text or "null")}
    changes = [asdict(change) for change in fixed.changes]
    left = [finding.to_dict() for finding in fixed.left]
    return {"ok": not fixed.bad, **made, "changes": changes, "left": left, "error": None}


def labels_of(path: Path) -> LabelMap:
    """The labels of a label map or a data set. Raises SourceError, FormatError."""
    if not _is_text(path):
        with reading(path, registry.sniff(path).name, {}, Report()) as reader:
            reader.checking = True  # labels can be told without masks that are elsewhere
            return head_of(reader, lambda _: None).labels
    found: list[Finding] = []
    labels = labelmap.parse(_read(path), found.append, path=str(path))
    if labels is None:
        wrong = next(finding for finding in found if finding.weight is Weight.ERROR)
        raise SourceError(wrong.message, where=wrong.where, code=wrong.code, fix=wrong.fix)
    return labels


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(labelmap.MAX_BYTES + 1)
    except OSError as error:
        registry.probe(path)  # a missing file is told the same way everywhere
        text, where = f"cannot be read ({error.strerror or error})", Where(path=str(path))
        raise SourceError(text, where=where, code="source-unreadable", fix="check the path") from error


def same(file: str, output: str | None) -> bool:
    """Whether the output is the file itself."""
    return output is not None and file != "-" and Path(output).exists() and Path(output).samefile(file)


def put(output: str, text: str, *, overwrite: bool) -> None:
    """Write a file whole or not at all. Raises UsageError, TargetError."""
    require_path(output, "the output")
    stage = Stage(Target(Path(output), "file"), overwrite=overwrite)
    try:
        stage.write(text.encode())
        stage.commit()
    except BaseException:
        stage.abort()
        raise
