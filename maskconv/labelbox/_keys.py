"""What travels in ``extra`` between the drop-in types and the vocabulary, and how data rows name pictures."""

from __future__ import annotations

from maskconv.model import PICTURE_SUFFIXES, AnnotatedImage, Picture

__all__ = ["CONTEXT", "HELD", "key_picture", "picture_key", "stem"]

HELD = ("id", "group", "track", "crowd")  # of an Annotation
CONTEXT = ("name", "width", "height", "split", "sequence", "frame")  # of an AnnotatedImage

# Pictures that only Labelbox has: the path says which of its keys the member is, as the NDJSON reader has it.
_PATHS = {
    "global_key": "labelbox:global-key",
    "uid": "labelbox:data-row",
    "external_id": "labelbox:external-id",
}
_KEYS = {path: key for key, path in _PATHS.items()}


def _extension(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:] if dot > 0 and name[dot:].lower() in PICTURE_SUFFIXES and name[dot - 1] != "/" else ""


def stem(key: str) -> str:
    """A data row's key as an item's name: without a picture's extension."""
    return key.removesuffix(_extension(key))


def key_picture(kind: str, key: str) -> Picture:
    """The picture of a data row."""
    return Picture(path=_PATHS[kind], member=key)


def picture_key(image: AnnotatedImage) -> tuple[str, str]:
    """The data row of an image: the one it came from while it has that name, else a global key."""
    place = image.picture
    if place is None:
        return "global_key", image.name
    kind = _KEYS.get(place.path)
    if kind is not None and image.name in (stem(place.member), place.member):
        return kind, place.member
    return "global_key", image.name + _extension(place.member or place.path)
