"""The polygons that a CVAT upload is foreseen to make of masks are those that Datumaro makes; mended label maps are read.

Needs a Python with datumaro 1.13.12, named by MASKCONV_DATUMARO_PYTHON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskconv.formats.cvat_mask.upload import as_polygons
from maskconv.labelmap_fix import fix
from maskconv.model import Mask

POLYGONS = """
import json, warnings
warnings.simplefilter("ignore")
import numpy as np
from datumaro.util.mask_tools import mask_to_polygons
masks = np.load(sys.argv[1])
print(json.dumps([[list(map(float, p)) for p in mask_to_polygons(masks[name])] for name in masks.files]))
"""
LABELS = """
import json, logging, warnings
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
from datumaro.plugins.data_formats.voc.format import parse_label_map
found = []
for path in sys.argv[1:]:
    try:
        found.append([[name, list(map(int, facts[0])) if facts[0] else None] for name, facts in parse_label_map(path).items()])
    except Exception as error:
        found.append(f"{type(error).__name__}: {error}")
print(json.dumps(found))
"""


def stress() -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    masks = []
    for k in range(120):
        height, width = rng.integers(1, 40, 2)
        noise = rng.random((height, width))
        masks.append(noise < (0.1, 0.5, 0.9)[k % 3])
    solid = np.zeros((40, 40), bool)
    solid[5:35, 5:35] = True
    ring = solid.copy()
    ring[10:20, 10:20] = False
    line = np.zeros((9, 30), bool)
    line[4, 3:20] = True
    return [*masks, solid, ring, line, line.T.copy(), np.ones((1, 1), bool), np.ones((2, 2), bool)]


def test_polygons_are_datumaros(datumaro: Any, tmp_path: Path) -> None:
    masks = [mask for mask in stress() if mask.any()]
    np.savez(tmp_path / "masks.npz", *masks)
    theirs = json.loads(datumaro.code(POLYGONS, tmp_path / "masks.npz").splitlines()[-1])
    for mask, polygons in zip(masks, theirs, strict=True):
        ours = as_polygons(Mask.from_array(mask))
        closed = [np.vstack([part.exterior, part.exterior[:1]]).ravel().tolist() for part in ours]
        assert sorted(closed) == sorted(polygons)


BROKEN = {
    "bom": "background:0,0,0::\ncar:9,1,3::\n".encode("utf-8-sig"),
    "utf-16": "background:0,0,0::\ncar:9,1,3::\n".encode("utf-16"),
    "latin-1": "background:0,0,0::\nmüll:9,1,3::\n".encode("latin-1"),
    "two fields": b"background:0,0,0::\ncar:9,1,3\n",
    "five fields": b"background:0,0,0::\ncar:9,1,3:::\n",
    "hex": b"background:0,0,0::\ncar:#090103::\n",
    "parentheses": b"background:0,0,0::\ncar:(9,1,3)::\n",
    "header": b"label:color_rgb:parts:actions\nbackground:0,0,0::\ncar:9,1,3::\n",
    "comment": b"background:0,0,0::\ncar:9,1,3:: # so: called\n",
}


@pytest.fixture(scope="module")
def read(datumaro: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any]]:
    """What Datumaro makes of each broken map, before and after it is mended."""
    folder = tmp_path_factory.mktemp("maps")
    paths = []
    for name, data in BROKEN.items():
        fixed = fix(data)
        assert fixed.text is not None
        for kind, content in (("before", data), ("after", fixed.text.encode())):
            paths.append(folder / f"{name} {kind}.txt")
            paths[-1].write_bytes(content)
    found = json.loads(datumaro.code(LABELS, *paths).splitlines()[-1])
    return {name: (found[2 * k], found[2 * k + 1]) for k, name in enumerate(BROKEN)}


@pytest.mark.parametrize("name", BROKEN)
def test_mended_label_maps_are_read(name: str, read: dict[str, tuple[Any, Any]]) -> None:
    before, after = read[name]
    label = "müll" if name == "latin-1" else "car"
    expected = [["background", [0, 0, 0]], [label, [9, 1, 3]]]
    assert before != expected
    assert after == expected
