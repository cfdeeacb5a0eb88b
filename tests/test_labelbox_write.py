"""labelbox-ndjson, writing, and there and back."""

from __future__ import annotations

import base64
import io
import pickle
import uuid
import zipfile

import numpy as np
import orjson
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

import maskconv
from maskconv import (
    AnnotatedImage,
    Annotation,
    Box,
    ConversionError,
    DataError,
    Feature,
    Label,
    LabelMap,
    LossError,
    Mask,
    OptionError,
    Picture,
    PixelRule,
    Polygon,
    geometry,
    open_reader,
    open_writer,
    png,
    runs,
)
from maskconv._dry import DryStage
from maskconv.finding import Weight
from maskconv.formats.labelbox_ndjson import FORMAT
from maskconv.formats.labelbox_ndjson.tables import schemas
from maskconv.formats.labelbox_ndjson.uuids import Uuids, namespace
from maskconv.labelbox import BoxRecord, MaskRecord, PolygonRecord, parse_record
from maskconv.model import Encoded
from maskconv.plugin import Target

LABELS = LabelMap(labels=[Label(name="car"), Label(name="dog")])
UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
MODES = ("png", "files", "composite")


def mask(*boxes, width=12, height=9, without=()):
    array = np.zeros((height, width), bool)
    for x, y, w, h in boxes:
        array[y : y + h, x : x + w] = True
    for x, y in without:
        array[y, x] = False
    return Mask.from_array(array)


RING = mask((1, 1, 5, 5), without=[(3, 3)])
PARTS = mask((0, 0, 2, 2), (9, 6, 3, 3))
DOT = mask((11, 8, 1, 1))
OVER = mask((2, 2, 6, 6))


def annotation(shape=RING, label="car", **facts):
    return Annotation(label=label, shape=shape, **facts)


def image(*annotations, name="a", width=12, height=9, **facts):
    return AnnotatedImage(name=name, width=width, height=height, annotations=annotations, **facts)


def write(folder, *images, labels=LABELS, name="out.ndjson", **options):
    """The records, and Findings by code."""
    with open_writer(folder / name, labels, overwrite=True, **options) as writer:
        for one in images:
            writer.write(one)
    lines = (folder / name).read_bytes().splitlines()
    return [orjson.loads(line) for line in lines], {f.code: f for f in writer.report.findings}


def encode(*annotations, note=None, target="out.ndjson", **options):
    """What encode() makes of one image: the Piece and Findings."""
    from pathlib import Path

    findings = []
    writer = FORMAT.writer(FORMAT.writer.Options.parse(options, "labelbox-ndjson", "write"))
    plan = writer.plan(LABELS, Target(Path(target), "file"), findings.append)
    assert pickle.loads(pickle.dumps(plan)) == plan
    one = annotations[0] if isinstance(annotations[0], AnnotatedImage) else image(*annotations)
    return writer.encode(one, plan, findings.append), findings


def read(path, **options):
    with open_reader(path, **options) as images:
        return list(images)


def content(images):
    return [
        (i.name, i.width, i.height, [(a.label, a.shape, a.score, a.attributes) for a in i.annotations]) for i in images
    ]


# --- masks ------------------------------------------------------------------------------------------------------------


def test_png_is_the_default(tmp_path):
    records, findings = write(tmp_path, image(annotation(), annotation(OVER, "dog", score=0.0), name="d/a"))
    assert [list(r) for r in records] == [
        ["uuid", "dataRow", "name", "classifications", "mask"],
        ["confidence", "uuid", "dataRow", "name", "classifications", "mask"],
    ]
    assert [r["name"] for r in records] == ["car", "dog"] and records[1]["confidence"] == 0.0
    assert records[0]["dataRow"] == {"globalKey": "d/a"}
    for found, shape in zip(records, (RING, OVER), strict=True):
        picture = Image.open(io.BytesIO(base64.b64decode(found["mask"]["png"])))
        assert picture.mode == "L" and np.array_equal(np.array(picture), shape.to_array())
    assert set(findings) == {"labelbox-key-extension", "label-order-dropped"}
    assert "--to-global-key '{name}.jpg'" in findings["labelbox-key-extension"].fix


def test_files_are_composites_in_voc_colours(tmp_path):
    records, findings = write(tmp_path, image(annotation(DOT), annotation(RING, "dog"), name="d e/ä"), masks="files")
    assert [r["mask"] for r in records] == [
        {"instanceURI": "out_masks/d%20e/%C3%A4.png", "colorRGB": color} for color in ([128, 0, 0], [0, 128, 0])
    ]
    picture = np.array(Image.open(tmp_path / "out_masks" / "d e" / "ä.png"))
    assert picture.shape == (9, 12, 3)
    assert np.array_equal((picture == (0, 128, 0)).all(axis=2), RING.to_array())
    assert "Labelbox needs an address" in findings["labelbox-local-uri"].message


def test_a_prefix_of_addresses(tmp_path):
    for prefix in ("https://x.example/m", "https://x.example/m/"):
        records, findings = write(tmp_path, image(annotation()), mask_uri=prefix)
        assert records[0]["mask"]["instanceURI"] == "https://x.example/m/a.png"
        assert "labelbox-local-uri" not in findings


def test_a_folder_of_ones_own(tmp_path):
    records, _ = write(tmp_path, image(annotation()), mask_dir="x/my masks")
    assert records[0]["mask"]["instanceURI"] == "x/my%20masks/a.png"
    assert (tmp_path / "x" / "my masks" / "a.png").is_file()


def test_overlaps_go_to_more_composites(tmp_path):
    numbered = [image(annotation(), annotation(OVER), annotation(OVER), name=name) for name in ("a", "a.2", "a.2.1")]
    records, _ = write(tmp_path, *numbered, masks="files")
    paths = [r["mask"]["instanceURI"].removeprefix("out_masks/") for r in records]
    assert paths == [
        *("a.png", "a.2.png", "a.3.png"),
        *("a.2.1.png", "a.2.2.png", "a.2.3.png"),
        *("a.2.1.1.png", "a.2.1.2.png", "a.2.1.3.png"),
    ]
    assert content(read(tmp_path / "out.ndjson")) == content(numbered)


def test_composite_is_in_every_record(tmp_path):
    records, findings = write(tmp_path, image(annotation(), annotation(DOT)), masks="composite")
    assert records[0]["mask"]["imBytes"] == records[1]["mask"]["imBytes"]
    assert findings["labelbox-imbytes"].weight is Weight.WARNING


def passing():
    """An image with its source's own PNG, in colours of its own."""
    colors = ((7, 8, 9), (1, 0, 0))
    canvas, _ = runs.paint(12, 9, [(m.starts, m.lengths) for m in (RING, PARTS)], png.pack(np.array(colors)))
    shown = [
        Mask.unchecked(width=12, height=9, starts=canvas_mask[0], lengths=canvas_mask[1])
        for canvas_mask in _split(canvas, colors)
    ]
    return image(*map(annotation, shown)), Encoded(png.encode_rgb(canvas), colors, tuple(shown))


def _split(canvas, colors):
    values, found = runs.group(canvas.starts, canvas.lengths, canvas.values, skip=0)
    by = dict(zip(values.tolist(), found, strict=True))
    return [by[int(png.pack(np.array(c)))] for c in colors]


def test_the_sources_own_png_passes_through():
    one, encoded = passing()
    piece, _ = encode(one.with_encoded(encoded), masks="files")
    assert piece.blobs == (("a.png", encoded.png),)
    assert [orjson.loads(line)["mask"]["colorRGB"] for line in piece.rows.splitlines()] == [[7, 8, 9], [1, 0, 0]]
    renamed = one.with_encoded(encoded).replace(annotations=tuple(a.replace(label="dog") for a in one.annotations))
    assert encode(renamed, masks="files")[0].blobs == piece.blobs


def test_it_does_not_when_an_instance_is_missing():
    one, encoded = passing()
    dropped = one.with_encoded(encoded).replace(annotations=one.annotations[:1])
    assert encode(dropped, masks="files")[0].blobs[0][1] != encoded.png
    part = one.with_encoded(encoded).replace(annotations=(one.annotations[0], one.annotations[1].replace(label="cat")))
    piece, findings = encode(part, masks="files", schema_ids={"car": "x" * 25})
    assert piece.blobs[0][1] != encoded.png and piece.instances == 1
    assert [f.code for f in findings if f.weight is Weight.ERROR] == ["labelbox-schema-unknown"]


def test_instances_without_pixels_are_left_out():
    nothing = mask()
    piece, findings = encode(annotation(), annotation(nothing))
    assert piece.instances == 1
    assert [(f.code, f.weight, f.where.annotation) for f in findings] == [("instance-empty", Weight.DATA, 1)]
    assert encode(annotation(nothing))[0] is None


# --- polygons and boxes -----------------------------------------------------------------------------------------------


def drawn(record):
    ring = [(p["x"], p["y"]) for p in record["polygon"]]
    return geometry.polygon_mask([Polygon(exterior=ring, rule=PixelRule.CENTRE_TRUNC)], 12, 9)


def test_polygons_of_masks(tmp_path):
    records, findings = write(tmp_path, image(annotation(PARTS), annotation(RING), annotation(DOT)), shape="polygon")
    assert [r["polygon"][0] == r["polygon"][-1] for r in records] == [True] * 4
    filled = mask((1, 1, 5, 5))
    assert {drawn(r) for r in records} == {mask((0, 0, 2, 2)), mask((9, 6, 3, 3)), filled, DOT}
    assert [drawn(r) for r in records[2:]] == [filled, DOT]
    assert (findings["holes-filled"].amount, findings["parts-split"].amount) == (1, 1)
    assert len({r["uuid"] for r in records}) == 4
    assert {"masks-traced", "image-size-dropped"} <= set(findings)


SQUARE = [(1.5, 1), (6, 1), (6, 5.25)]


def test_polygons_stay_as_they_are(tmp_path):
    shape = (Polygon(exterior=SQUARE, rule=PixelRule.CENTRE_TRUNC),)
    for width, height in ((12, 9), (None, None)):
        records, findings = write(tmp_path, image(annotation(shape), width=width, height=height), shape="polygon")
        assert records[0]["polygon"] == [{"x": x, "y": y} for x, y in [*SQUARE, SQUARE[0]]]
        assert read(tmp_path / "out.ndjson")[0].annotations[0].shape == shape
    assert "masks-traced" not in findings


@pytest.mark.parametrize("rule", list(PixelRule))
def test_polygons_mean_the_same_pixels(tmp_path, rule):
    hole = [(2, 2), (4, 2), (4, 4)]
    shape = (Polygon(exterior=[(0.6, 0.4), (9.7, 1.3), (8.2, 7.9)], rule=rule), Polygon(exterior=hole, rule=rule))
    expected = geometry.polygon_mask(shape, 12, 9)
    records, findings = write(tmp_path, image(annotation(shape)), shape="mask")
    assert read(tmp_path / "out.ndjson")[0].annotations[0].shape == expected
    assert findings["polygons-painted"].weight is Weight.INFO
    records, _ = write(tmp_path, image(annotation(shape[:1])), shape="polygon")
    assert drawn(records[0]) == geometry.polygon_mask(shape[:1], 12, 9)


def test_whole_coordinates_of_yolo_are_kept():
    shape = (Polygon(exterior=[(1, 1), (6, 1), (6, 5)], rule=PixelRule.CENTRE_NEAR),)
    piece, findings = encode(image(annotation(shape), width=None, height=None), shape="polygon")
    assert piece.instances == 1 and findings == []


def test_holes_are_measured_without_a_size():
    hole = [(3, 3), (5, 3), (5, 5), (3, 5)]
    shape = (Polygon(exterior=[(1, 1), (8, 1), (8, 8), (1, 8)], holes=[hole], rule=PixelRule.CENTRE_TRUNC),)
    _, (told,) = encode(image(annotation(shape), width=None, height=None), shape="polygon")
    assert (told.code, told.amount) == ("holes-filled", encode(annotation(shape), shape="polygon")[1][0].amount)


def test_what_must_be_painted_needs_a_size():
    ring = (Polygon(exterior=SQUARE, rule=PixelRule.CENTRE_TRUNC),)
    piece, (told,) = encode(
        image(annotation(ring), annotation(Box(x=1, y=1, width=2, height=2)), width=None, height=None)
    )
    assert piece.instances == 1
    assert (told.code, told.where.annotation) == ("image-size-unknown", 0)
    assert "--from-images DIR" in told.fix and "--to-shape polygon" in told.fix


def test_boxes_stay_boxes(tmp_path):
    box = Box(x=1.5, y=2, width=3, height=0)
    for shape in ("mask", "polygon"):
        records, findings = write(tmp_path, image(annotation(box)), shape=shape)
        assert records[0]["bbox"] == {"top": 2.0, "left": 1.5, "height": 0.0, "width": 3.0}
        assert read(tmp_path / "out.ndjson")[0].annotations[0].shape == box
        assert "image-size-dropped" in findings and "boxes-painted" not in findings
    turned = Box(x=2, y=2, width=6, height=3, rotation=30)
    records, findings = write(tmp_path, image(annotation(turned)))
    assert read(tmp_path / "out.ndjson")[0].annotations[0].shape == geometry.box_mask(turned, 12, 9)
    assert "rotated" in findings["boxes-painted"].message


# --- uuids ------------------------------------------------------------------------------------------------------------


def test_uuids_are_what_the_page_says():
    for label, key in (("car", 7), ("dög", "x"), ("car", 2**40)):
        space = uuid.UUID(bytes=namespace(None))
        text = orjson.dumps(["a.jpg", label, key]).decode()
        assert Uuids(namespace(None), "a.jpg").give(label, key) == str(uuid.uuid5(space, text))
    assert namespace(None).hex() == "6f0d3c5e52a45c0b9d6a9a3b8c1f7e21"  # another would orphan all earlier imports


def test_uuids_are_kept_and_stable(tmp_path):
    annotations = [
        annotation(id=UUID.upper()),
        annotation(id=3),
        annotation(),
        annotation(label="dog"),
        annotation(id=3),
    ]
    first, findings = write(tmp_path, image(*annotations))
    again, _ = write(tmp_path, image(*annotations))
    other, _ = write(tmp_path, image(*annotations), uuid_namespace="v2")
    found = [r["uuid"] for r in first]
    assert found == [r["uuid"] for r in again] and len(set(found)) == 5 and found[0] == UUID
    assert not set(found[1:]) & {r["uuid"] for r in other}
    assert findings["ids-dropped"].amount == 2  # the uuid is not


def test_a_uuid_is_given_once(tmp_path):
    records, findings = write(
        tmp_path, image(annotation(id=UUID), annotation(id="{" + UUID + "}"), annotation(id=UUID))
    )
    assert len({r["uuid"] for r in records}) == 3
    assert findings["labelbox-uuid-replaced"].amount == 2


def test_another_instance_does_not_change_the_others_uuids(tmp_path):
    few, _ = write(tmp_path, image(annotation(label="dog"), annotation(id=4)))
    many, _ = write(tmp_path, image(annotation(label="dog"), annotation(DOT), annotation(id=4)))
    assert {r["uuid"] for r in few} < {r["uuid"] for r in many}


# --- data rows and labels ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "key"),
    [
        (None, "d/a.JPG"),
        ("{name}.png", "d/a.png"),
        ("{stem}{ext}", "a.JPG"),
        ("{split}/{name}{ext}", "val/d/a.JPG"),
        ("x-{{{stem}}}", "x-{a}"),
    ],
)
def test_global_keys(tmp_path, template, key):
    one = image(annotation(), name="d/a", split="val", picture=Picture(path="/p/d/a.JPG"))
    records, findings = write(tmp_path, one, global_key=template)
    assert records[0]["dataRow"] == {"globalKey": key}
    assert "labelbox-key-extension" not in findings


@pytest.mark.parametrize("template", ["{source}", "{nme}", "same.jpg", "{name!r}", "{name:>9}", "{name", "{0}"])
def test_wrong_templates(tmp_path, template):
    with pytest.raises(OptionError, match="--to-global-key"):
        write(tmp_path, image(annotation()), global_key=template)


def test_splits_of_one_name(tmp_path):
    both = [image(annotation(), split=s, picture=Picture(path="a.jpg")) for s in ("train", "val")]
    for masks in MODES:
        records, _ = write(tmp_path, *both, global_key="{split}/{name}{ext}", masks=masks)
        assert [r["dataRow"]["globalKey"] for r in records] == ["train/a.jpg", "val/a.jpg"]
    for masks in ("png", "composite"):
        with pytest.raises(DataError, match="two images would be named"):
            write(tmp_path, *both, masks=masks)


def test_long_keys(tmp_path):
    write(tmp_path, image(annotation(), name="x" * 200))
    with open_writer(tmp_path / "x.ndjson", LABELS) as writer:
        writer.write(image(annotation()))
        with pytest.raises(DataError, match="201 characters"):
            writer.write(image(annotation(), name="x" * 201))


def test_data_rows(tmp_path):
    (tmp_path / "rows.json").write_text('{"a.jpg": "ck1", "d/b": "ck2"}')
    images = [image(annotation(), name="a"), image(annotation(), name="d/b")]
    for table in (tmp_path / "rows.json", {"a": "ck1", "d/b.png": "ck2"}):
        records, findings = write(tmp_path, *images, data_rows=table)
        assert [r["dataRow"] for r in records] == [{"id": "ck1"}, {"id": "ck2"}]
        assert "labelbox-key-extension" not in findings
    with open_writer(tmp_path / "x.ndjson", LABELS, data_rows={"img-1": "ck"}) as writer:
        writer.write(image(annotation(), name="img-1"))
        with pytest.raises(DataError, match="did you mean 'img-1'"):
            writer.write(image(annotation(), name="img-2"))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.json", "{", "no JSON"),
        ("t.json", "[]", "no JSON object"),
        ("t.json", '{"a": 7}', "no JSON object of texts"),
        ("t.json", '{"a.jpg": "1", "a.png": "2"}', "two data rows"),
        ("t.json", '{"a": "1", "b": "1"}', "two items"),
        ("t.csv", "a\n", "row 1 has no item"),
        ("t.csv", "a,\n", "row 1 has no item"),
    ],
)
def test_wrong_tables_of_data_rows(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(OptionError, match=words):
        write(tmp_path, image(annotation()), data_rows=tmp_path / name)
    with pytest.raises(OptionError, match="cannot be read"):
        write(tmp_path, image(annotation()), data_rows=tmp_path / "none.json")


A, B, C = "a" * 25, "b" * 25, "c" * 25


def test_schema_ids(tmp_path):
    ontology = {
        "tools": [
            {"name": "car", "featureSchemaId": A, "tool": "raster-segmentation", "color": "#fff"},
            {"name": "car", "featureSchemaId": B, "tool": "polygon"},
            {"name": "dog", "schemaNodeId": C, "tool": "rectangle"},
        ]
    }
    (tmp_path / "o.json").write_bytes(orjson.dumps(ontology))
    project = {"name": "Streets", "normalized": ontology}
    (tmp_path / "p.json").write_bytes(orjson.dumps(project))
    tables = ({"car": A, "dog": C}, tmp_path / "o.json", ontology, project, tmp_path / "p.json", {"ontology": project})
    for table in tables:
        records, findings = write(
            tmp_path, image(annotation(), annotation(Box(x=1, y=1, width=2, height=2), "dog")), schema_ids=table
        )
        assert [r["schemaId"] for r in records] == [A, C] and "name" not in records[0]
        assert "labelbox-schema-odd" not in findings
    records, _ = write(tmp_path, image(annotation()), schema_ids=ontology, shape="polygon")
    assert records[0]["schemaId"] == B
    labels = {"tools": A, "normalized": B, "ontology": C}
    assert {label: schemas(labels).find(label, "mask") for label in labels} == labels
    for label, words in (("dog", "'dog' as rectangle, not as a tool for a mask"), ("cra", "did you mean 'car'")):
        _, findings = encode(annotation(label=label), schema_ids=ontology)
        assert words in findings[0].message
    assert write(tmp_path, image(annotation()), schema_ids={"car": "short"})[1]["labelbox-schema-odd"].amount == 1


@pytest.mark.parametrize("table", [{}, {"car": 7}, {"tools": []}, {"tools": [{"name": "car"}]}, {"normalized": {}}])
def test_wrong_schema_ids(tmp_path, table):
    with pytest.raises(OptionError, match="schema id"):
        write(tmp_path, image(annotation()), schema_ids=table)


# --- options, limits, what is told ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"masks": "png", "mask_uri": "https://x/"},
        {"masks": "composite", "mask_dir": "m"},
        {"shape": "polygon", "mask_dir": "m"},
        {"mask_uri": "x/"},
        {"mask_uri": "https://x/?a=b"},
        {"masks": "tiles"},
    ],
)
def test_options_that_cannot_be(options):
    with pytest.raises(OptionError):
        encode(annotation(), **options)


def test_standard_output(tmp_path, capfdbinary):
    with open_writer("-", LABELS, format="labelbox-ndjson") as writer:
        writer.write(image(annotation()))
    parse_record(capfdbinary.readouterr().out)
    with pytest.raises(OptionError, match="no place for mask files"):
        encode(annotation(), target="-", masks="files")


def test_an_empty_target_is_an_error(tmp_path):
    source = tmp_path / "in.mcv"
    with open_writer(source, LABELS) as writer:
        writer.write(image())
    with pytest.raises(ConversionError) as caught:
        maskconv.convert(source, tmp_path / "out.ndjson")
    assert "labelbox-empty" in {f.code for f in caught.value.report.findings}
    assert not (tmp_path / "out.ndjson").exists()


def test_limits(tmp_path):
    many = [annotation(DOT)] * 5001
    assert [f.code for f in encode(*many, masks="composite", shape="polygon")[1]] == ["labelbox-too-many"]
    assert encode(*many[:-1], annotation(DOT, "dog"), shape="polygon")[1] == []
    _, findings = write(tmp_path, *(image(*many[:250], name=f"{i}") for i in range(5)))
    assert findings["labelbox-many-masks"].amount == 1250
    large = mask((0, 0, 1, 1), width=9001, height=1)
    assert [f.code for f in encode(image(annotation(large), width=9001, height=1))[1]] == ["labelbox-large-image"]


def test_attributes(tmp_path):
    classes, metrics = [{"name": "q", "answer": "free"}], [{"name": "iou", "value": 0.5}]
    kept = {"customMetrics": metrics, "classifications": classes}
    records, findings = write(tmp_path, image(annotation(attributes=kept)))
    assert (records[0]["classifications"], records[0]["customMetrics"]) == (classes, metrics)
    assert next(iter(records[0])) == "customMetrics" and "attributes-dropped" not in findings
    for lost in ({"occluded": True}, kept | {"x": 1}, {"classifications": "red"}, {"customMetrics": [{"a": 1}]}):
        records, findings = write(tmp_path, image(annotation(attributes=lost)))
        assert findings["attributes-dropped"].amount == 1
        parse_record(records[0])


def test_loss_forbidden_leaves_no_target(tmp_path):
    source = tmp_path / "in.mcv"
    with open_writer(source, LABELS) as writer:
        writer.write(image(annotation()))
    with pytest.raises(LossError):
        maskconv.convert(source, tmp_path / "out.ndjson", write={"shape": "polygon"}, on_loss="fail")
    maskconv.convert(source, tmp_path / "out.ndjson", on_loss="fail")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mcv", "out.ndjson"]


def test_next_steps(tmp_path):
    source = tmp_path / "in.mcv"
    with open_writer(source, LABELS) as writer:
        writer.write(image(annotation()))
    steps = maskconv.convert(source, tmp_path / "a.ndjson").next_steps
    assert "MALPredictionImport.create_from_file" in steps[0] and "API key" in steps[0] and "overrides" in steps[1]
    files = maskconv.convert(source, tmp_path / "b.ndjson", write={"mask_uri": "https://x/m/"}).next_steps
    assert files[0] == f"Upload the PNGs of {tmp_path / 'b_masks'} to https://x/m/." and files[1:] == steps


@pytest.mark.parametrize("name", ["../up", "/abs", "C:\\x", "a\0"])
def test_unsafe_names(name):
    with pytest.raises(DataError, match="name"):
        encode(image(annotation(), name=name), masks="files")
    with pytest.raises(DataError, match="name"):
        encode(image(annotation(), split=name), masks="files")


def test_odd_names_have_safe_paths():
    for name in ("s3://bucket/a", "./a", "a//b"):
        piece, _ = encode(image(annotation(), name=name), masks="files")
        assert not {"", "."} & set(piece.blobs[0][0].split("/"))


# --- there and back ---------------------------------------------------------------------------------------------------

MIXED = [
    image(annotation(score=0.25), annotation(OVER, "dog"), annotation(PARTS), annotation(DOT), name="d/one"),
    image(annotation(mask((0, 0, 1, 1), width=1, height=1)), name="tiny.v2", width=1, height=1),
    image(annotation(OVER), annotation(OVER), annotation(Box(x=1.25, y=2, width=3, height=4)), name="two"),
]


@pytest.mark.parametrize("masks", MODES)
@pytest.mark.parametrize("jobs", [1, 3])
def test_there_and_back(tmp_path, masks, jobs):
    source, middle, back = (tmp_path / name for name in ("in.mcv", "mid.ndjson", "back.mcv"))
    with open_writer(source, LABELS) as writer:
        for one in MIXED:
            writer.write(one)
    maskconv.convert(source, middle, write={"masks": masks}, jobs=jobs)
    report = maskconv.convert(middle, back, jobs=jobs)
    # two equal instances are in equal composites, which in the records look like one
    assert {f.code for f in report.findings} == ({"labelbox-color-twice"} if masks == "composite" else set())
    assert content(read(back)) == content(MIXED)
    other = tmp_path / "other"
    other.mkdir()
    maskconv.convert(source, other / "mid.ndjson", write={"masks": masks})
    assert (other / "mid.ndjson").read_bytes() == middle.read_bytes()


@pytest.mark.parametrize("masks", MODES)
def test_ndjson_to_ndjson_is_the_same_file(tmp_path, masks):
    """uuids, keys, scores, attributes; data row ids as well as global keys."""
    first, again = tmp_path / "m.ndjson", tmp_path / "x" / "m.ndjson"
    again.parent.mkdir()
    one = image(
        annotation(score=0.0, attributes={"classifications": [{"name": "a"}]}), annotation(DOT, "dog"), name="p/a"
    )
    write(tmp_path, one, name="m.ndjson", masks=masks, global_key="{name}.JPG")
    assert maskconv.convert(first, again, write={"masks": masks}).lossy is False
    assert again.read_bytes() == first.read_bytes()
    write(tmp_path, one, name="m.ndjson", masks=masks, data_rows={"p/a": "ck1"})
    maskconv.convert(first, again, write={"masks": masks}, overwrite=True)
    assert again.read_bytes().replace(b"/ck1.png", b"/p/a.png") == first.read_bytes()  # the item is named by its id now


@st.composite
def images(draw):
    width, height = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    shapes = st.one_of(
        strategies.masks(width, height).filter(lambda m: len(m.starts)),
        strategies.POLYGONS.map(lambda p: (p,)),
        strategies.BOXES,
    )
    annotations = draw(
        st.lists(
            st.builds(
                Annotation,
                label=st.sampled_from(["car", "dog"]),
                shape=shapes,
                id=st.none() | strategies.IDS | st.uuids().map(str),
                score=st.none() | st.floats(0, 1),
                attributes=strategies.ATTRIBUTES,
            ),
            min_size=1,
            max_size=5,
        )
    )
    return image(*annotations, name=draw(strategies.NAMES), width=width, height=height)


KINDS = {"mask": MaskRecord, "polygon": PolygonRecord, "bbox": BoxRecord}


@settings(max_examples=150)
@given(
    images(),
    st.sampled_from([{"masks": m} for m in MODES] + [{"shape": "polygon"}]),
    st.sampled_from([None, {"car": A, "dog": B}]),
)
def test_everything_written_is_a_record(one, options, table):
    piece, findings = encode(one, schema_ids=table, **options)
    lines = piece.rows.splitlines(keepends=True) if piece is not None else []
    for line in lines:
        record = parse_record(line)
        kind = next(k for k in KINDS if k in orjson.loads(line))
        assert type(record) is KINDS[kind]
        assert record.to_json() == line
    assert len({orjson.loads(line)["uuid"] for line in lines}) == len(lines)
    empty = sum(f.code == "instance-empty" for f in findings)
    assert (piece.instances if piece else 0) + empty == len(one.annotations)


@settings(max_examples=100)
@given(
    st.lists(strategies.masks(13, 7).filter(lambda m: len(m.starts)), min_size=1, max_size=6), st.sampled_from(MODES)
)
def test_masks_come_back_exactly(shapes, masks):
    import tempfile
    from pathlib import Path

    one = image(*map(annotation, shapes), width=13, height=7)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), one, masks=masks)
        assert content(read(Path(folder, "out.ndjson"))) == content([one])


def test_an_item_named_by_a_table_has_no_known_extension(tmp_path):
    write(tmp_path, image(annotation()), name="m.ndjson", data_rows={"a": "ck1"})
    report = maskconv.convert(tmp_path / "m.ndjson", tmp_path / "b.ndjson", read={"data_rows": {"a": "ck1"}})
    assert "labelbox-key-extension" in {f.code for f in report.findings}
    assert orjson.loads((tmp_path / "b.ndjson").read_bytes())["dataRow"] == {"globalKey": "a"}


def test_keeps():
    for shape, kept in (("mask", Feature.MASKS), ("polygon", Feature.POLYGONS)):
        keeps = FORMAT.writer(FORMAT.writer.Options(shape=shape)).keeps()
        assert kept in keeps and Feature.BOXES in keeps and Feature.EMPTY_IMAGES not in keeps


@pytest.mark.parametrize("write", [{"masks": "files"}, {"masks": "files", "max_records": 1}, {"masks": "png"}])
def test_two_images_of_one_name_and_skip(tmp_path, write):
    """The later one is left out and named, and leaves no composite; in files pictures share a name whatever their kind."""
    sources = []
    for number, shape in enumerate((RING, DOT)):
        sources.append(tmp_path / f"{number}.mcv")
        with open_writer(sources[-1], LABELS) as writer:
            writer.write(image(annotation(shape), name="a", picture=Picture(path=f"a.{'jpg' if number else 'png'}")))
            writer.write(image(annotation(shape), name=f"only {number}"))
    report = maskconv.convert(sources, tmp_path / "out.ndjson", write=write, on_error="skip")
    both = [one for part in sorted(tmp_path.glob("out*.ndjson")) for one in read(part)]
    named = [f.message for f in report.findings if f.code == "name-collision"]
    if write["masks"] == "png":
        assert not named and report.images_written == 4  # two data rows: a.png and a.jpg
        return
    assert named == [f"two images would be named 'a' in the target (one of {sources[0]}, one of {sources[1]})"]
    assert [i.name for i in both] == ["a", "only 0", "only 1"] and both[0].annotations[0].shape == RING
    assert len(list((tmp_path / "out_masks").iterdir())) == 3


@pytest.mark.parametrize("template", ["{stem}{ext}", "{name}{ext}"])
def test_two_images_of_one_key_and_skip(tmp_path, template):
    source = tmp_path / "in.mcv"
    with open_writer(source, LABELS) as writer:
        for folder in ("x", "y"):
            writer.write(image(annotation(), name=f"{folder}/a", picture=Picture(path="a.jpg")))
    how = {"masks": "files", "global_key": template}
    report = maskconv.convert(source, tmp_path / "out.ndjson", write=how, on_error="skip")
    masks = sorted(p.relative_to(tmp_path).as_posix() for p in (tmp_path / "out_masks").rglob("*.png"))
    twice = template == "{stem}{ext}"
    assert (report.images_written, masks) == ((1, ["out_masks/x/a.png"]) if twice else (2, [*masks]))
    assert ("name-collision" in {f.code for f in report.findings}) == twice


# --- EXIF -------------------------------------------------------------------------------------------------------------


def turned(path, orientation, pixels):
    """A picture of these pixels with an EXIF orientation; returns those that a viewer shows."""
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path, exif=exif)
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image))


def scene():
    """A picture in whose file a thing is red, and another lies at the edge in green; 12 x 9."""
    pixels = np.zeros((9, 12, 3), np.uint8)
    pixels[RING.to_array()] = (255, 0, 0)
    pixels[0:2, 8:11] = (0, 255, 0)
    return pixels


def colored(pixels, color):
    return Mask.from_array((pixels == color).all(axis=2))


def kept_in(folder, path, zipped):
    if not zipped:
        return Picture(path=str(path))
    with zipfile.ZipFile(folder / "pictures.zip", "a") as archive:
        archive.write(path, f"JPEGImages/{path.name}")
    return Picture(path=str(folder / "pictures.zip"), member=f"JPEGImages/{path.name}")


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_annotations_are_turned_back_to_the_file(tmp_path, orientation, suffix, zipped):
    """Labelbox shows a picture as it is in its file: masks, polygons and boxes go there; 0 wrong pixels."""
    pixels = scene()
    shown = turned(tmp_path / f"a{suffix}", orientation, pixels)
    height, width = shown.shape[:2]
    red, green = colored(shown, (255, 0, 0)), colored(shown, (0, 255, 0))
    x, y, w, h = green.bbox
    shapes = [red, geometry.trace(red, PixelRule.CENTRE_TRUNC), Box(x=x, y=y, width=w, height=h)]
    place = kept_in(tmp_path, tmp_path / f"a{suffix}", zipped)
    one = image(*map(annotation, shapes), width=width, height=height, picture=place)
    for options in ({"masks": "png"}, {"masks": "files"}):
        _, findings = write(tmp_path, one, **options)
        (back,) = read(tmp_path / "out.ndjson")
        assert [a.shape for a in back.annotations] == [RING, RING, Box(x=8, y=0, width=3, height=2)]
        assert (back.width, back.height) == (12, 9)
        assert ("labelbox-turned-back" in findings) == (orientation > 1)
    solid = annotation(geometry.trace(green, PixelRule.CENTRE_TRUNC))
    write(tmp_path, image(solid, width=None, height=None, picture=place), shape="polygon")
    (back,) = read(tmp_path / "out.ndjson")
    assert geometry.shape_mask(back.annotations[0].shape, 12, 9) == colored(pixels, (0, 255, 0))
    _, findings = write(tmp_path, one, orientation="shown")
    (back,) = read(tmp_path / "out.ndjson")
    assert back.annotations[0].shape == red and not any("turned" in code for code in findings)


def test_a_rotated_box_is_turned_back(tmp_path):
    turned(tmp_path / "a.png", 6, np.zeros((9, 12, 3)))
    box = Box(x=2, y=3, width=4, height=3, rotation=30)
    one = image(annotation(box), width=9, height=12, picture=Picture(path=str(tmp_path / "a.png")))
    write(tmp_path, one)
    (back,) = read(tmp_path / "out.ndjson")
    painted = geometry.shape_mask(box, 9, 12).to_array()
    assert np.array_equal(back.annotations[0].shape.to_array(), np.rot90(painted))


@pytest.mark.parametrize(("size", "words"), [((12, 9), "as they are in its file"), ((24, 18), "on another picture")])
def test_annotations_of_another_size_stay(tmp_path, size, words):
    turned(tmp_path / "a.png", 6, scene())
    shape = mask((0, 0, 3, 2), width=size[0], height=size[1])
    one = image(annotation(shape), width=size[0], height=size[1], picture=Picture(path=str(tmp_path / "a.png")))
    _, findings = write(tmp_path, one)
    assert read(tmp_path / "out.ndjson")[0].annotations[0].shape == shape
    told = findings["labelbox-not-turned"]
    assert told.weight is Weight.WARNING and words in told.message and "labelbox-turned-back" not in findings


def test_pictures_without_a_header_are_none(tmp_path):
    """Neither damaged nor missing ones, nor those of a zip that is none, keep an image from being written."""
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    turned(tmp_path / "a.png", 6, scene())
    kept_in(tmp_path, tmp_path / "a.png", zipped=True)
    kept_in(tmp_path, tmp_path / "bad.jpg", zipped=True)
    archive = str(tmp_path / "pictures.zip")
    places = [
        Picture(path=str(tmp_path / "bad.jpg")),
        Picture(path=str(tmp_path / "gone.jpg")),
        Picture(path=str(tmp_path / "gone.zip"), member="a.jpg"),
        Picture(path=str(tmp_path / "bad.jpg"), member="a.jpg"),
        Picture(path=archive, member="gone.jpg"),
        Picture(path=archive, member="JPEGImages/bad.jpg"),
        Picture(path=archive, member="JPEGImages/a.png", orientation=1),
    ]
    for number, place in enumerate(places):
        _, findings = write(tmp_path, image(annotation(), picture=place))
        assert not any("turned" in code for code in findings), number
        assert read(tmp_path / "out.ndjson")[0].annotations[0].shape == RING


@pytest.mark.parametrize("jobs", [1, 2])
def test_cvat_with_pictures_and_back(tmp_path, jobs):
    """CVAT has masks of the picture as it is shown, Labelbox of its file: each gets its own, exactly."""
    (tmp_path / "p").mkdir()
    images = []
    for orientation in range(1, 9):
        shown = turned(tmp_path / "p" / f"{orientation}.png", orientation, scene())
        shape = colored(shown, (255, 0, 0))
        images.append(image(annotation(shape), name=str(orientation), width=shape.width, height=shape.height))
    with open_writer(tmp_path / "in.zip", LABELS, images=tmp_path / "p") as writer:
        for one in images:
            writer.write(one)
    maskconv.convert(tmp_path / "in.zip", tmp_path / "out.ndjson", jobs=jobs)
    assert [i.annotations[0].shape for i in read(tmp_path / "out.ndjson")] == [RING] * 8
    maskconv.convert(tmp_path / "out.ndjson", tmp_path / "back.zip", read={"images": tmp_path / "p"}, jobs=jobs)
    back = {i.name: i.annotations[0].shape for i in read(tmp_path / "back.zip")}
    assert back == {i.name: i.annotations[0].shape for i in images}


def test_pickles_while_it_writes(tmp_path):
    """Workers that are started anew get the writer without its stage."""
    source = tmp_path / "in.mcv"
    with open_writer(source, LABELS) as writer:
        writer.write(image(annotation()))
        copied = pickle.loads(pickle.dumps(FORMAT.writer(FORMAT.writer.Options())))
    assert copied.options == FORMAT.writer.Options()
    stage = DryStage(Target(tmp_path / "out.ndjson", "file"))
    copied.begin(stage, copied.plan(LABELS, stage.target, lambda _: None))
    anew = pickle.loads(pickle.dumps(copied))
    assert vars(anew).keys() == vars(FORMAT.writer(FORMAT.writer.Options())).keys()
    assert anew.options == copied.options
