"""The place where generated completions are saved: the sealed database, or the file of a shard."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from sqlalchemy import Engine

from rater.store.engine import reading, writing
from rater.store.log import append_event
from rater.store.sealed.completions import NewCompletion, insert_completions, read_versions
from rater.store.sealed.compute import ComputeUse
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import SealedEventRow
from rater.study.state import State

Versions = Mapping[str, str]
"""Versions of the software, engine, device and precision that generated a text."""


def version_shown(name: str, versions: Versions) -> str:
    """Return one of the versions as it is compared between machines: of a device only its kind.

    Machines of a kind may differ in the number of the GPU.
    """
    found = versions.get(name, "none")
    return found.partition(":")[0] if name == "device" else found


class CompletionStore(Protocol):
    """Saves the completions of one study, and knows which versions made those that are saved."""

    def versions_by_arm(self) -> Mapping[str, Sequence[Versions]]:
        """Return the distinct versions that generated the completions of each arm so far."""

    def save(self, completions: Sequence[NewCompletion], versions: Versions, *, now: datetime) -> None:
        """Save completions; they are on the disk when this returns."""

    def end_run(self, n_made: int, versions: Versions, use: ComputeUse, *, now: datetime) -> None:
        """Record a run that made all of its completions, and the compute that it used."""


class SealedStore:
    """Saves completions in the sealed database; used as a context manager."""

    def __init__(self, sealed_url: str, study_id: int) -> None:
        self._url, self._study_id = sealed_url, study_id
        self._engine: Engine | None = None

    def __enter__(self) -> Self:
        self._engine = open_sealed(self._url)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened.dispose()

    @property
    def _opened(self) -> Engine:
        assert self._engine is not None  # noqa: S101 (set by __enter__)
        return self._engine

    def versions_by_arm(self) -> Mapping[str, Sequence[Versions]]:
        """Return the distinct versions that generated the completions of each arm. Costs one query."""
        with reading(self._opened) as session:
            return read_versions(session, self._study_id)

    def save(self, completions: Sequence[NewCompletion], versions: Versions, *, now: datetime) -> None:
        """Save completions in one transaction."""
        with writing(self._opened) as session:
            insert_completions(session, self._study_id, completions, versions=dict(versions), now=now)

    def end_run(self, n_made: int, versions: Versions, use: ComputeUse, *, now: datetime) -> None:
        """Record a run in the log of the sealed database."""
        detail = {"n_made": n_made, "versions": dict(versions), "compute": [use.as_detail()]}
        with writing(self._opened) as session:
            append_event(session, SealedEventRow, self._study_id, kind=State.GENERATED, at=now, **detail)
