"""Batches of units over threads or processes: results in order, a bounded number under way.

Processes watch their parent and end when it is gone; they leave Ctrl-C to it. A process that dies is an error that names
the unit it died of.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import Any, Literal, Protocol, TypeVar

from maskconv.errors import WorkerError

__all__ = ["Workers", "batches", "cores", "ordered"]

A = TypeVar("A")
B = TypeVar("B")
B_co = TypeVar("B_co", covariant=True)
Workers = Literal["auto", "threads", "processes"]

BATCH = 8  # one image a task costs as much in hand-over as in work
WINDOW = 3  # batches under way for each worker
WORTH_IT = 4  # batches: fewer are done before processes would have paid for their start


class Work(Protocol[B_co]):
    """What is mapped. ``open`` is called once in each process before the first batch; ``stop``, while threads are at
    work, where their results are not wanted any more."""

    def __call__(self, batch: list[Any], /) -> Sequence[B_co]: ...
    def open(self) -> None: ...
    def stop(self) -> None: ...


def cores() -> int:
    """How many this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def batches(items: Iterable[A], size: int = BATCH) -> Iterator[list[A]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def ordered(work: Work[B], items: Iterable[list[Any]], jobs: int, workers: Workers = "auto") -> Iterator[Sequence[B]]:
    """``map`` over up to ``jobs`` workers; whatever their number and kind, the results are the same, in order.

    "auto" takes processes where they can be forked safely and there is enough to do, else threads.
    """
    if jobs <= 1:
        yield from map(work, items)
        return
    feed = iter(items)
    if workers == "auto":
        first = list(islice(feed, WORTH_IT))
        workers = "processes" if len(first) == WORTH_IT and _can_fork() else "threads"
        feed = _chained(first, feed)
    run = _over_processes if workers == "processes" else _over_threads
    yield from run(work, feed, jobs)


def _chained(first: list[Any], rest: Iterator[Any]) -> Iterator[Any]:
    yield from first
    first.clear()
    yield from rest


def _over_threads(work: Work[B], items: Iterable[list[Any]], jobs: int) -> Iterator[Sequence[B]]:
    from concurrent.futures import Future, ThreadPoolExecutor

    waiting: deque[Future[Sequence[B]]] = deque()
    with ThreadPoolExecutor(jobs, thread_name_prefix="maskconv") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= WINDOW * jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BaseException:
            for future in waiting:
                future.cancel()
            work.stop()
            raise


# --- processes --------------------------------------------------------------------------------------------------------


def _can_fork() -> bool:
    """Forking is safe on Linux, and where no library has threads of its own running, as models and object stores have."""
    return sys.platform.startswith("linux") and not {"torch", "onnxruntime", "obstore"} & set(sys.modules)


def _context() -> BaseContext:
    return multiprocessing.get_context("fork" if _can_fork() else "spawn")


class _Worker:
    """One process, the connection to it, and the batches it was given and has not answered."""

    def __init__(self, context: BaseContext, work: Work[Any], others: Sequence[_Worker]) -> None:
        self.connection, theirs = context.Pipe()
        inherited = [worker.connection for worker in others] + [self.connection]
        closing = inherited if context.get_start_method() == "fork" else []
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs, work, closing), daemon=True)  # type: ignore[attr-defined]
        with _held():
            self.process.start()
        theirs.close()
        self.given: dict[int, list[Any]] = {}

    def send(self, number: int, batch: list[Any]) -> None:
        self.given[number] = batch
        with suppress(BrokenPipeError):  # its death is seen when its answer is missing
            self.connection.send((number, batch))

    def end(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join()


def _stopping() -> set[signal.Signals]:
    """The signals that stop a run."""
    return {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)}


@contextmanager
def _held() -> Iterator[None]:
    """Let these signals wait: what they raise within a hook of os.fork would be swallowed. A child begins with them held."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _stopping())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, work: Work[Any], inherited: Sequence[Connection]) -> None:
    """A worker's life: batches in, results or the error out, until the connection or the parent ends."""
    for other in inherited:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _stopping())
    threading.Thread(target=_watch_parent, daemon=True).start()
    inbox: SimpleQueue[tuple[int, list[Any]] | None] = SimpleQueue()
    threading.Thread(target=_take_in, args=(connection, inbox), daemon=True).start()
    work.open()
    with suppress(BrokenPipeError, ConnectionResetError):
        while (task := inbox.get()) is not None:
            number, batch = task
            try:
                answer: Any = work(batch)
            except Exception as error:  # noqa: BLE001 - it is raised again in the parent
                answer = error
            connection.send((number, answer))


def _take_in(connection: Connection, inbox: SimpleQueue[Any]) -> None:
    """Take batches as they come, so that parent and worker never both wait for the other to read."""
    with suppress(EOFError, ConnectionResetError):
        while True:
            inbox.put(connection.recv())
    inbox.put(None)


def _watch_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _over_processes(work: Work[B], items: Iterable[list[Any]], jobs: int) -> Iterator[Sequence[B]]:
    context = _context()
    workers: list[_Worker] = []
    try:
        for _ in range(jobs):
            workers.append(_Worker(context, work, workers))
        yield from _exchange(work, iter(items), workers, context)
    finally:
        for worker in workers:
            worker.end()


def _exchange(
    work: Work[B], items: Iterator[list[Any]], workers: list[_Worker], context: BaseContext
) -> Iterator[Sequence[B]]:
    """Keep every worker busy; hand out answers in order. The window bounds what waits, read or unread."""
    answers: dict[int, Sequence[B]] = {}
    sent = handed = 0
    more = True
    while more or handed < sent:
        while more and sent - handed < WINDOW * len(workers):
            batch = next(items, None)
            if batch is None:
                more = False
                break
            min(workers, key=lambda worker: len(worker.given)).send(sent, batch)
            sent += 1
        if handed in answers:
            yield answers.pop(handed)
            handed += 1
        elif handed < sent:
            _receive(work, workers, answers, context)


def _receive(work: Work[B], workers: list[_Worker], answers: dict[int, Sequence[B]], context: BaseContext) -> None:
    busy = {worker.connection: worker for worker in workers if worker.given}
    for ready in wait(list(busy)):
        worker = busy[ready]  # type: ignore[index]
        try:
            number, answer = worker.connection.recv()
        except (EOFError, ConnectionResetError):
            raise _culprit(work, worker, context) from None
        if isinstance(answer, BaseException):
            raise answer
        del worker.given[number]
        answers[number] = answer


def _culprit(work: Work[Any], dead: _Worker, context: BaseContext) -> WorkerError:
    """Which unit killed a worker: its first unanswered batch again, one unit at a time, in a fresh process."""
    dead.process.join(1)
    batch = next(iter(dead.given.values()))
    probe = _Worker(context, work, [])
    try:
        for unit in batch:
            probe.send(0, [unit])
            try:
                probe.connection.recv()
            except (EOFError, ConnectionResetError):
                probe.process.join(1)
                return _died(f"at {_shown(unit)}", probe.process.exitcode)
    finally:
        probe.end()
    return _died(f"in the batch of {_shown(batch[0])}, and not when it was tried again", dead.process.exitcode)


def _shown(unit: Any) -> str:
    """A unit as a person may know it: the item's name, where it has one."""
    inner = unit[1] if isinstance(unit, tuple) and len(unit) == 2 else unit
    return str(getattr(inner, "name", inner))[:200]


def _died(place: str, exitcode: int | None) -> WorkerError:
    reason = f"exit status {exitcode}" if exitcode is None or exitcode >= 0 else signal.Signals(-exitcode).name
    fix = "was memory short? try --jobs 1; if it dies again, please report it with that file"
    return WorkerError(f"a worker process died ({reason}) {place}", fix=fix)
