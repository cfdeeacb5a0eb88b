"""Writing frames: those of one sequence are one mask record of a video or a DICOM series, written as they come."""

from __future__ import annotations

import binascii
import hashlib
import re

import orjson

from maskconv import png, runs
from maskconv.errors import DataError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.labelbox_ndjson.items import Item, held_items, wire
from maskconv.formats.labelbox_ndjson.parts import Parts
from maskconv.formats.labelbox_ndjson.plan import Plan
from maskconv.formats.labelbox_ndjson.uuids import as_uuid
from maskconv.formats.labelbox_ndjson.video import AXES
from maskconv.geometry import shape_mask
from maskconv.labelbox import pixels
from maskconv.labelbox.pixels import Color
from maskconv.model import AnnotatedImage, Feature, Mask
from maskconv.plugin import LOSSES, Piece, loss
from maskconv.runs import Runs

__all__ = ["KEPT", "Clips", "encode", "is_frame"]

KEPT = frozenset({Feature.FRAMES, Feature.TRACKS})
_NAME = re.compile(r"(.+)/frame_([0-9]{6,9})", re.DOTALL)


def is_frame(image: AnnotatedImage) -> bool:
    """Whether an image is a frame, and named so that reading it again gives the same name.

    Where the source's format knows no sequences, the name says it.
    """
    return _place(image) is not None


def _place(image: AnnotatedImage) -> tuple[str, int] | None:
    """The sequence and the number of a frame."""
    found = _NAME.fullmatch(image.name)
    if found is None or found[2] != f"{int(found[2]):06d}":
        return None
    named = found[1], int(found[2])
    return named if (image.sequence, image.frame) in (named, (None, None)) else None


def encode(image: AnnotatedImage, plan: Plan, note: Note) -> Piece | None:
    """A frame's composite, in which each track has a colour of its own; what a record of frames cannot hold is noted."""
    sequence, number = _place(image) or ("", 0)
    if not number:
        fix = "number the frames of a sequence from 1, or write them as pictures: --to-frames pictures"
        raise DataError("the frame has the number 0; Labelbox counts from 1", code="labelbox-frame", fix=fix)
    items = held_items(image, plan, note)
    if not items:
        return None
    if image.width is None or image.height is None:
        fix = "tell the reader where the pictures are, if it has an option for that (--from-images DIR)"
        raise DataError("the frame's size is not known", code="image-size-unknown", fix=fix)
    name, group = _split(sequence)
    picture = image.picture if image.sequence is not None else None  # which is of the frame, not of the video
    row, guessed = plan.row(image.replace(name=name, picture=picture), note)
    _losses(items, note)
    tracks = [_track(number, item) for item in items]
    colors = [
        _color(track, plan.space) if item.annotation.track is not None else _own_color(number, item, plan.space)
        for track, item in zip(tracks, items, strict=True)
    ]
    data, shown = _composite((image.width, image.height), items, colors, note)
    blobs: tuple[tuple[str, bytes], ...] = ()
    if plan.mode == "files":
        path = plan.path(image, 1, data)
        blobs, form, text = ((path, data),), "instanceURI", plan.uri(path)
    else:
        form, text = "imBytes", binascii.b2a_base64(data, newline=False).decode("ascii")
    told = {tracks[i]: [colors[i], items[i].tool, tracks[i]] for i in shown}
    if len(told) < len(shown):
        said = "instances of one track on one frame: they become one"
        note(Finding("labelbox-track-twice", Weight.DATA, said, amount=len(shown) - len(told), unit="instances"))
    facts = {"clip": [*row, group], "instances": list(told.values()), "frame": image.name}
    facts |= {"guessed": guessed and "." not in name.rpartition("/")[2], "inline": plan.mode == "png"}
    rows = orjson.dumps({"index": number, form: text})
    return Piece(rows, blobs, facts, len(told), image.name.casefold())


def _split(sequence: str) -> tuple[str, str]:
    """``ct.dcm/axial`` is an axis of the data row ct.dcm; any other sequence is a data row."""
    name, _, last = sequence.rpartition("/")
    return (name, last) if name and last in AXES else (sequence, "")


def _track(frame: int, item: Item) -> str:
    """What an instance is known by on all frames; one without a track is only on this one."""
    track = item.annotation.track
    return repr(track) if track is not None else f"{frame} {item.number}"


def _color(track: str, space: bytes) -> Color:
    """The same on every frame, without looking at the others; never black."""
    r, g, b = hashlib.sha256(space + track.encode()).digest()[:3]
    return r, g, b | 1


def _own_color(frame: int, item: Item, space: bytes) -> Color:
    """Of an instance without a track: no other has it, up to 256 on a frame; blue is even, that of tracks is odd."""
    if frame >= 1 << 15 or item.number >= 1 << 8:
        return _color(_track(frame, item), space)
    packed = (frame << 8 | item.number) << 1
    return packed >> 16, packed >> 8 & 255, packed & 255


def _losses(items: list[Item], note: Note) -> None:
    """What records of pictures hold, and those of frames do not."""
    for feature, count in (
        (Feature.BOXES, sum(item.kind == "bbox" for item in items)),
        (Feature.SCORES, sum(item.annotation.score is not None for item in items)),
        (Feature.ATTRIBUTES, sum(bool(wire(item.annotation)) for item in items)),
        (Feature.INSTANCE_IDS, sum(as_uuid(item.annotation.id) is not None for item in items)),
    ):
        if count:
            text = f"a record of frames does not hold {LOSSES[feature].text}"
            note(loss(feature, count, message=text, fix="--to-frames pictures"))
    if single := sum(item.annotation.track is None for item in items):
        text = "instances have no track that says which of other frames they are: each is one of this frame only"
        note(Finding("labelbox-track-missing", Weight.WARNING, text, amount=single, unit="instances"))


def _composite(size: tuple[int, int], items: list[Item], colors: list[Color], note: Note) -> tuple[bytes, list[int]]:
    """The PNG, and which instances can be seen in it."""
    width, height = size
    shapes = [_runs(item, width, height) for item in items]
    canvas, visible = runs.paint(width, height, shapes, [pixels.pack(color) for color in colors])
    hidden = int(sum(int(lengths.sum()) for _, lengths in shapes) - visible.sum())
    shown = [i for i, count in enumerate(visible.tolist()) if count]
    for number in sorted({item.number for item in items} - {items[i].number for i in shown}):
        text = "an instance that others wholly cover is not on this frame: it was left out"
        note(Finding("instance-hidden", Weight.DATA, text, Where(annotation=number), unit="instances"))
    if hidden:
        note(loss(Feature.OVERLAP, hidden, fix="--to-frames pictures"))
    return png.encode_rgb(canvas), shown


def _runs(item: Item, width: int, height: int) -> Runs:
    mask = item.shape if isinstance(item.shape, Mask) else shape_mask(item.annotation.shape, width, height)
    return mask.starts, mask.lengths


class Clips:
    """Writes frames in the order in which they come: a record is begun with a sequence's first, and ended after its last."""

    def __init__(self, parts: Parts, key: str) -> None:
        self._parts, self._key = parts, key
        self._open: tuple[str, str, str] | None = None
        self._done: set[tuple[str, str, str]] = set()
        self._instances: dict[tuple[int, ...], list[str]] = {}  # colour to tool and track
        self._inline = False  # whether there are composites that nobody asked for

    def take(self, piece: Piece, note: Note) -> int:
        """One frame. Says whether its data row's key may lack an extension, where it is the first."""
        kind, key, group = piece.facts["clip"]
        clip, first = (kind, key, group), 0
        self._inline |= piece.facts["inline"]
        if clip == self._open:
            self._parts.add(b"," + piece.rows)
        else:
            self.close()
            first = self._begin(clip, piece, note)
        for color, *known in piece.facts["instances"]:
            self._instance(tuple(color), known, piece.facts["frame"], note)
        return first

    def _begin(self, clip: tuple[str, str, str], piece: Piece, note: Note) -> int:
        kind, key, group = clip
        if clip in self._done:
            text = f"other images stand between the frames of {key!r}: it has several records, and so each instance is several"
            fix = "give the frames of a sequence one after the other"
            note(Finding("labelbox-clip-split", Weight.DATA, text, Where(image=piece.facts["frame"]), fix=fix))
        head = {"dataRow": {kind: key}} | ({"groupKey": group} if group else {})
        self._parts.write(orjson.dumps(head)[:-1] + b',"masks":{"frames":[' + piece.rows, 1, 1)
        self._open = clip
        return int(piece.facts["guessed"])

    def _instance(self, color: tuple[int, ...], known: list[str], frame: str, note: Note) -> None:
        first = self._instances.setdefault(color, known)
        if first[1] != known[1]:
            text = f"the tracks {first[1]} and {known[1]} have the same colour: on this frame they cannot be told apart"
            fix = "another --to-uuid-namespace gives other colours"
            note(Finding("labelbox-track-color", Weight.ERROR, text, Where(image=frame), unit="instances", fix=fix))
        elif first[0] != known[0]:
            text = f"the track {known[1]} is {first[0]!r} on earlier frames and {known[0]!r} on this one: it stays the former"
            note(Finding("labelbox-track-label", Weight.DATA, text, Where(image=frame), unit="instances"))

    def close(self) -> None:
        """End the record that is begun, if there is one."""
        if self._open is None:
            return
        told = [{"colorRGB": color, self._key: tool} for color, (tool, _) in self._instances.items()]
        self._parts.add(b'],"instances":' + orjson.dumps(told) + b"}}\n")
        self._done.add(self._open)
        self._open = None
        self._instances = {}

    def tell(self, note: Note) -> None:
        """What became of the frames; after the last image."""
        if not self._done and self._parts.images:
            text = "no image is a frame of a sequence: each is a data row of its own"
            fix = "frames are known by names such as clip.mp4/frame_000001: --name 'clip.mp4/{name}' makes them"
            note(
                Finding("labelbox-no-sequence", Weight.WARNING, text, amount=self._parts.images, unit="images", fix=fix)
            )
        if self._inline:
            text = "the composites of frames travel as imBytes, which Labelbox' SDK cannot read"
            note(Finding("labelbox-imbytes", Weight.WARNING, text, fix="use --to-masks files where that matters"))
