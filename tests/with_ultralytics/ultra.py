"""What Ultralytics itself sees in pictures, with the pixels on whose side of the threshold float32 decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

NEAR = 1e-4  # logits: two ways of computing in float32 may differ this close to the threshold


class Seen(NamedTuple):
    """One picture's instances, best first. ``masks`` (n, height, width) are Ultralytics' own at full size; ``least`` are
    the pixels whose logit is above 1e-4, ``most`` those whose logit is above -1e-4."""

    labels: list[str]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    masks: NDArray[np.bool_]
    least: NDArray[np.bool_]
    most: NDArray[np.bool_]


def look(weights: Path, pictures: Path, **options: Any) -> dict[str, Seen]:
    """By stem: what ``predict(retina_masks=True)`` finds in a folder's pictures, one at a time."""
    from ultralytics import YOLO

    model = YOLO(weights, task="segment")
    results = model.predict(pictures, predictor=_predictor(), retina_masks=True, stream=True, verbose=False, **options)
    return {Path(result.path).stem: _seen(result) for result in results}


def _predictor() -> Any:
    from ultralytics.models.yolo.segment import SegmentationPredictor

    class Remembering(SegmentationPredictor):  # type: ignore[misc]
        """Results also hold the masks at shifted thresholds."""

        def construct_result(self, pred: Any, img: Any, orig_img: Any, img_path: Any, proto: Any) -> Any:
            result = super().construct_result(pred, img, orig_img, img_path, proto)  # moves pred's boxes in place
            if len(pred):
                result.shifted = [_shifted(pred, proto, orig_img.shape[:2], by) for by in (-NEAR, 0, NEAR)]
            return result

    return Remembering


def _shifted(pred: Any, proto: Any, shape: tuple[int, int], by: float) -> NDArray[np.bool_]:
    height, width = shape
    return full_size(pred[:, 6:].numpy(), proto.numpy(), pred[:, :4].numpy(), (width, height), by)


def full_size(
    coefficients: NDArray[Any], prototypes: NDArray[Any], boxes: NDArray[Any], size: tuple[int, int], by: float
) -> NDArray[np.bool_]:
    """Ultralytics' masks (n, height, width) in a picture of ``size`` (width, height), with ``by`` added to every logit: one
    more prototype that is 1 everywhere, for interpolation keeps constants."""
    import torch
    from ultralytics.utils import ops

    planes = np.concatenate([prototypes, np.ones_like(prototypes[:1])])
    weights = np.concatenate([coefficients, np.full_like(coefficients[:, :1], by)], axis=1)
    tensors = (torch.from_numpy(array) for array in (planes, weights, boxes))
    found: NDArray[np.bool_] = ops.process_mask_native(*tensors, size[::-1]).numpy() > 0
    return found


def _seen(result: Any) -> Seen:
    boxes = result.boxes
    labels = [result.names[int(number)] for number in boxes.cls]
    if not labels:
        nothing = np.zeros((0, *result.orig_shape), bool)
        return Seen([], boxes.conf.numpy(), boxes.xyxy.numpy(), nothing, nothing, nothing)
    least, plain, most = result.shifted
    kept = plain.any(axis=(1, 2))  # Ultralytics leaves out what has no pixel
    masks = result.masks.data.numpy() > 0
    return Seen(labels, boxes.conf.numpy(), boxes.xyxy.numpy(), masks, least[kept], most[kept])
