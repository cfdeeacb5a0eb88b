"""yolo-seg: classes whose names come from another file, to read by and to write by."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import maskconv
from maskconv.errors import SourceError
from maskconv.finding import Finding, Weight
from maskconv.model import AnnotatedImage, Annotation, Label, LabelMap, Mask

RING = "0.1 0.1 0.5 0.1 0.5 0.5"
LABELS = LabelMap(labels=(Label(name="car"), Label(name="dog"), Label(name="cat")))
MASK = Mask(width=40, height=24, starts=[50], lengths=[5])
IMAGE = AnnotatedImage(name="a", width=40, height=24, annotations=(Annotation(label="car", shape=MASK),))


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text(f"0 {RING}\n3 {RING}\n")
    return tmp_path / "labels"


def read(path: Path, **options):
    with maskconv.open_reader(path, format="yolo-seg", size="100x50", **options) as images:
        found = list(images)
    return images, found


def write(path: Path, **options) -> list[Finding]:
    with maskconv.open_writer(path, LABELS, format="yolo-seg", images="none", **options) as writer:
        writer.write(IMAGE)
    return writer.report.findings


WRONG = [
    ("names: [car, dog, cat, car]\n", "yolo-names-same", Weight.DATA,
     "1: classes 0 and 3 are both called 'car', which makes them one label; rename one of them"),
    ("names:\n  0: car\n  1: dog\n  2: cat\n  3: car\n", "yolo-names-same", Weight.DATA,
     "5: classes 0 and 3 are both called 'car', which makes them one label; rename one of them"),
    ("nc: 3\nnames: [car, dog, cat, bus]\n", "yolo-nc", Weight.WARNING,
     "1: nc is 3, but there are 4 names; the names count; write nc: 4, or remove it"),
    ("names:\n  0: car\n  1: dog\n  1: cat\n  2: bus\n  3: van\n", "yolo-names-twice", Weight.WARNING,
     "4: class 1 is named twice; the last name counts; give each class a number of its own"),
    ("names: [car, dog, cat, no]\n", "yolo-names-type", Weight.WARNING,
     "1: YAML takes the name of class 3, 'no', for true or false; it is read as text here; put it in quotes: \"no\""),
    ("names: [a, b]\nnames: [car, dog, cat, bus]\n", "yolo-key-twice", Weight.WARNING,
     "2: the key 'names' stands there twice; the last one counts; remove one of them"),
    ("names: {0: car, 3: bus}\n", "yolo-names-gap", Weight.WARNING,
     "1: class 1 has no name, for the numbers go from 0 to 3; number the 2 classes from 0 to 1, in the labels as well"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "code", "weight", "sentence"), WRONG)
def test_what_is_wrong_with_a_names_file_is_told(
    predictions: Path, tmp_path: Path, content: str, code: str, weight: Weight, sentence: str
) -> None:
    """And nothing of what only a data set needs, such as train and val."""
    file = tmp_path / "names.yaml"
    file.write_text(content)
    images, (image,) = read(predictions, names=str(file))
    assert [(f.code, f.weight, str(f)) for f in images.report.findings] == [(code, weight, f"{file}:{sentence}")]
    assert len(image.annotations) == 2


def test_classes_of_one_name_are_one_label(predictions: Path, tmp_path: Path) -> None:
    (tmp_path / "names.yaml").write_text("names: [car, dog, cat, car]\n")
    images, (image,) = read(predictions, names=str(tmp_path / "names.yaml"))
    assert [a.label for a in image.annotations] == ["car", "car"]
    assert images.labels.names == ("car", "dog", "cat")


@pytest.mark.parametrize(
    ("content", "line"), [("names: [car, dog, cat, car]\n", 1), ("names:\n- car\n- dog\n- car\n", 4)]
)
def test_a_lock_with_a_name_twice_is_refused(tmp_path: Path, content: str, line: int) -> None:
    """Which of its classes is meant nobody knows; the same list with commas, or a name a line, is refused as well."""
    (tmp_path / "dup.yaml").write_text(content)
    with pytest.raises(SourceError) as caught:
        write(tmp_path / "out", names=str(tmp_path / "dup.yaml"))
    assert caught.value.code == "yolo-names"
    assert str(caught.value).startswith(f"{tmp_path / 'dup.yaml'}:{line}: classes 0 and ")
    assert str(caught.value).endswith(
        "are both called 'car', which makes them one label; rename one of them in that file"
    )
    assert not (tmp_path / "out").exists()
    for names in ("car,dog,cat,car", str(tmp_path / "list.txt")):
        (tmp_path / "list.txt").write_text("car\ndog\ncat\ncar\n")
        with pytest.raises(SourceError, match="classes 0 and 3 are both called 'car'"):
            write(tmp_path / "out", names=names)


def test_what_else_is_wrong_with_a_lock_is_told(tmp_path: Path) -> None:
    (tmp_path / "lock.yaml").write_text("nc: 7\nnames: [car, dog, cat, yes]\n")
    found = {f.code: f.where.line for f in write(tmp_path / "out", names=str(tmp_path / "lock.yaml"))}
    assert found.items() >= {"yolo-nc": 1, "yolo-names-type": 2}.items()


def test_one_class_with_another_number_than_0(tmp_path: Path) -> None:
    Image.new("RGB", (100, 50)).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text(f"5 {RING}\n")
    (tmp_path / "data.yaml").write_text("train: .\nval: .\nnames: {5: car}\n")
    (finding,) = [f for f in maskconv.validate(tmp_path, format="yolo-seg") if f.code == "yolo-names-gap"]
    assert (
        str(finding)
        == f"{tmp_path}/data.yaml:3: the only class has the number 5; give it the number 0, in the labels as well"
    )
