"""From a class mask and an instance mask to instances: pure, on runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv import png, runs
from maskconv.errors import DataError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.cvat_mask.polluted import reason
from maskconv.formats.cvat_mask.table import BLACK, UNDECLARED, VOID, VOID_INDEX, Codes, Table, color_text
from maskconv.model import Mask
from maskconv.png import Kind, MaskPng
from maskconv.runs import Ints, RunMap, Runs
from maskconv.wording import counted, quoted

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


@dataclass(frozen=True)
class Read:
    """A class mask by codes, one a run. ``empty`` is the code that means no class where there is no instance (-1: none)."""

    map: RunMap
    codes: Codes
    empty: int


def from_pair(pair: Pair, note: Note, *, split_mixed: bool) -> Found:
    """The instances that an instance mask separates and a class mask names."""
    other = (pair.objects.map.width, pair.objects.map.height)
    if other != pair.size:
        text = "the class mask has {}x{} pixels, the instance mask {}x{}".format(*pair.size, *other)
        fix = "export both masks again at the picture's size (CVAT: operands could not be broadcast together)"
        raise DataError(text, where=pair.class_where, code="cvat-size-mismatch", fix=fix)
    classes = read_classes(pair.classes, pair.table, pair.class_where, note)
    indices = _indices(pair, note)
    found = _plain(pair, classes, indices)
    if found is None:
        found = _involved(pair, classes, indices, note, split_mixed=split_mixed)
    _note_background(found, pair.table, pair.class_where, note)
    return found


def read_classes(mask: MaskPng, table: Table, where: Where, note: Note) -> Read:
    """The label code of each run of a class mask. Raises DataError for a colour or index that no label declares."""
    _note_kind(mask, "class", where, note)
    codes, by_index = table.codes(mask)
    highest = int(codes.max())
    if highest == UNDECLARED:
        raise _undeclared(mask, codes == UNDECLARED, table, where, by_index=by_index)
    if highest >= BLACK and not by_index:
        _note_black(mask, codes == BLACK, where, note)
    if highest == VOID:
        if mask.kind is Kind.GRAY and mask.depth == 8:
            _refuse_binary(mask, where)
        _note_void(mask, codes, where, note)
    if by_index and mask.kind is Kind.PALETTE:
        text = "the palette has other colours than the label map (CVAT: Undeclared color); its indices are read as lines here"
        fix = "for an upload, convert it to cvat-mask, or give labelmap.txt the palette's colours"
        note(Finding("cvat-palette-index", Weight.ERROR, text, where, fix=fix))
    return Read(mask.map, codes, 0 if by_index and table.background < 0 else table.background)


def _undeclared(mask: MaskPng, wrong: NDArray[np.bool_], table: Table, where: Where, *, by_index: bool) -> DataError:
    values, lengths = mask.map.values[wrong], mask.map.lengths[wrong]
    x, y = _pixel(mask.map.starts[wrong][0], mask.map.width)
    count, pixels = len(np.unique(values)), int(lengths.sum())
    more = (
        f" ({count:,} such values, {counted(pixels, 'pixel')} in all)"
        if count > 1
        else f" ({counted(pixels, 'pixel')})"
    )
    if by_index:
        text = f"the index {values[0]} at x={x}, y={y} has no line in the label map of {len(table.names)} labels{more}"
        fix = "class indices are line numbers, from 0: add the missing lines to labelmap.txt"
        return DataError(text, where=where, code="cvat-index-undeclared", fix=fix)
    colors = values if mask.palette is None else png.pack(mask.palette)[values]
    why, fix = reason(np.unique(colors), table)
    more = f" ({count:,} such colours, {why}; {counted(pixels, 'pixel')} in all)" if why else more
    text = f"the colour {color_text(int(colors[0]))} at x={x}, y={y} is in no line of the label map{more}"
    fix = fix or "add a label of that colour to labelmap.txt, or export the mask again without resizing or JPEG"
    return DataError(text, where=where, code="cvat-color-undeclared", fix=fix)


def _refuse_binary(mask: MaskPng, where: Where) -> None:
    """Gray 0 and 255 alone is a binary mask, not one class and a void border."""
    values = mask.map.values
    if not ((values != 0) & (values != VOID_INDEX)).any():
        text = "the class mask is a binary one, gray 0 and 255, and 255 is no line of the label map"
        fix = "write the label's index (its line, from 0) in place of 255 (CVAT: Undeclared label '255')"
        raise DataError(text, where=where, code="cvat-binary-mask", fix=fix)


def _note_black(mask: MaskPng, black: NDArray[np.bool_], where: Where, note: Note) -> None:
    if black.any():
        x, y = _pixel(mask.map.starts[black][0], mask.map.width)
        amount = int(mask.map.lengths[black].sum())
        text = f"{counted(amount, 'black pixel')}, the first at x={x}, y={y}, and no line of the label map is 0,0,0"
        text += " (CVAT: Undeclared color (0, 0, 0)); they are background here"
        fix = "add background:0,0,0:: to labelmap.txt"
        note(Finding("cvat-black-undeclared", Weight.ERROR, text, where, amount, "pixels", fix))


def _note_void(mask: MaskPng, codes: Codes, where: Where, note: Note) -> None:
    void = codes == VOID
    x, y = _pixel(mask.map.starts[void][0], mask.map.width)
    amount = int(mask.map.lengths[void].sum())
    which, weight, cvat = "VOC's border", Weight.ERROR, "CVAT refuses that (Undeclared color)"
    if mask.kind is Kind.GRAY:
        which, weight = "gray 255", Weight.WARNING
        cvat = "CVAT drops that, and refuses it within an instance (Undeclared label '255')"
    text = f"{counted(amount, 'void pixel')} ({which}), the first at x={x}, y={y}; {cvat}"
    fix = "for an upload, convert it to cvat-mask, which leaves them out"
    note(Finding("cvat-void", weight, text, where, amount, "pixels", fix))


def _note_kind(mask: MaskPng, which: str, where: Where, note: Note) -> None:
    """What CVAT makes of gray PNGs that are not of 8 bits, or have alpha."""
    if mask.kind is not Kind.GRAY:
        return
    odd = ""
    if mask.alpha:
        odd = "gray with an alpha channel, which CVAT takes for colours (Undeclared color)"
    elif mask.depth == 16 and mask.map.values.max() > HIGHEST:
        odd = "16-bit gray with values above 255, of which CVAT keeps the lower 8 bits: instances merge or vanish"
    elif mask.depth < 8:
        odd = f"{mask.depth}-bit gray, which CVAT stretches to 0..255 (Undeclared label '255')"
    if odd:
        text = f"the {which} mask is {odd}; it is read by its own values here"
        note(Finding("cvat-png-kind", Weight.ERROR, text, where, fix="for an upload, convert it to cvat-mask"))


def _indices(pair: Pair, note: Note) -> NDArray[Any]:
    """The instance index of each run of the instance mask: VOC's colour number, or the gray value."""
    mask, indices = pair.objects, pair.objects.map.values
    colors = np.zeros(1, np.uint32)
    if mask.kind is Kind.RGB:
        colors = indices = png.voc_index(indices)
    elif mask.palette is not None:
        used = np.flatnonzero(np.bincount(indices))
        by_color = png.voc_index(png.pack(mask.palette))
        colors, indices = by_color[used], _entries(by_color, used)[indices]
    if indices.max() > HIGHEST and (count := int(np.count_nonzero(np.unique(indices)))) > HIGHEST:
        _note_many(count, pair, note)
    else:
        _note_kind(mask, "instance", pair.object_where, note)
        _note_color(int(colors.max()), pair, note)
    if not indices.any():
        text = "the instance mask shows no instance; older versions of CVAT fail on it (zero-size array)"
        fix = "for an upload, remove both masks and keep the list's line"
        note(Finding("cvat-empty-mask", Weight.WARNING, text, pair.object_where, fix=fix))
    return indices


def _entries(by_color: NDArray[Any], used: NDArray[np.intp]) -> NDArray[Any]:
    """The instance index of each palette entry: by its colour where all are VOC's, as CVAT does; else its place. Then, too,
    black is the background; where it is not used, entry 0 is."""
    known = by_color[used]
    by_place = known.max() > HIGHEST and (by_color[0] == 0 or known.all())
    return np.arange(len(by_color), dtype=np.uint32) if by_place else by_color


def _note_color(highest: int, pair: Pair, note: Note) -> None:
    if highest > HIGHEST:
        color = color_text(int(png.voc_packed(highest)))
        text = f"the instance colour {color} is none of the 256 that CVAT's importer knows (Undeclared color)"
        fix = "it is read here; for an upload, convert it to cvat-mask, which numbers the instances anew"
        note(Finding("cvat-instance-color", Weight.ERROR, text, pair.object_where, fix=fix))


def _note_many(count: int, pair: Pair, note: Note) -> None:
    text = f"the instance mask shows {count:,} instances; CVAT's importer knows {HIGHEST} in an image"
    fix = "it is read here; for an upload, split the image, or leave instances out"
    note(Finding("cvat-too-many", Weight.ERROR, text, pair.object_where, count, "instances", fix))


def _plain(pair: Pair, classes: Read, indices: NDArray[Any]) -> Found | None:
    """The common case, without looking at a pixel twice: each instance in one class, all else empty, no void."""
    highest, code = int(indices.max()), classes.codes
    if highest > 0xFFFF or int(code.max()) == VOID or (highest >= VOID_INDEX and (indices == VOID_INDEX).any()):
        return None
    image, (width, height) = pair.objects.map, pair.size
    at = runs.within(RunMap(width, height, classes.map.starts, code), image.starts)
    if at is None:
        return None
    places = indices.astype(np.intp)
    class_of = np.full(highest + 1, BLACK, np.uint16)
    class_of[places] = at
    if class_of[0] not in (classes.empty, BLACK) or (class_of.take(places) != at).any():
        return None
    found, shapes = runs.group(image.starts, image.lengths, indices, skip=0)
    of = class_of[found].tolist()
    if BLACK in of:
        return None
    return Found(width, height, of, found.tolist(), [_mask(width, height, shape) for shape in shapes], whole=True)


def _mask(width: int, height: int, shape: Runs) -> Mask:
    return Mask.unchecked(width=width, height=height, starts=shape[0], lengths=shape[1])


def _involved(pair: Pair, classes: Read, indices: NDArray[Any], note: Note, *, split_mixed: bool) -> Found:
    """Void pixels, classes without instances, instances over several classes: everything measured and named."""
    image, table, (width, height) = pair.objects.map, pair.table, pair.size
    a = RunMap(width, height, image.starts, indices.astype(np.uint32))
    b = RunMap(width, height, classes.map.starts, classes.codes)
    starts, lengths, index, code = runs.crossing(a, b)
    empty = (code == classes.empty) | (code == BLACK)
    void = (code == VOID) | ((index == VOID_INDEX) & (empty | (code == table.void_label)))
    void |= (index == 0) & (code == table.void_label) & (table.void_label >= 0)
    inside = void & (index != 0) & (index != VOID_INDEX)
    _note_void_instance(pair, starts, lengths, inside, note)
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
    parts = ", ".join(f"{name}: {counted(area, 'pixel')}" for name, area in areas.items())
    text = f"instance {number} lies over {len(areas)} classes ({parts})"
    if split_mixed:
        text += "; it became one instance for each"
        note(Finding("cvat-mixed-split", Weight.WARNING, text, pair.object_where, len(areas), "instances"))
        return
    fix = "CVAT would take the class with the highest index; mend the masks, or use --from-mixed split"
    note(Finding("cvat-mixed", Weight.ERROR, text, pair.object_where, 1, "instances", fix))


def _note_void_instance(pair: Pair, starts: Ints, lengths: Ints, inside: NDArray[np.bool_], note: Note) -> None:
    if inside.any():
        x, y = _pixel(starts[inside][0], pair.size[0])
        amount = int(lengths[inside].sum())
        count = counted(amount, "pixel")
        text = f"{count} of instances void in the class mask, the first at x={x}, y={y}, and so void here"
        note(Finding("cvat-void-instance", Weight.DATA, text, pair.class_where, amount, "pixels"))


def _note_stray(pair: Pair, starts: Ints, lengths: Ints, code: Codes, stray: NDArray[np.bool_], note: Note) -> None:
    if stray.any():
        x, y = _pixel(starts[stray][0], pair.size[0])
        name = pair.table.names[int(code[stray][0])]
        amount = int(lengths[stray].sum())
        count = counted(amount, "pixel")
        text = f"{count} of a class without an instance, the first at x={x}, y={y} ({name}); CVAT drops them, too"
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
        number = counted(count, "instance")
        text = f"{number} labelled {quoted(name)}: kept, but CVAT refuses that (Label {quoted(name)} is not registered)"
        fix = "for an upload, give them another label, or make a label of that name in the task"
        note(Finding("cvat-background-instance", Weight.ERROR, text, where, count, "instances", fix))


def from_classes(mask: MaskPng, table: Table, where: Where, note: Note, *, by_class: bool) -> Found:
    """Without an instance mask: connected components of each class (8-connected), or one instance a class.

    The background is never an instance. Order: by first pixel.
    """
    codes = read_classes(mask, table, where, note).codes
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
