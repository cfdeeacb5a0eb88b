"""Which split an image goes to, where its files lie, and the data.yaml that says so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from maskconv.finding import Finding, Note, Weight
from maskconv.formats.yolo_seg.write_options import Split, WriteOptions
from maskconv.model import AnnotatedImage

__all__ = ["data_yaml", "label_path", "split_of"]

_USUAL: dict[str, Split] = {
    "": "train",
    "default": "train",
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def split_of(image: AnnotatedImage, options: WriteOptions, note: Note) -> Split:
    """The split that an image is written to."""
    given = image.split or ""
    split = (options.splits or {}).get(given) or _USUAL.get(given.casefold())
    if split is None:
        text = f"the split {given!r} is none of train, val and test; its images go to train"
        note(Finding("yolo-split", Weight.WARNING, text, unit="images", fix=f"--to-splits '{given}=val'"))
        split = "train"
    if split == "train" and options.val and _share(image.sequence or image.name) < options.val:
        return "val"
    return split


def _share(name: str) -> float:
    """A number in 0..1 that is always the same for a name, and even over many."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:7]) / (1 << 56)


def label_path(picture: str) -> str:
    """Where the trainer looks for the labels of ``images/<split>/<name>.<extension>``: the last ``/images/`` counts."""
    head, _, tail = f"/{picture}".rpartition("/images/")
    return f"{head}/labels/{tail.rpartition('.')[0]}.txt"[1:]


def data_yaml(names: Sequence[str], counts: Mapping[str, int], note: Note) -> str:
    """The text of data.yaml. Paths are relative to it, and there is no ``path``, so that the folder may be moved.

    The trainer demands train and val: where there are no images of one, the other's stand for it, which is noted.
    """
    places = {split: f"images/{split}" for split in ("train", "val", "test") if counts.get(split)}
    others = list(places.values())
    for split in ("val", "train"):
        if split not in places:
            places[split] = next(iter(others), f"images/{split}")
            text = f"there is no image for {split}, which the trainer demands: data.yaml names {places[split]} for it"
            fix = "--to-val 0.1 moves a tenth there" if split == "val" else "--to-splits"
            note(Finding("yolo-split-none", Weight.WARNING, text, unit="splits", fix=fix))
    lines = [f"{split}: {places[split]}" for split in ("train", "val", "test") if split in places]
    lines += [f"nc: {len(names)}", "names:" if names else "names: []"]
    lines += [f"  {number}: {json.dumps(name, ensure_ascii=False)}" for number, name in enumerate(names)]
    return "\n".join(lines) + "\n"
