"""Metrics of a study's texts and their values: insert, list and digest them.

They are not part of what is published: a metric can be measured before or after publication, and the digest
of the completions does not cover it. Each run is a row of the sealed log instead, with a digest of all values
of the metric up to the run's last row. That digest is SHA-256 over these lines, each ended by a line feed, in
UTF-8::

    rater measurements 1
    <the definition of the metric>
    … one line of canonical JSON for each row of the table but its number and metric, in the order of rows
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from rater.store.log import EventKind, append_event, read_events
from rater.store.sealed.schema import MeasurementRow, MetricRow, SealedEventRow

REPEATS, N_TEXTS, DESCRIPTION, CAUTION = "repeats", "n_texts", "description", "caution"
"""Fields of a stored definition. The first two are 1 where they are missing; the others are for readers."""
DELETED = "deleted"
"""The field of a logged event with the names of metrics whose values were deleted."""


class MeasuredTexts(NamedTuple):
    """The texts that a value is about, and the number of the repetition."""

    first: int
    """The completion; of a pair, the one that was shown first."""
    second: int
    """Of a pair, the completion that was shown second; otherwise the same."""
    repeat: int
    shown_hash: str
    """SHA-256 of what the metric was given."""


@dataclass(frozen=True)
class NewMeasurement:
    """A value about to be stored, or the reason why there is none."""

    texts: MeasuredTexts
    value: float | None
    reason: str = ""
    reply: str | None = None


@dataclass(frozen=True)
class KeptMetric:
    """A metric as stored."""

    id: int
    name: str
    kind: str
    dimension: str | None
    definition: Mapping[str, Any]
    order_seed: str
    created_at: datetime


def hash_shown(shown: Sequence[Mapping[str, object]]) -> str:
    """Return the SHA-256 of what a metric is given of each text (prompt, text, fields), in hexadecimal."""
    content = [{**each, "fields": dict(cast("Mapping[str, str]", each["fields"]))} for each in shown]
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def write_definition(definition: Mapping[str, object]) -> str:
    """Write the definition of a metric as canonical JSON."""
    return json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def read_metrics(session: Session, study_id: int) -> list[KeptMetric]:
    """Read a study's metrics in the order of their first measurement. Costs one query."""
    rows = session.scalars(select(MetricRow).where(MetricRow.study_id == study_id).order_by(MetricRow.id))
    return [_kept(row) for row in rows]


def insert_metric(
    session: Session,
    study_id: int,
    name: str,
    *,
    kind: str,
    dimension: str | None,
    definition: Mapping[str, object],
    order_seed: str,
    now: datetime,
) -> KeptMetric:
    """Insert a metric, and log its definition. Must run in a `writing` transaction."""
    row = MetricRow(
        study_id=study_id,
        name=name,
        kind=kind,
        dimension=dimension,
        definition=write_definition(definition),
        order_seed=order_seed,
        created_at=now,
    )
    session.add(row)
    session.flush()
    kept = _kept(row)
    append_event(
        session,
        SealedEventRow,
        study_id,
        kind=EventKind.MEASURED,
        at=now,
        metric=name,
        definition=digest_definition(kept),
    )
    return kept


def _kept(row: MetricRow) -> KeptMetric:
    return KeptMetric(
        row.id, row.name, row.kind, row.dimension, json.loads(row.definition), row.order_seed, row.created_at
    )


def digest_definition(metric: KeptMetric) -> str:
    """Return the SHA-256 of everything stored of a metric but its number, in hexadecimal."""
    stored = {**asdict(metric), "created_at": metric.created_at.isoformat()}
    del stored["id"]
    return hashlib.sha256(write_definition(stored).encode()).hexdigest()


def read_measured(session: Session, metric_id: int) -> set[MeasuredTexts]:
    """Return which texts have a value of a metric, or a reason for none. Costs one query."""
    columns = (
        MeasurementRow.completion_id,
        MeasurementRow.second_completion_id,
        MeasurementRow.repeat,
        MeasurementRow.shown_hash,
    )
    rows = session.execute(select(*columns).where(MeasurementRow.metric_id == metric_id))
    return {MeasuredTexts(*row) for row in rows}


def read_measurements(session: Session, metric_id: int) -> list[NewMeasurement]:
    """Read the values of a metric in the order of measurement. Costs one query."""
    rows = session.scalars(
        select(MeasurementRow).where(MeasurementRow.metric_id == metric_id).order_by(MeasurementRow.id)
    )
    return [
        NewMeasurement(
            MeasuredTexts(row.completion_id, row.second_completion_id, row.repeat, row.shown_hash),
            row.value,
            row.reason,
            row.reply,
        )
        for row in rows
    ]


def insert_measurements(
    session: Session, metric_id: int, made: Sequence[NewMeasurement], *, now: datetime
) -> None:
    """Insert values; one that another process has inserted already is left unchanged."""
    if not made:
        return
    rows = [
        {
            "metric_id": metric_id,
            "completion_id": each.texts.first,
            "second_completion_id": each.texts.second,
            "repeat": each.texts.repeat,
            "shown_hash": each.texts.shown_hash,
            "value": each.value,
            "reason": each.reason,
            "reply": each.reply,
            "created_at": now,
        }
        for each in made
    ]
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    session.execute(dialect.insert(MeasurementRow).on_conflict_do_nothing(), rows)


@dataclass(frozen=True)
class MeasurementDigest:
    """The number of a metric's values up to a row, and their digest."""

    n: int
    last_row: int
    sha256: str


def digest_measurements(
    session: Session, metric: KeptMetric, *, last_row: int | None = None
) -> MeasurementDigest:
    """Digest the values of a metric, up to a row or all of them. Costs one query."""
    columns = [
        column for column in MeasurementRow.__table__.columns if column.name not in {"id", "metric_id"}
    ]
    query = select(MeasurementRow.id, *columns).where(MeasurementRow.metric_id == metric.id)
    if last_row is not None:
        query = query.where(MeasurementRow.id <= last_row)
    found = hashlib.sha256(f"rater measurements 1\n{write_definition(metric.definition)}\n".encode())
    n = last = 0
    for row in session.execute(query.order_by(MeasurementRow.id).execution_options(yield_per=1_000)):
        n, last = n + 1, row[0]
        line = json.dumps(
            list(row[1:]), separators=(",", ":"), ensure_ascii=False, default=datetime.isoformat
        )
        found.update(line.encode() + b"\n")
    return MeasurementDigest(n, last, found.hexdigest())


def log_measurements(session: Session, study_id: int, metric: KeptMetric, *, now: datetime) -> None:
    """Log a run of a metric with the digest of its values. Must run in a `writing` transaction."""
    digest = asdict(digest_measurements(session, metric))
    append_event(
        session, SealedEventRow, study_id, kind=EventKind.MEASURED, at=now, metric=metric.name, **digest
    )


def delete_measurements(session: Session, study_id: int, *, now: datetime) -> None:
    """Delete a study's metrics with their values, before its completions are; the log names them."""
    metrics = read_metrics(session, study_id)
    if not metrics:
        return
    ids = [metric.id for metric in metrics]
    session.execute(delete(MeasurementRow).where(MeasurementRow.metric_id.in_(ids)))
    session.execute(delete(MetricRow).where(MetricRow.id.in_(ids)))
    names = [metric.name for metric in metrics]
    append_event(session, SealedEventRow, study_id, kind=EventKind.MEASURED, at=now, **{DELETED: names})


@dataclass(frozen=True)
class LoggedMetric:
    """The log's last entries on a metric: its definition, and the digest of its values."""

    definition: str
    """SHA-256 of the definition, in hexadecimal."""
    digest: MeasurementDigest | None
    """None where no run has ended."""


def read_logged_metrics(session: Session, study_id: int) -> dict[str, LoggedMetric]:
    """Read from the sealed log which metrics there should be, by name. Costs one query."""
    logged: dict[str, LoggedMetric] = {}
    for event in read_events(session, SealedEventRow, study_id):
        if event.kind != EventKind.MEASURED:
            continue
        detail: dict[str, Any] = event.detail
        for name in detail.get(DELETED, ()):
            logged.pop(name, None)
        if "definition" in detail:
            logged[detail["metric"]] = LoggedMetric(detail["definition"], None)
        elif "sha256" in detail:
            digest = MeasurementDigest(detail["n"], detail["last_row"], detail["sha256"])
            logged[detail["metric"]] = LoggedMetric(logged[detail["metric"]].definition, digest)
    return logged
