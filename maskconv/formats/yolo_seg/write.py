"""Writing a YOLO segmentation data set: data.yaml, labels, and the pictures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from maskconv.errors import DataError, SourceError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.yolo_seg import trainer
from maskconv.formats.yolo_seg.splits import data_yaml, label_path, split_of
from maskconv.formats.yolo_seg.write_names import class_names
from maskconv.formats.yolo_seg.write_options import WriteOptions
from maskconv.formats.yolo_seg.write_rows import Written, centre_ring, written
from maskconv.model import AnnotatedImage, Annotation, Feature, LabelMap, Picture
from maskconv.pictures import PictureFolder, is_local, size_of
from maskconv.plugin import Copy, Layout, Piece, Target, Writer
from maskconv.stage import Stage
from maskconv.store import unsafe
from maskconv.wording import quoted

__all__ = ["YoloSegWriter"]


@dataclass(frozen=True)
class Plan:
    """The classes' names by number, the number of each, and the folder of pictures, where one was named."""

    names: tuple[str, ...]
    index: dict[str, int]
    pictures: PictureFolder | None


class YoloSegWriter(Writer[Plan]):
    Options = WriteOptions
    options: WriteOptions

    def __reduce__(self) -> tuple[type[YoloSegWriter], tuple[WriteOptions]]:
        return type(self), (self.options,)

    def layout(self, path: Path) -> Layout:
        return "zip" if path.suffix.lower() == ".zip" else "folder"

    def keeps(self) -> frozenset[Feature]:
        """Masks arrive as polygons that mean the same pixels; what does not is noted for each instance."""
        kept = {Feature.MASKS, Feature.OVERLAP, Feature.SPLITS, Feature.EMPTY_IMAGES, Feature.LABEL_ORDER}
        if self.options.holes == "keyhole":
            kept.add(Feature.HOLES)
        if self.options.images != "none":
            kept.add(Feature.IMAGE_SIZE)
        if self.options.scores:
            kept.add(Feature.SCORES)
        return frozenset(kept)

    def spares(self, annotation: Annotation) -> frozenset[Feature]:
        return frozenset() if centre_ring(annotation.shape) is None else frozenset({Feature.POLYGONS})

    def plan(self, labels: LabelMap, target: Target, note: Note) -> Plan:
        del target
        folder = self.options.pictures
        if folder is not None and not folder.is_dir():
            where = Where(path=str(folder))
            raise SourceError("there is no such folder of pictures", where=where, fix="check --to-pictures")
        names = class_names(labels, self.options.names, note)
        index = {name: number for number, name in enumerate(names)}
        return Plan(names, index, PictureFolder(folder) if folder is not None else None)

    def encode(self, image: AnnotatedImage, plan: Plan, note: Note) -> Piece | None:
        _check_name(image.name)
        split = split_of(image, self.options, note)
        picture = self._picture(image, plan)
        place = f"images/{split}/{image.name}{picture.extension if picture else '.jpg'}"
        size = _size(image, picture, note, linked=self.options.images != "none")
        found = written(image.annotations, size, plan.index, self.options, note) if size else Written(b"", 0, 0)
        copies: tuple[Copy, ...] = ()
        if picture is not None and self.options.images != "none":
            copies = (Copy(place, picture.path, picture.member, self.options.images == "link"),)
        blobs = ((label_path(place), found.text),)
        key = f"{split}/{image.name}".casefold()
        return Piece(blobs=blobs, facts=split, instances=found.instances, key=key, changed=found.changed, copies=copies)

    def _picture(self, image: AnnotatedImage, plan: Plan) -> Picture | None:
        """The image's picture: from the folder named, or the source's own. Raises DataError where it is wanted and missing."""
        found = self._named(image, plan.pictures) if plan.pictures is not None else None
        own = image.picture
        if found is None and own is not None and is_local(own) and Path(own.path).is_file():
            found = own
        if found is None and self.options.images != "none":
            text = "its picture is not known"
            if plan.pictures is not None:
                text = plan.pictures.lacks(image.name, image.split)
            fix = "--to-pictures FOLDER, or --to-images none for labels only"
            raise DataError(text, code="yolo-picture-missing", fix=fix)
        return found

    def _named(self, image: AnnotatedImage, folder: PictureFolder) -> Picture | None:
        """The picture of that name, of the image's split or what ``--to-splits`` makes of it."""
        mapped = (self.options.splits or {}).get(image.split or "")
        return folder.find(image.name, image.split) or (folder.find(image.name, mapped) if mapped else None)

    def begin(self, stage: Stage, plan: Plan) -> None:
        self._stage, self._plan = stage, plan
        self._counts: Counter[str] = Counter()

    def append(self, piece: Piece, note: Note) -> None:
        del note
        self._counts[piece.facts] += 1

    def finish(self, note: Note) -> None:
        self._stage.put("data.yaml", data_yaml(self._plan.names, self._counts, note).encode())

    def next_steps(self) -> tuple[str, ...]:
        if self.options.scores:
            return ("Read these predictions with --from-scores true. To train, write them without --to-scores.",)
        train = "Train with Ultralytics: yolo segment train data=FOLDER/data.yaml model=yolo11n-seg.pt"
        if self.options.images == "none":
            return ("Put the pictures into images/train, images/val and images/test, named as the labels are.", train)
        return (train,)


def _size(image: AnnotatedImage, picture: Picture | None, note: Note, *, linked: bool) -> tuple[int, int] | None:
    """The picture's size; None where it is not needed. Raises DataError where it is, and nobody knows it."""
    known = (image.width, image.height) if image.width is not None and image.height is not None else None
    if picture is not None and (linked or known is None):
        seen = size_of(picture)
        if linked:
            _note_picture(picture, known, seen, note)
        return known or seen
    if known is None and image.annotations:
        text = "its size is not known, by which coordinates are divided"
        raise DataError(text, code="image-size-unknown", fix="name the folder of the pictures: --to-pictures FOLDER")
    return known


def _note_picture(picture: Picture, known: tuple[int, int] | None, seen: tuple[int, int], note: Note) -> None:
    where = Where(path=picture.path, member=picture.member)
    if known is not None and known != seen:
        text = f"the picture has {seen[0]} x {seen[1]} pixels, its annotations are for {known[0]} x {known[1]}"
        fix = "the labels fit where it is the same picture in another size"
        note(Finding("yolo-picture-size", Weight.WARNING, text, where, unit="images", fix=fix))
    if min(seen) < trainer.SMALLEST or picture.extension.lower() not in trainer.OPENED:
        why = (
            f"of less than {trainer.SMALLEST} pixels"
            if min(seen) < trainer.SMALLEST
            else f"named {picture.extension or 'without suffix'}"
        )
        text = f"the trainer does not take pictures {why}"
        note(Finding("yolo-picture-refused", Weight.WARNING, text, where, unit="images"))


def _check_name(name: str) -> None:
    """What no file can be called, or must not point to."""
    reason = unsafe(name)
    if not reason and {"", "."} & set(name.split("/")):
        reason = "has an empty folder name or '.'"
    if not reason and any(c in "\r\n" or "\ud800" <= c <= "\udfff" for c in name):
        reason = "holds a line break, or bytes that are no UTF-8"
    if reason:
        raise DataError(f"the item name {quoted(name)} {reason}", code="name-unsafe", fix="rename the item")
    if {"images", "labels"} <= set(name.split("/")[:-1]):
        text = f"the item name {quoted(name)} has a folder 'images' and one 'labels', and other names may have the same label file"
        raise DataError(text, code="yolo-item-name", fix="rename the item, with --name '{stem}' or in the source")
