"""Pictures' sizes and pixels are those that a viewer shows; what cannot be read is one sentence."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from maskconv import pictures
from maskconv._jpeg import damage, header
from maskconv.errors import DataError
from maskconv.finding import Finding, Weight
from maskconv.model import Picture

FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "tiff": "TIFF", "bmp": "BMP", "gif": "GIF"}


def saved(path: Path, orientation: int = 1) -> Picture:
    image = Image.new("RGB", (30, 20), (200, 30, 60))
    exif = Image.Exif()
    exif[274] = orientation
    image.save(path, FORMATS[path.suffix[1:]], **({"exif": exif} if orientation != 1 else {}))
    return Picture(path=str(path))


@pytest.mark.parametrize("suffix", FORMATS)
def test_size_is_read_and_equals_the_pixels(suffix: str, tmp_path: Path) -> None:
    picture = saved(tmp_path / f"a.{suffix}")
    assert pictures.size_of(picture) == (30, 20)
    found = pictures.pixels(picture)
    assert found.shape == (20, 30, 3)
    assert found.dtype == np.uint8
    assert np.abs(found[10, 15].astype(int) - (60, 30, 200)).max() <= 6  # blue first


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_to_both(orientation: int, suffix: str, tmp_path: Path) -> None:
    picture = saved(tmp_path / f"a.{suffix}", orientation)
    width, height = pictures.size_of(picture)
    assert (width, height) == ((20, 30) if orientation > 4 else (30, 20))
    assert pictures.pixels(picture).shape == (height, width, 3)
    if suffix != "tiff":  # OpenCV does not read turned ones
        assert cv2.imread(picture.path).shape == (height, width, 3)


def test_members_of_zips(tmp_path: Path) -> None:
    saved(tmp_path / "a.jpg")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "a.jpg", "images/a.jpg")
    picture = Picture(path=str(tmp_path / "all.zip"), member="images/a.jpg")
    assert pictures.size_of(picture) == (30, 20)
    assert pictures.read(picture) == (tmp_path / "a.jpg").read_bytes()
    with pytest.raises(DataError, match="cannot be read"):
        pictures.read(Picture(path=picture.path, member="images/b.jpg"))


def test_known_sizes_are_not_read_again() -> None:
    assert pictures.size_of(Picture(path="/nowhere.jpg", width=3, height=4)) == (3, 4)


def test_a_huge_picture_has_a_size_and_is_not_decoded(tmp_path: Path) -> None:
    data = io.BytesIO()
    Image.new("1", (16, 16)).save(data, "PNG")
    raw = bytearray(data.getvalue())
    raw[16:24] = (40_000).to_bytes(4, "big") * 2
    raw[29:33] = zlib.crc32(raw[12:29]).to_bytes(4, "big")
    (tmp_path / "big.png").write_bytes(raw)
    picture = Picture(path=str(tmp_path / "big.png"))
    assert pictures.size_of(picture) == (40_000, 40_000)
    with pytest.raises(DataError, match="40000 x 40000 pixels are more than"):
        pictures.pixels(picture)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_what_is_no_picture_is_a_sentence(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(data)
    picture = Picture(path=str(tmp_path / "a.jpg"))
    for read in (pictures.size_of, pictures.pixels):
        with pytest.raises(DataError) as caught:
            read(picture)
        assert caught.value.code == "picture-unreadable"
        assert caught.value.where.path == picture.path


def test_a_truncated_picture_is_damaged_or_shown(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    data = cv2.imencode(".png", noise)[1].tobytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="damaged"):
        pictures.pixels(Picture(path=str(tmp_path / "a.png")))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read") as caught:
        pictures.read(Picture(path=str(tmp_path / "none.jpg")))
    assert caught.value.code == "member-unreadable"


def test_a_folder_finds_pictures_by_item(tmp_path: Path) -> None:
    os.makedirs(tmp_path / "sub")
    for name in ("a.JPG", "sub/b.v2.png", "sub/notes.txt"):
        (tmp_path / name).write_bytes(b"")
    folder = pictures.PictureFolder(tmp_path)
    assert folder.find("a").path == str(tmp_path / "a.JPG")
    assert folder.find("sub/b.v2").path == str(tmp_path / "sub/b.v2.png")
    assert folder.find("sub/b.v2.jpg").path == str(tmp_path / "sub/b.v2.png")
    assert folder.find("sub/notes") is None
    assert pictures.stem("x/y.tar.jpeg") == "x/y.tar"
    assert pictures.stem("x/y.v2") == "x/y.v2"


def test_a_folder_of_splits_finds_pictures_by_the_items_split(tmp_path: Path) -> None:
    names = (
        "images/train/a.jpg",
        "images/val/a.jpg",
        "images/val/only.jpg",
        "valid/images/x/b.png",
        "top.png",
        "deep/c.png",
    )
    for name in (*names, "images/train/top.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    folder = pictures.PictureFolder(tmp_path)

    def found(name: str, split: str | None = None) -> str | None:
        picture = folder.find(name, split)
        return None if picture is None else Path(picture.path).relative_to(tmp_path).as_posix()

    assert [found("a", split) for split in ("train", "val", "Training", "Validation")] == [
        *("images/train/a.jpg", "images/val/a.jpg", "images/train/a.jpg", "images/val/a.jpg")
    ]
    assert found("top", "train") == "images/train/top.png" and found("top") == "top.png"
    assert found("top", "val") == "top.png"
    assert found("x/b", "val") == found("x/b") == "valid/images/x/b.png"
    assert (
        found("only") == "images/val/only.jpg" and found("only", "train") is None
    )  # another split's is another picture
    assert found("a", "test") is None
    assert found("c") is None and found("c", "train") is None  # no split's folder
    assert found("a") is None  # which of the two is not known
    assert "the item has no split, and images/train/a.jpg and images/val/a.jpg in" in folder.lacks("a")
    assert "there is no picture 'c' in" in folder.lacks("c")
    assert r"there is no picture 'c\d' in" in folder.lacks(r"c\d"), "as it is, not as Python writes it"
    assert """there is no picture "it's" in""" in folder.lacks("it's")


def test_a_service_s_reference_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkdir("service:some-key")
    Path("service:some-key/a").write_bytes(b"secret")
    Path("service:other-key").write_bytes(b"secret")
    for picture in (Picture(path="service:some-key", member="a"), Picture(path="service:other-key")):
        assert not pictures.is_local(picture)
        for look in (pictures.read, pictures.size_of, pictures.pixels):
            with pytest.raises(DataError, match="it is no file on this machine"):
                look(picture)
    for path in ("a.jpg", "C:\\x\\a.jpg", "c:a.jpg", "12:30.png", "/x/y:z.png", "my set:b/a.png"):
        assert pictures.is_local(Picture(path=path))


# JPEG headers, read without a library.


def exif(orientation: int, order: str, entries: int = 1) -> bytes:
    little = order == "II"
    pack = lambda value, size: value.to_bytes(size, "little" if little else "big")  # noqa: E731
    rows = [pack(0x0100 + k, 2) + pack(3, 2) + pack(1, 4) + pack(9, 2) + b"\0\0" for k in range(entries - 1)]
    rows.append(pack(0x0112, 2) + pack(3, 2) + pack(1, 4) + pack(orientation, 2) + b"\0\0")
    tiff = order.encode() + pack(42, 2) + pack(8, 4) + pack(entries, 2) + b"".join(rows) + pack(0, 4)
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body


@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.booleans(),
    st.booleans(),
    st.one_of(st.none(), st.tuples(st.integers(0, 9), st.sampled_from(["II", "MM"]), st.integers(1, 4))),
    st.sampled_from([0, 5, 70_000]),
)
def test_jpeg_headers_say_what_pillow_says(size, gray, progressive, turned, comment) -> None:
    data = io.BytesIO()
    Image.new("L" if gray else "RGB", size).save(data, "JPEG", progressive=progressive)
    jpeg = data.getvalue()
    if turned is not None:
        jpeg = jpeg[:2] + exif(*turned) + jpeg[2:]
    while comment > 0:
        part = min(comment, 60_000)
        jpeg = jpeg[:2] + b"\xff\xfe" + (part + 2).to_bytes(2, "big") + b"x" * part + jpeg[2:]
        comment -= part
    with Image.open(io.BytesIO(jpeg)) as image:
        width, height = image.size
        expected = (height, width) if image.getexif().get(274) in (5, 6, 7, 8) else (width, height)
    found = told(jpeg[: 1 << 16])
    assert found == expected or (found is None and len(jpeg) > 1 << 16)
    assert pictures.size_in(jpeg, Picture(path="a.jpg")) == expected
    for cut in range(0, min(len(jpeg), 700), 7):
        assert told(jpeg[:cut]) in (None, expected)


def told(data: bytes) -> tuple[int, int] | None:
    """The size as shown, by a JPEG's header."""
    found = header(data)
    return None if found is None else pictures.Header(*found).shown


@given(st.binary(max_size=300))
def test_any_bytes_are_a_size_or_none(data: bytes) -> None:
    for start in (data, b"\xff\xd8\xff" + data, b"\xff\xd8\xff\xe1\x00\x30Exif\0\0II*\0" + data):
        found = told(start)
        assert found is None or min(found) > 0


# JPEGs that are damaged, and those that are not.


def scene(width: int = 400, height: int = 300) -> np.ndarray:
    """A picture with large and small things in it, flat ones also; red first."""
    rng = np.random.default_rng(width)
    pixels = np.full((height, width, 3), 80, np.uint8)
    coarse = rng.integers(0, 255, (height // 2 // 8 + 1, width // 8 + 1, 3), np.uint8)
    pixels[: height // 2] = cv2.resize(coarse, (width, height // 2), interpolation=cv2.INTER_CUBIC)
    pixels[: height // 3, : width // 3] = rng.integers(0, 255, (height // 3, width // 3, 3), np.uint8)
    return pixels


def jpeg(pixels: np.ndarray, mode: str = "RGB", **how: object) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(data, "JPEG", **how)
    return data.getvalue()


KINDS = {
    "usual": {},
    "optimised": {"optimize": True},
    "restarts": {"restart_marker_rows": 1},
    "4:4:4": {"subsampling": 0},
}


def gap(data: bytes, filling: bytes) -> bytes:
    """With what is filled in, in the middle of the coded data of the noise."""
    at = data.index(b"\xff\xda") + 4000
    return data[:at] + filling + data[at + len(filling) :]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("filling", "reason"),
    [
        (bytes(1000), "its coded data has a gap of zeros at byte "),
        (bytes(100), "its coded data has a gap of zeros at byte "),
        (b"\xff\x90" * 50, "is no part of a picture"),
        (b"\xff\xd8\xff\xe0", "is no part of a picture"),
        (b"\xff\xd1\xff\xd1", "parts of its coded data are missing, or in the wrong place"),
    ],
)
def test_a_damaged_jpeg_is_noted(kind, filling, reason, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jpg").write_bytes(gap(jpeg(scene(), **KINDS[kind]), filling))
    picture, noted = Picture(path=str(tmp_path / "a.jpg")), list[Finding]()
    found = pictures.pixels(picture, noted.append)
    assert (found.shape, found.dtype) == ((300, 400, 3), np.uint8)
    (finding,) = noted
    assert (finding.code, finding.weight, finding.where.path) == ("picture-damaged", Weight.WARNING, picture.path)
    assert reason in finding.message
    assert np.array_equal(pictures.pixels(picture), found)
    assert capfd.readouterr() == ("", "")  # what decodes has lines of its own for it, without a name


@pytest.mark.parametrize("lost", range(1, 8))
def test_a_jpeg_that_lost_some_of_its_parts(lost: int) -> None:
    data = jpeg(scene(), restart_marker_rows=1)
    marks = [
        at for at in range(data.index(b"\xff\xda"), len(data)) if data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7
    ]
    assert "parts of its coded data are missing" in damage(data[: marks[2]] + data[marks[2 + lost] :])


@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_that_ends_too_early_is_not_read(kind, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = jpeg(scene(), **KINDS[kind])
    for kept in (300, len(data) // 3, len(data) * 2 // 3):
        assert damage(data[:kept]) == "it ends too early"
        (tmp_path / "a.jpg").write_bytes(data[:kept])
        noted = list[Finding]()
        with pytest.raises(DataError, match="it is damaged, or no picture"):
            pictures.pixels(Picture(path=str(tmp_path / "a.jpg")), noted.append)
        assert noted == []
    assert capfd.readouterr() == ("", "")


def test_a_damaged_jpeg_of_which_nothing_is_decoded_is_not_read(tmp_path: Path) -> None:
    data = jpeg(scene(), progressive=True)
    at = data.index(b"\xff\xda") + 400  # in the first of several scans
    (tmp_path / "a.jpg").write_bytes(data[:at] + b"\xff\x90" * 50 + data[at + 100 :])
    with pytest.raises(DataError, match="it is damaged, or no picture"):
        pictures.pixels(Picture(path=str(tmp_path / "a.jpg")))


@given(
    st.tuples(st.integers(1, 120), st.integers(1, 120)),
    st.sampled_from(["noise", "flat", "black", "scene"]),
    st.sampled_from(["L", "RGB", "CMYK"]),
    st.integers(1, 100),
    st.tuples(st.booleans(), st.booleans(), st.integers(0, 3), st.integers(0, 2)),
)
def test_of_healthy_jpegs_nothing_is_said(tmp_path_factory, size, what, mode, quality, how) -> None:
    width, height = size
    pixels = scene(max(width, 9), max(height, 9))[:height, :width] if what in ("noise", "scene") else None
    if pixels is None:
        pixels = np.full((height, width, 3), 0 if what == "black" else 77, np.uint8)
    progressive, optimize, restarts, subsampling = how
    coded = {"progressive": progressive, "optimize": optimize, "restart_marker_blocks": restarts}
    data = jpeg(pixels, mode, quality=quality, subsampling=subsampling, **coded)
    assert damage(data) == ""
    path = tmp_path_factory.getbasetemp() / "healthy.jpg"
    path.write_bytes(data)
    noted = list[Finding]()
    found = pictures.pixels(Picture(path=str(path)), noted.append)
    assert noted == []
    assert np.array_equal(found, cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


def test_what_a_jpeg_may_have_besides() -> None:
    """Data after its end, bytes before marks, and zeros and marks in parts that are no coded data."""
    data = jpeg(scene())
    scan = data.index(b"\xff\xda")
    assert damage(data + bytes(5000) + data) == ""
    assert damage(data[:scan] + b"\xff\xff" + data[scan:-2] + b"\xff\xff\xff" + data[-2:]) == ""
    comment = b"\xff\xfe\x03\xea" + b"\xff\xd9\xff\xda\xff\xd0" + bytes(994)
    assert damage(data[:2] + comment + data[2:]) == ""
    assert damage(data[:2] + b"\xff\xdd\x00\x04\x00\x00" + data[2:]) == ""


@given(st.data())
def test_any_damage_is_a_sentence_or_none(draw) -> None:
    raw = bytearray(jpeg(scene(40, 30), restart_marker_blocks=draw.draw(st.integers(0, 2))))
    for at, value in draw.draw(st.lists(st.tuples(st.integers(2, len(raw) - 1), st.integers(0, 255)), max_size=9)):
        raw[at] = value
    assert isinstance(damage(bytes(raw[: draw.draw(st.integers(2, len(raw)))])), str)
    assert isinstance(damage(b"\xff\xd8\xff" + draw.draw(st.binary(max_size=80))), str)
