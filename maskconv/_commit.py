"""Putting a finished stage in its place, and mending what a killed run left there.

Once the plan is written the new target wins: a run that was killed between two moves is completed by the next run on the
same target; what was killed earlier is discarded, or kept where it can be resumed.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from maskconv.errors import TargetError
from maskconv.finding import Where

__all__ = [
    "JOURNAL",
    "LOCK",
    "PLAN",
    "Move",
    "clear",
    "lock",
    "move_all",
    "part_moves",
    "part_name",
    "parts",
    "repair",
    "settled",
    "stage_folder",
    "write_plan",
]

ATTEMPTS, PAUSE = 100, 0.002  # seconds between two
PLAN, LOCK, JOURNAL = "commit.json", "lock", "journal"
Move = tuple[Path | None, Path]  # what was staged, and where it goes; None: what is there goes away


def repair(path: Path, *, keep_journal: bool = False) -> None:
    """Complete or remove what a killed run left beside this target. Of a run that is alive, nothing is touched.

    ``keep_journal`` leaves a stage that can be resumed.
    """
    path = settled(path)
    folder = stage_folder(path)
    if not folder.is_dir():
        return
    handle = lock(folder)
    if handle < 0:
        return
    try:
        if (folder / PLAN).exists():
            _roll_forward(folder)
        elif keep_journal and (folder / JOURNAL).exists():
            return
        clear(folder)
    finally:
        os.close(handle)


def settled(path: Path) -> Path:
    """An absolute path without ``..`` or links on the way; a last part that is a link stays one."""
    return path.parent.resolve() / path.name if path.name not in {"", ".."} else path.resolve()


def stage_folder(path: Path) -> Path:
    return path.parent / f".{path.name}.partial"


def part_name(path: Path, number: int) -> Path:
    """The name of one of a target's parts: ``out-0002.ndjson``."""
    return path.with_name(f"{path.stem}-{number:04d}{path.suffix}")


def parts(path: Path) -> list[Path]:
    """Everything that has the name of one of the target's parts."""
    name = re.compile(f"{re.escape(path.stem)}-([0-9]{{4,}}){re.escape(path.suffix)}", re.DOTALL)
    numbers = {int(match[1]) for other in path.parent.iterdir() if (match := name.fullmatch(other.name))}
    return [found for number in sorted(numbers) if number and os.path.lexists(found := part_name(path, number))]


def part_moves(path: Path, staged: Sequence[Path]) -> list[Move]:
    """How a target in parts replaces what was there, in parts or in one file.

    Parts of a longer older run, which follow the last new one without a gap, go first, and the first new part comes last:
    what was killed in between has no beginning, and does not look whole.
    """
    new = [(file, part_name(path, number)) for number, file in enumerate(staged, start=1)]
    older = takewhile(_is_file, (part_name(path, number) for number in count(len(staged) + 1)))
    single = [path] if os.path.lexists(path) else []
    return [*((None, old) for old in older), *reversed(new), *((None, old) for old in single)]


def _is_file(path: Path) -> bool:
    return path.is_file() or path.is_symlink()


def clear(folder: Path, *, keep: Collection[str] = ()) -> None:
    """Remove a stage: the plan first, lest it be carried out again, the lock last, lest another run moves in early.

    With ``keep`` only what is in it and not named goes.
    """
    last = {PLAN: 0, LOCK: 2}
    with suppress(OSError):
        for left in sorted(folder.iterdir(), key=lambda path: last.get(path.name, 1)):
            if left.name not in keep:
                _remove(left)
        if not keep:
            folder.rmdir()


def lock(folder: Path) -> int:
    """Make the folder and lock it; -1 where someone else has it. The handle keeps the lock.

    Raises TargetError for what is nobody's stage, and would be cleared; OSError where none can be made.
    """
    for tried in range(ATTEMPTS):
        if folder.is_symlink() or (os.path.lexists(folder) and not folder.is_dir()):
            raise _foreign(folder, "is a link or a file where a stage would be built")
        try:
            folder.mkdir(exist_ok=True)
            handle = _opened(folder / LOCK)
        except (FileNotFoundError, FileExistsError):
            if tried == ATTEMPTS - 1:
                raise
            time.sleep(PAUSE)
            continue  # the run before removed its stage between our two steps: once more
        if not _locked(handle):
            os.close(handle)
            return -1
        with suppress(FileNotFoundError):
            if os.name != "posix" or os.stat(folder / LOCK).st_ino == os.fstat(handle).st_ino:
                _no_links(folder, handle)
                return handle
        os.close(handle)  # as above
    raise BlockingIOError(errno.EAGAIN, "other runs begin and end there all the time")


def _opened(file: Path) -> int:
    """The lock's handle. Raises TargetError for a link, which would lead elsewhere, and for what is no file."""
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
    except OSError as error:
        if file.is_symlink() or file.is_dir():
            raise _foreign(file.parent, "holds something else where the lock of a run would be") from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _foreign(file.parent, "holds something else where the lock of a run would be")
    return handle


def _no_links(folder: Path, handle: int) -> None:
    """No run puts links into its stage; what they lead to would be written over. Raises TargetError."""
    if any(path.is_symlink() for path in folder.iterdir()):
        os.close(handle)
        raise _foreign(folder, "holds links, which a stage does not")


def _foreign(folder: Path, text: str) -> TargetError:
    where = Where(path=str(folder))
    return TargetError(f"{text}, and is left alone", where=where, code="stage-foreign", fix="remove it")


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


def write_plan(folder: Path, moves: Sequence[Move]) -> None:
    plan = [
        {"from": a.name if a else "", "to": os.path.relpath(b, folder), "inode": os.lstat(a or b).st_ino}
        for a, b in moves
    ]
    temporary = folder / "commit.tmp"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(plan, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / PLAN)
    _sync(folder)


def move_all(folder: Path) -> None:
    """Carry out the plan; what is done already is known by the inode at its destination."""
    plan: list[dict[str, Any]] = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    for number, move in enumerate(plan):
        staged, final = folder / Path(move["from"]).name, Path(os.path.normpath(folder / move["to"]))
        there = os.path.lexists(final) and os.lstat(final).st_ino == move["inode"]
        if there and not move["from"]:
            final.rename(folder / f"old-{number}")
            _sync(final.parent)
        elif move["from"] and not there and staged.exists():
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
    """Complete a commit that was interrupted after its plan was written.

    A stage may have come with somebody's archive: it moves nothing out of the folder it lies in.
    """
    try:
        plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        for final in (Path(os.path.normpath(folder / move["to"])) for move in plan):
            if not final.resolve().is_relative_to(folder.parent.resolve()):
                text = f"an interrupted run was about to put a part of its result into {final}"
                fix = f"if that is yours, move it there from {folder}; then remove that folder"
                raise TargetError(text, where=Where(path=str(folder)), code="stage-foreign", fix=fix)
        move_all(folder)
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
