"""Options of readers and writers: declared once as a pydantic model, used as keywords, flags, help and docs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from maskconv.errors import OptionError

__all__ = ["OptionInfo", "Options", "nearest", "shared"]


def nearest(name: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` for the closest known name, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """One option as a person sees it: ``name`` as keyword, ``flag`` without its side's prefix, ``type`` in words.

    ``switches`` are flags without a value that stand for one of its values, where a command has the option as its own.
    """

    name: str
    flag: str
    type: str
    default: str
    help: str
    switches: dict[str, str] = field(default_factory=dict)


class Options(BaseModel):
    """Base of every reader's and writer's options. A field's description is its help text; each has a default.

    ``json_schema_extra={"switches": {"full": "none"}}`` makes ``--full`` a short form of the field's value ``none``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, given: Mapping[str, Any], owner: str, side: str, prefix: str = "") -> Self:
        """Check keywords or flag values; ``owner`` is the format, ``side`` "read" or "write", for the error's words.

        ``prefix`` is what flags begin with, where it is not ``--from-`` or ``--to-``.

        Raises OptionError that names the option and lists the known ones.
        """
        for name in given:
            if name not in cls.model_fields:
                raise OptionError(_unknown(name, cls, owner, side, prefix or _SIDES[side]))
        try:
            return cls.model_validate(dict(given))
        except ValidationError as error:
            text = _refused(error, owner, prefix or _SIDES[side])
            raise OptionError(text, code="option-value") from error

    @classmethod
    def describe(cls) -> list[OptionInfo]:
        """All options in the order of their declaration."""
        return [
            OptionInfo(
                name,
                name.replace("_", "-"),
                type_text(f.annotation),
                default_text(f.default),
                f.description or "",
                switches(f.json_schema_extra),
            )
            for name, f in cls.model_fields.items()
        ]


_SIDES = {"read": "--from-", "write": "--to-"}


def shared(
    given: Mapping[str, Any], owners: Iterable[tuple[str, type[Options]]], side: str
) -> dict[str, dict[str, Any]]:
    """What of the options each of some formats takes, by the format's name: those that it has.

    Raises OptionError for one that none of several has; of a single format `Options.parse` says that.
    """
    known = dict(owners)
    if len(known) < 2:
        return {owner: dict(given) for owner in known}
    for name in given:
        if not any(name in cls.model_fields for cls in known.values()):
            flag = _SIDES[side] + name.replace("_", "-")
            every = [field for cls in known.values() for field in cls.model_fields]
            told = "; ".join(f"{owner} has {_listed(cls, _SIDES[side])}" for owner, cls in known.items())
            text = f"none of {', '.join(known)} has an option {flag} to {side} with{nearest(name, every)}; {told}"
            raise OptionError(text)
    return {owner: {k: v for k, v in given.items() if k in cls.model_fields} for owner, cls in known.items()}


def _listed(cls: type[Options], prefix: str) -> str:
    return ", ".join(prefix + info.flag for info in cls.describe()) or "none"


def _unknown(name: str, cls: type[Options], owner: str, side: str, prefix: str) -> str:
    flag = prefix + name.replace("_", "-")
    options = f"its options are {_listed(cls, prefix)}" if cls.model_fields else "it has no options"
    return f"{owner} has no option {flag} to {side} with{nearest(name, cls.model_fields)}; {options}"


def _refused(error: ValidationError, owner: str, prefix: str) -> str:
    first = error.errors(include_url=False)[0]
    reason = first["msg"].removeprefix("Value error, ")
    reason = reason[:1].lower() + reason[1:]
    if not first["loc"]:  # options that do not fit each other
        return f"{owner}: {reason}"
    flag = prefix + str(first["loc"][0]).replace("_", "-")
    return f"{owner}: {flag} does not take {first['input']!r}: {reason}"


def type_text(annotation: Any) -> str:
    """A type as help shows it: ``rgb | palette``, ``path``, ``text``, ``number``, ``yes/no``."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return type_text(get_args(annotation)[0])
    if origin is Literal:
        return " | ".join(str(value) for value in get_args(annotation))
    if origin in (Union, UnionType):
        texts = [type_text(arg) for arg in get_args(annotation) if arg is not type(None)]
        return " or ".join(dict.fromkeys(texts))
    names = {
        str: "text",
        int: "number",
        float: "number",
        bool: "true | false",
        Path: "path",
        dict: "mapping",
        timedelta: "time",
    }
    return names.get(origin or annotation, getattr(annotation, "__name__", str(annotation)).lower())


def switches(extra: Any) -> dict[str, str]:
    """The flags that a field's ``json_schema_extra`` names."""
    return dict(extra.get("switches", {})) if isinstance(extra, dict) else {}


def default_text(default: Any) -> str:
    return "" if default is None else str(default).lower() if isinstance(default, bool) else str(default)
