"""Where files are read from: folder and zip look the same, and hostile ones do no harm."""

from __future__ import annotations

import io
import os
import random
import resource
import struct
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskconv.errors import DataError, MaskconvError, SourceError
from maskconv.limits import DEFAULTS
from maskconv.store import Entry, FolderStore, Store, ZipStore, open_store, unsafe, walk

MAX_MEMBER = DEFAULTS["MASKCONV_MAX_MEMBER"]
FILES = {
    "b.txt": b"hello",
    "a/b.png": os.urandom(5000),
    "a.png": b"x" * 70_000,
    "a-b/ü.png": b"",
    "a/c/d.txt": bytes(range(256)),
    "z": b"1",
}


def pack(path: Path, files: dict[str, bytes] = FILES, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def unpack(path: Path, files: dict[str, bytes] = FILES) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def contents(store: Store) -> dict[str, bytes]:
    store.open()
    try:
        return {entry.name: store.read(entry) for entry in store.entries()}
    finally:
        store.close()


def refused(path: Path) -> SourceError:
    with pytest.raises(SourceError) as caught:
        contents(ZipStore(path))
    assert str(path) in str(caught.value)
    assert caught.value.fix
    return caught.value


# -- the same files, the same order ----------------------------------------------------------------------------------


def test_folder_and_zip_are_alike(tmp_path: Path) -> None:
    stores = [
        open_store(unpack(tmp_path / "folder")),
        open_store(pack(tmp_path / "deflated.zip")),
        open_store(pack(tmp_path / "stored.zip", method=zipfile.ZIP_STORED)),
    ]
    assert [type(s) for s in stores] == [FolderStore, ZipStore, ZipStore]
    for store in stores:
        found = contents(store)
        assert found == FILES
        assert list(found) == sorted(FILES)
        assert [entry.size for entry in store.entries()] == [len(FILES[name]) for name in sorted(FILES)]


def test_zip_with_folders_comment_and_something_in_front(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("dir/", b"")
        archive.writestr("dir/a.txt", b"1" * 99)
        archive.comment = b"a comment"
    path = tmp_path / "x.zip"
    path.write_bytes(b"#!/bin/sh\n" + buffer.getvalue())
    assert contents(ZipStore(path)) == {"dir/a.txt": b"1" * 99}


def test_zip64_and_long_extra_fields(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("big.bin", "w", force_zip64=True) as file:
            file.write(b"data" * 10)
        info = zipfile.ZipInfo("extra.bin")
        info.extra = struct.pack("<HH", 0x9999, 3000) + bytes(3000)
        archive.writestr(info, b"more")
    assert contents(ZipStore(path)) == {"big.bin": b"data" * 10, "extra.bin": b"more"}


def test_backslashes_of_windows_tools(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", {"dirXb.png": b"1", "dirX": b""})
    path.write_bytes(path.read_bytes().replace(b"dirX", b"dir\\"))
    assert contents(ZipStore(path)) == {"dir/b.png": b"1"}


def test_empty(tmp_path: Path) -> None:
    assert contents(open_store(pack(tmp_path / "x.zip", {}))) == {}
    (tmp_path / "folder").mkdir()
    assert contents(open_store(tmp_path / "folder")) == {}


@pytest.mark.parametrize("threads", [8])
def test_many_threads_read_at_once(tmp_path: Path, threads: int) -> None:
    files = {f"{i}.bin": random.Random(i).randbytes(i * 37) for i in range(200)}
    for store in (open_store(pack(tmp_path / "x.zip", files)), open_store(unpack(tmp_path / "folder", files))):
        entries = list(store.entries())
        store.open()
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(store.read, entries * 3))
        store.close()
        store.close()
        assert found == [files[entry.name] for entry in entries] * 3


# -- links -----------------------------------------------------------------------------------------------------------


def test_links_of_a_folder_are_followed(tmp_path: Path) -> None:
    """git-annex, DVC and caches of downloads keep the data elsewhere, and links to it where it is looked for."""
    (tmp_path / "data").write_bytes(b"data")
    unpack(tmp_path / "far", {"deep/b.txt": b"b"})
    folder = unpack(tmp_path / "folder", {"in/a.txt": b"a"})
    (folder / "inside").symlink_to("in/a.txt")
    (folder / "outside").symlink_to("../data")
    (folder / "in" / "absolute").symlink_to(tmp_path / "data")
    (folder / "linked").symlink_to(tmp_path / "far")
    (folder / "in.d").symlink_to("in")
    files = {"in.d/a.txt": b"a", "in.d/absolute": b"data", "in/a.txt": b"a", "in/absolute": b"data"}
    files |= {"inside": b"a", "linked/deep/b.txt": b"b", "outside": b"data"}
    assert contents(FolderStore(folder)) == files
    assert [entry.name for entry in FolderStore(folder).entries()] == sorted(files)
    walked = (Path(base, name) for base, _, names in walk(folder) for name in names)
    assert sorted(path.relative_to(folder).as_posix() for path in walked) == sorted(files)
    assert set(contents(FolderStore(folder, deep=False))) == {"inside", "outside"}


def test_links_that_lead_back_are_not_followed(tmp_path: Path) -> None:
    folder = unpack(tmp_path / "folder", {"a/1": b"1", "b/2": b"2"})
    (folder / "self").symlink_to(".")
    (folder / "a" / "up").symlink_to("../..")
    (folder / "a" / "other").symlink_to("../b")
    (folder / "b" / "other").symlink_to("../a")
    files = {"a/1": b"1", "a/other/2": b"2", "b/2": b"2", "b/other/1": b"1"}
    assert contents(FolderStore(folder)) == files
    assert sum(len(names) for _, _, names in walk(folder)) == len(files)


def test_links_to_links_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of 20 folders holds two links to the next: a million paths."""
    for number in range(20):
        (tmp_path / str(number)).mkdir()
        for name in ("x", "y"):
            (tmp_path / str(number) / name).symlink_to(f"../{number + 1}")
    unpack(tmp_path / "20", {"1.png": b"1"})
    monkeypatch.setattr("maskconv._walk.MAX_LINKS", 100)
    with pytest.raises(SourceError, match="holds more than 100 links to folders; name the folder that they lead to"):
        contents(FolderStore(tmp_path / "0"))
    with pytest.raises(SourceError, match="links to folders"):
        list(walk(tmp_path / "0"))


def test_what_cannot_be_read_is_listed_and_told(tmp_path: Path) -> None:
    folder = unpack(tmp_path / "folder", {"a.txt": b"a"})
    (folder / "dangling").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    store, reasons = FolderStore(folder), {}
    for entry in list(store.entries())[1:]:
        for read in (store.read, lambda entry: store.start(entry, 4)):
            with pytest.raises(DataError) as caught:
                read(entry)
            reasons[entry.name] = caught.value.message
            assert str(caught.value.where) == f"{folder}/{entry.name}" and caught.value.code == "member-unreadable"
    assert reasons == {
        "dangling": "is a link to nowhere, which is not there",
        "loop": "is a link to loop, which is not there",
        "pipe": "is no regular file",
    }


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, scandir = unpack(tmp_path / "folder"), os.scandir

    def scan(path: Path) -> object:
        if Path(path).name == "c":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
    with pytest.raises(SourceError, match=r"folder/a/c: this folder cannot be read \(Permission denied\)"):
        contents(FolderStore(folder))


def test_links_in_a_zip_are_not_followed(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link.png")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info, b"/etc/passwd")
    assert contents(ZipStore(tmp_path / "x.zip")) == {"link.png": b"/etc/passwd"}


# -- hostile zips ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../up.png", "'..'"),
        ("a/../../up.png", "'..'"),
        ("a\\..\\up.png", "'..'"),
        ("/etc/x", "absolute"),
        ("\\\\host\\x", "absolute"),
        ("C:/x", "absolute"),
        ("c:x", "absolute"),
        ("..", "'..'"),
    ],
)
def test_unsafe_names(tmp_path: Path, name: str, reason: str) -> None:
    error = refused(pack(tmp_path / "x.zip", {"fine": b"1", name: b"2"}))
    assert error.code == "zip-unsafe-name"
    assert reason in str(error)


@pytest.mark.parametrize("name", ["a", "a/b", "..a/b..", "a..b", "...", "ab:c", "1:2", "ü/кот", "a b", "."])
def test_safe_names(name: str) -> None:
    assert unsafe(name) == ""


def test_a_name_with_nul_is_unsafe() -> None:
    assert "NUL" in unsafe("a\0b")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_member(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    assert refused(tmp_path / "x.zip").code == "zip-duplicate"


def test_encrypted_member(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", {"a": b"1"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    assert refused(path).code == "zip-encrypted"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression(tmp_path: Path, method: int) -> None:
    error = refused(pack(tmp_path / "x.zip", {"a": b"1" * 99}, method))
    assert f"method {method}" in str(error)
    assert error.where is not None
    assert error.where.member == "a"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_wrong_sum(tmp_path: Path, method: int) -> None:
    path = pack(tmp_path / "x.zip", {"fine": b"f", "a": b"content " * 9}, method)
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\1\2", data.index(b"PK\1\2") + 4)
    data[place + 16] ^= 1
    path.write_bytes(data)
    assert isinstance(refused(path), DataError)
    store = ZipStore(path)
    store.open()
    assert store.read(next(e for e in store.entries() if e.name == "fine")) == b"f", "the other members are fine"
    store.close()


def test_bomb(tmp_path: Path) -> None:
    """A member that inflates to more than it declares stops at that."""
    path = pack(tmp_path / "x.zip", {"a": bytes(50_000_000)})
    store = ZipStore(path)
    entry = next(store.entries())
    store.open()
    with pytest.raises(DataError, match="does not inflate to the size it declares"):
        store.read(entry._replace(size=1000))
    with pytest.raises(DataError, match="more than the"):
        store.read(entry._replace(size=MAX_MEMBER + 1))
    with pytest.raises(DataError, match="more than the"):
        store.read(entry._replace(packed=MAX_MEMBER + 1))
    store.close()
    with pytest.raises(DataError, match="more than the"):
        FolderStore(tmp_path).read(Entry("x.zip", MAX_MEMBER + 1))


def test_forged_sizes_are_not_allocated(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", {"a": b"1"}, zipfile.ZIP_STORED)
    code = (
        "import resource, sys; from pathlib import Path; from maskconv.store import *; from maskconv.errors import DataError\n"
        "s = ZipStore(Path(sys.argv[1])); e = next(s.entries()); s.open()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (400 << 20,) * 2)\n"
        "for e in (e._replace(packed=900 << 20, size=900 << 20), e._replace(packed=900 << 20, size=900 << 20, method=8)):\n"
        "    try: s.read(e)\n"
        "    except DataError as error: print(error.code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["zip-corrupt", "zip-corrupt"], done.stderr
    assert resource.RLIMIT_AS


def test_file_that_shrinks_or_goes(tmp_path: Path) -> None:
    store = FolderStore(unpack(tmp_path / "folder"))
    entries = list(store.entries())
    (tmp_path / "folder" / entries[0].name).unlink()
    with pytest.raises(DataError, match="cannot be read") as caught:
        store.read(entries[0])
    assert caught.value.code == "member-unreadable"
    archive = ZipStore(pack(tmp_path / "x.zip"))
    archive.open()
    entries = list(archive.entries())
    os.truncate(tmp_path / "x.zip", 10)
    for entry in entries:
        with pytest.raises(DataError, match="damaged"):
            archive.read(entry)
    archive.close()


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"PK\3\4", b"PK\5\6" + bytes(18), b"no zip at all", b"PK\5\6" + b"\xff" * 18]
)
def test_no_zip(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(data)
    try:
        assert contents(ZipStore(tmp_path / "x.zip")) == {}
    except SourceError as error:
        assert error.code == "zip-corrupt"


@given(st.integers(0, 10**9), st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 7)), min_size=1, max_size=4))
def test_damaged_zip(tmp_path_factory: pytest.TempPathFactory, cut: int, flips: list[tuple[int, int]]) -> None:
    """Whatever is damaged: the right bytes, or an error."""
    folder = tmp_path_factory.getbasetemp()
    files = {f"d/{i}": bytes([i]) * i for i in range(30, 33)}
    data = bytearray(pack(folder / "whole.zip", files).read_bytes())
    for place, bit in flips:
        data[place % len(data)] ^= 1 << bit
    if cut % 3 == 0:
        del data[cut % len(data) :]
    (folder / "damaged.zip").write_bytes(data)
    try:
        found = contents(ZipStore(folder / "damaged.zip"))
    except MaskconvError as error:
        assert "damaged.zip" in str(error)
    else:
        assert all(content in files.values() for content in found.values())
