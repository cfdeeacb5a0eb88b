"""Large sources: zip64, many entries, scattered records; what the indexes cost."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import orjson
import pytest

import maskconv
from maskconv.finding import Report
from maskconv.sources import reading
from tests.places import FIXTURES

FIXTURE = FIXTURES / "cvat-mask" / "street.zip"
PER_ENTRY, PER_RECORD = 600, 100  # bytes that an index may hold


def held(path: Path) -> tuple[int, int]:
    """Bytes that a reader holds once its index is built and its units were drawn, and the number of units."""
    report = Report()
    list(maskconv.info(FIXTURE))  # what is imported and cached on first use is no index
    tracemalloc.start()
    try:
        with reading(path, None, {}, report) as reader:
            head = reader.head(report.add)
            count = sum(1 for _ in reader.units(report.add))
            assert head.labels.labels
            return tracemalloc.get_traced_memory()[0], count
    finally:
        tracemalloc.stop()


def many_entries(path: Path, images: int) -> None:
    names = [f"seq{i // 1000:03d}/frame_{i:06d}" for i in range(images)]
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(f"SegmentationClass/{name}.png", b"")
            archive.writestr(f"SegmentationObject/{name}.png", b"")
        archive.writestr("ImageSets/Segmentation/default.txt", "\n".join(names))
        archive.writestr("labelmap.txt", "background:0,0,0::\ncar:1,2,3::\n")


def test_seventy_thousand_entries(tmp_path: Path) -> None:
    """A zip64 archive: more than 65,535 entries."""
    many_entries(tmp_path / "big.zip", 35_000)
    with reading(tmp_path / "big.zip", None, {}, Report()) as reader:
        reader.head(print)
        assert sum(1 for _ in reader.units(print)) == 35_000


def test_what_a_zip_entry_costs(tmp_path: Path) -> None:
    many_entries(tmp_path / "big.zip", 5_000)
    size, count = held(tmp_path / "big.zip")
    assert count == 5_000
    assert size / 10_000 <= PER_ENTRY


def test_members_beyond_four_gigabytes(tmp_path: Path) -> None:
    """A sparse zip of more than 5 GB: offsets of 64 bits."""
    path, beyond = tmp_path / "sparse.zip", 5_000_000_000
    with zipfile.ZipFile(FIXTURE) as few, zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(few.namelist()):
            archive.writestr(name, few.read(name))
            if not number:
                archive.start_dir = beyond
    assert path.stat().st_size > beyond
    maskconv.convert(path, tmp_path / "a.mcv")
    assert (tmp_path / "a.mcv").read_bytes() == (FIXTURES / "cvat-mask" / "street.mcv").read_bytes()


@pytest.mark.parametrize("scattered", [False, True])
def test_what_a_record_costs(tmp_path: Path, scattered: bool) -> None:
    path, images = tmp_path / "big.ndjson", 2_000
    order = [(i, k) for k in range(10) for i in range(images)] if scattered else None
    with path.open("wb") as file:
        for i, k in order or [(i, k) for i in range(images) for k in range(10)]:
            points = [{"x": 1.5 + k, "y": 2.5}, {"x": 30.5, "y": 4.5}, {"x": 7.5, "y": 40.5}]
            record = {"name": f"l{k}", "dataRow": {"globalKey": f"img_{i:05d}.jpg"}, "polygon": points}
            file.write(orjson.dumps(record) + b"\n")
    size, count = held(path)
    assert count == images
    assert size / (10 * images) <= PER_RECORD
    with maskconv.open_reader(path) as reader:
        first = next(iter(reader))
    assert (first.name, [a.label for a in first.annotations]) == ("img_00000", [f"l{k}" for k in range(10)])
