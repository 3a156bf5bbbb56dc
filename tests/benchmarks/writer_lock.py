"""Measure the saves of many writers of one SQLite file under different locks, and print their waits.

Not a test of the suite: nothing is asserted. The locks are measured in alternating rounds of a few seconds,
so that their ratio means something on a busy machine too.

    python tests/benchmarks/writer_lock.py
    python tests/benchmarks/writer_lock.py --processes 4 --threads 25 --locks portalocker filelock-1ms none
"""

import argparse
import contextlib
import multiprocessing
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

from rater.store.writer_lock import writer_lock

Lock = Callable[[Path], contextlib.AbstractContextManager[Any]]


def make_lock(name: str) -> Lock:
    """Return a lock by its name: portalocker (as in rater), filelock-<poll interval>ms, flock, or none."""
    if name == "portalocker":
        return lambda path: writer_lock(path, timeout_s=60)
    if name == "none":
        return lambda _: contextlib.nullcontext()
    queue = threading.Lock()
    hold: Lock = _flock
    if name.startswith("filelock-"):
        poll_s = float(name.removeprefix("filelock-").removesuffix("ms")) / 1000
        hold = lambda path: FileLock(f"{path}-turn", poll_interval=poll_s, thread_local=False)  # noqa: E731 (of two)

    @contextlib.contextmanager
    def both(path: Path) -> Iterator[None]:
        with queue, hold(path):
            yield

    return both


@contextlib.contextmanager
def _flock(path: Path) -> Iterator[None]:
    import fcntl  # noqa: PLC0415 (POSIX only)

    with path.with_name(f"{path.name}-turn").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def save(lock_name: str, path: Path, seconds: float, n_threads: int, waits: Any) -> None:
    """Let the threads of one process save three rows at a time, and report how long each save took."""
    lock = make_lock(lock_name)
    seen: list[float] = []
    until = time.monotonic() + seconds

    def run() -> None:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            while (before := time.monotonic()) < until:
                with lock(path):
                    connection.execute("BEGIN IMMEDIATE")
                    connection.executemany("INSERT INTO note VALUES (?)", [(1,), (2,), (3,)])
                    connection.execute("COMMIT")
                seen.append(time.monotonic() - before)

    threads = [threading.Thread(target=run) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waits.put(seen)


def measure(lock_name: str, n_processes: int, n_threads: int, seconds: float) -> list[list[float]]:
    """Run one round; return the seconds of each save, by process."""
    waits = multiprocessing.Queue()  # type: ignore[var-annotated] # lists of seconds
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE note (n INTEGER)")
        processes = [
            multiprocessing.Process(target=save, args=(lock_name, path, seconds, n_threads, waits))
            for _ in range(n_processes)
        ]
        for process in processes:
            process.start()
        seen = [waits.get() for _ in processes]
        for process in processes:
            process.join()
    return seen


def main() -> None:
    """Measure the locks in rounds, and print a line for each."""
    parser = argparse.ArgumentParser(description="Measure locks between writers of a SQLite file.")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--locks", nargs="+", default=["portalocker", "flock", "filelock-0.5ms", "filelock-2ms", "none"]
    )
    options = parser.parse_args()
    seen: dict[str, list[list[float]]] = {name: [] for name in options.locks}
    for _ in range(options.rounds):
        for name in options.locks:
            seen[name] += measure(name, options.processes, options.threads, options.seconds)
    for name, by_process in seen.items():
        ms = sorted(1000 * wait for each in by_process for wait in each)
        counts = [len(each) for each in by_process]
        rate = len(ms) / options.rounds / options.seconds
        print(
            f"{name:16} {rate:6.0f} saves/s; p50 {ms[len(ms) // 2]:7.1f}, "
            f"p99 {ms[int(len(ms) * 0.99)]:7.1f}, max {ms[-1]:7.1f} ms; "
            f"per process {min(counts)}–{max(counts)}"
        )


if __name__ == "__main__":
    main()
