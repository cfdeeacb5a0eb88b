"""Every object of an image by itself: cut out by its mask, on black, on transparent ground, or as it stands there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from maskconv import runs
from maskconv._opencv import opencv
from maskconv.geometry import shape_mask
from maskconv.model import AnnotatedImage, Annotation, Box, Mask

__all__ = ["Background", "Crop", "Isolated", "isolate"]

Background = Literal["black", "transparent", "keep"]
Crop = Literal["none", "mask", "box"]
Pixels = NDArray[np.uint8]
Window = tuple[int, int, int, int]  # left, top, right, bottom; the last two exclusive


@dataclass(frozen=True, slots=True)
class Isolated:
    """One object: ``annotation`` is number ``index`` of its image; the top left pixel of ``pixels``, uint8 (height, width, 3),
    or 4 with alpha, lies at (``x``, ``y``) of the picture."""

    index: int
    annotation: Annotation
    pixels: Pixels
    x: int
    y: int


def isolate(
    image: AnnotatedImage,
    pixels: Pixels,
    *,
    background: Background = "black",
    crop: Crop = "none",
    margin: int = 0,
) -> Iterator[Isolated]:
    """Each object of the image by itself, in the image's order; one without a pixel is left out.

    ``pixels`` is the picture, uint8 (height, width, 3). The order of its channels stays: red, green, blue as Pillow has
    it, or OpenCV's. ``background`` is what all pixels outside the object's mask become: ``black``, ``transparent`` (black,
    too, with a fourth channel of alpha 0 there and 255 on the object), or, with a crop, ``keep``: what they are. ``crop``
    is ``none`` for the picture's full size, ``mask`` for the bounds of the object's mask, ``box`` for those of mask and
    detector's box together; ``margin`` adds so many pixels on each side, up to the picture's edge.

    The arrays are the caller's own. Raises ValueError for pixels of another kind or size and for options that do not fit.
    """
    check(background, crop, margin)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"a picture is a uint8 array (height, width, 3), not {pixels.dtype} {pixels.shape}")
    height, width = pixels.shape[:2]
    if (image.width or width, image.height or height) != (width, height):
        raise ValueError(f"the picture has {width} x {height} pixels, the image {image.width} x {image.height}")
    found = cut(image, pixels, background, crop, margin)
    return (_framed(one, width, height) for one in found) if crop == "none" else found


def check(background: str, crop: str, margin: int) -> None:
    """Raises ValueError for options that do not exist, or do not fit each other."""
    for name, value, known in (("background", background, get_args(Background)), ("crop", crop, get_args(Crop))):
        if value not in known:
            raise ValueError(f"{name} is {' | '.join(known)}, not {value!r}")
    if margin < 0:
        raise ValueError(f"a margin is not negative, as {margin} is")
    if crop == "none" and background == "keep":
        raise ValueError("in full size with the background kept, each file would be the whole picture; choose a crop")
    if crop == "none" and margin:
        raise ValueError("a margin needs a crop: there is none in full size")


def cut(image: AnnotatedImage, pixels: Pixels, background: Background, crop: Crop, margin: int) -> Iterator[Isolated]:
    """As `isolate`, but in full size the bounds of the mask only: what is around them is zero. Checks nothing."""
    height, width = pixels.shape[:2]
    for index, annotation in enumerate(image.annotations):
        mask = shape_mask(annotation.shape, width, height)
        if mask.area:
            box = annotation.box if crop == "box" else None
            left, top, right, bottom = window = _window(mask, box, margin)
            part = pixels[top:bottom, left:right]
            yield Isolated(index, annotation, _on(part, mask, window, background), left, top)


def _window(mask: Mask, box: Box | None, margin: int) -> Window:
    """The bounds of the mask, and of the box where there is one: outward to whole pixels, never beyond the picture."""
    x, y, w, h = mask.bbox
    left, top, right, bottom = (x, y, x + w, y + h) if box is None else _around((x, y, x + w, y + h), box)
    return (
        max(left - margin, 0),
        max(top - margin, 0),
        min(right + margin, mask.width),
        min(bottom + margin, mask.height),
    )


def _around(bounds: Window, box: Box) -> Window:
    """The bounds of a window and a box, which may be rotated about its centre."""
    turn = math.radians(box.rotation)
    cos, sin = abs(math.cos(turn)), abs(math.sin(turn))
    half_width, half_height = (box.width * cos + box.height * sin) / 2, (box.width * sin + box.height * cos) / 2
    x, y = box.x + box.width / 2, box.y + box.height / 2
    left, top, right, bottom = bounds
    return (
        min(left, math.floor(x - half_width)),
        min(top, math.floor(y - half_height)),
        max(right, math.ceil(x + half_width)),
        max(bottom, math.ceil(y + half_height)),
    )


def _on(part: Pixels, mask: Mask, window: Window, background: Background) -> Pixels:
    """The window's pixels on the background; ``part`` may be a view of the picture."""
    if background == "keep":
        return part.copy()
    if part.strides[1:] != (3, 1):  # OpenCV takes rows apart from each other, but no other views
        part = np.ascontiguousarray(part)
    cv2 = opencv()
    left, top, right, bottom = window
    bitmap = runs.crop_bitmap(mask.starts, mask.lengths, mask.width, left, top, right - left, bottom - top)
    found: Pixels
    if background == "black":
        found = cv2.bitwise_and(part, cv2.cvtColor(np.negative(bitmap.view(np.uint8)), cv2.COLOR_GRAY2BGR))
    else:
        found = cv2.cvtColor(part, cv2.COLOR_BGR2BGRA)  # alpha 255
        found.view(np.uint32)[:, :, 0] &= np.negative(bitmap.astype(np.uint32))  # a pixel and its alpha at once
    return found


def _framed(one: Isolated, width: int, height: int) -> Isolated:
    """In the picture's full size."""
    h, w, channels = one.pixels.shape
    whole = np.zeros((height, width, channels), np.uint8)
    whole[one.y : one.y + h, one.x : one.x + w] = one.pixels
    return replace(one, pixels=whole, x=0, y=0)
