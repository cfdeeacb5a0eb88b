"""CVAT "Segmentation mask 1.1": class and instance masks in Pascal VOC's folders, as CVAT exports and imports them.

Also genuine Pascal VOC segmentation sets, and what other tools write in that layout.
"""

from maskconv.formats.cvat_mask.layout import CLASS_FOLDERS, OBJECT_FOLDERS
from maskconv.formats.cvat_mask.near import explain
from maskconv.formats.cvat_mask.read import CvatMaskReader
from maskconv.formats.cvat_mask.task import expects
from maskconv.formats.cvat_mask.write import CvatMaskWriter
from maskconv.plugin import Format, Probe


def sniff(probe: Probe) -> bool:
    """Mask folders prove the format; without any (only empty images), segmentation lists and nothing of VOC's boxes."""
    if probe.kind == "file":
        return False
    parts = {part for folder, _ in probe.entries for part in folder.split("/")}
    if parts & (CLASS_FOLDERS | OBJECT_FOLDERS):
        return True
    lists = any(f"/{folder}".endswith("/ImageSets/Segmentation") for folder, _ in probe.entries)
    return lists and not parts & {"Annotations", "Main"}


FORMAT = Format(
    name="cvat-mask",
    title='CVAT "Segmentation mask 1.1" (Pascal VOC masks)',
    suffixes=(".zip",),
    sniff=sniff,
    reader=CvatMaskReader,
    writer=CvatMaskWriter,
    expects=expects,
    explain=explain,
)
