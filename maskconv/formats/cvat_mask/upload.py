"""What CVAT's upload makes of masks while "Convert masks to polygons" is on, as it is by default.

CVAT takes the outer contours of each instance (OpenCV's RETR_EXTERNAL, CHAIN_APPROX_TC89_KCOS), drops those of two points or
less than one pixel, and makes a shape of each of the others: measured on CVAT's and PyPI's Datumaro.
"""

from __future__ import annotations

import numpy as np

from maskconv import runs
from maskconv._opencv import opencv
from maskconv.finding import Finding, Note, Weight
from maskconv.geometry import polygon_mask, shape_mask
from maskconv.model import AnnotatedImage, Mask, PixelRule, Polygon
from maskconv.wording import counted

__all__ = ["as_polygons", "foresee"]

FIX = 'switch "Convert masks to polygons" off at the upload (API: conv_mask_to_poly=false)'


def as_polygons(mask: Mask) -> tuple[Polygon, ...]:
    """The polygons that CVAT makes of a mask: none of the smallest ones."""
    if not len(mask.starts):
        return ()
    cv2 = opencv()
    bitmap, x, y = mask.crop()
    contours, _ = cv2.findContours(bitmap.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_TC89_KCOS, offset=(x, y))
    found = [
        Polygon.unchecked(exterior=contour.reshape(-1, 2).astype(np.float64), holes=(), rule=PixelRule.EDGE)
        for contour in contours
        if len(contour) > 2
    ]
    return tuple(part for part in found if polygon_mask([part], mask.width, mask.height).area)


def foresee(image: AnnotatedImage, note: Note) -> None:
    """Note the instances of an image that would vanish or split, and the pixels that would change in all."""
    if image.width is None or image.height is None:
        return
    gone, split, more, changed = 0, 0, 0, 0
    for annotation in image.annotations:
        mask = shape_mask(annotation.shape, image.width, image.height)
        parts = as_polygons(mask)
        gone += bool(mask.area) and not parts
        split += len(parts) > 1
        more += len(parts) if len(parts) > 1 else 0
        changed += _different(mask, parts)
    if gone:
        text = f"{counted(gone, 'instance')} so small or thin that CVAT drops them when it converts masks to polygons"
        note(Finding("cvat-polygon-vanishes", Weight.WARNING, text, amount=gone, unit="instances", fix=FIX))
    if split:
        text = f"{counted(split, 'instance')} of several parts, which CVAT's conversion of masks to polygons makes {more} shapes"
        note(Finding("cvat-polygon-splits", Weight.WARNING, text, amount=split, unit="instances", fix=FIX))
    if changed:
        text = f"{counted(changed, 'pixel')} change when CVAT converts masks to polygons: holes are filled, borders cut"
        note(Finding("cvat-polygon-changes", Weight.WARNING, text, amount=changed, unit="pixels", fix=FIX))


def _different(mask: Mask, parts: tuple[Polygon, ...]) -> int:
    """The pixels of a mask that its polygons lose or add."""
    if not parts:
        return mask.area
    drawn = polygon_mask(parts, mask.width, mask.height)
    _, both = runs.intersect([(mask.starts, mask.lengths), (drawn.starts, drawn.lengths)], mask.width)
    return mask.area + drawn.area - 2 * int(both.sum())
