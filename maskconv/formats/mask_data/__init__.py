"""Masks as arrays: PNG, .npy and .npz files of colours, indices or stacked masks, with a table of what each value means."""

from maskconv.formats.mask_data.layout import MASKS
from maskconv.formats.mask_data.read import MaskDataReader
from maskconv.formats.mask_data.write import MaskDataWriter
from maskconv.plugin import Format, Probe

_OTHERS = frozenset(
    {"images", "labels", "SegmentationClass", "SegmentationObject"}
)  # sets that may hold caches as .npy


def sniff(probe: Probe) -> bool:
    """Arrays of numpy, or ``masks`` with a table beside it, and no other data set's folders."""
    if probe.kind == "file":
        return probe.suffix == ".npy" and probe.head.startswith(b"\x93NUMPY")
    if probe.suffix == ".npz":
        return all(suffix == ".npy" for _, suffix in probe.entries)
    parts = {part for folder, _ in probe.entries for part in folder.split("/")}
    if parts & _OTHERS or any(suffix in {".yaml", ".yml"} for _, suffix in probe.entries):
        return False
    if any(suffix in {".npy", ".npz"} for _, suffix in probe.entries):
        return True
    tables = ("", ".json") in probe.entries
    return tables and any(f"{folder}/".startswith(MASKS) and suffix == ".png" for folder, suffix in probe.entries)


def explain(probe: Probe) -> tuple[str, str] | None:
    """PNGs may be masks, which only their user knows."""
    fix = "if they are masks: --from mask-data with --from-label NAME, --from-colors FILE or --from-files suffix"
    return ("", fix) if ".png" in probe.pictures else None


FORMAT = Format(
    name="mask-data",
    title="Masks as arrays (PNG, .npy, .npz) with a colours table",
    suffixes=(),
    sniff=sniff,
    reader=MaskDataReader,
    writer=MaskDataWriter,
    explain=explain,
)
