"""Pictures that go into a CVAT zip beside the masks: whether they fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from maskconv.finding import Weight
from tests.making import written
from tests.test_cvat_mask_write import LABELS, H, W, annotation, image, mask, members


@pytest.mark.parametrize(
    ("size", "orientation", "fits"),
    [((W, H), 1, True), ((H, W), 6, True), ((W, H), 6, False), ((H, W), 1, False), ((W, H), 3, True)],
)
def test_a_picture_of_another_size_is_told(tmp_path: Path, size: tuple[int, int], orientation: int, fits: bool) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    Image.new("RGB", size).save(tmp_path / "a.jpg", exif=exif)
    one = image("a", annotation(mask((2, 2, 5, 5))))
    found = written(tmp_path / "out.zip", one, labels=LABELS, format="cvat-mask", images=tmp_path)
    told = [f for f in found if f.code == "cvat-picture-size"]
    assert (not told) == fits
    for finding in told:
        assert finding.weight is Weight.WARNING
        assert f"its masks {W}x{H}" in finding.message and finding.where.path == str(tmp_path / "a.jpg")
        assert finding.where.image == "a" and "--from-images" in finding.fix
    assert members(tmp_path / "out.zip")["JPEGImages/a.jpg"] == (tmp_path / "a.jpg").read_bytes()


def test_a_picture_that_cannot_be_read_is_told_and_packed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    one = image("a", annotation(mask((2, 2, 5, 5))))
    found = written(tmp_path / "out.zip", one, labels=LABELS, format="cvat-mask", images=tmp_path)
    (finding,) = (f for f in found if f.where.path == str(tmp_path / "a.jpg"))
    assert finding.weight is Weight.WARNING and "its size cannot be read" in finding.message
    assert members(tmp_path / "out.zip")["JPEGImages/a.jpg"] == b"no picture"
