"""What only the whole of a source shows: counted while it is walked through, said at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from maskconv.finding import Finding, Note, Weight
from maskconv.formats.yolo_seg.tree import Tree
from maskconv.model import AnnotatedImage, Box

__all__ = ["Tally"]


@dataclass
class Some:
    """How many, and the first."""

    number: int = 0
    first: str = ""

    def add(self, name: str) -> None:
        self.number += 1
        self.first = self.first or name

    def of(self, noun: str) -> str:
        return f"{self.number:,} {noun}{'s' if self.number != 1 else ''}, such as {self.first},"


@dataclass
class Tally:
    """Pictures without labels, labels without pictures, listed pictures that are not there, pictures of two splits;
    where a source is checked also classes, and files of boxes and of outlines."""

    unlabelled: Some = field(default_factory=Some)
    alone: Some = field(default_factory=Some)
    alone_boxes: Some = field(default_factory=Some)  # those of them that hold boxes
    alone_rows: int = 0  # of these
    missing: Some = field(default_factory=Some)
    several: Some = field(default_factory=Some)
    twice: Some = field(default_factory=Some)
    marks: dict[int, str | None] = field(default_factory=dict)  # the split of each picture, by size and checksum
    boxes: Some = field(default_factory=Some)
    outlines: Some = field(default_factory=Some)
    names: Mapping[int, str] = field(default_factory=dict)
    classes: Counter[str] = field(default_factory=Counter)

    def count(self, label: str, image: AnnotatedImage, names: Mapping[int, str]) -> None:
        self.names = names
        self.classes.update(a.label for a in image.annotations)
        if image.annotations:
            (self.boxes if isinstance(image.annotations[0].shape, Box) else self.outlines).add(label)

    def count_alone(self, label: str, boxes: int) -> None:
        """Count a label file without a picture, and how many boxes it holds, if nothing else."""
        self.alone.add(label)
        if boxes:
            self.alone_boxes.add(label)
            self.alone_rows += boxes

    def compare(self, picture: str, split: str | None, mark: tuple[int, int]) -> None:
        """Count a picture that an earlier split has as well; ``mark`` is its size and a checksum."""
        if self.marks.setdefault(hash(mark), split) != split:
            self.twice.add(picture)

    def note(self, tree: Tree, note: Note, *, checking: bool) -> None:
        where = tree.where("")
        if self.alone.number:
            text = f"{self.alone.of('label file')} without a picture: the size is not known, and they cannot be read"
            fix = "name the pictures' folder (--from-images), or their size (--from-size 1920x1080)"
            note(Finding("yolo-labels-alone", Weight.ERROR, text, where, self.alone.number, "images", fix))
        if self.missing.number:
            text = f"{self.missing.of('picture')} listed and not there"
            fix = "correct the list, or --from-images"
            note(Finding("yolo-list-missing", Weight.ERROR, text, where, self.missing.number, "images", fix))
        if self.unlabelled.number:
            text = f"{self.unlabelled.of('picture')} without a label file: taken as without annotations, as the trainer does"
            fix = "if they should have some, look for their label files"
            note(Finding("yolo-unlabelled", Weight.INFO, text, where, self.unlabelled.number, "images", fix))
        if self.several.number:
            text = f"{self.several.of('picture')} in several splits or lists; each is read once, where it comes first"
            fix = "keep each picture in one split: what a model trained on cannot test it"
            note(Finding("yolo-split-several", Weight.WARNING, text, where, self.several.number, "images", fix))
        if checking:
            self._note_checked(tree, note)

    def _note_checked(self, tree: Tree, note: Note) -> None:
        where = tree.where("")
        if self.alone_boxes.number:
            text = f"{self.alone_boxes.of('label file')} with boxes, no outlines: the labels of a detection data set"
            fix = "to segment with them, outline the objects"
            note(Finding("yolo-boxes", Weight.WARNING, text, where, self.alone_rows, "instances", fix))
        if self.boxes.number and self.outlines.number:
            text = (
                f"{self.boxes.of('label file')} with boxes, others with outlines: the trainer then ignores all outlines"
            )
            fix = "outline those objects, or remove these files' rows"
            note(Finding("yolo-boxes-mixed", Weight.ERROR, text, where, self.boxes.number, "images", fix))
        if self.twice.number:
            text = f"{self.twice.of('picture')} of one split in another one, too: the same file under two names"
            fix = "keep each picture in one split: what a model trained on cannot test it"
            note(Finding("yolo-picture-twice", Weight.WARNING, text, where, self.twice.number, "images", fix))
        unused = [name for name in dict.fromkeys(self.names.values()) if name not in self.classes]
        if unused:
            some = ", ".join(unused[:5]) + (", ..." if len(unused) > 5 else "")
            text, fix = f"no label of {len(unused)} class{'es' if len(unused) > 1 else ''}: {some}", "nothing to do"
            note(Finding("yolo-class-unused", Weight.INFO, text, where, len(unused), "labels", fix))
