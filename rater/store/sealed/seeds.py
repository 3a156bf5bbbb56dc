"""Read the seeds that completions were sampled with, for whoever searches for them where they must not be."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from rater.store.sealed.schema import Completion


def read_seeds(session: Session, study_id: int) -> set[int]:
    """Read the seeds of a study's completions. Costs one query."""
    return set(session.scalars(select(Completion.seed).where(Completion.study_id == study_id).distinct()))
