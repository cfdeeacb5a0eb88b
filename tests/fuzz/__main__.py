"""`python -m tests.fuzz [PARSER ...] [--seconds S] [--runs N]`: each parser in a process of its own, guided by coverage.

Any exception but maskconv's own, more than 2 seconds for an input, or more than 300 MB is a failure: the input is kept, and
the exit status is 1. Needs the package atheris.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.parsers import PARSERS

SECONDS, MEGABYTES = 2, 300  # of one input
ROUND = 4_000  # inputs of one process: atheris itself takes some kilobytes for each, and keeps them


def main() -> int:
    args = _arguments()
    failed = []
    for name in args.parsers or PARSERS:
        began = time.monotonic()
        seen, output = _fuzz(name, args)
        spent = time.monotonic() - began
        told = f"slowest {seen.slowest} s, peak {seen.memory} MB"
        print(f"{name:10} {seen.runs:>9,} inputs, {spent:4.0f} s, {told}", flush=True)
        if output:
            failed.append(name)
            print(output[-3000:], f"the input is kept in {args.keep / name}", sep="\n", flush=True)
    print(f"failed: {', '.join(failed)}" if failed else "no failures")
    return bool(failed)


@dataclass
class Seen:
    """What became of a parser's inputs: how many, the slowest in whole seconds, the most megabytes of a process."""

    runs: int = 0
    slowest: int = 0
    memory: int = 0

    def add(self, output: str) -> None:
        self.runs += _number(output, "number_of_executed_units")
        self.slowest = max(self.slowest, _number(output, "slowest_unit_time_sec"))
        self.memory = max(self.memory, _number(output, "peak_rss_mb"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("parsers", nargs="*", choices=[*PARSERS, []], help="all by default")
    parser.add_argument("--seconds", type=int, default=20, help="for each parser; 0 has no limit (default: 20)")
    parser.add_argument("--runs", type=int, default=-1, help="inputs for each parser (default: no limit)")
    parser.add_argument(
        "--seed", type=int, default=0, help="another number makes another run; 0 is chosen by the clock"
    )
    parser.add_argument(
        "--keep", type=Path, default=Path(tempfile.gettempdir(), "maskconv-fuzz"), help="for what fails"
    )
    return parser.parse_args()


def _fuzz(name: str, args: argparse.Namespace) -> tuple[Seen, str]:
    """Process after process, which share a corpus; with the output of the one that failed."""
    keep, end = args.keep / name, time.monotonic() + args.seconds
    keep.mkdir(parents=True, exist_ok=True)
    seen, number = Seen(), 0
    with tempfile.TemporaryDirectory() as corpus:
        for place, data in enumerate(PARSERS[name].seeds()):
            Path(corpus, f"seed-{place}").write_bytes(data)
        while (left := ROUND if args.runs < 0 else args.runs - seen.runs) > 0:
            seconds = end - time.monotonic() if args.seconds else 10**6
            if seconds <= 0:
                break
            status, output = _round(
                name, min(left, ROUND), max(1, int(seconds)), args.seed and args.seed + number, keep, corpus
            )
            seen.add(output)
            number += 1
            if status:
                return seen, output or f"exit status {status}"
    return seen, ""


def _round(name: str, runs: int, seconds: int, seed: int, keep: Path, corpus: str) -> tuple[int, str]:
    options = {"runs": runs, "max_total_time": seconds, "timeout": SECONDS, "rss_limit_mb": MEGABYTES, "seed": seed}
    options |= {"max_len": PARSERS[name].most, "print_final_stats": 1, "artifact_prefix": f"{keep}/"}
    command = [sys.executable, "-m", "tests.fuzz.guided", name, *(f"-{key}={value}" for key, value in options.items())]
    done = subprocess.run([*command, corpus], capture_output=True, text=True, errors="replace", check=False)
    return done.returncode, done.stdout + done.stderr


def _number(output: str, key: str) -> int:
    found = re.search(rf"stat::{key}:\s*(\d+)", output)
    return int(found[1]) if found else 0


if __name__ == "__main__":
    sys.exit(main())
