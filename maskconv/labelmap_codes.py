"""What can be wrong with a labelmap.txt: the table of codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from maskconv.finding import Weight

__all__ = ["CODES", "Rule", "table"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One code: its weight, what it means, what CVAT does, and what to do."""

    weight: Weight
    cause: str
    cvat: str
    fix: str


E, D, W, I = Weight.ERROR, Weight.DATA, Weight.WARNING, Weight.INFO  # noqa: E741
_REFUSED = 'refuses the file ("wrong number of fields")'
_NO_UTF8 = "refuses the file (UnicodeDecodeError)"
CODES: Mapping[str, Rule] = {
    "labelmap-too-large": Rule(
        E,
        "the file has more than 4 MiB or more than 20,000 lines; no further check is made",
        "reads it all",
        "look whether it is the right file",
    ),
    "labelmap-binary": Rule(E, "the file is not text", "refuses it", "look whether it is the right file"),
    "labelmap-encoding": Rule(E, "the file is UTF-16, UTF-32 or an 8-bit encoding", _NO_UTF8, "save it as UTF-8"),
    "labelmap-encoding-guessed": Rule(
        W,
        "a name has letters that are not ASCII, in a file of a guessed 8-bit encoding",
        _NO_UTF8,
        "look whether the name is right",
    ),
    "labelmap-bom": Rule(
        E,
        "the file starts with a byte order mark",
        "takes it as part of the first line: `\\ufefflabel`, or the import fails",
        "save it as UTF-8 without BOM",
    ),
    "labelmap-line-ends": Rule(I, "lines end with CR LF or CR", "reads them", "nothing to do"),
    "labelmap-empty": Rule(
        E, "there is no label in the file", 'every pixel is an "Undeclared color"', "write one line per class"
    ),
    "labelmap-other-format": Rule(
        E, "the file is another tool's label map", "refuses it", "write one line per class as `name:r,g,b::`"
    ),
    "labelmap-line-length": Rule(E, "a line has more than 4,096 characters", "reads it", "shorten the line"),
    "labelmap-header": Rule(
        E, "the header line lacks its `#`", 'reads it as a label ("wrong color")', "put `# ` before it"
    ),
    "labelmap-fields": Rule(
        E, "a line has not exactly four fields between colons", _REFUSED, "write `name:r,g,b:parts:actions`"
    ),
    "labelmap-name-colon": Rule(E, "a label's name contains `:`", _REFUSED, "write another character"),
    "labelmap-comment-colon": Rule(
        E, "a comment after a label contains `:`", _REFUSED, "put the comment on a line of its own"
    ),
    "labelmap-inline-comment": Rule(
        I, "a comment follows a label on its line", "keeps it as an action of the label", "nothing to do"
    ),
    "labelmap-commented-label": Rule(
        I, "a comment line looks like a label", "skips it", "remove the `#` if the label is wanted"
    ),
    "labelmap-index-comment": Rule(
        W,
        "a comment such as `# color index 3` disagrees with the label's place",
        "counts lines (not comments and blank lines), from 0",
        "insert the missing fillers, or correct the comment",
    ),
    "labelmap-name-empty": Rule(E, "a label has no name", "fails (AssertionError)", "write the name"),
    "labelmap-name-space": Rule(
        D, "a space ends a label's name", "takes it as a different label", "remove the space before the colon"
    ),
    "labelmap-name-long": Rule(
        W, "a name has more than 64 characters", "holds 64 in its own labels, so that it does not match", "shorten it"
    ),
    "labelmap-control-character": Rule(
        W, "a name holds control or invisible characters", "takes them as part of the name", "remove them"
    ),
    "labelmap-color-syntax": Rule(
        E, "a colour is not three integers `r,g,b`", 'refuses the file ("wrong color")', "write `r,g,b`"
    ),
    "labelmap-color-range": Rule(
        D, "a colour has a value outside 0..255", "accepts it; no pixel ever matches", "write values of 0..255"
    ),
    "labelmap-color-blank": Rule(
        W, "some labels have no colour, others have", "gives them none: RGB masks cannot hold them", "write a colour"
    ),
    "labelmap-colors-blank": Rule(
        I, "no label has a colour", "takes the VOC colour of each label's index", "nothing to do"
    ),
    "labelmap-duplicate-name": Rule(
        E, "two labels have the same name", 'refuses the file ("already defined")', "rename one or remove it"
    ),
    "labelmap-duplicate-color": Rule(
        D, "two labels have the same colour", "reads all its pixels as the last of them", "give each its own"
    ),
    "labelmap-near-name": Rule(
        W,
        "names differ only in case, spaces, underscores or Unicode form",
        "takes them as different labels",
        "use one spelling",
    ),
    "labelmap-near-color": Rule(
        W, "colours differ by no more than 1 in each channel", "takes them as different", "look which the masks have"
    ),
    "labelmap-background-twice": Rule(
        W,
        "there is `background` and another spelling of it",
        "takes only `background` as the background, the other as a label of its own",
        "keep `background`",
    ),
    "labelmap-background-not-black": Rule(
        W,
        "`background` is not 0,0,0",
        "reads black pixels as another label or fails with `Undeclared color (0, 0, 0)`",
        "write `background:0,0,0::`",
    ),
    "labelmap-background-not-first": Rule(
        I,
        "`background` is not the first label",
        "reads it; PyPI's Datumaro damages class masks when it writes such a set",
        "nothing to do for CVAT",
    ),
    "labelmap-black-label": Rule(
        I, "0,0,0 belongs to a label not named `background`", "reads the unlabelled pixels as it", "nothing to do"
    ),
    "labelmap-no-black": Rule(
        W,
        "no label has the colour 0,0,0 (harmless for grayscale masks)",
        "fails on RGB masks: `Undeclared color (0, 0, 0)`",
        "add `background:0,0,0::`",
    ),
    "labelmap-part": Rule(
        E,
        "a part is blank or has a label's name",
        "makes a label of each part and fails (AssertionError)",
        "remove or rename the part",
    ),
}


def table() -> str:
    """The codes as a Markdown table, for docs/labelmap.md."""
    rows = [f"| `{c}` | {r.weight.value} | {r.cause} | {r.cvat} | {r.fix} |" for c, r in CODES.items()]
    return "\n".join(["| code | weight | the file | CVAT | what to do |", "|---|---|---|---|---|", *rows]) + "\n"
