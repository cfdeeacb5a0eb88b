"""yolo-seg: which files belong to which item, by the trainer's rule, there and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

import maskconv
from maskconv.errors import ConversionError, DataError
from maskconv.finding import Weight
from maskconv.geometry import shape_mask
from maskconv.model import AnnotatedImage, Annotation, Label, LabelMap, Mask, Picture

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


def test_a_picture_may_be_called_classes(tmp_path: Path) -> None:
    picture(tmp_path / "images/classes.png")
    text(tmp_path / "labels/classes.txt", f"1 {RING}\n")
    images, found = read(tmp_path, names="car,person")
    assert [(i.name, len(i.annotations)) for i in found] == [("classes", 1)] and images.report.findings == []


# --- folders that are called images -----------------------------------------------------------------------------------

LABELS = LabelMap(labels=tuple(Label(name=f"class {n}") for n in range(9)))
NAMES = [
    "a",
    "images/a",
    "labels/a",
    "images/images/a",
    "x/images/y/b",
    "x/images/b",
    "x/labels/b",
    "x/images",
    "images/x/images/y/images/b",
    "images",
    "labels/labels/a",
    "Images/c",
    "myimages/a",
]


def image(number: int, name: str, picture: Path) -> AnnotatedImage:
    """An item with an instance of its own class and place."""
    mask = Mask(width=100, height=50, starts=[100 * (10 + number)], lengths=[20])
    annotation = Annotation(label=f"class {number % 9}", shape=mask)
    found = Picture(path=str(picture))
    return AnnotatedImage(name=name, width=100, height=50, annotations=(annotation,), split="train", picture=found)


def facts(images) -> set[tuple]:
    return {(i.name, i.split, *((a.label, shape_mask(a.shape, 100, 50).bbox) for a in i.annotations)) for i in images}


def for_trainer(target: Path) -> dict[str, str]:
    """What the trainer finds for each picture: the last ``/images/`` of its path becomes ``/labels/``."""
    found = {}
    for path in (p.as_posix() for p in (target / "images/train").rglob("*.png")):
        head, tail = path.rsplit("/images/", 1)
        label = Path(f"{head}/labels/{tail}").with_suffix(".txt")
        found[Path(path).relative_to(target / "images/train").with_suffix("").as_posix()] = label.read_text()
    return found


def write(target: Path, some: list[AnnotatedImage], **options) -> None:
    with maskconv.open_writer(target, LABELS, format="yolo-seg", **options) as writer:
        for one in some:
            writer.write(one)


folder = st.sampled_from(["images", "labels", "x", "y"])
names = st.lists(st.lists(folder, min_size=1, max_size=4).map("/".join), min_size=1, max_size=6, unique=True)


def fine(name: str) -> bool:
    return not {"images", "labels"} <= set(name.split("/")[:-1])


@settings(max_examples=60, deadline=None)
@given(names)
@example(NAMES)
def test_whatever_the_items_are_called_they_come_back(tmp_path_factory: pytest.TempPathFactory, names: list) -> None:
    """For us with their pictures, without any, and with those of another folder; and the trainer finds each label."""
    tmp_path = tmp_path_factory.mktemp("names")
    own = picture(tmp_path / "one.png")
    some = [image(number, name, own) for number, name in enumerate(filter(fine, names))]
    if not some:
        return
    write(tmp_path / "set", some)
    reader, found = read(tmp_path / "set")
    assert facts(found) == facts(some) and len(found) == len(some)
    assert {f.code for f in reader.report.findings} <= {"yolo-split-same"}
    labels = for_trainer(tmp_path / "set")
    assert {name: text.split()[0] for name, text in labels.items()} == {
        i.name: i.annotations[0].label.split()[1] for i in some
    }
    write(tmp_path / "labels only", some, images="none")
    for options in ({"size": "100x50"}, {"images": tmp_path / "set/images/train"}):
        reader, found = read(tmp_path / "labels only", **options)
        assert facts(found) == facts(some) and len(found) == len(some)
        assert {f.code for f in reader.report.findings} <= {"yolo-split-same"}


def test_names_that_may_share_a_label_file_are_refused(tmp_path: Path) -> None:
    """Of both pictures the labels would be images/train/labels/labels/a.txt."""
    for name in ("images/labels/a", "labels/images/a", "x/labels/y/images/z/a"):
        with pytest.raises(DataError, match="has a folder 'images' and one 'labels'") as caught:
            write(tmp_path / "out", [image(0, name, picture(tmp_path / "a.png"))])
        assert caught.value.code == "yolo-item-name"


def test_items_of_a_set_come_back_from_a_zip(tmp_path: Path) -> None:
    own = picture(tmp_path / "one.png")
    some = [image(number, name, own) for number, name in enumerate(NAMES)]
    write(tmp_path / "set.zip", some)
    assert facts(read(tmp_path / "set.zip")[1]) == facts(some)
    maskconv.convert(tmp_path / "set.zip", tmp_path / "again.zip", to="yolo-seg")
    assert facts(read(tmp_path / "again.zip")[1]) == facts(some)


@pytest.mark.parametrize("train", ["train", "train/images", "."])
def test_a_root_above_images_names_its_items_below_them(tmp_path: Path, train: str) -> None:
    picture(tmp_path / "train/images/x/a.png")
    text(tmp_path / "train/labels/x/a.txt", f"0 {RING}\n")
    text(tmp_path / "data.yaml", f"train: {train}\nval: {train}\nnames: [car]\n")
    assert [(i.name, len(i.annotations)) for i in read(tmp_path)[1]] == [("x/a", 1)]


@pytest.mark.parametrize("names", [("Q", "q"), ("x/a", "X/a")])
def test_items_that_differ_in_case_only_are_told_so(tmp_path: Path, names: tuple[str, str]) -> None:
    """On Windows and macOS their files are one; to put the split before does not help."""
    own = picture(tmp_path / "one.png")
    with maskconv.open_writer(tmp_path / "in.mcv", LABELS) as writer:
        for number, name in enumerate(names):
            writer.write(image(number, name, own))
    with pytest.raises(ConversionError) as caught:
        maskconv.convert(tmp_path / "in.mcv", tmp_path / "out", to="yolo-seg")
    (finding,) = [f for f in caught.value.report.findings if f.weight is Weight.ERROR]
    assert finding.code == "name-collision"
    assert finding.fix.startswith("rename one: names that differ only in upper and lower case, or ")


def test_what_comes_next_of_predictions_is_no_training(tmp_path: Path) -> None:
    """The trainer rejects or misreads rows with scores."""
    own = picture(tmp_path / "one.png")
    some = image(0, "a", own)
    with maskconv.open_writer(tmp_path / "in.mcv", LABELS) as writer:
        writer.write(some.replace(annotations=(some.annotations[0].replace(score=0.5),)))
    report = maskconv.convert(tmp_path / "in.mcv", tmp_path / "out", to="yolo-seg")
    assert any("yolo segment train" in step for step in report.next_steps)
    for images in ("link", "none"):
        write = {"scores": True, "images": images}
        report = maskconv.convert(tmp_path / "in.mcv", tmp_path / images, to="yolo-seg", write=write)
        assert report.next_steps == (
            "Read these predictions with --from-scores true. To train, write them without --to-scores.",
        )
