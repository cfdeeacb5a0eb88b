"""Isolating objects, measured beside the recipe of Ultralytics' guide "Isolating Segmentation Objects" in one run.

    python tests/bench/isolate.py [--objects 20] [--size 1920x1080] [--picture FILE]

Both get the same picture, decoded, and the same objects, and write a PNG for each into a folder; one thread, CPU time, medians
of interleaved rounds. The folder is in memory where the system has such a place, so that no disk is measured. The recipe gets
contours as Ultralytics has them, which is what it draws. It has no words for crops whose background is kept: there it only crops
and writes. ``--picture`` is scaled to the size; without one there are clouds of noise, which compress about as a photograph does.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import medians
from numpy.typing import NDArray

from maskconv import AnnotatedImage, Annotation, Box, LabelMap, Mask
from maskconv.finding import Finding, Weight
from maskconv.formats.isolated import FORMAT
from maskconv.plugin import Target

ROUNDS = 7
LIMIT = 5.0  # times faster, in full size
MEMORY = Path("/dev/shm")
WAYS = [
    (background, crop)
    for crop in ("none", "mask", "box")
    for background in ("black", "transparent", "keep")
    if (background, crop) != ("keep", "none")
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=20)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    width, height = map(int, options.size.split("x"))
    picture = scaled(options.picture, width, height) if options.picture else clouds(width, height)
    contours = objects(options.objects, width, height)
    image = AnnotatedImage(
        name="street",
        width=width,
        height=height,
        annotations=tuple(map(annotation(image_size := (width, height)), contours)),
    )
    print(f"{options.objects} objects, {image_size[0]} x {image_size[1]}; CPU ms, files in kB")
    print(f"{'':26}{'guide':>9}{'maskconv':>10}{'ratio':>8}{'guide':>9}{'maskconv':>10}")
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        for background, crop in WAYS:
            compare(picture, image, contours, Path(folder, background + crop), background, crop)


def compare(
    picture: NDArray[Any],
    image: AnnotatedImage,
    contours: list[NDArray[Any]],
    folder: Path,
    background: str,
    crop: str,
) -> None:
    places = {"guide": folder / "guide", "maskconv": folder / "maskconv"}
    for place in places.values():
        place.mkdir(parents=True)
    write = writer(image, background, crop)
    works = {
        "guide": lambda: recipe(picture, contours, places["guide"], background, crop),
        "maskconv": lambda: write(picture, places["maskconv"]),
    }
    spent = medians(works, ROUNDS)
    if background != "transparent":
        same(places["guide"], places["maskconv"], crop)
    guide, ours = (spent[each] * 1e3 for each in works)
    sizes = [sum(path.stat().st_size for path in place.iterdir()) / 1e3 for place in places.values()]
    limit = f" (limit {LIMIT:g})" if crop == "none" else ""
    print(
        f"{f'{background}, crop {crop}':26}{guide:9.1f}{ours:10.1f}{guide / ours:8.1f}{sizes[0]:9.0f}{sizes[1]:10.0f}{limit}"
    )


def recipe(picture: NDArray[Any], contours: list[NDArray[Any]], folder: Path, background: str, crop: str) -> None:
    """The guide's steps for one image, in its order."""
    whole = np.copy(picture)
    for number, contour in enumerate(contours):
        if background != "keep":
            mask = np.zeros(whole.shape[:2], np.uint8)
            cv2.drawContours(mask, [contour.astype(np.int32).reshape(-1, 1, 2)], -1, (255, 255, 255), cv2.FILLED)
        if background == "black":
            isolated = cv2.bitwise_and(cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR), whole)
        else:
            isolated = np.dstack([whole, mask]) if background == "transparent" else whole
        if crop != "none":
            x1, y1, x2, y2 = box(contour)
            isolated = isolated[y1:y2, x1:x2]
        cv2.imwrite(str(folder / f"street_car-{number}.png"), isolated)


def writer(image: AnnotatedImage, background: str, crop: str) -> Callable[[NDArray[Any], Path], None]:
    """What the writer does with a decoded picture, and its files written."""
    assert FORMAT.writer is not None
    made = FORMAT.writer(FORMAT.writer.Options.parse({"background": background, "crop": crop}, FORMAT.name, "write"))
    plan = made.plan(LabelMap(labels=[{"name": "car"}]), Target(Path("out"), "folder"), _no_note)

    def write(picture: NDArray[Any], folder: Path) -> None:
        made._pixels = lambda *_: picture  # type: ignore[attr-defined]
        piece = made.encode(image, plan, _no_note)
        for name, data in piece.blobs if piece else ():
            with open(f"{folder}/{name}", "wb", buffering=0) as file:
                file.write(data)

    return write


def _no_note(finding: Finding) -> None:
    assert finding.weight is Weight.INFO, finding


def same(guide: Path, ours: Path, crop: str) -> None:
    """Both made the same pictures; where cropped, the recipe's lack what it cuts off."""
    for path in sorted(guide.iterdir()):
        a, b = cv2.imread(str(path)), cv2.imread(str(ours / path.name))
        if crop != "none":
            b = b[: a.shape[0], : a.shape[1]]
        assert (a == b).all(), path.name


def box(contour: NDArray[Any]) -> tuple[int, int, int, int]:
    """The corners as the recipe truncates them."""
    (x1, y1), (x2, y2) = contour.min(0), contour.max(0)
    return int(x1), int(y1), int(x2), int(y2)


def annotation(size: tuple[int, int]) -> Callable[[NDArray[Any]], Annotation]:
    def make(contour: NDArray[Any]) -> Annotation:
        bitmap = np.zeros(size[::-1], np.uint8)
        cv2.drawContours(bitmap, [contour.astype(np.int32).reshape(-1, 1, 2)], -1, 1, cv2.FILLED)
        (x, y), (right, bottom) = contour.min(0).tolist(), contour.max(0).tolist()
        return Annotation(
            label="car", shape=Mask.from_array(bitmap), box=Box(x=x, y=y, width=right - x, height=bottom - y)
        )

    return make


def objects(count: int, width: int, height: int) -> list[NDArray[Any]]:
    """Ragged blobs, 4 to 37 percent of the height across: float32 (n, 2) contours."""
    dice = np.random.default_rng(1)
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    found = []
    for _ in range(count):
        radius = dice.uniform(0.02, 0.185) * height
        x, y = dice.uniform(radius, width - radius - 1), dice.uniform(radius, height - radius - 1)
        ragged = radius * np.clip(0.8 + 0.06 * dice.standard_normal(90).cumsum(), 0.3, 1)
        found.append(np.stack([x + ragged * np.cos(angles), y + ragged * np.sin(angles)], 1).astype(np.float32))
    return found


def clouds(width: int, height: int) -> NDArray[Any]:
    """Noise of several scales, uint8 (height, width, 3)."""
    dice = np.random.default_rng(2)
    total = np.zeros((height, width, 3), np.float32)
    for scale in (4, 16, 64, 256):
        noise = dice.standard_normal((height // scale + 2, width // scale + 2, 3)).astype(np.float32)
        total += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) * scale**0.5 * 4
    return np.clip(total + 128 + dice.standard_normal(total.shape) * 2, 0, 255).astype(np.uint8)


def scaled(path: Path, width: int, height: int) -> NDArray[Any]:
    found = cv2.imread(str(path))
    if found is None:
        raise SystemExit(f"{path} is no picture")
    return cv2.resize(found, (width, height), interpolation=cv2.INTER_CUBIC)


if __name__ == "__main__":
    main()
