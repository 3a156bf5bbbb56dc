"""`rater invite`: make personal links to a study, each for one rater."""

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from rater.cli.options import OutputFile, rating_option, study_argument
from rater.errors import RaterError
from rater.name_lists import similar_names
from rater.names import normalise_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from rater.admin.link_files import LinkFiles

_MAX_LINKS = 10_000
_MAX_LABEL_LENGTH = 100


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
    from datetime import UTC, datetime

    from rater.admin.link_files import LinkFiles
    from rater.store.engine import disposing, writing
    from rater.store.rating.open import open_rating
    from rater.store.rating.raters import make_invitations
    from rater.store.rating.studies import get_study

    base = _base(address)
    if urlsplit(base).hostname in {"localhost", "127.0.0.1", "::1"}:
        click.echo(
            "These links work on this machine only. Give the public address of the server: "
            "--address https://study.example.org (or set RATER_ADDRESS).",
            err=True,
        )
    files = LinkFiles(csv_file, qr_folder)
    with disposing(open_rating(rating_url)) as rating:
        links = _finish_earlier(rating, files)
        if links is None:
            files.require_free()
            with writing(rating) as session:
                study = get_study(session, study_name)
                if not study.state.takes_raters:
                    msg = f"Study {study_name!r} is {study.state} and takes no new raters."
                    raise RaterError(msg)
                labels = _labels(session, study.id, n_links, labels_file)
                made = make_invitations(session, study.id, labels, now=datetime.now(UTC))
                links = [(each.label, f"{base}/s/{study.slug}/i/{each.code}") for each in made]
                # Inside the transaction: links that cannot be written or printed are not made.
                files.prepare(links)
                _print(links)
            files.finish(links)
    click.echo("Keep these links: only their digests are stored, so they cannot be shown again.", err=True)


def _finish_earlier(rating: "Engine", files: "LinkFiles") -> list[tuple[str, str]] | None:
    """Finish the files of a run that was killed after its links were made; otherwise remove them."""
    from rater.store.engine import reading
    from rater.store.rating.raters import has_invitations

    links = files.read_prepared()
    if not links:
        files.discard()
        return None
    with reading(rating) as session:
        are_made = has_invitations(session, [link.rpartition("/")[2] for _, link in links])
    if not are_made:
        files.discard()
        return None
    click.echo(
        "An earlier run was interrupted after it had made these links; its files are now finished.", err=True
    )
    files.finish(links)
    _print(links)
    return links


def _print(links: "Sequence[tuple[str, str]]") -> None:
    for label, link in links:
        click.echo(f"{label}\t{link}")


def _base(address: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", address):
        msg = f"--address is {address!r}; valid: a public address such as https://study.example.org"
        raise RaterError(msg)
    return address.rstrip("/")


def _labels(session: "Session", study_id: int, n_links: int | None, labels_file: Path | None) -> list[str]:
    from rater.store.rating.raters import count_invitations, list_labels
    from rater.study.declaration import require_different

    if labels_file is None:
        first = count_invitations(session, study_id).n_made + 1
        return [str(number) for number in range(first, first + (n_links or 1))]
    if n_links is not None:
        msg = "--n and --labels both set the number of links; give one of them."
        raise RaterError(msg)
    labels = _read_labels(labels_file)
    names = [normalise_name(label) for label in labels]
    try:
        require_different(str(labels_file), names, "each link needs a different label")
    except ValueError as error:
        raise RaterError(str(error)) from error
    taken = set(names) & set(map(normalise_name, list_labels(session, study_id)))
    if taken:
        msg = (
            f"{labels_file} has {min(taken)!r}, which is the label of an earlier link; choose another label."
        )
        raise RaterError(msg)
    for group, difference in similar_names(names)[:5]:
        quoted = " and ".join(map(repr, group))
        click.echo(f"Note: {quoted} differ only in {difference}; each gets a link of its own.", err=True)
    return names


def _read_labels(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        labels = [line for line in lines if normalise_name(line)]
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}."
        raise RaterError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{path} cannot be read: it is not text in UTF-8."
        raise RaterError(msg) from error
    longest = max((len(normalise_name(label)) for label in labels), default=0)
    if not 1 <= len(labels) <= _MAX_LINKS or longest > _MAX_LABEL_LENGTH:
        msg = (
            f"{path} has {len(labels)} labels, the longest with {longest} characters; "
            f"valid: 1 to {_MAX_LINKS} labels of up to {_MAX_LABEL_LENGTH} characters"
        )
        raise RaterError(msg)
    return labels
