"""Sources and targets that several tests make."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import maskconv
from maskconv.finding import Finding
from maskconv.model import AnnotatedImage, LabelMap
from tests.places import FIXTURES

STREET = FIXTURES / "cvat-mask" / "street.zip"


def written(path: Path, *images: AnnotatedImage, labels: LabelMap, **options: Any) -> list[Finding]:
    """Write them; all Findings, the plan's first. Raises what the writer raises."""
    found: list[Finding] = []
    with maskconv.open_writer(path, labels, **options) as writer:
        found += writer.report.findings  # of the plan
        writer.report.sink = found.append
        for one in images:
            writer.write(one)
    return found


def streets(path: Path) -> Path:
    """The fixture's scenes, forty times over: 240 images."""
    with zipfile.ZipFile(STREET) as few, zipfile.ZipFile(path, "w") as many:
        masks = [name for name in few.namelist() if name.endswith(".png")]
        items = []
        for number in range(40):
            for name in masks:
                folder, _, item = name.partition("/")
                many.writestr(f"{folder}/{number:02d}/{item}", few.read(name))
                if folder == "SegmentationClass":
                    items.append(f"{number:02d}/{item[:-4]}\n")
        many.writestr("ImageSets/Segmentation/default.txt", "".join(sorted(items)))
        many.writestr("labelmap.txt", few.read("labelmap.txt"))
    return path
