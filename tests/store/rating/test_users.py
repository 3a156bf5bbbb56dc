from datetime import datetime

import pytest
from sqlalchemy import Engine

from rater.errors import StateError
from rater.store.engine import reading, writing
from rater.store.rating import users

PASSWORD = "correct horse battery"  # noqa: S105 (a test's)


@pytest.fixture
def with_ada(rating: Engine, now: datetime) -> Engine:
    with writing(rating) as session:
        users.add_user(session, "ada", PASSWORD, now=now)
    return rating


def test_a_password_is_known_again_and_no_other_is(with_ada: Engine) -> None:
    with reading(with_ada) as session:
        ada, nobody = (users.read_password_hash(session, name) for name in ("ada", "nobody"))

    assert users.is_password(ada, PASSWORD)
    assert not users.is_password(ada, PASSWORD + " ")
    assert not users.is_password(nobody, PASSWORD)
    assert nobody.split("$")[:4] == ada.split("$")[:4]  # so that both take as long


def test_an_unknown_name_costs_no_further_hash(with_ada: Engine) -> None:
    """A hash takes as long as a check of a password, and would tell unknown names from known ones."""
    with reading(with_ada) as session:
        assert users.read_password_hash(session, "bob") == users.read_password_hash(session, "eve")


@pytest.mark.parametrize(
    ("name", "password", "said"),
    [
        ("ada", PASSWORD, r"There is a user 'ada' already\. Another password: rater user password ada"),
        ("bob", "too short", r"The password has 9 characters; valid: 10 to 1000"),
        ("a b", PASSWORD, "'a b' is not a valid user name"),
        ("", PASSWORD, "'' is not a valid user name"),
    ],
)
def test_what_cannot_be_added_is_told(
    with_ada: Engine, now: datetime, name: str, password: str, said: str
) -> None:
    with pytest.raises(StateError, match=said), writing(with_ada) as session:
        users.add_user(session, name, password, now=now)


def test_where_there_is_no_user_nobody_is_told_to_add_one_in_order_to_remove_them(rating: Engine) -> None:
    with (
        pytest.raises(StateError, match=r"^Unknown user 'bob'\. There is none yet\.$"),
        writing(rating) as session,
    ):
        users.remove_user(session, "bob")


def test_a_misspelt_name_is_told_with_the_nearest(with_ada: Engine) -> None:
    said = r"Unknown user 'adda'\. Did you mean 'ada'\?"

    with pytest.raises(StateError, match=said), writing(with_ada) as session:
        users.remove_user(session, "adda")


def test_sessions_that_are_over_are_cleared_away_when_somebody_logs_in(
    with_ada: Engine, now: datetime
) -> None:
    with writing(with_ada) as session:
        old = users.begin_session(session, "ada", now=now)
    with writing(with_ada) as session:
        users.begin_session(session, "ada", now=now + users.LASTS_FOR + users.IDLE_FOR)

    with reading(with_ada) as session:
        assert users.find_session(session, old, now=now) is None
