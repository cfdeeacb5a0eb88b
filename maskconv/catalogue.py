"""What there is to say about the formats: for ``maskconv formats``, and for the tables in the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from maskconv import registry
from maskconv.layout import Look, cells, columns, hanging
from maskconv.model import Feature
from maskconv.options import OptionInfo
from maskconv.plugin import LOSSES, Format
from maskconv.wording import plain

__all__ = ["HEADING", "all_facts", "does", "facts", "keeps", "listing", "options", "page", "row"]

HEADING = ("name", "title", "reads", "writes", "checks", "suffixes")


def does(fmt: Format) -> dict[str, bool]:
    """What a format can do."""
    return {
        "reads": fmt.reader is not None,
        "writes": fmt.writer is not None,
        "checks": fmt.check is not None or fmt.reader is not None,
    }


def row(fmt: Format) -> tuple[str, ...]:
    """A format's line in the table."""
    can = ["yes" if able else "-" for able in does(fmt).values()]
    return plain(fmt.name), plain(fmt.title), *can, " ".join(map(plain, fmt.suffixes)) or "-"


def options(fmt: Format, side: str) -> list[tuple[str, OptionInfo]]:
    """A side's ("read" or "write") options: the flag as it is typed, and its facts."""
    part, prefix = (fmt.reader, "--from-") if side == "read" else (fmt.writer, "--to-")
    return [] if part is None else [(prefix + info.flag, info) for info in part.Options.describe()]


def keeps(fmt: Format) -> list[Feature]:
    """What the writer keeps with its default options, in the vocabulary's order."""
    if fmt.writer is None:
        return []
    kept = fmt.writer(fmt.writer.Options()).keeps()
    return [feature for feature in Feature if feature in kept]


def facts(name: str) -> dict[str, Any]:
    """All about one format, as plain values."""
    return {"ok": True, **_facts(registry.by_name(name)), "error": None}


def all_facts() -> list[dict[str, Any]]:
    return [_facts(fmt) for fmt in registry.formats()]


def _facts(fmt: Format) -> dict[str, Any]:
    sides = {
        f"{side}_options": [asdict(info) | {"flag": flag} for flag, info in options(fmt, side)]
        for side in ("read", "write")
    }
    head = {"name": fmt.name, "title": fmt.title, "suffixes": fmt.suffixes}
    return head | does(fmt) | sides | {"keeps": [feature.value for feature in keeps(fmt)]}


def listing(look: Look) -> Iterator[str]:
    """The table of all formats."""
    rows = [tuple(name.upper() for name in HEADING), *map(row, registry.formats())]
    table = list(columns(rows, Look()))
    if look.width is not None and max(map(cells, table)) > look.width:
        rows = [(HEADING[0].upper(), "WHAT IT IS"), *map(_summary, registry.formats())]
    yield from columns(rows, look, heading=True)
    yield ""
    yield from hanging("", "The options of one, and what it keeps: maskconv formats NAME", look)


def _summary(fmt: Format) -> tuple[str, str]:
    """A format's line where there is no room for the table: all but its name is one sentence, which wraps."""
    able = ", ".join(verb for verb, can in does(fmt).items() if can)
    suffixes = f"; {' '.join(map(plain, fmt.suffixes))}" if fmt.suffixes else ""
    return plain(fmt.name), f"{plain(fmt.title)}: {able}{suffixes}"


def page(name: str, look: Look) -> Iterator[str]:
    """All about one format."""
    fmt = registry.by_name(name)
    able = [verb for verb, can in does(fmt).items() if can]
    suffixes = f" ({', '.join(map(plain, fmt.suffixes))})" if fmt.suffixes else ""
    yield from hanging(
        f"{look.paint(plain(fmt.name), 'bold')}: ", plain(fmt.title) + suffixes, look, used=len(name) + 2
    )
    yield ", ".join(able)
    for side in ("read", "write"):
        yield from _option_lines(fmt, side, look)
    if fmt.writer is not None:
        kept = keeps(fmt)
        dropped = [f"{feature.value} ({LOSSES[feature].weight})" for feature in Feature if feature not in kept]
        rows = [("keeps", ", ".join(feature.value for feature in kept)), ("drops", ", ".join(dropped) or "nothing")]
        yield ""
        yield from columns(rows, look)


def _option_lines(fmt: Format, side: str, look: Look) -> Iterator[str]:
    found = options(fmt, side)
    if not found:
        return
    yield ""
    yield look.paint(f"options to {side}", "bold")
    rows = []
    for flag, info in found:
        default = f" [default: {info.default}]" if info.default else ""
        rows.append((flag, f"{info.type}: {info.help}{default}" if info.help else f"{info.type}{default}"))
    yield from columns([(plain(flag), plain(text)) for flag, text in rows], look, indent=2)
