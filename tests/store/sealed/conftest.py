"""Give the sealed store's tests a sealed database on each dialect."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import Engine

from rater.store.engine import writing
from rater.store.sealed.completions import Cell, NewCompletion, insert_completions
from rater.store.sealed.open import create_sealed
from rater.store.sealed.studies import (
    SealedStudy,
    Secrets,
    insert_sealed_study,
    insert_secrets,
)


@pytest.fixture
def sealed(sealed_url: str) -> Iterator[Engine]:
    engine = create_sealed(sealed_url)
    yield engine
    engine.dispose()


@pytest.fixture
def study(sealed: Engine, now: datetime) -> SealedStudy:
    with writing(sealed) as session:
        return insert_sealed_study(
            session, name="love_vs_hate", study_hash="h", canonical_json='{"a":1}', now=now
        )


@pytest.fixture
def published(sealed: Engine, study: SealedStudy, now: datetime) -> Secrets:
    """The study with one completion, published."""
    secrets = Secrets(seed="5eed", salt="5a17", commitment="c" * 64, published_at=now)
    made = NewCompletion(cell=Cell(0, "a", 0), seed=1, token_ids=(1,), text="t", stop_reason="eos")
    with writing(sealed) as session:
        insert_completions(session, study.id, [made], versions={}, now=now)
        insert_secrets(session, study.id, secrets, key={"item": 1})
    return secrets
