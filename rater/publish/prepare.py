"""Prepare a publication: read what was generated, and draft what would be published and sealed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from rater.errors import StateError
from rater.publish.draft import Draft, draft_publication, key_lines
from rater.publish.seal import commit, derive_slug, new_secret
from rater.store.engine import disposing, reading
from rater.store.log import read_events
from rater.store.rating.studies import PublishedStudy
from rater.store.sealed.completions import KeptCompletion, digest_completions, read_completions
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import Event
from rater.store.sealed.studies import SealedStudy, Secrets, find_secrets, get_sealed_study
from rater.study.state import State
from rater.study.study import Study


@dataclass(frozen=True)
class Prepared:
    """A publication before any of it is written."""

    kept: SealedStudy
    study: Study
    completions: list[KeptCompletion]
    draft: Draft
    secrets: Secrets
    is_sealed: bool
    """Whether the secrets are in the sealed database already, from a publishing that was interrupted."""
    generation_head: str
    """The head of the log of the study's generation."""
    completions_digest: str
    """The salted digest of every column of the completions."""
    is_published: bool
    """Whether a rating database has it already, by the log of its generation."""

    @property
    def published(self) -> PublishedStudy:
        """The study as the rating database will know it."""
        return PublishedStudy(
            id=0,
            name=self.study.name,
            slug=derive_slug(self.secrets.seed),
            state=State.PUBLISHED,
            protocol=self.study.protocol,
            study_hash=self.study.hash,
            commitment=self.secrets.commitment,
            published_at=self.secrets.published_at,
        )


def prepare_publication(sealed_url: str, name: str, *, now: datetime) -> Prepared:
    """Draft a generated study's publication; nothing is written. Costs five queries.

    Raises:
        StateError: it is not generated, or not wholly.
    """
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        kept = get_sealed_study(session, name)
        study = Study.model_validate_json(kept.canonical_json)
        completions = _read_whole(session, kept, study)
        known = find_secrets(session, kept.id)
        events = read_events(session, Event, kept.id)
        seed = known.seed if known else new_secret()
        salt = known.salt if known else new_secret()
        digest = digest_completions(session, kept.id, salt=salt)
    draft = draft_publication(study, completions, seed)
    return Prepared(
        kept=kept,
        study=study,
        completions=completions,
        draft=draft,
        secrets=known or _commit_to(draft, completions, seed=seed, salt=salt, study=study, now=now),
        is_sealed=known is not None,
        generation_head=events[-1].hash,
        completions_digest=digest,
        is_published=any(event.kind == State.PUBLISHED for event in events),
    )


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
    draft: Draft, completions: list[KeptCompletion], *, seed: str, salt: str, study: Study, now: datetime
) -> Secrets:
    texts = {item.id: item.text for item in draft.items}
    lines = key_lines(texts, draft.key, completions)
    commitment = commit(lines, salt=salt, seed=seed, study_hash=study.hash)
    return Secrets(seed=seed, salt=salt, commitment=commitment, published_at=now)
