"""An annotation's shape -> what Labelbox has records for: masks, rings of its own pixel rule, upright boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv import geometry
from maskconv.errors import DataError
from maskconv.finding import Note, Where
from maskconv.model import AnnotatedImage, Annotation, Box, Feature, Mask, PixelRule, Polygon, Shape
from maskconv.plugin import loss

__all__ = ["Held", "held"]

Ring = NDArray[np.float64]
Held = Mask | Box | tuple[Ring, ...]


def held(image: AnnotatedImage, number: int, annotation: Annotation, polygons: bool, note: Note) -> Held:
    """The shape as Labelbox holds it; what that costs is noted. Raises DataError where the image's size is missing."""
    shape = annotation.shape
    if isinstance(shape, Mask) and not polygons:
        return shape
    where = Where(annotation=number)
    if isinstance(shape, Box):
        if not shape.rotation:
            return shape
        note(loss(Feature.BOXES, 1, where, message="Labelbox has no rotated boxes: this one was painted"))
    if isinstance(shape, tuple) and polygons and all(_native(polygon) for polygon in shape):
        return _rings(shape, image, where, note)
    mask = shape if isinstance(shape, Mask) else _painted(image, shape, where)
    return _rings(geometry.trace(mask, PixelRule.CENTRE_TRUNC), image, where, note) if polygons else mask


def _native(polygon: Polygon) -> bool:
    """Whether a ring's points mean the same pixels to Labelbox: by rule, or because they are whole."""
    if polygon.rule is PixelRule.CENTRE_TRUNC:
        return True
    rings = (polygon.exterior, *polygon.holes)
    return polygon.rule is PixelRule.CENTRE_NEAR and all(bool((ring == np.floor(ring)).all()) for ring in rings)


def _painted(image: AnnotatedImage, shape: Shape, where: Where) -> Mask:
    if image.width is None or image.height is None:
        fix = "tell the reader where the pictures are, if it has an option for that (--from-images DIR)"
        if isinstance(shape, tuple) and all(_native(polygon) for polygon in shape):
            fix += ", or keep the polygons: --to-shape polygon"
        text = "this shape must be painted, and the image's size is not known"
        raise DataError(text, where=where, code="image-size-unknown", fix=fix)
    return geometry.shape_mask(shape, image.width, image.height)


def _rings(polygons: tuple[Polygon, ...], image: AnnotatedImage, where: Where, note: Note) -> tuple[Ring, ...]:
    """The exteriors; holes are lost, parts become records of their own."""
    if any(polygon.holes for polygon in polygons):
        note(loss(Feature.HOLES, _filled(polygons, image), where, message="a polygon of Labelbox has no holes"))
    if len(polygons) > 1:
        text = f"Labelbox has one ring a record: {len(polygons)} parts became instances of their own"
        note(loss(Feature.PARTS, 1, where, message=text, fix="masks keep them: --to-shape mask"))
    return tuple(polygon.exterior for polygon in polygons)


def _filled(polygons: tuple[Polygon, ...], image: AnnotatedImage) -> int:
    """How many pixels the holes had."""
    width, height = image.width, image.height
    if width is None or height is None:
        far: Any = np.max([polygon.exterior.max(axis=0) for polygon in polygons], axis=0)
        width, height = (int(np.clip(value, 0, 2**15)) + 2 for value in far)
    whole = [Polygon.unchecked(exterior=p.exterior, holes=(), rule=p.rule) for p in polygons]
    return geometry.polygon_mask(whole, width, height).area - geometry.polygon_mask(polygons, width, height).area
