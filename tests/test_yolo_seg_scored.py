"""yolo-seg: what stands behind the coordinates of a row, said or not, and class numbers in single precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import maskconv
from maskconv.errors import ConversionError
from maskconv.finding import Finding, Weight
from maskconv.formats.yolo_seg import rows
from maskconv.formats.yolo_seg.rows import Extras

RING = "0.1 0.1 0.5 0.1 0.3 0.6"
LONG = f"{RING} 0.2 0.5"
REJECTED = "the trainer rejects the image for it"
BOTH = "if each row ends with its score and its track, say so: --from-scores true --from-tracks true"
LEFT = "does each row end with its {0}? If not, leave out {1}"


def told(path: Path, content: str, **options) -> list[Finding]:
    (path / "labels").mkdir(exist_ok=True)
    (path / "labels/a.txt").write_text(content)
    with maskconv.open_reader(path / "labels", format="yolo-seg", names="car,dog", size="100x50", **options) as images:
        list(images)
    return images.report.findings


def sentences(found: list[Finding]) -> list[tuple[str, int | None, str, str]]:
    return [(f.code, f.where.line, f.message, f.fix) for f in found]


# --- options that are missing -----------------------------------------------------------------------------------------


def test_scores_and_tracks_that_nobody_said(tmp_path: Path) -> None:
    """Rows of the first track pass for a point on the lower edge; those of others say what all of them are."""
    found = told(tmp_path, f"0 {RING} 0.9 1\n1 {LONG} 0.55 2\n0 {RING} 0 17\n")
    text = f"the last point lies outside the picture (0 to 1), as a score and a track number would: {REJECTED}"
    assert sentences(found) == [("yolo-row-range", line, text, BOTH) for line in (2, 3)]
    assert told(tmp_path, f"0 {RING} 0.9 1\n1 {LONG} 0.55 2\n", scores=True, tracks=True) == []


@pytest.mark.parametrize("row", [f"0 {RING} 1.2 2", f"0 {RING} 0.9 2.5", f"0 {RING} 30 20", f"0 {RING} 0.9 -2"])
def test_other_rows_that_leave_the_picture_are_no_scores_and_tracks(tmp_path: Path, row: str) -> None:
    (finding,) = told(tmp_path, f"0 {RING} 0.9 2\n{row}\n")[1:]
    assert finding.fix != BOTH and "coordinates such as" in finding.message


def test_pixels_are_no_scores_and_tracks(tmp_path: Path) -> None:
    (finding,) = told(tmp_path, "0 10 10 50 10 50 25\n")
    assert finding.fix == "divide them by the picture's width and height"


def test_a_point_left_of_the_picture_is_told_as_such(tmp_path: Path) -> None:
    (finding,) = told(tmp_path, "0 -0.3 1 0.1 0.1 0.9 1\n")
    assert finding.message == f"coordinates such as -0.3 lie outside the picture (0 to 1): {REJECTED}"


def test_the_other_option_is_missing(tmp_path: Path) -> None:
    for options in ({"scores": True}, {"tracks": True}):
        found = told(tmp_path, f"0 {RING} 0.9 1\n1 {LONG} 0.55 2\n", **options)
        assert [f.fix for f in found] == [BOTH, BOTH]


def test_a_single_value_of_one_may_be_either(tmp_path: Path) -> None:
    (finding,) = told(tmp_path, f"0 {RING} 1\n")
    assert finding.fix == (
        "if the last value of each row is its score or its track, say which: --from-scores true or --from-tracks true"
    )


def test_rows_with_a_score_are_told_alike(tmp_path: Path) -> None:
    """Whatever their length, so that they are one line of the summary."""
    found = told(tmp_path, f"0 {RING} 0.9\n1 {LONG} 0.55\n")
    assert len({(f.code, f.message, f.fix) for f in found}) == 1
    assert [f.where.line for f in found] == [1, 2]
    assert found[0].fix == "if the last value of each row is its score, say so: --from-scores true"


# --- the track 1 ------------------------------------------------------------------------------------------------------

FIRST = "each row's last point lies on the lower edge, alone and far from the others, as a score and the track 1 would"


@pytest.mark.parametrize("content", [f"0 {RING} 0.9 1\n", f"0 {LONG} 0.9 1\n1 {RING} 0.875 1\n"])
def test_the_first_track_is_not_taken_for_a_point_in_silence(tmp_path: Path, content: str) -> None:
    (finding,) = told(tmp_path, content)
    assert sentences([finding]) == [("yolo-row-scored", 1, FIRST, BOTH)]
    assert finding.weight is Weight.WARNING
    assert told(tmp_path, content, scores=True, tracks=True) == []


@pytest.mark.parametrize(
    "content",
    [
        f"0 {RING} 0.9 1\n0 {RING}\n",  # only some rows
        "0 0.1 0.1 0.5 0.1 0.6 1 0.3 1\n",  # cut off by the edge: two points lie there
        "0 0.1 0.8 0.2 0.8 0.2 0.1 0.5 0.1 0.5 0.95 0.48 1\n",  # a corner that touches it
        f"0 {RING} 0.9 0.99\n",
        f"0 {RING} 1 0.9\n",
        f"0 {RING} -0.005 1\n",
        "0 0.5 0.5 0.2 1\n",  # a box as high as the picture
    ],
)
def test_outlines_that_end_on_the_lower_edge(tmp_path: Path, content: str) -> None:
    assert "yolo-row-scored" not in {f.code for f in told(tmp_path, content)}


# --- options that are wrong -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "content", "code", "text", "fix"),
    [
        (("scores",), f"0 {RING}\n", "yolo-row-score", "there are whole pairs of coordinates, and no score behind them", LEFT.format("score", "--from-scores")),
        (("scores",), "0 0.5 0.5 0.2 0.2\n", "yolo-row-score", "there are whole pairs of coordinates, and no score behind them", LEFT.format("score", "--from-scores")),
        (("tracks",), f"0 {RING}\n", "yolo-row-track", "there are whole pairs of coordinates, and no track behind them", LEFT.format("track", "--from-tracks")),
        (("scores", "tracks"), f"0 {RING} 0.5\n", "yolo-row-track", "one value stands behind whole pairs of coordinates, as a score, not a score and a track", "do all rows end so? Then leave out --from-tracks"),
        (("scores", "tracks"), f"0 {RING} 5\n", "yolo-row-score", "one value stands behind whole pairs of coordinates, as a track, not a score and a track", "do all rows end so? Then leave out --from-scores"),
        (("scores", "tracks"), f"0 {RING}\n", "yolo-row-track", "the track 0.6 is no whole number", LEFT.format("score and its track", "--from-scores and --from-tracks")),
        (("scores",), "0 0.5 0.5 0.9\n", "yolo-row-count", "2 coordinates are too few for an outline", "write 3 points or more, or remove the row"),
    ],
)  # fmt: skip
def test_an_option_that_does_not_fit(
    tmp_path: Path, options: tuple, content: str, code: str, text: str, fix: str
) -> None:
    """The trainer takes such files, or rejects them for the scores: it is no part of the sentence."""
    found = told(tmp_path, content, **dict.fromkeys(options, True))
    assert sentences(found) == [(code, 1, text, fix)]
    assert found[0].weight is Weight.ERROR


def test_following_the_advice_reads_the_file(tmp_path: Path) -> None:
    """Whatever of the two stands there and is said: what the message says in the end fits."""
    for behind in ((), ("scores",), ("tracks",), ("scores", "tracks")):
        ends = {"scores": "0.75", "tracks": "3"}
        content = "".join(f"0 {ring} {' '.join(ends[name] for name in behind)}\n" for ring in (LONG, f"{LONG} 0.1 0.3"))
        for given_options in ((), ("scores",), ("tracks",), ("scores", "tracks")):
            options = set(given_options)
            for _ in range(3):
                found = told(tmp_path, content, **dict.fromkeys(options, True))
                if not found:
                    break
                fix = found[0].fix
                named = {name for name in ends if f"--from-{name}" in fix}
                assert named
                options = options - named if "leave out" in fix else options | named
            assert (found, options) == ([], set(behind)), (behind, given_options)


def test_a_conversion_of_unsaid_tracks_writes_nothing(tmp_path: Path) -> None:
    told(tmp_path, f"0 {RING} 0.9 1\n1 {LONG} 0.55 2\n")
    with pytest.raises(ConversionError):
        read = {"names": "car,dog", "size": "100x50"}
        maskconv.convert(tmp_path / "labels", tmp_path / "out.mcv", from_="yolo-seg", read=read)
    assert not (tmp_path / "out.mcv").exists()


# --- classes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "label"), [("0.99999999999", "dog"), ("1.00000001", "dog"), ("-0.0", "car"), ("1e-60", "car")]
)
def test_classes_are_whole_in_single_precision(tmp_path: Path, number: str, label: str) -> None:
    """As the trainer parses them."""
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text(f"{number} {RING}\n")
    with maskconv.open_reader(tmp_path / "labels", format="yolo-seg", names="car,dog", size="100x50") as images:
        assert [a.label for image in images for a in image.annotations] == [label]
    assert images.report.findings == []


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0.9999999", "the class 0.9999999 is no whole number"),
        ("1.0000002", "the class 1.0000002 is no whole number"),
        ("-1e-10", "the class -1e-10 is negative"),
        ("16777217", "the class 16777217 has no name, for the names end at 1"),
        ("1e300", "the class 1e+300 has no name, for the names end at 1"),
    ],
)
def test_classes_that_are_not(tmp_path: Path, number: str, text: str) -> None:
    """Each is shown as it is, not as 1."""
    (finding,) = told(tmp_path, f"{number} {RING}\n")
    assert (finding.code, finding.message) == ("yolo-row-class", f"{text}: {REJECTED}")


@given(st.floats(-4, 4) | st.integers(0, 3).flatmap(lambda n: st.floats(n - 1e-6, n + 1e-6)))
def test_classes_as_the_trainer_has_them(number: float) -> None:
    names = {0: "a", 1: "b", 2: "c"}
    said: list = []
    got = rows.read(f"{number!r} {RING}\n".encode(), names, Extras(), lambda *facts: said.append(facts)).rows
    seen = np.float32(number)
    fine = seen >= 0 and seen % 1 == 0 and seen <= 2
    assert [row.number for row in got] == ([int(seen)] if fine else [])
    assert len(said) == (not fine)
