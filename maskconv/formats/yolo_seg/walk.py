"""Pictures and their labels, pair by pair, one folder at a time: memory does not grow with the data set."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from typing import NamedTuple

from maskconv.formats.yolo_seg.layout import Root, labels_of
from maskconv.formats.yolo_seg.tree import MAX_DEPTH, Tree, too_deep
from maskconv.pictures import is_picture, stem

__all__ = ["Pair", "pairs"]

# Text files that lie beside labels and are none, where no picture has their name.
_NO_LABELS = frozenset(
    {"classes", "labels", "labelmap", "names", "notes", "predefined_classes", "readme", "train", "val", "test"}
)


class Pair(NamedTuple):
    """A picture and its label file, as paths of their trees; either may be missing (empty), not both."""

    name: str
    split: str | None
    picture: str
    label: str


Collide = Callable[[str, str], None]  # two pictures that differ in the extension only


def pairs(root: Root, pictures: Tree, labels: Tree, collide: Collide) -> Iterator[Pair]:
    """All pairs of a root in the order of their names; of a list, in its order."""
    if root.images.lower().endswith(".txt") and pictures.is_file(root.images):
        yield from _listed(root, pictures, labels)
        return
    for pair in _below(root, pictures, labels, "", collide):
        if pair.label or root.rest:
            yield pair


def _below(root: Root, pictures: Tree, labels: Tree, rest: str, collide: Collide) -> Iterator[Pair]:
    if rest.count("/") >= MAX_DEPTH:
        raise too_deep(pictures.where(posixpath.join(root.images, rest)))
    images = posixpath.join(root.images, rest).rstrip("/")
    texts = labels_of(images) if root.labels is None else posixpath.join(root.labels, rest).rstrip("/")
    folders, files = pictures.listing(images)
    below, others = labels.listing(texts) if (labels, texts) != (pictures, images) else ([], files)
    found = _by_stem(files, images, collide)
    marks = {f[:-4] for f in others if f.endswith(".txt")}
    alone = marks - found.keys()
    marks -= {name for name in alone if name.lower() in _NO_LABELS}
    if "images" in folders and root.labels is None:
        folders = [f for f in folders if f != "labels"]  # they belong to images
    deeper = {f + "/" for f in (*folders, *below)} if root.deep else set()
    for name in sorted({*found, *marks, *deeper}):
        if name in deeper:
            yield from _below(root, pictures, labels, rest + name, collide)
            continue
        picture = posixpath.join(images, found[name]) if name in found else ""
        label = posixpath.join(texts, name + ".txt") if name in marks else ""
        yield Pair(root.prefix + _short(rest + name), root.split, picture, label)


def _by_stem(files: list[str], folder: str, collide: Collide) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in files:
        if is_picture(file):
            other = found.setdefault(stem(file), file)
            if other != file:
                collide(posixpath.join(folder, file), other)
    return found


def _short(path: str) -> str:
    """What follows the last ``images`` of a path."""
    parts = path.split("/")
    return "/".join(parts[len(parts) - parts[::-1].index("images") :]) if "images" in parts[:-1] else path


def _listed(root: Root, pictures: Tree, labels: Tree) -> Iterator[Pair]:
    folder = posixpath.dirname(root.images)
    text = pictures.read(root.images).decode("utf-8-sig", "replace")
    for line in text.splitlines():
        path = line.strip().replace("\\", "/")
        if not path or not is_picture(path):
            continue
        path = posixpath.normpath(posixpath.join(folder, path))
        label = posixpath.join(labels_of(posixpath.dirname(path)), stem(posixpath.basename(path)) + ".txt")
        there = pictures.is_file(path), labels.is_file(label)
        yield Pair(_name(path, root), root.split, path if there[0] else "", label if there[1] else "")


def _name(path: str, root: Root) -> str:
    """The path below images, without the folder of the split."""
    name = stem(
        _short(path)
        if "images" in path.split("/")[:-1]
        else posixpath.relpath(path, posixpath.dirname(root.images) or ".")
    )
    while name.startswith("../"):
        name = name[3:]
    return root.prefix + name.removeprefix(f"{root.split}/")
