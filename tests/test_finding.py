"""Findings, their places, and the Report that counts them."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskconv.finding import EXAMPLES, Finding, Report, Weight, Where
from maskconv.model import Feature
from maskconv.plugin import LOSSES, loss


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (Where(), ""),
        (Where(path="a.zip"), "a.zip"),
        (Where(path="a.zip", member="in/b.png"), "a.zip/in/b.png"),
        (Where(member="b.png"), "b.png"),
        (Where(path="a.txt", line=3), "a.txt:3"),
        (Where(path="a.zip", member="b.txt", line=3), "a.zip/b.txt:3"),
        (Where(line=3), "line 3"),
        (Where(path="a.mcv", line=2, image="x"), "a.mcv:2: image x"),
        (Where(image="x", annotation=0), "image x, annotation 0"),
        (Where(path="a.zip", member="b.png", image="b"), "a.zip/b.png"),
    ],
)
def test_place_in_words(where: Where, text: str) -> None:
    assert str(where) == text


def test_finding_is_one_sentence() -> None:
    found = Finding("hole", Weight.DATA, "a hole was filled", Where(path="a.txt", line=3), 12, "pixels", "use masks")
    assert str(found) == "a.txt:3: a hole was filled; use masks"
    assert str(Finding("x", Weight.INFO, "just so")) == "just so"


def test_a_place_is_filled_in_but_never_changed() -> None:
    found = Finding("x", Weight.INFO, "m", Where(image="mine", annotation=0))
    filled = found.at(image="yours", annotation=5, path="a.zip", line=0)
    assert filled.where == Where(path="a.zip", image="mine", annotation=0, line=0)
    assert found.where == Where(image="mine", annotation=0)


def test_json_leaves_out_what_is_empty_but_not_zero() -> None:
    found = Finding("x", Weight.ERROR, "m", Where(path="a", line=0, annotation=0), 0.5, "IoU", "f")
    assert found.to_dict() == {
        "code": "x",
        "weight": "error",
        "message": "m",
        "where": {"path": "a", "line": 0, "annotation": 0},
        "amount": 0.5,
        "unit": "IoU",
        "fix": "f",
    }


findings = st.builds(
    Finding,
    code=st.sampled_from("abc"),
    weight=st.sampled_from(Weight),
    message=st.text(max_size=3),
    amount=st.integers(0, 9),
    unit=st.just("pixels"),
)


@given(st.lists(findings, max_size=60))
def test_report_counts_everything(given_: list[Finding]) -> None:
    seen: list[Finding] = []
    report = Report(sink=seen.append)
    report.extend(given_)
    assert seen == given_
    for weight in Weight:
        assert report.count(weight) == sum(f.weight is weight for f in given_)
    assert report.failed == any(f.weight is Weight.ERROR for f in given_)
    assert report.lossy == any(f.weight is Weight.DATA for f in given_)
    for (code, weight), tally in report.tallies.items():
        same = [f for f in given_ if (f.code, f.weight) == (code, weight)]
        assert (tally.count, tally.amount) == (len(same), sum(f.amount for f in same))
        assert tally.examples == same[:EXAMPLES]
    order = list(Weight)
    assert [order.index(f.weight) for f in report.findings] == sorted(order.index(f.weight) for f in report.findings)
    assert json.loads(json.dumps(report.to_dict()))["codes"] == report.to_dict()["codes"]


def test_report_keeps_twenty_examples_a_code() -> None:
    report = Report()
    report.extend(Finding("x", Weight.DATA, str(i), amount=2) for i in range(1000))
    assert len(report.findings) == EXAMPLES == 20
    assert report.tallies["x", Weight.DATA].count == 1000
    assert report.tallies["x", Weight.DATA].amount == 2000


def test_report_pickles_without_its_sink() -> None:
    report = Report(images=3, sink=lambda _: None, next_steps=("go",))
    report.add(Finding("x", Weight.ERROR, "m"))
    other = pickle.loads(pickle.dumps(report))
    assert other.sink is None
    assert other.to_dict() == report.to_dict()
    assert other.next_steps == ("go",)
    assert report.sink is not None


def test_losses_cover_every_feature() -> None:
    assert set(LOSSES) == set(Feature)
    assert len({known.code for known in LOSSES.values()}) == len(LOSSES), "one code each"
    assert {known.weight for known in LOSSES.values()} <= {Weight.DATA, Weight.WARNING, Weight.INFO}
    for feature in Feature:
        found = loss(feature, 3)
        assert found.code == LOSSES[feature].code
        assert found.amount == 3
        assert found.message.startswith("the target does not hold ")
    assert loss(Feature.HOLES, 1, message="own words").message == "own words"
