"""Hold verification to measurements that came after publication, and to changed ones."""

import pytest

from rater.measure.run import measure_study
from rater.measure.text_metrics import count_of
from rater.study.study import Study
from rater.verify import verify_study
from rater.verify.checks import CheckOutcome
from tests.unblind.conftest import change


@pytest.fixture
def measured(study_in_progress: Study, sealed_url: str) -> Study:
    """A published study with one metric that was measured in two runs."""
    for limit in (5, None):
        measure_study(sealed_url, study_in_progress.name, count_of(["fell"]), name="fell", limit=limit)
    return study_in_progress


def outcomes(study: Study, sealed_url: str, rating_url: str) -> dict[str, tuple[CheckOutcome, str]]:
    checks = verify_study(rating_url, study.name, sealed_url=sealed_url)
    return {check.name: (check.outcome, check.description) for check in checks}


def test_measuring_after_publication_is_accepted_and_reported(
    measured: Study, sealed_url: str, rating_url: str
) -> None:
    found = outcomes(measured, sealed_url, rating_url)

    assert {outcome for outcome, _ in found.values()} <= {CheckOutcome.VALID, CheckOutcome.NOT_CHECKED}
    assert "24 values of 1 metric of the texts (fell)" in found["measurements"][1]


def test_a_study_without_metrics_has_no_check_of_them(
    study_in_progress: Study, sealed_url: str, rating_url: str
) -> None:
    assert "measurements" not in outcomes(study_in_progress, sealed_url, rating_url)


def test_values_of_a_run_that_was_stopped_are_counted_apart(
    measured: Study, sealed_url: str, rating_url: str
) -> None:
    change(
        sealed_url,
        "INSERT INTO measurement SELECT 99, metric_id, completion_id, second_completion_id, 1, shown_hash, "
        "value, reason, reply, created_at FROM measurement WHERE id = 1",
    )

    outcome, description = outcomes(measured, sealed_url, rating_url)["measurements"]

    assert outcome is CheckOutcome.VALID
    assert "1 more are from a run that was stopped" in description


@pytest.mark.parametrize(
    ("statement", "phrase"),
    [
        ("UPDATE measurement SET value = 5 WHERE id = 3", "do not have the logged digest"),
        ("DELETE FROM measurement WHERE id = 3", "do not have the logged digest"),
        ("UPDATE metric SET definition = '{}'", "is not the logged one"),
        ("UPDATE metric SET name = 'better'", "'better' is not in the log"),
    ],
)
def test_changed_measurements_are_found(
    measured: Study, sealed_url: str, rating_url: str, statement: str, phrase: str
) -> None:
    change(sealed_url, statement)

    outcome, description = outcomes(measured, sealed_url, rating_url)["measurements"]

    assert outcome is CheckOutcome.TAMPERED
    assert phrase in description
