"""Whether names, labels and tools fit what is there: CVAT's tasks, Labelbox' ontologies, data.yaml, other data sets."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest

import maskconv
from maskconv import cli, labelmap_make
from maskconv.against import Comparison, Expected, expected
from maskconv.errors import FormatError, SourceError
from maskconv.finding import Finding, Weight
from maskconv.model import Annotation
from maskconv.review import check
from maskconv.samples import block, image
from tests.places import FIXTURES, real_data

TASK = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><id>7</id><name>street</name><size>3</size>
<labels><label><name>car</name><color>#fa3253</color><type>any</type></label>
<label><name>box</name><type>rectangle</type></label><label><name>tree</name></label></labels></task></meta>
<image id="0" name="cam/a.jpg" width="24" height="16"><polygon label="car" points="1,1;2,2"/></image>
<image id="1" name="cam/b.v2.png" width="24" height="16"/><image id="2" name="007.jpg"/></annotations>"""
CAR = Annotation(label="car", shape=block(1, 1, 5, 5))


def compared(wanted: Expected, *names: str, labels: tuple[str, ...] = ("car",)) -> list[Finding]:
    told = tuple(CAR.replace(label=label) for label in labels)
    comparison = Comparison(wanted)
    for name in names:
        comparison.add(image(name, *told))
    found: list[Finding] = []
    comparison.finish(found.append)
    return found


def wanted(*items: str, frames: int = 0) -> Expected:
    return Expected("the task 't'", {"car": ""}, frozenset(items), frames=frames)


def test_a_task_is_read(tmp_path: Path) -> None:
    (tmp_path / "task.xml").write_text(TASK)
    with zipfile.ZipFile(tmp_path / "task.zip", "w") as archive:
        archive.writestr("annotations.xml", TASK)
        archive.writestr("images/cam/a.jpg", b"")
    for name in ("task.xml", "task.zip"):
        found = expected(tmp_path / name)
        assert found.what == "the task 'street'"
        assert found.labels == {"car": "any", "box": "rectangle", "tree": ""}
        assert found.items == {"cam/a.jpg", "cam/b.v2.png", "007.jpg"}
        assert found.frames == 3
        assert [f.code for f in compared(found, "cam/a", "cam/b.v2", "007")] == []


@pytest.mark.parametrize(
    ("sample", "what", "items", "labels"),
    [
        ("cvat-xml-coral/annotations.xml", "the job", 5, 11),
        ("cvat-xml-vegetation/mask_annotations.xml", "the project 'ballast_trv'", 1, 2),
        ("cvat-xml-points/annotations.xml", "the job", 188, 1),
        ("cvat-xml-datumaro/for_video/annotations.xml", "the task 'v1'", 4, 8),
    ],
)
def test_real_exports_of_tasks(sample: str, what: str, items: int, labels: int) -> None:
    folder, _, rest = sample.partition("/")
    found = expected(real_data(folder) / rest)
    assert (found.what, len(found.items), len(found.labels)) == (what, items, labels)


def test_an_ontology_is_read(tmp_path: Path) -> None:
    tools = [{"name": "car", "tool": "raster-segmentation"}, {"name": "box", "tool": "rectangle"}]
    for document in ({"tools": tools}, {"name": "Streets", "normalized": {"tools": tools}}):
        (tmp_path / "ontology.json").write_text(json.dumps(document))
        found = expected(tmp_path / "ontology.json")
        assert found.labels == {"car": "raster-segmentation", "box": "rectangle"}
        assert found.items is None
        assert found.what == ("the ontology 'Streets'" if "name" in document else "the ontology")
    (wrong,) = compared(found, "a", labels=("car", "box"))
    assert wrong.message == "the label 'box' of the ontology 'Streets' is for rectangle, which holds no masks"
    assert (wrong.code, wrong.weight, wrong.amount) == ("against-tool", Weight.ERROR, 1)


def test_a_data_yaml_is_read(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [car, person]\ntrain: images/train\nval: images/val\n")
    found = expected(tmp_path / "data.yaml")
    assert (found.labels, found.items) == ({"car": "", "person": ""}, None)


def test_any_other_data_set_is_read() -> None:
    found = expected(FIXTURES / "cvat-mask" / "street.zip")
    assert found.what == "the set street.zip"
    assert {"street_0001", "night/rain 01", "empty"} <= found.items
    assert "car" in found.labels


REMOTE_RECORDS = [
    {"uuid": "7a3b0f4e-6a0b-4f0e-9a64-0f8a3c1d2e31", "dataRow": {"globalKey": "a.jpg"}, "name": "car"}
    | {"mask": {"instanceURI": "https://masks.example/1.png", "colorRGB": [255, 0, 0]}},
    {"uuid": "7a3b0f4e-6a0b-4f0e-9a64-0f8a3c1d2e32", "dataRow": {"globalKey": "a.jpg"}, "name": "tree"}
    | {"polygon": [{"x": 1, "y": 1}, {"x": 9, "y": 1}, {"x": 9, "y": 9}]},
]


def test_masks_on_other_machines_are_not_needed_for_names(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "far.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in REMOTE_RECORDS))
    found = expected(path)
    assert (list(found.labels), found.items) == (["car", "tree"], {"a"})
    assert labelmap_make.names_of(str(path)) == ["car", "tree"]
    assert [label.name for label in labelmap_make.labels_of(path).labels] == ["car", "tree"]
    facts = maskconv.info(path)
    assert (facts["images"], facts["instances"], facts["unread"]) == (1, 2, 1)
    assert facts["labels"] == {"car": 0, "tree": 1}
    assert ("mask-remote", "warning", 1) in [(c["code"], c["weight"], c["count"]) for c in facts["codes"]]
    with pytest.raises(SystemExit) as ending:
        cli.main(["info", str(path)])
    out, _ = capfd.readouterr()
    assert not ending.value.code
    assert "1 image, 2 instances (1 without its mask, which is on another machine) sizes" in " ".join(out.split())


@pytest.mark.parametrize(
    ("name", "images", "instances", "labels"),
    [
        ("v1_dicom_or_video_frame.ndjson", 1, 1, ["Tool 1"]),
        ("v1_image.json", 1, 3, ["Orange bird", "sample-polygon", "bounding_box"]),
        ("v2_dicom.ndjson", 1, 1, ["Tool 1"]),
        ("v2_image.ndjson", 1, 3, ["mask", "polygon", "bounding_box"]),
        ("v2_video.ndjson", 1, 1, ["video_mask"]),
    ],
)
def test_real_exports_with_masks_elsewhere(name: str, images: int, instances: int, labels: list[str]) -> None:
    path = real_data("labelbox-oracle") / "exports" / name
    facts = maskconv.info(path)
    assert (facts["images"], facts["instances"], facts["unread"]) == (images, instances, 1)
    assert list(facts["labels"]) == list(expected(path).labels) == labels


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "car\ntraffic light\n"),
        ("obj.names", "\ufeffcar\r\ntraffic light\r\n\r\n"),
        ("labelmap.txt", "car\ntraffic light\n"),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncar:1,2,3::\ntraffic light:4,5,6::\n"),
        ("labels.txt", "background:0,0,0::\ncar:#ff0000::\ntraffic light:4,5,6::\n"),
        ("labelmap.txt", "background:::\ncar:::\ntraffic light:::\n"),
    ],
)
def test_a_list_of_names_is_read(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    found = expected(path)
    assert (found.what, found.labels, found.items) == (name, {"car": "", "traffic light": ""}, None)
    assert labelmap_make.names_of(str(path)) == ["car", "traffic light"]
    (wrong,) = compared(found, "a", labels=("car", "tree"))
    assert wrong.message == f"{name} has no label 'tree'; 1 instance has it here"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("labelmap.txt", b'item {\n name: "car"\n id: 1\n}\n', "lists no names: it looks like a TensorFlow label map"),
        (
            "a.txt",
            b"0 0.1 0.1 0.2 0.1 0.2 0.3\n",
            "lists no names: it looks like a list of 'id name'; write a name a line",
        ),
        ("a.txt", b"", "lists no names: it is empty; write a name a line, or name a data.yaml or a labelmap.txt"),
        ("a.txt", b"car\n\nperson\n", "class 1 has no name"),
        ("a.txt", b"car\ncar\n", "classes 0 and 1 are both called 'car'"),
        ("labelmap.txt", b"car:1,2,3::\ncar:4,5,6::\n", "is no usable label map; mend it: maskconv labelmap "),
    ],
)
def test_text_that_lists_no_names(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError, match=re.escape(message)):
        expected(tmp_path / name)


def test_what_is_no_text_lists_no_names(tmp_path: Path) -> None:
    for name, data in (("a.txt", bytes(range(256))), ("b.txt", b"car\n" * (1 << 19)), ("labelmap.txt", b"\0" * 99)):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(FormatError, match=r"no format recognises this|this can be checked as CVAT's labelmap\.txt"):
            expected(tmp_path / name)


def test_what_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"nonsense")
    with pytest.raises(FormatError, match="no format recognises this"):
        expected(tmp_path / "a.bin")


@pytest.mark.parametrize(
    "text",
    [
        "<annotations><meta>",
        '<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotations>&b;</annotations>',
        "<annotations><meta><task><size>many</size></task></meta></annotations>",
    ],
)
def test_xml_that_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "task.xml").write_text(text)
    with pytest.raises(SourceError, match="this is no XML of CVAT") as caught:
        expected(tmp_path / "task.xml")
    assert caught.value.code == "cvat-xml"
    assert ("it holds XML entities, which are refused" in str(caught.value)) == ("ENTITY" in text)
    assert "(name=" not in str(caught.value)


def test_names_that_fit() -> None:
    assert compared(wanted("a.jpg", "sub/b.png"), "a", "sub/b") == []


@pytest.mark.parametrize(
    ("items", "names", "words", "template"),
    [
        (("images/a.jpg", "images/b.jpg"), ("a", "b"), "with the prefix 'images/' 2 would be found", "images/{name}"),
        (("a.jpg", "b.jpg"), ("out/a", "out/b"), "without the prefix 'out/' 2 would be found", "{stem}"),
        (("a_rgb.jpg", "b_rgb.jpg"), ("a", "b"), "with the suffix '_rgb' 2 would be found", "{name}_rgb"),
        (("x/a.jpg",), ("a",), "with the prefix 'x/' one would be found", "x/{name}"),
        (("img_1.jpg", "img_2.jpg"), ("1", "2"), "with the prefix 'img_' 2 would be found", "img_{name}"),
        (("x/img_1.jpg", "x/img_11.jpg"), ("x/1", "x/11"), None, ""),
        (("{x}/a.jpg",), ("a",), "with the prefix '{x}/' one would be found", "{{x}}/{name}"),
    ],
)
def test_what_would_make_names_fit(items: tuple[str, ...], names: tuple[str, ...], words: str, template: str) -> None:
    (found,) = compared(wanted(*items), *names)
    assert found.code == "against-items"
    assert found.amount == len(names)
    number = "1 item" if len(names) == 1 else f"{len(names)} items"
    words = f"; {words}" if words else ""
    assert found.message == f"no picture of the task 't' has the name of {number}, such as {names[0]!r}{words}"
    if template:
        assert found.fix == f"rename them when converting: --name '{template}'"


def test_names_that_differ_in_capital_letters() -> None:
    (found,) = compared(wanted("Cam/A.jpg", "Cam/b.jpg", frames=2), "cam/a", "cam/B")
    assert found.message.endswith("such as 'cam/a'; with other capital or small letters 2 would be found")


def test_a_folder_that_all_lack_is_added_by_an_import() -> None:
    frames = ("x/a.jpg", "x/b.jpg", "x/c.jpg", "y/d.jpg", "x/007.jpg")
    found, rest = compared(wanted(*frames, frames=9), "a", "b", "007")
    assert (found.code, found.weight, found.amount) == ("against-folder", Weight.WARNING, 3)
    assert found.message == (
        "3 items, such as 'a', lack the folder 'x/' of the pictures of the task 't'; an import usually adds it"
    )
    assert found.fix == "to be sure, rename them when converting: --name 'x/{name}'"
    assert (rest.code, rest.amount) == ("against-unannotated", 2)


@pytest.mark.parametrize(
    ("frames", "names"),
    [
        (("x/a.jpg", "y/b.jpg"), ("a", "b")),  # no one folder
        (("x/a.jpg", "y/a.jpg"), ("a",)),  # which one is not clear
        (("x/a.jpg", "x/b.jpg"), ("a", "zebra")),  # one that is nowhere: by it an import may look for the folder
        (("x/a.jpg", "b.jpg"), ("a", "b")),  # one fits as it is
    ],
)
def test_a_folder_that_does_not_make_all_fit_is_an_error(frames: tuple[str, ...], names: tuple[str, ...]) -> None:
    assert "against-items" in {f.code for f in compared(wanted(*frames, frames=2), *names) if f.weight is Weight.ERROR}
    assert {f.code for f in compared(wanted("x/a.jpg"), "a")} == {"against-items"}, "no task"


def test_names_that_nothing_makes_fit() -> None:
    lost, rest = compared(wanted("a.jpg", "b.jpg"), "a", "zebra")
    assert lost.message == "no picture of the task 't' has the name of 1 item, such as 'zebra'"
    assert lost.fix == "rename the items with --name, or choose the right task"
    assert (rest.code, rest.weight, rest.message) == (
        "against-unannotated",
        Weight.INFO,
        "1 picture of the task 't' gets no annotations from here",
    )


def test_numbers_that_are_taken_for_frames() -> None:
    (found,) = compared(wanted("a.jpg", "b.jpg", frames=200), "000123")
    assert found.code == "against-frame-number"
    assert found.message == (
        "no picture of the task 't' has the name of 1 item, such as '000123', which is taken as a frame number instead: "
        "it lands on frame 123"
    )


def test_numbers_have_hints_too() -> None:
    frames = [f"img_{number:06}.jpg" for number in range(300)]
    (number,) = compared(wanted(*frames, frames=300), "000001", "000123")
    assert "; with the prefix 'img_' 2 would be found" in number.message
    assert number.fix == "rename them when converting: --name 'img_{name}'"


def test_labels_that_are_not_there() -> None:
    (found,) = compared(wanted("a.jpg"), "a", "a", labels=("Car",))
    assert found.message == "the task 't' has no label 'Car' (did you mean 'car'?); 2 instances have it here"
    assert found.fix == "add it there, or rename it with --labels; there are car"
    (one,) = compared(wanted("a.jpg"), "a", labels=("truck",))
    assert one.message == "the task 't' has no label 'truck'; 1 instance has it here"


def test_the_whole_check(tmp_path: Path) -> None:
    (tmp_path / "task.xml").write_text(TASK)
    report = check(FIXTURES / "cvat-mask" / "street.zip", against=tmp_path / "task.xml")
    assert {f.code for f in report.findings if f.weight is Weight.ERROR} == {"against-items", "against-label"}
    assert report.images == 7
    own = check(FIXTURES / "cvat-mask" / "street.zip", against=FIXTURES / "cvat-mask" / "street.zip")
    assert not own.failed


def test_a_check_for_a_target() -> None:
    report = check(FIXTURES / "cvat-mask" / "street.zip", for_="cvat-mask")
    told = {f.code: f for f in report.findings}
    assert report.instances == 71
    gone = told["cvat-polygon-vanishes"]
    assert gone.weight is Weight.WARNING
    assert sum(t.amount for t in report.heaviest if t.code == "cvat-polygon-vanishes") >= 6  # the one-pixel lights
    assert "cvat-polygon-splits" in told
    report = check(FIXTURES / "labelbox-ndjson" / "street.ndjson", for_="cvat-mask")
    assert not report.failed
