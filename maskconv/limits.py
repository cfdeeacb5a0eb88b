"""How large what is read may be. Each limit is an environment variable, which the error that it causes names."""

from __future__ import annotations

import os

from maskconv.errors import OptionError

__all__ = ["DEFAULTS", "fix", "member", "pixels", "record"]

DEFAULTS = {
    "MASKCONV_MAX_PIXELS": 1 << 28,  # of one image: 16384 x 16384
    "MASKCONV_MAX_MEMBER": 1 << 30,  # bytes of one file: a mask of so many RGB pixels is less even uncompressed
    "MASKCONV_MAX_RECORD": 1 << 28,  # bytes of one line or record of JSON
}


def pixels() -> int:
    """The most pixels that an image may have. Raises OptionError, as the others do, where the variable is no number."""
    return _limit("MASKCONV_MAX_PIXELS")


def member() -> int:
    """The most bytes that one file, or one member of a zip, may have when it is unpacked."""
    return _limit("MASKCONV_MAX_MEMBER")


def record() -> int:
    """The most bytes that one line or record of JSON may have."""
    return _limit("MASKCONV_MAX_RECORD")


def fix(name: str, otherwise: str) -> str:
    """The remedy that names a limit: ``raise MASKCONV_MAX_PIXELS if you trust it, or remove it``."""
    return f"raise {name} if you trust it, or {otherwise}"


def _limit(name: str) -> int:
    given = os.environ.get(name)
    if not given:
        return DEFAULTS[name]
    if not (given.isascii() and given.isdigit() and 0 < len(given) < 19 and int(given)):
        text = f"the environment variable {name} is {given[:40]!r}, not a whole number above 0"
        raise OptionError(text, code="option-value", fix=f"write it as {DEFAULTS[name]}")
    return int(given)
