"""Connect as the role that `rater db grant` sets up, and find that it can do what it must, and no more."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import URL, Engine, make_url, text
from sqlalchemy.exc import DBAPIError

from rater.admin.postgres_grants import GRANTS, grant_web_role
from rater.bots.behaviours import Random
from rater.bots.clients import Bot, BotVisit, take_part
from rater.errors import DatabaseError, StateError
from rater.server_process import serving
from rater.store.engine import disposing, open_engine, reading, writing
from rater.store.rating.counts import Turned, count_visitor
from rater.store.rating.open import create_rating, open_rating
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import RatingBase
from rater.store.rating.sessions import find_rater_session
from rater.store.rating.steps import (
    finish_instructions,
    finish_practice,
    leave,
    open_guesses,
    pass_screening,
    record_comment,
    record_guesses,
)
from rater.store.rating.studies import PublishedStudy, get_study, move_study, read_progress
from rater.store.rating.trials import Judgement, Submission, record_answers
from rater.store.sealed.open import create_sealed
from rater.study.state import State
from rater.study.visit import Channel, GuessChoice, LeavingReason
from tests.store.conftest import NOW

ROLE = "rater_web"
SECRET = "it's 5% of :one"  # noqa: S105 (of a server that is thrown away)
Publish = Callable[..., PublishedStudy]


@pytest.fixture(scope="module")
def owned(postgresql: URL) -> tuple[str, str]:
    """The URLs of a rating and a sealed database in PostgreSQL, as their owner."""
    with disposing(open_engine(postgresql.render_as_string(hide_password=False))) as server:
        autocommit = server.execution_options(isolation_level="AUTOCOMMIT")
        with autocommit.connect() as connection:
            connection.execute(text("CREATE DATABASE granted_rating"))
            connection.execute(text("CREATE DATABASE granted_sealed"))
    rating, sealed = (
        postgresql.set(database=name).render_as_string(hide_password=False)
        for name in ("granted_rating", "granted_sealed")
    )
    create_rating(rating).dispose()
    create_sealed(sealed).dispose()
    return rating, sealed


def as_role(url: str) -> str:
    parsed: URL = make_url(url).set(username=ROLE, password=SECRET)
    return parsed.render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def role(owned: tuple[str, str]) -> Iterator[Engine]:
    grant_web_role(*owned, ROLE, password=SECRET)
    with disposing(open_rating(as_role(owned[0]))) as engine:
        yield engine


def test_every_table_is_decided_on() -> None:
    assert set(GRANTS) == set(RatingBase.metadata.tables)


def test_as_the_role_a_study_is_opened_rated_to_the_end_and_closed(
    owned: tuple[str, str], role: Engine, publish: Publish
) -> None:
    with disposing(create_rating(owned[0])) as owner:
        study = publish(owner, state="published", n_trials=2)

    with writing(role) as session:
        move_study(session, study.name, State.OPEN, at=NOW, by="the desk")
        count_visitor(session, study.id, Turned.DECLINED)
        count_visitor(session, study.id, Turned.DECLINED)
    with writing(role) as session:
        arrival = Arrival(Channel.WEB)
        rater_id = claim_booklet(
            session, study.id, "token", arrival=arrival, protocol=study.protocol, now=NOW
        ).rater_id
        pass_screening(session, rater_id, now=NOW)
        finish_instructions(session, rater_id, now=NOW)
        finish_practice(session, rater_id, passed=True, attempts=2, now=NOW)
    for position in (1, 2):
        with writing(role) as session:
            rater_session = find_rater_session(session, study.id, "token")
            assert rater_session is not None
            sent = Submission(f"s{position}", position, {"happiness": Judgement(3)})
            record_answers(session, study.id, rater_session, sent, revising="all", now=NOW)
    with writing(role) as session:
        open_guesses(session, rater_id, now=NOW)
        record_guesses(session, rater_id, {1: GuessChoice.FIRST}, now=NOW)
        record_comment(session, rater_id, "Done.", now=NOW)
        leave(session, rater_id, why=LeavingReason.WITHDRAWN, now=NOW)
    with writing(role) as session:
        move_study(session, study.name, State.CLOSED, at=NOW)
    with reading(role) as session:
        assert get_study(session, study.name).state == "closed"


def test_served_as_the_role_a_study_is_rated_in_the_browser(
    owned: tuple[str, str], role: Engine, publish: Publish, tmp_path: Path
) -> None:
    with disposing(create_rating(owned[0])) as owner:
        study = publish(owner, n_trials=3)
    rng = np.random.default_rng(0)

    with serving(role.url.render_as_string(hide_password=False), tmp_path) as address:
        walked = take_part(Bot("random", Random(rng), study.protocol, rng), f"{address}/s/{study.slug}")

    assert walked == BotVisit(n_rated=3, has_finished=True)
    with reading(role) as session:
        assert read_progress(session, study.id).n_finished == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE answer SET value = 5",
        "DELETE FROM answer",
        "TRUNCATE answer",
        "UPDATE study SET protocol = '{}'",
        "UPDATE study SET commitment = 'x'",
        "UPDATE item SET text = 'x'",
        "INSERT INTO item SELECT * FROM item",
        "DELETE FROM rater",
        "UPDATE rater SET booklet_id = id",
        "UPDATE event SET detail = '{}'",
        "DELETE FROM event",
        "TRUNCATE event",
        "INSERT INTO amendment SELECT id, 2, '{}', 'x', published_at FROM study",
        "UPDATE identifier SET value = 'x'",
        "INSERT INTO desk_user SELECT * FROM desk_user",
        "UPDATE desk_user SET role = 'owner'",
        "UPDATE desk_grant SET role = 'owner'",
        "CREATE TABLE mine (id int)",
        "CREATE TEMP TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "DROP TABLE answer",
        "ALTER TABLE answer DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ],
)
def test_the_role_can_do_no_more_than_it_needs(role: Engine, statement: str) -> None:
    with pytest.raises(DBAPIError, match=r"permission denied|must be owner"), role.begin() as connection:
        connection.execute(text(statement))


def test_the_role_cannot_so_much_as_connect_to_the_sealed_database(
    owned: tuple[str, str], role: Engine
) -> None:
    with (
        pytest.raises(DBAPIError, match="permission denied for database"),
        disposing(open_engine(as_role(owned[1]))) as sealed,
    ):
        sealed.connect()


def test_granting_again_takes_back_what_was_given_meanwhile(owned: tuple[str, str], role: Engine) -> None:
    with disposing(open_engine(owned[0])) as owner, owner.begin() as connection:
        connection.execute(text(f"GRANT ALL ON answer TO {ROLE}"))

    again = grant_web_role(*owned, ROLE, password=None)

    assert not again.was_made
    with pytest.raises(DBAPIError, match="permission denied"), role.begin() as connection:
        connection.execute(text("TRUNCATE answer"))


def test_what_has_no_roles_a_name_that_is_no_name_and_a_mighty_role_are_refused(
    owned: tuple[str, str],
) -> None:
    with pytest.raises(DatabaseError, match="is a SQLite file, which has no roles"):
        grant_web_role("sqlite:///x.db", owned[1], ROLE, password=None)
    with pytest.raises(StateError, match="is not a plain name"):
        grant_web_role(*owned, 'x"; DROP TABLE answer', password=None)
    with pytest.raises(StateError, match="is a superuser"):
        grant_web_role(*owned, "postgres", password=None)


@pytest.mark.parametrize(
    ("give", "take_back"),
    [
        ("GRANT pg_write_all_data TO mighty", "REVOKE pg_write_all_data FROM mighty"),
        ("ALTER TABLE tally OWNER TO mighty", "ALTER TABLE tally OWNER TO CURRENT_USER"),
    ],
)
def test_a_role_that_is_a_member_of_another_or_owns_a_table_is_refused(
    owned: tuple[str, str], give: str, take_back: str
) -> None:
    with disposing(open_engine(owned[0])) as owner:
        with owner.begin() as connection:
            connection.execute(text("CREATE ROLE mighty LOGIN"))
            connection.execute(text(give))
        with pytest.raises(StateError, match="owns something here, or is a member"):
            grant_web_role(*owned, "mighty", password=None)
        with owner.begin() as connection:
            connection.execute(text(take_back))
            connection.execute(text("DROP ROLE mighty"))
