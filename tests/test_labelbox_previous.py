"""labelbox-ndjson, what of an earlier import stays in Labelbox: ``previous``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid

import orjson
import pytest

import maskconv
from maskconv import AnnotatedImage, Annotation, Label, LabelMap, Mask, OptionError, Report, open_writer
from maskconv.finding import Weight

LABELS = LabelMap(labels=[Label(name="car"), Label(name="dog")])
DOT = Mask(width=4, height=4, starts=[5], lengths=[2])


def image(name, *instances):
    """Instances are (label, id)."""
    annotations = tuple(Annotation(label=label, shape=DOT, id=number) for label, number in instances)
    return AnnotatedImage(name=name, width=4, height=4, annotations=annotations)


def write(path, *images, note=None, **options):
    """The Findings about an earlier import, all of them."""
    found = []
    report = Report(sink=found.append)
    source = path.with_suffix(".mcv")
    with open_writer(source, LABELS, overwrite=True) as writer:
        for one in images:
            writer.write(one)
    maskconv.convert(source, path, write=options, overwrite=True, report=report)
    return [f for f in found if f.code in ("labelbox-orphan", "labelbox-overrides") or "previous" in f.code]


def records(path):
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


OLD = [image("a", ("car", 1), ("dog", 2)), image("b", ("car", 1)), image("c", ("car", 1))]
NEW = [image("a", ("car", 1), ("dog", 3)), image("c", ("car", 1)), image("d", ("car", 1))]


@pytest.mark.parametrize("new", [{}, {"max_records": 1}, {"masks": "files"}])
def test_orphans(tmp_path, new):
    old = tmp_path / "old.ndjson"
    assert write(old, *OLD) == []
    overrides, *orphans = write(tmp_path / "new.ndjson", *NEW, previous=old, **new)
    assert (overrides.code, overrides.weight, overrides.amount) == ("labelbox-overrides", Weight.INFO, 2)
    assert overrides.message == ("2 of the 4 records of the earlier import are overridden, 2 records stay, 2 are new")
    dog, car = records(old)[1]["uuid"], records(old)[2]["uuid"]
    end = "is not in the new file and stays in Labelbox; delete it there if it is gone: an import does not"
    assert [str(f) for f in orphans] == [
        f"{old}:2: 'dog' {dog} on the data row 'a' {end}",
        f"{old}:3: 'car' {car} on the data row 'b' {end}",
    ]
    assert {(f.weight, f.amount, f.unit) for f in orphans} == {(Weight.WARNING, 1, "records")}


def test_the_target_itself_may_be_the_earlier_import(tmp_path):
    write(tmp_path / "out.ndjson", *OLD)
    found = write(tmp_path / "out.ndjson", *NEW, previous=tmp_path / "out.ndjson")
    assert [f.code for f in found] == ["labelbox-overrides", "labelbox-orphan", "labelbox-orphan"]
    (same,) = write(tmp_path / "out.ndjson", *NEW, previous=tmp_path / "out.ndjson")
    assert same.message == "4 of the 4 records of the earlier import are overridden, 0 records stay, 0 are new"


@pytest.mark.parametrize("how", ["pattern", "the name of all", "one part"])
def test_an_earlier_import_in_parts(tmp_path, how):
    write(tmp_path / "old.ndjson", *OLD, max_records=1)
    name = {"pattern": "old-*.ndjson", "the name of all": "old.ndjson", "one part": "old-0002.ndjson"}[how]
    overrides, *orphans = write(tmp_path / "new.ndjson", *NEW, previous=tmp_path / name)
    places = [(os.path.basename(f.where.path), f.where.line) for f in orphans]
    if how == "one part":
        assert places == [("old-0002.ndjson", 1)]
    else:
        assert places == [("old-0001.ndjson", 2), ("old-0002.ndjson", 1)] and overrides.amount == 2


def test_another_row_is_another_record(tmp_path):
    """Labelbox overrides a uuid on the same data row only."""
    own = str(uuid.UUID(int=7))
    write(tmp_path / "old.ndjson", image("a", ("car", own)))
    overrides, orphan = write(tmp_path / "new.ndjson", image("b", ("car", own)), previous=tmp_path / "old.ndjson")
    assert overrides.amount == 0 and own in orphan.message


def test_spellings_forms_and_repetitions(tmp_path):
    """Any spelling of a uuid, any form of a file; what is in it twice is one."""
    write(tmp_path / "new.ndjson", *NEW)
    lines = records(tmp_path / "new.ndjson")
    for record in lines:
        record["uuid"] = "{" + record["uuid"].upper().replace("-", "") + "}"
    (tmp_path / "old.json").write_text(json.dumps([*lines, *lines], indent=1))
    (found,) = write(tmp_path / "new.ndjson", *NEW, previous=tmp_path / "old.json")
    assert found.message.startswith("4 of the 4 records of the earlier import are overridden, 0 records stay")
    gone = lines[0] | {"uuid": str(uuid.UUID(int=1))}
    (tmp_path / "old.json").write_text("".join(map(json.dumps, [gone, gone, *lines])))
    _, orphan = write(tmp_path / "new.ndjson", *NEW, previous=tmp_path / "old.json")
    assert str(uuid.UUID(int=1)) in orphan.message


def test_other_kinds_of_records_stay_as_well(tmp_path):
    record = {"uuid": str(uuid.UUID(int=1)), "dataRow": {"globalKey": "a"}, "schemaId": "s" * 25, "answer": "x"}
    (tmp_path / "old.ndjson").write_bytes(orjson.dumps(record))
    _, orphan = write(tmp_path / "new.ndjson", *NEW, previous=tmp_path / "old.ndjson")
    assert orphan.message.startswith(f"'{'s' * 25}' {uuid.UUID(int=1)} on the data row 'a'")


def test_records_that_cannot_be_compared(tmp_path):
    write(tmp_path / "old.ndjson", *OLD)
    lines = records(tmp_path / "old.ndjson")
    del lines[0]["uuid"]
    lines[1]["uuid"] = "no uuid"
    lines[2]["dataRow"] = {}
    (tmp_path / "old.ndjson").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    nameless, overrides = write(tmp_path / "new.ndjson", *NEW, previous=tmp_path / "old.ndjson")
    assert (nameless.code, nameless.amount) == ("labelbox-previous-uuid", 3)
    assert nameless.message == (
        "3 records of the earlier import without data row or uuid: what of them stays is not known"
    )
    assert overrides.message.startswith("1 of the 1 record of")
    (tmp_path / "old.ndjson").write_bytes(orjson.dumps(lines[0]))
    assert [f.code for f in write(tmp_path / "new.ndjson", *NEW, previous=tmp_path / "old.ndjson")] == [
        "labelbox-previous-uuid",
        "labelbox-overrides",
    ]


def test_keys_and_ids_are_no_match(tmp_path):
    write(tmp_path / "old.ndjson", *OLD)
    rows = {name: f"ck{name}" for name in "abcd"}
    (told,) = write(tmp_path / "new.ndjson", *NEW, previous=tmp_path / "old.ndjson", data_rows=rows)
    assert (told.code, told.weight, told.amount) == ("labelbox-previous-rows", Weight.WARNING, 4)
    assert "names data rows by globalKey, this one by id: what of it stays is not known" in told.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "this holds no record of an import"),
        ("{}\n{", "the earlier import cannot be read: "),
        ('{"uuid": 1}\nxx', "the earlier import cannot be read: this is no JSON"),
        ("[1]", "this is no record but another JSON value"),
        ("\x89PNG", "no JSON"),
    ],
)
def test_what_is_no_import(tmp_path, text, words):
    (tmp_path / "old.ndjson").write_text(text)
    with pytest.raises(OptionError, match="check --to-previous") as caught:
        write(tmp_path / "new.ndjson", *NEW, previous=tmp_path / "old.ndjson")
    assert words in caught.value.message and caught.value.where.path == str(tmp_path / "old.ndjson")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new.mcv", "old.ndjson"]


@pytest.mark.parametrize("name", ["none.ndjson", "none-*.ndjson", "no/where.ndjson", "."])
def test_there_is_none(tmp_path, name):
    with pytest.raises(OptionError, match="there is no such file of an earlier import; check --to-previous"):
        write(tmp_path / "new.ndjson", *NEW, previous=tmp_path / name)


def test_it_cannot_be_opened(tmp_path, monkeypatch):
    write(tmp_path / "old.ndjson", *OLD)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")
        yield

    monkeypatch.setattr("maskconv.formats.labelbox_ndjson.previous.values", refuse)
    with pytest.raises(OptionError, match=r"cannot be read \(Permission denied\)"):
        write(tmp_path / "new.ndjson", *NEW, previous=tmp_path / "old.ndjson")


def test_resumed_and_dry(tmp_path):
    """A resumed run tells of the images that were done before it, too; a dry run tells the same."""
    write(tmp_path / "old.ndjson", *(image(f"{n}", ("car", n), ("dog", n)) for n in range(60)))
    source = tmp_path / "new.mcv"
    with open_writer(source, LABELS) as writer:
        for n in range(60):
            writer.write(image(f"{n}", ("car", n)))
    how = {"write": {"previous": tmp_path / "old.ndjson"}}
    whole = maskconv.convert(source, tmp_path / "whole.ndjson", **how)

    def stop(images):
        if images > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        maskconv.convert(source, tmp_path / "new.ndjson", resume=True, progress=stop, **how)
    resumed = maskconv.convert(source, tmp_path / "new.ndjson", resume=True, **how)
    dry = maskconv.convert(source, tmp_path / "dry.ndjson", dry_run=True, **how)
    threads = maskconv.convert(source, tmp_path / "jobs.ndjson", jobs=3, **how)
    assert whole.to_dict() == resumed.to_dict() == dry.to_dict() == threads.to_dict()
    tally = next(t for t in whole.tallies.values() if t.code == "labelbox-orphan")
    assert (tally.count, tally.amount, len(tally.examples)) == (60, 60, 20)


def test_the_report_file_has_each(tmp_path):
    write(tmp_path / "old.ndjson", *(image(f"{n}", ("car", n), ("dog", n)) for n in range(60)))
    with open_writer(tmp_path / "new.mcv", LABELS) as writer:
        writer.write(image("0", ("car", 0)))
    arguments = ["convert", "new.mcv", "new.ndjson", "--to-previous", "old.ndjson", "--report", "r.jsonl"]
    run = [sys.executable, "-m", "maskconv", *arguments]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = map(json.loads, (tmp_path / "r.jsonl").read_text().splitlines())
    told = [line for line in lines if line.get("code") == "labelbox-orphan"]
    assert [line["where"]["line"] for line in told] == list(range(2, 121))
    assert "119" in done.stderr + done.stdout and "stays in Labelbox" in done.stderr + done.stdout


MEMORY = """
import resource, sys, maskconv
from maskconv.formats.labelbox_ndjson.previous import Previous
from pathlib import Path
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
few = Previous([Path(sys.argv[1])])
before = peak()
many = Previous([Path(sys.argv[2])])
many.take(("globalKey", "a"), ["x"])
told = [0]
def note(finding):
    told[0] += 1
many.tell(note)
print(peak() - before, told[0])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts kilobytes")
def test_memory(tmp_path):
    """100,000 records: about 50 bytes each while they are sorted, 21 afterwards."""
    for name, count in (("few", 10), ("many", 100_000)):
        with (tmp_path / name).open("wb") as file:
            for number in range(count):
                row = {"globalKey": f"folder/image-{number * 7919 % 9973}.jpg"}
                mask = {"png": "A" * 300}
                record = {"uuid": str(uuid.UUID(int=number)), "dataRow": row, "name": "car", "mask": mask}
                file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
    run = [sys.executable, "-c", MEMORY, str(tmp_path / "few"), str(tmp_path / "many")]
    kilobytes, told = map(int, subprocess.run(run, capture_output=True, text=True, check=True).stdout.split())
    assert told == 100_001
    assert kilobytes < 12_000
