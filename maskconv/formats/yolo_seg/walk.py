"""Pictures and their labels, pair by pair, one folder at a time: memory does not grow with the data set."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from maskconv.formats.yolo_seg.layout import Root, labels_of
from maskconv.formats.yolo_seg.tree import MAX_DEPTH, Tree, too_deep
from maskconv.pictures import is_picture, stem

__all__ = ["Pair", "overlap", "pairs"]

# Text files that lie beside labels, and may be none, where no picture has their name.
_OTHERS = frozenset(
    {"classes", "labels", "labelmap", "names", "notes", "predefined_classes", "readme", "train", "val", "test"}
)


class Pair(NamedTuple):
    """A picture and its label file, as paths of their trees; either may be missing (empty).

    Where both are, a list names the picture: ``listed`` says what it names, and where.
    """

    name: str
    split: str | None
    picture: str
    label: str
    listed: str = ""


Collide = Callable[[str, str], None]  # two pictures that differ in the extension only


def pairs(root: Root, pictures: Tree, labels: Tree, collide: Collide) -> Iterator[Pair]:
    """All pairs of a root in the order of their names; of a list, in its order."""
    if root.images.lower().endswith(".txt") and pictures.is_file(root.images):
        yield from _listed(root, pictures, labels)
        return
    for pair in _below(root, pictures, labels, "", collide):
        if pair.label or root.rest:
            yield pair


def overlap(roots: Sequence[Root]) -> bool:
    """Whether a picture can be met twice: one root lies in another, or is a list."""
    if any(root.images.lower().endswith(".txt") for root in roots):
        return True
    folders = [f"{root.images}/".lstrip("/") for root in roots]
    return any(a.startswith(b) for i, a in enumerate(folders) for k, b in enumerate(folders) if i != k)


def _below(root: Root, pictures: Tree, labels: Tree, rest: str, collide: Collide) -> Iterator[Pair]:
    if rest.count("/") >= MAX_DEPTH:
        raise too_deep(pictures.where(posixpath.join(root.images, rest)))
    images = posixpath.join(root.images, rest).rstrip("/")
    home = posixpath.join(root.by_rule, rest).rstrip("/")
    texts = labels_of(home) if root.labels is None else posixpath.join(root.labels, rest).rstrip("/")
    folders, files = pictures.listing(images)
    same = (labels, texts) == (pictures, images)
    found = _pictures(files, images, collide)
    below, files = (folders, files) if same else labels.listing(texts)
    folder, names = posixpath.split(root.list)
    if names and folder == texts and names[:-4] not in found:
        files = [file for file in files if file != names]
    _mark(found, files, lambda file: _is_list(labels.read(posixpath.join(texts, file))))
    del files  # long lists are not held while images are worked on
    deeper = {f + "/" for f in (*folders, *below)} if root.deep else set()
    if root.labels is None and texts == home and "images/" in deeper:
        deeper.discard("labels/")  # it belongs to images
    if root.named and root.labels is None and labels.is_folder(posixpath.join(home, "labels")):
        deeper.add("images/")  # whose labels they are, also where there are no pictures
    for name in sorted([*found, *deeper]):
        if name in deeper:
            yield from _below(root, pictures, labels, rest + name, collide)
            continue
        suffix, marked = found[name]
        picture = posixpath.join(images, name + suffix) if suffix else ""
        label = posixpath.join(texts, name + ".txt") if marked else ""
        yield Pair(root.prefix + (rest + name if root.named else _short(rest + name)), root.split, picture, label)


Files = dict[
    str, tuple[str, bool]
]  # by name: a picture's suffix (empty: there is none), and whether there is a label file


def _pictures(files: list[str], folder: str, collide: Collide) -> Files:
    found: Files = {}
    values: dict[str, tuple[str, bool]] = {}  # one for each suffix, not one for each picture
    for file in files:
        if is_picture(file):
            name = stem(file)
            suffix = file[len(name) :]
            other, _ = found.setdefault(name, values.setdefault(suffix, (suffix, False)))
            if other != suffix:
                collide(posixpath.join(folder, file), name + other)
    return found


def _mark(found: Files, files: list[str], is_list: Callable[[str], bool]) -> None:
    """Note the label files; one that has no picture, and a name such as classes.txt, may be a list of something else."""
    values: dict[str, tuple[str, bool]] = {}
    for file in files:
        if file.endswith(".txt"):
            name = file[:-4]
            if name in found or name.lower() not in _OTHERS or not is_list(file):
                suffix, _ = found.get(name, ("", False))
                found[name] = values.setdefault(suffix, (suffix, True))


def _is_list(data: bytes) -> bool:
    """Whether a text file begins otherwise than with a row."""
    first = data.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")[0].split()
    return bool(first) and (len(first) < 3 or not first[0].replace(b".", b"", 1).isdigit())


def _short(path: str) -> str:
    """What follows the last ``images`` of a path."""
    parts = path.split("/")
    return "/".join(parts[len(parts) - parts[::-1].index("images") :]) if "images" in parts[:-1] else path


def _listed(root: Root, pictures: Tree, labels: Tree) -> Iterator[Pair]:
    folder = posixpath.dirname(root.images)
    text = pictures.read(root.images).decode("utf-8-sig", "replace")
    for number, line in enumerate(text.splitlines(), 1):
        path = line.strip().replace("\\", "/")
        if not path or not is_picture(path):
            continue
        path = posixpath.normpath(posixpath.join(folder, path))
        label = posixpath.join(labels_of(posixpath.dirname(path)), stem(posixpath.basename(path)) + ".txt")
        there = pictures.is_file(path), labels.is_file(label)
        listed = "" if any(there) else f"{path} in {root.images}:{number}"
        yield Pair(_name(path, root), root.split, path if there[0] else "", label if there[1] else "", listed)


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
