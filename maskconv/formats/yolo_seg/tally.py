"""What only the whole of a source shows: counted while it is walked through, said at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from maskconv.finding import Finding, Note, Weight
from maskconv.formats.yolo_seg.tree import Tree
from maskconv.model import AnnotatedImage, Box
from maskconv.wording import counted

__all__ = ["Tally"]

ONE_SPLIT = "keep each picture in one split: what a model trained on cannot test it"


@dataclass
class Some:
    """How many of what, and the first."""

    noun: str
    number: int = 0
    first: str = ""

    def add(self, name: str) -> None:
        self.number += 1
        self.first = self.first or name

    def __str__(self) -> str:
        return f"{counted(self.number, self.noun)}, such as {self.first},"


_labels, _pictures = partial(Some, "label file"), partial(Some, "picture")


@dataclass
class Tally:
    """Pictures without labels, labels without pictures, listed pictures that are not there, pictures of two splits;
    where a source is checked also classes, and files of boxes and of outlines."""

    unlabelled: Some = field(default_factory=_pictures)
    alone: Some = field(default_factory=_labels)
    alone_boxes: Some = field(default_factory=_labels)  # those of them that hold boxes
    alone_rows: int = 0  # of these
    missing: Some = field(default_factory=_pictures)
    several: Some = field(default_factory=_pictures)
    twice: Some = field(default_factory=_pictures)
    marks: dict[int, str | None] = field(default_factory=dict)  # the split of each picture, by size and checksum
    boxes: Some = field(default_factory=_labels)
    outlines: Some = field(default_factory=_labels)
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
        def say(code: str, weight: Weight, some: Some, text: str, fix: str) -> None:
            if some.number:
                note(Finding(code, weight, f"{some} {text}", tree.where(""), some.number, "images", fix))

        text = "without a picture: the size is not known, and they cannot be read"
        fix = "name the pictures' folder (--from-images), or their size (--from-size 1920x1080)"
        say("yolo-labels-alone", Weight.ERROR, self.alone, text, fix)
        fix = "correct the list, or --from-images"
        say("yolo-list-missing", Weight.ERROR, self.missing, "listed and not there", fix)
        text = "without a label file: taken as without annotations, as the trainer does"
        fix = "if they should have some, look for their label files"
        say("yolo-unlabelled", Weight.INFO, self.unlabelled, text, fix)
        text = "in several splits or lists; each is read once, where it comes first"
        say("yolo-split-several", Weight.WARNING, self.several, text, ONE_SPLIT)
        if checking:
            self._note_alone_boxes(tree, note)
            if self.outlines.number:
                text = "with boxes, others with outlines: the trainer then ignores all outlines"
                fix = "outline those objects, or remove these files' rows"
                say("yolo-boxes-mixed", Weight.ERROR, self.boxes, text, fix)
            text = "of one split in another one, too: the same file under two names"
            say("yolo-picture-twice", Weight.WARNING, self.twice, text, ONE_SPLIT)
            self._note_unused(tree, note)

    def _note_alone_boxes(self, tree: Tree, note: Note) -> None:
        if self.alone_boxes.number:
            text = f"{self.alone_boxes} with boxes, no outlines: the labels of a detection data set"
            fix = "to segment with them, outline the objects"
            note(Finding("yolo-boxes", Weight.WARNING, text, tree.where(""), self.alone_rows, "instances", fix))

    def _note_unused(self, tree: Tree, note: Note) -> None:
        unused = [name for name in dict.fromkeys(self.names.values()) if name not in self.classes]
        if unused:
            some = ", ".join(unused[:5]) + (", ..." if len(unused) > 5 else "")
            text = f"no label of {counted(len(unused), 'class')}: {some}"
            note(
                Finding("yolo-class-unused", Weight.INFO, text, tree.where(""), len(unused), "labels", "nothing to do")
            )
