"""The drop-in types beside Labelbox' SDK, measured in one run: CPU time, rounds of both in turn, medians.

    MASKCONV_LABELBOX_PYTHON=... python tests/bench/labelbox_types.py

The SDK runs in its own environment (labelbox 7.17.0) as a child that answers line by line. Both draw all 20 instances of one
1080p composite from a fresh `MaskData`, of an array and of PNG bytes, and both read 1,000 polygon records. Keeping all 20 arrays
(124 MB) costs both the same for new memory, half of our time. An array that can be written to is summed up at every draw, a
read-only one is not.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

PYTHON = os.environ.get("MASKCONV_LABELBOX_PYTHON", "")
ROUNDS = 5
LIMITS = {"draw, array": 40, "draw, PNG bytes": 40, "1,000 polygon records": 5}

CHILD = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np
from labelbox.data.annotation_types import Mask, MaskData
from labelbox.data.serialization.ndjson.label import NDLabel
from labelbox.data.serialization.ndjson.objects import NDObject
array, data = np.load(sys.argv[1]), open(sys.argv[2], "rb").read()
colors = [tuple(c) for c in json.loads(sys.argv[4])]
def draw(keep, **source):
    mask, kept = MaskData(**source), []
    for color in colors:
        drawn = Mask(mask=mask, color=color).draw()
        if keep:
            kept.append(drawn)
def parse():
    with open(sys.argv[3]) as lines:
        return [NDObject.to_common(NDLabel(annotations=json.loads(line)).annotations) for line in lines]
works = {
    "draw, array": lambda: draw(False, arr=array), "draw, read-only array": lambda: draw(False, arr=array), "draw and keep all, array": lambda: draw(True, arr=array),
    "draw, PNG bytes": lambda: draw(False, im_bytes=data), "draw and keep all, PNG bytes": lambda: draw(True, im_bytes=data),
    "1,000 polygon records": parse,
}
for name in sys.stdin:
    start = time.process_time()
    works[name.strip()]()
    print(time.process_time() - start, flush=True)
"""


def main() -> None:
    if not PYTHON:
        sys.exit("name a Python with labelbox 7.17.0: MASKCONV_LABELBOX_PYTHON")
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder))


def measure(folder: Path) -> None:
    array, colors = composite()
    ours, files = works(folder, array, colors)
    command = [PYTHON, "-c", CHILD, *map(str, files), json.dumps(colors)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin and child.stdout
        for name, work in ours.items():
            mine, theirs = [], []
            for round_ in range(ROUNDS + 1):  # the first warms up
                child.stdin.write(name + "\n")
                child.stdin.flush()
                told = float(child.stdout.readline())
                start = time.process_time()
                work()
                if round_:
                    theirs.append(told)
                    mine.append(time.process_time() - start)
            a, b = statistics.median(mine), statistics.median(theirs)
            limit = f" (limit {LIMITS[name]})" if name in LIMITS else ""
            print(f"{name}: SDK {b * 1e3:.1f} ms, maskconv {a * 1e3:.1f} ms, {b / a:.1f} times faster{limit}")


def composite() -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """20 irregular instances that do not overlap, 1920x1080."""
    from maskconv.labelbox import Point, Polygon

    dice = np.random.default_rng(0)
    canvas = np.zeros((1080, 1920, 3), np.uint8)
    colors = [(int(r), int(g), int(b)) for r, g, b in dice.integers(1, 255, (20, 3))]
    for number, color in enumerate(colors):
        x, y = 190 + 380 * (number % 5), 135 + 270 * (number // 5)
        angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        radius = dice.uniform(60, 125, 60)
        ring = zip((x + radius * np.cos(angles)).tolist(), (y + radius * np.sin(angles)).tolist(), strict=True)
        Polygon(points=[Point(x=a, y=b) for a, b in ring]).draw(canvas=canvas, color=color)
    return canvas, colors


def works(
    folder: Path, array: np.ndarray, colors: list[tuple[int, ...]]
) -> tuple[dict[str, Callable[[], object]], tuple[Path, ...]]:
    from maskconv import open_reader, png
    from maskconv.labelbox import Mask, MaskData
    from maskconv.labelbox.composite import Composite

    def draw(keep: bool, **source: object) -> None:
        mask, kept = MaskData(**source), []
        for color in colors:
            drawn = Mask(mask=mask, color=color).draw()
            if keep:
                kept.append(drawn)

    def parse() -> int:
        with open_reader(files[2]) as images:
            return sum(len(image.annotations) for image in images)

    files = folder / "array.npy", folder / "composite.png", folder / "polygons.ndjson"
    fixed = array.copy()
    fixed.flags.writeable = False
    data = png.encode_rgb(Composite.from_array(array).map)
    np.save(files[0], array)
    files[1].write_bytes(data)
    files[2].write_bytes(b"".join(json.dumps(record).encode() + b"\n" for record in records()))
    assert parse() == 1000
    works_: dict[str, Callable[[], object]] = {
        "draw, array": lambda: draw(False, arr=array),
        "draw, read-only array": lambda: draw(False, arr=fixed),
        "draw and keep all, array": lambda: draw(True, arr=array),
        "draw, PNG bytes": lambda: draw(False, im_bytes=data),
        "draw and keep all, PNG bytes": lambda: draw(True, im_bytes=data),
        "1,000 polygon records": parse,
    }
    return works_, files


def records() -> list[dict[str, object]]:
    """50 data rows of 20 polygons of 30 points."""
    dice = np.random.default_rng(1)
    return [
        {
            "uuid": f"{number:032x}",
            "dataRow": {"globalKey": f"img-{number // 20:04}.jpg"},
            "name": "car",
            "classifications": [],
            "polygon": [{"x": x, "y": y} for x, y in dice.uniform(0, 1000, (30, 2)).round(3).tolist()],
        }
        for number in range(1000)
    ]


if __name__ == "__main__":
    main()
