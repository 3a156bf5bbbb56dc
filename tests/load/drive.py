"""Measure ratings per second: `rater serve` beside a bare page, on this machine only, in one run.

Raters rate in a closed loop. One rating is a save and the next page, with or without time to think. All of
it, the driver too, shares the machine's cores, so that only the ratio of the two says something.

    python tests/load/drive.py --raters 100 --seconds 10 --think 0 1
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from client import Browser  # type: ignore[import-not-found]

from rater.store.engine import disposing, writing
from rater.store.rating.open import create_rating
from rater.store.rating.studies import (
    NewBooklet,
    NewItem,
    PublishedStudy,
    insert_study,
    move_study,
)
from rater.study.protocol import Dimension, Likert, Protocol

MOST_RATERS, MOST_SECONDS = 200, 120
N_ITEMS, N_TRIALS = 480, 400
BARE = Path(__file__).resolve().parent / "bare.py"
_SUBMISSION = re.compile(rb'name="submission_id" value="([^"]+)"')
_TOKEN = re.compile(rb'name="token" value="([^"]+)"')

Rate = Callable[[Browser, int], Awaitable[None]]
"""Save the rating of a position and see the next page."""


@dataclass(frozen=True)
class Measured:
    """What one run came to; times in ms."""

    server: str
    n_raters: int
    think_s: float
    ratings_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    """Of the server's processes for each rating: it says something on a busy machine too."""
    n_ratings: int
    n_errors: int


@dataclass(frozen=True)
class Served:
    """A server under measurement."""

    name: str
    port: int
    pid: int
    slug: str


async def measure(served: Served, *, n_raters: int, think_s: float, seconds: float) -> Measured:
    """Let raters rate for some seconds, after all of them have begun."""
    n_raters, seconds = min(n_raters, MOST_RATERS), min(seconds, MOST_SECONDS)
    slug = served.slug
    begin, rate = (_begin, _rate_app(slug)) if served.name == "rater" else (_begin_bare, _rate_bare)
    browsers = [Browser(served.port) for _ in range(n_raters)]
    for browser in browsers:  # one after the other: arriving is not what is measured
        await begin(browser, slug)
    times: list[float] = []
    errors: list[str] = []
    cpu_before, started = cpu_s(served.pid), time.perf_counter()

    async def rater(browser: Browser, number: int) -> None:
        async with browser:
            await asyncio.sleep(think_s * number / n_raters)  # they do not all press at once
            with _noting(errors):
                for position in range(1, N_TRIALS):
                    if time.perf_counter() - started > seconds:
                        return
                    before = time.perf_counter()
                    await rate(browser, position)
                    times.append(time.perf_counter() - before)
                    await asyncio.sleep(think_s)

    await asyncio.gather(*(rater(browser, number) for number, browser in enumerate(browsers)))
    elapsed, cpu = time.perf_counter() - started, cpu_s(served.pid) - cpu_before
    for error in errors[:3]:
        print(error, file=sys.stderr)
    cuts = statistics.quantiles(times, n=100)
    return Measured(
        server=served.name,
        n_raters=n_raters,
        think_s=think_s,
        ratings_per_s=len(times) / elapsed,
        p50_ms=1000 * cuts[49],
        p99_ms=1000 * cuts[98],
        cpu_ms=1000 * cpu / len(times),
        n_ratings=len(times),
        n_errors=len(errors),
    )


@contextlib.contextmanager
def _noting(errors: list[str]) -> Iterator[None]:
    """Let a rater who was refused stop, and remember why."""
    try:
        yield
    except RuntimeError as error:
        errors.append(str(error))


def cpu_s(pid: int) -> float:
    """Add up the processor time of a process and its children so far, in seconds (from Linux's /proc)."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            own, rest = stat.read_text().rsplit(")", 1)
            fields = rest.split()
            if int(own.split()[0]) == pid or int(fields[1]) == pid:
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


async def _begin(browser: Browser, slug: str) -> None:
    page = await browser.get(f"/s/{slug}/consent")
    token = _found(_TOKEN, page.body)
    await browser.post(f"/s/{slug}/consent", {"decision": "agree", "token": token})
    await browser.post(f"/s/{slug}/instructions", {})
    browser.page = (await browser.get(f"/s/{slug}/trial/1")).body


async def _begin_bare(browser: Browser, slug: str) -> None:
    browser.cookie = f"rater={id(browser)}".encode()


def _rate_app(slug: str) -> Rate:
    async def rate(browser: Browser, position: int) -> None:
        path = f"/s/{slug}/trial/{position}"
        form = {"submission_id": _found(_SUBMISSION, browser.page), "shown_ms": "900", "go": "next"}
        saved = await browser.post(path, form | {"answer.happiness": str(position % 5 + 1)})
        page = await browser.get(saved.location) if saved.status == 303 else saved
        if page.status != 200:
            msg = f"{path} answered {saved.status}, and the next page {page.status}"
            raise RuntimeError(msg)
        browser.page = page.body

    return rate


async def _rate_bare(browser: Browser, position: int) -> None:
    answer = await browser.post(f"/{id(browser)}/{position}", {"value": str(position % 5 + 1)})
    if answer.status != 200:
        msg = f"the bare page answered {answer.status}"
        raise RuntimeError(msg)


def _found(pattern: "re.Pattern[bytes]", page: bytes) -> str:
    found = pattern.search(page)
    if found is None:
        msg = f"no {pattern.pattern!r} in {page[:200]!r}"
        raise RuntimeError(msg)
    return found[1].decode()


def fill(url: str, n_raters: int) -> str:
    """Make a rating database with an open study of as many booklets as raters; returns its slug."""
    likert = Likert(low="not at all happy", high="very happy")
    shown = Protocol(
        title="How happy are these texts?",
        consent="You will rate texts.",
        instructions="Say how happy each text is.",
        dimensions=(Dimension(name="happiness", question="How happy is this text?", scale=likert),),
    )
    items = [NewItem(f"{n:032x}", "When I woke up, I", f" text {n} " + "word " * 40) for n in range(N_ITEMS)]
    booklets = [
        NewBooklet(f"{n:032x}", tuple(items[(n * 7 + k) % N_ITEMS].id for k in range(N_TRIALS)))
        for n in range(n_raters)
    ]
    study = PublishedStudy(0, "load", "load", "published", shown, "hash", "commitment", datetime.now(UTC))
    with disposing(create_rating(url)) as rating, writing(rating) as session:
        insert_study(session, study, items=items, booklets=booklets)
        move_study(session, "load", "open", at=datetime.now(UTC))
    return "load"


@contextlib.contextmanager
def serving(command: list[str], folder: Path) -> Iterator[tuple[int, int]]:
    """Start a server; yields its port and process id once it says where it listens."""
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder)
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if found is None:
                msg = f"The server did not start: {(folder / 'server.log').read_text()}"
                raise RuntimeError(msg)
            yield int(found[1]), server.pid
        finally:
            server.terminate()
            server.communicate(timeout=60)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def run(server: str, *, n_raters: int, think_s: float, seconds: float) -> Measured:
    """Measure one server with fresh databases."""
    with tempfile.TemporaryDirectory(prefix="rater-load-") as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'rating.db'}"
        slug = ""
        if server == "rater":
            slug = fill(url, n_raters)
            command = [sys.executable, "-m", "rater", "serve", "--port", "0", "--ratings", url]
        else:
            command = [sys.executable, str(BARE), url, str(free_port()), str(N_ITEMS)]
        with serving(command, folder) as (port, pid):
            served = Served(server, port, pid, slug)
            return asyncio.run(measure(served, n_raters=n_raters, think_s=think_s, seconds=seconds))


def print_table(rows: list[Measured]) -> None:
    heads = ("raters", "think s", "ratings/s", "p50 ms", "p99 ms", "CPU ms", "errors")
    print(f"{'server':<8}" + "".join(f"{head:>10}" for head in heads))
    for row in rows:
        figures = (row.ratings_per_s, row.p50_ms, row.p99_ms, row.cpu_ms)
        shown = "".join(f"{figure:>10.1f}" for figure in figures)
        print(f"{row.server:<8}{row.n_raters:>10}{row.think_s:>10g}{shown}{row.n_errors:>10}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--raters", type=int, default=[100], nargs="+")
    parser.add_argument("--think", type=float, default=[0.0, 1.0], nargs="+", help="seconds between ratings")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--server", choices=["bare", "rater"], default=["bare", "rater"], nargs="+")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [
        run(server, n_raters=n_raters, think_s=think_s, seconds=options.seconds)
        for n_raters in options.raters
        for think_s in options.think
        for server in options.server
    ]
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        print_table(rows)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"on {os.cpu_count()} cores, driver included; largest server process {peak:.0f} MiB")


if __name__ == "__main__":
    main()
