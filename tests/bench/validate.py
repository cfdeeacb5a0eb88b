"""What a check before an upload costs, as ratios measured in one run.

    python tests/bench/validate.py [--images 40] [--generator PATH/gen_bench.py]

**Floor**: CPU time of ``cv2.imdecode`` of both masks of every image, medians of interleaved rounds in this process. The data
are exports as CVAT writes them, 20 irregular instances an image; once with pictures, of which only headers are read. Then
the CPU time of a labelmap.txt of 500 labels, whose limit is in milliseconds.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from common import SIZES, arguments, decode_all, generate, masks_in, medians

import maskconv
from maskconv.labelmap import voc_color

LIMIT = 0.2  # of the floor, for the first of SIZES
LINES, LIMIT_MS = 500, 5
ROUNDS = 7


def main() -> None:
    options = arguments(__doc__, images=40).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            source = generate(options.generator, Path(folder), size, options.images)
            show(size, source, with_pictures(source), Path(folder))
        label_map(Path(folder))


def show(size: str, source: Path, pictured: Path, folder: Path) -> None:
    import cv2

    cv2.setNumThreads(1)
    masks = masks_in(source)
    times = medians(
        {
            "floor": lambda: decode_all(masks),
            "validate": lambda: maskconv.validate(source),
            "with pictures": lambda: maskconv.validate(pictured),
            "convert, masks=files": lambda: maskconv.convert(
                source, folder / "out.ndjson", write={"masks": "files"}, overwrite=True
            ),
        },
        ROUNDS,
    )
    floor = times.pop("floor")
    ratios = ", ".join(f"{name} {spent / floor:.3f}" for name, spent in times.items())
    limit = f" (limit of validate {LIMIT})" if size == SIZES[0] else ""
    print(f"{size}: floor {floor / (len(masks) / 2) * 1e3:.2f} ms an image; {ratios}{limit}")


def with_pictures(source: Path) -> Path:
    """The same set with a picture of each image, a PNG of noise behind its header."""
    target = source.with_name("pictures.zip")
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as out:
        for name in archive.namelist():
            data = archive.read(name)
            out.writestr(name, data)
            if name.startswith("SegmentationClass/"):
                out.writestr(name.replace("SegmentationClass/", "JPEGImages/"), data[:1000] + bytes(1_000_000))
    return target


def label_map(folder: Path) -> None:
    path = folder / "labelmap.txt"
    colors = (voc_color(index) for index in range(LINES))
    lines = (f"label {index}:{r},{g},{b}::" for index, (r, g, b) in enumerate(colors))
    path.write_text("# label:color_rgb:parts:actions\n" + "\n".join(lines))
    spent = medians({"validate": lambda: maskconv.validate(path)}, 10 * ROUNDS)["validate"]
    print(f"labelmap.txt of {LINES} labels: {spent * 1e3:.2f} ms (limit {LIMIT_MS})")


if __name__ == "__main__":
    main()
