from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, select, text
from sqlalchemy.exc import DBAPIError

from rater.errors import StateError
from rater.store.engine import empty_wal, reading, sqlite_path, writing
from rater.store.log import append_event
from rater.store.rating import forget
from rater.store.rating.digests import digest_published
from rater.store.rating.publication import get_unparsed_study
from rater.store.rating.schema import (
    Answer,
    Booklet,
    Comment,
    EventRow,
    Guess,
    Identifier,
    Invitation,
    QuestionnaireAnswer,
    Rater,
    RatingBase,
    ShownEnding,
    Token,
)
from rater.store.rating.studies import PublishedStudy, get_study, move_study
from rater.study.state import State
from rater.study.visit import Channel
from rater.verify.rating import verify_rating

ADA, BOB = "ada0" * 8, "b0b0" * 8
MARK = "Frances Q. Nobody"


@pytest.fixture
def study(rating: Engine, publish: Callable[..., PublishedStudy], now: datetime) -> PublishedStudy:
    """An open study that two raters took part in, with all that can be known of them."""
    found = publish(rating, state="published")
    with writing(rating) as session:
        digests = vars(digest_published(session, found.id))
        append_event(
            session,
            EventRow,
            found.id,
            kind=State.PUBLISHED,
            at=now,
            digests=digests,
            commitment=found.commitment,
            study_hash=found.study_hash,
        )
        move_study(session, found.name, State.OPEN, at=now)
        booklets = session.scalars(select(Booklet).where(Booklet.study_id == found.id)).all()
        for rater_id, booklet in zip((ADA, BOB), booklets, strict=False):
            session.add(
                Rater(
                    id=rater_id,
                    study_id=found.id,
                    booklet_id=booklet.id,
                    channel=Channel.WEB,
                    consented_at=now,
                    guessed_at=now,
                )
            )
            session.flush()
            session.add_all(
                [
                    Token(digest=rater_id, rater_id=rater_id),
                    Identifier(
                        rater_id=rater_id,
                        name="PROLIFIC_PID",
                        study_id=found.id,
                        value=f"{MARK} {rater_id[:3]}",
                        is_person=True,
                    ),
                    Comment(rater_id=rater_id, text=f"I am {MARK}"),
                    QuestionnaireAnswer(rater_id=rater_id, question="job", value=f'"{MARK}"'),
                    Guess(rater_id=rater_id, position=0, choice="unsure", guessed_at=now),
                    Invitation(
                        code_digest=f"{found.name}-{rater_id}",
                        study_id=found.id,
                        label=MARK,
                        rater_id=rater_id,
                        made_at=now,
                    ),
                ]
            )
            session.add_all(_answers(rater_id, booklet.id, now))
            session.add(ShownEnding(rater_id=rater_id, outcome="finished", code="DONE", shown_at=now))
    return found


def _answers(
    rater_id: str, booklet_id: str, now: datetime, positions: tuple[int, ...] = (1, 2)
) -> list[Answer]:
    return [
        Answer(
            rater_id=rater_id,
            booklet_id=booklet_id,
            position=position,
            dimension="happiness",
            revision=1,
            value=3.0,
            comment=MARK,
            submission_id=f"{position:016d}",
            answered_at=now + timedelta(minutes=position),
        )
        for position in positions
    ]


def _forget(rating: Engine, study: PublishedStudy, who: str, now: datetime, *, all_of_it: bool) -> str:
    with reading(rating) as session:
        known = forget.find_known(session, study.id, who)
    with writing(rating) as session:
        do = forget.redact if all_of_it else forget.forget_identifiers
        return do(session, study.id, known, by="ada", now=now)


def _ids(rating: Engine, table: type) -> set[str]:
    with reading(rating) as session:
        return set(session.scalars(select(table.rater_id)))  # type: ignore[attr-defined] # each has one


def _verified(rating: Engine, study: PublishedStudy) -> dict[str, str]:
    with reading(rating) as session:
        checks = list(verify_rating(session, get_unparsed_study(session, study.name), head=None))
    return {check.name: check.outcome for check in checks}


def _close(rating: Engine, study: PublishedStudy, now: datetime) -> None:
    with writing(rating) as session:
        move_study(session, study.name, State.CLOSED, at=now)


def test_every_table_with_rows_of_a_rater_is_emptied_of_them() -> None:
    of_raters = {
        mapper.class_
        for mapper in RatingBase.registry.mappers
        if "rater_id" in mapper.columns and mapper.class_ is not Invitation  # whose row is the study's
    }

    assert set(forget.OF_A_RATER) == of_raters


def test_identifiers_are_forgotten_and_answers_stay(
    rating: Engine, study: PublishedStudy, now: datetime
) -> None:
    _forget(rating, study, f"{MARK} ada", now, all_of_it=False)

    assert _ids(rating, Identifier) == {BOB}
    assert _ids(rating, QuestionnaireAnswer) == {BOB}
    assert _ids(rating, Answer) == {ADA, BOB}
    with reading(rating) as session:
        assert sorted(session.scalars(select(Invitation.label))) == ["", MARK]
        logged = session.scalars(select(EventRow.detail).where(EventRow.kind == "forgotten")).one()
    assert ADA in logged
    assert MARK not in logged


def test_all_that_a_rater_gave_is_deleted_and_their_booklet_is_free(
    rating: Engine, study: PublishedStudy, now: datetime
) -> None:
    _forget(rating, study, ADA[:6].upper(), now, all_of_it=True)

    for table in forget.OF_A_RATER:
        assert _ids(rating, table) == {BOB}, table
    with reading(rating) as session:
        assert list(session.scalars(select(Rater.id))) == [BOB]


@pytest.mark.parametrize("is_reopened", [False, True])
def test_a_redaction_after_the_closing_is_accepted_and_told(
    rating: Engine, study: PublishedStudy, now: datetime, *, is_reopened: bool
) -> None:
    _close(rating, study, now)
    if is_reopened:
        with writing(rating) as session:
            move_study(session, study.name, State.OPEN, at=now)

    _forget(rating, study, ADA, now, all_of_it=True)

    found = _verified(rating, study)
    assert "tampered" not in found.values()
    assert (found["redactions"], found["answers"]) == ("valid", "valid")


def test_a_redaction_between_closings_leaves_each_of_them_verifiable(
    rating: Engine, study: PublishedStudy, now: datetime
) -> None:
    _close(rating, study, now)
    with writing(rating) as session:
        move_study(session, study.name, State.OPEN, at=now)
        held = session.get_one(Rater, BOB)
        held.finished_at = now
        session.add_all(_answers(BOB, held.booklet_id, now, positions=(3,)))
    _forget(rating, study, BOB, now, all_of_it=True)
    _close(rating, study, now)

    assert "tampered" not in _verified(rating, study).values()


def test_a_redaction_before_the_closing_needs_no_mention(
    rating: Engine, study: PublishedStudy, now: datetime
) -> None:
    _forget(rating, study, ADA, now, all_of_it=True)
    _close(rating, study, now)

    found = _verified(rating, study)
    assert "tampered" not in found.values()
    assert "redactions" not in found


def test_a_redaction_does_not_hide_that_somebody_elses_answer_was_changed(
    rating: Engine, study: PublishedStudy, now: datetime
) -> None:
    _close(rating, study, now)
    _forget(rating, study, ADA, now, all_of_it=True)
    with writing(rating) as session:
        if rating.dialect.name == "sqlite":
            session.execute(text("DROP TRIGGER answer_refuses_update"))
        else:
            session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("UPDATE answer SET value = 5 WHERE position = 1"))

    assert _verified(rating, study)["answers"] == "tampered"


@pytest.mark.parametrize("table", [Answer, Guess])
def test_nothing_is_deleted_of_whom_the_log_does_not_say_so_first(
    rating: Engine, study: PublishedStudy, now: datetime, table: type
) -> None:
    _forget(rating, study, ADA, now, all_of_it=True)

    with pytest.raises(DBAPIError, match="append-only"), writing(rating) as session:
        session.execute(delete(table).where(table.rater_id == BOB))  # type: ignore[attr-defined] # as above


@pytest.mark.parametrize("table", ["answer", "guess", "event", "amendment"])
def test_no_statement_empties_a_table_past_its_triggers(
    rating: Engine, study: PublishedStudy, table: str
) -> None:
    verb = "DELETE FROM" if rating.dialect.name == "sqlite" else "TRUNCATE"
    emptying = f"{verb} {table}"
    with writing(rating) as session:
        session.execute(
            text("INSERT INTO amendment VALUES (:study, 2, '{}', 'why', :now)"),
            {"study": study.id, "now": "2026-01-02 00:00:00"},
        )

    with pytest.raises(DBAPIError, match="append-only"), writing(rating) as session:
        session.execute(text(emptying))


@pytest.mark.parametrize("who", ["somebody else", "ada0", "", "%"])
def test_who_is_not_there_is_told(rating: Engine, study: PublishedStudy, who: str) -> None:
    with reading(rating) as session, pytest.raises(StateError, match="No rater of this study is known as"):
        forget.find_known(session, study.id, who)


def test_a_rater_of_another_study_is_not_found(
    rating: Engine, study: PublishedStudy, publish: Callable[..., PublishedStudy]
) -> None:
    other = publish(rating)

    with reading(rating) as session, pytest.raises(StateError, match="No rater of this study"):
        forget.find_known(session, get_study(session, other.name).id, ADA)


def test_what_was_forgotten_is_in_no_byte_of_the_file(
    rating: Engine, study: PublishedStudy, now: datetime
) -> None:
    for identifier in (ADA, BOB):
        _forget(rating, study, identifier, now, all_of_it=True)
    empty_wal(rating)

    path = sqlite_path(str(rating.url))
    if path is not None:  # PostgreSQL overwrites when it vacuums, which is its own business
        files = [path, Path(f"{path}-wal")]
        assert not any(MARK.encode() in file.read_bytes() for file in files if file.exists())
