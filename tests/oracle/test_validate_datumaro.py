"""Datumaro refuses or changes what a check calls an error or a loss, reads the rest as we do, and imports what is mended.

Needs a Python with datumaro 1.13.12, named by MASKCONV_DATUMARO_PYTHON.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from test_cvat_mask import PLAIN, build, read
from test_cvat_mask_real import seen
from test_datumaro import datumaro_reads
from test_validate_tables import ACCEPTED, BAD, CVAT, MAP, Row

import maskconv
from maskconv.labelmap_fix import fix

# Words of Datumaro's refusal, where the table's own row does not hold them
REFUSED = {
    "cvat-binary-mask": "Undeclared label '255'",
    "cvat-index-undeclared": "Undeclared label '3'",
    "cvat-color-undeclared": "Undeclared color",
    "cvat-instance-color": "Undeclared color",
    "cvat-too-many": "Undeclared color",
    "cvat-black-undeclared": "Undeclared color (0, 0, 0)",
    "cvat-class-missing": "TypeError",
    "cvat-size-mismatch": "broadcast",
    "png-corrupt": "'NoneType' object has no attribute 'astype'",
    "cvat-split-name": "DatasetNotFoundError",
    "cvat-list-unsafe": "a.xml",
    "labelmap-fields": "wrong number of fields",
    "labelmap-duplicate-name": "already defined",
    "labelmap-color-syntax": "",
    "labelmap-bom": "wrong color",
    "labelmap-encoding": "UnicodeDecodeError",
}
# Errors and losses that do not show in what is read of these pixels: both readers drop them, no pixel has the label, or
# CVAT refuses the label itself, which Datumaro reads
UNSEEN = {"cvat-class-only", "labelmap-duplicate-color", "labelmap-color-range", "cvat-background-instance"}
JPEG = ".jpg masks: ignored silently"
MASKLESS = "object PNG missing: one mask per class, background included"


@pytest.fixture(scope="module")
def told(datumaro: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any]]:
    """What Datumaro and we read of each row: instances by item, or why it refuses; None where we refuse."""
    folder = tmp_path_factory.mktemp("rows")
    files = {row.cvat: row.files for row in CVAT} | ACCEPTED
    paths = [build(folder / f"{number}.zip", PLAIN | changed) for number, changed in enumerate(files.values())]
    return dict(zip(files, zip(datumaro_reads(datumaro, *paths), map(ours, paths), strict=True), strict=True))


def ours(path: Path) -> Any:
    try:
        return seen(read(path).images)
    except maskconv.MaskconvError:
        return None


@pytest.mark.parametrize("row", CVAT, ids=lambda row: row.cvat)
def test_errors_and_losses_are_true(told: dict[str, tuple[Any, Any]], row: Row) -> None:
    theirs, mine = told[row.cvat]
    if isinstance(theirs, str):
        assert row.weight in BAD, "it refuses what we accept"
        assert REFUSED.get(row.code, "") in theirs
    elif row.weight in BAD and row.code not in UNSEEN and row.cvat != JPEG:
        assert theirs != mine, "it accepts what we call an error"
    else:
        assert row.code not in REFUSED or row.cvat in {JPEG, MASKLESS}
        assert (theirs == mine) is (row.cvat != MASKLESS)


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_passes_is_read_alike(told: dict[str, tuple[Any, Any]], name: str) -> None:
    theirs, mine = told[name]
    assert theirs == mine


def test_enough_is_refused(told: dict[str, tuple[Any, Any]]) -> None:
    """The table would prove nothing if Datumaro refused all, or none."""
    refused = [name for name, (theirs, _) in told.items() if isinstance(theirs, str)]
    assert 30 <= len(refused) < len(told) - 30
    assert {row.code for row in CVAT if row.cvat in refused} >= REFUSED.keys()


def test_mended_label_maps_are_imported(datumaro: Any, tmp_path: Path) -> None:
    """What it refused for the label map, it reads after `labelmap --fix` as if nothing had been wrong."""
    rows = [row for row in CVAT if row.code.startswith("labelmap-") and row.weight in BAD]
    rows = [row for row in rows if not fixed(row).bad]
    assert len(rows) >= 9
    paths = [build(tmp_path / f"{n}.zip", PLAIN | {MAP: fixed(row).text}) for n, row in enumerate(rows)]
    plain, *found = datumaro_reads(datumaro, build(tmp_path / "plain.zip", PLAIN), *paths)
    assert [row.cvat for row, each in zip(rows, found, strict=True) if each != plain] == []


def fixed(row: Row) -> Any:
    data = row.files[MAP]
    return fix(data if isinstance(data, bytes) else data.encode())


def test_what_is_converted_is_imported(datumaro: Any, tmp_path: Path) -> None:
    """What CVAT refuses or loses of a set that we read all the same: our own cvat-mask of it is read to the same pixels."""
    paths, mine = [], []
    for number, row in enumerate(CVAT):
        source, target = build(tmp_path / f"{number}.zip", PLAIN | row.files), tmp_path / f"{number}-out.zip"
        with suppress(maskconv.MaskconvError):
            report = maskconv.convert(source, target, on_error="skip")
            if report.instances_written and row.weight in BAD:
                paths.append(target)
                mine.append(ours(target))
    assert len(paths) >= 25
    assert datumaro_reads(datumaro, *paths) == mine
