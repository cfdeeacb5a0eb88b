"""Which files of a data set belong together: roots, lists, masks, pictures, label maps. Nothing is decoded here."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from maskconv.finding import Finding, Note, Weight
from maskconv.model import PICTURE_SUFFIXES
from maskconv.store import Entry, Store, unsafe
from maskconv.wording import counted, quoted

CLASS_FOLDERS = frozenset({"SegmentationClass", "SegmentationClassPNG"})
OBJECT_FOLDERS = frozenset({"SegmentationObject", "SegmentationObjectPNG"})
LABELMAP, META = "labelmap.txt", "dataset_meta.json"
DEFAULT_SUBSET = "default"  # CVAT's name for no subset
_DEEPEST = 3  # Datumaro looks for the data set no deeper


class Item(NamedTuple):
    """One unit: an item and its files; ``table`` numbers the label map that rules it."""

    name: str
    split: str | None
    table: int
    classes: Entry | None
    objects: Entry | None
    picture: Entry | None


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
    pictures: dict[str, Entry] = field(default_factory=dict)
    lists: list[Entry] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)  # the names of its mask folders


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
        if parts[0] == "__MACOSX" or parts[-1].startswith("._"):
            continue  # what macOS packs beside the files
        if parts[-1] in (LABELMAP, META):
            folder = posixpath.dirname(entry.name)
            if parts[-1] == META or folder not in maps or not maps[folder].name.endswith(META):
                maps[folder] = entry
            continue
        _sort(entry, parts, roots, store, note)
    found = [root for root in roots.values() if root.classes or root.objects or root.lists]
    _prefix(found)
    layout = Layout(found, maps)
    _note_places(layout, store, note)
    return layout


def _sort(entry: Entry, parts: list[str], roots: dict[str, Root], store: Store, note: Note) -> None:
    for depth, part in enumerate(parts[:-1]):
        if part.startswith("."):
            return  # a version control's or editor's folder; behind the known folders it is a part of the item's name
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
            root.folders.add(part)
            _mask(root.classes if part in CLASS_FOLDERS else root.objects, rest, entry, store, note)
        return


def _picture(root: Root, rest: str, entry: Entry, store: Store, note: Note) -> None:
    name, suffix = posixpath.splitext(rest)
    if suffix.lower() not in PICTURE_SUFFIXES:
        return
    if name in root.pictures:
        other = _base(root.pictures[name].name)
        text = f"this picture and {other} differ only in the extension, and both belong to the item {quoted(name)}"
        fix = "rename or remove one of them"
        note(Finding("cvat-picture-collision", Weight.ERROR, text, store.where(entry.name), fix=fix))
        return
    root.pictures[name] = entry


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
        note(Finding("cvat-mask-suffix", Weight.DATA, text, where, fix="rename it to .png before an upload"))
    if name in masks:
        text = f"this mask and {masks[name].name} belong to the same item {quoted(name)}"
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


def _note_places(layout: Layout, store: Store, note: Note) -> None:
    """What keeps CVAT from finding the data set, or a part of it."""
    if len(layout.roots) > 1:
        count, some = len(layout.roots), _some(root.path or "." for root in layout.roots)
        text = f"there are {count} data sets ({some}); CVAT finds none or mixes them up; they are read as one here"
        fix = "for an upload, convert it to cvat-mask, which makes one of them"
        note(Finding("cvat-roots", Weight.ERROR, text, store.where(""), count, "folders", fix))
    for root in layout.roots:
        if root.path.count("/") >= _DEEPEST:
            text = f"the data set lies deeper than the {_DEEPEST} folders that CVAT searches"
            fix = "for an upload, pack it again from that folder"
            note(Finding("cvat-roots", Weight.ERROR, text, store.where(root.path), fix=fix))
        for folder in sorted(root.folders - {"SegmentationClass", "SegmentationObject"}):
            text = f"CVAT looks for masks in {folder.removesuffix('PNG')}, not in {folder}"
            where = store.where(posixpath.join(root.path, folder))
            note(Finding("cvat-folder-name", Weight.ERROR, text, where, fix="for an upload, rename the folder"))


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
    unlisted = sorted(name for name in masks - seen.keys() if not _hidden(name))
    _note_unlisted(root, unlisted, store, note)
    for name in unlisted:
        yield _item(root, name, None)


def _hidden(name: str) -> bool:
    return name.startswith(".") or "/." in name


def _item(root: Root, name: str, split: str | None) -> Item:
    files = root.classes.get(name), root.objects.get(name), root.pictures.get(name)
    return Item(root.prefix + name, None if split == DEFAULT_SUBSET else split, root.table, *files)


def _in_order(lists: list[Entry]) -> list[Entry]:
    """By name, but VOC's ``trainval``, which repeats the others, last."""
    return sorted(lists, key=lambda entry: (_split(entry) == "trainval", entry.name))


def _split(entry: Entry) -> str:
    return posixpath.splitext(_base(entry.name))[0]


def _base(name: str) -> str:
    return posixpath.basename(name)


def _note_several(several: list[Listed], seen: dict[str, Listed], store: Store, note: Note) -> None:
    again = [listed for listed in several if listed.split != seen[listed.name].split]
    if again:
        first = again[0]
        other = _base(seen[first.name].member)
        text = f"{counted(len(again), 'item')} in several lists, such as {quoted(first.name)} in {other}, too; each is read once"
        where = store.where(first.member).at(line=first.line)
        fix = "to CVAT each is an item for itself: for an upload, keep it in one list"
        note(Finding("cvat-split-several", Weight.INFO, text, where, len(again), "images", fix))
    twice = [listed for listed in several if listed.split == seen[listed.name].split]
    if twice:
        text = f"{counted(len(twice), 'repeated line')}, such as {quoted(twice[0].name)}; each item is read once"
        where = store.where(twice[0].member).at(line=twice[0].line)
        note(Finding("cvat-list-twice", Weight.WARNING, text, where, len(twice), "lines", "remove the repeated lines"))


def _note_unlisted(root: Root, unlisted: list[str], store: Store, note: Note) -> None:
    if not unlisted:
        return
    if not root.lists:
        text = "there is no list in ImageSets/Segmentation: CVAT does not find the data set; all masks are read here"
        fix = "for an upload, convert it to cvat-mask, which writes the list"
        note(Finding("cvat-no-lists", Weight.ERROR, text, store.where(root.path), len(unlisted), "images", fix))
        return
    count = counted(len(unlisted), "mask")
    text = f"{count} in no list, such as {quoted(unlisted[0])}: CVAT ignores that without a word; it is read here"
    fix = "for an upload, add them to a list in ImageSets/Segmentation"
    note(Finding("cvat-unlisted", Weight.DATA, text, store.where(root.path), len(unlisted), "images", fix))


def read_list(entry: Entry, store: Store, masks: set[str], note: Note) -> Iterator[Listed]:
    """The items of one list, cleaned of what CVAT would stumble over; each such line is noted."""
    split = _split(entry)
    _note_list_name(entry, split, store, note)
    for number, raw in enumerate(_lines(entry, store, note), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        where = store.where(entry.name).at(line=number)
        name = _cleaned(line, masks)
        if reason := unsafe(name) or unsafe(line):
            text = f"the item {quoted(line)} {reason}; it is not followed"
            fix = "remove the line, or write the item's name relative to SegmentationClass"
            note(Finding("cvat-list-unsafe", Weight.ERROR, text, where, fix=fix))
            continue
        if name != line:
            text = f"CVAT finds no masks or no frame for the item {quoted(line)}; it is read as {quoted(name)} here"
            note(Finding("cvat-list-line", Weight.DATA, text, where, fix=f"for an upload, write {name}"))
        yield Listed(name, split, entry.name, number)


def _note_list_name(entry: Entry, split: str, store: Store, note: Note) -> None:
    if "_" in split:
        text, fix = "an underscore in its name", split.replace("_", "-") + ".txt"
    elif not entry.name.endswith(".txt"):
        text, fix = "a suffix other than .txt", split + ".txt"
    else:
        return
    text = f"CVAT does not see a list with {text}, and without another finds no data set; it is read here"
    where = store.where(entry.name)
    note(Finding("cvat-split-name", Weight.ERROR, text, where, fix=f"for an upload, rename it to {fix}"))


def _lines(entry: Entry, store: Store, note: Note) -> list[str]:
    """The lines as Python's text files have them, and so CVAT: only CR and LF end one."""
    text = _text(entry, store, note)
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _text(entry: Entry, store: Store, note: Note) -> str:
    data, wrong = store.read(entry), ""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text, wrong = data.decode("utf-16", "replace"), "is UTF-16, on which CVAT fails with UnicodeDecodeError"
    else:
        if data.startswith(b"\xef\xbb\xbf"):
            wrong = "begins with a byte order mark, which CVAT takes for a part of the first item's name"
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text, wrong = data.decode("latin-1"), "is not UTF-8 (CVAT: UnicodeDecodeError); it is read as Latin-1 here"
    if wrong:
        fix = "for an upload, save it as UTF-8 without BOM"
        note(Finding("cvat-list-encoding", Weight.ERROR, f"the list {wrong}", store.where(entry.name), fix=fix))
    return text


def _cleaned(line: str, masks: set[str]) -> str:
    """The item that a line means: without quotes, backslashes and a picture's extension, unless a mask is named so."""
    if line in masks:
        return line
    name = line[1:-1] if len(line) > 2 and line[0] == line[-1] and line[0] in "\"'" else line
    name = posixpath.normpath(name.replace("\\", "/")) if name not in masks else name
    stem, suffix = posixpath.splitext(name)
    return stem if name not in masks and stem and suffix.lower() in PICTURE_SUFFIXES else name
