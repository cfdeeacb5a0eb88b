"""The parsers, each as a function of bytes. Only maskconv's own errors, which say something, may come out."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskconv import labelmap, labelmap_fix, pictures, png, registry
from maskconv.errors import MaskconvError
from maskconv.finding import Finding, Where
from maskconv.formats.cvat_mask.task import expects
from maskconv.formats.labelbox_ndjson.datarows import data_rows, item_names
from maskconv.formats.labelbox_ndjson.tables import schemas
from maskconv.formats.mask_data import arrays, table
from maskconv.formats.yolo_seg import rows
from maskconv.model import Picture
from maskconv.store import ZipStore
from maskconv.yolo import datayaml, names
from tests import hostile

__all__ = ["PARSERS", "Parser", "attempt"]

HERE = Where(path="input")
_MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None


@dataclass(frozen=True)
class Parser:
    """``read`` takes an input, ``seeds`` are sound ones to begin with, ``mend`` puts right what would hide all else.

    ``most`` is how long fuzzing lets an input become, in bytes; ``round`` is how many inputs one process reads under
    atheris, which keeps some kilobytes for each.
    """

    read: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    mend: Callable[[bytes], bytes] = bytes
    most: int = 1 << 14
    round: int = 1 << 17


def attempt(parser: Parser, data: bytes) -> None:
    """Read one input; maskconv's own errors are what it is for."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for module in ("PIL", "numpy.lib"):  # they warn of what they go on to read
                warnings.filterwarnings("ignore", module=module)
            warnings.filterwarnings("ignore", "Reading `.npy`")
            parser.read(data)
    except MaskconvError as error:
        assert str(error).strip()


def _quiet(_: Finding) -> None:
    """What is wrong with an input is not looked at."""


_FOLDER = Path(tempfile.mkdtemp(prefix="maskconv-fuzz-", dir=os.environ.get("FUZZ_FOLDER") or _MEMORY))
atexit.register(
    shutil.rmtree, _FOLDER, ignore_errors=True
)  # libFuzzer ends without: `__main__` names a folder that goes


def _file(name: str, data: bytes) -> Path:
    path = _FOLDER / f"{os.getpid()}-{name}"
    path.write_bytes(data)
    return path


def _through(format_: str, path: Path) -> None:
    """Everything that a reader does: half of all inputs as converting, half as validating."""
    kind = registry.by_name(format_).reader
    assert kind is not None
    reader = kind(path, kind.Options())
    reader.checking = checking = bool(zlib.crc32(path.read_bytes()) & 1)
    reader.open()
    try:
        head = reader.head(_quiet)
        for unit in reader.units(_quiet):
            _decode(reader.check if checking else reader.decode, unit, head)
    finally:
        reader.close()


def _decode(decode: Any, unit: Any, head: Any) -> None:
    try:
        for image in decode(unit, head, _quiet):
            assert image.name
    except MaskconvError as error:
        assert str(error)


# --- one function a parser ----------------------------------------------------------------------------------------------


def _png(data: bytes) -> None:
    found = png.decode(data, max_pixels=1 << 22)
    assert found.map.lengths.sum() == found.map.width * found.map.height


def _picture(data: bytes) -> None:
    pictures.size_in(data, Picture(path="input"))


def _zip(data: bytes) -> None:
    path = _file("input.zip", data)
    store = ZipStore(path)
    store.open()
    try:
        for entry in store.entries():
            try:
                assert len(store.read(entry)) == entry.size
            except MaskconvError as error:
                assert entry.name in str(error)
    finally:
        store.close()
    registry.candidates(path)


def _labelmap(data: bytes) -> None:
    labelmap.parse(data, _quiet, path="input")
    fixed = labelmap_fix.fix(data, "input")
    if fixed.text is not None:
        fixed.text.encode()


def _ndjson(data: bytes) -> None:
    _through("labelbox-ndjson", _file("input.ndjson", data))


def _export(data: bytes) -> None:
    _through("labelbox-export", _file("export.ndjson", data))


def _tables(data: bytes) -> None:
    path = _file("table.csv" if data[:1] == b"c" else "table.json", data)
    for read in (schemas, data_rows, item_names):
        try:
            read(path)
        except MaskconvError as error:
            assert str(error)


def _yolo_rows(data: bytes) -> None:
    for extras in (rows.Extras(), rows.Extras(scores=True, tracks=True)):
        found = rows.read(data, {0: "car", 1: "dog"}, extras, lambda *_: None)
        assert all(row.number in (0, 1) for row in found.rows)


def _data_yaml(data: bytes) -> None:
    """Also as a list of names, which the same options take."""
    try:
        names.lines(data, HERE)
    except MaskconvError as error:
        assert str(error)
    datayaml.parse(data, HERE, _quiet)


def _native(data: bytes) -> None:
    _through("mcv", _file("input.mcv", data))


def _arrays(data: bytes) -> None:
    for threshold in (None, 0.5):
        if data[:2] == b"PK":
            for key in arrays.keys(data, HERE):
                arrays.layers("input.npz", data, key, HERE, threshold)
        else:
            arrays.layers("input.npy", data, "", HERE, threshold)


def _colors(data: bytes) -> None:
    found = table.load(Path("colors.json"), data, HERE, _quiet)
    found.label_map()
    for one in (*found.colors.values(), *found.indices.values()):
        _facts(one)


def _facts(one: table.Meaning) -> None:
    try:
        table.annotation_facts(one)
    except MaskconvError as error:
        assert str(error)


def _xml(data: bytes) -> None:
    expects(registry.probe(_file("input.xml", data)))


# --- what would hide all else -------------------------------------------------------------------------------------------


def _mend_png(data: bytes) -> bytes:
    """Right checksums for all chunks, as far as their lengths are right."""
    out, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4])
        if end + 4 > len(data):
            break
        out += data[at:end] + zlib.crc32(data[at + 4 : end]).to_bytes(4)
        at = end + 4
    return bytes(out + data[at:])


def _lines(*texts: str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() for text in texts]


def _made(function: Callable[[], Iterator[bytes]]) -> Callable[[], list[bytes]]:
    return lambda: list(function())


PARSERS: dict[str, Parser] = {
    "png": Parser(_png, _made(hostile.pngs), _mend_png),
    "picture": Parser(_picture, _made(hostile.pictures)),
    "zip": Parser(_zip, _made(hostile.zips)),
    "labelmap": Parser(_labelmap, _lines(*hostile.LABELMAPS), most=1 << 12),
    "ndjson": Parser(_ndjson, _lines(*hostile.NDJSON), round=4_000),
    "export": Parser(_export, _lines(*hostile.EXPORTS), round=4_000),
    "tables": Parser(_tables, _lines(*hostile.TABLES), round=16_000),
    "yolo-rows": Parser(_yolo_rows, _lines(*hostile.ROWS)),
    "data-yaml": Parser(_data_yaml, _lines(*hostile.YAMLS)),
    "native": Parser(_native, _lines(*hostile.NATIVE)),
    "arrays": Parser(_arrays, _made(hostile.arrays)),
    "colors": Parser(_colors, _lines(*hostile.COLORS)),
    "xml": Parser(_xml, _lines(*hostile.XML)),
}
