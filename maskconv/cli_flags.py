"""The flags that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

__all__ = ["DEBUG", "FETCHING", "FROM", "JSON", "TO", "converting", "fetching"]

# Terminal reads these two from the command line itself, for they hold for errors in it as well.
JSON = click.option("--json", is_flag=True, expose_value=False, help="Print one JSON document.")
DEBUG = click.option("--debug", is_flag=True, expose_value=False, help="Show Python's traceback of an error.")
FROM = click.option("--from", "from_", metavar="FORMAT", help="The source's format, where its content does not say it.")


FETCHING = (
    click.option("--fetch", is_flag=True, help="Fetch masks that are on other machines: http(s), s3, gs, az."),
    click.option("--cache", metavar="DIR", help="Keep fetched masks in DIR: a second run fetches none again."),
    click.option(
        "--allow-host",
        "allow_hosts",
        metavar="HOST",
        multiple=True,
        help="A host that may be asked though its address is private. May be given several times.",
    ),
)
TO = click.option("--to", metavar="FORMAT", help="The target's format, where its suffix does not say it.")
CONVERTING = (
    click.option(
        "--labels",
        metavar="FILE.csv",
        help="Rename labels: lines of old,new; several to one merge, an empty new drops.",
    ),
    click.option("--only", metavar="A,B", help="Keep only these labels (their names after --labels)."),
    click.option("--name", metavar="TEMPLATE", help="Rename items: {name} {stem} {folder} {split} {source}."),
    click.option("--jobs", type=click.IntRange(min=1), help="How many workers work at once.  [default: one a core]"),
    click.option(
        "--on-loss",
        type=click.Choice(["warn", "fail", "ignore"]),
        default="warn",
        show_default=True,
        help="What to do where the target cannot hold all data: name it, write nothing, or say nothing.",
    ),
    click.option(
        "--on-error",
        type=click.Choice(["fail", "skip"]),
        default="fail",
        show_default=True,
        help="What to do where the source is wrong: write nothing, or leave it out, write the rest and exit with 1.",
    ),
    click.option("--report", metavar="FILE", help="Write every finding to FILE, as JSON lines."),
    click.option("--overwrite", is_flag=True, help="Replace the target if it exists, once the new one is complete."),
    click.option(
        "--resume", is_flag=True, help="Keep what is done when interrupted, and go on with it when run again."
    ),
    click.option("--dry-run", is_flag=True, help="Do everything but write: say what there would be."),
    click.option("--quiet", is_flag=True, expose_value=False, help="Show only errors and lost data."),
    JSON,
    DEBUG,
)


def fetching(function: Any) -> Any:
    """The options of a command that reads."""
    for option in reversed(FETCHING):
        function = option(function)
    return function


def converting(*ends: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The options of a command that converts, after those of its ends."""

    def add(function: Any) -> Any:
        for option in reversed([*ends, *CONVERTING]):
            function = option(function)
        return function

    return add
