"""A format's options as flags of a command: ``predict`` and ``isolate`` are ``convert`` with one side fixed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from maskconv.options import OptionInfo, Options
    from maskconv.registry import Command

__all__ = ["FormatCommand"]

SIDES = {"read": "from", "write": "to"}


class Section(NamedTuple):
    """What a table of the help holds: a command whose format's options are flags, these, and the table's title."""

    command: Command
    options: type[Options]
    flags: list[click.Option]
    title: str


class FormatCommand(click.Command):
    """Has the options of its format as flags. Where the source is free, it has those of the commands that read as well:
    giving the one that such a command needs chooses its reader. Formats are imported when the command is used, not before.
    """

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        flags = (flag for section in self._sections() for flag in section.flags)
        return [*flags, *super().get_params(ctx)]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        tables = [(section.title, section.flags) for section in self._sections()]
        own = [each for each in super().get_params(ctx) if isinstance(each, click.Option)]
        for title, flags in [*tables, ("Options", own)]:
            with formatter.section(title):
                formatter.write_dl([record for flag in flags if (record := flag.get_help_record(ctx))])

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command once its flags fit: a fixed or chosen side stands in its parameters as --from or --to would."""
        for section in self._sections():
            self._settle(section, ctx)
        return super().invoke(ctx)

    def _settle(self, section: Section, ctx: click.Context) -> None:
        (name, format_, side, needs), given = section.command, ctx.obj.given[SIDES[section.command.side]]
        key = "from_" if side == "read" else "to"
        if needs and needs not in given:
            typed = [flag.opts[0] for flag in section.flags if ctx.meta.get(flag.opts[0])]
            if name == self.name or typed:
                text = f"{typed[0]} goes with --{needs}, which is missing" if typed else f"--{needs} is missing"
                raise click.UsageError(f"{text} ({section.options.model_fields[needs].description})", ctx)
            return
        if ctx.params.get(key) not in (None, format_):
            raise click.UsageError(f"--{needs} means --{SIDES[side]} {format_}, not {ctx.params[key]}", ctx)
        section.options.parse(given, format_, side, prefix="--")
        ctx.params[key] = format_

    def _sections(self) -> Iterator[Section]:
        from maskconv.registry import COMMANDS, by_name

        own = next(command for command in COMMANDS if command.name == self.name)
        others = [command for command in COMMANDS if command.needs and command.side != own.side]
        for command in (own, *others):
            found = by_name(command.format)
            part = found.reader if command.side == "read" else found.writer
            assert part is not None, f"{command.format} cannot {command.side}"  # noqa: S101
            title = f"Options of {command.format}"
            title += "" if command is own else f", where --{command.needs} is the source (see maskconv {command.name})"
            flags = [flag for info in part.Options.describe() for flag in _flags(info, command.side)]
            yield Section(command, part.Options, flags, title)


def _flags(info: OptionInfo, side: str) -> Iterator[click.Option]:
    """The flag of an option, and those that stand for one of its values."""
    text = f"{info.help}  [default: {info.default}]" if info.default else info.help
    choice = " | " in info.type and info.type != "true | false"
    kind = click.Choice(info.type.split(" | ")) if choice else None
    metavar = None if choice else _metavar(info.type)
    keep = _keeper(info.name, side)
    yield click.Option([f"--{info.flag}"], type=kind, metavar=metavar, help=text, callback=keep, expose_value=False)
    for switch, value in info.switches.items():
        text = f"The same as --{info.flag} {value}."
        keep = _keeper(info.name, side, value)
        yield click.Option([f"--{switch}"], is_flag=True, help=text, callback=keep, expose_value=False)


def _metavar(type_: str) -> str:
    if type_ == "true | false":
        return "[true|false]"
    return "TEXT" if " or " in type_ else type_.upper()


def _keeper(name: str, side: str, fixed: str = "") -> Any:
    """Puts a flag's value where those of --from-X and --to-X are."""

    def keep(context: click.Context, flag: click.Parameter, value: Any) -> None:
        if value is None or value is False:
            return
        given = context.obj.given[SIDES[side]]
        if name in given:
            text = f"{flag.opts[0]} and another option both say what {name.replace('_', '-')} is; keep one of them"
            raise click.UsageError(text, context)
        context.meta[flag.opts[0]] = True
        given[name] = fixed or value

    return keep
