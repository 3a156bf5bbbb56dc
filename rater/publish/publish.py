"""Publish a study: let a draft of it be audited, seal its key, then write what raters will see.

A draft that is refused leaves nothing behind. The secrets are committed to the sealed database first and the
rating rows after, in one transaction; publishing that was interrupted in between is finished by publishing
again, and comes out the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Engine

from rater.errors import StateError
from rater.publish.confounds import publication_detail
from rater.publish.prepare import Prepared, prepare_publication
from rater.store.engine import disposing, reading, writing
from rater.store.log import append_event
from rater.store.rating.digests import digest_published
from rater.store.rating.open import create_rating
from rater.store.rating.publication import insert_study
from rater.store.rating.schema import Event
from rater.store.rating.studies import PublishedStudy, find_study, get_study
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import Event as SealedEvent
from rater.store.sealed.studies import find_secrets, get_sealed_study, insert_secrets
from rater.study.confounds import Confound
from rater.study.state import State

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
    audit: Callable[[Prepared], Sequence[Confound]] | None = None,
) -> PublishedStudy:
    """Publish a generated study, so that it can be opened. Costs a few queries and bulk inserts.

    Args:
        sealed_url: The sealed database.
        rating_url: The rating database, made if it is missing.
        name: The study's name.
        now: The time of publication.
        audit: Called with what would be published, before any of it is written; returns the confounds that
            were found, or raises to refuse it.

    Raises:
        StateError: it is not generated, not wholly generated, or published already, or changed meanwhile.
    """
    if find_published(rating_url, name) is not None:
        raise StateError(_ALREADY.format(name=name))
    prepared = prepare_publication(sealed_url, name, now=now)
    if prepared.is_published:
        msg = (
            f"Study {name!r} is published already, in another rating database than this one; its key is for "
            "that one only. Give it: --ratings URL"
        )
        raise StateError(msg)
    confounds = None if audit is None else audit(prepared)
    if not prepared.is_sealed:
        _seal(sealed_url, prepared)
    with disposing(create_rating(rating_url)) as rating:
        published = write_rating(rating, prepared)
    _note(sealed_url, prepared, confounds, now=now)
    return published


def _seal(sealed_url: str, prepared: Prepared) -> None:
    """Keep the secrets, unless the study was changed, or published by another process, since it was read."""
    with disposing(open_sealed(sealed_url)) as sealed, writing(sealed) as session:
        now = get_sealed_study(session, prepared.study.name)
        if now != prepared.kept or find_secrets(session, now.id) is not None:
            msg = f"Study {prepared.study.name!r} was changed while it was audited. Publish it again."
            raise StateError(msg)
        insert_secrets(session, now.id, prepared.secrets, key=prepared.draft.key)


def _note(
    sealed_url: str, prepared: Prepared, confounds: Sequence[Confound] | None, *, now: datetime
) -> None:
    """Log next to the key that it is in use, so that it is not published again, and the audit's confounds."""
    with disposing(open_sealed(sealed_url)) as sealed, writing(sealed) as session:
        commitment = prepared.secrets.commitment
        detail = {"commitment": commitment, **publication_detail(confounds)}
        append_event(session, SealedEvent, prepared.kept.id, kind=State.PUBLISHED, at=now, **detail)


def write_rating(rating: Engine, prepared: Prepared) -> PublishedStudy:
    """Write what raters will see, and the first row of the study's log, in one transaction.

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
            Event,
            published.id,
            kind=State.PUBLISHED,
            at=new.published_at,
            commitment=new.commitment,
            study_hash=new.study_hash,
            generation_log=prepared.generation_head,
            completions=prepared.completions_digest,
            digests=asdict(digest_published(session, published.id)),
        )
    return published
