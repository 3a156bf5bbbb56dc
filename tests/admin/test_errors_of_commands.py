from pathlib import Path

import pytest

from rater.errors import RaterError
from rater.study.study import Study
from tests.admin.conftest import Run, study_file


def test_a_users_mistakes_are_said(published: Study, run: Run, tmp_path: Path) -> None:
    other = study_file(tmp_path, published, name="another")

    mistakes: list[tuple[tuple[str | Path, ...], str]] = [
        (("amend", published.name, other, "--reason", "x", "--yes"), r"declares the study 'another', not"),
        (("register", "markd_study"), r"Did you mean 'marked_study'\?"),
        (("import", other), r"cannot be read as a zip"),
        (("db", "grant", "rater_web"), r"is a SQLite file, which has no roles"),
    ]
    for arguments, says in mistakes:
        with pytest.raises(RaterError, match=says):
            run(*arguments)
