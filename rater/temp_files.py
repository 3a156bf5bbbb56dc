"""Temporary files and folders that the next run removes where a kill left them.

A temporary folder is removed by the process that made it, unless that process is killed. What it leaves may
hold arms, texts or the key. So each is locked while it is in use, and whoever makes the next one in the same
place removes those that nobody holds locked. The system lets go of the lock of a process that died.
"""

import contextlib
import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def temporary_folder(prefix: str, *, parent: Path | None = None) -> Iterator[Path]:
    """Make a folder for the length of a block, after removing what killed processes left of the same prefix.

    Args:
        prefix: What its name begins with; nobody else may use it there.
        parent: Where it is made; by default where temporary files belong on this machine.
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    remove_abandoned(parent, f"{glob.escape(prefix)}*")
    with contextlib.ExitStack() as stack:
        folder = _make_locked(stack, prefix, parent)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _make_locked(stack: contextlib.ExitStack, prefix: str, parent: Path) -> Path:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        if stack.enter_context(locked(folder)) and folder.is_dir():
            return folder  # else another process took it for abandoned before it was locked


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold a lock on a file or folder that is there; yields whether nobody else held it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # held by another process, or a file system without locks
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def remove_abandoned(folder: Path, *patterns: str) -> None:
    """Remove files and folders of these names that no process holds locked; others' are left alone."""
    for pattern in patterns:
        for path in folder.glob(pattern):
            with contextlib.suppress(OSError):
                _remove_unless_locked(path)


def _remove_unless_locked(path: Path) -> None:
    if path.is_symlink() or path.lstat().st_uid != os.getuid():
        return
    with locked(path) as is_abandoned:
        if not is_abandoned:
            return
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
