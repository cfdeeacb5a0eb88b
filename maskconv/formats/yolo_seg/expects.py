"""What a data.yaml expects: its classes."""

from __future__ import annotations

from maskconv.against import Expected
from maskconv.finding import Where
from maskconv.plugin import Probe
from maskconv.yolo import datayaml
from maskconv.yolo.names import MAX_NAMES

__all__ = ["expects"]


def expects(probe: Probe) -> Expected | None:
    """The names of a data.yaml; its pictures are those of the set it belongs to, not of the one to come."""
    if probe.kind != "file" or probe.suffix not in {".yaml", ".yml"}:
        return None
    with probe.path.open("rb") as file:
        data = file.read(MAX_NAMES)
    found = datayaml.parse(data, Where(path=str(probe.path)), lambda _: None)
    return Expected(f"{probe.path.name}", dict.fromkeys(found.names.values(), ""))
