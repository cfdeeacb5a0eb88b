"""What the commands say at their end: one JSON document, or sentences; and their exit status."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskconv.finding import Report
    from maskconv.labelmap_make import Fixed
    from maskconv.terminal import Terminal

__all__ = ["close", "judge", "put", "show_fixed"]


def close(
    terminal: Terminal, report: Report, ends: dict[str, Any], text: str, on_loss: str, *, labels_told: bool
) -> None:
    """The closing of a conversion that came to its end: JSON, or the sentence, the findings, and what comes next."""
    from maskconv import face

    if terminal.json:
        formats = {"source_format": report.source_format, "target_format": report.target_format}
        facts = {"next_steps": report.next_steps, "error": None}
        terminal.document({"ok": not report.failed, **ends, **formats, **report.to_dict(), **facts})
    else:
        if not terminal.quiet:
            terminal.result(text)
            for line in face.label_lines(report.labels, terminal.look()) if labels_told else ():
                terminal.line(line)
        weights = ["error"] if on_loss == "ignore" else ["error", "data"] if terminal.quiet else list(face.NOUNS)
        terminal.findings(report, weights=weights, listed=("error",))
        for step in () if terminal.quiet or ends["dry_run"] else report.next_steps:
            terminal.result(step, mark="next: ")
    terminal.leave(1 if report.failed else 0)


def judge(terminal: Terminal, path: str, report: Report, *, strict: bool = False) -> None:
    """What a check found, and the exit status that it makes."""
    from maskconv import face

    bad = ("error", "data", "warning") if strict else ("error", "data")
    ok = not any(tally.weight in bad for tally in report.heaviest)
    if terminal.json:
        found = {
            name: value
            for name, value in report.to_dict().items()
            if name in {"images", "instances", "codes", "findings"}
        }
        terminal.document({"ok": ok, "path": path, "format": report.source_format, **found, "error": None})
    else:
        for line in face.review_lines(report, terminal.look(), face.NOUNS):
            terminal.line(line)
        terminal.result(face.verdict(path, report, ok=ok))
    terminal.leave(0 if ok else 1)


def show_fixed(terminal: Terminal, file: str, fixed: Fixed) -> None:
    """What was mended in a file, on standard error."""
    from maskconv import face

    if not terminal.json:
        for line in face.fix_lines(file, fixed, terminal.look(err=True)):
            terminal.line(line, err=True)


def put(terminal: Terminal, text: str, output: str | None, *, overwrite: bool) -> None:
    """A text for standard output or a file."""
    from maskconv import labelmap_make

    if output is not None:
        labelmap_make.put(output, text, overwrite=overwrite)
    if terminal.json:
        return
    if output is not None:
        terminal.note(f"written: {output}")
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
