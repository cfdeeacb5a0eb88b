"""The shortest bridges between many parts, by one distance transform of the crop: time and memory grow with its pixels.

Every pixel belongs to the contour point that is nearest to it. Where pixels of two parts touch, the way over both is a
candidate; the candidates hold a spanning tree of least length (K. Mehlhorn, A faster approximation algorithm for the
Steiner problem in graphs, 1988, lemma 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from maskconv._opencv import opencv

__all__ = ["far_bridges"]

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


def far_bridges(points: Ints, first: Sequence[int], shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Pairs of points that join the parts ``points[first[i]:first[i + 1]]`` by the least length, as indices into points."""
    nearest, distance = _nearest(points, shape)
    part = np.repeat(np.arange(len(first) - 1, dtype=np.int32), np.diff(first))
    near = list(_candidates(nearest, distance, part))
    a, b, length = (np.concatenate(each) for each in zip(*near, strict=True))
    order = _shortest_each(part[a], part[b], length, len(first) - 1)
    return list(_tree(a[order], b[order], part, len(first) - 1))


def _nearest(points: Ints, shape: tuple[int, ...]) -> tuple[Ints, Ints]:
    """For each pixel the index of a nearest point, and its distance by eight neighbours."""
    cv2 = opencv()
    y, x = points[:, 1], points[:, 0]
    image: NDArray[np.uint8] = np.ones(shape, np.uint8)
    image[y, x] = 0
    distance, labels = cv2.distanceTransformWithLabels(image, cv2.DIST_C, 5, labelType=cv2.DIST_LABEL_PIXEL)
    owner = np.empty(int(labels.max()) + 1, np.int32)
    owner[labels[y, x]] = np.arange(len(points), dtype=np.int32)
    return owner[labels], distance.astype(np.int32)


def _candidates(nearest: Ints, distance: Ints, part: Ints) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Points of different parts whose pixels touch, and the length of the way."""
    owner = part[nearest]
    every, before, behind = slice(None), slice(None, -1), slice(1, None)
    for one, two in (
        ((every, before), (every, behind)),
        ((before, every), (behind, every)),
        ((before, before), (behind, behind)),
        ((before, behind), (behind, before)),
    ):
        edge = np.flatnonzero(owner[one] != owner[two])
        near, far = distance[one].ravel()[edge], distance[two].ravel()[edge]
        yield nearest[one].ravel()[edge], nearest[two].ravel()[edge], near + far + 1


def _shortest_each(a: Ints, b: Ints, length: Ints, parts: int) -> Longs:
    """Of each pair of parts the shortest candidate, all of them in the order of their length."""
    pair = np.minimum(a, b).astype(np.int64) * parts + np.maximum(a, b)
    order = np.lexsort((length, pair))
    order = order[np.flatnonzero(np.diff(pair[order], prepend=-1))]
    found: Longs = order[np.argsort(length[order], kind="stable")]
    return found


def _tree(a: Ints, b: Ints, part: Ints, parts: int) -> Iterator[tuple[int, int]]:
    """Kruskal: each candidate that joins what is not joined yet."""
    root = list(range(parts))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = i = root[root[i]]
        return i

    for p, q, one, other in zip(a.tolist(), b.tolist(), part[a].tolist(), part[b].tolist(), strict=True):
        i, j = find(one), find(other)
        if i != j:
            root[i] = j
            yield p, q
