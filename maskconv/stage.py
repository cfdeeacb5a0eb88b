"""Where output is built until it is committed, beside the target: the target appears whole, or not at all.

The stage is a locked folder ``.NAME.partial`` in the target's folder. Committing writes a plan, then moves each
finished part into place, sidecar folders first and the main file last; a run that was killed between two moves is
completed by the next run on the same target, everything earlier is discarded.
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

from maskconv.errors import TargetError, TargetExistsError
from maskconv.finding import Where
from maskconv.plugin import Target

__all__ = ["Stage"]

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
        with self._explained():
            self._check(target.path)
            self.folder = self._claim()
            self._start()

    def _check(self, path: Path) -> None:
        if self.target.stdout:
            return
        where = Where(path=str(path))
        if not path.parent.is_dir():
            raise TargetError(f"the folder {path.parent} does not exist", where=where, fix="create it first")
        if not self.overwrite and (path.exists() or path.is_symlink()):
            fix = "choose another name or replace it with --overwrite"
            raise TargetExistsError("the target exists already", where=where, fix=fix)

    def _claim(self) -> Path:
        """Make and lock the stage folder; finish or remove what a killed run left."""
        if self.target.stdout:
            return Path(tempfile.mkdtemp(prefix="maskconv-"))
        folder = self.target.path.parent / f".{self.target.path.name}.partial"
        self._lock = _lock(folder)
        if self._lock < 0:
            text = "another run is writing this target"
            raise TargetError(text, where=Where(path=str(self.target.path)), fix="wait for it, or choose another name")
        if (folder / "commit.json").exists():
            _roll_forward(folder)
            self._check(self.target.path)
        for left in folder.iterdir():
            if left.name != "lock":
                _remove(left)
        return folder

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
            self._moves.append((main, self.target.path))

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
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            staged = self.folder / f"side-{len(self._moves)}"
            if os.stat(path.parent).st_dev != os.stat(self.folder).st_dev:
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
        with self._explained():
            assert self._main is not None, "only a single-file target has rows"  # noqa: S101
            self._main.write(rows)

    def put(self, path: str, data: bytes) -> None:
        """Store a blob under a relative path with ``/``. Raises TargetError where two blobs have one name."""
        if path in self._seen:
            text = f"two items would be written to {path}"
            raise TargetError(
                text, where=Where(path=str(self.target.path)), code="name-collision", fix="rename one of them"
            )
        self._seen.add(path)
        with self._explained():
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
        with self._explained():
            self._finish_files()
            if self.target.stdout:
                with (self.folder / "main").open("rb") as file:
                    shutil.copyfileobj(file, sys.stdout.buffer)
                sys.stdout.buffer.flush()
            else:
                _write_plan(self.folder, self._moves)
                _move_all(self.folder)
        self._release()

    def abort(self) -> None:
        """Leave no trace; the old target stays as it was."""
        with suppress(OSError):  # a full disk: the file goes anyway
            self._close_files()
        self._release()

    def _close_files(self) -> None:
        if self._zip is not None:
            self._zip.close()
        if self._main is not None:
            self._main.close()

    def _finish_files(self) -> None:
        self._close_files()
        main = self.folder / "main"
        if main.is_file():
            with main.open("rb+") as file:
                os.fsync(file.fileno())

    def _release(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if not self.target.stdout:
            os.close(self._lock)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn an OSError (disk full, read-only, no permission, name too long) into one sentence."""
        try:
            yield
        except OSError as error:
            where = Where(path=str(self.target.path))
            text = f"cannot be written ({error.strerror or error})"
            raise TargetError(text, where=where, code="target-unwritable", fix="check space and permissions") from error


def _lock(folder: Path) -> int:
    """Make the folder and lock it; -1 where someone else has it. The handle keeps the lock."""
    while True:
        folder.mkdir(exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        if not _locked(handle):
            os.close(handle)
            return -1
        with suppress(FileNotFoundError):
            if os.name != "posix" or os.stat(folder / "lock").st_ino == os.fstat(handle).st_ino:
                return handle
        os.close(handle)  # the run before removed its stage between our two steps: once more


def _locked(handle: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: an open file cannot be removed there, which guards the stage as well
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
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
        staged, final = folder / move["from"], Path(os.path.normpath(folder / move["to"]))
        if final.exists() and final.stat().st_ino == move["inode"]:
            continue
        if staged.exists():
            _place(staged, final, folder / f"old-{number}")
            _sync(final.parent)


def _place(staged: Path, final: Path, aside: Path) -> None:
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
