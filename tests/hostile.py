"""Inputs to begin with and to break: small sound files of every kind, and hostile ones, all made here."""

from __future__ import annotations

import base64
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from maskconv import png
from maskconv.runs import RunMap

# --- PNG and other pictures -----------------------------------------------------------------------------------------------


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    body = kind + content
    return len(content).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)


def png_file(width: int, height: int, depth: int, kind: int, rows: bytes, *more: bytes, interlace: int = 0) -> bytes:
    """A PNG of any header, with right checksums; ``more`` are chunks before the pixels."""
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace)
    parts = [chunk(b"IHDR", head), *more, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def composite() -> bytes:
    """An RGB mask of 6 x 4 pixels, with a block of red and one of green."""
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[1:3, 1:3], pixels[0, 4:] = (255, 0, 0), (0, 255, 0)
    return png.encode_rgb(RunMap.from_array(png.pack(pixels)))


def pngs() -> Iterator[bytes]:
    yield composite()
    palette = chunk(b"PLTE", bytes(range(12)))
    yield png_file(3, 2, 8, 3, b"\0\0\1\2\1\1\1\1", palette, chunk(b"tRNS", b"\0"))
    yield png_file(9, 2, 2, 3, b"\0\x1b\0\0\0\x1b\0\0", palette)
    yield png_file(3, 3, 8, 0, b"\2\0\1\2\3\1\1\1\4\1\1\1", chunk(b"tEXt", b"a\0b"))
    yield png_file(2, 1, 16, 6, b"\0" + bytes(16), chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(99))))
    yield png_file(2, 2, 1, 0, b"\0\0\0\0\0\0", interlace=1)


def pictures() -> Iterator[bytes]:
    from PIL import Image

    exif = Image.Exif()
    exif[274] = 6
    for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
        file = io.BytesIO()
        Image.new("RGB", (5, 4), (9, 8, 7)).save(file, kind, **({"exif": exif} if kind in ("JPEG", "PNG") else {}))
        yield file.getvalue()


# --- zip --------------------------------------------------------------------------------------------------------------------


def zip_bytes(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


def raw_zip(*members: tuple[str, bytes], front: bytes = b"", **central: Any) -> bytes:
    """A zip of stored members written by hand; ``central`` overrides fields of the last member's directory entry: flags,
    method, packed, size, offset, mode."""
    body, directory = bytearray(front), bytearray()
    for number, (name, data) in enumerate(members):
        own = central if number == len(members) - 1 else {}
        raw, crc, offset = name.encode(), zlib.crc32(data), own.get("offset", len(body))
        sizes = own.get("packed", len(data)), own.get("size", len(data))
        flags, method = own.get("flags", 0x800), own.get("method", 0)
        body += struct.pack(
            "<IHHHHHIIIHH", 0x04034B50, 20, flags, method, 0, 33, crc, len(data), len(data), len(raw), 0
        )
        body += raw + data
        directory += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 0x314, 20, flags, method, 0, 33, crc, *sizes,
                                 len(raw), 0, 0, 0, 0, own.get("mode", 0o100644) << 16, offset) + raw  # fmt: skip
    count = len(members)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), len(body), 0)
    return bytes(body + directory + end)


def zips() -> Iterator[bytes]:
    mask = composite()
    voc = {"labelmap.txt": LABELMAPS[0].encode(), "SegmentationClass/a.png": mask, "SegmentationObject/a.png": mask}
    yield zip_bytes(voc)
    yield zip_bytes({"data.yaml": YAMLS[0].encode(), "labels/train/a.txt": ROWS[0].encode()}, zipfile.ZIP_STORED)
    yield zip_bytes({"index.jsonl": b'{"file": "a.png"}\n', "a.png": mask}, zipfile.ZIP_LZMA)
    yield raw_zip(("a.txt", b"one"), ("b/c.txt", b"two"), front=b"in front")


# --- text -------------------------------------------------------------------------------------------------------------------

LABELMAPS = (
    "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncar:255,0,0:door,wheel:drive\ndog:0,255,0::\n",
    "car::\ncar:#ff0000::  # index 3\n\u00e4:1,2,3:a:b\r\ncar:300,0,0\nlabel : color : parts : actions\n...\n",
    "\ufeffitem { name: 'car' id: 1 }\n",
    "names: [car, dog]\nnc: 2\n",
    '{"name": "car"}\n',
    "128 64 128\tRoad\n0 0 0\tVoid\n",
)

_UUID = "5f1a2b3c-0000-4000-8000-00000000000"
_PNG64 = base64.b64encode(composite()).decode()


def record(number: int = 0, key: str = "a.jpg", **more: Any) -> dict[str, Any]:
    """A record of an import."""
    return {"uuid": f"{_UUID}{number}", "dataRow": {"globalKey": key}, "name": "car", **more}


_MASK = {"imBytes": _PNG64, "colorRGB": [255, 0, 0]}
_SQUARE = [{"x": 1.5, "y": 2}, {"x": 9, "y": 2}, {"x": 9, "y": 8.25}]
_BBOX = {"top": 1, "left": 2, "height": 3, "width": 4}
_VIDEO = {"masks": {"frames": [{"index": 1, "imBytes": _PNG64}], "instances": [
    {"colorRGB": [255, 0, 0], "name": "car", "frames": [{"start": 1, "end": 1}]}]}}  # fmt: skip
NDJSON = tuple(
    "\n".join(json.dumps(one) for one in records)
    for records in (
        (
            record(0, mask=_MASK, confidence=0.5),
            record(1, bbox=_BBOX),
            record(2, polygon=_SQUARE),
            record(
                3,
                mask={"instanceURI": "m/a.png", "colorRGB": [0, 255, 0]},
                classifications=[{"name": "x", "answer": "y"}],
            ),
        ),
        ([record(0, polygon=_SQUARE), record(1, "b.jpg", bbox=_BBOX, customMetrics=[{"name": "iou", "value": 1}])],),
        ({"dataRow": {"id": "ck"}, **_VIDEO},),
        (record(0, mask={"png": _PNG64}, schemaId="c" * 25),),
    )
)

_OBJECT = {"feature_id": "f1", "name": "car", "annotation_kind": "ImageSegmentationMask"}
_V2 = {
    "data_row": {"id": "d1", "global_key": "a.jpg", "external_id": "a.jpg", "row_data": "https://example.com/a.jpg"},
    "media_attributes": {"width": 6, "height": 4, "exif_rotation": "6"},
    "projects": {"p1": {"name": "P", "labels": [{"id": "l1", "annotations": {"objects": [
        {**_OBJECT, "bounding_box": _BBOX},
        {**_OBJECT, "feature_id": "f2", "polygon": _SQUARE, "classifications": [
            {"name": "kind", "radio_answer": {"name": "big", "classifications": []}}]},
        {**_OBJECT, "feature_id": "f3", "composite_mask": {"url": "m/c.png", "color_rgb": [255, 0, 0]}},
    ], "classifications": [{"name": "t", "text_answer": {"content": "x"}}]}}]}},
}  # fmt: skip
_V1 = {"ID": "l1", "DataRow ID": "d1", "Labeled Data": "https://example.com/a.jpg", "External ID": "a.jpg",
       "Label": {"objects": [{"featureId": "f", "title": "car", "color": "#ff0000", "bbox": _BBOX, "value": "car"}],
                 "classifications": []}}  # fmt: skip
_CLIP = {"data_row": {"id": "v1"}, "projects": {"p": {"labels": [{"id": "l", "annotations": {
    "frames": {"1": {"objects": {"f1": {**_OBJECT, "bounding_box": _BBOX}}, "classifications": []}},
    "segments": {"f1": [[1, 1]]}, "key_frame_feature_map": {"f1": {"1": True}}}}]}}}  # fmt: skip
EXPORTS = (
    json.dumps(_V2),
    json.dumps([_V1]),
    json.dumps(_CLIP),
    json.dumps({"frameNumber": 1, "classifications": [], "objects": [{**_OBJECT, "bbox": _BBOX}]}),
    json.dumps({**_OBJECT, "polygon": _SQUARE}),
)
TABLES = (
    json.dumps({"car": "c" * 25, "dog": "d" * 25}),
    json.dumps({"tools": [{"name": "car", "tool": "raster-segmentation", "featureSchemaId": "c" * 25}]}),
    "column,data row id\na.jpg,ck1\nb.jpg,ck2\n",
    json.dumps(_V2),
)
ROWS = (
    "0 0.1 0.1 0.5 0.1 0.5 0.5\n1 0.2 0.2 0.4 0.2 0.4 0.4 0.3 0.6\n",
    "0 0.5 0.5 0.2 0.2\n1 .5 5e-1 0.1 0.1\n",
    "\ufeff0\t0.1 0.1 0.5 0.1 0.5 0.5 0.9 7\r\n# note\ncar 1 2\n0 nan inf 1e999 1 1 1\n",
)
YAMLS = (
    "path: ../data\ntrain: images/train\nval: [images/val, images/more]\nnc: 2\nnames:\n  0: car\n  1: dog\n",
    "train: a\nval: a\nnames: [car, 'no', yes, \"d\\u00f6g\"]\ndownload: |\n  import os\n",
    "names: &n\n  - car\nother: *n\nvalidation: ~\n",
)
_RUNS = {"size": [6, 4], "runs": [0, 2, 6, 2]}
NATIVE = (
    json.dumps({"maskconv": 1, "labels": [{"name": "car", "color": [255, 0, 0]}]}) + "\n"
    + json.dumps({"name": "a", "width": 6, "height": 4, "annotations": [{"label": "car", "shape": _RUNS, "score": 0.5}]})
    + "\n"
    + json.dumps({"name": "b", "split": "val", "annotations": [
        {"label": "car", "shape": {"x": 1, "y": 2, "width": 3, "height": 4}, "attributes": {"a": [1, None]}},
        {"label": "car", "shape": [{"exterior": [[0, 0], [5, 0], [5, 5]], "rule": "edge"}], "track": 3}]}) + "\n",
    '{"maskconv": 1, "labels": []}\n',
)  # fmt: skip
COLORS = (
    json.dumps({"car": [0, 0, 142], "dog": 3, "#00ff00": "cat", "2": {"label": "x", "score": 0.5}}),
    json.dumps({"labels": [{"name": "car", "color": "#ff0000", "index": 1, "parts": ["a"]}, "dog"],
                "images": {"a": {"1": {"label": "car", "box": {"x": 1, "y": 2, "width": 3, "height": 4}}}}}),
    json.dumps({"1, 2, 3": "car", "7": None}),
)  # fmt: skip
XML = (
    """<?xml version="1.0"?>
<annotations><version>1.1</version><meta><task><name>t</name><size>2</size><labels><label><name>car</name><type>mask</type>
</label></labels></task></meta><image id='0' name='a.jpg'><mask/></image></annotations>""",
    "<annotations><meta><job><size>3</size></job></meta></annotations>",
)


# --- arrays -----------------------------------------------------------------------------------------------------------------


def npy(descr: str, shape: str, body: bytes = b"", fortran: str = "False") -> bytes:
    """An .npy whose header says whatever it is told to."""
    head = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}".encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + body


def arrays() -> Iterator[bytes]:
    yield npy("'|u1'", "(2, 3)", bytes(range(6)))
    yield npy("'|u1'", "(2, 2, 3)", bytes(range(12)))
    yield npy("'|b1'", "(2, 2, 2)", bytes(8), "True")
    yield npy("'<f4'", "(1, 2)", struct.pack("<ff", 1, 2))
    yield npy("'<i8'", "(1, 2)", struct.pack("<qq", -1, 5))
    yield zip_bytes({"masks.npy": npy("'|u1'", "(2, 3)", bytes(6)), "b.npy": npy("'<u2'", "(1, 1)", b"ab")})


# --- files on disk ------------------------------------------------------------------------------------------------------------


def write(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    """A folder of files."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return folder
