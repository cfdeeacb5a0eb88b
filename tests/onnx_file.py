"""Small ONNX files written byte by byte: a network that returns constants, to see what readers make of its facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FLOAT, FLOAT16 = 1, 10
Dims = Sequence[int | str]


def network(
    path: Path,
    outputs: Sequence[NDArray[np.float32]],
    shape: Dims,
    metadata: Mapping[str, object] | None = None,
    kind: int = FLOAT,
) -> Path:
    """Takes ``images`` of ``shape``, returns the arrays whatever it sees."""
    names = [f"output{number}" for number in range(len(outputs))]
    nodes = [_message(1, _text(1, f"{name}_value") + _text(2, name) + _text(4, "Identity")) for name in names]
    values = [_message(5, _tensor(f"{name}_value", array)) for name, array in zip(names, outputs, strict=True)]
    given = _message(11, _value("images", shape, kind))
    made = [_message(12, _value(name, array.shape, FLOAT)) for name, array in zip(names, outputs, strict=True)]
    graph = b"".join([*nodes, _text(2, "constants"), *values, given, *made])
    told = b"".join(_message(14, _text(1, key) + _text(2, str(value))) for key, value in (metadata or {}).items())
    path.write_bytes(_number(1, 8) + _message(7, graph) + _message(8, _number(2, 17)) + told)
    return path


def _tensor(name: str, array: NDArray[np.float32]) -> bytes:
    dims = b"".join(_number(1, side) for side in array.shape)
    return dims + _number(2, FLOAT) + _text(8, name) + _bytes(9, np.ascontiguousarray(array, "<f4").tobytes())


def _value(name: str, shape: Dims, kind: int) -> bytes:
    dims = b"".join(_message(1, _text(2, side) if isinstance(side, str) else _number(1, side)) for side in shape)
    return _text(1, name) + _message(2, _message(1, _number(1, kind) + _message(2, dims)))


def _varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


_message = _bytes
