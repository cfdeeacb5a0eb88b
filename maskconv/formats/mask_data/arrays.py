"""Files of arrays: PNG, .npy, .npz -> label images as runs. Sizes are checked before anything is allocated; no pickles."""

from __future__ import annotations

import io
import tokenize
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from maskconv import limits, png
from maskconv.errors import DataError, PngError
from maskconv.finding import Where
from maskconv.png import Kind
from maskconv.runs import RunMap
from maskconv.store import ZIP_ERRORS

__all__ = ["SUFFIXES", "Layer", "keys", "layers"]

# What numpy raises on headers that are none, beside what zipfile raises.
_NO_HEADER = (MemoryError, SyntaxError, TypeError, AttributeError, tokenize.TokenError)

SUFFIXES = frozenset({".png", ".npy", ".npz"})
MAX_BYTES = 1 << 31  # of one array
MAX_MASKS = 1 << 16  # of one stack
VOID = 0xFFFFFFFF  # -1, which some tools have for void


@dataclass(frozen=True)
class Layer:
    """A label image: runs of packed colours (``color``) or of indices; ``palette`` holds an indexed PNG's packed colours.

    Mask k of a stack (from 0) has the index k + 1.
    """

    map: RunMap
    color: bool = False
    palette: NDArray[np.uint32] | None = None


def keys(data: bytes, where: Where) -> list[str]:
    """The arrays' names in an .npz. Raises DataError."""
    with _archive(data, where) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def layers(name: str, data: bytes, key: str, where: Where, threshold: float | None) -> list[Layer]:
    """The label images in a file: one, or as many as a stack (n, height, width) of masks has.

    ``key`` names the array of an .npz; ``threshold`` makes a mask of each array: what is not below it. Raises DataError.
    """
    try:
        if name.lower().endswith(".png"):
            return [_from_png(data, threshold)]
        array = _member(data, key, where) if name.lower().endswith(".npz") else _npy(io.BytesIO(data), len(data))
        return list(_from_array(array, threshold))
    except PngError as error:
        error.where = where
        raise
    except (*ZIP_ERRORS, *_NO_HEADER) as error:
        text = f"holds no array that is a mask: {error}"
        fix = "save masks as uint8 (height, width, 3) or integers (height, width)"
        raise DataError(text, where=where, code="mask-data-array", fix=fix) from error


def _from_png(data: bytes, threshold: float | None) -> Layer:
    mask = png.decode(data)
    if threshold is not None:
        if mask.kind is Kind.RGB:
            raise ValueError("a threshold needs one channel, and this PNG has three")
        return Layer(
            _compact(RunMap(mask.map.width, mask.map.height, mask.map.starts, _over(mask.map.values, threshold)))
        )
    palette = None if mask.palette is None else png.pack(mask.palette)
    return Layer(mask.map, color=mask.kind is Kind.RGB, palette=palette)


def _over(values: NDArray[Any], threshold: float) -> NDArray[np.uint16]:
    return (values >= threshold).astype(np.uint16)


def _compact(image: RunMap) -> RunMap:
    """The same image after neighbours became equal."""
    keep = np.append(True, image.values[1:] != image.values[:-1]) | (image.starts % image.width == 0)
    return RunMap(image.width, image.height, image.starts[keep], image.values[keep])


def _archive(data: bytes, where: Where) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except ZIP_ERRORS as error:
        raise DataError(
            f"is no readable .npz ({error})", where=where, code="mask-data-array", fix="save it again"
        ) from error


def _member(data: bytes, key: str, where: Where) -> NDArray[Any]:
    with _archive(data, where) as archive:
        try:
            info = archive.getinfo(f"{key}.npy")
            if info.file_size > MAX_BYTES:
                raise ValueError(f"it has {info.file_size:,} bytes, more than {MAX_BYTES:,}")
            with archive.open(info) as file:
                return _npy(file, info.file_size)
        except KeyError as error:
            raise ValueError(str(error)) from error


def _npy(file: Any, size: int) -> NDArray[Any]:
    """An array by its header: kind and size are known before it is read. Raises ValueError."""
    version = npy.read_magic(file)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"version {version} of the npy format is not known")
    shape, fortran, dtype = read(file, max_header_size=4096)
    if dtype.hasobject or dtype.kind not in "biuf":
        raise ValueError(f"{dtype} is no type of a mask" + ("; a pickle is never loaded" if dtype.hasobject else ""))
    count = int(np.prod(shape, dtype=object)) if shape else 1
    if count < 0 or count * dtype.itemsize > min(MAX_BYTES, limits.member(), size):
        raise ValueError(f"the header says {shape} of {dtype}, more than the file holds")
    if count and np.prod(shape[:2] if shape[2:] in {(1,), (3,), (4,)} else shape[-2:], dtype=object) > limits.pixels():
        raise ValueError(f"its {shape} are more than {limits.pixels():,} pixels, the limit of MASKCONV_MAX_PIXELS")
    flat = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    if len(flat) != count:
        raise ValueError("it is cut off")
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def _from_array(array: NDArray[Any], threshold: float | None) -> Iterator[Layer]:
    if array.ndim == 3 and array.shape[2] == 1 and array.dtype != np.bool_:
        array = array[:, :, 0]
    if 0 in array.shape[-2:]:
        raise ValueError(f"an array of shape {array.shape} has no pixels")
    if array.ndim == 3 and array.shape[2] in (3, 4) and array.dtype == np.uint8 and threshold is None:
        yield Layer(RunMap.from_array(png.pack(_opaque(array))), color=True)
    elif array.ndim == 3 and (array.dtype == np.bool_ or threshold is not None):
        if len(array) > MAX_MASKS:
            raise ValueError(f"a stack of {len(array):,} masks is more than the {MAX_MASKS:,} that an image may have")
        yield Layer(RunMap.from_array(np.zeros(array.shape[1:], np.bool_)))  # says the size where there is no mask
        for k, mask in enumerate(array if threshold is None else array >= threshold):
            yield Layer(RunMap.from_array(mask.astype(np.uint32) * (k + 1)))
    elif array.ndim == 2:
        yield Layer(RunMap.from_array(_indices(array if threshold is None else array >= threshold)))
    else:
        raise ValueError(f"an array {array.shape} of {array.dtype} is neither colours nor indices nor a stack of masks")


def _opaque(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if array.shape[2] == 4 and (array[:, :, 3] != 255).any():
        raise ValueError("it has an alpha channel that is not 255 everywhere")
    return np.ascontiguousarray(array[:, :, :3])


def _indices(array: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers; -1, which means void, as `VOID`."""
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or (array != np.rint(array)).any():
            raise ValueError("its values are no whole numbers; is it a soft mask? then say --from-threshold")
        if float(np.abs(array).max()) >= 2**53:
            raise ValueError("its values are too large for indices")
        array = array.astype(np.int64)
    if array.dtype.kind != "i":
        return array
    wide = array.astype(np.int64)
    if wide.min() < -1:
        raise ValueError(f"it has the value {wide.min()}; of negative ones only -1 (void) is known")
    wide[wide == -1] = VOID
    return wide
