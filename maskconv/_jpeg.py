"""A JPEG's size from its first bytes: tens of times faster than opening it with a library. Format: ITU-T T.81, Exif 2.3."""

from __future__ import annotations

from typing import Literal

__all__ = ["shown_size"]

_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # SOF0 to SOF15; the others are tables
_ORIENTATION = 0x0112
_TURNED = frozenset({5, 6, 7, 8})  # orientations that swap width and height


def shown_size(data: bytes) -> tuple[int, int] | None:
    """``(width, height)`` as a viewer shows it; None where these bytes do not tell it, or not plainly."""
    if data[:3] != b"\xff\xd8\xff":
        return None
    at, turned = 2, False
    while at + 4 <= len(data) and data[at] == 0xFF:
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        body = data[at + 4 : at + 2 + length]
        if length < 2 or not 0xC0 <= kind <= 0xFE or 0xD0 <= kind <= 0xDA or len(body) != length - 2:
            return None
        if kind in _FRAMES:
            height, width = int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
            return None if not width or not height else (height, width) if turned else (width, height)
        if kind == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation = _orientation(body[6:])
            if orientation is None:
                return None
            turned = orientation in _TURNED
        at += 2 + length
    return None


def _orientation(tiff: bytes) -> int | None:
    """The orientation in the first directory of Exif data, 1 where it has none; None where it is damaged."""
    if tiff[:4] not in (b"II*\0", b"MM\0*"):
        return None
    order: Literal["little", "big"] = "little" if tiff[:1] == b"I" else "big"
    start = int.from_bytes(tiff[4:8], order)
    count = int.from_bytes(tiff[start : start + 2], order)
    entries = tiff[start + 2 : start + 2 + 12 * count]
    if len(entries) != 12 * count:
        return None
    for k in range(0, len(entries), 12):
        if int.from_bytes(entries[k : k + 2], order) == _ORIENTATION:
            return int.from_bytes(entries[k + 8 : k + 10], order)
    return 1
