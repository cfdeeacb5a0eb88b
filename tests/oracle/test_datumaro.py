"""Datumaro, the library under CVAT, reads what we write to the same pixels, and we read what it writes.

Needs a Python with datumaro 1.13.12, named by MASKCONV_DATUMARO_PYTHON.
"""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_cvat_mask import ODD, PLAIN, build, read
from test_cvat_mask_real import DATA, ORACLE, seen

import maskconv
from maskconv.model import AnnotatedImage, Annotation, Label, LabelMap, Mask

# Many paths in one process: Datumaro takes two seconds to start. An import that fails says why.
READ_ALL = """
import json, logging, warnings
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
from datumaro_read import read
found = []
for path in sys.argv[1:]:
    try:
        found.append(read(path))
    except Exception as error:
        while error.__cause__ is not None:
            error = error.__cause__
        found.append({"error": f"{type(error).__name__}: {error}".replace("np.int64(", "").replace("),", ",").replace("))", ")")})
print(json.dumps(found))
"""


def datumaro_reads(datumaro: Any, *paths: Path) -> list[Any]:
    """By item: label, number, area, box, checksum, sorted; or the error's text."""
    found = json.loads(datumaro.code(READ_ALL, *paths).splitlines()[-1])
    return [one.get("error") or rows(one["items"]) for one in found]


def rows(items: dict[str, Any]) -> dict[str, list[Any]]:
    return {
        key.split("|", 1)[1]: sorted(
            (a["label"], a["group"], a["area"], tuple(a["bbox"]), a["crc"]) for a in item["anns"]
        )
        for key, item in items.items()
    }


WRITES: list[tuple[str, ...]] = [
    ("--seed", "1", "--labels", "cvat"),
    ("--seed", "2", "--labels", "cvat", "--save-media", "--size", "101x67"),
    ("--seed", "3", "--labels", "cvat", "--no-colormap"),
    ("--seed", "4", "--labels", "default"),
    ("--seed", "5", "--labels", "blank", "--size", "333x45", "--n", "9"),
    ("--seed", "6", "--labels", "blank", "--no-colormap"),
    ("--seed", "7", "--labels", "default", "--no-colormap", "--save-media"),
]


@pytest.fixture(scope="module")
def exports(datumaro: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Awkward exports that Datumaro writes."""
    found = []
    for number, args in enumerate(WRITES):
        folder = tmp_path_factory.mktemp(f"export{number}")
        datumaro("datumaro_write.py", folder, *args)
        found.append(folder / "voc.zip")
    return found


def test_we_read_what_datumaro_writes(datumaro: Any, exports: list[Path]) -> None:
    for path, told in zip(exports, datumaro_reads(datumaro, *exports), strict=True):
        assert sum(map(len, told.values())) > 30
        assert seen(read(path).images) == told


def sources(exports: list[Path]) -> list[Path]:
    real = [DATA / "cvat-oracle" / name / "voc.zip" for name in ORACLE] if DATA.is_dir() else []
    return exports + real


@pytest.mark.parametrize("kind", ["rgb", "palette"])
def test_datumaro_reads_what_we_write_of_its_exports(
    datumaro: Any, exports: list[Path], tmp_path: Path, kind: str
) -> None:
    given, numbers = sources(exports), count()
    written = [tmp_path / f"{next(numbers)}.zip" for _ in given]
    for source, target in zip(given, written, strict=True):
        maskconv.convert(source, target, write={"png": kind}, on_loss="fail")
    told = datumaro_reads(datumaro, *given, *written)
    for before, after, path in zip(told[: len(given)], told[len(given) :], written, strict=True):
        assert after == seen(read(path).images)
        assert unnumbered(after) == unnumbered(before)


def unnumbered(found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {key: sorted((label, *rest) for label, _, *rest in told) for key, told in found.items()}


NAMES = ("a", "sub/dir/b", "with space", "dots.in.name.v2", "ünï", "日本", "frame_000001", "x'y", ".hidden")


def random_images(seed: int) -> tuple[LabelMap, list[AnnotatedImage]]:
    """Holes, parts, single pixels, lines, overlaps, hidden ones; many sizes, an empty image, up to 255 instances."""
    dice = np.random.default_rng(seed)
    names = [f"label {i}" for i in range(int(dice.integers(1, 12)))]
    colors = [tuple(c) for c in np.unique(dice.integers(1, 255, (len(names), 3)), axis=0).tolist()]
    labels = LabelMap(
        labels=tuple(Label(name=n, color=c if seed % 2 else None) for n, c in zip(names, colors, strict=False))
    )
    images = []
    for name in NAMES:
        width, height = (int(v) for v in dice.integers(1, 80, 2))
        shapes = [shape(dice, width, height) for _ in range(int(dice.choice([0, 1, 7, 40])))]
        told = tuple(Annotation(label=str(dice.choice(labels.names)), shape=Mask.from_array(s)) for s in shapes)
        images.append(
            AnnotatedImage(name=name, width=width, height=height, annotations=told, split=("x", None)[seed % 2])
        )
    pixels = np.arange(300).reshape(15, 20)
    told = tuple(Annotation(label=labels.names[0], shape=Mask.from_array(pixels == i)) for i in range(255))
    return labels, [*images, AnnotatedImage(name="full", width=20, height=15, annotations=told)]


def shape(dice: np.random.Generator, width: int, height: int) -> Any:
    pixels = np.zeros((height, width), bool)
    kind = dice.integers(5)
    if kind == 0:
        pixels[dice.integers(height), dice.integers(width)] = True
    elif kind == 1:
        pixels[:, dice.integers(width)] = True
    elif kind == 2:
        pixels[dice.random((height, width)) < 0.3] = True
    for _ in range(int(kind) // 2):
        x, y = dice.integers(width), dice.integers(height)
        pixels[y : y + dice.integers(1, 40), x : x + dice.integers(1, 40)] ^= True
    return pixels


def expected(images: list[AnnotatedImage]) -> dict[str, list[Any]]:
    """Painted by numpy: later on top, numbers without gaps."""
    found = {}
    for image in images:
        order = np.zeros((image.height, image.width), int)  # type: ignore[arg-type]
        for number, annotation in enumerate(image.annotations, 1):
            order[annotation.shape.to_array()] = number  # type: ignore[union-attr]
        left = [i for i in np.unique(order) if i]
        masks = [
            Annotation(label=image.annotations[i - 1].label, shape=Mask.from_array(order == i), id=n)
            for n, i in enumerate(left, 1)
        ]
        found[image.name] = seen([image.replace(annotations=tuple(masks))])[image.name]
    return found


@pytest.mark.parametrize("kind", ["rgb", "palette"])
def test_datumaro_reads_what_we_write_of_random_images(datumaro: Any, tmp_path: Path, kind: str) -> None:
    truths, paths = [], []
    for seed in range(6):
        labels, images = random_images(seed)
        path = tmp_path / f"{seed}.zip"
        with maskconv.open_writer(path, labels, format="cvat-mask", png=kind) as writer:
            for image in images:
                writer.write(image)
        truths.append(expected(images))
        paths.append(path)
        assert seen(read(path).images) == truths[-1]
    assert datumaro_reads(datumaro, *paths) == truths


def test_what_we_say_of_cvat_is_what_datumaro_does(datumaro: Any, tmp_path: Path) -> None:
    """The words in our warnings, and that what we call refused or lost is so."""
    paths = [build(tmp_path / f"{i}.zip", PLAIN | odd.files) for i, odd in enumerate(ODD.values())]
    told = dict(zip(ODD, datumaro_reads(datumaro, *paths), strict=True))
    refused = {name: text for name, text in told.items() if isinstance(text, str)}
    assert refused.keys() == REFUSED.keys()
    assert {name: text for name, text in refused.items() if REFUSED[name] not in text} == {}
    plain = [(label, number) for label, number, *_ in told["list line twice"]["a"]]
    assert plain == [("car", 1), ("tree", 2)]
    assert {name for name, found in told.items() if found == {"a": []}} == SILENTLY_EMPTY
    assert [r[:3] for r in told["over two classes"]["a"]] == [("tree", 1, 6), ("tree", 2, 4)], "the highest class wins"
    assert [r[:3] for r in told["class without instance"]["a"]] == [("car", 1, 6)]
    assert ("background", 3, 1) in [r[:3] for r in told["instance on the background"]["a"]]
    assert [r[0] for r in told["object PNG missing"]["a"]] == ["background", "car", "tree"]
    assert [r[0] for r in told["map: space in a name"]["a"]] == ["car", "tree "]
    assert [r[0] for r in told["dataset_meta.json"]["a"]] == ["cat", "dog"]


REFUSED = {
    "1-bit": "Undeclared label '255'",
    "gray 0 and 255": "Undeclared label '255'",
    "gray index too high": "Undeclared label '3'",
    "class colour undeclared": "Undeclared color (1, 2, 3)",
    "red and blue swapped": "Undeclared color",
    "instance colour undeclared": "Undeclared color",
    "no black in the map": "Undeclared color (0, 0, 0)",
    "class PNG missing": "TypeError",
    "sizes differ": "broadcast",
    "class PNG cut off": "'NoneType' object has no attribute 'astype'",
    "object PNG cut off": "'NoneType' object has no attribute 'astype'",
    "no PNG at all": "'NoneType' object has no attribute 'astype'",
    "gray and alpha": "Undeclared color",
    "upper-case .PNG": "TypeError",
    "no lists": "DatasetNotFoundError",
    "subset with an underscore": "DatasetNotFoundError",
    "list .TXT": "DatasetNotFoundError",
    "list in UTF-16": "UnicodeDecodeError",
    "list in Latin-1": "UnicodeDecodeError",
    "list line /a": "escapes base directory",
    "list line ../a": "parent directory",
    "list line x/../a": "parent directory",
    "list line C:\\a": "",
    "map: three fields": "wrong number of fields",
    "map: parentheses": "",
    "map: BOM": "wrong color",
    "map: UTF-16": "UnicodeDecodeError",
    "void, by colour": "Undeclared color (224, 224, 192)",
    "SegmentationClassPNG": "TypeError",
}
SILENTLY_EMPTY = {"both missing", "empty instance mask", "16-bit instances"}
