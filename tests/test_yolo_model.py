"""A model as a source: what it sees, which pictures are meant, and one sentence for all that can be wrong."""

from __future__ import annotations

import importlib.util
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import maskconv
from maskconv.driver import open_reader
from maskconv.errors import ConversionError, MaskconvError, MissingDependencyError, OptionError, SourceError
from maskconv.finding import Report, Weight
from maskconv.fingerprint import fingerprint
from maskconv.formats.yolo_model import FORMAT, failures, metadata, onnx_engine
from maskconv.formats.yolo_model.detect import Rules, detections
from maskconv.formats.yolo_model.letterbox import Fit, as_input
from maskconv.formats.yolo_model.masks import _axes as axes
from maskconv.formats.yolo_model.masks import masks_of
from maskconv.formats.yolo_model.read import YoloModelReader
from maskconv.model import AnnotatedImage, Mask
from tests.onnx_file import FLOAT16, network
from tests.synthetic import FOLDER, ONNX, SIZE, WEIGHTS, draw, matched, shapes

PICTURES = FOLDER / "pictures"
LABELS = ("circle", "rectangle", "triangle", "ring")
ALL = ["nothing", "rings and more ö", "small", "square", "tall", "wide", "night/square"]


def read(*sources: Path | str, **options: Any) -> list[AnnotatedImage]:
    return reading(*sources, **options)[0]


def reading(*sources: Path | str, **options: Any) -> tuple[list[AnnotatedImage], Report]:
    """All images, and what was reported; several sources as a run gives them."""
    reader = YoloModelReader(
        Path(sources[0]), FORMAT.reader.Options.parse({"model": ONNX} | options, "yolo-model", "read")
    )
    reader.sources = tuple(map(Path, sources))
    report = Report()
    reader.open()
    try:
        head = reader.head(report.add)
        images = [i for unit in reader.units(report.add) for i in reader.decode(unit, head, report.add)]
        assert reader.expected() is not None
    finally:
        reader.close()
    return images, report


def names(*sources: Path | str) -> list[str]:
    return [image.name for image in read(*sources)]


def put(folder: Path, *paths: str) -> Path:
    """Small pictures at these paths."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 8), (90, 90, 90)).save(folder / path)
    return folder


# --- what it sees ------------------------------------------------------------------------------------------------------


def test_instances_of_the_fixture() -> None:
    images = read(PICTURES)
    assert [image.name for image in images] == ALL
    small = images[2]
    assert (small.width, small.height) == (61, 47)
    assert small.picture is not None
    assert (small.picture.path, small.picture.width, small.picture.height) == (str(PICTURES / "small.png"), 61, 47)
    assert [annotation.label for annotation in small.annotations] == ["circle", "triangle"]
    circle = small.annotations[0]
    assert isinstance(circle.shape, Mask)
    assert circle.score == pytest.approx(0.9267, abs=1e-4)
    assert circle.box is not None
    assert (circle.box.x, circle.box.y) == pytest.approx((22.34, 30.0), abs=0.01)
    assert Mask.model_validate(circle.shape.model_dump()) == circle.shape  # canonical
    assert images[0].annotations == ()


def test_they_are_what_is_there(tmp_path: Path) -> None:
    scenes = draw(tmp_path, count=20, seed=11)
    values = []
    for image in read(tmp_path):
        scores = [annotation.score for annotation in image.annotations]
        assert scores == sorted(scores, reverse=True)
        found = [(a.label, a.shape.to_array()) for a in image.annotations]
        values += matched(scenes[image.name].instances, found)
    assert np.mean(values) >= 0.75


def test_labels_are_all_of_the_models_in_its_order() -> None:
    with open_reader(PICTURES / "nothing.png", format="yolo-model", model=ONNX) as images:
        assert images.labels.names == LABELS == tuple(shapes.LABELS)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_turned_picture_is_seen_as_a_viewer_shows_it(orientation: int, tmp_path: Path) -> None:
    upright = Image.open(PICTURES / "wide.png").convert("RGB")
    stored = upright.transpose(
        {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}[orientation]
    )
    exif = Image.Exif()
    exif[274] = orientation
    stored.save(tmp_path / "turned.png", exif=exif)
    (turned,), (plain,) = read(tmp_path), read(PICTURES / "wide.png")
    assert (turned.width, turned.height) == (plain.width, plain.height) == (213, 87)
    assert turned.annotations == plain.annotations


@pytest.mark.parametrize("batch", [2, 8])
def test_a_batch_changes_no_instance(batch: int, tmp_path: Path) -> None:
    draw(tmp_path, count=12)
    for name in ("00", "01"):
        shutil.copy(tmp_path / f"{name}.png", tmp_path / f"{name}b.png")
    for alone, among in zip(read(tmp_path), read(tmp_path, batch=batch), strict=True):
        assert [a.label for a in alone.annotations] == [a.label for a in among.annotations]
        for a, b in zip(alone.annotations, among.annotations, strict=True):
            assert a.score == pytest.approx(b.score, abs=1e-4)
            assert (a.shape.to_array() ^ b.shape.to_array()).sum() <= 2


def test_units_are_of_one_shape_and_no_larger_than_the_batch(tmp_path: Path) -> None:
    for number, size in enumerate([(60, 40)] * 5 + [(40, 60)] + [(120, 80)] * 2):  # (width, height)
        Image.new("RGB", size).save(tmp_path / f"{number}.png")
    reader = FORMAT.reader(tmp_path, FORMAT.reader.Options(model=ONNX, batch=3))
    reader.open()
    reader.head(lambda _: None)
    units = list(reader.units(lambda _: None))
    assert [[item.name for item in unit] for unit in units] == [["0", "1", "2"], ["3", "4"], ["5"], ["6", "7"]]
    assert all(len({item.fit.shape for item in unit}) == 1 for unit in units)


# --- options -----------------------------------------------------------------------------------------------------------


def test_conf_max_det_and_classes() -> None:
    night = PICTURES / "night" / "square.jpg"
    (usual,) = read(night)
    scores = [annotation.score for annotation in usual.annotations]
    assert len(scores) == 5
    assert [a.score for a in read(night, conf=0.5)[0].annotations] == scores[:4]
    assert [a.score for a in read(night, max_det=2)[0].annotations] == scores[:2]
    for classes in ("ring,circle", "0,3", [0, "ring"], ("circle, 3")):
        assert [a.label for a in read(night, classes=classes)[0].annotations] == ["ring", "circle"]
    assert [a.label for a in read(night, classes=1)[0].annotations] == ["rectangle"] * 3
    assert len(read(night, conf=0.01, iou=0.95)[0].annotations) > len(read(night, conf=0.01, iou=0.3)[0].annotations)


def test_agnostic_suppression_is_among_all_classes() -> None:
    tall = PICTURES / "tall.png"
    assert len(read(tall, agnostic_nms=True)[0].annotations) == 3 < len(read(tall)[0].annotations)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a,b,c,d", ("a", "b", "c", "d")),
        (["a", "b", "c", "d"], ("a", "b", "c", "d")),
        ({0: "a", 1: "b", 2: "c", 3: "d"}, ("a", "b", "c", "d")),
        ({"ring": "tyre", "2": "sign"}, ("circle", "rectangle", "sign", "tyre")),
        ({"ring": "circle"}, ("circle", "rectangle", "triangle")),
    ],
)
def test_names_rename_the_classes(given: Any, expected: tuple[str, ...]) -> None:
    with open_reader(PICTURES / "wide.png", format="yolo-model", model=ONNX, names=given) as images:
        assert images.labels.names == expected
        (image,) = images
    assert image.annotations[0].label in {expected[3 % len(expected)], expected[0]}


def test_names_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("a\nb\nc\nd\n", encoding="utf-8")
    with open_reader(
        PICTURES / "wide.png", format="yolo-model", model=ONNX, names=str(tmp_path / "names.txt")
    ) as images:
        assert images.labels.names == ("a", "b", "c", "d")


@pytest.mark.parametrize("imgsz", [320, "320", "320,320", [320, 320]])
def test_imgsz_is_a_number_or_a_height_and_a_width(imgsz: Any) -> None:
    images, report = reading(PICTURES / "small.png", imgsz=imgsz)
    assert images[0].annotations != read(PICTURES / "small.png")[0].annotations
    assert report.findings == []


def test_imgsz_goes_up_to_the_stride() -> None:
    images, report = reading(PICTURES / "small.png", imgsz="150,130")
    assert images == read(PICTURES / "small.png", imgsz="160,160")
    (finding,) = report.findings
    assert (finding.code, finding.weight) == ("yolo-imgsz-rounded", Weight.INFO)
    assert finding.message == "imgsz 150,130 becomes 160,160, multiples of the model's stride 32"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": "cirle"}, "the model has no class 'cirle' (did you mean 'circle'?); it has 0 circle, 1 rectangle"),
        ({"classes": "4"}, "the model has no class '4'"),
        ({"names": "a,b"}, "--names has 2 names, and the model 4 classes: circle, rectangle, triangle, ring"),
        ({"names": ["a", "b", " ", "d"]}, "--names has an empty name for the class '2'"),
        ({"names": {"circle": ""}}, "--names has an empty name for the class 'circle'"),
        ({"names": {"star": "x"}}, "the model has no class 'star'"),
        ({"imgsz": "big"}, "--from-imgsz does not take 'big'"),
        ({"imgsz": 0}, "it is one number, or height,width, of 1 to 8192"),
        ({"imgsz": "640,640,3"}, "it is one number, or height,width, of 1 to 8192"),
        ({"imgsz": 100000}, "it is one number, or height,width, of 1 to 8192"),
        ({"conf": 1.5}, "--from-conf does not take 1.5"),
        ({"device": "cuda:0"}, "the device 'cuda:0' is not there; there is cpu; leave --device out"),
        ({"device": 0}, "the device '0' is not there"),
        ({"device": "tpu"}, "the device 'tpu' is not there"),
        ({"model": ""}, "--from-model does not take '': it is the path of a .pt or .onnx file"),
        ({"model": " "}, "--from-model does not take ' '"),
        ({"model": None}, "reading pictures needs a model; name its weights: maskconv predict or isolate"),
    ],
)
def test_what_options_do_not_take(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        read(PICTURES / "small.png", **options)
    assert message in str(caught.value)


# --- which pictures are meant ------------------------------------------------------------------------------------------


@pytest.fixture
def street(tmp_path: Path) -> Path:
    return put(
        tmp_path / "street", "1.png", "2.JPG", "a/1.png", "a/b/3.jpg", ".hidden.png", ".git/x.png", "dots.v2.png"
    )


def test_a_folder_with_its_folders(street: Path) -> None:
    (street / "notes.md").write_text("no picture")
    assert names(street) == ["1", "2", "dots.v2", "a/1", "a/b/3"]


def linked(link: Path, target: Path | str) -> None:
    try:
        link.symlink_to(target, target_is_directory=True)
    except OSError:
        pytest.skip("no links can be made here")


def test_links_to_folders_are_followed(street: Path) -> None:
    put(street.parent, "yard/1.png", "yard/deep/2.png", "yard/.git/3.png")
    linked(street / "yard", street.parent / "yard")
    linked(street / "a" / "store", street / ".git")  # hidden where it is
    images, report = reading(street)
    expected = ["1", "2", "dots.v2", "a/1", "a/b/3", "a/store/x", "yard/1", "yard/deep/2"]
    assert [image.name for image in images] == expected
    assert report.findings == []
    found = {image.name for image in read(street / "**" / "*.*")}
    assert found == set(expected)  # as a pattern follows them


def test_a_folder_reached_twice_is_read_once(street: Path) -> None:
    """Under its own name where that lies below the source, else under the one that comes first."""
    put(street.parent, "yard/1.png", "yard/deep/2.png")
    linked(street / "Link", street / "a" / "b")
    for name in ("x", "y"):
        linked(street / name, street.parent / "yard")
    linked(street / "w", street.parent / "yard" / "deep")
    images, report = reading(street)
    expected = ["1", "2", "dots.v2", "a/1", "a/b/3", "w/2", "x/1"]
    assert [image.name for image in images] == expected
    told = [(finding.where.path, finding.code, finding.weight) for finding in report.findings]
    skipped = [street / "Link", street / "y", street / "x" / "deep"]
    assert told == [(str(path), "yolo-folder-again", Weight.INFO) for path in skipped]
    real = os.path.realpath(street / "a" / "b")
    assert (
        report.findings[0].message == f"this folder is {real}, whose pictures are read already, and is not read again"
    )


def test_links_that_go_round(street: Path) -> None:
    put(street.parent, "yard/1.png")
    linked(street / "a" / "self", ".")
    linked(street / "a" / "up", street.parent)
    linked(street / "yard", street.parent / "yard")
    linked(street.parent / "yard" / "back", street)
    linked(street.parent / "yard" / "further", street.parent)  # which has both
    images, report = reading(street)
    assert [image.name for image in images] == ["1", "2", "dots.v2", "a/1", "a/b/3", "yard/1"]
    assert sorted(Path(finding.where.path).name for finding in report.findings) == ["back", "further", "self", "up"]
    assert {finding.weight for finding in report.findings} == {Weight.INFO}
    assert "leads back to a folder that it lies in, and is not followed" in str(report.findings[0])


def test_a_picture_is_called_by_its_own_name(street: Path) -> None:
    assert names(street / "a" / "b" / "3.jpg") == ["3"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", ["1", "dots.v2"]),
        ("**/*.png", ["1", "a/1", "dots.v2"]),
        ("*/b/*.jpg", ["a/b/3"]),
        ("a/**/*", ["1", "b/3"]),
        ("[12].*", ["1", "2"]),
    ],
)
def test_a_pattern_names_below_its_first_wildcard(pattern: str, expected: list[str], street: Path) -> None:
    assert names(street / pattern) == expected


def test_a_pattern_without_a_folder(street: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(street)
    assert names("*.png") == ["1", "dots.v2"]
    assert names("a/*.png") == ["1"]


def test_a_list_counts_from_its_own_folder(street: Path, tmp_path: Path) -> None:
    listed = tmp_path / "lists" / "some.txt"
    listed.parent.mkdir()
    lines = ["# night/none.png", "../street/a/1.png", "", "  # day", f"  {street / '1.png'}  ", "../street/a/b/3.jpg"]
    listed.write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    assert names(listed) == ["a/1", "1", "a/b/3"]


def test_a_file_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    put(tmp_path, "a[1].png")
    assert names(tmp_path / "a[1].png") == ["a[1]"]


def test_several_sources_name_below_what_they_share(street: Path) -> None:
    put(street.parent, "yard/1.png")
    assert names(street / "a", street.parent / "yard") == ["street/a/1", "street/a/b/3", "yard/1"]
    assert names(street / "1.png", street / "2.JPG") == ["1", "2"]
    assert names(street / "1.png", street / "a" / "1.png") == ["1", "a/1"]
    assert names(street / "2.JPG", street, street / "*.JPG") == ["2", "1", "dots.v2", "a/1", "a/b/3"]  # each once


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("nowhere", "source-missing", "there is no such file or folder; give a picture, a folder, a pattern"),
        ("nowhere/*.png", "yolo-no-pictures", "no picture fits this pattern; give a picture"),
        ("empty", "yolo-no-pictures", "there are no pictures here; give a picture"),
        ("empty.txt", "yolo-no-pictures", "there are no pictures here"),
        ("film.mp4", "yolo-no-picture", "this is a video; pictures are read; take its frames apart first: ffmpeg"),
        ("notes.md", "yolo-no-picture", "this is neither a picture nor a .txt list"),
    ],
)
def test_a_source_without_pictures(source: str, code: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty.txt", "film.mp4", "notes.md"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(SourceError) as caught:
        read(PICTURES, tmp_path / source)
    assert caught.value.code == code
    assert str(caught.value).startswith(f"{tmp_path / source}: {message}")


def test_a_line_that_names_no_file(street: Path) -> None:
    (street / "list.txt").write_text("1.png\nmissing.png\na/1.png\nnul\0.png\n")
    images, report = reading(street / "list.txt")
    assert [image.name for image in images] == ["1", "a/1"]
    assert [str(finding) for finding in report.findings] == [
        f"{street / 'list.txt'}:2: there is no picture 'missing.png'; paths in a list count from the list's own folder",
        f"{street / 'list.txt'}:4: there is no picture 'nul\\x00.png'; paths in a list count from the list's own folder",
    ]


def test_a_corrupt_picture_is_one_error_and_the_others_go_on(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "e.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    whole = (PICTURES / "square.png").read_bytes()
    (tmp_path / "c.png").write_bytes(whole[: len(whole) // 2])  # its header is fine
    shutil.copy(PICTURES / "small.png", tmp_path / "d.png")
    images, report = reading(tmp_path, batch=4)
    assert [image.name for image in images] == ["a", "d", "e"]
    errors = {Path(finding.where.path).name: finding for finding in report.findings}
    assert set(errors) == {"b.png", "c.png"}
    assert {finding.weight for finding in report.findings} == {Weight.ERROR}
    assert {finding.where.image for finding in report.findings} == {"b", "c"}
    with pytest.raises(ConversionError):
        maskconv.convert(tmp_path, tmp_path / "out.mcv", from_="yolo-model", read={"model": ONNX})
    left = maskconv.convert(tmp_path, tmp_path / "out.mcv", from_="yolo-model", read={"model": ONNX}, on_error="skip")
    assert (left.images_written, left.count(Weight.ERROR)) == (3, 2)


def test_a_damaged_picture_is_read_and_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = (PICTURES / "night" / "square.jpg").read_bytes()
    at = whole.index(b"\xff\xda") + 1000
    put(tmp_path, "a.png")
    (tmp_path / "b.jpg").write_bytes(whole[:at] + bytes(1000) + whole[at + 1000 :])
    images, report = reading(tmp_path, batch=2)
    assert [image.name for image in images] == ["a", "b"]
    (finding,) = report.findings
    assert (finding.code, finding.weight, finding.where.image) == ("picture-damaged", Weight.WARNING, "b")
    assert str(finding).startswith(f"{tmp_path / 'b.jpg'}: image b: its coded data has a gap of zeros at byte ")
    assert capfd.readouterr() == ("", "")


def test_a_picture_of_another_size_than_its_header_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maskconv.pictures.pixels", lambda *_: np.zeros((8, 13, 3), np.uint8))
    images, report = reading(put(tmp_path, "a.png"))
    assert images == []
    (finding,) = report.findings
    assert (finding.code, finding.weight, finding.where.image) == ("picture-unreadable", Weight.ERROR, "a")
    assert finding.message == "its header says 12 x 8 pixels, and it has 13 x 8"


# --- weights -----------------------------------------------------------------------------------------------------------


def heads(count: int = 2, anchors: int = 5, k: int = 4, fill: float = 0.0) -> list[np.ndarray]:
    """Outputs of a network that sees nothing (or, filled, ``anchors`` boxes)."""
    return [np.full((1, 4 + count + k, anchors), fill, np.float32), np.ones((1, k, 8, 8), np.float32)]


TOLD = {"names": {0: "cat", 1: "dog"}, "task": "segment", "stride": 32, "imgsz": [32, 32]}


@pytest.mark.parametrize(
    ("make", "code", "message"),
    [
        (
            lambda p: p.with_name("none.onnx"),
            "yolo-no-weights",
            "there are no such weights; give the path of a .pt or .onnx",
        ),
        (
            lambda p: p.with_name("yolo11n-seg.pt"),
            "yolo-no-weights",
            "from ultralytics import YOLO; YOLO('yolo11n-seg.pt')",
        ),
        (lambda p: p.touch() or p, "yolo-weights-corrupt", "onnxruntime cannot load these weights ("),
        (lambda p: p.write_bytes(b"words") and p, "yolo-weights-corrupt", "copy or export the file again: yolo export"),
        (lambda p: p.write_bytes(ONNX.read_bytes()[:9999]) and p, "yolo-weights-corrupt", "cannot load these weights"),
        (lambda p: network(p, heads()[:1], (1, 3, 32, 32)), "yolo-not-segmentation", "outputs of [3] dimensions"),
        (lambda p: network(p, heads()[::-1], (1, 3, 32, 32)), "yolo-not-segmentation", "outputs of [4, 3] dimensions"),
        (lambda p: network(p, heads(), (1, 32)), "yolo-not-segmentation", "this network does not take pictures"),
        (
            lambda p: network(p, heads()[:1], (1, 3, 32, 32), TOLD | {"task": "detect"}),
            "yolo-not-segmentation",
            "this is a model for the task 'detect', not a model for instance segmentation, and makes no masks; take weights",
        ),
        (
            lambda p: network(p, heads()[:1], (1, 3, 32, 32), TOLD | {"task": "semantic"}),
            "yolo-not-segmentation",
            "the task 'semantic'",
        ),
        (lambda p: network(p, heads(), (1, 1, 32, 32), TOLD), "yolo-channels", "takes pictures of 1 channels"),
        (
            lambda p: network(p, heads(), (1, 3, 32, 9999), TOLD),
            "yolo-input",
            "it takes 1 x 32 x 9999 pixels at stride 32",
        ),
        (lambda p: network(p, heads(), (9999, 3, 32, 32), TOLD), "yolo-input", "it takes 9999 x 32 x 32 pixels"),
        (
            lambda p: network(p, heads(), ("n", 3, "h", "w"), TOLD | {"stride": 10**9}),
            "yolo-input",
            "at stride 1000000000",
        ),
        (lambda p: network(p, heads(), ("n", 3, "h", "w"), TOLD | {"imgsz": 10**9}), "yolo-input", "1000000000 pixels"),
        (
            lambda p: network(p, heads(3), (1, 3, 32, 32), TOLD),
            "yolo-outputs",
            "do not fit 2 classes; export the model",
        ),
        (
            lambda p: network(p, [np.zeros((1, 300, 10), np.float32), heads()[1]], (1, 3, 32, 32)),
            "yolo-outputs",
            "these weights do not name their classes",
        ),
    ],
)
def test_weights_that_cannot_be_used(make: Any, code: str, message: str, tmp_path: Path) -> None:
    path = make(tmp_path / "model.onnx")
    with pytest.raises(SourceError) as caught:
        read(PICTURES / "small.png", model=path)
    assert caught.value.code == code
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "holds", "fix"),
    [
        (
            "run",
            ["weights/best.pt", "weights/last.pt", "weights/epoch9.pt"],
            "give its weights: --model run/weights/best.pt",
        ),
        ("run", ["weights/last.pt", "args.yaml"], "give its weights: --model run/weights/last.pt"),
        ("run", ["b.pt", "a.onnx"], "give one of its weights: --model run/a.onnx"),
        ("run", ["notes.txt", "deep/er/best.pt"], "give the path of a .pt or .onnx file"),
        ("run.onnx", [], "give the path of a .pt or .onnx file"),
        ("run.pt", ["data.pkl"], "give the path of a .pt or .onnx file"),
    ],
)
def test_a_folder_is_no_weights_and_those_in_it_are_named(
    name: str, holds: list[str], fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in [Path(name, held) for held in holds] or [Path(name, "x")]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with pytest.raises(SourceError) as caught:
        read(PICTURES / "small.png", model=name)
    assert str(caught.value) == f"{name}: this is a folder, and weights are a file; {fix.replace('/', os.sep)}"
    assert caught.value.code == "yolo-no-weights"


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="there is no /dev/null")
def test_a_device_is_no_weights() -> None:
    with pytest.raises(
        SourceError, match=r"^/dev/null: this is no file, and weights are a file; give the path of a \.pt"
    ):
        read(PICTURES / "small.png", model="/dev/null")


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (
            ModuleNotFoundError("No module named 'openvino'", name="openvino"),
            MissingDependencyError,
            "pip install openvino",
        ),
        (ModuleNotFoundError("No module named 'x'", name="paddle.inference"), MissingDependencyError, "paddlepaddle"),
        (
            ModuleNotFoundError("No module named 'my'", name="my"),
            SourceError,
            "these weights (No module named 'my'); copy",
        ),
        (
            AttributeError("'NoneType' object has no attribute 'split'"),
            SourceError,
            "weights: they are damaged, or not",
        ),
        (StopIteration(), SourceError, "weights: they are damaged, or not what their name says; copy"),
        (TypeError(f"m is none. Known: ({'a ' * 99})"), SourceError, "these weights (m is none); copy"),
        (RuntimeError("bad (as [these " + "words are, " * 50), SourceError, ", words ...])); copy"),
        (RuntimeError(""), SourceError, "these weights (RuntimeError); copy"),
    ],
)
def test_what_an_engine_says_of_weights_is_one_sentence(error: Exception, kind: type, says: str) -> None:
    found = failures.not_loaded(Path("m.pt"), error, "An engine")
    assert type(found) is kind
    assert says in str(found)
    assert [str(found).count(bracket) for bracket in "(["] == [str(found).count(bracket) for bracket in ")]"]


def test_a_network_of_fixed_size_gets_that(tmp_path: Path) -> None:
    path = network(tmp_path / "m.onnx", heads(), (1, 3, 32, 64), TOLD | {"imgsz": [32, 64]})
    images = read(PICTURES, model=path, batch=5)
    assert [image.name for image in images] == ALL
    assert read(PICTURES / "small.png", model=path, imgsz="32,64")
    with pytest.raises(
        OptionError, match=r"takes pictures of 32 x 64 \(height x width\) only, not of 640 x 640; leave"
    ):
        read(PICTURES / "small.png", model=path, imgsz=640)


def test_a_network_of_fixed_batch_gets_that_many(tmp_path: Path) -> None:
    outputs = [np.repeat(array, 3, axis=0) for array in heads()]
    path = network(tmp_path / "m.onnx", outputs, (3, 3, 32, 32), TOLD)
    assert len(read(PICTURES, model=path)) == len(ALL)  # 7 = 3 + 3 + 1


def test_a_network_that_names_no_classes(tmp_path: Path) -> None:
    path = network(tmp_path / "m.onnx", heads(), (1, 3, 32, 32))
    with open_reader(PICTURES / "small.png", format="yolo-model", model=path) as images:
        assert images.labels.names == ("class0", "class1")
    path = network(tmp_path / "m.onnx", heads(), (1, 3, 32, 32), TOLD | {"names": "__import__('os').abort()"})
    assert metadata.literal("[" * 5000) is None
    assert metadata.literal("[" + "1," * (1 << 20) + "]") is None
    with open_reader(PICTURES / "small.png", format="yolo-model", model=path) as images:
        assert images.labels.names == ("class0", "class1")


def test_classes_of_one_name_become_one_label(tmp_path: Path) -> None:
    path = network(tmp_path / "m.onnx", heads(), (1, 3, 32, 32), TOLD | {"names": {0: "cat", 1: "cat"}})
    with open_reader(PICTURES / "small.png", format="yolo-model", model=path) as images:
        assert images.labels.names == ("cat",)
        assert [finding.code for finding in images.report.findings] == ["yolo-names-same"]


def test_half_precision_goes_in(tmp_path: Path) -> None:
    path = network(tmp_path / "m.onnx", heads(), (1, 3, 32, 32), TOLD, kind=FLOAT16)
    assert len(read(PICTURES, model=path)) == len(ALL)


def test_a_box_without_pixels_is_counted(tmp_path: Path) -> None:
    rows = np.zeros((1, 10, 2), np.float32)
    rows[0, :4] = np.array([[16, 16, 8, 8], [8, 8, 6, 6]]).T
    rows[0, 4:6] = [[0.9, 0.1], [0.2, 0.8]]
    rows[0, 6] = [1, -1]  # logits of prototypes that are 1 everywhere
    path = network(tmp_path / "m.onnx", [rows, heads()[1]], (1, 3, 32, 32), TOLD)
    (image,), report = reading(put(tmp_path / "p", "a.png"), model=path)
    assert [(a.label, a.score) for a in image.annotations] == [("cat", pytest.approx(0.9))]
    (finding,) = report.findings
    assert (finding.code, finding.weight, finding.amount, finding.unit) == (
        "yolo-empty-mask",
        Weight.DATA,
        1,
        "instances",
    )
    assert finding.where.image == "a"


def test_numbers_that_are_none_are_no_instances(tmp_path: Path) -> None:
    rows = np.full((1, 10, 3), np.nan, np.float32)
    rows[0, 4] = [0.9, 0.8, 0.7]
    rows[0, 5:, :2] = 0
    rows[0, :4, 1] = [16, 16, 8, np.inf]
    path = network(tmp_path / "m.onnx", [rows, heads()[1]], (1, 3, 32, 32), TOLD)
    assert read(put(tmp_path / "p", "a.png"), model=path)[0].annotations == ()


def test_a_network_that_suppresses_by_itself(tmp_path: Path) -> None:
    rows = np.zeros((1, 4, 6 + 4), np.float32)
    rows[0, 0, :7] = 8, 8, 24, 24, 0.9, 1, 1
    rows[0, 1, :7] = 8, 8, 24, 24, 0.6, 1, 1  # the same box again: it is the network's business
    rows[0, 2, :7] = 0, 0, 10, 10, 0.2, 0, 1
    for told in ({"end2end": True}, {"end2end": False, "args": {"nms": True}}):
        path = network(tmp_path / "m.onnx", [rows, heads()[1]], (1, 3, 32, 32), TOLD | told)
        (image,) = read(put(tmp_path / "p", "a.png"), model=path)
        assert [(a.label, a.score) for a in image.annotations] == [
            ("dog", pytest.approx(0.9)),
            ("dog", pytest.approx(0.6)),
        ]
        assert len(read(tmp_path / "p", model=path, conf=0.1, classes="cat")[0].annotations) == 1
        assert len(read(tmp_path / "p", model=path, max_det=1)[0].annotations) == 1


def test_a_failing_network_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def run(self, *_: Any) -> None:
            raise RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : out of memory\nmore")

    reader = FORMAT.reader(PICTURES, FORMAT.reader.Options(model=ONNX))
    reader.open()
    reader._engine._session = Broken()
    head = reader.head(lambda _: None)
    with pytest.raises(SourceError) as caught:
        list(reader.decode(next(reader.units(lambda _: None)), head, lambda _: None))
    assert str(caught.value) == (
        f"{ONNX}: the model failed on pictures of 160 x 128 pixels (out of memory); try another --imgsz, --batch 1 or --device cpu"
    )


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError) as caught:
        read(PICTURES)
    assert "these weights need onnxruntime" in str(caught.value)
    assert str(caught.value).endswith("install it with: pip install 'maskconv[onnx]'")


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is there")
def test_the_missing_other_package_is_named() -> None:
    with pytest.raises(MissingDependencyError) as caught:
        read(PICTURES, model=WEIGHTS)
    assert str(caught.value).endswith("install it with: pip install 'maskconv[yolo]'")


def test_a_gpu_is_asked_for_by_number() -> None:
    available = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    expected = [("CUDAExecutionProvider", {"device_id": 1}), "CPUExecutionProvider"]
    assert onnx_engine._providers("cuda:1", available) == onnx_engine._providers("1", available) == expected
    assert onnx_engine._providers("cuda", available)[0][1] == {"device_id": 0}
    assert (
        onnx_engine._providers("cpu", available) == onnx_engine._providers(None, available) == ["CPUExecutionProvider"]
    )
    with pytest.raises(OptionError, match="there is cpu, cuda:0"):
        onnx_engine._providers("mps", available)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({0: "a", 1: "b"}, ("a", "b")),
        ({"1": "b", "0": "a"}, ("a", "b")),
        (["a", " "], ("a", "class1")),
        ({0: "a", 2: "b"}, ()),
        ({"x": "a"}, ()),
        ({}, ()),
        (None, ()),
        ("cat", ()),
    ],
)
def test_class_names(found: Any, expected: tuple[str, ...]) -> None:
    assert metadata.class_names(found) == expected


# --- in a run ----------------------------------------------------------------------------------------------------------


def test_jobs_change_no_byte(tmp_path: Path) -> None:
    draw(tmp_path / "p", count=12)
    targets = [tmp_path / f"{jobs}.zip" for jobs in (1, 3)]
    for jobs, target in zip((1, 3), targets, strict=True):
        report = maskconv.convert(tmp_path / "p", target, from_="yolo-model", read={"model": ONNX}, jobs=jobs)
        assert report.images_expected == report.images_written == 12
        assert report.instances > 30
    assert targets[0].read_bytes() == targets[1].read_bytes()


@pytest.mark.parametrize("to", ["cvat-mask", "mask-data"])
def test_the_best_lies_on_top_where_a_target_paints(to: str, tmp_path: Path) -> None:
    report = maskconv.convert(PICTURES, tmp_path / "out", from_="yolo-model", to=to, read={"model": ONNX})
    assert report.instances_changed > 0  # some do overlap
    with open_reader(tmp_path / "out", format=to) as images:
        found = {image.name: [a.shape for a in image.annotations] for image in images}
    for image in read(PICTURES):
        if image.annotations:
            assert image.annotations[0].shape in found[image.name]
            assert sum(shape.area for shape in found[image.name]) == union(image)


def union(image: AnnotatedImage) -> int:
    return int(np.any([a.shape.to_array() for a in image.annotations], axis=0).sum())


def test_more_than_255_instances_of_a_picture(tmp_path: Path) -> None:
    """The model's best go to CVAT; the others are named with their scores."""
    side, k = 20, 4
    rows = np.zeros((1, 4 + 2 + k, side * side), np.float32)
    y, x = np.divmod(np.arange(side * side), side)
    rows[0, 0], rows[0, 1], rows[0, 2:4] = 16 * x + 8, 16 * y + 8, 12
    rows[0, 4] = np.linspace(0.9, 0.3, side * side)
    rows[0, 6] = 1
    prototypes = np.ones((1, k, 80, 80), np.float32)
    model = network(tmp_path / "m.onnx", [rows, prototypes], (1, 3, 320, 320), TOLD | {"imgsz": [320, 320]})
    Image.new("RGB", (320, 320)).save(tmp_path / "a.png")
    report = maskconv.convert(tmp_path / "a.png", tmp_path / "o.zip", from_="yolo-model", read={"model": model})
    assert (report.instances, report.instances_written) == (300, 255)
    tally = report.tallies["cvat-too-many", Weight.DATA]
    assert (tally.count, tally.amount) == (45, 45)
    assert f"cat {rows[0, 4, 255]:.3f} is not among" in tally.examples[0].message


def test_several_sources_in_one_run(tmp_path: Path) -> None:
    sources = [PICTURES / "night", PICTURES / "*.png"]
    maskconv.convert(sources, tmp_path / "out.mcv", from_="yolo-model", read={"model": ONNX})
    with open_reader(tmp_path / "out.mcv") as images:
        assert sorted(image.name for image in images) == sorted(ALL)


def test_pictures_of_one_name_are_an_error(tmp_path: Path) -> None:
    put(tmp_path / "p", "a.png", "a.jpg")
    with pytest.raises(ConversionError) as caught:
        maskconv.convert(tmp_path / "p", tmp_path / "out.mcv", from_="yolo-model", read={"model": ONNX})
    (finding,) = caught.value.report.findings
    assert finding.code == "name-collision"


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    draw(tmp_path / "p", count=9)
    how: dict[str, Any] = {"from_": "yolo-model", "read": {"model": ONNX}, "resume": True}
    maskconv.convert(tmp_path / "p", tmp_path / "whole.zip", **how)
    seen: list[int] = []

    def stop(done: int) -> None:
        seen.append(done)
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        maskconv.convert(tmp_path / "p", tmp_path / "out.zip", progress=stop, **how)
    again: list[int] = []
    maskconv.convert(tmp_path / "p", tmp_path / "out.zip", progress=again.append, **how)
    assert (seen[-1], again[0]) == (4, 5)
    assert (tmp_path / "out.zip").read_bytes() == (tmp_path / "whole.zip").read_bytes()


def test_what_makes_another_run(tmp_path: Path) -> None:
    folder = put(tmp_path, "a.png", "b.png")
    (folder / "list.txt").write_text("a.png\nb.png\n")
    model = shutil.copy(ONNX, tmp_path / "m.onnx")
    for source in (folder / "*.png", folder / "list.txt"):
        asked = {"read": {"model": str(model), "names": ["a", "b"]}}
        first = fingerprint([source], asked)
        assert fingerprint([source], asked) == first
        assert fingerprint([source], {"read": {"model": str(model), "names": ["b", "a"]}}) != first
        Image.new("RGB", (3, 3)).save(folder / "b.png")
        os.utime(folder / "b.png", (1, 1))
        second = fingerprint([source], asked)
        assert second != first
        os.utime(model, (5, 5))
        assert fingerprint([source], asked) != second
        put(folder, "b.png")
        os.utime(model)
    new = fingerprint([folder / "*.png"], {})
    put(folder, "c.png")
    assert fingerprint([folder / "*.png"], {}) != new


def test_a_reader_pickles_without_its_model() -> None:
    reader = FORMAT.reader(PICTURES, FORMAT.reader.Options(model=ONNX))
    reader.open()
    copy = pickle.loads(pickle.dumps(reader))
    assert copy._engine is None
    assert (copy.source, copy.sources, copy.options) == (reader.source, reader.sources, reader.options)
    with pytest.raises(MaskconvError, match="the model is not loaded"):
        copy.head(lambda _: None)


MEASURE = """
import resource, sys
import maskconv
folder, target, model = sys.argv[1:]
maskconv.convert(folder, target, from_="yolo-model", read={"model": model, "threads": 1})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory of a process in kB")
def test_memory_does_not_grow_with_the_pictures(tmp_path: Path) -> None:
    draw(tmp_path / "few", count=20)
    (tmp_path / "many").mkdir()
    for number in range(30):
        for path in (tmp_path / "few").iterdir():
            os.link(path, tmp_path / "many" / f"{number}_{path.name}")
    peaks = []
    for name in ("few", "many"):
        command = [sys.executable, "-c", MEASURE, tmp_path / name, tmp_path / f"{name}.zip", ONNX]
        peaks.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    assert peaks[1] < peaks[0] + 8_000  # kB, for 580 pictures more


def test_onnxruntime_is_silent() -> None:
    code = "import sys, maskconv\nwith maskconv.open_reader(sys.argv[1], format='yolo-model', model=sys.argv[2]) as i: list(i)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code, PICTURES, ONNX], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_a_model_is_loaded_by_nothing_but_opening_it() -> None:
    code = "import sys, maskconv.formats.yolo_model\nprint({'cv2', 'PIL', 'onnxruntime', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


# --- the letterbox -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "net", "stride", "expected"),
    [
        ((1920, 1080), (640, 640), 32, (640, 384, 640, 360, 0, 12)),
        ((1920, 1080), (640, 640), None, (640, 640, 640, 360, 0, 140)),
        ((213, 87), (160, 160), 32, (160, 96, 160, 65, 0, 15)),
        ((91, 189), (160, 160), 32, (96, 160, 77, 160, 9, 0)),
        ((161, 161), (160, 160), 32, (160, 160, 160, 160, 0, 0)),
        ((5000, 1), (640, 640), 32, (640, 32, 640, 1, 0, 15)),
        ((1, 1), (64, 64), 32, (64, 64, 64, 64, 0, 0)),
    ],
)
def test_where_a_picture_lies(size: Any, net: Any, stride: int | None, expected: tuple[int, ...]) -> None:
    fit = Fit.of(*size, net, stride)
    assert (fit.net_width, fit.net_height, fit.inner_width, fit.inner_height, fit.left, fit.top) == expected


def test_a_picture_in_its_frame() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 60, 3), np.uint8)
    fit = Fit.of(60, 30, (64, 64), None)
    whole = fit.picture(pixels)
    assert whole.shape == (64, 64, 3)
    assert (whole[:16] == 114).all()
    assert (whole[48:] == 114).all()
    assert (whole[16:48] == cv2.resize(pixels, (64, 32), interpolation=cv2.INTER_LINEAR)).all()
    batch = as_input([whole, whole])
    assert (batch.shape, batch.dtype) == ((2, 3, 64, 64), np.float32)
    assert batch.flags.c_contiguous
    assert (batch[1, 0] == whole[:, :, 2] / np.float32(255)).all()  # red first


def test_boxes_come_back_and_are_clipped() -> None:
    fit = Fit.of(60, 30, (64, 64), None)
    boxes = np.array([[0, 16, 64, 48], [32, 32, 48, 40], [-9, 0, 99, 99]], np.float32)
    expected = [[0, 0, 60, 30], [30, 15, 45, 22.5], [0, 0, 60, 30]]
    assert np.allclose(fit.boxes(boxes), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "net", "told"),
    [  # told: how wide and high the picture is, and where it lies, if the input's shape is all that is known
        ((373, 651), 224, (128, 223, 0, 0)),
        ((593, 2955), 160, (32, 159, 0, 0)),
        ((640, 3191), 640, (128, 638, 0, 1)),
        ((1952, 196), 320, (319, 32, 0, 0)),
        ((1920, 1080), 640, (640, 360, 0, 12)),
    ],
)
def test_boxes_lie_where_masks_do(size: tuple[int, int], net: int, told: tuple[int, ...]) -> None:
    """Both undo the letterbox by the input's shape, as Ultralytics does."""
    fit, (width, height, left, top) = Fit.of(*size, (net, net), 32), told
    corners = np.array([[left, top, left + width, top + height]], np.float32)
    assert np.allclose(fit.boxes(corners), [[0, 0, *size]], atol=1e-3)
    inner = np.array([[left + width / 4, top + height / 4, left + width / 2, top + height / 2]], np.float32)
    assert np.allclose(fit.boxes(inner), [[size[0] / 4, size[1] / 4, size[0] / 2, size[1] / 2]], atol=1e-3)
    rows, columns = axes(fit.net_height // 4, fit.net_width // 4, size[1], size[0])
    middles = [(axis.weights @ (np.arange(axis.weights.shape[1]) * 4 + 2)).mean() for axis in (columns, rows)]
    assert middles == pytest.approx([left + width / 2, top + height / 2], abs=0.1)


# --- suppression -------------------------------------------------------------------------------------------------------


def plainly(rows: np.ndarray, count: int, rules: Rules) -> list[int]:
    """The anchors that stay, one box after the other as the paper has it."""
    scores, classes = rows[4 : 4 + count].max(0), rows[4 : 4 + count].argmax(0)
    boxes = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for x, y, w, h in rows[:4].T]
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        if scores[i] <= np.float32(rules.conf) or (rules.classes is not None and classes[i] not in rules.classes):
            continue
        rivals = [j for j in kept if rules.agnostic_nms or classes[j] == classes[i]]
        if all(overlap(boxes[i], boxes[j]) <= rules.iou for j in rivals) and len(kept) < rules.max_det:
            kept.append(int(i))
    return kept


def overlap(a: Any, b: Any) -> float:
    w, h = (max(0.0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return w * h / (sum(areas) - w * h)


@pytest.mark.parametrize("seed", range(25))
def test_suppression_is_the_plain_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, anchors, k = int(rng.integers(1, 5)), int(rng.integers(1, 120)), 3
    rows = rng.uniform(0, 1, (4 + count + k, anchors)).astype(np.float32)
    rows[:2] *= 100
    rows[2:4] = rows[2:4] * 60 + 1
    classes = None if seed % 3 else (0, 2)
    rules = Rules(0.4, [0.2, 0.45, 0.7][seed % 3], classes, [300, 5][seed % 2], bool(seed % 4 == 1))
    found = detections(rows, count, rules, end2end=False)
    kept = plainly(rows.astype(np.float64), count, rules)
    assert np.array_equal(found.coefficients, rows[4 + count :, kept].T)
    assert np.array_equal(found.scores, rows[4 : 4 + count].max(0)[kept])
    assert np.array_equal(found.classes, rows[4 : 4 + count].argmax(0)[kept])


def test_thresholds_are_exclusive_and_equal_scores_keep_their_order() -> None:
    rows = np.zeros((5, 4), np.float32)
    rows[:4] = np.array([[10, 10, 4, 4], [50, 10, 4, 4], [10, 50, 4, 4], [50, 50, 4, 4]]).T
    rows[4] = 0.25, 0.5, 0.5, 0.26
    found = detections(rows, 1, Rules(conf=0.25), end2end=False)
    assert found.boxes[:, :2].tolist() == [[48, 8], [8, 48], [48, 48]]


# --- masks -------------------------------------------------------------------------------------------------------------


def whole(coefficients: np.ndarray, prototypes: np.ndarray, boxes: np.ndarray, fit: Fit) -> Iterator[np.ndarray]:
    """Logits of whole pictures by OpenCV's bilinear resizing: upsample until the padding can be cut on whole pixels, cut,
    resize, cut to the box."""
    right, bottom = fit.net_width - fit.inner_width - fit.left, fit.net_height - fit.inner_height - fit.top
    factor = next(f for f in (1, 2, 4) if all(side * f % 4 == 0 for side in (fit.left, fit.top, right, bottom)))
    left, top, right, bottom = (
        side * factor // 4 for side in (fit.left, fit.top, fit.net_width - right, fit.net_height - bottom)
    )
    for coefficient, (x1, y1, x2, y2) in zip(coefficients, boxes, strict=True):
        logits = np.tensordot(coefficient, prototypes, 1).astype(np.float32)
        large = cv2.resize(logits, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
        inner = large[top:bottom, left:right]
        found = cv2.resize(inner, (fit.width, fit.height), interpolation=cv2.INTER_LINEAR)
        y, x = np.mgrid[: fit.height, : fit.width]
        yield np.where((x >= x1) & (x < x2) & (y >= y1) & (y < y2), found, -np.inf)


SIZES = [
    (213, 87),
    (91, 189),
    (161, 161),
    (61, 47),
    (640, 480),
    (1920, 1080),
    (333, 1000),
    (17, 300),
    (1, 50),
    (159, 121),
]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("stride", [32, None], ids=["rect", "square"])
def test_masks_are_those_of_whole_pictures(size: tuple[int, int], stride: int | None) -> None:
    rng = np.random.default_rng(size[0])
    fit = Fit.of(*size, (SIZE, SIZE), stride)
    prototypes = rng.standard_normal((8, fit.net_height // 4, fit.net_width // 4)).astype(np.float32)
    coefficients = rng.standard_normal((12, 8)).astype(np.float32)
    corners = rng.uniform(-0.2, 1.2, (12, 4)) * np.array([*size, *size])
    boxes = np.concatenate([np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])], 1)
    boxes = np.clip(boxes, 0, [*size, *size]).astype(np.float32)
    for mask, logits in zip(
        masks_of(coefficients, prototypes, boxes, size), whole(coefficients, prototypes, boxes, fit), strict=True
    ):
        assert Mask.model_validate(mask.model_dump()) == mask
        wrong = mask.to_array() != (logits > 0)
        assert (np.abs(logits[wrong]) < 1e-4).all()


def test_a_box_of_nothing_is_an_empty_mask() -> None:
    prototypes, one = np.ones((1, 8, 8), np.float32), np.ones((4, 1), np.float32)
    boxes = np.array([[5, 5, 5, 9], [5, 5, 4, 9], [0.2, 0.2, 0.8, 0.8], [0, 0, 32, 32]], np.float32)
    assert [mask.area for mask in masks_of(one, prototypes, boxes, (32, 32))] == [0, 0, 0, 1024]


def test_a_mask_far_larger_than_its_box_costs_its_box_only() -> None:
    import tracemalloc

    rng = np.random.default_rng(0)
    prototypes, coefficients = rng.standard_normal((32, 96, 160)).astype(np.float32), rng.standard_normal((100, 32))
    boxes = np.tile(np.array([[900, 500, 1000, 600]], np.float32), (100, 1))
    list(masks_of(coefficients.astype(np.float32), prototypes, boxes, (1920, 1080)))  # weights are kept
    tracemalloc.start()
    masks = list(masks_of(coefficients.astype(np.float32), prototypes, boxes, (1920, 1080)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000 < 100 * 1920 * 1080
    assert all(mask.bbox[0] >= 900 and mask.bbox[1] >= 500 for mask in masks)
