"""The commands. Only click and the standard library are imported up here, for the command line answers at once."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from maskconv import __version__, closing
from maskconv.argv import take_options
from maskconv.cli_flags import DEBUG, FETCHING, FROM, JSON, TO, converting, fetching
from maskconv.flags import FormatCommand

if TYPE_CHECKING:
    from maskconv.labelmap_make import Setup
    from maskconv.terminal import Terminal

__all__ = ["cli", "main"]

READING = "Formats have options of their own, --from-X VALUE: see maskconv formats NAME."
BOTH = "Formats have options of their own, --from-X VALUE and --to-X VALUE: see maskconv formats NAME."


@click.group(
    invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="maskconv", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Convert segmentation annotations between formats; nothing is lost without being named."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(2)


@cli.command(epilog=BOTH)
@click.argument("paths", nargs=-1, metavar="SOURCE... TARGET")
@converting(FROM, TO, *FETCHING)
@click.pass_obj
def convert(terminal: Terminal, /, **options: Any) -> None:
    """Convert a data set, or several into one.

    A SOURCE is a file, a folder, a zip, a pattern such as 'exports/*.zip', or a folder of exports; TARGET is what to
    make of it; - is standard input or output. The formats are recognised by the source's content and the target's
    suffix. Labels of several sources are the same where their names are.
    """
    _convert(terminal, **options)


@cli.command(
    cls=FormatCommand, epilog="The target's format has options of its own, --to-X VALUE: see maskconv formats NAME."
)
@click.argument("paths", nargs=-1, metavar="IMAGES... TARGET")
@converting(TO)
@click.pass_obj
def predict(terminal: Terminal, /, **options: Any) -> None:
    """Annotate pictures with a segmentation model.

    IMAGES are pictures, folders of them, patterns such as 'street/*.jpg', or text files that list pictures; TARGET is
    what to make of them, in any format that convert writes.
    """
    _convert(terminal, labels_told=True, **options)


@cli.command(
    cls=FormatCommand, epilog="The source's format has options of its own, --from-X VALUE: see maskconv formats NAME."
)
@click.argument("paths", nargs=-1, metavar="SOURCE... FOLDER")
@converting(FROM, *FETCHING)
@click.pass_obj
def isolate(terminal: Terminal, /, **options: Any) -> None:
    """Cut every object out of its picture.

    A SOURCE is a data set of any format that convert reads, or with --model pictures. Each object becomes a PNG in FOLDER
    (a zip where its name ends in .zip) named <picture>_<label>-<index>.png; index.jsonl lists them.
    """
    from maskconv.errors import FormatError

    try:
        _convert(terminal, **options)
    except FormatError as error:  # a model's pictures are a source of this command itself
        error.fix = error.fix.replace("annotate pictures: maskconv predict", "isolate by a model: maskconv isolate")
        raise


def _convert(
    terminal: Terminal,
    /,
    paths: tuple[str, ...],
    report: str | None,
    jobs: int | None,
    only: str | None,
    *,
    labels_told: bool = False,
    **rest: Any,
) -> None:
    from maskconv import driver, face, pool
    from maskconv.filenames import as_text
    from maskconv.finding import Report
    from maskconv.reportfile import report_file

    sources, target = _ends(terminal, paths)
    found, begin = Report(), time.perf_counter()
    terminal.report = found
    options: dict[str, Any] = {"read": terminal.given["from"], "write": terminal.given["to"], **rest}
    options["only"] = None if only is None else _listed(only)
    if options["name"] is not None:
        options["name"] = as_text(options["name"], "--name")
    source = sources[0] if len(sources) == 1 else f"{sources[0]} and {len(sources) - 1} more"
    with report_file(report, found, sources, target), terminal.progress(source) as progress:
        driver.convert(sources, target, report=found, jobs=jobs or pool.cores(), progress=progress, **options)
        terminal.written = not rest["dry_run"]
    ends = {"sources": sources, "target": target, "dry_run": rest["dry_run"]}
    text = face.outcome(found, source, target, time.perf_counter() - begin, dry=rest["dry_run"])
    closing.close(terminal, found, ends, text, rest["on_loss"], labels_told=labels_told)


def _listed(only: str) -> list[str]:
    """The labels of --only."""
    from maskconv.filenames import as_text

    names = [name.strip() for name in as_text(only, "--only").split(",") if name.strip()]
    if not names:
        raise click.UsageError("--only names no label, and would drop all; name some: --only car,person")
    return names


def _ends(terminal: Terminal, paths: Sequence[str]) -> tuple[list[str], str]:
    """The sources and the target."""
    if len(paths) < 2:
        context = click.get_current_context()
        missing = f"after {paths[0]} the target is missing" if paths else "both are missing"
        raise click.UsageError(f"{context.info_name} takes a source and a target; {missing}", context)
    *sources, target = paths
    if target == "-" and terminal.json:
        raise click.UsageError("--json and the target - both need standard output; convert to a file")
    terminal.stdout_is_data = target == "-"
    return sources, target


@cli.command(epilog=READING)
@click.argument("path")
@FROM
@click.option(
    "--for",
    "for_",
    metavar="FORMAT",
    help="Check for this target, too: what it cannot hold, and what its platform changes.",
)
@click.option(
    "--against",
    metavar="EXPORT",
    help="Check that names and labels fit a CVAT task, a Labelbox ontology, a data.yaml, ...",
)
@fetching
@click.option("--strict", is_flag=True, help="Let warnings fail, too.")
@JSON
@DEBUG
@click.pass_obj
def validate(
    terminal: Terminal,
    /,
    path: str,
    from_: str | None,
    for_: str | None,
    against: str | None,
    *,
    strict: bool,
    fetch: bool,
    cache: str | None,
    allow_hosts: tuple[str, ...],
) -> None:
    """Check a data set or a label map.

    PATH is of any format that maskconv reads or checks. Every problem is shown with its file, its line and what to do.
    The exit status is 1 where there are errors or data would be lost, with --strict also where there are warnings.
    With --for, the target's options are --to-X VALUE.
    """
    from maskconv import driver, review

    if terminal.given["to"] and not for_:
        raise click.UsageError("--to-X are options of a target: say which, --for FORMAT", click.get_current_context())
    access = driver.reaching(cache, allow_hosts, fetch=fetch)
    sides = {"options": terminal.given["from"], "write": terminal.given["to"]}
    with terminal.progress(path) as progress:
        report = review.check(path, from_, **sides, for_=for_, against=against, progress=progress, access=access)
    closing.judge(terminal, path, report, strict=strict)


@cli.command(epilog=READING)
@click.argument("path")
@FROM
@fetching
@JSON
@DEBUG
@click.pass_obj
def info(terminal: Terminal, /, path: str, from_: str | None, **access: Any) -> None:
    """Say what a data set is and holds.

    Shown are PATH's format, its images and their sizes, its labels and their instances. All of it is read.
    """
    from maskconv import driver, face
    from maskconv.wording import counted

    with terminal.progress(path):
        facts = driver.info(path, format=from_, **(access | terminal.given["from"]))
    if terminal.json:
        terminal.document({"ok": True, **facts, "error": None})
        return
    for line in face.info_lines(facts, terminal.look()):
        terminal.line(line)
    if facts["codes"]:
        terminal.note(f"It has {counted(len(facts['codes']), 'finding')}: see maskconv validate {shlex.quote(path)}")


@cli.command()
@click.argument("file", required=False)
@click.option("--fix", is_flag=True, help="Mend what is clear, and say what a person must decide.")
@click.option(
    "--from-names",
    "names",
    metavar="NAMES",
    help="Make a label map: a,b,c, or what a list, a data.yaml, a model, a task, an ontology or a data set has.",
)
@click.option(
    "--as",
    "as_",
    type=click.Choice(["cvat-json", "labelbox-ontology"]),
    help="Show the labels as the platform's own set-up of a project.",
)
@click.option("-o", "--output", metavar="OUT", help="Write there, not to standard output.")
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@JSON
@DEBUG
@click.pass_obj
def labelmap(
    terminal: Terminal,
    /,
    file: str | None,
    names: str | None,
    as_: Setup | None,
    output: str | None,
    *,
    fix: bool,
    overwrite: bool,
) -> None:
    """Check, mend or make a labelmap.txt.

    FILE is a labelmap.txt of any name, or - for standard input; with --as any data set that has labels. Without an option it is
    checked, as validate does: what is no data set is taken for a label map. What is made goes to standard output or to OUT, which may be FILE. The exit status is 1 where something is left that CVAT would refuse or
    change.
    """
    from maskconv import labelmap_make

    if (file is None) == (names is None):
        raise click.UsageError("labelmap takes a FILE or --from-names, one of the two", click.get_current_context())
    if file is not None and as_ is None and not fix:
        if output is not None:
            raise click.UsageError("-o takes what --fix, --as or --from-names make", click.get_current_context())
        closing.judge(terminal, file, labelmap_make.checked(file))
    terminal.stdout_is_data = output is None
    if fix and file is not None and as_ is None:
        fixed = labelmap_make.mended(file)
        overwrite = overwrite or labelmap_make.same(file, output)
        closing.show_fixed(terminal, file, fixed)
    else:
        fixed = labelmap_make.Fixed(labelmap_make.made(file, names, as_))
    if fixed.text is not None:
        closing.put(terminal, fixed.text, output, overwrite=overwrite)
    if terminal.json:
        terminal.document(labelmap_make.facts(fixed, as_))
    terminal.leave(1 if fixed.bad else 0)


@cli.command()
@click.argument("name", required=False)
@JSON
@DEBUG
@click.pass_obj
def formats(terminal: Terminal, /, name: str | None) -> None:
    """List the formats, or describe one.

    With NAME: what that format is, its options to read and to write, what its writer keeps and drops.
    """
    from maskconv import catalogue

    if terminal.json:
        terminal.document(catalogue.facts(name) if name else {"ok": True, "formats": catalogue.all_facts()})
        return
    lines = catalogue.page(name, terminal.look()) if name else catalogue.listing(terminal.look())
    for line in lines:
        terminal.line(line)


def main(args: Sequence[str] | None = None) -> None:
    """The console script: runs the command line and exits."""
    from maskconv.terminal import Terminal

    terminal = Terminal(sys.argv[1:] if args is None else list(args))
    sys.exit(terminal.run(lambda: _dispatch(terminal)))


def _dispatch(terminal: Terminal) -> int:
    rest, terminal.given = take_options(terminal.args)
    status = cli.main(rest, prog_name="maskconv", standalone_mode=False, obj=terminal)
    return status if isinstance(status, int) else 0
