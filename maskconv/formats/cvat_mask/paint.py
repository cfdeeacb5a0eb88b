"""Painting an image's annotations on top of each other, as CVAT does, and naming what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv import runs
from maskconv.errors import DataError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.model import AnnotatedImage, Annotation, Feature, Mask
from maskconv.options import nearest
from maskconv.plugin import LOSSES, loss
from maskconv.runs import RunMap, Runs
from maskconv.zorder import z_order

MOST_INSTANCES = 255  # CVAT's importer knows VOC colours 0..255
MOST_TOLD = 5  # instances that a sentence names


@dataclass
class Painted:
    """What of an image is painted: annotations with their runs, in z-order, their places in the image, and the instance
    number of each."""

    width: int
    height: int
    annotations: list[Annotation] = field(default_factory=list)
    shapes: list[Runs] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Seen:
    """What painting shows: for each pixel the annotation on top (counted from 1), and each one's visible pixels.

    ``changed`` counts the masks of which others hide a part.
    """

    painted: Painted
    order: RunMap
    visible: NDArray[np.int64]
    changed: int


def _size(image: AnnotatedImage) -> tuple[int, int]:
    if image.width is None or image.height is None:
        text = "masks need the picture's size, which the source does not tell"
        fix = "name the folder of the pictures, where the source's format has the option: --from-images FOLDER"
        raise DataError(text, where=Where(image=image.name), code="image-size-unknown", fix=fix)
    return image.width, image.height


def _painted(image: AnnotatedImage, known: Mapping[str, int], note: Note) -> Painted:
    """All annotations as runs, with instance numbers; those of one group are one instance."""
    painted, groups = Painted(*_size(image)), dict[int, int]()
    places = z_order(image.annotations)
    annotations = [image.annotations[place] for place in places]
    for place, annotation, mask in zip(places, annotations, _masks(annotations, painted), strict=True):
        where = Where(annotation=place)
        if annotation.label not in known:
            text = f"the label {annotation.label!r} is not in the label map{nearest(annotation.label, known)}"
            fix = "add it there, let it be appended with --to-allow-new-labels true, or rename it with --labels FILE"
            note(Finding("label-unknown", Weight.ERROR, text, where, unit="instances", fix=fix))
            continue
        if not len(mask.starts):
            text = f"an instance of {annotation.label!r} has no pixels in the image and is left out"
            note(Finding("instance-empty", Weight.DATA, text, where, unit="instances"))
            continue
        painted.annotations.append(annotation)
        painted.shapes.append((mask.starts, mask.lengths))
        number = (
            len(painted.numbers)
            if annotation.group is None
            else groups.setdefault(annotation.group, len(painted.numbers))
        )
        painted.numbers.append(number)
        painted.places.append(place)
    _check_groups(painted)
    return painted


def _masks(annotations: Sequence[Annotation], painted: Painted) -> Sequence[Mask]:
    found = [annotation.shape for annotation in annotations if isinstance(annotation.shape, Mask)]
    if len(found) == len(annotations):
        return found
    from maskconv.geometry import shape_masks

    return shape_masks([annotation.shape for annotation in annotations], painted.width, painted.height)


def _paint(painted: Painted, members: Sequence[int]) -> tuple[RunMap, NDArray[np.int64]]:
    """Some shapes in z-order, numbered from 1, and the pixels of each that stay visible."""
    shapes = [painted.shapes[i] for i in members]
    return runs.paint(painted.width, painted.height, shapes, range(1, len(shapes) + 1))


def _check_groups(painted: Painted) -> None:
    for number, annotation in zip(painted.numbers, painted.annotations, strict=True):
        first = painted.annotations[number]
        if first.label != annotation.label:
            text = f"the group {annotation.group} has the labels {first.label!r} and {annotation.label!r}; it is one instance"
            raise DataError(text, code="cvat-group-labels", fix="give its members one label, or split the group")


def paint(image: AnnotatedImage, known: Mapping[str, int], note: Note) -> Seen | None:
    """The painted image, of at most 255 visible instances; None where nothing is visible. ``known`` are the labels."""
    painted = _painted(image, known, note)
    order, visible = _paint(painted, range(len(painted.shapes)))
    count = len({number for number, pixels in zip(painted.numbers, visible.tolist(), strict=True) if pixels})
    if count > MOST_INSTANCES:
        painted = _best(painted, visible, count, note)
        order, visible = _paint(painted, range(len(painted.shapes)))
    hidden = _hidden(painted, visible)
    _note_hidden(painted, visible, hidden, note)
    masks = np.array([isinstance(annotation.shape, Mask) for annotation in painted.annotations])
    return Seen(painted, order, visible, int(((hidden > 0) & (visible > 0) & masks).sum())) if visible.any() else None


def _best(painted: Painted, visible: NDArray[np.int64], count: int, note: Note) -> Painted:
    """CVAT knows 255 instances an image: of predictions the best stay, of human work none may go."""
    annotations, numbers = painted.annotations, painted.numbers
    limit = f"CVAT's importer knows {MOST_INSTANCES} in an image"
    if any(annotation.score is None for annotation in annotations):
        fix = "split the image, or use a format without that limit"
        raise DataError(f"the image has {count} instances; {limit}", code="cvat-too-many", fix=fix)
    shown = {number for number, pixels in zip(numbers, visible.tolist(), strict=True) if pixels}
    worst = [number for number in dict.fromkeys(reversed(numbers)) if number in shown][MOST_INSTANCES]
    first = len(numbers) - numbers[::-1].index(worst)  # they lie by score: what is below goes, hidden or not
    for place, annotation in zip(painted.places[:first][::-1], annotations[:first][::-1], strict=True):
        text = (
            f"{limit}; {_called(annotation)} is not among the {MOST_INSTANCES} with the highest scores, and is left out"
        )
        fix = "of a model's predictions take fewer: a higher --conf, or --max-det 255"
        note(Finding("cvat-too-many", Weight.DATA, text, Where(annotation=place), unit="instances", fix=fix))
    kept = [number - first for number in numbers[first:]]
    shapes, places = painted.shapes[first:], painted.places[first:]
    return Painted(painted.width, painted.height, annotations[first:], shapes, kept, places)


def _hidden(painted: Painted, visible: NDArray[np.int64]) -> NDArray[np.int64]:
    """The pixels of each that others hide; members of one group do not hide each other."""
    hidden = _areas(painted) - visible
    numbers = np.asarray(painted.numbers)
    if hidden.any() and len(set(painted.numbers)) < len(numbers):
        hidden -= _within_groups(painted, numbers)
    return hidden


def _areas(painted: Painted) -> NDArray[np.int64]:
    if not painted.shapes:
        return np.zeros(0, np.int64)
    lengths = np.concatenate([lengths for _, lengths in painted.shapes])
    ends = np.cumsum([len(lengths) for _, lengths in painted.shapes])
    return np.add.reduceat(lengths, np.concatenate(([0], ends[:-1])), dtype=np.int64)


def _note_hidden(painted: Painted, visible: NDArray[np.int64], hidden: NDArray[np.int64], note: Note) -> None:
    """What painting over costs: pixels, and whole instances."""
    lost = int(hidden.sum())
    if lost:
        note(loss(Feature.OVERLAP, lost, message=_overlaps(painted, hidden)))
    for i in np.flatnonzero((visible == 0) & (hidden > 0)):
        label, area = painted.annotations[i].label, int(painted.shapes[i][1].sum())
        text = f"an instance of {label!r} with {area:,} pixels is wholly hidden by those above it"
        fix = "a format that keeps overlaps can hold it"
        note(
            Finding(
                "instance-hidden", Weight.DATA, text, Where(annotation=painted.places[i]), unit="instances", fix=fix
            )
        )


def _overlaps(painted: Painted, hidden: NDArray[np.int64]) -> str:
    """Which instances lose how many pixels, those that lose most first."""
    losing = np.argsort(-hidden, kind="stable")[: np.count_nonzero(hidden)].tolist()
    told = [
        f"{_called(painted.annotations[i])} loses {hidden[i]:,} of {int(painted.shapes[i][1].sum()):,} pixels"
        for i in losing[:MOST_TOLD]
    ]
    more = f", and {len(losing) - MOST_TOLD} more lose some" if len(losing) > MOST_TOLD else ""
    return f"the target does not hold {LOSSES[Feature.OVERLAP].text} ({', '.join(told)}{more})"


def _called(annotation: Annotation) -> str:
    return annotation.label if annotation.score is None else f"{annotation.label} {annotation.score:.3f}"


def _within_groups(painted: Painted, numbers: NDArray[Any]) -> NDArray[np.int64]:
    """The pixels that a member loses to later members of its own group."""
    own = np.zeros(len(numbers), np.int64)
    for number in np.unique(numbers):
        members = np.flatnonzero(numbers == number).tolist()
        if len(members) > 1:
            _, seen = _paint(painted, members)
            own[members] = [int(painted.shapes[i][1].sum()) for i in members] - seen
    return own


def numbered(seen: Seen) -> NDArray[np.intp]:
    """The instance index of each annotation, 1..N in z-order over the visible ones; [0] is the background."""
    numbers = np.zeros(len(seen.visible) + 1, np.intp)
    given: dict[int, int] = {}
    for i, number in enumerate(seen.painted.numbers):
        if seen.visible[i]:
            numbers[i + 1] = given.setdefault(number, len(given) + 1)
    return numbers
