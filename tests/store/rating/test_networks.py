import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select

from rater.errors import BusyNetworkError
from rater.store.engine import reading, writing
from rater.store.rating.networks import forget_old_networks, network_digest
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import Invitation, NetworkCount, Rater
from rater.store.rating.sessions import digest
from rater.store.rating.studies import PublishedStudy, move_study
from rater.study.state import State
from rater.study.visit import Channel

LAB = "1" * 32
HOME = "2" * 32
Begin = Callable[..., None]


@pytest.fixture
def study(publish: Callable[..., PublishedStudy], rating: Engine) -> PublishedStudy:
    return publish(rating, n_booklets=14)


@pytest.fixture
def begin(rating: Engine, study: PublishedStudy, now: datetime) -> Begin:
    """A function that assigns a booklet to a new rater of a network."""

    def claim(
        token: str, network: str | None = LAB, *, later: timedelta = timedelta(0), code: str | None = None
    ) -> None:
        arrival = Arrival(Channel.WEB, network=network, invitation=code)
        with writing(rating) as session:
            claim_booklet(session, study.id, token, arrival=arrival, protocol=study.protocol, now=now + later)

    return claim


def n_counted(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.coalesce(func.sum(NetworkCount.n), 0))) or 0


def test_a_network_begins_half_of_the_booklets_and_no_more(begin: Begin, rating: Engine) -> None:
    for number in range(7):
        begin(f"token {number}")

    with pytest.raises(BusyNetworkError):
        begin("one more")

    begin("from home", HOME)
    begin("a network that is not limited", None)
    assert n_counted(rating) == 8


def test_a_small_study_can_be_begun_by_five(
    publish: Callable[..., PublishedStudy], rating: Engine, now: datetime
) -> None:
    small = publish(rating, n_booklets=6)
    arrival = Arrival(Channel.WEB, network=LAB)
    with writing(rating) as session:
        for number in range(5):
            claim_booklet(
                session, small.id, f"token {number}", arrival=arrival, protocol=small.protocol, now=now
            )

        with pytest.raises(BusyNetworkError):
            claim_booklet(session, small.id, "sixth", arrival=arrival, protocol=small.protocol, now=now)


def test_a_rater_who_comes_back_is_counted_once(begin: Begin, rating: Engine) -> None:
    for _ in range(9):
        begin("the same token")

    assert n_counted(rating) == 1


def test_a_personal_link_is_not_limited(
    begin: Begin, rating: Engine, study: PublishedStudy, now: datetime
) -> None:
    with writing(rating) as session:
        session.add(Invitation(code_digest=digest("code"), study_id=study.id, label="1", made_at=now))
    for number in range(7):
        begin(f"token {number}")

    begin("invited", code="code")

    with pytest.raises(BusyNetworkError):
        begin("with an invented code", code="no code")


def test_a_refused_rater_leaves_nothing_behind(begin: Begin, rating: Engine) -> None:
    for number in range(7):
        begin(f"token {number}")
    with pytest.raises(BusyNetworkError):
        begin("one more")

    with reading(rating) as session:
        assert session.scalar(select(func.count()).select_from(Rater)) == 7
    assert n_counted(rating) == 7


def test_a_day_later_the_network_can_begin_again(begin: Begin) -> None:
    for number in range(7):
        begin(f"token {number}")
    with pytest.raises(BusyNetworkError):
        begin("after most of a day", later=timedelta(hours=23, minutes=59))

    begin("after a day", later=timedelta(hours=25))


def test_old_counts_are_deleted_and_others_are_not(begin: Begin, rating: Engine, now: datetime) -> None:
    begin("yesterday")
    begin("today", later=timedelta(hours=20))

    with writing(rating) as session:
        forget_old_networks(session, now=now + timedelta(hours=26))

    assert n_counted(rating) == 1


def test_closing_a_study_deletes_its_counts(
    begin: Begin, rating: Engine, study: PublishedStudy, now: datetime
) -> None:
    begin("token")

    with writing(rating) as session:
        move_study(session, study.name, State.CLOSED, at=now)

    assert n_counted(rating) == 0


def test_raters_who_begin_at_once_are_counted_each(begin: Begin, rating: Engine) -> None:
    refused = []

    def try_to(token: str) -> None:
        try:
            begin(token)
        except BusyNetworkError:
            refused.append(token)

    threads = [threading.Thread(target=try_to, args=(f"token {number}",)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 5
    assert n_counted(rating) == 7


def test_a_digest_is_of_one_network_and_one_study() -> None:
    digests = {
        network_digest(network, slug=slug) for network in ("192.0.2.7", "192.0.2.8") for slug in ("a", "b")
    }

    assert len(digests) == 4
    assert all(len(each) == 32 for each in digests)
    assert network_digest("192.0.2.7", slug="a") in digests
