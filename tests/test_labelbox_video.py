"""labelbox-ndjson: mask records of videos and DICOM series."""

from __future__ import annotations

import base64
import io
import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image

import maskconv
from maskconv import Box, Mask, OptionError, SourceError, open_reader, open_writer
from maskconv.driver import validate
from maskconv.finding import Finding, Report, Weight
from maskconv.formats.labelbox_ndjson import FORMAT
from maskconv.model import AnnotatedImage, Annotation, Label, LabelMap
from tests.places import FIXTURES, real_data
from tests.servers import MaskServer

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def canvas(*colors: tuple[int, int, int], size: tuple[int, int] = (6, 12)) -> Any:
    """A block of each colour, from left to right."""
    array = np.zeros((*size, 3), np.uint8)
    for number, color in enumerate(colors):
        array[1 : 4 + number % 2, 3 * number : 3 * number + 2] = color
    return array


def png_of(array: Any, mode: str | None = None) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(file, "PNG")
    return file.getvalue()


def inline(index: int, array: Any, mode: str | None = None) -> dict[str, Any]:
    return {"index": index, "imBytes": base64.b64encode(png_of(array, mode)).decode()}


def instance(color: Any = RED, name: str = "car", **parts: Any) -> dict[str, Any]:
    return {"colorRGB": list(color), "name": name} | parts


def record(frames: Any, instances: Any, key: str = "clip.mp4", **parts: Any) -> dict[str, Any]:
    return {"dataRow": {"globalKey": key}, "masks": {"frames": frames, "instances": instances}} | parts


def write(folder: Path, *records: Any) -> Path:
    path = folder / "in.ndjson"
    path.write_bytes(b"".join(orjson.dumps(r) + b"\n" for r in records))
    return path


def read(path: Path, **options: Any) -> tuple[list[AnnotatedImage], list[Finding]]:
    with open_reader(path, format="labelbox-ndjson", **options) as images:
        return list(images), images.report.findings


def where(array: Any, color: Any) -> Mask:
    return Mask.from_array((array == color).all(axis=2))


def test_a_clip(tmp_path: Path) -> None:
    """Each instance has one track; one that is not on a frame is absent there, which is no error."""
    both, red = canvas(RED, GREEN), canvas(RED)
    (tmp_path / "24.png").write_bytes(png_of(red))
    frames = [{"index": 24, "instanceURI": "24.png"}, inline(1, both)]
    path = write(tmp_path, record(frames, [instance(), instance(GREEN, "dog")]))
    images, findings = read(path)
    assert findings == []
    assert [(i.name, i.sequence, i.frame, i.width, i.height) for i in images] == [
        ("clip.mp4/frame_000001", "clip.mp4", 1, 12, 6),
        ("clip.mp4/frame_000024", "clip.mp4", 24, 12, 6),
    ]
    assert [[(a.label, a.track, a.shape) for a in i.annotations] for i in images] == [
        [("car", 1, where(both, RED)), ("dog", 2, where(both, GREEN))],
        [("car", 1, where(red, RED))],
    ]
    assert images[1].encoded is not None and images[1].encoded.png == png_of(red)


def test_a_dicom_series(tmp_path: Path) -> None:
    axial = record([inline(2, canvas(RED))], [instance(name="organ")], "ct.dcm", groupKey="axial")
    coronal = record([inline(1, canvas(RED, size=(4, 5)))], [instance(name="organ")], "ct.dcm", groupKey="Coronal")
    images, findings = read(write(tmp_path, coronal, axial))
    assert findings == []
    assert [(i.name, i.sequence, i.frame, i.width) for i in images] == [
        ("ct.dcm/axial/frame_000002", "ct.dcm/axial", 2, 12),
        ("ct.dcm/coronal/frame_000001", "ct.dcm/coronal", 1, 5),
    ]
    assert [a.track for i in images for a in i.annotations] == [2, 1]


def test_several_records_of_one_data_row(tmp_path: Path) -> None:
    one, other = canvas(RED), canvas(GREEN, BLUE)
    uuid = "45b15f9d-7884-4bb7-ac01-3567e8ed6c36"
    picture = {"dataRow": {"globalKey": "clip.mp4"}, "uuid": uuid, "name": "box"}
    records = [
        record(
            [inline(1, one), inline(2, one)], [instance(classifications=[{"name": "x"}])], uuid=uuid, confidence=0.5
        ),
        picture | {"bbox": {"top": 1, "left": 1, "height": 2, "width": 2}},
        record([inline(2, other)], [instance(GREEN, "dog"), instance(BLUE, "cat")]),
        picture | {"answer": {"name": "y"}},
    ]
    images, findings = read(write(tmp_path, *records))
    assert [i.name for i in images] == ["clip.mp4", "clip.mp4/frame_000001", "clip.mp4/frame_000002"]
    assert [[(a.label, a.track, a.id, a.score) for a in i.annotations] for i in images[1:]] == [
        [("car", 1, uuid, 0.5)],
        [("car", 1, uuid, 0.5), ("dog", 2, None, None), ("cat", 3, None, None)],
    ]
    assert images[1].annotations[0].attributes == {"classifications": [{"name": "x"}]}
    assert sorted(f.code for f in findings) == ["labelbox-no-segmentation", "labelbox-size-unknown"]
    assert images[2].encoded is None


def test_labels_by_schema_id(tmp_path: Path) -> None:
    each = {"colorRGB": list(RED), "schemaId": "ck68grts29n7w0890wv344dif"}
    path = write(tmp_path, record([inline(1, canvas(RED))], [each]))
    images, findings = read(path)
    assert images[0].annotations[0].label == each["schemaId"]
    assert [f.code for f in findings] == ["labelbox-schema-unnamed"]
    images, findings = read(path, schema_ids={"car": each["schemaId"]})
    assert images[0].annotations[0].label == "car" and findings == []


def test_what_is_suspicious(tmp_path: Path) -> None:
    array = canvas(RED, GREEN, BLUE)
    path = write(tmp_path, record([inline(1, array)], [instance(), instance(name="dog")]))
    (image,), findings = read(path)
    assert [(a.label, a.track) for a in image.annotations] == [("car", 1), ("dog", 2)]
    told = {f.code: f for f in findings}
    assert set(told) == {"labelbox-color-unnamed", "labelbox-color-twice"}
    left = told["labelbox-color-unnamed"]
    assert (left.amount, left.unit, left.where.image) == (14, "pixels", "clip.mp4/frame_000001")
    assert left.message.startswith("no instance names 2 colours of the composite imBytes")
    assert told["labelbox-color-twice"].message == "the colour [255, 0, 0] is named by two instances"
    (image,), findings = read(write(tmp_path, record([inline(1, canvas(RED), "P")], [instance()])))
    assert [f.code for f in findings] == ["labelbox-composite-kind"] and image.encoded is None


def test_an_instance_that_is_on_no_frame_is_lost(tmp_path: Path) -> None:
    """Absent from a frame is legal, from all frames not; black is a colour like any other."""
    red, none = canvas(RED), np.full((6, 12, 3), 9, np.uint8)
    frames = [inline(1, none), inline(2, red), inline(3, none)]
    several = [instance(), instance(GREEN, "dog"), instance((0, 0, 0), "ground"), instance(BLUE, "cat")]
    path = write(tmp_path, record(frames, several))
    images, findings = read(path)
    assert [[a.label for a in i.annotations] for i in images] == [[], ["car", "ground"], []]
    lost = [f for f in findings if f.weight is Weight.ERROR]
    assert [(f.code, f.message, f.amount, f.unit, f.where.line, f.where.image) for f in lost] == [
        (
            "labelbox-color-absent",
            f"the colour {color} of the instance {name!r} is on none of the record's frames (3)",
            1,
            "instances",
            1,
            "clip.mp4",
        )
        for color, name in (([0, 255, 0], "dog"), ([0, 0, 255], "cat"))
    ]
    assert [f.message for f in validate(path, format="labelbox-ndjson") if f.weight is Weight.ERROR] == [
        f.message for f in lost
    ]
    (tmp_path / "bad.png").write_bytes(b"")
    frames.append({"index": 4, "instanceURI": "bad.png"})  # where they may be
    _, findings = read(write(tmp_path, record(frames, several)))
    assert [(f.code, f.where.image) for f in findings if f.weight is Weight.ERROR] == [
        ("png-foreign", "clip.mp4/frame_000004")
    ]


@pytest.mark.parametrize("order", ["forth", "back", "the end only"])
def test_what_is_on_no_frame_of_a_long_clip(tmp_path: Path, order: str) -> None:
    """Whichever windows a worker has seen: here green is on the first frame only, blue on none."""
    frames = [inline(n, canvas(RED, GREEN) if n == 1 else canvas(RED)) for n in range(1, 71)]
    short = record([inline(1, canvas(RED))], [instance()], key="other.mp4")
    path = write(tmp_path, record(frames, [instance(), instance(GREEN, "dog"), instance(BLUE, "cat")]), short)
    assert FORMAT.reader is not None
    reader = FORMAT.reader(path, FORMAT.reader.Options.parse({}, "x", "read"))
    reader.open()
    found: list[Finding] = []
    head = reader.head(lambda _: None)
    units = list(reader.units(found.append))
    for unit in {"forth": units, "back": units[::-1], "the end only": units[2:]}[order]:
        list(reader.decode(unit, head, found.append))
    reader.close()
    assert [(f.code, f.where.line) for f in found] == [("labelbox-color-absent", 1)]
    assert "[0, 0, 255] of the instance 'cat'" in found[0].message


@pytest.mark.parametrize(
    ("parts", "code", "words"),
    [
        ({"masks": 3}, "labelbox-video", "its masks are not an object of frames and instances"),
        ({"masks": {"frames": [inline(1, canvas(RED))]}}, "labelbox-video", "its masks have no instances"),
        ({"masks": {"instances": [instance()]}}, "labelbox-video", "its masks have no frames"),
        ({"masks": {"frames": [], "instances": [instance()]}}, "labelbox-video", "its masks have no frames"),
        ({"groupKey": "a/b"}, "labelbox-video", "its groupKey 'a/b' is no axis"),
        ({"groupKey": ".."}, "labelbox-video", "its groupKey '..' is no axis"),
        ({"groupKey": "front"}, "labelbox-video", "its groupKey 'front' is no axis"),
        ({"groupKey": 1}, "labelbox-video", "its groupKey 1 is no axis"),
        ({"uuid": "x"}, "labelbox-uuid", "the uuid 'x' is not one of 128 bits"),
        ({"confidence": 7}, "labelbox-confidence", "its confidence is 7, not a number 0..1"),
    ],
)
def test_records_that_are_wrong(tmp_path: Path, parts: Any, code: str, words: str) -> None:
    good = record([inline(1, canvas(RED))], [instance()])
    images, findings = read(write(tmp_path, good, good | parts))
    assert len(images) == 1
    (told,) = findings
    assert (told.code, told.message, told.weight, told.where.line) == (code, words, Weight.ERROR, 2)
    assert told.fix


@pytest.mark.parametrize(
    ("frames", "code", "words"),
    [
        ([{"index": "1", "imBytes": "x"}], "labelbox-frame", "a frame's index is '1', not a number"),
        ([{"index": -1, "imBytes": "x"}], "labelbox-frame", "a frame's index is -1, not a number"),
        ([inline(0, canvas(RED))], "labelbox-frame", "a frame's index is 0, not a number from 1 on"),
        ([{"index": True, "imBytes": "x"}], "labelbox-frame", "a frame's index is True, not a number"),
        ([7], "labelbox-frame", "a frame's index is None, not a number"),
        ([inline(1, canvas(RED))] * 2, "labelbox-frame", "the frame 1 occurs twice"),
        ([{"index": 1}], "labelbox-mask", "its mask has none of instanceURI, png and imBytes"),
        ([{"index": 1, "png": "x"}], "labelbox-mask", "the mask of the frame 1 is a png, which has no colours"),
        ([{"index": 1, "imBytes": "*"}], "labelbox-base64", "its mask is no base64"),
        ([{"index": 1, "imBytes": "AAAA"}], "png-foreign", "imBytes: this is no PNG"),
        ([{"index": 1, "instanceURI": "gone.png"}], "mask-missing", "gone.png is not there"),
    ],
)
def test_frames_that_are_wrong(tmp_path: Path, frames: Any, code: str, words: str) -> None:
    images, findings = read(write(tmp_path, record(frames, [instance(), instance(GREEN)])))
    (told,) = findings
    assert images == []
    assert (told.code, told.weight, told.where.line) == (code, Weight.ERROR, 1)
    assert words in told.message and told.fix


@pytest.mark.parametrize(
    ("each", "code"),
    [
        ({"name": "car"}, "labelbox-color"),
        ({"colorRGB": [1, 2, 3]}, "labelbox-label"),
        ({"colorRGB": [1, 2, 3], "name": "x", "schemaId": "y"}, "labelbox-label"),
        (instance(classifications=[1]), "labelbox-classifications"),
        (7, "labelbox-video"),
    ],
)
def test_instances_that_are_wrong(tmp_path: Path, each: Any, code: str) -> None:
    images, findings = read(write(tmp_path, record([inline(1, canvas(RED))], [each])))
    assert images == [] and [(f.code, f.where.line) for f in findings] == [(code, 1)]


def test_composites_of_one_frame_have_one_size(tmp_path: Path) -> None:
    one, other = inline(1, canvas(RED)), inline(1, canvas(RED, size=(7, 12)))
    images, findings = read(write(tmp_path, record([one], [instance()]), record([other], [instance()] * 2)))
    (told,) = findings
    assert [len(i.annotations) for i in images] == [1]
    assert (told.code, told.amount, told.unit) == ("labelbox-size", 2, "instances")
    assert told.message == "the composite imBytes has 12 x 7 pixels, that of another record has 12 x 6"


def test_masks_on_other_machines(tmp_path: Path) -> None:
    frames = [{"index": n, "instanceURI": f"https://x/{n}.png"} for n in (1, 2)]
    path = write(tmp_path, record(frames, [instance()]))
    with pytest.raises(SourceError, match="on other machines"):
        read(path)
    assert {(f.code, f.weight) for f in validate(path)} == {
        ("mask-remote", Weight.WARNING),
        ("source-empty", Weight.WARNING),  # no frame could be looked at
    }
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "1.png").write_bytes(png_of(canvas(RED)))
    images, findings = read(path, mask_dir=tmp_path / "m")
    assert [i.frame for i in images] == [1]
    assert [f.code for f in findings] == ["mask-missing"]


def test_long_clips_are_read_in_windows(tmp_path: Path) -> None:
    """Any number of jobs gives the same bytes; a unit has at most 32 frames, and readers pickle."""
    frames = [inline(n, canvas(RED, GREEN) if n % 3 else canvas(GREEN)) for n in range(1, 71)]
    path = write(tmp_path, record(frames, [instance(), instance(GREEN, "dog")]))
    assert FORMAT.reader is not None
    reader = FORMAT.reader(path, FORMAT.reader.Options.parse({}, "x", "read"))
    copy = pickle.loads(pickle.dumps(reader))
    reader.open()
    copy.open()
    head = reader.head(pytest.fail)
    units = list(reader.units(pytest.fail))
    assert [len(u.frames) for u in units] == [32, 32, 6]
    for unit in reversed(units):
        assert list(copy.decode(unit, head, pytest.fail)) == list(reader.decode(unit, head, pytest.fail))
    reader.close()
    copy.close()
    for jobs in (1, 2, 3):
        maskconv.convert(path, tmp_path / f"{jobs}.mcv", jobs=jobs)
    assert len({(tmp_path / f"{jobs}.mcv").read_bytes() for jobs in (1, 2, 3)}) == 1


def test_a_clip_of_the_oracle(tmp_path: Path) -> None:
    """All colours of the SDK's composite, by its own CRC of each."""
    lines = real_data("labelbox-oracle/composite1080.crc.txt").read_text().splitlines()[3:]
    wanted = {}
    for line in lines:
        color, _, rest = line.partition(") ")
        wanted[tuple(map(int, color[1:].split(",")))] = rest.split("draw(color=1) ")[1].split()[0]
    frames = [{"index": 7, "instanceURI": "composite1080.png"}]
    path = write(tmp_path, record(frames, [instance(color, f"{color}") for color in wanted]))
    (image,), findings = read(path, mask_dir=real_data("labelbox-oracle"))
    assert findings == [] and len(image.annotations) == 20
    drawn = {a.label: zlib.crc32(a.shape.to_array().astype(np.uint8).tobytes()) for a in image.annotations}
    assert drawn == {f"{color}": int(crc, 16) for color, crc in wanted.items()}


def test_the_oracles_video_records(tmp_path: Path) -> None:
    """The counts of the raw JSON: a frame each, an instance for each colour that its composite has."""
    path = real_data("labelbox-oracle/import_all.ndjson")
    records = [r for r in map(json.loads, path.read_text().splitlines()) if "masks" in r]
    every = {tuple(i["colorRGB"]) for r in records for i in r["masks"]["instances"]}
    for name in ("frame_1", "frame_24", "ct_1"):
        (tmp_path / f"{name}.png").write_bytes(png_of(canvas(*sorted(every)[1:], size=(6, 30))))
    images, findings = read(path, mask_dir=tmp_path)
    frames = [i for i in images if i.frame is not None]
    assert len(frames) == sum(len(r["masks"]["frames"]) for r in records) == 4
    expected = sum(len(r["masks"]["frames"]) * len(r["masks"]["instances"]) for r in records)
    assert sum(len(i.annotations) for i in frames) == expected == 6
    assert "labelbox-no-segmentation" not in [f.code for f in findings]


def test_frames_are_fetched(tmp_path: Path) -> None:
    server = MaskServer()
    try:
        for number in (1, 2):
            server.routes[f"/{number}"] = png_of(canvas(RED))
        frames = [{"index": n, "instanceURI": server.url(f"/{n}")} for n in (1, 2, 3)]
        path = write(tmp_path, record(frames, [instance()]))
        report = maskconv.convert(path, tmp_path / "x.mcv", fetch=True, allow_hosts=["127.0.0.1"], on_error="skip")
        assert (report.images_written, report.instances_written) == (2, 2)
        assert [(f.where.image, f.amount) for f in report.findings if f.weight is Weight.ERROR] == [
            ("clip.mp4/frame_000003", 1)
        ]
        assert sorted(server.paths()) == ["/1", "/2", "/3"]
    finally:
        server.close()


# --- written ----------------------------------------------------------------------------------------------------------

W, H = 12, 6


def frame(number: int, *shapes: Any, sequence: str | None = "clip.mp4", **facts: Any) -> AnnotatedImage:
    """A frame named as they are here; shapes are (track, label, mask or box)."""
    told = [Annotation(label=label, shape=shape, track=track) for track, label, shape in shapes]
    name = f"{sequence}/frame_{number:06d}"
    known = {"name": name, "sequence": sequence, "frame": number, "width": W, "height": H, "annotations": told}
    return AnnotatedImage(**(known | facts))


def block(x: int, y: int = 1, w: int = 2, h: int = 3) -> Mask:
    pixels = np.zeros((H, W), bool)
    pixels[y : y + h, x : x + w] = True
    return Mask.from_array(pixels)


def written(
    folder: Path, *images: AnnotatedImage, jobs: int = 1, name: str = "out.ndjson", **options: Any
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """The records, and what was said."""
    source = folder / "given.mcv"
    labels = LabelMap(labels=[Label(name=name) for name in ("car", "dog")])
    with open_writer(source, labels, overwrite=True) as writer:
        for image in images:
            writer.write(image)
    found: list[Finding] = []
    report = Report(sink=found.append)
    how: dict[str, Any] = {"on_error": "skip", "overwrite": True, "report": report, "jobs": jobs}
    maskconv.convert(source, folder / name, to="labelbox-ndjson", write={"frames": "records"} | options, **how)
    lines = [path.read_bytes().splitlines() for path in sorted(folder.glob(f"{Path(name).stem}*.ndjson"))]
    return [json.loads(line) for each in lines for line in each], found


def clip_of(images: list[AnnotatedImage]) -> list[Any]:
    """Name, frame and shapes by track, whatever the tracks are called: numbered in order of appearance."""
    numbers: dict[Any, int] = {}
    found = []
    for image in sorted(images, key=lambda i: i.name):
        told = sorted((numbers.setdefault(a.track, len(numbers)), a.label, hash(a.shape)) for a in image.annotations)
        found.append((image.name, image.sequence, image.frame, told))
    return found


@pytest.mark.parametrize("masks", ["auto", "png", "composite", "files"])
def test_frames_of_a_sequence_become_one_record(tmp_path: Path, masks: str) -> None:
    images = [
        frame(1, ("a", "car", block(0)), ("b", "dog", block(4))),
        frame(2, ("b", "dog", block(5)), ("a", "car", block(1))),
        frame(7, (3, "car", block(8))),
        frame(9, ("x", "car", block(2)), sequence="ct.dcm/axial"),
        frame(9, ("x", "car", block(3)), sequence="ct.dcm/coronal"),
    ]
    records, findings = written(tmp_path, *images, masks=masks)
    assert [(r["dataRow"], r.get("groupKey"), [f["index"] for f in r["masks"]["frames"]]) for r in records] == [
        ({"globalKey": "clip.mp4"}, None, [1, 2, 7]),
        ({"globalKey": "ct.dcm"}, "axial", [9]),
        ({"globalKey": "ct.dcm"}, "coronal", [9]),
    ]
    assert [[i["name"] for i in r["masks"]["instances"]] for r in records] == [["car", "dog", "car"], ["car"], ["car"]]
    assert not {"frames-dropped", "tracks-dropped"} & {f.code for f in findings}
    again, said = read(tmp_path / "out.ndjson")
    assert said == []
    assert clip_of(again[:3]) == clip_of(images[:3])
    assert [(i.name, i.annotations[0].shape) for i in again[3:]] == [
        (i.name, i.annotations[0].shape) for i in images[3:]
    ]


def test_an_export_of_a_video_goes_back(tmp_path: Path) -> None:
    """Of the export's fixture: the masks, frame by frame, on the very data row."""
    path = FIXTURES / "labelbox-export" / "clip.ndjson"
    target = tmp_path / "out.ndjson"
    report = maskconv.convert(path, target, to="labelbox-ndjson", write={"frames": "records"})
    (only,) = map(json.loads, target.read_bytes().splitlines())
    assert only["dataRow"] == {"globalKey": "clip.mp4"}
    assert [f["index"] for f in only["masks"]["frames"]] == list(range(1, 41))
    assert sum(f.amount for f in report.findings if f.code == "boxes-painted") == 20  # of 40, so many are listed
    with open_reader(path) as images:
        masks = [[a.shape for a in i.annotations if isinstance(a.shape, Mask)] for i in images]
    again, _ = read(target)
    assert [[a.shape for a in i.annotations[1:]] for i in again] == masks


def test_a_video_that_went_to_cvat_comes_back(tmp_path: Path) -> None:
    """CVAT knows no sequences and no tracks: the names tell the frames, each instance is one of its frame."""
    both, red = canvas(RED, GREEN), canvas(RED)
    given = record([inline(1, both), inline(2, red), inline(12, both)], [instance(), instance(GREEN, "dog")])
    axial = record([inline(3, red)], [instance(name="organ")], "ct.dcm", groupKey="axial")
    before, _ = read(write(tmp_path, given, axial))
    maskconv.convert(tmp_path / "in.ndjson", tmp_path / "cvat.zip")
    report = maskconv.convert(tmp_path / "cvat.zip", tmp_path / "out.ndjson", write={"frames": "records"})
    records = [json.loads(line) for line in (tmp_path / "out.ndjson").read_bytes().splitlines()]
    assert [(r["dataRow"], r.get("groupKey"), [f["index"] for f in r["masks"]["frames"]]) for r in records] == [
        ({"globalKey": "clip.mp4"}, None, [1, 2, 12]),
        ({"globalKey": "ct.dcm"}, "axial", [3]),
    ]
    after, findings = read(tmp_path / "out.ndjson")
    assert findings == []
    assert [(i.name, i.sequence, i.frame, {(a.label, a.shape) for a in i.annotations}) for i in after] == [
        (i.name, i.sequence, i.frame, {(a.label, a.shape) for a in i.annotations}) for i in before
    ]
    told = {f.code: f for f in report.findings}
    assert "labelbox-key-extension" not in told
    assert report.tallies["labelbox-track-missing", Weight.WARNING].amount == 6
    assert told["labelbox-imbytes"].fix == "use --to-masks files where that matters"


def test_pictures_are_not_taken_for_the_videos(tmp_path: Path) -> None:
    """A frame's picture has an extension that the video's key has not."""
    (tmp_path / "pictures" / "clip.mp4").mkdir(parents=True)
    (tmp_path / "pictures" / "clip.mp4" / "frame_000001.jpg").write_bytes(png_of(canvas()))
    maskconv.convert(write(tmp_path, record([inline(1, canvas(RED))], [instance()])), tmp_path / "a.mcv")
    maskconv.convert(tmp_path / "a.mcv", tmp_path / "cvat.zip", write={"images": tmp_path / "pictures"})
    maskconv.convert(tmp_path / "cvat.zip", tmp_path / "out.ndjson", write={"frames": "records"})
    assert json.loads((tmp_path / "out.ndjson").read_bytes())["dataRow"] == {"globalKey": "clip.mp4"}


@pytest.mark.parametrize(
    "name", ["frame_000001", "clip.mp4/frame_1", "clip.mp4/frame_0000001", "clip.mp4/frame_000001x"]
)
def test_names_that_are_no_frames(tmp_path: Path, name: str) -> None:
    records, findings = written(tmp_path, frame(1, (1, "car", block(0)), name=name, sequence=None, frame=None))
    assert ["masks" in r for r in records] == [False]
    (told,) = [f for f in findings if f.code == "labelbox-no-sequence"]
    assert (told.weight, told.amount, told.unit) == (Weight.WARNING, 1, "images")
    assert "--name 'clip.mp4/{name}'" in told.fix
    assert "labelbox-imbytes" not in {f.code for f in findings}


def test_items_become_frames_by_their_new_names(tmp_path: Path) -> None:
    with open_writer(tmp_path / "cvat.zip", LabelMap(labels=[Label(name="car")])) as writer:
        for n in (1, 2):
            writer.write(frame(n, (1, "car", block(n)), name=f"frame_{n:06d}"))
    maskconv.convert(
        tmp_path / "cvat.zip", tmp_path / "out.ndjson", write={"frames": "records"}, name="clip.mp4/{name}"
    )
    only = json.loads((tmp_path / "out.ndjson").read_bytes())
    assert [f["index"] for f in only["masks"]["frames"]] == [1, 2]


def test_a_frame_of_number_0(tmp_path: Path) -> None:
    records, findings = written(tmp_path, frame(0, (1, "car", block(0))), frame(1, (1, "car", block(0))))
    assert [[f["index"] for f in r["masks"]["frames"]] for r in records] == [[1]]
    (wrong,) = [f for f in findings if f.weight is Weight.ERROR]
    assert (wrong.code, wrong.where.image) == ("labelbox-frame", "clip.mp4/frame_000000")


def test_instances_without_tracks_never_share_a_colour(tmp_path: Path) -> None:
    """Six thousand hashes of 24 bits would: nor do they have one of an instance with a track."""
    images = [
        frame(n, (None, "car", block(0)), (None, "dog", block(3)), (n % 7, "car", block(6))) for n in range(1, 3001)
    ]
    (only,), findings = written(tmp_path, *images)
    colors = {tuple(i["colorRGB"]) for i in only["masks"]["instances"]}
    assert len(colors) == len(only["masks"]["instances"]) == 6007
    assert not [f for f in findings if f.weight is Weight.ERROR]


@pytest.mark.parametrize(
    ("masks", "fixes"),
    [
        ("auto", ["use --to-masks files where that matters"]),
        ("png", ["use --to-masks files where that matters"]),
        ("composite", ["use --to-masks png or files where that matters"]),
        ("files", []),
    ],
)
def test_frames_that_travel_as_imbytes_are_told(tmp_path: Path, masks: str, fixes: list[str]) -> None:
    _, findings = written(tmp_path, *(frame(n, (1, "car", block(0))) for n in (1, 2)), masks=masks)
    assert [f.fix for f in findings if f.code == "labelbox-imbytes"] == fixes


def test_any_number_of_jobs_writes_the_same(tmp_path: Path) -> None:
    images = [frame(n, ("a", "car", block(n % 9)), ("b", "dog", block(9, h=1))) for n in range(1, 90)]
    results = []
    for jobs in (1, 2, 3):
        written(tmp_path, *images, jobs=jobs, name=f"{jobs}.ndjson")
        results.append((tmp_path / f"{jobs}.ndjson").read_bytes())
    assert results[0] == results[1] == results[2]


def test_pictures_among_frames(tmp_path: Path) -> None:
    """An image between the frames of a sequence cuts its record in two, which is said; others are pictures as ever."""
    picture = AnnotatedImage(
        name="a", width=W, height=H, annotations=[Annotation(label="car", shape=block(0), track=4)]
    )
    odd = frame(3, ("a", "car", block(0)), name="other name")
    records, findings = written(
        tmp_path, frame(1, ("a", "car", block(0))), picture, frame(2, ("a", "car", block(1))), odd
    )
    assert ["masks" in r for r in records] == [True, False, True, False]
    told = {f.code: f for f in findings}
    assert told["labelbox-clip-split"].weight is Weight.DATA
    assert told["labelbox-clip-split"].where.image == "clip.mp4/frame_000002"
    assert [f.where.image for f in findings if f.code == "tracks-dropped"] == ["a", "other name"]
    assert [f.where.image for f in findings if f.code == "frames-dropped"] == ["other name"]


def test_what_a_record_of_frames_cannot_hold(tmp_path: Path) -> None:
    uuid = "45b15f9d-7884-4bb7-ac01-3567e8ed6c36"
    rich = Annotation(label="car", shape=block(0), track=1, score=0.5, id=uuid, attributes={"customMetrics": []})
    rich = rich.replace(attributes={"customMetrics": [{"name": "iou", "value": 1.0}]})
    images = [
        frame(1, annotations=[rich]),
        frame(2, (1, "car", block(0)), (2, "dog", block(1))),
        frame(3, (1, "car", block(0)), (2, "dog", block(0))),
        frame(4, (1, "car", block(0)), (1, "car", block(4))),
        frame(5, (1, "dog", block(0))),
        frame(6, (1, "car", Box(x=1, y=1, width=3, height=2))),
        frame(7, (1, "car", Box(x=1, y=1, width=3, height=2)), width=None, height=None),
    ]
    records, findings = written(tmp_path, *images)
    told = {(f.code, f.where.image[-1:]): f for f in findings}
    for code, number, amount in (
        ("scores-dropped", "1", 1),
        ("ids-dropped", "1", 1),
        ("attributes-dropped", "1", 1),
        ("overlap-painted", "2", 3),
        ("instance-hidden", "3", 1),
        ("labelbox-track-twice", "4", 1),
        ("labelbox-track-label", "5", 1),
        ("boxes-painted", "6", 1),
        ("image-size-unknown", "7", 1),
    ):
        assert told[code, number].amount == amount
    assert "is 'car' on earlier frames and 'dog' on this one" in told["labelbox-track-label", "5"].message
    (only,) = records
    assert [f["index"] for f in only["masks"]["frames"]] == [1, 2, 3, 4, 5, 6]
    again, _ = read(tmp_path / "out.ndjson")
    assert [[(a.label, a.track, a.shape.area) for a in i.annotations] for i in again] == [
        [("car", 1, 6)],
        [("car", 1, 3), ("dog", 2, 6)],
        [("dog", 2, 6)],
        [("car", 1, 12)],
        [("car", 1, 6)],
        [("car", 1, 6)],
    ]


def test_tracks_of_one_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from maskconv.formats.labelbox_ndjson import clips

    monkeypatch.setattr(clips, "_color", lambda track, space: (1, 2, 3))
    _, findings = written(tmp_path, frame(1, ("a", "car", block(0))), frame(2, ("b", "car", block(0))))
    wrong = next(f for f in findings if f.code == "labelbox-track-color")
    assert (wrong.weight, wrong.where.image) == (Weight.ERROR, "clip.mp4/frame_000002")
    assert wrong.fix == "another --to-uuid-namespace gives other colours"


def test_options_of_frames(tmp_path: Path) -> None:
    images = [frame(1, ("a", "car", block(0))), frame(2, ("a", "car", block(0)))]
    with pytest.raises(OptionError, match="frames=records are masks: they are for shape=mask"):
        written(tmp_path, *images, shape="polygon")
    ids = {"schema_ids": {"car": "ck68grts29n7w0890wv344dif"}, "data_rows": {"clip.mp4": "cjxav5aa07r1g0dsq70t9eveg"}}
    (only,), _ = written(tmp_path, *images, **ids)
    assert only["dataRow"] == {"id": "cjxav5aa07r1g0dsq70t9eveg"}
    assert [i["schemaId"] for i in only["masks"]["instances"]] == ["ck68grts29n7w0890wv344dif"]
    one, other = (written(tmp_path, *images, uuid_namespace=text)[0][0]["masks"]["instances"] for text in ("1", "2"))
    assert one != other
    two, _ = written(tmp_path, *images, frame(1, ("a", "car", block(0)), sequence="b"), max_records=1, name="p.ndjson")
    assert sorted(path.name for path in tmp_path.glob("p-*")) == ["p-0001.ndjson", "p-0002.ndjson"]
    assert [len(r["masks"]["frames"]) for r in two] == [2, 1]
    records, findings = written(tmp_path, *images, frames="pictures")
    assert ["masks" in r for r in records] == [False, False]
    assert {"frames-dropped", "tracks-dropped"} <= {f.code for f in findings}


@pytest.mark.parametrize("masks", ["png", "files"])
def test_a_run_that_was_interrupted_goes_on_within_a_clip(tmp_path: Path, masks: str) -> None:
    images = [frame(n, ("a", "car", block(n % 9)), ("b", "dog", block(9, h=1))) for n in range(1, 120)]
    written(tmp_path, *images, name="whole.ndjson", masks=masks)
    how: dict[str, Any] = {"to": "labelbox-ndjson", "write": {"frames": "records", "masks": masks}, "resume": True}

    def stop(count: int) -> None:
        if count >= 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        maskconv.convert(tmp_path / "given.mcv", tmp_path / "part.ndjson", progress=stop, **how)
    maskconv.convert(tmp_path / "given.mcv", tmp_path / "part.ndjson", **how)
    found = (tmp_path / "part.ndjson").read_bytes().replace(b"part_masks", b"whole_masks")
    assert found == (tmp_path / "whole.ndjson").read_bytes()
