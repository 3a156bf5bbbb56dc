"""Test the rows of an archive (`rater.admin.archive`) on both kinds of database."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, func, select

from rater.admin.archive import continue_numbering, insert_rows, rating_rows, read_rows
from rater.store.engine import disposing, reading, writing
from rater.store.rating.digests import digest_collected, digest_published
from rater.store.rating.open import create_rating
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import Answer
from rater.store.rating.sessions import find_rater_session
from rater.store.rating.studies import PublishedStudy
from rater.store.rating.trials import Judgement, Submission, record_answers
from rater.study.visit import Channel


def answer(engine: Engine, study: PublishedStudy, token: str, now: datetime) -> None:
    with writing(engine) as session:
        arrival = Arrival(Channel.WEB)
        claim_booklet(session, study.id, token, arrival=arrival, protocol=study.protocol, now=now)
        rater_session = find_rater_session(session, study.id, token)
        assert rater_session is not None
        sent = Submission(token, 1, {"happiness": Judgement(3, "Ä\n“")})
        record_answers(session, study.id, rater_session, sent, revising="all", now=now)


def test_inserted_rows_equal_the_rows_read_and_new_rows_get_free_numbers(
    rating: Engine,
    publish: Callable[..., PublishedStudy],
    new_url: Callable[[str], str],
    now: datetime,
) -> None:
    study, other = publish(rating), publish(rating)
    answer(rating, other, "other", now)
    answer(rating, study, "first", now)

    with reading(rating) as session:
        own = rating_rows(study.id, with_identifiers=True)
        read = {name: list(read_rows(session, *owned)) for name, owned in own.items()}
        before = digest_published(session, study.id), digest_collected(session, study.id)
    with disposing(create_rating(new_url("rating"))) as fresh:
        with writing(fresh) as session:
            for name, owned in own.items():
                insert_rows(session, owned.table, read[name])
                continue_numbering(session, owned.table)
        with reading(fresh) as session:
            after = digest_published(session, study.id), digest_collected(session, study.id)
        answer(fresh, study, "second", now)
        with reading(fresh) as session:
            n_answers = session.scalar(select(func.count()).select_from(Answer))

    assert after == before
    assert n_answers == 2
