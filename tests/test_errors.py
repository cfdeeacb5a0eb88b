"""The error tree: as drawn, with facts, and picklable."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import pkgutil

import pytest

import maskconv
from maskconv import errors
from maskconv.errors import ConversionError, FormatError, LossError, MaskconvError
from maskconv.finding import Finding, Report, Weight, Where

CLASSES = [c for c in vars(errors).values() if inspect.isclass(c) and issubclass(c, Exception)]


def drawn() -> dict[str, str]:
    """Each class's parent in the docstring's tree."""
    found: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in errors.__doc__.splitlines():
        words = line.replace("│", " ").replace("├──", "   ").replace("└──", "   ").split()
        if line.startswith("    ") and words and words[0].endswith("Error"):
            depth = line.index(words[0])
            above = [(d, name) for d, name in above if d < depth]
            found[words[0]] = above[-1][1] if above else "Exception"
            above.append((depth, words[0]))
    return found


def test_the_tree_is_as_drawn() -> None:
    assert drawn() == {c.__name__: c.__bases__[0].__name__ for c in CLASSES}
    assert len(drawn()) == 14


def test_there_is_one_tree() -> None:
    for module in pkgutil.walk_packages(maskconv.__path__, "maskconv."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    known = [MaskconvError]
    for kind in known:
        known += kind.__subclasses__()
    assert {c for c in known if c.__module__.startswith("maskconv")} == set(CLASSES)


def test_all_are_public() -> None:
    assert sorted(c.__name__ for c in CLASSES) == errors.__all__
    assert all(getattr(maskconv, c.__name__) is c for c in CLASSES)


def build(kind: type[MaskconvError]) -> MaskconvError:
    facts: dict[str, object] = {"where": Where(path="a.zip", member="b.png"), "fix": "mend it"}
    if issubclass(kind, ConversionError):
        report = Report(sink=lambda _: None)
        report.add(Finding("x", Weight.ERROR, "m"))
        facts["report"] = report
    if issubclass(kind, FormatError):
        facts["candidates"] = ("one", "two")
    return kind("this is wrong", **facts)


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_pickle_with_their_facts(kind: type[MaskconvError]) -> None:
    error = build(kind)
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is kind
        assert str(other) == str(error) == "a.zip/b.png: this is wrong; mend it"
        assert other.args == error.args == ("this is wrong",)
        assert (other.where, other.fix, other.code) == (error.where, error.fix, error.code)
    if isinstance(error, ConversionError):
        assert other.report.to_dict() == error.report.to_dict()
    if isinstance(error, FormatError):
        assert other.candidates == ("one", "two")


@pytest.mark.parametrize("kind", CLASSES)
def test_codes_are_stable_words(kind: type[MaskconvError]) -> None:
    assert build(kind).code == kind.default_code
    assert kind.default_code == kind.default_code.lower().replace(" ", "-") != ""
    assert (
        kind("m", code="my-own", **({"report": Report()} if issubclass(kind, ConversionError) else {})).code == "my-own"
    )


def test_every_class_has_a_code_of_its_own() -> None:
    assert len({c.default_code for c in CLASSES}) == len(CLASSES)


def test_messages() -> None:
    assert str(MaskconvError("wrong")) == "wrong"
    assert str(MaskconvError("wrong", fix="stop")) == "wrong; stop"
    assert str(MaskconvError("wrong", where=Where())) == "wrong"
    assert isinstance(LossError("m", report=Report()), ConversionError)
