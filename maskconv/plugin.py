"""What a format is made of: Reader, Writer, Format, and the values that travel between them and the driver."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NamedTuple, Self, TypeVar

from maskconv.finding import Finding, Note, Weight, Where
from maskconv.model import PICTURE_SUFFIXES, AnnotatedImage, Annotation, Feature, LabelMap
from maskconv.options import Options as AnyOptions

if TYPE_CHECKING:
    from maskconv.against import Expected
    from maskconv.stage import Stage

__all__ = [
    "LOSSES",
    "Access",
    "Copy",
    "Format",
    "Head",
    "Layout",
    "Piece",
    "Probe",
    "Reader",
    "Target",
    "Writer",
    "loss",
]

Layout = Literal["file", "zip", "folder", "parts"]  # parts: files numbered after the target, see Stage.part


@dataclass(frozen=True)
class Head:
    """One source's global facts; a format may subclass it for tables of its own."""

    labels: LabelMap
    complete: bool = True

    def merge(self, later: Self) -> Self:
        """Facts of both, this one's first; used where ``complete`` is False and units are scanned."""
        known = set(self.labels.names)
        labels = (*self.labels.labels, *(label for label in later.labels.labels if label.name not in known))
        return type(self)(LabelMap(labels=labels), complete=self.complete)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a conversion goes: ``path`` (``-`` is standard output) and how it is laid out there."""

    path: Path
    layout: Layout

    @property
    def stdout(self) -> bool:
        return str(self.path) == "-"


@dataclass(frozen=True, slots=True)
class Access:
    """What a run may fetch from other machines: nothing, unless the person who starts it says so.

    ``cache`` is a folder that keeps what was fetched; ``allow_hosts`` are hosts that may have a private address.
    """

    fetch: bool = False
    cache: Path | None = None
    allow_hosts: frozenset[str] = frozenset()


class Copy(NamedTuple):
    """A file that becomes part of the target as it is: ``source`` on this machine, or its ``member`` if it is a zip.

    ``link`` allows a hard link instead of a copy.
    """

    path: str
    source: str
    member: str = ""
    link: bool = False


class Piece(NamedTuple):
    """What a writer made of one image.

    ``rows`` are bytes for the main file, ``blobs`` (path, bytes) pairs and ``copies`` that the driver puts into the stage before
    ``append``; ``facts`` is what ``append`` needs besides, plain JSON values; ``instances`` counts what arrived.
    ``changed`` says how many of these have other pixels or another kind of shape than they had.
    ``key`` is the name under which the image arrives, in the form in which two must not be equal (empty: no check).
    """

    rows: bytes = b""
    blobs: tuple[tuple[str, bytes], ...] = ()
    facts: Any = None
    instances: int = 0
    key: str = ""
    changed: int = 0
    copies: tuple[Copy, ...] = ()


U = TypeVar("U")  # a reader's unit: 1..n images, self-contained, picklable
H = TypeVar("H", bound=Head)
P = TypeVar("P")  # a writer's plan


class Reader(ABC, Generic[U, H]):
    """Turns one source into the vocabulary. Pickles as (source, options); handles and indexes stay behind.

    A ``pinned`` reader decodes in the thread and process that opened it, as a model must. One that ``gathers`` gets all
    paths of a run at once, as ``sources``, with patterns and folders as they were given.
    """

    Options: ClassVar[type[AnyOptions]] = AnyOptions
    pinned: ClassVar[bool] = False
    gathers: ClassVar[bool] = False
    checking = False  # set before head() where a source is validated, not converted
    uploading = (
        False  # set besides where it is this very source that goes to its platform: what that refuses is an error
    )
    access = Access()  # set before open()

    def __init__(self, source: Path, options: AnyOptions) -> None:
        self.source = source
        self.sources: tuple[Path, ...] = (source,)
        self.options = options

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.source, self.options), {"sources": self.sources, "access": self.access}

    def open(self) -> None:
        """Open handles: called once a process, before any thread starts."""

    def close(self) -> None:
        """Give handles back."""

    def stop(self) -> None:
        """The run is over: end what ``decode`` waits for on other machines, from another thread."""

    @abstractmethod
    def head(self, note: Note) -> H:
        """The source's global facts; may build a small index."""

    def expected(self) -> int | None:
        """About how many images there are, once ``head`` was called; only a person waiting for them looks at it."""
        return None

    @abstractmethod
    def units(self, note: Note) -> Iterator[U]:
        """Work in source order; repeatable."""

    def scan(self, unit: U) -> H:
        """Labels of one unit, where ``head`` could not tell them; reports nothing."""
        raise NotImplementedError(f"{type(self).__name__} has an incomplete head and no scan()")

    @abstractmethod
    def decode(self, unit: U, head: H, note: Note) -> Iterator[AnnotatedImage]:
        """The images of one unit: pure. Notes an error and leaves the item out, or raises DataError for the unit."""

    def check(self, unit: U, head: H, note: Note) -> Iterator[AnnotatedImage]:
        """Decode with a closer look, as ``validate`` does; by default decoding finds all there is to find."""
        yield from self.decode(unit, head, note)


class Writer(ABC, Generic[P]):
    """Turns the vocabulary into one target. Pickles as (options): what ``begin`` was given stays behind."""

    Options: ClassVar[type[AnyOptions]] = AnyOptions

    def __init__(self, options: AnyOptions) -> None:
        self.options = options

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.options,)

    def layout(self, path: Path) -> Layout:
        """Whether the target is one file, a zip, or a folder."""
        del path
        return "file"

    @abstractmethod
    def keeps(self) -> frozenset[Feature]:
        """What survives, given the options. What is not named here must end in a Finding (see `LOSSES`)."""

    def spares(self, annotation: Annotation) -> frozenset[Feature]:
        """Features that ``keeps()`` does not name and that survive of this annotation all the same, such as an id that
        is of the kind the target has."""
        del annotation
        return frozenset()

    def holds(self, image: AnnotatedImage) -> frozenset[Feature]:
        """The same for an image as a whole, such as frames and tracks of one that is named as the target names frames."""
        del image
        return frozenset()

    @abstractmethod
    def plan(self, labels: LabelMap, target: Target, note: Note) -> P:
        """Global decisions before the first image: ids, colours, an added background."""

    @abstractmethod
    def encode(self, image: AnnotatedImage, plan: P, note: Note) -> Piece | None:
        """One image's bytes: pure. Notes an error and returns None to leave the image out."""

    @abstractmethod
    def begin(self, stage: Stage, plan: P) -> None:
        """The stage is there; may run again when a run is resumed."""

    @abstractmethod
    def append(self, piece: Piece, note: Note) -> None:
        """Serial, in source order: rows, global ids, name collisions."""

    def finish(self, note: Note) -> None:
        """Indexes and label maps, after the last image."""
        del note

    def foresee(self, image: AnnotatedImage, plan: P, note: Note) -> None:
        """What the platform will change of an image by itself, once it has this target: only looked at by a check."""

    def next_steps(self) -> tuple[str, ...]:
        """Sentences for the end of a run: what the platform does with this target, and how to bring it there."""
        return ()


@dataclass(frozen=True, slots=True)
class Probe:
    """What a sniffer sees of a source, the same for all formats.

    ``kind`` is file, zip or folder; ``head`` the first 4 KiB of a file; ``keys`` the top-level keys of its first JSON
    object within 1 MiB; ``entries`` the distinct (folder, lower-case suffix) pairs of a zip's or folder's members.
    """

    path: Path
    kind: Layout
    head: bytes = b""
    keys: frozenset[str] = frozenset()
    entries: frozenset[tuple[str, str]] = frozenset()

    @property
    def suffix(self) -> str:
        return self.path.suffix.lower()

    @property
    def pictures(self) -> frozenset[str]:
        """The suffixes of pictures that it is or holds; none where there is anything else."""
        suffixes = {suffix for _, suffix in self.entries} if self.kind != "file" else {self.suffix}
        return frozenset(suffixes) if suffixes <= PICTURE_SUFFIXES else frozenset()


@dataclass(frozen=True)
class Format:
    """One format: its names, how it is recognised, and its reader, writer or check.

    ``expects`` tells what a task, ontology or project of its platform expects, or None where a path is none.
    ``explain`` says of a path that no format reads what it is, where it is near this format, and what to do; or None. It may
    leave out what it is: what several formats can do is told together.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    sniff: Callable[[Probe], bool]
    reader: type[Reader[Any, Any]] | None = None
    writer: type[Writer[Any]] | None = None
    check: Callable[[Probe, Note], None] | None = None
    expects: Callable[[Probe], Expected | None] | None = None
    explain: Callable[[Probe], tuple[str, str] | None] | None = None


class Loss(NamedTuple):
    """How the loss of a Feature is reported: ``text`` completes "the target does not hold ..."."""

    code: str
    weight: Weight
    unit: str
    text: str


LOSSES: dict[Feature, Loss] = {
    Feature.MASKS: Loss("masks-traced", Weight.WARNING, "instances", "masks: they became polygons"),
    Feature.POLYGONS: Loss("polygons-painted", Weight.INFO, "instances", "polygons: their pixels were painted"),
    Feature.BOXES: Loss("boxes-painted", Weight.WARNING, "instances", "boxes: they were painted as filled rectangles"),
    Feature.HOLES: Loss("holes-filled", Weight.DATA, "pixels", "holes"),
    Feature.PARTS: Loss("parts-split", Weight.DATA, "instances", "instances of several parts"),
    Feature.OVERLAP: Loss("overlap-painted", Weight.DATA, "pixels", "overlapping instances: the upper one was kept"),
    Feature.SCORES: Loss("scores-dropped", Weight.DATA, "instances", "scores"),
    Feature.DETECTOR_BOXES: Loss("detector-boxes-dropped", Weight.DATA, "instances", "the detector's own boxes"),
    Feature.ATTRIBUTES: Loss("attributes-dropped", Weight.DATA, "instances", "attributes of instances"),
    Feature.GROUPS: Loss("groups-dropped", Weight.DATA, "instances", "groups"),
    Feature.TRACKS: Loss("tracks-dropped", Weight.DATA, "instances", "tracks"),
    Feature.CROWDS: Loss("crowds-dropped", Weight.DATA, "instances", "crowd flags"),
    Feature.INSTANCE_IDS: Loss("ids-dropped", Weight.INFO, "instances", "the source's instance ids"),
    Feature.SPLITS: Loss("splits-dropped", Weight.INFO, "images", "splits (train, val, ...)"),
    Feature.FRAMES: Loss("frames-dropped", Weight.DATA, "images", "sequence and frame numbers"),
    Feature.IMAGE_ATTRIBUTES: Loss("image-attributes-dropped", Weight.DATA, "images", "attributes of images"),
    Feature.EMPTY_IMAGES: Loss("empty-images-dropped", Weight.INFO, "images", "images without annotations"),
    Feature.IMAGE_SIZE: Loss("image-size-dropped", Weight.INFO, "images", "the images' sizes"),
    Feature.IGNORED: Loss("ignored-dropped", Weight.DATA, "pixels", "void pixels"),
    Feature.LABEL_COLORS: Loss("label-colors-dropped", Weight.INFO, "labels", "the labels' colours"),
    Feature.LABEL_ORDER: Loss("label-order-dropped", Weight.INFO, "labels", "the labels' order, and unused labels"),
    Feature.LABEL_PARTS: Loss("label-parts-dropped", Weight.INFO, "labels", "the labels' parts and actions"),
}


NOWHERE = Where()


def loss(feature: Feature, amount: float, where: Where = NOWHERE, *, message: str = "", fix: str = "") -> Finding:
    """The Finding for a lost Feature: ``amount`` in the unit that `LOSSES` names for it."""
    known = LOSSES[feature]
    text = message or f"the target does not hold {known.text}"
    return Finding(known.code, known.weight, text, where, amount, known.unit, fix)
