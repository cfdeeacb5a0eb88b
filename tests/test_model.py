"""The vocabulary: canonical form, equality, hash, JSON, pickling, read-only arrays, the unchecked path."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import orjson
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from maskconv.model import (
    AnnotatedImage,
    Annotation,
    Box,
    Encoded,
    Label,
    LabelMap,
    Mask,
    Picture,
    PixelRule,
    Polygon,
)


def mask(starts: list[int], lengths: list[int], width: int = 10, height: int = 4) -> Mask:
    return Mask(width=width, height=height, starts=starts, lengths=lengths)


SQUARE = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0)]
POLYGON = Polygon(exterior=SQUARE, rule=PixelRule.EDGE)


def copies(value):  # type: ignore[no-untyped-def]
    """The value through JSON, pickle and deepcopy."""
    yield type(value).model_validate(orjson.loads(orjson.dumps(value.model_dump(mode="json"))))
    yield type(value).model_validate(orjson.loads(orjson.dumps(value.model_dump(mode="json", exclude_defaults=True))))
    yield type(value).model_validate_json(value.model_dump_json())
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.loads(pickle.dumps(value, protocol))
    yield copy.deepcopy(value)


def arrays(value):  # type: ignore[no-untyped-def]
    """Every array inside a value."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from arrays(item)
    elif isinstance(value, BaseModel):
        yield from arrays(tuple(value.__dict__.values()))


# -- canonical form --------------------------------------------------------------------------------------------------


@given(strategies.bitmaps())
def test_mask_from_array_and_back(bitmap: np.ndarray) -> None:
    found = Mask.from_array(bitmap)
    assert (found.to_array() == bitmap).all()
    assert found.to_array().dtype == bool
    assert found.area == bitmap.sum()
    checked = Mask(width=found.width, height=found.height, starts=found.starts, lengths=found.lengths)
    assert checked == found, "what from_array builds is canonical"
    crop, x, y = found.crop()
    rows, columns = np.nonzero(bitmap)
    if len(rows):
        assert found.bbox == (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
        assert (crop == bitmap[y : y + found.bbox[3], x : x + found.bbox[2]]).all()
    else:
        assert found.bbox == (0, 0, 0, 0)
        assert (crop.size, x, y) == (0, 0, 0)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.float64])
def test_mask_from_array_of_any_type(dtype: type) -> None:
    bitmap = np.array([[0, 1, 1], [0, 0, 1]])
    assert Mask.from_array(bitmap.astype(dtype)) == mask([1, 5], [2, 1], 3, 2)
    assert Mask.from_array(np.asfortranarray(bitmap.astype(dtype))) == mask([1, 5], [2, 1], 3, 2)
    assert Mask.from_array(bitmap.astype(dtype)[:, ::-1]) == mask([0, 3], [2, 1], 3, 2)


@pytest.mark.parametrize("shape", [(3,), (2, 2, 3), (0, 4), (4, 0), ()])
def test_mask_from_array_of_wrong_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="two-dimensional"):
        Mask.from_array(np.zeros(shape))


@pytest.mark.parametrize(
    ("starts", "lengths", "message"),
    [
        ([8], [4], "crosses the end of a row"),
        ([0], [0], "empty"),
        ([0], [-1], "outside"),
        ([39], [2], "outside"),
        ([40], [1], "outside"),
        ([-1], [1], "outside"),
        ([2**31], [1], "outside"),
        ([5, 2], [1, 1], "not ascending"),
        ([2, 2], [1, 1], "not ascending"),
        ([2, 4], [2, 1], "maximal"),
        ([2, 3], [2, 1], "not ascending"),
        ([1, 2], [1], "differ in length"),
        ([1.5], [1.0], "integers"),
        ([[1]], [[1]], "one-dimensional"),
        (["1"], ["1"], "integers"),
        ([True], [True], "integers"),
        ([10**30], [1], "integers"),
        ({"a": 1}, [1], "one-dimensional"),
        (None, [1], "one-dimensional"),
    ],
)
def test_mask_that_is_not_canonical(starts: list[int], lengths: list[int], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        mask(starts, lengths)


def test_runs_that_touch_over_the_end_of_a_row_are_two() -> None:
    assert mask([8, 10], [2, 3]).area == 5


@pytest.mark.parametrize("size", [(0, 4), (4, -1), (10**6, 10**6), (2**62, 2**62)])
def test_mask_of_impossible_size(size: tuple[int, int]) -> None:
    with pytest.raises(ValidationError):
        mask([], [], *size)


@pytest.mark.parametrize(
    "data",
    [
        {"size": [4], "runs": []},
        {"size": 5, "runs": []},
        {"size": None, "runs": []},
        {"size": [4, 4], "runs": [1]},
        {"size": [4, 4], "runs": 7},
        {"size": [4, 4], "runs": {"0": 1, "1": 2}},
        {"size": [4, 4], "runs": "abcd"},
        {"size": [4, 4], "runs": [0, 1], "more": 1},
        {"size": [4, 4], "runs": [[0], [1]]},
        {"size": ["x", 4], "runs": [0, 1]},
    ],
)
def test_json_that_is_no_mask(data: object) -> None:
    with pytest.raises(ValidationError):
        Mask.model_validate(data)


@pytest.mark.parametrize(
    "ring",
    [[], [(0, 0), (1, 1)], [(0, 0, 0)] * 3, [1, 2, 3], [(0, 0), (1, 1), (2, float("nan"))], [(0, 0), (1, 1), (1e999, 0)],
     {"a": 1}, [{}, {}, {}], None, "ring", [(0, 0), (1, 1), (10**400, 0)], [(0, 0), (1,), (2, 2)], 5],
)  # fmt: skip
def test_ring_that_is_none(ring: object) -> None:
    with pytest.raises(ValidationError):
        Polygon(exterior=ring, rule=PixelRule.EDGE)
    with pytest.raises(ValidationError):
        Polygon(exterior=SQUARE, holes=(ring,), rule=PixelRule.EDGE)


@pytest.mark.parametrize("holes", [5, None, True])
def test_holes_that_are_none(holes: object) -> None:
    with pytest.raises(ValidationError):
        Polygon(exterior=SQUARE, holes=holes, rule=PixelRule.EDGE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": ""},
        {"shape": ()},
        {"score": 1.5},
        {"score": -0.1},
        {"score": float("nan")},
        {"colour": 1},
        {"shape": "x"},
    ],
)
def test_annotation_that_is_wrong(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Annotation(**({"label": "cat", "shape": POLYGON} | {"shape": (POLYGON,)} | wrong))


def test_a_mask_has_the_size_of_its_image() -> None:
    small = mask([0], [1], 3, 3)
    with pytest.raises(ValidationError, match="3 x 3 in an image of 4 x 3"):
        AnnotatedImage(name="a", width=4, height=3, annotations=(Annotation(label="cat", shape=small),))
    with pytest.raises(ValidationError, match="None x None"):
        AnnotatedImage(name="a", annotations=(Annotation(label="cat", shape=small),))
    with pytest.raises(ValidationError, match="3 x 3"):
        AnnotatedImage(name="a", width=4, height=3, ignored=small)
    assert AnnotatedImage(name="a", annotations=(Annotation(label="cat", shape=(POLYGON,)),)).width is None


@pytest.mark.parametrize("color", [(0, 0, 256), (-1, 0, 0), (1, 2), (1, 2, 3, 4), "red"])
def test_color_that_is_none(color: object) -> None:
    with pytest.raises(ValidationError):
        Label(name="cat", color=color)


def test_label_names_are_unique() -> None:
    with pytest.raises(ValidationError, match="'cat' occurs twice"):
        LabelMap(labels=(Label(name="cat"), Label(name="cat", color=(1, 2, 3))))
    found = LabelMap(labels=(Label(name="cat"), Label(name="Cat")))
    assert found.names == ("cat", "Cat")
    assert found.get("Cat") is found.labels[1]
    assert found.get("dog") is None


# -- values ----------------------------------------------------------------------------------------------------------


@given(strategies.images())
def test_image_is_a_value(image: AnnotatedImage) -> None:
    for other in copies(image):
        assert other == image
        assert hash(other) == hash(image)
        assert not any(array.flags.writeable for array in arrays(other))


@given(strategies.LABEL_MAPS)
def test_label_map_is_a_value(labels: LabelMap) -> None:
    for other in copies(labels):
        assert other == labels
        assert hash(other) == hash(labels)


@given(st.lists(strategies.masks(6, 5), min_size=2, max_size=6))
def test_masks_are_equal_when_their_pixels_are(found: list[Mask]) -> None:
    for a in found:
        for b in found:
            assert (a == b) == (a.to_array() == b.to_array()).all()
            assert a != b or hash(a) == hash(b)
    assert len(set(found)) == len({m.to_array().tobytes() for m in found})


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Annotation(label="x", shape=(POLYGON,), attributes={"n": 1}), Annotation(label="x", shape=(POLYGON,), attributes={"n": 1.0})),
        (Annotation(label="x", shape=(POLYGON,), attributes={"a": 1, "b": [1]}), Annotation(label="x", shape=(POLYGON,), attributes={"b": [True], "a": 1})),
        (Polygon(exterior=[(0.0, 0), (1, 0), (1, 1)], rule=PixelRule.EDGE), Polygon(exterior=[(-0.0, 0), (1, 0), (1, 1)], rule=PixelRule.EDGE)),
        (Label(name="x", id=1), Label(name="x", id=True)),
    ],
)  # fmt: skip
def test_equal_values_have_one_hash(a: object, b: object) -> None:
    assert a == b
    assert hash(a) == hash(b)


def test_different_values_differ() -> None:
    base = Annotation(label="x", shape=(POLYGON,))
    others = [base.replace(**{name: value}) for name, value in {
        "label": "y", "shape": (POLYGON, POLYGON), "id": 1, "box": Box(x=0, y=0, width=1, height=1), "group": 1, "track": "t",
        "crowd": True, "score": 0.5, "attributes": {"a": 1}}.items()]  # fmt: skip
    assert len({base, *others}) == 10
    assert base != "x"
    assert Polygon(exterior=SQUARE, rule=PixelRule.CENTRE_TRUNC) != POLYGON
    assert Box(x=0, y=0, width=1, height=1) != Picture(path="x")


def test_values_cannot_be_changed() -> None:
    found = mask([1], [2])
    for act in (lambda: setattr(found, "width", 3), lambda: setattr(POLYGON, "rule", PixelRule.EDGE)):
        with pytest.raises(ValidationError, match="frozen"):
            act()
    for array in (found.starts, found.lengths, POLYGON.exterior, Mask.from_array(np.eye(3)).starts):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5


def test_no_one_else_can_write_to_the_arrays() -> None:
    starts, lengths, ring = np.array([1], np.int32), np.array([2], np.int32), np.array(SQUARE)
    found, polygon = mask(starts, lengths), Polygon(exterior=ring, rule=PixelRule.EDGE)  # type: ignore[arg-type]
    view = starts.view()
    view.flags.writeable = False
    behind = mask(view, lengths)  # type: ignore[arg-type]
    starts[0], lengths[0], ring[0] = 7, 1, 9
    assert found == behind == mask([1], [2])
    assert polygon == POLYGON


def test_unchecked_values_are_like_checked_ones() -> None:
    starts, lengths = np.array([1], np.int32), np.array([2], np.int32)
    starts.flags.writeable = lengths.flags.writeable = False
    found = Mask.unchecked(width=10, height=4, starts=starts, lengths=lengths)
    assert found == mask([1], [2])
    assert found.starts is starts
    facts = {name: field.get_default() for name, field in Annotation.model_fields.items()}
    annotation = Annotation.unchecked(**(facts | {"label": "cat", "shape": found}))
    assert annotation == Annotation(label="cat", shape=found)
    facts = {name: field.get_default() for name, field in AnnotatedImage.model_fields.items()}
    image = AnnotatedImage.unchecked(**(facts | {"name": "a", "width": 10, "height": 4, "annotations": (annotation,)}))
    assert image == AnnotatedImage(name="a", width=10, height=4, annotations=(annotation,))
    assert image.encoded is None
    for other in copies(image):
        assert other == image
    assert "cat" in repr(image)


# -- encoded pixels --------------------------------------------------------------------------------------------------


def encoded_image() -> AnnotatedImage:
    told = tuple(Annotation(label="cat", shape=mask([10 * i], [2])) for i in range(2))
    image = AnnotatedImage(name="a", width=10, height=4, annotations=told)
    return image.with_encoded(Encoded(b"png", ((1, 2, 3), (4, 5, 6)), tuple(a.shape for a in told)))


def test_encoded_pixels_live_as_long_as_the_shapes() -> None:
    image = encoded_image()
    assert image.encoded is not None
    assert image.encoded.png == b"png"
    renamed = tuple(a.replace(label="dog", score=0.5, id=7) for a in image.annotations)
    assert image.replace(annotations=renamed).encoded is image.encoded
    assert image.replace(name="b", split="val").encoded is image.encoded
    equal = tuple(a.replace(shape=mask([10 * i], [2])) for i, a in enumerate(image.annotations))
    assert image.replace(annotations=equal) == image
    for other in (equal, image.annotations[:1], image.annotations[::-1], image.annotations + image.annotations[:1], ()):
        assert image.replace(annotations=other).encoded is None
    dropped = image.replace(annotations=image.annotations[:1])
    assert dropped.replace(annotations=image.annotations).encoded is image.encoded, "the very same again"


def test_encoded_pixels_survive_copies_but_not_json() -> None:
    image = encoded_image()
    for other in (pickle.loads(pickle.dumps(image)), copy.deepcopy(image)):
        assert other == image
        assert other.encoded is not None
        assert other.encoded.colors == ((1, 2, 3), (4, 5, 6))
    assert AnnotatedImage.model_validate_json(image.model_dump_json()).encoded is None


# -- pictures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("picture", "extension"),
    [
        (Picture(path="a/b.JPG"), ".JPG"),
        (Picture(path="x.zip", member="in/c.tar.png"), ".png"),
        (Picture(path="a.b/noext"), ""),
        (Picture(path="C:\\a.b\\noext"), ""),
    ],
)
def test_picture_extension(picture: Picture, extension: str) -> None:
    assert picture.extension == extension
