"""Which files of a folder or zip are arrays, and of which images. Nothing is decoded here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from maskconv.finding import Finding, Note, Weight
from maskconv.formats.mask_data.arrays import SUFFIXES
from maskconv.store import Entry, Store

__all__ = ["MASKS", "TABLES", "Files", "Item", "Part", "Survey", "survey"]

Files = Literal["image", "suffix", "folder"]
TABLES = ("colors.json", "labelmap.txt")  # of the whole set, beside the arrays or above "masks"
MASKS = "masks/"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of arrays; ``label`` is what its name says, where names say it."""

    entry: Entry
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """An image's files, and the table for it alone."""

    name: str
    parts: tuple[Part, ...]
    table: Entry | None = None


@dataclass
class Survey:
    items: list[Item] = field(default_factory=list)
    table: Entry | None = None
    labels: dict[str, None] = field(default_factory=dict)  # those that file names tell, in their order
    own_tables: bool = False


def survey(store: Store, files: Files, only: str, known: tuple[str, ...], note: Note) -> Survey:
    """All arrays of a store by image; ``only`` is the one file to take (empty: all), ``known`` the labels to look for."""
    arrays, tables, others = _sorted_out(store, only)
    prefix = MASKS if arrays and all(entry.name.startswith(MASKS) for entry in arrays) else ""
    found = Survey(table=next((tables[name] for name in TABLES if name in tables), None))
    groups: dict[str, list[Part]] = {}
    guessed: list[tuple[Entry, str]] = []
    for entry in arrays:
        name = _stem(entry.name.removeprefix(prefix))
        item, label = _split(name, files, known)
        if label is not None:
            found.labels[label] = None
            guessed += [(entry, label)] * (files == "suffix" and label not in known)
        groups.setdefault(item, []).append(Part(entry, label))
    for item, parts in groups.items():
        if files == "image" and len(parts) > 1:
            _note_twice(store, item, parts, note)
        own = tables.get(f"{prefix}{item}.json")
        found.own_tables = found.own_tables or own is not None
        found.items.append(Item(item, tuple(parts[:1] if files == "image" else parts), own))
    _note_guessed(store, guessed, note)
    _note_others(store, others, note)
    return found


def _sorted_out(store: Store, only: str) -> tuple[list[Entry], dict[str, Entry], list[Entry]]:
    """Arrays, tables, and other files."""
    arrays: list[Entry] = []
    tables: dict[str, Entry] = {}
    others: list[Entry] = []
    for entry in store.entries():
        path = PurePosixPath(entry.name)
        if path.suffix.lower() in SUFFIXES:
            arrays += [entry] * (not only or entry.name == only)
        elif path.suffix.lower() == ".json" or path.name in TABLES:
            tables[entry.name] = entry
        elif not only:
            others.append(entry)
    return arrays, tables, others


def _stem(name: str) -> str:
    return name[: -len(PurePosixPath(name).suffix)]


def _split(name: str, files: Files, known: tuple[str, ...]) -> tuple[str, str | None]:
    """``street_car`` or ``street_car-2`` -> street, car; ``street/car`` -> street, car."""
    if files == "image":
        return name, None
    separator = "_" if files == "suffix" else "/"
    base, number = name.rsplit("-", 1) if name.rpartition("-")[2].isdigit() else (name, "")
    for text in (name, base) if number else (name,):
        fitting = [label for label in known if text.endswith(separator + label)]
        if fitting:
            label = max(fitting, key=len)
            return text[: -len(label) - 1], label
    item, _, label = base.rpartition(separator)
    return (item, label) if item and label else (name, None)


def _note_twice(store: Store, item: str, parts: list[Part], note: Note) -> None:
    names = " and ".join(Path(part.entry.name).name for part in parts[:3])
    text = f"{names} are both of the image {item!r}; the first is read"
    fix = "remove the others, or name the arrays after different images"
    where = store.where(parts[1].entry.name)
    note(Finding("mask-data-twice", Weight.ERROR, text, where, len(parts) - 1, "files", fix))


def _note_guessed(store: Store, guessed: list[tuple[Entry, str]], note: Note) -> None:
    """Labels taken from behind the last ``_``, which may have cut one in two: ``street_traffic_light``."""
    if not guessed:
        return
    labels = list(dict.fromkeys(label for _, label in guessed))
    some = ", ".join(labels[:5]) + (", ..." if len(labels) > 5 else "")
    count = f"{len(guessed):,} file" + ("s" if len(guessed) > 1 else "")
    text = f"the label of {count} is guessed: what follows the last _ of the name ({some})"
    fix = """name the labels in a table: --from-colors FILE with a JSON list such as ["car", "traffic_light"]"""
    where = store.where(guessed[0][0].name)
    note(Finding("mask-data-guessed", Weight.WARNING, text, where, len(guessed), "files", fix))


def _note_others(store: Store, others: list[Entry], note: Note) -> None:
    if others:
        kinds = ", ".join(sorted(_kinds(others))[:5])
        text = f"files that are no arrays are not read ({kinds})"
        note(Finding("mask-data-other", Weight.INFO, text, store.where(others[0].name), len(others), "files"))


def _kinds(others: list[Entry]) -> Iterator[str]:
    yield from {PurePosixPath(entry.name).suffix.lower() or "no suffix" for entry in others}
