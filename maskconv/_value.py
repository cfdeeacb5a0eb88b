"""What all values of the vocabulary share: frozen, with equality and hash of their own, read-only arrays."""

from __future__ import annotations

from copy import copy
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

__all__ = ["Value", "frozen", "numbers"]


class Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)
    _defaults: ClassVar[dict[str, Any]] = {}  # of all fields, in their order

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls._defaults = {name: field.default for name, field in cls.model_fields.items()}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        mine, theirs = self.__dict__, other.__dict__
        return all(_same(value, theirs[name]) for name, value in mine.items())

    def __hash__(self) -> int:
        return hash(tuple(_hashable(value) for value in self.__dict__.values()))

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self._freeze()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        new = super().__deepcopy__(memo)
        new._freeze()  # noqa: SLF001
        return new

    def _freeze(self) -> None:
        """Numpy drops the read-only flag in pickling and copying."""
        for value in self.__dict__.values():
            for array in value if isinstance(value, tuple) else (value,):
                if isinstance(array, np.ndarray):
                    array.flags.writeable = False

    @classmethod
    def unchecked(cls, **values: Any) -> Self:
        """Build without validation, for readers that produce canonical form by construction.

        Every field without a default must be given, arrays already read-only.
        """
        if len(values) < len(cls._defaults):
            values = {k: values[k] if k in values else copy(default) for k, default in cls._defaults.items()}
        new = cls.__new__(cls)
        put = object.__setattr__
        put(new, "__dict__", values)
        put(new, "__pydantic_fields_set__", _NOTHING_SET)
        put(new, "__pydantic_extra__", None)
        put(new, "__pydantic_private__", None)
        return new


_NOTHING_SET: set[str] = set()


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return a.shape == b.shape and bool((a == b).all())
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


def _hashable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (value + 0).tobytes()  # -0.0 equals 0.0
    if isinstance(value, tuple):
        return tuple(map(_hashable, value))
    return frozenset(value) if isinstance(value, dict) else value  # the keys: 1 equals True and 1.0, lists have no hash


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only array that no one else can write to."""
    if array.flags.writeable or not array.flags.c_contiguous or not _owned(array):
        array = array.copy()
        array.flags.writeable = False
    return array


def _owned(array: NDArray[Any]) -> bool:
    base = array.base
    return base is None or (isinstance(base, np.ndarray) and not base.flags.writeable)


def numbers(value: Any, dtype: Any = None) -> NDArray[Any]:
    """An array of what a caller or a file gave; ValueError, as pydantic wants it, where that cannot be."""
    try:
        return np.asarray(value, dtype=dtype)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"these are no numbers ({error})") from error
