"""Dealing images out to the files of a target: one file, or as many as hold a number of records each."""

from __future__ import annotations

from maskconv._commit import part_name
from maskconv.finding import Note, Where
from maskconv.formats.labelbox_ndjson.limits import many_masks
from maskconv.stage import Stage

__all__ = ["Parts"]


class Parts:
    """Writes images' records to the stage; a file is begun where the one before has no room for all of an image's.

    ``files`` counts them (0 where the target is one file), ``images`` what is in all of them.
    """

    def __init__(self, stage: Stage, limit: int | None) -> None:
        self._stage, self._limit = stage, limit
        self.files = self.images = 0
        self._records = self._masks = self._most = 0  # of the file, of the file, of any file

    def write(self, rows: bytes, records: int, masks: int) -> None:
        """The records of one image, and how many of them are masks."""
        if self._limit is not None and (not self.files or self._records + records > self._limit):
            self._stage.part()
            self.files += 1
            self._records = self._masks = 0
        self._stage.write(rows)
        self.images += 1
        self._records += records
        self._masks += masks
        self._most = max(self._most, self._masks)

    def add(self, rows: bytes) -> None:
        """More of what was written last."""
        self._stage.write(rows)

    def names(self) -> str:
        """The files' names, where the target is not one file."""
        names = [part_name(self._stage.target.path, number).name for number in (1, self.files)]
        return " to ".join(dict.fromkeys(names)) if self.files else ""

    def tell(self, note: Note) -> None:
        """What Labelbox advises against."""
        many_masks(self._most, Where(), note)
