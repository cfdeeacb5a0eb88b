"""Speed of reading YOLO labels and painting them for CVAT, as ratios measured in one run.

    python tests/bench/yolo_read.py [--images 100] [--generator PATH/gen_bench.py]

**Floor**: CPU time of ``cv2.imencode`` of both masks of every image, as RGB PNG. Everything runs in this process with one
job, interleaved with the floor; medians of seven. The labels are written by maskconv from the data of tests/bench/run.py, with
a JPEG for every item. Limits of yolo-seg -> cvat-mask: 0.5 at 1920x1080, 0.8 at 640x480.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from run import GENERATOR, SIZES, generate

ROUNDS = 7
LIMITS = {"yolo-seg -> cvat-mask": (0.5, 0.8), "yolo-seg read": (None, None), "rows parsed": (None, None)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100, help="images of each size")
    parser.add_argument("--generator", type=Path, default=GENERATOR)
    options = parser.parse_args()
    if not options.generator.exists():
        sys.exit(f"{options.generator} is missing: name gen_bench.py with --generator")
    with tempfile.TemporaryDirectory() as folder:
        found = {size: ratios(generate(options, Path(folder), size, options.images), Path(folder)) for size in SIZES}
    for name, limits in LIMITS.items():
        shown = [
            f"{size}: {found[size][name]:.3f}" + (f" (limit {limit})" if limit else "")
            for size, limit in zip(SIZES, limits, strict=True)
        ]
        print(f"{name:24}", *shown, sep="  ")


def ratios(source: Path, folder: Path) -> dict[str, float]:
    """Each road's CPU time over the floor's."""
    import cv2
    import numpy as np

    import maskconv
    from maskconv.formats.yolo_seg import rows

    cv2.setNumThreads(1)
    number = count()
    with zipfile.ZipFile(source) as archive:
        files = [archive.read(name) for name in archive.namelist() if name.endswith(".png")]
    masks = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) for data in files]
    data = labelled(source, folder / f"data {source.parent.name}", masks[0].shape[:2])
    texts = [path.read_bytes() for path in data.rglob("labels/**/*.txt")]
    names = {number: str(number) for number in range(100)}

    def convert() -> object:
        return maskconv.convert(data, data.with_name(f"{data.name} {next(number)}.zip"), jobs=1)

    def read() -> None:
        with maskconv.open_reader(data) as images:
            for _ in images:
                pass

    works: dict[str, Callable[[], object]] = {
        "floor": lambda: [cv2.imencode(".png", mask) for mask in masks],
        "yolo-seg -> cvat-mask": convert,
        "yolo-seg read": read,
        "rows parsed": lambda: [rows.read(text, names, rows.Extras(), lambda *_: None) for text in texts],
    }
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            start = time.process_time()
            work()
            times[name].append(time.process_time() - start)
    middle = {name: statistics.median(taken) for name, taken in times.items()}
    return {name: taken / middle["floor"] for name, taken in middle.items()}


def labelled(source: Path, target: Path, size: tuple[int, int]) -> Path:
    """The masks as a data set with pictures."""
    import cv2
    import numpy as np

    import maskconv

    pictures = target.with_suffix(".pictures")
    with maskconv.open_reader(source) as images:
        for image in images:
            path = pictures / f"{image.name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.full((*size, 3), 128, np.uint8))
    maskconv.convert(source, target, to="yolo-seg", write={"pictures": pictures})
    return target


if __name__ == "__main__":
    main()
