"""Batches of units over threads, results in order, a bounded number under way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

BATCH = 8  # one image a task costs as much in hand-over as in work


def batches(items: Iterable[A], size: int = BATCH) -> Iterator[list[A]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def ordered(work: Callable[[A], B], items: Iterable[A], jobs: int) -> Iterator[B]:
    """``map`` over up to ``jobs`` threads; at most ``2 * jobs`` results wait, whatever the number of items."""
    if jobs <= 1:
        yield from map(work, items)
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    waiting: deque[Future[B]] = deque()
    with ThreadPoolExecutor(jobs, thread_name_prefix="maskconv") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= 2 * jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
