"""Calls and names that cannot be right end in one sentence that says which, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import maskconv
from maskconv import registry
from maskconv.errors import ConversionError, DataError, MaskconvError, SourceError, UsageError
from maskconv.formats import mcv
from maskconv.model import AnnotatedImage, Annotation, Label, LabelMap, Mask
from maskconv.plugin import Format, Piece

STREET = Path(__file__).parents[1] / "fixtures" / "cvat-mask" / "street.zip"
NO_UTF8 = os.fsdecode(b"\xff")
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def run(folder: Path, *args: str | bytes, env: Mapping[str, str] = {}, **io: Any) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "maskconv", *args]
    io = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | io
    done = subprocess.run(call, cwd=folder, env=os.environ | {"COLUMNS": "2000"} | dict(env), check=False, **io)
    out, err = ((text or b"").decode("utf-8", "backslashreplace") for text in (done.stdout, done.stderr))
    assert "Traceback" not in err and "bug" not in err and "Error:" not in err, err
    return subprocess.CompletedProcess(call, done.returncode, out, err)


def image(name: str) -> AnnotatedImage:
    pixels = np.zeros((6, 8), bool)
    pixels[1:4, 1:4] = True
    car = Annotation(label="car", shape=Mask.from_array(pixels))
    return AnnotatedImage.unchecked(name=name, width=8, height=6, annotations=(car,))


CARS = LabelMap(labels=(Label(name="car"),))


# -- names that are no UTF-8 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["out.ndjson", "out.zip", "out.mcv", "data"])
def test_an_item_whose_name_is_no_text(tmp_path: Path, target: str) -> None:
    options = {"format": "mask-data"} if target == "data" else {}
    with maskconv.open_writer(tmp_path / target, CARS, **options) as writer:
        with pytest.raises(DataError) as caught:
            writer.write(image(f"{NO_UTF8}/b"))
        assert repr(f"{NO_UTF8}/b") in str(caught.value) or f"{NO_UTF8}/b" in str(caught.value)
        writer.write(image("a"))
    assert writer.report.images_written == 1


def test_a_source_whose_name_is_no_text(tmp_path: Path) -> None:
    os.link(STREET, tmp_path / f"{NO_UTF8}.zip")
    done = run(tmp_path, b"convert", b"\xff.zip", b"out.ndjson", b"--name", b"{source}/{name}")
    assert done.returncode == 1 and "name-unsafe" in done.stderr
    assert r"'\udcff/street_0001' holds bytes that are no UTF-8" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [f"{NO_UTF8}.zip"]


def test_a_target_whose_name_no_record_can_hold(tmp_path: Path) -> None:
    call: list[str | bytes] = ["convert", str(STREET), b"y\xff.ndjson", "--to-masks", "files"]
    done = run(tmp_path, *call)
    assert done.returncode == 2
    assert r"the masks' address 'y\udcff_masks/' holds bytes that are no UTF-8, which no record can hold" in done.stderr
    assert run(tmp_path, *call, "--to-mask-uri", "https://x/").returncode == 0
    assert run(tmp_path, "convert", str(STREET), "a.ndjson", "--to-global-key", b"\xff{name}").returncode == 2


def test_labels_of_the_command_line_that_are_no_text(tmp_path: Path) -> None:
    done = run(tmp_path, "labelmap", "--from-names", b"a\xff,b")
    assert done.returncode == 2 and r"--from-names 'a\udcff,b' holds bytes that are no UTF-8" in done.stderr
    for flag in ("--only", "--name"):
        done = run(tmp_path, "convert", str(STREET), "o.mcv", flag, b"a\xff")
        assert done.returncode == 2 and rf"{flag} 'a\udcff' holds bytes that are no UTF-8" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_locale_without_utf_8(tmp_path: Path) -> None:
    """What is no path is UTF-8 whatever the locale says."""
    done = run(tmp_path, "labelmap", "--from-names", "straße,b", env=C_LOCALE)
    assert done.returncode == 0 and "straße:" in done.stdout
    done = run(tmp_path, "convert", str(STREET), "out.ndjson", "--name", "straße/{name}", env=C_LOCALE)
    assert done.returncode == 0, done.stderr
    rows = map(json.loads, (tmp_path / "out.ndjson").read_text("utf-8").splitlines())
    assert {row["dataRow"]["globalKey"].split("/")[0] for row in rows} == {"straße"}
    done = run(tmp_path, "convert", str(STREET), "straße.ndjson", "--to-masks", "files", env=C_LOCALE)
    assert done.returncode == 2 and "is UTF-8, which this locale is not (with LC_ALL=C.UTF-8" in done.stderr


# -- calls that cannot be right --------------------------------------------------------------------------------------


@pytest.mark.parametrize("only", ["", ",", " , "])
def test_only_without_a_label(tmp_path: Path, only: str) -> None:
    done = run(tmp_path, "convert", str(STREET), "o.mcv", "--only", only)
    assert done.returncode == 2 and "--only names no label" in done.stderr and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_template(tmp_path: Path, name: str) -> None:
    done = run(tmp_path, "convert", str(STREET), "o.mcv", "--name", name)
    assert done.returncode == 2 and "name is an empty template" in done.stderr and not list(tmp_path.iterdir())


def test_one_label_is_no_list_of_letters(tmp_path: Path) -> None:
    for number, only in enumerate(["car", ["car"], ("car", "road")]):
        maskconv.convert(STREET, tmp_path / f"{number}.mcv", only=only)
    assert (tmp_path / "0.mcv").read_bytes() == (tmp_path / "1.mcv").read_bytes()
    assert maskconv.info(tmp_path / "2.mcv")["labels"].keys() == {"road", "car"}


@pytest.mark.parametrize("jobs", [0, -1, None, "2", 2.0, True])
def test_jobs_that_are_no_number_of_workers(tmp_path: Path, jobs: Any) -> None:
    with pytest.raises(UsageError, match="jobs is a number of workers, 1 or more, not"):
        maskconv.convert(STREET, tmp_path / "o.mcv", jobs=jobs)


@pytest.mark.parametrize(
    "args",
    [
        ["convert", "", "o.mcv"],
        ["convert", "a.zip", "", "--to", "mcv"],
        ["convert", "a.zip", "", "o.mcv"],
        ["convert", "a.zip", "o.mcv", "--labels", ""],
        ["convert", "a.zip", "o.mcv", "--fetch", "--cache", ""],
        ["validate", ""],
        ["info", ""],
        ["labelmap", ""],
        ["labelmap", "", "--fix"],
        ["labelmap", "--from-names", "a,b", "-o", ""],
    ],
)
def test_an_empty_path_is_not_this_folder(tmp_path: Path, args: list[str]) -> None:
    os.link(STREET, tmp_path / "a.zip")
    done = run(tmp_path, *args)
    assert done.returncode == 2 and "is empty; name a file or a folder" in done.stderr, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_a_writer_without_an_image(tmp_path: Path) -> None:
    told = "nothing was written: the writer was given no image; write one"
    with pytest.raises(ConversionError, match=told), maskconv.open_writer(tmp_path / "o.mcv", CARS):
        pass
    with (
        pytest.raises(ConversionError, match="none of the images given can be") as caught,
        maskconv.open_writer(tmp_path / "o.zip", CARS) as writer,
        pytest.raises(DataError),
    ):
        writer.write(image("a").replace(width=None, height=None))
    assert "--on-error" not in str(caught.value) and caught.value.report.failed
    with pytest.raises(UsageError, match="the path of the target is empty"), maskconv.open_writer("", CARS):
        pass
    assert not list(tmp_path.iterdir())


# -- pipes and devices -----------------------------------------------------------------------------------------------


def test_pipes_are_read(tmp_path: Path) -> None:
    """As the shell's <(...) and /dev/stdin are."""
    maskconv.convert(STREET, tmp_path / "s.ndjson", on_loss="ignore")
    os.mkfifo(tmp_path / "pipe")
    for suffix, words in ((".ndjson", ("validate", "info")), (".zip", ("info",))):
        path = STREET if suffix == ".zip" else tmp_path / "s.ndjson"
        for word in words:
            told = run(tmp_path, word, str(path)).stdout.replace(str(path), "pipe")
            with subprocess.Popen(["cp", str(path), str(tmp_path / "pipe")]):
                done = run(tmp_path, word, "pipe")
            assert done.stdout == told
    with subprocess.Popen(["cat", str(tmp_path / "s.ndjson")], stdout=subprocess.PIPE) as cat:
        done = run(tmp_path, "convert", "/dev/stdin", "o.mcv", stdin=cat.stdout)
    assert done.returncode == 0, done.stderr
    maskconv.convert(tmp_path / "s.ndjson", tmp_path / "direct.mcv")
    assert (tmp_path / "o.mcv").read_bytes() == (tmp_path / "direct.mcv").read_bytes()


def test_what_is_neither_file_folder_nor_pipe(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
    with pytest.raises(SourceError, match="is a pipe or a device, and not read here; save it to a file"):
        maskconv.validate(tmp_path / "socket")


# -- standard output, and Ctrl-C -------------------------------------------------------------------------------------


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """A device of our own that is full, as /dev/full."""
    try:
        os.mknod(tmp_path / "full", 0o666 | stat.S_IFCHR, os.makedev(1, 7))
        with open(tmp_path / "full", "wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            file.write(b"x")
    except OSError:
        pytest.skip("no device can be made here")
    return tmp_path / "full"


@pytest.mark.parametrize(
    "args",
    [
        ["info", "a.zip"],
        ["info", "a.zip", "--json"],
        ["validate", "a.zip"],
        ["validate", "a.zip", "--json"],
        ["formats"],
        ["formats", "--json"],
        ["formats", "mcv"],
        ["labelmap", "--from-names", "a,b"],
        ["convert", "a.zip", "-", "--to", "mcv"],
        ["convert", "a.zip", "o.mcv"],
        ["info", "none", "--json"],
        ["--help"],
    ],
)
def test_standard_output_that_is_full(tmp_path: Path, full: Path, args: list[str]) -> None:
    os.link(STREET, tmp_path / "a.zip")
    with open(full, "wb", buffering=0) as file:
        done = run(tmp_path, *args, stdout=file)
    assert done.returncode == 1
    (told,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    missing = "none: there is no such file" in told
    assert missing == (args[1:2] == ["none"]) and (missing or "(No space left on device)" in told)


def test_ctrl_c_before_the_run_begins(tmp_path: Path) -> None:
    """While click is being imported: a module of that name that waits stands for the moment."""
    (tmp_path / "click.py").write_text("print('now', flush=True)\nimport time\ntime.sleep(60)\n")
    call = [sys.executable, "-m", "maskconv", "formats"]
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(call, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"now\n"
        running.send_signal(signal.SIGINT)
        err = running.communicate()[1]
    assert (running.returncode, err) == (130, b"error: stopped by Ctrl-C; nothing was written\n")


# -- other people's formats ------------------------------------------------------------------------------------------


class Broken(mcv.McvWriter):
    """Fails where it is told to."""

    at = ""

    def plan(self, *args: Any) -> LabelMap:
        self._fail("plan")
        return super().plan(*args)

    def encode(self, *args: Any) -> Piece:
        self._fail("encode")
        return super().encode(*args)

    def begin(self, *args: Any) -> None:
        self._fail("begin")
        super().begin(*args)

    def append(self, *args: Any) -> None:
        self._fail("append")
        super().append(*args)

    def finish(self, *args: Any) -> None:
        self._fail("finish")
        super().finish(*args)

    def _fail(self, at: str) -> None:
        if self.at == at:
            raise KeyError(at)


class BrokenReader(mcv.McvReader):
    """The same."""

    at = ""

    def open(self) -> None:
        Broken._fail(self, "open")  # type: ignore[arg-type]
        super().open()

    def head(self, *args: Any) -> Any:
        Broken._fail(self, "head")  # type: ignore[arg-type]
        return super().head(*args)

    def units(self, *args: Any) -> Any:
        Broken._fail(self, "units")  # type: ignore[arg-type]
        yield from super().units(*args)

    def decode(self, *args: Any) -> Any:
        Broken._fail(self, "decode")  # type: ignore[arg-type]
        yield from super().decode(*args)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("at", ["plan", "encode", "begin", "append", "finish", "open", "head", "units", "decode"])
def test_what_a_plugin_raises_is_the_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, jobs: int
) -> None:
    toy = Format("toy", "Toy", (".toy",), sniff=lambda probe: False, reader=BrokenReader, writer=Broken)
    monkeypatch.setattr(registry, "_plugins", lambda: {"toy": toy})
    with maskconv.open_writer(tmp_path / "in.mcv", CARS) as writer:
        writer.write(image("street/1"))
    monkeypatch.setattr(Broken, "at", at)
    monkeypatch.setattr(BrokenReader, "at", at)
    with pytest.raises(MaskconvError, match=f"the format plugin 'toy' .* failed.* with KeyError: '{at}'") as caught:
        maskconv.convert(tmp_path / "in.mcv", tmp_path / "out.toy", from_="toy", jobs=jobs)
    assert caught.value.code == "plugin-failed" and "author" in caught.value.fix
    if at in ("encode", "append"):
        assert caught.value.where is not None and caught.value.where.image == "street/1"
    assert [path.name for path in tmp_path.iterdir()] == ["in.mcv"]
