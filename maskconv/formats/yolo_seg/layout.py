"""Where the pictures and labels of a source lie: by its data.yaml, or by its folders. No label is read here."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from maskconv.errors import SourceError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.formats.yolo_seg.tree import FolderTree, Tree, is_tree
from maskconv.pictures import is_picture
from maskconv.yolo import datayaml
from maskconv.yolo.datayaml import DataYaml, Place

__all__ = ["KEYS", "YAMLS", "Layout", "Root", "labels_of", "survey"]

YAMLS = (".yaml", ".yml")
KEYS = re.compile(rb"^(?:\xef\xbb\xbf)?(?:names|train)[ \t]*:", re.MULTILINE)
_USUAL = ("data.yaml", "dataset.yaml", "data.yml", "dataset.yml")
_SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
LIST = "classes.txt"
_DEEPEST = 3  # a data set may be packed within this many folders


class Root(NamedTuple):
    """A folder of pictures, or a ``.txt`` list of some, of one split.

    ``labels`` is the folder of its labels, or None where the trainer's rule says it of ``home``, or of ``images`` where
    the pictures are at home; ``prefix`` comes before the items' names; ``deep`` includes sub-folders; ``rest`` leaves out
    pictures without labels; ``list`` is a file of names, which is no label file, wherever it lies.
    """

    split: str | None
    images: str
    labels: str | None = None
    prefix: str = ""
    deep: bool = True
    rest: bool = True
    list: str = ""
    home: str | None = None

    @property
    def by_rule(self) -> str:
        """The folder that the trainer's rule turns into that of the labels."""
        return self.images if self.home is None else self.home

    @property
    def named(self) -> bool:
        """Whether a folder ``images`` is or holds the root, so that one within it is part of the items' names."""
        return "images" in self.by_rule.split("/")


@dataclass
class Layout:
    """``names`` are data.yaml's, by class number; ``list`` is a file with a name a line that was found instead."""

    roots: list[Root]
    yaml: str = ""
    names: dict[int, str] = field(default_factory=dict)
    list: str = ""


def labels_of(images: str) -> str:
    """The folder of the labels by the trainer's rule: the last ``images`` of the path becomes ``labels``; without one
    they lie beside the pictures."""
    parts = images.split("/")
    if "images" not in parts:
        return images
    last = len(parts) - 1 - parts[::-1].index("images")
    return "/".join([*parts[:last], "labels", *parts[last + 1 :]])


def survey(tree: Tree, source: Path, note: Note, *, checking: bool = False) -> Layout:
    """Find the roots of a source. Raises SourceError where there is nothing of the format."""
    base, yaml = ("", "") if is_tree(source) else ("", source.name)
    if not yaml:
        base = _base(tree)
        yaml = _yaml(tree, base)
    if yaml:
        found = datayaml.parse(tree.read(yaml), tree.where(yaml), note, checking=checking)
        roots = _Roots(tree, base, yaml, note, checking=checking).of(found)
        return Layout(roots, yaml, found.names)
    roots = _by_folders(tree, base)
    if not roots:
        text, fix = "holds no data.yaml and no labels", "name the data.yaml, or the folder above images and labels"
        raise SourceError(text, where=Where(path=str(source)), code="yolo-no-labels", fix=fix)
    found_list = next(filter(tree.is_file, _lists(base, roots)), "")
    return Layout([root._replace(list=found_list) for root in roots], list=found_list)


def _lists(base: str, roots: list[Root]) -> Iterator[str]:
    """Where a classes.txt may lie: in the data set, beside its labels, or above those of a split."""
    yield posixpath.join(base, LIST)
    for root in roots:
        labels = labels_of(root.by_rule) if root.labels is None else root.labels
        yield posixpath.join(labels, LIST)
        if root.split is not None:
            yield posixpath.join(posixpath.dirname(labels), LIST)


def _base(tree: Tree) -> str:
    """The folder of the data set: the source, or what alone lies in it."""
    base = ""
    for _ in range(_DEEPEST):
        folders, files = tree.listing(base)
        known = {"images", "labels", *_SPLITS} & set(folders)
        if len(folders) != 1 or known or any(f.lower().endswith((".txt", *YAMLS)) for f in files):
            break
        base = posixpath.join(base, folders[0])
    return base


def _yaml(tree: Tree, base: str) -> str:
    """The data.yaml, or the only YAML file with its keys."""
    files = [f for f in tree.listing(base).files if f.lower().endswith(YAMLS)]
    usual = [name for name in _USUAL if name in files]
    files = usual[:1] or [f for f in files if KEYS.search(tree.read(posixpath.join(base, f)))]
    if len(files) > 1:
        text = f"there are several files that could be its data.yaml ({', '.join(files[:4])})"
        raise SourceError(
            text, where=tree.where(base), code="yolo-yaml", fix="name the one that is meant as the source"
        )
    return posixpath.join(base, files[0]) if files else ""


class _Roots:
    """Resolves what a data.yaml says to what there is."""

    def __init__(self, tree: Tree, base: str, yaml: str, note: Note, *, checking: bool) -> None:
        self._tree = tree
        self._base = base
        self._where = tree.where(yaml)
        self._note = note
        self._checking = checking

    def of(self, found: DataYaml) -> list[Root]:
        root = self._root(found)
        roots: list[Root] = []
        taken: dict[str, str] = {}
        for split, places in found.splits.items():
            some = [path for place in places if (path := self._split(root, split, place)) is not None]
            some = [path for path in some if self._first(split, path, taken)]
            self._note_outside(split, some)
            roots += [Root(split, path, prefix=prefix) for path, prefix in zip(some, _prefixes(some), strict=True)]
        if not found.splits:
            roots = _by_folders(self._tree, root)
        if not roots:
            text = "names no folder that is there"
            fix = "correct train and val: they are the folders of the pictures"
            raise SourceError(text, where=self._where, code="yolo-no-labels", fix=fix)
        return roots

    def _note_outside(self, split: str, paths: list[str]) -> None:
        """A data.yaml may name any folder of this machine; whoever got it from elsewhere should know."""
        for path in paths:
            if path.startswith("../") or path == ".." or _absolute(path):
                place = os.path.normpath(self._tree.path / path)
                text, fix = (
                    f"the pictures of {split} lie outside this file's folder, in {place}",
                    "nothing, if they are meant",
                )
                self._note(Finding("yolo-outside", Weight.INFO, text, self._where, fix=fix))

    def _first(self, split: str, path: str, taken: dict[str, str]) -> bool:
        other = taken.setdefault(path, split)
        if other != split:
            text = f"{split} names the same pictures as {other}; they are read once, as {other}"
            fix = f"if {split} is to test the model, give it pictures of its own"
            self._note(Finding("yolo-split-same", Weight.INFO, text, self._where, fix=fix))
        return other == split

    def _root(self, found: DataYaml) -> str:
        path = found.path.replace("\\", "/")
        if not path:
            return self._base
        if self._checking and not _absolute(path):
            text = (
                "the trainer takes a relative 'path' from its current folder or its datasets folder, not from this file"
            )
            fix = "remove the key: without it, this file's folder counts"
            self._say("yolo-path", text, found.path_line, fix)
        for candidate in (self._join(self._base, path), self._beside(path)):
            if candidate is not None and self._tree.is_folder(candidate):
                return candidate
        text = f"the 'path' {found.path!r} is not here; this file's own folder is taken"
        self._say("yolo-path", text, found.path_line, "correct it, or remove the key")
        return self._base

    def _split(self, root: str, split: str, place: Place) -> str | None:
        path = place.path.replace("\\", "/")
        candidates = [self._join(root, path)]
        if path.startswith("../"):
            candidates.append(self._join(root, path[3:]))  # as the trainer does, for sets that Roboflow packed
        for candidate in candidates:
            if candidate is not None and self._there(candidate):
                return candidate
        parts = path.strip("/").split("/")
        for k in range(1, len(parts) if _absolute(path) else 0):
            candidate = posixpath.join(root, *parts[k:])
            if self._there(candidate):
                text = f"{place.path!r} is not here; {'/'.join(parts[k:])} in the data set is taken for {split}"
                self._say("yolo-path", text, place.line, "write it relative to this file")
                return candidate
        weight = Weight.ERROR if split in ("train", "val") else Weight.WARNING
        text, fix = f"{place.path!r}, the pictures of {split}, is not here", "correct the path, or remove the key"
        self._note(Finding("yolo-split-missing", weight, text, self._where.at(line=place.line), fix=fix))
        return None

    def _there(self, path: str) -> bool:
        return self._tree.is_folder(path) or self._tree.is_file(path) or self._tree.is_folder(labels_of(path))

    def _join(self, root: str, path: str) -> str | None:
        """A path of the tree; None where an absolute one cannot be of it."""
        if not _absolute(path):
            joined = posixpath.normpath(posixpath.join(root, path))
            return "" if joined == "." else joined
        return self._beside(path)

    def _beside(self, path: str) -> str | None:
        """A path on this machine, absolute or from the current folder, as the tree has it."""
        if not isinstance(self._tree, FolderTree) or not os.path.exists(path):
            return None
        try:
            relative = Path(os.path.relpath(path, self._tree.path)).as_posix()
        except ValueError:  # on another drive
            return Path(path).as_posix()
        return "" if relative == "." else relative

    def _say(self, code: str, text: str, line: int | None, fix: str) -> None:
        self._note(Finding(code, Weight.WARNING, text, self._where.at(line=line), fix=fix))


def _absolute(path: str) -> bool:
    return path.startswith("/") or path[1:2] == ":"


def _prefixes(paths: list[str]) -> list[str]:
    """Several roots of one split: items get their root's folder, as seen from the common one, as prefix."""
    if len(paths) < 2:
        return [""] * len(paths)
    folders = [posixpath.dirname(path) if path.lower().endswith(".txt") else path for path in paths]
    common = os.path.commonpath([folder or "." for folder in folders])
    names = [posixpath.relpath(folder or ".", common or ".") for folder in folders]
    return [
        "" if name == "." or path.lower().endswith(".txt") else name + "/"
        for name, path in zip(names, paths, strict=True)
    ]


# --- without a data.yaml ----------------------------------------------------------------------------------------------


def _by_folders(tree: Tree, base: str) -> list[Root]:
    """images and labels, with or without a folder for each split; splits with images; predictions; plain labels."""
    folders, files = tree.listing(base)
    if "images" in folders or ("labels" in folders and _split_only(tree, posixpath.join(base, "labels"))):
        images = posixpath.join(base, "images")
        if _split_only(tree, images) or _split_only(tree, labels_of(images)):
            splits = {*tree.listing(images).folders, *tree.listing(labels_of(images)).folders}
            return [Root(_SPLITS[name], posixpath.join(images, name)) for name in sorted(splits) if name in _SPLITS]
        return [Root(None, images)]
    if "labels" in folders:
        return [Root(None, base, posixpath.join(base, "labels"), deep=False)]
    found = [
        name for name in folders if name in _SPLITS and "images" in tree.listing(posixpath.join(base, name)).folders
    ]
    if found:
        return [Root(_SPLITS[name], posixpath.join(base, name, "images")) for name in found]
    return [_plain(tree, base, files)] if any(f.endswith(".txt") for f in files) else []


def _split_only(tree: Tree, folder: str) -> bool:
    folders, files = tree.listing(folder)
    none = not any(is_picture(f) or (f.endswith(".txt") and f != LIST) for f in files)
    return none and bool(folders) and set(folders) <= _SPLITS.keys()


def _plain(tree: Tree, base: str, files: list[str]) -> Root:
    """A folder of labels: their pictures beside them, above (a model's predictions), or by the trainer's rule."""
    if isinstance(tree, FolderTree) and not base and not any(map(is_picture, files)):
        parts = Path(os.path.abspath(tree.path)).parts
        if "labels" in parts:
            last = len(parts) - 1 - parts[::-1].index("labels")
            images = os.path.relpath(Path(*parts[:last], "images", *parts[last + 1 :]), tree.path)
            if tree.is_folder(images):
                return Root(None, Path(images).as_posix(), "")
        if parts[-1] == "labels" and any(map(is_picture, tree.listing("..").files)):
            return Root(None, "..", "", deep=False)
    return Root(None, base, base)
