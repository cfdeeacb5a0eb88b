"""Runs that are interrupted: what is left, and that a resumed run makes the very same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

import maskconv
from tests.making import STREET, streets

KILLS = int(os.environ.get("MASKCONV_KILLS", "4"))  # at random moments, for each kind of target
TARGETS = {
    "out.zip": {},
    "folder": {},
    "files.ndjson": {"masks": "files"},
    "inline.ndjson": {"masks": "png"},
    "out.mcv": {},
}
RUN = """
import os, signal, sys, json, maskconv
source, target, write, at, jobs = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
def progress(images):
    if at and images >= at:
        os.kill(os.getpid(), signal.SIGKILL)
to = "cvat-mask" if target.endswith("folder") else None
maskconv.convert(source, target, to=to, write=write, jobs=jobs, resume=True, overwrite=True, progress=progress)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return streets(tmp_path_factory.mktemp("source") / "many.zip")


def tree(path: Path) -> dict[str, bytes]:
    """Every file at or below a target, and its sidecar."""
    if path.is_file():
        found = {"": path.read_bytes()}
        masks = path.with_name(path.stem + "_masks")
        return found | ({f"masks/{k}": v for k, v in tree(masks).items()} if masks.exists() else {})
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def litter(folder: Path) -> list[str]:
    return [p.name for p in folder.iterdir() if p.name.endswith(".partial")]


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """What uninterrupted runs make."""
    folder = tmp_path_factory.mktemp("whole")
    for name, write in TARGETS.items():
        to = "cvat-mask" if name == "folder" else None
        maskconv.convert(source, folder / name, to=to, write=write)
    return {name: tree(folder / name) for name in TARGETS}


def start(source: Path, target: Path, at: int = 0, jobs: int = 1) -> subprocess.Popen[bytes]:
    import json

    arguments = [str(source), str(target), json.dumps(TARGETS[target.name]), str(at), str(jobs)]
    return subprocess.Popen([sys.executable, "-c", RUN, *arguments], stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> int:
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGKILL), errors.decode()
    return process.returncode


@pytest.mark.parametrize("name", TARGETS)
def test_killed_after_some_images_and_resumed(source: Path, whole, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    for at in (1, 100, 230):
        assert finish(start(source, target, at)) == -signal.SIGKILL
        assert not target.exists()
        assert litter(tmp_path) == [f".{name}.partial"]
    images: list[int] = []
    to = "cvat-mask" if name == "folder" else None
    write = TARGETS[name]
    report = maskconv.convert(source, target, to=to, write=write, resume=True, overwrite=True, progress=images.append)
    assert min(images) > 200, "the images that were done are not done again"
    assert (report.images, report.images_written) == (240, 240)
    assert tree(target) == whole[name]
    assert not litter(tmp_path)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("older", [False, True])
def test_killed_at_any_moment(source: Path, whole, tmp_path: Path, name: str, older: bool) -> None:
    """The target is the old one or the new one, whole; runs that go on end in the very same bytes."""
    target = tmp_path / name
    fixture = STREET
    to = "cvat-mask" if name == "folder" else None
    if older:
        maskconv.convert(fixture, target, to=to, write=TARGETS[name])
    before = tree(target) if older else None
    seed = random.Random(f"{name} {older}")
    for _ in range(KILLS):
        process = start(source, target, jobs=seed.choice([1, 2]))
        time.sleep(seed.uniform(0.1, 1.2))
        process.kill()
        finish(process)
        now = tree(target) if target.exists() else None
        if (tmp_path / f".{name}.partial" / "commit.json").exists():
            continue  # killed between two moves: the next run completes it
        assert now in (before, whole[name])
    maskconv.convert(source, target, to=to, write=TARGETS[name], resume=True, overwrite=True)
    assert tree(target) == whole[name]
    assert not litter(tmp_path)


def test_a_stopped_run_keeps_its_work_only_when_asked(source: Path, tmp_path: Path) -> None:
    def stop(images: int) -> None:
        if images > 50:
            raise KeyboardInterrupt

    report = maskconv.Report()
    with pytest.raises(KeyboardInterrupt):
        maskconv.convert(source, tmp_path / "a.ndjson", progress=stop, report=report)
    assert not report.resumable
    assert not list(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        maskconv.convert(source, tmp_path / "a.ndjson", progress=stop, resume=True, report=report)
    assert report.resumable
    assert litter(tmp_path) == [".a.ndjson.partial"]
    maskconv.convert(source, tmp_path / "a.ndjson")
    assert [p.name for p in tmp_path.iterdir()] == ["a.ndjson"], "a run without resume starts anew and cleans up"


@pytest.mark.parametrize("change", ["option", "labels", "source", "version"])
def test_another_run_is_refused(source: Path, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.zip"
    own.write_bytes(source.read_bytes())
    target = tmp_path / "a.ndjson"

    def stop(images: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        maskconv.convert(own, target, progress=stop, resume=True)
    options = {"option": {"write": {"masks": "composite"}}, "labels": {"labels": {"car": "auto"}}}.get(change, {})
    if change == "source":
        os.utime(own, (1, 1))
    if change == "version":
        monkeypatch.setattr("maskconv.fingerprint.__version__", "99")
    with pytest.raises(maskconv.TargetError, match="not that of the run to be resumed; undo that, or start anew"):
        maskconv.convert(own, target, resume=True, **options)
    assert litter(tmp_path) == [".a.ndjson.partial"], "the work of the other run stays"


def test_the_target_is_no_part_of_what_must_not_change(source: Path, whole, tmp_path: Path) -> None:
    """A commit that the next run completes makes the target appear between two runs that are otherwise the same."""

    def stop(images: int) -> None:
        raise KeyboardInterrupt

    target = tmp_path / "folder"
    with pytest.raises(KeyboardInterrupt):
        maskconv.convert(source, target, to="cvat-mask", progress=stop, resume=True)
    with zipfile.ZipFile(STREET) as archive:
        archive.extractall(target)
    maskconv.convert(source, target, to="cvat-mask", resume=True, overwrite=True)
    assert tree(target) == whole["folder"]


def test_a_damaged_journal_goes_on_from_what_is_sound(source: Path, whole, tmp_path: Path) -> None:
    target = tmp_path / "out.zip"
    finish(start(source, target, 100))
    journal = tmp_path / ".out.zip.partial" / "journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[20] = lines[20].replace(b"counts", b"c0unts")
    journal.write_bytes(b"".join(lines))
    maskconv.convert(source, target, resume=True)
    assert tree(target) == whole["out.zip"]


def test_data_errors_leave_nothing_to_resume(tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    with zipfile.ZipFile(STREET) as good, zipfile.ZipFile(broken, "w") as bad:
        for name in good.namelist():
            data = good.read(name)
            bad.writestr(name, data[:-40] if name == "SegmentationClass/street_0002.png" else data)
    with pytest.raises(maskconv.ConversionError):
        maskconv.convert(broken, tmp_path / "a.ndjson", resume=True)
    assert [p.name for p in tmp_path.iterdir()] == ["broken.zip"]


def test_standard_input_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(maskconv.UsageError, match="standard input or a pipe cannot be read again"):
        maskconv.convert(["-", STREET], tmp_path / "a.mcv", resume=True)


def test_a_dry_run_writes_nothing_and_says_all(source: Path, tmp_path: Path) -> None:
    real = maskconv.convert(source, tmp_path / "a.ndjson", write={"masks": "files"})
    before = tree(tmp_path)
    dry = maskconv.convert(source, tmp_path / "b.ndjson", write={"masks": "files"}, dry_run=True)
    assert tree(tmp_path) == before
    assert dry.to_dict() == real.to_dict()
