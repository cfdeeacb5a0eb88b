"""From a network's raw output to detections: best class, threshold, non-maximum suppression.

The rules are Ultralytics' (utils/nms.py, 8.4.190): a box has its best class only, thresholds are exclusive, boxes of
different classes do not suppress each other because each class' boxes are moved by 7680 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
APART = np.float32(7680)
MOST_CANDIDATES = 30000


@dataclass(frozen=True)
class Rules:
    """What is kept: scores above ``conf``, overlaps of at most ``iou``, these ``classes`` (None: all), ``max_det`` of them."""

    conf: float = 0.25
    iou: float = 0.7
    classes: tuple[int, ...] | None = None
    max_det: int = 300
    agnostic_nms: bool = False


@dataclass(frozen=True)
class Detections:
    """The instances of one picture, best first: ``boxes`` (n, 4) x1, y1, x2, y2 in the network's pixels, ``scores``,
    ``classes`` and mask ``coefficients`` (n, k)."""

    boxes: Floats
    scores: Floats
    classes: NDArray[np.intp]
    coefficients: Floats

    def only(self, which: NDArray[Any]) -> Detections:
        return Detections(self.boxes[which], self.scores[which], self.classes[which], self.coefficients[which])


def detections(output: Floats, count: int, rules: Rules, *, end2end: bool) -> Detections:
    """The detections in one picture's output.

    ``output`` is (4 + ``count`` classes + k, anchors) with boxes as centre and size; of an ``end2end`` model, which has
    done the suppression itself, (anchors, 6 + k) with corners, score and class.
    """
    if end2end:
        rows = output[(output[:, 4] > rules.conf) & np.isfinite(output[:, :6]).all(axis=1)]
        found = _sound(Detections(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.intp), rows[:, 6:]), rules)
        return found.only(np.arange(len(found.scores))[: rules.max_det])
    found = _sound(_candidates(output, count, np.float32(rules.conf)), rules)
    found = found.only(np.argsort(-found.scores, kind="stable")[:MOST_CANDIDATES])
    return found.only(_suppressed(found, rules))


def _candidates(output: Floats, count: int, conf: np.float32) -> Detections:
    columns = output[:, output[4 : 4 + count].max(axis=0) > conf].T
    scores = columns[:, 4 : 4 + count]
    half = columns[:, 2:4] / 2
    boxes = np.concatenate([columns[:, :2] - half, columns[:, :2] + half], axis=1)
    return Detections(boxes, scores.max(axis=1), scores.argmax(axis=1), columns[:, 4 + count :])


def _sound(found: Detections, rules: Rules) -> Detections:
    """Those of the wanted classes whose boxes are numbers."""
    keep = np.asarray(np.isfinite(found.boxes).all(axis=1))
    if rules.classes is not None:
        keep &= np.isin(found.classes, rules.classes)
    return found.only(keep)


def _suppressed(found: Detections, rules: Rules) -> NDArray[np.intp]:
    """The best ``max_det`` that no better one overlaps too much."""
    shift = np.float32(0) if rules.agnostic_nms else APART
    boxes = found.boxes + (found.classes.astype(np.float32) * shift)[:, None]
    low, high = boxes[:, :2], boxes[:, 2:]
    areas = (high - low).prod(axis=1)
    left = np.arange(len(boxes))
    kept: list[np.intp] = []
    while len(left) and len(kept) < rules.max_det:
        best, left = left[0], left[1:]
        kept.append(best)
        shared = np.minimum(high[best], high[left]) - np.maximum(low[best], low[left])
        inner = np.clip(shared, 0, None).prod(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            left = left[~(inner / (areas[best] + areas[left] - inner) > np.float32(rules.iou))]
    return np.array(kept, np.intp)
