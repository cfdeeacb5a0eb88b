"""One picture or frame of an export -> one image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from maskconv.errors import DataError
from maskconv.finding import Note, Weight, Where
from maskconv.formats.labelbox_export import classify
from maskconv.formats.labelbox_export.choose import Object, Scene, keyframe
from maskconv.formats.labelbox_export.masks import ImageMasks, Taken, UnavailableError
from maskconv.formats.labelbox_export.objects import Found, found, nature
from maskconv.formats.labelbox_export.options import ReadOptions
from maskconv.labelbox import turn
from maskconv.labelbox.checks import RecordError
from maskconv.labelbox.pixels import Composite
from maskconv.labelbox.split import Place
from maskconv.maskfiles import MaskFiles
from maskconv.model import AnnotatedImage, Annotation, Encoded, Shape
from maskconv.wording import counted

__all__ = ["ImageDecoder"]

Size = tuple[int, int]


class ImageDecoder:
    """Takes a scene's objects in order, keeps annotations; what is wrong is noted and left out."""

    def __init__(
        self,
        source: Path,
        place: Place,
        name: str,
        size: Size | None,
        files: MaskFiles,
        options: ReadOptions,
        note: Note,
    ) -> None:
        self._source, self._place, self._name, self._options, self._note = source, place, name, options, note
        self._files = files
        self._size, self._sized_by = size, "the picture"
        self._kept: list[Annotation] = []
        self._colors: list[int | None] = []  # of the annotations, in the one composite
        self._failed: dict[str, tuple[DataError, int]] = {}
        self._whole = True  # nothing was left out

    def say(self, code: str, weight: Weight, text: str, *, number: int | None = None, **facts: Any) -> None:
        """Note a Finding at this image, or at its annotation of that number."""
        finding = self._place.finding(self._source, code, weight, text, self._name, **facts)
        self._note(replace(finding, where=replace(finding.where, annotation=number)))

    def _wrong(self, error: RecordError | DataError, number: int | None) -> None:
        self._whole = False
        self.say(error.code, Weight.ERROR, error.message, number=number, unit="instances", fix=error.fix)

    def image(self, scene: Scene, orientation: int, facts: Mapping[str, Any]) -> AnnotatedImage | None:
        """The image of a scene; None where only keyframes are asked for and it has none."""
        masks = ImageMasks(self._files, scene.number)
        others = 0
        for number, one in enumerate(scene.objects):
            try:
                others += not self._take(number, one, scene, masks)
            except RecordError as error:
                self._wrong(error, number)
        self._finish(masks, whole=self._whole and not others)
        if others:
            text = f"{counted(others, 'instance')} that no labeller made on this frame: left out, as asked"
            self.say("labelbox-interpolated", Weight.INFO, text, amount=others, unit="instances")
            if not self._kept:
                return None
        return self._built(scene, orientation, masks, facts)

    def _take(self, number: int, one: Object, scene: Scene, masks: ImageMasks) -> bool:
        """Keep an object, or say what it is instead; False where it is not of a keyframe, and only those are wanted."""
        kind = nature(one.raw)
        if kind not in ("box", "polygon", "mask"):
            text = f"this is {kind}, no segmentation of a picture"
            self.say("labelbox-no-segmentation", Weight.DATA, text, number=number, unit="instances")
            return True
        thing = found(one.raw)
        made = keyframe(one.label, scene, thing.id, thing.keyframe)
        if self._options.keyframes and made is False:
            return False
        if thing.unknown:
            text = f"what the export says of it as {', '.join(thing.unknown)} is not read"
            self.say("labelbox-unknown-key", Weight.WARNING, text, number=number)
        attributes = self._attributes(number, thing, one, made)
        try:
            taken = masks.take(thing) if thing.shape is None else None
        except UnavailableError as error:
            known = self._failed.get(error.error.message, (error.error, 0))
            self._failed[error.error.message] = known[0], known[1] + 1
            return True
        if taken is not None:
            self._fit(number, taken)
        self._keep(thing, taken, scene, attributes)
        return True

    def _keep(self, thing: Found, taken: Taken | None, scene: Scene, attributes: dict[str, Any]) -> None:
        shape: Shape | None = thing.shape if taken is None else taken.mask
        assert shape is not None  # noqa: S101 - an instance has a shape or a mask
        self._colors.append(taken.color if taken is not None else None)
        self._kept.append(
            Annotation.unchecked(
                label=thing.label,
                shape=shape,
                id=thing.id or None,
                track=(thing.id or None) if scene.number is not None else None,
                score=thing.score,
                attributes=attributes,
            )
        )

    def _fit(self, number: int, taken: Taken) -> None:
        """All masks of a picture have its size."""
        mask = taken.mask
        size = mask.width, mask.height
        if self._size is None:
            self._size, self._sized_by = size, f"the mask of annotation {number}"
        elif size != self._size:
            text = f"its mask has {size[0]} x {size[1]} pixels, {self._sized_by} has {self._size[0]} x {self._size[1]}"
            raise RecordError(text, code="labelbox-size", fix="download the masks again; a mask has its picture's size")
        if not len(mask.starts):
            text = "its mask has no pixels"
            self.say("labelbox-mask-empty", Weight.WARNING, text, number=number, fix="remove it in Labelbox")

    # --- attributes ---------------------------------------------------------------------------------------------------

    def _attributes(self, number: int, thing: Found, one: Object, made: bool | None) -> dict[str, Any]:
        attributes = self._classes(thing.classifications, number)
        if thing.metrics:
            attributes["customMetrics"] = thing.metrics
        if made is not None:
            attributes["keyframe"] = made
        if self._options.label == "all" and one.label.id:
            attributes["label_id"] = one.label.id
        return attributes

    def _classes(self, classifications: list[Any], number: int | None) -> dict[str, Any]:
        if not classifications:
            return {}
        if self._options.classifications == "nested":
            return {"classifications": classify.nested(classifications)}
        attributes, twice = classify.flat(classifications)
        if twice:
            text = f"{counted(twice, 'classification')} of a name that another has: the first was kept"
            fix = "all are kept with --from-classifications nested"
            self.say(
                "labelbox-classified-twice", Weight.DATA, text, number=number, amount=twice, unit="attributes", fix=fix
            )
        return attributes

    # --- the image ----------------------------------------------------------------------------------------------------

    def _finish(self, masks: ImageMasks, *, whole: bool) -> None:
        for error, count in self._failed.values():
            self.say(error.code, Weight.ERROR, error.message, amount=count, unit="instances", fix=error.fix)
        for composite in masks.composites:
            left = composite.unnamed()
            if left and whole and not self._failed:
                area = sum(composite.shapes[packed].area for packed in left)
                text = f"no object names {counted(len(left), 'colour')} of the composite {composite.name}"
                self.say("labelbox-color-unnamed", Weight.WARNING, text, amount=area, unit="pixels")

    def _built(self, scene: Scene, orientation: int, masks: ImageMasks, facts: Mapping[str, Any]) -> AnnotatedImage:
        try:
            attributes = self._classes(scene.classifications, None)
        except RecordError as error:
            self._wrong(error, None)
            attributes = {}
        width, height = self._size or (None, None)
        annotations = tuple(self._kept)
        image = AnnotatedImage.unchecked(
            name=self._name,
            width=width,
            height=height,
            annotations=annotations,
            ignored=None,
            frame=scene.number,
            attributes=attributes,
            **facts,
        )
        if orientation != 1:
            return self._turned(image, orientation)
        encoded = self._encoded(masks.composites, annotations)
        return image if encoded is None else image.with_encoded(encoded)

    def _turned(self, image: AnnotatedImage, orientation: int) -> AnnotatedImage:
        """The image as viewers show it. Raises DataError where its size is not known."""
        if self._size is None:
            if not image.annotations:
                return image
            text = f"the picture has EXIF orientation {orientation}, and its size, which turning needs, is not known"
            where = Where(str(self._source), line=self._place.line, image=self._name)
            raise DataError(text, where=where, code="image-size-unknown", fix=turn.KEEP)
        if image.annotations:
            text = turn.said(orientation)
            self.say("labelbox-turned", Weight.WARNING, text, unit="images", fix=turn.KEEP)
        return turn.image_turned(image, orientation, *self._size)

    def _encoded(self, composites: list[Composite], annotations: tuple[Annotation, ...]) -> Encoded | None:
        """The one composite, where it shows exactly these annotations."""
        colors = [color for color in self._colors if color is not None]
        return composites[0].encoded(colors, annotations) if len(composites) == 1 else None
