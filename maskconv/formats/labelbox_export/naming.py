"""What an item is called, and where its picture is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maskconv.formats.labelbox_export.document import Row
from maskconv.formats.labelbox_export.index import digest
from maskconv.labelbox import names
from maskconv.labelbox.checks import RecordError
from maskconv.labelbox.names import stem
from maskconv.model import Picture
from maskconv.pictures import PictureFolder
from maskconv.plugin import Head
from maskconv.store import unsafe

__all__ = ["ExportHead", "addressed", "at_labelbox", "find", "item"]


@dataclass(frozen=True)
class ExportHead(Head):
    """``shared`` are the digests of external ids that several data rows have, little-endian 64 bits each, sorted."""

    shared: bytes = b""

    def is_shared(self, external_id: str) -> bool:
        known = np.frombuffer(self.shared, "<u8")
        wanted = np.uint64(digest(external_id))
        at = int(np.searchsorted(known, wanted))
        return at < len(known) and bool(known[at] == wanted)


def item(row: Row, by: str, head: ExportHead) -> str:
    """The name of a data row's item. Raises RecordError where it has none, or none that can be used."""
    named = {"external_id": stem(row.external_id), "global_key": stem(row.global_key), "id": row.id}
    order = [by]
    if by == "auto":
        order = ["global_key", "id"] if head.is_shared(row.external_id) else ["external_id", "global_key", "id"]
    name = next((named[key] for key in order if named[key]), "")
    said = unsafe(name) or ("" if name and not name.endswith("/") else "is no name")
    if said:
        fix = "name items by another key: --from-name external_id | global_key | id"
        raise RecordError(f"the data row {row.id} cannot be named {name!r}: it {said}", code="name-unsafe", fix=fix)
    return name


def at_labelbox(row: Row, name: str) -> Picture | None:
    """The picture that only Labelbox has, by the key that names the item."""
    if stem(row.global_key) == name:
        return names.picture(("globalKey", row.global_key))
    if stem(row.external_id) == name:
        return addressed(Picture.unchecked(path=names.EXTERNAL, member=row.external_id), row, name)
    if row.data_row == name:
        return names.picture(("id", row.id))
    return addressed(names.picture(("id", row.data_row)), row, name) if row.data_row else None


def addressed(picture: Picture, row: Row, name: str) -> Picture:
    """A picture with what Labelbox finds the data row by, while its item is called so: the global key, or else the id."""
    by_key = row.global_key and row.data_row != name
    found = ("globalKey", row.global_key) if by_key else ("id", row.data_row)
    return names.addressed(picture, found, name) if found[1] else picture


def find(folder: PictureFolder, row: Row, name: str) -> Picture | None:
    """The picture of a data row in a folder: by its keys, the item's name, or the last part of its address."""
    keys = (row.external_id, row.global_key, name, row.address.split("?")[0].rsplit("/", 1)[-1])
    return next((found for key in keys if key and (found := folder.find(key, row.split)) is not None), None)
