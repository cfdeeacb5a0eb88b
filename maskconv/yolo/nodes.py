"""YAML as plain nodes with their lines: from the parser's events, so that nothing is built, called or expanded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from maskconv.errors import SourceError
from maskconv.finding import Where

__all__ = ["MAX_YAML", "Mapping", "Node", "Scalar", "Sequence", "parse"]

MAX_YAML = 1 << 20  # bytes; the names of 20,000 classes take half of that
MAX_DEPTH = 16


class Scalar(NamedTuple):
    """A value: its text, what YAML takes it for (str, int, float, bool, null, ...), and its line, from 1."""

    text: str
    kind: str
    line: int


@dataclass(slots=True)
class Sequence:
    line: int
    items: list[Node] = field(default_factory=list)

    def add(self, node: Node) -> None:
        self.items.append(node)


@dataclass(slots=True)
class Mapping:
    """Keys and values as they stand there: a key may occur twice."""

    line: int
    flat: list[Node] = field(default_factory=list)

    def add(self, node: Node) -> None:
        self.flat.append(node)

    @property
    def pairs(self) -> Iterator[tuple[Node, Node]]:
        return zip(self.flat[::2], self.flat[1::2], strict=False)


Node = Scalar | Sequence | Mapping


def parse(data: bytes, where: Where) -> Node | None:
    """The one document of a YAML file; None where it is empty. Raises SourceError."""
    import yaml

    if len(data) > MAX_YAML:
        raise _unusable(f"has {len(data):,} bytes, more than the {MAX_YAML:,} that are read", where)
    try:
        events = yaml.parse(data.decode("utf-8-sig"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return _Composer(where).document(events)
    except UnicodeDecodeError as error:
        raise _unusable("is not UTF-8", where, "save it as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = where if mark is None else where.at(line=mark.line + 1)
        raise _unusable(f"is no YAML ({error.problem or error.context})", place) from error
    except yaml.YAMLError as error:
        raise _unusable(f"is no YAML ({str(error).splitlines()[0]})", where) from error


def _unusable(text: str, where: Where, fix: str = "correct the file") -> SourceError:
    return SourceError(text, where=where, code="yolo-yaml", fix=fix)


class _Composer:
    """Puts events together without recursion; an alias is the very node of its anchor."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._open: list[Sequence | Mapping] = []
        self._anchors: dict[str, Node] = {}
        self._root: list[Node] = []

    def document(self, events: Iterator[Any]) -> Node | None:
        import yaml

        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                self._add(Scalar(event.value, _kind(event), event.start_mark.line + 1), event.anchor)
            elif isinstance(event, yaml.SequenceStartEvent):
                self._begin(Sequence(event.start_mark.line + 1), event.anchor)
            elif isinstance(event, yaml.MappingStartEvent):
                self._begin(Mapping(event.start_mark.line + 1), event.anchor)
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._open.pop()
        if len(self._root) > 1:
            raise _unusable("holds several documents", self._where, "keep one of them")
        return self._root[0] if self._root else None

    def _begin(self, node: Sequence | Mapping, anchor: str | None) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise _unusable(f"is nested deeper than {MAX_DEPTH} levels", self._where.at(line=node.line))
        self._add(node, anchor)
        self._open.append(node)

    def _add(self, node: Node, anchor: str | None = None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1].add(node)
        else:
            self._root.append(node)

    def _alias(self, event: Any) -> None:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise _unusable(f"has no anchor &{event.anchor}", self._where.at(line=event.start_mark.line + 1))
        self._add(node)


def _kind(event: Any) -> str:
    """What YAML 1.1 takes a scalar for, as safe_load does: ``no`` is a bool."""
    import yaml

    if event.tag is not None:
        return str(event.tag).rpartition(":")[2]
    if not event.implicit[0]:
        return "str"
    tag = yaml.resolver.Resolver().resolve(yaml.ScalarNode, event.value, (True, False))
    return str(tag).rpartition(":")[2]
