from datetime import datetime

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from rater.store.engine import writing
from rater.store.sealed.completions import Cell, NewCompletion, insert_completions
from rater.store.sealed.studies import (
    SealedStudy,
    Secrets,
    insert_sealed_study,
    insert_secrets,
)


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


@pytest.mark.parametrize("table", ["key_entry", "event"])
@pytest.mark.parametrize(
    "change", ["DELETE FROM {table}", "UPDATE {table} SET {column} = {column}"], ids=["delete", "update"]
)
def test_key_and_log_refuse_changes(sealed: Engine, published: Secrets, table: str, change: str) -> None:
    column = {"key_entry": "item_id", "event": "kind"}[table]

    with pytest.raises(DBAPIError, match=f"{table} is append-only"), writing(sealed) as session:
        session.execute(text(change.format(table=table, column=column)))
