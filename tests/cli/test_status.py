"""The next command for a study is one that its state allows."""

import pytest

from rater.cli.status import next_step


@pytest.mark.parametrize(
    ("state", "n_finished", "n_answers", "step"),
    [
        ("partly generated", 0, 0, "rater generate FILE"),
        ("generated", 0, 0, "rater publish a"),
        ("published in another database", 0, 0, "rater status a --ratings URL"),
        ("published", 0, 0, "rater open a"),
        ("open", 0, 4, "rater serve"),
        ("open", 5, 40, "rater close a, once enough raters have finished"),
        ("open", 6, 48, "rater close a"),
        ("paused", 6, 48, "rater open a"),
        ("closed", 0, 0, "rater open a"),
        ("closed", 0, 3, "rater analyze a"),
        ("unblinded", 6, 48, "rater archive a FILE.zip"),
        ("archived", 6, 48, "rater verify a"),
    ],
)
def test_each_state_leads_to_the_next_command(state: str, n_finished: int, n_answers: int, step: str) -> None:
    assert next_step("a", state, n_finished=n_finished, n_planned=6, n_answers=n_answers) == step
