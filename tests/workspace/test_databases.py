import getpass
import os
from pathlib import Path

import pytest

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
