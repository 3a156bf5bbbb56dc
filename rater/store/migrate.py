"""Migrate a database to the revision that this version of rater needs, and refuse any other revision."""

from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, Engine, inspect, text

from rater.errors import DatabaseError
from rater.store.engine import reading, without_secrets, writing

Which = Literal["rating", "sealed"]

# The revisions that this version needs. A test compares them with the migrations, since reading those at each
# start would import Alembic (0.3 s).
HEAD: dict[Which, str] = {"rating": "0001", "sealed": "0001"}
# a table that one kind of database has from its first revision on, and the other kind never has
_SIGNATURE: dict[Which, str] = {"rating": "booklet", "sealed": "completion"}


def migrations_folder(which: Which) -> Path:
    """Return the folder of the migrations: in the installed package, or next to it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "migrations" / which
    return installed if installed.is_dir() else package.parent / "migrations" / which


def migrate(engine: Engine, which: Which, revision: str = "head") -> None:
    """Upgrade a database, or downgrade it to an earlier revision; each call is one transaction."""
    is_back = revision == "base" or revision < (current_revision(engine) or "")
    with writing(engine) as session:
        migrate_connection(session.connection(), which, revision, is_back=is_back)


def migrate_connection(
    connection: Connection, which: Which, revision: str = "head", *, is_back: bool = False
) -> None:
    """Migrate a database in the transaction of a connection."""
    from alembic import command  # noqa: PLC0415 (0.3 s; serving does not need it)
    from alembic.config import Config  # noqa: PLC0415 (as above)

    config = Config()
    config.set_main_option("script_location", str(migrations_folder(which)).replace("%", "%%"))
    config.attributes["connection"] = connection
    (command.downgrade if is_back else command.upgrade)(config, revision)


def current_revision(engine: Engine) -> str | None:
    """Return a database's revision; None if it has no tables yet. Costs two queries."""
    with reading(engine) as session:
        if not inspect(session.connection()).has_table("alembic_version"):
            return None
        return session.execute(text("SELECT version_num FROM alembic_version")).scalar()


def require_kind(engine: Engine, which: Which) -> None:
    """Refuse a database of the other kind, or of another program. Costs one query.

    Raises:
        DatabaseError: the database is not of this kind.
    """
    with reading(engine) as session:
        tables = set(inspect(session.connection()).get_table_names()) - {"alembic_version"}
    other: Which = "sealed" if which == "rating" else "rating"
    if not tables or _SIGNATURE[which] in tables:
        return
    shown = without_secrets(engine.url)
    is_other = _SIGNATURE[other] in tables
    what = f"is a {other} database; were --ratings and --sealed swapped?" if is_other else "is not rater's."
    msg = f"{shown} {what} Valid: a {which} database, or a database that does not exist yet."
    raise DatabaseError(msg)


def require_current(engine: Engine, which: Which) -> None:
    """Refuse a database of another kind or revision; the message names the command to run.

    Raises:
        DatabaseError: the database is empty, of another kind, or older or newer than this version of rater.
    """
    require_kind(engine, which)
    revision = current_revision(engine)
    if revision == HEAD[which]:
        return
    shown = without_secrets(engine.url)
    if revision is not None and revision > HEAD[which]:
        msg = (
            f"The {which} database {shown} is at revision {revision}, but this version of rater supports "
            f"revisions up to {HEAD[which]}. Install the version that wrote it."
        )
    else:
        msg = (
            f"The {which} database {shown} is at revision {revision or 'none'}, but this version of rater "
            f"needs {HEAD[which]}. Run: rater db upgrade"
        )
    raise DatabaseError(msg)


def prepare(engine: Engine, which: Which) -> None:
    """Create the tables in an empty database; refuse a database of another revision.

    Raises:
        DatabaseError: the database is of another revision.
    """
    require_kind(engine, which)
    if current_revision(engine) is None:
        migrate(engine, which)
    require_current(engine, which)
