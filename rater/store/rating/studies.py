"""Published studies: find them, and move them through their states."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.orm import Session

from rater.errors import StateError, nearest
from rater.store.engine import connection_of
from rater.store.log import append_event
from rater.store.rating.digests import digest_collected
from rater.store.rating.frame import has_finished_booklet
from rater.store.rating.networks import forget_networks
from rater.store.rating.schema import Amendment, Answer, Booklet, EventRow, Item, Rater, StudyRow
from rater.study.protocol import Protocol
from rater.study.state import State

_AMENDED = (
    select(Amendment.protocol)
    .where(Amendment.study_id == StudyRow.id)
    .order_by(Amendment.version.desc())
    .limit(1)
    .scalar_subquery()
)
STUDY_COLUMNS = (
    StudyRow.id,
    StudyRow.name,
    StudyRow.slug,
    StudyRow.state,
    func.coalesce(_AMENDED, StudyRow.protocol),
    StudyRow.study_hash,
    StudyRow.commitment,
    StudyRow.published_at,
)
"""The columns of a `PublishedStudy`, in the order of its fields."""
_STUDY = select(*STUDY_COLUMNS)
_BY_SLUG = _STUDY.where(StudyRow.slug == bindparam("slug"))
"""Asked for every page, so built once."""


@dataclass(frozen=True)
class PublishedStudy:
    """A study as the rating database knows it."""

    id: int
    name: str
    slug: str
    state: State
    protocol: Protocol
    """The current protocol: as published, or as last amended."""
    study_hash: str
    commitment: str
    published_at: datetime


@dataclass(frozen=True)
class Progress:
    """The progress of a study; never by arm, which this database does not contain."""

    n_booklets: int
    n_raters: int
    n_finished: int
    """Booklets finished: one for each planned rater."""
    n_answers: int
    n_further: int = 0
    """The finished booklets of raters who had finished another one before."""


def find_study(session: Session, name: str) -> PublishedStudy | None:
    """Find a study by its name. Costs one query."""
    row = session.execute(_STUDY.where(StudyRow.name == name)).first()
    return published_of(row) if row else None


def find_study_by_slug(at: Session | Connection, slug: str) -> PublishedStudy | None:
    """Find a study by its address. Costs one query."""
    row = connection_of(at).execute(_BY_SLUG, {"slug": slug}).first()
    return published_of(row) if row else None


def get_study(session: Session, name: str) -> PublishedStudy:
    """Find a published study by name.

    Raises:
        StateError: no study of that name is published; those that are get named.
    """
    study = find_study(session, name)
    if study is None:
        names = session.scalars(select(StudyRow.name)).all()
        hint = nearest(name, names) if names else ""
        msg = f"Study {name!r} is not published yet.{hint.replace('Valid', 'Published')}"
        if not hint.startswith(" Did"):
            msg += f" Run: rater publish {name}"
        raise StateError(msg)
    return study


def list_studies(session: Session) -> list[PublishedStudy]:
    """List the published studies by name. Costs one query."""
    return [published_of(row) for row in session.execute(_STUDY.order_by(StudyRow.name))]


def published_of(row: Sequence[Any]) -> PublishedStudy:
    """Make a published study of the columns of its row, with the newest version of its protocol."""
    study_id, name, slug, state, protocol, *rest = row
    return PublishedStudy(study_id, name, slug, state, _read_protocol(protocol), *rest)


@lru_cache(maxsize=64)
def _read_protocol(written: str) -> Protocol:
    """Parse a protocol once for all requests: it is frozen, and depends on its text alone."""
    return Protocol.model_validate_json(written)


def read_protocol_at(session: Session, study_id: int, at: datetime) -> Protocol:
    """Read the protocol in force at a time: the last amendment before it, or the published one.

    Costs one or two queries.
    """
    amended = session.scalars(
        select(Amendment.protocol)
        .where(Amendment.study_id == study_id, Amendment.amended_at <= at)
        .order_by(Amendment.version.desc())
        .limit(1)
    ).first()
    written = amended or session.scalars(select(StudyRow.protocol).where(StudyRow.id == study_id)).one()
    return _read_protocol(written)


def move_study(session: Session, name: str, state: State, *, at: datetime, **detail: object) -> str:
    """Move a study to another state, write it in the log and return the log's new head.

    Must run in a `writing` transaction. Closing writes digests of all answers and raters with it, for which
    every answer is read once.

    Raises:
        StateError: the study cannot change from its state to that one.
    """
    study_id = get_study(session, name).id
    # the row stays locked until the commit, so that nobody else moves the study or appends to its log
    row = session.get_one(StudyRow, study_id, with_for_update={"key_share": True}, populate_existing=True)
    if row.state not in state.sources:
        *most, last = sorted(state.sources)
        valid = f"{', '.join(most)} or {last}" if most else last
        msg = f"Study {name!r} is {row.state}; only a study that is {valid} can become {state}."
        raise StateError(msg)
    row.state = state
    if state is State.CLOSED:
        forget_networks(session, study_id)
        detail = {**asdict(digest_collected(session, study_id)), **detail}
    return append_event(session, EventRow, study_id, kind=state, at=at, **detail)


def read_texts(session: Session, study_id: int) -> dict[str, str]:
    """Read a study's completions by item id, without the texts of attention checks. Costs one query."""
    mine = (Item.study_id == study_id) & ~Item.is_check
    rows = session.execute(select(Item.id, Item.text).where(mine))
    return {row.id: row.text for row in rows}


def read_progress(session: Session, study_id: int) -> Progress:
    """Count booklets, raters and answers. Costs five counting queries."""
    mine = select(Rater.id).where(Rater.study_id == study_id)
    answered = select(Answer.rater_id).where(Answer.rater_id.in_(mine), Answer.revision == 1)
    counts = [
        select(Booklet.id).where(Booklet.study_id == study_id),
        mine.where(Rater.booklet_number == 1),
        mine.where(has_finished_booklet()),
        answered,
        mine.where(has_finished_booklet(), Rater.booklet_number > 1),
    ]
    return Progress(*(session.scalar(select(func.count()).select_from(q.subquery())) or 0 for q in counts))
