"""The contract that every format keeps, for its author's own tests. Needs pytest, and the format registered.

    class TestMyFormat(FormatContract):
        format = FORMAT
        samples = (Path("fixtures/my-format/small.json"),)

A test that does not apply is skipped by declaration only: the format has no reader, no writer, or the writer's
``keeps()`` names (or does not name) the feature. A writer with several ways to write gets one subclass for each, with
its ``write_options``. With ``pytest.register_assert_rewrite("maskconv.testing")`` in your conftest.py, failures show values.
"""
# ruff: noqa: S101, PT012, PT017

from __future__ import annotations

import pickle
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic_core import PydanticUndefined

from maskconv import registry
from maskconv.driver import convert, open_reader, open_writer, validate
from maskconv.errors import ConversionError, MaskconvError, OptionError, TargetExistsError
from maskconv.finding import Finding, Report, Weight
from maskconv.model import AnnotatedImage, Annotation, Feature, LabelMap, PixelRule
from maskconv.plugin import LOSSES, Format, Reader, Target, Writer
from maskconv.samples import LABELS, SHAPED, Sample, awkward, block, broken, crowded, image, sample, view
from maskconv.store import unsafe

__all__ = ["FormatContract", "broken", "copied", "tree"]


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder with its bytes; None for a folder."""
    found = sorted(folder.rglob("*"))
    return {p.relative_to(folder).as_posix(): p.read_bytes() if p.is_file() else None for p in found}


def copied(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - its own bytes


class FormatContract:
    """Subclass it, name the ``format``, and let pytest run it."""

    format: ClassVar[Format]
    samples: ClassVar[Sequence[Path]] = ()
    read_options: ClassVar[Mapping[str, Any]] = {}
    write_options: ClassVar[Mapping[str, Any]] = {}
    rule: ClassVar[PixelRule] = PixelRule.EDGE  # which pixels this format's own polygons mean
    sniffed: ClassVar[bool] = True  # False: its sources are of no format, such as pictures, and it has to be named
    # What a writer's spares() names, such as {Feature.INSTANCE_IDS: {"id": "<a uuid>"}}: this must come back equal.
    spared: ClassVar[Mapping[Feature, Mapping[str, Any]]] = {}

    # -- helpers ---------------------------------------------------------------------------------------------------

    def writer(self) -> Writer[Any]:
        kind = self.format.writer or pytest.skip(f"{self.format.name} has no writer")
        return kind(kind.Options.parse(self.write_options, self.format.name, "write"))

    def reader(self, path: Path) -> Reader[Any, Any]:
        kind = self.format.reader or pytest.skip(f"{self.format.name} has no reader")
        return kind(path, kind.Options.parse(self.read_options, self.format.name, "read"))

    def target(self, folder: Path) -> Path:
        """Where tests write: alone in a folder of its own, so that litter shows."""
        place = folder / "out"
        place.mkdir(exist_ok=True)
        return place / f"target{(*self.format.suffixes, '')[0]}"

    def convert(self, given: Sample, folder: Path, **how: Any) -> tuple[Path, Report, list[Finding]]:
        """Write the sample through the real driver: the target, the report, every Finding."""
        source = folder / "given.mcv"
        if not source.exists():
            _write(source, given)
        found: list[Finding] = []
        report, target = Report(sink=found.append), self.target(folder)
        convert(source, target, to=self.format.name, write=self.write_options, report=report, **how)
        return target, report, found

    def read(self, path: Path) -> tuple[LabelMap, list[AnnotatedImage]]:
        with open_reader(path, format=self.format.name, **self.read_options) as images:
            return images.labels, list(images)

    def examples(self, folder: Path) -> Iterator[Path]:
        """The samples, and what the format itself writes; in copies that a test may break."""
        for number, path in enumerate(self.samples):
            shutil.copytree(path.parent, folder / f"sample {number}")
            yield folder / f"sample {number}" / path.name
        if self.format.writer is not None:
            yield self.convert(crowded(3), folder)[0]

    # -- what the format says about itself -------------------------------------------------------------------------

    def test_names(self) -> None:
        fmt = self.format
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", fmt.name), "a name is lower-case words joined by '-'"
        assert fmt.title.strip() == fmt.title, "a title has no space around it"
        assert 0 < len(fmt.title) <= 60, "a title is some words for a table"
        assert not fmt.title.endswith("."), "a title is no sentence"
        assert all(re.fullmatch(r"(\.[a-z0-9]+)+", suffix) for suffix in fmt.suffixes), "suffixes are like .json"
        assert fmt.reader or fmt.writer or fmt.check, "a format can be read, written, or at least checked"
        assert registry.by_name(fmt.name) is fmt, "the format is registered, under its own name"

    @pytest.mark.parametrize("side", ["read", "write"])
    def test_options(self, side: str) -> None:
        kind = self.format.reader if side == "read" else self.format.writer
        if kind is None:
            pytest.skip(f"{self.format.name} cannot {side}")
        for name, field in kind.Options.model_fields.items():
            assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name), f"{name} is not snake_case"
            assert field.default is not PydanticUndefined, f"{name} has no default"
            assert field.description, f"{name} has no help text"
        with pytest.raises(OptionError) as caught:
            kind.Options.parse({"no_such_option": 1}, self.format.name, side)
        assert all(name.replace("_", "-") in str(caught.value) for name in kind.Options.model_fields)

    # -- nothing is lost silently ----------------------------------------------------------------------------------

    @pytest.mark.parametrize("feature", list(Feature), ids=lambda f: f.name.lower())
    def test_feature(self, feature: Feature, tmp_path: Path) -> None:
        """What the writer keeps comes back equal; what it does not keep ends in the Finding of `LOSSES`."""
        keeps = self.writer().keeps()
        carriers = [c for c in (Feature.MASKS, Feature.POLYGONS, Feature.BOXES) if c in keeps]
        assert carriers, "a writer keeps masks, polygons or boxes"
        carrier = Feature.MASKS if feature in SHAPED and feature not in keeps else carriers[0]
        given = sample(feature, carrier, self.rule)
        target, report, found = self.convert(given, tmp_path)
        if feature not in keeps or feature in self.spared:
            loss = LOSSES[feature]
            told = [f for f in found if (f.code, f.weight) == (loss.code, loss.weight)]
            assert told, f"nothing said that {loss.text} are lost; said: {found}"
            assert all(f.amount > 0 and f.unit == loss.unit for f in told)
        if feature in self.spared:
            given = sample(feature, carrier, self.rule, self.spared[feature])
            (tmp_path / "given.mcv").unlink()
            target, report, found = self.convert(given, tmp_path, overwrite=True)
        elif feature not in keeps:
            return
        if self.format.reader is None:
            pytest.skip(f"{self.format.name} has no reader to give it back")
        assert LOSSES[feature].code not in {f.code for f in found}
        assert view(feature, *self.read(target)) == view(feature, *given)
        assert report.instances_written == report.instances

    def test_nothing_vanishes(self, tmp_path: Path) -> None:
        """Instances written, and those that errors and data losses name, are the instances given."""
        self.writer()
        given = awkward()
        target, report, found = self.convert(given, tmp_path, on_error="skip")
        codes = {loss.code for loss in LOSSES.values()}
        heavy = [f for f in found if f.weight in {Weight.ERROR, Weight.DATA} and f.code not in codes]
        sizes = {i.name: len(i.annotations) for i in given[1]}
        whole = {f.where.image for f in heavy if f.weight is Weight.ERROR and f.unit != "instances"}
        named = sum(f.amount for f in heavy if f.unit == "instances" and f.where.image not in whole)
        lost = named + sum(sizes[name] for name in whole)
        assert report.instances_written + lost == sum(sizes.values()), "\n".join(map(str, found))
        if self.format.reader is not None:
            read = self.read(target)[1]
            assert sum(len(i.annotations) for i in read) == report.instances_written
            counted = [f for f in found if f.code == LOSSES[Feature.EMPTY_IMAGES].code]
            assert counted or len(read) == report.images_written

    def test_items_of_one_name(self, tmp_path: Path) -> None:
        """Two items with one name are an error that says so, or both are there."""
        self.writer()
        same = tuple(sample(Feature.MASKS)[1][0] for _ in range(2))
        target = self.target(tmp_path)
        try:
            with self._open_writer(tmp_path, LABELS) as writer:
                for each in same:
                    writer.write(each)
        except MaskconvError as error:
            assert "plain" in str(error) or "plain" in str(getattr(error, "report", Report()).findings)
        else:
            assert writer.report.images_written == 2
            assert self.format.reader is None or len(self.read(target)[1]) == 2

    def test_hostile_names(self, tmp_path: Path) -> None:
        """No name leads out of the target."""
        self.writer()
        names = ["fine", "../up", "a/../../up", "/abs", "C:/drive", "C:\\drive", "..\\up", "nul\0"]
        told = Annotation(label="cat", shape=block(1, 1, 5, 5))
        inner = tmp_path / "a" / "b"
        inner.mkdir(parents=True)
        with _own_errors():
            self.convert((LABELS, tuple(image(name, told) for name in names)), inner, on_error="skip")
        assert {p.name for p in (*tmp_path.iterdir(), *inner.parent.iterdir())} == {"a", "b"}
        assert {p.name for p in inner.iterdir()} <= {"given.mcv", "out"}
        assert all(p.name.startswith("target") for p in (inner / "out").iterdir())
        if zipfile.is_zipfile(self.target(inner)):
            assert not any(map(unsafe, zipfile.ZipFile(self.target(inner)).namelist()))

    # -- pure, and the same every time -----------------------------------------------------------------------------

    def test_encode_is_pure(self, tmp_path: Path) -> None:
        """A copy of the writer with copies of plan and image makes the same; nothing given is changed."""
        writer = self.writer()
        labels, images = crowded(4)
        path = self.target(tmp_path)
        plan = writer.plan(labels, Target(path, writer.layout(path)), lambda _: None)
        spare = copied(writer), copied(plan)
        for one in images:
            before = copied(one)
            notes: tuple[list[Finding], ...] = ([], [], [])
            first = writer.encode(one, plan, notes[0].append)
            assert writer.encode(one, plan, notes[1].append) == first
            assert spare[0].encode(copied(before), spare[1], notes[2].append) == first
            assert notes[0] == notes[1] == notes[2]
            assert one == before

    def test_decode_is_pure(self, tmp_path: Path) -> None:
        """Copies of reader, head and unit give the same images; units can be gone through again."""
        for path in self.examples(tmp_path):
            reader = self.reader(path)
            spare = copied(reader)
            reader.open()
            spare.open()
            head = reader.head(lambda _: None)
            units = list(reader.units(lambda _: None))
            assert copied(units) == copied(list(reader.units(lambda _: None)))
            for unit in units:
                first = self._decoded(reader, unit, head)
                assert self._decoded(spare, copied(unit), copied(head)) == first
                assert self._decoded(reader, unit, head) == first
                assert copied(first[0]) == first[0]
            reader.close()
            reader.close()
            spare.close()

    def _decoded(self, reader: Reader[Any, Any], unit: Any, head: Any) -> tuple[list[Any], list[Finding], str]:
        images: list[Any] = []
        notes: list[Finding] = []
        try:
            images.extend((i, i.encoded is None) for i in reader.decode(unit, head, notes.append))
        except MaskconvError as error:
            return images, notes, str(error)
        return images, notes, ""

    def test_same_bytes(self, tmp_path: Path) -> None:
        """Any number of jobs, and any run, gives the same bytes and the same Findings."""
        self.writer()
        runs = []
        for number, jobs in enumerate((1, 1, 2, 3)):
            folder = tmp_path / str(number)
            folder.mkdir()
            _, report, found = self.convert(crowded(), folder, jobs=jobs)
            runs.append((tree(folder / "out"), [f.message for f in found], report.instances_written))
        assert runs[0] == runs[1] == runs[2] == runs[3]

    # -- whole or not at all ---------------------------------------------------------------------------------------

    def test_target_exists(self, tmp_path: Path) -> None:
        self.writer()
        self.convert(crowded(3), tmp_path)
        before = tree(tmp_path)
        with pytest.raises(TargetExistsError):
            self.convert(crowded(3), tmp_path)
        assert tree(tmp_path) == before
        self.convert(crowded(3), tmp_path, overwrite=True)
        assert tree(tmp_path) == before, "overwriting leaves what a first run leaves"

    @pytest.mark.parametrize("old", [False, True], ids=["new", "overwrite"])
    def test_interrupted(self, tmp_path: Path, *, old: bool) -> None:
        """Whatever stops a run half-way: the old target stays, or none, and no litter."""
        self.writer()
        if old:
            self.convert(sample(Feature.MASKS), tmp_path)
        before = tree(self.target(tmp_path).parent)
        labels, images = crowded()
        for stop in (KeyboardInterrupt, RuntimeError):
            with pytest.raises(stop), self._open_writer(tmp_path, labels) as writer:
                for one in images:
                    writer.write(one)
                raise stop
            assert tree(tmp_path / "out") == before
        _write(tmp_path / "given.mcv", (labels, images))
        with pytest.raises(KeyboardInterrupt):
            self.convert((labels, images), tmp_path, overwrite=True, jobs=2, progress=_interrupt)
        assert tree(tmp_path / "out") == before
        with (tmp_path / "given.mcv").open("ab") as file:
            file.write(b'{"name": "broken"\n')
        with pytest.raises(ConversionError):
            self.convert((labels, images), tmp_path, overwrite=True)
        assert tree(tmp_path / "out") == before

    def _open_writer(self, folder: Path, labels: LabelMap) -> Any:
        options = dict(self.write_options)
        return open_writer(self.target(folder), labels, format=self.format.name, overwrite=True, **options)

    # -- input is hostile ------------------------------------------------------------------------------------------

    def test_sniffed(self, tmp_path: Path) -> None:
        """Of all formats exactly this one recognises its samples; none does where it has to be named."""
        for path in self.examples(tmp_path):
            seen = registry.probe(path)
            expected = [self.format.name] if self.sniffed else []
            assert [f.name for f in registry.formats() if f.sniff(seen)] == expected, path.name

    def test_own_target_is_fine(self, tmp_path: Path) -> None:
        """Checking what the format itself writes finds no error."""
        self.writer()
        target, _, _ = self.convert(crowded(3), tmp_path)
        self._readable()
        assert [f for f in self._validated(target) if f.weight is Weight.ERROR] == []

    def test_broken_input(self, tmp_path: Path) -> None:
        """A damaged source ends in Findings or in one of maskconv's own errors, whatever the damage."""
        self._readable()
        for path in self.examples(tmp_path):
            assert all(isinstance(f, Finding) for f in self._validated(path))
            for file in _one_of_each_suffix(path):
                whole = file.read_bytes()
                for data in broken(whole):
                    file.write_bytes(data)
                    with _own_errors():
                        self._validated(path)
                    if self.format.reader is not None:
                        with _own_errors():
                            self.read(path)
                file.write_bytes(whole)

    def _readable(self) -> None:
        if self.format.reader is None and self.format.check is None:
            pytest.skip(f"{self.format.name} can only be written")

    def _validated(self, path: Path) -> list[Finding]:
        return validate(path, format=self.format.name, **self.read_options)


def _write(path: Path, given: Sample) -> None:
    with open_writer(path, given[0], overwrite=True) as writer:
        for one in given[1]:
            writer.write(one)


@contextmanager
def _own_errors() -> Iterator[None]:
    """Let pass what maskconv raises, when it says something; not what it makes of others' exceptions."""
    try:
        yield
    except MaskconvError as error:
        assert str(error)
        assert error.code != "plugin-failed", error


def _interrupt(_: int) -> None:
    raise KeyboardInterrupt


def _one_of_each_suffix(path: Path) -> list[Path]:
    files = [p for p in sorted(path.rglob("*")) if p.is_file()] if path.is_dir() else [path]
    return list({p.suffix: p for p in reversed(files)}.values())
