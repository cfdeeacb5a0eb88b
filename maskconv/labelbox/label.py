"""`Label`: a data row and its annotations, with the fields and rules of Labelbox' SDK."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from maskconv.labelbox.annotation import ClassificationAnnotation, Cuid, ObjectAnnotation
from maskconv.labelbox.mask import Mask
from maskconv.labelbox.mask_data import MaskData

if TYPE_CHECKING:
    from maskconv.finding import Note
    from maskconv.model import AnnotatedImage

__all__ = ["GenericDataRowData", "Label"]

KEYS = ("external_id", "global_key", "uid")
_SUPPORTED = (ClassificationAnnotation, ObjectAnnotation)


class GenericDataRowData(BaseModel):
    """A data row, by exactly one of its keys."""

    model_config = ConfigDict(extra="forbid")

    external_id: str | None = None
    uid: str | None = None
    global_key: str | None = None
    media_attributes: dict[str, Any] | None = None
    metadata: list[dict[str, Any]] | None = None
    url: str | None = None
    class_name: Literal["GenericDataRowData"] = Field(default="GenericDataRowData", exclude=True)

    @model_validator(mode="after")
    def _one(self) -> Self:
        count = sum(getattr(self, key) is not None for key in KEYS)
        if count < 1:
            raise ValueError(f"Exactly one of {list(KEYS)} must be present.")
        if count > 1:
            raise ValueError(f"Only one of {list(KEYS)} can be present.")
        return self


class Label(BaseModel):
    """``data`` is the data row, or a dict with exactly one of uid, global_key and external_id.

    Raises ValueError (pydantic's ValidationError), and TypeError for annotations that are none.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    uid: Cuid | None = None
    data: GenericDataRowData | MaskData
    annotations: list[ClassificationAnnotation | ObjectAnnotation] = []
    extra: dict[str, Any] = {}
    is_benchmark_reference: bool | None = False

    @field_validator("data", mode="before")
    @classmethod
    def _data_row(cls, data: Any) -> Any:
        return GenericDataRowData(**data) if isinstance(data, dict) else data

    @field_validator("annotations", mode="before")
    @classmethod
    def _supported(cls, value: Any) -> Any:
        if not isinstance(value, list):
            raise TypeError(f"Annotations must be a list. Found {type(value)}")
        for one in value:
            if not isinstance(one, _SUPPORTED):
                names = ", ".join(kind.__name__ for kind in _SUPPORTED)
                text = f"Annotations should be a list containing the following classes : {names}. Found {type(one)}"
                raise TypeError(text)
        return value

    def object_annotations(self) -> list[ObjectAnnotation]:
        """The instances."""
        return [one for one in self.annotations if isinstance(one, ObjectAnnotation)]

    def classification_annotations(self) -> list[ClassificationAnnotation]:
        """What is said of the whole data row."""
        return [one for one in self.annotations if isinstance(one, ClassificationAnnotation)]

    def add_url_to_masks(self, signer: Callable[[bytes], str]) -> Self:
        """Give each `MaskData` an address, once: ``signer`` takes the PNG's bytes. Those that have one keep it."""
        masks = [one.value.mask for one in self.object_annotations() if isinstance(one.value, Mask)]
        for mask in {id(mask): mask for mask in masks}.values():
            mask.create_url(signer)
        return self

    def to_image(self, *, size: tuple[int, int] | None = None, note: Note | None = None) -> AnnotatedImage:
        """`maskconv.labelbox.from_label` of this label."""
        from maskconv.labelbox.convert import from_label

        return from_label(self, size=size, note=note)
