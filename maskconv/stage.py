"""Where output is built until it is committed, beside the target: the target appears whole, or not at all.

The stage is a locked folder ``.NAME.partial`` in the target's folder. Committing writes a plan, then moves each
finished part into place, sidecar folders first and the main file last (`maskconv._commit`). With a fingerprint the stage
keeps a journal, and an interrupted run leaves it behind: a run with the same fingerprint goes on where that one stopped.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
import zipfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from maskconv import limits
from maskconv._commit import (
    JOURNAL,
    clear,
    lock,
    move_all,
    part_moves,
    parts,
    repair,
    settled,
    stage_folder,
    write_plan,
)
from maskconv.errors import DataError, MaskconvError, TargetError, TargetExistsError
from maskconv.filenames import Names
from maskconv.finding import Where
from maskconv.journal import Done, Journal
from maskconv.plugin import Copy, Target
from maskconv.result import Result
from maskconv.store import ZIP_ERRORS

if TYPE_CHECKING:
    from concurrent.futures import Future

    from maskconv.cloud import Bucket, Uploads

__all__ = ["DryStage", "Stage", "explained", "repair"]

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip can hold: same input, same bytes


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
        self._blobs: Path | None = None
        self._names = Names()
        self._main: IO[bytes] | None = None
        self._zip: zipfile.ZipFile | None = None
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
                self._check(target.path)
                self._claim(settled(target.path))
            try:
                self._resume(fingerprint)
                self._start()
            except BaseException:
                self.abort(keep=True)
                raise

    def _check(self, path: Path) -> None:
        where = Where(path=str(path))
        if not path.parent.is_dir():
            raise TargetError(f"the folder {path.parent} does not exist", where=where, fix="create it first")
        older = parts(path) if self.target.layout == "parts" else []
        for there in [path, *older]:
            if not self.overwrite and os.path.lexists(there):
                fix = "choose another name or replace it with --overwrite"
                raise TargetExistsError("the target exists already", where=Where(path=str(there)), fix=fix)
        for folder in filter(Path.is_dir, older):
            text = "this folder has the name of one of the target's parts"
            raise TargetError(text, where=Where(path=str(folder)), fix="choose another name")

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
        self._journal.open(fingerprint)

    def done(self) -> Iterator[Done]:
        """What a run before this one finished."""
        return self._journal.finished() if self._resumed and self._journal is not None else iter(())

    def _start(self) -> None:
        main = self.folder / "main"
        if self.target.layout == "folder":
            main.mkdir(exist_ok=True)
            self._blobs = main
        elif self.target.layout == "zip":
            self._main = main.open("r+b" if main.exists() else "w+b", buffering=1 << 16)
            self._zip = self._reopened(self._main)
        elif self.target.layout == "file":
            self._main = main.open("wb", buffering=1 << 20)
        if not self.target.stdout and self.target.layout != "parts":
            self._moves.append((main, settled(self.target.path)))

    def _reopened(self, file: IO[bytes]) -> zipfile.ZipFile:
        """A zip that goes on behind the members that the journal names; what came after them is cut off."""
        infos = [_info(*facts) for done in self.done() for facts in done.state]
        end = max((info.header_offset + _span(info) for info in infos), default=0)
        file.truncate(end)
        file.seek(end)
        archive = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)
        archive.filelist += infos
        archive.NameToInfo |= {info.filename: info for info in infos}
        return archive

    def sidecar(self, path: Path) -> None:
        """Blobs go into this folder, beside a single-file target. Raises TargetExistsError, TargetError."""
        where = Where(path=str(path))
        if self.target.stdout:
            raise TargetError("standard output has no place for mask files", fix="write to a file instead")
        if path.exists() and not self.overwrite:
            fix = "remove it, choose another folder, or replace it with --overwrite"
            raise TargetExistsError("the folder for the masks exists already", where=where, fix=fix)
        if path.exists() and any(p.suffix != ".png" for p in path.rglob("*") if not p.is_dir()):
            fix = "choose another folder"
            raise TargetError("the folder for the masks holds other files, too", where=where, fix=fix)
        if any(settled(path) in (source.resolve(), *source.resolve().parents) for source in self._sources):
            text = "the folder for the masks holds the source"
            raise TargetError(text, where=where, fix="choose another folder")
        with explained(self.target.path):
            path = settled(path)
            staged = self.folder / f"side-{len(self._moves)}"
            there = next(parent for parent in path.parents if parent.exists())
            if os.stat(there).st_dev != os.stat(self.folder).st_dev:
                text = "the folder for the masks is on another file system"
                raise TargetError(text, where=where, fix="choose one beside the target")
            staged.mkdir(exist_ok=True)
        self._blobs = staged
        self._moves.insert(0, (staged, path))

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
            assert self._zip is None, "a zip has blobs"  # noqa: S101
            self._main.write(rows)

    def put(self, path: str, data: bytes) -> None:
        """Store a blob under a relative path with ``/``; one that a resumed run stored before is left as it is.

        Raises DataError where the path leads out of the target, or no file can have it beside those that are there.
        """
        self.claim(path)
        with explained(self.target.path):
            if self._zip is not None:
                self._put_member(self._zip, path, data)
                return
            if self._uploads is not None:
                self._fresh.append((path, self._uploads.put(path, data)))
                return
            assert self._blobs is not None, "a blob needs a zip, a folder, or a sidecar"  # noqa: S101
            file = self._blobs / path
            try:
                if not file.parent.exists():
                    file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
            except OSError as error:
                if error.errno != errno.ENAMETOOLONG:
                    raise
                text, where = "the item's name is too long for the target's file system", self._where(path)
                raise DataError(text, where=where, code="name-too-long", fix="shorten it with --name") from error

    def copy(self, copy: Copy, *, staged: bool = False) -> None:
        """Store a file that exists: link it where that is allowed and can be done, else copy it. See ``put``.

        ``staged`` says that a run before this one did so already. Raises DataError where the file cannot be read.
        """
        if staged:
            self.claim(copy.path)
        elif not (copy.link and not copy.member and self._blobs is not None and self._linked(copy, self._blobs)):
            self.put(copy.path, self._read(copy))

    def _linked(self, copy: Copy, folder: Path) -> bool:
        file = folder / copy.path
        if self._names.wrong(copy.path) is not None:  # put() says so
            return False
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink(missing_ok=True)  # of a run that is resumed
            os.link(os.path.realpath(copy.source), file)
        except OSError:  # another file system, one without links, or a file that cannot be read
            return False
        self.claim(copy.path)
        return True

    def _read(self, copy: Copy) -> bytes:
        """The bytes of what is to be copied; the zips that members come from stay open."""
        where, most = Where(path=copy.source, member=copy.member), limits.member()
        try:
            with self._opened(copy) as file:
                data = file.read(most + 1)
        except ZIP_ERRORS as error:
            text = f"cannot be read ({getattr(error, 'strerror', None) or error})"
            raise DataError(text, where=where, code="member-unreadable", fix="check that it is still there") from error
        if len(data) > most:
            text, fix = f"has more than {most:,} bytes", limits.fix("MASKCONV_MAX_MEMBER", "remove it")
            raise DataError(text, where=where, code="member-too-big", fix=fix)
        return data

    def _opened(self, copy: Copy) -> IO[bytes]:
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

    def _put_member(self, archive: zipfile.ZipFile, path: str, data: bytes) -> None:
        if path in archive.NameToInfo:
            return
        info = _info(path)
        archive.writestr(info, data)
        if self._journal is not None:
            self._fresh.append([path, info.header_offset, info.file_size, info.CRC])

    def record(self, source: str, result: Result) -> None:
        """Note a finished unit, once all it made is here. Without a journal, nothing."""
        made, self._fresh = self._fresh, []
        if self._journal is None:
            return
        with explained(self.target.path):
            if self._zip is not None and self._main is not None:
                self._main.flush()
            if self._uploads is None:
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
        self._end_uploads(undo=not resumable and not (self.folder / "commit.json").exists())
        with suppress(OSError, ValueError):  # a full disk, a zip with half a member: the file goes anyway
            self._close_files()
        if (self.folder / "commit.json").exists():
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
            if self._zip is not None:
                self._zip.close()
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


class DryStage(Stage):
    """A stage that takes everything, keeps nothing, and looks out for names only."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._resumed = False
        self._names = Names()

    def sidecar(self, path: Path) -> None:
        if self.target.stdout:
            super().sidecar(path)

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


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an OSError (disk full, read-only, no permission, name too long) into one sentence."""
    try:
        yield
    except OSError as error:
        text = f"cannot be written ({error.strerror or error})"
        fix = "check space and permissions"
        raise TargetError(text, where=Where(path=str(path)), code="target-unwritable", fix=fix) from error


def _info(path: str, offset: int = 0, size: int = 0, crc: int = 0) -> zipfile.ZipInfo:
    """A stored member with a fixed time; the rest is known of one that was written before."""
    info = zipfile.ZipInfo(path, _EPOCH)
    info.external_attr = 0o644 << 16
    info.header_offset, info.file_size, info.compress_size, info.CRC = offset, size, size, crc
    if any(ord(c) > 127 for c in path):
        info.flag_bits |= 0x800
    return info


def _span(info: zipfile.ZipInfo) -> int:
    """The bytes of a member's local header and data."""
    return len(info.FileHeader()) + info.file_size
