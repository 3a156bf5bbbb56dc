"""Verify the databases themselves: the file is undamaged, and the schema is that of a fresh migration.

A dropped trigger no longer refuses changes, an added one may discard answers, and without its unique index a
table accepts a row twice. No digest shows this, so all definitions are compared with those that the
migrations create in an empty database.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from functools import lru_cache

from sqlalchemy import Connection, Engine, StaticPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from rater.store.migrate import Which, migrate_connection
from rater.verify.checks import Check, not_checked, tampered, valid

Definitions = Mapping[str, str]
"""Definitions of a database by kind and name, such as "trigger answer_refuses_update"."""

_MAX_NAMED = 5
_MAY_NOT = {"42501", "25006"}
"""SQLSTATE of a role that may not create a schema, and of a read-only server."""
_POSTGRESQL = {
    "column": """
        SELECT c.relname || '.' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
            a.attnotnull, a.attgenerated, a.attidentity, pg_get_expr(d.adbin, d.adrelid))
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            AND a.attnum > 0 AND NOT a.attisdropped""",
    "table": """
        SELECT relname, concat_ws(' ', relkind, relpersistence, relrowsecurity, relforcerowsecurity)
        FROM pg_class WHERE relnamespace = CAST(:schema AS regnamespace) AND relkind <> 'i'""",
    "constraint": """
        SELECT c.relname || '.' || k.conname,
            concat_ws(' ', pg_get_constraintdef(k.oid, true), k.convalidated)
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        WHERE k.connamespace = CAST(:schema AS regnamespace)""",
    "index": """
        SELECT i.relname, concat_ws(' ', pg_get_indexdef(i.oid, 0, true), x.indisvalid)
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
        WHERE i.relnamespace = CAST(:schema AS regnamespace)""",
    "trigger": """
        SELECT t.tgname, concat_ws(' ', pg_get_triggerdef(t.oid, true), t.tgenabled)
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = CAST(:schema AS regnamespace) AND NOT t.tgisinternal""",
    "foreign key's trigger": """
        SELECT concat_ws(' ', c.relname, k.conname, p.proname), t.tgenabled
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
        LEFT JOIN pg_constraint k ON k.oid = t.tgconstraint
        WHERE c.relnamespace = CAST(:schema AS regnamespace) AND t.tgisinternal""",
    "function": """
        SELECT proname || '(' || pg_get_function_identity_arguments(oid) || ')',
            concat_ws(' ', prosrc, prosecdef, array_to_string(proconfig, ','))
        FROM pg_proc WHERE pronamespace = CAST(:schema AS regnamespace)""",
    "rule": """
        SELECT c.relname || '.' || r.rulename, concat_ws(' ', pg_get_ruledef(r.oid, true), r.ev_enabled)
        FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
        WHERE c.relnamespace = CAST(:schema AS regnamespace)""",
    "policy": """
        SELECT c.relname || '.' || p.polname, pg_get_expr(p.polqual, p.polrelid)
        FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE c.relnamespace = CAST(:schema AS regnamespace)""",
}
"""Queries for the names and definitions of a PostgreSQL schema, by kind."""


def verify_database(engine: Engine, which: Which) -> Iterator[Check]:
    """Verify that the file of a database is undamaged and that its schema is that of a fresh migration.

    Costs reading the whole file once, and a migration in memory (or, on PostgreSQL, in a transaction that is
    rolled back).
    """
    yield from _file(engine, which)
    yield _schema(engine, which)


def _file(engine: Engine, which: Which) -> Iterator[Check]:
    if engine.dialect.name != "sqlite":
        return
    name = f"{which} file"
    try:
        with engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    except DBAPIError as error:
        found = str(error.orig)
    if found == "ok":
        yield valid(name, "SQLite's quick_check passes.")
    else:
        yield tampered(name, f"The file is damaged: {found}.")


def _schema(engine: Engine, which: Which) -> Check:
    name = f"{which} schema"
    try:
        if engine.dialect.name == "postgresql":
            definitions, expected = _in_postgresql(engine, which)
        else:
            with engine.connect() as connection:
                definitions = _read_sqlite(connection)
            expected = _fresh_in_sqlite(which)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in _MAY_NOT:
            raise
        reason = str(error.orig).strip().splitlines()[0]
        return not_checked(name, f"The schema cannot be compared: {reason}.")
    wrong = sorted(each for each in {*definitions, *expected} if definitions.get(each) != expected.get(each))
    if not wrong:
        return valid(name, f"All {len(expected)} definitions are those of a fresh migration.")
    named = ", ".join(
        f"{each} ({'missing' if each not in definitions else 'changed' if each in expected else 'added'})"
        for each in wrong[:_MAX_NAMED]
    )
    more = f", and {len(wrong) - _MAX_NAMED} more" if len(wrong) > _MAX_NAMED else ""
    return tampered(name, f"Not as the migrations create them: {named}{more}.")


def _read_sqlite(connection: Connection) -> Definitions:
    rows = connection.exec_driver_sql(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    return {f"{kind} {name}": f"{table} {_plain(sql)}" for kind, name, table, sql in rows}


def _plain(sql: str | None) -> str:
    """Remove what may differ between versions of SQLite and PostgreSQL: quotes and blanks."""
    return re.sub(r"\s*([(),])\s*", r"\1", " ".join((sql or "").replace('"', "").split()))


# A restored database prints (ARRAY['a'::character varying::text]) where its constraint was first printed as
# (ARRAY['a'::character varying]::text[]). Without a length, a cast between these types changes no value.
_CAST = re.compile(r"::(?:text|character varying)(?:\[\])?(?![\w(])")


def _without_casts(definition: str) -> str:
    """Remove the casts between types of text that a restored PostgreSQL database prints in other places."""
    return _CAST.sub("", definition)


@lru_cache
def _fresh_in_sqlite(which: Which) -> Definitions:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.begin() as connection:
            migrate_connection(connection, which)
            return _read_sqlite(connection)
    finally:
        engine.dispose()


def _in_postgresql(engine: Engine, which: Which) -> tuple[Definitions, Definitions]:
    """Read a database's definitions, and those of a migration into a schema that is rolled back."""
    scratch = f"rater_verify_{secrets.token_hex(6)}"
    with engine.connect().execution_options(postgresql_readonly=False) as connection:
        public = str(connection.scalar(text("SELECT current_schema()")))
        definitions = _read_postgresql(connection, public)
        connection.execute(text(f"CREATE SCHEMA {scratch}"))
        connection.execute(text(f"SET LOCAL search_path TO {scratch}"))
        migrate_connection(connection, which)
        expected = _read_postgresql(connection, scratch)
        connection.rollback()
    return definitions, expected


def _read_postgresql(connection: Connection, schema: str) -> Definitions:
    connection.execute(text(f'SET LOCAL search_path TO "{schema}"'))
    return {
        f"{kind} {name}": _without_casts(_plain(definition).replace(f"{schema}.", ""))
        for kind, query in _POSTGRESQL.items()
        for name, definition in connection.execute(text(query), {"schema": schema})
    }
