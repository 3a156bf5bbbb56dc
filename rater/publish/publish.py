"""Publish a study: seal its key, then write what raters will see.

The secrets are committed to the sealed database first and the rating rows after, in one transaction;
publishing that was interrupted in between is finished by publishing again, and comes out the same.
"""

from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from rater.errors import StateError
from rater.publish.draft import Draft, draft_publication, key_lines
from rater.publish.seal import commit, derive_id, new_secret
from rater.store.engine import disposing, reading, writing
from rater.store.log import append_event, read_events
from rater.store.rating.open import create_rating
from rater.store.rating.schema import Event
from rater.store.rating.studies import PublishedStudy, find_study, get_study, insert_study
from rater.store.sealed.completions import KeptCompletion, read_completions
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import Event as SealedEvent
from rater.store.sealed.studies import (
    SealedStudy,
    Secrets,
    find_secrets,
    get_sealed_study,
    insert_secrets,
)
from rater.study.study import Study


def find_published(rating_url: str, name: str) -> PublishedStudy | None:
    """Find a study in the rating database, which is made first if it is missing. Costs one query."""
    with disposing(create_rating(rating_url)) as rating, reading(rating) as session:
        return find_study(session, name)


def publish_study(sealed_url: str, rating_url: str, name: str, *, now: datetime) -> PublishedStudy:
    """Publish a generated study, so that it can be opened. Costs a few queries and bulk inserts.

    Raises:
        StateError: it is not generated, not wholly generated, or published already.
    """
    if find_published(rating_url, name) is not None:
        msg = f"Study {name!r} is published already; what raters see is frozen. Run: rater serve"
        raise StateError(msg)
    with disposing(open_sealed(sealed_url)) as sealed, writing(sealed) as session:
        kept = get_sealed_study(session, name)
        study = Study.model_validate_json(kept.canonical_json)
        completions = _read_whole(session, kept, study)
        secrets = find_secrets(session, kept.id)
        seed = secrets.seed if secrets else new_secret()
        draft = draft_publication(study, completions, seed)
        if secrets is None:
            secrets = _commit_to(draft, completions, seed=seed, study=study, now=now)
            insert_secrets(session, kept.id, secrets, key=draft.key)
        generation_head = read_events(session, SealedEvent, kept.id)[-1].hash
    with disposing(create_rating(rating_url)) as rating:
        return _write_rating(rating, study, draft, secrets, generation_head=generation_head)


def _read_whole(session: Session, kept: SealedStudy, study: Study) -> list[KeptCompletion]:
    completions = read_completions(session, kept.id)
    missing = study.n_completions - len(completions)
    if missing:
        msg = (
            f"Study {study.name!r} has {len(completions)} of {study.n_completions} completions. "
            "Generate the rest first. Run: rater generate FILE"
        )
        raise StateError(msg)
    return completions


def _commit_to(
    draft: Draft, completions: list[KeptCompletion], *, seed: str, study: Study, now: datetime
) -> Secrets:
    salt = new_secret()
    texts = {item.id: item.text for item in draft.items}
    lines = key_lines(texts, draft.key, completions)
    commitment = commit(lines, salt=salt, seed=seed, study_hash=study.hash)
    return Secrets(seed=seed, salt=salt, commitment=commitment, published_at=now)


def _write_rating(
    rating: Engine, study: Study, draft: Draft, secrets: Secrets, *, generation_head: str
) -> PublishedStudy:
    new = PublishedStudy(
        id=0,
        name=study.name,
        slug=derive_id(secrets.seed, "slug")[:12],
        state="published",
        protocol=study.protocol,
        study_hash=study.hash,
        commitment=secrets.commitment,
        published_at=secrets.published_at,
    )
    with writing(rating) as session:
        insert_study(session, new, items=draft.items, booklets=draft.booklets)
        published = get_study(session, study.name)
        append_event(
            session,
            Event,
            published.id,
            kind="published",
            at=secrets.published_at,
            commitment=secrets.commitment,
            study_hash=study.hash,
            generation_log=generation_head,
        )
    return published
