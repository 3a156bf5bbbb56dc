"""The compute that the completions of a study took: wall time, tokens, device and peak memory."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Self

from sqlalchemy.orm import Session

from rater.store.log import read_events
from rater.store.sealed.schema import SealedEventRow
from rater.study.state import State


@dataclass(frozen=True)
class ComputeUse:
    """The compute of one run, or the sum of several on equal devices."""

    device: str
    """The device of the model, such as ``cpu`` or ``cuda:0``."""
    wall_s: float
    """Wall time in seconds, without loading the model; of several runs, their sum."""
    n_tokens: int
    """New tokens of the completions that were saved."""
    peak_bytes: int
    """Largest memory of the process in bytes, or of the GPU if the model was on one."""
    n_runs: int = 1

    def as_detail(self) -> dict[str, Any]:
        """Return the fields as JSON values, for the log."""
        return asdict(self)

    @classmethod
    def of_detail(cls, detail: dict[str, Any]) -> Self:
        """Return what `as_detail` wrote.

        Raises:
            TypeError: fields are missing, or unknown.
        """
        return cls(**detail)


def sum_by_device(runs: Iterable[ComputeUse]) -> list[ComputeUse]:
    """Sum runs by the kind of their device, with the largest of their peaks of memory."""
    by_device: dict[str, list[ComputeUse]] = {}
    for run in runs:
        by_device.setdefault(run.device.partition(":")[0], []).append(run)
    return [
        ComputeUse(
            device,
            round(sum(run.wall_s for run in same), 3),
            sum(run.n_tokens for run in same),
            max(run.peak_bytes for run in same),
            sum(run.n_runs for run in same),
        )
        for device, same in by_device.items()
    ]


def read_compute(session: Session, study_id: int) -> tuple[list[ComputeUse], int]:
    """Read the compute of all runs, by kind of device, and the number of shards; 0 without shards.

    Runs that did not reach their end are not counted. Costs one query.
    """
    events = [e for e in read_events(session, SealedEventRow, study_id) if e.kind == State.GENERATED]
    details: list[dict[str, Any]] = [event.detail for event in events]
    runs = [ComputeUse.of_detail(use) for detail in details for use in detail.get("compute", ())]
    return sum_by_device(runs), max((len(detail.get("shards", ())) for detail in details), default=0)
