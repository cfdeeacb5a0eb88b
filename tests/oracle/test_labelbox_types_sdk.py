"""The drop-in types beside Labelbox' own: equal arrays, fields and refusals, and where we are deliberately better.

Needs a Python with labelbox 7.17.0, named by MASKCONV_LABELBOX_PYTHON. Cases are random but the same in every run.
"""

from __future__ import annotations

import inspect
import io
import json
import os
import subprocess
from typing import Any

import numpy as np
import PIL.Image
import pytest
import shapely.geometry

import maskconv.labelbox as ours

PYTHON = os.environ.get("MASKCONV_LABELBOX_PYTHON", "")
pytestmark = pytest.mark.skipif(not PYTHON, reason="no Labelbox SDK: set MASKCONV_LABELBOX_PYTHON")

# The same code makes and draws the cases on both sides; `types` is either module.
BOTH = """
import zlib
import numpy as np

def points(types, dice, count):
    kind = dice.integers(4)
    found = dice.uniform(-30, 90, (count, 2))
    if kind == 0:
        found = np.floor(found)
    elif kind == 1:
        found = np.floor(found) + dice.choice([0.9999994, 0.9999995, 0.9999996, 0.4999996, -1e-7], (count, 2))
    elif kind == 2:
        found *= dice.choice([1e-3, 10.0, 1000.0])
    return [types.Point(x=x, y=y) for x, y in found.tolist()]

def color(dice):
    rgb = tuple(int(v) for v in dice.integers(0, 256, 3))
    return rgb if dice.random() < 0.8 else rgb[0]

def shape(types, dice):
    kind = dice.integers(6)
    if kind == 0:
        return types.Rectangle(start=points(types, dice, 1)[0], end=points(types, dice, 1)[0])
    if kind == 1:
        return types.Line(points=points(types, dice, int(dice.integers(2, 9))))
    if kind == 2:
        return types.Point(x=float(dice.uniform(-9, 70)), y=float(dice.uniform(-9, 70)))
    return types.Polygon(points=points(types, dice, int(dice.integers(3, 30))))

def draw_shape(types, dice):
    one, paint = shape(types, dice), color(dice)
    height, width = (int(v) for v in dice.integers(1, 70, 2))
    options = {} if dice.random() < 0.7 else {"thickness": int(dice.integers(1, 6))}
    canvas = dice.integers(0, 256, (height, width, 3), np.uint8)
    way = dice.integers(4)
    if way == 0:
        return one.draw(canvas=canvas, color=paint, **options)
    if way == 1:
        return one.draw(canvas=np.ascontiguousarray(canvas[:, :, 0]), color=paint, **options)
    if way == 2 and min(height, width) > 2:  # OpenCV refuses odd strides of smaller ones
        return one.draw(canvas=canvas[::-1, ::2], color=paint, **options)
    return one.draw(height, width, color=paint, **options)

def composite(types, dice):
    height, width = (int(v) for v in dice.integers(1, 50, 2))
    palette = dice.integers(0, 256, (int(dice.integers(1, 9)), 3), np.uint8)
    index = np.kron(dice.integers(0, len(palette), (height, width)), np.ones((int(dice.integers(1, 4)),) * 2, int))
    if dice.random() < 0.3:
        return types.MaskData.from_2D_arr(palette[index][:, :, 0]), palette[:, :1].repeat(3, axis=1)
    return types.MaskData(arr=palette[index]), palette

def draw_mask(types, dice):
    data, palette = composite(types, dice)
    own = tuple(int(v) for v in palette[dice.integers(len(palette))])
    own = own if dice.random() < 0.8 else int(dice.integers(256))
    one = types.Mask(mask=data, color=own)
    paint = dice.choice(np.array([None, 0, 1, 255, (1, 2, 3), (9, 8)], dtype=object))
    options = {} if paint is None else {"color": paint}
    height, width, _ = data.value.shape
    if dice.random() < 0.3:
        canvas = dice.integers(0, 256, (height, width, 3), np.uint8)
        options = {"canvas": canvas, "color": paint if paint in (1, (1, 2, 3)) else 7}
    elif dice.random() < 0.2:
        options |= {"height": height * 2, "width": width * 2}
    return one.draw(**options)

def told(types, seed):
    dice = np.random.default_rng(seed)
    array = (draw_shape if seed % 2 else draw_mask)(types, dice)
    return [zlib.crc32(np.ascontiguousarray(array).tobytes()), str(array.dtype), list(array.shape)]
"""

START = "import sys, json, warnings\nwarnings.simplefilter('ignore')\nimport labelbox.types as types\n"


def sdk(code: str, *args: Any) -> Any:
    """What a piece of code prints as JSON in the SDK's environment."""
    given = json.dumps(args)
    command = [PYTHON, "-c", f"{START}{BOTH}\nargs = json.loads(sys.stdin.read())\n{inspect.cleandoc(code)}"]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


CASES = 4000


def test_no_array_differs() -> None:
    """Polygons, rectangles, lines, points and masks; whole, nearly whole, fractional and far coordinates; canvases of all
    kinds; colours; sizes doubled."""
    names: dict[str, Any] = {}
    exec(BOTH, names)
    theirs = sdk(f"print(json.dumps([told(types, seed) for seed in range({CASES})]))")
    mine = [names["told"](ours, seed) for seed in range(CASES)]
    assert [seed for seed in range(CASES) if mine[seed] != theirs[seed]] == []
    assert len({checksum for checksum, *_ in mine}) > CASES * 0.6  # the cases are not all empty


TYPES = [
    *("Point", "Line", "Polygon", "Rectangle", "Mask", "MaskData", "ObjectAnnotation", "Label", "GenericDataRowData"),
    *("ClassificationAnnotation", "ClassificationAnswer", "Radio", "Checklist", "Text"),
]
FIELDS = "{name: {field: repr(info.get_default()) for field, info in getattr(types, name).model_fields.items()} for name in NAMES}"


def test_the_fields_and_defaults_are_the_sdks() -> None:
    theirs = sdk(f"NAMES = args[0]\nprint(json.dumps({FIELDS}))", TYPES)
    mine = eval(FIELDS, {"types": ours, "NAMES": TYPES})
    assert mine["MaskData"].pop("fetch") == "None"  # the one that we add
    assert mine == theirs


def test_a_label_dumps_to_the_same() -> None:
    code = """
        question = types.ClassificationAnnotation(name="q", value=types.Radio(answer=types.ClassificationAnswer(name="a", confidence=0.5)))
        points = [types.Point(x="1", y=2), types.Point(x=1, y=4), types.Point(x=3.25, y=2.123456789)]
        polygon = types.ObjectAnnotation(name="n", value=types.Polygon(points=points), confidence=0.0, keyframe=True,
            custom_metrics=[{"name": "iou", "value": 1}], classifications=[question], extra={"a": 1})
        label = types.Label(data={"global_key": "g"}, annotations=[polygon, question])
        dumped = label.model_dump()
        dumped["annotations"][0]["value"] = polygon.value.model_dump()
    """
    names: dict[str, Any] = {"types": ours}
    exec(inspect.cleandoc(code), names)
    assert names["dumped"] == sdk(inspect.cleandoc(code) + "\nprint(json.dumps(dumped))")


def test_geojson_is_the_same() -> None:
    code = """
        found = []
        for seed in range(300):
            one = shape(types, np.random.default_rng(seed))
            found.append([one.geometry, one.shapely.wkt])
    """
    names: dict[str, Any] = {"types": ours}
    exec(BOTH + inspect.cleandoc(code), names)
    assert json.loads(json.dumps(names["found"])) == sdk(inspect.cleandoc(code) + "\nprint(json.dumps(found))")


BLOBS = """
    found = []
    for seed in range(150):
        dice = np.random.default_rng(seed)
        x, y = dice.uniform(30, 70, 2)
        angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        radius = dice.uniform(10, 25, 40)
        points = [types.Point(x=a, y=b) for a, b in zip((x + radius * np.cos(angles)).tolist(), (y + radius * np.sin(angles)).tolist())]
        canvas = types.Polygon(points=points).draw(100, 100)
        if seed % 3 == 0:
            types.Rectangle(start=types.Point(x=x - 3, y=y - 3), end=types.Point(x=x + 3, y=y + 3)).draw(canvas=canvas, color=(0, 0, 0))
        found.append(types.Mask(mask=types.MaskData(arr=canvas), color=(255, 255, 255)).geometry)
"""


def test_the_geometry_of_simple_masks_is_the_same_area() -> None:
    """Blobs, every third with a hole; ours lists corners only, theirs every border pixel."""
    names: dict[str, Any] = {"types": ours}
    exec(BOTH + inspect.cleandoc(BLOBS), names)
    theirs = sdk(inspect.cleandoc(BLOBS) + "\nprint(json.dumps(found))")
    for mine, other in zip(names["found"], theirs, strict=True):
        a, b = shapely.geometry.shape(mine).buffer(0), shapely.geometry.shape(other).buffer(0)
        assert a.symmetric_difference(b).area == pytest.approx(0, abs=1e-9)  # what shapely's own arithmetic leaves


# --- refused by both --------------------------------------------------------------------------------------------------

REFUSED = {
    "two points": "types.Polygon(points=[types.Point(x=1, y=2)] * 2)",
    "one point": "types.Line(points=[types.Point(x=1, y=2)])",
    "no canvas": "types.Polygon(points=[types.Point(x=1, y=2)] * 3).draw(height=5)",
    "nothing": "types.MaskData()",
    "int32": "types.MaskData(arr=np.zeros((2, 2, 3), np.int32))",
    "a list": "types.MaskData(arr=[1])",
    "256": "types.MaskData.from_2D_arr(np.array([[256]]))",
    "floats": "types.MaskData.from_2D_arr(np.zeros((2, 2)))",
    "3-D": "types.MaskData.from_2D_arr(np.zeros((2, 2, 3), np.uint8))",
    "only a key": "types.MaskData(global_key='x').value",
    "a colour": "types.Mask(mask=types.MaskData(arr=np.zeros((2, 2, 3), np.uint8)), color=256)",
    "a name": "types.ObjectAnnotation(value=types.Point(x=1, y=2))",
    "confidence": "types.ObjectAnnotation(name='n', value=types.Point(x=1, y=2), confidence=2)",
    "no key": "types.Label(data={})",
    "two keys": "types.Label(data={'uid': 'a', 'global_key': 'b'})",
    "no list": "types.Label(data={'uid': 'a'}, annotations=3)",
    "no annotation": "types.Label(data={'uid': 'a'}, annotations=[3])",
    "a shape": "types.Polygon.from_shapely(types.Point(x=1, y=2).shapely)",
}
SAYS = """
def says(code, types):
    try:
        eval(code, {"types": types, "np": np})
    except Exception as error:
        first = error.errors()[0] if hasattr(error, "errors") else {"msg": str(error)}
        return [type(error).__name__, first["msg"].removeprefix("Value error, ")]
"""


def test_refusals_begin_with_the_same_words() -> None:
    names: dict[str, Any] = {}
    exec(BOTH + SAYS, names)
    theirs = sdk(f"{SAYS}\nprint(json.dumps([says(code, types) for code in args[0]]))", list(REFUSED.values()))
    for code, other in zip(REFUSED.values(), theirs, strict=True):
        mine = names["says"](code, ours)
        assert mine and other and mine[0] == other[0], code
        words = 32  # behind them ours may say more, or less of a representation
        assert mine[1][:words] == other[1][:words], code


# --- where we are better: what docs/coming-from-labelbox.md says of the SDK is so --------------------------------------


def theirs(expression: str) -> Any:
    """The value in the SDK, or its error as text."""
    code = f"""
        import shapely, shapely.geometry, io, PIL.Image
        square = [types.Point(x=x, y=y) for x, y in [(2, 1), (5, 1), (5, 3), (2, 3)]]
        def png(image):
            buffer = io.BytesIO()
            image.save(buffer, "PNG")
            return buffer.getvalue()
        try:
            print(json.dumps({expression}))
        except Exception as error:
            print(json.dumps(type(error).__name__))
    """
    return sdk(inspect.cleandoc(code))


def test_the_sdk_draws_garbage_for_nan() -> None:
    assert theirs("types.Polygon(points=[types.Point(x=float('nan'), y=1)] * 3).draw(5, 5).shape") == [5, 5, 3]
    with pytest.raises(ValueError, match="finite"):
        ours.Point(x=float("nan"), y=1)


def test_the_sdk_drops_holes() -> None:
    holed = "shapely.Point(9, 9).buffer(5).difference(shapely.Point(9, 9).buffer(2))"
    assert theirs(f"len(types.Polygon.from_shapely({holed}).geometry['coordinates'])") == 1


def test_the_sdk_takes_no_other_integers() -> None:
    assert theirs("types.MaskData.from_2D_arr(np.zeros((2, 2), np.int32)).value.shape") == "ValueError"
    assert ours.MaskData.from_2D_arr(np.zeros((2, 2), np.int32)).value.shape == (2, 2, 3)


def test_the_sdk_takes_arrays_that_it_cannot_draw() -> None:
    mask = "types.Mask(mask=types.MaskData(arr=np.zeros((2, 2, 4), np.uint8)), color=(0, 0, 0))"
    assert theirs(f"bool({mask}.color)") is True and theirs(f"{mask}.draw().shape") in ("AxisError", "ValueError")


def test_the_sdk_cannot_say_what_is_wrong_with_two_dimensions() -> None:
    assert theirs("types.MaskData(arr=np.zeros((2, 2), np.uint8))") == "AttributeError"


def test_the_sdk_takes_indices_of_palettes_for_colours() -> None:
    image = "PIL.Image.fromarray(np.array([[0, 1]], np.uint8), 'P')"
    assert theirs(f"types.MaskData(im_bytes=png({image})).value.tolist()") == [[[0, 0, 0], [1, 1, 1]]]


def test_the_sdk_cannot_draw_gray_with_alpha() -> None:
    mask = "types.Mask(mask=types.MaskData(im_bytes=png(PIL.Image.new('LA', (2, 2)))), color=(0, 0, 0))"
    assert theirs(f"{mask}.draw().tolist()") in ("AxisError", "ValueError")


def test_gray_pngs_are_the_same() -> None:
    modes = {"1": 255, "L": 200, "I;16": 200, "RGB": (9, 8, 7), "RGBA": (9, 8, 7, 0)}
    for mode, value in modes.items():
        image = PIL.Image.new(mode, (3, 2), value)
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        found = theirs(
            f"types.MaskData(im_bytes=png(PIL.Image.new({mode!r}, (3, 2), {value!r}))).value.astype(int).tolist()"
        )
        assert ours.MaskData(im_bytes=buffer.getvalue()).value.tolist() == found


def test_the_sdk_smears_edges_in_resizing() -> None:
    """Down from 4 to 2 pixels it sets a pixel where two of four are set, and where the nearest is not."""
    mask = "types.Mask(mask=types.MaskData.from_2D_arr(np.array([[0, 1, 0, 0]] * 4, np.uint8)), color=1).draw(2, 3).tolist()"
    assert eval(mask, {"types": ours, "np": np}) == [[0, 0, 0], [0, 0, 0]] != theirs(mask)


def test_the_sdk_vectorises_wrongly() -> None:
    """An island in a hole, and a single pixel."""
    ring = np.zeros((20, 20), np.uint8)
    ring[1:19, 1:19], ring[5:15, 5:15], ring[8:12, 8:12] = 1, 0, 1
    code = f"len(types.Mask(mask=types.MaskData.from_2D_arr(np.array({ring.tolist()}, np.uint8)), color=1).geometry['coordinates'])"
    assert (theirs(code), eval(code, {"types": ours, "np": np})) == (1, 2)
    code = "types.Mask(mask=types.MaskData.from_2D_arr(np.eye(3, dtype=np.uint8)[:1]), color=1).geometry['coordinates']"
    assert theirs(code) == [] and len(eval(code, {"types": ours, "np": np})) == 1


def test_the_sdk_ignores_unknown_fields() -> None:
    assert theirs("types.Point(x=1, y=2, z=3).x") == 1.0
    with pytest.raises(ValueError, match="Extra inputs"):
        ours.Point(x=1, y=2, z=3)


def test_the_sdk_counts_keys_that_are_none() -> None:
    assert theirs("bool(types.Label(data={'uid': None}))") is True
    assert theirs("bool(types.Label(data={'uid': None, 'global_key': 'a'}))") == "ValidationError"
    assert ours.Label(data={"uid": None, "global_key": "a"}).data.global_key == "a"


def test_the_sdk_takes_no_path_for_a_url(tmp_path: Any) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    assert theirs(f"types.MaskData(url={str(path)!r}).value") == "MissingSchema"
