"""`MaskData`: a composite mask from an array, PNG bytes, a file, or an address; decoded once for all its masks."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from maskconv import limits, png
from maskconv._deflate import crc32
from maskconv._fetch_url import shown
from maskconv.errors import DataError
from maskconv.finding import Where
from maskconv.labelbox.composite import Composite

__all__ = ["MaskData"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_SOURCES = ("file_path", "im_bytes", "url", "uid", "global_key", "arr")

PathText = Annotated[str, BeforeValidator(lambda value: os.fspath(value) if isinstance(value, os.PathLike) else value)]


class MaskData(BaseModel):
    """The pixels of all instances of an image, a colour each.

    ``arr`` is uint8 (H, W, 3) and stays the caller's: what is changed in it shows in the masks. ``im_bytes`` is a PNG,
    ``file_path`` names one, ``url`` is a path, a file: address, or any other one, for which ``fetch(url) -> bytes`` is
    called: without it nothing is fetched. Of several, the first counts in the order arr, im_bytes, file_path, url.

    Raises TypeError for an array that is not uint8, ValueError for one of another shape or where nothing is given. Pixels
    that cannot be had raise DataError or PngError when they are first asked for.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    im_bytes: bytes | None = None
    file_path: PathText | None = None
    url: PathText | None = None
    uid: str | None = None
    global_key: str | None = None
    arr: Any = None
    fetch: Callable[[str], bytes] | None = Field(default=None, exclude=True, repr=False)
    _composite: Composite | None = PrivateAttr(default=None)
    _seen: Any = PrivateAttr(default=None)  # what `_composite` was made of
    _indexed: Any = PrivateAttr(default=None)  # the array that `_seen` tells of
    _pixels: NDArray[np.uint8] | None = PrivateAttr(default=None)

    @classmethod
    def from_2D_arr(cls, arr: Any, **kwargs: Any) -> Self:  # noqa: N802 - its name at Labelbox
        """From integers 0..255 (H, W) of any integer type: gray colours. Raises ValueError for anything else."""
        array = np.asarray(arr)
        if array.ndim != 2:
            raise ValueError(f"Found array with shape {array.shape}. Expected two dimensions [H, W]")
        if not np.issubdtype(array.dtype, np.integer):
            raise ValueError(f"Array must be an integer subtype, not {array.dtype}; use arr.astype(np.uint8)")
        if array.size and (array.min() < 0 or array.max() > 255):
            raise ValueError("Could not cast array to uint8, check that values are between 0 and 255")
        return cls(arr=np.stack((array.astype(np.uint8),) * 3, axis=-1), **kwargs)

    @classmethod
    def from_2D_array(cls, arr: Any, **kwargs: Any) -> Self:  # noqa: N802
        """`from_2D_arr` by the name that Labelbox' documentation has for it."""
        return cls.from_2D_arr(arr, **kwargs)

    @field_validator("arr")
    @classmethod
    def _array(cls, arr: Any) -> Any:
        if arr is None:
            return None
        if not isinstance(arr, np.ndarray):
            raise TypeError(f"Expected numpy array. Found {type(arr)}")
        if arr.dtype != np.uint8:
            raise TypeError(f"Numpy array representing segmentation mask must be np.uint8. Found {arr.dtype}")
        if arr.ndim != 3 or arr.shape[2] != 3 or not arr.size:
            fix = "Use MaskData.from_2D_arr to construct from 2D"
            raise ValueError(f"unsupported image format. Must be 3D ([H,W,3]), found {arr.shape}. {fix}")
        return arr

    @model_validator(mode="after")
    def _given(self) -> Self:
        if all(getattr(self, name) is None for name in _SOURCES):
            raise ValueError("One of `file_path`, `im_bytes`, `url`, `uid`, `global_key` or `arr` required.")
        return self

    @property
    def value(self) -> NDArray[np.uint8]:
        """The pixels, uint8 (H, W, 3): ``arr`` itself, or read-only what was decoded, once."""
        if self.arr is not None:
            found: NDArray[np.uint8] = self.arr
            return found
        composite = self.composite
        if self._pixels is None:
            self._pixels = composite.to_array()
            self._pixels.flags.writeable = False
        return self._pixels

    @property
    def composite(self) -> Composite:
        """The pixels by colour, made once; again only where the source is another, or ``arr`` was written to."""
        now = self._signature()
        if self._composite is None or now != self._seen:
            self._composite = self._decoded() if self.arr is None else Composite.from_array(self.arr)
            self._seen, self._pixels = now, None
        return self._composite

    def _signature(self) -> Any:
        """What changes with the pixels: an array's checksum, or the source that counts."""
        if self.arr is None:
            given = self.im_bytes if self.im_bytes is not None else self.file_path
            return given if given is not None else (self.url, self.fetch)
        if self._indexed is self.arr and _fixed(self.arr):
            return self._seen
        self._indexed = self.arr
        return self.arr.shape, crc32(np.ascontiguousarray(self.arr).data)

    def draw(self, color: Any = None, **options: Any) -> NDArray[Any]:
        """The pixels of one colour as `Mask.draw` gives them, ``options`` are its own; without a colour a copy of all."""
        if color is None and not options:
            return self.value.copy()
        from maskconv.labelbox.mask import Mask

        if color is None:
            raise ValueError(f"{', '.join(options)} without a color; name the one whose pixels are drawn")
        return Mask(mask=self, color=color).draw(**options)

    def set_fetch_fn(self, fn: Callable[[MaskData], bytes]) -> None:
        """Fetch the PNG's bytes by ``fn(self)``."""
        self.fetch = lambda _: fn(self)

    def create_url(self, signer: Callable[[bytes], str]) -> str:
        """``url``; where there is none, what ``signer`` gives for the PNG's bytes, and it stays so."""
        if self.url is None:
            self.url = signer(self._file() if self.arr is None else png.encode_rgb(self.composite.map))
        return self.url

    def _decoded(self) -> Composite:
        data = self._file()
        try:
            return Composite.from_png(data)
        except DataError as error:
            error.where = (error.where or Where()).at(path=self._place())
            raise

    def _place(self) -> str:
        return "im_bytes" if self.im_bytes is not None else self.file_path or _spoken(self.url or "")

    def _file(self) -> bytes:
        if self.im_bytes is not None:
            return self.im_bytes
        if self.file_path is not None:
            return _read(Path(self.file_path))
        if self.url is None:
            raise ValueError("Must set either url, file_path or im_bytes")
        if self.fetch is not None:
            return _checked(self.fetch(self.url), self.url)
        return _read(_local(self.url))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MaskData):
            return NotImplemented
        arrays = self.arr is other.arr or (
            self.arr is not None and other.arr is not None and np.array_equal(self.arr, other.arr)
        )
        return arrays and all(getattr(self, name) == getattr(other, name) for name in _SOURCES[:-1])

    __hash__ = None  # type: ignore[assignment]

    def __repr_args__(self) -> list[tuple[str, Any]]:
        given = [(name, getattr(self, name)) for name in _SOURCES if getattr(self, name) is not None]
        return [(name, ... if name in ("im_bytes", "arr") else value) for name, value in given]


def _fixed(array: Any) -> bool:
    """Whether nobody can write to an array: it is read-only, and so is what it is a view of."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return array is None


def _checked(data: Any, url: str) -> bytes:
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"the fetch function gave {type(data).__name__} for {_spoken(url)}; it returns bytes")
    return bytes(data)


def _spoken(url: str) -> str:
    """An address as it may be shown: a remote one without its secrets."""
    return shown(url) if _SCHEME.match(url) else url


def _local(url: str) -> Path:
    """The file that an address means. DataError where it is on no disk of this machine."""
    if not _SCHEME.match(url):
        return Path(url)
    parts = urlsplit(url)
    if parts.scheme.lower() == "file" and parts.netloc in ("", "localhost"):
        return Path(url2pathname(parts.path))
    text = "the mask is not on this machine, and nothing is fetched by itself"
    fix = "give MaskData(url=..., fetch=f), f(url) returning the PNG's bytes, or download it and give file_path"
    raise DataError(text, where=Where(path=_spoken(url)), code="mask-remote", fix=fix)


def _read(path: Path) -> bytes:
    """A PNG's bytes; its header is checked before the rest is read."""
    where, most = Where(path=str(path)), limits.member()
    try:
        if not path.is_file():  # a pipe or a device would never end
            raise _missing("the mask is not there", where)
        with path.open("rb") as file:
            head = file.read(64)
            png.read_header(head)
            data = head + file.read(most)
    except OSError as error:
        raise _missing(f"the mask cannot be read ({error.strerror})", where) from error
    except DataError as error:
        error.where = where
        raise
    if len(data) > most:
        text, fix = f"the mask has more than {most:,} bytes", limits.fix("MASKCONV_MAX_MEMBER", "remove it")
        raise DataError(text, where=where, code="member-too-big", fix=fix)
    return data


def _missing(text: str, where: Where) -> DataError:
    return DataError(text, where=where, code="mask-missing", fix="check the path, and that it names a file")
