"""Give the tests of monitoring a study whose raters are everywhere in it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from rater.store.engine import writing
from rater.store.rating.schema import (
    Answer,
    AttentionCheckRow,
    Booklet,
    Comment,
    Guess,
    Item,
    Rater,
    Tally,
)
from rater.store.rating.studies import PublishedStudy
from rater.study.visit import Channel

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)  # when the study was published, and opened


@pytest.fixture
def watched(rating: Engine, publish: Callable[..., PublishedStudy]) -> PublishedStudy:
    """A study of four texts, the last an attention check; one rater finished, one left, one is to come."""
    study = publish(rating, n_booklets=3, n_trials=4)
    with writing(rating) as session:
        check = session.scalars(select(Item).where(Item.study_id == study.id, Item.text == " text 4")).one()
        check.is_check = True
        session.add(AttentionCheckRow(item_id=check.id, dimension="happiness", lowest=4.0, highest=5.0))
        session.add(Tally(study_id=study.id, kind="declined", n=2))
        booklets = session.scalars(select(Booklet).where(Booklet.study_id == study.id)).all()
        for letter, booklet, n_answered in zip("ab", booklets, (4, 1), strict=False):
            rater = Rater(
                id=letter * 32,
                study_id=study.id,
                booklet_id=booklet.id,
                channel=Channel.WEB,
                consented_at=NOW,
                finished_at=NOW + timedelta(minutes=9) if letter == "a" else None,
            )
            session.add(rater)
            session.flush()
            session.add(Comment(rater_id=rater.id, text=f"from {letter}"))
            session.add(Guess(rater_id=rater.id, position=0, choice="first", guessed_at=NOW))
            session.add_all(_answer(rater, position, revision=1) for position in range(1, n_answered + 1))
        session.add(_answer(rater, 1, revision=2))
    return study


def _answer(rater: Rater, position: int, *, revision: int) -> Answer:
    return Answer(
        rater_id=rater.id,
        booklet_id=rater.booklet_id,
        position=position,
        dimension="happiness",
        revision=revision,
        value=float(position),
        submission_id=f"{revision:08d}{position:08d}",
        shown_ms=1_000 * position,
        hidden_ms=500,
        answered_at=NOW + timedelta(minutes=position),
    )
