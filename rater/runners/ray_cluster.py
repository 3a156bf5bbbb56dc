"""Run tasks on a Ray cluster: an existing one, or one of this machine alone that ends with the block.

Each worker is an actor with a GPU of its own where the cluster has GPUs and the tasks use them, and otherwise
with some CPUs. An actor is lost with its node. Its task is then given to another actor, and a new actor is
asked for, which starts when a node has room.
"""

import os
import socket
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self, TypeVar

from rater.errors import RaterError
from rater.runners.processes import available_cores
from rater.runners.runner import Job
from rater.runners.worker import pack, result_of

T = TypeVar("T")
R = TypeVar("R")

# A task that is lost this often is probably what ends its workers, for example by filling the memory.
MAX_LOSSES = 3
# Results are small. Ray's default takes 30 % of the memory, which the model needs.
_OBJECT_STORE_BYTES = 100 * 2**20
_SECONDS_TO_WAIT = 60.0
_SECONDS_TO_CONNECT = 10.0


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """The cluster to run on, and the workers there.

    Attributes:
        address: The address of a cluster; None for the one of this machine or of `RAY_ADDRESS`, and otherwise
            for a new one of this machine.
        n_workers: The largest number of workers; None for as many as the cluster has room for.
        cpus_per_worker: CPUs of each worker; None for 1.
        gpus_per_worker: GPUs of each worker, where a node has as many; 0 leaves GPUs to others.
    """

    address: str | None = None
    n_workers: int | None = None
    cpus_per_worker: int | None = None
    gpus_per_worker: int = 0


class RayCluster:
    """The workers on a Ray cluster; used as a context manager, which ends them.

    Args:
        options: The cluster and the workers.
        note: Receives a line where a worker is lost, or waits for room.

    Raises:
        RaterError: Ray is not installed; the cluster cannot be reached, has no room for a worker, or its
            nodes have another version of rater.
    """

    def __init__(self, options: ClusterOptions, *, note: Callable[[str], None] = lambda _: None) -> None:
        self._options, self._note = options, note
        self.n_workers = 0
        self._ray: Any = None
        self._needs: dict[str, int] = {}
        self._actor_class: Any = None
        self._starting: dict[Any, Any] = {}
        """Actors that do not run yet, by the reference to their description."""
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, int]] = {}
        """Actors that run a task, with its number, by the reference to the result."""

    def __enter__(self) -> Self:
        self._ray = _import_ray()
        _connect(self._ray, self._options.address)
        try:
            self._size()
        except BaseException:
            self._ray.shutdown()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._kill_busy()
        for actor in [*self._starting.values(), *self._idle]:
            self._ray.kill(actor)
        self._ray.shutdown()

    def _kill_busy(self) -> None:
        """End the actors whose results nobody wants any more."""
        for actor, _ in self._busy.values():
            self._ray.kill(actor)
        self._busy.clear()

    def _size(self) -> None:
        """Choose the resources and the number of the workers."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        n_gpus = self._options.gpus_per_worker
        has_gpus = n_gpus and any(node.get("GPU", 0) >= n_gpus for node in nodes)
        self._needs = {"CPU": self._options.cpus_per_worker or 1} | ({"GPU": n_gpus} if has_gpus else {})
        room = sum(_room(node, self._needs) for node in nodes)
        if room == 0:
            largest = max((int(node.get("CPU", 0)) for node in nodes), default=0)
            msg = (
                f"The Ray cluster has no node with {_in_words(self._needs)} for a worker; its largest node "
                f"has {largest} CPUs. Valid: --cpus-per-worker from 1 to {largest}."
            )
            raise RaterError(msg)
        self.n_workers = min(room, self._options.n_workers or room)
        self._actor_class = _make_actor_class(self._ray, self._needs)

    def run(self, job: "Job[T, R]", tasks: Sequence[T]) -> Iterator[tuple[int, R]]:
        """Yield the number and the result of each task as soon as there is one.

        Raises:
            RaterError: a task raised it, or lost its worker for the third time.
        """
        waiting, n_lost, busy = deque(range(len(tasks))), [0] * len(tasks), self._busy
        packed = self._ray.put(pack(job))
        for _ in range(min(self.n_workers, len(tasks)) - len(self._idle) - len(self._starting)):
            self._start_actor()
        try:
            while waiting or busy:
                while waiting and self._idle:
                    actor, number = self._idle.pop(), waiting.popleft()
                    busy[actor.run.remote(packed, tasks[number])] = actor, number
                ref = self._wait_for([*busy, *self._starting])
                if ref in self._starting:
                    self._welcome(ref)
                elif ref is not None:
                    actor, number = busy.pop(ref)
                    outcome = self._fetch(ref, actor)
                    if outcome is None:
                        n_lost[number] += 1
                        _require_few_losses(n_lost[number])
                        waiting.appendleft(number)
                        self._start_actor()
                        continue
                    self._idle.append(actor)
                    yield number, result_of(outcome)
        finally:
            self._kill_busy()

    def _start_actor(self) -> None:
        actor = self._actor_class.remote()
        self._starting[actor.describe.remote()] = actor

    def _welcome(self, ref: Any) -> None:
        """Take an actor that has started, or ask for another one if its node was lost meanwhile."""
        actor = self._starting.pop(ref)
        found = self._fetch(ref, actor)
        if found is None:
            self._start_actor()
            return
        here = version("rater")
        if found["rater"] != here:
            there = f"has rater {found['rater']}" if found["rater"] else "cannot import rater"
            msg = (
                f"The Ray node {found['node']} {there}, but this machine has rater {here}. Install the same "
                "version on all nodes."
            )
            raise RaterError(msg)
        self._idle.append(actor)

    def _fetch(self, ref: Any, actor: Any) -> Any:
        """Return what an actor returned; None if it was lost."""
        errors = self._ray.exceptions
        try:
            return self._ray.get(ref)
        except errors.RayTaskError:  # our bug, or a result that cannot be pickled
            raise
        except errors.RayError as error:
            self._note(
                f"A worker on the Ray cluster was lost ({type(error).__name__}); its task is run again."
            )
            self._ray.kill(actor)  # one that is only out of reach would keep its CPUs
            return None

    def _wait_for(self, refs: list[Any]) -> Any:
        """Return the first reference that is ready; None after a minute in which nothing runs."""
        ready, _ = self._ray.wait(refs, num_returns=1, timeout=_SECONDS_TO_WAIT)
        if ready:
            return ready[0]
        if len(refs) == len(self._starting):
            self._note(
                f"No worker has run on the Ray cluster for {_SECONDS_TO_WAIT:.0f} s: each one needs a node "
                f"with {_in_words(self._needs)} free."
            )
        return None


def _import_ray() -> Any:
    # Ray reports usage to its makers unless this is set before it is imported.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # the future behaviour of Ray, which warns without it
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if find_spec("ray") is None:
        msg = "--ray needs the package ray. Run: pip install 'rater[ray]'"
        raise RaterError(msg)
    import ray  # noqa: PLC0415 (an extra, which takes a second)

    return ray


def _connect(ray: Any, address: str | None) -> None:
    """Connect to a cluster; without an address, to the one of this machine, or start one.

    Raises:
        RaterError: no cluster has the address.
    """
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    named = address or os.environ.get("RAY_ADDRESS") or "auto"
    try:
        if named != "auto":
            _require_server(named)
        ray.init(address=named, **quiet)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        if named != "auto":
            reason = str(error).strip().splitlines()[0].rstrip(".: ")
            msg = (
                f"No Ray cluster can be reached at {named!r} ({reason}). Valid: the address that `ray start "
                "--head` prints, such as 10.0.0.1:6379; or --ray alone for a cluster of this machine."
            )
            raise RaterError(msg) from error
        ray.init(
            address="local",
            num_cpus=available_cores(),
            object_store_memory=_OBJECT_STORE_BYTES,
            include_dashboard=False,
            **quiet,
        )


def _require_server(address: str) -> None:
    """Connect to an address once; Ray itself tries for minutes.

    Raises:
        OSError: nothing listens there.
        ValueError: it is not an address.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        msg = "it is not a host and a port"
        raise ValueError(msg)
    socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS_TO_CONNECT).close()


def _make_actor_class(ray: Any, needs: Mapping[str, int]) -> Any:
    """Return the class of the actors, which is sent to nodes as it is, and imports rater there."""

    class Actor:
        def __init__(self) -> None:
            self._worker: Any = None

        def describe(self) -> dict[str, str]:
            import importlib.metadata  # noqa: PLC0415 (on the node)

            node = ray.util.get_node_ip_address()
            try:
                from rater.runners.worker import Worker  # noqa: PLC0415 (as above)
            except ImportError:
                return {"node": node, "rater": ""}
            self._worker = Worker()
            return {"node": node, "rater": importlib.metadata.version("rater")}

        def run(self, packed: bytes, task: Any) -> Any:
            return self._worker.run(packed, task)

    return ray.remote(num_cpus=needs["CPU"], num_gpus=needs.get("GPU", 0), max_restarts=0)(Actor)


def _room(node: Mapping[str, float], needs: Mapping[str, int]) -> int:
    """Return the number of workers that a node has room for."""
    return min(int(node.get(name, 0) // n) for name, n in needs.items())


def _in_words(needs: Mapping[str, int]) -> str:
    return " and ".join(f"{n} {name}{'s' * (n != 1)}" for name, n in needs.items())


def _require_few_losses(n: int) -> None:
    """Refuse to run a task again that lost its workers.

    Raises:
        RaterError: it has lost too many.
    """
    if n >= MAX_LOSSES:
        msg = (
            f"A task lost its worker {n} times. Perhaps memory ran out there: use fewer workers, or a "
            "smaller --batch-size. Run the same command again to continue; what was saved is kept."
        )
        raise RaterError(msg)
