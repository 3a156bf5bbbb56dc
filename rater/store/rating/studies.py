"""Keep published studies: put one in, find it, and move it through its states."""

from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.orm import Session

from rater.errors import StateError, nearest
from rater.store.log import append_event
from rater.store.rating.digests import digest_collected
from rater.store.rating.schema import Answer, Booklet, Event, Item, Rater, Study, Trial
from rater.study.protocol import Protocol

_MOVES = {
    "open": {"published", "closed"},
    "closed": {"published", "open"},
    "unblinded": {"closed"},
}
_INSERT_BATCH = 1_000
_BY_SLUG = select(Study).where(Study.slug == bindparam("slug"))
"""Asked for every page, so built once."""


@dataclass(frozen=True)
class PublishedStudy:
    """A study as the rating database knows it."""

    id: int
    name: str
    slug: str
    state: str
    protocol: Protocol
    study_hash: str
    commitment: str
    published_at: datetime


@dataclass(frozen=True)
class NewItem:
    """A text about to be published under a random id."""

    id: str
    prompt: str
    text: str


@dataclass(frozen=True)
class NewBooklet:
    """A booklet about to be published: the ids of its items, in order."""

    id: str
    item_ids: tuple[str, ...]


@dataclass(frozen=True)
class Progress:
    """How far a study has come; never by arm, which this database does not know."""

    n_booklets: int
    n_raters: int
    n_finished: int
    n_answers: int


def insert_study(
    session: Session, study: PublishedStudy, *, items: list[NewItem], booklets: list[NewBooklet]
) -> None:
    """Insert a study with its items and booklets, in the order given. Costs one insert per 1,000 rows."""
    session.add(
        Study(
            id=study.id or None,
            name=study.name,
            slug=study.slug,
            state=study.state,
            protocol=study.protocol.model_dump_json(),
            study_hash=study.study_hash,
            commitment=study.commitment,
            published_at=study.published_at,
        )
    )
    session.flush()
    study_id = session.scalars(select(Study.id).where(Study.name == study.name)).one()
    rows: list[tuple[type, list[dict[str, object]]]] = [
        (Item, [{"id": i.id, "study_id": study_id, "prompt": i.prompt, "text": i.text} for i in items]),
        (Booklet, [{"id": b.id, "study_id": study_id, "n_trials": len(b.item_ids)} for b in booklets]),
        (
            Trial,
            [
                {"booklet_id": b.id, "position": position, "item_id": item_id}
                for b in booklets
                for position, item_id in enumerate(b.item_ids, start=1)
            ],
        ),
    ]
    for table, values in rows:
        for start in range(0, len(values), _INSERT_BATCH):
            session.execute(insert(table), values[start : start + _INSERT_BATCH])


def find_study(session: Session, name: str) -> PublishedStudy | None:
    """Find a study by the name that the command line calls it. Costs one query."""
    row = session.scalars(select(Study).where(Study.name == name)).first()
    return _published(row) if row else None


def find_study_by_slug(session: Session, slug: str) -> PublishedStudy | None:
    """Find a study by its address. Costs one query."""
    row = session.scalars(_BY_SLUG, {"slug": slug}).first()
    return _published(row) if row else None


def get_study(session: Session, name: str) -> PublishedStudy:
    """Find a published study by name.

    Raises:
        StateError: no study of that name is published; those that are get named.
    """
    study = find_study(session, name)
    if study is None:
        names = session.scalars(select(Study.name)).all()
        hint = nearest(name, names) if names else ""
        msg = f"Study {name!r} is not published yet.{hint.replace('Valid', 'Published')}"
        if not hint.startswith(" Did"):
            msg += f" Run: rater publish {name}"
        raise StateError(msg)
    return study


def list_studies(session: Session) -> list[PublishedStudy]:
    """List the published studies by name. Costs one query."""
    return [_published(row) for row in session.scalars(select(Study).order_by(Study.name))]


def _published(row: Study) -> PublishedStudy:
    return PublishedStudy(
        id=row.id,
        name=row.name,
        slug=row.slug,
        state=row.state,
        protocol=_read_protocol(row.protocol),
        study_hash=row.study_hash,
        commitment=row.commitment,
        published_at=row.published_at,
    )


@lru_cache(maxsize=64)
def _read_protocol(written: str) -> Protocol:
    """Parse a protocol once for all requests: it is frozen, and the same text says the same."""
    return Protocol.model_validate_json(written)


def move_study(session: Session, name: str, state: str, *, at: datetime, **detail: object) -> str:
    """Move a study to another state, write it in the log and return the log's new head.

    Must run in a `writing` transaction. Closing writes digests of all answers and raters beside it, for which
    every answer is read once.

    Raises:
        StateError: there is no way from the study's state to that one.
    """
    study_id = get_study(session, name).id
    # the row stays locked until the commit, so that nobody else moves the study or appends to its log
    row = session.get_one(Study, study_id, with_for_update={"key_share": True}, populate_existing=True)
    if row.state not in _MOVES[state]:
        valid = " or ".join(sorted(_MOVES[state]))
        msg = f"Study {name!r} is {row.state}; only a study that is {valid} can become {state}."
        raise StateError(msg)
    row.state = state
    if state == "closed":
        detail = {**asdict(digest_collected(session, study_id)), **detail}
    return append_event(session, Event, study_id, kind=state, at=at, **detail)


def read_texts(session: Session, study_id: int) -> dict[str, str]:
    """Read a study's texts by item id. Costs one query."""
    rows = session.execute(select(Item.id, Item.text).where(Item.study_id == study_id))
    return {row.id: row.text for row in rows}


def read_progress(session: Session, study_id: int) -> Progress:
    """Count booklets, raters and answers. Costs four counting queries."""
    mine = select(Rater.id).where(Rater.study_id == study_id)
    answered = select(Answer.rater_id).where(Answer.rater_id.in_(mine), Answer.revision == 1)
    counts = [
        select(Booklet.id).where(Booklet.study_id == study_id),
        mine,
        mine.where(Rater.finished_at.is_not(None)),
        answered,
    ]
    return Progress(*(session.scalar(select(func.count()).select_from(q.subquery())) or 0 for q in counts))
