"""Boxes as CSV: image, its width and height, label, x, y, width, height."""

import csv
import io
from itertools import groupby

from maskconv.errors import DataError, SourceError
from maskconv.finding import Finding, Weight, Where
from maskconv.geometry import shape_mask
from maskconv.model import AnnotatedImage, Annotation, Box, Feature, Label, LabelMap
from maskconv.plugin import Format, Head, Piece, Reader, Writer, loss

HEADER = ["image", "image_width", "image_height", "label", "x", "y", "width", "height"]


class BoxReader(Reader):
    def rows(self):
        try:
            with self.source.open(encoding="utf-8", newline="") as file:
                yield from (row for row in csv.reader(file, strict=True) if row and row != HEADER)
        except (UnicodeDecodeError, csv.Error) as error:
            raise SourceError(f"this is no CSV ({error})", where=Where(path=str(self.source))) from error

    def head(self, note):
        names = dict.fromkeys(row[3] for row in self.rows() if len(row) == 8)
        return Head(LabelMap(labels=[Label(name=name) for name in names if name]))

    def units(self, note):
        for image, rows in groupby(self.rows(), key=lambda row: row[0]):
            yield image, list(rows)

    def decode(self, unit, head, note):
        image, rows = unit
        try:
            told = [Annotation(label=r[3], shape=Box(**dict(zip(HEADER[4:], r[4:], strict=True)))) for r in rows]
            size = {"width": rows[0][1] or None, "height": rows[0][2] or None}
            yield AnnotatedImage(name=image, annotations=told, **size)
        except (ValueError, IndexError) as error:
            where = Where(path=str(self.source), image=image)
            raise DataError("a row of this image is no box", where=where, fix="mend it") from error


class BoxWriter(Writer):
    def keeps(self):
        return frozenset({Feature.BOXES, Feature.OVERLAP, Feature.IMAGE_SIZE})

    def plan(self, labels, target, note):
        return None

    def begin(self, stage, plan):
        self.stage = stage
        stage.write(line(HEADER))

    def encode(self, image, plan, note):
        rows = []
        for index, annotation in enumerate(image.annotations):
            box = annotation.shape if isinstance(annotation.shape, Box) else bounds(annotation, image, note)
            if box is None or not image.name.isprintable():
                text, where = "this instance has no pixels", Where(image=image.name, annotation=index)
                note(Finding("instance-empty", Weight.DATA, text, where, 1, "instances"))
            else:
                place = [box.x, box.y, box.width, box.height]
                rows.append(line([image.name, image.width, image.height, annotation.label, *place]))
        return Piece(b"".join(rows), instances=len(rows), key=image.name) if rows else None

    def append(self, piece, note):
        self.stage.write(piece.rows)


def bounds(annotation, image, note):
    if image.width is None:
        raise DataError("the image's size is not known", code="image-size-unknown")
    mask = shape_mask(annotation.shape, image.width, image.height)
    x, y, w, h = mask.bbox
    if w * h > mask.area > 0:
        note(loss(Feature.HOLES, w * h - mask.area, message="what is not the mask in its box"))
        note(loss(Feature.PARTS, 1, message="parts and outlines: a box has none"))
    return Box(x=x, y=y, width=w, height=h) if mask.area else None


def line(values):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()


FORMAT = Format(
    name="box-csv",
    title="Boxes as CSV",
    suffixes=(".csv",),
    sniff=lambda probe: probe.kind == "file" and probe.head.startswith(line(HEADER)),
    reader=BoxReader,
    writer=BoxWriter,
)
