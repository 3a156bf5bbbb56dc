"""Verify the measurements of a study's texts against the sealed log.

They are not part of the publication, so they may come before or after it. The log has the definition of each
metric and, for each run, a digest of all of its values up to then.
"""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from rater.store.sealed.measurements import (
    KeptMetric,
    LoggedMetric,
    digest_definition,
    digest_measurements,
    read_logged_metrics,
    read_metrics,
)
from rater.verify.checks import Check, tampered, valid

NAME = "measurements"


def verify_measurements(sealed: Session, study_id: int) -> Iterator[Check]:
    """Compare each metric with the log; nothing is yielded where no metric was measured."""
    logged = read_logged_metrics(sealed, study_id)
    stored = {metric.name: metric for metric in read_metrics(sealed, study_id)}
    if not logged and not stored:
        return
    wrong = [f"metric {name!r} is not in the log" for name in stored if name not in logged]
    wrong += [f"metric {name!r} is in the log, and is missing" for name in logged if name not in stored]
    n_values, after = 0, 0
    for name in stored.keys() & logged.keys():
        n_logged, n_later, fault = _compare(sealed, stored[name], logged[name])
        n_values, after = n_values + n_logged, after + n_later
        wrong += [fault] if fault else []
    if wrong:
        yield tampered(NAME, f"Measurements of texts: {'; '.join(sorted(wrong))}.")
        return
    names = ", ".join(sorted(stored))
    counted = "1 metric" if len(stored) == 1 else f"{len(stored)} metrics"
    later = f"; {after} more are from a run that was stopped before it was logged" if after else ""
    yield valid(
        NAME,
        f"{n_values} values of {counted} of the texts ({names}) have the logged digests{later}. "
        "They are not part of the publication.",
    )


def _compare(sealed: Session, metric: KeptMetric, logged: LoggedMetric) -> tuple[int, int, str]:
    """Return the values that were logged, those stored later, and what is wrong."""
    if digest_definition(metric) != logged.definition:
        return 0, 0, f"the definition of {metric.name!r} is not the logged one"
    everything = digest_measurements(sealed, metric)
    if logged.digest is None:
        return 0, everything.n, ""
    until = digest_measurements(sealed, metric, last_row=logged.digest.last_row)
    if until != logged.digest:
        return 0, 0, f"the values of {metric.name!r} do not have the logged digest"
    return until.n, everything.n - until.n, ""
