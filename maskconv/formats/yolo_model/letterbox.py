"""How a picture fits into the network: scaled, padded with gray, and back again; as Ultralytics' LetterBox does."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from maskconv._opencv import opencv

GRAY = 114


class Fit(NamedTuple):
    """Where a picture of ``width`` x ``height`` pixels lies in an input of ``net_width`` x ``net_height``: scaled to
    ``inner_width`` x ``inner_height``, with its corner at (left, top)."""

    width: int
    height: int
    net_width: int
    net_height: int
    inner_width: int
    inner_height: int
    left: int
    top: int

    @classmethod
    def of(cls, width: int, height: int, net: tuple[int, int], stride: int | None) -> Self:
        """``net`` is (height, width). With a ``stride`` the padding goes up to its next multiple only, else to all of it."""
        gain = min(net[0] / height, net[1] / width)
        inner_width, inner_height = max(round(width * gain), 1), max(round(height * gain), 1)
        pad_width, pad_height = net[1] - inner_width, net[0] - inner_height
        if stride is not None:
            pad_width, pad_height = pad_width % stride, pad_height % stride
        whole = inner_width + pad_width, inner_height + pad_height
        corner = round(pad_width / 2 - 0.1), round(pad_height / 2 - 0.1)
        return cls(width, height, *whole, inner_width, inner_height, *corner)

    @property
    def shape(self) -> tuple[int, int]:
        """The input's (height, width)."""
        return self.net_height, self.net_width

    def picture(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Pixels (height, width, 3) as the network sees them, channels in the same order."""
        inner: Any = pixels
        if pixels.shape[:2] != (self.inner_height, self.inner_width):
            cv2 = opencv()
            inner = cv2.resize(pixels, (self.inner_width, self.inner_height), interpolation=cv2.INTER_LINEAR)
        whole = np.full((*self.shape, 3), GRAY, np.uint8)
        whole[self.top : self.top + self.inner_height, self.left : self.left + self.inner_width] = inner
        return whole

    def boxes(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (n, 4) of x1, y1, x2, y2 in the network's pixels, as float32 in the picture's, clipped to it.

        As Ultralytics undoes it, for boxes and masks alike: the place of the picture is told from the input's shape alone.
        That is another one where a side was rounded down to a multiple of the stride and so has no padding.
        """
        told = self.of(self.width, self.height, self.shape, None)
        corner = np.array([told.left, told.top] * 2, np.float32)
        gain = np.array([told.inner_width / self.width, told.inner_height / self.height] * 2, np.float32)
        limits = np.array([self.width, self.height] * 2, np.float32)
        found: NDArray[np.float32] = np.clip((boxes - corner) / gain, 0, limits)
        return found


def as_input(pictures: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Pictures (height, width, blue-green-red) of one shape as a batch, float32 (n, red-green-blue, height, width) in 0..1."""
    stacked = np.stack(pictures)[:, :, :, ::-1].transpose(0, 3, 1, 2)
    batch = np.ascontiguousarray(stacked, np.float32)
    batch /= 255
    return batch
