"""`rater db`, `archive`, `import`, `backup`, `verify` and `recover`: keep, check and restore databases."""

from pathlib import Path

import click

from rater.cli.options import OutputFile, rating_option, sealed_option, study_argument
from rater.cli.outputs import echo_json
from rater.errors import RaterError


@click.group()
def db() -> None:
    """Look after the two databases."""


@db.command()
@rating_option
@sealed_option
def upgrade(rating_url: str, sealed_url: str) -> None:
    """Upgrade both databases to this version, each migration in one transaction.

    \b
    Example: rater db upgrade
    """
    from rater.store.engine import open_engine, sqlite_path
    from rater.store.migrate import HEAD, Which, current_revision, migrate, require_current, require_kind

    urls: list[tuple[Which, str]] = [("rating", rating_url), ("sealed", sealed_url)]
    for which, url in urls:
        path = sqlite_path(url)
        if path is not None and not path.is_file():
            click.echo(f"{which}: there is no {path} yet; it is made when it is first needed.")
            continue
        engine = open_engine(url)
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
    help="The role's password; better by the environment than here, where it stays in the shell's history.",
)
@rating_option
@sealed_option
def grant(role: str, password: str | None, rating_url: str, sealed_url: str) -> None:
    """Set up ROLE in PostgreSQL for the web process, which can do what raters' pages need and no more.

    It can change no answer and no text, empty and make no table, and not connect to the sealed database. Run
    it as the owner of the databases, again after each upgrade; then let `rater serve` connect as ROLE.

    \b
    Example: rater db grant rater_web --ratings postgresql+psycopg://owner@host/rating
    """
    from rater.admin.postgres_grants import grant_web_role

    done = grant_web_role(rating_url, sealed_url, role, password=password)
    click.echo(f"{'Made' if done.was_made else 'Found'} the role {done.role}.")
    click.echo("rating: it can read, and add what raters and the desk add")
    click.echo(f"sealed: {done.sealed}")
    click.echo(f"Next: RATER_DATABASE=postgresql+psycopg://{done.role}@HOST/NAME rater serve")


@click.command(short_help="Put an unblinded study into one zip.")
@study_argument
@click.argument("file", type=OutputFile(".zip"))
@click.option(
    "--report",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The folder of a report of this study, to go with it.",
)
@click.option("--identifiers", is_flag=True, help="With what recruitment sites say of who raters are.")
@rating_option
@sealed_option
def archive(
    study_name: str, file: Path, *, report: Path | None, identifiers: bool, rating_url: str, sealed_url: str
) -> None:
    """Write FILE.zip with all that another machine needs to verify and analyse STUDY anew.

    Protocol, key, completions, answers, log, preregistration, versions, and a report if you give one. Raters'
    own words are in it, and so are the arms; who raters are is not, unless you ask for it.

    \b
    Example: rater archive love_vs_hate love_vs_hate.zip --report report
    """
    from datetime import UTC, datetime

    from rater.admin.archive import archive_study

    done = archive_study(
        sealed_url,
        rating_url,
        study_name,
        file,
        now=datetime.now(UTC),
        report=report,
        with_identifiers=identifiers,
    )
    click.echo(f"Study {study_name} is archived in {done.path} ({done.n_bytes:,} bytes)")
    click.echo(f"  sha256   {done.digest}")
    click.echo(f"  log      {done.log_head}")
    click.echo(f"Next, on another machine: rater import {done.path.name}")


@click.command(name="import", short_help="Read an archive back into fresh databases.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@rating_option
@sealed_option
def import_(file: Path, rating_url: str, sealed_url: str) -> None:
    """Read an archive into databases that hold no study yet, after everything in it was verified.

    \b
    Example: rater import love_vs_hate.zip --ratings again/rating.db --sealed again/sealed.db
    """
    from rater.admin.import_archive import import_study
    from rater.verify import CheckOutcome

    done = import_study(file, rating_url=rating_url, sealed_url=sealed_url)
    n_valid = sum(check.outcome is CheckOutcome.VALID for check in done.checks)
    click.echo(f"Study {done.name} is read back; {n_valid} of {len(done.checks)} checks passed, none failed.")
    click.echo(f"  log      {done.log_head}")
    click.echo(f"Next: rater verify {done.name} and rater analyze {done.name}, with the same databases")


@click.command(short_help="Copy both databases while they are in use.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@rating_option
@sealed_option
def backup(folder: Path, rating_url: str, sealed_url: str) -> None:
    """Copy both SQLite databases into FOLDER, each as it stands at one moment, while raters go on.

    The copies carry the time in their names and can be read by you alone. To go back to one, stop serving and
    put it in the database's place.

    \b
    Example: rater backup backups/
    """
    from datetime import UTC, datetime

    from rater.admin.backup import back_up

    copies = back_up(rating_url, sealed_url, folder, now=datetime.now(UTC))
    for copied in copies:
        click.echo(f"{copied.which}: {copied.path} ({copied.n_bytes:,} bytes)")
    if not any(copied.which == "sealed" for copied in copies):
        click.echo("Warning: there is no sealed database here, so this backup has no key.", err=True)


@click.command(short_help="Check a study for tampering.")
@study_argument
@click.option("--head", help="A head of the log, printed before and kept elsewhere.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
@rating_option
@sealed_option
def verify(study_name: str, head: str | None, rating_url: str, sealed_url: str, *, as_json: bool) -> None:
    """Recompute the log's chain, its digests and the commitment to the key, and report tampering.

    The verdict comes first, then each check, then what no check can prove. Nothing is written, so that a copy
    on a read-only medium can be verified. With --head, a head that `rater publish`, `open`, `close` or
    `analyze` printed, a rewriting of the whole log is found too. Without the sealed database only what does
    not need it is verified. Exit code 2 after tampering.

    \b
    Example: rater verify love_vs_hate --head 0f3a…
    """
    import re
    from dataclasses import asdict

    from rater.cli.options import USER_MISTAKE
    from rater.verify import names_of_tampered, verify_study
    from rater.verify.checks import UNPROVABLE

    if head is not None and not re.fullmatch("[0-9a-f]{64}", head.strip().lower()):
        msg = f"head is {head!r}; valid: all 64 characters (0-9, a-f) of a head that was printed"
        raise RaterError(msg)
    checks = list(verify_study(rating_url, study_name, sealed_url=sealed_url, head=head))
    tampered = names_of_tampered(checks)
    if as_json:
        echo_json([asdict(check) for check in checks])
    else:
        verdict = f"TAMPERED: {', '.join(tampered)}." if tampered else "No tampering was found."
        click.echo(f"{verdict}\n")
        for check in checks:
            click.echo(f"{check.outcome:<12} {check.name}: {check.description}")
        click.echo("\nWhat no check can prove:")
        for each in UNPROVABLE:
            click.echo(f"  {each.what}: {each.why}")
    if tampered:
        click.get_current_context().exit(USER_MISTAKE)


@click.command(short_help="Take in answers that a rater downloaded.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@rating_option
def recover(file: Path, rating_url: str) -> None:
    """Take in FILE, which a rater downloaded because their answers could not be sent; each answer once.

    The study must still be open. Sending a file twice is harmless.

    \b
    Example: rater recover answers-3f9a1c.json
    """
    from datetime import UTC, datetime

    from rater.store.engine import disposing, writing
    from rater.store.rating.open import open_rating
    from rater.web.rating.recovery_file import read_recovery_file, take_in

    read = read_recovery_file(file)
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        recovered = take_in(session, read, now=datetime.now(UTC))
    click.echo(
        f"{recovered.study_name}: {_answers(recovered.n_taken_in)} taken in, "
        f"{recovered.n_there_already} already there."
    )


def _answers(n: int) -> str:
    return "1 answer" if n == 1 else f"{n} answers"
