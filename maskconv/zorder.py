"""Which annotations lie on top where a target paints them: for writers that cannot keep overlaps."""

from __future__ import annotations

from collections.abc import Sequence

from maskconv.model import Annotation

__all__ = ["z_order"]


def z_order(annotations: Sequence[Annotation]) -> list[int]:
    """Positions from the bottom to the top.

    Where all have a score, as a model's predictions have, the best is on top, whatever their order; those of one group lie
    together, by the best of them. Where one has none, and among equal scores, their own order counts: last on top.
    """
    places = range(len(annotations))
    scores: dict[int, float] = {}
    firsts: dict[int, int] = {}
    for place, annotation in zip(places, annotations, strict=True):
        if annotation.score is None:
            return list(places)
        if annotation.group is not None:
            scores[annotation.group] = max(scores.get(annotation.group, 0.0), annotation.score)
            firsts.setdefault(annotation.group, place)
    ranks = [
        (a.score or 0.0, place) if a.group is None else (scores[a.group], firsts[a.group])
        for place, a in zip(places, annotations, strict=True)
    ]
    return sorted(places, key=ranks.__getitem__)
