"""A full disk and a read-only one, for real: a small file system in memory, where the tests may mount one."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.places import FIXTURES

STREET = FIXTURES / "cvat-mask" / "street.zip"
TARGETS = {
    "a.mcv": [],
    "a.zip": [],
    "a.ndjson": ["--to-masks", "files"],
    "b.ndjson": ["--to-masks", "png"],
    "folder": ["--to", "cvat-mask"],
}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if not sys.platform.startswith("linux") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system can be mounted on Linux and by root only")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A source that does not fit there."""
    path = tmp_path / "large.zip"
    with zipfile.ZipFile(STREET) as few, zipfile.ZipFile(path, "w") as many:
        for name in few.namelist():
            if name.endswith(".png"):
                folder, _, item = name.partition("/")
                for number in range(30):
                    many.writestr(f"{folder}/{number}/{item}", few.read(name))
        many.writestr("labelmap.txt", few.read("labelmap.txt"))
    return path


def convert(*arguments: object) -> tuple[int, str]:
    command = [sys.executable, "-m", "maskconv", "convert", *map(str, arguments), "--quiet"]
    plain = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=plain)
    return done.returncode, done.stderr.strip()


@pytest.mark.parametrize("name", TARGETS)
def test_a_full_disk(small: Path, large: Path, name: str) -> None:
    status, says = convert(large, small / name, *TARGETS[name])
    assert (status, says) == (
        1,
        f"error: {small / name}: cannot be written (No space left on device); check space and permissions",
    )
    assert not list(small.iterdir())


def test_a_full_disk_keeps_what_is_done_when_asked(small: Path, large: Path) -> None:
    status, says = convert(large, small / "a.zip", "--resume")
    assert status == 1
    assert says.startswith(
        f"error: {small / 'a.zip'}: cannot be written (No space left on device); check space and perm"
    )
    assert says.endswith("what is done is kept, run it again with --resume to go on")
    assert [path.name for path in small.iterdir()] == [".a.zip.partial"]
    subprocess.run(["mount", "-o", "remount,size=8m", str(small)], check=True)
    assert convert(large, small / "a.zip", "--resume")[0] == 0
    assert [path.name for path in small.iterdir()] == ["a.zip"]


@pytest.mark.parametrize("name", TARGETS)
def test_a_read_only_disk(small: Path, name: str) -> None:
    (small / name).mkdir() if name == "folder" else (small / name).write_bytes(b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    status, says = convert(STREET, small / name, *TARGETS[name], "--overwrite")
    assert (status, says) == (
        1,
        f"error: {small / name}: cannot be written (Read-only file system); check space and permissions",
    )
    assert [path.name for path in small.iterdir()] == [name]
