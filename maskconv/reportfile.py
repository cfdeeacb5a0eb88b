"""``--report FILE``: every Finding as a JSON line as it comes, and a last line that sums up."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from maskconv.errors import TargetError, UsageError
from maskconv.finding import Finding, Report, Where

__all__ = ["report_file"]

OURS = (b'{"code": ', b'{"summary": ')  # how the first line of a report begins


@contextmanager
def report_file(path: str | None, report: Report, sources: Sequence[str], target: str) -> Iterator[None]:
    """Stream the report's Findings to a file while the block runs. Raises TargetError and UsageError.

    An earlier report is replaced, no other file is.
    """
    if path is None:
        yield
        return
    _check(Path(path), [*sources, target])
    with _explained(path):
        file = open(path, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    lines = _Lines(file, path)
    report.sink = lines.finding
    error = ""
    try:
        yield
    except BaseException as caught:
        error = str(caught)
        raise
    finally:
        report.sink = None
        lines.end(report, error)


class _Lines:
    def __init__(self, file: TextIO, path: str) -> None:
        self.file = file
        self.path = path

    def finding(self, finding: Finding) -> None:
        self.write(finding.to_dict())

    def write(self, value: dict[str, Any]) -> None:
        from maskconv.terminal import as_json

        with _explained(self.path):
            self.file.write(json.dumps(value, ensure_ascii=False, default=as_json) + "\n")
            self.file.flush()

    def end(self, report: Report, error: str) -> None:
        """The summary; a failure to write it must not hide the error that ended the run."""
        facts = report.to_dict()
        del facts["findings"]  # they are the lines above
        try:
            self.write({"summary": facts | {"ok": not (error or report.failed), "error": error or None}})
        except TargetError:
            if not error:
                raise
        finally:
            with suppress(OSError):
                self.file.close()


def _check(path: Path, given: Sequence[str]) -> None:
    where = Where(path=str(path))
    if str(path) == "-":
        raise UsageError("--report takes a file's name, not standard output")
    ends = [Path(end).resolve() for end in given if end != "-"]
    here = path.resolve()
    if any(here == end or end in here.parents for end in ends):
        fix = "choose another place for it"
        raise UsageError("the report would be written over the source or the target", where=where, fix=fix)
    if path.is_file() and path.stat().st_size:
        with _explained(str(path)), path.open("rb") as file:
            first = file.read(16)
        if not first.startswith(OURS):
            fix = "choose another name, or remove it"
            raise TargetError("this file is no report, and is not replaced", where=where, fix=fix, code="target-exists")


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        text = f"the report cannot be written ({error.strerror or error})"
        fix = "choose another place for it"
        raise TargetError(text, where=Where(path=path), fix=fix, code="report-unwritable") from error
