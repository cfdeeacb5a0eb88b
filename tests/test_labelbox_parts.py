"""labelbox-ndjson, a target in parts: ``max_records``."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import orjson
import pytest

import maskconv
from maskconv import AnnotatedImage, Annotation, Label, LabelMap, Mask, OptionError, TargetExistsError, open_writer
from maskconv.finding import Weight
from tests.making import STREET, streets

LABELS = LabelMap(labels=[Label(name="car")])
KILLS = int(os.environ.get("MASKCONV_KILLS", "4"))  # at random moments


def image(name, instances, side=8):
    dots = [Mask(width=side, height=side, starts=[i % side**2], lengths=[1]) for i in range(instances)]
    return AnnotatedImage(
        name=name, width=side, height=side, annotations=tuple(Annotation(label="car", shape=dot) for dot in dots)
    )


def write(path, counts, **options):
    with open_writer(path, LABELS, overwrite=True, **options) as writer:
        for number, count in enumerate(counts):
            writer.write(image(f"d/{number}", count))
    return {f.code: f for f in writer.report.findings}


def parts(folder, name="out"):
    return sorted(folder.glob(f"{name}-*.ndjson"))


def keys(path):
    return [orjson.loads(line)["dataRow"]["globalKey"] for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (1, [[2], [1], [5], [1], [1], [3]]),
        (3, [[2, 1], [5], [1, 1], [3]]),
        (4, [[2, 1], [5], [1, 1], [3]]),
        (5, [[2, 1], [5], [1, 1, 3]]),
        (8, [[2, 1, 5], [1, 1, 3]]),
        (13, [[2, 1, 5, 1, 1, 3]]),
    ],
)
@pytest.mark.parametrize("masks", ["png", "files"])
def test_split_between_images(tmp_path, limit, expected, masks):
    counts = [2, 1, 5, 1, 1, 3]
    write(tmp_path / "out.ndjson", counts, masks=masks)
    whole = (tmp_path / "out.ndjson").read_bytes()
    findings = write(tmp_path / "out.ndjson", counts, masks=masks, max_records=limit)
    assert not (tmp_path / "out.ndjson").exists()
    found = [[keys(p).count(key) for key in dict.fromkeys(keys(p))] for p in parts(tmp_path)]
    assert found == expected
    assert b"".join(p.read_bytes() for p in parts(tmp_path)) == whole
    large = findings.get("labelbox-part-large")
    assert (large is not None) == (limit < 5)
    if large is not None and limit > 2:
        assert (large.weight, large.amount, large.where.image) == (Weight.WARNING, 5, "d/2")
        assert large.message == "its 5 records are more than --to-max-records: they have a file of their own"


def test_records_count_not_instances(tmp_path):
    """A polygon's parts are records of their own, and stay together."""
    array = np.zeros((8, 8), bool)
    array[::4, ::4] = True
    one = AnnotatedImage(
        name="a", width=8, height=8, annotations=(Annotation(label="car", shape=Mask.from_array(array)),)
    )
    with open_writer(tmp_path / "out.ndjson", LABELS, shape="polygon", max_records=3) as writer:
        writer.write(one)
        writer.write(one.replace(name="b"))
    assert [keys(p) for p in parts(tmp_path)] == [["a"] * 4, ["b"] * 4]


def test_many_masks_are_those_of_a_file(tmp_path):
    counts = [60] * 20
    findings = write(tmp_path / "out.ndjson", counts)
    assert findings["labelbox-many-masks"].amount == 1200
    assert findings["labelbox-many-masks"].fix == "split it between images: --to-max-records 1000"
    assert "labelbox-many-masks" not in write(tmp_path / "out.ndjson", counts, max_records=1000)
    findings = write(tmp_path / "out.ndjson", counts, max_records=1100)
    assert findings["labelbox-many-masks"].amount == 1080


def test_options_that_cannot_be(tmp_path):
    for limit in (0, -1, "x", 1.5):
        with pytest.raises(OptionError, match="--to-max-records"):
            write(tmp_path / "out.ndjson", [1], max_records=limit)
    with pytest.raises(OptionError, match="standard output is one file, which --to-max-records cannot split"):
        maskconv.convert(STREET, "-", to="labelbox-ndjson", write={"max_records": 5})
    assert list(tmp_path.iterdir()) == []


def test_older_parts_are_the_target(tmp_path):
    target = tmp_path / "out.ndjson"
    maskconv.convert(STREET, target, write={"max_records": 1})
    many = parts(tmp_path)
    with pytest.raises(TargetExistsError, match=r"out-0001\.ndjson"):
        maskconv.convert(STREET, target, write={"max_records": 30})
    assert parts(tmp_path) == many
    maskconv.convert(STREET, target, write={"max_records": 30}, overwrite=True)
    assert len(parts(tmp_path)) < len(many)


def test_what_is_next_names_the_files(tmp_path):
    report = maskconv.convert(STREET, tmp_path / "out.ndjson", write={"max_records": 30})
    last = parts(tmp_path)[-1].name
    assert report.next_steps[0] == f"The records are in out-0001.ndjson to {last}: each file is an import of its own."
    report = maskconv.convert(STREET, tmp_path / "one.ndjson", write={"max_records": 3099})
    assert report.next_steps[0] == "The records are in one-0001.ndjson: each file is an import of its own."


def test_dry_run(tmp_path):
    real = maskconv.convert(STREET, tmp_path / "out.ndjson", write={"max_records": 1})
    before = parts(tmp_path)
    dry = maskconv.convert(STREET, tmp_path / "new.ndjson", write={"max_records": 1}, dry_run=True)
    assert (dry.to_dict(), sorted(tmp_path.iterdir())) == (real.to_dict(), before)
    assert dry.next_steps == tuple(step.replace("out-", "new-") for step in real.next_steps)


@pytest.mark.parametrize("masks", ["png", "files"])
@pytest.mark.parametrize("given", ["pattern", "folder"])
def test_parts_are_read_as_several_sources(tmp_path, masks, given):
    """With the masks of all in one folder beside them."""
    home = tmp_path / "home"
    home.mkdir()
    maskconv.convert(STREET, home / "out.ndjson", write={"max_records": 30, "masks": masks})
    assert len(parts(home)) > 1
    source = home / "out-*.ndjson" if given == "pattern" else [home / p.name for p in parts(home)]
    report = maskconv.convert(source, tmp_path / "back.mcv")
    maskconv.convert(STREET, tmp_path / "whole.ndjson", write={"masks": masks})
    maskconv.convert(tmp_path / "whole.ndjson", tmp_path / "whole.mcv")
    assert (tmp_path / "back.mcv").read_bytes() == (tmp_path / "whole.mcv").read_bytes()
    assert report.images == report.images_written > 0
    for part in parts(home):
        assert not [f for f in maskconv.validate(part) if f.weight in (Weight.ERROR, Weight.DATA)]


def test_a_single_part_is_read_alone(tmp_path):
    maskconv.convert(STREET, tmp_path / "out.ndjson", write={"max_records": 1, "masks": "files"})
    with maskconv.open_reader(parts(tmp_path)[1]) as images:
        (one,) = images
        assert one.annotations and not images.report.failed


# --- killed, resumed, in any number of jobs ---------------------------------------------------------------------------

RUN = """
import os, signal, sys, json, maskconv
source, target, write, at, jobs = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
def progress(images):
    if at and images >= at:
        os.kill(os.getpid(), signal.SIGKILL)
maskconv.convert(source, target, write=write, jobs=jobs, resume=True, overwrite=True, progress=progress)
"""
WRITE = {"masks": "files", "max_records": 70}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return streets(tmp_path_factory.mktemp("source") / "many.zip")


def tree(folder: Path) -> dict[str, bytes]:
    hidden = ".out.ndjson.partial"
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.relative_to(folder).parts[0] != hidden
    }


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What an uninterrupted run makes."""
    folder = tmp_path_factory.mktemp("whole")
    maskconv.convert(source, folder / "out.ndjson", write=WRITE)
    return tree(folder)


def start(source: Path, target: Path, at: int = 0, jobs: int = 1) -> subprocess.Popen[bytes]:
    arguments = [str(source), str(target), json.dumps(WRITE), str(at), str(jobs)]
    return subprocess.Popen([sys.executable, "-c", RUN, *arguments], stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> int:
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGKILL), errors.decode()
    return process.returncode


@pytest.mark.parametrize("jobs", [2, 3])
@pytest.mark.parametrize("workers", ["threads", "processes"])
def test_jobs_change_nothing(source, whole, tmp_path, jobs, workers):
    maskconv.convert(source, tmp_path / "out.ndjson", write=WRITE, jobs=jobs, workers=workers)
    assert tree(tmp_path) == whole


@pytest.mark.parametrize("older", [False, True])
def test_killed_after_some_images_and_resumed(source, whole, tmp_path, older):
    target = tmp_path / "out.ndjson"
    if older:
        maskconv.convert(STREET, target, write=WRITE | {"max_records": 2})
    before = tree(tmp_path)
    for at in (1, 100, 230):
        assert finish(start(source, target, at)) == -signal.SIGKILL
        assert tree(tmp_path) == before
    images: list[int] = []
    report = maskconv.convert(source, target, write=WRITE, resume=True, overwrite=True, progress=images.append)
    assert min(images) > 200, "the images that were done are not done again"
    assert (report.images, report.images_written) == (240, 240)
    assert tree(tmp_path) == whole
    assert not (tmp_path / ".out.ndjson.partial").exists()


@pytest.mark.parametrize("older", [None, 3, 500])
def test_killed_at_any_moment(source, whole, tmp_path, older):
    """The old parts or the new ones, all of them; runs that go on end in the very same bytes."""
    target = tmp_path / "out.ndjson"
    if older is not None:
        maskconv.convert(source if older == 3 else STREET, target, write=WRITE | {"max_records": older})
    before, seed = tree(tmp_path), random.Random(f"{older}")
    for _ in range(KILLS):
        process = start(source, target, jobs=seed.choice([1, 2]))
        time.sleep(seed.uniform(0.1, 1.2))
        process.kill()
        finish(process)
        if not (tmp_path / ".out.ndjson.partial" / "commit.json").exists():
            assert tree(tmp_path) in (before, whole)
    maskconv.convert(source, target, write=WRITE, resume=True, overwrite=True)
    assert tree(tmp_path) == whole
    assert not (tmp_path / ".out.ndjson.partial").exists()
