"""The two streams of a run: results on stdout, everything else on stderr; errors as sentences, signals as endings."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from maskconv.errors import MaskconvError
    from maskconv.finding import Report
    from maskconv.layout import Look

__all__ = ["Stopped", "Terminal"]

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_STEERING = re.compile("[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
REDRAWN = 0.1  # seconds between two looks at the progress
BUG = "this is a bug in maskconv, run again with --debug and report it"


class Stopped(BaseException):
    """A signal asked the run to end; no KeyboardInterrupt, for click has its own way with that."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __str__(self) -> str:
        return "stopped by Ctrl-C" if self.number == signal.SIGINT else f"stopped by {signal.Signals(self.number).name}"


class Terminal:
    """Where a run's results, findings and errors go, and how it ends.

    The flags that also hold for errors in the command line itself are read from the arguments directly.
    """

    def __init__(self, args: Sequence[str]) -> None:
        self.args = list(args)
        own = self.args[: self.args.index("--")] if "--" in self.args else self.args
        self.json, self.debug, self.quiet = ("--json" in own, "--debug" in own, "--quiet" in own)
        self.given: dict[str, dict[str, str]] = {"from": {}, "to": {}}
        self.stdout_is_data = False
        self.report: Report | None = None  # of a conversion under way
        self.written = False

    # What is shown.

    def look(self, *, err: bool = False) -> Look:
        from maskconv.layout import Look

        stream = sys.stderr if err or self.stdout_is_data else sys.stdout
        color = _is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return Look(_width(stream), color)

    def line(self, text: str, *, err: bool = False) -> None:
        """One finished line."""
        click.echo(text, err=err or self.stdout_is_data)

    def result(self, text: str, *, mark: str = "") -> None:
        """A sentence of the result, wrapped."""
        from maskconv.layout import hanging
        from maskconv.wording import plain

        for line in hanging(mark, plain(text), self.look()):
            self.line(line)

    def note(self, text: str, *, mark: str = "") -> None:
        """A sentence beside the result."""
        from maskconv.layout import hanging
        from maskconv.wording import plain

        for line in hanging(mark, plain(text), self.look(err=True)):
            self.line(line, err=True)

    def findings(
        self, report: Report, *, weights: Collection[str], listed: Collection[str], causes: bool = False
    ) -> None:
        """The findings by code, on stderr."""
        from maskconv import face

        shown = {"weights": weights, "listed": listed}
        for line in face.finding_lines(report, self.look(err=True), causes=causes, **shown):
            self.line(line, err=True)

    def document(self, value: dict[str, Any]) -> None:
        """The one JSON document: UTF-8 whatever the locale; bytes of names that are no text stay as \\udcXX.

        What steers a terminal is escaped, as JSON demands it of some of these characters only.
        """
        text = json.dumps(value, ensure_ascii=False, indent=2, default=as_json) + "\n"
        text = _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()

    def leave(self, status: int) -> None:
        """End the command with this exit status."""
        raise click.exceptions.Exit(status)

    @contextmanager
    def progress(self, source: str) -> Iterator[Callable[[int], None] | None]:
        """A line on a terminal that says how far the run is; nothing elsewhere.

        It is drawn by the run itself, for a thread that draws does not go with processes that are forked.
        """
        if self.quiet or self.json or not _is_terminal(sys.stderr):
            yield None
            return
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        from maskconv.face import under_way
        from maskconv.wording import plain

        begin = drawn = time.perf_counter()
        text = Text(f"reading {plain(source)}", no_wrap=True, overflow="ellipsis")
        with Live(
            text, console=Console(stderr=True), auto_refresh=False, transient=True, redirect_stdout=False
        ) as live:

            def done(images: int) -> None:
                nonlocal drawn
                now = time.perf_counter()
                if now - drawn > REDRAWN:
                    drawn = now
                    room = live.console.width
                    text.plain = under_way(source, images, now - begin, self.report, room)
                    live.refresh()

            live.refresh()
            yield done

    # How a run ends.

    def run(self, work: Callable[[], int]) -> int:
        """Do the work; whatever it raises becomes a sentence and an exit status."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, ValueError):
                stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        try:
            with _signals(), warnings.catch_warnings():
                warnings.showwarning = self._warning  # type: ignore[assignment]
                status = work()
                sys.stdout.flush()
                return status
        except BrokenPipeError:  # whoever read the output has gone
            _drop_output()
            return 1
        except (Exception, Stopped, click.exceptions.Abort) as error:  # noqa: BLE001
            return self._failed(error)

    def _warning(self, message: Warning | str, *_: object) -> None:
        self.note(str(message), mark="warning: ")

    def _failed(self, error: BaseException) -> int:
        facts, text, status = self._explain(error)
        if self.debug and not isinstance(error, click.ClickException):
            import traceback

            from maskconv.wording import plain

            for line in "".join(traceback.format_exception(error)).rstrip().split("\n"):
                self.line(plain(line), err=True)
        report = getattr(error, "report", None) or self.report
        if not (self.json and self._documented(facts, report)):
            self._show_failure(facts["kind"], text, report)
        try:
            sys.stdout.flush()
        except OSError:
            _drop_output()
        return status

    def _documented(self, facts: dict[str, Any], report: Report | None) -> bool:
        """Print the failure as JSON; whether that could be done."""
        found = report.to_dict() if report is not None else {}
        try:
            self.document({"ok": False, **found, "error": facts})
        except OSError:
            return False
        return True

    def _show_failure(self, kind: str, text: str, report: Report | None) -> None:
        from maskconv import face

        if report is not None and kind != "Stopped":
            weights = ("error", "data") if kind == "LossError" else ("error",)
            self.findings(report, weights=weights, listed=weights, causes=not self.quiet)
        for line in face.error_lines(text, self.look(err=True)):
            self.line(line, err=True)

    def _explain(self, error: BaseException) -> tuple[dict[str, Any], str, int]:
        """The error's facts for JSON, its sentence, and the exit status."""
        if isinstance(error, Stopped):
            return _told(error, "stopped", f"{error}; {self._state()}", 128 + error.number)
        if isinstance(error, click.exceptions.Abort):
            return _told(error, "stopped", f"stopped; {self._state()}", 130)
        if isinstance(error, click.ClickException):
            return _told(error, "usage", _usage(error), 2)
        from maskconv.errors import MaskconvError, UsageError

        if isinstance(error, MaskconvError):
            kept = f"; {self._state()}" if self.report is not None and self.report.resumable else ""
            facts, text, _ = _told(error, error.code, f"{error}{kept}", 1)
            return facts | _parts(error), text, 2 if isinstance(error, UsageError) else 1
        if isinstance(error, OSError) and error.errno in FULL:
            text = f"standard output or a temporary file cannot be written ({error.strerror}); make room, or choose another place"
            return _told(error, "target-unwritable", text, 1)
        return _told(error, "internal", f"internal error: {type(error).__name__}: {error}; {BUG}", 1)

    def _state(self) -> str:
        if self.written:
            return "the target is complete"
        if self.report is not None and self.report.resumable:
            return "what is done is kept, run it again with --resume to go on"
        return "nothing was written"


def _drop_output() -> None:
    """What is left to write to standard output goes nowhere, lest Python complain of it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _told(error: BaseException, code: str, text: str, status: int) -> tuple[dict[str, Any], str, int]:
    facts = {"kind": type(error).__name__, "code": code, "message": text, "where": {}, "fix": ""}
    return facts, text, status


def _parts(error: MaskconvError) -> dict[str, Any]:
    from dataclasses import asdict

    where = {} if error.where is None else {k: v for k, v in asdict(error.where).items() if v not in ("", None)}
    return {"message": error.message, "where": where, "fix": error.fix}


def _usage(error: click.ClickException) -> str:
    text = error.format_message().replace(". (", " (").rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{text[:1].lower()}{text[1:]}; see {context.command_path if context else 'maskconv'} --help"


def as_json(value: Any) -> Any:
    """Numbers of numpy and other strangers in a JSON document."""
    return value.item() if hasattr(value, "item") else str(value)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # no stream, or a closed one
        return False


def _width(stream: TextIO) -> int | None:
    """Cells a line; None, never wrap, where nobody looks, unless COLUMNS says otherwise."""
    with suppress(KeyError, ValueError):
        return max(int(os.environ["COLUMNS"]), 40)
    if not _is_terminal(stream):
        return None
    try:
        return max(os.get_terminal_size(stream.fileno()).columns or 80, 40)
    except (OSError, ValueError):
        return 80


@contextmanager
def _signals() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal raise Stopped, once; the clean-up that follows is not disturbed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stopping, owner = False, os.getpid()

    def stop(number: int, _: object) -> None:
        nonlocal stopping
        if os.getpid() != owner:  # a forked worker: its parent does the talking
            os._exit(128 + number)
        if not stopping:
            stopping = True
            raise Stopped(number)

    numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
    before = {n: signal.getsignal(n) for n in numbers if signal.getsignal(n) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
