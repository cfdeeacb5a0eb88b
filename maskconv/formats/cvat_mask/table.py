"""From the pixel values of a class mask to labels: one table per label map."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from maskconv.errors import DataError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.labelmap import voc_labels
from maskconv.model import Color, Label, LabelMap
from maskconv.png import Kind, MaskPng, pack, unpack

Codes = NDArray[np.uint16]

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

    def codes(self, mask: MaskPng) -> Codes:
        """The code of each run of a class mask (uint16).

        A palette's colours decide where the label map declares all that are used; else its indices, like gray values.
        """
        values = mask.map.values
        if mask.kind is Kind.RGB:
            return _color_codes(self._colors, values)
        if mask.kind is Kind.PALETTE and mask.palette is not None:
            by_color = _color_codes(self._colors, pack(mask.palette))
            if len(self.names) <= VOID_INDEX < len(by_color):
                by_color[VOID_INDEX] = VOID
            codes = by_color[values]
            if not (codes == UNDECLARED).any():
                return codes
        return _index_codes(len(self.names))[values]

    @cached_property
    def _colors(self) -> tuple[Color | None, ...]:
        return tuple(label.color for label in self.labels.labels)


def _color_codes(colors: tuple[Color | None, ...], packed: NDArray[np.uint32]) -> Codes:
    codes = _color_table(colors)[packed]
    return np.subtract(np.uint16(UNDECLARED), codes, out=codes)


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
    """Datumaro's dataset_meta.json, which overrules labelmap.txt when CVAT imports."""
    text = "dataset_meta.json overrules labelmap.txt when CVAT imports; it is used here, too"
    note(Finding("cvat-meta", Weight.INFO, text, where))
    try:
        meta = json.loads(data)
        colors = meta.get("segmentation_colors") or []
        names = list(dict.fromkeys([*meta.get("labels", []), *meta.get("label_map", {}).values()]))
        known = {name: colors[i] for i, name in enumerate(meta.get("label_map", {}).values()) if i < len(colors)}
        return LabelMap(labels=tuple(Label(name=name, color=known.get(name)) for name in names))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        text = "dataset_meta.json is not what Datumaro writes: labels, label_map, segmentation_colors"
        raise DataError(text, where=where, code="cvat-meta", fix="remove it, or write it again") from error


def color_text(packed: int) -> str:
    r, g, b = unpack(np.asarray([packed], np.uint32))[0].tolist()
    return f"({r}, {g}, {b})"
