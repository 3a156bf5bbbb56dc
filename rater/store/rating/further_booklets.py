"""Further booklets of a rater: find one whose texts the rater has not seen, and assign it.

A study may let a rater rate several booklets (`Protocol.booklets_per_rater`). Each is a place of its own,
with a row of `Rater` of its own; all rows of a person have the same ``person_id``. The questions around the
trials are asked with the first booklet only.

A further booklet shares no text with the rater's earlier ones, except attention checks, which every booklet
has. Where each rater sees a prompt in one arm only, it shares no prompt with them either; and where a booklet
asks about one dimension only, it asks about the same one. The database has an index of the texts of booklets,
so that the search costs time in proportion to the texts that the rater has seen, times the number of booklets
with each.
"""

import secrets
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from rater.errors import ClosedError, FullError, StateError
from rater.store.rating.frame import count_checks, read_only_dimension
from rater.store.rating.places import Limits, find_free_booklet, take_booklet
from rater.store.rating.raters import Offer, read_size
from rater.store.rating.schema import Item, Rater, StudyRow, Token, TrialRow, TrialTextRow
from rater.store.rating.sessions import RaterSession, digest, new_token
from rater.study.protocol import Protocol
from rater.study.state import State


def find_latest(session: Session, rater_session: RaterSession) -> str:
    """Return the id of the row of a person's latest booklet. Costs one query."""
    return session.scalars(
        select(Rater.id)
        .where(Rater.person_id == rater_session.person_id)
        .order_by(Rater.booklet_number.desc())
        .limit(1)
    ).one()


def read_further_offer(
    session: Session, study_id: int, rater_session: RaterSession, protocol: Protocol, *, now: datetime
) -> Offer | None:
    """Describe the further booklet that a rater may take now, or return None.

    Costs nothing if the study allows one booklet only, and up to twelve queries otherwise.
    """
    if not _may_take_another(session, study_id, rater_session, protocol):
        return None
    limits = _limits(session, study_id, rater_session, protocol, now=now)
    booklet_id = find_free_booklet(session, study_id, limits)
    return None if booklet_id is None else read_size(session, study_id, booklet_id)


def take_further_booklet(
    session: Session, study_id: int, rater_session: RaterSession, protocol: Protocol, *, now: datetime
) -> str:
    """Assign a further booklet to a rater, and return a new token for it.

    The rater's earlier tokens keep their booklet. A rater who has begun a further booklet, in another tab or
    on another device, gets a token for that one. Must run in a `writing` transaction. Costs up to 15 queries
    and two inserts.

    Raises:
        ClosedError: the study is not open.
        FullError: no free booklet has only texts that the rater has not seen.
        StateError: the rater has not finished, failed the attention checks, lost the place, or has rated as
            many booklets as the study allows.
    """
    # the lock on the study's row serialises assignments, so that a button pressed twice takes one booklet
    state = session.scalars(
        select(StudyRow.state).where(StudyRow.id == study_id).with_for_update(key_share=True)
    ).one()
    latest = find_latest(session, rater_session)
    if latest == rater_session.rater_id:
        if state is not State.OPEN:
            msg = "This study is not collecting answers now."
            raise ClosedError(msg)
        latest = _assign(session, study_id, rater_session, protocol, now=now)
    token = new_token()
    session.add(Token(digest=digest(token), rater_id=latest))
    session.flush()
    return token


def _assign(
    session: Session, study_id: int, rater_session: RaterSession, protocol: Protocol, *, now: datetime
) -> str:
    if not _may_take_another(session, study_id, rater_session, protocol):
        msg = "This rater may not rate another booklet."
        raise StateError(msg)
    booklet_id = take_booklet(session, study_id, _limits(session, study_id, rater_session, protocol, now=now))
    if booklet_id is None:
        msg = "No booklet is left whose texts this rater has not seen."
        raise FullError(msg)
    rater_id = secrets.token_hex(16)
    session.add(
        Rater(
            id=rater_id,
            study_id=study_id,
            booklet_id=booklet_id,
            person_id=rater_session.person_id,
            booklet_number=rater_session.booklet_number + 1,
            channel=session.get_one(Rater, rater_session.rater_id).channel,
            consented_at=now,
        )
    )
    session.flush()
    return rater_id


def _may_take_another(
    session: Session, study_id: int, rater_session: RaterSession, protocol: Protocol
) -> bool:
    """Return whether a rater finished their latest booklet by the rules, and the study allows another one."""
    if (
        rater_session.booklet_number >= protocol.booklets_per_rater
        or not rater_session.has_finished
        or rater_session.left_why is not None
        or rater_session.is_replaced
        or find_latest(session, rater_session) != rater_session.rater_id
    ):
        return False
    rule, rater_id = protocol.check_rule, rater_session.rater_id
    if rule is None:
        return True
    return not rule.is_failed(*count_checks(session, study_id, rater_id=rater_id).get(rater_id, (0, 0)))


def _limits(
    session: Session, study_id: int, rater_session: RaterSession, protocol: Protocol, *, now: datetime
) -> Limits:
    """Return the rule by which a booklet is free for a rater who has rated others."""
    unsuitable = [_booklets_with_seen_texts(session, study_id, rater_session.person_id)]
    only = read_only_dimension(session, rater_session.booklet_id)
    if only is not None:
        unsuitable.append(
            select(TrialRow.booklet_id).where(
                TrialRow.position == 1, TrialRow.dimension.is_distinct_from(only)
            )
        )
    return Limits.of(protocol, now, unsuitable=tuple(unsuitable))


def _booklets_with_seen_texts(session: Session, study_id: int, person_id: str) -> Select[str]:
    """Select the booklets with a text, or an only prompt, of a person's booklets. Costs one query."""
    texts = (
        select(Item.id, Item.prompt)
        .join(TrialTextRow, TrialTextRow.item_id == Item.id)
        .join(Rater, Rater.booklet_id == TrialTextRow.booklet_id)
        .where(Rater.person_id == person_id, ~Item.is_check)
        .distinct()
    )
    rows = session.execute(texts).all()
    seen = texts.with_only_columns(Item.id)
    # a booklet with one text of each prompt is of a design in which raters see a prompt in one arm only
    if len({row.prompt for row in rows}) == len(rows):
        prompts = texts.with_only_columns(Item.prompt)
        other = select(Item.id).where(Item.study_id == study_id, ~Item.is_check, Item.prompt.in_(prompts))
        return select(TrialTextRow.booklet_id).where(TrialTextRow.item_id.in_(other))
    return select(TrialTextRow.booklet_id).where(TrialTextRow.item_id.in_(seen))
