"""Values that one label was given to: instances, numbered from 1, or the gray levels of a single soft mask."""

from __future__ import annotations

from collections.abc import Mapping

from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.mask_data.table import BACKGROUNDS, Meaning

__all__ = ["note_soft"]

MOST = 16  # instances whose numbers have gaps are few; an anti-aliased edge has more levels


def note_soft(meanings: Mapping[int, Meaning | None], plain: Meaning | None, where: Where, note: Note) -> None:
    """Say of an array of indices whether its values are rather gray levels; ``plain`` is what no table names.

    Values 1 to n, those of a table among them, are instances. Otherwise several plain ones are an error where they are
    more than 16, else a warning.
    """
    if plain is None or not _is_instance(plain):
        return
    levels = [value for value, found in meanings.items() if found is plain]
    used = [value for value, found in meanings.items() if found is None or _is_instance(found)]
    if len(levels) > 1 and max(used) != len(used):
        note(_soft(len(levels), max(levels), where))


def _is_instance(found: Meaning) -> bool:
    return found.label is not None and found.label.casefold() not in BACKGROUNDS


def _soft(count: int, last: int, where: Where) -> Finding:
    fix = f"for one mask, say --from-threshold {(last + 1) // 2}; number instances from 1 without gaps, or name them in a table"
    if count > MOST:
        text = f"{count:,} gray levels up to {last:,} are no instances but a soft or anti-aliased mask"
        return Finding("mask-data-soft", Weight.ERROR, text, where, count, "values", fix)
    text = f"{count} values up to {last:,} are read as an instance each: is it a soft or anti-aliased mask?"
    return Finding("mask-data-soft", Weight.WARNING, text, where, count, "values", fix)
