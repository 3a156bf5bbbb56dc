"""Kill each command at its n-th file operation or commit, and run it again.

The points are where files are opened for writing, renamed and removed, and before and after each commit; what
SQLite does within a commit is its own.
"""

import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from rater.store.engine import disposing, reading
from rater.store.rating.open import open_rating
from rater.store.rating.studies import find_study
from rater.study.study import Study
from rater.verify import names_of_tampered, verify_study
from tests.cli.command import run

pytestmark = pytest.mark.slow

DATABASES = ("--ratings", "rating.db", "--sealed", "sealed.db")
RATINGS = DATABASES[:2]
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"}
_POINTS = {"publish": 3, "analyze": 3}
"""Number of points of a command that are tried, spread over all of them, where each takes seconds; else 8."""


def run_killed(command: tuple[str, ...], cwd: Path, *, at: int) -> int | None:
    """Run a command in a child that is killed at its n-th point; returns how many there were, if fewer."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork next to threads, which only wait
        child = os.fork()
    if child == 0:
        _count_points(at)
        run(*command, cwd=cwd)
        os.write(write, str(_COUNTED[0]).encode())
        os._exit(0)
    os.close(write)
    _, status = os.waitpid(child, 0)
    counted = os.read(read, 20)
    os.close(read)
    return None if os.WIFSIGNALED(status) else int(counted)


_COUNTED = [0]


def _count_points(at: int) -> None:
    def point(*_: object) -> None:
        _COUNTED[0] += 1
        if _COUNTED[0] == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def audited(name: str, arguments: tuple[object, ...]) -> None:
        writes = name == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if writes or name in _CHANGES:
            point()

    sys.addaudithook(audited)
    event.listen(Engine, "commit", point)
    event.listen(Session, "after_commit", point)


def is_whole(cwd: Path, study: Study) -> bool:
    """Return whether verification finds no tampering."""
    url = f"sqlite:///{cwd}/rating.db"
    with disposing(open_rating(url)) as rating, reading(rating) as session:
        if find_study(session, study.name) is None:
            return True
    return names_of_tampered(verify_study(url, study.name, sealed_url=f"sqlite:///{cwd}/sealed.db")) == ()


DONE = ("is open; only", "is closed; only", "is published already", "No rater of this study is known")
"""Output of a command that runs again after it was killed when it was done."""

COMMANDS: dict[str, tuple[str, tuple[tuple[str, ...], ...], tuple[str, ...]]] = {
    "publish": ("sealed", (), ("publish", "{name}", "--hold", *DATABASES)),
    "open": ("published", (), ("open", "{name}", *RATINGS)),
    "invite": (
        "opened",
        (),
        ("invite", "{name}", "--n", "3", "--csv", "links.csv", "--qr", "codes", *RATINGS),
    ),
    "close": ("rated", (), ("close", "{name}", *RATINGS)),
    "forget": ("rated", (), ("forget", "{name}", "cy", "--with-ratings", "--yes", *RATINGS)),
    "backup": ("closed", (), ("backup", "kept", *DATABASES)),
    "analyze": ("closed", (), ("analyze", "{name}", "--yes", "--report", "report", *DATABASES)),
    "export": ("closed", (), ("export", "{name}", "arms.csv", "--unblind", "--yes", *DATABASES)),
    "archive": (
        "closed",
        (("export", "{name}", "arms.csv", "--unblind", "--yes", *DATABASES),),
        ("archive", "{name}", "study.zip", *DATABASES),
    ),
    "import": (
        "closed",
        (
            ("export", "{name}", "arms.csv", "--unblind", "--yes", *DATABASES),
            ("archive", "{name}", "study.zip", *DATABASES),
        ),
        ("import", "study.zip", "--ratings", "new/rating.db", "--sealed", "new/sealed.db"),
    ),
}
"""By command: the state that it begins in, what is run before it, and how it is called."""


@pytest.fixture
def sealed(asking: Study, seal_completions: Callable[[Study], None]) -> Study:
    seal_completions(asking)
    return asking


@pytest.mark.parametrize("what", COMMANDS)
def test_a_command_that_is_killed_anywhere_continues_and_leaves_nothing_behind(
    what: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    state, before, command = COMMANDS[what]
    study: Study = request.getfixturevalue(state)
    name = study.name
    for earlier in before:
        assert run(*(part.format(name=name) for part in earlier), cwd=tmp_path).returncode == 0
    called = tuple(part.format(name=name) for part in command)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}

    def fresh() -> Path:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        for file, content in files.items():
            (folder / file).write_bytes(content)
        return folder

    n_points = run_killed(called, fresh(), at=0)
    assert n_points
    tried = _POINTS.get(what, 8)
    for at in sorted({1 + round(i * (n_points - 1) / (tried - 1)) for i in range(tried)}):
        cwd = fresh()
        run_killed(called, cwd, at=at)
        again = run(*called, cwd=cwd)

        where = f"{what}, killed at point {at} of {n_points}: {again.stderr}"
        assert again.returncode == 0 or any(done in again.stderr for done in DONE), where
        assert is_whole(cwd / "new" if what == "import" else cwd, study), where
        left = [path for path in cwd.rglob("*") if "unfinished" in path.name or path.name.startswith(".")]
        assert left == [], where
