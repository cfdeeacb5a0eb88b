"""Targets appear whole or not at all, whatever happens, and leave no litter."""

from __future__ import annotations

import errno
import io
import os
import random
import resource
import shutil
import signal
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from maskconv import _commit as module
from maskconv._commit import repair
from maskconv._dry import DryStage
from maskconv.errors import DataError, TargetError, TargetExistsError
from maskconv.filenames import Names
from maskconv.plugin import Copy, Layout, Target
from maskconv.stage import Stage
from maskconv.testing import tree

LAYOUTS: list[Layout] = ["file", "zip", "folder"]
KINDS = [*LAYOUTS, "file and masks"]
posix = pytest.mark.skipif(os.name != "posix", reason="forks")


@pytest.fixture(autouse=True)
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Nothing here survives a power cut, so nothing waits for the disk; what would have been synced."""
    calls: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: calls.append(os.fstat(handle).st_ino))
    return calls


def start(path: Path, kind: str, *, overwrite: bool = False) -> Stage:
    stage = Stage(Target(path, "file" if "file" in kind else kind), overwrite=overwrite)  # type: ignore[arg-type]
    if kind == "file and masks":
        stage.sidecar(path.parent / "out_masks")
    return stage


def fill(stage: Stage, kind: str, content: str, count: int = 5) -> None:
    if "file" in kind:
        for i in range(count):
            stage.write(f"{content} {i}\n".encode())
    if kind != "file":
        for i in range(count):
            stage.put(f"d{i % 2}/{i}.png", f"{content} {i}".encode())


def run(path: Path, kind: str, content: str, *, overwrite: bool = False, count: int = 5) -> None:
    stage = start(path, kind, overwrite=overwrite)
    fill(stage, kind, content, count)
    stage.commit()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder / "out"


@pytest.mark.parametrize("kind", KINDS)
def test_appears_whole(out: Path, kind: str) -> None:
    stage = start(out, kind)
    fill(stage, kind, "new")
    assert not out.exists()
    assert [p.name for p in out.parent.iterdir()] == [".out.partial"]
    stage.commit()
    assert sorted(p.name for p in out.parent.iterdir()) == (["out", "out_masks"] if "masks" in kind else ["out"])
    if kind == "zip":
        with zipfile.ZipFile(out) as archive:
            assert {n: archive.read(n) for n in archive.namelist()} == {
                f"d{i % 2}/{i}.png": f"new {i}".encode() for i in range(5)
            }
            assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
    elif kind == "folder":
        assert (out / "d1" / "3.png").read_bytes() == b"new 3"
    else:
        assert out.read_bytes() == b"".join(b"new %d\n" % i for i in range(5))


@pytest.mark.parametrize("kind", ["file", "zip", "file and masks"])
def test_main_file_and_its_folder_reach_the_disk(out: Path, kind: str, synced: list[int]) -> None:
    run(out, kind, "new")
    assert synced.index(out.stat().st_ino) < synced.index(out.parent.stat().st_ino)


@pytest.mark.parametrize("kind", KINDS)
def test_abort_leaves_no_trace(out: Path, kind: str) -> None:
    for old in (False, True):
        before = tree(out.parent)
        stage = start(out, kind, overwrite=old)
        fill(stage, kind, "new")
        stage.abort()
        assert tree(out.parent) == before
        if not old:
            run(out, kind, "old")


@pytest.mark.parametrize("kind", KINDS)
def test_replaces_only_when_told(out: Path, kind: str) -> None:
    run(out, kind, "new")
    new = tree(out.parent)
    run(out, kind, "old and longer", overwrite=True, count=9)
    old = tree(out.parent)
    with pytest.raises(TargetExistsError, match="--overwrite"):
        run(out, kind, "new")
    assert tree(out.parent) == old != new
    run(out, kind, "new", overwrite=True)
    assert tree(out.parent) == new


@pytest.mark.parametrize("old", KINDS)
@pytest.mark.parametrize("new", KINDS)
def test_replaces_another_layout(out: Path, old: str, new: str) -> None:
    run(out, old, "old")
    shutil.rmtree(out.parent / "out_masks", ignore_errors=True)
    run(out, new, "new", overwrite=True)
    assert out.is_dir() == (new == "folder")
    assert not any(".partial" in p.name for p in out.parent.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_without_exchange(out: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system cannot swap two folders in one step, the journal does it in two."""
    monkeypatch.setattr(module, "_exchange", lambda a, b: False)
    test_replaces_only_when_told(out, kind)


# -- the lock ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", [FileNotFoundError, FileExistsError])
def test_a_stage_that_cannot_be_made(out: Path, monkeypatch: pytest.MonkeyPatch, gone: type[OSError]) -> None:
    """As in folders of the system that say of everything that it is not there."""
    calls = []

    def mkdir(path: Path, *_: object, **__: object) -> None:
        calls.append(path)
        raise gone(2, "No such file or directory")

    monkeypatch.setattr(module, "PAUSE", 0)
    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(TargetError, match=r"out: cannot be written \(No such file or directory\)") as caught:
        start(out, "file")
    assert caught.value.code == "target-unwritable" and len(calls) == module.ATTEMPTS


def test_a_stage_that_others_take_and_leave(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock's file is never the one that was locked."""
    monkeypatch.setattr(module, "_locked", lambda handle: not (out.parent / ".out.partial" / "lock").unlink())
    with pytest.raises(TargetError, match="other runs begin and end there all the time"):
        start(out, "file")


# -- paths -----------------------------------------------------------------------------------------------------------


def test_paths_through_links(tmp_path: Path) -> None:
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("far/deep")
    run(tmp_path / "link" / ".." / "out", "file and masks", "new")
    assert sorted(tree(tmp_path / "far")) == [
        "deep",
        "out",
        *(n for n in tree(tmp_path / "far") if n.startswith("out_masks")),
    ]
    (tmp_path / "target").write_bytes(b"precious")
    (tmp_path / "alias").symlink_to("target")
    with pytest.raises(TargetExistsError):
        run(tmp_path / "alias", "file", "new")
    with pytest.raises(TargetError, match=r"alias: is a link to .*/target, and is not replaced; name what it leads to"):
        run(tmp_path / "alias", "file", "new", overwrite=True)
    assert (tmp_path / "target").read_bytes() == b"precious" and (tmp_path / "alias").is_symlink()
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(TargetExistsError):
        run(tmp_path / "dangling", "file", "new")


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(Path("out"), "file and masks", "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "out_masks"]
    with pytest.raises(TargetExistsError, match=r"^out: the target"):
        run(Path("out"), "file", "new")


def test_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(TargetExistsError):
        run(Path(), "folder", "new")
    run(Path(), "folder", "new", overwrite=True)
    assert (tmp_path / "here" / "d0" / "0.png").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["here"]


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="does not exist; create it first"):
        run(tmp_path / "no" / "out", "file", "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "C:/x", "..\\x"])
@pytest.mark.parametrize("kind", ["zip", "folder", "file and masks"])
def test_no_blob_leaves_the_target(out: Path, kind: str, name: str) -> None:
    stage = start(out, kind)
    with pytest.raises(DataError) as caught:
        stage.put(name, b"x")
    assert caught.value.code == "name-unsafe"
    stage.commit()
    assert not any("x" in p.name for p in out.parent.parent.rglob("*"))


def test_two_blobs_of_one_name(out: Path) -> None:
    stage = start(out, "zip")
    stage.put("a.png", b"1")
    with pytest.raises(DataError, match=r"two items would be written to a\.png") as caught:
        stage.put("a.png", b"2")
    assert caught.value.code == "name-collision"
    stage.abort()


# -- the masks beside a file -----------------------------------------------------------------------------------------


def test_masks_folder_that_is_there(out: Path) -> None:
    masks = out.parent / "out_masks"
    masks.mkdir()
    (masks / "old.png").write_bytes(b"old")
    with pytest.raises(TargetExistsError, match="folder for the masks exists already"):
        run_failing(out, overwrite=False)
    (masks / "notes.txt").write_bytes(b"precious")
    with pytest.raises(TargetError, match="holds other files, too"):
        run_failing(out, overwrite=True)
    (masks / "notes.txt").unlink()
    run(out, "file and masks", "new", overwrite=True)
    assert not (masks / "old.png").exists()


def run_failing(out: Path, *, overwrite: bool) -> None:
    stage = Stage(Target(out, "file"), overwrite=overwrite)
    try:
        stage.sidecar(out.parent / "out_masks")
    finally:
        stage.abort()


def test_a_link_where_the_masks_folder_would_be(out: Path) -> None:
    (out.parent / "far").mkdir()
    for target in ("far", "nowhere"):
        (out.parent / "out_masks").symlink_to(target)
        with pytest.raises(TargetError, match=r"out_masks: is a link to .*, and is not replaced"):
            run_failing(out, overwrite=True)
        with pytest.raises(TargetExistsError):
            run_failing(out, overwrite=False)
        (out.parent / "out_masks").unlink()
    assert list(out.parent.iterdir()) == [out.parent / "far"]


def test_masks_folder_further_down(out: Path) -> None:
    for end in ("abort", "commit"):
        stage = Stage(Target(out, "file"))
        stage.sidecar(out.parent / "some" / "where" / "masks")
        stage.put("a.png", b"1")
        getattr(stage, end)()
        assert (out.parent / "some").exists() == (end == "commit"), "what is aborted leaves no empty folders"
    assert (out.parent / "some" / "where" / "masks" / "a.png").read_bytes() == b"1"


# -- a target in parts -----------------------------------------------------------------------------------------------

NEW = 3  # parts of the new run


def start_parts(path: Path, *, overwrite: bool = False) -> Stage:
    stage = Stage(Target(path, "parts"), overwrite=overwrite)
    stage.sidecar(path.with_name(f"{path.stem}_masks"))
    return stage


def run_parts(path: Path, content: str, count: int = NEW, *, overwrite: bool = False) -> None:
    stage = start_parts(path, overwrite=overwrite)
    for number in range(count):
        stage.part()
        stage.put(f"{number}.png", f"{content} mask {number}".encode())
        stage.write(f"{content} {number}".encode())
    stage.commit()


def rows(folder: Path) -> dict[str, bytes]:
    """The files that stand for the target."""
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.name.startswith("out") and p.is_file()}


@pytest.fixture
def parted(out: Path) -> Path:
    return out.with_name("out.ndjson")


def test_parts_appear_whole(parted: Path, synced: list[int]) -> None:
    stage = start_parts(parted)
    for number in range(3):
        stage.part()
        stage.write(b"a%d" % number)
        stage.write(b"b")
    assert [p.name for p in parted.parent.iterdir()] == [".out.ndjson.partial"]
    stage.commit()
    names = ["out-0001.ndjson", "out-0002.ndjson", "out-0003.ndjson"]
    assert rows(parted.parent) == {name: b"a%db" % n for n, name in enumerate(names)}
    assert sorted(p.name for p in parted.parent.iterdir()) == [*names, "out_masks"]
    inodes = [(parted.parent / name).stat().st_ino for name in names]
    assert max(map(synced.index, inodes)) < synced.index(parted.parent.stat().st_ino)


def test_parts_that_are_there(parted: Path) -> None:
    """They are the existing target: all of them go, but no file that has only such a name."""
    run_parts(parted, "old", 5)
    foreign = parted.with_name("out-2024.ndjson")
    foreign.write_bytes(b"precious")
    others = [
        parted.with_name(name) for name in ("out-0000.ndjson", "out-1.ndjson", "out-00001.ndjson", "out-0006.json")
    ]
    for other in others:
        other.write_bytes(b"precious")
    with pytest.raises(TargetExistsError, match=r"out-0001\.ndjson: the target exists already; .* --overwrite"):
        start_parts(parted)
    run_parts(parted, "new", 2, overwrite=True)
    found = rows(parted.parent)
    assert {name for name, data in found.items() if data.startswith(b"new")} == {"out-0001.ndjson", "out-0002.ndjson"}
    assert set(found) == {"out-0001.ndjson", "out-0002.ndjson", foreign.name, *(other.name for other in others)}
    assert sorted(p.name for p in (parted.parent / "out_masks").iterdir()) == ["0.png", "1.png"]


def test_any_part_that_is_there_is_in_the_way(parted: Path) -> None:
    parted.with_name("out-0007.ndjson").write_bytes(b"precious")
    with pytest.raises(TargetExistsError, match=r"out-0007\.ndjson"):
        start_parts(parted)
    parted.with_name("out-0009.ndjson").mkdir()
    with pytest.raises(TargetError, match=r"out-0009\.ndjson: this folder has the name of one of the target's parts"):
        start_parts(parted, overwrite=True)
    assert [p.name for p in parted.parent.iterdir() if p.name.startswith(".")] == []


def test_parts_instead_of_one_file(parted: Path) -> None:
    parted.write_bytes(b"old")
    with pytest.raises(TargetExistsError, match=r"out\.ndjson: the target exists"):
        start_parts(parted)
    run_parts(parted, "new", overwrite=True)
    assert list(rows(parted.parent)) == ["out-0001.ndjson", "out-0002.ndjson", "out-0003.ndjson"]


@pytest.mark.parametrize("name", ["out.ndjson", "out-0001.ndjson", "out-0004.ndjson"])
def test_parts_of_a_link(tmp_path: Path, name: str) -> None:
    """Neither the link nor what it leads to is replaced."""
    (tmp_path / "far").mkdir()
    (tmp_path / name).symlink_to("far")
    with pytest.raises(TargetError, match=r"is a link to .*/far, and is not replaced"):
        run_parts(tmp_path / "out.ndjson", "new", overwrite=True)
    with pytest.raises(TargetExistsError):
        run_parts(tmp_path / "out.ndjson", "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["far", name])


def test_aborted_parts(parted: Path) -> None:
    run_parts(parted, "old", 4)
    before = tree(parted.parent)
    stage = start_parts(parted, overwrite=True)
    stage.part()
    stage.write(b"new")
    stage.abort()
    assert tree(parted.parent) == before


def test_dry_parts(parted: Path) -> None:
    stage = DryStage(Target(parted, "parts"))
    stage.part()
    stage.write(b"new")
    stage.commit()
    assert list(parted.parent.iterdir()) == []


@posix
@pytest.mark.parametrize("old", ["nothing", "fewer", "more", "one file"])
def test_parts_killed_at_every_step(tmp_path: Path, old: str) -> None:
    """The next run on the target finds the old one or the new one; half of the new one has no beginning."""
    before, after = tmp_path / "before", tmp_path / "after"
    for folder in (before, after):
        folder.mkdir()
        if old == "one file":
            run(folder / "out.ndjson", "file", "old")
        elif old != "nothing":
            run_parts(folder / "out.ndjson", "old", {"fewer": 2, "more": 6}[old])
    run_parts(after / "out.ndjson", "new", overwrite=True)
    states = [tree(before), tree(after)]
    seen = set()
    for step in range(500):
        place = tmp_path / "work"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(before, place)
        alive = not killed_at(step, lambda: run_parts(place / "out.ndjson", "new", overwrite=True))
        now = rows(place)
        if now not in (rows(before), rows(after)):
            assert (place / ".out.ndjson.partial" / "commit.json").exists()
            if now.get("out-0001.ndjson", b"").startswith(b"new"):
                assert {**now, "out.ndjson": b""} == {**rows(after), "out.ndjson": b""}
        repair(place / "out.ndjson")
        assert tree(place) in states
        seen.add(states.index(tree(place)))
        run_parts(place / "out.ndjson", "new", overwrite=True)
        assert tree(place) == states[1]
        if alive:
            break
    assert seen == {0, 1}
    assert alive


@posix
def test_parts_killed_at_random_moments(tmp_path: Path) -> None:
    run_parts(tmp_path / "out.ndjson", "old", 40)
    old, dice = tree(tmp_path), random.Random(3)
    begin = time.perf_counter()
    (tmp_path / "other").mkdir()
    run_parts(tmp_path / "other" / "out.ndjson", "new", 30)
    span, new = time.perf_counter() - begin, tree(tmp_path / "other")
    shutil.rmtree(tmp_path / "other")
    for _ in range(20):
        pid = forked(lambda: run_parts(tmp_path / "out.ndjson", "new", 30, overwrite=True))
        time.sleep(dice.uniform(0, 1.5 * span))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        repair(tmp_path / "out.ndjson")
        assert tree(tmp_path) in (old, new)
    run_parts(tmp_path / "out.ndjson", "new", 30, overwrite=True)
    assert tree(tmp_path) == new


def test_stopped_between_parts(parted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that began is completed; what someone put there meanwhile is not taken for what was to go."""
    run_parts(parted, "old", 5)
    rename = Path.rename

    def stop(path: Path, to: Path) -> Path:
        rename(path, to)
        raise OSError(5, "Input/output error")

    stage = start_parts(parted, overwrite=True)
    stage.part()
    stage.write(b"new")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", stop)
        with pytest.raises(TargetError, match="could not be put in its place"):
            stage.commit()
        stage.abort()
    gone = [n for n in range(2, 6) if not parted.with_name(f"out-{n:04d}.ndjson").exists()]
    assert gone[0] == 2, "the second part is the first to go"
    parted.with_name("out-0002.ndjson").write_bytes(b"precious")
    repair(parted)
    assert rows(parted.parent) == {"out-0001.ndjson": b"new", "out-0002.ndjson": b"precious"}
    assert sorted(p.name for p in parted.parent.iterdir()) == ["out-0001.ndjson", "out-0002.ndjson", "out_masks"]


# -- standard output -------------------------------------------------------------------------------------------------


def test_standard_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for end in ("abort", "commit"):
        buffer = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer))
        stage = Stage(Target(Path("-"), "file"))
        stage.write(b"rows")
        with pytest.raises(TargetError, match="no place for mask files"):
            stage.sidecar(tmp_path / "masks")
        assert buffer.getvalue() == b""
        getattr(stage, end)()
        assert buffer.getvalue() == (b"rows" if end == "commit" else b"")
        assert list(tmp_path.iterdir()) == []
        sys.stdout.detach()  # type: ignore[attr-defined]


# -- locks -----------------------------------------------------------------------------------------------------------


@posix
def test_second_run_is_refused(out: Path) -> None:
    first = start(out, "file")
    for _ in range(2):
        with pytest.raises(TargetError, match="another run is writing this target; wait for it"):
            start(out, "file")
    repair(out)
    fill(first, "file", "first")
    first.commit()
    assert sorted(p.name for p in out.parent.iterdir()) == ["out"]
    run(out, "file", "second", overwrite=True)


@posix
def test_file_system_without_locks(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def flock(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    run(out, "file", "new")
    assert out.exists()


@posix
def test_many_runs_at_once(out: Path) -> None:
    """Of runs that start together some are refused, and what is there in the end is one of them, whole."""

    def work(number: int) -> None:
        for _ in range(20):
            try:
                run(out, "folder", f"run {number}", overwrite=True)
            except TargetError as error:
                if "another run" not in str(error):
                    os.write(2, f"{error}\n".encode())
                    os._exit(1)

    children = [forked(lambda number=number: work(number)) for number in range(4)]
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 4
    assert len({data.split(b" ")[1] for data in tree(out).values() if data}) == 1
    assert [p.name for p in out.parent.iterdir()] == ["out"]


# -- killed ----------------------------------------------------------------------------------------------------------


def forked(act: Callable[[], object]) -> int:
    """Run in a child process; its id."""
    pid = os.fork()
    if pid == 0:
        try:
            act()
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)
    return pid


def killed_at(step: int, act: Callable[[], object]) -> bool:
    """Run in a child that is killed when it is about to touch the file system for the n-th time; whether it was."""

    def child() -> None:
        left = step

        def count(event: str, _: Any) -> None:
            nonlocal left
            if event == "open" or event.startswith(("os.", "shutil.", "ctypes.call")):
                left -= 1
                if left < 0:
                    signal.raise_signal(signal.SIGKILL)

        sys.addaudithook(count)
        act()

    code = os.waitstatus_to_exitcode(os.waitpid(forked(child), 0)[1])
    assert code in {0, -signal.SIGKILL}
    return code != 0


def main(found: dict[str, bytes | None]) -> dict[str, bytes | None]:
    return {name: data for name, data in found.items() if name == "out" or name.startswith("out/")}


@posix
@pytest.mark.parametrize("exchange", [True, False])
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_every_step(
    tmp_path: Path, kind: str, old: bool, exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange:
        if kind in {"file", "zip"} or not old:
            pytest.skip("nothing is exchanged here")
        monkeypatch.setattr(module, "_exchange", lambda a, b: False)
    states = []
    for content in ["old", "new"]:
        (tmp_path / content).mkdir()
        run(tmp_path / content / "out", kind, content, count=3)
        states.append(tree(tmp_path / content))
    states[0] = states[0] if old else {}
    seen = set()
    for step in range(500):
        place = tmp_path / "work"
        shutil.rmtree(place, ignore_errors=True)
        if old:
            shutil.copytree(tmp_path / "old", place)
        else:
            place.mkdir()
        alive = not killed_at(step, lambda: run(place / "out", kind, "new", overwrite=True, count=3))
        if exchange:  # else an old folder is gone for a moment, until the next run
            assert main(tree(place)) in [main(state) for state in states]
        repair(place / "out")
        assert tree(place) in states
        seen.add(states.index(tree(place)))
        run(place / "out", kind, "new", overwrite=True, count=3)
        assert tree(place) == states[1]
        if alive:
            break
    assert seen == {0, 1}
    assert alive


@posix
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("kind", ["zip", "folder", "file and masks"])
def test_killed_at_random_moments(tmp_path: Path, kind: str, old: bool) -> None:
    (tmp_path / "new").mkdir()
    begin = time.perf_counter()
    run(tmp_path / "new" / "out", kind, "new", count=60)
    span = time.perf_counter() - begin
    dice = random.Random(kind)
    states = [{}, tree(tmp_path / "new")]
    for attempt in range(10):
        place = tmp_path / str(attempt)
        place.mkdir()
        if old:
            run(place / "out", kind, "old")
            states[0] = tree(place)
        pid = forked(lambda place=place: run(place / "out", kind, "new", overwrite=True, count=60))
        time.sleep(dice.uniform(0, 1.5 * span))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert main(tree(place)) in [main(state) for state in states]
        repair(place / "out")
        assert tree(place) in states


@posix
def test_refused_run_still_repairs(out: Path) -> None:
    """A run that is refused because the target exists leaves no litter of the killed run before it."""
    run(out, "folder", "old")
    killed_at(40, lambda: run(out, "folder", "new", overwrite=True, count=30))
    assert (out.parent / ".out.partial").exists()
    with pytest.raises(TargetExistsError):
        start(out, "folder")
    assert [p.name for p in out.parent.iterdir()] == ["out"]


def test_unreadable_plan(out: Path) -> None:
    folder = out.parent / ".out.partial"
    folder.mkdir()
    (folder / "commit.json").write_text("[{}]")
    with pytest.raises(TargetError, match="cannot be read; look into it, then remove that folder"):
        start(out, "file")
    assert (folder / "commit.json").exists(), "evidence stays"


def test_a_plan_takes_only_from_its_own_folder(out: Path) -> None:
    (out.parent / "secret").write_bytes(b"s")
    folder = out.parent / ".out.partial"
    folder.mkdir()
    (folder / "commit.json").write_text('[{"from": "../secret", "to": "../out", "inode": 1}]')
    repair(out)
    assert sorted(p.name for p in out.parent.iterdir()) == ["secret"]


# -- interrupted while committing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(5, "Input/output error")], ids=["ctrl-c", "i/o"])
@pytest.mark.parametrize("old", [False, True])
def test_stopped_between_two_moves(out: Path, old: bool, stop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Masks are moved, the main file is not yet: aborting completes it."""
    if old:
        run(out, "file and masks", "old")
    stage = start(out, "file and masks", overwrite=True)
    fill(stage, "file and masks", "new")
    place, calls = module._place, []

    def moved(*paths: Path) -> None:
        calls.append(paths)
        if len(calls) == 2:
            raise stop
        place(*paths)

    monkeypatch.setattr(module, "_place", moved)
    kind, words = (stop, None) if stop is KeyboardInterrupt else (TargetError, "could not be put in its place")
    with pytest.raises(kind, match=words):
        stage.commit()
    stage.abort()
    assert out.read_bytes().startswith(b"new")
    assert sorted(p.name for p in out.parent.iterdir()) == ["out", "out_masks"]


def test_stage_that_cannot_be_moved_is_kept(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = start(out, "file")
    fill(stage, "file", "new")

    def fail(*_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(module, "_place", fail)
        with pytest.raises(TargetError, match="mend that and run again"):
            stage.commit()
        stage.abort()
    assert (out.parent / ".out.partial").exists()
    repair(out)
    assert out.read_bytes().startswith(b"new")
    assert [p.name for p in out.parent.iterdir()] == ["out"]


# -- no space, no permission -----------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("kind", KINDS)
def test_full_disk(out: Path, kind: str) -> None:
    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        stage = start(out, kind)
        try:
            for i in range(9):
                if kind != "file":
                    stage.put(f"{i}.png", bytes(2000 if kind == "zip" else 500 * i))
                if "file" in kind:
                    stage.write(bytes(500))
            stage.commit()
        except TargetError as error:
            assert "\n" not in str(error)
            assert str(error).startswith(f"{out}: cannot be written (File too large); check space")
            stage.abort()
            os._exit(7)

    assert os.waitstatus_to_exitcode(os.waitpid(forked(work), 0)[1]) == 7
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_permission(out: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def mkdir(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", mkdir)
        with pytest.raises(
            TargetError, match=r"out: cannot be written \(Permission denied\); check space and permissions"
        ):
            start(out, kind)
    assert list(out.parent.iterdir()) == []


def test_start_that_fails_leaves_nothing(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(zipfile, "ZipFile", fail)
        with pytest.raises(TargetError, match="No space left"):
            start(out, "zip")
    assert list(out.parent.iterdir()) == []
    run(out, "zip", "new")


def test_name_that_is_too_long(out: Path) -> None:
    with pytest.raises(TargetError, match="File name too long"):
        start(out.parent / ("x" * 250), "file")
    stage = start(out, "folder")
    with pytest.raises(DataError, match="name of 300 bytes; systems take 255"):
        stage.put("x" * 300, b"")
    stage.abort()
    assert list(out.parent.iterdir()) == []


def test_a_foreign_stage_moves_nothing_elsewhere(tmp_path):
    """A stage that came with an archive: its plan may not lead out of the folder it lies in."""
    inside, outside = tmp_path / "work", tmp_path / "precious.txt"
    stage = inside / ".out.mcv.partial"
    stage.mkdir(parents=True)
    outside.write_text("mine")
    (stage / "main").write_text("theirs")
    (stage / "commit.json").write_text('[{"from": "main", "to": "../../precious.txt", "inode": 1}]')
    with pytest.raises(
        TargetError, match=r"was about to put a part of its result into .*precious\.txt; if that is yours"
    ):
        Stage(Target(inside / "out.mcv", "file"))
    assert outside.read_text() == "mine"


# Files that become part of the target as they are.


def copied(layout: str, place: Path, *copies: Copy) -> None:
    stage = Stage(Target(place, layout))
    for copy in copies:
        stage.copy(copy)
    stage.commit()


def test_copies_in_a_folder_are_linked_where_allowed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("in/b.jpg", b"member")
    source = str(tmp_path / "a.jpg")
    member = Copy("images/b.jpg", str(tmp_path / "all.zip"), "in/b.jpg", link=True)
    copied("folder", tmp_path / "out", Copy("images/a.jpg", source, link=True), Copy("images/c.jpg", source), member)
    assert (tmp_path / "out/images/a.jpg").samefile(source)
    assert not (tmp_path / "out/images/c.jpg").samefile(source)
    assert (tmp_path / "out/images/c.jpg").read_bytes() == b"picture"
    assert (tmp_path / "out/images/b.jpg").read_bytes() == b"member"


def test_copies_in_a_zip(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    copied("zip", tmp_path / "out.zip", Copy("images/a.jpg", str(tmp_path / "a.jpg"), link=True))
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.read("images/a.jpg") == b"picture"


def test_a_link_of_a_link_leads_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    (tmp_path / "b.jpg").symlink_to("a.jpg")
    copied("folder", tmp_path / "out", Copy("a.jpg", str(tmp_path / "b.jpg"), link=True))
    assert not (tmp_path / "out/a.jpg").is_symlink()
    assert (tmp_path / "out/a.jpg").read_bytes() == b"picture"


def test_without_links_a_file_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    (tmp_path / "a.jpg").write_bytes(b"picture")
    copied("folder", tmp_path / "out", Copy("x/a.jpg", str(tmp_path / "a.jpg"), link=True))
    assert not (tmp_path / "out/x/a.jpg").samefile(tmp_path / "a.jpg")
    assert (tmp_path / "out/x/a.jpg").read_bytes() == b"picture"


@pytest.mark.parametrize(
    ("copy", "message"),
    [
        (("a.jpg", "none.jpg"), "none.jpg: cannot be read"),
        (("a.jpg", "all.zip", "none.jpg"), "all.zip > none.jpg: cannot be read|none.jpg.*cannot be read"),
        (("../a.jpg", "a.jpg"), "leads out of the data set"),
    ],
)
def test_copies_that_cannot_be(copy: tuple[str, ...], message: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    zipfile.ZipFile(tmp_path / "all.zip", "w").close()
    stage = Stage(Target(tmp_path / "out", "folder"))
    path, source, *member = copy
    for link in (True, False):
        with pytest.raises(DataError, match=message):
            stage.copy(Copy(path, str(tmp_path / source), *member, link=link))
        stage._names = Names()
    stage.abort()
    assert not (tmp_path / "out").exists()
    assert not (tmp_path.parent / "a.jpg").exists()


def test_two_copies_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    copy = Copy("a.jpg", str(tmp_path / "a.jpg"), link=True)
    with pytest.raises(DataError, match=r"two items would be written to a\.jpg"):
        copied("folder", tmp_path / "out", copy, copy)
