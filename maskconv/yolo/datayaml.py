"""data.yaml: where the pictures of each split lie, and what the classes are called."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from maskconv.errors import SourceError
from maskconv.finding import Finding, Note, Weight, Where
from maskconv.wording import counted
from maskconv.yolo import nodes
from maskconv.yolo.nodes import Mapping, Node, Scalar, Sequence

__all__ = ["SPLITS", "DataYaml", "Place", "names", "parse"]

SPLITS = ("train", "val", "test", "minival")
_NEAR = {"training": "train", "valid": "val", "validation": "val", "testing": "test"}
_MOST = 1 << 20  # classes


class Place(NamedTuple):
    """A value of train, val or test, and its line."""

    path: str
    line: int


@dataclass
class DataYaml:
    """``path`` is the root as written, or "" for the file's own folder; ``names`` are by class number."""

    path: str = ""
    path_line: int | None = None
    splits: dict[str, list[Place]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)


def parse(data: bytes, where: Where, note: Note, *, checking: bool = False) -> DataYaml:
    """What a data.yaml says. What the trainer refuses and can be read all the same is an error for who checks, a
    warning for who converts. Raises SourceError where it cannot be read.

    ``download`` is never followed: Ultralytics runs what stands there.
    """
    return _Reading(where, note, Weight.ERROR if checking else Weight.WARNING).read(_root(data, where))


def names(data: bytes, where: Where, note: Note) -> dict[int, str]:
    """The classes' names alone, and what is wrong with them. Raises SourceError where they cannot be read."""
    return _Reading(where, note, Weight.WARNING).names(_root(data, where))


def _root(data: bytes, where: Where) -> Mapping:
    root = nodes.parse(data, where)
    if isinstance(root, Mapping):
        return root
    text, fix = "is no mapping of train, val and names", "name the data set's data.yaml"
    raise SourceError(text, where=where, code="yolo-yaml", fix=fix)


class _Reading:
    def __init__(self, where: Where, note: Note, refused: Weight) -> None:
        self._where = where
        self._note = note
        self._refused = refused

    def read(self, root: Mapping) -> DataYaml:
        values = self._once(root)
        found = DataYaml()
        if isinstance(path := values.get("path"), Scalar) and path.kind != "null":
            found.path, found.path_line = path.text, path.line
        for key in SPLITS:
            if key in values and (places := list(self._places(key, values[key]))):
                found.splits[key] = places
        self._near(values, found)
        self._note_split_keys(values)
        self._note_download(values.get("download"))
        found.names = self._names(values.get("names"), values.get("nc"))
        return found

    def names(self, root: Mapping) -> dict[int, str]:
        values = self._once(root)
        return self._names(values.get("names"), values.get("nc"))

    def _once(self, root: Mapping) -> dict[str, Node]:
        values: dict[str, Node] = {}
        for key, value in root.pairs:
            if not isinstance(key, Scalar):
                continue
            if key.text in values:
                text = f"the key {key.text!r} stands there twice; the last one counts"
                self._say("yolo-key-twice", Weight.WARNING, text, key.line, "remove one of them")
            values[key.text] = value
        return values

    def _places(self, key: str, node: Node) -> Iterator[Place]:
        for item in node.items if isinstance(node, Sequence) else [node]:
            if isinstance(item, Scalar):
                if item.kind != "null" and item.text:
                    yield Place(item.text, item.line)
                continue
            text = f"{key!r} is neither a path nor a list of paths"
            raise self._wrong("yolo-yaml", text, item.line, "write the path of the pictures' folder")

    def _near(self, values: dict[str, Node], found: DataYaml) -> None:
        """The trainer renames ``validation``; others it does not know."""
        for key, value in values.items():
            split = _NEAR.get(key.lower(), key.lower())
            if split not in SPLITS or key in SPLITS or split in found.splits:
                continue
            if key != "validation":
                text = f"the trainer does not know the key {key!r}; it is read as {split!r} here"
                self._say("yolo-split-key", self._refused, text, value.line, f"rename it to {split}")
            if places := list(self._places(key, value)):
                found.splits[split] = places

    def _note_split_keys(self, values: dict[str, Node]) -> None:
        known = {_NEAR.get(key.lower(), key.lower()) for key in values}
        for key in ("train", "val"):
            if key not in known:
                weight = Weight.ERROR if self._refused is Weight.ERROR else Weight.INFO
                fix = f"add '{key}:' with the folder of its pictures"
                self._say("yolo-split-key", weight, f"there is no key {key!r}, which the trainer demands", None, fix)

    def _note_download(self, node: Node | None) -> None:
        if isinstance(node, Scalar) and node.kind != "null" and node.text.strip():
            text = "has a 'download' entry, which the trainer runs where pictures are missing; it is not followed here"
            self._say("yolo-download", Weight.WARNING, text, node.line, "remove it unless you trust where it is from")

    # -- names -----------------------------------------------------------------------------------------------------

    def _names(self, node: Node | None, nc: Node | None) -> dict[int, str]:
        count = self._count(nc)
        if node is None or (isinstance(node, Scalar) and node.kind == "null"):
            return self._numbered(count)
        if isinstance(node, Scalar):
            text = "'names' is neither a list nor a mapping of class numbers"
            raise self._wrong("yolo-names", text, node.line, "write it as [car, person] or 0: car")
        if isinstance(node, Sequence):
            named = {number: self._name(number, item) for number, item in enumerate(node.items)}
        else:
            named = self._by_number(node)
        if count is not None and count != len(named):
            text = f"nc is {count}, but there are {counted(len(named), 'name')}; the names count"
            self._say("yolo-nc", self._refused, text, nc.line if nc else None, f"write nc: {len(named)}, or remove it")
        self._note_gaps(named, node.line)
        self._note_same(named)
        return {number: named[number].text for number in sorted(named)}

    def _count(self, node: Node | None) -> int | None:
        if node is None:
            return None
        try:
            count = float(node.text) if isinstance(node, Scalar) else -1.0
        except ValueError:
            count = -1.0
        if not (0 <= count <= _MOST and count == int(count)):
            self._say("yolo-nc", self._refused, "nc is no number of classes", node.line, "write how many there are")
            return None
        return int(count)

    def _numbered(self, count: int | None) -> dict[int, str]:
        if not count:
            return {}
        text = f"there are no names for the {count} classes; they are called class_0, class_1, ... as the trainer does"
        self._say("yolo-names-missing", Weight.WARNING, text, None, "add names: or --from-names")
        return {number: f"class_{number}" for number in range(count)}

    def _by_number(self, node: Mapping) -> dict[int, Scalar]:
        names: dict[int, Scalar] = {}
        for key, value in node.pairs:
            number = _number(key)
            if number is None:
                shown = repr(key.text) if isinstance(key, Scalar) else "a list"
                text = f"the key {shown} of names is no class number"
                raise self._wrong("yolo-names", text, key.line, "number the classes 0, 1, 2, ...")
            if number in names:
                text = f"class {number} is named twice; the last name counts"
                self._say("yolo-names-twice", self._refused, text, key.line, "give each class a number of its own")
            names[number] = self._name(number, value)
        return names

    def _name(self, number: int, node: Node) -> Scalar:
        if not isinstance(node, Scalar) or node.kind == "null" or not node.text:
            text = f"class {number} has no name"
            raise self._wrong("yolo-names", text, node.line, "write one, in quotes where it is a word that YAML knows")
        if node.kind == "bool":
            text = f"YAML takes the name of class {number}, {node.text!r}, for true or false; it is read as text here"
            self._say("yolo-names-type", Weight.WARNING, text, node.line, f'put it in quotes: "{node.text}"')
        return node

    def _note_gaps(self, names: Collection[int], line: int) -> None:
        gaps = sorted(set(range(len(names))).difference(names))
        if gaps and len(names) == 1:
            text, fix = f"the only class has the number {max(names)}", "give it the number 0, in the labels as well"
            self._say("yolo-names-gap", self._refused, text, line, fix)
        elif gaps:
            text = f"class {gaps[0]} has no name, for the numbers go from {min(names)} to {max(names)}"
            fix = f"number the {len(names)} classes from 0 to {len(names) - 1}, in the labels as well"
            self._say("yolo-names-gap", self._refused, text, line, fix)

    def _note_same(self, names: dict[int, Scalar]) -> None:
        first: dict[str, int] = {}
        for number, name in names.items():
            other = first.setdefault(name.text, number)
            if other != number:
                text = f"classes {other} and {number} are both called {name.text!r}, which makes them one label"
                self._say("yolo-names-same", Weight.DATA, text, name.line, "rename one of them")

    def _say(self, code: str, weight: Weight, text: str, line: int | None, fix: str) -> None:
        self._note(Finding(code, weight, text, self._where.at(line=line), fix=fix))

    def _wrong(self, code: str, text: str, line: int, fix: str) -> SourceError:
        return SourceError(text, where=self._where.at(line=line), code=code, fix=fix)


def _number(key: Node) -> int | None:
    """A class number as the trainer reads a key: 0, or "0"."""
    if not isinstance(key, Scalar) or not key.text.isascii() or not key.text.isdigit() or len(key.text) > 7:
        return None
    return int(key.text)
