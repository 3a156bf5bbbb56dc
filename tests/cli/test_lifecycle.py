from pathlib import Path

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
