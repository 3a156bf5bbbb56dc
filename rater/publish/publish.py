"""Publish a study, move it through its life cycle, and detect a missing sealed database.

Confounds that the audit found have to be declared or acknowledged, and are kept in the sealed log.

A draft that is refused leaves nothing behind. The secrets are committed to the sealed database first and the
rating rows after, in one transaction; publishing that was interrupted in between is finished by publishing
again, and comes out the same.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from rater.errors import DatabaseError, MissingSealedError, NotGeneratedError, SealError, StateError
from rater.publish.booklets import ASSIGNMENT_VERSION
from rater.publish.draft import PreparedPublication, prepare_publication
from rater.publish.seal import new_secret
from rater.store.engine import disposing, empty_wal, reading, sqlite_path, writing
from rater.store.log import append_event, read_events
from rater.store.rating.digests import digest_published
from rater.store.rating.open import create_rating, open_rating
from rater.store.rating.past_participants import require_known_studies
from rater.store.rating.publication import insert_study
from rater.store.rating.schema import EventRow
from rater.store.rating.studies import PublishedStudy, find_study, get_study, move_study
from rater.store.sealed.open import open_sealed, open_sealed_if_begun
from rater.store.sealed.schema import SealedEventRow
from rater.store.sealed.studies import find_sealed_study, find_secrets, get_sealed_study, insert_secrets
from rater.study.confounds import Confound
from rater.study.state import State

_CONFOUNDS_FIELD = "confounds"


def open_study(rating_url: str, name: str, *, now: datetime, by: str | None = None) -> str:
    """Open a study to raters; return the log's new head.

    Raises:
        StateError: the study is not published, open already, or unblinded.
    """
    return _move(rating_url, name, State.OPEN, now=now, by=by)


def pause_study(rating_url: str, name: str, *, now: datetime, by: str | None = None) -> str:
    """Pause a study; return the log's new head.

    Raises:
        StateError: the study is not open.
    """
    return _move(rating_url, name, State.PAUSED, now=now, by=by)


def close_study(rating_url: str, name: str, *, now: datetime, by: str | None = None) -> str:
    """Close a study; return the log's new head.

    All answers are in a SQLite file itself then, unless the disk has no room for them: then they stay in its
    WAL, and the study is closed all the same.

    Raises:
        StateError: the study is not published, closed already, or unblinded.
    """
    head = _move(rating_url, name, State.CLOSED, now=now, by=by)
    with disposing(open_rating(rating_url)) as rating, contextlib.suppress(DatabaseError):
        empty_wal(rating)
    return head


def read_head(rating_url: str, name: str) -> str:
    """Read the head of a published study's log. Costs two queries.

    Raises:
        StateError: the study is not published.
    """
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        return read_events(session, EventRow, get_study(session, name).id)[-1].hash


def _move(rating_url: str, name: str, state: State, *, now: datetime, by: str | None) -> str:
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        return move_study(session, name, state, at=now, **({} if by is None else {"by": by}))


@contextlib.contextmanager
def explain_lost_key(rating: str | Engine, name: str) -> Iterator[None]:
    """Turn "generate it first" into "restore a backup" where the rating database has the study published.

    Raises:
        SealError: the sealed database is missing, or lacks the study, and the study is published.
    """
    try:
        yield
    except (MissingSealedError, NotGeneratedError) as error:
        published = _find_published(rating, name)
        if published is None:
            raise
        raise SealError(lost_key(published)) from error


def require_key(sealed_url: str, rating_url: str, name: str) -> None:
    """Refuse to generate a study that is published while the sealed database has no key to it.

    Raises:
        SealError: it is so.
    """
    published = _find_published(rating_url, name)
    if published is not None and not _has_key(sealed_url, name):
        raise SealError(lost_key(published))


def lost_key(published: PublishedStudy) -> str:
    """Return the message for a published study without a key."""
    return (
        f"The sealed database has no key to study {published.name!r}, which was published on "
        f"{published.published_at:%Y-%m-%d %H:%M} UTC. Restore the sealed database from a backup (rater "
        "backup makes them), or name the one that the study was published from with --sealed (or "
        "RATER_SEALED). Generating the study again does not help: its texts would get another key."
    )


def _find_published(rating: str | Engine, name: str) -> PublishedStudy | None:
    if isinstance(rating, Engine):
        with reading(rating) as session:
            return find_study(session, name)
    path = sqlite_path(rating)
    if path is not None and not path.is_file():
        return None
    try:
        with disposing(open_rating(rating)) as engine, reading(engine) as session:
            return find_study(session, name)
    except DatabaseError:  # it cannot be read here, and nothing is known then
        return None


def _has_key(sealed_url: str, name: str) -> bool:
    sealed = open_sealed_if_begun(sealed_url)
    if sealed is None:
        return False
    with disposing(sealed), reading(sealed) as session:
        kept = find_sealed_study(session, name)
        return kept is not None and find_secrets(session, kept.id) is not None


_ALREADY = "Study {name!r} is published already; what raters see is frozen. Run: rater serve"


def find_published(rating_url: str, name: str) -> PublishedStudy | None:
    """Find a study in the rating database, which is made first if it is missing. Costs one query."""
    with disposing(create_rating(rating_url)) as rating, reading(rating) as session:
        return find_study(session, name)


def publish_study(
    sealed_url: str,
    rating_url: str,
    name: str,
    *,
    now: datetime,
    audit: Callable[[PreparedPublication], Sequence[Confound]] | None = None,
    draw_secret: Callable[[], str] = new_secret,
) -> PublishedStudy:
    """Publish a generated study, so that it can be opened. Costs a few queries and bulk inserts.

    Args:
        sealed_url: The sealed database.
        rating_url: The rating database, made if it is missing.
        name: The study's name.
        now: The time of publication.
        audit: Called with what would be published, before any of it is written; returns the confounds that
            were found, or raises to refuse it.
        draw_secret: Draws the secret seed and the salt; only a rehearsal has one that can be repeated.

    Raises:
        StateError: it is not generated, not wholly generated, or published already, or changed meanwhile; or
            it excludes the participants of a study that is not known.
    """
    if find_published(rating_url, name) is not None:
        raise StateError(_ALREADY.format(name=name))
    prepared = prepare_publication(sealed_url, name, now=now, draw_secret=draw_secret)
    if prepared.is_published:
        msg = (
            f"Study {name!r} is published already, in another rating database, and its key is valid for that "
            "one only. Name it with --ratings URL"
        )
        raise StateError(msg)
    with disposing(create_rating(rating_url)) as rating, reading(rating) as session:
        require_known_studies(session, prepared.study.protocol, name=name)
    confounds = None if audit is None else audit(prepared)
    if not prepared.is_sealed:
        _seal(sealed_url, prepared)
    with disposing(create_rating(rating_url)) as rating:
        published = write_rating(rating, prepared)
    _note(sealed_url, prepared, confounds, now=now)
    return published


def _seal(sealed_url: str, prepared: PreparedPublication) -> None:
    """Store the secrets, unless the study was changed or published by another process since it was read."""
    with disposing(open_sealed(sealed_url)) as sealed, writing(sealed) as session:
        now = get_sealed_study(session, prepared.study.name)
        if now != prepared.kept or find_secrets(session, now.id) is not None:
            msg = f"Study {prepared.study.name!r} was changed while it was audited. Publish it again."
            raise StateError(msg)
        insert_secrets(session, now.id, prepared.secrets, key=prepared.draft.key)


def _note(
    sealed_url: str, prepared: PreparedPublication, confounds: Sequence[Confound] | None, *, now: datetime
) -> None:
    """Log the publication next to the key, so that it is not published again, with the audit's confounds."""
    with disposing(open_sealed(sealed_url)) as sealed, writing(sealed) as session:
        commitment = prepared.secrets.commitment
        detail = {"commitment": commitment, **publication_detail(confounds)}
        append_event(session, SealedEventRow, prepared.kept.id, kind=State.PUBLISHED, at=now, **detail)


def write_rating(rating: Engine, prepared: PreparedPublication) -> PublishedStudy:
    """Write the rating database's part of a publication and the first row of its log, in one transaction.

    Raises:
        StateError: another process has published it meanwhile.
    """
    new, draft = prepared.published, prepared.draft
    with writing(rating) as session:
        if find_study(session, new.name) is not None:
            raise StateError(_ALREADY.format(name=new.name))
        insert_study(session, new, items=draft.items, booklets=draft.booklets, checks=draft.checks)
        published = get_study(session, new.name)
        append_event(
            session,
            EventRow,
            published.id,
            kind=State.PUBLISHED,
            at=new.published_at,
            commitment=new.commitment,
            study_hash=new.study_hash,
            generation_log=prepared.generation_head,
            completions=prepared.completions_digest,
            assignment_version=ASSIGNMENT_VERSION,
            digests=asdict(digest_published(session, published.id)),
        )
    return published


def publication_detail(confounds: Sequence[Confound] | None) -> dict[str, object]:
    """Return the fields of the publication's log row about its audit; empty without an audit."""
    return {} if confounds is None else {_CONFOUNDS_FIELD: [each.as_dict() for each in confounds]}


def read_confounds(session: Session, study_id: int) -> tuple[Confound, ...] | None:
    """Read the confounds that a publication was audited for; None without an audit. Costs one query."""
    for event in reversed(read_events(session, SealedEventRow, study_id)):
        listed = event.detail.get(_CONFOUNDS_FIELD) if event.kind == State.PUBLISHED else None
        if isinstance(listed, list):
            return tuple(Confound.from_dict(fields) for fields in listed)
    return None
