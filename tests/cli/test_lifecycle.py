from pathlib import Path

import pytest

from rater.cli.lifecycle import next_step
from rater.publish.publish import find_published
from rater.study.study import Study
from tests.cli.command import run

RATING = ("--ratings", "rating.db")


SEALED = ("--sealed", "sealed.db")


def test_a_held_study_is_opened_and_closed_by_hand(generated: Study, tmp_path: Path, rating_url: str) -> None:
    run("publish", generated.name, "--hold", *RATING, *SEALED, cwd=tmp_path)
    states = []
    for verb in ["open", "close"]:
        assert run(verb, generated.name, *RATING, cwd=tmp_path).returncode == 0
        published = find_published(rating_url, generated.name)
        states.append(published.state if published else None)

    again = run("close", generated.name, *RATING, cwd=tmp_path)

    assert states == ["open", "closed"]
    assert again.returncode == 2
    assert "Study 'marked_study' is closed" in again.stderr


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
