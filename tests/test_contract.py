"""Every built-in format keeps the contract of maskconv.testing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from maskconv import registry
from maskconv.model import Feature, PixelRule
from maskconv.testing import FormatContract

FIXTURES = Path(__file__).parent.parent / "fixtures"

LABELBOX: dict[str, Any] = {
    "rule": PixelRule.CENTRE_TRUNC,
    "spared": {
        Feature.INSTANCE_IDS: {"id": "2b9dd4a7-4b0b-4c8e-9f4e-0d7c1a5b6e11"},
        Feature.ATTRIBUTES: {"attributes": {"customMetrics": [{"name": "iou", "value": 0.5}]}},
    },
}
# The ways a format is written that are worth a run of their own; every format has at least one.
WAYS: dict[str, list[dict[str, Any]]] = {
    "cvat-mask": [{}, {"write_options": {"png": "palette"}}],
    "labelbox-ndjson": [
        LABELBOX,
        LABELBOX | {"write_options": {"masks": "files"}},
        LABELBOX | {"write_options": {"masks": "composite"}},
        LABELBOX | {"write_options": {"shape": "polygon"}},
    ],
    "labelmap": [{}],
    "mcv": [{}],
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
