"""Points, lines, polygons and rectangles with the fields and pixels of Labelbox' SDK (docs/coming-from-labelbox.md)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, field_validator

from maskconv.labelbox import drawing, records
from maskconv.labelbox.drawing import Canvas

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

__all__ = ["Geometry", "Line", "Point", "Polygon", "Rectangle"]

WHITE = (255, 255, 255)


class Geometry(BaseModel, ABC):
    """What all shapes have. ``extra`` is the caller's own. Fields can be set, and are checked again when they are."""

    model_config = ConfigDict(extra="forbid", frozen=False, validate_assignment=True, allow_inf_nan=False)

    extra: dict[str, Any] = {}

    @property
    @abstractmethod
    def geometry(self) -> dict[str, Any]:
        """GeoJSON as a plain dict, coordinates rounded to six decimals."""

    @property
    def shapely(self) -> BaseGeometry:
        """The shapely geometry of `geometry`."""
        from shapely.geometry import shape

        return shape(self.geometry)

    @abstractmethod
    def draw(self, height: int | None = None, width: int | None = None, canvas: Canvas | None = None) -> Canvas:
        """Draw on ``canvas`` (in place where it is contiguous) or on black, uint8 (height, width, 3); returns it."""


def _expect(given: Any, kind: str, shown: str) -> list[tuple[float, ...]]:
    """A shapely geometry's coordinates, of the exterior where it is a polygon. TypeError for another type."""
    found = getattr(given, "geom_type", type(given).__name__)
    if found != kind:
        raise TypeError(f"Expected Shapely {shown}. Got {found}")
    return list(given.exterior.coords if kind == "Polygon" else given.coords)


class Point(Geometry, records.Point):
    """A point in pixels. NaN and infinity are refused; texts of numbers are taken for numbers."""

    model_config = Geometry.model_config
    __hash__ = None  # type: ignore[assignment]

    @property
    def geometry(self) -> dict[str, Any]:
        return {"type": "Point", "coordinates": drawing.rounded([(self.x, self.y)])[0]}

    @classmethod
    def from_shapely(cls, shapely_obj: Any) -> Point:
        """From a shapely Point. Raises TypeError for anything else."""
        ((x, y, *_),) = _expect(shapely_obj, "Point", "Point")
        return cls(x=x, y=y)

    def draw(
        self,
        height: int | None = None,
        width: int | None = None,
        canvas: Canvas | None = None,
        color: Any = WHITE,
        thickness: int = 10,
    ) -> Canvas:
        """A filled circle of radius ``thickness``. ValueError where it cannot be drawn."""
        return drawing.dot(drawing.new_canvas(height, width, canvas), self.x, self.y, color, thickness)


def _pairs(points: list[Point]) -> list[tuple[float, float]]:
    return [(point.x, point.y) for point in points]


def _points(coordinates: list[tuple[float, ...]]) -> list[Point]:
    return [Point(x=x, y=y) for x, y, *_ in coordinates]


def _at_least(count: int, points: list[Point], kind: str) -> list[Point]:
    if len(points) < count:
        raise ValueError(f"A {kind} must have at least {count} points to be valid. Found {points}")
    return points


class Line(Geometry):
    """A polyline of at least two points."""

    points: list[Point]

    @field_validator("points")
    @classmethod
    def _enough(cls, points: list[Point]) -> list[Point]:
        return _at_least(2, points, "line")

    @property
    def geometry(self) -> dict[str, Any]:
        return {"type": "MultiLineString", "coordinates": [drawing.rounded(_pairs(self.points))]}

    @classmethod
    def from_shapely(cls, shapely_obj: Any) -> Line:
        """From a shapely LineString. Raises TypeError for anything else."""
        return cls(points=_points(_expect(shapely_obj, "LineString", "Line")))

    def draw(
        self,
        height: int | None = None,
        width: int | None = None,
        canvas: Canvas | None = None,
        color: Any = WHITE,
        thickness: int = 1,
    ) -> Canvas:
        """Lines from point to point, ``thickness`` pixels wide. ValueError where they cannot be drawn."""
        canvas = drawing.new_canvas(height, width, canvas)
        return drawing.outline(canvas, drawing.whole(_pairs(self.points)), False, color, thickness)


class _Area(Geometry):
    """A closed ring."""

    def _ring(self) -> list[tuple[float, float]]:
        raise NotImplementedError

    @property
    def geometry(self) -> dict[str, Any]:
        return {"type": "Polygon", "coordinates": [drawing.rounded(self._ring())]}

    def draw(
        self,
        height: int | None = None,
        width: int | None = None,
        canvas: Canvas | None = None,
        color: Any = WHITE,
        thickness: int = -1,
    ) -> Canvas:
        """Fill it, edges inclusive, or with a ``thickness`` draw its border. ValueError where it cannot be drawn."""
        canvas = drawing.new_canvas(height, width, canvas)
        ring = drawing.whole(self._ring())
        if thickness == -1:
            return drawing.fill(canvas, ring, color)
        return drawing.outline(canvas, ring, True, color, thickness)


class Polygon(_Area):
    """A ring of at least three points; the first is added as the last where it is not."""

    points: list[Point]

    @field_validator("points")
    @classmethod
    def _closed(cls, points: list[Point]) -> list[Point]:
        points = _at_least(3, points, "polygon")
        return points if points[0] == points[-1] else [*points, points[0]]

    def _ring(self) -> list[tuple[float, float]]:
        ring = _pairs(self.points)
        return ring if ring[0] == ring[-1] else [*ring, ring[0]]

    @classmethod
    def from_shapely(cls, shapely_obj: Any) -> Polygon:
        """From a shapely Polygon. TypeError for anything else, ValueError for one with holes, which the type lacks."""
        ring = _expect(shapely_obj, "Polygon", "Polygon")
        if count := len(shapely_obj.interiors):
            text = f"the polygon has {count} hole{'' if count == 1 else 's'}, and Labelbox' polygons have none"
            fix = "make a Mask of it, or fill them: Polygon.from_shapely(shapely.Polygon(polygon.exterior))"
            raise ValueError(f"{text}; {fix}")
        return cls(points=_points(ring))


class Rectangle(_Area):
    """A rectangle by two corners, top left and bottom right; drawn, both belong to it."""

    start: Point
    end: Point

    def _ring(self) -> list[tuple[float, float]]:
        left, top, right, bottom = self.start.x, self.start.y, self.end.x, self.end.y
        return [(left, top), (left, bottom), (right, bottom), (right, top), (left, top)]

    @classmethod
    def from_shapely(cls, shapely_obj: Any) -> Rectangle:
        """The bounds of a shapely Polygon. Raises TypeError for anything else."""
        _expect(shapely_obj, "Polygon", "Polygon")
        left, top, right, bottom = shapely_obj.bounds
        return cls(start=Point(x=left, y=top), end=Point(x=right, y=bottom))

    @classmethod
    def from_xyhw(cls, x: float, y: float, h: float, w: float) -> Rectangle:
        """From the top left corner, height and width."""
        return cls(start=Point(x=x, y=y), end=Point(x=x + w, y=y + h))
