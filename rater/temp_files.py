"""Temporary files and folders that the next run removes if this one is killed; files that are written whole.

A temporary folder is removed by the process that made it, unless that process is killed. What is left may
hold arms, texts or the key. Therefore each one is locked while it is in use, and the next process that makes
one in the same place removes those that are not locked. The system releases the locks of a process that died.

Windows cannot lock a folder: nothing is locked there, and nothing that was left is removed.
"""

import contextlib
import glob
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import portalocker

_LOCK = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING


@contextlib.contextmanager
def temporary_folder(prefix: str, *, parent: Path | None = None) -> Iterator[Path]:
    """Make a folder for a block, after removing those of the same prefix that killed processes left.

    Args:
        prefix: The beginning of its name, which nothing else in `parent` may have.
        parent: The folder in which it is made; by default the system's folder for temporary files.
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
        # Another process may remove the folder as abandoned before it is locked: then make another one.
        if stack.enter_context(locked(folder)) and folder.is_dir():
            return folder


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold a lock on an existing file or folder; yields False if it is locked already or cannot be locked."""
    if sys.platform == "win32":
        yield True
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            portalocker.lock(descriptor, _LOCK)
        except portalocker.LockException:  # another process holds it, or the file system has no locks
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all; it is on the disk when this returns.

    What a killed process left of such a file is removed first.

    Raises:
        OSError: the file cannot be written; an earlier one is then unchanged.
    """
    remove_abandoned(path.parent, f".{glob.escape(path.name)}.*.new")
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)  # mode 0600
    unfinished = Path(name)
    try:
        with locked(unfinished):
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def why_unwritable(path: Path) -> str | None:
    """Return the reason why a file cannot be written, or None.

    The check opens an existing file without changing it, or creates and removes a folder next to a new one,
    since permissions alone are not sufficient.
    """
    try:
        path = Path(os.path.realpath(path))
        if path.is_dir():
            return "it is a folder"
        if path.is_file():
            os.close(os.open(path, os.O_WRONLY))
        elif not path.exists():  # otherwise a device or pipe, which is opened on writing
            return why_folder_unwritable(path.parent)
    except OSError as error:
        return error.strerror or str(error)
    return None


def why_folder_unwritable(folder: Path) -> str | None:
    """Return the reason why no file can be made in a folder, or None."""
    if not folder.is_dir():
        return f"the folder {folder} does not exist"
    try:
        with temporary_folder(".rater-probe-", parent=folder):
            pass
    except OSError as error:
        return f"{folder} is not writable ({error.strerror})"
    return None


def remove_abandoned(folder: Path, *patterns: str) -> None:
    """Remove this user's files and folders that match a pattern and that no process holds locked."""
    for pattern in patterns:
        for path in folder.glob(pattern):
            with contextlib.suppress(OSError):
                _remove_unless_locked(path)


def _remove_unless_locked(path: Path) -> None:
    if sys.platform == "win32" or path.is_symlink() or path.lstat().st_uid != os.getuid():
        return
    with locked(path) as is_abandoned:
        if not is_abandoned:
            return
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
