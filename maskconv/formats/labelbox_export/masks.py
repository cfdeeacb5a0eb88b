"""The masks of one image: every file is read once, all colours of a composite in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from maskconv.errors import DataError
from maskconv.formats.labelbox_export.objects import Found, MaskRef
from maskconv.labelbox import pixels
from maskconv.labelbox.checks import RecordError
from maskconv.labelbox.pixels import Composite
from maskconv.maskfiles import MaskFiles
from maskconv.model import Mask

__all__ = ["ImageMasks", "Taken", "UnavailableError"]


class UnavailableError(Exception):
    """No file has the instance's pixels. ``error`` says why of the best one."""

    def __init__(self, error: DataError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class Taken:
    """An instance's pixels; ``color`` is its packed colour in ``composite``."""

    mask: Mask
    composite: Composite | None = None
    color: int | None = None


class ImageMasks:
    """``frame`` is the number that a file of its own may be named by."""

    def __init__(self, files: MaskFiles, frame: int | None) -> None:
        self._files = files
        self._frame = frame
        self._read: dict[tuple[str, str], Composite | Mask | DataError] = {}

    @property
    def composites(self) -> list[Composite]:
        return [found for found in self._read.values() if isinstance(found, Composite)]

    def take(self, found: Found) -> Taken:
        """The first of the instance's masks that can be had. Raises UnavailableError, and RecordError for a wrong colour."""
        first: DataError | None = None
        for ref in found.masks:
            known = self._known(ref, found.id)
            if not isinstance(known, DataError):
                return _taken(known, ref)
            first = first or known
        assert first is not None  # noqa: S101 - an object without an address was refused before
        raise UnavailableError(first)

    def _known(self, ref: MaskRef, feature: str) -> Composite | Mask | DataError:
        key = ref.address, "" if ref.composite else f"of {feature}"
        if key not in self._read:
            self._read[key] = self._load(ref, feature)
        return self._read[key]

    def _load(self, ref: MaskRef, feature: str) -> Composite | Mask | DataError:
        for name in self._names(ref, feature):
            with suppress(DataError):
                return _decoded(*self._files.read(name), ref)
        try:
            return _decoded(*self._files.read(ref.address), ref)
        except DataError as error:
            return error

    def _names(self, ref: MaskRef, feature: str) -> Iterator[str]:
        """What a mask of its own may be called in a folder of masks, other than by its address."""
        if isinstance(self._files.folder, Path) and feature and not ref.composite:
            if self._frame is not None:
                yield f"{feature}/{self._frame}.png"
            yield f"{feature}.png"


def _decoded(name: str, data: bytes, ref: MaskRef) -> Composite | Mask | DataError:
    try:
        return pixels.composite(name, data) if ref.composite else pixels.binary(data)[0]
    except DataError as error:
        return DataError(f"{name}: {error.message}", code=error.code, fix=error.fix or "download it again")


def _taken(known: Composite | Mask, ref: MaskRef) -> Taken:
    if isinstance(known, Mask):
        return Taken(known)
    mask = known.mask(ref.color)
    if mask is not None:
        return Taken(mask, known, pixels.pack(ref.color) if ref.color is not None else None)
    said = f"the colour {list(ref.color)} is not in" if ref.color is not None else "there is no colour in"
    fix = f"those that are: {known.colors}; export it again"
    raise RecordError(f"{said} the composite {known.name}", code="labelbox-color-absent", fix=fix)
