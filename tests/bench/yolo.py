"""Speed of writing YOLO labels with exact contours, as ratios measured in one run.

    python tests/bench/yolo.py [--images 100] [--generator PATH/gen_bench.py]

**Floor**: CPU time of ``cv2.imdecode`` of both masks of every image. Everything runs in this process with one job,
interleaved with the floor; medians of seven. The data are those of tests/bench/run.py. Limits of cvat-mask -> yolo-seg: 0.30
at 1920x1080, 0.80 at 640x480.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import common
from common import decode_all, masks_in, read_all

ROUNDS = 7
LIMITS = {"cvat-mask -> yolo-seg": (0.30, 0.80)}


def main() -> None:
    common.compare(__doc__, 100, ratios, "CPU time / decoding both masks with OpenCV", LIMITS)


def ratios(source: Path, folder: Path) -> dict[str, float]:
    """Each road's CPU time over the floor's."""
    import cv2

    import maskconv
    from maskconv.geometry import rings

    cv2.setNumThreads(1)
    number = count()  # every target is new: removing an old one takes time, too
    masks = masks_in(source)
    with maskconv.open_reader(source) as images:
        shapes = [[annotation.shape for annotation in image.annotations] for image in images]

    def convert(suffix: str = "", **write: Any) -> Callable[[], object]:
        write = {"images": "none"} | write
        return lambda: maskconv.convert(source, folder / f"{next(number)}{suffix}", to="yolo-seg", write=write, jobs=1)

    works = {
        "floor": lambda: decode_all(masks),
        "cvat-mask -> yolo-seg": convert(),
        "cvat-mask -> yolo-seg, a zip": convert(".zip"),
        "cvat-mask -> yolo-seg, parts=split": convert(parts="split"),
        "reading alone": lambda: read_all(source),
        "tracing rings alone": lambda: [rings(each) for each in shapes],
    }
    folder = Path(tempfile.mkdtemp(dir=folder))
    return common.ratios(works, ROUNDS, len(masks) / 2, source.parent.name)


if __name__ == "__main__":
    main()
