"""maskconv's own format keeps the whole vocabulary."""

from __future__ import annotations

import decimal
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from strategies import data_sets

import maskconv
from maskconv.errors import DataError, SourceError
from maskconv.finding import Weight
from maskconv.model import AnnotatedImage, Annotation, Label, LabelMap, Mask, PixelRule, Polygon
from maskconv.samples import LABELS, crowded, image

HEAD = '{"maskconv":1,"labels":[{"name":"cat","color":[1,2,3]}]}\n'
POLYGON = (Polygon(exterior=[(0, 0), (4, 0), (4, 4)], rule=PixelRule.EDGE),)


def write(path: Path, *lines: str, head: str = HEAD) -> Path:
    path.write_text(head + "".join(line + "\n" for line in lines), encoding="utf-8")
    return path


@settings(max_examples=60)
@given(data_sets())
def test_everything_comes_back(
    tmp_path_factory: pytest.TempPathFactory, given_: tuple[LabelMap, tuple[AnnotatedImage, ...]]
) -> None:
    labels, images = given_
    path = tmp_path_factory.mktemp("mcv") / "x.mcv"
    with maskconv.open_writer(path, labels) as writer:
        for one in images:
            writer.write(one)
    with maskconv.open_reader(path) as found:
        assert found.labels == labels
        assert list(found) == list(images) == list(found)


def test_the_bytes_are_as_documented(tmp_path: Path) -> None:
    labels = LabelMap(labels=(Label(name="cat", color=(1, 2, 3)), Label(name="ünï")))
    mask = Mask(width=10, height=2, starts=[1, 10], lengths=[2, 3])
    with maskconv.open_writer(tmp_path / "x.mcv", labels) as writer:
        writer.write(
            AnnotatedImage(
                name="dir/a", width=10, height=2, annotations=(Annotation(label="cat", shape=mask, score=0.5),)
            )
        )
        writer.write(AnnotatedImage(name="b"))
    assert (tmp_path / "x.mcv").read_text(encoding="utf-8").splitlines() == [
        '{"maskconv":1,"labels":[{"name":"cat","color":[1,2,3]},{"name":"ünï"}]}',
        '{"name":"dir/a","width":10,"height":2,"annotations":[{"label":"cat","shape":{"size":[10,2],"runs":[1,2,10,3]},"score":0.5}]}',
        '{"name":"b"}',
    ]


def test_blank_lines_and_a_missing_end_of_line(tmp_path: Path) -> None:
    write(tmp_path / "x.mcv", "", '{"name":"a"}', "  ", '{"name":"b"}')
    (tmp_path / "x.mcv").write_bytes((tmp_path / "x.mcv").read_bytes().rstrip(b"\n"))
    with maskconv.open_reader(tmp_path / "x.mcv") as images:
        assert [i.name for i in images] == ["a", "b"]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("\n", "the first line is not"),
        ("[]\n", "the first line is not"),
        ("1\n", "the first line is not"),
        ('{"maskconv":1}\n', "the first line is not"),
        ('{"maskconv":2,"labels":"later"}\n', "this is version 2 of the format; this maskconv reads version 1"),
        (
            '{"maskconv":1,"labels":[{"name":"a"},{"name":"a"}]}\n',
            "the label map is wrong: line: Value error, the label 'a' occurs twice",
        ),
        ('{"maskconv":1,"labels":[{"name":""}]}\n', "the label map is wrong: labels.0.name"),
        ('{"maskconv":1,"labels":5}\n', "the label map is wrong: labels"),
    ],
)
def test_wrong_head(tmp_path: Path, head: str, words: str) -> None:
    path = write(tmp_path / "x.mcv", head=head)
    with pytest.raises(SourceError) as caught, maskconv.open_reader(path, format="mcv"):
        pass
    assert str(caught.value).startswith(f"{path}:1: {words}")


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "null",
        '{"name":""}',
        '{"name":"a","more":1}',
        '{"name":"a","annotations":[{"label":"cat","shape":[]}]}',
        '{"name":"a","annotations":[{"label":"cat","shape":{"size":5,"runs":7}}]}',
        '{"name":"a","annotations":[{"label":"cat","shape":{"size":[1,1],"runs":{"a":1}}}]}',
        '{"name":"a","annotations":[{"label":"cat","shape":[{"exterior":{"x":1},"rule":"edge"}]}]}',
        '{"name":"a","annotations":[{"label":"cat","shape":[{"exterior":[[0,0],[1,1],[2]],"rule":"edge"}]}]}',
        '{"name":"a","width":9,"height":9,"annotations":[{"label":"cat","shape":{"size":[8,9],"runs":[0,1]}}]}',
        '{"name":"\ud800"}'.encode("utf-8", "surrogatepass").decode("latin-1"),
        "[" * 5000,
    ],
)
def test_wrong_line_is_named_and_the_others_are_read(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "x.mcv", '{"name":"fine"}')
    path.write_bytes(path.read_bytes() + line.encode("latin-1") + b'\n{"name":"also fine"}\n')
    with maskconv.open_reader(path) as images:
        assert [i.name for i in images] == ["fine", "also fine"]
        (found,) = images.report.findings
    assert (found.weight, found.where.line, found.code) == (Weight.ERROR, 3, "data-invalid")
    assert maskconv.validate(path) == [found]


@pytest.mark.parametrize(
    "value",
    [10**30, {"x": {1, 2}}, "\ud800", b"\xff\xfe", decimal.Decimal(1), object(), [1.0, float("nan")], float("inf")],
)
def test_what_json_cannot_hold_is_an_error_of_the_image(tmp_path: Path, value: object) -> None:
    bad = image("bad", Annotation(label="cat", shape=POLYGON, attributes={"value": value}))
    with maskconv.open_writer(tmp_path / "x.mcv", LABELS) as writer:
        writer.write(image("fine"))
        with pytest.raises(DataError, match="image bad: it holds a value that JSON cannot hold"):
            writer.write(bad)
    with maskconv.open_reader(tmp_path / "x.mcv") as images:
        assert [i.name for i in images] == ["fine"]


def test_golden_files_do_not_change(tmp_path: Path) -> None:
    """Reading and writing again gives the same bytes."""
    labels, images = crowded(5)
    for name in ("a.mcv", "b.mcv"):
        with maskconv.open_writer(tmp_path / name, labels) as writer:
            for one in images:
                writer.write(one)
    maskconv.convert(tmp_path / "a.mcv", tmp_path / "c.mcv")
    assert (tmp_path / "a.mcv").read_bytes() == (tmp_path / "b.mcv").read_bytes() == (tmp_path / "c.mcv").read_bytes()
    assert all(json.loads(line) for line in (tmp_path / "a.mcv").read_text().splitlines())
