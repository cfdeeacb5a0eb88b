"""Arrays with a colours table: every form that is read, every form that is written, and what is refused with which words."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import maskconv
from maskconv.errors import ConversionError, MaskconvError, OptionError, SourceError
from maskconv.finding import Finding, Weight
from maskconv.formats.mask_data.table import Table, from_json
from maskconv.model import AnnotatedImage, Annotation, Box, Label, LabelMap, Mask
from maskconv.samples import block, image
from tests.places import real_data

INDICES = np.array([[0, 0, 1, 1], [2, 2, 1, 0], [2, 2, 0, 3]], np.uint8)
LIST = ["background", "cat", "dog", "bird"]


def save(folder: Path, arrays: dict[str, Any], table: Any = None) -> Path:
    for name, array in arrays.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            cv2.imwrite(str(path), array if array.ndim == 2 else array[:, :, ::-1])
        elif path.suffix == ".npy":
            np.save(path, array)
        else:
            np.savez(path, **array)
    if table is not None:
        (folder / "colors.json").write_text(json.dumps(table))
    return folder


def read(path: Path, **options: Any) -> list[AnnotatedImage]:
    with maskconv.open_reader(path, format="mask-data", **options) as images:
        found = list(images)
        assert [f for f in images.report.findings if f.weight is Weight.ERROR] == []
        return found


def told(one: AnnotatedImage) -> list[tuple[str, list[list[int]]]]:
    return [(a.label, a.shape.to_array().astype(int).tolist()) for a in one.annotations]


def expected(array: np.ndarray, *names: tuple[int, str]) -> list[tuple[str, list[list[int]]]]:
    return [(name, (array == value).astype(int).tolist()) for value, name in names]


ALL = ((1, "cat"), (2, "dog"), (3, "bird"))
COLORS = np.array([(0, 0, 0), (255, 0, 0), (0, 0, 142), (9, 8, 7)], np.uint8)
BY_COLOR = {"#ff0000": "cat", "0, 0, 142": "dog", "(9,8,7)": "bird"}
BY_NAME = {"cat": [255, 0, 0], "dog": "#00008e", "bird": [9, 8, 7]}
ROWS = [{"name": "cat", "color": [255, 0, 0], "index": 1}, {"name": "dog", "color": [0, 0, 142], "id": 2}]
ROWS += [{"name": "bird", "color": "#090807", "value": 3}]


@pytest.mark.parametrize("table", [LIST, {"1": "cat", "2": "dog", "3": "bird"}, {"cat": 1, "dog": 2, "bird": 3}, ROWS])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, np.float32])
def test_indices(dtype: Any, table: Any, tmp_path: Path) -> None:
    (one,) = read(save(tmp_path, {"a.npy": INDICES.astype(dtype)}, table))
    assert (one.name, one.width, one.height) == ("a", 4, 3)
    assert told(one) == expected(INDICES, *ALL)


@pytest.mark.parametrize("table", [BY_COLOR, BY_NAME, ROWS, {"labels": ROWS}, {"colors": BY_COLOR}])
@pytest.mark.parametrize("file", ["a.npy", "a.png"])
def test_colors(file: str, table: Any, tmp_path: Path) -> None:
    (one,) = read(save(tmp_path, {file: COLORS[INDICES]}, table))
    assert sorted(told(one)) == sorted(expected(INDICES, *ALL))


def test_a_label_map_serves_as_table(tmp_path: Path) -> None:
    save(tmp_path, {"a.png": COLORS[INDICES], "b.npy": INDICES})
    (tmp_path / "labelmap.txt").write_text("background:0,0,0::\ncat:255,0,0::\ndog:0,0,142::\nbird:9,8,7::\n")
    a, b = read(tmp_path)
    assert sorted(told(a)) == sorted(told(b)) == sorted(expected(INDICES, *ALL))


def test_a_table_elsewhere_and_for_single_images(tmp_path: Path) -> None:
    save(tmp_path / "set", {"a.npy": INDICES, "sub/b.npy": INDICES, "c.npy": INDICES})
    table = {"labels": LIST, "images": {"sub/b": {"1": "dog", "3": None}}}
    (tmp_path / "table.json").write_text(json.dumps(table))
    (tmp_path / "set" / "c.json").write_text(
        json.dumps({"2": {"label": "cat", "score": 0.5, "attributes": {"k": [1]}}})
    )
    a, c, b = read(tmp_path / "set", colors=tmp_path / "table.json")
    assert told(a) == expected(INDICES, *ALL)
    assert told(b) == expected(INDICES, (2, "dog"), (1, "dog"))
    assert b.ignored == Mask.from_array(INDICES == 3)
    assert (c.name, c.annotations[-1].score, c.annotations[-1].attributes) == ("c", 0.5, {"k": [1]})
    assert told(c) == expected(INDICES, (1, "cat"), (3, "bird"), (2, "cat"))


def test_void(tmp_path: Path) -> None:
    array = INDICES.astype(np.int32)
    array[0, 0] = -1
    save(tmp_path, {"a.npy": array}, LIST)
    (one,) = read(tmp_path)
    assert one.ignored == Mask.from_array(array == -1)
    assert told(one) == expected(array, *ALL)
    (one,) = read(tmp_path, void=3)
    assert one.ignored == Mask.from_array((array == -1) | (array == 3))


def test_binary_masks_of_one_label(tmp_path: Path) -> None:
    mask = INDICES == 2
    arrays = {
        "a.png": mask.astype(np.uint8) * 255,
        "b.npy": mask,
        "c.npy": mask[:, :, None].astype(np.int8),
        "d.npy": mask.astype(float),
    }
    for one in read(save(tmp_path, arrays), label="dog"):
        assert told(one) == expected(INDICES, (2, "dog"))


def test_an_image_without_any_pixel_of_a_label_is_there(tmp_path: Path) -> None:
    (one,) = read(save(tmp_path, {"a.png": np.zeros((3, 4), np.uint8)}), label="dog")
    assert (one.annotations, one.width, one.height) == ((), 4, 3)


def test_soft_masks(tmp_path: Path) -> None:
    soft = np.array([[0.1, 0.5], [0.9, 0.49]], np.float32)
    save(tmp_path, {"a.npy": soft, "b.png": (soft * 255).astype(np.uint8)})
    with pytest.raises(ConversionError):
        maskconv.convert(tmp_path, tmp_path / "x.mcv", from_="mask-data", read={"label": "dog"})
    (one,) = read(tmp_path / "a.npy", label="dog", threshold=0.5)
    assert told(one) == [("dog", [[0, 1], [1, 0]])]
    (one,) = read(tmp_path / "b.png", label="dog", threshold=127)
    assert told(one) == [("dog", [[0, 1], [1, 0]])]


def soft(path: Path, **options: Any) -> list[Finding]:
    with maskconv.open_reader(path, format="mask-data", **options) as images:
        list(images)
        return [f for f in images.report.findings if f.code == "mask-data-soft"]


def test_an_antialiased_mask_is_not_taken_for_instances(tmp_path: Path) -> None:
    square = np.zeros((64, 64), np.uint8)
    square[16:48, 16:48] = 255
    blurred = cv2.GaussianBlur(square, (0, 0), 3)
    count = len(np.unique(blurred)) - 1
    save(tmp_path, {"street_car.png": blurred})
    for options in ({"label": "car"}, {"files": "suffix", "label": "car"}):
        (found,) = soft(tmp_path, **options)
        assert count > 16
        assert (found.weight, found.amount) == (Weight.ERROR, count)
        assert (
            found.message
            == f"{count} gray levels up to {blurred.max()} are no instances but a soft or anti-aliased mask"
        )
        assert found.fix.startswith("for one mask, say --from-threshold 128; ")
        assert (found.where.member, found.where.image[:6]) == ("street_car.png", "street")
    assert soft(tmp_path, label="car", threshold=128) == []


LEVELS = [
    ([1, 2, 3], None),
    (range(1, 200), None),
    ([255], None),
    ([7], None),
    ([2, 3], Weight.WARNING),
    ([1, 255], Weight.WARNING),
    ([*range(1, 16), 17], Weight.WARNING),
    ([*range(1, 17), 18], Weight.ERROR),
]


@pytest.mark.parametrize(("levels", "weight"), LEVELS)
@pytest.mark.parametrize("file", ["a.png", "a.npy"])
def test_values_of_one_label_count_from_one(levels: Any, weight: Weight | None, file: str, tmp_path: Path) -> None:
    save(tmp_path, {file: np.array([[0, *levels]], np.uint8)})
    assert [f.weight for f in soft(tmp_path, label="car")] == [weight] * (weight is not None)


def test_void_and_values_of_a_table_are_no_levels_of_a_soft_mask(tmp_path: Path) -> None:
    save(tmp_path, {"a.npy": np.array([[0, 1, 2, 255, -1]], np.int64)})
    assert soft(tmp_path, label="car", void=255) == []
    assert soft(tmp_path, label="background") == []
    save(tmp_path, {"a.npy": np.array([[0, 1, 2, 3, 4]])}, {"1": "bus"})
    assert soft(tmp_path, label="car") == []
    save(tmp_path, {"a.npy": np.array([[0, 50, 100, 255]])}, {"255": "bus"})
    (found,) = soft(tmp_path, label="car")
    assert found.message == "2 values up to 100 are read as an instance each: is it a soft or anti-aliased mask?"
    save(tmp_path, {"a.npy": np.array([np.eye(3) == 1] * 30)})
    assert soft(tmp_path, label="car", colors=tmp_path / "colors.json") == []


def test_stacks_keep_overlaps(tmp_path: Path) -> None:
    stack = np.array([INDICES == 1, INDICES > 0, INDICES == 9])
    (one,) = read(save(tmp_path, {"a.npy": stack}, LIST))
    assert told(one) == [("cat", (INDICES == 1).astype(int).tolist()), ("dog", (INDICES > 0).astype(int).tolist())]


def test_npz(tmp_path: Path) -> None:
    save(tmp_path, {"a.npz": {"x": INDICES}, "b.npz": {"x": INDICES, "y": INDICES.T}}, LIST)
    found = {one.name: told(one) for one in read(tmp_path)}
    assert found == {"a": expected(INDICES, *ALL), "b/x": expected(INDICES, *ALL), "b/y": expected(INDICES.T, *ALL)}


def test_single_files_are_recognised(tmp_path: Path) -> None:
    save(tmp_path, {"a.npy": INDICES, "b.npz": {"x": INDICES}}, LIST)
    for name in ("a.npy", "b.npz"):
        with maskconv.open_reader(tmp_path / name) as images:
            assert [one.name for one in images] == [name[0]]


def test_labels_told_by_file_names(tmp_path: Path) -> None:
    masks = {"cat": INDICES == 1, "traffic_light": INDICES > 0}
    save(
        tmp_path / "flat",
        {f"img_1_{name}.png": mask.astype(np.uint8) for name, mask in masks.items()},
        ["traffic_light"],
    )
    save(tmp_path / "deep", {f"img_1/{name}.png": mask.astype(np.uint8) for name, mask in masks.items()})
    for folder, files in (("flat", "suffix"), ("deep", "folder")):
        (one,) = read(tmp_path / folder, files=files)
        assert one.name == "img_1"
        assert told(one) == [(name, mask.astype(int).tolist()) for name, mask in masks.items()]


def guesses(path: Path, **options: Any) -> list[Finding]:
    with maskconv.open_reader(path, format="mask-data", files="suffix", **options) as images:
        list(images)
        return [f for f in images.report.findings if f.code == "mask-data-guessed"]


def test_labels_guessed_from_names_are_told_once(tmp_path: Path) -> None:
    mask = (INDICES == 1).astype(np.uint8)
    save(tmp_path / "set", {f"street_{name}.png": mask for name in ("car", "traffic_light", "car-2")})
    (found,) = guesses(tmp_path / "set")
    assert (found.weight, found.amount, found.unit) == (Weight.WARNING, 3, "files")
    assert found.message == "the label of 3 files is guessed: what follows the last _ of the name (car, light)"
    assert (
        found.fix
        == """name the labels in a table: --from-colors FILE with a JSON list such as ["car", "traffic_light"]"""
    )
    table = tmp_path / "labels.json"
    table.write_text(json.dumps(["car"]))
    (found,) = guesses(tmp_path / "set", colors=table)
    assert found.message == "the label of 1 file is guessed: what follows the last _ of the name (light)"
    table.write_text(json.dumps(["car", "traffic_light"]))
    assert guesses(tmp_path / "set", colors=table) == []


def test_numbered_files_are_instances(tmp_path: Path) -> None:
    save(tmp_path, {"a_cat-0.png": (INDICES == 1).astype(np.uint8), "a_cat-1.png": (INDICES == 2).astype(np.uint8)})
    (one,) = read(tmp_path, files="suffix")
    assert told(one) == expected(INDICES, (1, "cat"), (2, "cat"))


def test_an_npz_of_labels(tmp_path: Path) -> None:
    save(tmp_path, {"a.npz": {"cat": INDICES == 1, "dog": INDICES == 2}})
    (one,) = read(tmp_path, files="suffix")
    assert told(one) == expected(INDICES, (1, "cat"), (2, "dog"))


def test_instances_are_values_or_components(tmp_path: Path) -> None:
    classes = np.array([[1, 0, 1], [1, 0, 1]], np.uint8)
    save(tmp_path / "c", {"a.npy": classes}, LIST)
    save(tmp_path / "o", {"a.npy": np.array([[1, 0, 2], [3, 0, 2]])})
    assert len(read(tmp_path / "c")[0].annotations) == 1
    assert len(read(tmp_path / "c", instances="component")[0].annotations) == 2
    (one,) = read(tmp_path / "c", objects=tmp_path / "o")
    assert [a.shape.area for a in one.annotations] == [1, 2, 1] or [a.shape.area for a in one.annotations] == [1, 1, 2]


def test_palette_pngs_by_color_or_index(tmp_path: Path) -> None:
    from PIL import Image

    indexed = Image.new("P", INDICES.shape[::-1])
    indexed.putdata(list(INDICES.reshape(-1)))
    indexed.putpalette(COLORS.reshape(-1).tolist())
    indexed.save(tmp_path / "a.png")
    for table in (BY_COLOR, LIST):
        (tmp_path / "colors.json").write_text(json.dumps(table))
        assert sorted(told(read(tmp_path)[0])) == sorted(expected(INDICES, *ALL))


# What is wrong, with which words.


def error(path: Path, **options: Any) -> Finding | MaskconvError:
    try:
        with maskconv.open_reader(path, format="mask-data", **options) as images:
            list(images)
            return next(f for f in images.report.findings if f.weight is Weight.ERROR)
    except MaskconvError as raised:
        return raised


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


HUGE = npy(np.zeros((2, 2), np.uint8)).replace(b"(2, 2), }" + b" " * 12, b"(200000, 200000), }" + b" " * 2)
ARRAYS = [
    (npy(np.array([{}, 1], object)), "object is no type of a mask; a pickle is never loaded"),
    (npy(np.zeros((2, 2), np.complex64)), "complex64 is no type of a mask"),
    (npy(np.zeros(4, np.uint8)), r"an array \(4,\) of uint8 is neither colours nor indices nor a stack of masks"),
    (npy(np.zeros((0, 4), np.uint8)), r"an array of shape \(0, 4\) has no pixels"),
    (npy(np.full((2, 2), 0.5)), "its values are no whole numbers; is it a soft mask"),
    (npy(np.full((2, 2), np.nan)), "its values are no whole numbers"),
    (npy(np.full((2, 2), -2)), "it has the value -2; of negative ones only -1"),
    (npy(np.full((2, 2), 1 << 40)), "a label image holds values from 0"),
    (npy(np.dstack([np.zeros((2, 2, 3), np.uint8), np.ones((2, 2), np.uint8)])), "an alpha channel"),
    (npy(np.zeros((2, 2), np.uint8))[:-2], r"the header says \(2, 2\) of uint8, more than the file holds|cut off"),
    (HUGE, r"the header says \(200000, 200000\) of uint8, more than the file holds"),
    (b"\x93NUMPY\x09\x00", "holds no array that is a mask"),
    (b"", "holds no array that is a mask"),
]


@pytest.mark.parametrize(("data", "message"), ARRAYS)
def test_arrays_that_are_no_masks(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(data)
    found = error(tmp_path, label="cat")
    assert found.code == "mask-data-array"
    assert re.search(message, found.message)
    assert found.where.path == str(tmp_path)
    assert found.where.member == "a.npy"


def test_bombs_in_npz(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "x.npy", npy(np.zeros((1 << 13, 1 << 13), np.uint8)).replace(b"(8192, 8192), }", b"(81920, 8192), }")
        )
    assert "more than the file holds" in error(tmp_path, label="cat").message
    (tmp_path / "a.npz").write_bytes(b"PK\3\4nonsense")
    assert "is no readable .npz" in error(tmp_path, label="cat").message


def test_without_a_table_nothing_is_guessed(tmp_path: Path) -> None:
    save(tmp_path, {"a.npy": INDICES})
    found = error(tmp_path)
    assert isinstance(found, SourceError)
    assert str(found).endswith(
        "there is no colours table, so nothing tells which labels the masks have; name one, --from-colors FILE, "
        "or where all masks have one label, --from-label NAME"
    )


def test_values_that_no_table_names(tmp_path: Path) -> None:
    save(tmp_path, {"a.npy": INDICES, "b.png": COLORS[INDICES]}, {"1": "cat", "#ff0000": "cat"})
    with maskconv.open_reader(tmp_path) as images:
        assert [len(one.annotations) for one in images] == [1, 1]
        found = [f for f in images.report.findings if f.code == "mask-data-unknown"]
    assert [(f.message, f.amount) for f in found] == [
        ("the index 2 at x=0, y=1 is not in the colours table (2 such values, 5 pixels in all)", 2),
        ("the colour (0, 0, 142) at x=0, y=1 is not in the colours table (2 such values, 5 pixels in all)", 2),
    ]


def test_two_files_of_one_image(tmp_path: Path) -> None:
    save(tmp_path, {"a.npy": INDICES, "a.png": INDICES}, LIST)
    assert error(tmp_path).message == "a.npy and a.png are both of the image 'a'; the first is read"


def test_sizes_that_differ(tmp_path: Path) -> None:
    save(tmp_path, {"a_cat.npy": INDICES, "a_dog.npy": INDICES.T})
    assert error(tmp_path, files="suffix").message == "this array has 3x4 pixels, others of its image 4x3"


def test_objects_that_are_not_there(tmp_path: Path) -> None:
    save(tmp_path / "c", {"a.npy": INDICES}, LIST)
    save(tmp_path / "o", {"b.npy": INDICES})
    assert "no array of 'a' that tells its instances apart" in error(tmp_path / "c", objects=tmp_path / "o").message
    assert "no such folder" in error(tmp_path / "c", objects=tmp_path / "none").message
    save(tmp_path / "o", {"a.npy": INDICES.T})
    assert "another size" in error(tmp_path / "c", objects=tmp_path / "o").message


TABLES = [
    ("{", "is no colours table"),
    ("3", "neither an object nor a list"),
    ("[1]", "entry 0 of the list is neither a name nor an object with one"),
    ('{"1": 2.5}', "2.5 is no colour"),
    ('{"cat": [0, 0, 300]}', "is no colour: its values are 0 to 255"),
    ('{"cat": NaN}', "NaN is no JSON value"),
    ('{"1": {"label": "cat", "nonsense": 1}}', "is no instance"),
    ('{"1": ""}', "a label's name is empty"),
    ('{"images": {"a": 3}}', "3 is no object"),
    ("[" * 100_000, "is no colours table"),
]


@pytest.mark.parametrize(("text", "message"), TABLES)
def test_tables_that_are_none(text: str, message: str, tmp_path: Path) -> None:
    save(tmp_path, {"a.npy": INDICES})
    (tmp_path / "colors.json").write_text(text)
    found = error(tmp_path)
    assert message in found.message
    assert found.code == "mask-data-table"


def test_facts_that_are_wrong(tmp_path: Path) -> None:
    save(tmp_path, {"a.npy": INDICES}, {"labels": LIST, "images": {"a": {"1": {"label": "cat", "score": 7}}}})
    assert "the facts of an instance of 'cat' are wrong" in error(tmp_path).message


def test_files_that_are_no_arrays_are_named(tmp_path: Path) -> None:
    save(tmp_path, {"a.npy": INDICES}, LIST)
    (tmp_path / "notes.md").write_text("")
    (tmp_path / "a.jpg").write_bytes(b"")
    with maskconv.open_reader(tmp_path) as images:
        list(images)
        (found,) = images.report.findings
    assert (found.code, found.amount, found.message) == (
        "mask-data-other",
        2,
        "files that are no arrays are not read (.jpg, .md)",
    )


# Writing.

LABELS = LabelMap(labels=(Label(name="cat", color=(9, 8, 7)), Label(name="dog")))
WAYS = [(f, a) for f in ("png", "npy", "npz") for a in ("index", "color", "stack") if (f, a) != ("png", "stack")]


def written(path: Path, *images: AnnotatedImage, **options: Any) -> Path:
    with maskconv.open_writer(path, LABELS, format="mask-data", **options) as writer:
        for one in images:
            writer.write(one)
    return path


@pytest.mark.parametrize(("file", "array"), WAYS)
def test_numpy_reads_what_is_written(file: str, array: str, tmp_path: Path) -> None:
    cat, dog = Annotation(label="cat", shape=block(1, 1, 5, 5)), Annotation(label="dog", shape=block(9, 2, 4, 4))
    folder = written(tmp_path / "out", image("a/b", cat, dog), file=file, array=array)
    path = folder / f"masks/a/b.{file}"
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if file == "png" else np.load(path)
    found = found["masks"] if file == "npz" else found[:, :, ::-1] if file == "png" and array == "color" else found
    masks = [a.shape.to_array() for a in (cat, dog)]
    if array == "stack":
        assert found.dtype == bool
        assert np.array_equal(found, np.stack(masks))
    elif array == "index":
        assert found.dtype == np.uint8
        assert np.array_equal(found, masks[0] * 1 + masks[1] * 2)
    else:
        assert np.array_equal(
            found, (masks[0] * 128)[:, :, None] * (1, 0, 0) + (masks[1] * 128)[:, :, None] * (0, 1, 0)
        )
    keys = ["#800000", "#008000"] if array == "color" else ["1", "2"]
    assert json.loads((folder / "masks/a/b.json").read_text()) == dict(zip(keys, ["cat", "dog"], strict=True))
    table = json.loads((folder / "colors.json").read_text())
    assert table == {"labels": [{"name": "cat", "color": [9, 8, 7]}, {"name": "dog"}]}


@pytest.mark.parametrize("file", ["png", "npy"])
def test_more_instances_than_a_byte_holds(file: str, tmp_path: Path) -> None:
    pixels = [Mask.from_array(np.arange(24 * 16).reshape(16, 24) == i) for i in range(300)]
    many = image("many", *(Annotation(label="cat", shape=shape) for shape in pixels))
    (one,) = read(written(tmp_path / "out", many, file=file))
    assert one.annotations == many.annotations


def test_void_and_what_lies_over_it(tmp_path: Path) -> None:
    told_ = image("a", Annotation(label="cat", shape=block(1, 1, 5, 5)), ignored=block(4, 4, 5, 5))
    with maskconv.open_writer(tmp_path / "out", LABELS, format="mask-data") as writer:
        writer.write(told_)
    (lost,) = [f for f in writer.report.findings if f.code == "ignored-dropped"]
    assert lost.amount == 4
    (one,) = read(tmp_path / "out")
    assert one.annotations == told_.annotations
    assert one.ignored.area == 21


def test_a_png_holds_no_stack(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="a PNG holds no stack of masks: write --to-file npz"):
        written(tmp_path / "out", array="stack")


def test_an_unknown_size_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MaskconvError, match=r"masks need the picture's size.*maskconv formats NAME"):
        shape = Box(x=1, y=1, width=2, height=2)
        written(tmp_path / "out", AnnotatedImage(name="a", annotations=(Annotation(label="cat", shape=shape),)))


@given(data=st.data())
def test_random_arrays_come_back(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    file, array = data.draw(st.sampled_from(WAYS))
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    count = data.draw(st.integers(0, 4))
    bits = st.lists(st.booleans(), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1])
    masks = [np.array(data.draw(bits)).reshape(shape) for _ in range(count)]
    if array != "stack":
        masks = [m & ~np.any([np.zeros(shape, bool), *masks[k + 1 :]], axis=0) for k, m in enumerate(masks)]
    told_ = [Annotation(label="cat", shape=Mask.from_array(m), score=0.1) for m in masks if m.any()]
    one = AnnotatedImage(name="x", width=shape[1], height=shape[0], annotations=tuple(told_))
    folder = tmp_path_factory.mktemp("arrays")
    (back,) = read(written(folder / "out", one, file=file, array=array))
    assert back.annotations == one.annotations
    assert (back.width, back.height) == (one.width, one.height)


# Real arrays.


def test_labelme_arrays_are_what_its_pngs_say(tmp_path: Path) -> None:
    root = real_data("voc-labelme-instance-npy") / "data_dataset_voc"
    names = {str(k): f"class {k}" for k in range(21)} | {"0": "background"}
    classes = np.load(root / "SegmentationClassNpy/2011_000003.npy")
    objects = np.load(root / "SegmentationObjectNpy/2011_000003.npy")
    (tmp_path / "table.json").write_text(json.dumps(names))
    options = {"colors": tmp_path / "table.json", "objects": root / "SegmentationObjectNpy"}
    (one,) = read(root / "SegmentationClassNpy", **options)
    assert one.ignored == Mask.from_array(classes == -1)
    found = sorted((a.label, a.shape.area) for a in one.annotations)
    pairs, counts = np.unique(
        np.stack([classes, objects])[:, (classes > 0) & (objects > 0)], axis=1, return_counts=True
    )
    assert found == sorted((f"class {c}", int(n)) for (c, _), n in zip(pairs.T, counts, strict=True))
    png = real_data("voc-labelme-instance") / "data_dataset_voc"
    if png.is_dir():
        with maskconv.open_reader(png) as images:
            same = next(i for i in images if i.name == one.name)
        assert {a.shape for a in one.annotations} == {a.shape for a in same.annotations}


def test_plants_by_folder() -> None:
    root = real_data("labelbox-composite-plants-dev") / "mask_images"
    masks = sorted(p for p in root.rglob("*.png") if p.stem != "composite")
    with maskconv.open_reader(root, format="mask-data", files="folder") as images:
        (one,) = list(images)
    found = {a.label: a.shape for a in one.annotations}
    for path in masks:
        gray = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        gray = gray if gray.ndim == 2 else gray.max(axis=2)
        assert found[path.stem] == Mask.from_array(gray)


def test_a_table_knows_its_labels() -> None:
    assert list(Table().names()) == []
    assert from_json(LIST).label_map().names == ("cat", "dog", "bird")
    assert from_json(BY_NAME).label_map().get("dog").color == (0, 0, 142)


def test_an_image_without_annotations_and_size_is_left_out(tmp_path: Path) -> None:
    """There is no array without a size; the others are written all the same."""
    street = Path(__file__).parents[1] / "fixtures" / "cvat-mask" / "street.zip"
    report = maskconv.convert(street, tmp_path / "arrays", to="mask-data", write={"file": "npy"})
    (dropped,) = [finding for finding in report.findings if finding.code == "empty-images-dropped"]
    assert (dropped.where.image, dropped.amount) == ("empty", 1) and not report.failed
    assert (report.images, report.images_written) == (7, 6)
    assert maskconv.info(tmp_path / "arrays")["instances"] == report.instances_written
