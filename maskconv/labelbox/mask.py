"""`Mask`: the pixels of one colour of a `MaskData`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from maskconv import model, png, runs
from maskconv.labelbox import drawing
from maskconv.labelbox.drawing import Canvas
from maskconv.labelbox.mask_data import MaskData
from maskconv.labelbox.shapes import Geometry

__all__ = ["Mask"]


class Mask(Geometry):
    """The pixels of ``mask`` that have ``color``: (r, g, b), or an integer for all three."""

    mask: MaskData
    color: tuple[int, int, int] | int

    @field_validator("color")
    @classmethod
    def _in_range(cls, color: tuple[int, int, int] | int) -> tuple[int, int, int] | int:
        if not all(0 <= c <= 255 for c in (color if isinstance(color, tuple) else (color,))):
            raise ValueError(f"All rgb colors must be between 0 and 255. Found : {color}")
        return color

    @property
    def pixels(self) -> model.Mask:
        """The same pixels in maskconv's own vocabulary. DataError or PngError where they cannot be had."""
        composite = self.mask.composite
        starts, lengths = composite.runs(self._packed())
        if composite.palette and not len(starts):
            text = f"the palette PNG has no pixel of {self.color}; its colours are {composite.shown()}"
            fix = "where its indices are meant, give them as an array: MaskData.from_2D_array(indices)"
            raise ValueError(f"{text}; {fix}")
        image = composite.map
        return model.Mask.unchecked(width=image.width, height=image.height, starts=starts, lengths=lengths)

    def _packed(self) -> int:
        if isinstance(self.color, int):
            return self.color * 0x010101
        r, g, b = self.color
        return r << 16 | g << 8 | b

    @property
    def geometry(self) -> dict[str, Any]:
        """A GeoJSON MultiPolygon, exact to the pixel: rings through the middles of the border's pixels, a hole's through
        those around it. A part of one or two pixels is a ring without area."""
        from maskconv.geometry import trace

        parts = trace(self.pixels, model.PixelRule.CENTRE_TRUNC)
        rings = [[_closed(ring) for ring in (part.exterior, *part.holes)] for part in parts]
        return {"type": "MultiPolygon", "coordinates": rings}

    def draw(
        self,
        height: int | None = None,
        width: int | None = None,
        canvas: Canvas | None = None,
        color: Any = None,
        thickness: Any = None,
    ) -> Canvas:
        """This colour's pixels on black, uint8: (H, W, 3) in its own colour or in ``color``, (H, W) where that is an integer.

        ``height`` and ``width`` resize the mask to them (nearest pixel). A ``canvas`` of that size, of any type, is
        drawn on in place. ``thickness`` is not used. 0 stands for the mask's own colour. Raises ValueError for a size or
        colour that does not fit, DataError or PngError where the pixels cannot be had.
        """
        del thickness
        mask = self.pixels
        color = color.tolist() if isinstance(color, np.ndarray) else color
        color = color or self.color
        size = (height or mask.height, width or mask.width)
        fresh = canvas is None
        if canvas is None:
            channels = (len(color),) if isinstance(color, tuple | list) else ()
            canvas = drawing.new_canvas(*size, None, channels)
        elif canvas.shape[:2] != size:
            raise ValueError(f"the canvas is {canvas.shape[:2]} (height, width), and the mask is {size}")
        bitmap, x, y = mask.crop() if size == (mask.height, mask.width) else (_resized(mask, *size), 0, 0)
        _paint(canvas[y : y + bitmap.shape[0], x : x + bitmap.shape[1]], bitmap, color, fresh)
        return canvas

    def create_url(self, signer: Callable[[bytes], str]) -> str:
        """The address of its `MaskData`, made by ``signer`` where there is none."""
        return self.mask.create_url(signer)


def _closed(ring: NDArray[np.float64]) -> list[tuple[float, float]]:
    points = [(x, y) for x, y in ring.tolist()]
    return [*points, points[0]]


def _resized(mask: model.Mask, height: int, width: int) -> NDArray[np.bool_]:
    """The mask's pixels nearest to the middles of those of an image of that size, bool (height, width)."""
    if height < 1 or width < 1 or height * width > png.MAX_PIXELS:
        raise ValueError(f"{height} x {width} (height x width) is no size of an image (1 to {png.MAX_PIXELS} pixels)")
    rows = (2 * np.arange(height) + 1) * mask.height // (2 * height)
    columns = (2 * np.arange(width) + 1) * mask.width // (2 * width)
    return runs.to_bitmap(mask.starts, mask.lengths, mask.width, mask.height)[rows[:, None], columns]


def _paint(window: Canvas, bitmap: NDArray[np.bool_], color: Any, fresh: bool) -> None:
    """Set the bitmap's pixels; ``fresh``: the window is uint8 and black, so that a product will do, which is faster."""
    paint = np.zeros(window.shape[2:], window.dtype)
    try:
        paint[...] = color
    except (OverflowError, TypeError, ValueError) as error:
        fix = "All rgb colors must be between 0 and 255, one for each channel"
        raise ValueError(f"the colour {color!r} does not fit {window.dtype} {window.shape[2:]}. {fix}") from error
    layers = [window] if window.ndim == 2 else [window[..., channel] for channel in range(window.shape[2])]
    for layer, value in zip(layers, paint.reshape(-1), strict=True):
        if fresh:
            np.multiply(bitmap, value, out=layer)
        else:
            np.copyto(layer, value, where=bitmap)
