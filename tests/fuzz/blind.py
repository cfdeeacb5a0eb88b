"""Mutations without guidance: what bytes suffer, and what syntax does."""

from __future__ import annotations

import random
from collections.abc import Iterator

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
