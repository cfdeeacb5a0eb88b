"""Writing for pictures with an EXIF orientation: Labelbox shows them as they are in their files, and so are annotations."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from maskconv import pictures
from maskconv.errors import DataError, SourceError
from maskconv.finding import Finding, Note, Weight
from maskconv.labelbox import turn
from maskconv.model import AnnotatedImage, Picture
from maskconv.pictures import Header
from maskconv.store import Entry, ZipStore

__all__ = ["Headers", "stored"]

_START = 1 << 16  # bytes that hold a picture's header, mostly


class Headers:
    """The headers of pictures; of the zip that was asked for last, the index of its pictures is kept. No file stays open."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._path = ""
        self._index: dict[str, Entry] = {}

    def of(self, picture: Picture) -> Header | None:
        """None where it cannot be read."""
        if not pictures.is_local(picture):
            return None
        try:
            return self._in_zip(picture) if picture.member else pictures.header_of(picture)
        except (DataError, SourceError, OSError):
            return None

    def _in_zip(self, picture: Picture) -> Header | None:
        with self._lock:
            store = ZipStore(Path(picture.path))
            if picture.path != self._path:
                self._path, self._index = picture.path, {}
                self._index = {entry.name: entry for entry in store.entries() if pictures.is_picture(entry.name)}
            entry = self._index.get(picture.member)
            if entry is None:
                return None
            store.open()
            try:
                return _header(store, entry, picture)
            finally:
                store.close()


def _header(store: ZipStore, entry: Entry, picture: Picture) -> Header:
    try:
        return pictures.header_in(store.start(entry, _START), picture)
    except DataError:  # such as a TIFF, whose header may lie at its end
        return pictures.header_in(store.read(entry), picture)


def stored(image: AnnotatedImage, headers: Headers, note: Note) -> AnnotatedImage:
    """An image with its annotations on the picture's pixels as they are in its file; what is turned is noted."""
    place = image.picture
    if place is None or place.orientation == 1:
        return image
    width, height, orientation = image.width, image.height, place.orientation
    if orientation is None:
        header = headers.of(place)
        if header is None or header.orientation == 1:
            return image
        orientation = header.orientation
        width, height = width or header.shown[0], height or header.shown[1]
        if (width, height) != header.shown:
            _note_other(header, (width, height), note)
            return image
    if width is None or height is None:
        return image
    text = (
        f"the picture has EXIF orientation {orientation}, which Labelbox does not apply: the annotations were turned back to "
        "its pixels as they are in its file"
    )
    fix = "where Labelbox has the picture turned already: --to-orientation shown"
    note(Finding("labelbox-turned-back", Weight.WARNING, text, unit="images", fix=fix))
    return turn.image_turned(image, turn.back(orientation), width, height)


def _note_other(header: Header, size: tuple[int, int], note: Note) -> None:
    """Annotations that are not on the picture as it is shown stay as they are."""
    other = "its pixels as they are in its file" if size == header.stored else "another picture"
    text = (
        f"the picture has EXIF orientation {header.orientation}: shown it has {header.shown[0]} x {header.shown[1]} pixels, its "
        f"annotations are of {size[0]} x {size[1]}, on {other}: they were not turned"
    )
    fix = "see that they are where they should be in Labelbox, which shows the picture as it is in its file"
    note(Finding("labelbox-not-turned", Weight.WARNING, text, unit="images", fix=fix))
