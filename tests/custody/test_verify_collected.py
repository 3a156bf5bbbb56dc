"""Alter what raters gave besides answers, and what checks accept, and see it said."""

import pytest

from rater.custody.verify import verify_study
from rater.publish.lifecycle import close_study, open_study, pause_study
from rater.study.study import Study
from tests.custody.conftest import NOW, change


def altered(rating_url: str, sealed_url: str, study: Study) -> set[str]:
    checks = verify_study(rating_url, study.name, sealed_url=sealed_url)
    return {check.name for check in checks if check.outcome == "altered"}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE guess SET choice = 'second' WHERE position = 1", {"guesses"}),
        ("DELETE FROM guess WHERE position = 5", {"guesses"}),
        ("UPDATE answer SET comment = 'better' WHERE id = 1", {"answers"}),
        ("UPDATE answer SET hidden_ms = 5 WHERE id = 1", {"answers"}),
        ("UPDATE rater SET replaced_at = consented_at", {"raters"}),
        ("UPDATE rater SET left_at = consented_at, left_why = 'stopped'", {"raters"}),
        ("INSERT INTO attention_check SELECT id, 'happiness', 1, 2 FROM item WHERE rowid = 1", {"checks"}),
        ("UPDATE study SET state = 'paused'", {"state"}),
    ],
)
def test_what_was_altered_is_named(
    closed: Study, rating_url: str, sealed_url: str, statement: str, expected: set[str]
) -> None:
    assert altered(rating_url, sealed_url, closed) == set()

    change(rating_url, statement)

    assert altered(rating_url, sealed_url, closed) == expected


def test_a_study_that_was_paused_and_opened_again_is_intact(
    rated: Study, rating_url: str, sealed_url: str
) -> None:
    pause_study(rating_url, rated.name, now=NOW)
    assert altered(rating_url, sealed_url, rated) == set()

    open_study(rating_url, rated.name, now=NOW)
    pause_study(rating_url, rated.name, now=NOW)
    close_study(rating_url, rated.name, now=NOW)

    assert altered(rating_url, sealed_url, rated) == set()
