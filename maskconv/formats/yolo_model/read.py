"""Reading pictures with a model: every instance with its label, mask, score and the model's own box.

An image's annotations stand in the model's own order, best score first, as Ultralytics has them: the index in
``annotations`` is the model's. What paints them on top of each other goes by their scores (`maskconv.zorder`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskconv import pictures
from maskconv.errors import DataError, OptionError, SourceError
from maskconv.finding import Finding, Note, Weight, Where, as_finding
from maskconv.formats.yolo_model.detect import Detections, Rules, detections
from maskconv.formats.yolo_model.engine import Engine, Facts, Floats, load
from maskconv.formats.yolo_model.letterbox import Fit, as_input
from maskconv.formats.yolo_model.masks import masks_of
from maskconv.formats.yolo_model.options import ReadOptions, chosen, input_size, labelled
from maskconv.formats.yolo_model.sources import Found, check, find
from maskconv.model import AnnotatedImage, Annotation, Box, LabelMap, Mask, Picture
from maskconv.plugin import Head, Reader


class Item(NamedTuple):
    """A picture to look at: its item name, its path, and how it fits into the network."""

    name: str
    path: str
    fit: Fit


Unit = tuple[Item, ...]  # pictures of one input shape


@dataclass(frozen=True)
class ModelHead(Head):
    """The label of each of the model's classes, and what of its output is kept."""

    classes: tuple[str, ...] = ()
    rules: Rules = field(default_factory=Rules)


class YoloModelReader(Reader[Unit, ModelHead]):
    Options = ReadOptions
    options: ReadOptions
    pinned = True
    gathers = True
    _engine: Engine | None = None
    _found: Found | None = None

    def open(self) -> None:
        if self.options.model is None:
            text = "reading pictures needs a model"
            fix = "name its weights: maskconv predict or isolate PICTURES TARGET --model best.pt"
            raise OptionError(text, fix=fix, code="yolo-no-model")
        for source in self.sources:  # a model takes its time to load
            check(source)
        self._engine = load(self.options.model, self.options.device, self.options.threads)

    def close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def head(self, note: Note) -> ModelHead:
        options, facts = self.options, self._facts
        _note_twice(facts.names, note)
        labels = labelled(options.names, facts.names, note)
        wanted = chosen(options.classes, facts.names)
        rules = Rules(options.conf, options.iou, wanted, options.max_det, options.agnostic_nms)
        _net(options, facts, note)
        self._found = find(self.sources, note)
        unique = {label.name: label for label in reversed(labels)}
        known = LabelMap(labels=tuple(unique[name] for name in dict.fromkeys(label.name for label in labels)))
        return ModelHead(known, classes=tuple(label.name for label in labels), rules=rules)

    def expected(self) -> int | None:
        return None if self._found is None else len(self._found.paths)

    def units(self, note: Note) -> Iterator[Unit]:
        """Consecutive pictures of one input shape, at most ``batch`` of them; sizes are read on the way."""
        most, group = self._batch(), list[Item]()
        for item in self._items(note):
            if group and (len(group) >= most or item.fit.shape != group[0].fit.shape):
                yield tuple(group)
                group = []
            group.append(item)
        if group:
            yield tuple(group)

    def decode(self, unit: Unit, head: ModelHead, note: Note) -> Iterator[AnnotatedImage]:
        items, inputs = [], []
        for item in unit:
            try:
                inputs.append(item.fit.picture(_pixels(item, note)))
                items.append(item)
            except DataError as error:
                note(as_finding(error).at(image=item.name))
        if not items:
            return
        outputs, prototypes = self._run(as_input(inputs))
        del inputs
        for item, output, prototype in zip(items, outputs, prototypes, strict=True):
            yield self._image(item, output, prototype, head, note)

    @property
    def _facts(self) -> Facts:
        return self._loaded.facts

    @property
    def _loaded(self) -> Engine:
        if self._engine is None:
            raise SourceError("the model is not loaded", fix="call open() first")
        return self._engine

    def _batch(self) -> int:
        """A fixed input takes so many pictures at once, others as many as are asked for."""
        return self._facts.batch or self.options.batch

    def _items(self, note: Note) -> Iterator[Item]:
        found = self._found or find(self.sources, note)
        size = _net(self.options, self._facts, lambda _: None)
        stride = None if self._facts.fixed else self._facts.stride
        for path in found.paths:
            name = found.name(path)
            try:
                width, height = pictures.size_of(_picture(path))
                yield Item(name, path, Fit.of(width, height, size, stride))
            except DataError as error:
                note(as_finding(error).at(image=name))

    def _run(self, batch: Floats) -> tuple[Floats, Floats]:
        output, prototypes = self._loaded.run(batch)
        facts, found = self._facts, prototypes.shape[1]
        axis, length = (2, 6 + found) if facts.end2end else (1, 4 + len(facts.names) + found)
        if output.shape[axis] != length:
            text = f"the network's outputs {output.shape} and {prototypes.shape} do not fit {len(facts.names)} classes"
            where, fix = Where(path=str(self.options.model)), "export the model again with Ultralytics"
            raise SourceError(text, where=where, code="yolo-outputs", fix=fix)
        return output, prototypes

    def _image(self, item: Item, output: Floats, prototypes: Floats, head: ModelHead, note: Note) -> AnnotatedImage:
        fit = item.fit
        found = detections(output, len(self._facts.names), head.rules, end2end=self._facts.end2end)
        boxes = fit.boxes(found.boxes)
        masks = list(masks_of(found.coefficients, prototypes, boxes, (fit.width, fit.height)))
        told = tuple(_annotations(found, boxes, masks, head.classes))
        if len(told) < len(masks):
            _note_empty(item, len(masks) - len(told), note)
        size = {"width": fit.width, "height": fit.height}
        picture = Picture.unchecked(path=item.path, **size)
        return AnnotatedImage.unchecked(name=item.name, annotations=told, picture=picture, **size)


def _net(options: ReadOptions, facts: Facts, note: Note) -> tuple[int, int]:
    """The network's input (height, width): the model's own, or the one asked for, up to multiples of the stride."""
    asked = None if options.imgsz is None else input_size(options.imgsz)
    if asked is None or asked == facts.size:
        return facts.size
    if facts.fixed:
        height, width = facts.size
        text = f"the model takes pictures of {height} x {width} (height x width) only, not of {asked[0]} x {asked[1]}"
        raise OptionError(text, fix="leave --imgsz out, or export it with dynamic=True", code="yolo-imgsz-fixed")
    height, width = (-(-side // facts.stride) * facts.stride for side in asked)
    if (height, width) != asked:
        text = f"imgsz {asked[0]},{asked[1]} becomes {height},{width}, multiples of the model's stride {facts.stride}"
        note(Finding("yolo-imgsz-rounded", Weight.INFO, text, unit="runs", fix=f"ask for --imgsz {height},{width}"))
    return height, width


def _note_twice(names: tuple[str, ...], note: Note) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        text = f"several classes of the model have one name and become one label: {', '.join(twice)}"
        fix = "tell them apart with --names"
        note(Finding("yolo-names-same", Weight.DATA, text, amount=len(twice), unit="labels", fix=fix))


def _picture(path: str) -> Picture:
    return Picture.unchecked(path=path)


def _pixels(item: Item, note: Note) -> NDArray[np.uint8]:
    found = pictures.pixels(_picture(item.path), lambda damage: note(damage.at(image=item.name)))
    if found.shape[:2] != (item.fit.height, item.fit.width):
        text = f"its header says {item.fit.width} x {item.fit.height} pixels, and it has {found.shape[1]} x {found.shape[0]}"
        raise DataError(text, where=Where(path=item.path), code="picture-unreadable", fix="check the picture")
    return found


def _annotations(found: Detections, boxes: Floats, masks: list[Mask], labels: tuple[str, ...]) -> Iterator[Annotation]:
    """The instances that have pixels, in the model's order."""
    classes, scores = found.classes.tolist(), found.scores.tolist()
    for number, (mask, (x1, y1, x2, y2)) in enumerate(zip(masks, boxes.tolist(), strict=True)):
        if len(mask.starts):
            box = Box.unchecked(x=x1, y=y1, width=max(x2 - x1, 0.0), height=max(y2 - y1, 0.0))
            score = min(max(scores[number], 0.0), 1.0)
            yield Annotation.unchecked(label=labels[classes[number]], shape=mask, box=box, score=score)


def _note_empty(item: Item, count: int, note: Note) -> None:
    text = "the model found boxes in which no pixel belongs to an instance; they are left out"
    where, fix = Where(path=item.path, image=item.name), "raise --conf, or --imgsz for small objects"
    note(Finding("yolo-empty-mask", Weight.DATA, text, where, amount=count, unit="instances", fix=fix))
