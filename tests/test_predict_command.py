"""The commands that are ``convert`` with one side fixed: predict and isolate."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click
import pytest

import maskconv
from maskconv import cli, registry
from maskconv.face import label_lines, under_way
from maskconv.layout import Look
from maskconv.testing import tree
from tests.places import FIXTURES

MODEL = FIXTURES / "yolo-model" / "tiny-seg.onnx"
PICTURES = FIXTURES / "yolo-model" / "pictures"
HEAVY = {"cv2", "PIL", "torch", "ultralytics", "onnxruntime", "shapely", "rich"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    return tmp_path


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Any:
    def run(*args: Any) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ending:
            cli.main([str(arg) for arg in args])
        out, err = capfd.readouterr()
        return ending.value.code, out, err

    return run


# -- what the flags are ----------------------------------------------------------------------------------------------


def command(name: str) -> tuple[click.Command, click.Context]:
    found = cli.cli.commands[name]
    root = click.Context(
        cli.cli, info_name="maskconv", **cli.cli.context_settings
    )  # help options are kept as first asked for
    return found, click.Context(found, root, name)


@pytest.mark.parametrize("face", registry.COMMANDS, ids=lambda face: face.name)
def test_help_lists_every_option_of_the_format_with_its_default(face: registry.Command) -> None:
    found, context = command(face.name)
    text = " ".join(found.get_help(context).split())
    fmt = registry.by_name(face.format)
    part = fmt.reader if face.side == "read" else fmt.writer
    for info in part.Options.describe():
        assert f" --{info.flag} " in text
        assert not info.default or f"[default: {info.default}]" in text
    assert f"Options of {face.format}:" in text and " --overwrite " in text


@pytest.mark.parametrize("face", registry.COMMANDS, ids=lambda face: face.name)
def test_no_two_options_have_one_flag(face: registry.Command) -> None:
    found, context = command(face.name)
    flags = Counter(flag for param in found.get_params(context) for flag in param.opts if flag.startswith("--"))
    assert set(flags.values()) == {1}


@pytest.mark.parametrize("face", registry.COMMANDS, ids=lambda face: face.name)
def test_they_have_all_of_convert_but_the_side_that_is_fixed(face: registry.Command) -> None:
    convert = {flag for param in cli.convert.params for flag in param.opts}
    own = {flag for param in cli.cli.commands[face.name].params for flag in param.opts}
    fixed = (
        {"--from", "--fetch", "--cache", "--allow-host"} if face.side == "read" else {"--to"}
    )  # a model fetches nothing
    assert convert - own == fixed and own <= convert


def test_the_formats_of_the_commands_exist() -> None:
    for face in registry.COMMANDS:
        fmt = registry.by_name(face.format)
        part = fmt.reader if face.side == "read" else fmt.writer
        assert part is not None and (not face.needs or face.needs in part.Options.model_fields)


@pytest.mark.parametrize("name", ["predict", "isolate"])
def test_help_loads_nothing_heavy(name: str) -> None:
    code = f"import sys\nfrom maskconv.cli import main\ntry: main([{name!r}, '--help'])\nexcept SystemExit: pass\n"
    code += "print('\\n' + ' '.join({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.splitlines()[-1].split()) & HEAVY


def test_help_of_all_commands_loads_no_format() -> None:
    code = "import sys\nfrom maskconv.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "assert 'maskconv.registry' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


# -- predict ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def model() -> Path:
    pytest.importorskip("onnxruntime")
    return MODEL


def test_predict_is_convert_with_a_model(run: Any, here: Path, model: Path) -> None:
    assert run("predict", PICTURES, "a.mcv", "--model", model, "--conf", "0.5", "--max-det=3")[0] == 0
    read = {"model": model, "conf": 0.5, "max_det": 3}
    maskconv.convert(PICTURES, "b.mcv", from_="yolo-model", read=read)
    assert (here / "a.mcv").read_bytes() == (here / "b.mcv").read_bytes()
    assert run("predict", PICTURES, "c.mcv", "--from-model", model, "--from-conf=0.5", "--max-det=3")[0] == 0
    assert (here / "a.mcv").read_bytes() == (here / "c.mcv").read_bytes()


def test_patterns_and_files_go_to_the_model_as_they_are(run: Any, model: Path) -> None:
    status, out, _ = run("predict", PICTURES / "s*.png", PICTURES / "wide.png", "a.mcv", "--model", model, "--json")
    assert status == 0 and json.loads(out)["images"] == 3


def test_options_of_the_target_are_there(run: Any, here: Path, model: Path) -> None:
    args = ("--to", "isolated", "--to-crop", "mask", "--only", "ring", "--jobs", "2")
    assert run("predict", PICTURES, "objects", "--model", model, *args)[0] == 0
    assert all("_ring-" in path.name for path in (here / "objects").rglob("*.png"))


def test_instances_are_counted_by_label(run: Any, here: Path, model: Path) -> None:
    status, out, _ = run("predict", PICTURES, "a.mcv", "--model", model)
    counted = Counter(maskconv.info("a.mcv")["labels"])
    shown = {name: int(count) for count, name in (line.split() for line in out.splitlines()[1:])}
    assert status == 0 and shown == dict(+counted) and list(shown.values()) == sorted(shown.values(), reverse=True)
    found = json.loads(run("predict", PICTURES, "b.mcv", "--model", model, "--json")[1])
    assert found["labels"] == shown and sum(shown.values()) == found["instances"]
    assert run("predict", PICTURES, "c.mcv", "--model", model, "--quiet")[1] == ""


def test_labels_are_counted_as_they_are_called_in_the_target(run: Any, here: Path, model: Path) -> None:
    (here / "map.csv").write_text("circle,round\nring,round\ntriangle,\n")
    args = ("predict", PICTURES, "a.mcv", "--model", model, "--labels", "map.csv", "--json")
    found = json.loads(run(*args)[1])
    expected = {name: n for name, n in maskconv.info("a.mcv")["labels"].items() if n}
    assert found["labels"] == expected and set(expected) == {"round", "rectangle"}


def test_a_resumed_run_counts_what_was_done_before(here: Path) -> None:
    labels = maskconv.LabelMap(labels=[maskconv.Label(name="car")])
    one = maskconv.Annotation(label="car", shape=maskconv.Box(x=1, y=1, width=2, height=2))
    with maskconv.open_writer("s.mcv", labels) as writer:
        for number in range(40):
            writer.write(maskconv.AnnotatedImage(name=str(number), width=9, height=9, annotations=(one, one)))
    assert writer.report.labels == {"car": 80}

    def stop(done: int) -> None:
        if done > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        maskconv.convert("s.mcv", "t.mcv", resume=True, progress=stop)
    assert maskconv.convert("s.mcv", "t.mcv", resume=True).labels == {"car": 80}


# -- isolate ---------------------------------------------------------------------------------------------------------


def test_isolate_is_convert_to_pictures(run: Any, here: Path) -> None:
    source, flags = (
        FIXTURES / "yolo-model" / "truth.mcv",
        ("--background", "transparent", "--crop", "mask", "--margin", 3),
    )
    assert run("isolate", source, "a", "--images", PICTURES, *flags)[0] == 0
    write = {"images": PICTURES, "background": "transparent", "crop": "mask", "margin": 3}
    maskconv.convert(source, "b", to="isolated", write=write)
    assert tree(here / "a") == tree(here / "b")


def test_full_is_a_crop_of_none(run: Any, here: Path) -> None:
    source = FIXTURES / "yolo-model" / "truth.mcv"
    for target, flags in (("a", ["--full"]), ("b", ["--crop", "none"]), ("c", [])):
        assert run("isolate", source, target, "--images", PICTURES, *flags)[0] == 0
    assert tree(here / "a") == tree(here / "b") == tree(here / "c")


def test_a_model_as_the_source_isolates_in_one_line(run: Any, here: Path, model: Path) -> None:
    assert run("isolate", PICTURES, "a", "--model", model, "--conf", "0.5", "--crop", "box")[0] == 0
    assert (
        run(
            "isolate", PICTURES, "b", "--from", "yolo-model", "--from-model", model, "--conf", "0.5", "--to-crop", "box"
        )[0]
        == 0
    )
    predict = ("--to", "isolated", "--model", model, "--conf", "0.5", "--to-crop", "box")
    assert run("predict", PICTURES, "c", *predict)[0] == 0
    assert tree(here / "a") == tree(here / "b") == tree(here / "c") != {}


@pytest.mark.parametrize("path", [PICTURES, PICTURES / "small.png"], ids=["folder", "picture"])
def test_pictures_without_a_model_are_told_the_command_that_was_meant(run: Any, here: Path, path: Path) -> None:
    status, out, err = run("isolate", path, "a")
    assert (status, out) == (
        1,
        "",
    ) and f"; to isolate by a model: maskconv isolate {path} TARGET --model WEIGHTS" in err
    assert "predict" not in err
    assert f"; to annotate pictures: maskconv predict {path} TARGET --model WEIGHTS" in run("convert", path, "a.mcv")[2]
    err = run("isolate", path, "a", "--from", "yolo-model")[2]
    assert err.endswith("name its weights: maskconv predict or isolate PICTURES TARGET --model best.pt\n")


def test_objects_of_a_damaged_picture_are_told(run: Any, here: Path) -> None:
    shutil.copytree(PICTURES, here / "pictures")
    damaged = here / "pictures" / "night" / "square.jpg"
    data = damaged.read_bytes()
    at = data.index(b"\xff\xda") + 1000
    damaged.write_bytes(data[:at] + bytes(1000) + data[at + 1000 :])
    source = FIXTURES / "yolo-model" / "truth.mcv"
    status, out, err = run("isolate", source, "a", "--images", "pictures", "--json")
    assert (status, err) == (0, "")
    (told,) = [finding for finding in json.loads(out)["findings"] if finding["weight"] == "warning"]
    assert (told["code"], told["unit"]) == ("isolated-picture-damaged", "instances")
    assert told["amount"] == len(list((here / "a" / "night").glob("square_*.png")))
    assert Path(told["where"]["path"]).name == "square.jpg" and told["where"]["image"] == "night/square"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["predict", "a", "b.mcv"], "--model is missing"),
        (["predict", "a", "b.mcv", "--conf", "1"], "--conf goes with --model, which is missing"),
        (["predict", "--model", "m.onnx"], "predict takes a source and a target; both are missing"),
        (["predict", "a", "--model", "m.onnx"], "after a the target is missing"),
        (["predict", "a", "b.mcv", "--model", "m.onnx", "--iou", "2"], "--iou does not take '2'"),
        (["predict", "a", "b.mcv", "--model", "m.onnx", "--from-iou", "2"], "--iou does not take '2'"),
        (
            ["predict", "a", "b.mcv", "--model", "m.onnx", "--from-conff", "2"],
            "no option --conff to read with (did you",
        ),
        (["predict", "a", "b.mcv", "--model", "m.onnx", "--from-model", "n"], "--model and another option both say"),
        (["predict", "a", "b.mcv", "--model", "m.onnx", "--from", "mcv"], "no such option '--from'"),
        (["isolate", "a", "b", "--to", "mcv"], "no such option '--to'"),
        (["isolate", "a", "b", "--crop", "half"], "'half' is not one of 'none', 'mask', 'box'"),
        (["isolate", "a", "b", "--crop", "box", "--full"], "--full and another option both say what crop is"),
        (["isolate", "a", "b", "--crop", "box", "--to-crop", "box"], "--crop and another option both say what crop is"),
        (["isolate", "a", "b", "--margin", "1"], "a margin needs a crop"),
        (["isolate", "a", "b", "--max-det", "1"], "--max-det goes with --model, which is missing"),
        (["isolate", "a", "b", "--model", "m.onnx", "--from", "mcv"], "--model means --from yolo-model, not mcv"),
    ],
)
def test_command_line_errors_are_one_sentence_and_status_2(run: Any, here: Path, args: list[str], says: str) -> None:
    before = tree(here)
    status, out, err = run(*args)
    assert (status, out) == (2, "") and err.startswith("error: ") and err.count("\n") == 1 and says in err
    found = json.loads(run(*args, "--json")[1])
    assert found["ok"] is False and says in found["error"]["message"]
    assert tree(here) == before


def test_pictures_do_not_go_to_standard_output(run: Any) -> None:
    status, out, err = run("isolate", FIXTURES / "yolo-model" / "truth.mcv", "-", "--images", PICTURES)
    assert (status, out) == (2, "") and "isolated is a folder and cannot go to standard output" in err


# -- what is shown ---------------------------------------------------------------------------------------------------


def test_the_commonest_label_comes_first() -> None:
    lines = list(label_lines({"b": 5, "a": 5, "car \x1b[2J": 1204}, Look()))
    assert lines == ["  1,204  car \\x1b[2J", "      5  a", "      5  b"]
    assert list(label_lines({}, Look())) == []


def test_of_many_labels_twenty_are_shown() -> None:
    lines = list(label_lines({f"class {n:02}": 100 - n for n in range(30)}, Look()))
    assert len(lines) == 21 and lines[-1] == "  ... and 755 instances of 10 more labels"


def test_a_slow_rate_is_told_with_its_fraction() -> None:
    assert under_way("a", 3, 8.0, None) == "a: 3 images, 0.38 a second, 8 s"
    assert under_way("a", 99, 10.0, None) == "a: 99 images, 10 a second, 10 s"
    assert under_way("a", 5, 1.0, None) == "a: 5 images, 5 a second, 1 s"
