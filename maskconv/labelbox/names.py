"""Item names and data rows: what a global key or a data row's id is called here, and the way back."""

from __future__ import annotations

from maskconv.model import PICTURE_SUFFIXES, AnnotatedImage, Picture

__all__ = [
    "EXTERNAL",
    "Row",
    "addressed",
    "extension",
    "is_external",
    "known_extension",
    "known_row",
    "picture",
    "stem",
]

Row = tuple[str, str]  # ("id" or "globalKey", text)

# Pictures that only Labelbox has: the path says which of its keys the member is; no file has such a path.
_AT_LABELBOX = {"globalKey": "labelbox:global-key", "id": "labelbox:data-row"}
EXTERNAL = "labelbox:external-id"  # which finds no data row
_KEY = {path: key for key, path in _AT_LABELBOX.items()}


def extension(name: str) -> str:
    """A name's picture extension with its dot and case, such as ``.JPG``; empty where it has none."""
    dot = name.rfind(".")
    return name[dot:] if dot > 0 and name[dot:].lower() in PICTURE_SUFFIXES and name[dot - 1] != "/" else ""


def stem(name: str) -> str:
    """A name without its picture extension."""
    return name[: len(name) - len(extension(name))]


def picture(row: Row) -> Picture:
    """The picture of a data row: Labelbox has it under this key."""
    kind, key = row
    return Picture.unchecked(path=_AT_LABELBOX[kind], member=key)


def addressed(place: Picture, row: Row, name: str) -> Picture:
    """A picture with the data row that it is, while its item is called ``name``."""
    kind, key = row
    return Picture.unchecked(**(place.__dict__ | {"origin": (_AT_LABELBOX[kind], key, name)}))


def is_external(image: AnnotatedImage) -> bool:
    """Whether an external id is all that is known of an image's data row."""
    place = image.picture
    return place is not None and place.path == EXTERNAL and not place.origin and stem(place.member) == image.name


def known_extension(image: AnnotatedImage) -> str | None:
    """The extension of an image's picture; None where nobody knows the picture's name."""
    place = image.picture
    return None if place is None or place.path == _AT_LABELBOX["id"] else extension(place.member or place.path)


def known_row(image: AnnotatedImage) -> Row | None:
    """The data row that an image came from, while it has the same name."""
    place = image.picture
    if place is None:
        return None
    if len(place.origin) == 3:
        path, key, name = place.origin
    else:
        path, key = place.path, place.member
        name = stem(key) if _KEY.get(path) == "globalKey" else key
    return (_KEY[path], key) if path in _KEY and name == image.name else None
