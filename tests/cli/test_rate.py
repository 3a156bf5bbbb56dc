from pathlib import Path

from rater.study.study import Study
from tests.cli.command import run

RATING = ("--ratings", "rating.db")


def test_a_closed_study_cannot_be_rated(opened: Study, tmp_path: Path) -> None:
    run("close", opened.name, *RATING, cwd=tmp_path)

    shown = run("rate", opened.name, *RATING, cwd=tmp_path, stdin="y\n")

    assert shown.returncode == 2
    assert "Study 'marked_study' is closed" in shown.stderr
