"""One parser under atheris: `python -m tests.fuzz.guided PARSER CORPUS [libFuzzer's options]`. It ends the process itself."""

from __future__ import annotations

import random
import sys

import atheris

with atheris.instrument_imports(include=["maskconv"]):
    from tests.fuzz.blind import mutated
    from tests.fuzz.parsers import PARSERS, attempt


def main(name: str, args: list[str]) -> None:
    parser = PARSERS[name]

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        """Half of the time libFuzzer's own changes, half of the time those of syntax."""
        rng = random.Random(seed)
        changed = atheris.Mutate(data, most) if rng.random() < 0.5 else mutated(data, rng)
        return parser.mend(changed)[:most]

    atheris.Setup([sys.argv[0], *args], lambda data: attempt(parser, data), custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
