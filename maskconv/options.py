"""Options of readers and writers: declared once as a pydantic model, used as keywords, flags, help and docs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from maskconv.errors import OptionError

__all__ = ["OptionInfo", "Options", "nearest"]


def nearest(name: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` for the closest known name, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """One option as a person sees it: ``name`` as keyword, ``flag`` without its side's prefix, ``type`` in words."""

    name: str
    flag: str
    type: str
    default: str
    help: str


class Options(BaseModel):
    """Base of every reader's and writer's options. A field's description is its help text; each has a default."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, given: Mapping[str, Any], owner: str, side: str) -> Self:
        """Check keywords or flag values; ``owner`` is the format, ``side`` "read" or "write", for the error's words.

        Raises OptionError that names the option and lists the known ones.
        """
        for name in given:
            if name not in cls.model_fields:
                raise OptionError(_unknown(name, cls, owner, side))
        try:
            return cls.model_validate(dict(given))
        except ValidationError as error:
            raise OptionError(_refused(error, owner, side), code="option-value") from error

    @classmethod
    def describe(cls) -> list[OptionInfo]:
        """All options in the order of their declaration."""
        return [
            OptionInfo(
                name, name.replace("_", "-"), type_text(f.annotation), default_text(f.default), f.description or ""
            )
            for name, f in cls.model_fields.items()
        ]


_SIDES = {"read": "--from-", "write": "--to-"}


def _unknown(name: str, cls: type[Options], owner: str, side: str) -> str:
    known = ", ".join(_SIDES[side] + info.flag for info in cls.describe())
    flag = _SIDES[side] + name.replace("_", "-")
    options = f"its options are {known}" if known else "it has no options"
    return f"{owner} has no option {flag} to {side} with{nearest(name, cls.model_fields)}; {options}"


def _refused(error: ValidationError, owner: str, side: str) -> str:
    first = error.errors(include_url=False)[0]
    reason = first["msg"].removeprefix("Value error, ")
    reason = reason[:1].lower() + reason[1:]
    if not first["loc"]:  # options that do not fit each other
        return f"{owner}: {reason}"
    flag = _SIDES[side] + str(first["loc"][0]).replace("_", "-")
    return f"{owner}: {flag} does not take {first['input']!r}: {reason}"


def type_text(annotation: Any) -> str:
    """A type as help shows it: ``rgb | palette``, ``path``, ``text``, ``number``, ``yes/no``."""
    origin = get_origin(annotation)
    if origin is Literal:
        return " | ".join(str(value) for value in get_args(annotation))
    if origin in (Union, UnionType):
        texts = [type_text(arg) for arg in get_args(annotation) if arg is not type(None)]
        return " or ".join(dict.fromkeys(texts))
    names = {str: "text", int: "number", float: "number", bool: "true | false", Path: "path", dict: "mapping"}
    return names.get(origin or annotation, getattr(annotation, "__name__", str(annotation)).lower())


def default_text(default: Any) -> str:
    return "" if default is None else str(default).lower() if isinstance(default, bool) else str(default)
