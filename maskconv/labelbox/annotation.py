"""Annotations and classifications with the fields and rules of Labelbox' SDK."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID, uuid4

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    PrivateAttr,
    SerializeAsAny,
    field_validator,
    model_validator,
)

from maskconv.labelbox.records import CustomMetric
from maskconv.labelbox.shapes import Geometry

__all__ = [
    "Checklist",
    "ClassificationAnnotation",
    "ClassificationAnswer",
    "Cuid",
    "ObjectAnnotation",
    "Radio",
    "Text",
]

Cuid = Annotated[str, Field(min_length=25, max_length=25)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class _Confident(_Model):
    confidence: float | None = None

    @field_validator("confidence")
    @classmethod
    def _share(cls, value: float | None) -> float | None:
        if value is not None and not 0 <= value <= 1:
            raise ValueError("must be a number within [0,1] range")
        return value


class _Measured(_Confident):
    custom_metrics: list[CustomMetric] | None = None


class _Feature(_Measured):
    """What is known by name, by schema id (25 characters), or both."""

    name: str | None = None
    feature_schema_id: Cuid | None = None
    extra: dict[str, Any] = {}

    @model_validator(mode="after")
    def _named(self) -> _Feature:
        if self.feature_schema_id is None and self.name is None:
            raise ValueError("Must set either feature_schema_id or name for all feature schemas")
        return self


class ClassificationAnswer(_Feature):
    """An option that was chosen."""

    keyframe: bool | None = None
    classifications: list[ClassificationAnnotation] | None = None


class Radio(_Measured):
    """A question with one answer."""

    answer: ClassificationAnswer


class Checklist(_Confident):
    """A question with any number of answers."""

    answer: list[ClassificationAnswer]


class Text(_Measured):
    """A question with free text."""

    answer: str
    classifications: list[ClassificationAnnotation] | None = None


class _Annotation(_Feature):
    """Fields that are not known are kept, as attributes. The uuid is ``extra["uuid"]``, or made."""

    model_config = ConfigDict(extra="allow")
    _uuid: UUID | str = PrivateAttr(default_factory=uuid4)

    def __init__(self, **data: Any) -> None:
        given = data.pop("_uuid", None)
        super().__init__(**data)
        self._uuid = given or self.extra.get("uuid") or self._uuid


class ClassificationAnnotation(_Annotation):
    """An answered question, of a whole data row or of an object."""

    value: Text | Checklist | Radio
    message_id: str | None = None


class ObjectAnnotation(_Annotation):
    """An instance: its class, its shape, and what else is said of it."""

    value: SerializeAsAny[InstanceOf[Geometry]]
    classifications: list[ClassificationAnnotation] | None = []
