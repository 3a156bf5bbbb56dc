"""Temporary databases of a rehearsal, with the study's texts under a synthetic key."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlencode

import numpy as np

from rater.publish.publish import open_study, publish_study
from rater.publish.texts import rated_completions
from rater.store.engine import disposing, reading, writing
from rater.store.rating.open import open_rating
from rater.store.rating.studies import PublishedStudy, get_study
from rater.store.sealed.completions import (
    Cell,
    KeptCompletion,
    NewCompletion,
    insert_completions,
    read_completions,
)
from rater.store.sealed.open import create_sealed, open_sealed
from rater.store.sealed.studies import get_sealed_study, insert_sealed_study
from rater.study.study import Study

# As many as the secrets of a real publication have.
_SECRET_BYTES = 32

SyntheticKey: TypeAlias = list[tuple[Cell, KeptCompletion]]
"""Texts, each under a random cell of its prompt instead of its own."""


@dataclass(frozen=True)
class StudyTexts:
    """A study with the number of raters of the rehearsal, and its texts."""

    study: Study
    completions: list[KeptCompletion]


@dataclass(frozen=True)
class TempStudy:
    """A published, open study in temporary databases."""

    rating_url: str
    sealed_url: str
    study: Study
    published: PublishedStudy
    synthetic_key: SyntheticKey


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def read_study_texts(sealed_url: str, name: str, n_raters: int | None) -> StudyTexts:
    """Read a generated study for a rehearsal; its own number of raters, or another. Costs two queries.

    Raises:
        StateError: it has not been generated.
        StudyError: this number of raters cannot be assigned booklets.
    """
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        sealed_study = get_sealed_study(session, name)
        completions = read_completions(session, sealed_study.id)
    study = Study.model_validate_json(sealed_study.canonical_json)
    plan = study.plan.model_copy(update={"raters": n_raters or study.n_raters, "ratings_per_item": None})
    # bots have no personal links, no device, took part in no other study, and answer at once
    changed = {
        **study.model_dump(),
        "plan": plan.model_dump(),
        "invited_only": False,
        "least_seconds": None,
        "devices": None,
        "excluded_studies": (),
        "booklets_per_rater": 1,
        "bonus": None,
    }
    return StudyTexts(Study.model_validate(changed), completions)


def publish_temp_study(folder: Path, texts: StudyTexts, rng: np.random.Generator) -> TempStudy:
    """Publish a study under a synthetic key in a folder's two databases, and open it.

    The same random numbers give the same key, ids and booklets.
    """
    study = texts.study
    sealed_url, rating_url = f"sqlite:///{folder}/sealed.db", f"sqlite:///{folder}/rating.db"
    rated = rated_completions(study, texts.completions)
    synthetic_key = _shuffle_texts(rated, rng)
    # raters know which text is the reference, so that it keeps its place
    references = [(each.cell, each) for each in texts.completions if each not in rated]
    _write_sealed(sealed_url, study, [*synthetic_key, *references])
    publish_study(
        sealed_url, rating_url, study.name, now=now(), draw_secret=lambda: rng.bytes(_SECRET_BYTES).hex()
    )
    open_study(rating_url, study.name, now=now())
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        published = get_study(session, study.name)
    return TempStudy(rating_url, sealed_url, study, published, synthetic_key)


def address_for_a_bot(base: str, published: PublishedStudy) -> str:
    """Return the address at which a bot begins, with a recruitment identifier if needed."""
    address, recruitment = f"{base}/s/{published.slug}", published.protocol.recruitment
    if recruitment is None:
        return address
    return f"{address}?{urlencode({recruitment.participant_id: secrets.token_hex(12)})}"


def _shuffle_texts(completions: list[KeptCompletion], rng: np.random.Generator) -> SyntheticKey:
    """Permute the texts of each prompt over its arms and samples: the synthetic key."""
    synthetic_key = []
    for prompt_index in sorted({completion.cell.prompt_index for completion in completions}):
        texts = [c for c in completions if c.cell.prompt_index == prompt_index]
        order = rng.permutation(len(texts))
        synthetic_key += [(texts[index].cell, texts[other]) for index, other in enumerate(order)]
    return synthetic_key


def _write_sealed(url: str, study: Study, synthetic_key: SyntheticKey) -> None:
    new = [
        NewCompletion(
            cell=cell, seed=0, token_ids=(), text=completion.text, stop_reason=completion.stop_reason
        )
        for cell, completion in synthetic_key
    ]
    with disposing(create_sealed(url)) as sealed, writing(sealed) as session:
        frozen = insert_sealed_study(
            session,
            name=study.name,
            study_hash=study.hash,
            canonical_json=study.canonical_json(),
            now=now(),
        )
        insert_completions(session, frozen.id, new, versions={}, now=now())
