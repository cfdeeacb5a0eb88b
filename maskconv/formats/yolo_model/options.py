"""Options of reading with a model, named as Ultralytics names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from maskconv.errors import OptionError
from maskconv.finding import Note
from maskconv.formats.yolo_model.engine import MOST_SIDE
from maskconv.formats.yolo_model.metadata import size_of
from maskconv.model import Label
from maskconv.options import Options, nearest


class ReadOptions(Options):
    model: Path | None = Field(
        None, description="the weights: .onnx runs with onnxruntime, .pt and all else with ultralytics"
    )
    conf: float = Field(0.25, ge=0, le=1, description="leave out instances with a lower score")
    iou: float = Field(0.7, ge=0, le=1, description="leave out an instance whose box overlaps a better one's by more")
    imgsz: int | str | list[int] | None = Field(
        None, description="size of the network's input: one number, or height,width; by default the model's own"
    )
    classes: int | str | list[int | str] | None = Field(
        None, description="only these classes: the model's names or numbers, separated by commas"
    )
    max_det: int = Field(300, ge=1, description="keep at most this many instances of a picture, the best")
    agnostic_nms: bool = Field(False, description="let instances of different classes suppress each other, too")
    device: str | None = Field(
        None,
        description="cpu, 0 or cuda:0, mps; by default the CPU for .onnx, and for other weights the first GPU if there is one",
    )
    batch: int = Field(1, ge=1, description="pictures that go through the network together, where their sizes allow")
    threads: int | None = Field(None, ge=1, description="CPU threads of the network; by default the cores there are")
    names: dict[int | str, str] | list[str] | str | None = Field(
        None,
        description="other names for the model's classes, all in order: a data.yaml, a labelmap.txt, a file with a name a line, or car,person",
    )

    @field_validator("model", mode="before")
    @classmethod
    def _model(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.strip():  # the path of nothing would be the folder one is in
            raise ValueError("it is the path of a .pt or .onnx file")
        return value

    @field_validator("device", mode="before")
    @classmethod
    def _device(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value.strip().lower() if isinstance(value, str) else value

    @field_validator("imgsz")
    @classmethod
    def _imgsz(cls, value: int | str | list[int] | None) -> int | str | list[int] | None:
        size = None if value is None else input_size(value)
        if value is not None and (size is None or max(size) > MOST_SIDE):
            raise ValueError(f"it is one number, or height,width, of 1 to {MOST_SIDE}")
        return value


def input_size(value: int | str | list[int]) -> tuple[int, int] | None:
    """The (height, width) that ``imgsz`` asks for; None where it is no size."""
    if isinstance(value, str):
        parts = [part.strip() for part in value.split(",")]
        if not all(part.isdecimal() for part in parts):
            return None
        value = [int(part) for part in parts]
    return size_of(value)


def chosen(classes: int | str | list[int | str] | None, names: Sequence[str]) -> tuple[int, ...] | None:
    """The numbers of the classes asked for; None for all. Raises OptionError."""
    if classes is None:
        return None
    asked = classes.split(",") if isinstance(classes, str) else classes if isinstance(classes, list) else [classes]
    wanted = [str(one).strip() for one in asked]
    return tuple(sorted({number for one in wanted for number in _numbers(one, names)}))


def _numbers(one: str, names: Sequence[str]) -> list[int]:
    if found := [number for number, name in enumerate(names) if name == one]:
        return found
    if one.isdecimal() and int(one) < len(names):
        return [int(one)]
    known = ", ".join(f"{number} {name}" for number, name in enumerate(names[:20]))
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    text = f"the model has no class {one!r}{nearest(one, names)}; it has {known}{more}"
    raise OptionError(text, fix="name them with --classes as the model does", code="yolo-class-unknown")


def labelled(
    given: dict[int | str, str] | list[str] | str | None, names: Sequence[str], note: Note
) -> tuple[Label, ...]:
    """The labels of the model's classes: all by a list or file, some by a mapping of numbers or names.

    Raises OptionError, SourceError.
    """
    if given is None:
        return tuple(Label(name=name) for name in names)
    if isinstance(given, Mapping):
        return _by_mapping(given, names)
    if isinstance(given, str):
        from maskconv.yolo.names import given as read

        found = read(given, note)
        labels = [found[number] for number in sorted(found)]
    else:
        labels = [Label(name=_filled(name, str(number))) for number, name in enumerate(given)]
    if len(labels) != len(names):
        text = f"--names has {len(labels)} names, and the model {len(names)} classes: {', '.join(names[:20])}"
        raise OptionError(text, fix="give one name for each, in this order", code="yolo-names-count")
    return tuple(labels)


def _by_mapping(given: Mapping[int | str, str], names: Sequence[str]) -> tuple[Label, ...]:
    labels = list(names)
    for old, new in given.items():
        for number in _numbers(str(old), names):
            labels[number] = _filled(new, str(old))
    return tuple(Label(name=name) for name in labels)


def _filled(name: str, old: str) -> str:
    if not name.strip():
        text = f"--names has an empty name for the class {old!r}"
        raise OptionError(text, fix="give it a name; --only leaves labels out", code="yolo-names-count")
    return name.strip()
