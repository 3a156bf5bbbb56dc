from collections.abc import Callable
from typing import Literal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, inspect, text

from rater.errors import DatabaseError
from rater.store.dictionary import meanings_of
from rater.store.engine import open_engine, reading, writing
from rater.store.migrate import HEAD, current_revision, migrate, migrations_folder, prepare
from rater.store.rating import schema as rating_schema
from rater.store.rating.open import create_rating, open_rating
from rater.store.sealed import schema as sealed_schema
from rater.store.sealed.open import create_sealed, open_sealed

Which = Literal["rating", "sealed"]
METADATA: dict[Which, MetaData] = {
    "rating": rating_schema.RatingBase.metadata,
    "sealed": sealed_schema.SealedBase.metadata,
}
OPEN: dict[Which, Callable[[str], Engine]] = {"rating": open_rating, "sealed": open_sealed}
CREATE: dict[Which, Callable[[str], Engine]] = {"rating": create_rating, "sealed": create_sealed}

both = pytest.mark.parametrize("which", ["rating", "sealed"])


def _tables(engine: Engine) -> set[str]:
    with reading(engine) as session:
        return set(inspect(session.connection()).get_table_names())


@both
def test_the_migrations_create_exactly_the_declared_tables(
    which: Which, new_url: Callable[[str], str]
) -> None:
    engine = CREATE[which](new_url(which))

    with reading(engine) as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_server_default": True})
        differences = compare_metadata(context, METADATA[which])

    assert differences == []
    engine.dispose()


@both
def test_the_migrations_create_every_declared_constraint(which: Which, new_url: Callable[[str], str]) -> None:
    migrated = CREATE[which](new_url(which))
    declared = open_engine(new_url(which))
    with writing(declared) as session:
        METADATA[which].create_all(session.connection())

    assert _constraints(migrated) - {("alembic_version", "alembic_version_pkc")} == _constraints(declared)
    migrated.dispose()
    declared.dispose()


def _constraints(engine: Engine) -> set[tuple[str, str | None]]:
    with reading(engine) as session:
        found = inspect(session.connection())
        tables = found.get_table_names()
        lists = {
            table: [
                found.get_pk_constraint(table),
                *found.get_foreign_keys(table),
                *found.get_unique_constraints(table),
                *found.get_check_constraints(table),
                *found.get_indexes(table),
            ]
            for table in tables
        }
    return {(table, constraint["name"]) for table, several in lists.items() for constraint in several}


@both
def test_head_is_the_latest_migration(which: Which) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder(which)))

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD[which]]


@both
def test_a_database_can_be_upgraded_downgraded_and_upgraded_again(
    which: Which, new_url: Callable[[str], str]
) -> None:
    engine = CREATE[which](new_url(which))
    tables = _tables(engine)

    migrate(engine, which, "base")
    assert _tables(engine) == {"alembic_version"}

    migrate(engine, which)
    assert _tables(engine) == tables
    assert current_revision(engine) == HEAD[which]
    engine.dispose()


@both
def test_migrating_twice_changes_nothing(which: Which, new_url: Callable[[str], str]) -> None:
    engine = CREATE[which](new_url(which))

    migrate(engine, which)
    prepare(engine, which)

    assert current_revision(engine) == HEAD[which]
    engine.dispose()


@both
def test_a_failed_migration_is_rolled_back(which: Which, new_url: Callable[[str], str]) -> None:
    engine = open_engine(new_url(which))
    with writing(engine) as session:
        session.execute(text("CREATE TABLE event (id INTEGER)"))

    with pytest.raises(Exception, match="already exists"):
        migrate(engine, which)

    assert _tables(engine) == {"event"}
    engine.dispose()


@both
def test_an_older_database_is_refused_with_the_command_to_run(
    which: Which, new_url: Callable[[str], str]
) -> None:
    url = new_url(which)
    engine = CREATE[which](url)
    migrate(engine, which, "base")
    engine.dispose()

    with pytest.raises(DatabaseError) as caught:
        OPEN[which](url)

    assert str(caught.value).endswith(
        f"is at revision none, but this version of rater needs {HEAD[which]}. Run: rater db upgrade"
    )


@both
def test_a_newer_database_is_refused_with_advice(which: Which, new_url: Callable[[str], str]) -> None:
    url = new_url(which)
    engine = CREATE[which](url)
    with writing(engine) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(DatabaseError) as caught:
        CREATE[which](url)

    assert str(caught.value).endswith(
        f"is at revision 9999, but this version of rater supports revisions up to {HEAD[which]}. "
        "Install the version that wrote it."
    )


def test_the_other_kind_of_database_is_refused(new_url: Callable[[str], str]) -> None:
    url = new_url("sealed")
    create_sealed(url).dispose()

    for open_it in (open_rating, create_rating):
        with pytest.raises(DatabaseError, match="is a sealed database; were --ratings and --sealed swapped"):
            open_it(url)


def test_a_database_of_another_program_is_refused(new_url: Callable[[str], str]) -> None:
    url = new_url("rating")
    engine = open_engine(url)
    with writing(engine) as session:
        session.execute(text("CREATE TABLE recipe (id INTEGER)"))
    engine.dispose()

    with pytest.raises(DatabaseError, match=r"is not rater's\. Valid: a rating database"):
        create_rating(url)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)  # SQLite stores no comments
def test_postgresql_shows_the_meaning_of_every_column(new_url: Callable[[str], str]) -> None:
    engine = create_rating(new_url("rating"))

    with reading(engine) as session:
        columns = inspect(session.connection()).get_columns("answer")

    assert {each["name"]: each["comment"] for each in columns} == {
        name: meaning.description for name, meaning in meanings_of(rating_schema.Answer).items()
    }
    engine.dispose()
