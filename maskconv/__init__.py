"""maskconv: converts segmentation annotations between formats; nothing is lost without being named.

    import maskconv
    report = maskconv.convert("export.zip", "labels.ndjson")

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskconv.driver import ImageReader, ImageWriter, convert, info, open_reader, open_writer, validate
    from maskconv.errors import (
        ConversionError,
        DataError,
        FormatError,
        LossError,
        MaskconvError,
        MissingDependencyError,
        OptionError,
        PngError,
        SourceError,
        TargetError,
        TargetExistsError,
        UnknownFormatError,
        UsageError,
        WorkerError,
    )
    from maskconv.finding import Finding, Report, Weight, Where
    from maskconv.isolation import Isolated, isolate
    from maskconv.model import (
        AnnotatedImage,
        Annotation,
        Box,
        Feature,
        Label,
        LabelMap,
        Mask,
        Picture,
        PixelRule,
        Polygon,
    )

__version__ = "0.1.0"

_HOMES = {
    "driver": ("ImageReader", "ImageWriter", "convert", "info", "open_reader", "open_writer", "validate"),
    "errors": (
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
    ),
    "finding": ("Finding", "Report", "Weight", "Where"),
    "isolation": ("Isolated", "isolate"),
    "model": (
        "AnnotatedImage",
        "Annotation",
        "Box",
        "Feature",
        "Label",
        "LabelMap",
        "Mask",
        "Picture",
        "PixelRule",
        "Polygon",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AnnotatedImage",
    "Annotation",
    "Box",
    "ConversionError",
    "DataError",
    "Feature",
    "Finding",
    "FormatError",
    "ImageReader",
    "ImageWriter",
    "Isolated",
    "Label",
    "LabelMap",
    "LossError",
    "Mask",
    "MaskconvError",
    "MissingDependencyError",
    "OptionError",
    "Picture",
    "PixelRule",
    "PngError",
    "Polygon",
    "Report",
    "SourceError",
    "TargetError",
    "TargetExistsError",
    "UnknownFormatError",
    "UsageError",
    "Weight",
    "Where",
    "WorkerError",
    "__version__",
    "convert",
    "info",
    "isolate",
    "open_reader",
    "open_writer",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'maskconv' has no attribute {name!r}")
    return getattr(import_module(f"maskconv.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
