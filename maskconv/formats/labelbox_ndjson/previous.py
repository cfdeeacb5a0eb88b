"""An earlier import of the same data: what of it the new file overrides, and what stays in Labelbox."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from maskconv._commit import parts
from maskconv.errors import OptionError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.labelbox import checks
from maskconv.labelbox.names import Row
from maskconv.labelbox.split import Place
from maskconv.labelbox.values import values
from maskconv.wording import counted

__all__ = ["Previous", "earlier"]

_SIZE = 16  # bytes of a digest
_DELETE = "delete it there if it is gone: an import does not"


def earlier(path: Path) -> list[Path]:
    """The files that the option ``previous`` means: one, all of a pattern, or the parts of one. Raises OptionError."""
    if path.is_file():
        return [path]
    found = [Path(text) for text in sorted(glob.glob(str(path), recursive=True))]
    if not found and path.parent.is_dir():
        found = parts(path)
    found = [file for file in found if file.is_file()]
    if not found:
        raise _refused("there is no such file of an earlier import", Where(path=str(path)))
    return found


def _refused(text: str, where: Where) -> OptionError:
    return OptionError(text, where=where, fix="check --to-previous: it names an import NDJSON", code="option-value")


def _strict(finding: Finding) -> NoReturn:
    raise _refused(f"the earlier import cannot be read: {finding.message}", finding.where)


class Earlier(NamedTuple):
    """A record of the earlier import; without a uuid where it can be compared with nothing."""

    path: Path
    place: Place
    row: Row
    uuid: str | None
    label: str


class Previous:
    """The earlier records by data row and uuid: 21 bytes each.

    ``take`` is told what the new file has, image by image; ``tell`` says what came of the earlier records.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._kinds: set[str] = set()  # of data rows: "id", "globalKey"
        self._new_kinds: set[str] = set()
        self._nameless = self._new = 0
        digests = bytearray()
        for record in self._records():
            if record.uuid is None:
                self._nameless += 1
            else:
                self._kinds.add(record.row[0])
                digests += _digest(record.row, record.uuid)
        if not digests and not self._nameless:
            raise _refused("this holds no record of an import", Where(path=str(paths[0])))
        self._digests = np.frombuffer(bytes(digests), f"S{_SIZE}")
        self._order = np.argsort(self._digests, kind="stable").astype(np.uint32)
        self._done = np.zeros(len(self._digests), np.bool_)
        self._drop_twice()

    def _records(self) -> Iterator[Earlier]:
        for path in self._paths:
            try:
                for place, record in values(path, _strict):
                    yield Earlier(path, place, *_facts(path, place, record))
            except OSError as error:
                raise _refused(f"cannot be read ({error.strerror})", Where(path=str(path))) from error

    def _drop_twice(self) -> None:
        """Of records that override one another only one counts."""
        ordered = self._digests[self._order]
        self._done[self._order[1:][ordered[1:] == ordered[:-1]]] = True
        self._total = len(self._done) - int(self._done.sum())

    def take(self, row: Row, uuids: Iterable[str]) -> None:
        """The uuids that the new file has on a data row."""
        self._new_kinds.add(row[0])
        wanted = np.array([_digest(row, uuid) for uuid in uuids], f"S{_SIZE}")
        self._new += len(wanted)
        if not len(self._digests):
            return
        found = np.searchsorted(self._digests, wanted, sorter=self._order)
        at = self._order[np.minimum(found, len(self._order) - 1)]
        self._done[at[self._digests[at] == wanted]] = True

    def tell(self, note: Note) -> None:
        """A Finding for each record that stays, and how many are overridden."""
        place = Where(path=str(self._paths[0]))
        if self._nameless:
            text = f"{counted(self._nameless, 'record')} of the earlier import without data row or uuid"
            text += ": what of them stays is not known"
            note(_finding("labelbox-previous-uuid", text, place, self._nameless))
        if self._kinds and self._new_kinds and not self._kinds & self._new_kinds:
            old, new = (" and ".join(sorted(kinds)) for kinds in (self._kinds, self._new_kinds))
            text = f"the earlier import names data rows by {old}, this one by {new}: what of it stays is not known"
            fix = "write both with --to-data-rows, or both without"
            note(_finding("labelbox-previous-rows", text, place, self._total, fix))
            return
        self._orphans(note)

    def _orphans(self, note: Note) -> None:
        stay = len(self._done) - int(self._done.sum())
        overridden = self._total - stay
        text = f"{overridden:,} of the {counted(self._total, 'record')} of the earlier import are overridden, "
        text += f"{counted(stay, 'record')} stay{'s' if stay == 1 else ''}, {self._new - overridden:,} are new"
        note(Finding("labelbox-overrides", Weight.INFO, text, Where(path=str(self._paths[0])), overridden, "records"))
        if not stay:
            return
        known = (record for record in self._records() if record.uuid is not None)
        for done, (path, place, (_, key), uuid, label) in zip(self._done, known, strict=False):
            if not done:
                text = f"{label} {uuid} on the data row {key!r} is not in the new file and stays in Labelbox"
                note(place.finding(path, "labelbox-orphan", Weight.WARNING, text, unit="records", fix=_DELETE))


def _finding(code: str, text: str, where: Where, amount: int, fix: str = "") -> Finding:
    return Finding(code, Weight.WARNING, text, where, amount, "records", fix)


def _facts(path: Path, place: Place, record: Any) -> tuple[Row, str | None, str]:
    """Data row, uuid and label."""
    if not isinstance(record, dict):
        _strict(place.finding(path, "labelbox-json", Weight.ERROR, "this is no record but another JSON value"))
    label = repr(record.get("name") or record.get("schemaId"))
    try:
        row, uuid = checks.data_row(record.get("dataRow")), record.get("uuid")
        return row, None if uuid is None else checks.uuid_text(uuid), label
    except checks.RecordError:
        return ("", ""), None, label


def _digest(row: Row, uuid: str) -> bytes:
    text = "\0".join((*row, uuid)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=_SIZE).digest()
