"""Mending label maps: what is clear is mended, what is not is left alone and told, and no index ever changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskconv import labelmap
from maskconv.finding import Finding, Weight
from maskconv.labelmap_fix import Fixed, fix
from maskconv.labelmap_lines import HEADER
from tests.places import REAL_DATA

TOP = HEADER + "\nbackground:0,0,0::\n"
MENDED = {
    "encoding": ("background:0,0,0::\nmüll:1,9,3::\n".encode("utf-16"), "müll:1,9,3::\n"),
    "byte order mark": ("background:0,0,0::\ncar:1,9,3::\n".encode("utf-8-sig"), "car:1,9,3::\n"),
    "CR LF": (b"background:0,0,0::\r\ncar:1,9,3::\r\n", "car:1,9,3::\n"),
    "CR": (b"background:0,0,0::\rcar:1,9,3::", "car:1,9,3::\n"),
    "header": (b"label:color_rgb:parts:actions\nbackground:0,0,0::\ncar:1,9,3::\n", "car:1,9,3::\n"),
    "space": ("background:0,0,0::\ncar :1,9,3::\n", "car:1,9,3::\n"),
    "invisible": ("background:0,0,0::\nc\u200bar:1,9,3::\n", "car:1,9,3::\n"),
    "hex": ("background:0,0,0::\ncar:#0109ff::\n", "car:1,9,255::\n"),
    "parentheses": ("background:0,0,0::\ncar:(1, 9, 3):a,b:\n", "car:1,9,3:a,b:\n"),
    "colons": ("background:0,0,0::\ncar:1:9:3::\n", "car:1,9,3::\n"),
    "two fields": ("background:0,0,0::\ncar:1,9,3\n", "car:1,9,3::\n"),
    "five fields": ("background:0,0,0::\ncar:1,9,3:::\n", "car:1,9,3::\n"),
    "wide colons": ("background:0,0,0::\ncar：1,9,3：：\n", "car:1,9,3::\n"),
    "comment with a colon": ("background:0,0,0::\ncar:1,9,3:: # see: above\n", "# see: above\ncar:1,9,3::\n"),
    "all blank": ("background:::\ncar:::\n", "car:128,0,0::\n"),
    "one blank": ("background:0,0,0::\ncar:::\nb:7,7,7::\n", "car:128,0,0::\nb:7,7,7::\n"),
    "blank lines and comments": ("\n# mine\n\nbackground:0,0,0::\ncar:1,9,3::\n\n\n", None),
}


def told(found: list[Finding]) -> list[str]:
    return [finding.code.removeprefix("labelmap-") for finding in found]


@pytest.mark.parametrize("case", MENDED)
def test_what_is_clear(case: str) -> None:
    data, lines = MENDED[case]
    fixed = fix(data.encode() if isinstance(data, str) else data)
    expected = TOP + lines if lines else HEADER + "\n\n# mine\n\nbackground:0,0,0::\ncar:1,9,3::\n"
    assert fixed.text == expected
    assert fixed.left == []
    assert fixed.changes


@pytest.mark.parametrize(
    ("encoding", "name", "read", "as_"),
    [
        ("latin-1", "müll", "müll", "Windows-1252"),
        ("cp1251", "машина", "ìàøèíà", "Windows-1252"),
        ("cp1252", "caf\u00e9 \u20ac", "café €", "Windows-1252"),
        ("latin-1", "x\x81ü", "x\x81ü", "Latin-1"),
    ],
)
def test_names_in_a_guessed_encoding_are_left_to_decide(encoding: str, name: str, read: str, as_: str) -> None:
    text = f"background:0,0,0::\n# §\ncar :1,9,3::\n{name}:9,2,3::\n"
    fixed = fix(text.encode(encoding), "a.txt")
    assert fixed.text == TOP + f"# §\ncar:1,9,3::\n{read}:9,2,3::\n".replace("\x81", "" if as_ == "Latin-1" else "\x81")
    (left,) = fixed.left
    assert (left.code, left.weight, left.where.line) == ("labelmap-encoding-guessed", Weight.WARNING, 5)
    assert f"in {as_}, which is a guess" in left.message and read.replace("\x81", "") in left.message
    assert f"it is read as {as_}" in fixed.changes[0].old
    assert fix(fixed.text.encode()).left == [], "what was decided is UTF-8"


def test_ascii_names_need_no_guess() -> None:
    assert fix("background:0,0,0::\ncar:1,9,3:: # grün\n".encode("latin-1")).left == []


def test_a_good_map_is_left_alone() -> None:
    text = TOP + "car:1,9,3:wheel:drive # mine\n"
    assert fix(text.encode()) == Fixed(text)


def test_background_comes_last_where_it_is_missing() -> None:
    fixed = fix(b"car:1,9,3::\nbus:9,1,3::\n")
    assert fixed.text == HEADER + "\ncar:1,9,3::\nbus:9,1,3::\nbackground:0,0,0::\n"
    assert fixed.left == []
    assert [change.new for change in fixed.changes] == ["background:0,0,0:: as the last line: no index changes", HEADER]


LEFT = {
    "a:b:1,2,3::": "name-colon",
    "car:1,2,3::: more": "fields",
    "car": "fields",
    "car:red::": "color-syntax",
    "car:1.0,1.0,1.0::": "color-syntax",
    "car:1,2,300::": "color-range",
    ":1,2,3::": "name-empty",
    "dog:1,2,3::": "duplicate-name",
    "dog :1,2,3::": "name-space",
    "cow:9,9,8::": "duplicate-color",
    "Dog:1,2,3::": "near-name",
    "Background:1,2,3::": "background-twice",
    "car:1,2,3:dog:": "part",
    "car:1,2,3:: # index 7": "index-comment",
    "...": "fields",
}


@pytest.mark.parametrize("line", LEFT)
def test_what_a_person_must_decide(line: str) -> None:
    text = TOP + f"dog:9,9,8::\n{line}\n"
    fixed = fix(text.encode())
    assert fixed.text == text
    assert LEFT[line] in told(fixed.left)
    assert all(finding.where.line == 4 for finding in fixed.left)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"cat\ndog\n", b"names: [a, b]\n", b"{}"])
def test_what_is_no_label_map(data: bytes) -> None:
    fixed = fix(data, "x.txt")
    assert fixed.text is None
    assert fixed.left
    assert fixed.left == labelmap.check(data, "x.txt")


NAMES = st.text(st.characters(exclude_characters=":#\r\n,", exclude_categories=["Cs"]), min_size=1, max_size=8)
COLORS = st.sampled_from(
    ["", "1,2,3", "#ff0000", "(9, 8, 7)", "0.5,0.5,0.5", "red", "1,2", "300,1,1", "0,0,0", "7:7:7"]
)
TAILS = st.sampled_from(["::", ":", "", ":a,b:c", ":: # index 2", ":: # see: this", ":::", " :: "])
LINES = st.one_of(
    st.builds("{}:{}{}".format, NAMES, COLORS, TAILS),
    st.just("# comment"),
    st.just(""),
    st.just("label:color:parts:actions"),
)


def names(text: str) -> list[str]:
    found = labelmap.parse(text.encode(), lambda _: None)
    return [] if found is None else [name.strip() for name in found.names]


@given(st.lists(LINES, max_size=6), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_mending_again_changes_nothing_and_no_index_moves(lines: list[str], end: str, encoding: str) -> None:
    data = end.join(lines).encode(encoding)
    fixed = fix(data)
    if fixed.text is None:
        return
    again = fix(fixed.text.encode())
    assert (again.text, again.changes) == (fixed.text, [])
    before = labelmap.parse(data, lambda _: None)
    after = labelmap.parse(fixed.text.encode(), lambda _: None)
    if before is not None:
        assert after is not None
        pairs = zip(before.labels, after.labels, strict=False)
        assert all(b.color in (a.color, None) or a.color is None for a, b in pairs)
        assert len(after.labels) - len(before.labels) in (0, 1)
    errors = [f for f in labelmap.check(data) if f.weight is Weight.ERROR]
    assert len([f for f in fixed.left if f.weight is Weight.ERROR]) <= len(errors)


@pytest.mark.parametrize("path", sorted((REAL_DATA / "labelmaps" / "cvat").glob("*")), ids=lambda path: path.name[:20])
def test_real_maps_keep_their_labels(path: Path) -> None:
    before: list[Finding] = []
    labels = labelmap.parse(path.read_bytes(), before.append)
    fixed = fix(path.read_bytes())
    assert fixed.text is not None
    after = labelmap.parse(fixed.text.encode(), lambda _: None)
    assert labels is not None
    assert after is not None
    assert after.labels[: len(labels.labels)] == labels.labels
