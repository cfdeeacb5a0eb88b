"""Values as words: what a person reads in messages."""

from __future__ import annotations

__all__ = ["counted", "lasting", "plain", "quoted", "size"]


def plain(value: object) -> str:
    """A value as text that cannot steer a terminal: what does not print is shown as an escape."""
    text = str(value)
    return text if text.isprintable() else "".join(map(_visible, text))


def quoted(value: object) -> str:
    """A name in quotes, as it is: backslashes are not doubled; what does not print is an escape."""
    text = plain(value)
    mark = '"' if "'" in text and '"' not in text else "'"
    return f"{mark}{text}{mark}"


def _visible(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii")


def counted(number: int, noun: str) -> str:
    """``1 image``, ``1,204 images``, ``2 data losses``."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun}{'es' if noun.endswith('s') else 's'}"


def lasting(seconds: float) -> str:
    """``48 s``, ``3 min 05 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def size(amount: int) -> str:
    """Bytes as a person reads them: ``812 B``, ``48.1 MB``."""
    value, units = float(amount), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{amount} B" if units[0] == "B" else f"{value:.1f} {units[0]}"
