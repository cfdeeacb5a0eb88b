"""The shapes of an instance: runs of pixels, rings, a rectangle. They are part of the vocabulary, `maskconv.model`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_serializer, model_validator

from maskconv._value import Value, frozen, numbers

__all__ = ["MAX_PIXELS", "Box", "Mask", "PixelRule", "Polygon", "Shape"]

MAX_PIXELS = 2**31 - 1  # runs are int32 offsets into the row-major image


class PixelRule(StrEnum):
    """Which pixels a polygon means, quantiser included (docs/geometry.md)."""

    # Vertices are pixel indices, trunc(round(v, 6)); the boundary belongs to it (Labelbox).
    CENTRE_TRUNC = "centre-trunc"
    # Vertices are pixel indices, floor(v + 0.25); the boundary belongs to it (YOLO files).
    CENTRE_NEAR = "centre-near"
    # Vertices are continuous coordinates, pixel corners are integers (COCO, CVAT).
    EDGE = "edge"


class Mask(Value):
    """The pixels of one instance, as runs.

    ``starts`` and ``lengths`` are int32 arrays of equal length: row-major pixel offsets (``y * width + x``), ascending,
    no run crosses a row, runs in a row neither touch nor overlap. That form is canonical, so equal masks have equal runs.
    ``width`` and ``height`` are those of the image, in pixels. An empty mask has no runs.

    Raises pydantic's ``ValidationError`` (a ``ValueError``) where the runs are not canonical.
    """

    width: int = Field(ge=1)
    height: int = Field(ge=1)
    starts: NDArray[np.int32]
    lengths: NDArray[np.int32]

    @field_validator("starts", "lengths", mode="before")
    @classmethod
    def _int32(cls, value: Any) -> NDArray[np.int32]:
        array = numbers(value)
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise ValueError("runs are one-dimensional arrays of integers")
        if array.size and (array.min() < 0 or array.max() > MAX_PIXELS):
            raise ValueError("runs lie outside the image")
        return frozen(array.astype(np.int32, copy=False))

    @model_validator(mode="before")
    @classmethod
    def _from_json(cls, data: Any) -> Any:
        if isinstance(data, dict) and "runs" in data:
            size, runs = data.get("size", ()), data["runs"]
            lists = isinstance(size, list | tuple) and isinstance(runs, list | tuple)
            if not lists or len(data) != 2 or len(size) != 2 or len(runs) % 2:
                raise ValueError('a mask is {"size": [width, height], "runs": [start, length, ...]}')
            return {"width": size[0], "height": size[1], "starts": runs[::2], "lengths": runs[1::2]}
        return data

    @model_validator(mode="after")
    def _canonical(self) -> Self:
        s, n, w = self.starts.astype(np.int64), self.lengths.astype(np.int64), self.width
        if w * self.height > MAX_PIXELS:
            raise ValueError(f"{w} x {self.height} is more than {MAX_PIXELS} pixels")
        if len(s) != len(n):
            raise ValueError("starts and lengths differ in length")
        ends = s + n
        if len(s) and (n.min() < 1 or ends[-1] > w * self.height):
            raise ValueError("runs are empty or lie outside the image")
        if (s // w != (ends - 1) // w).any():
            raise ValueError("a run crosses the end of a row")
        gap = s[1:] - ends[:-1]
        if (gap < 0).any() or ((gap == 0) & (s[1:] % w != 0)).any():
            raise ValueError("runs are not ascending and maximal within their rows")
        return self

    @model_serializer
    def _to_json(self) -> dict[str, Any]:
        runs = np.stack([self.starts, self.lengths], axis=1).ravel().tolist()
        return {"size": [self.width, self.height], "runs": runs}

    @classmethod
    def from_array(cls, array: NDArray[Any]) -> Self:
        """The nonzero pixels of a two-dimensional array (height, width) of bool or numbers."""
        from maskconv import runs

        if array.ndim != 2 or 0 in array.shape:
            raise ValueError(f"a mask is a two-dimensional array (height, width), not one of shape {array.shape}")
        starts, lengths = runs.from_bitmap(array)
        height, width = array.shape
        return cls.unchecked(width=width, height=height, starts=starts, lengths=lengths)

    def to_array(self) -> NDArray[np.bool_]:
        """The full image, bool (height, width)."""
        from maskconv import runs

        return runs.to_bitmap(self.starts, self.lengths, self.width, self.height)

    def crop(self) -> tuple[NDArray[np.bool_], int, int]:
        """``(bitmap, x, y)``: the bounding box's pixels, bool, and its top left corner. An empty mask gives (0, 0)."""
        from maskconv import runs

        x, y, w, h = self.bbox
        return runs.crop_bitmap(self.starts, self.lengths, self.width, x, y, w, h), x, y

    @property
    def bbox(self) -> tuple[int, int, int, int]:
        """``(x, y, width, height)`` in pixels; all zero when empty."""
        from maskconv import runs

        return runs.bbox(self.starts, self.lengths, self.width)

    @property
    def area(self) -> int:
        """The number of pixels."""
        return int(self.lengths.sum(dtype=np.int64))


class Polygon(Value):
    """A ring with holes, as it was read: float64 arrays (n >= 3, 2) of (x, y) in pixels, not closed.

    ``rule`` says which pixels the ring means; see `PixelRule`.
    """

    exterior: NDArray[np.float64]
    holes: tuple[NDArray[np.float64], ...] = ()
    rule: PixelRule

    @field_validator("exterior", mode="before")
    @classmethod
    def _ring(cls, value: Any) -> NDArray[np.float64]:
        ring = numbers(value, np.float64)
        if ring.ndim != 2 or ring.shape[1] != 2 or len(ring) < 3:
            raise ValueError(f"a ring is an array of at least 3 points (n, 2), not of shape {ring.shape}")
        if not np.isfinite(ring).all():
            raise ValueError("a ring has a coordinate that is not a finite number")
        return frozen(ring)

    @field_validator("holes", mode="before")
    @classmethod
    def _rings(cls, value: Any) -> tuple[NDArray[np.float64], ...]:
        if not isinstance(value, list | tuple):
            raise ValueError("holes are a list of rings")  # noqa: TRY004 - what pydantic turns into its own error
        return tuple(cls._ring(ring) for ring in value)

    @model_serializer
    def _to_json(self) -> dict[str, Any]:
        holes = [hole.tolist() for hole in self.holes]
        return {"exterior": self.exterior.tolist(), "holes": holes, "rule": self.rule.value}


class Box(Value):
    """A rectangle in continuous coordinates: top left corner and size in pixels, ``rotation`` in degrees clockwise
    about its centre (as CVAT has it)."""

    x: float
    y: float
    width: float = Field(ge=0)
    height: float = Field(ge=0)
    rotation: float = 0.0


Shape = Mask | tuple[Polygon, ...] | Box
