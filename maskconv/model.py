"""The vocabulary that every reader produces and every writer consumes.

All values are immutable; arrays are read-only. Coordinates: x to the right, y down, origin at the picture's top left.
A pixel with index (x, y) covers the square [x, x+1) x [y, y+1); its centre is (x+0.5, y+0.5).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from maskconv._value import Value
from maskconv.shape import MAX_PIXELS, Box, Mask, PixelRule, Polygon, Shape

__all__ = [
    "MAX_PIXELS",
    "PICTURE_SUFFIXES",
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
    "Shape",
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
Color = tuple[int, int, int]


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
    """Where an image's picture can be read: a file, or a member of a zip. Its size as shown where a header told it.

    ``orientation`` is the EXIF orientation 1..8 by which the image's annotations are turned against the pixels in the file;
    None where nobody looked: then they are on the picture as it is shown. ``origin`` is what the source calls the
    picture, in the words of that format.
    """

    path: str
    member: str = ""
    width: int | None = None
    height: int | None = None
    orientation: int | None = Field(default=None, ge=1, le=8)
    origin: tuple[str, ...] = ()

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
