"""How many parts and holes a mask has."""

from __future__ import annotations

import numpy as np

from maskconv import runs
from maskconv.model import Mask


def part_count(mask: Mask) -> int:
    """The number of connected parts, diagonal neighbours included; 0 for an empty mask."""
    return len(runs.components(mask.starts, mask.lengths, mask.width))


def hole_count(mask: Mask) -> int:
    """The number of holes: background that no path of direct neighbours connects with the outside."""
    starts, width = mask.starts.astype(np.int64), mask.width
    ends = starts + mask.lengths
    row = starts // width * width
    # Euler's number is runs minus contacts between runs of neighbouring rows
    low, high = np.maximum(starts - 1, row) - width, np.minimum(ends + 1, row + width) - width
    contacts = np.searchsorted(starts, high, side="left") - np.searchsorted(ends, low, side="right")
    return part_count(mask) - len(starts) + int(contacts.sum())
