"""The main road, there and back: every instance's label and pixels survive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import maskconv
from maskconv import AnnotatedImage, Annotation, Label, LabelMap, Mask
from maskconv.geometry import shape_mask
from tests.places import FIXTURES, real_data

MODES = ("files", "png", "composite")
SETS = (
    "cvat-oracle/plain/voc.zip",
    "cvat-oracle/media/voc.zip",
    "cvat-oracle/gray/voc.zip",
    "cvat-oracle/blank/voc.zip",
    "cvat-smask-animals",
    "cvat-smask-noobject",
    "voc-datumaro-1",
    "voc-labelformat",
    "voc-labelme-instance",
    "voc-labelme-semantic",
    "voc-sci",
)


def content(path: Path, **options: Any) -> dict[str, list[tuple[str, Mask]]]:
    """Label and mask of every instance, by image; images without any are left out, as Labelbox leaves them out."""
    with maskconv.open_reader(path, **options) as images:
        found = {image.name: [(a.label, a.shape) for a in image.annotations] for image in images if image.annotations}
        assert not images.report.failed, images.report.findings
    return found


def there_and_back(source: Path, folder: Path, mode: str, png: str = "rgb") -> None:
    ndjson, back = folder / "labels.ndjson", folder / "back.zip"
    there = maskconv.convert(source, ndjson, write={"masks": mode})
    assert not there.failed
    again = maskconv.convert(ndjson, back, write={"png": png}, on_loss="fail" if mode != "png" else "warn")
    before, after = content(source), content(back)
    assert after == before
    count = sum(map(len, before.values()))
    assert (there.instances_written, again.instances, again.instances_written) == (count, count, count)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("png", ["rgb", "palette"])
def test_fixture(tmp_path: Path, mode: str, png: str) -> None:
    there_and_back(FIXTURES / "cvat-mask" / "street.zip", tmp_path, mode, png)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SETS)
def test_real_data(tmp_path: Path, name: str, mode: str) -> None:
    there_and_back(real_data(name), tmp_path, mode)


@pytest.mark.parametrize("name", [name for name in SETS if "oracle" in name])
@pytest.mark.parametrize("mode", MODES)
def test_the_oracle_exports_lose_nothing(tmp_path: Path, name: str, mode: str) -> None:
    report = maskconv.convert(real_data(name), tmp_path / "a.ndjson", write={"masks": mode}, on_loss="fail")
    assert not report.lossy


@pytest.mark.parametrize("mode", MODES)
def test_overlaps_survive(tmp_path: Path, mode: str) -> None:
    """Three shapes over one another: inline masks and further composites keep every pixel of each."""
    shapes = []
    for x, y, size in ((2, 2, 20), (8, 8, 20), (14, 4, 9)):
        array = np.zeros((40, 50), np.uint8)
        array[y : y + size, x : x + size] = 1
        shapes.append(Mask.from_array(array))
    annotations = tuple(Annotation(label=f"l{i}", shape=shape) for i, shape in enumerate(shapes))
    labels = LabelMap(labels=tuple(Label(name=f"l{i}") for i in range(3)))
    with maskconv.open_writer(tmp_path / "a.mcv", labels) as writer:
        writer.write(AnnotatedImage(name="sub/a", width=50, height=40, annotations=annotations))
    maskconv.convert(tmp_path / "a.mcv", tmp_path / "a.ndjson", write={"masks": mode}, on_loss="fail")
    assert content(tmp_path / "a.ndjson") == {"sub/a": [(f"l{i}", shape) for i, shape in enumerate(shapes)]}
    if mode == "files":
        assert len(list((tmp_path / "a_masks").rglob("*.png"))) > 1


def test_the_instance_png_passes_through_untouched(tmp_path: Path) -> None:
    """Where it already is the composite wanted, both ways."""
    import zipfile

    source = FIXTURES / "cvat-mask" / "street.zip"
    maskconv.convert(source, tmp_path / "a.ndjson", write={"masks": "files"})
    maskconv.convert(tmp_path / "a.ndjson", tmp_path / "b.zip")
    with zipfile.ZipFile(source) as first, zipfile.ZipFile(tmp_path / "b.zip") as last:
        member = "SegmentationObject/street_0001.png"
        composite = (tmp_path / "a_masks" / "street_0001.png").read_bytes()
        assert composite == first.read(member) == last.read(member)


def test_a_yolo_set_comes_back_from_cvat_with_its_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's commands, with pictures in folders of splits and one name in two of them below different folders."""
    monkeypatch.chdir(tmp_path)
    for number, place in enumerate(("train/a", "train/x/c", "val/b", "test/c")):
        for kind in ("images", "labels"):
            Path("yolo", kind, place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40 + number, 32), (number, 9, 9)).save(f"yolo/images/{place}.png")
        Path(f"yolo/labels/{place}.txt").write_text("0 0.2 0.2 0.7 0.2 0.7 0.8 0.2 0.8\n")
    Path("yolo/data.yaml").write_text("train: images/train\nval: images/val\ntest: images/test\nnames: [car]\n")
    maskconv.convert("yolo/data.yaml", "for-cvat.zip", on_loss="fail")
    report = maskconv.convert("for-cvat.zip", "yolo2", to="yolo-seg", write={"pictures": "yolo/images"}, on_loss="fail")
    assert report.instances_written == 4

    def pictures(folder: str) -> dict[str, bytes]:
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in Path(folder, "images").rglob("*.png")}

    def masks(path: str) -> dict[tuple[str | None, str], list[Mask]]:
        with maskconv.open_reader(path) as images:
            return {
                (i.split, i.name): [shape_mask(a.shape, i.width or 0, i.height or 0) for a in i.annotations]
                for i in images
            }

    assert pictures("yolo2") == pictures("yolo")
    assert masks("yolo2") == masks("yolo/data.yaml")
    maskconv.convert("for-cvat.zip", "objects", to="isolated", write={"images": "yolo/images"}, on_loss="fail")
    assert len(list(Path("objects").rglob("*.png"))) == 4


def test_records_of_labelbox_are_isolated_with_a_folder_of_pictures_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labelbox:global-key").mkdir()
    source = FIXTURES / "labelbox-ndjson" / "street.ndjson"
    with maskconv.open_reader(source) as images:
        found = [image for image in images if image.annotations]
    for image in found:
        for folder in ("labelbox:global-key", "pictures"):
            path = Path(folder, f"{image.name}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (image.width or 1, image.height or 1), (9, 9, 9)).save(path)
    with pytest.raises(maskconv.ConversionError) as caught:
        maskconv.convert(source, "none", to="isolated")
    missing = [f for f in caught.value.report.findings if f.weight is maskconv.Weight.ERROR]
    assert {f.code for f in missing} == {"isolated-picture-missing"} and "--images FOLDER" in missing[0].fix
    report = maskconv.convert(source, "objects", to="isolated", write={"images": "pictures"})
    assert report.instances_written == sum(len(image.annotations) for image in found)
