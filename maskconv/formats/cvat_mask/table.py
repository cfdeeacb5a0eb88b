"""From the pixel values of a class mask to labels: one table per label map."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from maskconv.errors import SourceError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.labelmap import voc_color, voc_labels
from maskconv.model import Color, Label, LabelMap
from maskconv.png import Kind, MaskPng, pack, unpack, voc_packed

Codes = NDArray[np.uint16]
Bytes = NDArray[np.uint8]

VOID_COLOR = (224, 224, 192)  # VOC colour 255, its border around objects
VOID_INDEX = 255
# Codes above all label indices:
BLACK = 0xFFFD  # (0, 0, 0) that no label declares: background by convention
VOID = 0xFFFE
UNDECLARED = 0xFFFF


@dataclass(frozen=True)
class Table:
    """A label map as the reader uses it: ``names[code]`` is the label of a code."""

    labels: LabelMap

    @cached_property
    def names(self) -> tuple[str, ...]:
        return self.labels.names

    @cached_property
    def background(self) -> int:
        """The background's code: the label of that name, else the black one, else none (-1)."""
        for code, label in enumerate(self.labels.labels):
            if label.name == "background":
                return code
        return next((code for code, label in enumerate(self.labels.labels) if label.color == (0, 0, 0)), -1)

    @cached_property
    def void_label(self) -> int:
        """The code of a label declared with VOC's border colour, or -1."""
        return next((code for code, label in enumerate(self.labels.labels) if label.color == VOID_COLOR), -1)

    def codes(self, mask: MaskPng) -> tuple[Codes, bool]:
        """The code of each run of a class mask, and whether its values are indices (lines of the label map), not colours."""
        values = mask.map.values
        if mask.kind is Kind.RGB:
            return self.color_codes(values), False
        if mask.palette is not None:
            by_color = self._entry_codes(mask.palette)
            if not _foreign(mask, by_color):
                return by_color[values], False
        return _index_codes(len(self.names))[values], True

    def color_codes(self, packed: NDArray[np.uint32]) -> Codes:
        """The code of each packed colour."""
        codes = _color_table(self._colors)[packed]
        return np.subtract(np.uint16(UNDECLARED), codes, out=codes)

    def _entry_codes(self, palette: Bytes) -> Codes:
        """The code of each entry of a palette by its colour; entry 255 is void where no label has its colour."""
        codes = self.color_codes(pack(palette))
        if len(self.names) <= VOID_INDEX < len(codes) and codes[VOID_INDEX] == UNDECLARED:
            codes[VOID_INDEX] = VOID
        return codes

    @cached_property
    def _colors(self) -> tuple[Color | None, ...]:
        return tuple(label.color for label in self.labels.labels)


def _foreign(mask: MaskPng, by_color: Codes) -> bool:
    """Whether a palette has nothing to do with the label map's colours, so that its indices count: some used colour is
    undeclared, and either no label's colour is used or the palette is VOC's, which stands for indices."""
    assert mask.palette is not None  # noqa: S101 - for the type checker
    used = np.flatnonzero(np.bincount(mask.map.values))
    if not (by_color[used] == UNDECLARED).any():
        return False
    palette = pack(mask.palette)
    labelled = (by_color[used] < BLACK) & (palette[used] != 0)
    return not labelled.any() or bool((palette == voc_packed(np.arange(len(palette), dtype=np.uint32))).all())


@lru_cache(maxsize=4)
def _color_table(colors: tuple[Color | None, ...]) -> Codes:
    """``UNDECLARED - code`` for every 24-bit colour: 32 MiB of address space, of which only the pages of declared
    colours become memory, for an untouched page already says undeclared."""
    table = np.zeros(1 << 24, np.uint16)
    put = {(0, 0, 0): BLACK, VOID_COLOR: VOID}
    put |= {color: code for code, color in enumerate(colors) if color is not None}
    for (r, g, b), code in put.items():
        table[r << 16 | g << 8 | b] = UNDECLARED - code
    return table


@lru_cache(maxsize=16)
def _index_codes(count: int) -> Codes:
    """Every 16-bit gray value's code: the line of the label map."""
    table = np.full(1 << 16, UNDECLARED, np.uint16)
    table[:count] = np.arange(count)
    if count <= VOID_INDEX:
        table[VOID_INDEX] = VOID
    return table


def assumed() -> LabelMap:
    """Without a label map: VOC's 21 labels. VOC's border colour stays void, which CVAT calls ``ignored``."""
    labels = voc_labels().labels[:21]
    return LabelMap(labels=tuple(Label(name=label.name, color=label.color) for label in labels))


def parse_meta(data: bytes, where: Where, note: Note) -> LabelMap:
    """Datumaro's dataset_meta.json, which overrules labelmap.txt when CVAT imports. Without colours, they are VOC's."""
    text = "dataset_meta.json overrules labelmap.txt when CVAT imports; it is used here, too"
    note(Finding("cvat-meta", Weight.INFO, text, where))
    try:
        meta = json.loads(data)
        colored = list(meta.get("label_map", {}).values())
        names = dict.fromkeys([*meta.get("labels", []), *colored])
        if len(names) >= BLACK:
            raise ValueError("too many labels")  # noqa: TRY301
        colors = dict(zip(colored, meta.get("segmentation_colors") or (), strict=False))
        if not any(colors.values()):
            colors = {name: voc_color(index) for index, name in enumerate(names)}
        return LabelMap(labels=tuple(Label(name=name, color=colors.get(name)) for name in names))
    except (ValueError, TypeError, AttributeError) as error:
        text = "dataset_meta.json is not what Datumaro writes: labels, label_map, segmentation_colors"
        fix = "remove it, so that labelmap.txt counts, or write it again"
        raise SourceError(text, where=where, code="cvat-meta", fix=fix) from error


def color_text(packed: int) -> str:
    r, g, b = unpack(np.asarray([packed], np.uint32))[0].tolist()
    return f"({r}, {g}, {b})"
