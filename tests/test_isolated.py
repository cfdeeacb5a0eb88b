"""Objects by themselves: their pixels against plain arrays, the files' names, the index, every error."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import maskconv
from maskconv import _pngpixels, registry
from maskconv.finding import Finding, Report, Weight
from maskconv.formats.isolated.names import cleaned, folded, item_path, label_names
from maskconv.model import AnnotatedImage, Annotation, Box, Label, LabelMap, Mask, Picture, PixelRule, Polygon
from tests.strategies import bitmaps

SIZE = (12, 20)  # height, width
BACKGROUNDS = ("black", "transparent", "keep")
CROPS = ("none", "mask", "box")


def picture(height: int = SIZE[0], width: int = SIZE[1], seed: int = 0) -> Any:
    """Noise without black, uint8 (height, width, 3)."""
    return np.random.default_rng(seed).integers(1, 256, (height, width, 3)).astype(np.uint8)


def image(*shapes: Any, label: str = "car", **facts: Any) -> AnnotatedImage:
    told = tuple(s if isinstance(s, Annotation) else Annotation(label=label, shape=s) for s in shapes)
    return AnnotatedImage(**{"name": "a", "width": SIZE[1], "height": SIZE[0], "annotations": told} | facts)


def block(x: int, y: int, w: int, h: int) -> Mask:
    pixels = np.zeros(SIZE, bool)
    pixels[y : y + h, x : x + w] = True
    return Mask.from_array(pixels)


# -- the arrays ------------------------------------------------------------------------------------------------------


def plain(pixels: Any, bitmap: Any, box: tuple[int, int, int, int] | None, how: dict[str, Any]) -> Any:
    """What isolate() should give, by whole arrays: (pixels, x, y)."""
    kept = np.ones_like(bitmap) if how["background"] == "keep" else bitmap
    found = np.where(kept[..., None], pixels, 0)
    if how["background"] == "transparent":
        found = np.dstack([found, np.where(bitmap, 255, 0)])
    if how["crop"] == "none":
        return found, 0, 0
    ys, xs = np.nonzero(bitmap)
    left, top, right, bottom = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
    if how["crop"] == "box" and box is not None:
        left, top, right, bottom = (
            min(left, box[0]),
            min(top, box[1]),
            max(right, box[2]),
            max(bottom, box[3]),
        )
    left, top = max(left - how["margin"], 0), max(top - how["margin"], 0)
    right, bottom = min(right + how["margin"], SIZE[1]), min(bottom + how["margin"], SIZE[0])
    return found[top:bottom, left:right], left, top


OPTIONS = st.builds(
    dict, background=st.sampled_from(BACKGROUNDS), crop=st.sampled_from(CROPS), margin=st.integers(0, 30)
).map(lambda how: how | {"margin": 0} if how["crop"] == "none" else how)
OPTIONS = OPTIONS.filter(lambda how: (how["background"], how["crop"]) != ("keep", "none"))
BOXES = st.none() | st.tuples(st.floats(-9, 25), st.floats(-9, 15), st.floats(0, 30), st.floats(0, 30))


@given(st.lists(st.tuples(bitmaps(SIZE[1], SIZE[0]), BOXES), max_size=4), OPTIONS)
def test_arrays_equal_those_of_plain_numpy(objects: Any, how: dict[str, Any]) -> None:
    pixels = picture()
    told = [
        Annotation(
            label="car",
            shape=Mask.from_array(bitmap),
            box=None if box is None else Box(x=box[0], y=box[1], width=box[2], height=box[3]),
        )
        for bitmap, box in objects
    ]
    found = list(maskconv.isolate(image(*told), pixels, **how))
    assert [one.index for one in found] == [i for i, (bitmap, _) in enumerate(objects) if bitmap.any()]
    for one in found:
        bitmap, box = objects[one.index]
        corners = None
        if box is not None:
            right, bottom = box[0] + box[2] / 2 + box[2] / 2, box[1] + box[3] / 2 + box[3] / 2
            corners = (
                int(np.floor(box[0] + box[2] / 2 - box[2] / 2)),
                int(np.floor(box[1] + box[3] / 2 - box[3] / 2)),
                int(np.ceil(right)),
                int(np.ceil(bottom)),
            )
        expected, x, y = plain(pixels, bitmap, corners, how)
        assert (one.x, one.y) == (x, y) and one.annotation is told[one.index]
        assert one.pixels.dtype == np.uint8 and one.pixels.shape == expected.shape
        assert (one.pixels == expected).all()


def test_the_arrays_are_the_callers_own() -> None:
    pixels = picture()
    before = pixels.copy()
    for background in BACKGROUNDS:
        for one in maskconv.isolate(image(block(0, 0, 20, 12)), pixels, background=background, crop="mask"):
            one.pixels[:] = 7
    assert (pixels == before).all()


def test_a_view_of_a_picture_will_do() -> None:
    pixels = picture()
    (one,) = maskconv.isolate(image(block(3, 2, 5, 4)), pixels[:, :, ::-1], crop="mask")
    assert (one.pixels == pixels[2:6, 3:8, ::-1]).all()


def test_any_shape_is_isolated_and_a_size_is_not_needed() -> None:
    ring = Polygon(
        exterior=[(2, 2), (9, 2), (9, 8), (2, 8)], holes=([(4, 4), (6, 4), (6, 6), (4, 6)],), rule=PixelRule.EDGE
    )
    shapes = image((ring,), Box(x=3, y=1, width=4, height=5), width=None, height=None)
    polygon, box = maskconv.isolate(shapes, picture(), crop="mask")
    assert polygon.pixels.shape == (6, 7, 3) and not polygon.pixels[2:4, 2:4].any() and polygon.pixels[0].all()
    assert (box.x, box.y, *box.pixels.shape) == (3, 1, 5, 4, 3)


def test_a_turned_box_is_kept_whole() -> None:
    told = Annotation(label="car", shape=block(10, 6, 1, 1), box=Box(x=8, y=5, width=5, height=2, rotation=90))
    (one,) = maskconv.isolate(image(told), picture(), crop="box")
    assert (one.x, one.y, *one.pixels.shape[:2]) == (9, 3, 6, 3)


def test_a_mask_that_leaves_its_box_is_not_cut() -> None:
    told = Annotation(label="car", shape=block(2, 2, 9, 8), box=Box(x=4.9, y=4.9, width=2, height=2))
    (one,) = maskconv.isolate(image(told), picture(), crop="box")
    assert (one.x, one.y, *one.pixels.shape[:2]) == (2, 2, 8, 9)


def test_it_is_the_guides_recipe_where_that_is_right() -> None:
    """One part, no hole, whole pixels: black and full size, as OpenCV draws it."""
    contour = np.array([[3, 2], [15, 3], [13, 9], [5, 8]], np.int32)
    drawn = np.zeros(SIZE, np.uint8)
    cv2.drawContours(drawn, [contour.reshape(-1, 1, 2)], -1, (255, 255, 255), cv2.FILLED)
    pixels = picture()
    expected = cv2.bitwise_and(cv2.cvtColor(drawn, cv2.COLOR_GRAY2BGR), pixels)
    traced = Polygon(exterior=contour, rule=PixelRule.CENTRE_TRUNC)
    (one,) = maskconv.isolate(image((traced,)), pixels)
    assert (one.pixels == expected).all()


@pytest.mark.parametrize(
    ("pixels", "how", "says"),
    [
        (picture()[:, :, 0], {}, "a picture is a uint8 array (height, width, 3), not uint8 (12, 20)"),
        (picture().astype(float), {}, "not float64 (12, 20, 3)"),
        (picture(12, 21), {}, "the picture has 21 x 12 pixels, the image 20 x 12"),
        (picture(), {"background": "blue"}, "background is black | transparent | keep, not 'blue'"),
        (picture(), {"crop": "full"}, "crop is none | mask | box, not 'full'"),
        (picture(), {"crop": "mask", "margin": -1}, "a margin is not negative, as -1 is"),
        (picture(), {"margin": 2}, "a margin needs a crop"),
        (picture(), {"background": "keep"}, "each file would be the whole picture"),
    ],
)
def test_what_does_not_fit_is_told_at_once(pixels: Any, how: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        maskconv.isolate(image(), pixels, **how)


# -- the PNG ---------------------------------------------------------------------------------------------------------


def idat(data: bytes) -> bytes:
    at, parts = 8, []
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            parts.append(data[at + 8 : at + 8 + size])
        at += 12 + size
    return b"".join(parts)


@pytest.fixture(params=["isal", "zlib"])
def codec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "zlib":
        monkeypatch.setattr(_pngpixels, "_codec", lambda: zlib)


@given(st.data())
def test_a_window_comes_back_from_every_reader(codec: None, data: st.DataObject) -> None:
    w, h = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 30))
    x, y, right, below = (data.draw(st.sampled_from([0, 1, 7, 300])) for _ in range(4))
    channels = data.draw(st.sampled_from([3, 4]))
    across, down = data.draw(st.sampled_from([(w, h), (w, 1), (1, h)]))  # noise, or the same in every row or column
    noise = np.random.default_rng(w * h + x).integers(0, 256, (down, across, channels)).astype(np.uint8)
    pixels = np.broadcast_to(noise, (h, w, channels))
    whole = np.zeros((y + h + below, x + w + right, channels), np.uint8)
    whole[y : y + h, x : x + w] = pixels
    made = _pngpixels.encode_window(pixels, x, y, whole.shape[1], whole.shape[0])
    assert (np.asarray(Image.open(io.BytesIO(made))) == whole).all()
    bgr = cv2.imdecode(np.frombuffer(made, np.uint8), cv2.IMREAD_UNCHANGED)
    assert (cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB if channels == 3 else cv2.COLOR_BGRA2RGBA) == whole).all()
    stream = zlib.decompressobj()  # checks the sum
    rows = stream.decompress(idat(made))
    assert stream.eof and not stream.unused_data
    assert len(rows) == whole.shape[0] * (1 + whole.shape[1] * channels)


def test_a_large_picture_with_one_pixel_is_a_small_file(codec: None) -> None:
    made = _pngpixels.encode_window(np.full((1, 1, 3), 200, np.uint8), 2999, 1500, 4000, 3000)
    assert len(made) < 60_000
    whole = cv2.imdecode(np.frombuffer(made, np.uint8), cv2.IMREAD_UNCHANGED)
    assert whole.shape == (3000, 4000, 3) and whole[1500, 2999].tolist() == [200] * 3 and whole.sum() == 600


@pytest.mark.parametrize("shape", [(1, 400, 3), (400, 1, 3)], ids=["rows", "columns"])
def test_what_is_alike_along_rows_or_down_columns_is_a_small_file(codec: None, shape: tuple[int, int, int]) -> None:
    noise = np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)
    made = _pngpixels.encode_window(np.ascontiguousarray(np.broadcast_to(noise, (400, 400, 3))), 0, 0, 400, 400)
    assert len(made) < 400 * 400 * 3 / 50


def test_bytes_do_not_depend_on_where_in_memory_the_compressor_is() -> None:
    """ISA-L's begin with a hash of its address; of as many streams and addresses, about twenty would differ."""
    codec = pytest.importorskip("isal.isal_zlib")
    dice = np.random.default_rng(4)
    streams = [np.zeros((1, 33_000), np.uint8) for _ in range(1000)]
    for rows in streams:  # what comes again soon
        rows[0, :19] = [2, *(noise := dice.integers(0, 256, 9)), *noise]
    first = [_pngpixels._stream(0, rows, 0) for rows in streams]
    elsewhere = []  # each takes room, so that the next ones are made behind it
    for _ in range(20):
        elsewhere.append([codec.compressobj(1) for _ in range(2)])
        assert [_pngpixels._stream(0, rows, 0) for rows in streams] == first


# -- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "clean"),
    [
        ("car", "car"),
        ("traffic light", "traffic light"),
        ("ünï кот", "ünï кот"),
        ("a/b\\c:d", "a_b_c_d"),
        ("line\nbreak\x00", "line_break_"),
        ('<>"|?*', "______"),
        (".hidden", "_hidden"),
        ("..", "_"),
        ("...", "_"),
        ("ends. ", "ends"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("com1", "_com1"),
        ("console", "console"),
        (" ", "_"),
        ("half\udc80", "half_"),
    ],
)
def test_a_name_that_every_system_takes(part: str, clean: str) -> None:
    assert cleaned(part, 80) == clean


@given(st.text(min_size=1), st.integers(1, 60))
def test_cleaned_names_are_safe(part: str, most: int) -> None:
    clean = cleaned(part, most)
    assert 0 < len(clean.encode()) <= most + 1
    assert not set(clean) & set('/\\:*?"<>|\n\0') and not clean.startswith(".") and not clean.endswith((".", " "))


NAMES = st.lists(
    st.text(st.sampled_from("aAb_~2/:-é") | st.characters(), min_size=1, max_size=6),
    min_size=1,
    max_size=6,
    unique=True,
)


@given(NAMES, NAMES)
def test_files_of_different_objects_have_different_names(items: list[str], labels: list[str]) -> None:
    """Also for a file system that ignores case; only items that differ in nothing else are refused (by their key)."""
    items = [name for name in items if name.strip("/")]
    items = list({folded(item_path(name)): name for name in items}.values())
    slugs = label_names(labels)
    files = [folded(f"{item_path(item)}_{slugs[label]}-0.png") for item in items for label in labels]
    assert len(set(files)) == len(files)


def test_labels_that_would_be_confused_get_numbers() -> None:
    labels = ("traffic_light", "light", "a/b", "a:b", "A_B", "car")
    assert list(label_names(labels).values()) == ["traffic_light", "light~2", "a_b", "a_b~2", "A_B~3", "car"]


def test_long_names_fit() -> None:
    name = item_path("é" * 300) + "_" + label_names(["ß" * 300])["ß" * 300] + "-999999.png"
    assert len(name.encode()) <= 255
    assert item_path("x" * 300) != item_path("x" * 301)
    assert item_path("a/b c/d.e") == "a/b c/d.e"
    assert re.fullmatch(r"con/b~[0-9a-f]{8}", item_path("con/b").removeprefix("_"))


# -- the target ------------------------------------------------------------------------------------------------------


class Run:
    """One conversion of images with their pictures to a target."""

    def __init__(
        self, folder: Path, *images: AnnotatedImage, target: str = "out", labels: Any = None, **how: Any
    ) -> None:
        names = labels or dict.fromkeys(a.label for i in images for a in i.annotations)
        source = folder / "source.mcv"
        source.unlink(missing_ok=True)
        with maskconv.open_writer(source, LabelMap(labels=[Label(name=name) for name in names])) as writer:
            for one in images:
                writer.write(one)
        write = {"images": folder / "pictures"} | how.pop("write", {})
        self.target = folder / target
        self.findings: list[Finding] = []
        self.report = Report(sink=self.findings.append)
        maskconv.convert(source, self.target, to="isolated", write=write, report=self.report, **how)

    @property
    def files(self) -> list[str]:
        return sorted(p.relative_to(self.target).as_posix() for p in self.target.rglob("*.png"))

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.target / "index.jsonl").read_text().splitlines()]

    def pixels(self, name: str) -> Any:
        return np.asarray(Image.open(self.target / name))

    def said(self, code: str) -> list[Finding]:
        return [finding for finding in self.findings if finding.code == code]


def put(folder: Path, name: str = "a.png", rgb: Any = None) -> Any:
    rgb = picture() if rgb is None else rgb
    path = folder / "pictures" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path)
    return rgb


def test_files_hold_the_objects_pixels(tmp_path: Path) -> None:
    rgb = put(tmp_path)
    hole = block(2, 2, 9, 8).to_array()
    hole[4:6, 4:6] = False
    parts = block(0, 0, 3, 3).to_array() | block(15, 9, 5, 3).to_array()
    dot = block(19, 11, 1, 1)
    run = Run(tmp_path, image(Mask.from_array(hole), Mask.from_array(parts), dot))
    assert run.files == ["a_car-0.png", "a_car-1.png", "a_car-2.png"] == [row["file"] for row in run.rows]
    for number, bitmap in enumerate((hole, parts, dot.to_array())):
        assert (run.pixels(f"a_car-{number}.png") == np.where(bitmap[..., None], rgb, 0)).all()
    assert run.report.instances_written == 3 and run.report.instances_changed == 0


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_crops_lie_where_the_index_says(tmp_path: Path, background: str) -> None:
    rgb = put(tmp_path)
    run = Run(tmp_path, image(block(5, 3, 6, 4)), write={"crop": "mask", "margin": 2, "background": background})
    (row,), found = run.rows, run.pixels("a_car-0.png")
    assert [row[key] for key in ("x", "y", "width", "height")] == [3, 1, 10, 8] and found.shape[:2] == (8, 10)
    window = rgb[1:9, 3:13]
    if background == "transparent":
        assert (found[2:6, 2:8, :3] == window[2:6, 2:8]).all() and found[..., 3].sum() == 255 * 24
        assert not found[found[..., 3] == 0].any(), "no colour hides where it is transparent"
    elif background == "keep":
        assert (found == window).all() and run.said("isolated-surroundings")
    else:
        assert (found[2:6, 2:8] == window[2:6, 2:8]).all() and (found > 0).any(axis=2).sum() == 24


def test_the_index_has_all_that_is_known(tmp_path: Path) -> None:
    put(tmp_path, "night/rain 1.png")
    facts = {"score": 0.5, "track": 3, "group": 2, "crowd": True, "id": "x", "attributes": {"color": "red"}}
    told = Annotation(label="car", shape=block(1, 1, 3, 3), box=Box(x=0.5, y=1, width=4, height=3), **facts)
    given = image(told, name="night/rain 1", split="val", sequence="s", frame=4, attributes={"weather": "rain"})
    run = Run(tmp_path, given)
    (row,) = run.rows
    where = {"name": "night/rain 1", "width": 20, "height": 12, "split": "val", "sequence": "s", "frame": 4}
    expected = {"file": "night/rain 1_car-0.png", "index": 0, "label": "car", **facts} | {
        "box": {"x": 0.5, "y": 1.0, "width": 4.0, "height": 3.0},
        "x": 0,
        "y": 0,
        "width": 20,
        "height": 12,
        "image": where | {"attributes": {"weather": "rain"}},
    }
    assert row == expected
    assert {f.code for f in run.findings} == {"label-order-dropped"} and not run.report.lossy


def test_the_index_of_an_object_is_its_place_in_the_image(tmp_path: Path) -> None:
    put(tmp_path)
    empty = Mask.from_array(np.zeros(SIZE, bool))
    outside = Polygon(exterior=[(50, 50), (60, 50), (60, 60)], rule=PixelRule.EDGE)
    told = [Annotation(label=name, shape=block(1, 1, 2, 2)) for name in ("car", "tree", "car")]
    run = Run(tmp_path, image(told[0], empty, told[1], (outside,), told[2]))
    assert run.files == ["a_car-0.png", "a_car-4.png", "a_tree-2.png"]
    lost = run.said("isolated-no-pixels")
    assert [f.where.annotation for f in lost] == [1, 3] and {f.weight for f in lost} == {Weight.DATA}
    assert run.report.instances_written == 3


def test_labels_and_items_with_awkward_names(tmp_path: Path) -> None:
    put(tmp_path, "x.png")
    put(tmp_path, "b/c.png")
    labels = ("traffic_light", "light", "a/b", "a:b", "CON", "..")
    told = [Annotation(label=label, shape=block(i, 1, 2, 2)) for i, label in enumerate(labels)]
    run = Run(tmp_path, image(*told, name="x"), image(*told, name="b/c"))
    names = ["traffic_light", "light~2", "a_b", "a_b~2", "_CON", "_"]
    assert run.files == sorted(f"{item}_{n}-{i}.png" for item in ("x", "b/c") for i, n in enumerate(names))
    assert [row["label"] for row in run.rows] == list(labels) * 2
    assert len(run.said("isolated-label-name")) == 5
    assert "the label 'a:b' is 'a_b~2' in the names of files" in run.said("isolated-label-name")[2].message


@pytest.mark.skipif("os.name == 'nt'", reason="such files cannot be")
def test_an_item_whose_name_is_no_file_name_elsewhere(tmp_path: Path) -> None:
    put(tmp_path, "12:30.png")
    put(tmp_path, "12?30.png")
    run = Run(tmp_path, image(block(0, 0, 2, 2), name="12:30"), image(block(0, 0, 2, 2), name="12?30"))
    assert len(set(run.files)) == 2 and all(re.fullmatch(r"12_30~[0-9a-f]{8}_car-0\.png", f) for f in run.files)
    assert [f.where.image for f in run.said("isolated-item-name")] == ["12:30", "12?30"]
    assert [row["image"]["name"] for row in run.rows] == ["12:30", "12?30"]


def test_items_that_differ_in_case_only_are_an_error(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    put(tmp_path, "A.png")
    with pytest.raises(maskconv.ConversionError) as caught:
        Run(tmp_path, image(block(0, 0, 2, 2)), image(block(0, 0, 2, 2), name="A"))
    finding = caught.value.report.findings[0]
    assert finding.code == "name-collision" and "--name" in finding.fix


@pytest.mark.parametrize(
    ("facts", "how", "code", "says"),
    [
        ({"name": "b"}, {}, "isolated-picture-missing", "there is no picture 'b' in "),
        ({}, {"write": {"images": None}}, "isolated-picture-missing", "the source does not have this item's picture"),
        ({"name": "big"}, {}, "isolated-picture-size", "the picture has 30 x 31 pixels, its annotations 20 x 12"),
        ({"name": "broken"}, {}, "picture-unreadable", "it is damaged, or no picture"),
        ({"name": "../a"}, {}, "name-unsafe", "the item's name leads out of the data set"),
    ],
)
def test_an_image_that_cannot_be_isolated_is_an_error(
    tmp_path: Path, facts: dict[str, Any], how: dict[str, Any], code: str, says: str
) -> None:
    put(tmp_path)
    put(tmp_path, "big.png", picture(31, 30))
    (tmp_path / "pictures" / "broken.png").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(maskconv.ConversionError) as caught:
        Run(tmp_path, image(block(0, 0, 2, 2), **facts), **how)
    (finding,) = [f for f in caught.value.report.findings if f.weight is Weight.ERROR]
    assert (finding.code, finding.where.image) == (code, facts.get("name", "a"))
    assert says in finding.message and finding.fix
    assert not (tmp_path / "out").exists()


def test_a_folder_of_pictures_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(maskconv.SourceError, match="there is no such folder of pictures; check --images"):
        Run(tmp_path, image(block(0, 0, 2, 2)))


@pytest.mark.parametrize(
    ("write", "says"),
    [
        ({"margin": "3"}, "a margin needs a crop"),
        ({"background": "keep"}, "choose a crop"),
        ({"background": "blue"}, "--to-background does not take 'blue'"),
        ({"margin": "-1", "crop": "mask"}, "--to-margin does not take '-1'"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, write: dict[str, Any], says: str) -> None:
    put(tmp_path)
    with pytest.raises(maskconv.OptionError, match=says):
        Run(tmp_path, image(block(0, 0, 2, 2)), write=write)


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, "half\udc80"], ids=["nan", "set", "surrogate"])
@pytest.mark.parametrize("of", ["image", "object"])
def test_an_attribute_that_json_cannot_hold(tmp_path: Path, value: Any, of: str) -> None:
    put(tmp_path)
    bad: dict[str, Any] = {"attributes": {"speed": value}}
    told = Annotation(label="car", shape=block(0, 0, 2, 2), **(bad if of == "object" else {}))
    labels = LabelMap(labels=[Label(name="car")])
    with (
        pytest.raises(maskconv.DataError, match="a value that JSON cannot hold"),
        maskconv.open_writer(tmp_path / "o", labels, format="isolated", images=tmp_path / "pictures") as writer,
    ):
        writer.write(image(told, **(bad if of == "image" else {})))


def test_the_sources_own_picture_is_taken(tmp_path: Path) -> None:
    rgb = put(tmp_path)
    own = Picture(path=str(tmp_path / "pictures" / "a.png"))
    run = Run(tmp_path, image(block(4, 4, 2, 2), name="other", picture=own), write={"images": None, "crop": "mask"})
    assert (run.pixels("other_car-0.png") == rgb[4:6, 4:6]).all()


def test_a_picture_that_a_service_has_is_not_looked_for_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "service:some-key").write_bytes((tmp_path / "pictures/a.png").read_bytes())
    elsewhere = image(block(4, 4, 2, 2), picture=Picture(path="service:some-key", member="a"))
    with pytest.raises(maskconv.ConversionError) as caught:
        Run(tmp_path, elsewhere, write={"images": None})
    (finding,) = [f for f in caught.value.report.findings if f.weight is Weight.ERROR]
    assert finding.code == "isolated-picture-missing" and "--images FOLDER" in finding.fix


def test_pictures_lie_in_their_splits_folders(tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / "pictures" / "images" / split).mkdir(parents=True)
    rgb = {split: put(tmp_path, f"images/{split}/a.png", picture(seed=n)) for n, split in enumerate(("train", "val"))}
    run = Run(tmp_path, image(block(4, 4, 2, 2), split="val"), write={"crop": "mask"})
    assert (run.pixels("a_car-0.png") == rgb["val"][4:6, 4:6]).all()


def test_a_picture_inside_a_zip_is_taken(tmp_path: Path) -> None:
    rgb = put(tmp_path)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.write(tmp_path / "pictures" / "a.png", "images/a.png")
    own = Picture(path=str(tmp_path / "set.zip"), member="images/a.png")
    run = Run(tmp_path, image(block(4, 4, 2, 2), picture=own), write={"images": None, "crop": "mask"})
    assert (run.pixels("a_car-0.png") == rgb[4:6, 4:6]).all()


def test_a_turned_picture_is_isolated_as_it_is_seen(tmp_path: Path) -> None:
    seen = picture(12, 20)
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(seen)))  # a quarter turn clockwise shows it
    exif = Image.Exif()
    exif[274] = 6
    (tmp_path / "pictures").mkdir()
    stored.save(tmp_path / "pictures" / "a.png", exif=exif)
    run = Run(tmp_path, image(block(15, 2, 4, 3)), write={"crop": "mask"})
    assert (run.pixels("a_car-0.png") == seen[2:5, 15:19]).all()


def test_gray_and_deep_pictures_become_8_bit_colour(tmp_path: Path) -> None:
    gray = picture()[:, :, 0]
    put(tmp_path, "a.png", gray)
    deep = gray.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "pictures" / "b.png"), deep)
    run = Run(tmp_path, image(block(4, 4, 3, 2)), image(block(4, 4, 3, 2), name="b"), write={"crop": "mask"})
    for name in ("a", "b"):
        assert (run.pixels(f"{name}_car-0.png") == gray[4:6, 4:7, None]).all()


def test_an_image_of_unknown_size_has_its_pictures(tmp_path: Path) -> None:
    put(tmp_path)
    ring = Polygon(exterior=[(2, 2), (9, 2), (9, 8), (2, 8)], rule=PixelRule.EDGE)
    run = Run(tmp_path, image((ring,), width=None, height=None))
    assert run.rows[0]["image"] == {"name": "a", "width": 20, "height": 12}
    assert run.report.instances_changed == 0 and {f.code for f in run.findings} == {"label-order-dropped"}


def test_a_zip_holds_the_same(tmp_path: Path) -> None:
    put(tmp_path)
    folder = Run(tmp_path, image(block(1, 1, 4, 4), block(9, 3, 2, 2)))
    Run(tmp_path, image(block(1, 1, 4, 4), block(9, 3, 2, 2)), target="out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    assert found == {p.name: p.read_bytes() for p in folder.target.iterdir()}


@pytest.mark.parametrize("target", ["out", "out.zip"])
def test_an_earlier_target_is_replaced_when_asked_and_another_folder_never(tmp_path: Path, target: str) -> None:
    put(tmp_path)
    given = image(block(1, 1, 4, 4))
    Run(tmp_path, given, target=target)
    with pytest.raises(maskconv.TargetExistsError):
        Run(tmp_path, given, target=target)
    Run(tmp_path, given, target=target, overwrite=True)
    Run(tmp_path, image(name="nothing"), labels=["car"], target="empty")
    Run(tmp_path, image(name="nothing"), labels=["car"], target="empty", overwrite=True)
    with pytest.raises(maskconv.TargetError, match="other files than isolated's, and is not replaced"):
        Run(tmp_path, given, target="pictures", overwrite=True)


def test_a_resumed_run_has_the_whole_index(tmp_path: Path) -> None:
    images = [image(block(1, 1, 4, 4), name=f"{n:03}") for n in range(40)]
    for one in images:
        put(tmp_path, f"{one.name}.png")
    whole = Run(tmp_path, *images, target="whole", jobs=1)

    def stop(done: int) -> None:
        if done > 20:
            raise KeyboardInterrupt

    for target in ("part", "part.zip"):
        with pytest.raises(KeyboardInterrupt):
            Run(tmp_path, *images, target=target, resume=True, progress=stop)
        run = Run.__new__(Run)
        run.target = tmp_path / target
        maskconv.convert(
            tmp_path / "source.mcv", run.target, to="isolated", write={"images": tmp_path / "pictures"}, resume=True
        )
    assert {p.name: p.read_bytes() for p in (tmp_path / "part").iterdir()} == {
        p.name: p.read_bytes() for p in whole.target.iterdir()
    }
    with zipfile.ZipFile(tmp_path / "part.zip") as archive:
        assert archive.read("index.jsonl") == (whole.target / "index.jsonl").read_bytes()


def test_it_is_no_source(tmp_path: Path) -> None:
    put(tmp_path)
    run = Run(tmp_path, image(block(1, 1, 4, 4)))
    with pytest.raises(
        maskconv.FormatError, match="can be written but not read; name the data set that it was made of"
    ):
        maskconv.info(run.target)


def test_folders_that_only_look_like_it(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "out.jsonl").write_text("{}\n")
    (tmp_path / "f" / "mask.png").touch()
    assert registry.by_name("isolated").sniff(registry.probe(tmp_path / "f")) is False
    (tmp_path / "f" / "index.jsonl").write_text('{"data_row": 1}\n')
    assert registry.by_name("isolated").sniff(registry.probe(tmp_path / "f")) is False
