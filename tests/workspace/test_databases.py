import getpass
import os
from pathlib import Path

import pytest

from rater.errors import DatabaseError, StateError
from rater.study.state import State
from rater.workspace import Workspace
from rater.workspace.databases import as_url, current_user, databases_in


def test_a_path_is_an_sqlite_file_and_a_url_stays_as_it_is() -> None:
    assert as_url(Path("data/rating.db")) == "sqlite:///data/rating.db"
    assert as_url("postgresql+psycopg://host/rater") == "postgresql+psycopg://host/rater"


def test_a_folder_has_a_sealed_and_a_rating_database() -> None:
    found = databases_in("data")

    assert found.sealed_url == "sqlite:///data/sealed.db"
    assert found.rating_url == "sqlite:///data/rating.db"


def test_a_user_without_a_login_name_is_named_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", nobody)

    assert current_user() == f"uid {os.getuid()}"


def test_a_folder_has_two_files(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.rating_url == f"sqlite:///{tmp_path}/rating.db"
    assert workspace.sealed_url == f"sqlite:///{tmp_path}/sealed.db"


def test_a_password_in_a_url_is_not_shown() -> None:
    shown = repr(Workspace(rating="postgresql://ada:secret@localhost/rating"))
    assert "secret" not in shown
    assert "ada" in shown


def test_a_published_study_is_found_by_its_name(workspace: Workspace, published: str) -> None:
    assert workspace.get_published(published).state is State.OPEN
    assert workspace.find_published("other") is None
    with pytest.raises(StateError, match="other"):
        workspace.get_published("other")


def test_a_database_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"rating\.db"):
        Workspace(tmp_path / "none").get_published("a_study")


def test_the_log_has_a_new_head_after_each_event(workspace: Workspace, published: str) -> None:
    before = workspace.read_log_head(published)
    assert workspace.pause(published) == workspace.read_log_head(published) != before
