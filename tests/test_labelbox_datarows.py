"""labelbox-ndjson, data rows by the keys of an export (v2): items to ids when writing, and back when reading."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import maskconv
from maskconv import (
    AnnotatedImage,
    Annotation,
    DataError,
    Label,
    LabelMap,
    Mask,
    OptionError,
    Picture,
    open_reader,
    open_writer,
)
from maskconv.finding import Weight
from maskconv.formats.labelbox_ndjson.datarows import data_rows, item_names

DATA = Path(os.environ.get("MASKCONV_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
LABELS = LabelMap(labels=[Label(name="car")])
DOT = Mask(width=4, height=4, starts=[5], lengths=[2])


def exported(row_id, global_key=None, external_id=None, row_data=None, **more):
    row = {"id": row_id, "global_key": global_key, "external_id": external_id, "row_data": row_data, "details": {}}
    size = {"height": 4, "width": 4, "mime_type": "image/png"}
    return {
        "data_row": {k: v for k, v in row.items() if v is not None},
        "media_attributes": size,
        "projects": {},
    } | more


def export(folder, *rows, name="export.ndjson"):
    path = folder / name
    path.write_bytes(b"".join(row if isinstance(row, bytes) else orjson.dumps(row) + b"\n" for row in rows))
    return path


def image(name, ext=None):
    picture = Picture(path=f"/p/{name}{ext}") if ext else None
    annotations = (Annotation(label="car", shape=DOT),)
    return AnnotatedImage(name=name, width=4, height=4, annotations=annotations, picture=picture)


def write(path, *images, **options):
    with open_writer(path, LABELS, overwrite=True, **options) as writer:
        for one in images:
            writer.write(one)
    rows = [orjson.loads(line)["dataRow"] for line in path.read_bytes().splitlines()]
    return rows, {f.code: f for f in writer.report.findings}


HTTP = "https://storage.example.com/bucket/uploads/"
ROWS = [
    exported("ck1", "img-0001.jpg", row_data=HTTP + "img-0001.jpg"),
    exported("ck2", "7f-22", "img-0002.png", HTTP + "x/8812.png"),
    exported("ck3", "7f-23", row_data=HTTP + "day%201/img-0003.jpeg?sig=a/b.png&x=1#f"),
    exported("ck4", "day 2/img-0004.JPG"),
    exported("ck5", "img-0005", row_data="gs://bucket/cam/left/img-0006.tif"),
]


@pytest.mark.parametrize(
    ("item", "row"),
    [
        ("img-0001", "ck1"),
        ("img-0002", "ck2"),
        ("8812", "ck2"),
        ("x/8812", "ck2"),
        ("img-0003", "ck3"),
        ("day 1/img-0003", "ck3"),
        ("uploads/day 1/img-0003", "ck3"),
        ("7f-23", "ck3"),
        ("img-0004", "ck4"),
        ("day 2/img-0004", "ck4"),
        ("cvat/day 2/img-0004", "ck4"),
        ("img-0005", "ck5"),
        ("left/img-0006", "ck5"),
    ],
)
def test_an_item_by_each_of_its_keys(tmp_path, item, row):
    rows, findings = write(tmp_path / "out.ndjson", image(item), data_rows=export(tmp_path, *ROWS))
    assert rows == [{"id": row}]
    assert not {"labelbox-data-row-guessed", "labelbox-key-extension"} & set(findings)


def test_an_item_may_be_named_by_the_data_row_s_own_id(tmp_path):
    """Also where it has no other key; a key of another data row comes first."""
    rows = [*ROWS, exported("ck6"), exported("ck7", "ck6.jpg"), exported("x.y.jpg")]
    path = export(tmp_path, *rows)
    for item, row in (("ck1", "ck1"), ("ck2", "ck2"), ("all/ck3", "ck3"), ("ck6", "ck7"), ("x.y.jpg", "x.y.jpg")):
        assert data_rows(path).find(item, "") == (row, ""), item
    written, _ = write(tmp_path / "out.ndjson", image("ck5"), data_rows=export(tmp_path, *ROWS, name="b.ndjson"))
    assert written == [{"id": "ck5"}]
    with pytest.raises(DataError, match="no 'ck9'"):
        data_rows(path).find("ck9", "")


def older(row_id, **more):
    """A row of v1."""
    return {"ID": "label", "DataRow ID": row_id, "Labeled Data": HTTP, "External ID": "", "Label": {}} | more


def test_exports_of_v1(tmp_path):
    rows = [
        older("ck1", **{"External ID": "img-0001.jpg"}),
        older("ck1", **{"External ID": "img-0001.jpg", "ID": "label 2"}),
        older("ck2", **{"Labeled Data": HTTP + "d/img-0002.png?x"}),
        older("ck3", **{"Global Key": "k-3", "Label": "Skip"}),
    ]
    (tmp_path / "b.json").write_text(json.dumps(rows))
    for path in (export(tmp_path, *rows), tmp_path / "b.json"):
        found = data_rows(path)
        assert [found.find(i, "")[0] for i in ("img-0001", "img-0002", "k-3", "ck3")] == ["ck1", "ck2", "ck3", "ck3"]
        names = item_names(path)
        assert [names["id", f"ck{n}"] for n in (1, 2, 3)] == ["img-0001", "img-0002", "k-3"]
        assert names["globalKey", "k-3"] == "k-3"
    with pytest.raises(OptionError, match="line 2 is no row of an export: it has no DataRow ID"):
        data_rows(export(tmp_path, rows[0], older("")))


def test_forms_of_an_export(tmp_path):
    """NDJSON, also called .json; an array; objects one behind the other; with a byte order mark."""
    texts = {
        "a.ndjson": "\n".join(map(json.dumps, ROWS)),
        "b.json": "\n".join(map(json.dumps, ROWS)),
        "c.json": json.dumps(ROWS),
        "d.json": json.dumps(ROWS, indent=2),
        "e.txt": "".join(json.dumps(row, indent=1) for row in ROWS),
        "f.json": "\ufeff" + "\r\n".join(map(json.dumps, ROWS)),
        "g.json": "".join(map(json.dumps, ROWS)),
        "h.json": "\n".join(map(json.dumps, [*ROWS, *ROWS])),
    }
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text.encode())
        found = data_rows(tmp_path / name)
        assert [found.find(f"img-000{n}", "")[0] for n in (1, 2, 3, 4, 5, 6)] == [
            *(f"ck{n}" for n in range(1, 6)),
            "ck5",
        ]
        assert item_names(tmp_path / name)["id", "ck2"] == "img-0002"


def test_the_longest_match_counts(tmp_path):
    rows = [
        exported("ck1", "a.jpg"),
        exported("ck2", "x/a.jpg"),
        exported("ck3", "y/x/a.jpg"),
        exported("ck4", row_data=HTTP + "z/w/a.jpg"),
    ]
    found = data_rows(export(tmp_path, *rows))
    names = {"a": "ck1", "x/a": "ck2", "q/x/a": "ck2", "y/x/a": "ck3", "u/y/x/a": "ck3", "w/a": "ck4", "z/w/a": "ck4"}
    assert {name: found.find(name, "")[0] for name in names} == names
    assert found.find("q/a", "")[0] == "ck1"


def test_a_picture_extension_decides(tmp_path):
    path = export(tmp_path, exported("ck1", "a.jpg"), exported("ck2", "a.png"))
    rows, _ = write(tmp_path / "out.ndjson", image("a", ".PNG"), data_rows=path)
    assert rows == [{"id": "ck2"}]
    with pytest.raises(DataError, match=r"the item 'a' could be the data row ck1 \(a.jpg\) or ck2 \(a.png\)"):
        write(tmp_path / "out.ndjson", image("a"), data_rows=path)


@pytest.mark.parametrize(
    ("rows", "texts"),
    [
        ([exported("ck1", "d/a.jpg"), exported("ck2", "e/a.jpg")], ("d/a.jpg", "e/a.jpg")),
        ([exported("ck1", "1", "a.jpg"), exported("ck2", "2", "a.jpg")], ("a.jpg", "a.jpg")),
        (
            [exported("ck1", row_data="s3://b/d/a.jpg"), exported("ck2", row_data="s3://b/e/a.jpg")],
            ("d/a.jpg", "e/a.jpg"),
        ),
    ],
)
def test_ambiguous_items_are_errors(tmp_path, rows, texts):
    with pytest.raises(DataError) as caught:
        write(tmp_path / "out.ndjson", image("a"), data_rows=export(tmp_path, *rows))
    assert caught.value.code == "labelbox-data-row-ambiguous"
    assert caught.value.message == f"the item 'a' could be the data row ck1 ({texts[0]}) or ck2 ({texts[1]})"
    assert "--to-data-rows a table" in caught.value.fix


def test_the_better_kind_of_key_counts(tmp_path):
    rows = [exported("ck1", "1", row_data="s3://b/a.jpg"), exported("ck2", "2", "a.jpg"), exported("ck3", "a.jpg")]
    for count, row in ((1, "ck1"), (2, "ck2"), (3, "ck3")):
        assert data_rows(export(tmp_path, *rows[:count])).find("a", "")[0] == row


def test_another_folder_is_a_guess(tmp_path):
    """An address has folders of its own; a key that has other folders is another picture."""
    path = export(tmp_path, exported("ck1", "k1", row_data=HTTP + "a.jpg"), exported("ck2", "e/b.jpg"))
    rows, findings = write(tmp_path / "out.ndjson", image("task/a"), data_rows=path)
    told = findings["labelbox-data-row-guessed"]
    assert rows == [{"id": "ck1"}] and (told.weight, told.where.image) == (Weight.WARNING, "task/a")
    assert (
        told.message
        == "only the file's name tells that this is the data row ck1: its picture is at bucket/uploads/a.jpg"
    )
    with pytest.raises(DataError, match=r"the data rows have no 'd/b' \(did you mean 'e/b'\?\)"):
        write(tmp_path / "out.ndjson", image("d/b"), data_rows=path)


def test_two_items_of_one_data_row(tmp_path):
    path = export(tmp_path, exported("ck1", "k1", row_data=HTTP + "a.jpg"))
    with pytest.raises(DataError, match="two images would be named 'ck1' in the target"):
        write(tmp_path / "out.ndjson", image("x/a"), image("y/a"), data_rows=path, masks="files")


def test_unknown_items(tmp_path):
    path = export(tmp_path, *ROWS)
    with pytest.raises(DataError, match=r"no 'img-001' \(did you mean 'img-0001'\?\)") as caught:
        write(tmp_path / "out.ndjson", image("img-001"), data_rows=path)
    assert caught.value.code == "labelbox-data-row-unknown" and caught.value.fix == "add it to --to-data-rows"


def test_many_unknown_items_are_told_quickly(tmp_path):
    path = export(tmp_path, *(exported(f"ck{n}", f"img-{n:06d}.jpg") for n in range(20_000)))
    found, begin = data_rows(path), time.perf_counter()
    for n in range(20):
        with pytest.raises(DataError, match="have no"):
            found.find(f"ing-{n:06d}", "")
    assert time.perf_counter() - begin < 5


# --- and back ---------------------------------------------------------------------------------------------------------


def read(path, **options):
    with open_reader(path, **options) as images:
        return [one.name for one in images], {f.code: f for f in images.report.findings}


def test_there_and_back(tmp_path):
    names = ["img-0001", "img-0002", "day 2/img-0004"]
    path = export(tmp_path, *ROWS)
    write(tmp_path / "out.ndjson", *map(image, names), data_rows=path)
    found, findings = read(tmp_path / "out.ndjson", data_rows=path)
    assert found == names and not findings
    assert read(tmp_path / "out.ndjson")[0] == ["ck1", "ck2", "ck4"]


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ([exported("ck1", "k.jpg", "e.jpg", HTTP + "r.jpg")], ["e"]),
        ([exported("ck1", "k.jpg", row_data=HTTP + "r.jpg")], ["k"]),
        ([exported("ck1", "k", row_data=HTTP + "d/r%20r.jpg?a=b.png")], ["r r"]),
        ([exported("ck1", "k", "e", row_data=HTTP + "r.jpg")], ["r"]),
        ([exported("ck1", "k", "e", row_data="text")], ["e"]),
        ([exported("ck1", "k")], ["k"]),
        ([exported("ck1")], ["ck1"]),
        ([exported("ck1", "k1.jpg", "e.jpg"), exported("ck2", "k2.jpg", "E.jpg")], ["k1", "k2"]),
        ([exported("ck1", "1", "e.jpg", HTTP + "0.jpg"), exported("ck2", "2", "e.jpg", HTTP + "0.jpg")], ["1", "2"]),
        ([exported("ck1", "d/k.jpg"), exported("ck2", "e/k.jpg")], ["d/k", "e/k"]),
    ],
)
def test_which_name_a_data_row_gets(tmp_path, rows, names):
    """The external id, else the global key, else the picture's file: what looks like a picture's name, and is one row's."""
    path = export(tmp_path, *rows)
    found = item_names(path)
    assert [found["id", row["data_row"]["id"]] for row in rows] == names
    keys = [row["data_row"].get("global_key") for row in rows]
    assert [found["globalKey", key] for key in keys if key] == names[: len([key for key in keys if key])]


def test_global_keys_get_names_too(tmp_path):
    path = export(tmp_path, *ROWS)
    write(tmp_path / "out.ndjson", image("7f-22"), image("other"))
    assert read(tmp_path / "out.ndjson", data_rows=path)[0] == ["img-0002", "other"]


def test_unknown_data_rows_keep_their_ids(tmp_path):
    write(tmp_path / "out.ndjson", image("a"), image("b"), data_rows={"a": "ck1", "b": "ck9"})
    for table in (export(tmp_path, *ROWS), {"a": "ck1"}):
        names, findings = read(tmp_path / "out.ndjson", data_rows=table)
        told = findings["labelbox-data-row-unnamed"]
        assert names[1] == "ck9" and (told.weight, told.amount, told.where.line) == (Weight.WARNING, 1, 2)
        assert told.message == "--from-data-rows does not have the data row 'ck9': the image is named so"


def test_names_that_cannot_be(tmp_path):
    rows = [exported("ck1", "../../up.jpg"), exported("ck2", "k", row_data=HTTP + "..%2f..%2fup2.jpg")]
    path = export(tmp_path, *rows)
    write(tmp_path / "out.ndjson", image("a"), image("b"), data_rows={"a": "ck1", "b": "ck2"})
    names, findings = read(tmp_path / "out.ndjson", data_rows=path)
    assert names == ["up2"] and findings["name-unsafe"].weight is Weight.ERROR


def test_through_conversion(tmp_path):
    """What CVAT calls an item comes back, in parts and with masks in files."""
    path = export(tmp_path, *ROWS)
    with open_writer(tmp_path / "in.mcv", LABELS) as writer:
        for name in ("img-0001", "day 2/img-0004"):
            writer.write(image(name))
    how = {"data_rows": path, "max_records": 1, "masks": "files"}
    maskconv.convert(tmp_path / "in.mcv", tmp_path / "out.ndjson", write=how, jobs=2)
    maskconv.convert(tmp_path / "out-*.ndjson", tmp_path / "back.mcv", read={"data_rows": path})
    assert read(tmp_path / "back.mcv")[0] == ["img-0001", "day 2/img-0004"]


# --- what is no export ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([ROWS[0], b"{\n"], "line 2|:2"),
        ([ROWS[0], b"7\n"], "line 2 is no row of an export: it has no data_row with an id"),
        ([ROWS[0], {"data_row": {}}], "it has no data_row with an id"),
        ([ROWS[0], {"data_row": {"id": 7}}], "it has no data_row with an id"),
        ([ROWS[0], {"data_row": {"id": ""}}], "it has no data_row with an id"),
        ([ROWS[0], {"dataRow": {"id": "x"}}], "it has no data_row with an id"),
        ([b"[", orjson.dumps(ROWS[0])], "the export cannot be read: the array is never closed"),
    ],
)
def test_damaged_exports(tmp_path, rows, words):
    path = export(tmp_path, *rows)
    with pytest.raises(OptionError, match=words) as caught:
        write(tmp_path / "out.ndjson", image("img-0001"), data_rows=path)
    assert caught.value.where.path == str(path) and caught.value.fix
    with pytest.raises(OptionError, match=words):
        item_names(path)


def test_an_item_called_data_row(tmp_path):
    (tmp_path / "t.json").write_text('{"data_row": "ck1"}')
    assert data_rows(tmp_path / "t.json").find("data_row", "") == ("ck1", "")


def test_it_cannot_be_opened(tmp_path, monkeypatch):
    path = export(tmp_path, *ROWS)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")
        yield

    monkeypatch.setattr("maskconv.formats.labelbox_ndjson.datarows.values", refuse)
    with pytest.raises(OptionError, match=r"cannot be read \(Permission denied\); check its permissions"):
        data_rows(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=6), lambda v: st.lists(v, max_size=2)
)


@settings(max_examples=100)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": st.text(min_size=1, max_size=4)},
            optional=dict.fromkeys(("global_key", "external_id", "row_data"), JSON),
        ),
        max_size=4,
    ),
    st.text(max_size=6),
)
def test_any_keys_are_an_error_at_most(rows, name):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = export(Path(folder), *({"data_row": row} for row in rows))
        try:
            found = data_rows(path)
            assert len(item_names(path)) >= len({row["id"] for row in rows})
            assert found.find(name, "")[0] in {row["id"] for row in rows}
        except (OptionError, DataError):
            pass


@pytest.mark.parametrize("text", ["http://[", "https://", "s3:///", "?", "a" * 5000, "data:image/png;base64,AAAA"])
def test_odd_addresses(tmp_path, text):
    path = export(tmp_path, exported("ck1", "k.jpg", row_data=text))
    assert item_names(path)["id", "ck1"] == "k"
    assert data_rows(path).find("k", "") == ("ck1", "")


@pytest.mark.skipif(not (DATA / "labelbox-oracle").is_dir(), reason="no real data: set MASKCONV_REAL_DATA")
def test_real_exports():
    found = data_rows(DATA / "labelbox-v2-labelformat" / "export-result.ndjson")
    assert found.find("a-weird Filename.asdf", ".jpg") == ("vglwulbsc2mwew8zd5fgk1ua1", "")
    for name in ("v2_image", "v2_video", "v2_dicom"):
        names = item_names(DATA / "labelbox-oracle" / "exports" / f"{name}.ndjson")
        assert names and all(names.values())
    image_ = data_rows(DATA / "labelbox-oracle" / "exports" / "v2_image.ndjson")
    assert image_.find("2560px-Kitano_Street_Kobe01s5s4110", "")[0] == "clf9spzxq029m071nehy60a6v"


def test_memory_of_many_rows(tmp_path):
    """100,000 rows, a few hundred bytes each as they are needed for the names themselves."""
    import tracemalloc

    rows = (exported(f"ck{n:023d}", f"img-{n:06d}.jpg", row_data=f"{HTTP}img-{n:06d}.jpg") for n in range(20_000))
    path = export(tmp_path, *rows)
    tracemalloc.start()
    found = data_rows(path)
    now, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.find("img-000007", "")[0].endswith("7")
    assert now / 20_000 < 1200
