"""Speed of writing YOLO labels with exact contours, as ratios measured in one run.

    python tests/bench/yolo.py [--images 100] [--generator PATH/gen_bench.py]

**Floor**: CPU time of ``cv2.imdecode`` of both masks of every image. Everything runs in this process with one job,
interleaved with the floor; medians of seven. The data are those of tests/bench/run.py. Limits of cvat-mask -> yolo-seg: 0.30
at 1920x1080, 0.80 at 640x480.
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
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from run import GENERATOR, SIZES, decode_all, generate

ROUNDS = 7
LIMITS = {"cvat-mask -> yolo-seg": (0.30, 0.80)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100, help="images of each size")
    parser.add_argument("--generator", type=Path, default=GENERATOR)
    options = parser.parse_args()
    if not options.generator.exists():
        sys.exit(f"{options.generator} is missing: name gen_bench.py with --generator")
    with tempfile.TemporaryDirectory() as folder:
        measured = {}
        for size in SIZES:
            measured[size] = ratios(generate(options, Path(folder), size, options.images), Path(folder))
    show(measured)


def ratios(source: Path, folder: Path) -> dict[str, float]:
    """Each road's CPU time over the floor's."""
    import cv2

    import maskconv
    from maskconv.geometry import rings

    cv2.setNumThreads(1)
    number = count()  # every target is new: removing an old one takes time, too
    with zipfile.ZipFile(source) as archive:
        masks = [archive.read(name) for name in archive.namelist() if name.endswith(".png")]
    with maskconv.open_reader(source) as images:
        shapes = [[annotation.shape for annotation in image.annotations] for image in images]

    def convert(suffix: str = "", **write: Any) -> Callable[[], object]:
        write = {"images": "none"} | write
        return lambda: maskconv.convert(source, folder / f"{next(number)}{suffix}", to="yolo-seg", write=write, jobs=1)

    def read() -> None:
        with maskconv.open_reader(source) as images:
            for _ in images:
                pass

    works: dict[str, Callable[[], object]] = {
        "floor": lambda: decode_all(masks),
        "cvat-mask -> yolo-seg": convert(),
        "cvat-mask -> yolo-seg, a zip": convert(".zip"),
        "cvat-mask -> yolo-seg, parts=split": convert(parts="split"),
        "reading alone": read,
        "tracing rings alone": lambda: [rings(each) for each in shapes],
    }
    folder = Path(tempfile.mkdtemp(dir=folder))
    times: dict[str, list[float]] = {name: [] for name in works}
    for round_ in range(ROUNDS + 1):  # the first warms up
        for name, work in works.items():
            start = time.process_time()
            work()
            if round_:
                times[name].append(time.process_time() - start)
    floor = statistics.median(times.pop("floor"))
    print(f"{source.parent.name}: floor {floor / (len(masks) / 2) * 1e3:.2f} ms an image", file=sys.stderr)
    return {name: statistics.median(measured) / floor for name, measured in times.items()}


def show(measured: dict[str, dict[str, float]]) -> None:
    print(f"{'CPU time / decoding both masks with OpenCV':44}" + "".join(f"{size:>22}" for size in measured))
    for name in next(iter(measured.values())):
        limits = LIMITS.get(name, (None, None))
        cells = [
            f"{ratios[name]:.3f}" + (f" (limit {limit:.2f})" if limit else "")
            for ratios, limit in zip(measured.values(), limits, strict=True)
        ]
        print(f"{name:44}" + "".join(f"{cell:>22}" for cell in cells))


if __name__ == "__main__":
    main()
