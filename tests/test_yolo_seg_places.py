"""yolo-seg: which files belong to which item, by the trainer's rule, there and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import maskconv

RING = "0.1 0.1 0.5 0.1 0.5 0.5"


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (100, 50)).save(path)
    return path


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def read(path: Path, **options):
    with maskconv.open_reader(path, format="yolo-seg", **options) as images:
        found = list(images)
    return images, found


# --- classes.txt ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["train/", ""])
@pytest.mark.parametrize("place", ["", "labels/", "labels/{split}"])
@pytest.mark.parametrize("classes", ["car\nperson\n", "3 wheel cart\n4 wheel car\n"])
@pytest.mark.parametrize("pictures", [True, False])
def test_classes_beside_the_labels(tmp_path: Path, split: str, place: str, classes: str, pictures: bool) -> None:
    """As labelling tools leave it: it names the classes, and is no label file, whatever it looks like."""
    text(tmp_path / f"labels/{split}a.txt", f"1 {RING}\n")
    text(tmp_path / place.format(split=split) / "classes.txt", classes)
    if pictures:
        picture(tmp_path / f"images/{split}a.png")
    images, found = read(tmp_path, size="100x50")
    names = tuple(classes.splitlines())
    assert images.labels.names == names
    assert [(i.name, i.split, [a.label for a in i.annotations]) for i in found] == [
        ("a", split.rstrip("/") or None, [names[1]])
    ]
    assert images.report.findings == []
