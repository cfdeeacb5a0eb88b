"""Reading CVAT masks: every oddity of docs/formats/cvat-mask.md with exact pixels, and the words that name it."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import maskconv
from maskconv import review
from maskconv.errors import SourceError
from maskconv.finding import Finding, Report, Weight
from maskconv.model import AnnotatedImage, LabelMap, Mask

Array = NDArray[Any]
LABELMAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncar:250,50,83::\ntree:0,128,0::\n"
COLORS = np.array([(0, 0, 0), (250, 50, 83), (0, 128, 0)], np.uint8)
DEFAULT = "ImageSets/Segmentation/default.txt"


def voc(count: int = 256) -> Array:
    """The VOC colour map, written down anew from the VOC devkit."""
    colors = np.zeros((count, 3), np.uint8)
    for index in range(count):
        rest = index
        for bit in range(7, -1, -1):
            for channel in range(3):
                colors[index, channel] |= (rest >> channel & 1) << bit
            rest >>= 3
    return colors


VOC = voc()


def png(image: Array | Image.Image, **facts: Any) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, "PNG", **facts)
    return file.getvalue()


def palette(indices: Array, colors: Any) -> Image.Image:
    image = Image.frombytes("P", indices.shape[::-1], indices.astype(np.uint8).tobytes())
    image.putpalette(np.asarray(colors, np.uint8).tobytes())
    return image


def interlaced(indices: Array) -> bytes:
    """A gray PNG with Adam7 passes, by hand: Pillow writes none."""
    import struct
    import zlib

    rows = b""
    for x, y, dx, dy in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        part = indices[y::dy, x::dx]
        rows += b"".join(b"\0" + row.tobytes() for row in part) if part.size else b""
    height, width = indices.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


CLASSES = np.zeros((6, 8), np.uint8)
CLASSES[1:3, 1:4] = 1
CLASSES[3:5, 5:7] = 2
OBJECTS = CLASSES.copy()
CLASS, OBJECT = "SegmentationClass/a.png", "SegmentationObject/a.png"
PLAIN: dict[str, Any] = {
    "labelmap.txt": LABELMAP,
    DEFAULT: "a\n",
    CLASS: png(COLORS[CLASSES]),
    OBJECT: png(VOC[OBJECTS]),
}


def build(path: Path, files: Mapping[str, Any]) -> Path:
    """A data set of files by name (str, bytes; None: left out): a zip where the path says so, else a folder."""
    present = {n: d.encode() if isinstance(d, str) else d for n, d in files.items() if d is not None}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in present.items():
                archive.writestr(name, data)
        return path
    for name, data in present.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return path


class Got(NamedTuple):
    labels: LabelMap
    images: list[AnnotatedImage]
    report: Report

    def instances(self) -> dict[str, list[tuple[str, Any, frozenset[tuple[int, int]]]]]:
        """By image: label, id, and the set of (x, y)."""
        return {i.name: [(a.label, a.id, pixels(a.shape)) for a in i.annotations] for i in self.images}

    def one(self, code: str) -> Finding:
        """The only Finding of that code."""
        found = [f for f in self.report.findings if f.code == code]
        assert len(found) == 1, self.codes()
        return found[0]

    def codes(self) -> list[str]:
        return [f"{f.code}: {f}" for f in self.report.findings]


def pixels(shape: Any) -> frozenset[tuple[int, int]]:
    assert isinstance(shape, Mask)
    return where(shape.to_array())


def where(array: Array) -> frozenset[tuple[int, int]]:
    return frozenset((int(x), int(y)) for y, x in zip(*np.nonzero(array), strict=True))


CAR, TREE = where(CLASSES == 1), where(CLASSES == 2)
BOTH = [("car", 1, CAR), ("tree", 2, TREE)]


def read(path: Path, files: Mapping[str, Any] | None = None, *, check: bool = False, **options: Any) -> Got:
    if files is not None:
        path = build(path / "set.zip", files)
    with maskconv.open_reader(path, format="cvat-mask", **options) as images:
        found = list(images)
        if check:
            images.report.tallies.clear()
            images.report.extend(review.check(path, "cvat-mask", options).findings)
        return Got(images.labels, found, images.report)


# --- the common case, in every container and every kind of PNG -----------------------------------------------------------


@pytest.mark.parametrize("name", ["set.zip", "set"])
@pytest.mark.parametrize("root", ["", "export/", "x/y/z/"])
def test_zip_and_folder_at_the_top_or_nested(tmp_path: Path, name: str, root: str) -> None:
    path = build(tmp_path / name, {root + k: v for k, v in PLAIN.items()})
    got = read(path)
    assert got.instances() == {"a": BOTH}
    assert got.report.findings == []
    image = got.images[0]
    assert (image.width, image.height, image.split, image.picture) == (8, 6, None, None)
    assert got.labels.names == ("background", "car", "tree")
    assert [label.color for label in got.labels.labels] == [(0, 0, 0), (250, 50, 83), (0, 128, 0)]


KINDS: dict[str, tuple[Callable[[Array], bytes], Callable[[Array], bytes]]] = {
    "rgb": (lambda a: png(COLORS[a]), lambda a: png(VOC[a])),
    "gray": (png, png),
    "palette": (lambda a: png(palette(a, COLORS)), lambda a: png(palette(a, VOC))),
    "voc palette": (lambda a: png(palette(a, VOC)), lambda a: png(palette(a, VOC))),
    "palette of 2 bits": (lambda a: png(palette(a, COLORS), bits=2), lambda a: png(palette(a, VOC[:4]), bits=2)),
    "16 bits": (lambda a: png(a.astype(np.uint16)), lambda a: png(a.astype(np.uint16))),
    "rgba": (lambda a: png(np.dstack([COLORS[a], a * 0 + 255])), lambda a: png(np.dstack([VOC[a], a * 0]))),
    "gray and alpha": (lambda a: png(np.dstack([a, a * 0 + 255])), lambda a: png(np.dstack([a, a * 0 + 9]))),
    "interlaced": (interlaced, interlaced),
    "optimised": (lambda a: png(COLORS[a], optimize=True), lambda a: png(VOC[a], compress_level=9)),
}


@pytest.mark.parametrize("classes", KINDS)
@pytest.mark.parametrize("objects", KINDS)
def test_every_kind_of_png(tmp_path: Path, classes: str, objects: str) -> None:
    files = PLAIN | {CLASS: KINDS[classes][0](CLASSES), OBJECT: KINDS[objects][1](OBJECTS)}
    assert read(tmp_path, files).instances() == {"a": BOTH}


def test_palettes_count_by_colour(tmp_path: Path) -> None:
    """An optimiser may put the entries in any order, black too; CVAT goes by colour."""
    order = np.array([2, 0, 1], np.uint8)  # value v is stored as order[v]
    files = PLAIN | {
        CLASS: png(palette(order[CLASSES], COLORS[[1, 2, 0]])),
        OBJECT: png(palette(order[OBJECTS], VOC[[1, 2, 0]])),
    }
    got = read(tmp_path, files)
    assert got.instances() == {"a": BOTH}
    assert got.report.findings == []


def test_a_palette_with_one_false_colour_is_no_index_mask(tmp_path: Path) -> None:
    """Read by index, all labels would be wrong, silently."""
    colors = np.vstack([COLORS[[0, 2, 1]], [(9, 9, 9)]])
    classes = np.array([0, 2, 1], np.uint8)[CLASSES]
    classes[0, 7] = 3
    got = read(tmp_path, PLAIN | {CLASS: png(palette(classes, colors))})
    finding = got.one("cvat-color-undeclared")
    assert "(9, 9, 9) at x=7, y=0" in finding.message
    assert got.images == []


def test_a_foreign_palette_counts_by_index(tmp_path: Path) -> None:
    got = read(tmp_path, PLAIN | {CLASS: png(palette(CLASSES, [(0, 0, 0), (1, 2, 3), (4, 5, 6)]))})
    assert got.instances() == {"a": BOTH}
    finding = got.one("cvat-palette-index")
    assert finding.weight is Weight.WARNING
    assert finding.where.member == CLASS


@pytest.mark.parametrize(
    ("colors", "ids"),
    [
        ([(0, 0, 0), (9, 9, 9), (8, 8, 8)], [1, 2]),  # entry 0 is the background
        ([(7, 7, 7), (9, 9, 9), (8, 8, 8)], [1, 2]),
    ],
)
def test_a_foreign_instance_palette(tmp_path: Path, colors: Any, ids: list[int]) -> None:
    got = read(tmp_path, PLAIN | {OBJECT: png(palette(OBJECTS, colors))})
    assert [(label, shape) for label, _, shape in got.instances()["a"]] == [("car", CAR), ("tree", TREE)]
    assert [a.id for a in got.images[0].annotations] == ids
    assert got.one("cvat-instance-color").weight is Weight.WARNING


def test_black_in_a_foreign_instance_palette_is_the_background(tmp_path: Path) -> None:
    order = np.array([1, 0, 2], np.uint8)
    got = read(tmp_path, PLAIN | {OBJECT: png(palette(order[OBJECTS], [(9, 9, 9), (0, 0, 0), (8, 8, 8)]))})
    assert {(label, shape) for label, _, shape in got.instances()["a"]} == {("car", CAR), ("tree", TREE)}


# --- the table: what CVAT's importer does with odd input -----------------------------------------------------------------


class Odd(NamedTuple):
    """Changed files, the Finding's code, weight and words, and what is read all the same (None: the image is refused)."""

    files: dict[str, Any]
    code: str
    weight: Weight
    words: tuple[str, ...]
    instances: list[Any] | None = BOTH  # type: ignore[assignment]
    member: str = ""


def _set(array: Array, y: int, x: int, value: Any) -> Array:
    array = array.copy()
    array[y, x] = value
    return array


def _boat() -> dict[str, Any]:
    classes, objects = _set(CLASSES, 0, 0, 1), _set(OBJECTS, 0, 0, 9)
    return {CLASS: png(COLORS[classes]), OBJECT: png(VOC[objects])}


E, D, W, I = Weight.ERROR, Weight.DATA, Weight.WARNING, Weight.INFO  # noqa: E741
BINARY = ((CLASSES > 0) * 255).astype(np.uint8)
ODD: dict[str, Odd] = {
    "1-bit": Odd(
        {CLASS: png(Image.fromarray(CLASSES > 0))},
        "cvat-png-kind", W, ("1-bit gray", "Undeclared label '255'"),
        [("car", 1, CAR), ("car", 2, TREE)], CLASS,
    ),
    "gray 0 and 255": Odd({CLASS: png(BINARY)}, "cvat-binary-mask", E, ("255", "Undeclared label '255'"), None, CLASS),
    "gray index too high": Odd(
        {CLASS: png(_set(CLASSES, 1, 1, 3))},
        "cvat-index-undeclared", E, ("the index 3 at x=1, y=1", "3 labels", "(1 pixel)", "add the missing lines"), None, CLASS,
    ),
    "class colour undeclared": Odd(
        {CLASS: png(_set(COLORS[CLASSES], 5, 7, (1, 2, 3)))},
        "cvat-color-undeclared", E, ("(1, 2, 3) at x=7, y=5", "labelmap.txt", "resizing"), None, CLASS,
    ),
    "red and blue swapped": Odd(
        {CLASS: png(COLORS[CLASSES][:, :, ::-1].copy())},
        "cvat-color-undeclared", E, ("(83, 50, 250) at x=1, y=1", "red and blue are swapped"), None, CLASS,
    ),
    "instance colour undeclared": Odd(
        {OBJECT: png(voc(301)[np.where(OBJECTS == 2, 300, OBJECTS.astype(int))])},
        "cvat-instance-color", W, (str(tuple(voc(301)[300].tolist())), "Undeclared color"),
        [("car", 1, CAR), ("tree", 300, TREE)], OBJECT,
    ),
    "no black in the map": Odd(
        {"labelmap.txt": LABELMAP.replace("0,0,0", "1,1,1")},
        "labelmap-background-not-black", W, ("Undeclared color (0, 0, 0)",), BOTH, "labelmap.txt",
    ),
    "object PNG missing": Odd(
        {OBJECT: None}, "cvat-object-missing", W, ("background included", "1 image ", "connected parts"),
        [("car", None, CAR), ("tree", None, TREE)],
    ),
    "class PNG missing": Odd({CLASS: None}, "cvat-class-missing", E, ("SegmentationClass", "TypeError"), None, OBJECT),
    "both missing": Odd({CLASS: None, OBJECT: None}, "cvat-listed-empty", W, ("'a'", "without annotations"), []),
    "sizes differ": Odd(
        {OBJECT: png(VOC[OBJECTS[:5]])}, "cvat-size-mismatch", E, ("8x6", "8x5", "broadcast", "export both"), None, CLASS
    ),
    "class PNG cut off": Odd({CLASS: PLAIN[CLASS][:60]}, "png-corrupt", E, ("cut off", "again"), None, CLASS),
    "object PNG cut off": Odd({OBJECT: PLAIN[OBJECT][:60]}, "png-corrupt", E, ("cut off", "again"), None, OBJECT),
    "no PNG at all": Odd({CLASS: b"<html>404</html>"}, "png-foreign", E, ("HTML",), None, CLASS),
    "over two classes": Odd(
        {CLASS: png(COLORS[_set(CLASSES, 1, 1, 2)])},
        "cvat-mixed", E, ("instance 1", "car: 5 pixels", "tree: 1 pixel)", "highest index", "--from-mixed split"),
        [("tree", 2, TREE)], OBJECT,
    ),
    "class without instance": Odd(
        {OBJECT: png(VOC[np.where(OBJECTS == 2, 0, OBJECTS)])},
        "cvat-class-only", D, ("x=5, y=3", "tree", "CVAT drops"), [("car", 1, CAR)], CLASS,
    ),
    "instance on the background": Odd(
        {OBJECT: png(VOC[_set(OBJECTS, 0, 0, 3)])},
        "cvat-background-instance", W, ("'background'", "is not registered"),
        [*BOTH, ("background", 3, frozenset({(0, 0)}))], CLASS,
    ),
    "16-bit instances": Odd(
        {OBJECT: png(OBJECTS.astype(np.uint16) * 256)},
        "cvat-png-kind", W, ("16-bit gray", "lower 8 bits"), [("car", 256, CAR), ("tree", 512, TREE)], OBJECT,
    ),
    "gray and alpha": Odd(
        {CLASS: KINDS["gray and alpha"][0](CLASSES)}, "cvat-png-kind", W, ("alpha", "Undeclared color"), BOTH, CLASS
    ),
    "upper-case .PNG": Odd(
        {CLASS: None, "SegmentationClass/a.PNG": PLAIN[CLASS]},
        "cvat-mask-suffix", W, (".PNG", "without a word", "rename it"), BOTH, "SegmentationClass/a.PNG",
    ),
    "mask is a .jpg": Odd(
        {"SegmentationClass/a.jpg": b"..."}, "cvat-mask-suffix", E, ("as PNG",), BOTH, "SegmentationClass/a.jpg"
    ),
    "mask is a .npy": Odd(
        {"SegmentationClass/a.npy": b"..."}, "cvat-mask-suffix", W, (".npy",), BOTH, "SegmentationClass/a.npy"
    ),
    "not in the list": Odd({DEFAULT: "\n"}, "cvat-unlisted", W, ("'a'", "CVAT ignores"), BOTH),
    "no lists": Odd({DEFAULT: None}, "cvat-no-lists", W, ("does not find",), BOTH),
    "subset with an underscore": Odd(
        {DEFAULT: None, "ImageSets/Segmentation/my_set.txt": "a\n"},
        "cvat-split-name", W, ("underscore", "my-set.txt"), BOTH, "ImageSets/Segmentation/my_set.txt",
    ),
    "list .TXT": Odd(
        {DEFAULT: None, "ImageSets/Segmentation/default.TXT": "a\n"},
        "cvat-split-name", W, ("suffix", "default.txt"), BOTH, "ImageSets/Segmentation/default.TXT",
    ),
    "list with a BOM": Odd({DEFAULT: "\ufeffa\n"}, "cvat-list-encoding", W, ("byte order mark",), BOTH, DEFAULT),
    "list in UTF-16": Odd(
        {DEFAULT: "a\r\n".encode("utf-16")}, "cvat-list-encoding", W, ("UTF-16", "UnicodeDecodeError"), BOTH, DEFAULT
    ),
    "list in Latin-1": Odd(
        {DEFAULT: "a\n#é".encode("latin-1")}, "cvat-list-encoding", W, ("UTF-8", "UnicodeDecodeError"), BOTH, DEFAULT
    ),
    "list line a.png": Odd({DEFAULT: "a.png\n"}, "cvat-list-line", W, ("'a.png'", "write a"), BOTH, DEFAULT),
    "list line quoted": Odd({DEFAULT: '"a"\n'}, "cvat-list-line", W, ('"a"', "write a"), BOTH, DEFAULT),
    "list line ./a": Odd({DEFAULT: "./a\n"}, "cvat-list-line", W, ("./a", "write a"), BOTH, DEFAULT),
    "list line /a": Odd({DEFAULT: "a\n/a\n"}, "cvat-list-unsafe", E, ("'/a'", "absolute", "remove"), BOTH, DEFAULT),
    "list line ../a": Odd({DEFAULT: "a\n../../a\n"}, "cvat-list-unsafe", E, ("'../../a'", "leads out"), BOTH, DEFAULT),
    "list line x/../a": Odd({DEFAULT: "a\nx/../a\n"}, "cvat-list-unsafe", E, ("leads out",), BOTH, DEFAULT),
    "list line C:\\a": Odd({DEFAULT: "a\nC:\\a\n"}, "cvat-list-unsafe", E, ("absolute",), BOTH, DEFAULT),
    "list line twice": Odd({DEFAULT: "a\na\n"}, "cvat-list-twice", W, ("'a'", "once"), BOTH, DEFAULT),
    "map: 300": Odd(
        {"labelmap.txt": LABELMAP + "x:300,0,0::\n"}, "labelmap-color-range", D, ("no pixel ever matches",), BOTH, "labelmap.txt"
    ),
    "map: space in a name": Odd(
        {"labelmap.txt": LABELMAP.replace("tree:", "tree :")}, "labelmap-name-space", D, ("other than",), BOTH, "labelmap.txt"
    ),
    "map: BOM": Odd({"labelmap.txt": "\ufeff" + LABELMAP}, "labelmap-bom", E, ("byte order mark",), BOTH, "labelmap.txt"),
    "map: three fields": Odd(
        {"labelmap.txt": LABELMAP.replace("83::", "83:")},
        "labelmap-fields", E, ("3 fields",), BOTH, "labelmap.txt",
    ),
    "map: parentheses": Odd(
        {"labelmap.txt": LABELMAP.replace("0,128,0", "(0,128,0)")}, "labelmap-color-syntax", E, ("wrong color",), BOTH, "labelmap.txt"
    ),
    "map: UTF-16": Odd({"labelmap.txt": LABELMAP.encode("utf-16")}, "labelmap-encoding", E, ("UTF-16",), BOTH, "labelmap.txt"),
    "map: all colours blank": Odd(
        {"labelmap.txt": "background:::\ncar:::\ntree:::\n", CLASS: png(VOC[CLASSES])},
        "labelmap-colors-blank", I, ("VOC colour",), BOTH, "labelmap.txt",
    ),
    "map: missing": Odd(
        {"labelmap.txt": None, CLASS: png(VOC[CLASSES])},
        "cvat-no-labelmap", W, ("VOC's 21 labels", "--from-labelmap"), [("aeroplane", 1, CAR), ("bicycle", 2, TREE)],
    ),
    "dataset_meta.json": Odd(
        {"dataset_meta.json": '{"labels": ["background", "dog", "cat"], "label_map": {"0": "background", "1": "dog",'
         ' "2": "cat"}, "segmentation_colors": [[0, 0, 0], [250, 50, 83], [0, 128, 0]]}'},
        "cvat-meta", I, ("overrules",), [("dog", 1, CAR), ("cat", 2, TREE)], "dataset_meta.json",
    ),
    "void, by colour": Odd(
        {CLASS: png(_set(COLORS[CLASSES], 0, 0, (224, 224, 192)))},
        "cvat-void", W, ("x=0, y=0", "Undeclared color"), BOTH, CLASS,
    ),
    "void, by index": Odd(
        {CLASS: png(_set(CLASSES, 0, 0, 255))}, "cvat-void", W, ("255", "Undeclared label '255'"), BOTH, CLASS
    ),
    "empty instance mask": Odd(
        {CLASS: png(COLORS[CLASSES * 0]), OBJECT: png(VOC[OBJECTS * 0])},
        "cvat-empty-mask", W, ("zero-size array",), [], OBJECT,
    ),
    "SegmentationClassPNG": Odd(
        {CLASS: None, "SegmentationClassPNG/a.png": PLAIN[CLASS]},
        "cvat-folder-name", W, ("SegmentationClassPNG", "rename"), BOTH, "SegmentationClassPNG",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_input(tmp_path: Path, name: str) -> None:
    odd = ODD[name]
    got = read(tmp_path, PLAIN | odd.files)
    finding = got.one(odd.code)
    told = odd.weight
    if odd.code.startswith("labelmap-") and odd.weight is Weight.ERROR:  # CVAT refuses it; it can be read all the same
        told = Weight.WARNING
        checked = [f for f in maskconv.validate(tmp_path / "set.zip") if f.code == odd.code]
        assert [f.weight for f in checked] == [Weight.ERROR]
    assert finding.weight is told
    assert finding.where.path == str(tmp_path / "set.zip")
    assert finding.where.member == odd.member
    assert [word for word in odd.words if word not in str(finding)] == [], str(finding)
    assert finding.fix or odd.weight is Weight.INFO
    assert got.instances() == ({} if odd.instances is None else {"a": odd.instances})
    errors = [f.code for f in got.report.findings if f.weight is Weight.ERROR]
    assert errors == ([odd.code] if told is Weight.ERROR else [])


@pytest.mark.parametrize(
    ("labelmap", "code"),
    [
        (LABELMAP.replace("tree", "car"), "labelmap-duplicate-name"),
        ("item {\n  name: 'car'\n  id: 1\n}\n", "labelmap-other-format"),
        ("car:?:::\n", "labelmap-fields"),
        ("", "labelmap-empty"),
    ],
)
def test_a_label_map_that_cannot_be_used(tmp_path: Path, labelmap: str, code: str) -> None:
    path = build(tmp_path / "set.zip", PLAIN | {"labelmap.txt": labelmap})
    report = Report()
    try:
        with maskconv.open_reader(path) as images:
            list(images)
            found = images.report.findings
    except SourceError as error:
        assert error.code == "labelmap-unusable"
        assert error.where is not None
        assert error.where.member == "labelmap.txt"
        assert error.fix
        with pytest.raises(SourceError):
            maskconv.convert(path, tmp_path / "out.mcv", report=report)
        found = report.findings
        assert not (tmp_path / "out.mcv").exists()
    assert code in {f.code for f in found}


def test_a_broken_meta_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"dataset_meta.json: .* remove it"):
        read(tmp_path, PLAIN | {"dataset_meta.json": "[1"})


def test_a_meta_file_without_colours_has_vocs(tmp_path: Path) -> None:
    files = {"dataset_meta.json": '{"labels": ["background", "dog", "cat"]}', CLASS: png(VOC[CLASSES])}
    assert read(tmp_path, PLAIN | files).instances() == {"a": [("dog", 1, CAR), ("cat", 2, TREE)]}


def test_duplicate_colours_read_as_the_last_label(tmp_path: Path) -> None:
    got = read(tmp_path, PLAIN | {"labelmap.txt": LABELMAP + "bush:0,128,0::\n"})
    assert got.instances() == {"a": [("car", 1, CAR), ("bush", 2, TREE)]}
    assert got.one("labelmap-duplicate-color").weight is Weight.DATA


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 0, 1), (1, 2), (0, 2, 1)])
def test_label_maps_in_any_order_with_or_without_background(tmp_path: Path, order: tuple[int, ...]) -> None:
    lines = LABELMAP.splitlines()[1:]
    got = read(tmp_path, PLAIN | {"labelmap.txt": "\n".join(lines[i] for i in order)})
    assert got.instances() == {"a": BOTH}
    assert got.labels.names == tuple(lines[i].split(":")[0] for i in order)


def test_a_background_of_another_colour(tmp_path: Path) -> None:
    colors = np.array([(10, 20, 30), *COLORS[1:]], np.uint8)
    files = {"labelmap.txt": LABELMAP.replace("0,0,0", "10,20,30"), CLASS: png(colors[CLASSES])}
    got = read(tmp_path, PLAIN | files)
    assert got.instances() == {"a": BOTH}
    assert [f.code for f in got.report.findings] == ["labelmap-background-not-black"]


def test_an_instance_on_undeclared_black(tmp_path: Path) -> None:
    files = {"labelmap.txt": "car:250,50,83::\ntree:0,128,0::\n", OBJECT: png(VOC[_set(OBJECTS, 0, 7, 5)])}
    got = read(tmp_path, PLAIN | files)
    assert got.images == []
    assert "(0, 0, 0) at x=7, y=0" in got.one("cvat-color-undeclared").message


def test_the_documents_grayscale_example(tmp_path: Path) -> None:
    """Lines count, not comments: boat is 4, whatever the comment says."""
    text = """q:0,128,0:: # color index 0
aeroplane:10,10,128:: # color index 1
_dummy2:2,2,2:: # filler for color index 2
_dummy3:3,3,3:: # filler for color index 3
boat:108,0,100:: # color index 3
{}_dummy198:198,198,198:: # filler for color index 198
_dummy199:199,199,199:: # filler for color index 199
the last label:12,28,0:: # color index 200
"""
    fillers = "".join(f"_dummy{i}:{i},{i},{i}::\n" for i in range(5, 198))
    classes, objects = np.zeros((4, 6), np.uint8), np.zeros((4, 6), np.uint8)
    for number, index in enumerate((0, 1, 4, 198, 199, 200)):
        classes[1, number], objects[1, number] = index, number + 1
    got = read(tmp_path, PLAIN | {"labelmap.txt": text.format(fillers), CLASS: png(classes), OBJECT: png(objects)})
    names = ["q", "aeroplane", "boat", "_dummy198", "_dummy199", "the last label"]
    expected = [(name, i + 1, frozenset({(i, 1)})) for i, name in enumerate(names)]
    assert got.instances() == {"a": expected}
    assert got.one("labelmap-index-comment").where.line == 5
    assert {f.weight for f in got.report.findings} <= {Weight.WARNING, Weight.INFO}, got.codes()


# --- void ----------------------------------------------------------------------------------------------------------------


def border() -> Array:
    """A VOC border: a ring of 255 around the car."""
    ring = np.zeros(CLASSES.shape, bool)
    ring[0:4, 0:5] = True
    return ring & (CLASSES == 0)


@pytest.mark.parametrize("kind", ["gray", "voc palette"])
@pytest.mark.parametrize("in_objects", [True, False])
def test_voc_border_is_void(tmp_path: Path, kind: str, in_objects: bool) -> None:
    classes = np.where(border(), 255, CLASSES).astype(np.uint8)
    objects = np.where(border() & in_objects, 255, OBJECTS).astype(np.uint8)
    got = read(tmp_path, PLAIN | {CLASS: KINDS[kind][0](classes), OBJECT: KINDS[kind][1](objects)})
    assert got.instances() == {"a": BOTH}
    assert pixels(got.images[0].ignored) == where(border())
    assert got.one("cvat-void").amount == border().sum()
    assert got.one("cvat-void").unit == "pixels"


def test_void_in_the_instance_mask_alone(tmp_path: Path) -> None:
    got = read(tmp_path, PLAIN | {OBJECT: png(np.where(border(), 255, OBJECTS).astype(np.uint8))})
    assert got.instances() == {"a": BOTH}
    assert pixels(got.images[0].ignored) == where(border())


def test_entry_255_of_a_palette_is_void_whatever_its_colour(tmp_path: Path) -> None:
    colors = np.vstack([COLORS, np.zeros((252, 3)), [(255, 255, 255)]]).astype(np.uint8)
    got = read(tmp_path, PLAIN | {CLASS: png(palette(np.where(border(), 255, CLASSES), colors))})
    assert got.instances() == {"a": BOTH}
    assert pixels(got.images[0].ignored) == where(border())


def test_entry_255_of_a_palette_may_be_a_labels(tmp_path: Path) -> None:
    colors = np.vstack([COLORS[:2], np.zeros((253, 3)), COLORS[2:]]).astype(np.uint8)
    got = read(tmp_path, PLAIN | {CLASS: png(palette(np.where(CLASSES == 2, 255, CLASSES), colors))})
    assert got.instances() == {"a": BOTH}


def test_void_over_an_instance_counts_as_void_and_is_told(tmp_path: Path) -> None:
    got = read(tmp_path, PLAIN | {CLASS: png(_set(CLASSES, 1, 1, 255))})
    assert got.instances() == {"a": [("car", 1, CAR - {(1, 1)}), ("tree", 2, TREE)]}
    finding = got.one("cvat-void-instance")
    assert (finding.weight, finding.amount, finding.unit) == (Weight.DATA, 1, "pixels")
    assert "x=1, y=1" in finding.message


def test_instance_255_of_a_class_is_an_instance(tmp_path: Path) -> None:
    got = read(tmp_path, PLAIN | {OBJECT: png(np.where(OBJECTS == 2, 255, OBJECTS).astype(np.uint8))})
    assert got.instances() == {"a": [("car", 1, CAR), ("tree", 255, TREE)]}


def test_the_label_map_may_declare_255(tmp_path: Path) -> None:
    lines = LABELMAP + "".join(f"l{i}:1,{i},7::\n" for i in range(3, 256))
    got = read(
        tmp_path, PLAIN | {"labelmap.txt": lines, CLASS: png(np.where(CLASSES == 2, 255, CLASSES).astype(np.uint8))}
    )
    assert got.instances() == {"a": [("car", 1, CAR), ("l255", 2, TREE)]}
    assert got.images[0].ignored is None


IGNORED = LABELMAP + "ignored:224,224,192::\n"


def test_a_declared_ignored_label_with_instances_is_a_label(tmp_path: Path) -> None:
    colors = np.vstack([COLORS, [(224, 224, 192)]]).astype(np.uint8)
    classes, objects = _set(CLASSES, 5, slice(0, 3), 3), _set(OBJECTS, 5, slice(0, 2), 9)
    got = read(tmp_path, PLAIN | {"labelmap.txt": IGNORED, CLASS: png(colors[classes]), OBJECT: png(VOC[objects])})
    assert got.instances() == {"a": [*BOTH, ("ignored", 9, frozenset({(0, 5), (1, 5)}))]}
    assert pixels(got.images[0].ignored) == {(2, 5)}


def test_a_declared_ignored_label_as_border(tmp_path: Path) -> None:
    colors = np.vstack([COLORS, [(224, 224, 192)]]).astype(np.uint8)
    classes = np.where(border(), 3, CLASSES)
    objects = np.where(border(), 255, OBJECTS)
    got = read(tmp_path, PLAIN | {"labelmap.txt": IGNORED, CLASS: png(colors[classes]), OBJECT: png(VOC[objects])})
    assert got.instances() == {"a": BOTH}
    assert pixels(got.images[0].ignored) == where(border())


# --- without an instance mask --------------------------------------------------------------------------------------------


def parts() -> Array:
    classes = np.zeros((5, 9), np.uint8)
    classes[0, 0] = classes[1, 1] = 1  # joined over a corner
    classes[4, 0:3] = 1
    classes[2:4, 5:8] = 2
    classes[0, 8] = 255
    return classes


def test_components_are_instances(tmp_path: Path) -> None:
    got = read(tmp_path, PLAIN | {CLASS: png(parts()), OBJECT: None})
    tree = where(parts() == 2)
    car = frozenset({(0, 0), (1, 1)}), frozenset({(0, 4), (1, 4), (2, 4)})
    assert got.instances() == {"a": [("car", None, car[0]), ("tree", None, tree), ("car", None, car[1])]}
    assert pixels(got.images[0].ignored) == {(8, 0)}


def test_classes_are_instances(tmp_path: Path) -> None:
    got = read(tmp_path, PLAIN | {CLASS: png(parts()), OBJECT: None}, objects="class")
    assert got.instances() == {"a": [("car", None, where(parts() == 1)), ("tree", None, where(parts() == 2))]}
    assert "each class is one instance" in got.one("cvat-object-missing").message


def test_mixed_split(tmp_path: Path) -> None:
    got = read(tmp_path, PLAIN | {CLASS: png(COLORS[_set(CLASSES, 1, 1, 2)])}, mixed="split")
    assert got.instances() == {"a": [("car", 1, CAR - {(1, 1)}), ("tree", 1, frozenset({(1, 1)})), ("tree", 2, TREE)]}
    finding = got.one("cvat-mixed-split")
    assert (finding.weight, finding.where.member) == (Weight.WARNING, OBJECT)


def test_the_labelmap_option(tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text(LABELMAP.replace("car", "bus"))
    got = read(tmp_path, PLAIN, labelmap=own)
    assert got.instances() == {"a": [("bus", 1, CAR), ("tree", 2, TREE)]}
    with pytest.raises(SourceError, match="--from-labelmap"):
        read(tmp_path, PLAIN, labelmap=tmp_path / "none.txt")


# --- items, lists, roots, pictures ---------------------------------------------------------------------------------------


def test_names_of_all_kinds(tmp_path: Path) -> None:
    names = [
        "sub/dir/b",
        "with space",
        "dots.in.name.v2",
        "ünï",
        "日本",
        "frame_000001",
        ".hidden",
        "x\x85y",
        "x\u2028y",
        "photo.jpg",
        "don't",
    ]
    files = PLAIN | {DEFAULT: "# comment\n\n  a  \r\n" + "\n".join(names)}
    for name in names:
        files |= {f"SegmentationClass/{name}.png": PLAIN[CLASS], f"SegmentationObject/{name}.png": PLAIN[OBJECT]}
    got = read(tmp_path, files)
    assert got.instances() == dict.fromkeys(["a", *names], BOTH)
    assert got.report.findings == []


def test_what_hides_beside_the_masks_is_no_item(tmp_path: Path) -> None:
    litter = {
        "__MACOSX/SegmentationClass/._a.png": b"x",
        "SegmentationClass/._a.png": b"x",
        "SegmentationClass/.ipynb_checkpoints/a-checkpoint.png": PLAIN[CLASS],
        ".git/SegmentationClass/b.png": b"x",
    }
    got = read(tmp_path, PLAIN | litter)
    assert got.instances() == {"a": BOTH}
    assert got.report.findings == []


def test_backslashes_in_lists(tmp_path: Path) -> None:
    files = PLAIN | {
        DEFAULT: "sub\\a\n",
        "SegmentationClass/sub/a.png": PLAIN[CLASS],
        "SegmentationObject/sub/a.png": PLAIN[OBJECT],
    }
    got = read(tmp_path, files | {CLASS: None, OBJECT: None})
    assert got.instances() == {"sub/a": BOTH}
    assert got.one("cvat-list-line").where.line == 1


def test_subsets_and_items_in_several(tmp_path: Path) -> None:
    lists = {"train": "a\nb\n", "val": "c\n", "trainval": "a\nb\nc\nd\n"}
    files = PLAIN | {DEFAULT: None} | {f"ImageSets/Segmentation/{k}.txt": v for k, v in lists.items()}
    for name in "bcd":
        files |= {f"SegmentationClass/{name}.png": PLAIN[CLASS], f"SegmentationObject/{name}.png": PLAIN[OBJECT]}
    got = read(tmp_path, files | {"ImageSets/Main/default.txt": "x\n"})
    assert [(i.name, i.split) for i in got.images] == [("a", "train"), ("b", "train"), ("c", "val"), ("d", "trainval")]
    finding = got.one("cvat-split-several")
    assert (finding.weight, finding.amount, finding.unit) == (Weight.INFO, 3, "images")
    assert "'a' in train.txt" in finding.message
    assert finding.where.member == "ImageSets/Segmentation/trainval.txt"


def test_listed_without_masks_is_one_warning(tmp_path: Path) -> None:
    got = read(tmp_path, PLAIN | {DEFAULT: "a\n" + "".join(f"n{i}\n" for i in range(2000))})
    assert len(got.images) == 2001
    assert (got.images[1].width, got.images[1].annotations) == (None, ())
    finding = got.one("cvat-listed-empty")
    assert (finding.amount, finding.unit) == (2000, "images")


def test_only_empty_images_are_recognised(tmp_path: Path) -> None:
    path = build(tmp_path / "set.zip", {"labelmap.txt": LABELMAP, DEFAULT: "a\nb\n"})
    with maskconv.open_reader(path) as images:
        assert [i.name for i in images] == ["a", "b"]


def test_class_folders_under_one_label_map(tmp_path: Path) -> None:
    files = {"labelmap.txt": LABELMAP}
    for root in ("cars", "trees"):
        files |= {f"data/{root}/{k}": v for k, v in PLAIN.items() if k != "labelmap.txt"}
    got = read(tmp_path, files)
    assert got.instances() == {"cars/a": BOTH, "trees/a": BOTH}
    finding = got.one("cvat-roots")
    assert (finding.weight, finding.amount) == (Weight.WARNING, 2)
    assert "data/cars, data/trees" in finding.message


def test_roots_with_label_maps_of_their_own(tmp_path: Path) -> None:
    files = {f"cars/{k}": v for k, v in PLAIN.items()} | {f"trees/{k}": v for k, v in PLAIN.items()}
    files["trees/labelmap.txt"] = "background:0,0,0::\noak:0,128,0::\nbus:250,50,83::\n"
    got = read(tmp_path, files)
    assert got.instances() == {"cars/a": BOTH, "trees/a": [("bus", 1, CAR), ("oak", 2, TREE)]}
    assert got.labels.names == ("background", "car", "tree", "oak", "bus")


@pytest.mark.parametrize(("root", "told"), [("a/b/c/", False), ("a/b/c/d/", True), ("a/b/c/d/e/", True)])
def test_depth(tmp_path: Path, root: str, told: bool) -> None:
    got = read(tmp_path, {root + k: v for k, v in PLAIN.items()})
    assert got.instances() == {"a": BOTH}
    assert [f.code for f in got.report.findings] == ["cvat-roots"] * told


def test_a_label_map_above_the_root_is_used_and_told(tmp_path: Path) -> None:
    files = {f"data/lion/{k}": v for k, v in PLAIN.items() if k != "labelmap.txt"} | {"labelmap.txt": LABELMAP}
    got = read(tmp_path, files)
    assert got.instances() == {"a": BOTH}
    assert "in data/lion" in got.one("cvat-labelmap-place").message


def test_items_that_differ_by_case(tmp_path: Path) -> None:
    files = PLAIN | {
        DEFAULT: "a\nA\n",
        "SegmentationClass/A.png": PLAIN[CLASS],
        "SegmentationObject/A.png": PLAIN[OBJECT],
    }
    got = read(tmp_path, files)
    finding = got.one("cvat-item-collision")
    assert finding.weight is Weight.ERROR
    assert "'a' and 'A'" in finding.message


def test_two_masks_of_one_item(tmp_path: Path) -> None:
    got = read(tmp_path, PLAIN | {"SegmentationClass/a.PNG": PLAIN[CLASS]})
    assert "SegmentationClass/a" in got.one("cvat-item-collision").message


def jpeg(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize("name", ["set.zip", "set"])
def test_pictures(tmp_path: Path, name: str) -> None:
    path = build(tmp_path / name, PLAIN | {"JPEGImages/a.JPG": jpeg(8, 6), "JPEGImages/b.jpg": b"no picture"})
    got = read(path, check=True)
    picture = got.images[0].picture
    assert picture is not None
    assert picture.extension == ".JPG"
    member = "JPEGImages/a.JPG"
    assert (picture.path, picture.member) == ((str(path), member) if name == "set.zip" else (str(path / member), ""))
    assert got.report.findings == []


def test_pictures_that_differ_by_extension(tmp_path: Path) -> None:
    got = read(tmp_path, PLAIN | {"JPEGImages/a.jpg": jpeg(8, 6), "JPEGImages/a.png": b""})
    finding = got.one("cvat-picture-collision")
    assert finding.weight is Weight.ERROR
    assert "a.jpg" in finding.message
    assert finding.where.member == "JPEGImages/a.png"


def test_a_picture_of_another_size_is_told_by_validate(tmp_path: Path) -> None:
    path = build(tmp_path / "set.zip", PLAIN | {"JPEGImages/a.jpg": jpeg(9, 6)})
    (finding,) = maskconv.validate(path)
    assert (finding.code, finding.weight) == ("cvat-picture-size", Weight.WARNING)
    assert "9x6" in finding.message
    assert "8x6" in finding.message
    assert finding.where.member == "JPEGImages/a.jpg"


def test_a_foreign_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="neither SegmentationClass nor ImageSets"):
        read(build(tmp_path / "set", {"a.txt": "x"}))


# --- more than 255 instances ---------------------------------------------------------------------------------------------


def test_more_than_255_instances_are_read(tmp_path: Path) -> None:
    objects = np.arange(400).reshape(20, 20)
    got = read(tmp_path, PLAIN | {CLASS: png(COLORS[(objects > 0).astype(int)]), OBJECT: png(voc(400)[objects])})
    assert [a.id for a in got.images[0].annotations] == list(range(1, 400))
    assert all(pixels(a.shape) == {(a.id % 20, a.id // 20)} for a in got.images[0].annotations)
    many = got.one("cvat-too-many")
    assert (many.weight, many.amount, many.unit, many.where.member) == (Weight.WARNING, 399, "instances", OBJECT)
    assert not [f for f in got.report.findings if f.code == "cvat-instance-color"]


@pytest.mark.parametrize("count", [255, 256])
def test_what_cannot_be_mended_by_another_numbering(tmp_path: Path, count: int) -> None:
    """Colours beyond CVAT's are no matter of the number of instances, and the other way round: the fix says what helps."""
    numbers = np.arange(1, 257).clip(max=count).reshape(16, 16) + 1000
    files = {CLASS: png(COLORS[np.ones((16, 16), np.uint8)]), OBJECT: png(voc(1300)[numbers])}
    path = build(tmp_path / "a.zip", PLAIN | files)
    wrong = [f for f in maskconv.validate(path) if f.weight is Weight.ERROR]
    assert [f.code for f in wrong] == ["cvat-instance-color" if count == 255 else "cvat-too-many"]
    if count == 255:
        assert "convert it to cvat-mask" in wrong[0].fix
        maskconv.convert(path, tmp_path / "b.zip")
        return
    assert "convert" not in wrong[0].fix
    with pytest.raises(maskconv.ConversionError) as caught:
        maskconv.convert(path, tmp_path / "b.zip")
    assert {f.code for f in caught.value.report.findings if f.weight is Weight.ERROR} == {"cvat-too-many"}


def test_16_bit_gray_instances(tmp_path: Path) -> None:
    objects = (OBJECTS.astype(np.uint16)) * 30000
    got = read(tmp_path, PLAIN | {OBJECT: png(objects)})
    assert got.instances() == {"a": [("car", 30000, CAR), ("tree", 60000, TREE)]}


# --- the whole tool: convert ---------------------------------------------------------------------------------------------


def broken_set() -> dict[str, Any]:
    """Seven images: one is fine, the others each have another error."""
    flipped = bytearray(PLAIN[OBJECT])
    flipped[60] ^= 4
    bad = {
        "cut": (PLAIN[CLASS][:70], PLAIN[OBJECT]),
        "flipped": (PLAIN[CLASS], bytes(flipped)),
        "color": (png(_set(COLORS[CLASSES], 5, 7, (1, 2, 3))), PLAIN[OBJECT]),
        "size": (PLAIN[CLASS], png(VOC[OBJECTS[:5]])),
        "noclass": (None, PLAIN[OBJECT]),
    }
    files = dict(PLAIN) | {DEFAULT: "a\n" + "".join(name + "\n" for name in bad) + "../../x\n"}
    for name, (classes, objects) in bad.items():
        files |= {f"SegmentationClass/{name}.png": classes, f"SegmentationObject/{name}.png": objects}
    return files


EXPECTED = {
    "cut": ("png-corrupt", "SegmentationClass/cut.png", "cut off"),
    "flipped": ("png-corrupt", "SegmentationObject/flipped.png", "damaged"),
    "color": ("cvat-color-undeclared", "SegmentationClass/color.png", "(1, 2, 3) at x=7, y=5"),
    "size": ("cvat-size-mismatch", "SegmentationClass/size.png", "8x5"),
    "noclass": ("cvat-class-missing", "SegmentationObject/noclass.png", "SegmentationClass"),
    "": ("cvat-list-unsafe", DEFAULT, "'../../x'"),
}


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("name", ["set.zip", "set"])
def test_all_errors_are_listed_and_nothing_is_written(tmp_path: Path, name: str, jobs: int) -> None:
    path = build(tmp_path / name, broken_set())
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(maskconv.ConversionError) as caught:
        maskconv.convert(path, out / "out.zip", jobs=jobs)
    found = {f.where.image: f for f in caught.value.report.findings if f.weight is Weight.ERROR}
    assert found.keys() == EXPECTED.keys()
    for image, (code, member, words) in EXPECTED.items():
        finding = found[image]
        assert (finding.code, finding.where.member, finding.where.path) == (code, member, str(path))
        assert words in finding.message
        assert finding.fix
        assert "\n" not in str(finding)
        assert not re.search(r"\. [A-Z]", str(finding)), "one sentence"
    assert found[""].where.line == 7
    assert list(out.iterdir()) == []


def test_skip_keeps_the_rest(tmp_path: Path) -> None:
    path, target = build(tmp_path / "set.zip", broken_set()), tmp_path / "out.zip"
    report = maskconv.convert(path, target, on_error="skip")
    assert report.failed
    assert (report.images_written, report.instances_written) == (1, 2)
    assert read(target).instances() == {"a": BOTH}


def test_skip_drops_the_annotation_alone_where_it_can(tmp_path: Path) -> None:
    path = build(tmp_path / "set.zip", PLAIN | ODD["over two classes"].files)
    report = maskconv.convert(path, tmp_path / "out.zip", on_error="skip")
    assert read(tmp_path / "out.zip").instances() == {"a": [("tree", 1, TREE)]}
    assert report.count(Weight.ERROR) == 1


@pytest.mark.parametrize("name", ["class without instance", "void, by index"])
def test_real_loss_leaves_no_target(tmp_path: Path, name: str) -> None:
    path = build(tmp_path / "set.zip", PLAIN | ODD[name].files)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(maskconv.LossError):
        maskconv.convert(path, out / "out.zip", on_loss="fail")
    assert list(out.iterdir()) == []


def test_many_images_with_one_fault_are_one_code(tmp_path: Path) -> None:
    files: dict[str, Any] = {"labelmap.txt": LABELMAP, DEFAULT: "".join(f"i{n}\n" for n in range(200))}
    files |= {f"SegmentationClass/i{n}.png": PLAIN[CLASS] for n in range(200)}
    got = read(tmp_path, files)
    (tally,) = got.report.tallies.values()
    assert (tally.code, tally.count, tally.amount) == ("cvat-object-missing", 1, 200)


# --- random images -------------------------------------------------------------------------------------------------------


@st.composite
def label_images(draw: st.DrawFn) -> tuple[Array, Array, Array]:
    """Classes 0..2, instances of one class each, void pixels."""
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    count = draw(st.integers(0, 7))
    class_of = np.array([0, *draw(st.lists(st.integers(1, 2), min_size=count, max_size=count))])
    numbers = np.array([0, *draw(st.lists(st.integers(1, 254), min_size=count, max_size=count, unique=True))])
    flat = draw(st.lists(st.integers(0, count), min_size=height * width, max_size=height * width))
    base = np.array(flat).reshape(height, width)
    if draw(st.booleans()):  # long runs
        base = np.repeat(base, 5, axis=1)
    void = np.zeros(base.shape, bool)
    if draw(st.booleans()):
        void = np.array(draw(st.lists(st.booleans(), min_size=base.size, max_size=base.size))).reshape(base.shape)
        void &= base == 0
    return class_of[base].astype(np.uint8), numbers[base].astype(np.uint8), void


def truth(classes: Array, objects: Array) -> list[Any]:
    names = ("background", "car", "tree")
    return [(names[classes[objects == i][0]], int(i), where(objects == i)) for i in np.unique(objects) if i]


@given(label_images(), st.sampled_from(["rgb", "gray", "palette", "voc palette", "16 bits", "interlaced"]))
def test_random_images_are_read_exactly(tmp_path_factory: pytest.TempPathFactory, images: Any, kind: str) -> None:
    classes, objects, void = images
    if kind in ("rgb", "palette"):
        colors = np.vstack([COLORS, np.zeros((252, 3)), [(224, 224, 192)]]).astype(np.uint8)
        stored = np.where(void, 255, classes)
        class_png = png(colors[stored]) if kind == "rgb" else png(palette(stored, colors))
        object_png = KINDS[kind][1](np.where(void, 255, objects))
    else:
        class_png, object_png = (
            KINDS[kind][k](np.where(void, 255, a).astype(np.uint8)) for k, a in enumerate((classes, objects))
        )
    if kind in ("gray", "interlaced", "16 bits") and void.any() and not classes.any():
        return  # gray 0 and 255 alone is refused as a binary mask
    folder = tmp_path_factory.mktemp("random")
    got = read(folder, PLAIN | {CLASS: class_png, OBJECT: object_png})
    assert got.instances() == {"a": truth(classes, objects)}
    ignored = got.images[0].ignored
    assert (pixels(ignored) if ignored is not None else frozenset()) == where(void)

    for png_kind in ("rgb", "palette"):
        target = folder / f"{png_kind}.zip"
        maskconv.convert(folder / "set.zip", target, write={"png": png_kind})
        again = read(target).instances()["a"]
        assert [(label, shape) for label, _, shape in again] == [(n, s) for n, _, s in truth(classes, objects)]
        assert [number for _, number, _ in again] == list(range(1, len(again) + 1))
