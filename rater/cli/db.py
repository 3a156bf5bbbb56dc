"""`rater db`: bring the databases to this revision, and let the web process do no more than it needs."""

import click

from rater.cli.options import rating_option, sealed_option


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
    from rater.custody.grant import grant_web_role

    done = grant_web_role(rating_url, sealed_url, role, password=password)
    click.echo(f"{'Made' if done.was_made else 'Found'} the role {done.role}.")
    click.echo("rating: it can read, and add what raters and the desk add")
    click.echo(f"sealed: {done.sealed}")
    click.echo(f"Next: RATER_DATABASE=postgresql+psycopg://{done.role}@HOST/NAME rater serve")
