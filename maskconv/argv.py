"""The options of formats, taken out of a command line before click sees it: no format is imported to read it."""

from __future__ import annotations

from collections.abc import Sequence

import click

__all__ = ["Given", "take_options"]

Given = dict[str, dict[str, str]]  # from or to, the option's name, its value
BOTH = ("from", "to")
SIDES = {"convert": BOTH, "predict": BOTH, "isolate": BOTH, "validate": ("from", "to"), "info": ("from",)}


def take_options(args: Sequence[str]) -> tuple[list[str], Given]:
    """Take ``--from-X V`` and ``--to-X=V`` out of a command line; what remains is for click.

    Raises click.UsageError where a value is missing or an option is given twice.
    """
    command = next((arg for arg in args if not arg.startswith("-")), "")
    prefixes = {f"--{side}-": side for side in SIDES.get(command, ())}
    given: Given = {"from": {}, "to": {}}
    rest: list[str] = []
    queue = list(args)
    while queue:
        arg = queue.pop(0)
        if arg == "--":
            return [*rest, arg, *queue], given
        side = next((side for prefix, side in prefixes.items() if arg.startswith(prefix)), None)
        if side is None:
            rest.append(arg)
            continue
        flag, equals, value = arg.partition("=")
        if not equals:
            value = _value(flag, queue)
        name = flag.removeprefix(f"--{side}-").replace("-", "_")
        if name in given[side]:
            raise click.UsageError(f"{flag} is given twice")
        given[side][name] = value
    return rest, given


def _value(flag: str, queue: list[str]) -> str:
    if not queue:
        raise click.UsageError(f"{flag} takes a value, and none follows")
    if queue[0].startswith("--"):
        raise click.UsageError(
            f"{flag} takes a value, but {queue[0]} follows (if that is the value: {flag}={queue[0]})"
        )
    return queue.pop(0)
