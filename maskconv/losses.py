"""What a target cannot hold, told by the driver for all formats alike: one Finding per feature and image."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from maskconv.finding import Finding, Where
from maskconv.model import AnnotatedImage, Annotation, Box, Feature, LabelMap, Mask
from maskconv.plugin import loss

__all__ = ["annotation_features", "image_losses", "label_losses", "shape_feature"]

_SHAPES = {Mask: Feature.MASKS, tuple: Feature.POLYGONS, Box: Feature.BOXES}


_NONE: frozenset[Feature] = frozenset()
Spares = Callable[[Annotation], frozenset[Feature]]


def image_losses(
    image: AnnotatedImage, keeps: frozenset[Feature], spares: Spares = lambda _: _NONE
) -> Iterator[Finding]:
    """What of one image a writer that keeps these features drops; ``spares`` names what survives of one annotation.

    Holes, parts and overlap only the writer can know.
    """
    lost: dict[Feature, int] = {}
    for feature in _image_features(image):
        if feature not in keeps:
            lost[feature] = image.ignored.area if feature is Feature.IGNORED and image.ignored is not None else 1
    for annotation in image.annotations:
        dropped = [feature for feature in annotation_features(annotation) if feature not in keeps]
        spared = spares(annotation) if dropped else _NONE
        for feature in dropped:
            if feature not in spared:
                lost[feature] = lost.get(feature, 0) + 1
    where = Where(image=image.name) if lost else Where()
    for feature, amount in lost.items():
        yield loss(feature, amount, where)


def _image_features(image: AnnotatedImage) -> Iterator[Feature]:
    if not image.annotations:
        yield Feature.EMPTY_IMAGES
    if image.split is not None:
        yield Feature.SPLITS
    if image.width is not None:
        yield Feature.IMAGE_SIZE
    if image.ignored is not None and image.ignored.area:
        yield Feature.IGNORED
    if image.frame is not None or image.sequence is not None:
        yield Feature.FRAMES
    if image.attributes:
        yield Feature.IMAGE_ATTRIBUTES


def shape_feature(annotation: Annotation) -> Feature:
    """The kind of its shape."""
    return _SHAPES[type(annotation.shape)]


def annotation_features(annotation: Annotation) -> list[Feature]:
    """The features one annotation uses."""
    used = [shape_feature(annotation)]
    if annotation.id is not None:
        used.append(Feature.INSTANCE_IDS)
    if annotation.score is not None:
        used.append(Feature.SCORES)
    if annotation.attributes:
        used.append(Feature.ATTRIBUTES)
    if annotation.group is not None:
        used.append(Feature.GROUPS)
    if annotation.track is not None:
        used.append(Feature.TRACKS)
    if annotation.crowd:
        used.append(Feature.CROWDS)
    if annotation.box is not None:
        used.append(Feature.DETECTOR_BOXES)
    return used


def label_losses(labels: LabelMap, keeps: frozenset[Feature]) -> Iterator[Finding]:
    """What of the label map a writer that keeps these features drops."""
    amounts = {
        Feature.LABEL_COLORS: sum(label.color is not None for label in labels.labels),
        Feature.LABEL_ORDER: len(labels.labels),
        Feature.LABEL_PARTS: sum(bool(label.parts or label.actions) for label in labels.labels),
    }
    for feature, amount in amounts.items():
        if amount and feature not in keeps:
            yield loss(feature, amount)
