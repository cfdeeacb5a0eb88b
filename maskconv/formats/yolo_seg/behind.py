"""What stands behind the coordinates of each row: a score, a track number, both, or neither."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskconv.finding import Weight
from maskconv.formats.yolo_seg.numbers import Floats, Numbers, Say

__all__ = ["Extras", "check", "fitting", "lacking", "note_unsaid"]

BOTH = "if each row ends with its score and its track, say so: --from-scores true --from-tracks true"


class Extras(NamedTuple):
    """What stands behind the coordinates of each row, as the options say."""

    scores: bool = False
    tracks: bool = False

    @property
    def values(self) -> int:
        """How many there are."""
        return self.scores + self.tracks

    @property
    def asked(self) -> str:
        """The remedy where the options are wrong."""
        names = [name for name, there in (("score", self.scores), ("track", self.tracks)) if there]
        ending, options = " and its ".join(names), " and ".join(f"--from-{name}s" for name in names)
        return f"does each row end with its {ending}? If not, leave out {options}"


def fitting(numbers: Numbers, extras: Extras) -> str:
    """The options that would fit all rows of a file, as a remedy; empty where there are none, or they are given."""
    counts = np.diff(numbers.starts)
    if extras.values == 2 or (counts < 6).any():
        return ""
    if _look_scored_and_tracked(numbers, counts):
        return BOTH
    if extras.values or (counts % 2).any():
        return ""
    last = numbers.values[numbers.starts[1:] - 1]
    if (last == 1).all():
        return "if the last value of each row is its score or its track, say which: --from-scores true or --from-tracks true"
    if ((last >= 0) & (last <= 1)).all():
        return "if the last value of each row is its score, say so: --from-scores true"
    if ((last >= 0) & (last % 1 == 0)).all():
        return "if the last value of each row is its track, say so: --from-tracks true"
    return ""


def _look_scored_and_tracked(numbers: Numbers, counts: NDArray[np.intp]) -> bool:
    """Whether each row has whole points, the last of them as a score and a track number, which begin with 1."""
    scores, tracks = (numbers.values[numbers.starts[1:] - back] for back in (2, 1))
    return bool(((counts % 2 == 1) & (scores >= 0) & (scores <= 1) & (tracks >= 1) & (tracks % 1 == 0)).all())


def note_unsaid(numbers: Numbers, say: Say) -> None:
    """Tell scores with the track 1 that pass for the last point of each row: of others the coordinates leave the picture.

    Outlines may end on the lower edge as well. Not all of a file do so with a single point that is far off.
    """
    if not (numbers.values[numbers.starts[1:] - 1] == 1).all():
        return
    counts = np.diff(numbers.starts)
    if (
        (counts >= 7).all()
        and _look_scored_and_tracked(numbers, counts)
        and all(map(_ends_apart, np.split(numbers.values, numbers.starts[1:-1])))
    ):
        text = "each row's last point lies on the lower edge, alone and far from the others, as a score and the track 1 would"
        say("yolo-row-scored", Weight.WARNING, numbers.lines[0], text, BOTH)


def _ends_apart(row: Floats) -> bool:
    """Whether no other point of a row lies on the lower edge, and the ways to the last one are its longest."""
    ring = row[1:].reshape(-1, 2)
    sides = np.hypot(*np.diff(ring, axis=0, append=ring[:1]).T)
    return bool(ring[:-1, 1].max() < 1 and sides[-2:].min() > sides[:-2].max())


def lacking(last: float, extras: Extras) -> tuple[str, str, str]:
    """Code, sentence and remedy for a row that has one value too few, or too many, for whole points before the extras."""
    if extras.values == 1:
        name = "score" if extras.scores else "track"
        return f"yolo-row-{name}", f"there are whole pairs of coordinates, and no {name} behind them", extras.asked
    given = "track" if last >= 1 and last % 1 == 0 else "score"
    other = "score" if given == "track" else "track"
    text = f"one value stands behind whole pairs of coordinates, as a {given}, not a score and a track"
    return f"yolo-row-{other}", text, f"do all rows end so? Then leave out --from-{other}s"


def check(numbers: Numbers, extras: Extras, kept: NDArray[np.bool_], say: Say) -> NDArray[np.bool_]:
    """Which of the rows ``kept`` have a score and a track that can be; what is wrong with the others is said."""
    fine = kept.copy()
    ends = numbers.starts[1:]
    if extras.scores:
        scores = numbers.values[ends - extras.values]
        for index in np.flatnonzero(kept & ~((scores >= 0) & (scores <= 1))).tolist():
            text = f"the score {scores[index]:g} is not between 0 and 1"
            say("yolo-row-score", Weight.ERROR, numbers.lines[index], text, extras.asked)
            fine[index] = False
    if extras.tracks:
        tracks = numbers.values[ends - 1]
        for index in np.flatnonzero(kept & ~((tracks >= 0) & (tracks % 1 == 0) & (tracks < 2**53))).tolist():
            text = f"the track {tracks[index]:g} is no whole number"
            say("yolo-row-track", Weight.ERROR, numbers.lines[index], text, extras.asked)
            fine[index] = False
    return fine
