"""Labelbox' own SDK accepts what we write. Needs a Python with labelbox 7.17.0, named by MASKCONV_LABELBOX_PYTHON."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from maskconv import AnnotatedImage, Annotation, Box, Label, LabelMap, Mask, PixelRule, Polygon, open_writer

SHARED = Path(os.environ.get("MASKCONV_SHARED", Path(__file__).parents[3] / "shared"))
SCRIPT = SHARED / "oracles" / "labelbox_ndjson.py"
PYTHON = os.environ.get("MASKCONV_LABELBOX_PYTHON", "")
pytestmark = [
    pytest.mark.skipif(not PYTHON, reason="no Labelbox SDK: set MASKCONV_LABELBOX_PYTHON"),
    pytest.mark.skipif(not SCRIPT.is_file(), reason="no oracle script: set MASKCONV_SHARED"),
]

CUID = "ck68grts29n7w0890wv344dif"


def images():
    dice = np.random.default_rng(0)
    for number in range(4):
        masks = [Mask.from_array(dice.random((30, 40)) < share) for share in (0.5, 0.1, 0.001, 1)]
        shapes = [*(m for m in masks if m.area), Box(x=1.5, y=2, width=3, height=4)]
        shapes.append((Polygon(exterior=[(1.5, 2), (9, 3.25), (5, 8)], rule=PixelRule.CENTRE_TRUNC),))
        metrics = [{"name": "iou", "value": 0.5}]
        classes = [{"name": "q", "answer": {"name": "a"}}]
        annotations = [
            Annotation(
                label="car",
                shape=shape,
                score=0.0 if number else None,
                attributes={"customMetrics": metrics, "classifications": classes} if number == 1 else {},
            )
            for shape in shapes
        ]
        yield AnnotatedImage(name=f"d/é {number}", width=40, height=30, annotations=annotations)


@pytest.mark.parametrize(
    "options",
    [
        {"masks": "png"},
        {"masks": "files", "mask_uri": "https://storage.example.com/m/"},
        {"shape": "polygon"},
        {"schema_ids": {"car": CUID}},
        {"data_rows": {f"d/é {number}": f"ckrow{number}" for number in range(4)}},
    ],
    ids=str,
)
def test_the_sdk_accepts_every_record(tmp_path, options):
    target = tmp_path / "out.ndjson"
    with open_writer(target, LabelMap(labels=[Label(name="car")]), **options) as writer:
        for image in images():
            writer.write(image)
    done = subprocess.run(
        [PYTHON, SCRIPT, target, "--draw", "--size", "40x30"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["ok"] == len(target.read_bytes().splitlines()) > 0
    assert (told["errors"], told["duplicate_uuid_in_row"]) == (0, 0)
    expected = "NDPolygon->Polygon" if options.get("shape") else "NDMask->Mask"
    assert set(told["classes"]) == {expected, "NDRectangle->Rectangle"}
