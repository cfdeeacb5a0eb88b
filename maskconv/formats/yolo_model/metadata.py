"""Reading what weights say of themselves, which may be of any type and size."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

__all__ = ["class_names", "literal", "size_of"]

MOST_TEXT = 1 << 20  # characters of a value in their metadata


def literal(text: Any) -> Any:
    """A value of exported metadata, which are Python literals as text; None where it is none."""
    if not isinstance(text, str):
        return text
    if len(text) > MOST_TEXT:
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def class_names(found: Any) -> tuple[str, ...]:
    """A model's classes in order, from a list or a mapping of their numbers; empty where it tells none."""
    if isinstance(found, list | tuple):
        found = dict(enumerate(found))
    if not isinstance(found, Mapping) or not found:
        return ()
    try:
        numbered = {int(number): str(name) for number, name in found.items()}
    except (TypeError, ValueError):
        return ()
    if sorted(numbered) != list(range(len(numbered))):
        return ()
    return tuple(numbered[number].strip() or f"class{number}" for number in range(len(numbered)))


def size_of(found: Any) -> tuple[int, int] | None:
    """An input's (height, width) from a number, or from a list of one or two."""
    numbers = [found, found] if isinstance(found, int) else list(found) if isinstance(found, list | tuple) else []
    numbers = numbers * 2 if len(numbers) == 1 else numbers
    if len(numbers) == 2 and all(isinstance(n, int) and n > 0 for n in numbers):
        return numbers[0], numbers[1]
    return None
