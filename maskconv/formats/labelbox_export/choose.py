"""Which labels of a data row are read, and their frames as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from maskconv.formats.labelbox_export.document import Labelled, Row
from maskconv.formats.labelbox_export.options import ReadOptions
from maskconv.formats.labelbox_export.parts import Json
from maskconv.labelbox.checks import RecordError
from maskconv.options import nearest

__all__ = ["Chosen", "Object", "Scene", "choose", "keyframe", "missing", "of_project", "scenes", "unknown_project"]


class Chosen(NamedTuple):
    """The labels to read; ``left`` counts those that were not chosen, ``skipped`` are those that a labeller skipped."""

    labels: tuple[Labelled, ...]
    left: int
    skipped: tuple[Labelled, ...]


class Object(NamedTuple):
    """An object as the export has it, and whose it is."""

    raw: Any
    label: Labelled


class Scene(NamedTuple):
    """What is one image: a picture (``number`` is None), or a frame."""

    group: str
    number: int | None
    objects: list[Object]
    classifications: list[Any]


def of_project(labels: Iterable[Labelled], project: str | None) -> list[Labelled]:
    """Those of a project, named by its id or its name."""
    return [label for label in labels if project is None or project in label.project]


def unknown_project(project: str, known: Mapping[tuple[str, str], Any]) -> str:
    """That none of those that there are has this id or name; empty where one has."""
    if any(project in one for one in known):
        return ""
    told = list(map(_spoken, known))
    some = ", ".join(told[:20]) + (", ..." if len(told) > 20 else "")
    alike = nearest(project, [text for one in known for text in one if text])
    return f"the export has no project {project!r}{alike}; it has {some or 'none'}"


def choose(row: Row, options: ReadOptions) -> Chosen:
    """Raises RecordError where there are several, and nobody said which."""
    given = of_project(row.labels, options.project)
    skipped = tuple(label for label in given if label.skipped and options.skipped == "drop")
    labels = [label for label in given if not label.skipped or options.skipped == "keep"]
    projects = dict.fromkeys(label.project for label in labels)
    if len(projects) > 1:
        told = ", ".join(map(_spoken, projects))
        fix = "say which: --from-project NAME"
        raise RecordError(f"the data row has labels in several projects: {told}", code="labelbox-projects", fix=fix)
    kept = _picked(labels, options.label)
    return Chosen(tuple(kept), len(labels) - len(kept), skipped)


def _spoken(project: tuple[str, str]) -> str:
    key, name = project
    return f"{name!r} ({key})" if key != name else repr(name)


def _picked(labels: list[Labelled], how: str) -> list[Labelled]:
    if len(labels) < 2 or how == "all":
        return labels
    if how == "first":
        return labels[:1]
    kept = [
        label for label in labels if (how == "benchmark" and label.benchmark) or (how == "selected" and label.selected)
    ]
    if len(kept) == 1:
        return kept
    which = "" if how == "one" else f", and {'none' if not kept else len(kept)} of them is the {how} one"
    told = ", ".join(label.id for label in labels[:5]) + (" ..." if len(labels) > 5 else "")
    fix = "say which are meant: --from-label first | benchmark | selected | all"
    raise RecordError(f"the data row has {len(labels)} labels ({told}){which}", code="labelbox-labels", fix=fix)


def scenes(labels: Iterable[Labelled]) -> list[Scene]:
    """The frames of all labels, in the order of groups and numbers; what several say of one frame is together."""
    found: dict[tuple[str, int | None], Scene] = {}
    for label in labels:
        for frame in label.frames:
            key = frame.group, frame.number
            scene = found.setdefault(key, Scene(*key, [], list(label.classifications)))
            scene.objects.extend(Object(raw, label) for raw in frame.objects)
            scene.classifications.extend(frame.classifications)
    return sorted(found.values(), key=lambda scene: (scene.group, scene.number or 0))


def keyframe(label: Labelled, scene: Scene, feature: str, said: bool | None) -> bool | None:
    """Whether a labeller made this instance on this frame; None where the export does not say."""
    if said is not None or scene.number is None or not label.keyframes:
        return said
    known = label.keyframes.get(feature)
    if isinstance(known, dict) and scene.group in known:
        known = known[scene.group]
    number = str(scene.number)
    if isinstance(known, dict):
        return known.get(number) is True
    return scene.number in known or number in known if isinstance(known, list) else None


def missing(label: Labelled) -> int:
    """How many instances on frames the label's segments name that the export does not have."""
    groups = {frame.group for frame in label.frames if frame.group} or {""}
    there: dict[tuple[str, str], int] = {}
    for frame in label.frames:
        for raw in frame.objects:
            key = frame.group, str(raw.get("feature_id")) if isinstance(raw, dict) else ""
            there[key] = there.get(key, 0) + 1
    segments = label.segments or {}
    named = {(group, feature): _length(ranges) for group in groups for feature, ranges in _in(segments, group)}
    return sum(max(0, count - there.get(key, 0)) for key, count in named.items())


def _in(segments: Json, group: str) -> Iterable[tuple[str, Any]]:
    found = segments.get(group) if group else segments
    return found.items() if isinstance(found, dict) else ()


def _length(ranges: Any) -> int:
    """The frames of ``[[13, 13], [18, 19]]``; nothing where it is something else."""
    if not isinstance(ranges, list):
        return 0
    pairs = [pair for pair in ranges if isinstance(pair, list) and [type(end) for end in pair] == [int, int]]
    return sum(max(0, last - first + 1) for first, last in pairs)
