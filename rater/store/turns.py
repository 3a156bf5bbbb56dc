"""Let the writers of a SQLite file take turns, so that none waits long while others overtake it.

SQLite has one writer at a time, and one that finds the lock taken looks again after sleeps of up to 100 ms:
whoever comes by in between goes first, and a few wait for seconds. Here writers of a process queue at a lock,
which wakes the next at once, and only the first of each process waits for a lock on a file beside the
database, which the system hands on at once. The lock on the database itself stays what keeps it whole: a
writer that does not queue (another program, another machine) is waited for as before.
"""

import contextlib
import fcntl
import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


@contextlib.contextmanager
def taking_turns(path: Path, timeout_s: float) -> Iterator[None]:
    """Wait for this writer's turn; after the timeout it goes on, and waits for SQLite's own lock.

    The first of a process waits for other processes without a timeout: as long as they live, and hold their
    turn, they hold SQLite's lock as well.
    """
    lock = _locks[os.fspath(path)]
    is_first = lock.acquire(timeout=timeout_s)
    try:
        with _file_lock(path) if is_first else contextlib.nullcontext():
            yield
    finally:
        if is_first:
            lock.release()


@contextlib.contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    """Hold the lock that keeps other processes' writers waiting; the system lets go of it if we die."""
    try:
        # readable is enough to lock: whoever can read the database can take a turn, and nobody else
        mode = path.stat().st_mode & 0o666
        descriptor = os.open(path.with_name(f"{path.name}-turn"), os.O_RDONLY | os.O_CREAT, mode)
    except OSError:  # no such file yet, or a folder that cannot be written to: SQLite will say so itself
        yield
        return
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
