"""A zlib stream of bytes that are mostly zero, made from the other bytes alone.

General compressors read every byte; here the cost grows with the bytes that are not zero, gaps become matches of distance 1
by arithmetic. The result depends on nothing but the input: no codec's version, no processor. Source: RFC 1950 and 1951.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["END", "NONE", "Habit", "deflate_sparse", "deflate_streams"]

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]
Words = NDArray[np.uint64]

START = b"\x78\x01"  # window of 32 KiB, fast
LONGEST = 258  # bytes that one match covers
END, LONG = 256, 285  # symbols: end of block, match of 258
NONE = 286  # no symbol at all
GAPS = NONE + 1  # symbols; in tables, gaps of 0..258 zeros follow them
WIDTH = GAPS + LONGEST + 1
_NOTHING, _END, _BEFORE = (np.array([number], np.int64) for number in (NONE, END, -1))
_TRUE, _ZERO = np.ones(1, np.bool_), np.zeros(1, np.int64)
DEEPEST = 15  # bits that a code may have
ADLER = 65521


class Code(NamedTuple):
    """A block's Huffman code: bits and their number for each symbol and each gap, and its header, with its bits."""

    bits: Words
    sizes: Words
    header: Words
    header_size: int


class Tokens(NamedTuple):
    """Bits and their number, and of the long matches that follow each; these may be one for all."""

    bits: Words
    sizes: Words
    long_bits: Words
    long_sizes: Words


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
    symbols: Numbers = np.concatenate((_NOTHING, values, _END))
    return deflate_streams(np.concatenate((_BEFORE, at, np.array([size]))), symbols, _ZERO, size, habit)[0]


def deflate_streams(at: Numbers, symbols: Numbers, heads: Numbers, size: int, habit: Habit) -> list[bytes]:
    """Several streams of ``size`` bytes behind one another, each as of `deflate_sparse`.

    A stream begins at each of ``heads`` with `NONE` at -1, and ends with `END` at ``size``.
    """
    rest, long = _gaps(at, heads)
    bounds = [*heads.tolist(), len(at)]
    amounts = np.add.reduceat(long, heads).tolist()
    parts = zip(pairwise(bounds), amounts, strict=True)
    codes = [_choose(symbols[a + 1 : b - 1], rest[a : b - 1], amount, habit) for (a, b), amount in parts]
    packed = _pack(_tokens(symbols, rest, codes, bounds), long, codes, bounds)
    sums = _adler(at, symbols, size, heads)
    return [b"".join((START, part, adler.to_bytes(4))) for part, adler in zip(packed, sums, strict=True)]


def _gaps(at: Numbers, heads: Numbers) -> tuple[Numbers, Numbers]:
    """Zeros behind each position, none behind a stream's end, less those in long matches; and the long matches."""
    gaps = np.empty(len(at), np.int64)
    np.subtract(at[1:], at[:-1], out=gaps[:-1])
    gaps -= 1
    gaps[heads - 1] = 0
    long = np.maximum(gaps - 1, 0) // LONGEST
    return gaps - LONGEST * long, long


def _tokens(symbols: Numbers, rest: Numbers, codes: list[Code], bounds: list[int]) -> Tokens:
    """Each symbol with the gap behind it."""
    bits, all_sizes, offsets = _tables(codes, bounds)
    if len(offsets) > 1:
        symbols, rest = symbols + offsets, rest + offsets
    tokens, sizes = bits.take(symbols), all_sizes.take(symbols)
    tokens |= bits[GAPS:].take(rest) << sizes
    sizes += all_sizes[GAPS:].take(rest)
    long = LONG + offsets
    return Tokens(tokens, sizes, bits.take(long), all_sizes.take(long) + np.uint64(1))


def _tables(codes: list[Code], bounds: list[int]) -> tuple[Words, Words, Numbers]:
    """The tables of all codes, and where each entry's begin: one number where all have the same."""
    distinct = {id(code): code for code in codes}
    if len(distinct) == 1:
        return codes[0].bits, codes[0].sizes, _ZERO
    places = dict(zip(distinct, range(0, WIDTH * len(distinct), WIDTH), strict=True))
    offsets = _each([places[id(code)] for code in codes], bounds)
    bits, sizes = ([code[k] for code in distinct.values()] for k in (0, 1))
    return np.concatenate(bits), np.concatenate(sizes), offsets


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


def _choose(values: Numbers, rest: Numbers, long: int, habit: Habit) -> Code:
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
    header, used = _header(sizes)
    words = np.frombuffer(header.to_bytes(-(-used // 64) * 8, "little"), "<u8")
    all_sizes = np.concatenate((sizes, gap_sizes)).astype(np.uint64)
    return Code(np.concatenate((symbols, gaps)), all_sizes, words, used)


def _counts(values: Numbers, rest: Numbers, long: int) -> list[int]:
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


def _pack(tokens: Tokens, long: Numbers, codes: list[Code], bounds: list[int]) -> list[memoryview]:
    """For each stream its header's bits and then its tokens', up to 64 each; behind each the ``long`` matches."""
    room = long.view(np.uint64) * tokens.long_sizes
    room += tokens.sizes
    places, firsts, used = _places(room, codes, bounds)
    out = np.zeros(firsts[-1] + (used[-1] >> 6) + 2, "<u8")
    _put(out, tokens.bits, places)
    if tokens.long_bits.any():
        _put_repeats(out, tokens, places, long)
    for code, first in zip(codes, firsts, strict=True):
        out[first : first + len(code.header)] |= code.header
    packed = out.view(np.uint8).data
    return [packed[8 * first : 8 * first + (bits + 7) // 8] for first, bits in zip(firsts, used, strict=True)]


def _places(room: Words, codes: list[Code], bounds: list[int]) -> tuple[Words, list[int], list[int]]:
    """Bit positions, and for each stream its first word, which it shares with no other, and its bits."""
    places = np.add.accumulate(room)
    firsts, used, moves = [], [], []
    word = end = 0
    for code, bound in zip(codes, bounds[1:], strict=True):
        moves.append(64 * word + code.header_size - end)
        before, end = end, int(places[bound - 1])
        firsts.append(word)
        used.append(code.header_size + end - before)
        word += (used[-1] + 63) >> 6
    places -= room
    places += _each(moves, bounds).view(np.uint64)
    return places, firsts, used


def _each(values: list[int], bounds: list[int]) -> Numbers:
    """Each stream's value for each of its entries; of one stream, one for all."""
    found = np.array(values, np.int64)
    return found if len(values) == 1 else np.repeat(found, [b - a for a, b in pairwise(bounds)])


def _put(out: NDArray[Any], tokens: Words, places: Words) -> None:
    """Tokens, or one for all, at ascending bit positions; they do not overlap."""
    words, shifts = places >> np.uint64(6), places & np.uint64(63)
    last = np.flatnonzero(np.concatenate((words[1:] != words[:-1], _TRUE)))
    filled = words.take(last).view(np.int64)
    sums = np.add.accumulate(tokens << shifts).take(last)  # modulo 2**64, as differences are
    sums[1:] -= sums[:-1].copy()
    out[filled] |= sums
    filled += 1
    out[filled] |= tokens.take(last, mode="clip") >> np.uint64(1) >> (np.uint64(63) - shifts.take(last))


def _put_repeats(out: NDArray[Any], tokens: Tokens, places: Words, times: Numbers) -> None:
    """The tokens' long matches so many ``times``."""
    times = times * (tokens.long_bits != 0)  # for zeros room is enough
    some = np.flatnonzero(times)
    if not len(some):
        return
    times, bits, sizes = times.take(some), tokens.long_bits, tokens.long_sizes
    before = np.add.accumulate(times) - times
    if len(bits) > 1:
        bits, sizes = (np.repeat(values.take(some), times) for values in (bits, sizes))
    offsets = np.arange(int(times.sum())) - np.repeat(before, times)
    every = np.repeat(places.take(some) + tokens.sizes.take(some), times)
    every += offsets.view(np.uint64) * sizes
    _put(out, bits, every)


def _adler(at: Numbers, symbols: Numbers, size: int, heads: Numbers) -> list[int]:
    """Each stream's Adler-32: its low half sums bytes, its high half sums them as often as bytes follow."""
    weights = size - at
    if len(at) > 2**20:  # 20 bits for this many, 9 for a symbol, 34 for a position
        weights %= ADLER
    low = np.add.reduceat(symbols, heads) + (1 - NONE - END)
    high = np.add.reduceat(weights * symbols, heads) - NONE * weights.take(heads) + size
    found: list[int] = (high % ADLER << 16 | low % ADLER).tolist()
    return found
