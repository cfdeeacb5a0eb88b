"""Speed of reading YOLO labels and painting them for CVAT, as ratios measured in one run.

    python tests/bench/yolo_read.py [--images 100] [--generator PATH/gen_bench.py]

**Floor**: CPU time of ``cv2.imencode`` of both masks of every image, as RGB PNG. Everything runs in this process with one
job, interleaved with the floor; medians of seven. The labels are written by maskconv from the data of tests/bench/run.py, with
a JPEG for every item. Limits of yolo-seg -> cvat-mask: 0.5 at 1920x1080, 0.8 at 640x480.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

import common
from common import masks_in, read_all

ROUNDS = 7
LIMITS = {"yolo-seg -> cvat-mask": (0.5, 0.8)}


def main() -> None:
    common.compare(__doc__, 100, ratios, "CPU time / encoding both masks with OpenCV", LIMITS)


def ratios(source: Path, folder: Path) -> dict[str, float]:
    """Each road's CPU time over the floor's."""
    import cv2
    import numpy as np

    import maskconv
    from maskconv.formats.yolo_seg import rows

    cv2.setNumThreads(1)
    number = count()
    masks = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) for data in masks_in(source)]
    data = labelled(source, folder / f"data {source.parent.name}", masks[0].shape[:2])
    texts = [path.read_bytes() for path in data.rglob("labels/**/*.txt")]
    names = {number: str(number) for number in range(100)}

    def convert() -> object:
        return maskconv.convert(data, data.with_name(f"{data.name} {next(number)}.zip"), jobs=1)

    works = {
        "floor": lambda: [cv2.imencode(".png", mask) for mask in masks],
        "yolo-seg -> cvat-mask": convert,
        "yolo-seg read": lambda: read_all(data),
        "rows parsed": lambda: [rows.read(text, names, rows.Extras(), lambda *_: None) for text in texts],
    }
    return common.ratios(works, ROUNDS, len(masks) / 2, source.parent.name)


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
