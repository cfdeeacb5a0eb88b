"""What a user may choose when reading an export."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from maskconv.maskfiles import MaskDir
from maskconv.options import Options

__all__ = ["ReadOptions"]


class ReadOptions(Options):
    project: str | None = Field(
        default=None,
        description="name or id of the project (or model run) whose labels are read; needed where a data row has labels in several",
    )
    label: Literal["one", "first", "benchmark", "selected", "all"] = Field(
        default="one",
        description="which label of a data row that has several, as consensus and benchmarks have: one = several are an "
        "error; first = the first in the file; benchmark = the benchmark's reference; selected = the winner of a consensus; "
        "all = the instances of all of them in one image",
    )
    skipped: Literal["drop", "keep"] = Field(
        default="drop",
        description="data rows that a labeller skipped: drop = leave them out; keep = read what they hold",
    )
    keyframes: bool = Field(
        default=False,
        description="of videos and DICOM series, read only the instances of keyframes, not those filled in between",
    )
    name: Literal["auto", "external_id", "global_key", "id"] = Field(
        default="auto",
        description="what names an item: auto = the external id where no other data row has it, else the global key, else "
        "the data row's id",
    )
    classifications: Literal["flat", "nested"] = Field(
        default="flat",
        description="how classifications become attributes: flat = an attribute each, name to answer; nested = one attribute "
        "'classifications' in the form that Labelbox' import has",
    )
    orientation: Literal["shown", "stored"] = Field(
        default="shown",
        description="of pictures with an EXIF orientation: shown = annotations are turned as viewers turn the picture; "
        "stored = they stay as Labelbox has them, on the picture's pixels as they are in its file",
    )
    mask_dir: MaskDir | None = Field(
        default=None,
        description="folder (on this machine, a zip, or s3://, gs://, az:// with --fetch) with masks that were downloaded, by "
        "the tail of their address's path, or as <feature id>.png and <feature id>/<frame>.png",
    )
    mask_uri: str | None = Field(
        default=None, description="prefix of addresses that stands for mask_dir: the rest is the path in it"
    )
    images: Path | None = Field(
        default=None,
        description="folder with the pictures: tells the sizes and the EXIF orientations that the export does not",
    )

    @field_validator("mask_uri")
    @classmethod
    def _prefix(cls, value: str | None) -> str | None:
        if value is not None and "://" not in value:
            raise ValueError("a prefix of addresses has a scheme, such as https://storage.example.com/masks/")
        return value
