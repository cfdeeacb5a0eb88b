"""Tells why a mask has colours that no label declares: swapped channels, JPEG, or resizing with interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskconv import png
from maskconv.formats.cvat_mask.table import BLACK, Table

__all__ = ["reason"]

MANY = 4  # fewer undeclared colours are labels that the map lacks
FLOOD = 128  # undeclared colours are no labels, whatever they look like
NEAR = 12  # steps of a channel by which JPEG blurs a colour
CLOSE = 3.0  # distance of a blend from the line between its colours; rounding makes it 0.9
LOOKED_AT = 256  # colours
PAIRED = 48  # declared colours of which all pairs are tried


def reason(colors: NDArray[Any], table: Table) -> tuple[str, str]:
    """Words for the sentence, and the fix; both empty where nothing is recognised.

    ``colors`` are the distinct undeclared colours of one mask, packed.
    """
    if (table.color_codes(png.pack(png.unpack(colors)[:, ::-1])) < BLACK).all():
        return "", "red and blue are swapped: write the mask again as RGB, not BGR"
    if len(colors) < MANY:
        return "", ""
    found = png.unpack(colors[:: max(1, len(colors) // LOOKED_AT)]).astype(np.float64)
    named = [label.color for label in table.labels.labels if label.color is not None]
    declared = np.array([(0, 0, 0), *named], np.float64)
    near = (np.abs(found[:, None] - declared).max(axis=2).min(axis=1) <= NEAR).mean()
    blended = _blended(found, np.unique(declared, axis=0)[:PAIRED])
    again = "export the masks again as PNG; resize them with nearest neighbour only"
    if near >= 0.5 and near >= blended:
        text = f"about {round(near * len(colors)):,} of them within {NEAR} of a declared one, as JPEG leaves them"
        return text, f"masks were saved as JPEG: {again}"
    if blended >= 0.5:
        text = (
            f"about {round(blended * len(colors)):,} of them blends of two declared ones, as interpolation leaves them"
        )
        return text, f"masks were resized with interpolation: {again}"
    if len(colors) >= FLOOD:
        return (
            "as JPEG and interpolation leave them",
            f"masks were saved as JPEG, or resized with interpolation: {again}",
        )
    return "", ""


def _blended(found: NDArray[np.float64], declared: NDArray[np.float64]) -> float:
    """The share of colours that lie on a line between two declared ones."""
    a, b = (declared[k] for k in np.triu_indices(len(declared), 1))
    if not len(a):
        return 0.0
    along = b - a
    t = ((found[:, None] - a) * along).sum(axis=2) / (along**2).sum(axis=1)
    foot = a + np.clip(t, 0, 1)[:, :, None] * along
    return float((np.linalg.norm(found[:, None] - foot, axis=2).min(axis=1) <= CLOSE).mean())
