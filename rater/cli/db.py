"""`rater db`: bring the databases to the revision that this version needs."""

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
