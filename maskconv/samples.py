"""What the format contract converts (see `maskconv.testing`): images that show one Feature each, awkward ones, broken files."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from maskconv.model import AnnotatedImage, Annotation, Box, Feature, Label, LabelMap, Mask, PixelRule, Polygon

__all__ = ["LABELS", "SHAPED", "Sample", "awkward", "block", "broken", "crowded", "image", "sample", "view"]

Sample = tuple[LabelMap, tuple[AnnotatedImage, ...]]
W, H = 24, 16
LABELS = LabelMap(labels=(Label(name="cat"), Label(name="dog")))


def block(x: int, y: int, w: int, h: int, holes: Sequence[tuple[int, int, int, int]] = ()) -> Mask:
    """A rectangle's pixels, without those of other rectangles."""
    pixels = np.zeros((H, W), bool)
    pixels[y : y + h, x : x + w] = True
    for i, j, k, m in holes:
        pixels[j : j + m, i : i + k] = False
    return Mask.from_array(pixels)


def ring(x: float, y: float, w: float, h: float) -> list[tuple[float, float]]:
    return [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]


def image(name: str, *annotations: Annotation, **facts: Any) -> AnnotatedImage:
    return AnnotatedImage(**{"name": name, "width": W, "height": H, "annotations": annotations} | facts)


_LABEL_SAMPLES = {
    Feature.LABEL_COLORS: (Label(name="cat", color=(250, 1, 2)), Label(name="dog", color=(9, 200, 77))),
    Feature.LABEL_ORDER: (Label(name="dog"), Label(name="unused"), Label(name="cat")),
    Feature.LABEL_PARTS: (Label(name="dog", parts=("head", "tail"), actions=("bark",)), Label(name="cat")),
}
_IMAGE_SAMPLES: dict[Feature, dict[str, Any]] = {
    Feature.SPLITS: {"split": "val"},
    Feature.FRAMES: {"sequence": "clip", "frame": 7},
    Feature.IMAGE_ATTRIBUTES: {"attributes": {"weather": "rain"}},
    Feature.EMPTY_IMAGES: {"annotations": ()},
    Feature.IGNORED: {"ignored": block(20, 12, 4, 4)},
}
_ANNOTATION_SAMPLES: dict[Feature, dict[str, Any]] = {
    Feature.SCORES: {"score": 0.8125},
    Feature.DETECTOR_BOXES: {"box": Box(x=1, y=1, width=9, height=7)},
    Feature.ATTRIBUTES: {"attributes": {"truncated": True, "color": "red"}},
    Feature.GROUPS: {"group": 5},
    Feature.TRACKS: {"track": 3},
    Feature.CROWDS: {"crowd": True},
    Feature.INSTANCE_IDS: {"id": "cly7x0k3a000108l5ehsa4v2p"},
}
SHAPED = {
    Feature.HOLES: (block(2, 2, 9, 8, [(4, 4, 3, 2)]),),
    Feature.PARTS: (block(2, 2, 12, 5, [(6, 0, 3, H)]),),
    Feature.OVERLAP: (block(2, 2, 9, 8), block(6, 5, 9, 8)),
}


def _polygon_samples(feature: Feature, rule: PixelRule) -> tuple[tuple[Polygon, ...], ...]:
    outer = Polygon(exterior=ring(2, 2, 9, 8), rule=rule)
    if feature is Feature.HOLES:
        return ((Polygon(exterior=ring(2, 2, 9, 8), holes=(ring(4, 4, 3, 2),), rule=rule),),)
    if feature is Feature.PARTS:
        return ((outer, Polygon(exterior=ring(15, 3, 4, 6), rule=rule)),)
    return ((outer,), (Polygon(exterior=ring(6, 5, 9, 8), rule=rule),))


def sample(
    feature: Feature,
    carrier: Feature = Feature.MASKS,
    rule: PixelRule = PixelRule.EDGE,
    values: Mapping[str, Any] | None = None,
) -> Sample:
    """Images that have the feature, their shapes being ``carrier``: MASKS, POLYGONS (of that rule), or BOXES.

    ``values`` are an annotation's facts to take for it, instead of common ones.
    """
    carrier = feature if feature in {Feature.MASKS, Feature.POLYGONS, Feature.BOXES} else carrier
    plain: Any = {
        Feature.MASKS: block(1, 1, 9, 7, [(1, 1, 4, 3)]),
        Feature.POLYGONS: _polygon_samples(Feature.POLYGONS, rule)[0],
        Feature.BOXES: Box(x=1, y=1, width=9, height=7),
    }[carrier]
    shapes: tuple[Any, ...] = (plain,)
    if feature is Feature.OVERLAP and carrier is Feature.BOXES:
        shapes = (plain, Box(x=6, y=5, width=9, height=8))
    elif feature in SHAPED:
        shapes = SHAPED[feature] if carrier is Feature.MASKS else _polygon_samples(feature, rule)
    extra = values or _ANNOTATION_SAMPLES.get(feature, {})
    told = [Annotation(label="dog", shape=shape, **extra) for shape in shapes]
    labels = LabelMap(labels=_LABEL_SAMPLES.get(feature, LABELS.labels))
    other = image("plain", Annotation(label="cat", shape=plain), split="train" if feature is Feature.SPLITS else None)
    return labels, (other, image("told/é 1.v2", *told, **_IMAGE_SAMPLES.get(feature, {})))


def awkward() -> Sample:
    """Instances that tend to vanish: hidden, empty, outside, degenerate, too many, in images without a size."""
    pixels = [Mask.from_array(np.arange(W * H).reshape(H, W) == i) for i in range(W * H)]
    flat = Polygon(exterior=[(3, 3), (9, 3), (9, 3)], rule=PixelRule.EDGE)
    outside = Polygon(exterior=ring(100, 100, 5, 5), rule=PixelRule.CENTRE_NEAR)
    shapes: dict[str, list[Any]] = {
        "hidden": [block(5, 5, 4, 4), block(3, 3, 9, 9)],
        "twice": [block(5, 5, 4, 4)] * 2,
        "nothing": [block(0, 0, 0, 0), block(1, 1, 3, 3)],
        "flat": [(flat,), (outside,), (Polygon(exterior=ring(1, 1, 5, 5), rule=PixelRule.CENTRE_TRUNC),)],
        "boxes": [
            Box(x=2, y=2, width=0, height=0),
            Box(x=-50, y=0, width=9, height=9),
            Box(x=1, y=1, width=6, height=6),
        ],
        "many": pixels[:300],
    }
    images = [image(name, *(Annotation(label="cat", shape=s) for s in found)) for name, found in shapes.items()]
    unknown = image("no size", Annotation(label="dog", shape=(outside,)), width=None, height=None)
    return LABELS, (*images, unknown)


def crowded(count: int = 21) -> Sample:
    """Enough images for several batches, each with random masks that do not overlap."""
    rng = np.random.default_rng(1)
    images = []
    for number in range(count):
        ids = rng.integers(0, 4, (H, W))
        shapes = [Mask.from_array(ids == i) for i in range(1, 4)]
        told = [Annotation(label=("cat", "dog")[i % 2], shape=shape) for i, shape in enumerate(shapes)]
        images.append(image(f"folder {number % 3}/{number:03}", *told))
    return LABELS, tuple(images)


_LABEL_FACTS = {Feature.LABEL_COLORS: ("color",), Feature.LABEL_ORDER: (), Feature.LABEL_PARTS: ("parts", "actions")}


def view(feature: Feature, labels: LabelMap, images: Sequence[AnnotatedImage]) -> Any:
    """What a feature is about, as plain values to compare. Order counts; labels that a target adds do not."""
    if feature in _LABEL_FACTS:
        known = {label.name for label in _LABEL_SAMPLES[feature]}
        told = [_facts(label, ("name", *_LABEL_FACTS[feature])) for label in labels.labels if label.name in known]
        return told if feature is Feature.LABEL_ORDER else sorted(told)
    if feature is Feature.EMPTY_IMAGES:
        return sorted((i.name, len(i.annotations)) for i in images)
    if feature in _IMAGE_SAMPLES:
        return sorted((i.name, _facts(i, _IMAGE_SAMPLES[feature])) for i in images)
    if feature is Feature.IMAGE_SIZE:
        return sorted((i.name, i.width, i.height) for i in images)
    if feature is Feature.INSTANCE_IDS:  # a reader may make some up where there were none
        images = [i for i in images if i.name != "plain"]
    names = ("label", *_ANNOTATION_SAMPLES.get(feature, ("shape",)))
    return sorted((i.name, [_facts(a, names) for a in i.annotations]) for i in images)


def _facts(value: Any, names: Iterable[str]) -> list[Any]:
    return [getattr(value, name) for name in names]


def broken(data: bytes) -> Iterator[bytes]:
    """The bytes cut off at several points, and with flipped bits."""
    size = len(data)
    for cut in sorted({0, 1, 5, size // 4, size // 2, size * 3 // 4, size - 22, size - 1} & set(range(size))):
        yield data[:cut]
    dice = random.Random(size)  # noqa: S311
    for _ in range(24 if size else 0):
        flipped = bytearray(data)
        for _ in range(dice.choice((1, 1, 3))):
            flipped[dice.randrange(size)] ^= 1 << dice.randrange(8)
        yield bytes(flipped)
