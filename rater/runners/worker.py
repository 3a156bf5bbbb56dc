"""The end of a runner in a worker process: makes the worker of a job once, and returns errors as values."""

import hashlib
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rater.errors import RaterError
from rater.runners.runner import Job

R = TypeVar("R")


@dataclass(frozen=True)
class Done(Generic[R]):
    """The result of a task."""

    result: R


@dataclass(frozen=True)
class Failed:
    """The error of a task, as it is sent to the caller."""

    kind: type[RaterError] | None
    """The class of a mistake in the input; None for a bug."""
    message: str
    """The error's message; for a bug, the traceback."""


class Worker:
    """Runs the tasks of one job after another; it keeps the worker of the last job, and its model."""

    def __init__(self) -> None:
        self._digest = b""
        self._call: Callable[[Any], Any] | None = None

    def run(self, packed: bytes, task: Any) -> "Done[Any] | Failed":
        """Run a task of a packed job."""
        try:
            return Done(self._worker_of(packed)(task))
        except RaterError as error:
            return Failed(type(error), str(error))
        except Exception:  # noqa: BLE001 (the caller raises it again, with this traceback)
            return Failed(None, traceback.format_exc())

    def _worker_of(self, packed: bytes) -> Callable[[Any], Any]:
        digest = hashlib.sha256(packed).digest()
        if self._call is None or digest != self._digest:
            self._call = None  # its model may need the memory of the last one
            self._call = _unpack(packed)()
            self._digest = digest
        return self._call


def _unpack(packed: bytes) -> "Job[Any, Any]":
    import cloudpickle  # noqa: PLC0415 (a web process has no jobs)

    try:
        job: Job[Any, Any] = cloudpickle.loads(packed)
    except ImportError as error:
        msg = f"A worker cannot import what the job needs: {error}. Install it where the workers run."
        raise RaterError(msg) from error
    return job


def pack(job: "Job[Any, Any]") -> bytes:
    """Pack a job for other processes; a user's own functions travel with it."""
    import cloudpickle  # noqa: PLC0415 (as above)

    packed: bytes = cloudpickle.dumps(job)
    return packed


def result_of(outcome: "Done[R] | Failed") -> R:
    """Return the result that a worker sent, or raise its error.

    Raises:
        RaterError: the task raised it.
        RuntimeError: the task has a bug; the message has the worker's traceback.
    """
    if isinstance(outcome, Done):
        return outcome.result
    if outcome.kind is not None:
        raise outcome.kind(outcome.message)
    msg = f"A worker failed:\n{outcome.message}"
    raise RuntimeError(msg)
