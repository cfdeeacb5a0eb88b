"""The stage of a run that writes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from maskconv._place import check_sidecar
from maskconv.filenames import Names
from maskconv.plugin import Copy, Target
from maskconv.result import Result
from maskconv.stage import Stage

if TYPE_CHECKING:
    from maskconv.cloud import Bucket

__all__ = ["DryStage"]


class DryStage(Stage):
    """A stage that takes everything, keeps nothing, and looks out for names only."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._resumed = False
        self._names = Names()

    def sidecar(self, path: Path) -> None:
        if self.target.stdout:
            check_sidecar(path, self.target, (), overwrite=True)

    def remote(self, bucket: Bucket) -> None:
        pass

    def part(self) -> None:
        pass

    def write(self, rows: bytes) -> None:
        pass

    def put(self, path: str, data: bytes) -> None:
        del data
        self.claim(path)

    def copy(self, copy: Copy, *, staged: bool = False) -> None:
        del staged
        self.claim(copy.path)

    def record(self, source: str, result: Result) -> None:
        pass

    def commit(self) -> None:
        pass

    def abort(self, *, keep: bool = False) -> bool:
        del keep
        return False
