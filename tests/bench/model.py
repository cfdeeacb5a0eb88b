"""Masks of 100 instances at 1920x1080: evaluated inside boxes, against Ultralytics' ``retina_masks=True``.

    python tests/bench/model.py [--instances 100] [--size 1920x1080] [--longest 480]

Needs Ultralytics. Both start from the same coefficients, prototypes (32 of 96 x 160) and boxes (sides of 24 to 480 pixels,
short ones as common as long ones) and end with masks at the picture's size: there a bitmap each, here runs. Speed: CPU
time in this process, one thread, interleaved, medians of eleven. Memory: how far the resident size of a process of its own
peaks above what it was with the input.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # read on import
os.environ |= {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "0", "YOLO_VERBOSE": "0"}

import numpy as np
from common import medians

FASTER, SMALLER = 20, 0.1  # at least, at most
ROUNDS = 11


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=100)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--longest", type=float, default=480, help="the longest side of a box, in pixels")
    parser.add_argument("--memory-of", choices=["maskconv", "ultralytics"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    made = network(options.instances, width, height, options.longest)
    works = roads(*made, (width, height))
    if options.memory_of:
        print(peak(works[options.memory_of]))
        return
    check(works, made)
    times = medians(works, ROUNDS)
    gain = times["ultralytics"] / times["maskconv"]
    print(
        f"{options.instances} masks at {options.size}: " + ", ".join(f"{k} {v * 1e3:.1f} ms" for k, v in times.items())
    )
    print(f"inside boxes: {gain:.1f} times faster (limit {FASTER})")
    command = [sys.executable, *sys.argv, "--memory-of"]
    peaks = {name: float(subprocess.check_output([*command, name])) for name in works}
    print(
        f"memory: {peaks['maskconv']:.1f} MB of {peaks['ultralytics']:.1f} MB ({peaks['maskconv'] / peaks['ultralytics']:.3f}, limit {SMALLER})"
    )


def network(count: int, width: int, height: int, longest: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients, prototypes and boxes of ellipses: a quadratic form is a combination of six prototypes; the other
    ones are noise that hardly weighs."""
    rng = np.random.default_rng(0)
    rows, columns = 96, 160
    y, x = (np.mgrid[:rows, :columns] + 0.5) / np.array([rows, columns])[:, None, None]
    noise = rng.normal(size=(26, rows, columns))
    prototypes = np.concatenate([[np.ones_like(x), x, y, x * x, y * y, x * y], noise])
    w, h = np.exp(rng.uniform(np.log(24), np.log(longest), (2, count))) / np.array([[width], [height]])
    cx, cy = rng.uniform(w / 2, 1 - w / 2), rng.uniform(h / 2, 1 - h / 2)
    a, b = 4 / w**2, 4 / h**2
    form = np.stack([1 - a * cx**2 - b * cy**2, 2 * a * cx, 2 * b * cy, -a, -b, 0 * a], axis=1)
    coefficients = np.concatenate([form, rng.normal(size=(count, 26)) * 0.01], axis=1)
    boxes = np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], axis=1) * [width, height, width, height]
    return coefficients.astype(np.float32), prototypes.astype(np.float32), boxes.astype(np.float32)


def roads(
    coefficients: np.ndarray, prototypes: np.ndarray, boxes: np.ndarray, size: tuple[int, int]
) -> dict[str, Callable[[], Any]]:
    import torch
    from ultralytics.utils import ops

    from maskconv.formats.yolo_model.masks import masks_of

    torch.set_num_threads(1)
    tensors = [torch.from_numpy(array) for array in (prototypes, coefficients, boxes)]
    return {
        "maskconv": lambda: list(masks_of(coefficients, prototypes, boxes, size)),
        "ultralytics": lambda: ops.process_mask_native(*tensors, size[::-1]),
    }


def check(works: dict[str, Callable[[], Any]], network: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Both give the same masks, but for pixels on the threshold: where a logit is nearer to it than a sum of so many terms is
    exact in single precision."""
    import torch
    from ultralytics.utils import ops

    coefficients, prototypes, _ = network
    found = np.array([mask.to_array() for mask in works["maskconv"]()])
    expected = works["ultralytics"]().numpy() > 0
    number, y, x = np.nonzero(found ^ expected)
    print(f"{int(expected.sum())} pixels in masks, {len(number)} differ")
    logits = np.tensordot(coefficients, prototypes, 1)
    terms = np.tensordot(np.abs(coefficients), np.abs(prototypes), 1).max(axis=(1, 2))
    shown = ops.scale_masks(torch.from_numpy(logits)[None], expected.shape[1:])[0].numpy()
    assert (np.abs(shown[number, y, x]) <= terms[number] * len(prototypes) * 2.0**-24).all()


def peak(work: Callable[[], Any]) -> float:
    """MB of resident memory that the work adds at most."""
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    kept = work()
    assert len(kept)
    return resident("VmHWM") - before


def resident(name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1000


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as settings:
        os.environ["YOLO_CONFIG_DIR"] = settings
        main()
