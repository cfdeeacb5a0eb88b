"""From a class mask and an instance mask to instances: pure, on runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv import png, runs
from maskconv.errors import DataError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.cvat_mask.table import BLACK, UNDECLARED, VOID, VOID_INDEX, Codes, Table, color_text
from maskconv.model import Mask
from maskconv.png import Kind, MaskPng
from maskconv.runs import Ints, RunMap, Runs

HIGHEST = 255  # the last instance index that CVAT's importer knows


@dataclass(frozen=True)
class Found:
    """An image's instances in z-order: the label's code, the source's index (None where it had none), the mask.

    ``whole``: the instance mask shows these instances and nothing else.
    """

    width: int
    height: int
    codes: list[int]
    ids: list[int | None]
    masks: list[Mask]
    ignored: Mask | None = None
    whole: bool = False


@dataclass(frozen=True)
class Pair:
    """The two masks of one image, and where they lie."""

    classes: MaskPng
    objects: MaskPng
    table: Table
    class_where: Where
    object_where: Where

    @property
    def size(self) -> tuple[int, int]:
        return self.classes.map.width, self.classes.map.height


def from_pair(pair: Pair, note: Note, *, split_mixed: bool) -> Found:
    """The instances that an instance mask separates and a class mask names."""
    other = (pair.objects.map.width, pair.objects.map.height)
    if other != pair.size:
        text = "the class mask has {}x{} pixels, the instance mask {}x{}".format(*pair.size, *other)
        raise DataError(text, where=pair.class_where, code="cvat-size-mismatch", fix="export both masks again")
    codes = class_codes(pair.classes, pair.table, pair.class_where, note)
    indices = _indices(pair, note)
    found = _plain(pair, codes, indices)
    if found is None:
        found = _involved(pair, codes, indices, note, split_mixed=split_mixed)
    _note_background(found, pair.table, pair.class_where, note)
    return found


def class_codes(mask: MaskPng, table: Table, where: Where, note: Note) -> Codes:
    """The label code of each run of a class mask. Raises DataError for a colour or index that no label declares."""
    _note_kind(mask, "class", where, note)
    codes = table.codes(mask)
    wrong = np.flatnonzero(codes == UNDECLARED)
    if len(wrong):
        raise _undeclared(mask, wrong, table, where)
    if mask.kind is Kind.GRAY and mask.depth == 8 and len(table.names) <= VOID_INDEX:
        _refuse_binary(mask, where)
    return codes


def _undeclared(mask: MaskPng, wrong: NDArray[np.intp], table: Table, where: Where) -> DataError:
    values = mask.map.values[wrong]
    x, y = _pixel(mask.map.starts[wrong[0]], mask.map.width)
    count, pixels = len(np.unique(values)), int(mask.map.lengths[wrong].sum())
    more = f" ({count} such values, {pixels:,} pixels in all)" if count > 1 else f" ({pixels:,} pixels)"
    if mask.kind is Kind.RGB:
        text = f"the colour {color_text(int(values[0]))} at x={x}, y={y} is in no line of the label map{more}"
        fix = "add a label with that colour to labelmap.txt, or export the mask again without resizing or JPEG"
        return DataError(text, where=where, code="cvat-color-undeclared", fix=fix)
    text = f"the index {values[0]} at x={x}, y={y} has no line in the label map, which has {len(table.names)}{more}"
    fix = "line numbers are class indices, from 0; add the missing lines to labelmap.txt"
    return DataError(text, where=where, code="cvat-index-undeclared", fix=fix)


def _refuse_binary(mask: MaskPng, where: Where) -> None:
    """Gray 0 and 255 alone is a binary mask, not one class and a void border."""
    values = mask.map.values
    if bool((values == VOID_INDEX).any()) and not ((values != 0) & (values != VOID_INDEX)).any():
        text = "the class mask is gray with only 0 and 255, a binary mask; 255 is no line of the label map"
        fix = "write the label's index (its line, from 0) in place of 255"
        raise DataError(text, where=where, code="cvat-binary-mask", fix=fix)


def _note_kind(mask: MaskPng, which: str, where: Where, note: Note) -> None:
    """What CVAT makes of PNGs that are not 8-bit gray, palette or RGB."""
    odd = ""
    if mask.alpha:
        odd = "an alpha channel, which CVAT takes for colours (undeclared) or drops"
    elif mask.depth == 16 and mask.map.values.max() > HIGHEST:
        odd = "16-bit values above 255, of which CVAT keeps the lower 8 bits: instances merge"
    elif mask.depth < 8 and mask.kind is Kind.GRAY:
        odd = f"{mask.depth}-bit gray, which CVAT stretches to 0..255: Undeclared label '255'"
    if odd:
        text = f"the {which} mask has {odd}; it is read by its own values here"
        note(Finding("cvat-png-kind", Weight.WARNING, text, where, fix="before an upload, convert it to cvat-mask"))


def _indices(pair: Pair, note: Note) -> NDArray[Any]:
    """The instance index of each run of the instance mask: VOC's colour number, or the gray value or palette index."""
    mask = pair.objects
    _note_kind(mask, "instance", pair.object_where, note)
    if mask.kind is not Kind.RGB:
        return mask.map.values
    indices = png.voc_index(mask.map.values)
    highest = int(indices.max())
    if highest > HIGHEST:
        color = color_text(int(mask.map.values[indices.argmax()]))
        text = f"the instance colour {color} is not among the 255 that CVAT's importer knows; it is read here"
        fix = "for an upload, convert it to cvat-mask, which numbers the instances anew"
        note(Finding("cvat-instance-color", Weight.WARNING, text, pair.object_where, fix=fix))
    return indices


def _plain(pair: Pair, codes: Codes, indices: NDArray[Any]) -> Found | None:
    """The common case, without looking at a pixel twice: each instance in one class, all else background, no void."""
    image = pair.objects.map
    at, broken = runs.uniform(RunMap(*pair.size, pair.classes.map.starts, codes), image.starts, image.lengths)
    if broken.any() or int(codes.max()) == VOID or VOID_INDEX in indices:
        return None
    outside = at[indices == 0]
    if ((outside != pair.table.background) & (outside != BLACK)).any():
        return None
    highest = int(indices.max())
    if highest > 0xFFFF:
        return None
    class_of = np.zeros(highest + 1, np.uint16)
    class_of[indices] = at
    if (class_of[indices] != at).any():
        return None
    found, shapes = runs.group(image.starts, image.lengths, indices, skip=0)
    of = class_of[found].tolist()
    if BLACK in of:
        return None
    width, height = pair.size
    return Found(width, height, of, found.tolist(), [_mask(width, height, shape) for shape in shapes], whole=True)


def _mask(width: int, height: int, shape: Runs) -> Mask:
    return Mask.unchecked(width=width, height=height, starts=shape[0], lengths=shape[1])


def _involved(pair: Pair, codes: Codes, indices: NDArray[Any], note: Note, *, split_mixed: bool) -> Found:
    """Void pixels, classes without instances, instances over several classes: everything measured and named."""
    image, table, (width, height) = pair.objects.map, pair.table, pair.size
    a = RunMap(width, height, image.starts, indices.astype(np.uint32))
    b = RunMap(width, height, pair.classes.map.starts, codes)
    starts, lengths, index, code = runs.crossing(a, b)
    empty = (code == table.background) | (code == BLACK)
    void = (code == VOID) | ((index == VOID_INDEX) & (empty | (code == table.void_label)))
    void |= (index == 0) & (code == table.void_label) & (table.void_label >= 0)
    inside = void & (index != 0) & (index != VOID_INDEX)
    _note_void(pair, starts, lengths, inside, note)
    _note_stray(pair, starts, lengths, code, (index == 0) & ~void & ~empty, note)
    _refuse_black(pair, starts, (index != 0) & ~void & (code == BLACK))
    live = (index != 0) & ~void
    kept = _by_instance(pair, starts[live], lengths[live], index[live], code[live], note, split_mixed=split_mixed)
    ignored = _mask(width, height, runs.union([(starts[void], lengths[void])], width)) if void.any() else None
    return Found(
        width, height, [k[1] for k in kept], [k[0] for k in kept], [_mask(width, height, k[2]) for k in kept], ignored
    )


def _by_instance(
    pair: Pair, starts: Ints, lengths: Ints, index: NDArray[Any], code: Codes, note: Note, *, split_mixed: bool
) -> list[tuple[int, int, Runs]]:
    """(index, code, runs) of each instance; one over several classes is left out, or split."""
    kept: list[tuple[int, int, Runs]] = []
    found, positions = runs.group(np.arange(len(starts), dtype=np.int32), lengths, index)
    for number, (rows, _) in zip(found.tolist(), positions, strict=True):
        of, classes = runs.group(starts[rows], lengths[rows], code[rows])
        if len(of) > 1:
            areas = {pair.table.names[c]: int(shape[1].sum()) for c, shape in zip(of.tolist(), classes, strict=True)}
            _note_mixed(pair, number, areas, note, split_mixed=split_mixed)
        if len(of) == 1 or split_mixed:
            pairs = zip(of.tolist(), classes, strict=True)
            kept += [(number, c, runs.union([shape], pair.size[0])) for c, shape in pairs]
    return kept


def _note_mixed(pair: Pair, number: int, areas: dict[str, int], note: Note, *, split_mixed: bool) -> None:
    parts = ", ".join(f"{name}: {area:,} pixels" for name, area in areas.items())
    text = f"instance {number} lies over {len(areas)} classes ({parts})"
    if split_mixed:
        text += "; it became one instance for each"
        note(Finding("cvat-mixed-split", Weight.WARNING, text, pair.object_where, len(areas), "instances"))
        return
    fix = "CVAT would take the class with the highest index; mend the masks, or use --from-mixed split"
    note(Finding("cvat-mixed", Weight.ERROR, text, pair.object_where, 1, "instances", fix))


def _note_void(pair: Pair, starts: Ints, lengths: Ints, inside: NDArray[np.bool_], note: Note) -> None:
    if inside.any():
        x, y = _pixel(starts[inside][0], pair.size[0])
        text = f"pixels of instances are void in the class mask, the first at x={x}, y={y}; they count as void"
        amount = int(lengths[inside].sum())
        note(Finding("cvat-void-instance", Weight.DATA, text, pair.class_where, amount, "pixels"))


def _note_stray(pair: Pair, starts: Ints, lengths: Ints, code: Codes, stray: NDArray[np.bool_], note: Note) -> None:
    if stray.any():
        x, y = _pixel(starts[stray][0], pair.size[0])
        name = pair.table.names[int(code[stray][0])]
        amount = int(lengths[stray].sum())
        text = f"pixels have a class but no instance, the first at x={x}, y={y} ({name}); CVAT drops them, too"
        fix = "give them an instance in SegmentationObject, or remove that folder to take connected components"
        note(Finding("cvat-class-only", Weight.DATA, text, pair.class_where, amount, "pixels", fix))


def _refuse_black(pair: Pair, starts: Ints, black: NDArray[np.bool_]) -> None:
    if black.any():
        x, y = _pixel(starts[black][0], pair.size[0])
        text = f"an instance lies over the colour (0, 0, 0) at x={x}, y={y}, which no line of the label map declares"
        fix = "add background:0,0,0:: to labelmap.txt"
        raise DataError(text, where=pair.class_where, code="cvat-color-undeclared", fix=fix)


def _note_background(found: Found, table: Table, where: Where, note: Note) -> None:
    count = found.codes.count(table.background)
    if count:
        name = table.names[table.background]
        text = f"instances are labelled {name!r}; they are kept, but CVAT refuses them on import (label not registered)"
        fix = "for an upload, give them another label"
        note(Finding("cvat-background-instance", Weight.WARNING, text, where, count, "instances", fix))


def from_classes(mask: MaskPng, table: Table, where: Where, note: Note, *, by_class: bool) -> Found:
    """Without an instance mask: connected components of each class (8-connected), or one instance a class.

    The background is never an instance. Order: by first pixel.
    """
    codes = class_codes(mask, table, where, note)
    image, width, height = mask.map, mask.map.width, mask.map.height
    void = (codes == VOID) | ((codes == table.void_label) & (table.void_label >= 0))
    live = ~void & (codes != BLACK) & (codes != table.background)
    kept: list[tuple[int, Runs]] = []
    for code, shape in zip(*runs.group(image.starts[live], image.lengths[live], codes[live]), strict=True):
        whole = runs.union([shape], width)
        kept += [(int(code), part) for part in ([whole] if by_class else runs.components(*whole, width))]
    kept.sort(key=lambda pair: int(pair[1][0][0]))
    ignored = (
        _mask(width, height, runs.union([(image.starts[void], image.lengths[void])], width)) if void.any() else None
    )
    masks = [_mask(width, height, shape) for _, shape in kept]
    return Found(width, height, [code for code, _ in kept], [None] * len(kept), masks, ignored)


def _pixel(offset: Any, width: int) -> tuple[int, int]:
    return int(offset) % width, int(offset) // width
