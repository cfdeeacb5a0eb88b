"""`python -m tests.fuzz [PARSER ...] [--seconds S] [--runs N]`: each parser in a process of its own, guided by coverage.

Any exception but maskconv's own, more than 2 seconds for an input, or more than 300 MB is a failure: the input is kept, and
the exit status is 1. Needs the package atheris.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.parsers import PARSERS

SECONDS, MEGABYTES = 2, 300  # of one input


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
    """What became of a parser's inputs: how many, the slowest in seconds (whole ones, where atheris tells), the most megabytes of a process."""

    runs: int = 0
    slowest: float = 0
    memory: int = 0

    def add(self, output: str) -> None:
        self.runs += int(_number(output, "number_of_executed_units"))
        self.slowest = max(self.slowest, _number(output, "slowest_unit_time_sec"))
        self.memory = max(self.memory, int(_number(output, "peak_rss_mb")))


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
    parser.add_argument("--blind", action="store_true", help="without atheris: not guided by coverage, and faster")
    return parser.parse_args()


def _fuzz(name: str, args: argparse.Namespace) -> tuple[Seen, str]:
    """Process after process, which share a corpus; with the output of the one that failed."""
    keep, end = args.keep / name, time.monotonic() + args.seconds
    keep.mkdir(parents=True, exist_ok=True)
    seen, number = Seen(), 0
    with tempfile.TemporaryDirectory() as corpus:
        for place, data in enumerate(PARSERS[name].seeds()):
            Path(corpus, f"seed-{place}").write_bytes(data)
        while (left := PARSERS[name].round if args.runs < 0 else args.runs - seen.runs) > 0:
            seconds = end - time.monotonic() if args.seconds else 10**6
            if seconds <= 0:
                break
            most = left if args.blind else min(left, PARSERS[name].round)
            seed = args.seed + number if args.blind or args.seed else 0
            status, output = _round(name, most, max(1, int(seconds)), seed, keep, corpus, blind=args.blind)
            seen.add(output)
            number += 1
            status = status or (not _number(output, "number_of_executed_units"))
            if status:
                return seen, output or f"exit status {status}"
    return seen, ""


def _round(name: str, runs: int, seconds: int, seed: int, keep: Path, corpus: str, *, blind: bool) -> tuple[int, str]:
    if blind:
        command = [sys.executable, "-m", "tests.fuzz.blind", name, str(runs), str(seconds), str(seed), str(keep)]
        return _output(command)
    options = {"runs": runs, "max_total_time": seconds, "timeout": SECONDS, "rss_limit_mb": MEGABYTES, "seed": seed}
    options |= {"max_len": PARSERS[name].most, "print_final_stats": 1, "artifact_prefix": f"{keep}/"}
    command = [sys.executable, "-m", "tests.fuzz.guided", name, *(f"-{key}={value}" for key, value in options.items())]
    return _output([*command, corpus])


def _output(command: list[str]) -> tuple[int, str]:
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"FUZZ_FOLDER": folder}
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, check=False)
    return done.returncode, done.stdout + done.stderr


def _number(output: str, key: str) -> float:
    found = re.search(rf"stat::{key}:\s*([\d.]+)", output)
    return float(found[1]) if found else 0


if __name__ == "__main__":
    sys.exit(main())
