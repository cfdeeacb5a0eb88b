"""What a user may choose when writing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from maskconv.options import Options

__all__ = ["Split", "WriteOptions"]

Split = Literal["train", "val", "test"]


class WriteOptions(Options):
    names: str | None = Field(
        None,
        description="the classes and their order: a data.yaml, a labelmap.txt, a file of one name a line, or names with commas; "
        "other labels are then errors (default: the source's order, without its background)",
    )
    images: Literal["link", "copy", "none"] = Field(
        "link",
        description="pictures of the data set: link = hard links where that can be done, else copies; copy; none = labels only",
    )
    pictures: Path | None = Field(
        None, description="folder of the pictures, by item name (default: those that the source knows)"
    )
    parts: Literal["bridge", "split"] = Field(
        "bridge",
        description="instances of several parts: bridge = one row, the parts joined by the shortest bridges; split = a row a part",
    )
    holes: Literal["keyhole", "fill"] = Field(
        "keyhole", description="holes: keyhole = kept exactly, by a way there and back; fill = filled"
    )
    max_points: int | None = Field(
        None, ge=3, description="at most so many points a row: longer outlines are simplified, and the IoU is reported"
    )
    val: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of train's images that go to val, by a hash of the name; frames of one sequence stay together",
    )
    splits: dict[str, Split] | None = Field(
        None, description="splits of other names than train, val and test: 'SPLIT=train,OTHER=val'"
    )
    scores: bool = Field(
        False,
        description="write each instance's score behind its points, as predictions have it; the trainer rejects or misreads such "
        "rows",
    )

    @field_validator("splits", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
        if not all(middle for _, middle, _ in pairs):
            raise ValueError("write SPLIT=train, SPLIT=val or SPLIT=test, with commas in between")
        return {name.strip(): split.strip() for name, _, split in pairs}
