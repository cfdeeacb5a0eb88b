"""labelmap.txt: every code with its line and words, real files, round trips, hostile bytes."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskconv import labelmap
from maskconv.errors import DataError
from maskconv.finding import Finding, Weight
from maskconv.labelmap_check import show
from maskconv.labelmap_codes import CODES, table
from maskconv.model import Label, LabelMap

ROOT = Path(__file__).resolve().parents[1]
REAL = Path(os.environ.get("MASKCONV_REAL_DATA", ROOT.parent / "shared" / "data"))
BLACK = "background:0,0,0::\n"


def read(data: bytes | str, **place: str) -> tuple[LabelMap | None, list[Finding]]:
    found: list[Finding] = []
    labels = labelmap.parse(data.encode() if isinstance(data, str) else data, found.append, **place)
    return labels, found


def real(folder: str) -> Iterator[Path]:
    return iter(sorted((REAL / "labelmaps" / folder).glob("*")))


# code: (file, line, words of the message, words of the fix)
CASES: dict[str, list[tuple[bytes | str, int | None, str, str]]] = {
    "labelmap-too-large": [
        (b"a" * (4 * 2**20 + 1), None, "4,194,305 bytes", "right file"),
        (BLACK + "\n" * 20_000, None, "20,002 lines", "right file"),
    ],
    "labelmap-binary": [
        (b"\x89PNG\r\n\x1a\n" + bytes(50), None, "a PNG picture", "right file"),
        (bytes(range(1, 256)) * 9, None, "binary data", "right file"),
    ],
    "labelmap-encoding": [
        (BLACK.encode("utf-16"), None, "UTF-16", "save it as UTF-8"),
        (BLACK.encode("utf-16-be"), None, "UTF-16", "save it as UTF-8"),
        (BLACK.encode("utf-32"), None, "UTF-32", "save it as UTF-8"),
        ((BLACK + "flüssig:1,2,3::\n").encode("latin-1"), 2, "read as Windows-1252", "save the file as UTF-8"),
        ((BLACK + "fl\x81ssig:1,2,3::\n").encode("latin-1"), 2, "read as Latin-1", "save the file as UTF-8"),
    ],
    "labelmap-encoding-guessed": [
        (
            (BLACK + "# ü\nfl\xfcssig:1,2,3::\n").encode("latin-1"),
            3,
            "'flüssig' is what its bytes are in Windows-1252",
            "iconv",
        ),
        ((BLACK + "fl\x81ssig:1,2,3::\n").encode("latin-1"), 2, "in Latin-1, which is a guess", "iconv"),
        ((BLACK + "машина:1,2,3::\n").encode("cp1251"), 2, "'ìàøèíà' is what its bytes are in Windows-1252", "iconv"),
    ],
    "labelmap-bom": [(b"\xef\xbb\xbf" + BLACK.encode(), 1, "byte order mark", "without BOM")],
    "labelmap-line-ends": [(BLACK.replace("\n", "\r\n"), None, "CR LF or CR", "nothing to do")],
    "labelmap-empty": [
        (b"", None, "no label", "background:0,0,0::"),
        ("# label:color_rgb:parts:actions\n\n", None, "no label", "background:0,0,0::"),
    ],
    "labelmap-other-format": [
        ("car\ndog\n", None, "a list of names, one per line", "such as background:0,0,0:: and car")
    ],
    "labelmap-line-length": [
        ("x" * 4092 + ":1,2,3::\n", 1, "4,100 characters", "shorten"),
        (BLACK + "x" * 4092 + ":1,2,3::\n", 2, "4,100 characters", "shorten"),
    ],
    "labelmap-header": [("label:color_rgb:parts:actions\n" + BLACK, 1, "lacks its '#'", "write # label:color_rgb")],
    "labelmap-fields": [
        (BLACK + "car\n", 2, "'car' has 1 field ", "write car:r,g,b:: with the colour it has in the masks"),
        (BLACK + "car:255,0,0\n", 2, "has 2 fields", "write car:255,0,0::"),
        (BLACK + "car:255,0,0:\n", 2, "has 3 fields", "write car:255,0,0::"),
        (BLACK + "car:255,0,0:::\n", 2, "has 5 fields", "write car:255,0,0::"),
        (BLACK + "car:255:0:0:wheel:drive\n", 2, "has 6 fields", "write car:255,0,0:wheel:drive"),
        (BLACK + "car\uff1a255,0,0\uff1a\uff1a\n", 2, "has 1 field ", "write car:255,0,0::"),
        (BLACK + "...\n", 2, "an ellipsis", "such as _dummy1:1,1,1::"),
        (BLACK + "a:1,2,3::\u2028b:5,5,5::\n", 2, "has 7 fields", "break the line at '\\u2028'"),
    ],
    "labelmap-name-colon": [
        (BLACK + "a:b:1,2,3::\n", 2, "':' in the name 'a:b'", "write a_b:1,2,3::"),
        (BLACK + "a:b:1,2,3:\n", 2, "':' in the name 'a:b'", "write a_b:1,2,3::"),
    ],
    "labelmap-comment-colon": [
        (
            BLACK + "a:1,2,3: # part: 1\n",
            2,
            "'# part: 1' has a ':'; CVAT takes it as fields",
            "write a:1,2,3:: and put",
        ),
        (BLACK + "a:1,2,3:: # index: 1\n", 2, "'# index: 1' has a ':'", "write a:1,2,3:: and put"),
    ],
    "labelmap-inline-comment": [(BLACK + "a:1,2,3:: # ours\n", 2, "as an action", "nothing to do")],
    "labelmap-commented-label": [(BLACK + "#a:1,2,3::\n", 2, "'a:1,2,3::' looks like a label", "remove the '#'")],
    "labelmap-index-comment": [
        (
            BLACK + "a:1,2,3:: # color index 2\n",
            2,
            "index 2, but 'a' is label 1",
            "insert 1 filler line such as _dummy1:1,1,1::",
        ),
        (BLACK + "a:1,2,3:: # color index 0\n", 2, "index 0, but 'a' is label 1", "write 1 in the comment"),
    ],
    "labelmap-name-empty": [(BLACK + ":1,2,3::\n", 2, "no name", "write the name")],
    "labelmap-name-space": [
        (BLACK + "car :1,2,3::\ncar:9,9,3::\n", 2, "'car ' ends in a space", "give it another name or remove the line"),
        (BLACK + "car :1,2,3::\n", 2, "'car ' ends in a space", "write car:1,2,3::"),
    ],
    "labelmap-name-long": [(BLACK + "x" * 65 + ":1,2,3::\n", 2, "65 characters", "shorten")],
    "labelmap-control-character": [
        (BLACK + "\u200b:1,2,3::\n", 2, "'\\u200b'", "give it a name"),
        (BLACK + "c\x1b[31mar:1,2,3::\n", 2, "'c\\x1b[31mar'", "write c[31mar:1,2,3::"),
        (BLACK + "c\x00ar:1,2,3::\n", 2, "'c\\x00ar'", "write car:1,2,3::"),
        (BLACK + "car\u200b:1,2,3::\n", 2, "'car\\u200b'", "write car:1,2,3::"),
    ],
    "labelmap-color-syntax": [
        (BLACK + "car:1.2.3,0,0::\n", 2, "colour '1.2.3,0,0'", "write car:r,g,b:: with the colour"),
        (BLACK + "car:#ff0000::\n", 2, "colour '#ff0000' where CVAT reads three integers r,g,b", "write car:255,0,0::"),
        (BLACK + "car:#f00:a:b\n", 2, "colour '#f00'", "write car:255,0,0:a:b"),
        (BLACK + "car:255.0,0,0::\n", 2, "colour '255.0,0,0'", "write car:255,0,0::"),
        (BLACK + "car:0.5,0,1::\n", 2, "colour '0.5,0,1'", "write car:128,0,255::"),
        (BLACK + "car:1.0,0,0::\n", 2, "colour '1.0,0,0'", "write car:r,g,b:: with the colour"),
        (BLACK + "car:(255,0,0)::\n", 2, "colour '(255,0,0)'", "write car:255,0,0::"),
        (BLACK + "car:rgb(255, 0, 0)::\n", 2, "colour 'rgb(255, 0, 0)'", "write car:255,0,0::"),
        (BLACK + "car:255 0 0::\n", 2, "colour '255 0 0'", "write car:255,0,0::"),
        (BLACK + "car:255;0;0::\n", 2, "colour '255;0;0'", "write car:255,0,0::"),
        (BLACK + "car:255,0,0,255::\n", 2, "colour '255,0,0,255'", "write car:255,0,0::"),
        (BLACK + "car:255:0:0\n", 2, "colour between colons", "write car:255,0,0::"),
        (BLACK + "car:red::\n", 2, "colour 'red'", "write car:r,g,b:: with the colour"),
        (BLACK + "car: ::\n", 2, "colour ' '", "write car:r,g,b:: with the colour"),
        (BLACK + f"car:{'9' * 4000},0,0.5::\n", 2, "999…'", "write car:r,g,b"),
    ],
    "labelmap-color-range": [
        (BLACK + "car:300,0,0::\n", 2, "300,0,0", "0..255"),
        (BLACK + "car:0,-1,0::\n", 2, "0,-1,0", "0..255"),
    ],
    "labelmap-color-blank": [(BLACK + "car:::\n", 2, "'car' has no colour", "such as car:128,0,0::")],
    "labelmap-colors-blank": [("background:::\ncar:::\n", None, "VOC colour", "nothing to do")],
    "labelmap-duplicate-name": [(BLACK + "a:1,2,3::\na:9,9,3::\n", 3, "'a' is already on line 2", "rename")],
    "labelmap-duplicate-color": [(BLACK + "a:1,2,3::\nb:1,2,3::\n", 3, "1,2,3 of 'a' on line 2", "colour of its own")],
    "labelmap-near-name": [
        (BLACK + "car:1,2,3::\nCar:9,9,3::\n", 3, "'Car' and 'car' on line 2", "one spelling"),
        (
            BLACK + "traffic light:1,2,3::\ntraffic_light:9,9,3::\n",
            3,
            "'traffic_light' and 'traffic light'",
            "one spelling",
        ),
        (BLACK + "caf\u00e9:1,2,3::\ncafe\u0301:9,9,3::\n", 3, "Unicode form", "one spelling"),
        (BLACK + "car:1,2,3::\ncar :9,9,3::\n", 3, "'car ' and 'car'", "one spelling"),
    ],
    "labelmap-near-color": [
        (BLACK + "a:100,2,3::\nb:101,2,2::\n", 3, "'b' and 'a' on line 2 differ by 1", "the masks have"),
        (BLACK + "a:7,7,8::\nb:7,7,7::\n", 3, "'b' and 'a' on line 2 differ by 1", "the masks have"),
    ],
    "labelmap-background-twice": [
        (BLACK + "Background:0,9,9::\n", 2, "'Background' stands beside", "keep 'background'")
    ],
    "labelmap-background-not-black": [
        ("background:9,9,9::\ncar:0,0,0::\n", 1, "reads black pixels as 'car'", "write background:0,0,0::"),
        (
            "background:9,9,9::\ncar:1,0,0::\n",
            1,
            'black pixels as an "Undeclared color (0, 0, 0)"',
            "write background:0,0,0::",
        ),
    ],
    "labelmap-background-not-first": [("car:1,2,3::\n" + BLACK, 2, "label 1, not 0", "nothing to do for CVAT")],
    "labelmap-black-label": [("void:0,0,0::\ncar:1,2,3::\n", 1, "0,0,0 belongs to 'void'", "nothing to do")],
    "labelmap-no-black": [("car:1,2,3::\n", None, '"Undeclared color (0, 0, 0)"', "add the line background:0,0,0::")],
    "labelmap-part": [
        (BLACK + "a:1,2,3:b:\nb:9,2,3::\n", 2, "'b' is named like a label", "remove the part from 'a'"),
        (BLACK + "a:1,2,3:x,,y:\n", 2, "a part is blank", "remove the part from 'a'"),
    ],
}


def test_every_code_has_a_case() -> None:
    assert set(CASES) == set(CODES)


def test_weights() -> None:
    refused = "binary bom color-syntax comment-colon duplicate-name empty encoding fields header line-length name-colon"
    refused += " name-empty other-format part too-large"
    changed = "color-range duplicate-color name-space"
    harmless = "background-not-first black-label colors-blank commented-label inline-comment line-ends"
    for weight, names in ((Weight.ERROR, refused), (Weight.DATA, changed), (Weight.INFO, harmless)):
        assert {code for code, rule in CODES.items() if rule.weight is weight} == {
            f"labelmap-{n}" for n in names.split()
        }


@pytest.mark.parametrize(
    ("code", "data", "line", "message", "fix"), [(code, *case) for code, cases in CASES.items() for case in cases]
)
def test_code(code: str, data: bytes | str, line: int | None, message: str, fix: str) -> None:
    labels, found = read(data, path="export.zip", member="labelmap.txt")
    one = [finding for finding in found if finding.code == code]
    assert len(one) == 1, found
    assert message in one[0].message
    assert fix in one[0].fix
    assert one[0].weight is CODES[code].weight
    assert (one[0].where.path, one[0].where.member, one[0].where.line) == ("export.zip", "labelmap.txt", line)
    assert all(str(finding).isprintable() for finding in found)
    assert labels is not None or any(finding.weight is Weight.ERROR for finding in found)


def test_the_sentence_a_person_sees() -> None:
    _, found = read(BLACK + "tree:0,128,0::\n\ncar:#ff0000::\n", path="labelmap.txt")
    expected = "labelmap.txt:4: 'car:#ff0000::' has the colour '#ff0000' where CVAT reads three integers r,g,b"
    assert [str(finding) for finding in found] == [f'{expected} ("wrong color"); write car:255,0,0::']


def test_every_problem_is_found_not_only_the_first() -> None:
    data = "\ufeff" + BLACK + "car:red::\nCar:300,0,0::\ndog :1,2,3:\ndog:1,2,3::\n"
    labels, found = read(data)
    assert labels is not None
    assert labels.names == ("background", "car", "Car", "dog ", "dog")
    assert [(finding.code.removeprefix("labelmap-"), finding.where.line) for finding in found] == [
        ("bom", 1),
        ("color-syntax", 2),
        ("color-range", 3),
        ("fields", 4),
        ("name-space", 4),
        ("near-name", 3),
        ("near-name", 5),
        ("duplicate-color", 5),
    ]


@pytest.mark.parametrize(
    "data",
    [
        "car:255,0,0::".encode("utf-16"),
        "car:255,0,0::".encode("utf-16-le"),
        "car:255,0,0::".encode("utf-32"),
        b"\xef\xbb\xbfcar:255,0,0::",
        b"\xef\xbb\xbf# label:color_rgb:parts:actions\r\ncar:255,0,0::\r\n",
        b"\n\n  car:255,0,0:: \t\n# comment\n",
        b"car:255,0,0::\r",
        b"car :255,0,0::",
        b"car: 255, 0 ,0 ::",
        b"car:255,0,0:: # anything",
        b"car:255,0,0::# any: thing",
        b"car:255,0,0 # any: thing",
        b"car:#ff0000::",
        b"car: #f00:: # red",
        b"car:255,0,0",
    ],
)
def test_reads_what_is_meant(data: bytes) -> None:
    assert read(data)[0] == LabelMap(labels=(Label(name="car", color=(255, 0, 0)),))


@pytest.mark.parametrize("line", ["a:::", "a:1,2,3::", "a:1,2,3:x:", "a b:1,2,3::y,z", "# a", "", "a #1:1,2,3::b#2"])
def test_what_cvat_accepts_is_no_problem(line: str) -> None:
    _, found = read(f"{BLACK}{line}\n")
    assert all(finding.code == "labelmap-color-blank" for finding in found)


def test_latin_1_is_read() -> None:
    labels, _ = read((BLACK + "flüssig:1,2,3::\n").encode("latin-1"))
    assert labels is not None
    assert labels.names == ("background", "flüssig")


def test_parts_and_actions() -> None:
    labels, found = read(BLACK + "person:1,2,3: head ,hand:run, jump # color index 1\n")
    assert labels is not None
    assert (labels.labels[1].parts, labels.labels[1].actions) == (("head", "hand"), ("run", "jump"))
    assert [finding.code for finding in found] == ["labelmap-inline-comment"]


def test_blank_colours_are_voc_colours() -> None:
    labels, _ = read("background:::\na:::\nb:::\n")
    assert labels is not None
    assert [label.color for label in labels.labels] == [(0, 0, 0), (128, 0, 0), (0, 128, 0)]


@pytest.mark.parametrize("data", ["a:1,2,3::\na:3,2,1::\n", ":1,2,3::\n", BLACK + "...\nb:1,2,3::\n", "", "car\n"])
def test_no_map_where_none_can_be_made(data: str) -> None:
    labels, found = read(data)
    assert labels is None
    assert any(finding.weight is Weight.ERROR for finding in found)


SAMPLE = """\
q:0,128,0:: # color index 0
aeroplane:10,10,128:: # color index 1
_dummy2:2,2,2:: # filler for color index 2
_dummy3:3,3,3:: # filler for color index 3
boat:108,0,100:: # color index 3
_dummy198:198,198,198:: # filler for color index 198
_dummy199:199,199,199:: # filler for color index 199
the last label:12,28,0:: # color index 200
"""


def test_the_documents_grayscale_sample() -> None:
    labels, found = read(SAMPLE)
    assert labels is not None
    assert labels.names[:5] == ("q", "aeroplane", "_dummy2", "_dummy3", "boat")
    assert [label.color for label in labels.labels[3:6]] == [(3, 3, 3), (108, 0, 100), (198, 198, 198)]
    said = [f for f in found if f.code == "labelmap-index-comment"]
    assert [f.where.line for f in said] == [5, 6, 7, 8]
    assert "index 3, but 'boat' is label 4" in said[0].message
    assert "insert 193 filler lines such as _dummy5:5,5,5::" in said[1].fix
    assert [f.fix for f in said[2:]] == ["see line 6: the same 193 off"] * 2
    others = [(f.code, f.weight, f.amount) for f in found if f not in said]
    assert others == [("labelmap-inline-comment", Weight.INFO, 8)]


@pytest.mark.parametrize(
    ("text", "kind", "example"),
    [
        ("item {\n id: 1\n name: 'Fire'\n}", "a TensorFlow label map (pbtxt)", "Fire"),
        ('item\n{\n id :1\n name :"Car"\n}\n', "a TensorFlow label map (pbtxt)", "Car"),
        ("car\nred ball\n", "a list of names, one per line", "car"),
        ("1 black\n2 blue\n", "a list of 'id name'", "black"),
        ("1: bend (at the waist)\n3: crouch\n", "a list of 'id: name'", "bend (at the waist)"),
        ("car: 1\ndog: 2\n", "a list of 'name: id'", "car"),
        ("nc: 1\nnames: [ball]\n", "YAML such as YOLO's data.yaml", "ball"),
        ("train: a\nval: b\nnames:\n  0: person\n  1: dog\n", "YAML such as YOLO's data.yaml", "person"),
        ("- car\n- dog\n", "a YAML list", "car"),
        ('{"labels": [{"name": "car", "color": [1, 2, 3]}]}', "JSON", "car"),
        ('[\n{"name": "car"},\n{"name": "dog"}\n]', "JSON", "car"),
        ("name,r,g,b\ncar,255,0,0\n", "CSV", "car"),
        ("background;0,0,0;;\ncar;1,2,3;;\n", "CSV", "car"),
        ("0 0 0 void\n255 0 0 tree\n", "CamVid's label_colors.txt (r g b name)", "void"),
        ("<?xml version='1.0'?>\n<label><name>car</name></label>", "XML", "car"),
    ],
)
def test_other_formats_are_named_once(text: str, kind: str, example: str) -> None:
    assert labelmap.recognise(text) == kind
    labels, found = read(text)
    assert labels is None
    assert [finding.code for finding in found] == ["labelmap-other-format"]
    assert f"looks like {kind};" in found[0].message
    assert found[0].fix.endswith(f"and {example}:128,0,0::")


@pytest.mark.parametrize("text", [BLACK, SAMPLE, "a:::", "0:1,2,3::\n1:3,3,3::\n", "names:1,2,3::\nnc:2,2,2::\n"])
def test_label_maps_are_not_taken_for_another_format(text: str) -> None:
    assert labelmap.recognise(text) is None


@pytest.mark.parametrize("text", ["", "\n \n", "# only a comment\n", "#a:1,2,3::"])
def test_empty(text: str) -> None:
    assert labelmap.recognise(text) == "empty"


def test_write_as_cvat_does() -> None:
    person = Label(name="Person a", color=(1, 2, 3), parts=("head", "hand"), actions=("run",))
    labels = LabelMap(labels=(Label(name="background", color=(0, 0, 0)), person, Label(name="ünï")))
    text = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nPerson a:1,2,3:head,hand:run\nünï:::\n"
    assert labelmap.write(labels) == text


@pytest.mark.parametrize("name", ["a:b", "a\nb", "a\rb", "#a", " a", "a ", "a\u2028", "\t", "a\ud800"])
def test_write_refuses_what_cannot_be_held(name: str) -> None:
    with pytest.raises(DataError, match=r"cannot hold the label '.*; rename it") as caught:
        labelmap.write(LabelMap(labels=(Label.unchecked(name=name, color=None, id=None, parts=(), actions=()),)))
    assert caught.value.code == "labelmap-unwritable"
    assert str(caught.value).isprintable()
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_write_tells_all_that_cannot_be_held() -> None:
    names = ["a:b", " a", "good", "#c", "x\ny"]
    labels = [Label.unchecked(name=n, color=None, id=None, parts=("p,q",), actions=()) for n in names]
    with pytest.raises(DataError) as caught:
        labelmap.write(LabelMap.unchecked(labels=tuple(labels)))
    assert caught.value.labels == ("a:b", " a", "#c", "x\ny")
    assert caught.value.message == (
        "labelmap.txt cannot hold the labels 'a:b' (has a ':'), ' a' (has a space at an end), '#c' (begins with '#'), "
        "'x\\ny' (has a line break) and the part or action 'p,q' (has ',')"
    )
    assert caught.value.fix == "rename them, labels of a data set with --labels FILE: a line old,new for each"
    many = tuple(Label(name=f"{n}:") for n in range(1000))
    with pytest.raises(DataError, match=r"'19:' \(has a ':'\), and 980 more; rename them") as caught:
        labelmap.write(LabelMap(labels=many))
    assert len(caught.value.labels) == 1000


@pytest.mark.parametrize("word", ["a,b", "a:b", "", " a", "a\n", "a #b"])
def test_write_refuses_parts_that_cannot_be_held(word: str) -> None:
    with pytest.raises(DataError, match="part or action"):
        labelmap.write(LabelMap(labels=(Label(name="a", parts=(word,)),)))


def test_voc_labels() -> None:
    labels = labelmap.voc_labels()
    assert len(labels.labels) == 22
    assert labels.names[:2] + labels.names[20:] == ("background", "aeroplane", "tvmonitor", "ignored")
    assert [labels.labels[i].color for i in (0, 1, 15, 20, 21)] == [
        (0, 0, 0),
        (128, 0, 0),
        (192, 128, 128),
        (0, 64, 128),
        (224, 224, 192),
    ]
    assert labels.labels[15].parts == ("head", "hand", "foot")
    assert read(labelmap.write(labels)) == (labels, [])


def test_voc_colours_are_a_bijection() -> None:
    assert labelmap.voc_color(255) == (224, 224, 192)
    assert len({labelmap.voc_color(i) for i in range(5000)}) == 5000


def test_show_is_safe_and_short() -> None:
    assert show("a\x1b]0;x\x07\n\u202e") == "'a\\x1b]0;x\\x07\\n\\u202e'"
    assert len(show("x" * 1000)) == 82


@pytest.mark.skipif(not (REAL / "labelmaps").is_dir(), reason="no real data: set MASKCONV_REAL_DATA")
def test_real_label_maps_pass() -> None:
    files = [*real("cvat"), *REAL.glob("*/labelmap.txt")]
    assert len(files) >= 8
    for file in files:
        labels, found = read(file.read_bytes(), path=file.name)
        assert labels is not None, file
        assert not [f for f in found if f.weight is not Weight.INFO], file
        rows = [line for line in file.read_text("utf-8").splitlines() if line.strip() and line[0] != "#"]
        assert labelmap.write(labels).splitlines()[1:] == rows, file


REAL_KINDS = {
    "7aslan": "a TensorFlow label map (pbtxt)",
    "daynauth": "a TensorFlow label map (pbtxt)",
    "Caron001": "a list of 'id name'",
    "TianaDekermenjian": "YAML such as YOLO's data.yaml",
    "Ethereal311": "empty",
}


@pytest.mark.skipif(not (REAL / "labelmaps").is_dir(), reason="no real data: set MASKCONV_REAL_DATA")
def test_real_files_of_other_tools_are_recognised() -> None:
    files = list(real("negative"))
    assert len(files) >= 19
    for file in files:
        kind = REAL_KINDS.get(file.name.split("+")[0], "a list of names, one per line")
        kind = "a list of 'id: name'" if "__ava__" in file.name else kind
        assert labelmap.recognise(file.read_text("utf-8")) == kind, file
        found = labelmap.check(file.read_bytes(), file.name)
        code = "labelmap-empty" if kind == "empty" else "labelmap-other-format"
        assert [finding.code for finding in found] == [code], file


def test_the_documents_table_is_generated() -> None:
    assert table() in (ROOT / "docs" / "labelmap.md").read_text("utf-8")


def test_the_documents_example_is_what_is_said() -> None:
    document = (ROOT / "docs" / "labelmap.md").read_text("utf-8")
    source = document.split("```text\n")[1].split("```")[0]
    shown = document.split("```text\n")[2].split("```")[0]
    lines = [f"{f.weight:<8} {f}" for f in labelmap.check(source.encode(), "labelmap.txt")]
    assert "\n".join(lines) + "\n" == shown


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=":,#"), min_size=1, max_size=20)
CLEAN = WORDS.map(str.strip).filter(bool)
COLORS = st.tuples(*[st.integers(0, 255)] * 3)
LABELS = st.builds(
    Label,
    name=CLEAN,
    color=COLORS,
    parts=st.lists(CLEAN, max_size=3).map(tuple),
    actions=st.lists(CLEAN, max_size=3).map(tuple),
)


@given(st.lists(LABELS, min_size=1, max_size=8, unique_by=lambda label: label.name))
def test_round_trip(labels: list[Label]) -> None:
    written = LabelMap(labels=tuple(labels))
    assert read(labelmap.write(written))[0] == written


TOKENS = [
    "a",
    "background",
    ":",
    "::",
    "0,0,0",
    "#",
    " ",
    "\n",
    "\r",
    "1.5",
    "#ff",
    "(",
    "item {",
    "name:",
    "{",
    "[",
    "-",
    "\0",
]
TOKENS += [
    "\ufeff",
    "é",
    "é",
    "٣",
    "index 7",
    "999999999999",
    "...",
    "names:",
    '"',
    "\u2028",
    "：",
    "label:color:parts:actions",
]


@settings(max_examples=300)
@given(
    st.binary(max_size=300) | st.lists(st.sampled_from(TOKENS), max_size=40).map(lambda parts: "".join(parts).encode())
)
def test_nothing_comes_out_of_any_bytes_but_findings(data: bytes) -> None:
    labels, found = read(data)
    assert labels is not None or any(finding.weight is Weight.ERROR for finding in found)
    assert all(finding.code in CODES and str(finding).isprintable() for finding in found)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 2_000_000,
        b"a:\n" * 19_999,
        b":::\n" * 19_999,
        b"a: #" + b" #" * 2_000,
        b"1 " * 2_000_000,
        b"item{" * 800_000,
        (b"item {" * 680 + b"\n") * 1_000,
        (b"a:1,2,3:: # index" + b" " * 4_000 + b"x\n") * 1_000,
        (b"a:" + b"rgb(1 " * 680 + b"::\n") * 1_000,
        b'{"a":' + b"9" * 9_999 + b"}",
        b"a:" + b"9" * 4_090 + b",0,0::",
    ],
)
def test_hostile_files_end(data: bytes) -> None:
    assert labelmap.check(data)
