"""Speed and memory of the main roads, as ratios measured in one run.

    python tests/bench/run.py [--images 40] [--quick] [--generator PATH/gen_bench.py]

**Floor**: CPU time of ``cv2.imdecode`` of both masks of every image. Each road runs in this process with one job, after
import, interleaved with the floor; medians of five. Memory: peak resident size of a process that converts 200 and 2,000
images of 640x480. The data are CVAT exports as CVAT writes them, 20 irregular instances an image, made by the generator.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

GENERATOR = Path(os.environ.get("MASKCONV_ORACLES", Path(__file__).parents[3] / "shared" / "oracles")) / "gen_bench.py"
LIMITS = {
    "CVAT -> NDJSON, masks=files": (0.15, 0.40),
    "CVAT -> NDJSON, masks=png": (0.40, 0.75),
    "NDJSON (files) -> CVAT": (0.20, 0.45),
    "CVAT -> CVAT": (None, None),
}
SIZES = ("1920x1080", "640x480")
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=40, help="images of each size")
    parser.add_argument("--quick", action="store_true", help="leave out the memory measurement")
    parser.add_argument("--generator", type=Path, default=GENERATOR)
    options = parser.parse_args()
    if not options.generator.exists():
        sys.exit(f"{options.generator} is missing: name gen_bench.py with --generator")
    with tempfile.TemporaryDirectory() as folder:
        roads = {size: ratios(generate(options, Path(folder), size, options.images), Path(folder)) for size in SIZES}
        show(roads)
        help_time()
        for size in () if options.quick else SIZES:
            throughput(generate(options, Path(folder), size, 300), Path(folder))
        if not options.quick:
            memory(options, Path(folder))


def generate(options: argparse.Namespace, folder: Path, size: str, count: int) -> Path:
    target = folder / f"{size}-{count}"
    command = [sys.executable, options.generator, target, "--n", str(count), "--size", size]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return target / "cvat.zip"


def ratios(source: Path, folder: Path) -> dict[str, float]:
    """Each road's CPU time over the floor's."""
    import cv2

    import maskconv

    cv2.setNumThreads(1)
    with zipfile.ZipFile(source) as archive:
        masks = [archive.read(name) for name in archive.namelist() if name.endswith(".png")]
    ndjson = folder / "labels.ndjson"

    def convert(a: Path, b: Path, **write: str) -> Callable[[], object]:
        return lambda: maskconv.convert(a, b, write=write, overwrite=True, jobs=1)

    works: dict[str, Callable[[], object]] = {
        "floor": lambda: decode_all(masks),
        "CVAT -> NDJSON, masks=files": convert(source, ndjson, masks="files"),
        "CVAT -> NDJSON, masks=png": convert(source, folder / "inline.ndjson", masks="png"),
        "NDJSON (files) -> CVAT": convert(ndjson, folder / "back.zip"),
        "CVAT -> CVAT": convert(source, folder / "again.zip"),
    }
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


def decode_all(masks: list[bytes]) -> None:
    """The floor; no picture is kept, for touching new memory would count against it."""
    import cv2
    import numpy as np

    for mask in masks:
        cv2.imdecode(np.frombuffer(mask, np.uint8), cv2.IMREAD_UNCHANGED)


def show(roads: dict[str, dict[str, float]]) -> None:
    print(f"{'CPU time / decoding both masks with OpenCV':44}" + "".join(f"{size:>22}" for size in roads))
    for name, limits in LIMITS.items():
        cells = [
            f"{roads[size][name]:.3f}" + (f" (limit {limit:.2f})" if limit else "")
            for size, limit in zip(roads, limits, strict=True)
        ]
        print(f"{name:44}" + "".join(f"{cell:>22}" for cell in cells))


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


def memory(options: argparse.Namespace, folder: Path) -> None:
    """Peak resident size of CVAT -> NDJSON (files), and of the way back, for 200 and 2,000 images."""
    code = (
        "import sys, re, maskconv; maskconv.convert(sys.argv[1], sys.argv[2], overwrite=True, jobs=2,"
        " write={'masks': 'files'} if sys.argv[2].endswith('ndjson') else {});"
        " print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024)"
    )
    for count in (200, 2000):
        source = generate(options, folder, "640x480", count)
        peaks = []
        for a, b in ((source, folder / f"m{count}.ndjson"), (folder / f"m{count}.ndjson", folder / f"m{count}.zip")):
            peaks.append(float(subprocess.check_output([sys.executable, "-c", code, str(a), str(b)])))
        print(f"peak RSS, {count} images of 640x480: CVAT -> NDJSON {peaks[0]:.0f} MB, back {peaks[1]:.0f} MB")


if __name__ == "__main__":
    main()
