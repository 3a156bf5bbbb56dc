"""Read the seeds that completions were sampled with, for whoever searches for them where they must not be."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from rater.store.sealed.schema import Completion


def read_seeds(session: Session, study_id: int) -> set[int]:
    """Read the seeds of a study's completions. Costs one query."""
    seeds = session.scalars(select(Completion.seed).where(Completion.study_id == study_id).distinct())
    return {seed for seed in seeds if seed is not None}
