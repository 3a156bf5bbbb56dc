"""`rater invite`: make personal links to a study, each for one rater."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from rater.cli.options import OutputFile, rating_option, study_argument
from rater.workspace import Workspace

if TYPE_CHECKING:
    from rater.admin.invitations import Links

_MAX_LINKS = 10_000


@click.command(short_help="Make personal links.")
@study_argument
@click.option("--n", "n_links", type=click.IntRange(1, _MAX_LINKS), help="Number of links.  [default: 1]")
@click.option(
    "--labels",
    "labels_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A text file with one label per line, instead of numbers.",
)
@click.option(
    "--address",
    default="http://127.0.0.1:8000",
    show_default=True,
    envvar="RATER_ADDRESS",
    show_envvar=True,
    help="Public address of the server.",
)
@click.option("--csv", "csv_file", type=OutputFile(), help="Also write labels and links to this new file.")
@click.option(
    "--qr",
    "qr_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write QR codes to this folder.",
)
@rating_option
def invite(  # noqa: PLR0917 (click's interface)
    study_name: str,
    n_links: int | None,
    labels_file: Path | None,
    address: str,
    csv_file: Path | None,
    qr_folder: Path | None,
    rating_url: str,
) -> None:
    """Make personal links to STUDY, and print them once.

    Each link is for one rater, who can use it again on any device. With `invited_only=True` in the protocol,
    raters need such a link.

    \b
    Example: rater invite love_vs_hate --n 20 --csv links.csv
    Example: rater invite love_vs_hate --labels names.txt --qr codes --address https://study.example.org
    """
    from rater.admin.invitations import LinkFiles

    if urlsplit(address).hostname in {"localhost", "127.0.0.1", "::1"}:
        click.echo(
            "These links work on this machine only. Give the public address of the server: "
            "--address https://study.example.org (or set RATER_ADDRESS).",
            err=True,
        )
    Workspace(rating=rating_url).invite(
        study_name,
        n=n_links,
        labels=labels_file,
        address=address,
        files=LinkFiles(csv_file, qr_folder),
        on_links=_print,
        on_note=partial(click.echo, err=True),
    )
    click.echo("Keep these links: only their digests are stored, so they cannot be shown again.", err=True)


def _print(links: "Links") -> None:
    for label, link in links:
        click.echo(f"{label}\t{link}")
