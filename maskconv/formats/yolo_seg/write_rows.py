"""An image's annotations -> its label rows, and what each instance loses on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskconv._ring import Crop
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.yolo_seg.rows_out import rows
from maskconv.formats.yolo_seg.write_names import is_background
from maskconv.formats.yolo_seg.write_options import WriteOptions
from maskconv.formats.yolo_seg.write_view import POINTS, Shown, seen_ious
from maskconv.geometry import Ring, fill_holes, rings, shape_mask, split_parts
from maskconv.model import Annotation, Feature, Mask, PixelRule, Polygon, Shape
from maskconv.options import nearest
from maskconv.plugin import loss

__all__ = ["Written", "centre_ring", "written"]

Ints = NDArray[np.int32]
_SPLIT = "--to-parts split gives each part a row of its own"


class Written(NamedTuple):
    """The label file, the instances in it, and how many of them mean other pixels than they did, or fewer at a time."""

    text: bytes
    instances: int
    changed: int


@dataclass(slots=True, eq=False)
class _Item:
    """An annotation on its way: its class, its pixels where they are painted, and the rings of its rows."""

    number: int
    annotation: Annotation
    class_number: int
    mask: Mask | None = None
    masks: Sequence[Mask] = ()
    filled: int = 0
    rings: list[Ring] = field(default_factory=list)
    points: list[Ints] = field(default_factory=list)
    exact: bool = True


def written(
    annotations: Sequence[Annotation],
    size: tuple[int, int],
    index: Mapping[str, int],
    options: WriteOptions,
    note: Note,
) -> Written:
    """The label file of an image of ``size`` pixels; ``index`` gives each label's class number. Notes every loss."""
    items = list(_items(annotations, size, index, options, note))
    _trace(items, options)
    longest = max((len(points) for item in items for points in item.points), default=0)
    _note_losses(items, size, longest, note)
    lines = _lines(items, size, options, note)
    return Written(b"".join(lines), len(items), sum(not item.exact for item in items))


# --- annotations -> items -----------------------------------------------------------------------------------------------


def _items(
    annotations: Sequence[Annotation],
    size: tuple[int, int],
    index: Mapping[str, int],
    options: WriteOptions,
    note: Note,
) -> Iterator[_Item]:
    for number, annotation in enumerate(annotations):
        item = _Item(number, annotation, index.get(annotation.label, -1))
        if item.class_number < 0:
            note(_unknown(item, index))
        elif (own := _own_ring(annotation.shape, size, options)) is not None:
            item.points.append(own)
            yield item
        else:
            item.mask = shape_mask(annotation.shape, *size)
            if centre_ring(annotation.shape) is not None:
                text = "a polygon that leaves the picture was cut off there"
                note(loss(Feature.POLYGONS, 1, Where(annotation=number), message=text))
            if len(item.mask.starts):
                _shape(item, options)
                yield item
            else:
                text = f"an instance of {annotation.label!r} has no pixels in the image and is left out"
                note(Finding("instance-empty", Weight.DATA, text, Where(annotation=number), unit="instances"))


def _unknown(item: _Item, index: Mapping[str, int]) -> Finding:
    label, where = item.annotation.label, Where(annotation=item.number)
    if is_background(label):
        text = f"an instance is labelled {label!r}, which is no class here, and is left out"
        fix = "rename the label, or name it with --to-names"
        return Finding("yolo-background-instance", Weight.DATA, text, where, unit="instances", fix=fix)
    text = f"the label {label!r} is not among the names{nearest(label, index)}"
    fix = "add it to --to-names, or rename it with --labels"
    return Finding("label-unknown", Weight.ERROR, text, where, unit="instances", fix=fix)


def centre_ring(shape: Shape) -> Polygon | None:
    """The polygon of a shape that is one ring under a centre rule: its row may have the same points."""
    if isinstance(shape, tuple) and len(shape) == 1 and not shape[0].holes and shape[0].rule is not PixelRule.EDGE:
        return shape[0]
    return None


def _own_ring(shape: Shape, size: tuple[int, int], options: WriteOptions) -> Ints | None:
    """The pixel indices of a polygon that may keep its own points: the trainer paints just what its rule means."""
    polygon = centre_ring(shape)
    if polygon is None or (options.max_points is not None and len(polygon.exterior) > options.max_points):
        return None
    ring = polygon.exterior
    with np.errstate(over="ignore"):  # what overflows is outside
        at = np.trunc(np.round(ring, 6)) if polygon.rule is PixelRule.CENTRE_TRUNC else np.floor(ring + 0.25)
    return at.astype(np.int32) if (at >= 0).all() and (at < size).all() else None


def _shape(item: _Item, options: WriteOptions) -> None:
    """The masks that rings are made of."""
    assert item.mask is not None  # noqa: S101 - it was painted just now
    mask = item.mask
    if options.holes == "fill":
        mask = fill_holes(mask)
        item.filled = mask.area - item.mask.area
    item.masks = split_parts(mask) if options.parts == "split" else (mask,)


def _trace(items: Sequence[_Item], options: WriteOptions) -> None:
    """All rings of the image at once, as that is faster."""
    made = iter(rings([mask for item in items for mask in item.masks], max_points=options.max_points))
    for item in items:
        item.rings = [ring for _ in item.masks if (ring := next(made)) is not None]
        item.points += [ring.points for ring in item.rings]
        item.exact = not item.filled and len(item.points) == 1 and all(ring.exact for ring in item.rings)


# --- losses -------------------------------------------------------------------------------------------------------------


def _note_losses(items: Sequence[_Item], size: tuple[int, int], longest: int, note: Note) -> None:
    changed = [item for item in items if not item.exact]
    ious = seen_ious([_shown(item) for item in changed], size, longest)
    for item, iou in zip(changed, ious, strict=True):
        for finding in _losses(item, f"IoU {iou:.4f} for the trainer", Where(annotation=item.number)):
            note(finding)
    for item in items:
        for ring in item.rings:
            if ring.holes and max(len(ring.points), ring.keyhole) > POINTS:
                note(_long(ring, Where(annotation=item.number)))


def _shown(item: _Item) -> Shown:
    assert item.mask is not None  # noqa: S101 - what keeps its own points is exact
    if item.filled or len(item.rings) > 1:
        bitmap, x, y = item.mask.crop()
        return Shown(item.points, Crop(bitmap.view(np.uint8), x, y), item.mask.area)
    ring = item.rings[0]
    return Shown(item.points, ring.crop, ring.area, None if ring.simplified else ring.iou)


def _long(ring: Ring, where: Where) -> Finding:
    text = f"a ring of {len(ring.points):,} points has {ring.holes} holes: trainers before December 2024 resample it "
    text += f"to {POINTS:,} points, which breaks the keyholes"
    fix = "use a newer one, --to-max-points, or --to-holes fill"
    return Finding("yolo-keyhole-long", Weight.WARNING, text, where, unit="instances", fix=fix)


def _losses(item: _Item, iou: str, where: Where) -> Iterator[Finding]:
    if item.filled:
        text = f"{item.filled:,} pixels of holes were filled: {iou}"
        yield loss(Feature.HOLES, item.filled, where, message=text, fix="--to-holes keyhole keeps them")
    if len(item.points) > 1:
        text = f"its {len(item.points)} parts became rows, which are instances of their own: {iou}"
        yield loss(Feature.PARTS, 1, where, message=text, fix="--to-parts bridge keeps them together")
    for ring in item.rings:
        if ring.parts > 1:
            text = f"its {ring.parts} parts were joined by bridges of {ring.bridged:,} pixels: {iou}"
            yield loss(Feature.PARTS, 1, where, message=text, fix=_SPLIT)
        if ring.simplified:
            text = f"its outline was simplified to {len(ring.points):,} points: {iou}"
            fix = "more --to-max-points"
            yield Finding("yolo-simplified", Weight.DATA, text, where, unit="instances", fix=fix)


# --- rows ---------------------------------------------------------------------------------------------------------------


def _lines(items: Sequence[_Item], size: tuple[int, int], options: WriteOptions, note: Note) -> list[bytes]:
    owners = [item for item in items for _ in item.points]
    lines = rows([item.class_number for item in owners], [ring for item in items for ring in item.points], *size)
    _note_duplicates(lines, owners, note)
    if not options.scores:
        return [line + b"\n" for line in lines]
    unknown = sum(item.annotation.score is None for item in items)
    if unknown:
        text = "instances without a score got the score 1, for all rows of a file must have one"
        note(Finding("yolo-score-missing", Weight.WARNING, text, amount=unknown, unit="instances"))
    return [b"%b %r\n" % (line, _score(item.annotation)) for line, item in zip(lines, owners, strict=True)]


def _score(annotation: Annotation) -> float:
    return 1.0 if annotation.score is None else float(annotation.score)


def _note_duplicates(lines: Sequence[bytes], owners: Sequence[_Item], note: Note) -> None:
    if len(set(lines)) == len(lines):
        return
    first: dict[bytes, int] = {}
    for line, item in zip(lines, owners, strict=True):
        other = first.setdefault(line, item.number)
        if other != item.number:
            text = f"its row is the very same as that of annotation {other}; the trainer drops it"
            note(Finding("yolo-rows-same", Weight.DATA, text, Where(annotation=item.number), unit="rows"))
