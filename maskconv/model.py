"""The vocabulary that every reader produces and every writer consumes.

All values are immutable; arrays are read-only. Coordinates: x to the right, y down, origin at the picture's top left.
A pixel with index (x, y) covers the square [x, x+1) x [y, y+1); its centre is (x+0.5, y+0.5).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, field_validator, model_serializer, model_validator

from maskconv._value import Value, frozen, numbers

__all__ = [
    "AnnotatedImage",
    "Annotation",
    "Box",
    "Encoded",
    "Feature",
    "Label",
    "LabelMap",
    "Mask",
    "Picture",
    "PixelRule",
    "Polygon",
]

PICTURE_SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jp2",
        ".png",
        ".webp",
        ".bmp",
        ".dib",
        ".tif",
        ".tiff",
        ".gif",
        ".avif",
        ".heic",
        ".ppm",
    }
)
MAX_PIXELS = 2**31 - 1  # runs are int32 offsets into the row-major image


class Feature(StrEnum):
    """What an annotation set can hold; a writer's ``keeps()`` names those that survive it."""

    MASKS = "masks"
    POLYGONS = "polygons"
    BOXES = "boxes"
    HOLES = "holes"
    PARTS = "parts"
    OVERLAP = "overlap"
    SCORES = "scores"
    DETECTOR_BOXES = "detector boxes"
    ATTRIBUTES = "attributes"
    GROUPS = "groups"
    TRACKS = "tracks"
    CROWDS = "crowd flags"
    INSTANCE_IDS = "instance ids"
    SPLITS = "splits"
    FRAMES = "frames"
    IMAGE_ATTRIBUTES = "image attributes"
    EMPTY_IMAGES = "empty images"
    IMAGE_SIZE = "image size"
    IGNORED = "ignored pixels"
    LABEL_COLORS = "label colours"
    LABEL_ORDER = "label order"
    LABEL_PARTS = "label parts and actions"


class PixelRule(StrEnum):
    """Which pixels a polygon means, quantiser included (docs/geometry.md)."""

    CENTRE_TRUNC = (
        "centre-trunc"  # vertices are pixel indices, trunc(round(v, 6)); the boundary belongs to it (Labelbox)
    )
    CENTRE_NEAR = "centre-near"  # vertices are pixel indices, floor(v + 0.25); the boundary belongs to it (YOLO files)
    EDGE = "edge"  # vertices are continuous coordinates, pixel corners are integers (COCO, CVAT)


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
Color = tuple[int, int, int]


class Annotation(Value):
    """One instance: its label's name and its shape.

    ``shape`` is a `Mask`, a non-empty tuple of `Polygon` (parts of ONE instance), or a `Box`. ``box`` is a detector's own
    box where it differs in meaning from the shape's bounds. ``group`` ties annotations that form one object, ``track`` the
    same object over frames, ``score`` is a confidence in 0..1.
    """

    label: str = Field(min_length=1)
    shape: Shape
    id: int | str | None = None
    box: Box | None = None
    group: int | None = None
    track: int | str | None = None
    crowd: bool = False
    score: float | None = Field(default=None, ge=0, le=1)
    attributes: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it

    @field_validator("shape")
    @classmethod
    def _parts(cls, value: Shape) -> Shape:
        if value == ():
            raise ValueError("an annotation has at least one polygon")
        return value

    def replace(self, **values: Any) -> Annotation:
        """A copy with some fields changed."""
        return Annotation.unchecked(**(self.__dict__ | values))


class Picture(Value):
    """Where an image's picture can be read: a file, or a member of a zip. Its size where a header told it."""

    path: str
    member: str = ""
    width: int | None = None
    height: int | None = None

    @property
    def extension(self) -> str:
        """The picture's own extension with its dot and case, such as ``.JPG``."""
        name = (self.member or self.path).replace("\\", "/").rsplit("/", 1)[-1]
        return name[name.rfind(".") :] if "." in name else ""


class Encoded:
    """An image's instances as one RGB PNG that a writer may pass through untouched.

    Valid for exactly these shape objects in this order: ``colors[i]`` are the pixels of annotation i, everything else is
    black. Renaming labels keeps it valid, dropping or replacing a shape does not.
    """

    __slots__ = ("colors", "png", "shapes")

    def __init__(self, png: bytes, colors: tuple[Color, ...], shapes: tuple[Shape, ...]) -> None:
        self.png = png
        self.colors = colors
        self.shapes = shapes

    def fits(self, annotations: tuple[Annotation, ...]) -> bool:
        """Whether the PNG shows exactly these annotations (by identity of their shapes)."""
        shapes = self.shapes
        return len(shapes) == len(annotations) and all(a.shape is s for a, s in zip(annotations, shapes, strict=True))


class AnnotatedImage(Value):
    """One picture's annotations. Their order is z-order, last on top.

    ``name`` is path-like with ``/`` and without a picture extension; identity is (split, name). ``width`` and ``height``
    are in pixels, None where the format does not know them. ``ignored`` is a Mask of void pixels. ``sequence`` and
    ``frame`` place a video's frame.
    """

    name: str = Field(min_length=1)
    width: int | None = Field(default=None, ge=1)
    height: int | None = Field(default=None, ge=1)
    annotations: tuple[Annotation, ...] = ()
    split: str | None = None
    picture: Picture | None = None
    ignored: Mask | None = None
    sequence: str | None = None
    frame: int | None = None
    attributes: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it
    _encoded: Encoded | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        masks = [a.shape for a in self.annotations if isinstance(a.shape, Mask)]
        for mask in [*masks, self.ignored] if self.ignored is not None else masks:
            if (mask.width, mask.height) != (self.width, self.height):
                raise ValueError(
                    f"a mask of {mask.width} x {mask.height} in an image of {self.width} x {self.height} pixels"
                )
        return self

    @classmethod
    def unchecked(cls, **values: Any) -> Self:
        new = super().unchecked(**values)
        object.__setattr__(new, "__pydantic_private__", {"_encoded": None})
        return new

    @property
    def encoded(self) -> Encoded | None:
        """The instances as one PNG, where the source had them so and they are still the same."""
        found = self._encoded
        return found if found is not None and found.fits(self.annotations) else None

    def with_encoded(self, encoded: Encoded) -> Self:
        """Attach the source's own PNG; returns this image."""
        self._encoded = encoded
        return self

    def replace(self, **values: Any) -> AnnotatedImage:
        """A copy with some fields changed; the encoded PNG stays while the shapes are the very same."""
        new = AnnotatedImage.unchecked(**(self.__dict__ | values))
        return new if self._encoded is None else new.with_encoded(self._encoded)


class Label(Value):
    """A class: its name, and where the source has them its colour (r, g, b), its own id, parts and actions."""

    name: str = Field(min_length=1)
    color: tuple[int, int, int] | None = None
    id: int | str | None = None
    parts: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()

    @field_validator("color")
    @classmethod
    def _rgb(cls, value: Color | None) -> Color | None:
        if value is not None and not all(0 <= v <= 255 for v in value):
            raise ValueError(f"a colour is three integers 0..255, not {value}")
        return value


class LabelMap(Value):
    """The classes in order; a label's position is its index. A background is in it only where the source has one."""

    labels: tuple[Label, ...] = ()

    @model_validator(mode="after")
    def _unique(self) -> Self:
        seen: set[str] = set()
        for label in self.labels:
            if label.name in seen:
                raise ValueError(f"the label {label.name!r} occurs twice")
            seen.add(label.name)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.labels)

    def get(self, name: str) -> Label | None:
        return next((label for label in self.labels if label.name == name), None)
