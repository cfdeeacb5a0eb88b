"""Pure: a mask without its holes, and its parts as masks of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskconv import runs
from maskconv._opencv import opencv
from maskconv.model import Mask
from maskconv.runs import Runs

__all__ = ["fill_holes", "split_parts"]


def fill_holes(mask: Mask) -> Mask:
    """The mask and all background that no path of direct neighbours connects with the outside.

    Raises `MissingDependencyError` where OpenCV cannot be loaded.
    """
    if not len(mask.starts):
        return mask
    cv2 = opencv()
    crop, x, y = mask.crop()
    outlines, _ = cv2.findContours(crop.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    full: NDArray[np.uint8] = np.zeros(crop.shape, np.uint8)
    cv2.fillPoly(full, outlines, 1)
    starts, lengths = runs.from_bitmap(full)
    rows, columns = np.divmod(starts, np.int32(crop.shape[1]))
    starts = np.asarray((rows + np.int32(y)) * np.int32(mask.width) + (columns + np.int32(x)), np.int32)
    return _mask(mask, (starts, lengths))


def split_parts(mask: Mask) -> tuple[Mask, ...]:
    """The connected parts (8 neighbours), ordered by their first pixel."""
    return tuple(_mask(mask, part) for part in runs.components(mask.starts, mask.lengths, mask.width))


def _mask(image: Mask, pixels: Runs) -> Mask:
    starts, lengths = pixels
    starts.flags.writeable = lengths.flags.writeable = False
    return Mask.unchecked(width=image.width, height=image.height, starts=starts, lengths=lengths)
