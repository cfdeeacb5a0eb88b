"""maskconv.labelbox: the records as public values."""

from __future__ import annotations

import copy
import pickle

import orjson
import pytest
from pydantic import ValidationError

from maskconv import labelbox
from maskconv.labelbox import (
    BoundingBox,
    BoxRecord,
    DataRowRef,
    InlineMask,
    MaskRecord,
    PngMask,
    Point,
    PolygonRecord,
    RecordError,
    UriMask,
    parse_record,
)

UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
BASE = {"uuid": UUID, "dataRow": {"globalKey": "a.jpg"}, "name": "car", "classifications": []}
URI = {"instanceURI": "https://x/a.png", "colorRGB": [1, 2, 3]}
MASK = {**BASE, "mask": URI}


def test_all_names_are_there():
    assert all(hasattr(labelbox, name) for name in labelbox.__all__)


@pytest.mark.parametrize(
    "spelling",
    [
        "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
        "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
        "a0eebc999c0b4ef8bb6d6bb9bd380a11",
        "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
        "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}",
    ],
)
def test_the_five_spellings_of_a_uuid(spelling):
    assert parse_record({**MASK, "uuid": spelling}).uuid == UUID


@pytest.mark.parametrize("wrong", ["", "x" * 32, UUID[:-1], UUID + "0", "{" + UUID, 7, UUID.replace("a", "_")])
def test_what_is_no_uuid(wrong):
    with pytest.raises(ValidationError, match="not one of 128 bits"):
        parse_record({**MASK, "uuid": wrong})


def test_wire_form_has_the_serialisers_order():
    """As SDK 7.17.0 writes it: custom metrics and confidence first."""
    record = MaskRecord(
        mask=UriMask(instance_uri="u", color_rgb=(1, 2, 3)),
        name="car",
        data_row=DataRowRef(global_key="a.jpg"),
        uuid=UUID,
        confidence=0.0,
        custom_metrics=[{"name": "iou", "value": 0.5}],
    )
    assert record.to_json() == (
        b'{"customMetrics":[{"name":"iou","value":0.5}],"confidence":0.0,"uuid":"' + UUID.encode() + b'","dataRow":'
        b'{"globalKey":"a.jpg"},"name":"car","classifications":[],"mask":{"instanceURI":"u","colorRGB":[1,2,3]}}\n'
    )
    assert parse_record(record.to_json()) == record == parse_record(record.to_dict())


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        (MaskRecord, {"mask": URI}),
        (MaskRecord, {"mask": {"png": "AAAA"}}),
        (MaskRecord, {"mask": {"imBytes": "AAAA", "colorRGB": [0, 0, 0]}}),
        (PolygonRecord, {"polygon": [{"x": 1.5, "y": 2.0}, {"x": 3.0, "y": 4.0}, {"x": 5.0, "y": 6.0}]}),
        (BoxRecord, {"bbox": {"top": 1.0, "left": 2.0, "height": 0.0, "width": 4.0}}),
    ],
)
def test_each_kind_comes_back(kind, part):
    record = parse_record({**BASE, **part})
    assert type(record) is kind
    assert record.to_dict() == {**BASE, **part}
    assert pickle.loads(pickle.dumps(record)) == copy.deepcopy(record) == record
    with pytest.raises(ValidationError):
        record.name = "other"


def test_python_names_and_wire_names_are_both_taken():
    forms = [UriMask(instance_uri="u", color_rgb=(1, 2, 3)), {"instance_uri": "u", "color_rgb": [1, 2, 3]}]
    forms.append({"instanceURI": "u", "colorRGB": (1, 2, 3)})
    assert len({MaskRecord(data_row={"id": "r"}, schema_id="s", mask=form).to_json() for form in forms}) == 1
    assert isinstance(MaskRecord(data_row={"id": "r"}, name="n", mask=PngMask(png="AAAA")).mask, PngMask)
    inline = InlineMask(im_bytes="AAAA", color_rgb=(1, 2, 3))
    assert isinstance(MaskRecord(data_row={"id": "r"}, name="n", mask=inline).mask, InlineMask)
    assert PolygonRecord(data_row={"id": "r"}, name="n", polygon=[Point(x=1, y=2)] * 3).polygon[0].x == 1
    assert BoxRecord(data_row={"id": "r"}, name="n", bbox=BoundingBox(top=1, left=2, height=3, width=4)).uuid is None


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"dataRow": {}}, "neither an id nor a globalKey"),
        ({"dataRow": {"id": "a", "globalKey": "b"}}, "both an id and a globalKey"),
        ({"dataRow": {"globalKey": "x" * 201}}, "at most 200 characters"),
        ({"name": None}, "neither a name nor a schemaId"),
        ({"schemaId": "s"}, "both a name and a schemaId"),
        ({"confidence": 1.5}, "less than or equal to 1"),
        ({"confidence": float("nan")}, "finite"),
        ({"mask": {**URI, "colorRGB": [1, 2, 256]}}, "three integers 0..255"),
        ({"mask": {**URI, "colorRGB": [1.0, 2, 3]}}, "three integers 0..255"),
        ({"mask": {**URI, "colorRGB": [True, 2, 3]}}, "three integers 0..255"),
        ({"mask": {"instanceURI": "u"}}, "Field required"),
        ({"mask": {"png": "!"}}, "no base64"),
        ({"mask": {**URI, "png": "AAAA"}}, "instanceURI and png"),
        ({"mask": {}}, "none of instanceURI, png and imBytes"),
        ({"mask": 7}, "not an object"),
        ({"mask": {"png": 7}}, "not a text"),
        ({"color": 1}, "Extra inputs"),
    ],
)
def test_what_a_mask_record_refuses(part, message):
    with pytest.raises(ValidationError, match=message):
        parse_record({**MASK, **part})


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"polygon": [{"x": 1, "y": 2}] * 2}, "at least 3"),
        ({"polygon": [{"x": float("nan"), "y": 2}] * 3}, "finite"),
        ({"bbox": {"top": 1, "left": 1, "height": -1, "width": 1}}, "greater than or equal to 0"),
        ({"bbox": {"top": 1, "left": 1, "height": float("inf"), "width": 1}}, "finite"),
    ],
)
def test_what_shapes_refuse(part, message):
    with pytest.raises(ValidationError, match=message):
        parse_record({**BASE, **part})


def test_a_record_has_one_geometry():
    with pytest.raises(RecordError, match="no mask, polygon or bbox"):
        parse_record(BASE)
    with pytest.raises(RecordError, match="mask and bbox"):
        parse_record({**MASK, "bbox": {}})
    with pytest.raises(RecordError, match="a JSON object, not a list"):
        parse_record(b"[]")
    with pytest.raises(orjson.JSONDecodeError):
        parse_record("{")
