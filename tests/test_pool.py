"""Workers: order, bounds, errors, deaths; and no process survives its parent."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import maskconv
from maskconv import pool
from tests.test_resume import source, tree  # noqa: F401 - the fixture


class Work:
    """Squares numbers; some numbers are trouble."""

    def stop(self) -> None:
        pass

    def open(self) -> None:
        pass

    def __call__(self, batch: list[int]) -> list[int]:
        if any(n == 666 for n in batch):
            os.kill(os.getpid(), signal.SIGKILL)
        if any(n == 13 for n in batch):
            raise maskconv.DataError("thirteen", fix="twelve")
        time.sleep(0.001 * (batch[0] % 5))
        return [n * n for n in batch]


@pytest.mark.parametrize("workers", ["auto", "threads", "processes"])
@pytest.mark.parametrize("jobs", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 7, 1000])
def test_results_come_in_order(workers, jobs: int, count: int) -> None:
    numbers = list(range(1000, 1000 + count))
    results = pool.ordered(Work(), pool.batches(numbers), jobs, workers)
    assert [r for batch in results for r in batch] == [n * n for n in numbers]


@pytest.mark.parametrize("workers", ["threads", "processes"])
def test_the_feed_is_drawn_no_further_than_the_window(workers) -> None:
    drawn = 0

    def feed():
        nonlocal drawn
        for n in range(100, 100_000):
            drawn = n - 99
            yield [n]

    results = pool.ordered(Work(), feed(), 2, workers)
    for taken in range(1, 50):
        next(results)
        assert drawn <= taken + 2 * pool.WINDOW
    results.close()


@pytest.mark.parametrize("workers", ["threads", "processes"])
def test_an_error_comes_out_with_its_facts(workers) -> None:
    with pytest.raises(maskconv.DataError, match="thirteen; twelve") as caught:
        list(pool.ordered(Work(), [[1], [13], [2]], 2, workers))
    assert caught.value.fix == "twelve"


class Echo(Work):
    def __call__(self, batch):
        return batch


def test_large_units_and_answers_do_not_lock_up() -> None:
    items = [[os.urandom(1 << 20)] for _ in range(24)]
    assert list(pool.ordered(Echo(), items, 2, "processes")) == items


def test_a_worker_that_dies_names_its_unit() -> None:
    with pytest.raises(pool.WorkerError, match=r"died \(SIGKILL\) at 666; .*--jobs 1") as caught:
        list(pool.ordered(Work(), pool.batches([1, 2, 3, 666, 4, 5]), 2, "processes"))
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), maskconv.MaskconvError)


@pytest.mark.parametrize("name", ["out.zip", "files.ndjson", "inline.ndjson"])
def test_jobs_and_their_kind_change_no_byte(source: Path, tmp_path: Path, name: str) -> None:  # noqa: F811
    write = {"files.ndjson": {"masks": "files"}, "inline.ndjson": {"masks": "png"}}.get(name, {})
    made = []
    for jobs, workers in ((1, "auto"), (2, "threads"), (3, "threads"), (2, "processes"), (3, "processes")):
        report = maskconv.convert(source, tmp_path / name, write=write, jobs=jobs, workers=workers, overwrite=True)
        made.append((tree(tmp_path / name), report.to_dict()))
    assert all(each == made[0] for each in made)


RUN = """
import sys, time, maskconv
def slow(images):
    time.sleep(0.2)
maskconv.convert(sys.argv[1], sys.argv[2], jobs=2, workers="processes", progress=slow)
"""


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(n) for n in listed.read_text().split()] if listed.exists() else []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_no_worker_survives_a_killed_parent(source: Path, tmp_path: Path) -> None:  # noqa: F811
    process = subprocess.Popen([sys.executable, "-c", RUN, str(source), str(tmp_path / "a.zip")])
    workers = wait_for(lambda: children(process.pid) if len(children(process.pid)) == 2 else [])
    process.kill()
    process.wait()
    wait_for(lambda: not any(map(alive, workers)))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_ctrl_c_stops_all_workers(source: Path, tmp_path: Path) -> None:  # noqa: F811
    code = "import sys; from maskconv.cli import main; main(sys.argv[1:])"
    many = tmp_path / "many"
    many.mkdir()
    for number in range(40):
        (many / f"{number}.zip").write_bytes(source.read_bytes())
    command = [sys.executable, "-c", code, "convert", str(many / "*.zip"), str(tmp_path / "a.zip")]
    command += ["--name", "{source}/{name}", "--jobs", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    workers = wait_for(lambda: children(process.pid))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors.strip().splitlines() == ["error: stopped by Ctrl-C; nothing was written"]
    assert not any(map(alive, workers))
    assert [p.name for p in tmp_path.iterdir()] == ["many"]


def wait_for(ready, seconds: float = 10):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if found := ready():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")
