import stat
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError as SqlDatabaseError

from rater.errors import DatabaseError
from rater.store.engine import reading
from rater.store.rating.open import create_rating, open_rating


def test_a_missing_rating_database_says_what_makes_one_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError) as caught:
        open_rating(f"sqlite:///{tmp_path}/rating.db")

    assert str(caught.value) == (
        f"There is no rating database {tmp_path}/rating.db yet. Publish a study first. "
        "Run: rater publish STUDY"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_malformed_url_is_refused_before_anything_is_made() -> None:
    with pytest.raises(DatabaseError, match=r"'rating\.db' is not a valid database URL"):
        open_rating("rating.db")


def test_a_new_rating_database_is_its_owners_alone_and_one_that_is_there_keeps_its_mode(
    tmp_path: Path,
) -> None:
    path = tmp_path / "data" / "rating.db"
    engine = create_rating(f"sqlite:///{path}")
    with reading(engine) as session:
        session.execute(text("SELECT 1"))
        made = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    engine.dispose()
    path.chmod(0o660)
    create_rating(f"sqlite:///{path}").dispose()

    assert made["rating.db"] == 0o600
    assert set(made.values()) == {0o600}
    assert stat.S_IMODE(path.stat().st_mode) == 0o660  # as somebody opened it to another user's web process


def test_who_serves_raters_can_attach_no_other_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/data/rating.db"
    create_rating(url).dispose()
    engine = open_rating(url)

    with pytest.raises(SqlDatabaseError, match="not authorized"), reading(engine) as session:
        session.execute(text(f"ATTACH '{tmp_path}/sealed.db' AS sealed"))

    engine.dispose()
    assert not (tmp_path / "sealed.db").exists()
