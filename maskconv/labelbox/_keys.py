"""What travels in ``extra`` between the drop-in types and the vocabulary, and how data rows name pictures."""

from __future__ import annotations

from maskconv.labelbox import names
from maskconv.model import AnnotatedImage, Picture

__all__ = ["CONTEXT", "HELD", "OURS", "OWN", "key_picture", "picture_key"]

OURS = "maskconv"  # the key in `extra`
HELD = ("id", "group", "track", "crowd")  # of an Annotation
CONTEXT = ("name", "width", "height", "split", "sequence", "frame")  # of an AnnotatedImage
OWN = frozenset({"uid", "extra", "data", "is_benchmark_reference"})  # of a Label, as the image's attribute "labelbox"

_ROWS = {"global_key": "globalKey", "uid": "id"}
_KINDS = {row: kind for kind, row in _ROWS.items()}
_EXTERNAL = "labelbox:external-id"  # a picture's path, as `names` has them for the other two


def key_picture(kind: str, key: str) -> Picture:
    """The picture of a data row that is named by this kind of key."""
    return names.picture((_ROWS[kind], key)) if kind in _ROWS else Picture(path=_EXTERNAL, member=key)


def picture_key(image: AnnotatedImage) -> tuple[str, str]:
    """The data row of an image: the one it came from while it has that name, else a global key."""
    place = image.picture
    if place is not None and place.path == _EXTERNAL and names.stem(place.member) == image.name:
        return "external_id", place.member
    if row := names.known_row(image):
        return _KINDS[row[0]], row[1]
    return "global_key", image.name + (names.known_extension(image) or "")
