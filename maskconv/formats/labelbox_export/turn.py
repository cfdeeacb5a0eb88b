"""Pictures with an EXIF orientation: annotations on the file's pixels -> on the pixels that a viewer shows."""

from __future__ import annotations

import numpy as np

from maskconv import geometry
from maskconv.model import Box, Mask, Shape

__all__ = ["swaps", "turned"]

# orientation: width and height are swapped, then left and right, then top and bottom; Exif 2.32, tag 274
_TURNS = {
    1: (False, False, False),
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}


def swaps(orientation: int) -> bool:
    """Whether width and height are exchanged."""
    return _TURNS[orientation][0]


def turned(shape: Shape, orientation: int, width: int, height: int) -> Shape:
    """A shape in the turned picture; ``width`` and ``height`` are those of the file. Polygons become masks: the pixels that
    a ring means are not those that its turned points would mean."""
    if isinstance(shape, Box):
        return _box(shape, orientation, width, height)
    swap, across, down = _TURNS[orientation]
    mask = shape if isinstance(shape, Mask) else geometry.shape_mask(shape, width, height)
    array = mask.to_array().T if swap else mask.to_array()
    return Mask.from_array(np.ascontiguousarray(array[:: -1 if down else 1, :: -1 if across else 1]))


def _box(box: Box, orientation: int, width: int, height: int) -> Box:
    swap, across, down = _TURNS[orientation]
    x, y, w, h = box.x, box.y, box.width, box.height
    if swap:
        x, y, w, h, width, height = y, x, h, w, height, width
    return Box.unchecked(
        x=width - x - w if across else x, y=height - y - h if down else y, width=w, height=h, rotation=0.0
    )
