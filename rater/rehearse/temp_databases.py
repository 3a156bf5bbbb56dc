"""Make the throwaway databases of a rehearsal, with the study's texts under a made-up key."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlencode

import numpy as np

from rater.publish.publish import open_study, publish_study
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

MadeUpKey: TypeAlias = list[tuple[Cell, KeptCompletion]]
"""Texts under cells that they were not made in."""


@dataclass(frozen=True)
class StudyTexts:
    """What a rehearsal is made from: a study of the size that is rehearsed, and its texts."""

    study: Study
    completions: list[KeptCompletion]


@dataclass(frozen=True)
class Throwaway:
    """A published, open study that nobody will miss."""

    rating_url: str
    sealed_url: str
    study: Study
    published: PublishedStudy
    made_up: MadeUpKey


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def read_study_texts(sealed_url: str, name: str, n_raters: int | None) -> StudyTexts:
    """Read a generated study for a rehearsal; its own number of raters, or another. Costs two queries.

    Raises:
        StateError: it has not been generated.
        StudyError: that many raters cannot be dealt booklets.
    """
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        kept = get_sealed_study(session, name)
        completions = read_completions(session, kept.id)
    study = Study.model_validate_json(kept.canonical_json)
    plan = study.plan.model_copy(update={"raters": n_raters or study.n_raters, "ratings_per_item": None})
    # bots have no personal links
    changed = {**study.model_dump(), "plan": plan.model_dump(), "invited_only": False}
    return StudyTexts(Study.model_validate(changed), completions)


def publish_throwaway(folder: Path, texts: StudyTexts, rng: np.random.Generator) -> Throwaway:
    """Publish a study under a made-up key in a folder's two databases, and open it."""
    study = texts.study
    sealed_url, rating_url = f"sqlite:///{folder}/sealed.db", f"sqlite:///{folder}/rating.db"
    made_up = _deal_arms(texts.completions, rng)
    _write_sealed(sealed_url, study, made_up)
    publish_study(sealed_url, rating_url, study.name, now=now())
    open_study(rating_url, study.name, now=now())
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        published = get_study(session, study.name)
    return Throwaway(rating_url, sealed_url, study, published, made_up)


def address_for_a_bot(base: str, published: PublishedStudy) -> str:
    """Write the address at which a bot begins, with what a recruitment site would add to it."""
    address, recruitment = f"{base}/s/{published.slug}", published.protocol.recruitment
    if recruitment is None:
        return address
    return f"{address}?{urlencode({recruitment.person: secrets.token_hex(12)})}"


def _deal_arms(completions: list[KeptCompletion], rng: np.random.Generator) -> MadeUpKey:
    """Deal the texts of each prompt to its arms and samples at random: the made-up key."""
    made_up = []
    for prompt_index in sorted({completion.cell.prompt_index for completion in completions}):
        texts = [c for c in completions if c.cell.prompt_index == prompt_index]
        order = rng.permutation(len(texts))
        made_up += [(texts[index].cell, texts[other]) for index, other in enumerate(order)]
    return made_up


def _write_sealed(url: str, study: Study, made_up: MadeUpKey) -> None:
    new = [
        NewCompletion(cell=cell, seed=0, token_ids=(), text=kept.text, stop_reason=kept.stop_reason)
        for cell, kept in made_up
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
