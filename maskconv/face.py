"""What a person sees: pure text, from values to lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from maskconv.layout import Look, cells, columns, hanging, shortened
from maskconv.wording import counted, lasting, plain, size

if TYPE_CHECKING:
    from maskconv.finding import Finding, Report, Tally, Where
    from maskconv.labelmap_fix import Fixed

__all__ = [
    "error_lines",
    "finding_lines",
    "fix_lines",
    "info_lines",
    "label_lines",
    "outcome",
    "review_lines",
    "under_way",
    "verdict",
]

MOST_LABELS = 20
MOST_CAUSES = 5
SIDE_BY_SIDE = 56  # cells the message column needs to stand beside the code, not below it
NOUNS = {"error": "error", "data": "data loss", "warning": "warning", "info": "note"}


def error_lines(text: str, look: Look) -> Iterator[str]:
    """An error's closing sentence."""
    return hanging(look.paint("error:", "error") + " ", plain(text), look, used=7)


def outcome(report: Report, source: str, target: str, seconds: float, *, dry: bool = False) -> str:
    """``export.zip (cvat-mask) -> out.ndjson (labelbox-ndjson): 17 images, 63 instances, 0.21 s``."""
    ends = f"{plain(source)} ({report.source_format}) -> {plain(target)} ({report.target_format})"
    images = _part(report.images_written, report.images, "image")
    text = f"{ends}: {images}, {_part(report.instances_written, report.instances, 'instance')}{_fate(report)}, {seconds:.2f} s"
    return f"{text}; a dry run: it would write {_volume(report)}" if dry else text


def label_lines(counts: dict[str, int], look: Look) -> Iterator[str]:
    """How many instances there are of each label, the commonest first; of many labels the first twenty."""
    told = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    width = max((cells(f"{count:,}") for _, count in told), default=0)
    yield from columns([(f"{count:>{width},}", plain(name)) for name, count in told[:MOST_LABELS]], look, indent=2)
    if len(told) > MOST_LABELS:
        rest = sum(count for _, count in told[MOST_LABELS:])
        yield f"  ... and {counted(rest, 'instance')} of {counted(len(told) - MOST_LABELS, 'more label')}"


def under_way(source: str, images: int, seconds: float, report: Report | None, room: int | None = None) -> str:
    """``export.zip: 1,200 of 4,000 images, 310 a second, 48.1 MB written, 9 s left``.

    Where that has more cells than there is ``room``, the middle is left out, then the source's name is cut.
    """
    rate = images / seconds if seconds else 0.0
    total = report.images_expected if report is not None else None
    known = total is not None and total > images
    parts = [f"{images:,} of {counted(total or 0, 'image')}" if known else counted(images, "image")]
    parts.append(f"{rate:.2g} a second" if rate < 9.5 else f"{rate:,.0f} a second")
    if report is not None and report.bytes_written:
        parts.append(f"{size(report.bytes_written)} written")
    if known and rate:
        parts.append(f"{lasting(((total or 0) - images) / rate)} left")
    else:
        parts.append(lasting(seconds))
    source, least = plain(source), 12
    while len(parts) > 2 and room is not None and min(cells(source), least) + 2 + cells(", ".join(parts)) > room:
        parts.pop(-2)
    text = ", ".join(parts)
    return f"{source if room is None else shortened(source, max(room - cells(text) - 2, least))}: {text}"


def _volume(report: Report) -> str:
    files = f"{counted(report.files_written, 'mask file')}, " if report.files_written else ""
    return f"{files}{size(report.bytes_written)}"


def _fate(report: Report) -> str:
    """What became of the instances, where it is not the same for all: `` (60 exact, 2 changed, 1 left out)``."""
    changed, gone = report.instances_changed, report.instances - report.instances_written
    if not changed and not gone:
        return ""
    parts = [f"{report.instances_written - changed:,} exact"]
    parts += [f"{changed:,} changed"] if changed else []
    parts += [f"{gone:,} left out"] if gone > 0 else []
    return f" ({', '.join(parts)})"


def _part(written: int, read: int, noun: str) -> str:
    return counted(read, noun) if written == read else f"{written:,} of {counted(read, noun)}"


# Findings of a conversion: by code, heaviest first.


def finding_lines(
    report: Report, look: Look, *, weights: Iterable[str], listed: Iterable[str], causes: bool = False
) -> Iterator[str]:
    """One block a code, heaviest first; of ``listed`` weights every example is shown, of others the first.

    With ``causes`` what may explain the errors is shown as well.
    """
    shown, listed = set(weights), set(listed)
    tallies = [t for t in report.heaviest if t.weight in shown]
    tallies += [t for t in _causes(report) if t.weight not in shown] if causes else []
    facts = [[plain(t.weight), plain(t.code), f"{t.count:,}x", _amount(t)] for t in tallies]
    widths = [max((cells(row[i]) for row in facts), default=0) for i in range(4)]
    for tally, row in zip(tallies, facts, strict=True):
        padding = [" " * (width - cells(cell)) for width, cell in zip(widths, row, strict=True)]
        row[0] = look.paint(row[0], str(tally.weight))
        cell = [row[0] + padding[0], row[1] + padding[1], padding[2] + row[2], row[3] + padding[3]]
        head, used = "  ".join(cell), sum(widths) + 6
        yield from _block(head, used, widths[0] + 2, _says(tally, every=tally.weight in listed), look)


def _causes(report: Report) -> list[Tally]:
    """What may explain the errors: where no image was read, all losses and warnings; else those of the images that have an
    error without a place in a file, for one with a place says it all. Images may have got a folder before their names."""
    from maskconv.plugin import LOSSES

    errors = [f.where for t in report.heaviest if t.weight == "error" for f in t.examples]
    wrong = [where.image.split("/") for where in errors if not where.path]
    names = {"/".join(parts[i:]) for parts in wrong for i in range(len(parts))} - {""}
    consequences = {loss.code for loss in LOSSES.values()}
    found: list[Tally] = []
    for tally in report.heaviest:
        if tally.weight in ("data", "warning") and tally.code not in consequences:
            told = [f for f in tally.examples if f.where.image in names]
            if not report.images or len(told) == tally.count:
                found.append(tally)
            elif told:
                found.append(type(tally)(tally.code, tally.weight, tally.unit))
                for finding in told:
                    found[-1].add(finding)
    return found[:MOST_CAUSES]


def _amount(tally: Tally) -> str:
    if not tally.unit:
        return ""
    amount = f"{tally.amount:,.0f}" if float(tally.amount).is_integer() else f"{tally.amount:,.2f}"
    unit = tally.unit.removesuffix("s") if tally.amount == 1 else tally.unit
    return f"{amount} {plain(unit)}"


def _block(head: str, used: int, indent: int, says: list[str], look: Look) -> Iterator[str]:
    """The facts, and the sentences beside them where there is room, else below."""
    if look.width is None or look.width - used - 2 >= SIDE_BY_SIDE:
        first, *rest = says
        yield from hanging(head + "  ", first, look, used=used + 2)
        indent = used + 2
    else:
        rest = says
        yield head.rstrip()
    for text in rest:
        yield from hanging(" " * indent, text, look)


def _says(tally: Tally, *, every: bool) -> list[str]:
    """A tally's sentences: each message once with its places, then what to do."""
    examples = tally.examples if every else tally.examples[:1]
    messages: dict[str, list[str]] = {}
    for finding in examples:
        messages.setdefault(finding.message, []).append(plain(finding.where))
    if not every and tally.count > 1:
        says = [_first(plain(message), *places) for message, places in messages.items()]
    else:
        says = [line for message, places in messages.items() for line in _with_places(plain(message), places)]
    if tally.weight == "data" and not every and tally.worst[0].amount > tally.worst[-1].amount:
        says.append(f"most: {', '.join(f'{plain(f.where)} ({f.amount:,.10g})' for f in tally.worst)}")
    if every and tally.count > len(examples):
        says.append(f"... and {tally.count - len(examples):,} more (--report FILE lists all)")
    return says + [f"fix: {plain(fix)}" for fix in dict.fromkeys(f.fix for f in examples) if fix]


def _first(message: str, place: str) -> str:
    return f"{message} (first: {place})" if place else message


def _with_places(message: str, places: list[str]) -> list[str]:
    places = list(dict.fromkeys(filter(None, places)))
    if len(places) < 2:
        return [f"{places[0]}: {message}" if places else message]
    return [message, f"at {', '.join(places)}"]


# Findings of a validation: file by file, in the order of lines.


def review_lines(report: Report, look: Look, weights: Iterable[str]) -> Iterator[str]:
    """Each file with its findings: those of lines by line, the others by code, with a few examples of each.

    A fix is said once for a code.
    """
    files: dict[str, list[Finding]] = {}
    shown = set(weights)
    for finding in report.findings:
        if finding.weight in shown:
            files.setdefault(_file(finding.where), []).append(finding)
    said: set[tuple[str, str]] = set()
    for file, findings in files.items():
        if file:
            yield look.paint(plain(file), "bold")
        lines = [finding for finding in findings if finding.where.line is not None]
        for finding in sorted(lines, key=lambda f: f.where.line or 0):
            yield from _review(finding, said, look)
        for group in _by_code(finding for finding in findings if finding.where.line is None):
            for finding in group[:ALIKE]:
                yield from _review(finding, said, look)
            yield from _alike(group, report, look)
    for tally in report.heaviest:
        lines_left = tally.count - len(tally.examples)
        if tally.weight in shown and lines_left and any(f.where.line is not None for f in tally.examples):
            yield f"... and {lines_left:,} more of {plain(tally.code)}"


ALIKE = 3  # findings of one code that are shown where they have no line


def _by_code(findings: Iterable[Finding]) -> list[list[Finding]]:
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.code, []).append(finding)
    return list(groups.values())


def _alike(group: Sequence[Finding], report: Report, look: Look) -> Iterator[str]:
    """How many more there are of a code, and what all of them amount to."""
    tally = next(t for t in report.heaviest if (t.code, t.weight) == (group[0].code, group[0].weight))
    more = tally.count - ALIKE if tally.examples[: len(group)] == list(group) else len(group) - ALIKE
    if more > 0:
        total = f" ({_amount(tally)} in all)" if tally.unit and tally.amount != tally.count else ""
        yield from hanging(" " * 16, f"... and {more:,} more{total}", look)


def _file(where: Where) -> str:
    return f"{where.path}/{where.member}" if where.member and where.line is not None else where.path


def _review(finding: Finding, said: set[tuple[str, str]], look: Look) -> Iterator[str]:
    where = finding.where
    line = "" if where.line is None else str(where.line)
    weight = str(finding.weight)
    head = f"{line:>5}  {look.paint(weight, weight)}{' ' * (9 - len(weight))}"
    rest = type(where)(image=where.image, annotation=where.annotation, member=where.member if not line else "")
    sentence = plain(f"{rest}: {finding.message}" if str(rest) else finding.message)
    text = f"{sentence} [{plain(finding.code)}]"
    yield from hanging(head, text, look, used=16)
    if finding.fix and (finding.code, finding.fix) not in said:
        said.add((finding.code, finding.fix))
        yield from hanging(" " * 16, f"fix: {plain(finding.fix)}", look)


def verdict(path: str, report: Report, *, ok: bool) -> str:
    """``labelmap.txt: 2 errors, 1 warning`` or ``export.zip: fine (17 images, 63 instances)``."""
    counts = [counted(n, NOUNS[weight]) for weight in NOUNS if (n := _count(report, weight))]
    if not ok:
        return f"{plain(path)}: {', '.join(counts)}"
    held = f" ({counted(report.images, 'image')}, {counted(report.instances, 'instance')})" if report.images else ""
    return f"{plain(path)}: {', '.join([f'fine{held}', *counts])}"


def _count(report: Report, weight: str) -> int:
    return sum(t.count for t in report.heaviest if t.weight == weight)


def fix_lines(file: str, fixed: Fixed, look: Look) -> Iterator[str]:
    """What was mended in a label map, old and new, and what is left for a person to decide."""
    yield look.paint(f"{plain(file)}: {counted(len(fixed.changes), 'change')}", "bold")
    for change in fixed.changes:
        head = f"{change.line or '':>5}  "
        yield from hanging(f"{head}- ", plain(change.old), look)
        for text in change.new.split("\n"):
            yield from hanging(f"{'':>5}  + ", plain(text), look)
    if fixed.left:
        yield look.paint("left for you to decide", "bold")
        said: set[tuple[str, str]] = set()
        for finding in sorted(fixed.left, key=lambda f: f.where.line or 0):
            yield from _review(finding, said, look)


def info_lines(facts: dict[str, Any], look: Look) -> Iterator[str]:
    """What `maskconv info` shows of a source."""
    held = f"{counted(facts['images'], 'image')}, {counted(facts['instances'], 'instance')}"
    unread = facts["unread"]
    theirs = "its mask, which is on another machine" if unread == 1 else "their masks, which are on other machines"
    held += f" ({unread:,} without {theirs})" if unread else ""
    yield from hanging("", f"{plain(facts['path'])} ({facts['format']}): {held}", look)
    rows = [("sizes", _listing(facts["sizes"])), ("labels", _listing(facts["labels"]))]
    if set(facts["splits"]) - {""}:
        rows.insert(1, ("splits", _listing({name or "none": n for name, n in facts["splits"].items()})))
    yield from columns([row for row in rows if row[1]], look)


def _listing(counts: dict[str, int]) -> str:
    return ", ".join(f"{plain(name)} ({count:,})" for name, count in counts.items())
