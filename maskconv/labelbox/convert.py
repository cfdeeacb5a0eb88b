"""The drop-in types <-> maskconv's own vocabulary. What one side cannot hold is noted, never dropped in silence.

What only the vocabulary has travels in the ``extra`` dicts of `Label` and `ObjectAnnotation`, so that it comes back.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from maskconv.finding import Finding, Note
from maskconv.labelbox.label import Label
from maskconv.model import AnnotatedImage

__all__ = ["from_label", "to_label"]


@contextmanager
def _noting(note: Note | None) -> Iterator[Note]:
    """The caller's note; without one all Findings are collected, and end in one warning."""
    found: list[Finding] = []
    yield note or found.append
    if found:
        warnings.warn("\n".join(f"{finding.weight}: {finding}" for finding in found), stacklevel=4)


def to_label(image: AnnotatedImage, *, data: dict[str, str] | None = None, note: Note | None = None) -> Label:
    """An image's annotations as Labelbox' types.

    Masks share one `MaskData`, a colour each, as few of them as overlaps allow. Polygons of Labelbox' own pixel rule, in
    one part and without holes, stay polygons, upright boxes rectangles; all other shapes are painted and become masks.
    ``data`` names the data row; by default it is the one the image came from, or the global key is its name with its
    picture's extension. ``note`` takes the Findings; without it they end in a UserWarning.

    Raises DataError where a shape must be painted and the image's size is not known.
    """
    from maskconv.labelbox._to_label import build

    with _noting(note) as told:
        return build(image, data, told)


def from_label(label: Label, *, size: tuple[int, int] | None = None, note: Note | None = None) -> AnnotatedImage:
    """A label as an image of maskconv's vocabulary; the way back of `to_label`.

    ``size`` is the picture's (width, height) where no mask tells it. What is no segmentation (points, lines), and masks
    that cannot be read, have no pixels or another size, are left out and noted. ``note`` takes the Findings; without it they
    end in a UserWarning. Raises DataError where the data row has no name.
    """
    from maskconv.labelbox._from_label import build

    with _noting(note) as told:
        return build(label, size, told)
