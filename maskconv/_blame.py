"""Whose fault an unexpected exception is: a plugin's is told as the plugin's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from maskconv.errors import MaskconvError
from maskconv.finding import Where

__all__ = ["blamed"]

NOWHERE = Where()


@contextmanager
def blamed(part: object, where: Where = NOWHERE, unit: Any = None) -> Iterator[None]:
    """While ``part``, a reader or writer, works on an image or a unit: what it raises and should not becomes a MaskconvError.

    The formats of maskconv itself are not excused: theirs stays what it is.
    """
    try:
        yield
    except (MaskconvError, OSError, MemoryError):
        raise
    except Exception as error:
        kind = type(part)
        if kind.__module__.partition(".")[0] == "maskconv":
            raise
        at = "" if unit is None else f" at {repr(unit)[:80]}"
        text = f"the format plugin {_name(kind)!r} ({kind.__module__}) failed{at} with {type(error).__name__}: {error}"
        fix = "report it to the plugin's author with what --debug --jobs 1 shows"
        raise MaskconvError(text, where=where, code="plugin-failed", fix=fix) from error


def _name(kind: type) -> str:
    """The format whose reader or writer this is."""
    from maskconv import registry

    return next((fmt.name for fmt in registry.formats() if kind in (fmt.reader, fmt.writer)), kind.__name__)
