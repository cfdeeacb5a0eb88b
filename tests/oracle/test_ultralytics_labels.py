"""What Ultralytics' own check and data set say of the labels written here: classes, counts, and the masks it trains on."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import maskconv
from maskconv.finding import Finding
from maskconv.formats.yolo_seg.splits import label_path
from maskconv.formats.yolo_seg.write_view import resampled
from maskconv.model import AnnotatedImage, Annotation, Box, Label, LabelMap, Mask, Picture

READ = """
import json, sys
from copy import deepcopy
import numpy as np
from ultralytics.data.dataset import YOLODataset
from ultralytics.data.utils import check_det_dataset, polygon2mask

data = check_det_dataset(sys.argv[1], autodownload=False)
found = {}
for split in ("train", "val", "test"):
    if not data.get(split):
        continue
    dataset = YOLODataset(img_path=data[split], data=data, task="segment", imgsz=640, augment=False, batch_size=1)
    for label in dataset.labels:
        height, width = label["shape"]
        instances = dataset.update_labels_info(deepcopy(label))["instances"]
        instances.denormalize(width, height)
        segments = [segment.reshape(-1) for segment in instances.segments]
        name = label["im_file"].split("/elsewhere/images/", 1)[1]
        found[name] = {
            "classes": label["cls"].ravel().astype(int).tolist(),
            "masks": [np.flatnonzero(polygon2mask((height, width), [segment])).tolist() for segment in segments],
        }
names = {int(number): name for number, name in data["names"].items()}
print("\\n" + json.dumps({"names": names, "nc": data["nc"], "images": found}))
"""

LABELS = LabelMap(labels=(Label(name="background"), Label(name="car"), Label(name="no"), Label(name="дом")))


@pytest.fixture(scope="module")
def python() -> str:
    found = os.environ.get("MASKCONV_ULTRALYTICS_PYTHON", "")
    if not found:
        pytest.skip("no other Python: set MASKCONV_ULTRALYTICS_PYTHON")
    return found


def trained(python: str, data: Path, private: Path) -> Any:
    """What Ultralytics reads of a data set, in a process of its own that reaches no network."""
    quiet = {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "0", "YOLO_VERBOSE": "0", "YOLO_CONFIG_DIR": str(private)}
    private.mkdir(exist_ok=True)
    done = subprocess.run(
        [python, "-c", READ, str(data)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | quiet,
        cwd=private,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "corrupt" not in done.stderr.replace("0 corrupt", "")
    return json.loads(done.stdout.rstrip().splitlines()[-1])


def shapes(seed: int, width: int, height: int) -> list[Any]:
    """A disc with holes, parts, thin lines, single pixels, a box, noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    disc = np.hypot(x - width * 0.4, y - height * 0.5) < min(width, height) * 0.3
    holed = disc & (np.hypot(x - width * 0.4, y - height * 0.5) > 5) & (rng.random((height, width)) > 0.01)
    parted = disc & (x % 13 > 3)
    line, dot, noise = (x == y), (x == seed) & (y == 3), (rng.random((height, width)) < 0.0005) | (x + y == 0)
    masks = [Mask.from_array(each) for each in (disc, holed, parted, line, dot, noise)]
    return [*masks, Box(x=4, y=5, width=width / 3, height=height / 4)]


def make(folder: Path, seed: int, name: str, split: str | None) -> AnnotatedImage:
    width, height = ((64, 48), (321, 200), (640, 480))[seed % 3]
    path = folder / f"{seed}.png"
    Image.new("RGB", (width, height), (90, 90, 90)).save(path)
    told = [Annotation(label=LABELS.names[1 + i % 3], shape=s) for i, s in enumerate(shapes(seed, width, height))]
    facts: dict[str, Any] = {"width": width, "height": height, "split": split, "picture": Picture(path=str(path))}
    return AnnotatedImage(name=name, annotations=tuple(told) if seed else (), **facts)


@pytest.mark.parametrize("options", [{}, {"parts": "split"}, {"holes": "fill"}, {"max_points": 60}], ids=str)
def test_all_is_accepted_and_means_what_we_say(options: dict[str, Any], python: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    names = ["empty", "a", "sub/b", "with space", "dots.in.v2", "дом/é", "x/images/y", "images/z"]
    splits = [None, "train", "Train", "val", "test", None, None, "Validation"]
    images = [make(tmp_path / "in", i, name, splits[i]) for i, name in enumerate(names)]
    found: list[Finding] = []
    with maskconv.open_writer(tmp_path / "out", LABELS, format="yolo-seg", **options) as writer:
        writer.report.sink = found.append
        for image in images:
            writer.write(image)
    moved = (tmp_path / "out").rename(tmp_path / "elsewhere")
    seen = trained(python, moved / "data.yaml", tmp_path / "private")
    assert (seen["names"], seen["nc"]) == ({"0": "car", "1": "no", "2": "дом"}, 3)
    assert len(seen["images"]) == len(images)
    classes = Counter(number for image in seen["images"].values() for number in image["classes"])
    assert classes == Counter(int(row.split()[0]) for p in moved.rglob("*.txt") for row in p.read_text().splitlines())
    predicted(moved, images, seen["images"])
    if options.get("parts") != "split":
        assert sum(classes.values()) == writer.report.instances_written == 7 * 7
        compare(images, seen["images"], found)


def predicted(folder: Path, images: list[AnnotatedImage], seen: dict[str, Any]) -> None:
    """The model of the trainer that findings rest on is right to the pixel, for every row."""
    sizes = {image.name: (image.width or 0, image.height or 0) for image in images}
    for name, found in seen.items():
        split, _, item = name.removesuffix(".png").partition("/")
        lines = (folder / label_path(f"images/{split}/{item}.png")).read_text().splitlines()
        rows = [np.array(line.split()[1:], np.float32).reshape(-1, 2) for line in lines]
        longest = max(map(len, rows), default=0)
        for row, pixels in zip(rows, found["masks"], strict=True):
            canvas = np.zeros(sizes[item][::-1], np.uint8)
            points = resampled([row], longest)[0] * np.array(sizes[item], np.float32)
            cv2.fillPoly(canvas, [points.astype(np.int32)], 1)
            assert np.flatnonzero(canvas).tolist() == pixels


def compare(images: list[AnnotatedImage], seen: dict[str, Any], found: list[Finding]) -> None:
    """The IoU that a Finding tells is that of the trainer's own mask; without one, only its resampling adds pixels."""
    told = {(f.where.image, f.where.annotation): f.message for f in found if "IoU" in f.message}
    places = {"Train": "train", "Validation": "val", None: "train"}
    for image in images:
        split = places.get(image.split, image.split)
        masks = seen[f"{split}/{image.name}.png"]["masks"]
        assert len(masks) == len(image.annotations)
        for i, (pixels, annotation) in enumerate(zip(masks, image.annotations, strict=True)):
            mask = maskconv.geometry.shape_mask(annotation.shape, image.width or 0, image.height or 0)
            wanted, shown = set(np.flatnonzero(mask.to_array()).tolist()), set(pixels)
            iou = len(wanted & shown) / len(wanted | shown)
            if (image.name, i) in told:
                assert f"IoU {iou:.4f} for the trainer" in told[image.name, i]
            else:
                assert len(wanted ^ shown) <= 7
