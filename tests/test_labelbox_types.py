"""The drop-in types: the document's own sample, the SDK's recorded arrays, every rule and message, and the way to and from
the vocabulary. Beside the SDK itself: tests/oracle/test_labelbox_types_sdk.py."""

from __future__ import annotations

import copy
import http.server
import json
import os
import pickle
import re
import subprocess
import sys
import threading
import warnings
import zlib

import cv2
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from places import REAL_DATA, ROOT, real_data
from strategies import bitmaps, images
from test_png import write as make_png

import maskconv
from maskconv import geometry
from maskconv.errors import DataError, MissingDependencyError, PngError
from maskconv.fetch import Fetcher
from maskconv.finding import Weight
from maskconv.labelbox import (
    Checklist,
    ClassificationAnnotation,
    ClassificationAnswer,
    CustomMetric,
    Label,
    Line,
    Mask,
    MaskData,
    ObjectAnnotation,
    Point,
    Polygon,
    PolygonRecord,
    Radio,
    Rectangle,
    Text,
    from_label,
    to_label,
)
from maskconv.labelbox.composite import Composite
from maskconv.model import AnnotatedImage, Annotation, Box, Encoded, PixelRule
from maskconv.plugin import Access

WHITE = (255, 255, 255)
CUID = "ck68grts29n7w0890wv344dif"


def crc(array):
    return f"{zlib.crc32(array.tobytes()):08x}"


def ring(*pairs):
    return [Point(x=x, y=y) for x, y in pairs]


SQUARE = ring((2, 1), (5, 1), (5, 3), (2, 3))


# --- the document's sample --------------------------------------------------------------------------------------------


def seed():
    path = REAL_DATA.parent / "seeds" / "labelbox-segmentation-mask.txt"
    if not path.exists():
        pytest.skip(f"the document is not at {path.parent}")
    return path.read_text()


IMPORTS = "import numpy as np\nfrom maskconv.labelbox import Mask, MaskData, ObjectAnnotation, Point, Polygon\n"


def test_the_sample_of_the_document_runs():
    """'Build a combined mask from polygons', as printed; canvas width 200, height 300."""
    text = seed()
    sample = text[text.index("# Build a combined mask") : text.index("Supported data types")]
    names = {"np_data": np.zeros((300, 200, 3), np.uint8)}
    exec(IMPORTS + sample, names)
    eyes = [eye.draw(height=300, width=200) for eye in names["eyes"]]
    assert [crc(eye) for eye in eyes] == ["1c8bf85c", "99938f74"]
    assert [int(eye.any(axis=2).sum()) for eye in eyes] == [27, 22]
    assert crc(names["eye_masks"]) == crc(names["eye_raster"]) == "60cacd43"
    assert crc(names["nose_raster"]) == crc(names["nose"].draw(300, 200, color=(255, 0, 0))) == "5bcd7ef4"
    assert crc(names["np_seg_mask"]) == crc(names["mask_data"].draw()) == "ded509dc"
    binary = names["eye_mask"].draw(color=1)
    assert (crc(binary), binary.shape, int(binary.sum())) == ("a05d8901", (300, 200), 49)


def test_the_other_samples_of_the_document_run():
    text = seed()
    first = text[text.index("color = (255, 255, 255)") : text.index("# Build a combined mask")]
    last = text[text.index("ObjectAnnotation(\n") : text.index("Format convertors")]

    class Picture:
        size = (200, 300)

    polygon = ObjectAnnotation(name="eye", value=Polygon(points=SQUARE))
    names = {"im": Picture, "polygon_annotation": polygon}
    exec(IMPORTS + first + "annotation = " + last, names)
    assert names["mask_annotation"].draw().sum() == 12 * 3 * 255
    assert names["annotation"].value.mask.arr is names["np_mask"]


# --- what the SDK drew ------------------------------------------------------------------------------------------------


def test_400_polygons_are_drawn_as_by_the_sdk():
    polygons = json.loads(real_data("labelbox-oracle/polys400.json").read_text())
    told = [line.split() for line in real_data("labelbox-oracle/polys400.crc.txt").read_text().splitlines()[1:401]]
    assert len(polygons) == len(told) == 400
    for one, (_, checksum, _) in zip(polygons, told, strict=True):
        width, height = one["size"]
        drawn = Polygon(points=ring(*one["points"])).draw(height=height, width=width, color=tuple(one["color"]))
        assert crc(drawn) == checksum


def test_every_colour_of_a_composite_is_drawn_as_by_the_sdk():
    mask = MaskData(file_path=real_data("labelbox-oracle/composite1080.png"))
    told = real_data("labelbox-oracle/composite1080.crc.txt").read_text()
    assert crc(mask.value) == re.search(r"uint8 (\w+)", told)[1]
    rows = re.findall(r"^\((\d+), (\d+), (\d+)\) (\d+) draw\(\) (\w+) draw\(color=1\) (\w+)", told, re.MULTILINE)
    assert len(rows) == 21
    for r, g, b, area, own, binary in rows:
        one = Mask(mask=mask, color=(int(r), int(g), int(b)))
        assert (one.pixels.area, crc(one.draw()), crc(one.draw(color=1))) == (int(area), own, binary)


# --- polygons, rectangles, lines, points ------------------------------------------------------------------------------


def expected_fill(points, canvas, color):
    """The rule, written out."""
    corners = [[round(x, 6), round(y, 6)] for x, y in points]
    return cv2.fillPoly(canvas, [np.trunc(corners).astype(np.int32)], color)


coordinate = st.one_of(
    st.floats(-60, 60, allow_nan=False), st.integers(-20, 60), st.integers(-5, 40).map(lambda v: v + 0.9999995)
)


@given(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=12), st.tuples(*[st.integers(0, 255)] * 3))
def test_a_polygon_is_filled_by_the_rule(points, color):
    drawn = Polygon(points=ring(*points)).draw(height=40, width=30, color=color)
    assert (drawn == expected_fill(points, np.zeros((40, 30, 3), np.uint8), color)).all()


def test_a_coordinate_is_rounded_to_six_decimals_then_cut():
    drawn = Polygon(points=ring((1.9999996, 0), (4, 0), (4, 0))).draw(1, 6, color=1)[0, :, 0]
    assert drawn.tolist() == [0, 0, 1, 1, 1, 0]
    drawn = Polygon(points=ring((1.9999995, 0), (4, 0), (4, 0))).draw(1, 6, color=1)[0, :, 0]  # a hair below half
    assert drawn.tolist() == [0, 1, 1, 1, 1, 0]


def test_a_rectangle_includes_its_corners():
    assert Rectangle(start=Point(x=2, y=1), end=Point(x=5, y=3)).draw(10, 10, color=1).sum() == 12
    assert Rectangle.from_xyhw(2, 1, 2, 3) == Rectangle(start=Point(x=2, y=1), end=Point(x=5, y=3))


def test_lines_and_points():
    assert Line(points=ring((1, 1), (1, 4), (3, 4))).draw(6, 6, color=1)[:, :, 0].sum() == 6
    drawn = Point(x=20.9, y=20).draw(41, 41, color=1, thickness=2)[:, :, 0]
    assert (drawn == cv2.circle(np.zeros((41, 41), np.uint8), (20, 20), 2, 1, -1)).all()
    assert Point(x=20, y=20).draw(41, 41)[:, :, 0].sum() == 317 * 255  # radius 10


def test_a_border_alone():
    assert Polygon(points=SQUARE).draw(6, 8, color=1, thickness=1)[:, :, 0].sum() == 10


def test_a_contiguous_canvas_is_drawn_on_in_place():
    canvas = np.zeros((6, 8, 3), np.uint8)
    assert Polygon(points=SQUARE).draw(canvas=canvas) is canvas
    assert canvas.sum() == 12 * 3 * 255
    sparse = np.zeros((12, 16, 3), np.uint8)[::2, ::2]
    assert Polygon(points=SQUARE).draw(canvas=sparse).sum() and not sparse.any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_a_canvas_of_another_type(dtype):
    assert Polygon(points=SQUARE).draw(canvas=np.zeros((6, 8), dtype), color=7).sum() == 84


def test_vertices_of_any_size_are_drawn_at_once():
    """fillPoly alone walks for 20 seconds from the edge of int32, and draws garbage beyond."""
    for far in (2.0**21, 2.0**31, 1e300):
        polygon = Polygon(points=ring((-far, -far), (far, -far), (far, far), (-far, far)))
        canvas = polygon.draw(canvas=np.full((5, 5, 3), 9, np.uint8), color=(1, 2, 300))
        assert (canvas == (1, 2, 255)).all()
    points = [(-(2**22), -(2**22)), (2**22, 5 - 2**22), (-(2**22), 2**22)]
    drawn = Polygon(points=ring(*points)).draw(20, 20)
    assert (drawn == expected_fill(points, np.zeros((20, 20, 3), np.uint8), WHITE)).all() and drawn.any()


@given(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=5))
def test_geojson_and_shapely(points):
    points[-1] = (61, 61)  # shapely closes a ring of three equal points once more
    polygon = Polygon(points=ring(*points))
    closed = points if points[0] == points[-1] else [*points, points[0]]
    assert polygon.geometry == {"type": "Polygon", "coordinates": [[[round(x, 6), round(y, 6)] for x, y in closed]]}
    assert shapely.get_coordinates(polygon.shapely).tolist() == polygon.geometry["coordinates"][0]
    assert Polygon.from_shapely(shapely.Polygon(points)).points == polygon.points


def test_geojson_of_the_others():
    assert Point(x=1, y=2).geometry == {"type": "Point", "coordinates": [1, 2]}
    assert Line(points=SQUARE[:2]).geometry == {"type": "MultiLineString", "coordinates": [[[2, 1], [5, 1]]]}
    box = Rectangle(start=Point(x=2, y=1), end=Point(x=5, y=3))
    assert box.geometry["coordinates"] == [[[2, 1], [2, 3], [5, 3], [5, 1], [2, 1]]]
    assert Rectangle.from_shapely(box.shapely) == box
    assert Point.from_shapely(shapely.Point(1, 2, 3)) == Point(x=1, y=2)
    assert Line.from_shapely(shapely.LineString([(2, 1), (5, 1)])) == Line(points=SQUARE[:2])


def test_a_polygon_is_closed_and_stays_so():
    polygon = Polygon(points=ring((0, 0), (4, 0), (4, 4)))
    assert polygon.points[-1] == polygon.points[0] and len(polygon.points) == 4
    polygon.points[3:] = ring((0, 4))
    assert polygon.geometry["coordinates"][0][-1] == [0, 0] and len(polygon.points) == 4
    assert polygon.draw(6, 6, color=1)[:, :, 0].sum() == 25


def test_points_are_numbers():
    assert Point(x="1.5", y=2) == Point(x=1.5, y=2.0)
    point = Point(x=1, y=2)
    with pytest.raises(ValueError, match="finite"):
        point.x = float("nan")
    with pytest.raises(TypeError, match="unhashable"):
        hash(point)


def test_points_serve_as_those_of_records():
    record = PolygonRecord(data_row={"global_key": "a"}, name="n", polygon=SQUARE)
    assert record.to_dict()["polygon"][0] == {"x": 2.0, "y": 1.0}


# --- what is refused --------------------------------------------------------------------------------------------------


def gray(values=((0, 1), (2, 3))):
    return MaskData.from_2D_array(np.array(values))


HOLED = shapely.Point(9, 9).buffer(5).difference(shapely.Point(9, 9).buffer(2))

REFUSED = {
    "two points": (lambda: Polygon(points=SQUARE[:2]), "A polygon must have at least 3 points to be valid. Found"),
    "one point": (lambda: Line(points=SQUARE[:1]), "A line must have at least 2 points to be valid. Found"),
    "nan": (lambda: Point(x=float("nan"), y=1), "finite number"),
    "infinity": (lambda: Point(x=1, y="inf"), "finite number"),
    "no number": (lambda: Point(x="a", y=1), "valid number"),
    "an unknown field": (lambda: Polygon(points=SQUARE, colour=1), "Extra inputs are not permitted"),
    "no size": (lambda: Polygon(points=SQUARE).draw(), "Must either provide canvas or height and width"),
    "half a size": (lambda: Line(points=SQUARE).draw(height=3), "Must either provide canvas or height and width"),
    "a huge size": (lambda: Polygon(points=SQUARE).draw(2**20, 2**20), "is no size of an image"),
    "a negative size": (lambda: Polygon(points=SQUARE).draw(-1, 3), "is no size of an image"),
    "no pixels": (lambda: Polygon(points=SQUARE).draw(0, 3), "OpenCV's fillPoly cannot draw with"),
    "int64": (lambda: Polygon(points=SQUARE).draw(canvas=np.zeros((5, 5), np.int64)), "canvas of int64"),
    "a text colour": (lambda: Polygon(points=SQUARE).draw(5, 5, color="red"), "'red'.*a colour of at most 4 numbers"),
    "a far line": (lambda: Line(points=ring((0, 0), (1e12, 0))).draw(5, 5), "1e.12 is too far away for a line"),
    "a far point": (lambda: Point(x=1e12, y=0).draw(5, 5), "too far away to be drawn"),
    "holes": (lambda: Polygon.from_shapely(HOLED), "has 1 hole, and Labelbox' polygons have none; make a Mask of it"),
    "nothing": (MaskData, "One of `file_path`, `im_bytes`, `url`, `uid`, `global_key` or `arr` required."),
    "2-D": (lambda: MaskData(arr=np.zeros((2, 2), np.uint8)), "Must be 3D .* Use MaskData.from_2D_arr"),
    "4 channels": (lambda: MaskData(arr=np.zeros((2, 2, 4), np.uint8)), r"Must be 3D \(\[H,W,3\]\), found \(2, 2, 4\)"),
    "empty": (lambda: MaskData(arr=np.zeros((0, 2, 3), np.uint8)), "Must be 3D"),
    "256": (lambda: gray([[256]]), "Could not cast array to uint8, check that values are between 0 and 255"),
    "negative": (lambda: gray([[-1]]), "Could not cast array to uint8"),
    "floats": (lambda: gray([[0.5]]), "Array must be an integer subtype"),
    "bools": (lambda: gray([[True]]), "Array must be an integer subtype, not bool; use arr.astype"),
    "1-D": (lambda: gray([1]), r"Found array with shape \(1,\). Expected two dimensions \[H, W\]"),
    "a colour of 256": (lambda: Mask(mask=gray(), color=256), "All rgb colors must be between 0 and 255. Found : 256"),
    "colours of 300": (lambda: Mask(mask=gray(), color=(1, 2, 300)), "All rgb colors must be between 0 and 255"),
    "two colours": (lambda: Mask(mask=gray(), color=(1, 2)), "Field required"),
    "drawing 300": (lambda: Mask(mask=gray(), color=1).draw(color=300), "All rgb colors must be between 0 and 255"),
    "a wrong canvas": (lambda: Mask(mask=gray(), color=1).draw(canvas=np.zeros((3, 2))), "the mask is .2, 2."),
    "a flat canvas": (
        lambda: Mask(mask=gray(), color=1).draw(canvas=np.zeros((2, 2)), color=(1, 2, 3)),
        r"the colour \(1, 2, 3\) does not fit float64",
    ),
    "a negative mask": (lambda: Mask(mask=gray(), color=1).draw(height=-1), "is no size of an image"),
    "a huge mask": (lambda: Mask(mask=gray(), color=1).draw(2**20, 2**20), "is no size of an image"),
    "options alone": (lambda: gray().draw(height=3), "height without a color; name the one"),
    "only a uid": (lambda: MaskData(uid="x").value, "Must set either url, file_path or im_bytes"),
    "no name": (
        lambda: ObjectAnnotation(value=Polygon(points=SQUARE)),
        "Must set either feature_schema_id or name for all feature schemas",
    ),
    "confidence": (lambda: annotated(confidence=1.5), r"must be a number within \[0,1\] range"),
    "nan confidence": (lambda: annotated(confidence=float("nan")), r"must be a number within \[0,1\] range"),
    "a short id": (lambda: annotated(feature_schema_id="abc"), "at least 25 characters"),
    "no shape": (lambda: ObjectAnnotation(name="n", value=3), "instance of Geometry"),
    "no data row": (lambda: Label(data={}), "Exactly one of .*'external_id', 'global_key', 'uid'.* must be present"),
    "two keys": (lambda: Label(data={"uid": "a", "global_key": "b"}), "Only one of .* can be present"),
}

WRONG_TYPES = {
    "int32": (
        lambda: MaskData(arr=np.zeros((2, 2, 3), np.int32)),
        "Numpy array representing segmentation mask must be np.uint8. Found int32",
    ),
    "a list": (lambda: MaskData(arr=[[[1, 2, 3]]]), "Expected numpy array. Found <class 'list'>"),
    "a shapely line": (
        lambda: Polygon.from_shapely(shapely.LineString([(0, 0), (1, 1)])),
        "Expected Shapely Polygon. Got",
    ),
    "a shapely point": (lambda: Rectangle.from_shapely(shapely.Point(0, 0)), "Expected Shapely Polygon. Got Point"),
    "no shapely": (lambda: Line.from_shapely(3), "Expected Shapely Line. Got int"),
    "a fetcher of texts": (lambda: MaskData(url="s3://b/a.png?x=1", fetch=str).value, "gave str for s3://b/a.png; it"),
    "no annotation": (lambda: Label(data={"uid": "a"}, annotations=[3]), "following classes : .* Found <class 'int'>"),
    "no list": (lambda: Label(data={"uid": "a"}, annotations=3), "Annotations must be a list. Found <class 'int'>"),
}


def annotated(**facts):
    return ObjectAnnotation(**{"name": "n", "value": Polygon(points=SQUARE)} | facts)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_and_how(name):
    make, text = REFUSED[name]
    with pytest.raises(ValueError, match=f"(?s){text}"):
        make()


@pytest.mark.parametrize("name", WRONG_TYPES)
def test_wrong_types_are_refused(name):
    make, text = WRONG_TYPES[name]
    with pytest.raises(TypeError, match=text):
        make()


# --- MaskData ---------------------------------------------------------------------------------------------------------


def picture():
    dice = np.random.default_rng(5)
    colors = dice.integers(0, 256, (6, 3), np.uint8)
    return colors[np.kron(dice.integers(0, 6, (5, 7)), np.ones((4, 3), int))]


PICTURE = picture()


def as_png(array):
    return bytes(cv2.imencode(".png", array[..., ::-1] if array.ndim == 3 else array)[1])


@pytest.fixture
def png_file(tmp_path):
    path = tmp_path / "a b#ü.png"
    path.write_bytes(as_png(PICTURE))
    return path


def test_an_array_stays_the_callers():
    mask = MaskData(arr=PICTURE)
    assert mask.value is mask.arr is PICTURE
    assert (mask.draw() == PICTURE).all() and mask.draw() is not PICTURE


def test_every_source_gives_the_same_pixels(png_file, monkeypatch):
    monkeypatch.chdir(png_file.parent)
    data = png_file.read_bytes()
    sources = [
        {"im_bytes": data},
        {"file_path": png_file},
        {"file_path": str(png_file)},
        {"url": str(png_file)},
        {"url": png_file},
        {"url": png_file.as_uri()},
        {"url": "a b#ü.png"},
        {"url": "https://host/a.png?token=x", "fetch": {"https://host/a.png?token=x": data}.get},
        {"url": "gs://bucket/a.png", "fetch": lambda url: memoryview(data)},
    ]
    for source in sources:
        mask = MaskData(**source)
        assert mask.value.dtype == np.uint8 and (mask.value == PICTURE).all(), source
        color = tuple(PICTURE[0, 0].tolist())
        assert (Mask(mask=mask, color=color).draw().any(axis=2) == np.equal(PICTURE, color).all(axis=2)).all()


def test_a_mask_is_decoded_once_for_all(monkeypatch, png_file):
    calls = []
    own = Composite.of
    monkeypatch.setattr(Composite, "of", staticmethod(lambda *args, **facts: calls.append(1) or own(*args, **facts)))
    for source in ({"file_path": png_file}, {"arr": PICTURE}, {"url": "x://y", "fetch": lambda _: as_png(PICTURE)}):
        calls.clear()
        mask = MaskData(**source)
        for color in range(20):
            Label(data={"uid": "a"}, annotations=[annotated(value=Mask(mask=mask, color=color))])
            Mask(mask=mask, color=color).draw(color=1)
        assert mask.value is mask.value
        assert calls == [1]
    with pytest.raises(ValueError, match="read-only"):
        MaskData(file_path=png_file).value[0] = 0


def test_what_is_written_into_an_array_is_seen():
    array = np.zeros((4, 5, 3), np.uint8)
    mask = Mask(mask=MaskData(arr=array), color=WHITE)
    assert not mask.draw().any()
    Polygon(points=ring((1, 1), (2, 1), (2, 2))).draw(canvas=array)
    assert (mask.draw() == array).all() and array.any()


def test_what_is_written_into_a_view_of_an_array_is_seen():
    array = np.zeros((4, 5, 3), np.uint8)
    view = array[:]
    view.flags.writeable = False
    mask = Mask(mask=MaskData(arr=view), color=WHITE)
    assert not mask.draw().any()
    array[1:3] = 255
    assert (mask.draw() == array).all()


def test_an_array_that_nobody_can_write_to_is_not_looked_at_again(monkeypatch):
    array = PICTURE.copy()
    array.flags.writeable = False
    mask = Mask(mask=MaskData(arr=array), color=tuple(array[0, 0].tolist()))
    first = mask.draw()
    monkeypatch.setattr("maskconv.labelbox.mask_data.crc32", None)
    assert (mask.draw() == first).all() and first.any()


def test_another_source_takes_the_place_of_the_old(png_file):
    mask = MaskData(file_path=png_file)
    assert (mask.value == PICTURE).all()
    mask.arr = PICTURE[:4]
    assert mask.value.shape == (4, 21, 3) and mask.composite.map.height == 4
    with pytest.raises(TypeError, match=r"np\.uint8"):
        mask.arr = np.zeros((1, 1, 3))
    mask.im_bytes, mask.file_path, mask.arr = as_png(PICTURE[:2]), None, None
    assert mask.composite.map.height == 2
    with pytest.raises(ValueError, match="`arr` required"):
        mask.im_bytes = None


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.int64, np.uint16])
def test_two_dimensional_arrays_of_any_integer_type(dtype):
    mask = MaskData.from_2D_arr(np.array([[0, 1], [2, 1]], dtype), uid="x")
    assert mask.arr.dtype == np.uint8 and mask.uid == "x"
    assert Mask(mask=mask, color=1).draw().tolist() == [[0, 1], [0, 1]]
    assert Mask(mask=mask, color=(2, 2, 2)).draw(color=1).tolist() == [[0, 0], [1, 0]]
    assert (MaskData.from_2D_array([[0, 1], [2, 1]]).arr == mask.arr).all()


def test_copies_have_pixels_of_their_own(png_file):
    mask = MaskData(file_path=png_file)
    assert mask.composite.map.height == 20
    other = mask.model_copy(update={"file_path": None, "im_bytes": as_png(PICTURE[:3])})
    assert other.value.shape == (3, 21, 3) and mask.value.shape == (20, 21, 3)
    for again in (copy.deepcopy(mask), pickle.loads(pickle.dumps(mask))):
        assert (again.value == PICTURE).all() and again == mask


def test_maskdata_draws():
    color = tuple(PICTURE[0, 0].tolist())
    mask = MaskData(arr=PICTURE)
    assert (mask.draw(color) == Mask(mask=mask, color=color).draw()).all()
    assert mask.draw(color, height=5, width=7).shape == (5, 7, 3)


# a PNG of one row of four values by kind: color type, depth, and the gray or colours that are read
KINDS = [
    (0, 8, [0, 1, 200, 255], [0, 1, 200, 255]),
    (0, 1, [0, 1, 1, 0], [0, 1, 1, 0]),
    (0, 2, [0, 1, 2, 3], [0, 85, 170, 255]),
    (0, 4, [0, 1, 2, 15], [0, 17, 34, 255]),
    (0, 16, [0, 1, 200, 255], [0, 1, 200, 255]),
]


@pytest.mark.parametrize(("kind", "depth", "samples", "expected"), KINDS)
def test_gray_pngs_are_read_as_the_sdk_reads_them(kind, depth, samples, expected):
    data = make_png(np.array(samples).reshape(1, -1, 1), kind, depth)
    assert MaskData(im_bytes=data).value.tolist() == [[[v, v, v] for v in expected]]


def test_alpha_is_ignored():
    rgba = np.dstack([PICTURE, np.full(PICTURE.shape[:2], 7, np.uint8)])
    assert (MaskData(im_bytes=bytes(cv2.imencode(".png", rgba[..., [2, 1, 0, 3]])[1])).value == PICTURE).all()
    data = make_png(np.array([[[5, 0], [5, 9], [6, 0]]]), 4, 8)
    assert MaskData(im_bytes=data).value[0, :, 0].tolist() == [5, 5, 6]
    assert Mask(mask=MaskData(im_bytes=data), color=5).draw(color=1).tolist() == [[1, 1, 0]]


def test_a_palette_png_has_its_colours():
    from PIL import Image

    image = Image.fromarray(np.array([[0, 1], [1, 2]], np.uint8), "P")
    image.putpalette([0, 0, 0, 128, 0, 0, 128, 0, 0])
    import io

    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    mask = MaskData(im_bytes=buffer.getvalue())
    assert mask.value[1].tolist() == [[128, 0, 0], [128, 0, 0]]
    one = Mask(mask=mask, color=(128, 0, 0))
    assert one.draw(color=1).tolist() == [[0, 1], [1, 1]]
    assert one.pixels.starts.tolist() == [1, 2]  # equal colours of two entries are one run
    text = r"the palette PNG has no pixel of 1; its colours are \(0, 0, 0\), \(128, 0, 0\); where its indices are meant"
    with pytest.raises(ValueError, match=text):
        Mask(mask=mask, color=1).draw()


def bomb():
    data = bytearray(as_png(np.zeros((1, 1), np.uint8)))
    data[16:24] = (2**30).to_bytes(4) * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4)
    return bytes(data)


BAD_PNGS = {
    "a bomb": (bomb(), "im_bytes: 1073741824 x 1073741824 pixels are more than the limit"),
    "text": (b"<html>", "im_bytes: this is no PNG but looks like HTML"),
    "a JPEG": (bytes(cv2.imencode(".jpg", PICTURE)[1]), "looks like a JPEG"),
    "cut off": (as_png(PICTURE)[:-20], "cut off"),
    "nothing": (b"", "the file is empty"),
    "16 bits": (make_png(np.array([[[256]]]), 0, 16), "gray values up to 256, and colours end at 255"),
}


@pytest.mark.parametrize("name", BAD_PNGS)
def test_bad_pngs(name):
    data, text = BAD_PNGS[name]
    mask = Mask(mask=MaskData(im_bytes=data), color=1)
    with pytest.raises(PngError, match=text):
        mask.draw()


def test_files_that_are_none(tmp_path):
    (tmp_path / "a.png").write_bytes(b"hello world")
    cases = {"a.png": "a.png: this is no PNG", "b.png": "b.png: the mask is not there; check the path", "": "not there"}
    for name, text in cases.items():
        with pytest.raises(DataError, match=text):
            _ = MaskData(file_path=tmp_path / name).value
    if os.path.exists("/dev/zero"):
        with pytest.raises(DataError, match="not there"):
            _ = MaskData(url="/dev/zero").value


@pytest.mark.parametrize(
    "url", ["https://u:p@host/m/a.png?token=SECRET", "s3://b/a.png", "HTTP://h/a", "file://host/a"]
)
def test_nothing_is_fetched_unasked(url):
    with pytest.raises(
        DataError, match="the mask is not on this machine, and nothing is fetched by itself; give"
    ) as told:
        Mask(mask=MaskData(url=url), color=1).draw()
    assert told.value.code == "mask-remote"
    assert "SECRET" not in str(told.value) and "u:p" not in str(told.value)


def test_fetching_by_the_sdks_own_hooks():
    class Own(MaskData):
        pass

    mask = Own(url="https://host/a.png")
    mask.set_fetch_fn(lambda self: as_png(PICTURE) if self is mask else b"")
    assert (mask.value == PICTURE).all()


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        data = as_png(PICTURE)
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


def test_the_fetcher_of_maskconv_fits(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fetcher = Fetcher(Access(fetch=True, cache=tmp_path, allow_hosts=frozenset({"127.0.0.1"})))
    try:
        mask = MaskData(url=f"http://127.0.0.1:{server.server_port}/a.png?token=x", fetch=fetcher.read)
        assert (mask.value == PICTURE).all()
    finally:
        fetcher.close()
        server.shutdown()
        server.server_close()


def test_addresses_are_made_once():
    seen = []

    def sign(data):
        seen.append(data)
        return f"https://host/{len(seen)}.png"

    mask = MaskData(arr=PICTURE)
    masks = [annotated(value=Mask(mask=mask, color=color)) for color in (1, 2)]
    other = annotated(value=Mask(mask=MaskData(url="https://host/x.png"), color=1))
    Label(data={"uid": "a"}, annotations=[*masks, other, annotated()]).add_url_to_masks(sign)
    assert mask.url == "https://host/1.png" and len(seen) == 1
    assert (MaskData(im_bytes=seen[0]).value == PICTURE).all()
    assert masks[1].value.create_url(sign) == mask.url
    assert MaskData(im_bytes=b"abc").create_url(bytes.decode) == "abc"


def test_what_is_shown_is_short():
    assert repr(MaskData(arr=PICTURE, uid="x")) == "MaskData(uid='x', arr=Ellipsis)"
    assert "..." not in str(MaskData(url="a.png"))
    assert MaskData(arr=PICTURE) == MaskData(arr=PICTURE.copy()) != MaskData(arr=PICTURE[:4])
    assert MaskData(arr=PICTURE) != 3


# --- Mask -------------------------------------------------------------------------------------------------------------


@given(bitmaps(), st.sampled_from([1, 7, (1, 2, 3), (7, 7, 7), (5, 6)]), st.booleans())
def test_a_mask_is_drawn(bitmap, color, own):
    mask = Mask(mask=MaskData.from_2D_array(bitmap.astype(int) * 9), color=9)
    expected = np.zeros((*bitmap.shape, *([len(color)] if isinstance(color, tuple) else [])), np.uint8)
    expected[bitmap] = color
    assert (mask.draw(color=color) == expected).all()
    if own:
        canvas = np.arange(expected.size, dtype=np.float32).reshape(expected.shape)
        expected = canvas.copy()
        expected[bitmap] = color
        assert mask.draw(canvas=canvas, color=color) is canvas
        assert (canvas == expected).all()


def test_drawing_in_the_masks_own_colour():
    mask = Mask(mask=gray(), color=(2, 2, 2))
    assert mask.draw().tolist() == mask.draw(color=0).tolist() == [[[0] * 3, [0] * 3], [[2] * 3, [0] * 3]]
    assert Mask(mask=gray(), color=2).draw().tolist() == [[0, 0], [2, 0]]
    assert mask.draw(color=np.array([1, 2, 3], np.uint8))[1, 0].tolist() == [1, 2, 3]
    assert mask.draw(canvas=np.zeros((2, 4, 3), np.uint8)[:, ::2])[1, 0].tolist() == [2, 2, 2]
    assert not Mask(mask=gray(), color=200).draw().any()


@given(bitmaps(), st.integers(1, 90), st.integers(1, 90))
def test_resizing_takes_the_nearest_pixel(bitmap, height, width):
    import PIL.Image

    mask = Mask(mask=MaskData.from_2D_array(bitmap.astype(np.uint8)), color=1)
    drawn = mask.draw(height=height, width=width)
    picture = PIL.Image.fromarray(bitmap.astype(np.uint8)).resize((width, height), PIL.Image.Resampling.NEAREST)
    # a middle just between two pixels is near to both: Pillow's choice there depends on how its floats are rounded
    clear = np.ix_(
        *(np.arange(1, 2 * to, 2) * of % (2 * to) > 0 for of, to in zip(bitmap.shape, drawn.shape, strict=True))
    )
    assert (drawn == np.array(picture))[clear].all()
    assert mask.draw(width=width).shape == (bitmap.shape[0], width)


@given(bitmaps())
def test_the_geometry_of_a_mask_is_exact(bitmap):
    """Drawn again by Labelbox' own rule it is the mask: islands in holes, single pixels and all."""
    mask = Mask(mask=MaskData.from_2D_array(bitmap.astype(np.uint8)), color=1)
    found = mask.geometry
    assert found["type"] == "MultiPolygon"
    parts = [
        maskconv.Polygon(exterior=rings[0], holes=rings[1:], rule=PixelRule.CENTRE_TRUNC)
        for rings in found["coordinates"]
    ]
    height, width = bitmap.shape
    assert geometry.polygon_mask(parts, width, height) == mask.pixels == maskconv.Mask.from_array(bitmap)
    assert all(points[0] == points[-1] and len(points) >= 4 for rings in found["coordinates"] for points in rings)


def test_a_mask_as_shapely():
    mask = Mask(mask=MaskData(arr=Polygon(points=ring((2, 1), (8, 1), (8, 6), (2, 6))).draw(10, 10)), color=WHITE)
    assert mask.shapely.geom_type == "MultiPolygon" and mask.shapely.area == 30
    assert Mask(mask=gray(), color=9).shapely.is_empty


# --- annotations ------------------------------------------------------------------------------------------------------


def test_unknown_fields_of_annotations_are_kept():
    one = annotated(keyframe=True, extra={"uuid": "u", "a": 1})
    assert one.keyframe is True and one._uuid == "u"
    assert annotated()._uuid != annotated()._uuid
    assert annotated(_uuid="mine")._uuid == "mine"


def test_zero_confidence_is_a_value():
    assert annotated(confidence=0).confidence == 0.0
    assert annotated(custom_metrics=[{"name": "iou", "value": 1}]).custom_metrics == [CustomMetric(name="iou", value=1)]


def test_classifications_tell_their_kind():
    one = ClassificationAnnotation(name="q", value={"answer": {"name": "a", "confidence": 0.5}})
    assert one.value == Radio(answer=ClassificationAnswer(name="a", confidence=0.5))
    assert isinstance(ClassificationAnnotation(name="q", value={"answer": "text"}).value, Text)
    assert isinstance(ClassificationAnnotation(name="q", value={"answer": [{"name": "a"}]}).value, Checklist)


def test_labels_sort_their_annotations():
    question = ClassificationAnnotation(name="q", value=Text(answer="x"))
    label = Label(data={"global_key": "a", "uid": None}, annotations=[annotated(), question])
    assert [one.name for one in label.object_annotations()] == ["n"]
    assert label.classification_annotations() == [question]
    assert label.data.model_dump(exclude_none=True) == {"global_key": "a"}
    assert label.model_dump()["annotations"][0]["value"]["points"][0]["x"] == 2


# --- to and from the vocabulary ---------------------------------------------------------------------------------------


def plain(shape):
    """What `to_label` keeps as it is."""
    if isinstance(shape, Box):
        return not shape.rotation
    (part,) = shape if len(shape) == 1 else (None,)
    if part is None or part.holes:
        return False
    return part.rule is PixelRule.CENTRE_TRUNC or (
        part.rule is PixelRule.CENTRE_NEAR and bool((part.exterior % 1 == 0).all())
    )


def expected_shape(image, shape):
    if isinstance(shape, maskconv.Mask):
        return shape
    if not plain(shape):
        return geometry.shape_mask(shape, image.width, image.height)
    if isinstance(shape, Box):
        return shape
    points = shape[0].exterior
    if len(points) > 3 and (points[0] == points[-1]).all():
        points = points[:-1]
    return (maskconv.Polygon(exterior=points, rule=PixelRule.CENTRE_TRUNC),)


@given(images())
def test_there_and_back_only_what_is_noted_changes(image):
    noted = []
    label = to_label(image, note=noted.append)
    found = from_label(label, note=noted.append)
    told = [a.replace(shape=expected_shape(image, a.shape)) for a in image.annotations]
    left = [a for a in told if not (isinstance(a.shape, maskconv.Mask) and not a.shape.area)]
    assert found == image.replace(annotations=tuple(left), ignored=None)
    count = {code: sum(f.amount for f in noted if f.code == code) for code in {f.code for f in noted}}
    painted = [a.shape for a in image.annotations if not isinstance(a.shape, maskconv.Mask) and not plain(a.shape)]
    expected = {
        "instance-empty": len(told) - len(left),
        "boxes-painted": sum(isinstance(shape, Box) for shape in painted),
        "polygons-painted": sum(isinstance(shape, tuple) for shape in painted),
        "ignored-dropped": image.ignored.area if image.ignored is not None else 0,
    }
    assert count == {code: amount for code, amount in expected.items() if amount}


def masks_of(*bitmaps_, **facts):
    height, width = bitmaps_[0].shape
    told = [Annotation(label="n", shape=maskconv.Mask.from_array(b)) for b in bitmaps_]
    return AnnotatedImage(name="a", width=width, height=height, annotations=told, **facts)


def test_masks_of_an_image_share_one_composite():
    bits = np.random.default_rng(0).integers(0, 5, (30, 40))
    label = to_label(masks_of(*[bits == i for i in range(5)]))
    values = [one.value for one in label.annotations]
    assert len({id(value.mask) for value in values}) == 1
    assert len({value.color for value in values}) == 5 and (0, 0, 0) not in {value.color for value in values}
    assert [value.draw(color=1).astype(bool).tolist() for value in values] == [(bits == i).tolist() for i in range(5)]


def test_overlapping_masks_keep_their_pixels():
    full = np.ones((3, 4), bool)
    label = to_label(masks_of(full, full, full))
    assert len({id(one.value.mask) for one in label.annotations}) == 3
    assert len({one.value.color for one in label.annotations}) == 3
    assert from_label(label) == masks_of(full, full, full)


def test_the_sources_own_composite_is_passed_on():
    image = masks_of(np.eye(3, dtype=bool))
    data = as_png(np.where(np.eye(3, dtype=bool)[..., None], np.uint8([9, 8, 7]), np.uint8(0)))
    shapes = tuple(a.shape for a in image.annotations)
    label = to_label(image.with_encoded(Encoded(data, ((9, 8, 7),), shapes)))
    assert label.annotations[0].value.mask.im_bytes == data
    assert from_label(label) == image


def test_data_rows_and_pictures():
    image = AnnotatedImage(name="d/a", picture=maskconv.Picture(path="/x", member="d/a.JPG"))
    assert to_label(image).data.global_key == "d/a.JPG"
    assert to_label(image, data={"uid": "row"}).data.uid == "row"
    assert to_label(AnnotatedImage(name="a.b")).data.global_key == "a.b"
    for data, name in [
        ({"global_key": "d/a.JPG"}, "d/a"),
        ({"uid": "r.jpg"}, "r.jpg"),
        ({"external_id": "e.png"}, "e"),
    ]:
        label = Label(data=data)
        found = from_label(label)
        assert found.name == name
        assert to_label(found).data == label.data
        assert to_label(found.replace(name="other")).data.global_key.startswith("other")


def test_a_data_row_written_by_the_format_is_the_labels_own(tmp_path):
    """What `from_label` gives, the writer of import records writes with the label's data row."""
    label = Label(data={"uid": "ckrow"}, annotations=[annotated(confidence=0.0, extra={"uuid": f"{7:032x}"})])
    with maskconv.open_writer(tmp_path / "a.ndjson", maskconv.LabelMap(labels=[maskconv.Label(name="n")])) as writer:
        writer.write(label.to_image(size=(9, 9)))
    record = json.loads((tmp_path / "a.ndjson").read_text())
    assert (record["dataRow"], record["confidence"]) == ({"id": "ckrow"}, 0.0)


QUESTIONS = [
    ClassificationAnnotation(name="t", value=Text(answer="x", confidence=0.25)),
    ClassificationAnnotation(
        feature_schema_id=CUID,
        value=Radio(
            answer=ClassificationAnswer(
                name="a",
                confidence=0.5,
                classifications=[ClassificationAnnotation(name="s", value=Text(answer="y"))],
            )
        ),
    ),
    ClassificationAnnotation(
        name="c",
        value=Checklist(
            answer=[
                ClassificationAnswer(name="a"),
                ClassificationAnswer(name="b", custom_metrics=[{"name": "m", "value": 1}]),
            ]
        ),
    ),
]


def test_classifications_travel_as_records_have_them():
    metrics = [{"name": "iou", "value": 0.5}]
    one = annotated(feature_schema_id=CUID, classifications=QUESTIONS, custom_metrics=metrics, confidence=0.0)
    label = Label(
        uid=CUID,
        data={"global_key": "a.jpg", "metadata": [{"k": 1}]},
        annotations=[one, *QUESTIONS],
        extra={"mine": 1},
        is_benchmark_reference=True,
    )
    image = from_label(label, size=(9, 9))
    wires = [
        {"name": "t", "confidence": 0.25, "answer": "x"},
        {
            "schemaId": CUID,
            "answer": {"name": "a", "confidence": 0.5, "classifications": [{"name": "s", "answer": "y"}]},
        },
        {"name": "c", "answer": [{"name": "a"}, {"name": "b", "customMetrics": [{"name": "m", "value": 1.0}]}]},
    ]
    assert image.annotations[0].score == 0.0
    assert image.annotations[0].attributes == {"schemaId": CUID, "customMetrics": metrics, "classifications": wires}
    assert image.attributes["classifications"] == wires
    again = to_label(image)
    again.extra.pop("maskconv")
    assert again.model_dump() == label.model_dump()
    bare = ObjectAnnotation(feature_schema_id=CUID, value=Polygon(points=SQUARE))
    image = from_label(Label(data={"uid": "a"}, annotations=[bare]))
    assert image.annotations[0].label == CUID and to_label(image).annotations[0].name is None


def test_attributes_of_another_kind_stay_attributes():
    odd = {"classifications": "none", "customMetrics": 3, "schemaId": "short", "uuid": 1, "maskconv": {}, "other": [1]}
    shape = Box(x=0.1, y=0.2, width=0.7, height=0.7)  # corners do not give this size back
    one = Annotation(label="n", shape=shape, attributes=odd, id=7, group=0)
    image = AnnotatedImage(name="a", annotations=[one], attributes={"labelbox": 3, "classifications": [{"a": 1}]})
    assert from_label(to_label(image)) == image


def test_a_moved_rectangle_has_its_new_size():
    label = to_label(
        AnnotatedImage(name="a", annotations=[Annotation(label="n", shape=Box(x=0.1, y=0, width=0.7, height=1))])
    )
    label.annotations[0].value.end = Point(x=5.1, y=2)
    assert from_label(label).annotations[0].shape == Box(x=0.1, y=0, width=5.0, height=2)
    swapped = Rectangle(start=Point(x=5, y=3), end=Point(x=2, y=1))
    assert from_label(Label(data={"uid": "a"}, annotations=[annotated(value=swapped)])).annotations[0].shape == Box(
        x=2, y=1, width=3, height=2
    )


ODD = {
    "a line": (Line(points=SQUARE), "labelbox-no-segmentation", Weight.DATA, "a Line is no segmentation"),
    "a point": (Point(x=1, y=2), "labelbox-no-segmentation", Weight.DATA, "a Point is no segmentation"),
    "an absent colour": (Mask(mask=gray(), color=9), "labelbox-color-absent", Weight.ERROR, "the colour 9 is not in"),
    "a wrong size": (
        Mask(mask=gray([[1]]), color=1),
        "labelbox-size",
        Weight.ERROR,
        "a mask of 1 x 1 in an image of 2 x 2",
    ),
    "no PNG": (Mask(mask=MaskData(im_bytes=b""), color=1), "png-foreign", Weight.ERROR, "the file is empty"),
    "remote": (
        Mask(mask=MaskData(url="http://h/a"), color=1),
        "mask-remote",
        Weight.ERROR,
        "nothing is fetched",
    ),
    "only a uid": (Mask(mask=MaskData(uid="x"), color=1), "labelbox-mask", Weight.ERROR, "Must set either url"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_left_out_is_noted(name):
    value, code, weight, text = ODD[name]
    noted = []
    label = Label(
        data={"global_key": "a.jpg"}, annotations=[annotated(value=Mask(mask=gray(), color=1)), annotated(value=value)]
    )
    image = from_label(label, note=noted.append)
    (finding,) = noted
    assert (finding.code, finding.weight, finding.where.image, finding.where.annotation) == (code, weight, "a", 1)
    assert (finding.amount, finding.unit) == (1, "instances")
    assert text in finding.message and len(image.annotations) == 1 and (image.width, image.height) == (2, 2)


def test_other_facts_without_a_place_are_noted():
    keyed = ClassificationAnnotation(name="q", value=Radio(answer=ClassificationAnswer(name="a", keyframe=True)))
    shape = Polygon(points=SQUARE, extra={"mine": 1})
    label = Label(data={"uid": "a"}, annotations=[annotated(value=shape, classifications=[keyed]), annotated(name="")])
    noted = []
    from_label(label, note=noted.append)
    assert [(f.code, f.amount) for f in noted] == [
        ("attributes-dropped", 1),
        ("attributes-dropped", 1),
        ("labelbox-label", 1),
    ]


def test_without_a_note_findings_are_warnings():
    full = np.ones((3, 4), bool)
    image = masks_of(full, ignored=maskconv.Mask.from_array(full))
    with pytest.warns(UserWarning, match="data: image a: the target does not hold void pixels") as told:
        to_label(image)
    assert told[0].filename == __file__
    with pytest.warns(UserWarning, match="a Point is no segmentation") as told:
        Label(data={"uid": "a"}, annotations=[annotated(value=Point(x=1, y=1))]).to_image()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_label(to_label(masks_of(full)))


def test_what_cannot_be_converted():
    rotated = Annotation(label="n", shape=Box(x=1, y=1, width=2, height=2, rotation=10))
    with pytest.raises(
        DataError, match=r"image a, annotation 0: this shape must be painted, .*size is not known; give it"
    ):
        to_label(AnnotatedImage(name="a", annotations=[rotated]))
    with pytest.raises(DataError, match="the label's data has no key"):
        from_label(Label(data=MaskData(arr=PICTURE)))


def test_the_pages_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "coming-from-labelbox.md").read_text()
    examples = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    names = {}
    for example in examples:
        exec(compile(example, "docs/coming-from-labelbox.md", "exec"), names)
    assert len(examples) == 3


# --- imports ----------------------------------------------------------------------------------------------------------

SHOW = (
    "\nimport sys; print(sorted({name.partition('.')[0] for name in sys.modules} & {'cv2', 'PIL', 'shapely', 'numpy'}))"
)


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import maskconv.labelbox", "[]"),
        ("from maskconv.labelbox import *\nMaskData.from_2D_array([[1]]).draw(1)", "['numpy']"),
    ],
)
def test_heavy_libraries_wait_until_they_are_needed(code, loaded):
    done = subprocess.run([sys.executable, "-c", code + SHOW], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == loaded


def test_all_names_are_there():
    import maskconv.labelbox as types

    assert all(getattr(types, name) is not None for name in types.__all__)
    assert set(types.__all__) <= set(dir(types))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = types.Nothing


def test_a_missing_opencv_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingDependencyError, match="OpenCV cannot be loaded"):
        Polygon(points=SQUARE).draw(5, 5)
