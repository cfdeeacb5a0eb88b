"""Which files of a data set belong together: roots, lists, masks, pictures, label maps. Nothing is decoded here."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from maskconv.finding import Finding, Note, Weight
from maskconv.model import PICTURE_SUFFIXES
from maskconv.store import Entry, Store, unsafe

CLASS_FOLDERS = frozenset({"SegmentationClass", "SegmentationClassPNG"})
OBJECT_FOLDERS = frozenset({"SegmentationObject", "SegmentationObjectPNG"})
LABELMAP, META = "labelmap.txt", "dataset_meta.json"
_DEEPEST = 4  # CVAT looks for the data set no deeper


class Item(NamedTuple):
    """One unit: an item and its files; ``table`` numbers the label map that rules it."""

    name: str
    split: str | None
    table: int
    classes: Entry | None
    objects: Entry | None
    picture: str


class Listed(NamedTuple):
    """A line of a list: the item, and where it is listed."""

    name: str
    split: str
    member: str
    line: int


@dataclass
class Root:
    """One folder that holds SegmentationClass, SegmentationObject, ImageSets or JPEGImages."""

    path: str
    prefix: str = ""
    table: int = 0
    classes: dict[str, Entry] = field(default_factory=dict)
    objects: dict[str, Entry] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    lists: list[Entry] = field(default_factory=list)


@dataclass
class Layout:
    """What a store holds, by root; ``maps`` are the label map files by folder."""

    roots: list[Root]
    maps: dict[str, Entry]


def survey(store: Store, note: Note) -> Layout:
    """Sort all files of the store into roots. Unusable ones are noted."""
    roots: dict[str, Root] = {}
    maps: dict[str, Entry] = {}
    for entry in store.entries():
        parts = entry.name.split("/")
        if any(part.startswith(".") for part in parts) or parts[0] == "__MACOSX":
            continue
        if parts[-1] in (LABELMAP, META):
            folder = posixpath.dirname(entry.name)
            if parts[-1] == META or folder not in maps or not maps[folder].name.endswith(META):
                maps[folder] = entry
            continue
        _sort(entry, parts, roots, store, note)
    found = [root for root in roots.values() if root.classes or root.objects or root.lists]
    _prefix(found)
    return Layout(found, maps)


def _sort(entry: Entry, parts: list[str], roots: dict[str, Root], store: Store, note: Note) -> None:
    for depth, part in enumerate(parts[:-1]):
        known = part in CLASS_FOLDERS or part in OBJECT_FOLDERS or part in ("JPEGImages", "ImageSets")
        if not known:
            continue
        path = "/".join(parts[:depth])
        root = roots.setdefault(path, Root(path))
        rest = "/".join(parts[depth + 1 :])
        if part == "JPEGImages":
            _picture(root, rest, entry, store, note)
        elif part == "ImageSets":
            if parts[depth + 1 : -1] == ["Segmentation"] and rest.lower().endswith(".txt"):
                root.lists.append(entry)
        else:
            _mask(root.classes if part in CLASS_FOLDERS else root.objects, rest, entry, store, note)
        return


def _picture(root: Root, rest: str, entry: Entry, store: Store, note: Note) -> None:
    name, suffix = posixpath.splitext(rest)
    if suffix.lower() not in PICTURE_SUFFIXES:
        return
    if name in root.pictures:
        text = f"{entry.name} and {root.pictures[name]} differ only in the extension: both belong to item {name!r}"
        fix = "CVAT would take either; rename or remove one"
        note(Finding("cvat-picture-collision", Weight.ERROR, text, store.where(entry.name), fix=fix))
        return
    root.pictures[name] = entry.name


def _mask(masks: dict[str, Entry], rest: str, entry: Entry, store: Store, note: Note) -> None:
    name, suffix = posixpath.splitext(rest)
    where = store.where(entry.name)
    if suffix.lower() != ".png":
        text = f"a mask is a PNG; this {suffix or 'file'} is not read, and CVAT ignores it without a word"
        weight = Weight.ERROR if suffix.lower() in PICTURE_SUFFIXES else Weight.WARNING
        note(Finding("cvat-mask-suffix", weight, text, where, fix="export the masks again as PNG"))
        return
    if suffix != ".png":
        text = f"CVAT ignores masks named {suffix} without a word; it is read here"
        note(Finding("cvat-mask-suffix", Weight.WARNING, text, where, fix="rename it to .png before an upload"))
    if name in masks:
        text = f"this mask and {masks[name].name} belong to the same item {name!r}"
        note(Finding("cvat-item-collision", Weight.ERROR, text, where, fix="remove or rename one of them"))
        return
    masks[name] = entry


def _prefix(roots: list[Root]) -> None:
    """Several roots (one folder per class): items get their root's folder, as seen from the common one, as prefix."""
    if len(roots) < 2:
        return
    common = posixpath.commonpath([root.path or "." for root in roots])
    for root in roots:
        relative = posixpath.relpath(root.path or ".", common or ".")
        root.prefix = "" if relative == "." else relative + "/"


def note_depth(layout: Layout, store: Store, note: Note) -> None:
    """What keeps CVAT from finding the data set at all."""
    where = store.where("")
    if len(layout.roots) > 1:
        text = f"there are {len(layout.roots)} data sets ({_some(root.path for root in layout.roots)}); CVAT finds none"
        note(
            Finding("cvat-roots", Weight.WARNING, text, where, len(layout.roots), "folders", "convert it into one zip")
        )
    elif layout.roots and layout.roots[0].path.count("/") >= _DEEPEST:
        text = f"the data set lies in {layout.roots[0].path}, deeper than the {_DEEPEST} folders that CVAT searches"
        note(Finding("cvat-roots", Weight.WARNING, text, where, fix="pack it again from that folder"))


def _some(names: Iterable[str]) -> str:
    names = sorted(names)
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def items(root: Root, store: Store, note: Note) -> Iterator[Item]:
    """The root's items: listed ones in the order of their lists, then masks that no list names."""
    masks = root.classes.keys() | root.objects.keys()
    seen: dict[str, Listed] = {}
    several: list[Listed] = []
    for entry in _in_order(root.lists):
        for listed in read_list(entry, store, masks, note):
            if listed.name in seen:
                several.append(listed)
                continue
            seen[listed.name] = listed
            yield _item(root, listed.name, listed.split)
    _note_several(several, seen, store, note)
    unlisted = sorted(masks - seen.keys())
    _note_unlisted(root, unlisted, store, note)
    for name in unlisted:
        yield _item(root, name, None)


def _item(root: Root, name: str, split: str | None) -> Item:
    files = root.classes.get(name), root.objects.get(name), root.pictures.get(name, "")
    return Item(root.prefix + name, split, root.table, *files)


def _in_order(lists: list[Entry]) -> list[Entry]:
    """By name, but VOC's ``trainval``, which repeats the others, last."""
    return sorted(lists, key=lambda entry: (_split(entry) == "trainval", entry.name))


def _split(entry: Entry) -> str:
    return posixpath.splitext(posixpath.basename(entry.name))[0]


def _note_several(several: list[Listed], seen: dict[str, Listed], store: Store, note: Note) -> None:
    again = [listed for listed in several if listed.split != seen[listed.name].split]
    if again:
        first = again[0]
        text = f"{len(again)} items are in several lists, such as {first.name!r} in {seen[first.name].member}; each is read once"
        where = store.where(first.member)
        note(Finding("cvat-split-several", Weight.INFO, text, where, len(again), "images"))
    twice = [listed for listed in several if listed.split == seen[listed.name].split]
    if twice:
        text = f"{len(twice)} lines repeat an item, such as {twice[0].name!r} in line {twice[0].line}"
        where = store.where(twice[0].member)
        note(Finding("cvat-list-twice", Weight.WARNING, text, where, len(twice), "lines", "remove the repeated lines"))


def _note_unlisted(root: Root, unlisted: list[str], store: Store, note: Note) -> None:
    if not unlisted:
        return
    if not root.lists:
        text = "there is no list in ImageSets/Segmentation: CVAT does not find the data set; all masks are read here"
        fix = "for an upload, convert it to cvat-mask, which writes the list"
        note(Finding("cvat-no-lists", Weight.WARNING, text, store.where(root.path), len(unlisted), "images", fix))
        return
    text = f"{len(unlisted)} masks are in no list, such as {unlisted[0]!r}: CVAT ignores them; they are read here"
    fix = "for an upload, add them to a list in ImageSets/Segmentation"
    note(Finding("cvat-unlisted", Weight.WARNING, text, store.where(root.path), len(unlisted), "images", fix))


def read_list(entry: Entry, store: Store, masks: set[str], note: Note) -> Iterator[Listed]:
    """The items of one list, cleaned of what CVAT would stumble over; each such line is noted."""
    split = _split(entry)
    if "_" in split or not entry.name.endswith(".txt"):
        text = "CVAT does not find a data set with a list of this name (an underscore, or .TXT)"
        note(Finding("cvat-split-name", Weight.WARNING, text, store.where(entry.name), fix="rename the list"))
    for number, line in enumerate(_text(entry, store, note).splitlines(), 1):
        line = line.strip()  # noqa: PLW2901
        if not line or line.startswith("#"):
            continue
        where = store.where(entry.name).at(line=number)
        name = _cleaned(line, masks)
        if reason := unsafe(name):
            text = f"the item {line!r} {reason}; it is not followed"
            fix = "remove the line; a name is relative to SegmentationClass"
            note(Finding("cvat-list-unsafe", Weight.ERROR, text, where, fix=fix))
            continue
        if name != line:
            text = f"CVAT reads {line!r} as an item without masks; it is read as {name!r} here"
            note(Finding("cvat-list-line", Weight.WARNING, text, where, fix=f"write {name}"))
        yield Listed(name, split, entry.name, number)


def _text(entry: Entry, store: Store, note: Note) -> str:
    data = store.read(entry)
    where = store.where(entry.name).at(line=1)
    if data.startswith(b"\xef\xbb\xbf"):
        text = "the list begins with a byte order mark, which CVAT takes for a part of the first item's name"
        note(Finding("cvat-list-line", Weight.WARNING, text, where, fix="save it as UTF-8 without BOM"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "the list is not UTF-8 (CVAT: UnicodeDecodeError); it is read as Latin-1 here"
        note(Finding("cvat-list-line", Weight.WARNING, text, where, fix="save it as UTF-8"))
        return data.decode("latin-1")


def _cleaned(line: str, masks: set[str]) -> str:
    """The item that a line means: without quotes, backslashes and a picture's extension, unless a mask is named so."""
    name = line
    if name not in masks and len(name) > 2 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1]
    if name not in masks:
        name = name.replace("\\", "/")
        name = name.removeprefix("./")
    stem, suffix = posixpath.splitext(name)
    return stem if name not in masks and stem and suffix.lower() in PICTURE_SUFFIXES else name
