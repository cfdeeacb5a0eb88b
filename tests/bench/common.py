"""What the benchmarks share: exports as CVAT writes them, made by the generator, and CPU times taken in turns."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from itertools import repeat
from pathlib import Path

GENERATOR = Path(os.environ.get("MASKCONV_ORACLES", Path(__file__).parents[3] / "shared" / "oracles")) / "gen_bench.py"
SIZES = ("1920x1080", "640x480")
Works = Mapping[str, Callable[[], object]]
Limits = Mapping[str, tuple[float | None, ...]]


def arguments(about: str | None, images: int) -> argparse.ArgumentParser:
    """The options of a benchmark on generated exports."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=images, help="images of each size")
    parser.add_argument("--generator", type=_file, default=str(GENERATOR), help="where gen_bench.py is")
    return parser


def _file(text: str) -> Path:
    path = Path(text)
    if not path.exists():
        raise argparse.ArgumentTypeError(f"{path} is missing: name gen_bench.py")
    return path


def generate(generator: Path, folder: Path, size: str, count: int) -> Path:
    """A zip of ``count`` images with 20 irregular instances each."""
    target = folder / f"{size}-{count}"
    command = [sys.executable, generator, target, "--n", str(count), "--size", size]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return target / "cvat.zip"


def masks_in(source: Path) -> list[bytes]:
    """Both masks of every image, as PNG."""
    with zipfile.ZipFile(source) as archive:
        return [archive.read(name) for name in archive.namelist() if name.endswith(".png")]


def decode_all(masks: list[bytes]) -> None:
    """The floor; no picture is kept, for touching new memory would count against it."""
    import cv2
    import numpy as np

    for mask in masks:
        cv2.imdecode(np.frombuffer(mask, np.uint8), cv2.IMREAD_UNCHANGED)


def read_all(source: Path) -> None:
    import maskconv

    with maskconv.open_reader(source) as images:
        for _ in images:
            pass


def medians(works: Works, rounds: int) -> dict[str, float]:
    """CPU seconds of each, taken in turns; a first round warms up."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            start = time.process_time()
            work()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(measured[1:]) for name, measured in times.items()}


def ratios(works: Works, rounds: int, images: float, size: str) -> dict[str, float]:
    """CPU time of each over that of the one named floor, which goes through so many images."""
    spent = medians(works, rounds)
    floor = spent.pop("floor")
    print(f"{size}: floor {floor / images * 1e3:.2f} ms an image", file=sys.stderr)
    return {name: seconds / floor for name, seconds in spent.items()}


def compare(
    about: str | None, images: int, road: Callable[[Path, Path], dict[str, float]], title: str, limits: Limits
) -> None:
    """What a benchmark does whose ``road`` measures the ratios of an export, with a folder to write to."""
    options = arguments(about, images).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = {size: generate(options.generator, Path(folder), size, options.images) for size in SIZES}
        show(title, {size: road(source, Path(folder)) for size, source in made.items()}, limits)


def show(title: str, found: Mapping[str, Mapping[str, float]], limits: Limits) -> None:
    """A table of ratios, a column for each size."""
    print(f"{title:44}" + "".join(f"{size:>22}" for size in found))
    for name in next(iter(found.values())):
        cells = [
            f"{measured[name]:.3f}" + (f" (limit {limit:.2f})" if limit else "")
            for measured, limit in zip(found.values(), limits.get(name, repeat(None)), strict=False)
        ]
        print(f"{name:44}" + "".join(f"{cell:>22}" for cell in cells))
