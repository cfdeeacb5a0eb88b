"""Every error maskconv raises, in one tree.

    MaskconvError
    ├── UsageError              the call cannot be right (command line: exit status 2)
    │   ├── UnknownFormatError  no format of that name
    │   └── OptionError         an option that does not exist, or a value it does not take
    ├── SourceError             the source cannot be read
    │   ├── FormatError         no format, or more than one, says it can read it
    │   └── DataError           one image, record or line is wrong; the rest may be fine
    │       └── PngError        a mask PNG is damaged or of a kind that holds no mask
    ├── TargetError             the target cannot be written
    │   └── TargetExistsError   it is there already, and --overwrite was not given
    ├── MissingDependencyError  a package or a system library is not installed
    ├── WorkerError             a worker process died: killed, out of memory, or crashed in native code
    └── ConversionError         the run ended without a result; `report` says why
        └── LossError           it would have lost data, and on_loss="fail" forbids that

Errors carry their facts as attributes (``where``, ``fix``, ``code``) and survive pickling, so that a worker process can
raise them. One sentence says what, where, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from maskconv.finding import Report, Where

__all__ = [
    "ConversionError",
    "DataError",
    "FormatError",
    "LossError",
    "MaskconvError",
    "MissingDependencyError",
    "OptionError",
    "PngError",
    "SourceError",
    "TargetError",
    "TargetExistsError",
    "UnknownFormatError",
    "UsageError",
    "WorkerError",
]


class MaskconvError(Exception):
    """Base of all errors of this package.

    ``message`` is the sentence without place and remedy, ``where`` the place (a `Where` or None), ``fix`` what to do,
    ``code`` a stable identifier such as ``png-corrupt``.
    """

    default_code: ClassVar[str] = "error"

    def __init__(self, message: str, *, where: Where | None = None, fix: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.fix = fix
        self.code = code or self.default_code

    def __str__(self) -> str:
        place = str(self.where) if self.where is not None else ""
        text = f"{place}: {self.message}" if place else self.message
        return f"{text}; {self.fix}" if self.fix else text

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.__dict__.copy())


def _rebuild(kind: type[MaskconvError], facts: dict[str, Any]) -> MaskconvError:
    error = kind.__new__(kind, facts["message"])
    error.__dict__.update(facts)
    return error


class UsageError(MaskconvError):
    default_code = "usage"


class UnknownFormatError(UsageError):
    default_code = "format-unknown"


class OptionError(UsageError):
    default_code = "option"


class SourceError(MaskconvError):
    default_code = "source"


class FormatError(SourceError):
    """``candidates`` are the names of the formats that say they can read the source (none, or several)."""

    default_code = "format"

    def __init__(self, message: str, *, candidates: tuple[str, ...] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.candidates = candidates


class DataError(SourceError):
    """``labels`` are the names of the labels that are wrong, where it is about labels."""

    default_code = "data-invalid"

    def __init__(self, message: str, *, labels: tuple[str, ...] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.labels = labels


class PngError(DataError):
    default_code = "png-corrupt"


class TargetError(MaskconvError):
    default_code = "target"


class TargetExistsError(TargetError):
    default_code = "target-exists"


class MissingDependencyError(MaskconvError):
    default_code = "dependency-missing"


class WorkerError(MaskconvError):
    default_code = "worker-died"


class ConversionError(MaskconvError):
    """``report`` is the whole `Report`: every error found, not only the first."""

    default_code = "failed"

    def __init__(self, message: str, *, report: Report, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.report = report


class LossError(ConversionError):
    default_code = "lossy"
