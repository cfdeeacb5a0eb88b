"""Mask records of videos and DICOM series: a composite a frame, a colour an instance -> an image a frame."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from maskconv.errors import DataError
from maskconv.finding import Note, Weight
from maskconv.formats.labelbox_ndjson.kinds import is_video
from maskconv.labelbox import checks, pixels
from maskconv.labelbox.checks import Color, RecordError
from maskconv.labelbox.pixels import Composite
from maskconv.labelbox.split import Place
from maskconv.labelbox.values import load
from maskconv.maskfiles import MaskFiles
from maskconv.model import AnnotatedImage, Annotation, Encoded, Mask, Picture
from maskconv.wording import counted

__all__ = ["AXES", "Clip", "Clips", "FrameDecoder", "Key", "clip", "frames_of", "instances", "note_absent"]

AXES = frozenset({"axial", "sagittal", "coronal"})
_GOLDEN = 0.6180339887498949  # its multiples' fractions lie far apart, however many there are
Tool = tuple[str, str]  # ("name" or "schemaId", text)
Key = tuple[str, int]  # group, index


class Instance(NamedTuple):
    """An instance of a clip, by its colour on every frame where it is."""

    color: Color
    tool: Tool
    attributes: dict[str, Any]


@dataclass
class Looks:
    """What has been seen of a clip so far: frames that were looked at, and colours that are on one of them."""

    frames: set[int] = field(default_factory=set)
    colors: set[Color] = field(default_factory=set)
    failed: bool = False  # a frame's composite cannot be had


class Clip(NamedTuple):
    """One record: frames to the form and text of their composites. ``group`` is an axis of a DICOM series."""

    place: Place
    group: str
    frames: dict[int, tuple[str, str]]
    instances: list[Instance]
    uuid: str | None
    score: float | None
    looks: Looks


def clip(place: Place, record: dict[str, Any]) -> Clip:
    """Raises RecordError for what Labelbox would not take."""
    masks = record["masks"]
    if not isinstance(masks, dict):
        raise RecordError("its masks are not an object of frames and instances", code="labelbox-video", fix=_FORM)
    group = record.get("groupKey")
    if group is not None and (not isinstance(group, str) or group.lower() not in AXES):
        text = f"its groupKey {group!r} is no axis"
        raise RecordError(text, code="labelbox-video", fix="name it axial, sagittal or coronal")
    uuid, score = record.get("uuid"), record.get("confidence")
    return Clip(
        place,
        (group or "").lower(),
        _frames(masks.get("frames")),
        [_instance(one) for one in instances(record)],
        checks.uuid_text(uuid) if uuid is not None else None,
        checks.confidence(score) if score is not None else None,
        Looks(),
    )


_FORM = (
    'write them as {"frames": [{"index": 1, "instanceURI": ...}], "instances": [{"colorRGB": [1, 2, 3], "name": ...}]}'
)


def instances(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The instances of a record, unchecked. Raises RecordError where there are none."""
    masks = record["masks"]
    found = masks.get("instances") if isinstance(masks, dict) else None
    if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
        return found
    raise RecordError("its masks have no instances", code="labelbox-video", fix=_FORM)


def _instance(raw: dict[str, Any]) -> Instance:
    classes = raw.get("classifications")
    attributes = {"classifications": checks.classifications(classes)} if classes else {}
    return Instance(checks.color(raw.get("colorRGB")), checks.label(raw), attributes)


def _frames(value: Any) -> dict[int, tuple[str, str]]:
    if not isinstance(value, list) or not value:
        raise RecordError("its masks have no frames", code="labelbox-video", fix=_FORM)
    found: dict[int, tuple[str, str]] = {}
    for raw in value:
        index = raw.get("index") if isinstance(raw, dict) else None
        if type(index) is not int or not 0 < index < 10**9:
            text = f"a frame's index is {index!r}, not a number from 1 on"
            raise RecordError(text, code="labelbox-frame", fix="frames are numbered from 1")
        if index in found:
            raise RecordError(f"the frame {index} occurs twice", code="labelbox-frame", fix="remove one of them")
        found[index] = checks.mask_form(raw)
        if found[index][0] == "png":
            text = f"the mask of the frame {index} is a png, which has no colours"
            raise RecordError(text, code="labelbox-mask", fix="give instanceURI or imBytes")
    return found


def frames_of(record: dict[str, Any]) -> list[Any]:
    """The frames of a record, unchecked; none where there are none."""
    masks = record["masks"]
    found = masks.get("frames") if isinstance(masks, dict) else None
    return found if isinstance(found, list) else []


class Clips(NamedTuple):
    """The records of a data row that have frames, and what is wrong with others."""

    good: list[Clip]
    wrong: list[tuple[Place, RecordError]]

    @classmethod
    def of(cls, records: Iterable[tuple[Place, bytes]]) -> Clips:
        """From a data row's records, of which those without frames are passed over."""
        found = cls([], [])
        for place, data in records:
            try:
                record = load(data)
                if is_video(record):
                    found.good.append(clip(place, record))
            except RecordError as error:
                found.wrong.append((place, error))
            except orjson.JSONDecodeError:
                text = "the file changed while it was read"
                found.wrong.append((place, RecordError(text, code="labelbox-json", fix="run it again")))
        return found

    @property
    def keys(self) -> list[Key]:
        """All frames, in order."""
        return sorted({(one.group, index) for one in self.good for index in one.frames})

    def tracks(self) -> Iterator[tuple[Clip, int]]:
        """Each clip with the number of its first instance: those of a data row are numbered through, from 1."""
        first = 1
        for one in self.good:
            yield one, first
            first += len(one.instances)


def _looked_at(one: Clip, index: int, files: MaskFiles) -> Composite:
    """A frame's composite, whose colours the clip remembers. Raises DataError, RecordError."""
    try:
        found = _loaded(*one.frames[index], files)
    except (DataError, RecordError):
        one.looks.failed = True
        raise
    one.looks.frames.add(index)
    one.looks.colors.update(each.color for each in one.instances if found.has(each.color))
    return found


def _loaded(form: str, text: str, files: MaskFiles) -> Composite:
    name, data = files.read(text) if form == "instanceURI" else ("imBytes", checks.base64_bytes(text))
    try:
        return pixels.composite(name, data)
    except DataError as error:
        raise DataError(f"{name}: {error.message}", code=error.code, fix=error.fix or "write it again") from error


def note_absent(source: Path, name: str, clips: Clips, keys: Collection[Key], files: MaskFiles, note: Note) -> None:
    """Says of the clips whose last frame is among ``keys`` which instances are on none of all their frames.

    Frames that this process has not looked at are looked at now, far from each other, until each colour was seen.
    """
    for one in clips.good:
        if (one.group, max(one.frames)) not in keys:
            continue
        for each in _absent(one, files):
            text = f"the colour {list(each.color)} of the instance {each.tool[1]!r} is on none of the record's "
            text += f"frames ({len(one.frames):,})"
            fix = "name the colour that the instance has in the composites, or remove it from the record"
            facts: dict[str, Any] = {"unit": "instances", "fix": fix}
            note(one.place.finding(source, "labelbox-color-absent", Weight.ERROR, text, name, **facts))


def _absent(one: Clip, files: MaskFiles) -> list[Instance]:
    """The instances whose colour is on no frame; none where a frame cannot be had, which is told as such."""
    looks, wanted = one.looks, {each.color for each in one.instances}
    left = sorted(one.frames.keys() - looks.frames)
    for i in sorted(range(len(left)), key=lambda i: i * _GOLDEN % 1):  # instances are there for a while
        if looks.failed or wanted <= looks.colors:
            break
        with suppress(DataError, RecordError):
            _looked_at(one, left[i], files)
    return [] if looks.failed else [each for each in one.instances if each.color not in looks.colors]


class _LeftOutError(Exception):
    """The composite of these instances cannot be had; it has been said why."""


class FrameDecoder:
    """One frame: takes the clips that have it, keeps annotations; what is wrong is noted and left out."""

    def __init__(self, source: Path, name: str, named: dict[Tool, str], files: MaskFiles, note: Note) -> None:
        self._source, self._name, self._named, self._files, self._note = source, name, named, files, note
        self._size: tuple[int, int] | None = None
        self._found: list[Annotation] = []
        self._composites: list[tuple[Composite, list[int]]] = []  # and the colours that were taken

    def _say(self, place: Place, code: str, weight: Weight, text: str, **facts: Any) -> None:
        self._note(place.finding(self._source, code, weight, text, self._name, **facts))

    def take(self, one: Clip, index: int, first_track: int) -> None:
        """The instances of a clip that are on the frame; the first of all of them has the number ``first_track``."""
        try:
            composite = self._composite(one, index)
        except _LeftOutError:
            return
        colors: list[int] = []
        for track, instance in enumerate(one.instances, start=first_track):
            if instance.color in composite.taken:
                text = f"the colour {list(instance.color)} is named by two instances"
                fix = "each instance has a colour of its own"
                self._say(one.place, "labelbox-color-twice", Weight.WARNING, text, fix=fix)
            mask = composite.mask(instance.color)
            if mask is not None:
                colors.append(pixels.pack(instance.color))
                self._keep(one, instance, track, mask)
        self._composites.append((composite, colors))
        if left := composite.unnamed():
            area = sum(composite.shapes[packed].area for packed in left)
            text = f"no instance names {counted(len(left), 'colour')} of the composite {composite.name}: the pixels are dropped"
            self._say(one.place, "labelbox-color-unnamed", Weight.WARNING, text, amount=area, unit="pixels")

    def _composite(self, one: Clip, index: int) -> Composite:
        """Raises _LeftOutError, having said why."""
        try:
            found = _looked_at(one, index, self._files)
            self._fit(found)
        except (DataError, RecordError) as error:
            self._note(one.place.error(self._source, error, self._name, amount=len(one.instances), unit="instances"))
            raise _LeftOutError from error
        if found.odd:
            said = f"the composite {found.name} {found.odd}; Labelbox takes 8-bit RGB PNGs only"
            self._say(one.place, "labelbox-composite-kind", Weight.WARNING, said, fix="write it again as RGB")
        return found

    def _fit(self, found: Composite) -> None:
        """All composites of a frame have its size."""
        size = found.map.width, found.map.height
        if self._size is not None and self._size != size:
            known = f"{self._size[0]} x {self._size[1]}"
            said = f"the composite {found.name} has {size[0]} x {size[1]} pixels, that of another record has {known}"
            raise RecordError(said, code="labelbox-size", fix="composites have exactly the size of the frame")
        self._size = size

    def _keep(self, one: Clip, instance: Instance, track: int, mask: Mask) -> None:
        self._found.append(
            Annotation.unchecked(
                label=self._named[instance.tool],
                shape=mask,
                id=one.uuid if len(one.instances) == 1 else None,
                track=track,
                score=one.score,
                attributes=instance.attributes,
            )
        )

    def finish(self, sequence: str, frame: int, picture: Picture | None) -> AnnotatedImage | None:
        """The image; None where no composite of the frame could be had."""
        if self._size is None:
            return None
        annotations = tuple(self._found)
        image = AnnotatedImage.unchecked(
            name=self._name,
            width=self._size[0],
            height=self._size[1],
            annotations=annotations,
            picture=picture,
            sequence=sequence,
            frame=frame,
        )
        encoded = self._encoded(annotations)
        return image if encoded is None else image.with_encoded(encoded)

    def _encoded(self, annotations: tuple[Annotation, ...]) -> Encoded | None:
        """The one composite, where it shows exactly these annotations."""
        if len(self._composites) != 1:
            return None
        composite, colors = self._composites[0]
        return composite.encoded(colors, annotations)
