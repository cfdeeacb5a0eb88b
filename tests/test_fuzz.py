"""Mutated inputs of every parser, the same ones each time, and those that fuzzing once found; see docs/safety.md."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import hostile
from tests.fuzz.blind import TOKENS, mutants, mutated
from tests.fuzz.parsers import PARSERS, attempt

SECONDS = 2


@pytest.mark.parametrize("name", PARSERS)
def test_seeds_are_sound(name):
    """A seed that is refused at once would lead nowhere."""
    parser = PARSERS[name]
    seeds = parser.seeds()
    assert len(set(seeds)) == len(seeds) > 1
    for seed in seeds:
        assert parser.mend(seed) == seed
        attempt(parser, seed)
    parser.read(seeds[0])


@pytest.mark.parametrize("name", PARSERS)
def test_mutants(name):
    parser = PARSERS[name]
    for data in mutants(parser.seeds(), 250):
        begin = time.process_time()
        attempt(parser, parser.mend(data))
        assert time.process_time() - begin < SECONDS, data


EDITS = st.lists(
    st.tuples(st.integers(0, 1 << 12), st.integers(0, 9), st.sampled_from(TOKENS) | st.binary(max_size=9)), max_size=5
)


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=60)
@given(st.integers(0, 9), EDITS)
def test_edits(name, which, edits):
    """Pieces of a sound input replaced by others; hypothesis makes small what fails."""
    parser = PARSERS[name]
    seeds = parser.seeds()
    data = seeds[which % len(seeds)]
    for at, length, new in edits:
        at %= len(data) + 1
        data = data[:at] + new + data[at + length :]
    attempt(parser, parser.mend(data))


@settings(max_examples=60)
@given(st.sampled_from(sorted(PARSERS)), st.binary(max_size=300))
def test_anything(name, data):
    attempt(PARSERS[name], data)


def test_a_mutant_is_told_by_its_number():
    seeds = [b"abc", b"def"]
    assert list(mutants(seeds, 20)) == list(mutants(seeds, 20)) != list(mutants(seeds, 20, seed=1))
    assert len({mutated(b"some text", random.Random(n)) for n in range(100)}) > 80


def test_what_raises_is_found():
    """The check itself: a parser that lets an exception out, or warns."""
    import warnings

    from tests.fuzz.parsers import Parser

    for wrong in (
        lambda data: data.decode(),
        lambda data: warnings.warn("numpy says so", RuntimeWarning, stacklevel=1),
    ):
        with pytest.raises((UnicodeDecodeError, RuntimeWarning)):
            attempt(Parser(wrong, lambda: [b""]), b"\xff")


FOUND = {
    "a track that is infinite, and a remainder that numpy warns of": ("yolo-rows", b"NaN5 0.5 0.2 0.2\n1 .5 51e999"),
    "numpy's header reader recurs": ("arrays", hostile.npy("-" * 3000 + "1", "(1,)")),
    "numpy's header reader takes a tuple apart": ("arrays", hostile.npy("('f4',)", "(1,)")),
    "half precision, compared with what it cannot hold": ("arrays", hostile.npy("'<f2'", "(1, 2)", bytes(4))),
    "numpy warns of an old letter": ("arrays", hostile.npy("'|a1'", "(2, 3)", bytes(6))),
    "a stack of as many masks as bytes": ("arrays", hostile.npy("'|b1'", "(300000, 1, 1)", bytes(300_000))),
    "parts that are a number": ("colors", b'[{"name": "a", "parts": 3}]'),
    "a box without its sides": ("colors", b'{"1": {"label": "a", "box": {"x": 1}}}'),
    "elements in one another": ("xml", b"<annotations>" + b"<a>" * 100_000),
    "more frames than memory": ("xml", b"<annotations><meta><task><size>999999999</size></task></meta></annotations>"),
    "names, each compared with all before": ("data-yaml", b"".join(b"a%d\n" % number for number in range(60_000))),
    "rows that many patterns fit": ("zip", hostile.zip_bytes({"labels/a.txt": b"0 " + b"11 " * 600 + b"x"})),
}


@pytest.mark.parametrize("case", FOUND)
def test_found(case):
    name, data = FOUND[case]
    begin = time.process_time()
    attempt(PARSERS[name], data)
    assert time.process_time() - begin < SECONDS
