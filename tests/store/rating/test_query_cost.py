"""The queries of every rating read the same number of pages however many raters and answers there are."""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event

from rater.store.engine import reading, writing
from rater.store.rating.sessions import find_rater_session, find_study_and_session
from rater.store.rating.studies import PublishedStudy
from rater.store.rating.trials import lock_turn
from tests.store.rating.answering import claim_in, send_submission, submission

Publish = Callable[..., PublishedStudy]
Query = Callable[[Engine, PublishedStudy], None]
N_RATERS, N_TRIALS = 150, 60


def lock(rating: Engine, study: PublishedStudy) -> None:
    with writing(rating) as session:
        assert lock_turn(session, study.slug, "token-0", 2) is not None


def enter(rating: Engine, study: PublishedStudy) -> None:
    with reading(rating) as session:
        assert find_study_and_session(session, study.slug, "token-0")[1] is not None


def find(rating: Engine, study: PublishedStudy) -> None:
    with reading(rating) as session:
        assert find_rater_session(session, study.id, "token-0") is not None


every_query = pytest.mark.parametrize("query", [lock, enter, find])


@contextlib.contextmanager
def counting_work(rating: Engine) -> Iterator[list[int]]:
    """Count the work of each SELECT: pages read by PostgreSQL, steps of SQLite's virtual machine."""
    work: list[int] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters)
            found = cursor.fetchone()[0]
            plan = json.loads(found) if isinstance(found, str) else found
            work.append(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])

    def count(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        driver: sqlite3.Connection = connection.connection.driver_connection
        if statement.startswith("SELECT"):
            work.append(0)
            driver.set_progress_handler(step, 1)

    def step() -> int:
        work[-1] += 1
        return 0

    listener = count if rating.dialect.name == "sqlite" else explain
    event.listen(rating, "before_cursor_execute", listener)
    yield work
    event.remove(rating, "before_cursor_execute", listener)
    if rating.dialect.name == "sqlite":
        rating.dispose()  # its connections call `step`


def work_of(query: Query, rating: Engine, study: PublishedStudy) -> int:
    with counting_work(rating) as work:
        query(rating, study)
    assert work
    return sum(work)


@every_query
def test_the_cost_does_not_grow_with_the_raters_of_a_study(
    rating: Engine, publish: Publish, now: datetime, query: Query
) -> None:
    study = publish(rating, n_booklets=N_RATERS)
    with writing(rating) as session:
        claim_in(session, study, "token-0", now)
    alone = work_of(query, rating, study)
    with writing(rating) as session:
        for number in range(1, N_RATERS):
            claim_in(session, study, f"token-{number}", now)

    assert work_of(query, rating, study) < 2 * alone


@every_query
def test_the_cost_does_not_grow_with_the_answers_of_a_rater(
    rating: Engine, publish: Publish, now: datetime, query: Query
) -> None:
    study = publish(rating, n_booklets=1, n_trials=N_TRIALS)
    with writing(rating) as session:
        claim_in(session, study, "token-0", now)
    send_submission(rating, study, "token-0", submission("sent-1", 1, 3), now)
    at_first = work_of(query, rating, study)
    for position in range(2, N_TRIALS):
        send_submission(rating, study, "token-0", submission(f"sent-{position}", position, 3), now)

    assert work_of(query, rating, study) < 2 * at_first
