"""Hold stored values of metrics to their digest and their log."""

from datetime import datetime

import pytest
from sqlalchemy import Engine, update

from rater.store.engine import reading, writing
from rater.store.sealed.measurements import (
    KeptMetric,
    MeasuredTexts,
    NewMeasurement,
    delete_measurements,
    digest_measurements,
    hash_shown,
    insert_measurements,
    insert_metric,
    log_measurements,
    read_logged_metrics,
    read_measured,
    read_measurements,
    read_metrics,
)
from rater.store.sealed.schema import MeasurementRow
from rater.store.sealed.studies import SealedStudy, Secrets


@pytest.fixture
def metric(sealed: Engine, study: SealedStudy, published: Secrets, now: datetime) -> KeptMetric:
    with writing(sealed) as session:
        kept = insert_metric(
            session,
            study.id,
            "judge",
            kind="judge",
            dimension="happiness",
            definition={"question": "How happy?"},
            order_seed="5eed",
            now=now,
        )
        made = [
            NewMeasurement(MeasuredTexts(1, 1, 0, "h"), 4.0, reply="4"),
            NewMeasurement(MeasuredTexts(1, 1, 1, "h"), None, "no answer", reply=""),
        ]
        insert_measurements(session, kept.id, made, now=now)
        log_measurements(session, study.id, kept, now=now)
    return kept


def test_a_value_is_stored_once_with_its_reply(sealed: Engine, metric: KeptMetric, now: datetime) -> None:
    with writing(sealed) as session:
        again = NewMeasurement(MeasuredTexts(1, 1, 0, "h"), 1.0)
        insert_measurements(session, metric.id, [again], now=now)

    with reading(sealed) as session:
        found = read_measurements(session, metric.id)
        assert read_metrics(session, 1) == [metric]
        assert read_measured(session, metric.id) == {each.texts for each in found}
    assert [(each.value, each.reason, each.reply) for each in found] == [
        (4.0, "", "4"),
        (None, "no answer", ""),
    ]


def test_the_log_has_the_digest_of_a_run(sealed: Engine, metric: KeptMetric, now: datetime) -> None:
    with writing(sealed) as session:
        later = NewMeasurement(MeasuredTexts(1, 1, 2, "h"), 5.0)
        insert_measurements(session, metric.id, [later], now=now)

    with reading(sealed) as session:
        logged = read_logged_metrics(session, 1)["judge"].digest
        assert logged is not None
        assert digest_measurements(session, metric, last_row=logged.last_row) == logged
        assert digest_measurements(session, metric).n == 3


@pytest.mark.parametrize("change", [{"value": 5.0}, {"reason": "x"}, {"reply": "5"}, {"shown_hash": "i"}])
def test_a_changed_value_changes_the_digest(
    sealed: Engine, metric: KeptMetric, change: dict[str, object]
) -> None:
    with reading(sealed) as session:
        before = digest_measurements(session, metric)

    with writing(sealed) as session:
        session.execute(update(MeasurementRow).where(MeasurementRow.id == 1).values(**change))

    with reading(sealed) as session:
        assert digest_measurements(session, metric).sha256 != before.sha256


def test_deleted_values_leave_a_line_in_the_log(sealed: Engine, metric: KeptMetric, now: datetime) -> None:
    with writing(sealed) as session:
        delete_measurements(session, 1, now=now)

    with reading(sealed) as session:
        assert read_metrics(session, 1) == []
        assert read_measurements(session, metric.id) == []
        assert read_logged_metrics(session, 1) == {}


@pytest.mark.parametrize("other", [{"prompt": "q"}, {"text": "u"}, {"fields": {"a": "b"}}])
def test_whatever_a_metric_is_given_is_part_of_the_hash(other: dict[str, object]) -> None:
    shown: dict[str, object] = {"prompt": "p", "text": "t", "fields": {}}

    assert hash_shown([shown]) != hash_shown([{**shown, **other}])
