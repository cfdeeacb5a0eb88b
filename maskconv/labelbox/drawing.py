"""Drawing as Labelbox' SDK draws: OpenCV on a canvas, vertices as pixel indices ``trunc(round(v, 6))``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv import png
from maskconv._opencv import opencv

__all__ = ["Canvas", "Color", "dot", "fill", "new_canvas", "outline", "rounded", "whole"]

Canvas = NDArray[Any]
Color = int | Sequence[int]
Ring = NDArray[np.float64]  # (n, 2), x and y, whole numbers

NEAR = 2**20  # OpenCV walks every row between a vertex and the image: 20 s from the edge of int32
FARTHEST = 2**31 - 1


def rounded(points: Iterable[tuple[float, float]]) -> list[list[float]]:
    """Coordinates as GeoJSON has them here: six decimals, correctly rounded (numpy's own ``round`` is not)."""
    return [[round(x, 6), round(y, 6)] for x, y in points]


def whole(points: Iterable[tuple[float, float]]) -> Ring:
    """The pixel indices that vertices mean, float64 (n, 2)."""
    return np.trunc(np.array(rounded(points), np.float64))


def new_canvas(
    height: int | None, width: int | None, canvas: Canvas | None, channels: tuple[int, ...] = (3,)
) -> Canvas:
    """The given canvas, contiguous (itself where it is), or a black one, uint8 (height, width, 3)."""
    if canvas is not None:
        return np.ascontiguousarray(canvas)
    if height is None or width is None:
        raise ValueError("Must either provide canvas or height and width")
    if height < 0 or width < 0 or height * width > png.MAX_PIXELS:
        raise ValueError(f"{height} x {width} (height x width) is no size of an image (up to {png.MAX_PIXELS} pixels)")
    return np.zeros((height, width, *channels), np.uint8)


def fill(canvas: Canvas, ring: Ring, color: Any) -> Canvas:
    """Fill a ring, edges inclusive, in place; vertices may lie anywhere."""
    if (np.abs(ring) <= NEAR).all():
        return _call("fillPoly", canvas, [ring.astype(np.int32)], color)
    from maskconv.geometry import polygon_mask
    from maskconv.model import PixelRule, Polygon

    height, width = canvas.shape[:2]
    mask = polygon_mask([Polygon(exterior=ring, rule=PixelRule.CENTRE_TRUNC)], width, height)
    pixel = _call("fillPoly", np.zeros((1, 1, *canvas.shape[2:]), canvas.dtype), [np.zeros((3, 2), np.int32)], color)
    canvas[mask.to_array()] = pixel[0, 0]
    return canvas


def outline(canvas: Canvas, ring: Ring, closed: bool, color: Any, thickness: int) -> Canvas:
    """Draw lines from point to point, in place."""
    if (np.abs(ring) > FARTHEST).any():
        raise ValueError(f"a coordinate of {np.abs(ring).max():g} is too far away for a line (up to {FARTHEST})")
    return _call("polylines", canvas, [ring.astype(np.int32)], closed, color, thickness)


def dot(canvas: Canvas, x: float, y: float, color: Any, radius: int) -> Canvas:
    """Draw a filled circle about the pixel (trunc(x), trunc(y)), in place."""
    if abs(x) > FARTHEST or abs(y) > FARTHEST:
        raise ValueError(f"the point ({x:g}, {y:g}) is too far away to be drawn (up to {FARTHEST})")
    return _call("circle", canvas, (int(x), int(y)), radius, color, -1)


def _call(name: str, canvas: Canvas, *args: Any) -> Canvas:
    cv2 = opencv()
    plain = [value.tolist() if isinstance(value, np.ndarray | np.generic) else value for value in args[1:]]
    try:
        drawn: Canvas = getattr(cv2, name)(canvas, args[0], *plain)
    except cv2.error as error:
        given = ", ".join(map(repr, plain))
        text = f"OpenCV's {name} cannot draw with ({given}) on a canvas of {canvas.dtype} {canvas.shape}"
        fix = "give a uint8 canvas (H, W) or (H, W, 3) that is not empty, and a colour of at most 4 numbers"
        raise ValueError(f"{text}; {fix}") from error
    return drawn
