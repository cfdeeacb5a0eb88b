"""Shapes of Labelbox' as ours: composites split once by colour, PNGs of one instance, rings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from maskconv import png, runs
from maskconv.errors import PngError
from maskconv.labelbox.checks import Color
from maskconv.model import Annotation, Encoded, Mask, PixelRule, Polygon
from maskconv.png import Kind, MaskPng
from maskconv.runs import RunMap, Runs

__all__ = ["Color", "Composite", "binary", "composite", "pack", "polygon"]


@dataclass(slots=True)
class Composite:
    """A decoded composite: its pixels by packed colour. ``odd`` says why Labelbox would not take it; empty when it would."""

    name: str
    data: bytes
    odd: str
    map: RunMap
    shapes: dict[int, Mask]  # without black
    taken: set[Color | None] = field(default_factory=set)

    def mask(self, color: Color | None) -> Mask | None:
        """The pixels of a colour, black included; without a colour all that are not black. None where there are none."""
        self.taken.add(color)
        if color is None:
            return self._mask(runs.union([(m.starts, m.lengths) for m in self.shapes.values()], self.map.width))
        packed = pack(color)
        return self._select(self.map.values == 0) if packed == 0 else self.shapes.get(packed)

    def has(self, color: Color) -> bool:
        """Whether there are pixels of a colour, black included; it is not taken."""
        packed = pack(color)
        return packed in self.shapes if packed else bool((self.map.values == 0).any())

    def _select(self, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Mask | None:
        starts, lengths = self.map.starts[chosen], self.map.lengths[chosen]
        starts.flags.writeable = lengths.flags.writeable = False
        return self._mask((starts, lengths))

    def _mask(self, found: Runs) -> Mask | None:
        return _mask(self.map, found) if len(found[0]) else None

    @property
    def colors(self) -> str:
        """The colours that are there, as a person would write them."""
        shown = [str(list(png.unpack(packed).tolist())) for packed in list(self.shapes)[:8]]
        return ", ".join(shown) + (" ..." if len(self.shapes) > 8 else "") if shown else "none but black"

    def unnamed(self) -> list[int]:
        """The colours that no record named."""
        named = {pack(color) for color in self.taken if color is not None}
        return [] if None in self.taken else [packed for packed in self.shapes if packed not in named]

    def encoded(self, colors: Sequence[int], annotations: tuple[Annotation, ...]) -> Encoded | None:
        """The PNG as it is, where it shows exactly these annotations, each in a packed colour of its own."""
        if self.odd or len(set(colors)) != len(annotations) or set(colors) != set(self.shapes):
            return None
        rgb = tuple((value >> 16, value >> 8 & 255, value & 255) for value in colors)
        return Encoded(self.data, rgb, tuple(a.shape for a in annotations))


def pack(color: Color) -> int:
    return color[0] << 16 | color[1] << 8 | color[2]


def _mask(image: RunMap, found: Runs) -> Mask:
    return Mask.unchecked(width=image.width, height=image.height, starts=found[0], lengths=found[1])


def composite(name: str, data: bytes) -> Composite:
    """Decode and split. Raises PngError."""
    image = png.decode(data)
    colors = _rgb(image)
    values, shapes = runs.group(colors.starts, colors.lengths, colors.values, skip=0)
    masks = {packed: _mask(colors, found) for packed, found in zip(values.tolist(), shapes, strict=True)}
    return Composite(name, data, _odd(image), colors, masks)


def _odd(image: MaskPng) -> str:
    if image.kind is Kind.PALETTE:
        return "is a palette PNG"
    if image.kind is Kind.GRAY:
        return "is a gray PNG"
    if image.alpha:
        return "has transparency"
    return "" if image.depth == 8 else f"has {image.depth} bits a channel"


def _rgb(image: MaskPng) -> RunMap:
    """Any mask PNG as packed colours, as a viewer shows it."""
    if image.kind is Kind.RGB:
        return image.map
    if image.palette is not None:
        return _remap(image.map, png.pack(image.palette)[image.map.values])
    samples = image.map.values.astype(np.uint32)
    if image.depth == 16 and (samples % 257).any():
        raise PngError("the composite has 16 bits a pixel, which are no colours", code="png-kind")
    scaled = samples * (0xFF // ((1 << image.depth) - 1)) if image.depth <= 8 else samples // 257
    return _remap(image.map, scaled * np.uint32(0x010101))


def _remap(image: RunMap, values: runs.Values) -> RunMap:
    """The same image in other values; runs that became equal are joined."""
    keep = np.append(True, values[1:] != values[:-1]) | (image.starts % image.width == 0)
    starts, values = image.starts[keep], values[keep].astype(np.uint32)
    starts.flags.writeable = values.flags.writeable = False
    return RunMap(image.width, image.height, starts, values)


def binary(data: bytes) -> tuple[Mask, str]:
    """The nonzero pixels of an instance's own PNG, and what is odd about it. Raises PngError."""
    image = png.decode(data)
    highest = int(image.map.values.max())
    odd = _odd_binary(image, highest)
    if highest > 1:
        image = _as_binary(image)
    keep = image.map.values != 0
    starts, lengths = image.map.starts[keep], image.map.lengths[keep]
    starts.flags.writeable = lengths.flags.writeable = False
    return _mask(image.map, (starts, lengths)), odd


def _as_binary(image: MaskPng) -> MaskPng:
    flat = _remap(image.map, (image.map.values != 0).astype(np.uint32))
    return MaskPng(image.kind, image.depth, image.alpha, image.palette, flat)


def _odd_binary(image: MaskPng, highest: int) -> str:
    if image.kind is Kind.RGB:
        return "is an RGB PNG; its pixels that are not black were taken"
    if image.kind is Kind.PALETTE:
        return "is a palette PNG; its indices were taken, not its colours"
    if image.alpha:
        return "has transparency, which was ignored"
    return f"has values up to {highest}; all but 0 were taken" if highest > 1 else ""


def polygon(ring: list[tuple[float, float]]) -> Polygon:
    """A ring as Labelbox means it, without the closing point; three points stay three."""
    if len(ring) > 3 and ring[0] == ring[-1]:
        ring = ring[:-1]
    exterior = np.array(ring, np.float64)
    exterior.flags.writeable = False
    return Polygon.unchecked(exterior=exterior, holes=(), rule=PixelRule.CENTRE_TRUNC)
