import itertools
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from rater.store.engine import disposing, open_engine, writing
from rater.store.writer_lock import writer_lock

_HOLD = """
import sys, time
from pathlib import Path
from rater.store.writer_lock import writer_lock
with writer_lock(Path(sys.argv[1]), 5):
    print("held", flush=True)
    time.sleep(60)
"""

_SAVE = """
import sys
from sqlalchemy import text
from rater.store.engine import open_engine, writing
engine = open_engine(f"sqlite:///{sys.argv[1]}")
n = 0
while n < 300:
    with writing(engine) as session:
        n = session.execute(text("SELECT count(*) FROM note")).scalar_one()
        session.execute(text("INSERT INTO note VALUES (:who)"), {"who": int(sys.argv[2])})
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    database = tmp_path / "a.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE note (n INTEGER)")
    return database


def test_a_writer_waits_for_the_one_before(path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with writer_lock(path, 5):
            order.append("second")

    thread = threading.Thread(target=second)
    with writer_lock(path, 5):
        thread.start()
        time.sleep(0.05)
        order.append("first")
    thread.join()

    assert order == ["first", "second"]


def test_a_writer_that_dies_releases_the_lock(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        threading.Timer(0.2, process.kill).start()
        before = time.monotonic()
        with writer_lock(path, 30):
            waited = time.monotonic() - before

    assert 0.1 < waited < 20


def test_after_the_timeout_a_writer_continues(path: Path) -> None:
    with writer_lock(path, 5):
        before = time.monotonic()
        thread = threading.Thread(target=lambda: _take(path, 0.1))
        thread.start()
        thread.join()

        assert time.monotonic() - before < 5


def _take(path: Path, timeout_s: float) -> None:
    with writer_lock(path, timeout_s):
        pass


def test_an_error_releases_the_lock(path: Path) -> None:
    with pytest.raises(ValueError, match="x"), writer_lock(path, 5):
        raise ValueError("x")

    before = time.monotonic()
    _take(path, 5)
    assert time.monotonic() - before < 2


def test_the_lock_file_has_the_mode_of_the_database(path: Path) -> None:
    path.chmod(0o600)

    _take(path, 1)

    assert path.with_name("a.db-turn").stat().st_mode & 0o777 == 0o600


def test_many_writers_lose_nothing(path: Path) -> None:
    with disposing(open_engine(f"sqlite:///{path}")) as engine:

        def write() -> None:
            for _ in range(10):
                with writing(engine) as session:
                    n = session.execute(text("SELECT count(*) FROM note")).scalar_one()
                    session.execute(text("INSERT INTO note VALUES (:n)"), {"n": n})

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT n) FROM note").fetchone() == (40, 40)


def test_no_process_is_overtaken_again_and_again(path: Path) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", _SAVE, str(path), str(n)]) for n in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]

    with closing(sqlite3.connect(path)) as connection:
        order = [who for (who,) in connection.execute("SELECT n FROM note ORDER BY rowid")]
    all_began = max(order.index(n) for n in range(3))
    runs = [len(list(run)) for _, run in itertools.groupby(order[all_began:])]
    # On average 1.1 saves in a row; 10 to 18 with a lock that is polled. A single long run only shows that
    # the system paused the other processes.
    assert sum(runs) < 5 * len(runs)
