"""labelbox-ndjson, reading."""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import random
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

import maskconv
from maskconv import Box, Mask, OptionError, PixelRule, SourceError, geometry, open_reader, registry
from maskconv.driver import validate
from maskconv.finding import Weight
from maskconv.formats.labelbox_ndjson import FORMAT
from maskconv.formats.labelbox_ndjson.index import Index
from maskconv.labelbox import split

DATA = Path(os.environ.get("MASKCONV_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
real = pytest.mark.skipif(not (DATA / "labelbox-oracle").is_dir(), reason="no real data: set MASKCONV_REAL_DATA")

RED, GREEN, BLUE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)


def png_of(array, mode=None):
    file = io.BytesIO()
    image = Image.fromarray(np.asarray(array, np.uint8))
    (image.convert(mode) if mode else image).save(file, "PNG")
    return file.getvalue()


def composite(height=6, width=8):
    """Red left, green right, black between."""
    array = np.zeros((height, width, 3), np.uint8)
    array[1:4, 0:3] = RED
    array[2:5, 5:8] = GREEN
    return array


def b64(data):
    return base64.b64encode(data).decode()


def where(array, color):
    return Mask.from_array((array == color).all(axis=2))


NUMBER = iter(range(10**9))


def record(key="a.jpg", **parts):
    found = {"uuid": f"{next(NUMBER):032x}", "dataRow": {"globalKey": key}, "name": "car", "classifications": []}
    return {k: v for k, v in (found | parts).items() if v is not ...}


def uri(name="a.png", color=RED):
    return {"instanceURI": name, "colorRGB": list(color)}


def write(folder, *records, name="in.ndjson"):
    path = folder / name
    path.write_bytes(b"".join(orjson.dumps(r) + b"\n" if not isinstance(r, bytes) else r for r in records))
    return path


def read(path, **options):
    """Images and Findings."""
    with open_reader(path, format="labelbox-ndjson", **options) as images:
        found = list(images)
        return found, images.report.findings


def codes(findings):
    return [f.code for f in findings]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.png").write_bytes(png_of(composite()))
    return tmp_path


# --- the forms of a file ----------------------------------------------------------------------------------------------


def forms(records):
    lines = [json.dumps(r) for r in records]
    yield "lines", "\n".join(lines)
    yield "crlf", "\r\n".join(lines) + "\r\n"
    yield "blank", "\n\n  \n" + "\n \n".join(lines)
    yield "bom", "\ufeff" + "\n".join(lines)
    yield "array", json.dumps(records)
    yield "array of lines", "[\n" + ",\n".join(lines) + "\n]\n"
    yield "indented array", "\ufeff" + json.dumps(records, indent=4)
    yield "concatenated", "".join(lines)
    yield "indented", "".join(json.dumps(r, indent=4) for r in records)
    yield "commas", ",\n".join(lines)
    yield "two a line", "\n".join("".join(lines[i : i + 2]) for i in range(0, len(lines), 2))


AWKWARD = [
    record("a.jpg", bbox={"top": 1, "left": 2, "height": 3, "width": 4}, name='q"\\{[}]é\n'),
    record("b}{.jpg", bbox={"top": 1, "left": 2, "height": 3, "width": 4}, name="\\"),
    record("a.jpg", bbox={"top": 5, "left": 6, "height": 7, "width": 8}, name="кот\\\\"),
    record("ж/c.tiff", polygon=[{"x": 1, "y": 2}, {"x": 3, "y": 4}, {"x": 9, "y": 0}]),
]


def test_all_forms_are_equal(tmp_path):
    contents = {}
    for name, text in forms(AWKWARD):
        path = tmp_path / f"{name}.json"
        path.write_bytes(text.encode())
        images, findings = read(path)
        assert codes(findings) == ["labelbox-size-unknown"], name
        assert registry.sniff(path) is FORMAT, name
        contents[name] = [(i.name, i.annotations) for i in images]
    assert [name for name, _ in contents["lines"]] == ["a", "b}{", "ж/c"]
    assert [len(a) for _, a in contents["lines"]] == [2, 1, 1]
    assert all(found == contents["lines"] for found in contents.values())


@given(
    st.lists(st.dictionaries(st.text(max_size=4), st.text(alphabet='{}[]"\\,x é\n', max_size=8), max_size=3)),
    st.integers(1, 60),
)
def test_the_splitter_is_exact_at_any_chunk_size(records, chunk):
    for text in (json.dumps(records), json.dumps(records, indent=1), "".join(map(json.dumps, records))):
        data = text.encode()
        before, split.CHUNK = split.CHUNK, chunk
        try:
            found = list(split.objects(io.BytesIO(data)))
        finally:
            split.CHUNK = before
        assert [orjson.loads(s.data) for s in found] == records
        assert all(data[s.place.offset :][: s.place.length] == s.data for s in found)
        assert all(data[: s.place.offset].count(b"\n") + 1 == s.place.line for s in found)


def test_scattered_records_are_one_image(tmp_path):
    shapes = [("ab"[i % 2], {"top": i, "left": 0, "height": 1, "width": 1}) for i in range(20)]
    path = write(tmp_path, *(record(f"{key}.jpg", bbox=box) for key, box in shapes))
    images, _ = read(path)
    assert [i.name for i in images] == ["a", "b"]
    assert [[a.shape.y for a in i.annotations] for i in images] == [list(range(0, 20, 2)), list(range(1, 20, 2))]


def test_the_index_is_small(tmp_path):
    path = write(tmp_path, *(record(f"{i // 20}.jpg", mask=uri()) for i in range(5000)))
    index = Index(path, pytest.fail)
    arrays = (index._offsets, index._lengths, index._lines, index._numbers, index._owners)
    assert sum(a.itemsize for a in arrays) <= 24
    assert sum(len(places) for _, places in index) == 5000


def test_sniffing(tmp_path):
    assert registry.sniff(write(tmp_path, record(bbox={}))) is FORMAT
    probe = registry.probe(write(tmp_path, {"data_row": {"id": "x"}, "dataRow": 1}, name="export.ndjson"))
    assert not FORMAT.sniff(probe)


def test_a_reader_pickles_and_threads_share_it(folder):
    path = write(folder, *(record(f"{i}.jpg", mask=uri(color=c)) for i in range(8) for c in (RED, GREEN)))
    reader = FORMAT.reader(path, FORMAT.reader.Options())
    reader.open()
    head = reader.head(pytest.fail)
    units = list(reader.units(pytest.fail))
    assert units == list(reader.units(pytest.fail))
    other = pickle.loads(pickle.dumps(reader))
    other.open()
    try:
        for unit in pickle.loads(pickle.dumps(units)):
            assert list(other.decode(unit, pickle.loads(pickle.dumps(head)), pytest.fail)) == list(
                reader.decode(unit, head, pytest.fail)
            )
    finally:
        other.close()
        reader.close()


# --- names, labels ----------------------------------------------------------------------------------------------------

BBOX = {"bbox": {"top": 1, "left": 2, "height": 3, "width": 4}}


@pytest.mark.parametrize(
    ("key", "name"),
    [("a.jpg", "a"), ("d/e.JPEG", "d/e"), ("dots.in.name.v2", "dots.in.name.v2"), ("x.tif", "x"), (".jpg", ".jpg")],
)
def test_item_names(tmp_path, key, name):
    (image,), _ = read(write(tmp_path, record(key, **BBOX)))
    assert image.name == name
    assert (image.picture.path, image.picture.member) == ("labelbox:global-key", key)


def test_data_rows_have_their_ids_or_names_from_a_table(tmp_path):
    path = write(tmp_path, record(dataRow={"id": "ck1"}, **BBOX), record(dataRow={"id": "ck2"}, **BBOX))
    assert [i.name for i in read(path)[0]] == ["ck1", "ck2"]
    assert [i.name for i in read(path, data_rows={"d/img.jpg": "ck1"})[0]] == ["d/img", "ck2"]
    for text in ("img,ck1\n", "name;data_row_id\nimg;ck1\n", "Data Row ID,global_key\nck1,img.png\n"):
        (tmp_path / "t.csv").write_text(text)
        assert [i.name for i in read(path, data_rows=tmp_path / "t.csv")[0]] == ["img", "ck2"], text


@pytest.mark.parametrize("other", ["a.png", "A.jpg", "a"])
def test_colliding_items_are_an_error(tmp_path, other):
    images, findings = read(write(tmp_path, record("a.jpg", **BBOX), record(other, **BBOX)))
    assert [i.name for i in images] == ["a"]
    (error,) = [f for f in findings if f.weight is Weight.ERROR]
    assert error.code == "name-collision" and "'a.jpg'" in error.message and repr(other) in error.message


@pytest.mark.parametrize("key", ["../a.jpg", "/etc/a", "C:\\a.jpg", "a/../../b", "a/"])
def test_unsafe_names_are_errors(tmp_path, key):
    images, findings = read(write(tmp_path, record(key, **BBOX), record("b.jpg", **BBOX)))
    assert [i.name for i in images] == ["b"]
    assert [(f.code, f.where.line) for f in findings if f.weight is Weight.ERROR] == [("name-unsafe", 1)]


def test_labels_in_order_of_appearance(tmp_path):
    path = write(
        tmp_path, *(record(name=n, schemaId=s, **BBOX) for n, s in [("b", ...), (..., "S1"), ("a", ...), (..., "S2")])
    )
    with open_reader(path) as images:
        assert images.labels.names == ("b", "S1", "a", "S2")
        (told,) = [f for f in images.report.findings if f.code == "labelbox-schema-unnamed"]
        assert "2 labels known by schemaId only, and named so: S1, S2" in told.message
        assert all(label.color is None for label in images.labels.labels)
    tools = {"tools": [{"name": "a", "featureSchemaId": "S1", "tool": "polygon"}, {"name": "z", "schemaNodeId": "S2"}]}
    with open_reader(path, schema_ids=tools) as images:
        assert images.labels.names == ("b", "a", "z")
        assert "labelbox-schema-unnamed" not in codes(images.report.findings)


# --- masks ------------------------------------------------------------------------------------------------------------


def test_the_three_forms_of_a_mask(folder):
    array = composite()
    red = (array == RED).all(axis=2)
    forms = [uri(), {"png": b64(png_of(red))}, {"imBytes": b64(png_of(array)), "colorRGB": list(RED)}]
    for form in forms:
        (image,), findings = read(write(folder, record(mask=form)))
        assert codes(findings) in ([], ["labelbox-color-unnamed"])
        assert (image.width, image.height) == (8, 6)
        assert image.annotations[0].shape == where(array, RED)


def test_black_means_the_black_pixels(folder):
    (image,), findings = read(
        write(folder, record(mask=uri()), record(mask=uri(color=GREEN)), record(mask=uri(color=BLACK)))
    )
    assert findings == []
    assert [a.shape for a in image.annotations] == [where(composite(), c) for c in (RED, GREEN, BLACK)]
    assert image.encoded is None


def test_no_colour_means_all_that_is_not_black(folder):
    (image,), findings = read(write(folder, record(mask={"instanceURI": "a.png"})))
    assert codes(findings) == ["labelbox-color-missing"]
    assert image.annotations[0].shape == Mask.from_array(composite().any(axis=2))


def test_a_composite_that_is_all_named_passes_through(folder):
    (image,), findings = read(write(folder, record(mask=uri(color=GREEN)), record(mask=uri())))
    assert findings == []
    assert image.encoded.png == (folder / "a.png").read_bytes()
    assert image.encoded.colors == (GREEN, RED)


@pytest.mark.parametrize(
    "more",
    [
        [],
        [record(mask=uri(color=GREEN)), record(**BBOX)],
        [record(mask=uri(color=GREEN)), record(mask=uri(color=GREEN))],
        [record(mask=uri(color=GREEN)), record(mask=uri("b.png"))],
        [record(mask=uri(color=GREEN)), record(mask={"png": b64(png_of(np.ones((6, 8))))})],
    ],
)
def test_else_it_does_not(folder, more):
    (folder / "b.png").write_bytes(png_of(composite()))
    (image,), _ = read(write(folder, record(mask=uri()), *more))
    assert len(image.annotations) == 1 + len(more)
    assert image.encoded is None


def test_a_composite_is_decoded_once(folder, monkeypatch):
    from maskconv.labelbox import pixels

    calls = []
    monkeypatch.setattr(pixels.png, "decode", lambda data, real=pixels.png.decode: calls.append(1) or real(data))
    read(write(folder, *(record(mask=uri(color=c)) for c in (RED, GREEN) * 5)))
    assert len(calls) == 1


def test_odd_composites_are_read_and_told(folder):
    array = composite()
    palette = Image.fromarray(array).quantize(4)
    palette.save(folder / "palette.png")
    Image.fromarray(array).convert("RGBA").save(folder / "alpha.png")
    gray = np.where(array.any(axis=2), 7, 0)
    (folder / "gray.png").write_bytes(png_of(gray))
    Image.fromarray(gray > 0).save(folder / "bit.png")
    colors = {"palette": RED, "alpha": RED, "gray": (7, 7, 7), "bit": (255, 255, 255)}
    for name, color in colors.items():
        (image,), findings = read(write(folder, record(mask=uri(f"{name}.png", color))))
        (told,) = [f for f in findings if f.code == "labelbox-composite-kind"]
        assert f"{name}.png" in told.message and told.where.line == 1
        expected = where(array, RED) if color == RED else Mask.from_array(gray > 0)
        assert image.annotations[0].shape == expected
        assert image.encoded is None


@pytest.mark.parametrize(
    ("array", "mode", "words"),
    [
        ([[0, 255, 3]], None, "values up to 255"),
        ([[[0, 0, 0], [1, 2, 3], [0, 0, 9]]], None, "RGB"),
        ([[0, 1, 1]], "LA", "transparency"),
    ],
)
def test_odd_pngs_of_an_instance(tmp_path, array, mode, words):
    (image,), findings = read(write(tmp_path, record(mask={"png": b64(png_of(array, mode))})))
    (told,) = findings
    assert told.code == "labelbox-png-kind" and words in told.message
    assert image.annotations[0].shape == Mask.from_array(np.array([[0, 1, 1]]))


ONES = np.array([[0, 1, 1], [0, 0, 1]])


@pytest.mark.parametrize(
    ("array", "color", "area", "told"),
    [
        (composite(), RED, None, ["labelbox-mask"]),
        (composite(), (9, 9, 9), None, ["labelbox-mask"]),
        (ONES * [[1, 2, 3], [1, 1, 1]], (1, 1, 1), None, ["labelbox-mask"]),
        ((ONES * 255)[..., None] * np.ones(3), BLUE, None, ["labelbox-mask"]),
        (ONES, (1, 2, 300), None, ["labelbox-color"]),
        (ONES, RED, 3, ["labelbox-unknown-key"]),
        (ONES * 255, (255, 255, 255), 3, ["labelbox-unknown-key", "labelbox-png-kind"]),
    ],
)
def test_a_colour_beside_an_instances_png(tmp_path, array, color, area, told):
    """Labelbox does not use it: where it says which pixels are meant, they cannot be all."""
    png = {"png": b64(png_of(array)), "colorRGB": list(color)}
    images, findings = read(write(tmp_path, record(mask=png)))
    assert [f.code for f in findings] == told
    assert [a.shape.area for i in images for a in i.annotations] == ([] if area is None else [area])
    assert all((f.weight is Weight.ERROR) is (area is None) and f.where.line == 1 and f.fix for f in findings)


def test_palette_png_of_an_instance(tmp_path):
    image = Image.new("P", (3, 1))
    image.putpalette([9, 9, 9, 0, 0, 0, 5, 5, 5])
    image.putdata([0, 1, 2])
    file = io.BytesIO()
    image.save(file, "PNG")
    (found,), (told,) = read(write(tmp_path, record(mask={"png": b64(file.getvalue())})))
    assert "its indices were taken" in told.message
    assert found.annotations[0].shape == Mask.from_array(np.array([[0, 1, 1]]))


# --- where masks lie --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("a%20b/%C3%A9.png", {}),
        ("https://x.example/v1/set/a%20b/%C3%A9.png?sig=1", {"mask_dir": "."}),
        ("gs://bucket/%C3%A9.png", {"mask_dir": "a b"}),
        ("s3://bucket/any/%C3%A9.png", {"mask_dir": "a b"}),
        ("https://x.example/%2Fa%20b%2F%C3%A9", {"mask_dir": "."}),
        ("https://x.example/p/%C3%A9.png", {"mask_dir": "a b", "mask_uri": "https://x.example/p"}),
        ("moved_masks/%C3%A9.png", {"mask_dir": "a b"}),
        ("file:///somewhere/else/a%20b/%C3%A9.png", {"mask_dir": "."}),
    ],
)
def test_masks_are_found(tmp_path, address, options):
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "é.png").write_bytes(png_of(composite()))
    options = {k: tmp_path / v if k == "mask_dir" else v for k, v in options.items()}
    (image,), findings = read(write(tmp_path, record(mask=uri(address)), record(mask=uri(address, GREEN))), **options)
    assert findings == [] and image.annotations[0].shape == where(composite(), RED)


def test_the_longest_tail_wins(tmp_path):
    for split_ in ("train", "val"):
        (tmp_path / split_).mkdir()
        (tmp_path / split_ / "a.png").write_bytes(png_of(np.full((1, 2, 3), 1 + (split_ == "val"))))
    path = write(tmp_path, record(mask=uri("https://x/y/val/a.png", (2, 2, 2))))
    assert read(path, mask_dir=tmp_path)[1] == []


@pytest.mark.parametrize(
    "address", ["../secret.png", "%2e%2e/secret.png", "/ROOT/secret.png", "link.png", "file:///ROOT/secret.png"]
)
def test_nothing_outside_is_read(tmp_path, address):
    (tmp_path / "secret.png").write_bytes(png_of(composite()))
    inner = tmp_path / "in"
    inner.mkdir()
    (inner / "link.png").symlink_to(tmp_path / "secret.png")
    address = address.replace("/ROOT", str(tmp_path))
    images, findings = read(write(inner, record(mask=uri(address))))
    assert images == [] and codes(findings) in (["mask-uri"], ["mask-missing"])
    assert read(write(inner, record(mask=uri(address))), mask_dir=inner)[0] == []


def test_missing_composites_are_one_error_each(tmp_path):
    path = write(
        tmp_path,
        *(record(mask=uri("a.png", c)) for c in (RED, GREEN, BLUE)),
        record(mask=uri("b.png")),
    )
    images, findings = read(path)
    assert images == []
    first, second = findings
    assert (first.code, first.amount, first.unit, first.where.line) == ("mask-missing", 3, "instances", 1)
    assert (second.amount, second.where.line) == (1, 4) and "beside the source" in second.fix
    assert "holds no such file" in read(path, mask_dir=tmp_path)[1][0].message


def test_masks_on_other_machines_end_the_run_at_once(tmp_path):
    masks = (record(mask=uri("https://x/a.png?token=SECRET", c)) for c in (RED, GREEN, BLUE))
    path = write(tmp_path, record(**BBOX), *masks)
    with pytest.raises(SourceError) as caught:
        read(path)
    error = caught.value
    assert error.code == "mask-remote" and error.where.line == 2
    assert error.message.startswith("3 instances have their masks on other machines (https://x/a.png), and nothing")
    assert "--fetch" in error.fix and "--from-mask-dir" in error.fix and "SECRET" not in str(error)
    told = [finding for finding in validate(path) if finding.code == "mask-remote"]
    assert [(finding.weight, finding.amount) for finding in told] == [(Weight.WARNING, 3)]  # no fault of the file
    assert "SECRET" not in str(told)


def test_folders_of_options_exist(tmp_path):
    path = write(tmp_path, record(**BBOX))
    for option in ("mask_dir", "images"):
        with pytest.raises(OptionError, match="does not exist"):
            read(path, **{option: tmp_path / "none"})
    with pytest.raises(OptionError, match="has a scheme"):
        read(path, mask_uri="masks/")
    with pytest.raises(SourceError, match="a folder, not a file"):
        read(tmp_path)


# --- polygons, boxes, sizes -------------------------------------------------------------------------------------------


def test_polygons_and_boxes(tmp_path):
    ring = [{"x": 1.5, "y": 2}, {"x": 3, "y": 4.25}, {"x": 5, "y": 0}]
    for points in (ring, [*ring, ring[0]]):
        (image,), _ = read(write(tmp_path, record(polygon=points)))
        (polygon,) = image.annotations[0].shape
        assert polygon.exterior.tolist() == [[1.5, 2], [3, 4.25], [5, 0]]
        assert polygon.rule is PixelRule.CENTRE_TRUNC and not polygon.exterior.flags.writeable
    point = [{"x": 1, "y": 1}] * 3
    assert len(read(write(tmp_path, record(polygon=point)))[0][0].annotations[0].shape[0].exterior) == 3
    (image,), _ = read(write(tmp_path, record(**BBOX)))
    assert image.annotations[0].shape == Box(x=2, y=1, width=4, height=3)
    assert (image.width, image.height) == (None, None)


def test_unknown_sizes_are_told_once(tmp_path):
    path = write(tmp_path, *(record(f"{i}.jpg", **BBOX) for i in range(30)))
    (told,) = read(path)[1]
    assert (told.code, told.amount, told.where.path) == ("labelbox-size-unknown", 30, str(path))
    assert "--from-images DIR" in told.fix


def test_pictures_tell_sizes(folder):
    pictures = folder / "pictures"
    (pictures / "d").mkdir(parents=True)
    Image.new("RGB", (31, 17)).save(pictures / "d" / "a.JPG")
    Image.new("RGB", (5, 6)).save(pictures / "b.png")
    Image.new("RGB", (8, 6)).save(pictures / "m.webp")
    keys = ("d/a.jpg", "b.jpg", "m.jpg", "c.jpg")
    path = write(folder, *(record(k, **BBOX) for k in keys), record("m.jpg", mask=uri()), record("b.jpg", mask=uri()))
    images, findings = read(path, images=pictures)
    assert [(i.width, i.height) for i in images] == [(31, 17), (5, 6), (8, 6), (None, None)]
    assert images[0].picture.extension == ".JPG"
    assert sorted(codes(findings)) == ["labelbox-color-unnamed", "labelbox-picture-missing", "labelbox-size"]
    (pictures / "b.png").write_bytes(b"no picture")
    assert "picture-unreadable" in codes(read(path, images=pictures)[1])


# --- EXIF -------------------------------------------------------------------------------------------------------------


def tagged(path, orientation, pixels):
    """A picture of these pixels with an EXIF orientation; returns those that a viewer shows."""
    path.parent.mkdir(exist_ok=True)
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path, exif=exif)
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_annotations_are_turned_as_the_picture_is(folder, orientation):
    """Labelbox' are on the pixels in the file: composites, PNGs, polygons and boxes; 0 wrong pixels."""
    pixels = composite()
    pixels[0:2, 3:7] = BLUE
    (folder / "a.png").write_bytes(png_of(pixels))
    shown = tagged(folder / "pictures" / "a.png", orientation, pixels)
    corners = [(3, 0), (6, 0), (6, 1), (3, 1)]
    records = [
        record("a.png", mask=uri()),
        record("a.png", mask={"png": b64(png_of((pixels == GREEN).all(axis=2)))}),
        record("a.png", polygon=[{"x": x, "y": y} for x, y in corners]),
        record("a.png", bbox={"left": 3, "top": 0, "width": 4, "height": 2}),
    ]
    path = write(folder, *records)
    (image,), findings = read(path, images=folder / "pictures")
    height, width = shown.shape[:2]
    assert (image.width, image.height) == (width, height)
    found = [geometry.shape_mask(a.shape, width, height) for a in image.annotations]
    assert found == [where(shown, color) for color in (RED, GREEN, BLUE, BLUE)]
    assert isinstance(image.annotations[3].shape, Box)
    told = [f for f in findings if f.code == "labelbox-turned"]
    assert [(f.weight, f.where.line, f.where.image) for f in told] == [(Weight.WARNING, 1, "a")] * (orientation > 1)
    assert image.picture.orientation == (orientation if orientation > 1 else None)
    (image,), findings = read(path, images=folder / "pictures", orientation="stored")
    assert (image.width, image.height) == (8, 6) and "labelbox-turned" not in codes(findings)
    assert image.annotations[0].shape == where(pixels, RED) and isinstance(image.annotations[2].shape, tuple)
    (alone,), _ = read(path)
    assert [a.shape for a in alone.annotations] == [a.shape for a in image.annotations]


def test_a_mask_has_the_size_of_the_file(folder):
    """One of the picture as it is shown is no mask that Labelbox takes."""
    tagged(folder / "pictures" / "a.png", 6, np.zeros((8, 6, 3)))
    images, findings = read(write(folder, record("a.png", mask=uri())), images=folder / "pictures")
    (told,) = findings
    text = "the composite a.png has 8 x 6 pixels, the picture in its file (EXIF orientation 6 turns it) has 6 x 8"
    assert images == [] and (told.code, told.message) == ("labelbox-size", text)


@pytest.mark.parametrize("row", [{"id": "ck1"}, {"globalKey": "d/a.b.jpg"}])
def test_a_data_row_is_known_beside_its_picture(tmp_path, row):
    (tmp_path / "pictures" / "d").mkdir(parents=True)
    for name in ("ck1.png", "d/a.b.png"):
        Image.new("RGB", (8, 6)).save(tmp_path / "pictures" / name)
    path, back = write(tmp_path, record(dataRow=row, **BBOX)), tmp_path / "back.ndjson"
    maskconv.convert(path, back, read={"images": tmp_path / "pictures"})
    assert orjson.loads(back.read_bytes())["dataRow"] == row


# --- what is wrong ----------------------------------------------------------------------------------------------------

GOOD = record("good.jpg", mask={"png": b64(png_of(np.ones((6, 8))))})


def wrong(**parts):
    return record("good.jpg", **({"mask": uri()} | parts))


@pytest.mark.parametrize(
    ("bad", "code", "words"),
    [
        (b'{"uuid": "x", "dataRow": {"glo\n', "labelbox-json", "this is no JSON"),
        (b'{"dataRow":{"globalKey":"good.jpg"},"name":"a","bbox":{"top":NaN}}\n', "labelbox-json", "NaN and Infinity"),
        (b"[1]\n", "labelbox-json", "no record"),
        (b'[{"dataRow": {"globalKey": "x"}}]\n', "labelbox-json", "no record"),
        (b"7\n", "labelbox-json", "no record"),
        (b'{"dataRow":"\xff"}\n', "labelbox-json", "no JSON"),
        (wrong(dataRow=...), "labelbox-data-row", "no dataRow"),
        (wrong(dataRow={}), "labelbox-data-row", "neither an id nor a globalKey"),
        (wrong(dataRow={"id": "a", "globalKey": "b"}), "labelbox-data-row", "both an id and a globalKey"),
        (wrong(dataRow={"id": 7}), "labelbox-data-row", "not a text"),
        (wrong(uuid="zz"), "labelbox-uuid", "'zz'"),
        (wrong(name=...), "labelbox-label", "neither a name nor a schemaId"),
        (wrong(schemaId="s"), "labelbox-label", "both a name and a schemaId"),
        (wrong(name=7), "labelbox-label", "not a text"),
        (wrong(mask=...), "labelbox-geometry", "no mask, polygon or bbox"),
        (wrong(polygon=[]), "labelbox-geometry", "mask and polygon"),
        (wrong(mask=..., polygon=[{"x": 1, "y": 2}]), "labelbox-polygon", "1 points"),
        (wrong(mask=..., polygon={}), "labelbox-polygon", "not a list"),
        (wrong(mask=..., polygon=[{"x": 1}] * 3), "labelbox-polygon", "no x and y"),
        (wrong(mask=..., polygon=[{"x": "1", "y": 2}] * 3), "labelbox-polygon", "not a finite number"),
        (wrong(mask=..., bbox=[1, 2, 3, 4]), "labelbox-bbox", "not an object"),
        (wrong(mask=..., bbox={"top": 1, "left": 2}), "labelbox-bbox", "no height and no width"),
        (wrong(mask=..., bbox={"top": 1, "left": 2, "height": -1, "width": 1}), "labelbox-bbox", "negative"),
        (wrong(confidence=2), "labelbox-confidence", "not a number 0..1"),
        (wrong(confidence="0.5"), "labelbox-confidence", "not a number 0..1"),
        (wrong(classifications=["x"]), "labelbox-classifications", "not a list of objects"),
        (wrong(customMetrics=[{"name": "a"}]), "labelbox-metrics", "names and values"),
        (wrong(mask="x"), "labelbox-mask", "not an object"),
        (wrong(mask={}), "labelbox-mask", "none of instanceURI"),
        (wrong(mask={"png": "AAAA", "imBytes": "AAAA"}), "labelbox-mask", "png and imBytes"),
        (wrong(mask=uri(color=(1, 2))), "labelbox-color", "three integers"),
        (wrong(mask=uri(color=(1, 2, 300))), "labelbox-color", "three integers"),
        (wrong(mask=uri(color=BLUE)), "labelbox-color-absent", "colour [0, 0, 255] is not in the composite"),
        (wrong(mask=uri("small.png")), "labelbox-size", "8 x 5 pixels, the mask of line 2 has 8 x 6"),
        (wrong(mask=uri("broken.png")), "png-corrupt", "broken.png"),
        (wrong(mask=uri("text.png")), "png-foreign", "text.png"),
        (wrong(mask={"png": "A"}), "labelbox-base64", "no base64"),
        (wrong(mask={"png": "data:image/png;base64,AAAA"}), "labelbox-base64", "no base64"),
        (wrong(mask={"png": b64(png_of(composite())[:-30])}), "png-corrupt", "its mask.png"),
        (wrong(mask={"imBytes": "A", "colorRGB": [1, 1, 1]}), "labelbox-base64", "no base64"),
        (wrong(mask={"imBytes": b64(b"GIF89a"), "colorRGB": [1, 1, 1]}), "png-foreign", "imBytes"),
    ],
)
def test_what_is_wrong_is_an_error_with_its_line_and_the_rest_is_read(folder, bad, code, words):
    (folder / "small.png").write_bytes(png_of(composite(5)))
    (folder / "broken.png").write_bytes(png_of(composite())[:-20])
    (folder / "text.png").write_text("<html>")
    path = write(folder, b"\n", GOOD, bad, record("later.jpg", mask=uri()))
    images, findings = read(path)
    assert [(i.name, len(i.annotations)) for i in images] == [("good", 1), ("later", 1)]
    (error,) = [f for f in findings if f.weight is Weight.ERROR]
    assert (error.code, error.where.path, error.where.line) == (code, str(path), 3)
    assert words in error.message and error.fix
    assert (error.amount, error.unit) == (1, "" if code == "labelbox-json" else "instances")


@pytest.mark.parametrize("line", [b"[1]\n", b"[]\n", b"7\n", b'[{"a": "b"}, 2]\n'])
def test_a_first_line_that_is_no_record_spoils_none_of_the_others(folder, line):
    path = write(folder, b"\n", line, GOOD, wrong(), record("later.jpg", mask=uri()))
    images, findings = read(path)
    assert [(i.name, len(i.annotations)) for i in images] == [("good", 2), ("later", 1)]
    (error,) = [f for f in findings if f.weight is Weight.ERROR]
    assert (error.code, error.where.line) == ("labelbox-json", 2)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_told_once(folder, encoding):
    path = folder / "in.ndjson"
    path.write_bytes("\n".join(json.dumps(r) for r in (GOOD, wrong())).encode(encoding))
    images, (error,) = read(path)
    assert images == []
    assert (error.code, error.where.path) == ("labelbox-json", str(path))
    assert error.message == f"the file is {encoding[:6].upper()}, not UTF-8" and error.fix == "save it as UTF-8"


def test_colours_that_are_there_are_named(folder):
    _, findings = read(write(folder, record(mask=uri(color=BLUE))))
    assert "[0, 255, 0], [255, 0, 0]" in findings[0].fix


def test_in_an_array_the_record_is_named(folder):
    path = folder / "in.json"
    path.write_text(json.dumps([GOOD, wrong(uuid="zz")], indent=1))
    (error,) = [f for f in read(path)[1] if f.weight is Weight.ERROR]
    assert error.message.startswith("record 2: ")
    assert error.where.line == path.read_text().split('"zz"')[0].count("\n")


@pytest.mark.parametrize(
    ("text", "words", "good"),
    [
        (lambda a, b: f"[{a},{b[:-3]}", "never ends", 1),
        (lambda a, b: f"[{a},{b}", "never closed", 2),
        (lambda a, b: f"[{a}]]", "never opened", 1),
        (lambda a, b: f"[{a}, oops, {b}]", "this is no JSON", 2),
        (lambda a, b: f"{a}{b} trailing", "this is no JSON", 2),
        (lambda a, b: f"[{a},[{b}]]", "no record", 1),
    ],
)
def test_broken_arrays(tmp_path, text, words, good):
    a, b = (json.dumps(record(key, **BBOX)) for key in ("a.jpg", "b.jpg"))
    path = tmp_path / "in.json"
    path.write_text(text(a, b))
    images, findings = read(path)
    assert len(images) == good
    (error,) = [f for f in findings if f.weight is Weight.ERROR]
    assert words in error.message and error.where.path == str(path)


def test_a_record_that_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setenv("MASKCONV_MAX_RECORD", "300")
    monkeypatch.setattr(split, "CHUNK", 64)
    long = json.dumps(record("b.jpg", name="x" * 400, **BBOX))
    for text in (long, f"[{long}]"):
        path = tmp_path / "in.json"
        path.write_text(text)
        assert any("more than 300 bytes" in f.message for f in read(path)[1])


def test_the_last_of_two_uuids_wins(tmp_path):
    first, last, other = record(**BBOX), record(name="dog", **BBOX), record("b.jpg", **BBOX)
    last["uuid"] = other["uuid"] = "{" + first["uuid"].upper() + "}"
    images, findings = read(write(tmp_path, first, last, other))
    assert [[a.label for a in i.annotations] for i in images] == [["dog"], ["car"]]
    (told,) = [f for f in findings if f.code == "labelbox-uuid-twice"]
    assert (told.weight, told.where.line) == (Weight.DATA, 2)


def test_what_else_is_told(folder):
    path = write(folder, record(mask=uri()), record(mask=uri()), record(mask=uri(), uuid=..., colour=1))
    found = {f.code: f for f in read(path)[1]}
    assert set(found) == {
        "labelbox-color-twice",
        "labelbox-color-unnamed",
        "labelbox-unknown-key",
        "labelbox-uuid-missing",
    }
    assert found["labelbox-color-unnamed"].amount == 9 and "colour" in found["labelbox-unknown-key"].message
    empty = write(folder, record(mask={"png": b64(png_of(np.zeros((2, 2))))}))
    assert codes(read(empty)[1]) == ["labelbox-mask-empty"]


def test_score_and_attributes(tmp_path):
    classes, metrics = [{"name": "q", "answer": {"name": "a"}}], [{"name": "iou", "value": 0.4}]
    (image,), _ = read(
        write(tmp_path, record(confidence=0, classifications=classes, customMetrics=metrics, **BBOX), record(**BBOX))
    )
    a, b = image.annotations
    assert (a.score, a.attributes) == (0.0, {"classifications": classes, "customMetrics": metrics})
    assert (b.score, b.attributes) == (None, {})


def test_validating_tells_what_labelbox_would_refuse(tmp_path):
    path = write(tmp_path, *(record("x" * 201, **BBOX) for _ in range(5001)))
    images, findings = read(path)
    assert len(images) == 1 and not [f for f in findings if f.weight is Weight.ERROR]
    found = {f.code: f.weight for f in validate(path)}
    assert found["labelbox-too-many"] is found["labelbox-key-long"] is Weight.ERROR


@given(st.binary(max_size=200))
def test_any_bytes_are_an_error_at_most(data):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.ndjson")
        path.write_bytes(data)
        with suppress(SourceError):  # it begins like a zip
            validate(path, format="labelbox-ndjson")


def test_flipped_bits_never_crash(folder):
    data = bytearray(
        write(
            folder,
            record(mask=uri()),
            record("b.jpg", polygon=[{"x": i, "y": i * i} for i in range(4)]),
            record(**BBOX),
        ).read_bytes()
    )
    dice = random.Random(1)
    for _ in range(400):
        copy = bytearray(data)
        copy[dice.randrange(len(copy))] ^= 1 << dice.randrange(8)
        (folder / "x.ndjson").write_bytes(copy)
        validate(folder / "x.ndjson", format="labelbox-ndjson")


# --- real files -------------------------------------------------------------------------------------------------------


@real
def test_labelbox_own_imports(tmp_path):
    """(images, instances, records that are no segmentation, errors) of each file, counted by hand."""
    expected = {
        "image_import": (1, 2, 1, 1),
        "image_import_name_only": (1, 2, 1, 1),
        "nested_import": (1, 4, 0, 0),
        "nested_import_name_only": (1, 4, 0, 0),
        "rectangle_import": (1, 1, 0, 0),
        "relationship_import": (2, 4, 2, 0),
        "pdf_import": (0, 0, 7, 0),
        "pdf_import_name_only": (0, 0, 7, 0),
        "video_import": (0, 0, 6, 0),
        "video_import_name_only": (0, 0, 6, 0),
        "classification_import": (0, 0, 3, 0),
        "mmc_import": (0, 0, 3, 0),
        "polyline_import": (0, 0, 1, 0),
    }
    for path in sorted((DATA / "labelbox-ndjson-imports").glob("*.json")):
        assert registry.sniff(path) is FORMAT
        images, findings = read(path, mask_dir=tmp_path)
        found = (
            len(images),
            sum(len(i.annotations) for i in images),
            codes(findings).count("labelbox-no-segmentation"),
            sum(f.weight is Weight.ERROR for f in findings),
        )
        records = len(json.loads(path.read_bytes()))
        assert found == expected.get(path.stem, (0, 0, records, 0)), path.name


@real
def test_the_documents_own_format(tmp_path):
    path = DATA / "labelbox-oracle" / "seed_format.ndjson"
    assert registry.sniff(path) is FORMAT
    with pytest.raises(SourceError, match="3 instances have their masks on other machines"):
        read(path)
    assert {f.weight for f in validate(path)} == {Weight.WARNING}  # masks elsewhere are no fault of the file
    array = composite()
    array[array[:, :, 1] > 0] = 255
    (tmp_path / "ckmuuw2tq00053g68rbwjpoim.png").write_bytes(png_of(array))
    (image,), findings = read(path, mask_dir=tmp_path)
    assert codes(findings) == ["labelbox-schema-unnamed"]
    assert image.name == "cjxav5aa07r1g0dsq70t9eveg"
    assert [a.shape for a in image.annotations] == [where(array, c) for c in ((255, 255, 255), RED, BLACK)]


@real
def test_import_all(tmp_path):
    images, findings = read(DATA / "labelbox-oracle" / "import_all.ndjson", mask_dir=tmp_path)
    assert [(i.name, i.width, i.height) for i in images] == [
        ("img-0001", 2, 2),
        ("ckrb1sf1i1g7i0ybcdc6oc8ct", None, None),
        ("clip.mp4/frame_000031", 2, 2),
    ]
    png, inline, polygon = images[0].annotations
    assert png.score == 0.8 and png.shape == inline.shape
    assert polygon.attributes["classifications"] and len(polygon.shape[0].exterior) == 3
    (frame,) = images[2].annotations
    assert (frame.label, frame.track, frame.shape) == ("video_mask", 3, inline.shape)
    assert [(f.where.image, f.amount) for f in findings if f.code == "mask-missing"] == [
        ("cjxav5aa07r1g0dsq70t9eveg", 1),
        ("clip.mp4/frame_000001", 2),
        ("clip.mp4/frame_000024", 2),
        ("ct.dcm/axial/frame_000001", 1),
    ]
    assert "labelbox-no-segmentation" not in codes(findings)


@real
def test_a_composite_as_the_sdk_draws_it(tmp_path):
    """Each colour's draw(color=1), by the CRC that SDK 7.17.0 gave; black included."""
    rows = [
        line.split(")") for line in (DATA / "labelbox-oracle" / "composite1080.crc.txt").read_text().splitlines()[2:]
    ]
    colors = [tuple(map(int, head.strip("(").split(","))) for head, *_ in rows]
    crcs = [int(rest[-1].split()[0], 16) for rest in rows]
    path = write(tmp_path, *(record(mask=uri("composite1080.png", c)) for c in colors))
    (image,), findings = read(path, mask_dir=DATA / "labelbox-oracle")
    assert findings == [] and len(colors) == 21
    for annotation, crc in zip(image.annotations, crcs, strict=True):
        assert zlib.crc32(annotation.shape.to_array().astype(np.uint8).tobytes()) == crc
