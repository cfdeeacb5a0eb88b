"""What is not read of a data row as a whole, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from maskconv.finding import Weight
from maskconv.formats.labelbox_export.choose import Chosen, missing
from maskconv.formats.labelbox_export.document import Labelled, Row
from maskconv.wording import counted

__all__ = ["Said", "of"]


class Said(NamedTuple):
    """A Finding without its place."""

    code: str
    weight: Weight
    text: str
    amount: int = 1
    unit: str = "images"
    fix: str = ""


def of(row: Row, chosen: Chosen, project: str | None) -> Iterator[Said]:
    """Labels that are not read, and what of those that are read has no place."""
    if chosen.skipped:
        yield _skipped(row, sum(map(_objects, chosen.skipped)))
    elif not chosen.labels:
        yield _nothing(row, project)
    if chosen.left:
        text = f"{counted(chosen.left, 'label')} of the data row {row.id} not read, as asked"
        yield Said("labelbox-labels-left", Weight.INFO, text, chosen.left, "labels")
    if count := sum(label.relationships for label in chosen.labels):
        text = f"{counted(count, 'relationship')} between annotations dropped"
        yield Said("labelbox-relationships", Weight.DATA, text, count, "relationships")
    if gaps := sum(map(missing, chosen.labels)):
        text = f"its segments name {counted(gaps, 'instance')} on frames that the export does not have"
        fix = "export it with interpolated frames to have them"
        yield Said("labelbox-frames-missing", Weight.DATA, text, gaps, "instances", fix)
    if row.extras and chosen.labels:
        text = f"{counted(row.extras, 'attachment or metadata field')} of the data row {row.id} not read"
        yield Said("labelbox-extras", Weight.INFO, text, row.extras, "facts")
    if row.tiled and chosen.labels:
        text = "its picture is a layer of tiles: coordinates are those of the layer, not pixels of a picture"
        yield Said("labelbox-tiles", Weight.WARNING, text)
    if row.odd and chosen.labels:
        text = (
            f"the EXIF orientation of the data row {row.id} is given as {row.odd}, and there are 1 to 8: it is not used"
        )
        fix = "where viewers turn the picture, name the folder that has it: --from-images DIR"
        yield Said("labelbox-orientation", Weight.WARNING, text, fix=fix)
    if any(label.video and not label.frames for label in chosen.labels):
        text = f"a label of the data row {row.id} has no frames, so it is no image"
        yield Said("labelbox-no-frames", Weight.INFO, text)


def _skipped(row: Row, count: int) -> Said:
    text, fix = (
        f"the data row {row.id} was skipped by a labeller: that label is left out",
        "keep it: --from-skipped keep",
    )
    if not count:
        return Said("labelbox-skipped", Weight.INFO, text, fix=fix)
    return Said("labelbox-skipped", Weight.DATA, f"{text}, with {counted(count, 'object')}", count, "instances", fix)


def _nothing(row: Row, project: str | None) -> Said:
    """Why a data row has no label to read."""
    if row.labels:
        text = f"the data row {row.id} has no label in the project {project!r}: it is left out"
        return Said("labelbox-project-other", Weight.INFO, text)
    return Said("labelbox-unlabelled", Weight.INFO, f"the data row {row.id} has no label yet: it is left out")


def _objects(label: Labelled) -> int:
    return sum(len(frame.objects) for frame in label.frames)
