"""`rater backup`: copy both databases while they are in use."""

from pathlib import Path

import click

from rater.cli.options import rating_option, sealed_option


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

    from rater.custody.backup import back_up

    copies = back_up(rating_url, sealed_url, folder, now=datetime.now(UTC))
    for copied in copies:
        click.echo(f"{copied.which}: {copied.path} ({copied.n_bytes:,} bytes)")
    if not any(copied.which == "sealed" for copied in copies):
        click.echo("Warning: there is no sealed database here, so this backup has no key.", err=True)
