"""Pictures with an EXIF orientation: Labelbox' annotations are on the pixels in the file, those here on the ones that a
viewer shows. Each way is exact."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from maskconv import geometry, runs
from maskconv._value import frozen
from maskconv.model import AnnotatedImage, Box, Mask, Picture, Shape

__all__ = ["KEEP", "back", "image_turned", "noted", "said", "swaps", "turned"]

N = TypeVar("N", int, float)
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
KEEP = "to keep the annotations as Labelbox has them: --from-orientation stored"
_BACK = {6: 8, 8: 6}  # the others are their own way back


def swaps(orientation: int) -> bool:
    """Whether width and height are exchanged."""
    return _TURNS[orientation][0]


def said(orientation: int) -> str:
    """That annotations were turned, as a Finding says it."""
    return (
        f"the picture has EXIF orientation {orientation}: the annotations were turned to the pixels that viewers show"
    )


def back(orientation: int) -> int:
    """The orientation that undoes another."""
    return _BACK.get(orientation, orientation)


def noted(picture: Picture, orientation: int | None) -> Picture:
    """A picture with the orientation by which its image's annotations are turned."""
    return Picture.unchecked(**(picture.__dict__ | {"orientation": orientation}))


def image_turned(image: AnnotatedImage, orientation: int, width: int, height: int) -> AnnotatedImage:
    """An image with its annotations and its size turned; ``width`` and ``height`` are those before."""
    annotations = tuple(a.replace(shape=turned(a.shape, orientation, width, height)) for a in image.annotations)
    ignored = None if image.ignored is None else _mask(image.ignored, orientation)
    if swaps(orientation):
        width, height = height, width
    return image.replace(annotations=annotations, ignored=ignored, width=width, height=height)


def turned(shape: Shape, orientation: int, width: int, height: int) -> Shape:
    """A shape in the turned picture; ``width`` and ``height`` are those of the file. Polygons become masks: the pixels that
    a ring means are not those that its turned points would mean. So do rotated boxes."""
    if isinstance(shape, Box) and not shape.rotation:
        return _box(shape, orientation, width, height)
    return _mask(shape if isinstance(shape, Mask) else geometry.shape_mask(shape, width, height), orientation)


def _mask(mask: Mask, orientation: int) -> Mask:
    """Only the part that holds its pixels is turned: pictures of cameras are large."""
    swap, across, down = _TURNS[orientation]
    width, height = (mask.height, mask.width) if swap else (mask.width, mask.height)
    if not len(mask.starts):
        return Mask.unchecked(width=width, height=height, starts=mask.starts, lengths=mask.lengths)
    part, x, y = mask.crop()
    h, w = part.shape
    left, top, w, h = _place((x, y, w, h), orientation, mask.width, mask.height)
    part = (part.T if swap else part)[:: -1 if down else 1, :: -1 if across else 1]
    starts, lengths = runs.from_bitmap(np.ascontiguousarray(part))
    rows, columns = np.divmod(starts, w)
    starts = frozen(((rows + top) * width + columns + left).astype(np.int32))
    return Mask.unchecked(width=width, height=height, starts=starts, lengths=lengths)


def _box(box: Box, orientation: int, width: int, height: int) -> Box:
    x, y, w, h = _place((box.x, box.y, box.width, box.height), orientation, width, height)
    return Box.unchecked(x=x, y=y, width=w, height=h, rotation=0.0)


def _place(box: tuple[N, N, N, N], orientation: int, width: int, height: int) -> tuple[N, N, N, N]:
    """A box (x, y, width, height) in the turned picture."""
    swap, across, down = _TURNS[orientation]
    x, y, w, h = box
    if swap:
        x, y, w, h, width, height = y, x, h, w, height, width
    return (width - x - w if across else x), (height - y - h if down else y), w, h
