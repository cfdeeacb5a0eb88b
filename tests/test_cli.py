"""The command line: what it takes, what it shows, how it ends."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pytest

import maskconv
from maskconv import cli, registry
from maskconv.finding import Finding, Weight, Where
from maskconv.model import AnnotatedImage, Annotation, Feature, Label, LabelMap, Mask
from maskconv.options import Options
from maskconv.plugin import Format, Piece, Writer, loss


class ToyOptions(Options):
    word: str = "hey"


class ToyWriter(Writer[None]):
    """Holds names and nothing else."""

    Options = ToyOptions

    def keeps(self):
        return frozenset(Feature) - {Feature.SCORES, Feature.LABEL_COLORS}

    def plan(self, labels, target, note):
        return None

    def encode(self, image, plan, note):
        note(loss(Feature.HOLES, 7, Where(image=image.name), message="a hole was filled", fix="use another\x1b[31m"))
        return Piece(f"{self.options.word} {image.name}\n".encode(), instances=len(image.annotations))

    def begin(self, stage, plan):
        self.stage = stage

    def append(self, piece, note):
        self.stage.write(piece.rows)

    def next_steps(self):
        return ("Import it.",)


TOY = Format("toy", "a toy \x1b[2J", (".toy",), sniff=lambda probe: False, writer=ToyWriter)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_plugins", lambda: {"toy": TOY})
    monkeypatch.delenv("COLUMNS", raising=False)
    write_source(tmp_path / "a.mcv")
    return tmp_path


def write_source(path, images=3, size=(48, 64), name="street {}"):
    pixels = np.zeros(size, bool)
    pixels[2:9, 3:20] = True
    mask = Mask.from_array(pixels)
    labels = LabelMap(labels=[Label(name="car", color=(128, 0, 0)), Label(name="Straße")])
    with maskconv.open_writer(path, labels) as writer:
        for number in range(images):
            one = Annotation(label="car", shape=mask, score=0.5)
            writer.write(AnnotatedImage(name=name.format(number), width=64, height=48, annotations=(one,)))


def break_lines(path, *numbers, text='{"name": '):
    lines = path.read_text().splitlines()
    for number in numbers:
        lines[number - 1] = text
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def run(capfd):
    def run(*args):
        with pytest.raises(SystemExit) as ending:
            cli.main(list(args))
        out, err = capfd.readouterr()
        return ending.value.code, out, err

    return run


# Options of formats.


def test_format_options_are_taken_before_click_sees_them():
    args = ["convert", "a", "--to-mask-uri", "x y", "--from-subset=train=1", "b", "--to", "toy", "--from", "mcv"]
    rest, given = cli.take_options(args)
    assert rest == ["convert", "a", "b", "--to", "toy", "--from", "mcv"]
    assert given == {"from": {"subset": "train=1"}, "to": {"mask_uri": "x y"}}


def test_what_follows_two_dashes_is_a_path():
    assert cli.take_options(["convert", "--", "--to-x", "b"]) == (
        ["convert", "--", "--to-x", "b"],
        {"from": {}, "to": {}},
    )


def test_info_has_no_target_options():
    assert cli.take_options(["info", "a", "--to-x", "1"])[0] == ["info", "a", "--to-x", "1"]


def test_target_options_of_a_check_need_a_target(here, run):
    status, _, err = run("validate", "a.mcv", "--to-png", "rgb")
    assert status == 2
    assert "--to-X are options of a target: say which, --for FORMAT" in err
    status, out, _ = run("validate", "a.mcv", "--for", "cvat-mask", "--to-png", "palette")
    assert status == 1
    assert "[scores-dropped]" in out


@pytest.mark.parametrize("tail", [["--to-x"], ["--to-x", "--overwrite"], ["--to-x", "1", "--to-x=2"]])
def test_a_wrong_option_line_is_refused(tail):
    with pytest.raises(click.UsageError):
        cli.take_options(["convert", "a", "b", *tail])


def test_a_dash_and_an_empty_text_are_values():
    assert cli.take_options(["convert", "--to-x", "-", "--to-y="])[1]["to"] == {"x": "-", "y": ""}


def test_an_option_reaches_the_writer(run, here):
    assert run("convert", "a.mcv", "b.toy", "--to-word", "ho")[0] == 0
    assert (here / "b.toy").read_text().splitlines()[0] == "ho street 0"


@pytest.mark.parametrize("name", ["wrod", "Word", ""])
def test_an_unknown_option_lists_the_known(run, here, name):
    status, out, err = run("convert", "a.mcv", "b.toy", f"--to-{name}=1")
    assert (status, out) == (2, "")
    assert "--to-word" in err and err.count("\n") == 1
    assert sorted(p.name for p in here.iterdir()) == ["a.mcv"]


# Endings.


@pytest.mark.parametrize(
    "args",
    [
        ["frobnicate"],
        ["convert", "a.mcv"],
        ["convert", "a.mcv", "a.mcv", "b.mcv"],
        ["convert", "a.mcv", "b.mcv", "--only", "cra"],
        ["convert", "a.mcv", "b.mcv", "--name", "{nmae}"],
        ["convert"],
        ["convert", "a.mcv", "b.mcv", "--jobs", "0"],
        ["convert", "a.mcv", "b.mcv", "--on-loss", "maybe"],
        ["convert", "a.mcv", "b.mcv", "--frob"],
        ["convert", "a.mcv", "b.mcv", "--to-x"],
        ["convert", "a.mcv", "b.mcv", "--to", "nope"],
        ["convert", "a.mcv", "b.mcv", "--from", "nope"],
        ["convert", "a.mcv", "-", "--to", "mcv", "--json"],
        ["convert", "a.mcv", "b.mcv", "--report", "-"],
        ["convert", "a.mcv", "b.mcv", "--report", "b.mcv"],
        ["validate", "a.mcv", "--from-x", "1"],
        ["validate", "a.mcv", "--to-x", "1"],
        ["formats", "nope"],
        ["info", "a.mcv", "--from-x", "1"],
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_command_line_errors_are_one_sentence_and_status_2(run, here, args, as_json):
    status, out, err = run(*args, *(["--json"] if as_json and "--json" not in args else []))
    assert status == 2
    assert [p.name for p in here.iterdir()] == ["a.mcv"]
    if as_json or "--json" in args:
        found = json.loads(out)
        assert (found["ok"], err) == (False, "")
        assert found["error"]["message"]
    else:
        assert out == "" and err.startswith("error: ") and err.count("\n") == 1 and "Traceback" not in err


@pytest.mark.parametrize(
    "args",
    [
        ["convert", "nope", "b.mcv"],
        ["convert", "a.mcv", "a.mcv"],
        ["convert", "a.mcv", "b.mcv", "--report", "no/where.jsonl"],
        ["convert", "a.mcv", "b.mcv", "--report", "a.mcv/x"],
        ["convert", "a.mcv", "no/where.mcv"],
        ["convert", "a.mcv", "b.unknown"],
        ["validate", "nope"],
        ["info", "nope"],
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_errors_of_the_data_are_one_sentence_and_status_1(run, here, args, as_json):
    status, out, err = run(*args, *(["--json"] if as_json else []))
    assert status == (2 if "a.mcv/x" in args else 1)
    assert [p.name for p in here.iterdir()] == ["a.mcv"]
    if as_json:
        assert json.loads(out)["error"]["fix"] and err == ""
    else:
        assert out == "" and err.startswith("error: ") and err.count("\n") == 1


def test_an_unexpected_exception_is_a_sentence_and_a_traceback_only_under_debug(run, monkeypatch):
    monkeypatch.setattr("maskconv.driver.convert", lambda *args, **named: 1 / 0)
    status, _, err = run("convert", "a.mcv", "b.mcv")
    assert status == 1
    assert err.startswith("error: internal error: ZeroDivisionError") and "--debug" in err and "Traceback" not in err
    assert "Traceback" in run("convert", "a.mcv", "b.mcv", "--debug")[2]
    assert "Traceback" not in run("convert", "a.mcv", "b.mcv", "--json")[2]


def test_all_errors_are_listed_and_nothing_is_written(run, here):
    break_lines(here / "a.mcv", 2, 4)
    status, out, err = run("convert", "a.mcv", "b.mcv")
    assert (status, out) == (1, "")
    assert "a.mcv:2" in err and "a.mcv:4" in err and err.splitlines()[-1].startswith("error: nothing was written")
    assert [p.name for p in here.iterdir()] == ["a.mcv"]


def shapes_of(*keys):
    triangle = [{"x": x, "y": y} for x, y in ((1, 1), (9, 1), (9, 9))]
    records = [{"name": "car", "dataRow": {"globalKey": key}, "polygon": triangle} for key in keys]
    return "".join(f"{json.dumps(record)}\n" for record in records)


def test_what_explains_an_error_is_shown_beside_it(run, here):
    """Pictures that are missing where they are looked for: of the very images that lack a size, and of no others."""
    from PIL import Image

    (here / "pictures").mkdir()
    Image.new("RGB", (12, 12)).save(here / "pictures" / "there.png")
    (here / "in.ndjson").write_text(shapes_of("there.png", "x/gone.png", "lost.png"))
    command = ("convert", "in.ndjson", "out.zip", "--from", "labelbox-ndjson", "--from-images", "pictures")
    for more in ((), ("--name", "{source}/{name}")):
        status, _, err = run(*command, *more)
        assert status == 1
        told = [line for line in err.splitlines() if line.startswith("warning")]
        assert len(told) == 1
        assert re.match(r"warning +labelbox-picture-missing +2x +2 images +pictures holds no readable picture", told[0])
        assert "labelbox-uuid-missing" not in err and "polygons-painted" not in err
        assert err.splitlines()[-1].startswith("error: nothing was written: the source has 2 errors")
    assert "picture-missing" not in run(*command, "--quiet")[2]


def test_what_explains_that_there_is_no_image_is_shown(run, here):
    row = {"dataRow": {"globalKey": "a.png"}, "name": "a", "answer": "x"}
    (here / "in.ndjson").write_text(f"{json.dumps(row)}\n" * 3)
    status, _, err = run("convert", "in.ndjson", "out.zip", "--from", "labelbox-ndjson")
    lines = err.splitlines()
    assert status == 1
    assert lines[0].startswith("error  source-empty")
    assert (
        re.match(r"data +labelbox-no-segmentation +3x", lines[2])
        and "a classification of the whole data row" in lines[2]
    )
    assert lines[3] == "error: nothing was written: the source has 1 error; mend it"


def test_the_causes_that_are_shown_are_few(here):
    from maskconv import face
    from maskconv.finding import Report
    from maskconv.layout import Look

    report = Report(images=1)
    report.add(Finding("wrong", Weight.ERROR, "it is wrong", Where(image="a")))
    for number in range(9):
        for name in ("b", "a", "a", "ba"):
            report.add(Finding(f"odd-{number}", Weight.WARNING, f"{name} is odd", Where(image=name), 2, "pixels"))
    report.add(Finding("fine", Weight.INFO, "a is fine", Where(image="a")))
    report.add(loss(Feature.HOLES, 7, Where(image="a")))  # what the target does not hold explains nothing
    shown = {"weights": ("error",), "listed": ("error",)}
    lines = list(face.finding_lines(report, Look(None, False), causes=True, **shown))
    assert len(lines) == 6
    assert all(re.match(rf"warning +odd-{n} +2x +4 pixels +a is odd", line) for n, line in enumerate(lines[1:]))
    assert list(face.finding_lines(report, Look(None, False), **shown)) == ["error  wrong  1x    image a: it is wrong"]
    placed = Report(images=1)
    placed.add(Finding("wrong", Weight.ERROR, "it is wrong", Where("a.ndjson", line=3, image="a")))
    placed.add(Finding("odd", Weight.WARNING, "a is odd", Where(image="a")))
    assert len(list(face.finding_lines(placed, Look(None, False), causes=True, **shown))) == 1


def test_nothing_that_could_be_left_out_is_offered(run, here):
    """With --on-error skip there is no other way."""
    break_lines(here / "a.mcv", *range(2, len((here / "a.mcv").read_text().splitlines()) + 1))
    status, _, err = run("convert", "a.mcv", "b.mcv", "--on-error", "skip")
    last = err.splitlines()[-1]
    assert status == 1 and last.startswith("error: nothing was written: the source has ")
    assert last.endswith(" errors, and nothing is left without what they hit; mend them")


def test_examples_end_after_twenty(run, here):
    write_source(here / "many.mcv", 30)
    break_lines(here / "many.mcv", *range(2, 32), text="{}")
    err = run("convert", "many.mcv", "b.mcv")[2]
    assert "many.mcv:21" in err and "many.mcv:22" not in err and "... and 10 more" in err
    assert err.count("fix:") == 1


def test_skip_writes_the_rest_and_exits_1(run, here):
    break_lines(here / "a.mcv", 3)
    status, out, err = run("convert", "a.mcv", "b.mcv", "--on-error", "skip")
    assert status == 1
    assert "a.mcv (mcv) -> b.mcv (mcv): 2 of 3 images, 2 instances" in out and "a.mcv:3" in err
    assert len((here / "b.mcv").read_text().splitlines()) == 3


def test_forbidden_loss_leaves_no_target(run, here):
    status, out, err = run("convert", "a.mcv", "b.toy", "--on-loss", "fail")
    assert (status, out) == (1, "")
    assert "scores-dropped" in err and "holes-filled" in err and "label-colors" not in err
    assert not (here / "b.toy").exists()


# What is shown.


def test_the_closing_of_a_conversion(run):
    status, out, err = run("convert", "a.mcv", "b.toy")
    assert status == 0
    lines = out.splitlines()
    assert lines[0].startswith("a.mcv (mcv) -> b.toy (toy): 3 images, 3 instances, ") and lines[1] == "next: Import it."
    codes = [line.split()[1] for line in err.splitlines() if not line.startswith(" ")]
    assert codes == ["scores-dropped", "holes-filled", "label-colors-dropped"]
    assert "3x  21 pixels" in err and "a hole was filled (first: image street 0)" in err and err.count("fix:") == 1


def test_nothing_from_the_data_steers_the_terminal(run):
    for args in (["formats"], ["formats", "toy"], ["convert", "a.mcv", "b.toy"], ["convert", "\x1b]0;x\x07", "b.toy"]):
        _, out, err = run(*args)
        assert "\x1b" not in out + err and "\x07" not in out + err
        assert "\\x1b" in out + err


def test_quiet_shows_lost_data_and_nothing_else(run):
    _, out, err = run("convert", "a.mcv", "b.toy", "--quiet")
    assert out == "" and "holes-filled" in err and "label-colors" not in err


def test_ignored_losses_are_not_shown(run):
    assert run("convert", "a.mcv", "b.toy", "--on-loss", "ignore")[2] == ""


def test_json_is_one_document(run):
    status, out, err = run("convert", "a.mcv", "b.toy", "--json")
    found = json.loads(out)
    assert (status, err, found["ok"], found["error"]) == (0, "", True, None)
    assert (found["source_format"], found["target_format"], found["instances_written"]) == ("mcv", "toy", 3)
    assert {c["code"] for c in found["codes"]} == {f["code"] for f in found["findings"]}
    assert found["next_steps"] == ["Import it."]


def test_json_of_a_failure_holds_the_findings(run, here):
    break_lines(here / "a.mcv", 2)
    status, out, _ = run("convert", "a.mcv", "b.toy", "--json")
    found = json.loads(out)
    assert (status, found["ok"], found["error"]["kind"]) == (1, False, "ConversionError")
    assert found["findings"][0]["where"] == {"path": "a.mcv", "line": 2}


def test_a_dry_run_writes_nothing(run, here):
    status, out, err = run("convert", "a.mcv", "b.toy", "--dry-run")
    assert status == 0 and re.search(r"; a dry run: it would write \d+ B\n$", out) and "holes-filled" in err
    assert json.loads(run("convert", "a.mcv", "b.toy", "--dry-run", "--json")[1])["dry_run"] is True
    assert [p.name for p in here.iterdir()] == ["a.mcv"]


def test_several_sources_become_one(run, here):
    write_source(here / "c.mcv", 2, name="other {}")
    (here / "map.csv").write_text("car,vehicle\n")
    status, out, _ = run("convert", "a.mcv", "c.mcv", "b.mcv", "--labels", "map.csv", "--name", "x/{name}")
    assert status == 0 and "a.mcv and 1 more (mcv) -> b.mcv (mcv): 5 images" in out
    assert json.loads(run("info", "b.mcv", "--json")[1])["labels"] == {"vehicle": 5, "Straße": 0}


def test_standard_output_takes_only_the_data(run, here):
    status, out, err = run("convert", "a.mcv", "-", "--to", "toy")
    assert status == 0
    assert out == "hey street 0\nhey street 1\nhey street 2\n"
    assert "3 images" in err and "Import it." in err


def test_a_report_streams_every_finding(run, here):
    write_source(here / "many.mcv", 30)
    for _ in range(2):  # an earlier report is replaced
        assert run("convert", "many.mcv", "b.toy", "--report", "r.jsonl", "--overwrite")[0] == 0
    *findings, last = map(json.loads, (here / "r.jsonl").read_text().splitlines())
    assert sum(f["code"] == "holes-filled" for f in findings) == 30
    assert last["summary"]["images"] == 30 and last["summary"]["ok"] is True


def test_a_report_replaces_no_other_file(run, here):
    before = (here / "a.mcv").read_bytes()
    write_source(here / "other.mcv")
    status, _, err = run("convert", "other.mcv", "b.toy", "--report", "a.mcv")
    assert status == 1 and "is no report" in err and not (here / "b.toy").exists()
    assert (here / "a.mcv").read_bytes() == before


def test_a_report_of_a_failure_says_so(run, here):
    break_lines(here / "a.mcv", 2)
    run("convert", "a.mcv", "b.toy", "--report", "r.jsonl")
    last = json.loads((here / "r.jsonl").read_text().splitlines()[-1])
    assert last["summary"]["ok"] is False and "nothing was written" in last["summary"]["error"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_the_report_is_a_sentence(run, here):
    status, _, err = run("convert", "a.mcv", "b.toy", "--report", "/dev/full")
    assert status == 1 and "the report cannot be written" in err and err.count("error:") == 1
    assert [p.name for p in here.iterdir()] == ["a.mcv"]


def test_validate_shows_lines_in_order_and_a_fix_once(run, here):
    break_lines(here / "a.mcv", 2, 4)
    status, out, err = run("validate", "a.mcv")
    lines = out.splitlines()
    assert (status, err, lines[0], lines[-1]) == (1, "", "a.mcv", "a.mcv: 2 errors")
    assert [line.split()[0] for line in lines[1:-1]] == ["2", "fix:", "4"]


def test_validate_of_a_fine_source(run):
    status, out, err = run("validate", "a.mcv")
    assert (status, err) == (0, "") and out.startswith("a.mcv: fine")


def test_validate_json(run, here):
    break_lines(here / "a.mcv", 3)
    status, out, _ = run("validate", "a.mcv", "--json")
    found = json.loads(out)
    assert (status, found["ok"], found["path"], found["format"]) == (1, False, "a.mcv", "mcv")
    assert [f["where"]["line"] for f in found["findings"]] == [3]


@pytest.mark.parametrize(
    ("weight", "status", "strict"), [("info", 0, 0), ("warning", 0, 1), ("data", 1, 1), ("error", 1, 1)]
)
def test_validate_judges_by_weight(run, monkeypatch, weight, status, strict):
    found = Finding("a-code", Weight(weight), "something", Where("a.odd", line=2))
    odd = Format("odd", "odd", (".odd",), lambda p: p.suffix == ".odd", check=lambda probe, note: note(found))
    monkeypatch.setattr(registry, "_plugins", lambda: {"odd": odd})
    Path("a.odd").touch()
    assert run("validate", "a.odd")[0] == status
    assert run("validate", "a.odd", "--strict")[0] == strict


WRONG_MAP = "background:0,0,0::\ncar:#ff0000::\nCar:0,0,142::\n"


def test_labelmap_json_of_what_is_mended(run, here):
    (here / "labelmap.txt").write_text(WRONG_MAP)
    status, out, err = run("labelmap", "labelmap.txt", "--fix", "--json")
    found = json.loads(out)
    assert list(found) == ["ok", "text", "changes", "left", "error"]
    assert (status, err, found["ok"], found["error"]) == (0, "", True, None)
    assert "car:255,0,0::" in found["text"].splitlines()
    assert {"line": 2, "old": "car:#ff0000::", "new": "car:255,0,0::"} in found["changes"]
    assert [(f["code"], f["where"]["line"]) for f in found["left"]] == [("labelmap-near-name", 4)]
    (here / "labelmap.txt").write_bytes(b"\0" * 99)
    status, out, err = run("labelmap", "labelmap.txt", "--fix", "--json")
    found = json.loads(out)
    assert (status, err, found["ok"], found["text"], found["changes"]) == (1, "", False, None, [])
    assert found["left"][0]["code"] == "labelmap-binary"


def test_labelmap_json_of_what_is_made(run, here):
    status, out, err = run("labelmap", "--from-names", "car", "--json", "-o", "map.txt")
    text = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncar:128,0,0::\n"
    assert json.loads(out) == {"ok": True, "text": text, "changes": [], "left": [], "error": None}
    assert (status, err, (here / "map.txt").read_text()) == (0, "", text)
    status, out, _ = run("labelmap", "map.txt", "--as", "cvat-json", "--json")
    car = {"name": "car", "color": "#800000", "type": "any", "attributes": []}
    assert json.loads(out) == {"ok": True, "document": [car], "changes": [], "left": [], "error": None}
    status, out, err = run("labelmap", "--from-names", "car", "--json", "-o", "map.txt")
    found = json.loads(out)
    assert (status, err, found["ok"], found["error"]["kind"]) == (1, "", False, "TargetExistsError")


@pytest.mark.parametrize("more", [[], ["--json"]])
@pytest.mark.parametrize("text", [WRONG_MAP, "background:0,0,0::\ncar:1,2,3::\n", None])
def test_a_label_map_alone_is_checked_as_validate_does(run, here, text, more):
    if text is not None:
        (here / "labelmap.txt").write_text(text)
    assert run("labelmap", "labelmap.txt", *more) == run("validate", "labelmap.txt", *more)


LIKELY = {
    "utf-16": WRONG_MAP.encode("utf-16"),
    "utf-16 without BOM": WRONG_MAP.encode("utf-16-le"),
    "utf-32": WRONG_MAP.encode("utf-32"),
    "CR": WRONG_MAP.replace("\n", "\r").encode(),
    "blank colours": b"background:::\ncar:::\n",
    "hex colours": b"background:#000000::\ncar:#ff0000::\n",
    "TensorFlow": b"item {\n  id: 1\n  name: 'car'\n}\n",
    "CamVid": b"0 0 0 background\n64 128 64 Animal\n",
}
UNLIKELY = {
    "empty": b"",
    "names": b"car\ntree\n",
    "YOLO's rows": b"0 0.1 0.2 0.3 0.4 0.5 0.6\n",
    "a log": b"12:30:45 it began: well\n12:30:46 it ended\n",
    "C++": b"std::vector<int> a;\nstd::map<int, int> b;\n",
    "pictures": b"a/b.jpg\nc.jpg\n",
}


@pytest.mark.parametrize("case", [*LIKELY, *UNLIKELY])
def test_a_label_map_of_any_name_is_checked(run, here, case):
    (here / "x.txt").write_bytes((LIKELY | UNLIKELY)[case])
    told = run("labelmap", "x.txt")
    (here / "labelmap.txt").write_bytes((LIKELY | UNLIKELY)[case])
    assert told == tuple(
        t if i == 0 else t.replace("labelmap.txt", "x.txt") for i, t in enumerate(run("labelmap", "labelmap.txt"))
    )
    found = run("validate", "x.txt")
    if case in LIKELY:
        assert found == told
    else:
        assert found[0] == 1 and "no format recognises this" in found[2] and " | labelmap | " in found[2]
        assert run("validate", "x.txt", "--from", "labelmap") == told


def test_a_label_map_may_come_from_standard_input(run, here, monkeypatch):
    def piped(*args):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"background:0,0,0::\ncar:1,2,3:\n")))
        return run("labelmap", "-", *args)

    status, out, _ = piped()
    assert status == 1 and "'car:1,2,3:' has 3 fields" in out and "standard input\n" in out
    status, out, err = piped("--fix")
    assert (status, out.splitlines()[-1]) == (0, "car:1,2,3::") and "car:1,2,3:" in err
    assert piped("--fix", "-o", "map.txt")[0] == 0 and (here / "map.txt").read_text() == out
    assert piped("--fix", "-o", "map.txt")[0] == 1, "it is there already"
    assert json.loads(piped("--as", "cvat-json")[1])[0]["name"] == "car"


def test_labelmap_tells_of_a_data_set_what_validate_tells(run, here):
    for name in ("a.mcv", "labels.mcv"):
        (here / name).write_bytes((here / "a.mcv").read_bytes())
        assert run("labelmap", name) == run("validate", name)


def test_info(run):
    status, out, _ = run("info", "a.mcv")
    assert status == 0
    assert out.splitlines() == [
        "a.mcv (mcv): 3 images, 3 instances",
        "sizes   64x48 (3)",
        "labels  car (3), Straße (0)",
    ]
    assert json.loads(run("info", "a.mcv", "--json")[1])["labels"] == {"car": 3, "Straße": 0}


def test_formats(run):
    status, out, _ = run("formats")
    assert status == 0 and all(name in out for name in registry.names())
    found = json.loads(run("formats", "--json")[1])
    assert {f["name"] for f in found["formats"]} == set(registry.names())
    toy = json.loads(run("formats", "toy", "--json")[1])
    assert toy["write_options"][0]["flag"] == "--to-word" and "scores" not in toy["keeps"]
    assert "scores (data)" in run("formats", "toy")[1]


def test_version_and_help(run):
    assert run("--version")[1] == f"maskconv {maskconv.__version__}\n"
    assert run()[0] == 2
    for command in cli.cli.commands:
        status, out, _ = run(command, "--help")
        assert status == 0 and "Usage: maskconv" in out


# A process of its own.


def maskconv_process(*args, **named):
    # a shell's background job ignores SIGINT, and children inherit that
    named = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | named
    fresh = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    preexec = {"preexec_fn": fresh} if os.name == "posix" else {}
    return subprocess.Popen([sys.executable, "-m", "maskconv", *args], **preexec, **named)


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_a_run_and_leaves_nothing(here, number, status):
    write_source(here / "big.mcv", 20000, name="item {:06}")
    before = sorted(p.name for p in here.iterdir())
    process = maskconv_process("convert", "big.mcv", "b.mcv", "--jobs", "2")
    while process.poll() is None and not (here / ".b.mcv.partial" / "main").exists():
        time.sleep(0.005)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (status, "")
    assert err.startswith("error: stopped by") and "nothing was written" in err and err.count("\n") == 1
    assert sorted(p.name for p in here.iterdir()) == before


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_stopped_run_can_be_resumed(here):
    write_source(here / "big.mcv", 1500, name="item {:06}")
    args = ("convert", "big.mcv", "b.zip", "--resume", "--jobs", "1", "--to", "cvat-mask")
    process = maskconv_process(*args)
    while process.poll() is None and not any(p.stat().st_size > 30_000 for p in here.glob(".b.zip.partial/journal*")):
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 143 and "--resume" in err and not (here / "b.zip").exists()
    process = maskconv_process(*args)
    process.communicate(timeout=300)
    assert process.returncode == 0
    process = maskconv_process("convert", "big.mcv", "whole.zip")
    process.communicate(timeout=300)
    assert (here / "b.zip").read_bytes() == (here / "whole.zip").read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="pipes")
def test_a_reader_that_leaves_is_no_bug(here):
    write_source(here / "labels.mcv", 1)
    process = maskconv_process("formats", "--json")
    process.stdout.close()
    err = process.stderr.read()
    process.wait(10)
    process.stderr.close()
    assert err == "" and process.returncode == 1


def terminal_output(args, env, columns):
    """What a real terminal of that width receives on stdout and stderr together."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    clean = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "COLUMNS"}}
    process = maskconv_process(*args, stdout=theirs, stderr=theirs, env=clean | {"TERM": "xterm-256color"} | env)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other side has closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    process.wait(10)
    return shown.decode()


@pytest.mark.skipif(os.name != "posix", reason="pseudo terminals")
@pytest.mark.parametrize("columns", [60, 80, 140])
def test_a_terminal_gets_colour_and_lines_that_fit(here, columns):
    break_lines(here / "a.mcv", 2, 4, text="{}")
    shown = terminal_output(["validate", "a.mcv"], {}, columns)
    assert "\x1b[31m\x1b[1merror" in shown
    text = click.unstyle(shown).replace("\r", "\n")  # what shows progress is overwritten
    assert max(map(len, text.splitlines())) <= columns
    assert "\x1b[3" not in terminal_output(["validate", "a.mcv"], {"NO_COLOR": "1"}, columns)


@pytest.mark.skipif(os.name != "posix", reason="pseudo terminals")
def test_a_terminal_sees_progress_and_a_pipe_does_not(here):
    write_source(here / "big.mcv", 5000, name="item {:06}")
    shown = terminal_output(["convert", "big.mcv", "b.mcv", "--jobs", "1"], {}, 80)
    assert "reading big.mcv" in shown and "images, " in shown and " a second" in shown
    narrow = click.unstyle(terminal_output(["convert", "big.mcv", "n.mcv", "--jobs", "1"], {}, 60)).replace("\r", "\n")
    told = [line for line in narrow.splitlines() if " images, " in line and "->" not in line]
    assert told and all(re.search(r", \d+ s( left)?$", line.rstrip()) for line in told), told
    quiet = terminal_output(["convert", "big.mcv", "c.mcv", "--quiet"], {}, 80)
    assert quiet == ""
    process = maskconv_process("convert", "big.mcv", "d.mcv")
    assert "reading" not in "".join(process.communicate(timeout=60))


@pytest.mark.parametrize(
    ("images", "seconds", "expected", "written", "says"),
    [
        (0, 0.0, None, 0, "0 images, 0 a second, 0 s"),
        (10, 2.0, None, 1_234_567, "10 images, 5 a second, 1.2 MB written, 2 s"),
        (1200, 4.0, 4000, 999, "1,200 of 4,000 images, 300 a second, 999 B written, 9 s left"),
        (1, 1.0, 11_000, 0, "1 of 11,000 images, 1 a second, 3 h 03 min left"),
        (10, 1.0, 1000, 5_000_000_000, "10 of 1,000 images, 10 a second, 5.0 GB written, 1 min 39 s left"),
        (12, 1.0, 10, 0, "12 images, 12 a second, 1 s"),
    ],
)
def test_what_a_person_who_waits_is_told(images, seconds, expected, written, says):
    from maskconv.face import under_way

    report = maskconv.Report(images_expected=expected, bytes_written=written)
    assert under_way("a.zip", images, seconds, report) == f"a.zip: {says}"


@pytest.mark.parametrize(
    ("source", "room", "says"),
    [
        ("a.zip", 80, "a.zip: 1,200 of 4,000 images, 300 a second, 48.1 MB written, 9 s left"),
        ("a.zip", 60, "a.zip: 1,200 of 4,000 images, 300 a second, 9 s left"),
        ("a.zip", 40, "a.zip: 1,200 of 4,000 images, 9 s left"),
        ("long/folder/of/exports.zip", 60, "…/exports.zip: 1,200 of 4,000 images, 300 a second, 9 s left"),
        (
            "long/folder/of/exports.zip",
            80,
            "…/of/exports.zip: 1,200 of 4,000 images, 300 a second, 48.1 MB written, 9 s left",
        ),
        ("年年年年年年年年年", 60, "…年年年年年年: 1,200 of 4,000 images, 300 a second, 9 s left"),
    ],
)
def test_what_a_person_who_waits_is_told_fits(source, room, says):
    from maskconv.face import under_way
    from maskconv.layout import cells

    report = maskconv.Report(images_expected=4000, bytes_written=48_100_000)
    assert under_way(source, 1200, 4.0, report, room) == says
    assert cells(says) <= room


@pytest.mark.parametrize("columns", [40, 60, 80, 103])
def test_the_list_of_formats_and_a_set_s_facts_fit_narrow_terminals(run, here, monkeypatch, columns):
    (here / "a rather long name.mcv").write_bytes((here / "a.mcv").read_bytes())
    monkeypatch.setenv("COLUMNS", str(columns))
    for args in (["formats"], ["info", "a rather long name.mcv"]):
        status, out, _ = run(*args)
        assert status == 0 and max(map(len, out.splitlines())) <= columns
    names = {line.split()[0] for line in run("formats")[1].partition("\n\n")[0].splitlines() if line[:1].islower()}
    assert names == set(maskconv.registry.names()), "each stands at the beginning of a line"


def test_a_hint_can_be_copied(run, here):
    (here / "we ird").mkdir()
    write_source(here / "we ird" / "[a].mcv", 3)
    break_lines(here / "we ird" / "[a].mcv", 3, text="{}")
    _, _, err = run("info", "we ird/[a].mcv")
    assert "see maskconv validate 'we ird/[a].mcv'" in err
    (here / "we ird" / "x.jpg").write_bytes(b"\xff\xd8\xff")
    _, _, err = run("convert", "we ird/x.jpg", "b.mcv")
    assert "maskconv predict 'we ird/x.jpg' TARGET" in err
