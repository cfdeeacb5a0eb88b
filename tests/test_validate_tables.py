"""Checked before upload: one row for each thing that CVAT, Labelbox or the YOLO trainer refuses or silently changes.

A row names the input, and what `validate` says of it: code, weight, words of the sentence, where, the fix, and how much.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import test_labelbox_read as labelbox
import test_yolo_seg_read as yolo
from PIL import Image
from places import FIXTURES, REAL_DATA, real_data
from test_cvat_mask import (
    CLASS,
    CLASSES,
    COLORS,
    DEFAULT,
    LABELMAP,
    OBJECT,
    OBJECTS,
    PLAIN,
    VOC,
    build,
    palette,
    png,
    voc,
)

import maskconv
from maskconv import labelmap
from maskconv.against import expected
from maskconv.errors import ConversionError, FormatError, MissingDependencyError, SourceError
from maskconv.finding import Finding, Report, Weight
from maskconv.labelmap_make import names_of
from maskconv.store import open_store

E, D, W, I = Weight.ERROR, Weight.DATA, Weight.WARNING, Weight.INFO  # noqa: E741
BAD = {E, D}
TASK = """<annotations><meta><task><name>t</name><size>3</size><labels><label><name>car</name></label><label>
<name>tree</name></label></labels></task></meta><image id="0" name="{}.jpg"/></annotations>"""


class Row(NamedTuple):
    """``files`` change the plain set (None: left out). ``only``: no other finding is an error or loses data."""

    cvat: str  # the input, and what CVAT does with it, as in the table
    files: dict[str, Any]
    code: str
    weight: Weight
    words: tuple[str, ...]
    fix: str
    member: str = ""
    line: int | None = None
    image: str = ""
    amount: float = 1
    only: bool = True


def _changed(array: Any, *pixels: tuple[int, int, Any]) -> Any:
    array = array.copy()
    for x, y, value in pixels:
        array[y, x] = value
    return array


def _listed(*lines: str) -> dict[str, Any]:
    return {DEFAULT: "".join(f"{line}\n" for line in lines)}


def _subset(name: str) -> dict[str, Any]:
    return {DEFAULT: None, f"ImageSets/Segmentation/{name}": "a\n"}


def _below(folder: str) -> dict[str, Any]:
    return dict.fromkeys(PLAIN) | {f"{folder}/{name}": data for name, data in PLAIN.items()}


def _map(old: str, new: str) -> dict[str, Any]:
    assert old in LABELMAP
    return {"labelmap.txt": LABELMAP.replace(old, new)}


def _meta(labels: list[str]) -> dict[str, Any]:
    known = {"labels": labels, "label_map": dict(enumerate(labels)), "segmentation_colors": COLORS.tolist()}
    return {"dataset_meta.json": json.dumps(known)}


def _300(*, gray: bool = False) -> dict[str, Any]:
    numbers = np.arange(1, 301, dtype=np.uint16).reshape(15, 20)
    return {CLASS: png(COLORS[np.ones((15, 20), np.uint8)]), OBJECT: png(numbers if gray else voc(301)[numbers])}


MAP, LIST = "labelmap.txt", DEFAULT
PICTURE = "JPEGImages/a.png"
MY = "ImageSets/Segmentation/my_set.txt"
MIXED = _changed(CLASSES, (1, 1, 2), (2, 1, 2))

CVAT = [
    Row("1-bit PNG: Undeclared label '255'", {CLASS: png(Image.fromarray(CLASSES > 0))},
        "cvat-png-kind", E, ("1-bit gray", "Undeclared label '255'"), "convert it", CLASS, image="a"),
    Row("gray with 0/255: Undeclared label '255'", {CLASS: png((CLASSES > 0).astype(np.uint8) * 255)},
        "cvat-binary-mask", E, ("0 and 255", "no line"), "the label's index", CLASS, image="a"),
    Row("gray index >= number of labels: Undeclared label 'N'", {CLASS: png(_changed(CLASSES, (1, 1, 3), (2, 1, 3)))},
        "cvat-index-undeclared", E, ("index 3 at x=1, y=1", "3 labels", "2 pixels"), "add the missing lines", CLASS, image="a"),
    Row("class colour not in the labelmap: Undeclared color (r, g, b)",
        {CLASS: png(_changed(COLORS[CLASSES], (7, 5, (1, 2, 3))))},
        "cvat-color-undeclared", E, ("(1, 2, 3) at x=7, y=5", "1 pixel"), "add a label of that colour", CLASS, image="a"),
    Row("instance colour not in VOC map 0..255: Undeclared color", {OBJECT: png(voc(301)[np.where(OBJECTS == 2, 300, 1 * (OBJECTS > 0))])},
        "cvat-instance-color", E, (str(tuple(voc(301)[300].tolist())), "Undeclared color"), "convert it to cvat-mask", OBJECT, image="a"),
    Row("no black entry and RGB masks: Undeclared color (0, 0, 0)", _map("background:0,0,0::\n", ""),
        "cvat-black-undeclared", E, (f"{int((CLASSES == 0).sum())} black pixels", "x=0, y=0", "Undeclared color (0, 0, 0)"),
        "add background:0,0,0::", CLASS, image="a", amount=int((CLASSES == 0).sum())),
    Row("the same, the background being of another colour", _map("background:0,0,0", "background:1,1,1"),
        "cvat-black-undeclared", E, ("x=0, y=0",), "add background:0,0,0::", CLASS, image="a", amount=int((CLASSES == 0).sum())),
    Row("object PNG missing: one mask per class, background included", {OBJECT: None},
        "cvat-object-missing", D, ("'a'", "one of each class, background included"), "convert it to cvat-mask"),
    Row("class PNG missing: TypeError, no name", {CLASS: None},
        "cvat-class-missing", E, ("none in SegmentationClass", "TypeError"), "export it again", OBJECT, image="a"),
    Row("both missing: image silently empty", {CLASS: None, OBJECT: None},
        "cvat-listed-empty", W, ("1 listed image without masks", "'a'"), "the export is incomplete"),
    Row("class and object PNG of different size: broadcast ValueError", {OBJECT: png(VOC[OBJECTS[:5]])},
        "cvat-size-mismatch", E, ("8x6", "8x5"), "export both masks again", CLASS, image="a"),
    Row("picture size differs from mask size: accepted silently", {PICTURE: png(np.zeros((9, 7, 3), np.uint8))},
        "cvat-picture-size", W, ("7x9", "8x6", "accepts them silently"), "at the picture's size", PICTURE, image="a"),
    Row("corrupt PNG: 'NoneType' has no attribute 'astype'", {CLASS: PLAIN[CLASS][:60]},
        "png-corrupt", E, ("cut off",), "again", CLASS, image="a"),
    Row("the same of the instance mask", {OBJECT: PLAIN[OBJECT][:60]}, "png-corrupt", E, ("cut off",), "again", OBJECT, image="a"),
    Row("one instance over two classes: highest class index wins, silently", {CLASS: png(COLORS[MIXED])},
        "cvat-mixed", E, ("instance 1", "car: 4 pixels", "tree: 2 pixels"), "--from-mixed split", OBJECT, image="a"),
    Row("class set where instance is 0: pixels dropped silently", {OBJECT: png(VOC[np.where(OBJECTS == 2, 0, OBJECTS)])},
        "cvat-class-only", D, ("4 pixels", "x=5, y=3", "tree", "CVAT drops them"), "give them an instance", CLASS, image="a", amount=4),
    Row("instance set where class is background: Label 'background' is not registered", {OBJECT: png(VOC[_changed(OBJECTS, (0, 0, 3))])},
        "cvat-background-instance", E, ("1 instance", "'background' is not registered"), "give them another label", CLASS, image="a"),
    Row("gray 16-bit: values mod 256; instances merge silently", {OBJECT: png(OBJECTS.astype(np.uint16) * 256)},
        "cvat-png-kind", E, ("16-bit gray", "lower 8 bits"), "convert it", OBJECT, image="a"),
    Row("gray + alpha: read as colours, undeclared", {CLASS: png(np.dstack([CLASSES, CLASSES * 0 + 255]))},
        "cvat-png-kind", E, ("alpha", "Undeclared color"), "convert it", CLASS, image="a"),
    Row("more than 255 instances: wraps at 256", _300(),
        "cvat-too-many", E, ("300 instances", "CVAT's importer knows 255"), "split the image", OBJECT, image="a", amount=300),
    Row("the same in 16-bit gray: values mod 256", _300(gray=True),
        "cvat-too-many", E, ("300 instances", "CVAT's importer knows 255"), "split the image", OBJECT, image="a", amount=300),
    Row(".PNG masks: ignored silently", {CLASS: None, "SegmentationClass/a.PNG": PLAIN[CLASS]},
        "cvat-mask-suffix", D, ("ignores masks named .PNG",), "rename it to .png", "SegmentationClass/a.PNG"),
    Row(".jpg masks: ignored silently", {CLASS: None, OBJECT: None, "SegmentationClass/a.jpg": b"..."},
        "cvat-mask-suffix", E, ("this .jpg is not read", "ignores it"), "export the masks again as PNG", "SegmentationClass/a.jpg"),
    Row("PNG not in the list: ignored silently", _listed(), "cvat-unlisted", D, ("1 mask in no list", "'a'"), "add them to a list"),
    Row("subset name containing `_`: the whole data set is not found", _subset("my_set.txt"),
        "cvat-split-name", E, ("underscore", "finds no data set"), "rename it to my-set.txt", MY),
    Row("subset named .TXT: the whole data set is not found", _subset("default.TXT"),
        "cvat-split-name", E, ("suffix",), "rename it to default.txt", "ImageSets/Segmentation/default.TXT"),
    Row("list line with BOM: an empty item, silently", _listed("\ufeffa"),
        "cvat-list-encoding", E, ("byte order mark",), "UTF-8 without BOM", LIST),
    Row("list line a.png", _listed("a.png"), "cvat-list-line", D, ("'a.png'",), "write a", LIST, 1),
    Row("list line with quotes", _listed("# subset", '"a"'), "cvat-list-line", D, ("'\"a\"'",), "write a", LIST, 2),
    Row("list line with \\", _listed("x\\a") | {
            CLASS: None, OBJECT: None, "SegmentationClass/x/a.png": PLAIN[CLASS], "SegmentationObject/x/a.png": PLAIN[OBJECT]},
        "cvat-list-line", D, ("read as 'x/a'",), "write x/a", LIST, 1),
    Row("list line /a: path traversal", _listed("a", "/a"), "cvat-list-unsafe", E, ("'/a'", "absolute"), "remove the line", LIST, 2),
    Row("list line ../a: path traversal", _listed("a", "../a"), "cvat-list-unsafe", E, ("'../a'", "leads out"), "remove the line", LIST, 2),
    Row("labelmap: 1 field: wrong number of fields", _map("tree:0,128,0::", "tree"),
        "labelmap-fields", E, ("'tree' has 1 field", "four"), "write tree:r,g,b::", MAP, 4, only=False),
    Row("labelmap: 2 fields", _map("tree:0,128,0::", "tree:0,128,0"), "labelmap-fields", E, ("2 fields",), "write tree:0,128,0::", MAP, 4),
    Row("labelmap: 3 fields", _map("car:250,50,83::", "car:250,50,83:"), "labelmap-fields", E, ("3 fields",), "write car:250,50,83::", MAP, 3),
    Row("labelmap: 5 fields", _map("tree:0,128,0::", "tree:0,128,0:::"), "labelmap-fields", E, ("5 fields",), "write tree:0,128,0::", MAP, 4),
    Row("labelmap: duplicate name: error", _map("tree", "car"),
        "labelmap-duplicate-name", E, ("'car'", "line 3", "already defined"), "rename one", MAP, 4, only=False),
    Row("labelmap: duplicate colour: last wins", _map("tree:0,128,0::\n", "tree:0,128,0::\nbush:0,128,0::\n"),
        "labelmap-duplicate-color", D, ("'bush'", "0,128,0 of 'tree' on line 4", "last label"), "a colour of its own", MAP, 5),
    Row("labelmap: colour hex: error", _map("0,128,0", "#008000"), "labelmap-color-syntax", E, ("'#008000'",), "write tree:0,128,0::", MAP, 4),
    Row("labelmap: colour float", _map("0,128,0", "0.0,128.0,0.0"), "labelmap-color-syntax", E, ("wrong color",), "write tree:0,128,0::", MAP, 4),
    Row("labelmap: colour in parentheses", _map("0,128,0", "(0,128,0)"), "labelmap-color-syntax", E, ("wrong color",), "write tree:0,128,0::", MAP, 4),
    Row("labelmap: 300: accepted and never matches", {MAP: LABELMAP + "x:300,0,0::\n"},
        "labelmap-color-range", D, ("300,0,0", "no pixel ever matches"), "0..255", MAP, 5),
    Row("labelmap: -1: accepted and never matches", {MAP: LABELMAP + "x:0,-1,0::\n"}, "labelmap-color-range", D, ("0,-1,0",), "0..255", MAP, 5),
    Row("labelmap: trailing space in a name: a different label", _map("tree:", "tree :"),
        "labelmap-name-space", D, ("'tree '", "other than 'tree'"), "write tree:0,128,0::", MAP, 4),
    Row("labelmap: some colours blank: those labels get none", {MAP: LABELMAP + "x:::\n"},
        "labelmap-color-blank", W, ("'x' has no colour",), "write the colour", MAP, 5),
    Row("labelmap: all blank: VOC colours by line", {MAP: "background:::\ncar:::\ntree:::\n", CLASS: png(VOC[CLASSES])},
        "labelmap-colors-blank", I, ("VOC colour",), "nothing to do", MAP, amount=3),
    Row("labelmap: BOM: first label becomes \\ufefflabel, or wrong color", {MAP: "\ufeff" + LABELMAP},
        "labelmap-bom", E, ("byte order mark",), "without BOM", MAP, 1),
    Row("labelmap: UTF-16: UnicodeDecodeError", {MAP: LABELMAP.encode("utf-16")},
        "labelmap-encoding", E, ("UTF-16", "UnicodeDecodeError"), "save it as UTF-8", MAP),
    Row("labelmap: latin-1: UnicodeDecodeError", {MAP: (LABELMAP + "flüssig:1,2,3::\n").encode("latin-1")},
        "labelmap-encoding", E, ("0xfc", "UnicodeDecodeError"), "save the file as UTF-8", MAP, 5),
    Row("labelmap absent: VOC's 21 labels; custom colours then undeclared", {MAP: None},
        "cvat-color-undeclared", E, ("(250, 50, 83) at x=1, y=1",), "add a label of that colour", CLASS, image="a"),
    Row("labelmap absent, and VOC's colours", {MAP: None, CLASS: png(VOC[CLASSES])},
        "cvat-no-labelmap", W, ("VOC's 21 labels",), "--from-labelmap"),
    Row("dataset_meta.json present: overrides labelmap.txt", _meta(["background", "dog", "cat"]),
        "cvat-meta", I, ("overrules labelmap.txt",), "", "dataset_meta.json"),
    Row("two roots in one zip: not found", {f"more/{name}": data for name, data in PLAIN.items()},
        "cvat-roots", E, ("2 data sets (., more)", "CVAT finds none"), "convert it to cvat-mask", amount=2),
    Row("root deeper than 4 folders: not found", _below("a/b/c/d/e"), "cvat-roots", E, ("deeper",), "pack it again", "a/b/c/d/e"),
    Row("empty instance mask: zero-size array", {CLASS: png(COLORS[CLASSES * 0]), OBJECT: png(VOC[OBJECTS * 0])},
        "cvat-empty-mask", W, ("shows no instance", "zero-size array"), "remove both masks", OBJECT, image="a"),
]  # fmt: skip


@pytest.mark.parametrize("row", CVAT, ids=lambda row: row.cvat)
def test_what_cvat_does_with_odd_input(tmp_path: Path, row: Row) -> None:
    path = build(tmp_path / "set.zip", PLAIN | row.files)
    found = maskconv.validate(path)
    (finding,) = one_of(found, row.code)
    assert finding.weight is row.weight
    assert [word for word in row.words if word not in finding.message + finding.fix] == [], str(finding)
    assert row.fix in finding.fix, finding.fix
    where = finding.where
    assert (where.path, where.member, where.line, where.image) == (str(path), row.member, row.line, row.image)
    assert finding.amount == row.amount
    if row.only:
        assert [str(f) for f in found if f.weight in BAD and f.code != row.code] == []


def one_of(found: list[Finding], code: str) -> list[Finding]:
    """The findings of a code; all of them, in words, where there is none."""
    assert code in {f.code for f in found}, [f"{f.code}: {f}" for f in found]
    return [f for f in found if f.code == code]


@pytest.mark.parametrize(
    ("item", "code", "words"),
    [("b", "against-items", "name of 1 item, such as 'b'"), ("000002", "against-frame-number", "lands on frame 2")],
)
def test_an_item_that_is_not_among_the_tasks_frames(tmp_path: Path, item: str, code: str, words: str) -> None:
    """Could not match item id, or lands on frame number int(name)."""
    files = {name.replace("/a.", f"/{item}."): data for name, data in PLAIN.items()} | _listed(item)
    task = tmp_path / "task.xml"
    task.write_text(TASK.format("a"))
    (finding,) = one_of(maskconv.validate(build(tmp_path / "set.zip", files), against=task), code)
    assert (finding.weight, finding.amount) == (E, 1)
    assert words in finding.message and finding.fix
    assert [f for f in maskconv.validate(build(tmp_path / "good.zip", PLAIN), against=task) if f.weight in BAD] == []


ACCEPTED: dict[str, dict[str, Any]] = {
    "as CVAT writes it": {},
    "palette masks": {CLASS: png(palette(CLASSES, COLORS)), OBJECT: png(palette(OBJECTS, VOC))},
    "gray masks of indices": {CLASS: png(CLASSES)},
    "interlaced, larger PNGs": {CLASS: png(COLORS[CLASSES], optimize=True)},
    "a listed image without masks": _listed("a", "empty"),
    "a picture of another size": {PICTURE: png(np.zeros((9, 7, 3), np.uint8))},
    "a label that nothing has": {MAP: LABELMAP + "bus:9,9,9::\n"},
    "background last, a comment behind a label": {MAP: "car:250,50,83:: # ours\ntree:0,128,0::\nbackground:0,0,0::\n"},
    "no header, blank lines": {MAP: "\n" + LABELMAP.partition("\n")[2] + "\n\n"},
    "lines that end in CR LF": {MAP: LABELMAP.replace("\n", "\r\n"), DEFAULT: "a\r\n"},
    "VOC's labels and no label map": {MAP: None, CLASS: png(VOC[CLASSES])},
    "parts and actions": {MAP: LABELMAP.replace("tree:0,128,0::", "tree:0,128,0:leaf,trunk:growing")},
    "in a folder of the zip": _below("export"),
    "an item listed twice": _listed("a", "a"),
    "void gray pixels without an instance": {CLASS: png(_changed(CLASSES, (0, 0, 255)))},
    "names in a folder, with spaces, dots and other letters": {
        CLASS: None, OBJECT: None, DEFAULT: "x y/ü.v2\n",
        "SegmentationClass/x y/ü.v2.png": PLAIN[CLASS], "SegmentationObject/x y/ü.v2.png": PLAIN[OBJECT]},
}  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_cvat_accepts_is_no_error(tmp_path: Path, name: str) -> None:
    found = maskconv.validate(build(tmp_path / "set.zip", PLAIN | ACCEPTED[name]))
    assert [str(f) for f in found if f.weight in BAD] == []


REFUSED = [row for row in CVAT if row.code.startswith("cvat-") and row.weight in BAD]


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.cvat)
def test_for_another_target_what_only_cvat_minds_is_a_warning(tmp_path: Path, row: Row) -> None:
    """The same findings as a conversion has: what is read all the same is no error."""
    path = build(tmp_path / "set.zip", PLAIN | row.files)
    told = {f.code: f.weight for f in maskconv.validate(path, for_="mcv") if f.code != "cvat-picture-size"}
    with suppress(ConversionError):
        report = Report()
        maskconv.convert(path, tmp_path / "out.mcv", report=report)
    assert told == {f.code: f.weight for f in report.findings}
    assert row.code in told or row.code == "cvat-black-undeclared", "of which the label map's own finding tells"
    assert report.failed == (told.get(row.code) is E)


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.cvat)
def test_for_cvat_itself_it_stays_an_error(tmp_path: Path, row: Row) -> None:
    """Who asks what CVAT would make of a set for CVAT is about to upload it."""
    found = maskconv.validate(build(tmp_path / "set.zip", PLAIN | row.files), for_="cvat-mask")
    assert {f.weight for f in one_of(found, row.code)} == {row.weight}


def test_the_same_set_in_a_folder_is_only_packed_wrongly(tmp_path: Path) -> None:
    """What lies too deep or apart in a folder is mended by packing it; what CVAT refuses of the files stays an error."""
    deep = maskconv.validate(build(tmp_path / "deep", PLAIN | _below("a/b/c/d/e")))
    assert {f.code: f.weight for f in deep} == {"cvat-roots": W}
    several = maskconv.validate(
        build(tmp_path / "several", PLAIN | {f"more/{name}": data for name, data in PLAIN.items()})
    )
    assert {f.weight for f in one_of(several, "cvat-roots")} == {E}, "packing the folder makes no one set of two"
    wrong = maskconv.validate(build(tmp_path / "wrong", PLAIN | _subset("my_set.txt")))
    assert {f.code: f.weight for f in wrong} == {"cvat-split-name": E}


@pytest.mark.parametrize("container", ["folder", "zip", "deflated zip"])
@pytest.mark.parametrize("whole", [False, True])
def test_the_header_of_a_picture_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: str, whole: bool
) -> None:
    """A picture is read whole only where its header is long, as with a large colour profile."""
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", icc_profile=noise.tobytes() * 700)
    picture, data = ("JPEGImages/a.jpg", file.getvalue()) if whole else (PICTURE, png(noise) + bytes(200_000))
    path = build(tmp_path / ("set.zip" if container == "zip" else "set"), PLAIN | {picture: data})
    if container == "deflated zip":
        path = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", path))
    store = type(open_store(path))
    names, read = list[str](), store.read
    monkeypatch.setattr(store, "read", lambda self, entry: (names.append(entry.name), read(self, entry))[1])
    assert [f.code for f in maskconv.validate(path)] == []
    assert (picture in names) is whole


def test_a_picture_that_is_none_is_told(tmp_path: Path) -> None:
    (finding,) = maskconv.validate(build(tmp_path / "set.zip", PLAIN | {PICTURE: b"no picture"}))
    assert (finding.code, finding.weight, finding.where.member) == ("picture-unreadable", W, PICTURE)


def test_a_turned_picture_has_the_size_that_a_viewer_shows(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[274] = 6
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 6, 3), np.uint8)).save(file, "JPEG", exif=turned)
    assert maskconv.validate(build(tmp_path / "set.zip", PLAIN | {"JPEGImages/a.jpg": file.getvalue()})) == []


# --- labelmap.txt by itself -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [row for row in CVAT if row.code.startswith("labelmap-")], ids=lambda row: row.cvat)
def test_a_label_map_by_itself(tmp_path: Path, row: Row) -> None:
    """The same findings, with the line, as in a zip. Each code with its words: test_labelmap."""
    data = row.files[MAP]
    path = tmp_path / MAP
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    (finding,) = one_of(maskconv.validate(path), row.code)
    assert (finding.weight, finding.where.path, finding.where.line) == (row.weight, str(path), row.line)
    assert row.fix in finding.fix


@pytest.mark.parametrize("row", [row for row in CVAT if row.code.startswith("labelmap-")], ids=lambda row: row.cvat)
def test_what_is_mended_is_accepted(row: Row) -> None:
    """All but what a person must decide: which of two labels is which, and colours that nobody knows."""
    from maskconv.labelmap_fix import fix

    data = row.files[MAP]
    mended = fix(data if isinstance(data, bytes) else data.encode())
    assert mended.text is not None
    open_ = {"labelmap-duplicate-name", "labelmap-duplicate-color", "labelmap-color-range"}
    unknown = row.cvat.startswith("labelmap: 1 field")
    assert mended.bad is (row.code in open_ or unknown)


KINDS = {
    "7aslan": "a TensorFlow label map (pbtxt)",
    "Caron001": "a list of 'id name'",
    "actionclip": "a list of names, one per line",
    "__ava__": "a list of 'id: name'",
    "__gym__": "a list of names, one per line",
    "Ethereal311": "empty",
    "FRC4188": "a list of names, one per line",
    "LimonHalder": "a list of names, one per line",
    "Martinyuan0425": "a list of names, one per line",
    "MrPaska": "a list of names, one per line",
    "Project3DT": "a list of names, one per line",
    "ThibaMahlezana": "a list of names, one per line",
    "TianaDekermenjian": "YAML such as YOLO's data.yaml",
    "a-earthperson": "a list of names, one per line",
    "ajusdwimantara": "a list of names, one per line",
    "beatakovacs": "a list of names, one per line",
    "blakeblackshear": "a list of names, one per line",
    "cveniegas": "a list of names, one per line",
    "daynauth": "a TensorFlow label map (pbtxt)",
}


@pytest.mark.parametrize("name", KINDS)
def test_other_tools_files_are_recognised(name: str) -> None:
    (path,) = (path for path in real_data("labelmaps/negative").iterdir() if name in path.name)
    assert labelmap.recognise(path.read_text("utf-8")) == KINDS[name]
    (finding,) = maskconv.validate(path)
    if KINDS[name] == "empty":
        assert (finding.code, finding.weight) == ("labelmap-empty", E)
    else:
        assert (finding.code, finding.weight) == ("labelmap-other-format", E)
        assert f"looks like {KINDS[name]}; CVAT refuses it" in finding.message
    assert "name:r,g,b::" in finding.fix


def test_all_of_other_tools_files_are_in_the_table() -> None:
    assert len(list(real_data("labelmaps/negative").iterdir())) == len(KINDS)


@pytest.mark.parametrize("path", sorted((REAL_DATA / "labelmaps" / "cvat").glob("*")), ids=lambda path: path.name[:20])
def test_real_label_maps_raise_no_alarm(path: Path) -> None:
    assert [str(f) for f in maskconv.validate(path) if f.weight is not I] == []


@pytest.mark.parametrize(
    ("lines", "code", "line", "words"),
    [
        ("car:1,2,3::\nCar:9,9,3::", "labelmap-near-name", 3, "'Car' and 'car' on line 2"),
        ("stop sign:1,2,3::\nstop_sign:9,9,3::", "labelmap-near-name", 3, "spaces, underscores"),
        ("caf\u00e9:1,2,3::\ncafe\u0301:9,9,3::", "labelmap-near-name", 3, "Unicode form"),
        ("Background:9,9,9::", "labelmap-background-twice", 2, "'Background' stands beside 'background'"),
        ("car:100,2,3::\nbus:101,2,2::", "labelmap-near-color", 3, "differ by 1"),
    ],
)
def test_nearly_the_same(tmp_path: Path, lines: str, code: str, line: int, words: str) -> None:
    path = tmp_path / MAP
    path.write_text(f"background:0,0,0::\n{lines}\n")
    (finding,) = (f for f in maskconv.validate(path) if f.weight is not I)
    assert (finding.code, finding.weight, finding.where.line) == (code, W, line)
    assert words in finding.message and finding.fix


# --- Labelbox' import -------------------------------------------------------------------------------------------------

record, uri = labelbox.record, labelbox.uri
SQUARE = [{"x": x, "y": y} for x, y in ((1, 1), (4, 1), (4, 4))]
OUT = [*SQUARE, {"x": 40.5, "y": 2}]


def _twice(**parts: Any) -> list[Any]:
    return [record(uuid="0" * 32, mask=uri(), **parts), record(uuid="0" * 32, mask=uri(color=labelbox.GREEN), **parts)]


class Import(NamedTuple):
    """Records, and the finding: code, weight, words, line, image."""

    silent: str  # what the SDK lets pass, or Labelbox' limit
    records: Callable[[], list[Any]]
    code: str
    weight: Weight
    words: tuple[str, ...]
    line: int | None = 1


LABELBOX = [
    Import("duplicate uuid in a row", _twice, "labelbox-uuid-twice", D, ("occurs twice", "give each its own"), 2),
    Import("colour absent from the composite", lambda: [record(mask=uri(color=labelbox.BLUE))],
           "labelbox-color-absent", E, ("[0, 0, 255] is not in the composite", "a.png", "name one of those that are: [0, 255, 0]")),
    Import("size mismatch between masks of a row", lambda: [record(mask=uri()), record(mask=uri("small.png"))],
           "labelbox-size", E, ("8 x 5 pixels", "8 x 6", "the size of its picture"), 2),
    Import("colours in the composite that no record names", lambda: [record(mask=uri())],
           "labelbox-color-unnamed", W, ("no record names 1 colour of the composite", "a.png"), None),
    Import("palette PNG used as RGB", lambda: [record(mask=uri("palette.png"))],
           "labelbox-composite-kind", W, ("palette", "8-bit RGB PNGs only", "write it again as RGB")),
    Import("gray PNG used as RGB", lambda: [record(mask=uri("gray.png", (9, 9, 9)))],
           "labelbox-composite-kind", W, ("gray", "8-bit RGB PNGs only")),
    Import("NaN coordinates", lambda: [b'{"dataRow":{"globalKey":"a.jpg"},"name":"car","polygon":[{"x":NaN,"y":1}]}\n'],
           "labelbox-json", E, ("NaN and Infinity",)),
    Import("infinite coordinates", lambda: [b'{"dataRow":{"globalKey":"a.jpg"},"name":"car","polygon":[{"x":1e999,"y":1},{"x":1,"y":1},{"x":2,"y":5}]}\n'],
           "labelbox-json", E, ("no JSON",)),
    Import("polygon and mask in one record", lambda: [record(mask=uri(), polygon=SQUARE)],
           "labelbox-geometry", E, ("mask and polygon", "a record of its own")),
    Import("polygon out of the image", lambda: [record(mask=uri()), record(polygon=OUT)],
           "labelbox-outside", W, ("32.5 pixels out of the picture of 8 x 6", "check that"), 2),
    Import("box out of the image", lambda: [record(bbox={"top": -7, "left": 0, "height": 9, "width": 9}), record(mask=uri())],
           "labelbox-outside", W, ("7.0 pixels out of the picture of 8 x 6",), 1),
    Import("schemaId of another form", lambda: [record(name=..., schemaId="car", polygon=SQUARE)],
           "labelbox-schema-odd", W, ("25 lower-case letters and digits; car is not", "the project's ontology"), None),
    Import("records without name over 5,000", lambda: [record(name=..., schemaId="c" * 25, polygon=SQUARE) for _ in range(5001)],
           "labelbox-too-many", E, ("5,001 instances", "5,000"), None),
    Import("key of more than 200 characters", lambda: [record("x" * 201, polygon=SQUARE)],
           "labelbox-key-long", E, ("201 characters", "takes 200", "shorten it")),
    Import("more than 1,000 masks in a job", lambda: [record(f"{i}.jpg", mask={"png": "iVBORw0KGgo="}) for i in range(1001)],
           "labelbox-many-masks", W, ("1,001 masks", "--to-max-records 1000"), None),
    Import("groupKey, which is dropped", lambda: [record(polygon=SQUARE), record(polygon=SQUARE, groupKey="axial")],
           "labelbox-no-segmentation", I, ("a DICOM group", "it was not checked"), 2),
    Import("a point, which Labelbox takes", lambda: [record(point={"x": 1, "y": 2})],
           "labelbox-no-segmentation", I, ("a point", "it was not checked")),
]  # fmt: skip


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(labelbox.png_of(labelbox.composite()))
    (tmp_path / "small.png").write_bytes(labelbox.png_of(labelbox.composite(5)))
    (tmp_path / "gray.png").write_bytes(png(np.full((6, 8), 9, np.uint8)))
    (tmp_path / "palette.png").write_bytes(png(palette(CLASSES, [(0, 0, 0), labelbox.RED, labelbox.GREEN])))
    return tmp_path


@pytest.mark.parametrize("row", LABELBOX, ids=lambda row: row.silent)
def test_what_passes_in_silence(masks: Path, row: Import) -> None:
    """Also: each record that is wrong (test_labelbox_read), videos and their groupKey (test_labelbox_video)."""
    path = labelbox.write(masks, *row.records())
    finding, *_ = one_of(maskconv.validate(path, format="labelbox-ndjson"), row.code)
    assert finding.weight is row.weight
    assert [word for word in row.words if word not in str(finding)] == [], str(finding)
    assert finding.where.line == row.line
    assert finding.where.path == str(path) or finding.where.image


def test_masks_and_shapes_are_compared_with_the_picture(masks: Path) -> None:
    """The SDK compares neither."""
    pictures = masks / "pictures"
    pictures.mkdir()
    Image.new("RGB", (20, 10)).save(pictures / "a.jpg")
    path = labelbox.write(masks, record(mask=uri()), record(polygon=SQUARE), record(polygon=OUT))
    with maskconv.open_reader(path, images=pictures) as images:
        list(images)
        found = {f.code: f for f in images.report.findings}
    assert "8 x 6 pixels, the picture has 20 x 10" in found["labelbox-size"].message
    assert "20.5 pixels out of the picture of 20 x 10" in found["labelbox-outside"].message
    assert (found["labelbox-size"].where.line, found["labelbox-outside"].where.line) == (1, 3)


def test_what_is_fine_is_not_told(masks: Path) -> None:
    """Confidence 0, a box that ends at the border, a schema id as Labelbox has them."""
    box = {"top": 0, "left": 0, "height": 6, "width": 8}
    path = labelbox.write(
        masks,
        record(mask=uri(), confidence=0),
        record(mask=uri(color=labelbox.GREEN), confidence=0.0),
        record(name=..., schemaId="ck68grts29n7w0890wv344dif", bbox=box),
    )
    assert [f.code for f in maskconv.validate(path)] == ["labelbox-schema-unnamed"]
    with maskconv.open_reader(path) as images:
        assert [a.score for image in images for a in image.annotations] == [0.0, 0.0, None]


def test_a_point_is_a_loss_where_it_is_converted(masks: Path) -> None:
    path = labelbox.write(masks, record(polygon=SQUARE), record(point={"x": 1, "y": 2}))
    (finding,) = one_of(maskconv.validate(path, for_="mcv"), "labelbox-no-segmentation")
    assert finding.weight is D


# --- the YOLO trainer -------------------------------------------------------------------------------------------------


def _empty(folder: Path) -> None:
    (folder / "labels/val/b.txt").unlink()


YOLO: list[tuple[str, Callable[[Path], Any], str, Weight, tuple[str, ...]]] = [
    ("a row that the trainer rejects", lambda p: yolo.text(p / "labels/val/b.txt", "0 0.1 0.1 0.5 0.1 0.5\n"),
     "yolo-row-odd", E, ("labels/val/b.txt:1", "rejects the image")),
    ("a class without a name", lambda p: yolo.text(p / "labels/val/b.txt", f"2 {yolo.RING}\n"),
     "yolo-row-class", E, ("labels/val/b.txt:1", "the class 2 has no name")),
    ("a box among outlines", lambda p: yolo.text(p / "labels/val/b.txt", f"0 {yolo.RING}\n0 0.5 0.5 0.1 0.1\n"),
     "yolo-row-box", E, ("labels/val/b.txt:2",)),
    ("boxes in some files", lambda p: yolo.text(p / "labels/val/b.txt", "0 0.5 0.5 0.1 0.1\n"),
     "yolo-boxes-mixed", E, ("ignores all outlines",)),
    ("nc and names disagree", lambda p: yolo.text(p / "data.yaml", yolo.YAML + "nc: 3\n"),
     "yolo-nc", E, ("data.yaml:4", "nc is 3, but there are 2 names")),
    ("a class that nothing has", lambda p: None, "yolo-class-unused", I, ("person",)),
    ("a picture without labels", _empty, "yolo-unlabelled", I, ("images/val/b.png",)),
    ("labels without a picture", lambda p: yolo.text(p / "labels/val/c.txt", f"0 {yolo.RING}\n"),
     "yolo-labels-alone", E, ("labels/val/c.txt", "--from-images")),
    ("a picture of two splits", lambda p: None, "yolo-picture-twice", W, ("images/val/b.png", "cannot test it")),
    ("val is train", lambda p: yolo.text(p / "data.yaml", yolo.YAML.replace("images/val", "images/train")),
     "yolo-split-same", I, ("val names the same pictures as train",)),
    ("no val", lambda p: yolo.text(p / "data.yaml", "train: images/train\nnames: [car, person]\n"),
     "yolo-split-key", E, ("there is no key 'val'",)),
    ("a split that is not there", lambda p: yolo.text(p / "data.yaml", yolo.YAML + "test: images/test\n"),
     "yolo-split-missing", W, ("images/test",)),
    ("download", lambda p: yolo.text(p / "data.yaml", yolo.YAML + "download: |\n  import os\n"),
     "yolo-download", W, ("data.yaml:4", "which the trainer runs")),
    ("a picture that is too small", lambda p: yolo.picture(p / "images/val/b.png", (9, 50)),
     "yolo-picture-small", E, ("9 x 50", "remove it")),
    ("a picture of a kind it does not open", lambda p: (p / "images/val/b.png").unlink() or yolo.picture(p / "images/val/b.gif"),
     "yolo-picture-kind", E, (".gif", "convert it")),
    ("a picture that is damaged", lambda p: yolo.text(p / "images/val/b.png", b"none"), "picture-unreadable", E, ("images/val/b.png",)),
    ("two pictures of one label file", lambda p: yolo.picture(p / "images/val/b.jpg"), "yolo-picture-collision", E, ("b.png",)),
]  # fmt: skip
data = yolo.data


@pytest.mark.parametrize("row", YOLO, ids=lambda row: row[0])
def test_what_the_trainer_rejects_or_misses(data: Path, row: Any) -> None:
    """Each wrong row and each wrong data.yaml in words: test_yolo_seg_read; that the trainer does so: tests/oracle."""
    _, change, code, weight, words = row
    change(data)
    finding, *_ = one_of(maskconv.validate(data), code)
    assert finding.weight is weight
    assert [word for word in words if word not in str(finding)] == [], str(finding)
    assert finding.where.path.startswith(str(data))


# --- real data --------------------------------------------------------------------------------------------------------

SETS = ["cvat-oracle/plain/voc.zip", "cvat-oracle/media/voc.zip", "cvat-oracle/gray/voc.zip", "cvat-oracle/blank/voc.zip",
        "voc-datumaro-1", "voc-labelformat", "voc-labelme-instance",
        "voc-labelme-semantic", "voc-sci", "labelbox-oracle/import_all.ndjson", "labelbox-oracle/seed_format.ndjson",
        "labelbox-v2-labelformat/export-result.ndjson"]  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_real_sets_pass(name: str) -> None:
    found = maskconv.validate(real_data(name))
    assert [str(f) for f in found if f.weight in BAD] == []


def test_real_sets_that_cvat_would_not_take_as_they_are_fail() -> None:
    """Both are read: one is a folder for each class, the other has class masks alone."""
    several, lone = (maskconv.validate(real_data(f"cvat-smask-{name}")) for name in ("animals", "noobject"))
    assert {f.code: f.weight for f in several if f.weight in BAD} == {"cvat-roots": E}
    assert {f.code: f.weight for f in lone if f.weight in BAD} == {"cvat-object-missing": D}


def test_labelbox_own_imports_pass() -> None:
    for path in sorted(real_data("labelbox-ndjson-imports").glob("*.json")):
        assert [str(f) for f in maskconv.validate(path) if f.weight in BAD] == [], path


@pytest.mark.parametrize("name", ["yolo-seg-datumaro", "yolo-seg-labelformat"])
def test_real_yolo_sets_lack_val_alone(name: str) -> None:
    assert [f.code for f in maskconv.validate(real_data(name)) if f.weight in BAD] == ["yolo-split-key"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cvat-voc11-tomato", 'CVAT\'s "Pascal VOC 1.1": boxes in XML, and no masks'),
        ("cvat-voc11-window", 'CVAT\'s "Pascal VOC 1.1": boxes in XML, and no masks'),
        ("voc-datumaro-2", "this is Pascal VOC"),
        ("voc-datumaro-3", "this is Pascal VOC"),
        ("cvat-xml-coral", 'XML as "CVAT for images 1.1" has it'),
        ("cvat-xml-coral/annotations.xml", "--against"),
        ("cvat-xml-otx", 'XML as "CVAT for images 1.1" has it'),
    ],
)
def test_near_misses_are_told_what_they_are(name: str, words: str) -> None:
    with pytest.raises(FormatError) as caught:
        maskconv.validate(real_data(name))
    assert words in str(caught.value)
    assert 'as "Segmentation mask 1.1"' in (caught.value.fix or "")


def test_near_misses_without_masks_are_warned_of() -> None:
    """A set of class masks alone: what CVAT would make of it, and how many images it lists for nothing."""
    found = {f.code: f for f in maskconv.validate(real_data("cvat-smask-noobject"))}
    assert found.keys() == {"cvat-labelmap-place", "cvat-listed-empty", "cvat-object-missing"}
    assert (found["cvat-object-missing"].amount, found["cvat-listed-empty"].amount) == (5, 70)


def test_a_set_without_images_is_not_fine() -> None:
    for sample in ("voc-datumaro-2", "labelbox-oracle/seed_format.ndjson"):
        found = maskconv.validate(real_data(sample), format="cvat-mask" if "voc" in sample else None)
        (finding,) = one_of(found, "source-empty")
        assert (finding.weight, finding.where.path) == (W, str(real_data(sample)))
    (finding,) = one_of(maskconv.validate(real_data("voc-datumaro-2"), format="cvat-mask", for_="mcv"), "source-empty")
    assert finding.weight is E


# --- a model's classes ------------------------------------------------------------------------------------------------

ONNX = FIXTURES / "yolo-model" / "tiny-seg.onnx"


def test_a_models_classes(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    assert names_of(str(ONNX)) == ["circle", "rectangle", "triangle", "ring"]
    found = expected(ONNX)
    assert (found.what, found.items) == ("the model tiny-seg.onnx", None)
    told = maskconv.validate(build(tmp_path / "set.zip", PLAIN), against=ONNX)
    assert [(f.code, f.weight) for f in told] == [("against-label", E)] * 2
    assert "the model tiny-seg.onnx has no label 'car'" in told[0].message
    assert "circle, rectangle, triangle, ring" in told[0].fix


def test_a_models_classes_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError, match=r"need onnxruntime.*pip install 'maskconv\[onnx\]'"):
        expected(ONNX)


def test_a_pickle_is_not_loaded_for_its_names(tmp_path: Path) -> None:
    weights = tmp_path / "best.pt"
    with zipfile.ZipFile(weights, "w") as archive:
        archive.writestr("best/data.pkl", b"cos\nsystem\n(S'exit 1'\ntR.")
    for path in (weights, ONNX.with_suffix(".pt")):
        with pytest.raises(SourceError, match=r"the names in a \.pt are not read; export it"):
            expected(path)


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(SourceError, match="cannot load these weights"):
        expected(tmp_path / "broken.onnx")
