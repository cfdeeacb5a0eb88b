"""What a unit becomes on its way from a reader to the sink."""

from __future__ import annotations

from typing import NamedTuple

from maskconv.finding import Finding
from maskconv.plugin import Piece

__all__ = ["Result"]


class Result(NamedTuple):
    """Pieces and Findings in the order they were noted, and how many images and instances were read.

    ``labels`` counts the latter by the labels that they have in the target.
    """

    pieces: list[Piece]
    findings: list[Finding]
    images: int
    instances: int
    labels: dict[str, int]
