"""A rehearsal's report says on every page and figure that nothing in it is real."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from rater.cli import cli
from rater.errors import RaterError
from rater.study.study import Study

LABEL = "Rehearsal: synthetic answers under a synthetic key, not a result"


@pytest.mark.slow
def test_a_rehearsals_report_is_marked_and_leaves_the_studys_databases_alone(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, tmp_path: Path
) -> None:
    seal_completions(study)
    sealed = tmp_path / "sealed.db"
    before, files = hashlib.sha256(sealed.read_bytes()).hexdigest(), set(tmp_path.iterdir())
    folder = tmp_path / "report"

    options = ["--raters", "4", "--effect", "2", "--report", str(folder), "--sealed", sealed_url]

    result = CliRunner().invoke(cli, ["rehearse", study.name, *options])

    assert result.exit_code == 0, result.output
    assert hashlib.sha256(sealed.read_bytes()).hexdigest() == before
    assert set(tmp_path.iterdir()) - files == {folder}
    for name in ("report.html", "report.md", "methods.md"):
        assert LABEL in (folder / name).read_text()
    figures = list((folder / "figures").glob("*.svg"))
    assert figures
    assert all(LABEL.upper() in figure.read_text() for figure in figures)
    assert json.loads((folder / "results.json").read_text())["about"]["label"] == LABEL
    assert "rater verify" not in (folder / "report.md").read_text()
    assert "This is a rehearsal." in (folder / "report.md").read_text()


def test_a_folder_that_holds_anything_else_is_refused_before_a_bot_comes(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear …")

    result = CliRunner().invoke(cli, ["rehearse", "a_study", "--report", str(tmp_path)])

    assert isinstance(result.exception, RaterError)
    assert "contains letter.txt, which is not part of a report" in str(result.exception)


def test_more_characters_than_bots_are_refused() -> None:
    wanted = [option for each in ("lazy", "slow", "random") for option in ("--with", each)]

    result = CliRunner().invoke(cli, ["rehearse", "a_study", "--raters", "2", *wanted])

    assert result.exit_code == 2
    assert "--with is given 3 times, but there are only 2 bots." in result.output
