"""Regenerates what the documentation derives from the code: ``python docs/generate.py`` (``--check`` only compares).

A page holds blocks, ``<!-- NAME ARGUMENT -->`` to ``<!-- /NAME -->``; what stands between is replaced.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

import maskconv
from maskconv import catalogue, errors, registry
from maskconv.cli import cli
from maskconv.model import Feature
from maskconv.plugin import LOSSES, Format

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"(?P<begin><!-- (?P<name>\w+)(?: (?P<argument>[\w-]+))? -->\n)(?P<body>.*?)(?P<end><!-- /(?P=name) -->)", re.DOTALL
)
CODE_TABLE = re.compile(r"^\| *code *\|.*\n((?:\|.*\n)+)", re.MULTILINE)
CODE_ROW = re.compile(r"^\| *`([a-z][a-z0-9-]*)` *\|", re.MULTILINE)


def pages() -> list[Path]:
    """All pages of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def fresh(page: Path) -> str:
    """The page's text as it should be."""

    def filled(match: re.Match[str]) -> str:
        body = BLOCKS[match["name"]](page, match["argument"] or page.stem)
        return f"{match['begin']}\n{body}\n\n{match['end']}"

    return BLOCK.sub(filled, page.read_text(encoding="utf-8"))


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def formats(page: Path, _: str) -> str:
    rows = [[_link(page, fmt.name), *catalogue.row(fmt)[1:]] for fmt in registered()]
    return table(["format", "what it is", *catalogue.HEADING[2:]], rows)


def _link(page: Path, name: str) -> str:
    folder = "docs/formats" if page.parent == ROOT else "formats"
    return f"[{name}]({folder}/{name}.md)"


def registered() -> list[Format]:
    """The built-in formats; what plugins are installed here is nobody's documentation."""
    return [registry.by_name(name) for name in registry.BUILT_IN]


def options(_: Path, name: str) -> str:
    return "\n\n".join(_side(registry.by_name(name), side) for side in ("read", "write")).strip() or "None."


def _side(fmt: Format, side: str) -> str:
    rows = [
        [f"`{flag}`", f"`{info.name}`", info.type, f"`{info.default}`" if info.default else "", info.help]
        for flag, info in catalogue.options(fmt, side)
    ]
    can = catalogue.does(fmt)[f"{side}s"]
    if not rows:
        return f"No options to {side}." if can else ""
    return f"To {side}:\n\n" + table(["flag", f"`{side}=` key", "type", "default", "meaning"], rows)


def keeps(_: Path, name: str) -> str:
    kept = catalogue.keeps(registry.by_name(name))
    rows = [[f.value, "yes" if f in kept else f"no: `{LOSSES[f].code}` ({LOSSES[f].weight})"] for f in Feature]
    return "With default options:\n\n" + table(["feature", "kept"], rows)


def losses(_page: Path, _: str) -> str:
    rows = [
        [f"`{loss.code}`", loss.weight.value, loss.unit, f"the target does not hold {loss.text}"]
        for loss in LOSSES.values()
    ]
    return table(["code", "weight", "amount in", "meaning"], rows)


def error_tree(_page: Path, _: str) -> str:
    """The tree at the top of errors.py."""
    tree = [line.removeprefix("    ") for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")]
    return "```text\n" + "\n".join(tree) + "\n```"


def command_help(_: Path, name: str) -> str:
    root = click.Context(cli, info_name="maskconv", terminal_width=100, **cli.context_settings)
    context = root if name == "cli" else click.Context(cli.commands[name], root, name)
    return f"```text\n{context.get_help().rstrip()}\n```"


def signature(_: Path, name: str) -> str:
    """How a public function is called."""
    told = inspect.signature(getattr(maskconv, name), eval_str=False)
    plain = [one.replace(annotation=one.empty) for one in told.parameters.values()]
    call = str(told.replace(parameters=plain, return_annotation=told.empty))
    return "```text\n" + textwrap.fill(f"{name}{call}", 110, subsequent_indent=" " * (len(name) + 1)) + "\n```"


def session(_: Path, name: str) -> str:
    """A transcript of tests/commands, which a test runs, as a terminal of 80 columns shows it."""
    text = (ROOT / "tests" / "commands" / f"{name}.txt").read_text(encoding="utf-8")
    shown = text[text.index("$ ") :].replace("$ COLUMNS=80 ", "$ ")
    shown = re.sub(r"(?m)^\[exit \d+\]\n", "", shown).rstrip()
    return f"```text\n{shown}\n```"


def documented() -> dict[str, Path]:
    """Every code that a page's table explains, and that page."""
    found: dict[str, Path] = {}
    for page in pages():
        text = BLOCK.sub(lambda m: m["body"] if m["name"] != "codes" else "", page.read_text(encoding="utf-8"))
        for rows in CODE_TABLE.findall(text):
            found |= {code: page for code in CODE_ROW.findall(rows) if code not in found}
    return found


def codes(page: Path, _: str) -> str:
    found = documented()
    others = {code: path for code, path in found.items() if path != page}
    links = (f"[`{code}`]({path.relative_to(page.parent).as_posix()})" for code, path in sorted(others.items()))
    return ", ".join(links)


BLOCKS: dict[str, Callable[[Path, str], str]] = {
    "codes": codes,
    "errors": error_tree,
    "formats": formats,
    "help": command_help,
    "keeps": keeps,
    "losses": losses,
    "options": options,
    "session": session,
    "signature": signature,
}


def stale() -> Iterator[Path]:
    """Pages that differ from what they should be."""
    for page in pages():
        if fresh(page) != page.read_text(encoding="utf-8"):
            yield page


def main(args: Sequence[str]) -> int:
    pages = list(stale())
    for page in pages:
        print(("stale: " if "--check" in args else "written: ") + page.relative_to(ROOT).as_posix())
        if "--check" not in args:
            page.write_text(fresh(page), encoding="utf-8")
    return 1 if pages and "--check" in args else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
