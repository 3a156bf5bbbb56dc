"""Audit a study: as it would be published, or as it stands in the rating database."""

from datetime import datetime

from sqlalchemy import Engine

from rater.errors import SealError
from rater.publish.audit.conduct import conduct_audit
from rater.publish.audit.findings import Audit
from rater.publish.audit.subject import AuditedPublication, arms_of
from rater.publish.lost_key import explain_lost_key, lost_key
from rater.publish.prepare import Prepared, prepare_publication
from rater.publish.publish import write_rating
from rater.store.engine import disposing, reading, sqlite_path
from rater.store.rating.as_published import read_booklets, read_items
from rater.store.rating.open import create_rating, open_rating
from rater.store.rating.studies import find_study
from rater.store.sealed.completions import read_completions
from rater.store.sealed.open import open_sealed
from rater.store.sealed.seeds import read_seeds
from rater.store.sealed.studies import find_secrets, get_sealed_study, read_key
from rater.study.study import Study
from rater.temp_files import temporary_folder


def audit_study(sealed_url: str, rating_url: str, name: str, *, now: datetime) -> Audit:
    """Audit a study: its publication where it has one, else a draft with secrets of its own.

    Takes a few seconds; neither database is written to.

    Raises:
        StateError: it is not wholly generated.
        SealError: it is published, but the sealed database has no key to it.
    """
    path = sqlite_path(rating_url)
    if path is None or path.is_file():
        with disposing(open_rating(rating_url)) as rating:
            with explain_lost_key(rating_url, name):
                audited = _find_audited(sealed_url, rating, name)
            if audited is not None:
                return conduct_audit(audited, rating, rating_url)
    return audit_draft(sealed_url, prepare_publication(sealed_url, name, now=now))


def _find_audited(sealed_url: str, rating: Engine, name: str) -> AuditedPublication | None:
    """Read a publication and its key; None where there is none."""
    with reading(rating) as session:
        published = find_study(session, name)
        if published is None:
            return None
        items, booklets = read_items(session, published.id), read_booklets(session, published.id)
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        kept = get_sealed_study(session, name)
        secrets = find_secrets(session, kept.id)
        arms = arms_of(read_key(session, kept.id), read_completions(session, kept.id))
        seeds = read_seeds(session, kept.id)
    if secrets is None or arms.keys() != {item.id for item in items if not item.is_check}:
        raise SealError(lost_key(published))
    return AuditedPublication(
        study=Study.model_validate_json(kept.canonical_json),
        published=published,
        items=items,
        booklets=booklets,
        arms=arms,
        seeds=frozenset(seeds),
        secrets=(secrets.seed, secrets.salt),
    )


def audit_draft(sealed_url: str, prepared: Prepared) -> Audit:
    """Audit what would be published, in a throwaway rating database."""
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        seeds = read_seeds(session, prepared.kept.id)
    with temporary_folder("rater-draft-") as folder:
        url = f"sqlite:///{folder / 'draft.db'}"
        with disposing(create_rating(url)) as rating:
            published = write_rating(rating, prepared)
            audited = AuditedPublication(
                study=prepared.study,
                published=published,
                items=tuple(prepared.draft.items),
                booklets=tuple(prepared.draft.booklets),
                arms=arms_of(prepared.draft.key, prepared.completions),
                seeds=frozenset(seeds),
                secrets=(prepared.secrets.seed, prepared.secrets.salt),
            )
            return conduct_audit(audited, rating, url)
