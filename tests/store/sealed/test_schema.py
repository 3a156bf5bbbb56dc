import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from rater.store.engine import writing
from rater.store.sealed.studies import (
    Secrets,
)


@pytest.mark.parametrize("table", ["key_entry", "event"])
@pytest.mark.parametrize(
    "change", ["DELETE FROM {table}", "UPDATE {table} SET {column} = {column}"], ids=["delete", "update"]
)
def test_key_and_log_refuse_changes(sealed: Engine, published: Secrets, table: str, change: str) -> None:
    column = {"key_entry": "item_id", "event": "kind"}[table]

    with pytest.raises(DBAPIError, match=f"{table} is append-only"), writing(sealed) as session:
        session.execute(text(change.format(table=table, column=column)))
