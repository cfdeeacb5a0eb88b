"""Nothing hostile gets through: each promise of docs/safety.md has a test here, which that page names."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import maskconv
from maskconv import cli, labelmap_make, pictures, png, registry
from maskconv.errors import DataError, MaskconvError, OptionError, PngError, SourceError, TargetError
from maskconv.finding import Report, Weight
from maskconv.formats.labelbox_ndjson.datarows import data_rows, item_names
from maskconv.formats.labelbox_ndjson.tables import schemas
from maskconv.formats.mask_data.table import load
from maskconv.model import AnnotatedImage, Annotation, Label, LabelMap, Mask, Picture
from maskconv.plugin import Target
from maskconv.stage import Stage
from maskconv.store import FolderStore, ZipStore
from tests import hostile

PAGE = Path(__file__).parents[1] / "docs" / "safety.md"
STREET = Path(__file__).parents[1] / "fixtures" / "cvat-mask" / "street.zip"


def outcome(path: Path, format_: str, **options: Any) -> set[str]:
    """The codes of what is found in a source, or of the error that ends its reading."""
    try:
        return {finding.code for finding in maskconv.validate(path, format=format_, **options)}
    except MaskconvError as error:
        assert str(error).strip() and "\n" not in str(error)
        return {error.code}


def block(width: int = 8, height: int = 6) -> Mask:
    pixels = np.zeros((height, width), bool)
    pixels[1:4, 1:4] = True
    return Mask.from_array(pixels)


def source(folder: Path, *names: str, label: str = "cat", **facts: Any) -> Path:
    """An .mcv of images with these names, an instance each."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / "picture.png"
    picture.write_bytes(png.encode_rgb(png.decode(hostile.png_file(8, 6, 8, 2, (b"\0" + bytes(24)) * 6)).map))
    with maskconv.open_writer(folder / "in.mcv", LabelMap(labels=(Label(name=label),)), overwrite=True) as writer:
        for name in names:
            known = {"width": 8, "height": 6, "picture": Picture(path=str(picture))} | facts
            writer.write(AnnotatedImage(name=name, annotations=(Annotation(label=label, shape=block()),), **known))
    return folder / "in.mcv"


WAYS = {
    "cvat-mask zip": ("cvat-mask", "out.zip", {}),
    "cvat-mask folder": ("cvat-mask", "out", {}),
    "labelbox-ndjson": ("labelbox-ndjson", "out.ndjson", {"masks": "files"}),
    "yolo-seg zip": ("yolo-seg", "out.zip", {"images": "copy"}),
    "yolo-seg folder": ("yolo-seg", "out", {"images": "copy"}),
    "mask-data zip": ("mask-data", "out.zip", {}),
    "mask-data folder": ("mask-data", "out", {}),
    "isolated zip": ("isolated", "out.zip", {}),
    "isolated folder": ("isolated", "out", {}),
    "mcv": ("mcv", "out.mcv", {}),
}
FILES = [way for way in WAYS if way != "mcv"]


def convert(path: Path, way: str, folder: Path, **facts: Any) -> tuple[Report, Path]:
    to, name, options = WAYS[way]
    folder.mkdir(parents=True, exist_ok=True)
    report = Report()
    maskconv.convert(path, folder / name, from_="mcv", to=to, write=options, report=report, **facts)
    return report, folder / name


def refused(path: Path, way: str, folder: Path) -> set[str]:
    """The codes of the errors that a conversion ends with; none where it does not."""
    report = Report()
    to, name, options = WAYS[way]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        maskconv.convert(path, folder / name, from_="mcv", to=to, write=options, report=report)
    except MaskconvError as error:
        assert str(error).strip()
        return {f.code for f in report.findings if f.weight is Weight.ERROR} or {error.code}
    return set()


def files_of(target: Path) -> set[str]:
    """The files of a target, wherever it is laid out."""
    if target.is_dir():
        return {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}
    return set(zipfile.ZipFile(target).namelist())


# -- the page ------------------------------------------------------------------------------------------------------------


def test_every_promise_names_a_test_and_every_test_a_promise():
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text()))
    tree = ast.parse(Path(__file__).read_text())
    here = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}
    assert named == here - {"test_every_promise_names_a_test_and_every_test_a_promise"}


# -- zips ----------------------------------------------------------------------------------------------------------------

ZIPPED = ("cvat-mask", "mask-data", "yolo-seg")


@pytest.mark.parametrize("format_", ZIPPED)
@pytest.mark.parametrize("name", ["../up.png", "/abs.png", "C:/drive.png", "a\\..\\up.png", "\\\\host\\share.png"])
def test_members_that_lead_out_of_a_zip(tmp_path, name, format_):
    (tmp_path / "x.zip").write_bytes(hostile.raw_zip(("SegmentationClass/a.png", b""), (name, b"")))
    assert outcome(tmp_path / "x.zip", format_) == {"zip-unsafe-name"}


def test_links_in_a_zip_are_their_text(tmp_path):
    """The mode says link, the content where to: what is there is not read."""
    secret = tmp_path / "secret.png"
    secret.write_bytes(hostile.composite())
    member = ("SegmentationClass/a.png", str(secret).encode())
    (tmp_path / "x.zip").write_bytes(hostile.raw_zip(member, mode=0o120777))
    assert "png-foreign" in outcome(tmp_path / "x.zip", "cvat-mask")


@pytest.mark.parametrize("name", ["set", "arrays"])
@pytest.mark.parametrize("pattern", ["*", "**/*.*"], ids=["folders", "files"])
def test_links_in_a_folder_are_followed(tmp_path, name, pattern):
    """A CVAT set and arrays whose files or folders are kept elsewhere are read as if they were here."""
    with zipfile.ZipFile(STREET) as archive:
        archive.extractall(tmp_path / "set")
    maskconv.convert(tmp_path / "set", tmp_path / "arrays", to="mask-data", on_error="skip")
    for path in (tmp_path / name).glob(pattern):
        place = tmp_path / "linked" / path.relative_to(tmp_path / name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path)
    expected, found = maskconv.info(tmp_path / name), maskconv.info(tmp_path / "linked")
    assert expected["instances"]
    facts = ("format", "images", "instances", "labels", "sizes", "codes")
    assert [found[fact] for fact in facts] == [expected[fact] for fact in facts]


def test_a_link_to_nothing_is_an_error(tmp_path):
    """As git-annex leaves them where the data has not been fetched."""
    with zipfile.ZipFile(STREET) as archive:
        archive.extractall(tmp_path / "set")
    mask = min((tmp_path / "set/SegmentationClass").rglob("*.png"))
    mask.unlink()
    mask.symlink_to("../.git/annex/objects/x.png")
    wrong = [f for f in maskconv.validate(tmp_path / "set") if f.weight is Weight.ERROR]
    assert {f.code for f in wrong} == {"member-unreadable"}
    assert "is a link to ../.git/annex/objects/x.png, which is not there" in str(wrong[0].message)
    assert str(mask) == str(wrong[0].where)


@pytest.mark.parametrize("format_", ZIPPED)
def test_members_that_occur_twice_or_are_encrypted(tmp_path, format_):
    path = tmp_path / "x.zip"
    path.write_bytes(hostile.raw_zip(("a.png", b"1"), ("a.png", b"2")))
    assert outcome(path, format_) == {"zip-duplicate"}
    path.write_bytes(hostile.raw_zip(("a.png", b"1"), flags=1))
    assert outcome(path, format_) == {"zip-encrypted"}


@pytest.mark.parametrize("format_", ZIPPED)
def test_members_that_share_bytes(tmp_path, format_):
    """One local file under two names, and a member that swallows the next one: what bombs without nesting are made of."""
    one, other = ("a.png", b"x" * 50), ("b.png", b"x" * 50)
    path = tmp_path / "x.zip"
    path.write_bytes(hostile.raw_zip(one, other, offset=0))
    assert outcome(path, format_) == {"zip-overlap"}
    path.write_bytes(hostile.raw_zip(other, one))
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 20] += 1  # the first one's packed size
    path.write_bytes(data)
    assert outcome(path, format_) == set(outcome(path, format_)) - {"zip-overlap"}, (
        "a byte more is in the header's room"
    )
    data[data.index(b"PK\1\2") + 20] += 10
    path.write_bytes(data)
    assert outcome(path, format_) == {"zip-overlap"}


def test_of_joined_zips_the_last_one_counts(tmp_path):
    path = tmp_path / "x.zip"
    path.write_bytes(hostile.zip_bytes({"first": b"1"}) + hostile.zip_bytes({"last": b"2"}))
    store = ZipStore(path)
    store.open()
    assert {entry.name: store.read(entry) for entry in store.entries()} == {"last": b"2"}
    store.close()


def test_a_zip_bomb_stops_at_what_it_declares_and_at_the_limit(tmp_path, monkeypatch):
    path = tmp_path / "x.zip"
    path.write_bytes(hostile.zip_bytes({"labels/a.txt": bytes(30_000_000), "labelmap.txt": b""}))
    store = ZipStore(path)
    store.open()
    (_, bomb) = store.entries()
    tracemalloc.start()
    with pytest.raises(DataError, match="does not inflate to the size it declares"):
        store.read(bomb._replace(size=1000))
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    monkeypatch.setenv("MASKCONV_MAX_MEMBER", "29999999")
    with pytest.raises(DataError, match=r"30,000,000 bytes.*29,999,999.*raise MASKCONV_MAX_MEMBER") as caught:
        store.read(bomb)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert caught.value.code == "member-too-big"
    monkeypatch.setenv("MASKCONV_MAX_MEMBER", "30000000")
    assert len(store.read(bomb)) == 30_000_000
    store.close()


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, 99])
def test_damaged_members_do_not_stop_the_recognition(tmp_path, method):
    """The sniffers look into some members; what comes of that is no recognition, not an exception of zipfile."""
    names = ("labels/a.txt", "index.jsonl", "annotations.xml", "data.yaml")
    for name in names:
        path = tmp_path / "x.zip"
        path.write_bytes(hostile.raw_zip(("a.png", b""), (name, b"\xff" * 60), method=method))
        assert registry.candidates(path) == []
        with pytest.raises(MaskconvError):
            maskconv.validate(path, against=path)
        with pytest.raises(DataError):
            pictures.read(Picture(path=str(path), member=name))
        with pytest.raises(DataError):
            pictures.size_of(Picture(path=str(path), member=name))


# -- pictures and arrays -------------------------------------------------------------------------------------------------


def test_a_header_of_any_size_allocates_nothing(monkeypatch):
    """2^31 x 2^31 pixels, as many as a PNG can say, and what a few bytes cannot hold."""
    png.decode(hostile.composite())  # imports what it needs
    for width, height in ((2**31, 2**31), (2**31 - 1, 2**31 - 1), (2**32 - 1, 1), (2**15, 2**15), (2**14, 2**14)):
        for kind in (0, 2, 6):
            data = hostile.png_file(width, height, 8, kind, b"abc")
            tracemalloc.start()
            with pytest.raises(PngError):
                png.decode(data)
            assert tracemalloc.get_traced_memory()[1] < 200_000
            tracemalloc.stop()
    monkeypatch.setenv("MASKCONV_MAX_PIXELS", "11")
    sound = hostile.png_file(4, 3, 8, 0, (b"\0" + bytes(4)) * 3)
    with pytest.raises(
        PngError, match=r"4 x 3 pixels are more than the limit of 11; raise MASKCONV_MAX_PIXELS"
    ) as caught:
        png.decode(sound)
    assert caught.value.code == "png-size"
    monkeypatch.setenv("MASKCONV_MAX_PIXELS", "12")
    assert png.decode(sound).map.width == 4


def test_png_bombs_are_not_inflated():
    """Pixels beyond the header's size, text and profiles that nobody needs, an index beyond the palette."""
    bomb = zlib.compress(bytes(20_000_000), 9)
    row = b"\0" + bytes(4)
    texts = (
        hostile.chunk(b"zTXt", b"a\0\0" + bomb),
        hostile.chunk(b"iCCP", b"a\0\0" + bomb),
        hostile.chunk(b"iTXt", bomb),
    )
    tracemalloc.start()
    with pytest.raises(PngError):
        png.decode(hostile.png_file(4, 1, 8, 0, bytes(20_000_000)))
    inflated = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    assert png.decode(hostile.png_file(4, 1, 8, 0, row, *texts)).map.width == 4
    assert tracemalloc.get_traced_memory()[1] < 1_000_000 < inflated  # the input was made here as well
    tracemalloc.stop()
    with pytest.raises(PngError, match="palette index 3, but its palette has 2 colours"):
        png.decode(hostile.png_file(4, 1, 8, 3, b"\0\0\1\2\3", hostile.chunk(b"PLTE", bytes(6))))


@pytest.mark.parametrize("way", WAYS)
def test_a_claimed_image_size_is_not_painted(tmp_path, way, monkeypatch):
    """A hundred bytes can claim an image of two thousand million pixels."""
    line = {"name": "a", "width": 46340, "height": 46340, "annotations": [{"label": "cat", "shape": {}}]}
    line["annotations"][0]["shape"] = {"size": [46340, 46340], "runs": [0, 46340]}
    path = tmp_path / "in.mcv"
    path.write_text('{"maskconv": 1, "labels": [{"name": "cat"}]}\n' + json.dumps(line) + "\n")
    tracemalloc.start()
    assert refused(path, way, tmp_path / "out") == {"image-too-large"}
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()


def test_pictures_are_opened_as_pictures_only(tmp_path):
    """No device or pipe, and no kind of picture for which Pillow runs a program of the system."""
    os.mkfifo(tmp_path / "pipe.png")
    for place in ("/dev/zero", "/dev/stdin", str(tmp_path / "pipe.png"), str(tmp_path)):
        for look in (pictures.read, pictures.size_of, pictures.pixels):
            with pytest.raises(DataError, match=r"it is no file|cannot be read"):
                look(Picture(path=place))
    script = tmp_path / "a.jpg"
    script.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) run\n%%EOF\n")
    for look in (pictures.size_of, pictures.pixels):
        with pytest.raises(DataError, match="pictures of the kind EPS are not read"):
            look(Picture(path=str(script)))


class _Trap:
    def __reduce__(self) -> Any:
        return open, ("pickle-was-run", "w")


def test_no_pickle_is_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = io.BytesIO()
    np.save(file, np.array([[_Trap()]], dtype=object), allow_pickle=True)
    hostile.write(tmp_path, {"a.npy": file.getvalue(), "b.npz": hostile.zip_bytes({"m.npy": file.getvalue()})})
    for name in ("a.npy", "b.npz"):
        assert outcome(tmp_path / name, "mask-data", label="car") == {"mask-data-array"}
    assert not Path("pickle-was-run").exists()


@pytest.mark.parametrize(
    "data",
    [
        hostile.npy("('f4',)", "(1,)"),
        hostile.npy("-" * 3000 + "1", "(1,)"),
        hostile.npy("(" * 900 + ")" * 900, "(1,)"),
        hostile.npy("'|u1'", "(-1, 2)", b"ab"),
        hostile.npy("'|u1'", f"({10**30}, {10**30})", b"ab"),
        hostile.npy("'|u1'", "(1 << 40,)", b"ab"),
        hostile.npy("'|b1'", "(70000, 1, 1)", bytes(70000)),
        hostile.npy("'<f8'", "(1, 1)", struct.pack("<d", float("nan"))),
        hostile.npy("'<f8'", "(1, 1)", struct.pack("<d", float("inf"))),
        hostile.npy("'<i8'", "(1, 1)", struct.pack("<q", -(2**63))),
        hostile.npy("'<u8'", "(1, 1)", struct.pack("<Q", 2**64 - 1)),
    ],
)
def test_array_headers_that_lie(tmp_path, data):
    hostile.write(tmp_path, {"a.npy": data})
    assert "mask-data-array" in outcome(tmp_path / "a.npy", "mask-data", label="car")


# -- limits --------------------------------------------------------------------------------------------------------------


def test_limits_are_set_by_the_environment_and_named_in_the_error(tmp_path, monkeypatch):
    (tmp_path / "in.mcv").write_text(hostile.NATIVE[0])
    (tmp_path / "in.ndjson").write_text(hostile.NDJSON[0])
    monkeypatch.setenv("MASKCONV_MAX_RECORD", "60")
    for path in (tmp_path / "in.mcv", tmp_path / "in.ndjson"):
        found = ""
        try:
            found = "".join(map(str, maskconv.validate(path)))
        except SourceError as error:
            found = str(error)
        assert "more than 60 bytes; raise MASKCONV_MAX_RECORD" in found
    for wrong in ("many", "-1", "0", "1e9", "9" * 30):
        monkeypatch.setenv("MASKCONV_MAX_RECORD", wrong)
        with pytest.raises(
            OptionError, match=f"MASKCONV_MAX_RECORD is '{re.escape(wrong)}', not a whole number above 0"
        ):
            maskconv.validate(tmp_path / "in.mcv")


# -- JSON ----------------------------------------------------------------------------------------------------------------

WRONG = [  # raw JSON, put in the place of each value in turn
    *("NaN", "Infinity", "-Infinity", "1e999", "18446744073709551616", "-9223372036854775809", "9" * 5000, "1e-999"),
    *(
        '"\\ud800"',
        '"\xff"',
        '"\\u0000"',
        '"\\u001b[2J"',
        "null",
        "true",
        "-1",
        "0.5",
        "[]",
        "{}",
        '""',
        '"' + "x" * 9000 + '"',
    ),
    *("[" * 3000 + "]" * 3000, '{"a":' * 3000 + "1" + "}" * 3000, "[[1, 2], [3]]", '{"x": null}'),
]
JSON_READERS = {"labelbox-ndjson": hostile.NDJSON, "labelbox-export": hostile.EXPORTS, "mcv": hostile.NATIVE}


def spoiled(text: str) -> list[bytes]:
    """The text with each wrong value in the place of each of its values (a list or object as well as a number)."""
    found = []
    for match in re.finditer(r'(?<=[:,\[] )(?:"(?:[^"\\]|\\.)*"|[-\d.]+|true|null|\[[^\[\]]*\]|\{[^{}]*\})', text):
        found += [(text[: match.start()] + wrong + text[match.end() :]).encode("latin-1") for wrong in WRONG]
    return found


@pytest.mark.parametrize("format_", JSON_READERS)
def test_json_of_any_value_ends_in_findings(tmp_path, format_):
    """Nested, huge, NaN, integers past 2^63, no UTF-8, half characters, in every place: only own errors come out."""
    texts = [one for text in JSON_READERS[format_] for one in spoiled(text)]
    assert len(texts) > 200
    path = tmp_path / "in.json"
    for number, data in enumerate(texts):
        if number % 3 == 0 or len(data) > 5000:  # a third of all, and the long ones
            path.write_bytes(data)
            outcome(path, format_)


@pytest.mark.parametrize("format_", JSON_READERS)
def test_json_with_a_byte_order_mark_and_damage(tmp_path, format_):
    path = tmp_path / "in.json"
    text = JSON_READERS[format_][0].encode()
    path.write_bytes(text)
    sound = outcome(path, format_)
    for data in (
        b"\xef\xbb\xbf" + text,
        b"\xff\xfe" + text,
        text[:-40],
        text + b"\0",
        b"\0" + text,
        b"[" * 100_000,
        b"{" * 100_000,
    ):
        path.write_bytes(data)
        found = outcome(path, format_)
        assert data[:3] == b"\xef\xbb\xbf" or found - sound, data[:20]


def test_no_number_that_is_none_becomes_a_coordinate(tmp_path):
    """NaN, infinity and what overflows are told, and the record is left out."""
    for wrong in ("NaN", "Infinity", "1e999", "1" + "0" * 400, '"5"', "null", "true"):
        path = tmp_path / "in.ndjson"
        path.write_text(
            json.dumps(hostile.record(bbox={"top": 0, "left": 0, "height": 7, "width": 4})).replace("7", wrong)
        )
        found = [f for f in maskconv.validate(path) if f.weight is Weight.ERROR]
        assert [f.code for f in found] in (["labelbox-json"], ["labelbox-bbox"]), wrong
        assert found[0].where.line == 1


@pytest.mark.parametrize("wrong", [*WRONG, "[" * 100_000, "\xff", "", '{"tools": [{"name": "a"}]}', "[1]", '{"a": 1}'])
def test_tables_of_options_end_in_one_sentence(tmp_path, wrong):
    for number, text in enumerate([wrong, f'{{"car": {wrong}}}', f'{{"labels": [{{"name": "a", "parts": {wrong}}}]}}']):
        path = tmp_path / f"{number}.json"
        path.write_bytes(text.encode("latin-1"))
        for read in (
            schemas,
            data_rows,
            item_names,
            lambda p: load(p, p.read_bytes(), registry.Where(path=str(p)), print),
        ):
            try:
                read(path)
            except MaskconvError as error:
                assert str(error).strip() and "\n" not in str(error)


def test_facts_of_a_table_are_checked(tmp_path):
    array = hostile.npy("'|u1'", "(1, 2)", b"\1\1")
    for facts in (
        {"box": {"x": 1}},
        {"box": {"q": 1}},
        {"score": "x"},
        {"attributes": [1]},
        {"id": [1]},
        {"group": 1e30},
    ):
        table = json.dumps({"1": {"label": "a", **facts}})
        assert outcome(hostile.write(tmp_path, {"a.npy": array, "colors.json": table}), "mask-data") == {
            "mask-data-facts"
        }


# -- YAML, XML -----------------------------------------------------------------------------------------------------------


def test_yaml_is_text_and_nothing_of_it_is_run(tmp_path, monkeypatch):
    """Tags build nothing, ``download`` is not followed, aliases are not unfolded."""
    monkeypatch.chdir(tmp_path)
    run = "!!python/object/apply:os.system ['touch yaml-was-run']"
    data = f'train: .\nval: .\nnames: [car]\nextra: {run}\ndownload: |\n  open("yaml-was-run", "w")\n'
    found = outcome(hostile.write(tmp_path, {"data.yaml": data}) / "data.yaml", "yolo-seg")
    assert "yolo-download" in found and not Path("yaml-was-run").exists()
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 20)}]\n" for n in range(1, 30))
    for text in (bomb + "names: *a29\n", bomb + "train: *a29\nnames: [a]\n", "names: &a [*a]\n", "names: &a {0: *a}\n"):
        (tmp_path / "data.yaml").write_text(text)
        assert outcome(tmp_path / "data.yaml", "yolo-seg") & {"yolo-yaml", "yolo-names"}, text[-30:]
    for text in ("names: " + "[" * 50_000, "names: " + "{a: " * 50_000, "- " * 50_000):
        (tmp_path / "data.yaml").write_text(text)
        assert outcome(tmp_path / "data.yaml", "yolo-seg") == {"yolo-yaml"}


def test_xml_has_no_entities_and_no_depth(tmp_path):
    """An export to compare with (--against): nothing is expanded or fetched, and few bytes do not become many frames."""
    entity = '<!DOCTYPE annotations [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><annotations>&b;</annotations>'
    file = f'<!DOCTYPE annotations [<!ENTITY a SYSTEM "file://{PAGE}">]><annotations>&a;</annotations>'
    deep = "<annotations>" + "<a>" * 200_000 + "</a>" * 200_000 + "</annotations>"
    for text in (
        entity,
        file,
        deep,
        "<annotations>",
        "<annotations><meta><task><size>x</size></task></meta></annotations>",
    ):
        path = tmp_path / "a.xml"
        path.write_text(text)
        with pytest.raises(SourceError) as caught:
            maskconv.against.expected(path)
        assert caught.value.code == "cvat-xml"
    path.write_text("<annotations><meta><task><size>99999999999999</size></task></meta></annotations>")
    assert maskconv.against.expected(path).items is None


# -- names ---------------------------------------------------------------------------------------------------------------

DEVICES = [
    "con",
    "NUL",
    "aux.x",
    "com1",
    "dir/lpt9.b",
    "dir./x",
    "at 12:30",
    "back\\slash",
    "star*",
    "what?",
    "\x1b[2J",
    "CON .x",
]
ODD = ["n//b", "n/./b", ".", "ends/", "x" * 256, "d" * 256 + "/a", "/".join(["p" * 200] * 30), "é" * 140]


@pytest.mark.parametrize("way", FILES)
@pytest.mark.parametrize("name", ODD)
def test_names_that_no_file_can_have(tmp_path, way, name):
    """They are an error that names the item, or written under another name that is told; no item is lost."""
    path = source(tmp_path / "in", name)
    codes = refused(path, way, tmp_path / "out")
    if codes:
        assert codes <= {"name-unsafe", "name-too-long", "cvat-name", "labelbox-key-long"}
        assert list((tmp_path / "out").iterdir()) == []
        return
    report, target = convert(path, way, tmp_path / "again")
    assert report.images_written == report.instances_written == 1
    if way.startswith("isolated"):
        assert "isolated-item-name" in {f.code for f in report.findings}
    for file in files_of(target.with_name("out_masks") if way == "labelbox-ndjson" else target):
        assert all(0 < len(part.encode()) <= 255 and part != "." for part in file.split("/"))
        assert len(file.encode()) <= 4096 and not file.endswith(("/.png", "/.json"))


@pytest.mark.parametrize("way", FILES)
def test_names_that_windows_does_not_take_are_told(tmp_path, way):
    """They are written as they are, for they say which picture is meant; the index of isolated objects holds them."""
    for number, name in enumerate(DEVICES):
        report, _ = convert(source(tmp_path / "in", name), way, tmp_path / str(number))
        assert report.images_written == report.instances_written == 1
        told = {f.code for f in report.findings if name in f.message or repr(name) in f.message or f.where.image}
        assert told & {"name-windows", "isolated-item-name"}, name
    report, _ = convert(source(tmp_path / "in", "console", "a.b c", "ü"), way, tmp_path / "fine")
    assert not {"name-windows", "isolated-item-name"} & {f.code for f in report.findings}


@pytest.mark.parametrize("way", FILES)
@pytest.mark.parametrize(
    ("one", "other"), [("A", "a"), ("dir/X", "DIR/x"), ("\u00e9", "e\u0301"), ("stra\u00dfe", "STRASSE")]
)
def test_names_that_are_one_file_elsewhere(tmp_path, way, one, other):
    """File systems ignore case, or compose accents: the second one is an error, or has another name; never lost."""
    path = source(tmp_path / "in", one, other)
    codes = refused(path, way, tmp_path / "out")
    assert codes in ({"name-collision"}, set())
    report, target = convert(path, way, tmp_path / "skip", on_error="skip")
    left_out = sum(f.code == "name-collision" for f in report.findings)
    assert report.images_written + left_out == 2
    if way != "labelbox-ndjson":
        files = [name.casefold() for name in files_of(target)]
        assert len(set(files)) == len(files)


@pytest.mark.parametrize("way", ["cvat-mask folder", "cvat-mask zip", "labelbox-ndjson", "mask-data folder"])
def test_a_name_that_is_a_file_and_a_folder(tmp_path, way):
    path = source(tmp_path / "in", "a", "a.png/b")
    assert refused(path, way, tmp_path / "out") == {"name-collision"}
    report, _ = convert(path, way, tmp_path / "skip", on_error="skip")
    assert report.images_written == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "label", ["a:b", "new\nline", "sl/ash", "..", "\x1b[2J", "con", "x" * 300, "#", " ", "'\"", "!!x"]
)
def test_any_label_is_kept_or_refused(tmp_path, way, label):
    path = source(tmp_path / "in", "a", label=label)
    codes = refused(path, way, tmp_path / "out")
    if codes:
        assert codes <= {"labelmap-unwritable", "labelbox-name-long"}
        return
    to, name, _ = WAYS[way]
    if registry.by_name(to).reader is not None:
        with maskconv.open_reader(tmp_path / "out" / name, format=to) as images:
            assert [a.label for image in images for a in image.annotations] == [label]
    else:
        assert all(".." not in file.split("/") for file in files_of(tmp_path / "out" / name))


# -- what a person sees --------------------------------------------------------------------------------------------------

STEERING = "\x1b]0;gotcha\x07\x9b2J\u202egnp\x7f\r"


@pytest.mark.parametrize("flags", [[], ["--json"], ["--debug"]])
def test_nothing_steers_the_terminal(tmp_path, capfd, monkeypatch, flags):
    """Names and labels with control characters, in results, findings, errors and JSON."""
    monkeypatch.chdir(tmp_path)
    name = f"item{STEERING}"
    source(tmp_path, name, name + "/b", label=f"label{STEERING}").rename(tmp_path / f"in{STEERING}.mcv")
    given = f"in{STEERING}.mcv"
    (tmp_path / "labelmap.txt").write_text(f"a{STEERING}:1,2\nb{STEERING}:0,0,0::\n", newline="")
    (tmp_path / "x.zip").write_bytes(hostile.raw_zip((f"../{STEERING}", b"")))
    (tmp_path / "y.ndjson").write_text(json.dumps(hostile.record(0, STEERING, bbox={STEERING: 1}, name=STEERING)))
    runs = [
        *(
            ["validate", given],
            ["validate", "labelmap.txt"],
            ["validate", "x.zip"],
            ["validate", "y.ndjson"],
            ["info", given],
        ),
        *(
            ["convert", given, "out.zip"],
            ["convert", given, f"out{STEERING}.ndjson"],
            ["convert", f"none{STEERING}", "o.zip"],
        ),
        *(
            ["convert", given, "o.mcv", "--only", STEERING],
            ["convert", given, "o.mcv", f"--to-{STEERING}", "1"],
            ["x" + STEERING],
        ),
    ]
    seen = ""
    for run in runs:
        with pytest.raises(SystemExit):
            cli.main([*run, *(flags if run[0] in ("validate", "info", "convert") else [])])
        out, err = capfd.readouterr()
        seen += out + err
        assert not set(out + err) & set("\x1b\x07\x9b\u202e\x7f\r"), run
    assert "gotcha" in seen


# -- the target, and what is beside it -----------------------------------------------------------------------------------


def test_a_stage_that_is_a_link_is_not_cleared(tmp_path):
    """An archive may bring ``.out.mcv.partial``, a link to a folder: what it leads to stays as it is."""
    victim = hostile.write(tmp_path / "victim", {"precious": "mine", "sub/more": "mine too"})
    (tmp_path / "work").mkdir()
    path = source(tmp_path / "in", "a")
    (tmp_path / "work" / ".out.mcv.partial").symlink_to(victim)
    for resume in (False, True):
        with pytest.raises(TargetError, match="is a link") as caught:
            maskconv.convert(path, tmp_path / "work" / "out.mcv", resume=resume)
        assert caught.value.code == "stage-foreign"
    assert files_of(victim) == {"precious", "sub/more"} and (victim / "precious").read_text() == "mine"


def _foreign_stages(folder, outside):
    """What an archive may bring where a stage would be built, by what it is."""
    stage = folder / ".out.mcv.partial"
    yield "a pipe", lambda: os.mkfifo(stage)
    yield "a file", lambda: stage.write_bytes(b"")
    for name, text in (("lock", None), ("lock", b"x"), ("journal", b"x"), ("main", b"x"), ("commit.json", b"[]")):
        if text is not None:
            outside.write_bytes(text)
        yield f"{name} is a link", lambda name=name: (stage.mkdir(), (stage / name).symlink_to(outside))
    yield "lock is a pipe", lambda: (stage.mkdir(), os.mkfifo(stage / "lock"))
    yield "lock is a folder", lambda: (stage / "lock").mkdir(parents=True)


@pytest.mark.parametrize("resume", [False, True])
def test_a_stage_with_links_or_without_a_lock(tmp_path, resume):
    """What links lead to is neither made nor written to, and no run waits for a lock that cannot be."""
    (tmp_path / "work").mkdir()
    path, outside = source(tmp_path / "in", "a"), tmp_path / "outside"
    for kind, make in _foreign_stages(tmp_path / "work", outside):
        before = outside.read_bytes() if outside.exists() else None
        make()
        with pytest.raises(TargetError) as caught:
            maskconv.convert(path, tmp_path / "work" / "out.mcv", resume=resume)
        assert caught.value.code == "stage-foreign" and caught.value.fix == "remove it", kind
        assert (outside.read_bytes() if outside.exists() else None) == before, kind
        shutil.rmtree(stage) if (stage := tmp_path / "work/.out.mcv.partial").is_dir() else stage.unlink()


def test_what_a_journal_does_not_tell_of_is_not_gone_on_with(tmp_path):
    """A stage with an empty journal, and links further down: they go with the rest."""
    path, outside = source(tmp_path / "in", "a/b"), tmp_path / "outside"
    outside.mkdir()
    hostile.write(tmp_path / ".out.partial", {"journal": "", "main/other": "1"})
    (tmp_path / ".out.partial/main/masks").symlink_to(outside)
    maskconv.convert(path, tmp_path / "out", to="mask-data", resume=True)
    assert list(outside.iterdir()) == []
    assert files_of(tmp_path / "out") == {"colors.json", "masks/a/b.png", "masks/a/b.json"}


def test_what_overwrite_does_not_replace(tmp_path):
    """A pipe, a socket, links; neither a data set nor a label map takes their place."""
    path, told = source(tmp_path / "in", "a"), tmp_path / "labelmap.txt"
    told.write_text("car:1,2,3::\n")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "link").symlink_to("precious")
    (tmp_path / "nowhere").symlink_to("nothing")
    before = {entry: entry.lstat().st_mode for entry in tmp_path.iterdir()}
    for name, code in (("pipe", "foreign"), ("socket", "foreign"), ("link", "link"), ("nowhere", "link")):
        for run in (
            lambda place: maskconv.convert(path, place, to="mcv", overwrite=True),
            lambda place: maskconv.convert(path, place, to="mask-data", overwrite=True),
            lambda place: labelmap_make.put(place, "", overwrite=True),
        ):
            with pytest.raises(TargetError) as caught:
                run(tmp_path / name)
            assert caught.value.code == f"target-{code}" and caught.value.fix
    with pytest.raises(TargetError, match="neither a file nor a folder"):
        maskconv.convert(path, tmp_path / "pipe", to="mcv")
    assert {entry: entry.lstat().st_mode for entry in tmp_path.iterdir()} == before
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize("format_", ["cvat-mask", "mask-data", "yolo-seg"])
@pytest.mark.parametrize(
    "inner", ["out", "out.zip", "SegmentationClass/out", "masks/out", "images/train/out", "labels/train/out"]
)
def test_a_target_inside_the_source(tmp_path, format_, inner):
    """The same comes out as elsewhere, and the source's own files stay as they are."""
    path = source(tmp_path / "in", *(f"{n}/{n}" for n in range(5)))
    data = tmp_path / "data"
    maskconv.convert(path, data, to=format_, write={"images": "copy"} if format_ == "yolo-seg" else {})
    before = {name: (data / name).read_bytes() for name in files_of(data)}
    if not (data / inner).parent.is_dir():
        pytest.skip(f"{format_} has no such folder")
    maskconv.convert(data, tmp_path / Path(inner).name, to="mask-data")
    maskconv.convert(data, data / inner, to="mask-data")
    assert {name: (data / name).read_bytes() for name in before} == before
    if inner.endswith(".zip"):
        assert (data / inner).read_bytes() == (tmp_path / "out.zip").read_bytes()
    else:
        assert files_of(data / inner) == files_of(tmp_path / "out")


@pytest.mark.parametrize("format_", ["cvat-mask", "mask-data", "yolo-seg"])
def test_a_source_inside_the_target(tmp_path, format_):
    """A target that holds the source, or is it, is not replaced; nor is it by the folder of masks beside a file."""
    target = tmp_path / "out"
    path = source(tmp_path / "in", "a")
    options = {"images": "copy"} if format_ == "yolo-seg" else {}
    maskconv.convert(path, target, to=format_, write=options)
    inside = target / "in.mcv"
    inside.write_bytes(path.read_bytes())
    before = {name: (target / name).read_bytes() for name in files_of(target)}
    for given in (inside, target):
        with pytest.raises(TargetError, match=r"holds the source|is the source"):
            maskconv.convert(given, target, to=format_, write=options, overwrite=True)
    assert {name: (target / name).read_bytes() for name in files_of(target)} == before


def test_a_folder_of_masks_does_not_replace_the_source(tmp_path):
    data = hostile.write(tmp_path / "data", {"a.png": hostile.composite()})
    table = hostile.write(tmp_path, {"colors.json": '{"#ff0000": "car", "#00ff00": "dog"}'}) / "colors.json"
    for folder in ("data", ".", "data/../data"):
        with pytest.raises(TargetError, match="the folder for the masks holds"):
            maskconv.convert(
                data, tmp_path / "out.ndjson", from_="mask-data", read={"colors": table}, overwrite=True,
                write={"masks": "files", "mask_dir": folder},
            )  # fmt: skip
    assert files_of(data) == {"a.png"}
    stage = Stage(Target(tmp_path / "o.ndjson", "file"), overwrite=True, sources=[data])
    for beside in (data, tmp_path):
        with pytest.raises(TargetError, match="the folder for the masks holds"):
            stage.sidecar(beside)
    stage.abort()


def test_folders_of_any_depth(tmp_path):
    deep = tmp_path.joinpath(*["d"] * 300)
    deep.mkdir(parents=True)
    with pytest.raises(SourceError, match="deeper than 64 folders"):
        list(FolderStore(tmp_path).entries())
    for look in (maskconv.validate, maskconv.info):
        with pytest.raises(SourceError, match="deeper than 64 folders"):
            look(tmp_path)
    with pytest.raises(SourceError, match="deeper than 64 folders"):
        pictures.PictureFolder(tmp_path)


# -- addresses -----------------------------------------------------------------------------------------------------------

ADDRESSES = [
    *(
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:1/a.png",
        "https://localhost/a.png",
        "http://[::1]/a.png",
    ),
    *(
        "file:///etc/hosts",
        "/etc/hosts",
        "../secret.png",
        "s3://bucket/a.png",
        "gopher://x/a.png",
        "\\\\host\\share\\a.png",
    ),
    *("file://" + "/.." * 30 + "/etc/hosts", "%2e%2e/secret.png", "a/../../secret.png", "data:image/png;base64,AAAA"),
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_of_a_record_is_followed_unasked(tmp_path, monkeypatch, address):
    """Without --fetch there is not even a socket; files are read below the source's folder only."""
    (tmp_path / "secret.png").write_bytes(hostile.composite())
    inside = tmp_path / "in"
    mask = {"instanceURI": address, "colorRGB": [255, 0, 0]}
    v2 = json.loads(hostile.EXPORTS[0])
    v2["projects"]["p1"]["labels"][0]["annotations"]["objects"][2]["composite_mask"]["url"] = address
    v2["data_row"]["row_data"] = address
    hostile.write(inside, {"in.ndjson": json.dumps(hostile.record(mask=mask)), "v2.ndjson": json.dumps(v2)})

    def no(*_: Any, **__: Any) -> Any:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket, "socket", no)
    monkeypatch.setattr(socket, "getaddrinfo", no)
    for name, kind in (("in.ndjson", "labelbox-ndjson"), ("v2.ndjson", "labelbox-export")):
        codes = outcome(inside / name, kind)
        assert codes & {"mask-remote", "mask-uri", "mask-missing", "labelbox-masks-unchecked"}, codes
        report = Report()
        with pytest.raises(MaskconvError):
            maskconv.convert(inside / name, tmp_path / "out.mcv", from_=kind, report=report)


@pytest.mark.parametrize("address", ADDRESSES[:4])
def test_fetching_asks_no_machine_inside(tmp_path, address):
    mask = {"instanceURI": address, "colorRGB": [255, 0, 0]}
    (tmp_path / "in.ndjson").write_text(json.dumps(hostile.record(mask=mask)))
    report = Report()
    with pytest.raises(MaskconvError):
        maskconv.convert(tmp_path / "in.ndjson", tmp_path / "out.mcv", fetch=True, report=report)
    assert [f.code for f in report.findings if f.weight is Weight.ERROR] == ["mask-host"]


def test_an_address_of_many_folders_is_looked_for_in_few(tmp_path):
    mask = {"instanceURI": "https://example.com/" + "a/" * 4000 + "b.png", "colorRGB": [255, 0, 0]}
    (tmp_path / "in.ndjson").write_text(
        "\n".join(json.dumps(hostile.record(n, f"{n}.jpg", mask=mask)) for n in range(9))
    )
    (tmp_path / "masks").mkdir()
    begin = time.process_time()
    assert "mask-missing" in outcome(tmp_path / "in.ndjson", "labelbox-ndjson", mask_dir=tmp_path / "masks")
    assert time.process_time() - begin < 5, "a minute, before there was a limit"


def test_recognition_of_rows_does_not_backtrack(tmp_path):
    """2^600 ways to read the same numbers, of which none fits; the pattern must have one."""
    hostile.write(tmp_path, {"labels/a.txt": "0 " + "11 " * 600 + "x\n"})
    assert registry.candidates(tmp_path) == []
    hostile.write(tmp_path, {"labels/a.txt": "0 .5 5. 1e-3 -0.25 11 1\n"})
    assert [fmt.name for fmt in registry.candidates(tmp_path)] == ["yolo-seg"]


# -- other people's code -------------------------------------------------------------------------------------------------

SESSION = """
import sys
from pathlib import Path
from maskconv.errors import MaskconvError
from maskconv.formats.yolo_model.onnx_engine import OnnxEngine
try:
    OnnxEngine(Path(sys.argv[1]), None, 1)
except MaskconvError:
    pass
"""


def test_onnxruntime_sends_nothing_and_leaves_nothing(tmp_path):
    pytest.importorskip("onnxruntime")
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "x.onnx").write_bytes(b"")
    keep = {
        name: value
        for name, value in os.environ.items()
        if name not in ("CI", "ORT_DISABLE_TELEMETRY", "GITHUB_ACTIONS")
    }
    environment = keep | {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    command = [sys.executable, "-c", SESSION, str(tmp_path / "x.onnx")]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=Path(__file__).parents[1], check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(home.rglob("*")) == []
