"""Change a database as its owner can: past the triggers, which are there again afterwards."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from rater.store.engine import disposing, open_engine


def tamper(url: str, *statements: str) -> None:
    """Run statements on a database without its triggers and foreign keys, and put the triggers back."""
    if url.startswith("postgresql"):
        with disposing(open_engine(url)) as engine, engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for statement in statements:
                connection.execute(text(statement))
        return
    with closing(sqlite3.connect(file_of(url))) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, definition in triggers:
            connection.execute(definition)
        connection.commit()


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))
