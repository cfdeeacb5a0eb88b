"""Predictions that Ultralytics saves (save_txt) are read to the instances, scores and masks that it had."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import maskconv
from maskconv.geometry import polygon_mask
from maskconv.model import Mask
from tests.places import FIXTURES
from tests.topology import hole_count, part_count

MODEL = FIXTURES / "yolo-model"


@pytest.fixture(scope="module", params=[True, False], ids=["retina", "network"])
def predicted(request, tmp_path_factory):
    """Results by stem, and the folder that they were saved to. Masks at the picture's size, or the network's."""
    from ultralytics import YOLO

    folder = tmp_path_factory.mktemp("runs")
    model = YOLO(MODEL / "tiny-seg.pt", task="segment")
    how = {
        "project": str(folder),
        "name": "predict",
        "save_txt": True,
        "save_conf": True,
        "verbose": False,
        "imgsz": 96,
    }
    results = model.predict(MODEL / "pictures", retina_masks=request.param, **how)
    return {Path(r.path).stem: r for r in results}, folder / "predict" / "labels", request.param


def read(labels: Path, results: dict):
    names = ",".join(next(iter(results.values())).names.values())
    with maskconv.open_reader(labels, names=names, images=MODEL / "pictures", scores=True) as images:
        return images, {image.name: image for image in images}


def test_every_instance(predicted) -> None:
    results, labels, _ = predicted
    images, found = read(labels, results)
    assert set(results) <= set(found) and not images.report.failed
    assert sum(len(r) for r in results.values()) > 10
    for name, result in results.items():
        image = found[name]
        assert (image.height, image.width) == result.orig_shape
        outlines = [i for i, ring in enumerate(result.masks.xyn if result.masks else []) if len(ring) > 2]
        assert [a.label for a in image.annotations] == [result.names[int(result.boxes.cls[i])] for i in outlines]
        for annotation, i in zip(image.annotations, outlines, strict=True):
            assert annotation.score == pytest.approx(float(result.boxes.conf[i]), rel=1e-5)
            assert annotation.shape[0].exterior == pytest.approx(result.masks.xy[i], abs=max(result.orig_shape) * 1e-6)


def test_the_masks_it_had(predicted) -> None:
    """Where masks have the picture's size, outlines of one part without holes mean the very pixels."""
    results, labels, retina = predicted
    if not retina:
        pytest.skip("outlines in the network's size are scaled by Ultralytics, and mean other pixels")
    _, found = read(labels, results)
    same = 0
    for name, result in results.items():
        masks = [Mask.from_array(m) for m in (result.masks.data.cpu().numpy() if result.masks else [])]
        masks = [
            mask for mask, ring in zip(masks, result.masks.xyn if result.masks else [], strict=True) if len(ring) > 2
        ]
        for annotation, mask in zip(found[name].annotations, masks, strict=True):
            if part_count(mask) == 1 and not hole_count(mask):
                drawn = polygon_mask(annotation.shape, mask.width, mask.height)
                assert np.array_equal(drawn.to_array(), mask.to_array())
                same += 1
    assert same > 10
