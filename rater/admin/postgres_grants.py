"""Set up the PostgreSQL role of the web process, with only the privileges that raters' pages need.

It can read and add, but change neither answers nor anything that was published, empty no table, make none,
and cannot so much as connect to the sealed database.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, make_url, text

from rater.errors import DatabaseError, StateError
from rater.store.engine import disposing, open_engine, shown_url, sqlite_path
from rater.store.migrate import require_current
from rater.store.rating.schema import RatingBase

_ROLE = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_PROGRESS = (
    "screened_at, questions_before_at, instructed_at, practised_at, n_practice_attempts, finished_at, "
    "asked_at, guessed_at, questions_after_at, commented_at, left_at, left_why, replaced_at, "
    "replaced_why"
)
GRANTS: Mapping[str, tuple[str, ...]] = {
    "study": ("SELECT", "UPDATE (state)"),
    "amendment": ("SELECT",),
    "item": ("SELECT",),
    "booklet": ("SELECT",),
    "trial": ("SELECT",),
    "trial_text": ("SELECT",),
    "attention_check": ("SELECT",),
    "rater": ("SELECT", "INSERT", f"UPDATE ({_PROGRESS})"),
    "token": ("SELECT", "INSERT"),
    "identifier": ("SELECT", "INSERT"),
    "invitation": ("SELECT", "UPDATE (rater_id)"),
    "questionnaire_answer": ("SELECT", "INSERT"),
    "answer": ("SELECT", "INSERT"),
    "guess": ("SELECT", "INSERT"),
    "comment": ("SELECT", "INSERT"),
    "shown_ending": ("SELECT", "INSERT"),
    "tally": ("SELECT", "INSERT", "UPDATE (n)"),
    "unfilled_parameter": ("SELECT", "INSERT", "UPDATE (n, last_at)"),
    "network_count": ("SELECT", "INSERT", "UPDATE (n)", "DELETE"),
    "participant_list": ("SELECT",),
    "listed_participant": ("SELECT",),
    "event": ("SELECT", "INSERT"),
    "desk_user": ("SELECT",),
    "desk_grant": ("SELECT",),
    "webhook_event": ("SELECT", "INSERT", "UPDATE (n_attempts, next_at, delivered_at)", "DELETE"),
    "desk_session": ("SELECT", "INSERT", "UPDATE (seen_at)", "DELETE"),
    "desk_preview": ("SELECT", "INSERT", "UPDATE (version, content)", "DELETE"),
}
"""The role's privileges per table; locking a row requires UPDATE on one of its columns."""


@dataclass(frozen=True)
class Granted:
    """The resulting privileges."""

    role: str
    was_made: bool
    sealed: str
    """The reason why the role cannot read the sealed database."""


def grant_web_role(rating_url: str, sealed_url: str, role: str, *, password: str | None) -> Granted:
    """Create the role if it is missing, grant what the web process needs, and revoke everything else.

    Must be run as the owner of both databases, who may make roles.

    Raises:
        DatabaseError: the rating database is not PostgreSQL, or not ours.
        StateError: the role's name is not plain, or it has more power than it may.
    """
    if make_url(rating_url).get_backend_name() != "postgresql":
        msg = (
            f"{shown_url(rating_url)} is a SQLite file, which has no roles: anyone who can read the file "
            "can do everything with it. Valid: a PostgreSQL database."
        )
        raise DatabaseError(msg)
    if not _ROLE.fullmatch(role):
        msg = f"The role {role!r} is not a plain name. Valid: a-z, 0-9 and _, such as rater_web."
        raise StateError(msg)
    with disposing(open_engine(rating_url)) as rating:
        require_current(rating, "rating")
        with rating.begin() as connection:
            was_made = _make_role(connection, role, password)
            _require_weak(connection, role)
            _grant(connection, role)
    return Granted(role, was_made, _keep_from_sealed(sealed_url, role))


def _make_role(connection: Connection, role: str, password: str | None) -> bool:
    known = connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
    if not known:
        connection.execute(text(f'CREATE ROLE "{role}" LOGIN NOCREATEDB NOCREATEROLE NOSUPERUSER'))
    if password is not None:
        # a role's password takes no parameter: the server itself puts it in quotes
        quoted = text(
            "SELECT format('ALTER ROLE %I PASSWORD %L', CAST(:role AS text), CAST(:password AS text))"
        )
        statement = connection.scalar(quoted, {"role": role, "password": password})
        connection.exec_driver_sql(str(statement).replace("%", "%%"))
    return not known


def _require_weak(connection: Connection, role: str) -> None:
    strong = connection.scalar(
        text(
            "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication "
            "OR rolname = current_user "
            "OR EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid) "
            "OR EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid) "
            "OR EXISTS (SELECT FROM pg_namespace WHERE nspowner = pg_roles.oid) "
            "OR EXISTS (SELECT FROM pg_database WHERE datdba = pg_roles.oid) "
            "FROM pg_roles WHERE rolname = :role"
        ),
        {"role": role},
    )
    if strong:
        msg = (
            f"The role {role} is a superuser, may make roles or databases, owns something here, or is a "
            "member of another role: it could undo what is set up here. Name another one, which is made if "
            "it is missing."
        )
        raise StateError(msg)


def _grant(connection: Connection, role: str) -> None:
    database = connection.engine.url.database
    statements = [
        f'REVOKE ALL ON DATABASE "{database}" FROM PUBLIC',
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f'REVOKE ALL ON DATABASE "{database}" FROM "{role}"',
        f'REVOKE ALL ON SCHEMA public FROM "{role}"',
        f'REVOKE ALL ON ALL TABLES IN SCHEMA public FROM "{role}", PUBLIC',
        f'REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM "{role}", PUBLIC',
        f'ALTER ROLE "{role}" RESET ALL',  # a search path of its own, for one
        f'GRANT CONNECT ON DATABASE "{database}" TO "{role}"',
        f'GRANT USAGE ON SCHEMA public TO "{role}"',
        f'GRANT SELECT ON alembic_version TO "{role}"',
        *(f'GRANT {", ".join(may)} ON "{table}" TO "{role}"' for table, may in GRANTS.items()),
        *(f'GRANT USAGE ON SEQUENCE "{sequence}" TO "{role}"' for sequence in _sequences()),
    ]
    for statement in statements:
        connection.execute(text(statement))


def _sequences() -> list[str]:
    """Name the sequences that number the rows which the role adds."""
    return [
        f"{table}_{column.name}_seq"
        for table, may in GRANTS.items()
        if "INSERT" in may
        for column in [RatingBase.metadata.tables[table].autoincrement_column]
        if column is not None and not column.foreign_keys
    ]


def _keep_from_sealed(sealed_url: str, role: str) -> str:
    if make_url(sealed_url).get_backend_name() != "postgresql":
        return f"{sqlite_path(sealed_url)} is a file: store it where the server process cannot read it"
    with disposing(open_engine(sealed_url)) as sealed, sealed.begin() as connection:
        return _revoke(sealed, connection, role)


def _revoke(sealed: Engine, connection: Connection, role: str) -> str:
    if not connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
        return f"{sealed.url.database} is on a server that does not know {role}"
    database = sealed.url.database
    for whom in ("PUBLIC", f'"{role}"'):
        connection.execute(text(f'REVOKE ALL ON DATABASE "{database}" FROM {whom}'))
        connection.execute(text(f"REVOKE ALL ON SCHEMA public FROM {whom}"))
        connection.execute(text(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {whom}"))
    can = text("SELECT has_database_privilege(:role, current_database(), 'CONNECT')")
    if connection.scalar(can, {"role": role}):
        msg = (
            f"The role {role} can still connect to the sealed database {database}, which somebody else owns. "
            f"Run rater db grant {role} as its owner."
        )
        raise StateError(msg)
    return f"{role} cannot connect to {database}"
