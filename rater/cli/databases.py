"""`rater db`, `archive`, `import`, `backup`, `verify` and `recover`: keep, check and restore databases."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rater.cli.options import Interval, OutputFile, rating_option, sealed_option, study_argument
from rater.cli.outputs import echo_json
from rater.errors import RaterError
from rater.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable


@click.group()
def db() -> None:
    """Upgrade the two databases, or set up their PostgreSQL role."""


@db.command()
@rating_option
@sealed_option
def upgrade(rating_url: str, sealed_url: str) -> None:
    """Migrate both databases to this version, each migration in one transaction.

    \b
    Example: rater db upgrade
    """
    from rater.store.engine import disposing, open_engine, sqlite_path
    from rater.store.migrate import HEAD, Which, current_revision, migrate, require_current, require_kind

    urls: list[tuple[Which, str]] = [("rating", rating_url), ("sealed", sealed_url)]
    for which, url in urls:
        path = sqlite_path(url)
        if path is not None and not path.is_file():
            click.echo(f"{which}: {path} does not exist yet; it is created when it is first needed.")
            continue
        with disposing(open_engine(url)) as engine:
            require_kind(engine, which)
            before = current_revision(engine)
            if before is None or before < HEAD[which]:
                migrate(engine, which)
            require_current(engine, which)
        done = "was current" if before == HEAD[which] else f"upgraded from {before or 'nothing'}"
        click.echo(f"{which}: revision {HEAD[which]} ({done})")


@db.command()
@click.argument("role")
@click.option(
    "--password",
    envvar="RATER_WEB_PASSWORD",
    show_envvar=True,
    help="Password of the role. Prefer the environment variable: the shell's history keeps options.",
)
@rating_option
@sealed_option
def grant(role: str, password: str | None, rating_url: str, sealed_url: str) -> None:
    """Set up ROLE in PostgreSQL for the web process, with the privileges that the pages need.

    ROLE cannot change an answer or text, truncate or create a table, or connect to the sealed database. Run
    this as the owner of the databases, and again after each upgrade. Then let `rater serve` connect as ROLE.

    \b
    Example: rater db grant rater_web --ratings postgresql+psycopg://owner@host/rating
    """
    from rater.admin.postgres_grants import grant_web_role

    done = grant_web_role(rating_url, sealed_url, role, password=password)
    click.echo(f"{'Created' if done.was_made else 'Found'} the role {done.role}.")
    click.echo("rating: it can read, and add the rows of raters and of the desk")
    click.echo(f"sealed: {done.sealed}")
    click.echo(f"Next: RATER_DATABASE=postgresql+psycopg://{done.role}@HOST/NAME rater serve")


@click.command(short_help="Archive an unblinded study in one zip file.")
@study_argument
@click.argument("file", type=OutputFile(".zip"))
@click.option(
    "--report",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Include the folder of a report of this study.",
)
@click.option(
    "--identifiers", is_flag=True, help="Include recruitment-platform identifiers (e.g. Prolific IDs)."
)
@rating_option
@sealed_option
def archive(
    study_name: str, file: Path, *, report: Path | None, identifiers: bool, rating_url: str, sealed_url: str
) -> None:
    """Write FILE.zip with everything needed to verify and analyse STUDY on another machine.

    It contains protocol, key, completions, answers, log, preregistration, versions, and optionally a report.
    It also contains raters' comments and the arms, but no identifiers of raters without --identifiers.

    \b
    Example: rater archive love_vs_hate love_vs_hate.zip --report report
    """
    workspace = Workspace(rating=rating_url, sealed=sealed_url)
    done = workspace.archive(study_name, file, report=report, with_identifiers=identifiers)
    click.echo(f"Study {study_name} is archived in {done.path} ({done.n_bytes:,} bytes)")
    click.echo(f"  sha256   {done.digest}")
    click.echo(f"  log      {done.log_head}")
    click.echo(f"Next, on another machine: rater import {done.path.name}")


@click.command(name="import", short_help="Restore an archive into empty databases.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@rating_option
@sealed_option
def import_(file: Path, rating_url: str, sealed_url: str) -> None:
    """Verify an archive, and restore it into databases without a study.

    \b
    Example: rater import love_vs_hate.zip --ratings again/rating.db --sealed again/sealed.db
    """
    from rater.verify import CheckOutcome

    done = Workspace(rating=rating_url, sealed=sealed_url).import_archive(file)
    n_valid = sum(check.outcome is CheckOutcome.VALID for check in done.checks)
    click.echo(f"Study {done.name} is restored; {n_valid} of {len(done.checks)} checks passed, none failed.")
    click.echo(f"  log      {done.log_head}")
    click.echo(f"Next: rater verify {done.name} and rater analyze {done.name}, with the same databases")


@click.command(short_help="Copy both databases while they are in use.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--every",
    "every_s",
    type=Interval(),
    metavar="TIME",
    help="Back up now and each time this has passed (30m, 1h, 1d), until Ctrl-C or SIGTERM.",
)
@click.option(
    "--keep",
    "n_kept",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Delete all but the newest N copies of each database in FOLDER.",
)
@rating_option
@sealed_option
def backup(
    folder: Path, *, every_s: float | None, n_kept: int | None, rating_url: str, sealed_url: str
) -> None:
    """Copy both SQLite databases into FOLDER, each as a consistent snapshot, while raters continue.

    The names of the copies contain the time, and only you can read them. To restore one, stop the server and
    replace the database. With --every, a backup that fails is reported, and the next one is made at its time.

    \b
    Example: rater backup backups/
    Example: rater backup backups/ --every 1h --keep 48
    """
    from rater.admin.backup import back_up_repeatedly

    workspace = Workspace(rating=rating_url, sealed=sealed_url)
    back_up = partial(workspace.backup, folder, n_kept=n_kept)
    made = [back_up()] if every_s is None else back_up_repeatedly(back_up, every_s=every_s, wait=_wait())
    for number, copies in enumerate(made):
        for copied in copies:
            click.echo(f"{copied.which}: {copied.path} ({copied.n_bytes:,} bytes)")
        if number == 0 and not any(copied.which == "sealed" for copied in copies):
            click.echo("Warning: the sealed database is not here, so this backup has no key.", err=True)


def _wait() -> "Callable[[float], bool]":
    """Return a function that waits some seconds, and returns True once SIGTERM or Ctrl-C has arrived.

    A copy that is being made then is finished first.
    """
    import signal
    import time

    received: list[int] = []
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda number, _: received.append(number))

    def wait(seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        # an Event is not used: its lock could be held by the thread that the handler interrupts
        while not received and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, 0.5))
        return bool(received)

    return wait


@click.command(short_help="Check a study for tampering.")
@study_argument
@click.option("--head", help="A head of the log that an earlier command printed.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
@rating_option
@sealed_option
def verify(study_name: str, head: str | None, rating_url: str, sealed_url: str, *, as_json: bool) -> None:
    """Recompute the log's hash chain, its digests and the commitment to the key, and report tampering.

    Prints the verdict, then each check, then the limits of verification. Writes nothing, so it can verify a
    copy on a read-only medium. --head also finds a log that was rewritten as a whole; give a head that
    `rater publish`, `open`, `close` or `analyze` printed. Without the sealed database, checks that need it
    are skipped. Exit code 2 after tampering.

    \b
    Example: rater verify love_vs_hate --head 0f3a…
    """
    import re
    from dataclasses import asdict

    from rater.cli.options import USER_MISTAKE
    from rater.verify import names_of_tampered
    from rater.verify.checks import UNPROVABLE

    if head is not None and not re.fullmatch("[0-9a-f]{64}", head.strip().lower()):
        msg = f"head is {head!r}; valid: all 64 hexadecimal characters of a printed head"
        raise RaterError(msg)
    checks = Workspace(rating=rating_url, sealed=sealed_url).verify(study_name, head=head)
    tampered = names_of_tampered(checks)
    if as_json:
        echo_json([asdict(check) for check in checks])
    else:
        verdict = f"TAMPERED: {', '.join(tampered)}." if tampered else "No tampering was found."
        click.echo(f"{verdict}\n")
        for check in checks:
            click.echo(f"{check.outcome:<12} {check.name}: {check.description}")
        click.echo("\nNot provable by any check:")
        for each in UNPROVABLE:
            click.echo(f"  {each.what}: {each.why}")
    if tampered:
        click.get_current_context().exit(USER_MISTAKE)


@click.command(short_help="Import answers that a rater downloaded.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@rating_option
def recover(file: Path, rating_url: str) -> None:
    """Import FILE, which a rater downloaded because their answers could not be sent.

    The study must still be open. Importing a file twice is safe: each answer is stored once.

    \b
    Example: rater recover answers-3f9a1c.json
    """
    recovered = Workspace(rating=rating_url).recover(file)
    n = recovered.n_taken_in
    click.echo(
        f"{recovered.study_name}: {n} answer{'s' * (n != 1)} imported, "
        f"{recovered.n_there_already} already stored."
    )
