"""The places that a stage is to fill: whether they are free, and what is said where they cannot be written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from maskconv._commit import parts, settled
from maskconv.errors import TargetError, TargetExistsError
from maskconv.finding import Where
from maskconv.plugin import Target

__all__ = ["check_kind", "check_sidecar", "check_target", "explained"]


def check_target(target: Target, *, overwrite: bool) -> None:
    """Raises TargetExistsError, and TargetError where overwriting would not help."""
    path = target.path
    if not path.parent.is_dir():
        text, where = f"the folder {path.parent} does not exist", Where(path=str(path))
        raise TargetError(text, where=where, fix="create it first")
    older = parts(path) if target.layout == "parts" else []
    for there in [path, *older]:
        check_kind(there)
        if not overwrite and os.path.lexists(there):
            fix = "choose another name or replace it with --overwrite"
            raise TargetExistsError("the target exists already", where=Where(path=str(there)), fix=fix)
        _check_link(there)
    for folder in filter(Path.is_dir, older):
        text = "this folder has the name of one of the target's parts"
        raise TargetError(text, where=Where(path=str(folder)), fix="choose another name")


def check_kind(path: Path) -> None:
    """Raises TargetError for a device, a pipe or a socket, which is no data to replace."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        text, where = "is neither a file nor a folder, and is not replaced", Where(path=str(path))
        raise TargetError(text, where=where, code="target-foreign", fix="choose another name, or - for standard output")


def _check_link(path: Path) -> None:
    """Raises TargetError: whether the link is meant or what it leads to, only the user knows."""
    if path.is_symlink():
        text, where = f"is a link to {os.path.realpath(path)}, and is not replaced", Where(path=str(path))
        raise TargetError(text, where=where, code="target-link", fix="name what it leads to, or remove the link")


def check_sidecar(path: Path, target: Target, sources: Iterable[Path], *, overwrite: bool) -> None:
    """The same for a folder of masks beside a target. It replaces masks only, and no source."""
    where = Where(path=str(path))
    if target.stdout:
        raise TargetError("standard output has no place for mask files", fix="write to a file instead")
    if os.path.lexists(path) and not overwrite:
        fix = "remove it, choose another folder, or replace it with --overwrite"
        raise TargetExistsError("the folder for the masks exists already", where=where, fix=fix)
    _check_link(path)
    if path.exists() and any(p.suffix != ".png" for p in path.rglob("*") if not p.is_dir()):
        fix = "choose another folder"
        raise TargetError("the folder for the masks holds other files, too", where=where, fix=fix)
    if any(settled(path) in (source.resolve(), *source.resolve().parents) for source in sources):
        text = "the folder for the masks holds the source"
        raise TargetError(text, where=where, fix="choose another folder")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an OSError (disk full, read-only, no permission, name too long) into one sentence."""
    try:
        yield
    except OSError as error:
        text = f"cannot be written ({error.strerror or error})"
        fix = "check space and permissions"
        raise TargetError(text, where=Where(path=str(path)), code="target-unwritable", fix=fix) from error
