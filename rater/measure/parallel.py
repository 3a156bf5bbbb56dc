"""Measure units of texts with several workers; the caller alone stores the values."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rater.measure.metric import Measured, Metric, Unit
from rater.runners.runner import Runner, divide

# A killed run loses at most this many values of each worker; a classifier reads 32 texts at once.
_MAX_UNITS = 64


def measure_in_parallel(
    metric: Metric, units: Sequence[Unit], runner: Runner
) -> Iterator[tuple[int, Measured]]:
    """Yield the index and the measurement of each unit as soon as its task is done; see `Metric.measure`.

    Args:
        metric: The metric; each worker has a copy, which loads its model once.
        units: The units.
        runner: Runs tasks of up to 64 units.

    Raises:
        RaterError: as the metric does, or workers were lost.
    """
    n_tasks = max(runner.n_workers, -(-len(units) // _MAX_UNITS))
    groups = divide(len(units), n_tasks)
    tasks = [[units[index] for index in group] for group in groups]
    for number, found in runner.run(_MeasureJob(metric), tasks):
        for index, measured in found:
            yield groups[number].start + index, measured


@dataclass(frozen=True)
class _MeasureJob:
    metric: Metric

    def __call__(self) -> Callable[[Sequence[Unit]], list[tuple[int, Measured]]]:
        return lambda units: list(self.metric.measure(units))
