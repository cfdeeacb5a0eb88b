"""Options: the same fields as keywords and as flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, model_validator

from maskconv.errors import OptionError
from maskconv.options import Options, nearest


class Sample(Options):
    png: Literal["rgb", "palette"] = Field("rgb", description="the kind of PNG")
    mask_dir: Path | None = Field(None, description="the folder for masks")
    scale: float = Field(1.0, gt=0, description="a factor")
    count: int = Field(3, description="how many")
    strict: bool = Field(False, description="be strict")
    names: dict[str, str] | None = Field(None, description="names")


class Pair(Options):
    low: int = Field(0, description="from")
    high: int = Field(9, description="to")

    @model_validator(mode="after")
    def _ordered(self) -> Pair:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


def parse(**given: Any) -> Sample:
    return Sample.parse(given, "my-format", "write")


def test_flags_are_strings() -> None:
    found = parse(png="palette", mask_dir="a/b", scale="2.5", count="7", strict="true")
    assert found == Sample(png="palette", mask_dir=Path("a/b"), scale=2.5, count=7, strict=True)
    assert parse(strict="false", mask_dir=None) == parse() == Sample()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mask_dri": "x"}, ["my-format has no option --to-mask-dri to write with", "did you mean 'mask_dir'?", "--to-png, --to-mask-dir"]),
        ({"zzz": 1}, ["--to-zzz", "its options are --to-png"]),
        ({"png": "gif"}, ["my-format: --to-png does not take 'gif'", "'rgb' or 'palette'"]),
        ({"scale": "-1"}, ["--to-scale does not take '-1'", "greater than 0"]),
        ({"scale": "nan"}, ["--to-scale does not take 'nan'", "finite"]),
        ({"count": "many"}, ["--to-count does not take 'many'", "integer"]),
        ({"strict": "perhaps"}, ["--to-strict does not take 'perhaps'"]),
        ({"mask_dir": 5}, ["--to-mask-dir does not take 5"]),
    ],
)  # fmt: skip
def test_refusals(given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(OptionError) as caught:
        parse(**given)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_read_flags_have_their_own_prefix() -> None:
    with pytest.raises(OptionError, match=r"no option --from-x to read with; it has no options"):
        Options.parse({"x": 1}, "f", "read")
    with pytest.raises(OptionError, match=r"--from-count does not take 'x'"):
        Sample.parse({"count": "x"}, "f", "read")


def test_options_that_do_not_fit_each_other() -> None:
    with pytest.raises(OptionError) as caught:
        Pair.parse({"low": "5", "high": "1"}, "f", "write")
    assert str(caught.value) == "f: low is above high"


def test_description_of_all() -> None:
    found = {info.name: info for info in Sample.describe()}
    assert list(found) == ["png", "mask_dir", "scale", "count", "strict", "names"]
    assert (found["mask_dir"].flag, found["mask_dir"].type, found["mask_dir"].default) == ("mask-dir", "path", "")
    assert (found["png"].type, found["png"].default, found["png"].help) == ("rgb | palette", "rgb", "the kind of PNG")
    assert [found[n].type for n in ("scale", "count", "strict", "names")] == [
        "number",
        "number",
        "true | false",
        "mapping",
    ]
    assert found["strict"].default == "false"


def test_nearest() -> None:
    assert nearest("mcvv", ["mcv", "other"]) == " (did you mean 'mcv'?)"
    assert nearest("zzz", ["mcv"]) == ""
    assert nearest("x", []) == ""
