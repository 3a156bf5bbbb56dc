"""The options of commands that can use several workers: processes of this machine, or a Ray cluster."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from rater.cli.options import Command
from rater.errors import RaterError

if TYPE_CHECKING:
    from rater.runners.runner import Runner

_THIS_MACHINE = "auto"


@dataclass(frozen=True)
class WorkerOptions:
    """The workers that were asked for."""

    n_workers: int | None
    ray: str | None
    """The address of a Ray cluster, `auto` for that of this machine; None without Ray."""
    cpus_per_worker: int | None

    @property
    def are_given(self) -> bool:
        """Return whether workers were asked for."""
        return self.n_workers is not None or self.ray is not None

    @contextlib.contextmanager
    def open(self, *, device: str | None = None, n_gpus: int = 0) -> Iterator["Runner | None"]:
        """Start the workers for a block; None if none were asked for.

        Args:
            device: The device of the model, if there is one.
            n_gpus: GPUs of each worker of a cluster with GPUs; 0 if workers run no model.

        Raises:
            RaterError: the workers cannot be started, or the device is not for a cluster.
        """
        if self.ray is None:
            if self.n_workers is None:
                yield None
                return
            from rater.runners.processes import LocalProcesses

            with LocalProcesses(self.n_workers) as processes:
                yield processes
            return
        from rater.runners.ray_cluster import ClusterOptions, RayCluster

        if device is not None and (":" in device or device == "auto"):
            msg = f"--device is {device}; valid with --ray: cpu or cuda. Each worker has a GPU of its own."
            raise RaterError(msg)
        options = ClusterOptions(
            address=None if self.ray == _THIS_MACHINE else self.ray,
            n_workers=self.n_workers,
            cpus_per_worker=self.cpus_per_worker,
            gpus_per_worker=0 if device == "cpu" else n_gpus,
        )
        with RayCluster(options, note=lambda line: click.echo(line, err=True)) as cluster:
            click.echo(f"Ray cluster with up to {cluster.n_workers} workers.", err=True)
            yield cluster


def workers_options(command: Command) -> Command:
    """Add ``--workers``, ``--ray`` and ``--cpus-per-worker``; `read_workers` takes them."""
    for option in (
        click.option(
            "--cpus-per-worker",
            type=click.IntRange(1),
            help="With --ray: CPUs of each worker.  [default: 1]",
            metavar="N",
        ),
        click.option(
            "--ray",
            is_flag=False,
            flag_value=_THIS_MACHINE,
            metavar="[ADDRESS]",
            help="Use the workers of a Ray cluster; without an address, the cluster of this machine or a new "
            "one here. Needs rater[ray].",
        ),
        click.option(
            "--workers",
            type=click.IntRange(1, 1_000),
            metavar="N",
            help="Use N processes of this machine, or with --ray at most N workers. Results do not depend on "
            "it.",
        ),
    ):
        command = option(command)
    return command


def read_workers(given: dict[str, Any]) -> WorkerOptions:
    """Take the options of `workers_options` out of a command's arguments.

    Raises:
        click.UsageError: options contradict each other.
    """
    options = WorkerOptions(given.pop("workers"), given.pop("ray"), given.pop("cpus_per_worker"))
    if options.cpus_per_worker is not None and options.ray is None:
        msg = "--cpus-per-worker is for the workers of a Ray cluster; add --ray."
        raise click.UsageError(msg)
    return options
