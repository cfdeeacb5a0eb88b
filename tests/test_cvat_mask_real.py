"""Reading and writing CVAT masks on real exports (../shared/data or MASKCONV_REAL_DATA), against decoders of our own."""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_cvat_mask import Array, read, voc, where

import maskconv
from maskconv import registry
from maskconv.finding import Finding, Report, Weight
from maskconv.model import AnnotatedImage, Mask

DATA = Path(os.environ.get("MASKCONV_REAL_DATA") or Path(__file__).parents[2] / "shared" / "data")
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no real data in {DATA} (MASKCONV_REAL_DATA)")
ORACLE = ("plain", "media", "gray", "blank")
VOC_INDEX = {tuple(color): index for index, color in enumerate(voc().tolist())}


def seen(images: list[AnnotatedImage], *, numbers: bool = True) -> dict[str, list[Any]]:
    """What Datumaro would say of these images, sorted: label, instance, area, box, checksum of the packed bits."""
    return {image.name: sorted(_row(a, numbers=numbers) for a in image.annotations) for image in images}


def _row(annotation: Any, *, numbers: bool) -> tuple[Any, ...]:
    mask: Mask = annotation.shape
    crc = zlib.crc32(np.packbits(mask.to_array()).tobytes()) & 0xFFFFFFFF
    return annotation.label, annotation.id if numbers else 0, mask.area, tuple(mask.bbox), crc


def told(path: Path, *, numbers: bool = True) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """The same from datumaro_reads.json; and each item's subset."""
    items = json.loads(path.read_text())["items"]
    rows = {
        key.split("|", 1)[1]: sorted(
            (a["label"], a["group"] if numbers else 0, a["area"], tuple(a["bbox"]), a["crc"]) for a in item["anns"]
        )
        for key, item in items.items()
    }
    return rows, {key.split("|", 1)[1]: key.split("|", 1)[0] for key in items}


# --- exports of CVAT's own branch ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ORACLE)
def test_oracle_exports_are_read_as_datumaro_reads_them(name: str) -> None:
    folder = DATA / "cvat-oracle" / name
    got = read(folder / "voc.zip")
    rows, subsets = told(folder / "datumaro_reads.json")
    assert seen(got.images) == rows
    assert {i.name: i.split or "default" for i in got.images} == subsets
    assert all((i.picture is not None) == (name == "media") for i in got.images)
    assert not [f for f in got.report.findings if f.weight in (Weight.ERROR, Weight.DATA)]


@pytest.mark.parametrize("kind", ["rgb", "palette"])
@pytest.mark.parametrize("name", ORACLE)
def test_oracle_exports_survive(tmp_path: Path, name: str, kind: str) -> None:
    """cvat-mask -> mcv -> cvat-mask, and cvat-mask -> cvat-mask, with --on-loss fail."""
    folder = DATA / "cvat-oracle" / name
    rows, subsets = told(folder / "datumaro_reads.json", numbers=False)
    by_mcv, back, straight = tmp_path / "a.mcv", tmp_path / "back.zip", tmp_path / "straight.zip"
    write = {"png": kind}
    maskconv.convert(folder / "voc.zip", by_mcv, on_loss="fail")
    maskconv.convert(by_mcv, back, to="cvat-mask", write=write, on_loss="fail")
    maskconv.convert(folder / "voc.zip", straight, write=write, on_loss="fail")
    for path in (back, straight):
        got = read(path)
        assert seen(got.images, numbers=False) == rows
        assert {i.name: i.split or "default" for i in got.images} == subsets
        for image in got.images:
            assert [a.id for a in image.annotations] == list(range(1, len(image.annotations) + 1))


# --- the animals sample: one folder per class ----------------------------------------------------------------------------

ANIMALS = DATA / "cvat-smask-animals"


def labels_of(folder: Path) -> dict[tuple[int, int, int], str]:
    lines = [line.split(":") for line in (folder / "labelmap.txt").read_text().splitlines() if line and line[0] != "#"]
    return {tuple(map(int, fields[1].split(","))): fields[0] for fields in lines}  # type: ignore[misc]


def array(path: Path) -> Array:
    return np.asarray(Image.open(path).convert("RGB"))


def decoded(classes: Array, objects: Array, names: dict[tuple[int, int, int], str]) -> list[Any]:
    """Label, number and pixels of each instance colour, in the order of VOC's map, by numpy alone."""
    weights = np.array([1 << 16, 1 << 8, 1])
    of, number = classes @ weights, objects @ weights
    label = {int(np.array(color) @ weights): name for color, name in names.items()}
    order = {int(np.array(color) @ weights): index for color, index in VOC_INDEX.items()}
    found = []
    for color in sorted(set(np.unique(number).tolist()) - {0}, key=order.__getitem__):
        inside = number == color
        (code,) = np.unique(of[inside]).tolist()
        found.append((label[code], order[color], np.packbits(inside).tobytes()))
    return found


def packed(images: list[AnnotatedImage]) -> dict[str, list[Any]]:
    """The same of what we read."""
    return {i.name: [(a.label, a.id, np.packbits(a.shape.to_array()).tobytes()) for a in i.annotations] for i in images}  # type: ignore[union-attr]


def test_the_animals(tmp_path: Path) -> None:
    names = labels_of(ANIMALS)
    got = read(ANIMALS)
    instances = packed(got.images)
    masks = sorted(ANIMALS.glob("data/*/SegmentationClass/*.png"))
    assert len(masks) == 17
    for path in masks:
        animal, item = path.parts[-3], path.stem
        expected = decoded(array(path), array(path.parent.parent / "SegmentationObject" / path.name), names)
        assert instances[f"{animal}/{item}"] == expected
    assert sum(map(bool, instances.values())) == 17
    assert {f.code for f in got.report.findings} == {"cvat-roots", "cvat-listed-empty"}

    maskconv.convert(ANIMALS, tmp_path / "out.zip", on_loss="fail")
    again = packed(read(tmp_path / "out.zip").images)
    assert {k: [(n, p) for n, _, p in v] for k, v in again.items()} == {
        k: [(n, p) for n, _, p in v] for k, v in instances.items()
    }


def test_without_objects() -> None:
    got = read(DATA / "cvat-smask-noobject")
    images = {image.name: image for image in got.images if image.annotations}
    assert len(images) == 5
    for path in (DATA / "cvat-smask-noobject").glob("data/lion/SegmentationClass/*.png"):
        told = images[path.stem].annotations
        assert {annotation.label for annotation in told} == {"lion"}
        total = sum(annotation.shape.to_array().astype(int) for annotation in told)  # type: ignore[union-attr]
        assert (total == array(path).any(axis=2)).all()
    codes = {t.code: t.count for t in got.report.tallies.values()}
    assert codes == {"cvat-labelmap-place": 1, "cvat-listed-empty": 1, "cvat-object-missing": 1}


# --- VOC sets ------------------------------------------------------------------------------------------------------------


def test_labelmes_arrays() -> None:
    """-1 in the class array is void; where the object array has an instance there, its pixels count as void."""
    (npy,) = (DATA / "voc-labelme-instance-npy").rglob("SegmentationClassNpy/*.npy")
    classes = np.load(npy)
    objects = np.load(npy.parent.parent / "SegmentationObjectNpy" / npy.name)
    images = {image.name: image for image in read(DATA / "voc-labelme-instance").images}
    image = images[npy.stem]
    assert image.ignored is not None
    assert (image.ignored.to_array() == (classes == -1)).all()
    names = read(DATA / "voc-labelme-instance").labels.names
    expected = []
    for number in np.unique(objects[(objects > 0) & (classes > 0)]):
        inside = (objects == number) & (classes > 0)
        (code,) = np.unique(classes[inside])
        expected.append((names[code], int(number), where(inside)))
    assert [(a.label, a.id, where(a.shape.to_array())) for a in image.annotations] == expected  # type: ignore[union-attr]


def test_voc_palettes_with_border() -> None:
    got = read(DATA / "voc-labelformat")
    assert {i.name for i in got.images} == {"2007_000032", "subdir/2007_000033"}
    for image in got.images:
        raw = np.asarray(Image.open(DATA / "voc-labelformat" / "SegmentationClass" / f"{image.name}.png"))
        assert image.ignored is not None
        assert (image.ignored.to_array() == (raw == 255)).all()
        codes = np.zeros(raw.shape, int)
        for annotation in image.annotations:
            codes[annotation.shape.to_array()] = got.labels.names.index(annotation.label)  # type: ignore[union-attr]
        assert (codes == np.where(raw == 255, 0, raw)).all()


def test_voc_by_datumaro() -> None:
    got = read(DATA / "voc-datumaro-1")
    assert {i.name: i.split for i in got.images} == {"2007_000001": "train", "2007_000002": "test"}
    folder = DATA / "voc-datumaro-1"
    names = {tuple(c): n for c, n in zip(voc(21).tolist(), got.labels.names, strict=True)}
    expected = decoded(
        *(array(folder / f / "2007_000001.png") for f in ("SegmentationClass", "SegmentationObject")), names
    )
    assert packed(got.images) == {"2007_000001": expected, "2007_000002": []}


def test_16_bit_classes() -> None:
    got = read(DATA / "voc-sci")
    found = [image for image in got.images if image.width]
    assert len(found) == 8
    for image in found:
        raw = np.asarray(Image.open(DATA / "voc-sci" / "SegmentationClass" / f"{image.name}.png"))
        codes = np.zeros(raw.shape, int)
        for annotation in image.annotations:
            codes[annotation.shape.to_array()] = got.labels.names.index(annotation.label)  # type: ignore[union-attr]
        assert (codes == raw).all()


# --- recognition ---------------------------------------------------------------------------------------------------------


def collection() -> Iterator[Path]:
    if DATA.is_dir():
        yield from sorted(path for path in DATA.iterdir() if path.is_dir())
        yield from sorted(DATA.rglob("*.zip"))


@pytest.mark.parametrize("path", list(collection()), ids=lambda p: p.relative_to(DATA).as_posix())
def test_no_two_formats_claim_one_source(path: Path) -> None:
    probe = registry.probe(path)
    claimed = [f.name for f in registry.formats() if f.sniff(probe)]
    assert len(claimed) <= 1
    ours = path.suffix == ".zip" or path.name.startswith(("cvat-smask", "voc-labelme", "voc-labelformat", "voc-sci"))
    expected = (ours or path.name == "voc-datumaro-1") and path.name != "voc-labelme-instance-npy"
    assert ("cvat-mask" in claimed) == expected


def test_label_maps_of_real_projects_are_read(tmp_path: Path) -> None:
    """Each with one gray image that shows all its labels."""
    for path in sorted((DATA / "labelmaps" / "cvat").rglob("*.txt")):
        found: list[Finding] = []
        report = Report(sink=found.append)
        data = path.read_bytes()
        source = tmp_path / f"{path.parent.name}-{path.stem}.zip"
        file = io.BytesIO()
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(file, "PNG")
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("labelmap.txt", data)
            archive.writestr("ImageSets/Segmentation/default.txt", "a\n")
        if not any(f.weight is Weight.ERROR for f in maskconv.validate(source)):
            maskconv.convert(source, tmp_path / f"{source.stem}-out.zip", report=report)
            assert not report.lossy
