"""Speed and memory of the main roads, as ratios measured in one run.

    python tests/bench/run.py [--images 40] [--quick] [--generator PATH/gen_bench.py]

**Floor**: CPU time of ``cv2.imdecode`` of both masks of every image. Each road runs in this process with one job, after
import, interleaved with the floor; medians of five. Memory: peak resident size of a process that converts 200 and 2,000
images of 640x480. The data are CVAT exports as CVAT writes them, 20 irregular instances an image, made by the generator.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import common
from common import SIZES, arguments, decode_all, generate, masks_in

LIMITS = {
    "CVAT -> NDJSON, masks=files": (0.15, 0.40),
    "CVAT -> NDJSON, masks=png": (0.40, 0.75),
    "NDJSON (files) -> CVAT": (0.20, 0.45),
}
ROUNDS = 5


def main() -> None:
    parser = arguments(__doc__, images=40)
    parser.add_argument("--quick", action="store_true", help="leave out the memory measurement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make = partial(generate, options.generator, Path(folder))
        roads = {size: ratios(make(size, options.images), Path(folder)) for size in SIZES}
        common.show("CPU time / decoding both masks with OpenCV", roads, LIMITS)
        help_time()
        for size in () if options.quick else SIZES:
            throughput(make(size, 300), Path(folder))
        if not options.quick:
            memory(make, Path(folder))


def ratios(source: Path, folder: Path) -> dict[str, float]:
    """Each road's CPU time over the floor's."""
    import cv2

    import maskconv

    cv2.setNumThreads(1)
    masks = masks_in(source)
    ndjson = folder / "labels.ndjson"

    def convert(a: Path, b: Path, **write: str) -> Callable[[], object]:
        return lambda: maskconv.convert(a, b, write=write, overwrite=True, jobs=1)

    works = {
        "floor": lambda: decode_all(masks),
        "CVAT -> NDJSON, masks=files": convert(source, ndjson, masks="files"),
        "CVAT -> NDJSON, masks=png": convert(source, folder / "inline.ndjson", masks="png"),
        "NDJSON (files) -> CVAT": convert(ndjson, folder / "back.zip"),
        "CVAT -> CVAT": convert(source, folder / "again.zip"),
    }
    return common.ratios(works, ROUNDS, len(masks) / 2, source.parent.name)


def help_time() -> None:
    """CPU seconds of ``maskconv --help``, median of five."""
    code = "import os, subprocess, sys; subprocess.run([sys.executable, '-m', 'maskconv', '--help'], stdout=-3); t = os.times(); print(t.children_user + t.children_system)"
    measured = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(ROUNDS)]
    print(f"maskconv --help: {statistics.median(measured):.3f} s of CPU (limit 0.25)")


def throughput(source: Path, folder: Path) -> None:
    """Wall time of one job over that of two, CVAT -> NDJSON (files) and -> CVAT, by threads, processes, and as chosen."""
    import maskconv

    def wall(target: Path, jobs: int, workers: str) -> float:
        write = {"masks": "files"} if target.suffix == ".ndjson" else {}
        start = time.perf_counter()
        maskconv.convert(source, target, write=write, overwrite=True, jobs=jobs, workers=workers)
        return time.perf_counter() - start

    for target in (folder / "two.ndjson", folder / "two.zip"):
        kinds = ("threads", "processes", "auto")
        times: dict[str, list[float]] = {name: [] for name in ("one", *kinds)}
        for _ in range(ROUNDS):
            times["one"].append(wall(target, 1, "auto"))
            for kind in kinds:
                times[kind].append(wall(target, 2, kind))
        one = statistics.median(times["one"])
        gains = ", ".join(f"{kind} {one / statistics.median(times[kind]):.2f}" for kind in kinds)
        print(
            f"two jobs, 300 images, {source.parent.name.rpartition('-')[0]} -> {target.suffix[1:]}: {gains} times one job"
        )


def memory(make: Callable[[str, int], Path], folder: Path) -> None:
    """Peak resident size of CVAT -> NDJSON (files), and of the way back, for 200 and 2,000 images."""
    code = (
        "import sys, re, maskconv; maskconv.convert(sys.argv[1], sys.argv[2], overwrite=True, jobs=2,"
        " write={'masks': 'files'} if sys.argv[2].endswith('ndjson') else {});"
        " print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024)"
    )
    for count in (200, 2000):
        source = make("640x480", count)
        peaks = []
        for a, b in ((source, folder / f"m{count}.ndjson"), (folder / f"m{count}.ndjson", folder / f"m{count}.zip")):
            peaks.append(float(subprocess.check_output([sys.executable, "-c", code, str(a), str(b)])))
        print(f"peak RSS, {count} images of 640x480: CVAT -> NDJSON {peaks[0]:.0f} MB, back {peaks[1]:.0f} MB")


if __name__ == "__main__":
    main()
