"""A fair lock between the writers of a SQLite file, in threads and processes.

SQLite has one writer at a time. A writer that finds the file locked tries again after sleeps of up to 100 ms,
so that others overtake it, and a few wait for seconds. Here the writers of a process queue at a lock in
memory, and the first of each process waits for a lock on a file next to the database, which the kernel hands
on at once. The lock only decides the order: SQLite's own lock protects the data, also from writers that do
not queue here (another program, another machine).

portalocker locks the file, since its lock can block. Where a lock is polled (filelock, fasteners), the
process that has just released it usually takes it again first. Two processes on two busy cores that save
without a pause, one writer each, measured in turn (`tests/benchmarks/writer_lock.py`), 99th percentile and
longest save: portalocker 42 and 154 ms; filelock polling every 0.5 ms 164 and 924 ms, every 2 ms 171 and
1,397 ms; no lock 20 and 2,071 ms, with one process at a standstill. With 50 writers each: 662 ms
(portalocker), 996 and 1,584 ms (filelock), 5,134 ms (none).
"""

import contextlib
import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import portalocker

_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


@contextlib.contextmanager
def writer_lock(path: Path, timeout_s: float) -> Iterator[None]:
    """Wait for this writer's turn at a database file; after the timeout, continue without it.

    The first writer of a process waits for other processes without a timeout: while they hold this lock they
    hold SQLite's as well, and the system releases both when a process dies.
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
    """Hold the lock between processes, where the folder and the file system allow one."""
    try:
        # Being able to read a file is enough to lock it: anyone who can read the database can queue.
        mode = path.stat().st_mode & 0o666
        descriptor = os.open(path.with_name(f"{path.name}-turn"), os.O_RDONLY | os.O_CREAT, mode)
    except OSError:  # no database, or a read-only folder: SQLite reports that itself
        yield
        return
    try:
        with contextlib.suppress(portalocker.LockException):  # a file system without locks
            portalocker.lock(descriptor, portalocker.LockFlags.EXCLUSIVE)
        yield
    finally:
        os.close(descriptor)
