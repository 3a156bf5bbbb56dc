"""Measure ratings per second of `rater serve` and of a bare page, on this machine, in one run.

Raters rate in a closed loop, with or without time to think. One rating is a save and the next page in one
request, as a browser's script sends it; it is sent again with the same ID if no response comes. Rate limits
apply: each rater has an address of their own. Everything, the driver too, shares the machine's cores. The two
servers take turns of a few seconds, so that their ratio is meaningful on a busy machine, too.

    python tests/load/drive.py --raters 20 100 --think 0 --seconds 15
    python tests/load/drive.py --raters 100 --think 1 --database postgresql
    python tests/load/drive.py --raters 20 100 --think 0 --database postgresql --servers 2
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import sys
import time
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from client import Browser  # type: ignore[import-not-found]
from servers import N_TRIALS, SLUG, Served, cpu_of, databases, serving  # type: ignore[import-not-found]

_ONLY_IN_JSON = {"ratings", "mib_before", "resent"}
MAX_RATERS, MAX_SECONDS, TURN_S = 200, 120.0, 5.0
_SUBMISSION = re.compile(rb'name="submission_id" value="([^"]+)"')
_TOKEN = re.compile(rb'name="token" value="([^"]+)"')


@dataclass
class Measured:
    """The measurements of one server."""

    server: str
    database: str
    n_raters: int
    think_s: float
    mib_before: float
    times_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    elapsed_s: float = 0.0
    cpu_s: float = 0.0
    """CPU time of the server's processes, without PostgreSQL's."""
    database_cpu_s: float = 0.0
    """CPU time of PostgreSQL's processes; 0 for SQLite, which runs within the server's."""
    driver_cpu_s: float = 0.0
    """CPU time of this process."""
    mib_after: float = 0.0
    n_resent: int = 0

    def figures(self) -> dict[str, str | float]:
        """Compute the printed figures; times in ms, memory of the largest worker in MiB."""
        cuts = statistics.quantiles(self.times_s, n=100)
        return {
            "server": self.server,
            "database": self.database,
            "raters": self.n_raters,
            "think_s": self.think_s,
            "ratings": len(self.times_s),
            "ratings_per_s": len(self.times_s) / self.elapsed_s,
            "p50_ms": 1000 * cuts[49],
            "p99_ms": 1000 * cuts[98],
            "cpu_ms": 1000 * self.cpu_s / len(self.times_s),
            "database_ms": 1000 * self.database_cpu_s / len(self.times_s),
            "driver_ms": 1000 * self.driver_cpu_s / len(self.times_s),
            "cpu_used": (self.cpu_s + self.database_cpu_s + self.driver_cpu_s)
            / (self.elapsed_s * (os.cpu_count() or 1)),
            "mib_before": self.mib_before,
            "mib_after": self.mib_after,
            "resent": self.n_resent,
            "errors": len(self.errors),
        }


async def measure(
    servers: list[Served], database: str, *, n_raters: int, think_s: float, seconds: float
) -> list[Measured]:
    """Let raters rate for some seconds at each server in turns, after all of them have begun."""
    n_turns = max(1, round(seconds / TURN_S))
    async with AsyncExitStack() as stack:
        raters: dict[str, list[Browser]] = {}
        for served in servers:
            raters[served.name] = [
                await stack.enter_async_context(
                    Browser(
                        served.ports[number % len(served.ports)], f"198.18.{number // 250}.{number % 250}"
                    )
                )
                for number in range(n_raters)
            ]
            if served.name == "rater":
                for browser in raters[served.name]:  # one after the other: this is not measured
                    await _begin(browser)
        measured = [Measured(each.name, database, n_raters, think_s, each.worker_mib()) for each in servers]
        for _ in range(n_turns):
            for served, row in zip(servers, measured, strict=True):
                await _take_turn(served, row, raters[served.name], seconds / n_turns)
        for served, row in zip(servers, measured, strict=True):
            row.mib_after = served.worker_mib()
            row.n_resent = sum(browser.n_resent for browser in raters[served.name])
    return measured


async def _take_turn(served: Served, row: Measured, browsers: list[Browser], seconds: float) -> None:
    rate = _rate if served.name == "rater" else _rate_bare
    before = served.cpu_s(), cpu_of("postgres"), time.process_time()
    started = time.perf_counter()

    async def rater(browser: Browser, number: int) -> None:
        await asyncio.sleep(row.think_s * number / len(browsers))  # not all at once
        while time.perf_counter() - started < seconds and browser.position < N_TRIALS:
            sent_at = time.perf_counter()
            try:
                await rate(browser)
            except (RuntimeError, OSError, asyncio.IncompleteReadError) as error:
                row.errors.append(f"{served.name}: {error}")
                return
            row.times_s.append(time.perf_counter() - sent_at)
            await asyncio.sleep(row.think_s)

    await asyncio.gather(*(rater(browser, number) for number, browser in enumerate(browsers)))
    row.elapsed_s += time.perf_counter() - started
    row.cpu_s += served.cpu_s() - before[0]
    row.database_cpu_s += cpu_of("postgres") - before[1]
    row.driver_cpu_s += time.process_time() - before[2]


async def _begin(browser: Browser) -> None:
    page = await browser.get(f"/s/{SLUG}/consent")
    agreed = await browser.post(
        f"/s/{SLUG}/consent", {"decision": "agree", "token": _found(_TOKEN, page.body)}
    )
    await browser.get(agreed.next_url)
    await browser.post(f"/s/{SLUG}/instructions", {})
    browser.url = f"/s/{SLUG}/trial/1"
    browser.page = (await browser.get(browser.url)).body


async def _rate(browser: Browser) -> None:
    """Save the open trial as the page's script does; the response is the next page."""
    form = {
        "submission_id": _found(_SUBMISSION, browser.page),
        "shown_ms": "900",
        "first_render_ms": "30",
        "hidden_ms": "0",
        "go": "next",
        "answer.happiness": str(browser.position % 5 + 1),
    }
    saved = await browser.post(browser.url, form, {"X-Rater": "1"})
    if saved.status != 200 or saved.outcome != "saved":
        msg = f"{browser.url} answered {saved.status} {saved.outcome}"
        raise RuntimeError(msg)
    browser.url, browser.page = saved.next_url, saved.body
    browser.position += 1


async def _rate_bare(browser: Browser) -> None:
    form = {"value": str(browser.position % 5 + 1)}
    answer = await browser.post(f"/{browser.address}/{browser.position}", form)
    if answer.status != 200:
        msg = f"the bare page answered {answer.status}"
        raise RuntimeError(msg)
    browser.position += 1


def _found(pattern: "re.Pattern[bytes]", page: bytes) -> str:
    found = pattern.search(page)
    if found is None:
        msg = f"no {pattern.pattern!r} in {page[:200]!r}"
        raise RuntimeError(msg)
    return found[1].decode()


def run(
    names: list[str], database: str, *, n_raters: int, think_s: float, seconds: float, n_servers: int = 1
) -> list[Measured]:
    """Measure servers with fresh databases of one kind; the bare page is always one server."""
    n_raters, seconds = min(n_raters, MAX_RATERS), min(seconds, MAX_SECONDS)
    with databases(database) as new_url, ExitStack() as stack:
        servers = [
            stack.enter_context(serving(name, new_url(name), n_raters, n_servers if name == "rater" else 1))
            for name in names
        ]
        return asyncio.run(measure(servers, database, n_raters=n_raters, think_s=think_s, seconds=seconds))


def print_table(rows: list[Measured]) -> None:
    """Print a line for each server, and the app's share of the bare page's rate."""
    figures = [row.figures() for row in rows]
    for number, line in enumerate(figures):
        shown = {name: _write(value) for name, value in line.items() if name not in _ONLY_IN_JSON}
        if number == 0:
            print("".join(f"{name:>14}" for name in shown))
        print("".join(f"{value:>14}" for value in shown.values()))
        before = figures[number - 1]
        if line["server"] == "rater" and number and before["server"] == "bare":
            ratio = float(line["ratings_per_s"]) / float(before["ratings_per_s"])
            print(f"{'':14}{ratio:.2f} of the bare page's rate")


def _write(value: str | float) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--raters", type=int, default=[100], nargs="+")
    parser.add_argument("--think", type=float, default=[0.0, 1.0], nargs="+", help="seconds between ratings")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each server")
    parser.add_argument("--server", choices=["bare", "rater"], default=["bare", "rater"], nargs="+")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default=["sqlite"], nargs="+")
    parser.add_argument("--servers", type=int, default=1, help="rater servers that share a database")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows: list[Measured] = []
    for database in options.database:
        for n_raters in options.raters:
            for think_s in options.think:
                load = {"n_raters": n_raters, "think_s": think_s, "seconds": options.seconds}
                rows += run(options.server, database, **load, n_servers=options.servers)
    for row in rows:
        for error in row.errors[:3]:
            print(error, file=sys.stderr)
    if options.json:
        print(json.dumps([row.figures() for row in rows], indent=2))
    else:
        print_table(rows)
        print(f"on {os.cpu_count()} cores, shared with the driver; load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
