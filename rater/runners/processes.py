"""Run tasks in several processes of this machine."""

import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, Self, TypeVar

from rater.errors import RaterError
from rater.runners.runner import Job
from rater.runners.worker import Done, Failed, Worker, pack, result_of

T = TypeVar("T")
R = TypeVar("R")

# Tasks that are sent ahead for each worker, so that it does not wait for the caller to save a result.
_AHEAD = 2
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class LocalProcesses:
    """Several processes of this machine, which share its cores; used as a context manager.

    Processes are started anew and not forked, since a fork of a process with torch's threads can hang. They
    end with the block; an error, or an interruption, stops them at once.

    Args:
        n_workers: The number of processes.
    """

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self._executor: Any = None

    def __enter__(self) -> Self:
        from loky import ProcessPoolExecutor  # noqa: PLC0415 (few commands start processes)

        n_threads = max(1, available_cores() // self.n_workers)
        self._executor = ProcessPoolExecutor(
            self.n_workers,
            initializer=_prepare,
            env={name: str(n_threads) for name in _THREADS},
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._executor.shutdown(wait=True, kill_workers=kind is not None)

    def run(self, job: "Job[T, R]", tasks: Sequence[T]) -> Iterator[tuple[int, R]]:
        """Yield the number and the result of each task as soon as there is one.

        Raises:
            RaterError: a task raised it, or a process ended.
        """
        packed = pack(job)
        waiting, running = deque(enumerate(tasks)), dict[Future[Done[R] | Failed], int]()
        while waiting or running:
            while waiting and len(running) < _AHEAD * self.n_workers:
                number, task = waiting.popleft()
                running[self._executor.submit(_run, packed, task)] = number
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                number = running.pop(future)
                try:
                    outcome = future.result()
                except BrokenProcessPool as error:
                    msg = (
                        "A worker process ended unexpectedly; perhaps the system stopped it because memory "
                        "ran out. What was saved is kept: run the same command again, with fewer than "
                        f"{self.n_workers} workers."
                    )
                    raise RaterError(msg) from error
                yield number, result_of(outcome)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_WORKER = Worker()
"""The worker of this process, if it is one of the processes above."""


def _prepare() -> None:
    """Leave an interruption to the caller: a terminal sends it to all processes at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(packed: bytes, task: Any) -> "Done[Any] | Failed":
    return _WORKER.run(packed, task)
