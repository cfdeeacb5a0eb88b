"""A composite mask, indexed once: the runs of any colour without looking at its pixels again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv import png
from maskconv._colors import Bytes
from maskconv._runmap import nonzero
from maskconv.errors import PngError
from maskconv.model import MAX_PIXELS
from maskconv.png import Kind, MaskPng
from maskconv.runs import RunMap, Runs

__all__ = ["Composite"]


@dataclass(frozen=True, slots=True, eq=False)
class Composite:
    """``map`` holds packed colours 0xRRGGBB; ``values`` are the same, sorted, ``order`` the runs that have them.

    ``palette``: the pixels came from a palette PNG.
    """

    map: RunMap
    order: NDArray[np.intp]
    values: NDArray[np.uint32]
    palette: bool = False

    @classmethod
    def of(cls, image: RunMap, *, palette: bool = False) -> Composite:
        order = np.argsort(image.values, kind="stable")
        return cls(image, order, image.values.take(order), palette)

    @classmethod
    def from_array(cls, array: Bytes) -> Composite:
        """From uint8 (H, W, 3), which is not empty."""
        return cls.of(_scan(np.ascontiguousarray(array)))

    @classmethod
    def from_png(cls, data: bytes) -> Composite:
        """From a PNG of any kind that has colours. Raises PngError."""
        image = png.decode(data)
        return cls.of(_rgb(image), palette=image.kind is Kind.PALETTE)

    def runs(self, packed: int) -> Runs:
        """The runs of one colour; none where it does not occur."""
        low, high = np.searchsorted(self.values, np.array([packed, packed + 1], np.uint32))
        at = self.order[low:high]
        starts, lengths = self.map.starts.take(at), self.map.lengths.take(at)
        starts.flags.writeable = lengths.flags.writeable = False
        return starts, lengths

    def to_array(self) -> Bytes:
        """uint8 (H, W, 3)."""
        return png.unpack(self.map.to_array())

    def shown(self) -> str:
        """The colours that are there, as a person would write them."""
        colors = png.unpack(np.unique(self.values)[:9]).tolist()
        return ", ".join(str(tuple(color)) for color in colors[:8]) + (" ..." if len(colors) > 8 else "")


def _scan(array: Bytes) -> RunMap:
    """Runs begin where a byte differs from the one of the pixel on the left, and with every row."""
    height, width, _ = array.shape
    if height * width > MAX_PIXELS:
        raise ValueError(f"{width} x {height} pixels are more than {MAX_PIXELS}")
    flat = array.reshape(-1)
    changes = np.empty(len(flat), np.bool_)
    np.not_equal(flat[3:], flat[:-3], out=changes[3:])
    changes[:: 3 * width] = True
    pixels = nonzero(changes.view(np.uint8))[0] // 3
    starts = pixels[np.append(True, pixels[1:] != pixels[:-1])]
    return _image(width, height, starts, png.pack(array.reshape(-1, 3).take(starts, axis=0)))


def _image(width: int, height: int, starts: NDArray[Any], values: NDArray[Any]) -> RunMap:
    starts, values = starts.astype(np.int32), values.astype(np.uint32)
    starts.flags.writeable = values.flags.writeable = False
    return RunMap(width, height, starts, values)


def _rgb(image: MaskPng) -> RunMap:
    """Packed colours of any mask PNG: a palette's own, gray as Pillow reads it (1 bit: 0 and 1, 2 and 4 bits scaled)."""
    if image.kind is Kind.RGB:
        return image.map
    found = image.map.values.astype(np.uint32)
    if image.palette is not None:
        return _joined(image.map, png.pack(image.palette).take(found))
    if (highest := int(found.max())) > 255:
        raise PngError(f"the PNG has gray values up to {highest}, and colours end at 255", code="png-kind")
    scale = {2: 85, 4: 17}.get(image.depth, 1)
    return _joined(image.map, found * np.uint32(scale * 0x010101))


def _joined(image: RunMap, values: NDArray[Any]) -> RunMap:
    """The same runs in other values; those that became equal are one."""
    keep = np.append(True, values[1:] != values[:-1]) | (image.starts % image.width == 0)
    return _image(image.width, image.height, image.starts[keep], values[keep])
