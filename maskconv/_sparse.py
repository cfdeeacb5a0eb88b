"""A zlib stream of bytes that are mostly zero, made from the other bytes alone.

General compressors read every byte; here the cost grows with the bytes that are not zero, gaps become matches of distance 1
by arithmetic. The result depends on nothing but the input: no codec's version, no processor. Source: RFC 1950 and 1951.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Habit", "deflate_sparse"]

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]
Words = NDArray[np.uint64]

START = b"\x78\x01"  # window of 32 KiB, fast
LONGEST = 258  # bytes that one match covers
END, LONG = 256, 285  # symbols: end of block, match of 258
NONE = 286  # no symbol at all
_NOTHING, _END = np.array([NONE]), np.array([END])
_TRUE, _ZERO = np.ones(1, np.bool_), np.zeros(1, np.int64)
DEEPEST = 15  # bits that a code may have


class Code(NamedTuple):
    """A block's Huffman code: bits and their number for each symbol and for each gap of 0..258 zeros, and its header."""

    symbols: Words
    symbol_sizes: Words
    gaps: Words
    gap_sizes: Words
    header: int
    header_size: int


class Habit(Enum):
    """What values are usual: weights of the literals 0, 1, 255, the seven other multiples of 32 from 32 on, and the rest.

    Measured on masks; only the length of the result depends on it.
    """

    COLORS = 230, 30, 12, (20, 70, 20, 110, 20, 70, 20), 1
    BINARY = 340, 210, 125, (0,) * 7, 0


def deflate_sparse(at: Numbers, values: Bytes, size: int, habit: Habit) -> bytes:
    """The zlib stream of ``size`` bytes: ``values`` (1..255) at the ascending positions ``at``, zero elsewhere.

    Where values are few it uses a code for the ``habit``, which must know them; else it finds the best one.
    """
    gaps = np.empty(len(at) + 1, np.int64)  # zeros before and behind the values
    gaps[:-1] = at
    gaps[-1] = size
    gaps[1:] -= at
    gaps[1:] -= 1
    long = np.maximum(gaps - 1, 0) // LONGEST
    rest = gaps - LONGEST * long
    code = _choose(values, rest, int(long.sum()), habit)
    symbols = np.concatenate((_NOTHING, values, _END))
    sizes = code.symbol_sizes.take(symbols)
    tokens = code.symbols.take(symbols)
    tokens[:-1] |= code.gaps.take(rest) << sizes[:-1]
    sizes[:-1] += code.gap_sizes.take(rest)
    return b"".join((START, _pack(tokens, sizes, long, code), _adler(at, values, size)))


# --- codes ------------------------------------------------------------------------------------------------------------


def _length_symbols() -> tuple[Numbers, Numbers, Numbers]:
    """For matches of 0..257 bytes (3 at least): symbol, extra bits, and their number."""
    bits = np.array([0] * 8 + [k for k in range(1, 6) for _ in range(4)])
    base = 3 + np.concatenate(([0], np.cumsum(1 << bits)[:-1]))
    amount = np.arange(LONGEST)
    which = np.maximum(np.searchsorted(base, amount, side="right") - 1, 0)
    return 257 + which, amount - base[which], bits[which]


_LENGTH_SYMBOL, _EXTRA, _EXTRA_BITS = _length_symbols()
_BITS = np.arange(1 << DEEPEST, dtype=np.uint64)
_REVERSED = sum((_BITS >> k & 1) << (DEEPEST - 1 - k) for k in map(np.uint64, range(DEEPEST)))


_MANY = 12_000  # values for which the best code is worth the time to find it


def _choose(values: Bytes, rest: Numbers, long: int, habit: Habit) -> Code:
    if len(values) > _MANY:
        return _code(_counts(values, rest, long))
    return _usual(habit, min(64 * long // (len(values) + 1), 128).bit_length())


@cache
def _usual(habit: Habit, rate: int) -> Code:
    """The code for a habit, where long matches are so frequent (in powers of two)."""
    zero, one, last, others, rest = habit.value
    literals = [zero, one] + 253 * [rest] + [last]
    literals[32:255:32] = others
    lengths = 8 * [2] + 8 * [4] + 8 * [10] + 4 * [14]
    usual = [*literals, 1, *lengths]
    return _code([*usual, max(1, sum(usual) * 2**rate // 256)])


def _code(counts: list[int]) -> Code:
    """The best code for symbols 0..285 that occur so often."""
    sizes = _code_lengths(counts)
    symbols = _codes(sizes)
    gaps, gap_sizes = _gap_tables(symbols, sizes)
    return Code(symbols, sizes.astype(np.uint64), gaps, gap_sizes.astype(np.uint64), *_header(sizes))


def _counts(values: Bytes, rest: Numbers, long: int) -> list[int]:
    """How often each symbol occurs. A gap is a zero, then matches of it, or more zeros where it is too short."""
    counts = np.bincount(values, minlength=NONE)
    gaps = np.bincount(rest, minlength=LONGEST + 1)
    counts[0] = gaps[1:].sum() + gaps[2] + 2 * gaps[3]
    counts += np.bincount(_LENGTH_SYMBOL[3:], weights=gaps[4:], minlength=NONE).astype(np.int64)
    counts[END] = 1
    others = int(counts.sum())
    counts[LONG] = others + 1 if 3 * long > others else long  # a code of one zero bit needs no writing
    found: list[int] = counts.tolist()
    return found


def _code_lengths(counts: list[int]) -> Numbers:
    """Huffman's code lengths, at most 15; 0 for symbols that do not occur, and for `NONE`. Two at least must occur."""
    used = sorted((count, symbol) for symbol, count in enumerate(counts) if count)
    depths = _depths([count for count, _ in used])
    if depths[0] > DEEPEST:
        return _code_lengths([(count + 1) // 2 for count in counts])
    lengths = np.zeros(NONE + 1, np.int64)
    lengths[[symbol for _, symbol in used]] = depths
    return lengths


def _depths(weights: list[int]) -> list[int]:
    """The depth of each leaf in Huffman's tree; ``weights`` ascending, two at least. Both queues stay sorted."""
    count = len(weights)
    parents = [0] * (2 * count - 1)
    leaf, inner = 0, count
    for new in range(count, 2 * count - 1):
        weight = 0
        for _ in range(2):
            if inner == new or (leaf < count and weights[leaf] <= weights[inner]):
                child, leaf = leaf, leaf + 1
            else:
                child, inner = inner, inner + 1
            parents[child] = new
            weight += weights[child]
        weights.append(weight)
    depths = [0] * (2 * count - 1)
    for node in range(2 * count - 3, -1, -1):
        depths[node] = depths[parents[node]] + 1
    return depths[:count]


def _codes(lengths: Numbers) -> Words:
    """The canonical codes, first bit lowest."""
    codes = np.zeros(len(lengths), np.uint64)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    spans = 1 << (DEEPEST - lengths[order])
    codes[order] = _REVERSED[np.cumsum(spans) - spans]  # type: ignore[index]
    return codes


def _gap_tables(codes: Words, lengths: Numbers) -> tuple[Words, Numbers]:
    """Bits and their number for gaps of 0..258 zeros: a zero, then two more at most or a match at distance 1."""
    zero, width = codes[0], lengths[0]
    more = codes[_LENGTH_SYMBOL] | _EXTRA.astype(np.uint64) << lengths[_LENGTH_SYMBOL].astype(np.uint64)
    sizes = lengths[_LENGTH_SYMBOL] + _EXTRA_BITS + 1  # one zero bit for the distance
    more[:3] = 0, zero, zero | zero << np.uint64(width)
    sizes[:3] = 0, width, 2 * width
    return np.append(np.uint64(0), zero | more << np.uint64(width)), np.append(0, width + sizes)


# --- bits -------------------------------------------------------------------------------------------------------------

# How code lengths are written: those over 11 in 5 bits, the others, and runs of zeros (17, 18), in 4.
_META_LENGTHS = np.array([4] * 12 + [5] * 4 + [0, 4, 4])
_META = [(int(code), int(length)) for code, length in zip(_codes(_META_LENGTHS), _META_LENGTHS, strict=True)]
_META_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


def _header(lengths: Numbers) -> tuple[int, int]:
    """The last block's header, dynamic codes, as a number and its bits: 286 symbols, 2 distances of one bit each."""
    bits, used = 0b101 | 29 << 3 | 1 << 8 | 15 << 13, 17
    for symbol in _META_ORDER:
        bits |= _META[symbol][1] << used
        used += 3
    plain = [*lengths[:NONE].tolist(), 1, 1]
    at = 0
    while at < len(plain):
        symbol, extra, width, span = _meta_symbol(plain, at)
        code, length = _META[symbol]
        bits |= (code | extra << length) << used
        used += length + width
        at += span
    return bits, used


def _meta_symbol(lengths: list[int], at: int) -> tuple[int, int, int, int]:
    """Symbol, extra bits, their number, and how many code lengths that says."""
    if lengths[at]:
        return lengths[at], 0, 0, 1
    span = 1
    while span < 138 and not lengths[at + span]:  # the last one is never zero
        span += 1
    if span < 3:
        return 0, 0, 0, 1
    return (17, span - 3, 3, span) if span < 11 else (18, span - 11, 7, span)


def _pack(tokens: Words, sizes: Words, long: Numbers, code: Code) -> bytes:
    """The header's bits and then the tokens', up to 64 each, behind one another; behind each the ``long`` matches."""
    size = int(code.symbol_sizes[LONG]) + 1
    room = sizes.copy()
    room[:-1] += (long * size).astype(np.uint64)
    ends = np.add.accumulate(room)
    ends += np.uint64(code.header_size)
    places = ends - room
    out = np.zeros((int(ends[-1]) >> 6) + 2, "<u8")
    _put(out, tokens, places)
    if code.symbols[LONG]:  # else room is enough
        _put_repeats(out, code.symbols[LONG], size, (places + sizes)[:-1], long)
    packed = out.view(np.uint8)
    header = code.header.to_bytes((code.header_size + 7) // 8, "little")
    packed[: len(header)] |= np.frombuffer(header, np.uint8)
    return packed[: (int(ends[-1]) + 7) // 8].tobytes()


def _put(out: NDArray[Any], tokens: Words, places: Words) -> None:
    """Tokens at ascending bit positions; they do not overlap."""
    words, shifts = places >> np.uint64(6), places & np.uint64(63)
    last = np.flatnonzero(np.concatenate((words[1:] != words[:-1], _TRUE)))
    first = np.concatenate((_ZERO, last[:-1] + 1))
    filled = words.take(last).astype(np.intp)
    out[filled] |= np.add.reduceat(tokens << shifts, first)
    out[filled + 1] |= tokens.take(last) >> np.uint64(1) >> (np.uint64(63) - shifts.take(last))


def _put_repeats(out: NDArray[Any], token: np.uint64, size: int, places: Words, times: Numbers) -> None:
    """``token`` of ``size`` bits so many ``times`` from each of ``places`` on."""
    some = np.flatnonzero(times)
    if not len(some):
        return
    times = times.take(some)
    before = np.add.accumulate(times) - times
    offsets = (np.arange(int(times.sum())) - np.repeat(before, times)) * size
    every = np.repeat(places.take(some), times) + offsets.astype(np.uint64)
    _put(out, np.full(len(every), token), every)


def _adler(at: Numbers, values: Bytes, size: int) -> bytes:
    """The Adler-32: its low half sums bytes, its high half sums them as often as bytes follow."""
    low, high = 1 + int(values.sum(dtype=np.int64)), size
    for k in range(0, len(at), 2**20):  # 20 bits for this many, 8 for a value, 34 for a position
        high += int(np.dot(size - at[k : k + 2**20], values[k : k + 2**20].astype(np.int64)))
    return (high % 65521 << 16 | low % 65521).to_bytes(4)
