"""Where output is built until it is committed, beside the target: the target appears whole, or not at all.

The stage is a locked folder ``.NAME.partial`` in the target's folder. Committing writes a plan, then moves each
finished part into place, sidecar folders first and the main file last (`maskconv._commit`). With a fingerprint the stage
keeps a journal, and an interrupted run leaves it behind: a run with the same fingerprint goes on where that one stopped.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zipfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from maskconv._blobs import Blobs, Files, Members
from maskconv._commit import (
    JOURNAL,
    LOCK,
    PLAN,
    clear,
    lock,
    move_all,
    part_moves,
    repair,
    settled,
    stage_folder,
    write_plan,
)
from maskconv._place import check_sidecar, check_target, explained
from maskconv.errors import DataError, MaskconvError, TargetError
from maskconv.filenames import Names
from maskconv.finding import Where
from maskconv.journal import Done, Journal
from maskconv.plugin import Copy, Target
from maskconv.result import Result
from maskconv.store import read_whole

if TYPE_CHECKING:
    from concurrent.futures import Future

    from maskconv.cloud import Bucket, Uploads

__all__ = ["Stage", "explained", "repair"]


class Stage:
    """Takes rows and blobs, shows nothing at the target until ``commit``; ``abort`` leaves no trace.

    ``write`` appends to the main file; ``put`` stores a named blob: a zip's member, a file of the folder, or, where the
    target is a single file, a file of the sidecar folder that ``sidecar`` declared, or an object of the bucket that
    ``remote`` did. Where the target is in parts, ``part`` begins each of its files.

    ``fingerprint`` makes the run resumable: ``done()`` are then the units that a run before it finished, whose blobs are
    here already; ``record`` notes the next one. ``sources`` are what no sidecar folder may replace.
    """

    def __init__(
        self, target: Target, *, overwrite: bool = False, fingerprint: str = "", sources: Sequence[Path] = ()
    ) -> None:
        self.target = target
        self._sources = sources
        self.overwrite = overwrite
        self._resumed = False
        self._moves: list[tuple[Path, Path]] = []
        self._parts: list[Path] = []
        self._blobs: Blobs | None = None
        self._names = Names()
        self._main: IO[bytes] | None = None
        self._fresh: list[Any] = []
        self._uploads: Uploads | None = None
        self._unrecorded: deque[tuple[Done, list[tuple[str, Future[bool]]]]] = deque()
        self._archives: dict[str, zipfile.ZipFile] = {}
        self._journal: Journal | None = None
        self._lock = -1
        with explained(target.path):
            if target.stdout:
                self.folder = Path(tempfile.mkdtemp(prefix="maskconv-"))
            else:
                repair(target.path, keep_journal=bool(fingerprint))
                check_target(target, overwrite=overwrite)
                self._claim(settled(target.path))
            try:
                self._resume(fingerprint)
                self._start()
            except BaseException:
                self.abort(keep=True)
                raise

    def _claim(self, final: Path) -> None:
        """Make and lock the stage folder."""
        self.folder = stage_folder(final)
        self._lock = lock(self.folder)
        if self._lock < 0:
            text = "another run is writing this target"
            raise TargetError(text, where=Where(path=str(self.target.path)), fix="wait for it, or choose another name")

    def _resume(self, fingerprint: str) -> None:
        """Read the journal of a run before this one, and go on with it; another run's is refused and left alone."""
        if not fingerprint or self.target.stdout:
            return
        self._journal = Journal(self.folder / JOURNAL)
        before = self._journal.read()
        if before not in ("", fingerprint):
            text = "the source, an option or the version of maskconv is not that of the run to be resumed"
            fix = f"undo that, or start anew without --resume (or remove {self.folder})"
            raise TargetError(text, where=Where(path=str(self.target.path)), code="resume-changed", fix=fix)
        self._resumed = bool(before)
        if not before:  # what no journal tells of is nothing to go on with
            clear(self.folder, keep=(LOCK, JOURNAL))
        self._journal.open(fingerprint)

    def done(self) -> Iterator[Done]:
        """What a run before this one finished."""
        return self._journal.finished() if self._resumed and self._journal is not None else iter(())

    def _start(self) -> None:
        main = self.folder / "main"
        if self.target.layout == "folder":
            main.mkdir(exist_ok=True)
            self._blobs = Files(main)
        elif self.target.layout == "zip":
            self._main = main.open("r+b" if main.exists() else "w+b", buffering=1 << 16)
            self._blobs = Members(self._main, (facts for done in self.done() for facts in done.state))
        elif self.target.layout == "file":
            self._main = main.open("wb", buffering=1 << 20)
        if not self.target.stdout and self.target.layout != "parts":
            self._moves.append((main, settled(self.target.path)))

    def sidecar(self, path: Path) -> None:
        """Blobs go into this folder, beside a single-file target. Raises TargetExistsError, TargetError."""
        check_sidecar(path, self.target, self._sources, overwrite=self.overwrite)
        with explained(self.target.path):
            final = settled(path)
            staged = self.folder / f"side-{len(self._moves)}"
            there = next(parent for parent in final.parents if parent.exists())
            if os.stat(there).st_dev != os.stat(self.folder).st_dev:
                text = "the folder for the masks is on another file system"
                raise TargetError(text, where=Where(path=str(path)), fix="choose one beside the target")
            staged.mkdir(exist_ok=True)
        self._blobs = Files(staged)
        self._moves.insert(0, (staged, final))

    def remote(self, bucket: Bucket) -> None:
        """Blobs go into this bucket as they come; what this run made there is deleted when it fails."""
        from maskconv.cloud import Uploads

        self._uploads = Uploads(bucket, [path for done in self.done() for path in done.state])

    def part(self) -> None:
        """Begin the next file of a target in parts: ``out-0001.ndjson``, ``out-0002.ndjson``, ..., no ``out.ndjson``."""
        with explained(self.target.path):
            assert self.target.layout == "parts", "this target is one piece"  # noqa: S101
            if self._main is not None:
                self._main.close()
            self._parts.append(self.folder / f"main-{len(self._parts) + 1}")
            self._main = self._parts[-1].open("wb", buffering=1 << 20)

    def write(self, rows: bytes) -> None:
        """Append to the main file, or to the part that was begun last."""
        with explained(self.target.path):
            assert self._main is not None, "only a single-file target has rows"  # noqa: S101
            assert self.target.layout != "zip", "a zip has blobs"  # noqa: S101
            self._main.write(rows)

    def put(self, path: str, data: bytes) -> None:
        """Store a blob under a relative path with ``/``; one that a resumed run stored before is left as it is.

        Raises DataError where the path leads out of the target, or no file can have it beside those that are there.
        """
        self.claim(path)
        with explained(self.target.path):
            if self._uploads is not None:
                self._fresh.append((path, self._uploads.put(path, data)))
                return
            assert self._blobs is not None, "a blob needs a zip, a folder, or a sidecar"  # noqa: S101
            try:
                told = self._blobs.put(path, data)
            except DataError as error:
                error.where = self._where(path)
                raise
            if told is not None:
                self._fresh.append(told)

    def copy(self, copy: Copy, *, staged: bool = False) -> None:
        """Store a file that exists: link it where that is allowed and can be done, else copy it. See ``put``.

        ``staged`` says that a run before this one did so already. Raises DataError where the file cannot be read.
        """
        if staged:
            self.claim(copy.path)
        elif not (copy.link and not copy.member and self._linked(copy)):
            where = Where(path=copy.source, member=copy.member)
            self.put(copy.path, read_whole(where, lambda: self._opened(copy)))

    def _linked(self, copy: Copy) -> bool:
        if self._blobs is None or self._names.wrong(copy.path) is not None:  # put() says so
            return False
        linked = self._blobs.link(copy.path, copy.source)
        if linked:
            self.claim(copy.path)
        return linked

    def _opened(self, copy: Copy) -> IO[bytes]:
        """The zips that members come from stay open."""
        if not copy.member:
            return Path(copy.source).open("rb")
        if copy.source not in self._archives:
            self._archives[copy.source] = zipfile.ZipFile(copy.source)
        return self._archives[copy.source].open(copy.member)

    def claim(self, path: str) -> None:
        """Take a blob's name, as ``put`` does."""
        error = self._names.wrong(path)
        if error is not None:
            error.where = self._where(path)
            raise error
        self._names.add(path)

    def _where(self, path: str) -> Where:
        return Where(path=str(self.target.path), member=path)

    def record(self, source: str, result: Result) -> None:
        """Note a finished unit, once all it made is here. Without a journal, nothing."""
        made, self._fresh = self._fresh, []
        if self._journal is None:
            return
        with explained(self.target.path):
            if self._uploads is None:
                if self._blobs is not None:
                    self._blobs.flush()
                self._journal.add(Done(source, result, made))
                return
            self._unrecorded.append((Done(source, result, []), made))
            self._record_uploaded(self._journal)

    def _record_uploaded(self, journal: Journal) -> None:
        """Note, in order, the units whose blobs have arrived, and which of these are this run's."""
        while self._unrecorded and all(future.done() for _, future in self._unrecorded[0][1]):
            done, made = self._unrecorded.popleft()
            journal.add(replace(done, state=[path for path, future in made if future.result()]))

    def commit(self) -> None:
        """Make the target appear: all of it, or, on an error, none."""
        with explained(self.target.path):
            if self._uploads is not None:
                self._uploads.finish()
            self._finish_files()
            if self.target.stdout:
                with (self.folder / "main").open("rb") as file:
                    shutil.copyfileobj(file, sys.stdout.buffer)
                sys.stdout.buffer.flush()
            else:
                in_parts = self.target.layout == "parts"
                parted = part_moves(settled(self.target.path), self._parts) if in_parts else []
                write_plan(self.folder, [*self._moves, *parted])
                self._move()
        self._release()

    def _move(self) -> None:
        try:
            move_all(self.folder)
        except OSError as error:
            text = f"was written, but could not be put in its place ({error.strerror or error})"
            fix = f"mend that and run again, or take the parts out of {self.folder}"
            raise TargetError(text, where=Where(path=str(self.target.path)), code="target-unmoved", fix=fix) from error

    def abort(self, *, keep: bool = False) -> bool:
        """Leave no trace, and the old target as it was; but a commit that has begun is completed, now or by the next run.

        ``keep`` leaves a stage that can be resumed; whether it did is returned.
        """
        resumable = keep and self._journal is not None
        self._end_uploads(undo=not resumable and not (self.folder / PLAN).exists())
        with suppress(OSError, ValueError):  # a full disk, a zip with half a member: the file goes anyway
            self._close_files()
        if (self.folder / PLAN).exists():
            try:
                move_all(self.folder)
            except OSError:
                self._unlock()
                return False
        elif resumable:
            self._unlock()
            return True
        self._release()
        return False

    def _end_uploads(self, *, undo: bool) -> None:
        """Delete what was uploaded, or note it for a run that goes on; an error is no reason to leave the stage behind."""
        if self._uploads is None:
            return
        from concurrent.futures import CancelledError

        self._uploads.close()
        with suppress(MaskconvError, OSError, CancelledError):
            if undo:
                self._uploads.undo()
            elif self._journal is not None:
                self._record_uploaded(self._journal)

    def _close_files(self) -> None:
        while self._archives:
            self._archives.popitem()[1].close()
        try:
            if self._blobs is not None:
                self._blobs.close()
        finally:
            if self._main is not None:
                self._main.close()
            if self._journal is not None:
                self._journal.close()

    def _finish_files(self) -> None:
        self._close_files()
        for main in self.folder.glob("main*"):
            if main.is_file():
                with main.open("rb+") as file:
                    os.fsync(file.fileno())

    def _release(self) -> None:
        clear(self.folder)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
