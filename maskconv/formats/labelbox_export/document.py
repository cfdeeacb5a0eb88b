"""A row of an export as one form, whatever its version and medium: a data row, its labels, their frames."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from maskconv.formats.labelbox_export.parts import Json, listing, mapping, short, text
from maskconv.labelbox.checks import RecordError
from maskconv.store import unsafe

__all__ = ["Frame", "Labelled", "Row", "joined", "kind", "row"]

_NUMBER = re.compile(r"[0-9]{1,9}")
_SPLITS = {"TRAINING": "train", "VALIDATION": "val", "TEST": "test"}


@dataclass(frozen=True, slots=True)
class Frame:
    """What a label says of a picture (``number`` is None) or of one frame; ``group`` is an axis of a DICOM series."""

    objects: list[Any]
    classifications: list[Any]
    number: int | None = None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One label: what one labeller (or model run) made of a data row.

    ``keyframes`` and ``segments`` are as the export has them. ``elsewhere`` is an address that has the frames instead.
    """

    id: str
    frames: tuple[Frame, ...]
    video: bool = False
    project: tuple[str, str] = ("", "")  # id, name
    classifications: tuple[Any, ...] = ()
    benchmark: bool = False
    selected: bool = False
    skipped: bool = False
    relationships: int = 0
    elsewhere: str = ""
    keyframes: Json | None = None
    segments: Json | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A data row. ``size`` is (width, height) in pixels of the file, ``exif`` its orientation 1..8, None where the export
    does not say it; ``odd`` is what it says instead. ``data_row`` is its id in Labelbox, where the export has that.
    ``projects`` are all that it is in, by id and name, with labels or without.
    """

    id: str
    labels: tuple[Labelled, ...]
    global_key: str = ""
    external_id: str = ""
    address: str = ""
    size: tuple[int, int] | None = None
    exif: int | None = None
    odd: str = ""
    data_row: str = ""
    projects: tuple[tuple[str, str], ...] = ()
    split: str | None = None
    extras: int = 0
    tiled: bool = False


def kind(record: Any) -> str:
    """``v1`` or ``v2`` of a row, ``frame`` and ``object`` of those that stand alone. Raises RecordError."""
    if isinstance(record, dict):
        keys = (("v2", "data_row"), ("frame", "frameNumber"), ("v1", "Label"), ("v1", "DataRow ID"))
        for found, key in (*keys, ("object", "featureId"), ("object", "feature_id")):
            if key in record:
                return found
    text = "this is no row of an export" if isinstance(record, dict) else "this is no row but another JSON value"
    raise RecordError(text, code="labelbox-row", fix="mend or remove it")


def row(record: Json) -> Row:
    """Raises RecordError where a part of it has another type than it should have."""
    return _ROWS[kind(record)](record)


def joined(rows: list[Row]) -> Row:
    """The records of one data row, which v1 has one of for each label; bare objects are one label."""
    labels = tuple(label for one in rows for label in one.labels)
    if not rows[0].id:
        objects = [raw for label in labels for frame in label.frames for raw in frame.objects]
        labels = (Labelled("", (Frame(objects, []),)),)
    return replace(rows[0], labels=labels)


# --- v1 ---------------------------------------------------------------------------------------------------------------


def _v1(record: Json) -> Row:
    media = mapping(record.get("Media Attributes"), "Media Attributes")
    address, name = text(record.get("Labeled Data")), text(record.get("Project Name"))
    label_id = text(record.get("ID"))
    found = _v1_label(record.get("Label"), label_id, (name, name), record)
    row_id = text(record.get("DataRow ID")) or label_id or text(record.get("External ID")) or address
    if not row_id:
        raise RecordError("it says nowhere which data row it is", code="labelbox-row", fix="export it again")
    return Row(
        id=row_id,
        labels=(found,),
        global_key=text(record.get("Global Key")),
        external_id=text(record.get("External ID")),
        address=address,
        size=_size(media),
        **_exif(media.get("exifRotation")),
        data_row=text(record.get("DataRow ID")),
        projects=((name, name),) if name else (),
        split=_split(record.get("Data Split")),
        extras=len(listing(record.get("DataRow Metadata"), "DataRow Metadata")),
        tiled="tileLayerUrl" in address,
    )


def _v1_label(value: Any, label_id: str, project: tuple[str, str], record: Json) -> Labelled:
    skipped = record.get("Skipped") is True or value == "Skip"
    label = {} if value == "Skip" else _v1_content(value)
    benchmark = bool(label_id) and record.get("Benchmark ID") == label_id
    elsewhere = text(label.get("frames"))
    classes = listing(label.get("classifications"), "classifications")
    return Labelled(
        id=label_id,
        frames=() if elsewhere else (Frame(_objects(label.get("objects")), classes),),
        project=project,
        benchmark=benchmark,
        skipped=skipped,
        relationships=len(listing(label.get("relationships"), "relationships")),
        elsewhere=elsewhere,
    )


def _v1_content(value: Any) -> Json:
    """Raises RecordError for what exports had before tools had schemas: WKT, and points by label."""
    label = mapping(value, "Label")
    if label and label.keys().isdisjoint({"objects", "classifications", "relationships", "frames"}):
        said = f"its Label has {', '.join(map(short, list(label)[:3]))} instead of objects, as exports of 2018 have"
        raise RecordError(said, code="labelbox-row", fix="export it again as v2")
    return label


def _frame_record(record: Json) -> Row:
    number = _frame_number(record["frameNumber"])
    classes = listing(record.get("classifications"), "classifications")
    relationships = len(listing(record.get("relationships"), "relationships"))
    frame = Frame(_objects(record.get("objects")), classes, number)
    return Row(id="", labels=(Labelled("", (frame,), video=True, relationships=relationships),))


def _object_record(record: Json) -> Row:
    return Row(id="", labels=(Labelled("", (Frame([record], []),)),))


# --- v2 ---------------------------------------------------------------------------------------------------------------


def _v2(record: Json) -> Row:
    data_row = mapping(record["data_row"], "data_row")
    media = mapping(record.get("media_attributes"), "media_attributes")
    if not text(data_row.get("id")):
        raise RecordError("its data_row has no id", code="labelbox-row", fix="export it again")
    runs = [(key, run) for _, key, run in _runs(record)]
    places = [*_projects(record), *runs]
    extras = sum(len(listing(record.get(key), key)) for key in ("attachments", "metadata_fields"))
    return Row(
        id=data_row["id"],
        labels=tuple(label for key, place in places for label in _labels(key, place)),
        global_key=text(data_row.get("global_key")),
        external_id=text(data_row.get("external_id")),
        address=text(data_row.get("row_data")),
        size=_size(media),
        **_exif(media.get("exif_rotation")),
        data_row=data_row["id"],
        projects=tuple((key, text(place.get("name"))) for key, place in places),
        split=next((split for _, run in runs if (split := _split(run.get("data_split")))), None),
        extras=extras,
        tiled=text(media.get("mime_type")).startswith("application/x-tms"),
    )


def _projects(record: Json) -> Iterator[tuple[str, Json]]:
    for key, project in mapping(record.get("projects"), "projects").items():
        yield key, mapping(project, "project")


def _runs(record: Json) -> Iterator[tuple[str, str, Json]]:
    """A model's runs, which have labels as projects have."""
    for experiment, content in mapping(record.get("experiments"), "experiments").items():
        for key, run in mapping(mapping(content, "experiment").get("runs"), "runs").items():
            yield experiment, key, mapping(run, "run")


def _labels(project_id: str, project: Json) -> Iterator[Labelled]:
    details = mapping(project.get("project_details"), "project_details")
    selected = text(details.get("selected_label_id"))
    for label in listing(project.get("labels"), "labels"):
        yield _v2_label(mapping(label, "label"), (project_id, text(project.get("name"))), selected)


def _v2_label(label: Json, project: tuple[str, str], selected: str) -> Labelled:
    annotations = mapping(label.get("annotations"), "annotations")
    performance = mapping(label.get("performance_details"), "performance_details")
    details = mapping(label.get("label_details"), "label_details")
    label_id = text(label.get("id"))
    reference = (
        performance.get("benchmark_reference_label") == label_id or details.get("is_benchmark_reference") is True
    )
    frames = tuple(_frames(annotations))
    video = "groups" in annotations or "frames" in annotations
    classes = listing(annotations.get("classifications"), "classifications")
    return Labelled(
        id=label_id,
        frames=frames if video else (Frame(_objects(annotations.get("objects")), classes),),
        video=video,
        project=project,
        classifications=tuple(classes) if video else (),
        benchmark=reference and bool(label_id),
        selected=bool(label_id) and selected == label_id,
        skipped=performance.get("skipped") is True,
        relationships=len(listing(annotations.get("relationships"), "relationships")),
        keyframes=mapping(annotations.get("key_frame_feature_map"), "key_frame_feature_map"),
        segments=mapping(annotations.get("segments"), "segments"),
    )


def _frames(annotations: Json) -> Iterator[Frame]:
    yield from _frames_of(annotations.get("frames"), "", ())
    for name, content in mapping(annotations.get("groups"), "groups").items():
        group = mapping(content, f"group {short(name)}")
        if not name or "/" in name or unsafe(name):
            said = f"the group {short(name)} is no axis"
            raise RecordError(said, code="labelbox-row", fix="groups are Axial, Sagittal and Coronal")
        yield from _frames_of(group.get("frames"), name, listing(group.get("classifications"), "classifications"))


def _frames_of(value: Any, group: str, shared: Any) -> Iterator[Frame]:
    for key, frame in mapping(value, "frames").items():
        content = mapping(frame, f"frame {key}")
        classes = [*shared, *listing(content.get("classifications"), "classifications")]
        yield Frame(_objects(content.get("objects")), classes, _frame_number(key), group)


# --- what both have ---------------------------------------------------------------------------------------------------


def _objects(value: Any) -> list[Any]:
    """A list, or by feature id, as frames have them."""
    return list(value.values()) if isinstance(value, dict) else listing(value, "objects")


def _frame_number(value: Any) -> int:
    if type(value) is int and 0 <= value < 10**9:
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    raise RecordError(f"{short(value)} is no frame's number", code="labelbox-frame", fix="frames are numbered from 1")


def _size(media: Json) -> tuple[int, int] | None:
    width, height = _side(media.get("width")), _side(media.get("height"))
    return (width, height) if width and height else None


def _side(value: Any) -> int:
    """A number of pixels; 0 where it is none."""
    return int(value) if type(value) in (int, float) and 1 <= value < 2**31 and value == int(value) else 0


def _exif(value: Any) -> dict[str, Any]:
    """An EXIF orientation, which exports write as a text, as facts of a `Row`; 0 is what cameras write that know none."""
    if str(value) in tuple("12345678"):
        return {"exif": int(value)}
    return {} if value is None or str(value) in ("", "0") else {"odd": short(value)}


def _split(value: Any) -> str | None:
    name = text(value)
    return _SPLITS.get(name.upper(), name.lower() or None)


_ROWS = {"v1": _v1, "v2": _v2, "frame": _frame_record, "object": _object_record}
