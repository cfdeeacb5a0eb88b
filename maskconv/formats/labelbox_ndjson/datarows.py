"""Data rows of items: from a table of ids, or from the keys that an export has of each data row."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from urllib.parse import unquote, urlsplit

from maskconv.errors import DataError, OptionError
from maskconv.finding import Finding, Where
from maskconv.formats.labelbox_ndjson.tables import Table, bad, load, read
from maskconv.labelbox.names import Row, extension, stem
from maskconv.labelbox.split import Place
from maskconv.labelbox.values import values
from maskconv.options import nearest

__all__ = ["DataRows", "data_rows", "item_names"]

_ITEM_HEADERS = frozenset(
    {"item", "name", "image", "file", "filename", "file_name", "global_key", "globalkey", "external_id", "externalid"}
)
_ID_HEADERS = frozenset({"id", "data_row_id", "datarowid", "data_row", "datarow", "data row id", "data row"})
_LONG = 4096  # characters of a key
_WORDS = ("id", "global_key", "external_id", "row_data")  # of a data row, in v2
_V1_WORDS = ("DataRow ID", "Global Key", "External ID", "Labeled Data")
_V1 = {"Labeled Data", "Label"}  # which all rows of v1 have
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


class Key(NamedTuple):
    """One of the names that an export has for a data row: its kind (the lower, the better), and the whole of it."""

    kind: int  # 0 global key, 1 external id, 2 path of the picture's address
    text: str
    id: str


_ADDRESS = 2


@dataclass(frozen=True)
class DataRows:
    """Finds the data row of an item, by ``ids`` of item names, or by ``keys``: those that end alike, without extension.
    ``own`` are data rows that their own ids may name."""

    ids: dict[str, str]
    keys: dict[str, tuple[Key, ...]]
    own: frozenset[str] = frozenset()

    def find(self, name: str, ext: str) -> tuple[str, str]:
        """The id for an item and its picture's extension, and the key that it was guessed by, if any. Raises DataError."""
        found = self.ids.get(name)
        if found is not None:
            return found, ""
        ranked = [(_rank(key, name, ext), key) for key in self.keys.get(_last(name), ())]
        best = max((rank for rank, _ in ranked if rank is not None), default=None)
        if best is None and _last(name) in self.own:
            return _last(name), ""
        if best is None:
            raise self._unknown(name)
        first, *others = {key.id: key for rank, key in ranked if rank == best}.values()
        if others:
            raise _ambiguous(name, first, others[0])
        return first.id, "" if best[1] else first.text

    def _unknown(self, name: str) -> DataError:
        known: Iterable[str] = self.ids or (stem(key.text) for keys in self.keys.values() for key in keys)
        alike = islice((other for other in known if abs(len(other) - len(name)) < 3), 500)  # comparing is slow
        text = f"the data rows have no {name!r}{nearest(name, alike)}"
        return DataError(text, code="labelbox-data-row-unknown", fix="add it to --to-data-rows")


def _ambiguous(name: str, one: Key, other: Key) -> DataError:
    text = f"the item {name!r} could be the data row {one.id} ({one.text}) or {other.id} ({other.text})"
    fix = "name it as one of them with --name, or give --to-data-rows a table of items and ids"
    return DataError(text, code="labelbox-data-row-ambiguous", fix=fix)


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _rank(key: Key, name: str, ext: str) -> tuple[bool, bool, int, bool, int] | None:
    """How well a key fits an item, the higher the better: all of it, one the end of the other, how much, its extension."""
    theirs, ours = stem(key.text).split("/")[::-1], name.split("/")[::-1]
    shorter = min(len(theirs), len(ours))
    common = next((i for i in range(shorter) if theirs[i] != ours[i]), shorter)
    if common < shorter and key.kind != _ADDRESS:
        return None
    same = bool(ext) and extension(key.text).lower() == ext.lower()
    return theirs == ours, common == shorter, common, same, -key.kind


def data_rows(source: Table) -> DataRows:
    """From ``{"item": "data row id"}`` as JSON, a CSV of two columns, or an export's rows. Raises OptionError."""
    if not isinstance(source, Path) or not _is_export(source):
        return DataRows(dict(_named(source)), {})
    keys: dict[str, dict[Key, None]] = {}
    own = set()
    for row in _export(source):
        own.add(row.id)
        for key in _keys(row):
            keys.setdefault(_last(stem(key.text)), {})[key] = None
    return DataRows({}, {last: tuple(found) for last, found in keys.items()}, frozenset(own))


def item_names(source: Table) -> dict[Row, str]:
    """The item of each data row, by id, and with an export by global key. Raises OptionError."""
    if not isinstance(source, Path) or not _is_export(source):
        return {("id", row): name for name, row in _named(source)}
    rows = list(dict.fromkeys(_export(source)))
    count = Counter(name for row in rows for name in {name.casefold() for _, name in _candidates(row)})
    found: dict[Row, str] = {}
    for row in rows:
        candidates = sorted(
            (count[name.casefold()] > 1, not ext, n, name) for n, (ext, name) in enumerate(_candidates(row))
        )
        name = candidates[0][-1] if candidates else row.id
        found.setdefault(("id", row.id), name)
        if row.global_key:
            found.setdefault(("globalKey", row.global_key), name)
    return found


# --- tables -----------------------------------------------------------------------------------------------------------


def _named(source: Table) -> Iterator[tuple[str, str]]:
    """Items without their picture extension, and their data rows."""
    ids: dict[str, str] = {}
    items: dict[str, str] = {}
    pairs = _csv(source) if isinstance(source, Path) and source.suffix.lower() in (".csv", ".tsv") else _pairs(source)
    for item, row in pairs:
        name = stem(item)
        if ids.setdefault(name, row) != row:
            raise bad(f"the item {name!r} has two data rows, {ids[name]} and {row}", source, "keep one of them")
        if items.setdefault(row, name) != name:
            raise bad(f"the data row {row} has two items, {items[row]!r} and {name!r}", source, "keep one of them")
        yield name, row


def _pairs(source: Table) -> list[tuple[str, str]]:
    table = load(source)
    fix = 'give {"item": "data row id"}, a CSV file with these two columns, or an export\'s NDJSON'
    if not isinstance(table, Mapping) or not all(isinstance(row, str) and row for row in table.values()):
        raise bad("the data rows are no JSON object of texts", source, fix)
    return list(table.items())


def _csv(path: Path) -> list[tuple[str, str]]:
    """Two columns, item and id; a header line may name them in either order."""
    try:
        text = read(path).decode("utf-8-sig")
        rows = [row for row in csv.reader(text.splitlines(), delimiter=_delimiter(text)) if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise bad(f"is no CSV in UTF-8 ({error})", path, "save it as CSV, UTF-8") from error
    item, row_id = 0, 1
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    if len(_ID_HEADERS.intersection(header)) == 1:
        row_id = next(i for i, cell in enumerate(header) if cell in _ID_HEADERS)
        item = next((i for i, cell in enumerate(header) if cell in _ITEM_HEADERS), 0 if row_id else 1)
        rows = rows[1:]
    for number, row in enumerate(rows):
        if len(row) <= max(item, row_id) or not row[item].strip() or not row[row_id].strip():
            raise bad(f"row {number + 1} has no item and data row id: {row}", path, "give two columns: item and id")
    return [(row[item].strip(), row[row_id].strip()) for row in rows]


def _delimiter(text: str) -> str:
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count)


# --- exports ----------------------------------------------------------------------------------------------------------


class Exported(NamedTuple):
    """What an export's row says of a data row; ``address`` is the path of its picture's."""

    id: str
    global_key: str
    external_id: str
    address: str


def _is_export(path: Path) -> bool:
    """Whether a file's first value is a row of an export."""
    if path.suffix.lower() in (".csv", ".tsv") or not path.is_file():
        return False
    try:
        _, first = next(values(path, lambda _: None), (None, None))
    except OSError as error:
        raise bad(f"cannot be read ({error.strerror})", path, "check its permissions") from error
    return isinstance(first, dict) and (isinstance(first.get("data_row"), dict) or first.keys() >= _V1)


def _export(path: Path) -> Iterator[Exported]:
    """An export's rows, one after the other. Raises OptionError."""

    def refuse(finding: Finding) -> NoReturn:
        fix = finding.fix or "export it again"
        raise OptionError(f"the export cannot be read: {finding.message}", where=finding.where, fix=fix)

    for place, value in values(path, refuse):
        yield _exported(path, place, value)


def _exported(path: Path, place: Place, value: Any) -> Exported:
    row, (own, *names), what = None, _WORDS, "data_row with an id"
    if isinstance(value, dict) and value.keys() >= _V1:
        row, (own, *names), what = value, _V1_WORDS, "DataRow ID"
    elif isinstance(value, dict):
        row = value.get("data_row")
    if not isinstance(row, dict) or not isinstance(row.get(own), str) or not row[own]:
        text = f"{place.spoken} is no row of an export: it has no {what}"
        where = Where(path=str(path), line=place.line)
        raise OptionError(text, where=where, code="option-value", fix="export it again, or remove the line")
    global_key, external_id, address = (_text(row.get(name)) for name in names)
    return Exported(row[own], global_key, external_id, _path(address))


def _text(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= _LONG else ""


def _path(address: str) -> str:
    """The path of an address, without its server, signature and escapes."""
    try:
        return unquote(urlsplit(address).path if _SCHEME.match(address) else address).strip("/")
    except ValueError:  # a server's name in broken brackets
        return ""


def _keys(row: Exported) -> Iterator[Key]:
    for kind, text in enumerate(row[1:]):
        if text and text not in row[1 : kind + 1]:
            yield Key(kind, text, row.id)


def _candidates(row: Exported) -> list[tuple[str, str]]:
    """What an item could be called, best first: extension and name."""
    texts = (row.external_id, row.global_key, _last(row.address))
    return [(extension(text), stem(text)) for text in texts if text]
