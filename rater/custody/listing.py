"""List the studies of a pair of databases: how far each has come, and never anything by arm."""

import os
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rater.errors import DatabaseError
from rater.store.engine import disposing, reading, sqlite_path
from rater.store.rating.open import open_rating
from rater.store.rating.studies import list_studies, read_progress
from rater.store.sealed import schema
from rater.store.sealed.open import open_sealed
from rater.study.state import State
from rater.study.study import Study

Sealed = Literal["read", "missing", "not ours"]
"""Whether the sealed database was read: only it knows of studies that are not published yet."""


@dataclass(frozen=True)
class ListedStudy:
    """A study, and how far it has come."""

    name: str
    title: str
    state: str
    """As the rating database has it; else "partly generated", "generated", or "published elsewhere"."""
    n_finished: int
    n_planned: int
    """Raters, as `n_finished` too."""
    n_answers: int


@dataclass(frozen=True)
class Listing:
    """All studies by name, and whether those that are not published yet could be seen too."""

    studies: tuple[ListedStudy, ...]
    sealed: Sealed


def list_all(rating_url: str, sealed_url: str) -> Listing:
    """List the studies of both databases, where they are there. Costs five queries a published study."""
    published = _list_published(rating_url)
    unpublished, sealed = _list_sealed(sealed_url)
    known = {study.name for study in published}
    both = [*published, *(study for study in unpublished if study.name not in known)]
    return Listing(tuple(sorted(both, key=lambda study: study.name)), sealed)


def _list_published(rating_url: str) -> list[ListedStudy]:
    path = sqlite_path(rating_url)
    if path is not None and not path.is_file():
        return []
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        progress = [(study, read_progress(session, study.id)) for study in list_studies(session)]
    return [
        ListedStudy(
            name=study.name,
            title=study.protocol.title,
            state=study.state,
            n_finished=came.n_finished,
            n_planned=came.n_booklets,
            n_answers=came.n_answers,
        )
        for study, came in progress
    ]


def _list_sealed(sealed_url: str) -> tuple[list[ListedStudy], Sealed]:
    path = sqlite_path(sealed_url)
    if path is not None and not path.is_file():
        return [], "missing"
    if path is not None and not os.access(path, os.R_OK | os.W_OK):
        return [], "not ours"
    try:
        with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
            return _read_sealed(session), "read"
    except DatabaseError:
        if path is not None:
            raise
        return [], "not ours"  # as it should be for the role of the web process


def _read_sealed(session: Session) -> list[ListedStudy]:
    """Read names, titles and counts, of all arms together. Costs three queries."""
    kept = session.execute(select(schema.Study.id, schema.Study.canonical_json)).all()
    made = dict(
        session.execute(
            select(schema.Completion.study_id, func.count()).group_by(schema.Completion.study_id)
        ).all()
    )
    published = set(session.scalars(select(schema.Publication.study_id)))
    listed = []
    for study_id, canonical_json in kept:
        study = Study.model_validate_json(canonical_json)
        is_whole = made.get(study_id, 0) == study.n_completions
        state = (
            "published elsewhere"
            if study_id in published
            else State.GENERATED
            if is_whole
            else "partly generated"
        )
        listed.append(ListedStudy(study.name, study.title, state, 0, study.n_raters, 0))
    return listed
