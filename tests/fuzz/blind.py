"""Mutations without guidance: what bytes suffer, and what syntax does.

`python -m tests.fuzz.blind PARSER RUNS SECONDS SEED FOLDER` reads some in this process; what fails is kept in the folder.
"""

from __future__ import annotations

import random
import resource
import signal
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

__all__ = ["mutants", "mutated"]

TOKENS = (
    *(b"", b"\0", b"\n", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\\ud800", b"-", b"NaN", b"Infinity", b"1e999"),
    *(b"-1", b"0", b"18446744073709551616", b"9" * 400, b"null", b"true", b"{}", b"[]", b'""', b"{", b"[", b"}", b"]"),
    *(b'"', b":", b",", b"#", b"'", b"*a", b"&a ", b"!!python/object:os.system ", b"<!ENTITY a 'b'>", b"&a;", b"../"),
    *(b"PK\1\2", b"PK\3\4", b"PK\5\6", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"[" * 2000, b"(" * 500),
)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """One to six changes: flipped bits, other bytes, tokens, pieces that are cut, doubled or moved."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(out) + 1)
        end = min(len(out), at + rng.choice((1, 2, 4, 8, 40)))
        match rng.randrange(6):
            case 0 if at < len(out):
                out[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(out):
                out[at] = rng.randrange(256)
            case 2:
                out[at:end] = rng.choice(TOKENS)
            case 3:
                del out[at:end]
            case 4:
                out[at:at] = out[at:end] * rng.choice((1, 3, 50))
            case _:
                out[at:at] = rng.choice(TOKENS)
    return bytes(out[: 1 << 16])


def mutants(seeds: list[bytes], count: int, seed: int = 0) -> Iterator[bytes]:
    """That many, the same ones every time."""
    rng = random.Random(seed)
    for _ in range(count):
        yield mutated(rng.choice(seeds), rng)


class HangError(BaseException):
    """An input took too long."""


def _hang(*_: Any) -> None:
    raise HangError


def main(name: str, runs: int, seconds: float, seed: int, keep: Path) -> None:
    """Read so many inputs, or for so long, and say how it went in libFuzzer's words. Raises what an input raises."""
    from tests.fuzz.__main__ import MEGABYTES, SECONDS
    from tests.fuzz.parsers import PARSERS, attempt

    parser, rng, end, slowest = PARSERS[name], random.Random(seed), time.monotonic() + seconds, 0.0
    seeds = parser.seeds()
    signal.signal(signal.SIGALRM, _hang)
    for number in count():
        if number == runs or time.monotonic() > end:
            break
        data = parser.mend(mutated(rng.choice(seeds), rng))[: parser.most]
        begin = time.monotonic()
        try:
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            attempt(parser, data)
        except BaseException:
            Path(keep, f"blind-{seed}-{number}").write_bytes(data)
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        slowest = max(slowest, time.monotonic() - begin)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"stat::number_of_executed_units: {number}", f"stat::slowest_unit_time_sec: {slowest:.2f}", sep="\n")
    print(f"stat::peak_rss_mb: {memory}", flush=True)
    if memory > MEGABYTES:
        raise MemoryError(f"{memory} MB")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
