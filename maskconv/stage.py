"""Where output is built until it is committed, beside the target: the target appears whole, or not at all.

The stage is a locked folder ``.NAME.partial`` in the target's folder. Committing writes a plan, then moves each
finished part into place, sidecar folders first and the main file last. Once the plan is written the new target wins: a
run that was killed between two moves is completed by the next run on the same target (`repair`); what was killed earlier
is discarded.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from maskconv.errors import DataError, TargetError, TargetExistsError
from maskconv.finding import Where
from maskconv.plugin import Target
from maskconv.store import unsafe

__all__ = ["Stage", "explained", "repair"]

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip can hold: same input, same bytes


class Stage:
    """Takes rows and blobs, shows nothing at the target until ``commit``; ``abort`` leaves no trace.

    ``write`` appends to the main file; ``put`` stores a named blob: a zip's member, a file of the folder, or, where the
    target is a single file, a file of the sidecar folder that ``sidecar`` declared.
    """

    def __init__(self, target: Target, *, overwrite: bool = False) -> None:
        self.target = target
        self.overwrite = overwrite
        self._moves: list[tuple[Path, Path]] = []
        self._blobs: Path | None = None
        self._seen: set[str] = set()
        self._main: IO[bytes] | None = None
        self._zip: zipfile.ZipFile | None = None
        self._lock = -1
        with explained(target.path):
            if target.stdout:
                self.folder = Path(tempfile.mkdtemp(prefix="maskconv-"))
            else:
                repair(target.path)
                self._check(target.path)
                self._claim(_settled(target.path))
            try:
                self._start()
            except BaseException:
                self.abort()
                raise

    def _check(self, path: Path) -> None:
        where = Where(path=str(path))
        if not path.parent.is_dir():
            raise TargetError(f"the folder {path.parent} does not exist", where=where, fix="create it first")
        if not self.overwrite and (path.exists() or path.is_symlink()):
            fix = "choose another name or replace it with --overwrite"
            raise TargetExistsError("the target exists already", where=where, fix=fix)

    def _claim(self, final: Path) -> None:
        """Make and lock the stage folder."""
        self.folder = _stage_folder(final)
        self._lock = _lock(self.folder)
        if self._lock < 0:
            text = "another run is writing this target"
            raise TargetError(text, where=Where(path=str(self.target.path)), fix="wait for it, or choose another name")

    def _start(self) -> None:
        main = self.folder / "main"
        if self.target.layout == "folder":
            main.mkdir()
            self._blobs = main
        elif self.target.layout == "zip":
            self._zip = zipfile.ZipFile(main, "w", zipfile.ZIP_STORED, allowZip64=True)
        else:
            self._main = main.open("wb", buffering=1 << 20)
        if not self.target.stdout:
            self._moves.append((main, _settled(self.target.path)))

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
        with explained(self.target.path):
            path = _settled(path)
            staged = self.folder / f"side-{len(self._moves)}"
            there = next(parent for parent in path.parents if parent.exists())
            if os.stat(there).st_dev != os.stat(self.folder).st_dev:
                raise TargetError(
                    "the folder for the masks is on another file system",
                    where=where,
                    fix="choose one beside the target",
                )
            staged.mkdir(exist_ok=True)
        self._blobs = staged
        self._moves.insert(0, (staged, path))

    def write(self, rows: bytes) -> None:
        """Append to the main file."""
        with explained(self.target.path):
            assert self._main is not None, "only a single-file target has rows"  # noqa: S101
            self._main.write(rows)

    def put(self, path: str, data: bytes) -> None:
        """Store a blob under a relative path with ``/``.

        Raises DataError where the path leads out of the target, TargetError where two blobs have one name.
        """
        if reason := unsafe(path):
            where = Where(path=str(self.target.path), member=path)
            raise DataError(f"the item's name {reason}", where=where, code="name-unsafe", fix="rename the item")
        if path in self._seen:
            text = f"two items would be written to {path}"
            raise TargetError(
                text, where=Where(path=str(self.target.path)), code="name-collision", fix="rename one of them"
            )
        self._seen.add(path)
        with explained(self.target.path):
            if self._zip is not None:
                info = zipfile.ZipInfo(path, _EPOCH)
                info.external_attr = 0o644 << 16
                self._zip.writestr(info, data)
                return
            assert self._blobs is not None, "a blob needs a zip, a folder, or a sidecar"  # noqa: S101
            file = self._blobs / path
            if not file.parent.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def commit(self) -> None:
        """Make the target appear: all of it, or, on an error, none."""
        with explained(self.target.path):
            self._finish_files()
            if self.target.stdout:
                with (self.folder / "main").open("rb") as file:
                    shutil.copyfileobj(file, sys.stdout.buffer)
                sys.stdout.buffer.flush()
            else:
                _write_plan(self.folder, self._moves)
                self._move()
        self._release()

    def _move(self) -> None:
        try:
            _move_all(self.folder)
        except OSError as error:
            text = f"was written, but could not be put in its place ({error.strerror or error})"
            fix = f"mend that and run again, or take the parts out of {self.folder}"
            raise TargetError(text, where=Where(path=str(self.target.path)), code="target-unmoved", fix=fix) from error

    def abort(self) -> None:
        """Leave no trace, and the old target as it was; but a commit that has begun is completed, now or by the next run."""
        with suppress(OSError, ValueError):  # a full disk, a zip with half a member: the file goes anyway
            self._close_files()
        if (self.folder / "commit.json").exists():
            try:
                _move_all(self.folder)
            except OSError:
                self._unlock()
                return
        self._release()

    def _close_files(self) -> None:
        try:
            if self._zip is not None:
                self._zip.close()
        finally:
            if self._main is not None:
                self._main.close()

    def _finish_files(self) -> None:
        self._close_files()
        main = self.folder / "main"
        if main.is_file():
            with main.open("rb+") as file:
                os.fsync(file.fileno())

    def _release(self) -> None:
        _clear(self.folder)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an OSError (disk full, read-only, no permission, name too long) into one sentence."""
    try:
        yield
    except OSError as error:
        text = f"cannot be written ({error.strerror or error})"
        fix = "check space and permissions"
        raise TargetError(text, where=Where(path=str(path)), code="target-unwritable", fix=fix) from error


def repair(path: Path) -> None:
    """Complete or remove what a killed run left beside this target. Of a run that is alive, nothing is touched."""
    path = _settled(path)
    folder = _stage_folder(path)
    if not folder.is_dir():
        return
    lock = _lock(folder)
    if lock < 0:
        return
    try:
        if (folder / "commit.json").exists():
            _roll_forward(folder)
        _clear(folder)
    finally:
        os.close(lock)


def _settled(path: Path) -> Path:
    """An absolute path without ``..`` or links on the way; a last part that is a link stays one."""
    return path.parent.resolve() / path.name if path.name not in {"", ".."} else path.resolve()


def _stage_folder(path: Path) -> Path:
    return path.parent / f".{path.name}.partial"


def _clear(folder: Path) -> None:
    """Remove a stage: the plan first, lest it be carried out again, the lock last, lest another run moves in early."""
    last = {"commit.json": 0, "lock": 2}
    with suppress(OSError):
        for left in sorted(folder.iterdir(), key=lambda path: last.get(path.name, 1)):
            _remove(left)
        folder.rmdir()


def _lock(folder: Path) -> int:
    """Make the folder and lock it; -1 where someone else has it. The handle keeps the lock."""
    while True:
        folder.mkdir(exist_ok=True)
        try:
            handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:
            continue  # the run before removed its stage between our two steps: once more
        if not _locked(handle):
            os.close(handle)
            return -1
        with suppress(FileNotFoundError):
            if os.name != "posix" or os.stat(folder / "lock").st_ino == os.fstat(handle).st_ino:
                return handle
        os.close(handle)  # as above


def _locked(handle: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: an open file cannot be removed there, which guards the stage as well
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _write_plan(folder: Path, moves: list[tuple[Path, Path]]) -> None:
    plan = [{"from": a.name, "to": os.path.relpath(b, folder), "inode": a.stat().st_ino} for a, b in moves]
    temporary = folder / "commit.tmp"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(plan, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / "commit.json")
    _sync(folder)


def _move_all(folder: Path) -> None:
    """Carry out the plan; a move that is done already is known by the inode at its destination."""
    plan: list[dict[str, Any]] = json.loads((folder / "commit.json").read_text(encoding="utf-8"))
    for number, move in enumerate(plan):
        staged, final = folder / Path(move["from"]).name, Path(os.path.normpath(folder / move["to"]))
        if final.exists() and final.stat().st_ino == move["inode"]:
            continue
        if staged.exists():
            _place(staged, final, folder / f"old-{number}")
            _sync(final.parent)


def _place(staged: Path, final: Path, aside: Path) -> None:
    final.parent.mkdir(parents=True, exist_ok=True)
    if not final.exists() or (staged.is_file() and final.is_file()):
        staged.replace(final)
    elif not _exchange(staged, final):
        final.rename(aside)
        staged.rename(final)


def _exchange(a: Path, b: Path) -> bool:
    """Swap two paths in one step where the system can (Linux's renameat2)."""
    if not sys.platform.startswith("linux"):
        return False
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    cwd, exchange = -100, 2
    return renameat2 is not None and renameat2(cwd, os.fsencode(a), cwd, os.fsencode(b), exchange) == 0


def _roll_forward(folder: Path) -> None:
    """Complete a commit that was interrupted after its plan was written."""
    try:
        _move_all(folder)
    except (ValueError, KeyError, TypeError) as error:
        text = "an interrupted run left a stage that cannot be read"
        raise TargetError(text, where=Where(path=str(folder)), fix="look into it, then remove that folder") from error


def _sync(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
