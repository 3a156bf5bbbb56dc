"""Measure a study's texts and store each value as soon as there is one; a stopped run is continued.

A metric is given texts in an order that is random for each metric: its seed is stored with it. It sees the
prompt, the text and the fields that raters see. The values are stored in the sealed database, and each run is
logged there with their digest.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from rater.errors import StateError
from rater.measure.metric import Measured, Metric
from rater.measure.parallel import measure_in_parallel
from rater.measure.study_texts import StudyUnit, in_random_order, list_units
from rater.runners.runner import Runner
from rater.store.engine import disposing, reading, writing
from rater.store.sealed.completions import read_completions
from rater.store.sealed.measurements import (
    CAUTION,
    DESCRIPTION,
    N_TEXTS,
    REPEATS,
    KeptMetric,
    NewMeasurement,
    insert_measurements,
    insert_metric,
    log_measurements,
    read_measured,
    read_measurements,
    read_metrics,
    write_definition,
)
from rater.store.sealed.open import open_sealed
from rater.store.sealed.studies import SealedStudy, get_sealed_study
from rater.study.study import Study

Progress = Callable[[int, int], None]
"""Receives how many of how many values are stored."""
# a killed run loses the values of this time at most, and a fast metric does not wait for the disk
_SECONDS_BETWEEN_COMMITS = 1.0


@dataclass(frozen=True, kw_only=True)
class MetricSummary:
    """A metric of a study and its counts after a run."""

    name: str
    kind: str
    dimension: str | None
    n_planned: int
    """Texts, or pairs in both orders, times repetitions."""
    n_values: int
    n_new: int
    """The number of texts measured in this run, with a value or without."""
    failed: Mapping[str, int]
    """The number of texts without a value, by reason."""
    seconds: float
    """The time of this run."""

    @property
    def n_failed(self) -> int:
        """The number of texts without a value."""
        return sum(self.failed.values())

    @property
    def is_complete(self) -> bool:
        """True if every text was measured, with a value or without."""
        return self.n_values + self.n_failed >= self.n_planned


def measure_study(
    sealed_url: str,
    study_name: str,
    metric: Metric,
    *,
    name: str,
    repeats: int = 1,
    limit: int | None = None,
    progress: Progress = lambda _done, _planned: None,
    runner: Runner | None = None,
) -> MetricSummary:
    """Measure the texts of a generated study that a metric has not measured yet.

    Args:
        sealed_url: The sealed database.
        study_name: The study's name.
        metric: The metric.
        name: The name under which its values are stored.
        repeats: How often each text is measured.
        limit: The largest number of texts to measure in this run.
        progress: Receives how many of how many values are stored.
        runner: Measures in several workers; None measures in this process.

    Raises:
        NotGeneratedError: the study was not generated.
        StateError: a metric of this name is defined otherwise.
        RaterError: the metric cannot be measured; what was measured before is stored.
    """
    with disposing(open_sealed(sealed_url)) as engine:
        with reading(engine) as session:
            sealed = get_sealed_study(session, study_name)
            completions = read_completions(session, sealed.id)
        study = Study.model_validate_json(sealed.canonical_json)
        if not completions:
            msg = f"Study {study_name!r} has no completions to measure. Run: rater generate FILE"
            raise StateError(msg)
        kept = _find_or_insert(engine, sealed, metric, name=name, repeats=repeats)
        units = in_random_order(
            list_units(study, completions, n_texts=metric.n_texts, repeats=repeats), kept.order_seed
        )
        with reading(engine) as session:
            done = read_measured(session, kept.id)
        missing = [unit for unit in units if unit.texts not in done][:limit]
        started, shown = time.monotonic(), [unit.shown for unit in missing]
        found = metric.measure(shown) if runner is None else measure_in_parallel(metric, shown, runner)
        _store_missing(
            engine, sealed.id, kept, found, missing=missing, n_planned=len(units), progress=progress
        )
        with reading(engine) as session:
            return _summarise(session, kept, units, n_new=len(missing), seconds=time.monotonic() - started)


def _find_or_insert(
    engine: Engine, sealed: SealedStudy, metric: Metric, *, name: str, repeats: int
) -> KeptMetric:
    definition = {**metric.definition, DESCRIPTION: metric.description}
    definition |= {CAUTION: metric.caution} if metric.caution else {}
    definition |= {REPEATS: repeats} if repeats > 1 else {}
    definition |= {N_TEXTS: metric.n_texts} if metric.n_texts > 1 else {}
    with writing(engine) as session:
        known = {each.name: each for each in read_metrics(session, sealed.id)}.get(name)
        if known is None:
            return insert_metric(
                session,
                sealed.id,
                name,
                kind=metric.kind,
                dimension=metric.dimension,
                definition=definition,
                order_seed=secrets.token_hex(16),
                now=datetime.now(UTC),
            )
    _require_same(known, metric, definition)
    return known


def _require_same(known: KeptMetric, metric: Metric, definition: Mapping[str, object]) -> None:
    """Refuse a metric that is defined otherwise than the one of its name."""
    if known.kind == metric.kind and write_definition(known.definition) == write_definition(definition):
        return
    if known.kind != metric.kind:
        what = f"its kind is {known.kind!r}, not {metric.kind!r}"
    else:
        names = sorted({*known.definition, *definition}, key=lambda name: (name == DESCRIPTION, name))
        changed = next(name for name in names if known.definition.get(name) != definition.get(name))
        what = f"its {changed} is {known.definition.get(changed)!r}, not {definition.get(changed)!r}"
    msg = f"The study has a metric {known.name!r} already, and {what}. Choose another name with --name."
    raise StateError(msg)


def _store_missing(
    engine: Engine,
    study_id: int,
    kept: KeptMetric,
    measured: Iterator[tuple[int, Measured]],
    *,
    missing: list[StudyUnit],
    n_planned: int,
    progress: Progress,
) -> None:
    """Store what is measured; it is stored whatever ends the run."""
    n_done, waiting, last_commit = 0, list[NewMeasurement](), time.monotonic()

    def store() -> None:
        nonlocal last_commit
        with writing(engine) as session:
            insert_measurements(session, kept.id, waiting, now=datetime.now(UTC))
        waiting.clear()
        last_commit = time.monotonic()
        progress(n_planned - len(missing) + n_done, n_planned)

    try:
        for index, found in measured:
            waiting.append(NewMeasurement(missing[index].texts, found.value, found.reason, found.reply))
            n_done += 1
            if time.monotonic() - last_commit > _SECONDS_BETWEEN_COMMITS:
                store()
    finally:
        store()
        if missing:
            with writing(engine) as session:
                log_measurements(session, study_id, kept, now=datetime.now(UTC))


def _summarise(
    session: Session, kept: KeptMetric, units: Sequence[StudyUnit], *, n_new: int = 0, seconds: float = 0.0
) -> MetricSummary:
    current = {unit.texts for unit in units}
    found = [each for each in read_measurements(session, kept.id) if each.texts in current]
    return MetricSummary(
        name=kept.name,
        kind=kept.kind,
        dimension=kept.dimension,
        n_planned=len(units),
        n_values=sum(not each.reason for each in found),
        n_new=n_new,
        failed=Counter(each.reason for each in found if each.reason),
        seconds=seconds,
    )


def summarise_metrics(sealed_url: str, study_name: str) -> list[MetricSummary]:
    """Return the metrics of a generated study with their counts, in the order of their first measurement.

    Raises:
        NotGeneratedError: the study was not generated.
    """
    with disposing(open_sealed(sealed_url)) as engine, reading(engine) as session:
        sealed = get_sealed_study(session, study_name)
        study, completions = (
            Study.model_validate_json(sealed.canonical_json),
            read_completions(session, sealed.id),
        )
        return [
            _summarise(
                session,
                kept,
                list_units(
                    study,
                    completions,
                    n_texts=int(kept.definition.get(N_TEXTS, 1)),
                    repeats=int(kept.definition.get(REPEATS, 1)),
                ),
            )
            for kept in read_metrics(session, sealed.id)
        ]
