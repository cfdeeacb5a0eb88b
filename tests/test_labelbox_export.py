"""labelbox-export: v1 and v2, pictures, videos, DICOM series, frames and objects that stand alone."""

from __future__ import annotations

import base64
import io
import json
import pickle
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

import maskconv
from maskconv import Box, Mask, OptionError, SourceError, geometry, open_reader, registry
from maskconv.driver import validate
from maskconv.errors import ConversionError
from maskconv.finding import Finding, Weight
from maskconv.formats.labelbox_export import FORMAT, choose, classify, document
from maskconv.formats.labelbox_export.index import Index, digest
from maskconv.labelbox.checks import RecordError
from maskconv.labelbox.turn import back, swaps, turned
from maskconv.model import AnnotatedImage, Label, PixelRule, Polygon
from tests.places import FIXTURES, REAL_DATA, real_data
from tests.servers import MaskServer

RED, GREEN, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 0)
AT = "https://api.labelbox.com/api/v1"


def png_of(array: Any, mode: str | None = None) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(np.asarray(array, np.uint8))
    (image.convert(mode) if mode else image).save(file, "PNG")
    return file.getvalue()


def canvas(height: int = 6, width: int = 8) -> Any:
    """Red left, green right, black between."""
    array = np.zeros((height, width, 3), np.uint8)
    array[1:4, 0:3], array[2:5, 5:8] = RED, GREEN
    return array


def where(array: Any, color: Any) -> Mask:
    return Mask.from_array((array == color).all(axis=2))


def thing(label: str = "car", number: int = 1, **parts: Any) -> dict[str, Any]:
    """An object of v2."""
    return {"feature_id": f"f{number}", "feature_schema_id": f"s-{label}", "name": label, "classifications": []} | parts


def colored(url: str = "a.png", color: Any = RED, **parts: Any) -> dict[str, Any]:
    return thing(composite_mask={"url": url, "color_rgb": list(color)}, **parts)


def boxed(**parts: Any) -> dict[str, Any]:
    return thing(**({"bounding_box": {"top": 1, "left": 2, "height": 3, "width": 4}} | parts))


def label(*objects: Any, id: str = "l1", **parts: Any) -> dict[str, Any]:  # noqa: A002
    told = {k: parts.pop(k) for k in ("performance_details", "label_details") if k in parts}
    return {"label_kind": "Default", "id": id, **told, "annotations": {"objects": list(objects), **parts}}


def row(name: str = "a.jpg", *labels: Any, projects: Any = None, **parts: Any) -> dict[str, Any]:
    """A row of v2; its data row's id is that of its name."""
    data_row = {"id": f"id-{name}", "global_key": name, "row_data": f"https://x/{name}", **parts.pop("data_row", {})}
    projects = {"p1": {"name": "one", "labels": list(labels)}} if projects is None else projects
    return {"data_row": data_row, "media_attributes": {"width": 8, "height": 6}, "projects": projects} | parts


def v1(name: str = "a.jpg", *objects: Any, **parts: Any) -> dict[str, Any]:
    known = {"ID": f"label-{name}", "DataRow ID": f"row-{name}", "External ID": name, "Labeled Data": "https://x/y"}
    return known | {"Label": {"objects": list(objects)}, "Project Name": "one", "Skipped": False} | parts


def v1_thing(title: str = "car", **parts: Any) -> dict[str, Any]:
    return {"featureId": "f1", "schemaId": "s1", "title": title, "value": title, "color": "#ff0000"} | parts


def write(folder: Path, *rows: Any, name: str = "in.ndjson") -> Path:
    path = folder / name
    path.write_bytes(b"".join(r if isinstance(r, bytes) else orjson.dumps(r) + b"\n" for r in rows))
    return path


def read(path: Path, **options: Any) -> tuple[list[AnnotatedImage], list[Finding]]:
    with open_reader(path, format="labelbox-export", **options) as images:
        return list(images), images.report.findings


def codes(findings: list[Finding]) -> list[str]:
    return [f.code for f in findings]


def only(findings: list[Finding], code: str) -> Finding:
    (found,) = (f for f in findings if f.code == code)
    return found


# --- what it is -------------------------------------------------------------------------------------------------------


def every_sample() -> Iterator[Path]:
    for folder in (FIXTURES, REAL_DATA):
        yield from (path for path in sorted(folder.rglob("*")) if path.suffix in (".json", ".ndjson", ".jsonl", ".mcv"))


OURS = {
    *("v1_dicom_or_video_frame.ndjson", "v1_image.json", "v2_dicom.ndjson", "v2_image.ndjson", "v2_video.ndjson"),
    *("highly_nested_image.json", "image_export.json", "tiled_image_export.json", "unkown_media_type_export.json"),
    *("export-result.ndjson", "clip.ndjson", "ct.ndjson", "frames.ndjson", "objects.json", "street_v1.json"),
    "street_v2.ndjson",
}


def test_sniffing_of_all_samples() -> None:
    """This format says yes to its own samples, and to no other's; nothing has two formats."""
    for path in every_sample():
        seen = registry.probe(path)
        found = [f.name for f in registry.formats() if f.sniff(seen)]
        assert len(found) <= 1, path
        assert (found == [FORMAT.name]) == (path.name in OURS), path


@pytest.mark.parametrize("data", [b"{}", b"[]", b"", b'{"dataRow": {"id": "x"}, "data_row": 1, "projects": {}}', b"x"])
def test_sniffing_of_others(tmp_path: Path, data: bytes) -> None:
    assert not FORMAT.sniff(registry.probe(write(tmp_path, data)))


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="this is a folder, not an export; name the JSON or NDJSON file"):
        read(tmp_path)


# --- real files, counted by other code --------------------------------------------------------------------------------


def load_rows(path: Path) -> list[Any]:
    """With the standard library: an array, one object, or a line each."""
    text = path.read_text()
    try:
        found = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]
    return found if isinstance(found, list) else [found]


def counted_objects(path: Path) -> Counter[str]:
    """What a file holds, by kind, without any of our code."""
    found: Counter[str] = Counter()
    for one in load_rows(path):
        objects = list(one.get("objects", ())) or list((one.get("Label") or {}).get("objects", ()))
        for project in one.get("projects", {}).values():
            for told in project["labels"]:
                notes = told["annotations"]
                groups = [notes, *notes.get("groups", {}).values()]
                objects += notes.get("objects", [])
                for group in groups:
                    for frame in group.get("frames", {}).values():
                        objects += frame["objects"].values()
        for each in objects:
            keys = [k for k in ("bbox", "bounding_box", "polygon", "point", "line", "geometry") if k in each]
            found[keys[0] if keys else "mask"] += 1
    return found


@pytest.mark.parametrize("name", sorted(OURS & {p.name for p in REAL_DATA.rglob("labelbox*/**/*json")}))
def test_real_exports(name: str, tmp_path: Path) -> None:
    """Every object is an instance or is named; masks are stood in for by files of their features' names."""
    (path,) = (p for p in REAL_DATA.rglob(f"labelbox*/**/{name}"))
    expected = counted_objects(path)
    (tmp_path / "masks").mkdir()
    for each in ("ck9bmetz800340za5k073bm7w", "ckr2k459500063h69uiumklz0", "ckt3hullq000c3h69o8iqty8k"):
        (tmp_path / "masks" / f"{each}.png").write_bytes(png_of(np.full((60, 80), 255)))
    for each in ("cl2y5hdq200053g6cklrdauj7/172", "cldnz5k2z000b3b6jcomposed/172"):
        place = tmp_path / "masks" / f"{each}.png"
        place.parent.mkdir()
        place.write_bytes(png_of(np.full((60, 80), 255)))
    stand_in = {"v2_image.ndjson": ((1707, 2560), (123, 103, 152)), "v2_video.ndjson": ((1080, 1920), (224, 17, 103))}
    if name in stand_in:
        size, color = stand_in[name]
        place = tmp_path / "masks" / "COMPOSITE" / "index" / ("13.png" if "video" in name else "1.png")
        place.parent.mkdir(parents=True)
        array = np.zeros((*size, 3), np.uint8)
        array[5:50, 7:70] = color
        place.write_bytes(png_of(array))
    images, findings = read(path, mask_dir=tmp_path / "masks")
    shapes = Counter(type(a.shape).__name__ for i in images for a in i.annotations)
    assert [f for f in findings if f.weight is Weight.ERROR] == []
    assert shapes["Box"] == expected["bbox"] + expected["bounding_box"]
    assert shapes["tuple"] == expected["polygon"]
    assert shapes["Mask"] == expected["mask"]
    others = expected["point"] + expected["line"] + expected["geometry"]
    assert codes(findings).count("labelbox-no-segmentation") == others
    assert sum(expected.values()) > 0 or name == "unkown_media_type_export.json"
    assert sum(i.frame is not None for i in images) == (1 if "video" in name or "dicom" in name else 0)


def test_a_mask_at_labelbox_ends_the_run_at_once(tmp_path: Path) -> None:
    path = real_data("labelbox-oracle/exports/v2_image.ndjson")
    with pytest.raises(SourceError) as caught:
        maskconv.convert(path, tmp_path / "out.mcv")
    assert caught.value.code == "mask-remote"
    assert "on other machines" in str(caught.value) and "--fetch" in caught.value.fix
    assert "?" not in caught.value.message
    assert [(f.code, f.weight) for f in validate(path)] == [("mask-remote", Weight.WARNING)]
    polygons = real_data("labelbox-v1-exports/labelbox_v1/unkown_media_type_export.json")
    assert maskconv.convert(polygons, tmp_path / "out.mcv").instances == 2  # a polygon's mask is not needed


def test_the_composite_of_the_oracle(tmp_path: Path) -> None:
    """Every colour of the composite gives the CRC of the SDK's own drawing."""
    lines = real_data("labelbox-oracle/composite1080.crc.txt").read_text().splitlines()
    wanted = {}
    for line in lines[2:]:
        color, _, rest = line.partition(") ")
        wanted[tuple(map(int, color[1:].split(",")))] = rest.split("draw(color=1) ")[1].split()
    home = real_data("labelbox-oracle")
    objects = [
        colored("COMPOSITE/composite1080.png", color, number=n) for n, color in enumerate(wanted) if color != BLACK
    ]
    path = write(tmp_path, row("a.jpg", label(*objects), media_attributes={"width": 1920, "height": 1080}))
    (image,), findings = read(path, mask_dir=home)
    assert findings == []
    assert len(image.annotations) == 20
    for found, (color, (crc, area)) in zip(image.annotations, list(wanted.items())[1:], strict=True):
        mask = found.shape
        assert mask.area == int(area)
        assert f"{zlib.crc32(mask.to_array().astype(np.uint8).tobytes()):08x}" == crc, color
    assert image.encoded is not None and image.encoded.png == (home / "composite1080.png").read_bytes()


def test_the_plants(tmp_path: Path) -> None:
    """Each colour of the composite lies in one class's own mask, which is read whole by its address or its name."""
    folder = real_data("labelbox-composite-plants-dev") / "mask_images" / "DJI_20250405090425_0018_V_93zoom.JPG"
    array = np.asarray(Image.open(folder / "composite.png"))
    own = {p.stem: np.asarray(Image.open(p)) > 0 for p in sorted(folder.glob("*.png")) if p.stem != "composite"}
    colors = [c for _, c in Image.open(folder / "composite.png").getcolors() if c != BLACK]
    objects = [colored(f"{AT}/tasks/T/masks/composite.png", c, number=n) for n, c in enumerate(colors)]
    singles = [thing(name, feature_id=name, mask={"url": f"{AT}/annotations/x/index/1/mask"}) for name in own]
    media = {"width": 4000, "height": 3000}
    rows = [row("all", label(*objects), media_attributes=media), row("own", label(*singles), media_attributes=media)]
    (every, single), findings = read(write(tmp_path, *rows), mask_dir=folder)
    assert findings == []
    for found, color in zip(every.annotations, colors, strict=True):
        assert found.shape == where(array, color)
        assert sum(bool((found.shape.to_array() <= mask).all()) for mask in own.values()) == 1
    assert {a.label: a.shape for a in single.annotations} == {n: Mask.from_array(m) for n, m in own.items()}


# --- masks ------------------------------------------------------------------------------------------------------------


def test_masks_by_composite_own_file_and_instance_uri(tmp_path: Path) -> None:
    array = canvas()
    (tmp_path / "a.png").write_bytes(png_of(array))
    (tmp_path / "own.png").write_bytes(png_of(np.where(array[:, :, 1] > 0, 255, 0)))
    (tmp_path / "rgba.png").write_bytes(png_of(array, "RGBA"))
    objects = [
        colored(),
        colored(color=GREEN, number=2),
        thing(number=3, mask={"url": "own.png"}),
        thing(number=4, mask={"url": "own.png"}, composite_mask={"url": "gone.png", "color_rgb": [1, 2, 3]}),
        thing(number=5, composite_mask={"url": "a.png"}),
        {"featureId": "f6", "title": "Car", "instanceURI": "own.png", "value": "car"},
    ]
    (image,), findings = read(write(tmp_path, row("a.jpg", label(*objects))))
    assert findings == []
    shapes = [a.shape for a in image.annotations]
    red, green = where(array, RED), where(array, GREEN)
    assert shapes[:4] == [red, green, green, green]
    assert shapes[4] == Mask.from_array(array.any(axis=2)) and shapes[5] == green
    assert [a.id for a in image.annotations] == ["f1", "f2", "f3", "f4", "f5", "f6"]
    assert image.annotations[5].label == "Car"


def test_a_composite_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from maskconv.labelbox import pixels

    calls: list[int] = []
    monkeypatch.setattr(pixels.png, "decode", lambda data, real=pixels.png.decode: calls.append(1) or real(data))
    (tmp_path / "a.png").write_bytes(png_of(canvas()))
    read(write(tmp_path, row("a.jpg", label(*(colored(number=n, color=(RED, GREEN)[n % 2]) for n in range(9))))))
    assert calls == [1]


def test_geometry_comes_before_a_mask_of_it(tmp_path: Path) -> None:
    ring = [{"x": 1, "y": 1}, {"x": 5.5, "y": 1}, {"x": 5, "y": 4}, {"x": 1, "y": 1}]
    objects = [
        v1_thing(bbox={"top": 1, "left": 2, "height": 3, "width": 4}, instanceURI="https://x/m"),
        v1_thing(polygon=ring, instanceURI="https://x/m"),
    ]
    (image,), _ = read(write(tmp_path, v1("a.jpg", *objects)))
    box, (polygon,) = (a.shape for a in image.annotations)
    assert box == Box(x=2, y=1, width=4, height=3)
    assert polygon == Polygon(exterior=[(1, 1), (5.5, 1), (5, 4)], rule=PixelRule.CENTRE_TRUNC)


@pytest.mark.parametrize(
    "place",
    ["f1.png", "T/masks/C/index/1.png", "C/index/1.png", "api/v1/tasks/T/masks/C/index/1"],
)
def test_downloaded_masks_are_found(tmp_path: Path, place: str) -> None:
    target = tmp_path / "masks" / place
    target.parent.mkdir(parents=True)
    target.write_bytes(png_of(canvas()))
    each = thing(mask={"url": f"{AT}/tasks/T/masks/C/index/1?token=1"})
    (image,), findings = read(write(tmp_path, row("a.jpg", label(each))), mask_dir=tmp_path / "masks")
    assert findings == [] and image.annotations[0].shape == Mask.from_array(canvas().any(axis=2))


def test_a_long_number_names_one_mask(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "20250405090425.png").write_bytes(png_of(canvas()))
    path = write(tmp_path, row("a.jpg", label(thing(mask={"url": "https://x/masks/20250405090425"}))))
    (image,), findings = read(path, mask_dir=tmp_path / "masks")
    assert findings == [] and len(image.annotations) == 1


@pytest.mark.parametrize("place", ["mask.png", "1/mask.png", "index/1/mask.png", "1.png"])
def test_names_that_many_masks_share_find_none(tmp_path: Path, place: str) -> None:
    target = tmp_path / "masks" / place
    target.parent.mkdir(parents=True)
    target.write_bytes(png_of(canvas()))
    each = thing(mask={"url": f"{AT}/annotations/other/index/1/mask"})
    _, findings = read(write(tmp_path, row("a.jpg", label(each))), mask_dir=tmp_path / "masks")
    assert codes(findings) == ["mask-missing"]


def test_masks_that_cannot_be_had(tmp_path: Path) -> None:
    """One error a file, with the number of instances; the others are read."""
    (tmp_path / "a.png").write_bytes(png_of(canvas()))
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    objects = [
        colored(),
        *(colored("gone.png", GREEN, number=n) for n in (2, 3)),
        colored("bad.png", number=4),
        colored("../up.png", number=5),
    ]
    (image,), findings = read(write(tmp_path, row("a.jpg", label(*objects))))
    assert len(image.annotations) == 1
    assert [(f.code, f.weight, f.amount, f.unit) for f in findings] == [
        ("mask-missing", Weight.ERROR, 2, "instances"),
        ("png-corrupt", Weight.ERROR, 1, "instances"),
        ("mask-uri", Weight.ERROR, 1, "instances"),
    ]
    assert "bad.png: the PNG is cut off" in only(findings, "png-corrupt").message


def test_colours(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_of(canvas()))
    path = write(tmp_path, row("a.jpg", label(colored(), colored(color=(1, 2, 3), number=2))))
    (image,), findings = read(path)
    wrong = only(findings, "labelbox-color-absent")
    assert (wrong.where.annotation, wrong.where.line, wrong.where.image) == (1, 1, "a")
    assert "the colour [1, 2, 3] is not in the composite" in wrong.message
    assert "[0, 255, 0], [255, 0, 0]" in wrong.fix
    (image,), findings = read(write(tmp_path, row("a.jpg", label(colored()))))
    left = only(findings, "labelbox-color-unnamed")
    assert (left.amount, left.unit, left.weight) == (9, "pixels", Weight.WARNING)
    assert image.encoded is None
    (tmp_path / "a.png").write_bytes(png_of(np.zeros((6, 8, 3))))
    _, findings = read(write(tmp_path, row("a.jpg", label(thing(composite_mask={"url": "a.png"})))))
    assert "there is no colour in the composite" in only(findings, "labelbox-color-absent").message


def test_sizes(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_of(canvas()))
    (tmp_path / "b.png").write_bytes(png_of(canvas(7, 9)))
    (tmp_path / "empty.png").write_bytes(png_of(np.zeros((6, 8))))
    wide = row("a.jpg", label(colored()), media_attributes={"width": 9, "height": 6})
    images, findings = read(write(tmp_path, wide))
    assert images[0].annotations == ()
    assert only(findings, "labelbox-size").message == "its mask has 8 x 6 pixels, the picture has 9 x 6"
    rows = [
        v1("a.jpg", v1_thing(instanceURI="a.png"), v1_thing(instanceURI="b.png")),
        v1("b.jpg", v1_thing(instanceURI="b.png"), **{"Media Attributes": {"width": 9.0, "height": 7}}),
        v1("c.jpg", v1_thing(bbox={"top": 1, "left": 2, "height": 3, "width": 4})),
        v1("d.jpg", v1_thing(instanceURI="empty.png"), **{"Media Attributes": {"width": "8", "height": -6}}),
    ]
    images, findings = read(write(tmp_path, *rows))
    assert [(i.width, i.height, len(i.annotations)) for i in images] == [
        (8, 6, 1),
        (9, 7, 1),
        (None, None, 1),
        (8, 6, 1),
    ]
    text = "its mask has 9 x 7 pixels, the mask of annotation 0 has 8 x 6"
    assert only(findings, "labelbox-size").message == text
    assert only(findings, "labelbox-size-unknown").amount == 1
    assert only(findings, "labelbox-mask-empty").where.image == "d"


def test_sizes_from_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "c.png").write_bytes(png_of(canvas()))
    (folder / "broken.png").write_bytes(b"no picture")
    box = v1_thing(bbox={"top": 1, "left": 2, "height": 3, "width": 4})
    rows = [v1("deep/c.jpg", box), v1("broken.png", box), v1("no.jpg", box)]
    images, findings = read(write(tmp_path, *rows), images=folder)
    assert [(i.name, i.width, i.height) for i in images] == [
        ("deep/c", 8, 6),
        ("broken", None, None),
        ("no", None, None),
    ]
    assert images[0].picture is not None and images[0].picture.path == str(folder / "deep" / "c.png")
    assert sorted(codes(findings)) == ["labelbox-picture-missing"] * 2 + ["picture-unreadable"]
    with pytest.raises(OptionError, match="the folder of pictures does not exist; check --from-images"):
        read(write(tmp_path, *rows), images=tmp_path / "gone")


def test_sizes_from_pictures_of_the_rows_split(tmp_path: Path) -> None:
    for split, size in (("train", (8, 6)), ("val", (9, 7))):
        (tmp_path / "pictures" / split).mkdir(parents=True)
        Image.new("L", size).save(tmp_path / "pictures" / split / "a.png")
    box = v1_thing(bbox={"top": 1, "left": 2, "height": 3, "width": 4})
    for told, size in (("training", (8, 6)), ("Validation", (9, 7)), ("test", (None, None)), (None, (None, None))):
        (image,), findings = read(
            write(tmp_path, v1("a.png", box) | {"Data Split": told}), images=tmp_path / "pictures"
        )
        assert (image.width, image.height) == size
        assert codes(findings).count("labelbox-picture-missing") == (size[0] is None)


# --- EXIF -------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 8), st.data())
def test_turning_is_what_a_viewer_does(orientation: int, data: st.DataObject) -> None:
    """Pillow turns a picture by its EXIF orientation; masks and boxes go the same way."""
    from hypothesis.extra import numpy as arrays

    size = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    bitmap = data.draw(arrays.arrays(np.bool_, size))
    picture = Image.fromarray(bitmap.astype(np.uint8) * 255)
    exif = picture.getexif()
    exif[274] = orientation
    file = io.BytesIO()
    picture.save(file, "PNG", exif=exif)
    shown = np.asarray(ImageOps.exif_transpose(Image.open(file))) > 0
    height, width = size
    assert swaps(orientation) == (orientation > 4)
    mask = turned(Mask.from_array(bitmap), orientation, width, height)
    assert mask == Mask.from_array(shown) and not mask.starts.flags.writeable
    assert turned(mask, back(orientation), *shown.shape[::-1]) == Mask.from_array(bitmap)
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    w, h = data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y))
    block = np.zeros(size, bool)
    block[y : y + h, x : x + w] = True
    box = turned(Box(x=x, y=y, width=w, height=h), orientation, width, height)
    left, top, wide, high = turned(Mask.from_array(block), orientation, width, height).bbox
    assert box == Box(x=left, y=top, width=wide, height=high)


def test_exif_orientation(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_of(canvas()))
    ring = [{"x": 1.2, "y": 1}, {"x": 5.5, "y": 1}, {"x": 5, "y": 4.7}]
    objects = [colored(), colored(color=GREEN, number=2), thing(number=3, polygon=ring), boxed(number=4)]
    media = {"width": 8, "height": 6, "exif_rotation": "6"}
    path = write(tmp_path, row("a.jpg", label(*objects), media_attributes=media))
    (shown,), findings = read(path)
    assert (shown.width, shown.height) == (6, 8)
    assert only(findings, "labelbox-turned").weight is Weight.WARNING
    (stored,), findings = read(path, orientation="stored")
    assert findings == [] and (stored.width, stored.height) == (8, 6)
    for one, other in zip(shown.annotations[:3], stored.annotations[:3], strict=True):
        pixels = geometry.shape_mask(other.shape, 8, 6).to_array()
        assert np.array_equal(one.shape.to_array(), np.rot90(pixels, -1))
    assert shown.annotations[3].shape == Box(x=2, y=2, width=3, height=4)
    for value in (1, "1", "0", 0, "", None):
        media["exif_rotation"] = value
        (image,), findings = read(write(tmp_path, row("a.jpg", label(*objects), media_attributes=media)))
        assert findings == [] and (image.width, image.height) == (8, 6), value


@pytest.mark.parametrize("value", ["9", "99", "x", 7.5, [6], True])
def test_what_is_no_orientation_is_told(tmp_path: Path, value: Any) -> None:
    v2 = row("a.jpg", label(boxed()), media_attributes={"width": 8, "height": 6, "exif_rotation": value})
    media = {"width": 8, "height": 6, "exifRotation": value}
    for one in (v2, v1("a.jpg", v1_thing(bbox=boxed()["bounding_box"]), **{"Media Attributes": media})):
        (image,), findings = read(write(tmp_path, one))
        assert (image.width, image.height) == (8, 6)
        (told,) = findings
        assert (told.code, told.weight, told.where.line) == ("labelbox-orientation", Weight.WARNING, 1)
        assert f"is given as {value!r}, and there are 1 to 8" in told.message and "--from-images" in told.fix


def tagged(path: Path, orientation: int, size: tuple[int, int] = (8, 6)) -> Path:
    """A picture with an EXIF orientation; ``size`` is that of its file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[274] = orientation
    Image.new("RGB", size).save(path, exif=exif)
    return path.parent


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_the_picture_itself(tmp_path: Path, orientation: int) -> None:
    """Where the export does not say it, the picture's header does: the same pixels, in v2 and in v1."""
    (tmp_path / "a.png").write_bytes(png_of(canvas()))
    ring = [{"x": 1.2, "y": 1}, {"x": 5.5, "y": 1}, {"x": 5, "y": 4.7}]
    objects = [colored(), thing(number=3, polygon=ring), boxed(number=4)]
    folder = tagged(tmp_path / "pictures" / "a.jpg", orientation)
    said = {"width": 8, "height": 6, "exif_rotation": str(orientation)}
    (wanted,), _ = read(write(tmp_path, row("a.jpg", label(*objects), media_attributes=said)))
    older = [{k: v for k, v in one.items() if k != "composite_mask"} for one in objects]
    older[0]["instanceURI"] = "red.png"
    (tmp_path / "red.png").write_bytes(png_of((canvas() == RED).all(axis=2)))
    for one in (row("a.jpg", label(*objects), media_attributes={}), v1("a.jpg", *older)):
        path = write(tmp_path, one)
        (image,), findings = read(path, images=folder)
        assert [a.shape for a in image.annotations] == [a.shape for a in wanted.annotations]
        assert (image.width, image.height) == (wanted.width, wanted.height)
        assert image.picture is not None and (image.picture.width, image.picture.height) == (image.width, image.height)
        assert ("labelbox-turned" in codes(findings)) == (orientation > 1)
        assert image.picture.orientation == (orientation if orientation > 1 else None)
        (stored,), findings = read(path, images=folder, orientation="stored")
        assert (stored.width, stored.height) == (8, 6) and "labelbox-turned" not in codes(findings)
        assert stored.picture is not None and stored.picture.orientation == (1 if orientation > 1 else None)


def test_whose_word_counts(tmp_path: Path) -> None:
    """The export's before the picture's; and a picture whose size at Labelbox is the turned one is turned there already."""
    folder = tagged(tmp_path / "pictures" / "a.jpg", 6)
    for media in ({"exif_rotation": "1"}, {"width": 6, "height": 8}):
        (image,), findings = read(write(tmp_path, row("a.jpg", label(boxed()), media_attributes=media)), images=folder)
        assert findings == [] and image.annotations[0].shape == Box(x=2, y=1, width=4, height=3)
        assert image.picture is not None and image.picture.orientation == 1
    (image,), _ = read(
        write(tmp_path, row("a.jpg", label(boxed()), media_attributes={"exif_rotation": "3"})), images=folder
    )
    assert image.annotations[0].shape == Box(x=2, y=2, width=4, height=3)
    (empty,), findings = read(write(tmp_path, row("a.jpg", label())), images=folder)
    assert findings == [] and (empty.width, empty.height) == (6, 8)


def test_turning_needs_the_size(tmp_path: Path) -> None:
    path = write(tmp_path, row("a.jpg", label(boxed()), media_attributes={"exif_rotation": "3"}))
    images, findings = read(path)
    assert images == [] and "image-size-unknown" in codes(findings)
    (image,), _ = read(path, orientation="stored")
    assert len(image.annotations) == 1
    (image,), findings = read(write(tmp_path, row("a.jpg", label(), media_attributes={"exif_rotation": "3"})))
    assert findings == [] and image.annotations == ()


# --- labels, projects -------------------------------------------------------------------------------------------------


def test_several_labels_are_an_error_until_one_is_chosen(tmp_path: Path) -> None:
    performance = {"benchmark_reference_label": "l2"}
    labels = [label(boxed(), id="l1"), label(boxed(), boxed(number=2), id="l2", performance_details=performance)]
    labels.append(label(id="l3"))
    projects = {"p1": {"name": "one", "labels": labels, "project_details": {"selected_label_id": "l3"}}}
    path = write(tmp_path, row("a.jpg", projects=projects))
    images, findings = read(path)
    assert images == []
    wrong = only(findings, "labelbox-labels")
    assert wrong.message == "the data row has 3 labels (l1, l2, l3)"
    assert wrong.fix == "say which are meant: --from-label first | benchmark | selected | all"
    assert (wrong.where.line, wrong.unit) == (1, "images")
    for how, count, left in (("first", 1, 2), ("benchmark", 2, 2), ("selected", 0, 2), ("all", 3, 0)):
        (image,), findings = read(path, label=how)
        assert len(image.annotations) == count
        assert [f.amount for f in findings] == ([left] if left else [])
    assert [a.attributes["label_id"] for a in image.annotations] == ["l1", "l2", "l2"]
    projects["p1"]["project_details"] = {}
    _, findings = read(write(tmp_path, row("a.jpg", projects=projects)), label="selected")
    assert findings[0].message.endswith(", and none of them is the selected one")


def test_several_labels_of_v1_are_rows_of_their_own(tmp_path: Path) -> None:
    box = v1_thing(bbox={"top": 1, "left": 2, "height": 3, "width": 4})
    rows = [
        v1("a.jpg", box, **{"ID": "l1", "DataRow ID": "r"}),
        v1("b.jpg"),
        v1("a.jpg", box, box, **{"ID": "l2", "DataRow ID": "r", "Benchmark ID": "l2"}),
    ]
    path = write(tmp_path, orjson.dumps(rows), name="in.json")
    images, findings = read(path)
    assert [i.name for i in images] == ["b"]
    assert only(findings, "labelbox-labels").message == "record 1: the data row has 2 labels (l1, l2)"
    images, _ = read(path, label="benchmark")
    assert [(i.name, len(i.annotations)) for i in images] == [("a", 2), ("b", 0)]
    images, _ = read(path, label="all")
    assert [len(i.annotations) for i in images] == [3, 0]


def test_several_projects(tmp_path: Path) -> None:
    projects = {
        "p1": {"name": "one", "labels": [label(boxed())]},
        "p2": {"name": "two", "labels": [label(boxed(label="dog"), boxed(number=2))]},
        "p3": {"name": "three", "labels": []},
    }
    path = write(tmp_path, row("a.jpg", projects=projects), row("b.jpg", label()))
    images, findings = read(path)
    assert [i.name for i in images] == ["b"]
    wrong = only(findings, "labelbox-projects")
    assert wrong.message == "the data row has labels in several projects: 'one' (p1), 'two' (p2)"
    assert wrong.fix == "say which: --from-project NAME"
    for project in ("p2", "two"):
        with open_reader(path, project=project) as source:
            (image,) = source
            assert len(image.annotations) == 2 and source.labels.names == ("dog", "car")
            told = only(source.report.findings, "labelbox-project-other")
            assert (told.weight, told.where.line) == (Weight.INFO, 2)


def test_a_project_that_there_is_not(tmp_path: Path) -> None:
    projects = {"p1": {"name": "One", "labels": [label(boxed())]}, "p2": {"name": "Two", "labels": []}}
    path = write(tmp_path, row("a.jpg", projects=projects), row("b.jpg", label(boxed())))
    for act in (lambda: read(path, project="Tow"), lambda: validate(path, project="Tow")):
        with pytest.raises(OptionError) as caught:
            act()
        error = caught.value
        assert error.code == "labelbox-project-unknown" and error.where.path == str(path)
        assert error.message.startswith("the export has no project 'Tow' (did you mean 'Two'?); ")
        assert error.message.endswith("it has 'One' (p1), 'Two' (p2), 'one' (p1)")
    for known in ("p1", "One", "p2", "Two"):  # the last two have no labels
        assert "labelbox-project-unknown" not in codes(read(path, project=known)[1])
    older = write(tmp_path, v1("a.jpg", v1_thing(bbox=boxed()["bounding_box"])))
    with pytest.raises(OptionError, match="no project 'x'; it has 'one'"):
        read(older, project="x")
    assert len(read(older, project="one")[0]) == 1
    with pytest.raises(OptionError, match="no project 'x'; it has none"):
        read(write(tmp_path, row("a.jpg", projects={})), project="x")


def test_model_runs(tmp_path: Path) -> None:
    runs = {"r1": {"name": "run", "data_split": "TRAINING", "labels": [label(boxed(confidence=0.5))]}}
    each = row("a.jpg", projects={}, experiments={"e1": {"name": "model", "runs": runs}})
    (image,), findings = read(write(tmp_path, each))
    assert findings == []
    assert (image.split, image.annotations[0].score) == ("train", 0.5)
    assert registry.sniff(write(tmp_path, {"data_row": {"id": "x"}, "experiments": {}})) is FORMAT


def test_skipped_and_unlabelled(tmp_path: Path) -> None:
    skipped = {"skipped": True}
    rows = [
        row("a.jpg", label(performance_details=skipped)),
        row("b.jpg", label(boxed(), performance_details=skipped)),
        row("c.jpg"),
        row("d.jpg", label()),
        v1("e.jpg", Skipped=True),
        v1("f.jpg", Label="Skip"),
    ]
    path = write(tmp_path, *rows)
    images, findings = read(path)
    assert [i.name for i in images] == ["d"]
    assert [(f.code, f.weight, f.amount, f.unit) for f in findings] == [
        ("labelbox-skipped", Weight.DATA, 1, "instances"),
        ("labelbox-skipped", Weight.INFO, 1, "images"),
        ("labelbox-skipped", Weight.INFO, 1, "images"),
        ("labelbox-skipped", Weight.INFO, 1, "images"),
        ("labelbox-unlabelled", Weight.INFO, 1, "images"),
    ]
    images, _ = read(path, skipped="keep")
    assert [(i.name, len(i.annotations)) for i in images] == [("a", 0), ("b", 1), ("d", 0), ("e", 0), ("f", 0)]


# --- names, labels ----------------------------------------------------------------------------------------------------


def test_names(tmp_path: Path) -> None:
    rows = [
        row("key-1.jpg", label(), data_row={"external_id": "one.JPG"}),
        row("key-2.jpg", label(), data_row={"external_id": "twin.jpg"}),
        row("key-3.jpg", label(), data_row={"external_id": "TWIN.png"}),
        row("x", label(), data_row={"external_id": "twin.jpg", "global_key": None, "id": "id-4"}),
        row("key-5.jpg", label()),
        row("x", label(), data_row={"global_key": None, "id": "id-6"}),
    ]
    path = write(tmp_path, *rows)
    images, findings = read(path)
    assert findings == []
    assert [i.name for i in images] == ["one", "key-2", "key-3", "id-4", "key-5", "id-6"]
    assert [(i.picture.path.split(":")[1], i.picture.member) for i in images if i.picture] == [
        ("external-id", "one.JPG"),
        ("global-key", "key-2.jpg"),
        ("global-key", "key-3.jpg"),
        ("data-row", "id-4"),
        ("global-key", "key-5.jpg"),
        ("data-row", "id-6"),
    ]
    images, _ = read(path, name="id")
    assert [i.name for i in images] == ["id-key-1.jpg", "id-key-2.jpg", "id-key-3.jpg", "id-4", "id-key-5.jpg", "id-6"]
    images, findings = read(path, name="global_key")
    assert [i.name for i in images] == ["key-1", "key-2", "key-3", "key-5"]
    assert "cannot be named '': it is no name" in only(findings[:1], "name-unsafe").message
    _, findings = read(write(tmp_path, row("../up.jpg", label())))
    text = "the data row id-../up.jpg cannot be named '../up': it leads out of the data set with '..'"
    assert only(findings, "name-unsafe").message == text


def test_labels_and_their_colours(tmp_path: Path) -> None:
    box = {"bbox": {"top": 1, "left": 2, "height": 3, "width": 4}}
    rows = [
        v1("a.jpg", v1_thing("one", color="#2BFF00", **box), v1_thing("two", color="#000001", **box)),
        v1("b.jpg", v1_thing("one", color="#2bff00", **box), v1_thing("two", color="#000002", schemaId="s2", **box)),
        v1("c.jpg", v1_thing("point", point={"x": 1, "y": 2}), v1_thing("none", color="red", **box)),
    ]
    with open_reader(write(tmp_path, *rows)) as images:
        assert images.labels.labels == (
            Label(name="one", color=(43, 255, 0), id="s1"),
            Label(name="two"),
            Label(name="none", id="s1"),
        )
        told = only(images.report.findings, "labelbox-recolored")
        assert (told.weight, told.amount, told.unit) == (Weight.INFO, 1, "labels")


# --- attributes -------------------------------------------------------------------------------------------------------


RADIO = {
    "name": "make",
    "radio_answer": {"name": "known", "classifications": [{"name": "n", "text_answer": {"content": "x"}}]},
}
CHECKLIST = {"name": "doors", "checklist_answers": [{"name": "left"}, {"name": "right", "classifications": [RADIO]}]}


def test_attributes(tmp_path: Path) -> None:
    metrics = [{"name": "iou", "value": 0.25}]
    each = boxed(classifications=[RADIO, CHECKLIST], confidence=0, custom_metrics=metrics)
    path = write(tmp_path, row("a.jpg", label(each, classifications=[RADIO], relationships=[{}, {}])))
    (image,), findings = read(path)
    assert image.attributes == {"make": "known", "make/known/n": "x"}
    assert image.annotations[0].score == 0.0
    assert image.annotations[0].attributes == {
        "make": "known",
        "make/known/n": "x",
        "doors": ["left", "right"],
        "doors/right/make": "known",
        "doors/right/make/known/n": "x",
        "customMetrics": metrics,
    }
    lost = only(findings, "labelbox-relationships")
    assert (lost.weight, lost.amount, lost.unit) == (Weight.DATA, 2, "relationships")
    (image,), _ = read(path, classifications="nested")
    inner = {"name": "make", "answer": {"name": "known", "classifications": [{"name": "n", "answer": "x"}]}}
    assert image.attributes == {"classifications": [inner]}
    assert image.annotations[0].attributes["classifications"] == [
        inner,
        {"name": "doors", "answer": [{"name": "left"}, {"name": "right", "classifications": [inner]}]},
    ]


def test_nested_classifications_go_back_to_labelbox(tmp_path: Path) -> None:
    """What an import wants is what the export has: the very same classifications, score and metrics."""
    metrics = [{"name": "iou", "value": 0.25}]
    source = write(
        tmp_path, row("a.jpg", label(boxed(classifications=[RADIO], custom_metrics=metrics, confidence=0.5)))
    )
    target = tmp_path / "out.ndjson"
    maskconv.convert(source, target, to="labelbox-ndjson", read={"classifications": "nested"})
    record = json.loads(target.read_bytes())
    assert record["dataRow"] == {"globalKey": "a.jpg"}
    assert (record["confidence"], record["customMetrics"]) == (0.5, metrics)
    assert record["classifications"][0]["answer"]["name"] == "known"


def test_classifications_of_v1() -> None:
    text = {"title": "t", "value": "v", "answer": "free"}
    assert classify.flat([text, [{"value": "c", "answers": [{"title": "a"}, {"value": "b"}]}]]) == (
        {"t": "free", "c": ["a", "b"]},
        0,
    )
    assert classify.flat([{"title": "none"}, {"title": "l", "answer": [{"title": "x"}]}]) == (
        {"none": "", "l": ["x"]},
        0,
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([{}], "a classification or an answer has no name or title"),
        ([3], "its classification is 3, not an object"),
        ([{"name": "x", "answer": 3}], "the classification 'x' has no answer of a known kind"),
        ([{"name": "x", "answer": "a", "answers": []}], "the classification 'x' has no answer of a known kind"),
        ([{"name": "x", "radio_answer": {}}], "a classification or an answer has no name or title"),
    ],
)
def test_classifications_that_are_wrong(tmp_path: Path, value: Any, words: str) -> None:
    path = write(tmp_path, row("a.jpg", label(boxed(classifications=value), boxed(number=2), classifications=value)))
    for how in ("flat", "nested"):
        (image,), findings = read(path, classifications=how)
        assert len(image.annotations) == 1
        assert [f.message for f in findings] == [words] * 2
        assert [f.where.annotation for f in findings] == [0, None]


def test_classifications_too_deep() -> None:
    value: dict[str, Any] = {"name": "x", "answer": "y"}
    for _ in range(40):
        value = {"name": "x", "answer": {"name": "y", "classifications": [value]}}
    for how in (classify.flat, classify.nested):
        with pytest.raises(RecordError, match="classifications lie more than 32 deep in one another"):
            how([value])


def test_classifications_of_one_name(tmp_path: Path) -> None:
    twice = [{"name": "x", "answer": "1"}, {"name": "x", "answer": "2"}]
    path = write(tmp_path, row("a.jpg", label(boxed(classifications=twice))))
    (image,), findings = read(path)
    assert image.annotations[0].attributes == {"x": "1"}
    lost = only(findings, "labelbox-classified-twice")
    assert (lost.weight, lost.amount, lost.unit) == (Weight.DATA, 1, "attributes")
    assert read(path, classifications="nested")[1] == []


# --- what is no segmentation ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"point": {"x": 1, "y": 2}, "instanceURI": "a.png"}, "a point"),
        ({"line": [], "mask": {"url": "x"}}, "a line"),
        ({"geometry": {"coordinates": [1, 2]}}, "a shape on a map"),
        ({"location": {"start": 1, "end": 2}}, "an entity in a text"),
        ({"annotation_kind": "ImageCuboid"}, "an object of kind 'ImageCuboid', without a shape"),
    ],
)
def test_what_is_no_segmentation(tmp_path: Path, parts: dict[str, Any], words: str) -> None:
    (image,), findings = read(write(tmp_path, row("a.jpg", label(thing(**parts)))))
    (told,) = findings
    assert image.annotations == ()
    assert told.message == f"this is {words}, no segmentation of a picture"
    assert (told.code, told.weight, told.unit, told.where.annotation) == (
        "labelbox-no-segmentation",
        Weight.DATA,
        "instances",
        0,
    )


@pytest.mark.parametrize(
    ("each", "code", "words"),
    [
        (7, "labelbox-row", "its object is 7, not an object"),
        (boxed(name=None, value=None), "labelbox-label", "the object has no name or title"),
        (boxed(bounding_box={"top": 1}), "labelbox-bbox", "its bbox has no left and no height and no width"),
        (thing(polygon=[{"x": 1, "y": 2}]), "labelbox-polygon", "its polygon has 1 points"),
        (thing(polygon=[{"x": 1, "y": "2"}] * 3), "labelbox-polygon", "y of its polygon's point 0 is '2'"),
        (boxed(confidence=2), "labelbox-confidence", "its confidence is 2, not a number 0..1"),
        (boxed(custom_metrics=[{}]), "labelbox-metrics", "its customMetrics are not a list"),
        (thing(mask={}), "labelbox-mask", "its mask has no address"),
        (thing(mask=[1]), "labelbox-row", "its mask is [1], not an object"),
        (colored(color=(1, 2)), "labelbox-color", "color_rgb is [1, 2], not three integers 0..255"),
        (boxed(classifications={"a": 1}), "labelbox-row", "its classifications is {'a': 1}, not a list"),
    ],
)
def test_objects_that_are_wrong(tmp_path: Path, each: Any, code: str, words: str) -> None:
    (image,), findings = read(write(tmp_path, row("a.jpg", label(each, boxed(number=2)))))
    assert [a.id for a in image.annotations] == ["f2"]
    (told,) = findings
    assert (told.code, told.weight, told.where.annotation, told.where.line) == (code, Weight.ERROR, 0, 1)
    assert words in told.message and told.fix


def test_what_is_not_known(tmp_path: Path) -> None:
    (_,), findings = read(write(tmp_path, row("a.jpg", label(boxed(surprise=1, other=2)))))
    assert only(findings, "labelbox-unknown-key").message == "what the export says of it as other, surprise is not read"
    each = row("a.jpg", label(), attachments=[{}], metadata_fields=[{}, {}])
    assert only(read(write(tmp_path, each))[1], "labelbox-extras").amount == 3


# --- rows that are wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("each", "words"),
    [
        ({"a": 1}, "this is no row of an export"),
        ([1], "this is no row but another JSON value"),
        ({"data_row": 3}, "its data_row is 3, not an object"),
        ({"data_row": {}}, "its data_row has no id"),
        (row(projects=[1]), "its projects is [1], not an object"),
        (row(projects={"p": {"labels": 3}}), "its labels is 3, not a list"),
        (row("a", {"annotations": "x" * 50}), f"its annotations is '{'x' * 36}..., not an object"),
        (row("a", {"annotations": {"frames": {"x": {}}}}), "'x' is no frame's number"),
        (row("a", {"annotations": {"frames": {"-1": {}}}}), "'-1' is no frame's number"),
        (row("a", {"annotations": {"groups": {"..": {"frames": {}}}}}), "the group '..' is no axis"),
        (row("a", {"annotations": {"groups": {"a/b": {}}}}), "the group 'a/b' is no axis"),
        (row("a", {"annotations": {"groups": {"Axial": 3}}}), "its group 'Axial' is 3, not an object"),
        ({"frameNumber": 1.5, "objects": []}, "1.5 is no frame's number"),
        ({"Label": {}, "ID": None}, "it says nowhere which data row it is"),
        (v1(Label={"car": []}), "its Label has 'car' instead of objects, as exports of 2018 have"),
        (v1(Label="MULTIPOLYGON (((1 2, 3 4)))"), "its Label is 'MULTIPOLYGON (((1 2, 3 4)))', not an object"),
        (v1(**{"Media Attributes": 3}), "its Media Attributes is 3, not an object"),
    ],
)
def test_rows_that_are_wrong(tmp_path: Path, each: Any, words: str) -> None:
    path = write(tmp_path, row("good.jpg", label()), orjson.dumps(each) + b"\n")
    images, findings = read(path)
    assert [i.name for i in images] == ["good"]
    (told,) = findings
    assert told.message == words and told.weight is Weight.ERROR and told.where.line == 2 and told.fix


@pytest.mark.parametrize("data", [orjson.dumps({**row(), "projects": []}), b'{"data_row": {"id": "x"}, "projects": {'])
def test_what_is_wrong_is_told_once(tmp_path: Path, data: bytes) -> None:
    """Also where nothing else is in the file."""
    path = write(tmp_path, data)
    assert len([f for f in validate(path) if f.weight is Weight.ERROR]) == 1
    assert len([f for f in read(path)[1] if f.weight is Weight.ERROR]) == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"data_row": {"id": NaN}}', "NaN and Infinity are no JSON"),
        (b'{"data_row": ', "this is no JSON"),
        (b"\xff\xfe\x00", "this is no JSON"),
        (b'{"data_row": {"id": "\xff"}}', "this is no JSON"),
        (b'{"data_row":' + b"[" * 5000 + b"]" * 5000 + b"}", "this is no JSON"),
        (b'{"data_row": {"id": 123456789012345678901234567890}}', "its data_row has no id"),
        (b'{"data_row": {"id": "\\ud800"}}', "this is no JSON"),
    ],
)
def test_hostile_json_is_one_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    good = orjson.dumps(row("good.jpg", label())) + b"\n"
    images, findings = read(write(tmp_path, good, data, b"\n", good.replace(b"good", b"fine")))
    assert [i.name for i in images] == ["good", "fine"]
    assert [(f.weight, f.where.line) for f in findings] == [(Weight.ERROR, 2)]
    assert words in findings[0].message


def test_byte_order_mark_and_arrays_and_concatenated_objects(tmp_path: Path) -> None:
    rows = [row("a.jpg", label(boxed())), row("b.jpg", label())]
    texts = [
        b"\xef\xbb\xbf" + b"\n".join(map(orjson.dumps, rows)),
        json.dumps(rows, indent=2).encode(),
        b"".join(orjson.dumps(r, option=orjson.OPT_INDENT_2) for r in rows),
        b"\r\n\r\n".join(map(orjson.dumps, rows)) + b"\r\n",
    ]
    for text in texts:
        for name in ("in.json", "in.ndjson"):
            images, findings = read(write(tmp_path, text, name=name))
            assert [(i.name, len(i.annotations)) for i in images] == [("a", 1), ("b", 0)]
            assert findings == []
            assert registry.sniff(tmp_path / name) is FORMAT


def test_nothing_in_it(tmp_path: Path) -> None:
    for data in (b"", b"[]", b"\n\n"):
        assert read(write(tmp_path, data))[0] == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "data_row",
                        "id",
                        "projects",
                        "labels",
                        "annotations",
                        "objects",
                        "frames",
                        "groups",
                        "1",
                        "name",
                        "classifications",
                        "mask",
                        "url",
                        "polygon",
                        "media_attributes",
                        "Label",
                        "featureId",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=30,
    )
)
def test_any_json_is_a_row_or_a_record_error(value: Any) -> None:
    """Whatever stands where, it is refused in words, never with another exception."""
    from maskconv.formats.labelbox_export.objects import found, nature

    each = {"data_row": {"id": "x"}, "projects": {"p": {"labels": [{"annotations": value}]}}}
    for record in (
        value,
        each,
        {"data_row": value},
        {"Label": value, "ID": "x"},
        {"frameNumber": 1, "objects": [value]},
    ):
        try:
            for scene in choose.scenes(document.row(record).labels):
                for one in scene.objects:
                    if nature(one.raw) in ("box", "polygon", "mask"):
                        classify.flat(found(one.raw).classifications)
        except RecordError as error:
            assert error.message and error.code


# --- frames -----------------------------------------------------------------------------------------------------------


def clip_row(frames: dict[str, Any], **annotations: Any) -> dict[str, Any]:
    told = {"label_kind": "Video", "id": "l1", "annotations": {"frames": frames, **annotations}}
    return row("clip.mp4", told)


def frame_of(*objects: Any, **parts: Any) -> dict[str, Any]:
    return {"objects": {one["feature_id"]: one for one in objects}, "classifications": [], **parts}


def test_a_video(tmp_path: Path) -> None:
    array = canvas()
    (tmp_path / "a.png").write_bytes(png_of(array))
    (tmp_path / "b.png").write_bytes(png_of(np.where(array == GREEN, 0, array)))
    frames = {
        "10": frame_of(colored("b.png")),
        "9": frame_of(colored("a.png"), colored("a.png", GREEN, number=2), classifications=[RADIO]),
    }
    keys = {"f1": {"9": True, "10": False}, "f2": [9, 12]}
    path = write(tmp_path, clip_row(frames, key_frame_feature_map=keys, segments={"f1": [[9, 10]], "f2": [[9, 9]]}))
    images, findings = read(path)
    assert findings == []
    assert [(i.name, i.sequence, i.frame) for i in images] == [
        ("clip.mp4/frame_000009", "clip.mp4", 9),
        ("clip.mp4/frame_000010", "clip.mp4", 10),
    ]
    assert [[(a.track, a.id, a.attributes["keyframe"]) for a in i.annotations] for i in images] == [
        [("f1", "f1", True), ("f2", "f2", True)],
        [("f1", "f1", False)],
    ]
    assert [a.shape for i in images for a in i.annotations] == [
        where(array, RED),
        where(array, GREEN),
        where(array, RED),
    ]
    assert images[0].attributes["make"] == "known"
    images, findings = read(path, keyframes=True)
    assert [(i.frame, len(i.annotations)) for i in images] == [(9, 2)]
    left = only(findings, "labelbox-interpolated")
    assert (left.weight, left.amount, left.where.image) == (Weight.INFO, 1, "clip.mp4/frame_000010")


def test_frames_that_the_export_does_not_have(tmp_path: Path) -> None:
    frames = {"5": frame_of(boxed())}
    far = [[1, 10**15], [5, 5], [9, 1], ["x"], 3]
    for segments, amount in (({"f1": [[4, 7]]}, 3), ({"f1": far}, 10**15), ({"f1": [[5, 5]]}, 0), ({"f1": 3}, 0)):
        _, findings = read(write(tmp_path, clip_row(frames, segments=segments)))
        assert [(f.code, f.weight, f.amount) for f in findings] == (
            [("labelbox-frames-missing", Weight.DATA, amount)] if amount else []
        )


def test_a_video_without_frames(tmp_path: Path) -> None:
    images, findings = read(write(tmp_path, clip_row({})))
    assert images == [] and codes(findings) == ["labelbox-no-frames"]


def test_several_labels_of_a_video(tmp_path: Path) -> None:
    labels = [
        {"id": "l1", "annotations": {"frames": {"1": frame_of(boxed())}, "classifications": [RADIO]}},
        {"id": "l2", "annotations": {"frames": {"1": frame_of(boxed(number=2)), "2": frame_of(boxed(number=2))}}},
    ]
    path = write(tmp_path, row("clip.mp4", *labels))
    images, findings = read(path)
    assert images == [] and codes(findings) == ["labelbox-labels"]
    images, _ = read(path, label="all")
    assert [[a.id for a in i.annotations] for i in images] == [["f1", "f2"], ["f2"]]
    assert [i.attributes.get("make") for i in images] == ["known", None]


def test_long_videos_are_read_in_windows(tmp_path: Path) -> None:
    """Any number of jobs gives the same bytes; a unit has at most 32 frames."""
    frames = {
        str(n): frame_of(boxed(bounding_box={"top": n % 5, "left": 1, "height": 2, "width": 3})) for n in range(100)
    }
    path = write(tmp_path, row("a.jpg", label(boxed())), clip_row(frames), row("b.jpg", label()))
    assert FORMAT.reader is not None
    reader = FORMAT.reader(path, FORMAT.reader.Options.parse({}, "x", "read"))
    reader.open()
    head = reader.head(pytest.fail)
    sizes = [(u.end - u.begin) if u.end is not None else 1 for u in reader.units(pytest.fail)]
    assert sizes == [1, 32, 32, 32, 4, 1]
    assert pickle.loads(pickle.dumps(head)) == head
    reader.close()
    for jobs in (1, 2, 3):
        maskconv.convert(path, tmp_path / f"{jobs}.mcv", jobs=jobs)
    assert len({(tmp_path / f"{jobs}.mcv").read_bytes() for jobs in (1, 2, 3)}) == 1
    images, _ = read(path)
    assert [i.frame for i in images] == [None, *range(100), None]


def test_dicom_fixture() -> None:
    images, findings = read(FIXTURES / "labelbox-export" / "ct.ndjson")
    assert findings == []
    assert [(i.name, i.sequence, i.frame, i.width, i.height) for i in images] == [
        ("ct.dcm/axial/frame_000009", "ct.dcm/axial", 9, 50, 40),
        ("ct.dcm/axial/frame_000172", "ct.dcm/axial", 172, 50, 40),
        ("ct.dcm/coronal/frame_000001", "ct.dcm/coronal", 1, 50, 30),
    ]
    assert [a.attributes for i in images for a in i.annotations] == [{"keyframe": False}, {"keyframe": True}, {}]


def test_frames_alone(tmp_path: Path) -> None:
    """Named after the file; keyframe as a truth value and as a text."""
    (tmp_path / "m.png").write_bytes(png_of(canvas()[:, :, 0]))
    frames = [
        {"frameNumber": n, "objects": [v1_thing(keyframe=keyframe, instanceURI="m.png")], "classifications": []}
        for n, keyframe in ((3, True), (4, "false"), (5, "true"), (6, None))
    ]
    path = write(tmp_path, *frames, name="scan 7.json")
    images, findings = read(path)
    assert findings == []
    assert [(i.name, i.sequence, i.frame) for i in images] == [
        (f"scan 7/frame_00000{n}", "scan 7", n) for n in (3, 4, 5, 6)
    ]
    assert [a.attributes.get("keyframe") for i in images for a in i.annotations] == [True, False, True, None]
    assert [i.frame for i in read(path, keyframes=True)[0]] == [3, 5, 6]


def test_the_documents_own_samples(tmp_path: Path) -> None:
    """As they are printed: an object, another, and a frame with a comment, one behind the other."""
    seed = REAL_DATA.parent / "seeds" / "labelbox-segmentation-mask.txt"
    if not seed.exists():
        pytest.skip("the document is not there")
    text = seed.read_text()
    text = text[text.index("Export\n") :]
    path = write(tmp_path, text[text.index("{\n") :].encode(), name="printed.json")
    assert registry.sniff(path) is FORMAT
    (tmp_path / "masks" / "cl2y5hdq200053g6cklrdauj7").mkdir(parents=True)
    for name in ("ck9bmetz800340za5k073bm7w", "cl2y5hdq200053g6cklrdauj7/172"):
        (tmp_path / "masks" / f"{name}.png").write_bytes(png_of(canvas()[:, :, 0]))
    with open_reader(path, mask_dir=tmp_path / "masks") as images:
        picture, frame = images
        assert images.report.findings == []
        assert {label.name: label.color for label in images.labels.labels} == {
            "Orange bird": (43, 255, 0),
            "Defect": (255, 215, 210),
            "Tool 1": (28, 230, 255),
        }
    assert (picture.name, frame.name) == ("printed", "printed/frame_000172")
    assert [(a.label, a.attributes) for a in picture.annotations] == [
        ("Orange bird", {}),
        ("Defect", {"keyframe": True}),
    ]
    assert [(a.label, a.track, a.attributes) for a in frame.annotations] == [
        ("Tool 1", "cl2y5hdq200053g6cklrdauj7", {"keyframe": True})
    ]


def test_frames_in_another_file(tmp_path: Path) -> None:
    images, findings = read(write(tmp_path, v1("clip", Label={"frames": "https://x/frames/1?token=secret"})))
    (told,) = findings
    assert images == [] and told.code == "labelbox-frames-elsewhere"
    assert told.message == "its frames are in another file, https://x/frames/1"
    assert told.fix == "download that file, and convert it by itself"


# --- the index, and all together --------------------------------------------------------------------------------------


def test_the_index_is_small(tmp_path: Path) -> None:
    """At most 100 bytes a record, while it is used, too."""
    path = write(tmp_path, *(row(f"{i}.jpg", label(boxed())) for i in range(2000)))
    index = Index(path, None, lambda _: False, pytest.fail)
    arrays = [index._offsets, index._lengths, index._lines, index._numbers, index._rows, index._names]
    held = sum(a.itemsize for a in arrays) + 1
    assert sum(len(group.places) for group in index) == len(index) == 2000
    assert [label.name for label in index.labels] == ["car"]
    for each in (*arrays, index._videos):
        each *= 100  # 200,000 records, as if all but the first 2,000 were further labels of these
    tracemalloc.start()
    try:
        assert index.shared() == b""
        assert len(next(iter(index)).places) == 100
        assert held + tracemalloc.get_traced_memory()[1] / len(index) < 100
    finally:
        tracemalloc.stop()


def test_external_ids_that_are_shared(tmp_path: Path) -> None:
    names = ["a.jpg", "A.png", "b.jpg", "b.jpg", "c.jpg", None, None]
    rows = [v1("x", **{"DataRow ID": f"r{i}", "External ID": name}) for i, name in enumerate(names)]
    rows.append(rows[4] | {"ID": "another label of the same data row"})
    index = Index(write(tmp_path, *rows), None, lambda _: False, pytest.fail)
    assert np.frombuffer(index.shared(), "<u8").tolist() == sorted(map(digest, ("a", "b")))
    assert [len(group.places) for group in index] == [1, 1, 1, 1, 2, 1, 1]
    assert Index(write(tmp_path, b""), None, lambda _: False, pytest.fail).shared() == b""


def test_the_file_changes_while_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, row("a.jpg", label()), row("b.jpg", label()))
    with open_reader(path) as images:
        found = iter(images)
        assert next(found).name == "a"
        path.write_bytes(path.read_bytes().replace(b"b.jpg", b'b"jpg'))
        assert list(found) == []
        assert images.report.findings[0].message == "the file changed while it was read"


def test_errors_end_a_conversion_unless_they_are_skipped(tmp_path: Path) -> None:
    path = write(tmp_path, row("a.jpg", label(boxed(), thing(mask={}))), row("b.jpg", label(boxed())))
    with pytest.raises(ConversionError):
        maskconv.convert(path, tmp_path / "out.mcv")
    report = maskconv.convert(path, tmp_path / "out.mcv", on_error="skip")
    assert (report.images_written, report.instances_written) == (2, 2)


def test_items_of_one_name_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, row("a.jpg", label()), row("a.png", label()))
    with pytest.raises(ConversionError) as caught:
        maskconv.convert(path, tmp_path / "out.mcv")
    assert "name-collision" in codes(caught.value.report.findings)


def test_a_prefix_of_addresses(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "a.png").write_bytes(png_of(canvas()))
    path = write(tmp_path, row("a.jpg", label(colored("https://x/y/a.png"))))
    (image,), _ = read(path, mask_dir=tmp_path / "masks", mask_uri="https://x/y/")
    assert len(image.annotations) == 1
    with pytest.raises(OptionError, match="a prefix of addresses has a scheme"):
        read(path, mask_uri="masks/")


def test_from_an_export_to_cvat_and_back_to_labelbox(tmp_path: Path) -> None:
    source = FIXTURES / "labelbox-export" / "street_v2.ndjson"
    zipped, back = tmp_path / "out.zip", tmp_path / "back.ndjson"
    maskconv.convert(source, zipped)
    with open_reader(zipped) as images:
        found = {i.name: i for i in images}
    originals = {i.name: i for i in read(source)[0]}
    for mine in originals["street 1"].annotations:
        assert any(mine.shape == other.shape and mine.label == other.label for other in found["street 1"].annotations)
    maskconv.convert(source, back, write={"masks": "files"})
    again = {i.name: i for i in read_import(back)}
    assert [a.shape for a in again["street 1"].annotations] == [a.shape for a in originals["street 1"].annotations]
    composite = next((tmp_path / "back_masks").glob("street 1*.png"))
    assert composite.read_bytes() == (source.parent / "street_masks" / "0.png").read_bytes()  # passed through


def test_back_to_the_same_data_rows(tmp_path: Path) -> None:
    """The export itself says which data row an item is, whatever names it."""
    rows = [
        row("key-1.jpg", label(boxed()), data_row={"external_id": "one.JPG"}),
        row("key-2.jpg", label(boxed()), data_row={"external_id": "twin.jpg"}),
        row("key-3.jpg", label(boxed()), data_row={"external_id": "twin.jpg"}),
    ]
    source, target = write(tmp_path, *rows), tmp_path / "out.ndjson"
    maskconv.convert(source, target, write={"data_rows": source})
    told = [json.loads(line)["dataRow"] for line in target.read_bytes().splitlines()]
    assert told == [{"id": "id-key-1.jpg"}, {"id": "id-key-2.jpg"}, {"id": "id-key-3.jpg"}]
    maskconv.convert(source, target, read={"name": "global_key"}, overwrite=True)
    told = [json.loads(line)["dataRow"] for line in target.read_bytes().splitlines()]
    assert told == [{"globalKey": "key-1.jpg"}, {"globalKey": "key-2.jpg"}, {"globalKey": "key-3.jpg"}]


def addresses(source: Path, **options: Any) -> tuple[list[Any], set[str]]:
    """The data rows that are written for an export, and codes."""
    target = source.with_name("addressed.ndjson")
    report = maskconv.convert(source, target, to="labelbox-ndjson", overwrite=True, **options)
    return [json.loads(line)["dataRow"] for line in target.read_bytes().splitlines()], set(codes(report.findings))


@pytest.mark.parametrize("name", ["auto", "external_id", "global_key", "id"])
@pytest.mark.parametrize("pictures", [False, True])
def test_whatever_names_an_item_its_data_row_is_written(tmp_path: Path, name: str, pictures: bool) -> None:
    tagged(tmp_path / "pictures" / "same.jpg", 1)
    read_options = {"name": name} | ({"images": tmp_path / "pictures"} if pictures else {})
    source = write(tmp_path, row("gk2.jpg", label(boxed()), data_row={"external_id": "same.jpg"}))
    told, found = addresses(source, read=read_options)
    wanted = {"id": "id-gk2.jpg"} if name == "id" else {"globalKey": "gk2.jpg"}
    assert told == [wanted] and "labelbox-key-extension" not in found
    if name == "global_key":
        return
    source = write(tmp_path, v1("same.jpg", v1_thing(bbox=boxed()["bounding_box"])))
    assert addresses(source, read=read_options)[0] == [{"id": "row-same.jpg"}]
    bare = row("x", label(boxed()), data_row={"external_id": "same.jpg", "global_key": None})
    assert addresses(write(tmp_path, bare), read=read_options)[0] == [{"id": "id-x"}]


def test_an_item_that_is_renamed_or_has_a_template_has_another_address(tmp_path: Path) -> None:
    source = write(tmp_path, row("gk2.jpg", label(boxed()), data_row={"external_id": "same.jpg"}))
    assert addresses(source, name="new-{name}")[0] == [{"globalKey": "new-same.jpg"}]
    assert addresses(source, write={"global_key": "{name}{ext}"})[0] == [{"globalKey": "same.jpg"}]


def test_an_external_id_alone_is_no_address(tmp_path: Path) -> None:
    """Rows of v1 that do not tell their data rows: neither a label's id nor the external id is one."""
    source = write(tmp_path, v1("same.jpg", v1_thing(bbox=boxed()["bounding_box"]), **{"DataRow ID": None}))
    told, found = addresses(source)
    assert told == [{"globalKey": "same.jpg"}] and "labelbox-key-external" in found
    assert "labelbox-key-external" not in addresses(source, write={"global_key": "{name}{ext}"})[1]
    assert addresses(source, write={"data_rows": {"same": "ck1"}})[0] == [{"id": "ck1"}]
    with pytest.raises(OptionError, match="it has no DataRow ID"):
        addresses(source, write={"data_rows": source})


@pytest.mark.parametrize("name", ["auto", "id"])
def test_data_rows_of_v1(tmp_path: Path, name: str) -> None:
    """As lines and as the array that such exports are; several labels of a data row are one."""
    objects = v1_thing(bbox=boxed()["bounding_box"])
    rows = [v1("a.jpg", objects), v1("b.jpg", objects), v1("a.jpg", objects, ID="label-2")]
    lines, array = write(tmp_path, *rows), tmp_path / "array.json"
    array.write_text(json.dumps(rows))
    for source in (lines, array):
        told, _ = addresses(source, read={"name": name, "label": "first"}, write={"data_rows": source})
        assert told == [{"id": "row-a.jpg"}, {"id": "row-b.jpg"}]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_was_turned_is_turned_back(tmp_path: Path, orientation: int) -> None:
    """By default, and with annotations that were not turned at all: the pixels of the export."""
    (tmp_path / "a.png").write_bytes(png_of(canvas()))
    folder, media = tagged(tmp_path / "pictures" / "a.jpg", orientation), {"width": 8, "height": 6}
    said = media | {"exif_rotation": str(orientation)}
    objects = [colored(), colored(color=GREEN, number=2), boxed(number=4)]
    wanted = [where(canvas(), RED), where(canvas(), GREEN), Box(x=2, y=1, width=4, height=3)]
    for known, options in (
        (said, {}),
        (said, {"images": folder}),
        (media, {"images": folder}),
        (media, {"images": folder, "orientation": "stored"}),
        (said, {"orientation": "stored"}),
    ):
        source, target = write(tmp_path, row("a.jpg", label(*objects), media_attributes=known)), tmp_path / "out.ndjson"
        report = maskconv.convert(source, target, to="labelbox-ndjson", read=options, overwrite=True)
        (image,) = read_import(target)
        assert [a.shape for a in image.annotations] == wanted and (image.width, image.height) == (8, 6)
        turns = (
            {"labelbox-turned", "labelbox-turned-back"} if orientation > 1 and "orientation" not in options else set()
        )
        assert {code for code in codes(report.findings) if "turned" in code} == turns


def read_import(path: Path) -> list[AnnotatedImage]:
    with open_reader(path, format="labelbox-ndjson") as images:
        return list(images)


def test_base64_is_no_export(tmp_path: Path) -> None:
    path = write(tmp_path, {"data_row": {"id": base64.b64encode(b"x").decode()}, "projects": {}})
    assert codes(read(path)[1]) == ["labelbox-unlabelled"]


# --- fetched ----------------------------------------------------------------------------------------------------------


def test_masks_are_fetched_once_an_image(tmp_path: Path) -> None:
    """Each composite is asked for once, whatever shares it; own files only where there is no composite; then the cache."""
    server = MaskServer()
    try:
        array = canvas()
        server.routes["/c/1"] = server.routes["/c/2"] = png_of(array)
        server.routes["/own"] = png_of(array[:, :, 0])
        url = server.url
        both = [
            colored(url("/c/1"), RED, mask={"url": url("/never")}),
            colored(url("/c/1"), GREEN, number=2),
            thing(number=3, mask={"url": url("/own")}),
        ]
        frames = {
            str(n): frame_of(colored(url(f"/c/{n}"), RED), colored(url(f"/c/{n}"), GREEN, number=2)) for n in (1, 2)
        }
        path = write(tmp_path, row("a.jpg", label(*both)), clip_row(frames))
        how: dict[str, Any] = {"fetch": True, "cache": tmp_path / "cache", "allow_hosts": ["127.0.0.1"], "jobs": 2}
        report = maskconv.convert(path, tmp_path / "1.mcv", **how)
        assert (report.images_written, report.instances_written) == (3, 7)
        assert sorted(set(server.paths())) == ["/c/1", "/c/2", "/own"]
        assert len(server.paths()) == 3
        maskconv.convert(path, tmp_path / "2.mcv", **how)
        assert len(server.paths()) == 3
        assert (tmp_path / "1.mcv").read_bytes() == (tmp_path / "2.mcv").read_bytes()
        server.routes.pop("/own")
        with pytest.raises(ConversionError) as caught:
            maskconv.convert(path, tmp_path / "3.mcv", fetch=True, allow_hosts=["127.0.0.1"])
        (wrong,) = caught.value.report.findings
        assert wrong.weight is Weight.ERROR and wrong.amount == 1 and "/own" in wrong.message
    finally:
        server.close()
