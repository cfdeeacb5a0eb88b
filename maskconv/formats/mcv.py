"""maskconv's own format: JSON lines that keep the whole vocabulary; for golden files and interchange.

The first line is ``{"maskconv": 1, "labels": [...]}``, then one AnnotatedImage a line, a mask as
``{"size": [width, height], "runs": [start, length, ...]}``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import orjson
from pydantic import ValidationError

from maskconv import limits
from maskconv.errors import DataError, SourceError
from maskconv.finding import Note, Where
from maskconv.model import AnnotatedImage, Feature, LabelMap
from maskconv.plugin import Format, Head, Piece, Reader, Target, Writer
from maskconv.stage import Stage

VERSION = 1
Unit = tuple[int, int, int]  # line number, byte offset, length


class McvReader(Reader[Unit, Head]):
    def head(self, note: Note) -> Head:
        del note
        _, first = next(self._lines(), (1, b""))
        try:
            facts = orjson.loads(first)
            version = facts["maskconv"]
            if version != VERSION:
                text = f"this is version {version} of the format; this maskconv reads version {VERSION}"
                raise SourceError(text, where=self._where(1), fix="use the maskconv that wrote it")
            return Head(LabelMap(labels=facts["labels"]))
        except ValidationError as error:
            text, fix = f"the label map is wrong: {_reason(error)}", "write it again with maskconv"
            raise SourceError(text, where=self._where(1), fix=fix) from error
        except (ValueError, KeyError, TypeError) as error:
            text = 'the first line is not {"maskconv": 1, "labels": [...]}'
            raise SourceError(text, where=self._where(1), fix="write it again with maskconv") from error

    def units(self, note: Note) -> Iterator[Unit]:
        del note
        offset = 0
        for number, line in self._lines():
            if number > 1 and line.strip():
                yield number, offset, len(line)
            offset += len(line)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Lines with their numbers. Raises SourceError for one that is too long."""
        most = limits.record()
        with self.source.open("rb") as file:
            for number, line in enumerate(iter(partial(file.readline, most + 1), b""), start=1):
                if len(line) > most:
                    fix = limits.fix("MASKCONV_MAX_RECORD", "write it again with maskconv")
                    raise SourceError(f"has more than {most:,} bytes", where=self._where(number), fix=fix)
                yield number, line

    def decode(self, unit: Unit, head: Head, note: Note) -> Iterator[AnnotatedImage]:
        del head, note
        number, offset, length = unit
        with self.source.open("rb") as file:
            file.seek(offset)
            line = file.read(length)
        try:
            yield AnnotatedImage.model_validate(orjson.loads(line))
        except ValidationError as error:
            text = f"this is no image of the format: {_reason(error)}"
            raise DataError(text, where=self._where(number), fix="write it again with maskconv") from error
        except orjson.JSONDecodeError as error:
            text = f"this is no JSON ({error})"
            raise DataError(text, where=self._where(number), fix="write it again with maskconv") from error

    def _where(self, line: int) -> Where:
        return Where(path=str(self.source), line=line)


class McvWriter(Writer[LabelMap]):
    def keeps(self) -> frozenset[Feature]:
        return frozenset(Feature)

    def plan(self, labels: LabelMap, target: Target, note: Note) -> LabelMap:
        del target, note
        return labels

    def encode(self, image: AnnotatedImage, plan: LabelMap, note: Note) -> Piece:
        del plan, note
        try:
            for attributes in (image.attributes, *(a.attributes for a in image.annotations)):
                if attributes:  # what comes next would write NaN as null and a set as a list
                    json.dumps(attributes, allow_nan=False)
            row = _line(image.model_dump(mode="json", exclude_defaults=True))
            key = image.name if image.split is None else f"{image.split}: {image.name}"
            return Piece(row, instances=len(image.annotations), key=key)
        except (TypeError, ValueError) as error:  # an attribute of a kind JSON has not, half a character
            text = f"it holds a value that JSON cannot hold ({error})"
            raise DataError(text, where=Where(image=image.name), fix="use text, numbers, lists and mappings") from error

    def begin(self, stage: Stage, plan: LabelMap) -> None:
        self._stage = stage
        labels = [label.model_dump(mode="json", exclude_defaults=True) for label in plan.labels]
        stage.write(_line({"maskconv": VERSION, "labels": labels}))

    def append(self, piece: Piece, note: Note) -> None:
        del note
        self._stage.write(piece.rows)


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'line'}: {first['msg']}"


def _line(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value) + b"\n"


FORMAT = Format(
    name="mcv",
    title="maskconv's own JSON lines",
    suffixes=(".mcv",),
    sniff=lambda probe: probe.kind == "file" and {"maskconv", "labels"} <= probe.keys,
    reader=McvReader,
    writer=McvWriter,
)
