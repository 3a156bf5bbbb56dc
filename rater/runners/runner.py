"""Runners of independent tasks, whose results do not depend on where, or in which order, the tasks run.

A job is a function without arguments that makes a worker: a function from a task to its result. Each process
calls the job once, so that a worker that holds a model loads it once. Results come back to the caller, which
alone writes files and databases.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Job: TypeAlias = Callable[[], Callable[[T], R]]


class Runner(Protocol):
    """Runs tasks; it keeps its processes from one run to the next."""

    @property
    def n_workers(self) -> int:
        """The number of tasks that run at once."""

    def run(self, job: "Job[T, R]", tasks: Sequence[T]) -> Iterator[tuple[int, R]]:
        """Yield the number of each task, from 0, and its result, as soon as there is one, in any order.

        Raises:
            RaterError: a task raised it, or its worker was lost too often.
        """


class InProcess:
    """Runs tasks one after another in this process."""

    n_workers = 1

    def run(self, job: "Job[T, R]", tasks: Sequence[T]) -> Iterator[tuple[int, R]]:
        """Yield the result of each task in turn."""
        if tasks:
            worker = job()
            for number, task in enumerate(tasks):
                yield number, worker(task)


def in_order(results: Iterable[tuple[int, R]]) -> Iterator[R]:
    """Yield numbered results in the order of their numbers; those that are too early are kept."""
    early: dict[int, R] = {}
    expected = 0
    for number, result in results:
        early[number] = result
        while expected in early:
            yield early.pop(expected)
            expected += 1


def divide(n: int, n_groups: int) -> list[range]:
    """Divide numbers from 0 into successive groups of nearly equal size; none is empty."""
    n_groups = min(n, n_groups)
    return [range(n * group // n_groups, n * (group + 1) // n_groups) for group in range(n_groups)]
