"""What Labelbox states as its limits."""

from __future__ import annotations

from collections import Counter

import numpy as np

from maskconv.errors import DataError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.model import AnnotatedImage, Box, Shape

__all__ = ["MAX_MASKS", "key_error", "limits", "many_masks", "outside"]

MAX_KEY = 200  # characters of a global key
MAX_SAME = 5000  # annotations of one label on one data row
MAX_MASKS = 1000  # masks of one import job
MAX_SIDE = 9000  # pixels of a picture's side
_BORDER = 1  # pixels by which the two ways to count them differ


def key_error(key: str) -> DataError | None:
    """Why Labelbox would refuse a global key."""
    if len(key) <= MAX_KEY:
        return None
    text = f"the global key has {len(key)} characters, Labelbox takes {MAX_KEY}: {key[:60]}..."
    return DataError(text, code="labelbox-key-long", fix="shorten it; when writing: --to-global-key '{stem}{ext}'")


def limits(image: AnnotatedImage, labels: list[str], note: Note) -> None:
    """What of one image Labelbox would refuse or advises against; ``labels`` are its annotations'."""
    where = Where(image=image.name)
    for label, count in Counter(labels).items() if len(labels) > MAX_SAME else ():
        if count > MAX_SAME:
            text = f"{count:,} instances of {label!r}; Labelbox takes {MAX_SAME:,} of a label on a data row"
            note(Finding("labelbox-too-many", Weight.ERROR, text, where, count, "records", "leave some out"))
    if max(image.width or 0, image.height or 0) > MAX_SIDE:
        text = f"{image.width} x {image.height} pixels; Labelbox recommends at most {MAX_SIDE} x {MAX_SIDE}"
        note(Finding("labelbox-large-image", Weight.WARNING, text, where, unit="images", fix="tile the picture"))


def many_masks(count: int, where: Where, note: Note) -> None:
    """What Labelbox advises against in one file."""
    if count > MAX_MASKS:
        text = f"{count:,} masks in one file; Labelbox asks to split more than {MAX_MASKS:,} into separate jobs"
        fix = f"split it between images: --to-max-records {MAX_MASKS}"
        note(Finding("labelbox-many-masks", Weight.WARNING, text, where, count, "masks", fix))


def outside(shape: Shape, size: tuple[int, int]) -> str:
    """By how much a shape's points lie out of a picture of (width, height) pixels, in words; empty where they do not."""
    if isinstance(shape, Box):
        low, high = (shape.x, shape.y), (shape.x + shape.width, shape.y + shape.height)
    elif isinstance(shape, tuple):
        points = np.concatenate([part.exterior for part in shape])
        low, high = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    else:
        return ""
    far = max(-low[0], -low[1], high[0] - size[0], high[1] - size[1])
    return f"{far:,.1f} pixels out of the picture of {size[0]} x {size[1]}" if far > _BORDER else ""
