"""Every built-in format keeps the contract of maskconv.testing, and formats that break it are caught."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskconv import png, registry
from maskconv.finding import Finding, Weight
from maskconv.formats.mcv import McvReader, McvWriter
from maskconv.geometry import shape_mask
from maskconv.model import AnnotatedImage, Feature, LabelMap, PixelRule
from maskconv.options import Options
from maskconv.plugin import Format
from maskconv.runs import RunMap
from maskconv.samples import awkward, crowded, sample
from maskconv.testing import FormatContract

FIXTURES = Path(__file__).parent.parent / "fixtures"

LABELBOX: dict[str, Any] = {
    "rule": PixelRule.CENTRE_TRUNC,
    "spared": {
        Feature.INSTANCE_IDS: {"id": "2b9dd4a7-4b0b-4c8e-9f4e-0d7c1a5b6e11"},
        Feature.ATTRIBUTES: {"attributes": {"customMetrics": [{"name": "iou", "value": 0.5}]}},
    },
}


def _pictures(self: FormatContract, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture for every item of the contract's samples, in a folder that the writer is given."""
    folder = tmp_path_factory.mktemp("pictures")
    samples = [awkward(), crowded(), *(sample(feature, rule=PixelRule.EDGE) for feature in Feature)]
    for name in {"fine", *(image.name for _, images in samples for image in images)}:
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PICTURE)
    monkeypatch.setattr(type(self), "write_options", {**self.write_options, "images": folder})


PICTURE = png.encode_gray(RunMap(24, 16, np.arange(0, 24 * 16, 24, np.int32), np.full(16, 200, np.uint16)))
PICTURED: dict[str, Any] = {"pictures": pytest.fixture(autouse=True)(_pictures)}
YOLO_MODEL: dict[str, Any] = {
    "samples": tuple(FIXTURES / "yolo-model" / "pictures" / name for name in ("small.png", "tall.png")),
    "read_options": {"model": FIXTURES / "yolo-model" / "tiny-seg.onnx"},
    "sniffed": False,
}


def _pixels(self: FormatContract, path: Path) -> tuple[LabelMap, list[AnnotatedImage]]:
    """What is read, outlines as the masks that they mean."""
    labels, images = FormatContract.read(self, path)
    found = []
    for image in images:
        told = [a.replace(shape=shape_mask(a.shape, image.width, image.height)) for a in image.annotations]
        found.append(image.replace(annotations=tuple(told)))
    return labels, found


YOLO_SEG: dict[str, Any] = {"read": _pixels, "write_options": {"images": "none"}, "read_options": {"size": "24x16"}}
# The ways a format is written that are worth a run of their own; every format has at least one.
WAYS: dict[str, list[dict[str, Any]]] = {
    "cvat-mask": [{}, {"write_options": {"png": "palette"}}],
    "isolated": [
        PICTURED,
        PICTURED | {"write_options": {"background": "transparent", "crop": "box", "margin": 2}},
    ],
    "labelbox-export": [{}],
    "labelbox-ndjson": [
        LABELBOX,
        LABELBOX | {"write_options": {"masks": "files"}},
        LABELBOX | {"write_options": {"masks": "composite"}},
        LABELBOX | {"write_options": {"shape": "polygon"}},
        LABELBOX | {"write_options": {"frames": "records"}},
    ],
    "labelmap": [{}],
    "mask-data": [
        {},
        {"write_options": {"array": "color"}},
        {"write_options": {"file": "npy"}},
        {"write_options": {"file": "npz", "array": "stack"}},
    ],
    "mcv": [{}],
    "yolo-model": [YOLO_MODEL],
    "yolo-seg": [
        YOLO_SEG,
        YOLO_SEG | {"write_options": {"images": "none", "parts": "split"}},
        YOLO_SEG | {"write_options": {"images": "none", "holes": "fill"}},
    ],
}


def samples(name: str) -> tuple[Path, ...]:
    """The fixtures of a format that are meant to be read: not their content as .mcv, not what is wrong on purpose."""
    folder = FIXTURES / name
    if not folder.is_dir():
        return ()
    beside = {"README.md", "make.py"}
    found = [p for p in sorted(folder.iterdir()) if p.name not in beside and "_masks" not in p.name]
    return tuple(p for p in found if (p.suffix != ".mcv" or name == "mcv") and not p.name.startswith("bad"))


def _class(name: str, way: dict[str, Any]) -> type[FormatContract]:
    options = "".join(str(v).title() for v in way.get("write_options", {}).values())
    title = "Test" + "".join(map(str.title, name.split("-"))) + options
    return type(title, (FormatContract,), {"format": registry.by_name(name), "samples": samples(name), **way})


for _name, _ways in WAYS.items():
    for _way in _ways:
        globals().update({(_found := _class(_name, _way)).__name__: _found})
del _found


def test_every_format_has_an_entry() -> None:
    assert set(WAYS) == set(registry.BUILT_IN)


@pytest.mark.parametrize("name", sorted(WAYS))
def test_every_way_is_run(name: str) -> None:
    ran = [
        c for c in globals().values() if isinstance(c, type) and getattr(c, "format", None) is registry.by_name(name)
    ]
    assert len(ran) == len(WAYS[name])


# -- formats that break it -------------------------------------------------------------------------------------------


class DropsScores(McvWriter):
    def encode(self, image, plan, note):
        return super().encode(
            image.replace(annotations=tuple(a.replace(score=None) for a in image.annotations)), plan, note
        )


class InventsScores(McvWriter):
    def encode(self, image, plan, note):
        told = tuple(a if a.score else a.replace(score=1.0) for a in image.annotations)
        return super().encode(image.replace(annotations=told), plan, note)


class SaysNothingOfHoles(McvWriter):
    def keeps(self):
        return super().keeps() - {Feature.HOLES}


class TurnsTheOrder(McvWriter):
    def encode(self, image, plan, note):
        return super().encode(image.replace(annotations=image.annotations[::-1]), plan, note)


class LosesEmptyMasks(McvWriter):
    def encode(self, image, plan, note):
        told = tuple(a for a in image.annotations if getattr(a.shape, "area", 1))
        return super().encode(image.replace(annotations=told), plan, note)


class LosesButCountsThem(LosesEmptyMasks):
    def encode(self, image, plan, note):
        return super().encode(image, plan, note)._replace(instances=len(image.annotations))


class LosesImages(McvWriter):
    def encode(self, image, plan, note):
        return None if len(image.annotations) > 255 else super().encode(image, plan, note)


class Counts(McvWriter):
    count = 0

    def encode(self, image, plan, note):
        self.count += 1
        return super().encode(image.replace(frame=self.count), plan, note)


class ChangesTheInput(McvWriter):
    def encode(self, image, plan, note):
        image.attributes["seen"] = True
        return super().encode(image, plan, note)


class WritesTheTime(McvWriter):
    def append(self, piece, note):
        super().append(piece._replace(rows=piece.rows + b"\n" * (1 + os.urandom(1)[0])), note)


class KeepsTheLastOfOneName(McvWriter):
    def encode(self, image, plan, note):
        return super().encode(image, plan, note)._replace(key="")

    def begin(self, stage, plan):
        super().begin(stage, plan)
        self.names = set()

    def append(self, piece, note):
        name = piece.rows.split(b",")[0]
        if name not in self.names:
            super().append(piece, note)
        self.names.add(name)


class WritesBesideTheStage(McvWriter):
    def begin(self, stage, plan):
        super().begin(stage, plan)
        stage.target.path.with_name("target.index").write_bytes(b"litter")


class Undocumented(Options):
    someOption: int = 3


class HasAnOptionWithoutHelp(McvWriter):
    Options = Undocumented


class Remembers(McvReader):
    count = 0

    def decode(self, unit, head, note):
        self.count += 1
        for image in super().decode(unit, head, note):
            yield image.replace(frame=self.count)


class RaisesItsOwn(McvReader):
    def decode(self, unit, head, note):
        with self.source.open("rb") as file:
            file.seek(unit[1])
            file.read(unit[2]).decode("ascii")
        yield from super().decode(unit, head, note)


class Complains(McvReader):
    def check(self, unit, head, note):
        note(Finding("complaint", Weight.ERROR, "never content"))
        yield from super().check(unit, head, note)


class YieldsOnce(McvReader):
    def units(self, note):
        self.left = getattr(self, "left", None) or super().units(note)
        yield from self.left


FORMAT = Format("mutant", "Mutant", (".mutant",), lambda probe: probe.suffix == ".mutant", McvReader, McvWriter)
MUTANTS: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"writer": DropsScores}, "test_feature", {"feature": Feature.SCORES}),
    ({"writer": InventsScores}, "test_feature", {"feature": Feature.SCORES}),
    ({"writer": SaysNothingOfHoles}, "test_feature", {"feature": Feature.HOLES}),
    ({"writer": TurnsTheOrder}, "test_feature", {"feature": Feature.OVERLAP}),
    ({"writer": LosesEmptyMasks}, "test_nothing_vanishes", {}),
    ({"writer": LosesButCountsThem}, "test_nothing_vanishes", {}),
    ({"writer": LosesImages}, "test_nothing_vanishes", {}),
    ({"writer": Counts}, "test_encode_is_pure", {}),
    ({"writer": ChangesTheInput}, "test_encode_is_pure", {}),
    ({"writer": WritesTheTime}, "test_same_bytes", {}),
    ({"writer": KeepsTheLastOfOneName}, "test_items_of_one_name", {}),
    ({"writer": WritesBesideTheStage}, "test_interrupted", {"old": False}),
    ({"writer": HasAnOptionWithoutHelp}, "test_options", {"side": "write"}),
    ({"reader": Remembers}, "test_decode_is_pure", {}),
    ({"reader": YieldsOnce}, "test_decode_is_pure", {}),
    ({"reader": RaisesItsOwn}, "test_broken_input", {}),
    ({"reader": Complains}, "test_own_target_is_fine", {}),
    ({"sniff": lambda probe: probe.kind == "file"}, "test_sniffed", {}),
    ({"title": "A mutant."}, "test_names", {}),
    ({"suffixes": ("mutant",)}, "test_names", {}),
    ({"name": "Mutant"}, "test_names", {}),
    ({"reader": None, "writer": None}, "test_names", {}),
]


@pytest.mark.parametrize(("wrong", "test", "facts"), MUTANTS, ids=lambda value: getattr(value, "__name__", None))
def test_mutants_are_caught(
    wrong: dict[str, Any], test: str, facts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = replace(FORMAT, **wrong)
    if test != "test_sniffed":  # what is tested is one fault at a time
        mcv = registry.by_name("mcv")
        monkeypatch.setattr(
            "maskconv.formats.mcv.FORMAT", replace(mcv, sniff=lambda p: p.suffix == ".mcv" and mcv.sniff(p))
        )
    monkeypatch.setattr(registry, "_plugins", lambda: {found.name: found})
    contract = type("Contract", (FormatContract,), {"format": found})()
    places = {} if test in {"test_names", "test_options"} else {"tmp_path": tmp_path}
    with pytest.raises(BaseException) as caught:
        getattr(contract, test)(**facts, **places)
    assert not isinstance(caught.value, pytest.skip.Exception | TypeError)


def test_the_format_that_they_come_from_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mcv = registry.by_name("mcv")
    monkeypatch.setattr(
        "maskconv.formats.mcv.FORMAT", replace(mcv, sniff=lambda p: p.suffix == ".mcv" and mcv.sniff(p))
    )
    monkeypatch.setattr(registry, "_plugins", lambda: {"mutant": FORMAT})
    contract = type("Contract", (FormatContract,), {"format": FORMAT})()
    for number, (test, facts) in enumerate({(test, tuple(facts.items())) for _, test, facts in MUTANTS}):
        folder = tmp_path / str(number)
        folder.mkdir()
        places = {} if test in {"test_names", "test_options"} else {"tmp_path": folder}
        getattr(contract, test)(**dict(facts), **places)
