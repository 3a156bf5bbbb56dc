"""`rater invite`: make personal links to a study, each for one rater, and send them by mail."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from rater.cli.options import OutputFile, rating_option, study_argument
from rater.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from rater.admin.invitations import Links
    from rater.admin.mail import InvitationText

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
    "--emails",
    "emails_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A text file with one mail address per line, for a link each; they are written to --csv only.",
)
@click.option("--mailto", "is_mailto", is_flag=True, help="Print links that open a message to each address.")
@click.option("--send", "is_sent", is_flag=True, help="Send the links of --csv by mail, each once.")
@click.option(
    "--message",
    "message_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A text file: the subject line, then the text, with {link}, {title}, {duration}, {contact}.",
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
@click.option("--yes", is_flag=True, help="Send without asking for confirmation.")
@rating_option
def invite(  # noqa: PLR0913, PLR0917 (click's interface)
    study_name: str,
    n_links: int | None,
    labels_file: Path | None,
    emails_file: Path | None,
    message_file: Path | None,
    address: str,
    csv_file: Path | None,
    qr_folder: Path | None,
    rating_url: str,
    *,
    is_mailto: bool,
    is_sent: bool,
    yes: bool,
) -> None:
    """Make personal links to STUDY, and print them once. Each is for one rater, on any device.

    `--send` sends the links of a table that `--emails` made, and records when each was sent. The mail server
    comes from RATER_SMTP_HOST, _PORT, _SECURITY (starttls, ssl or none), _USER, _PASSWORD and _FROM.

    \b
    Example: rater invite love_vs_hate --n 20 --csv links.csv
    Example: rater invite love_vs_hate --labels names.txt --qr codes --address https://study.example.org
    Example: rater invite love_vs_hate --emails people.txt --csv links.csv --mailto
    Example: rater invite love_vs_hate --emails people.txt --csv links.csv --send
    """
    from rater.admin import mail
    from rater.admin.invitations import LinkFiles

    _require_mail_options(
        emails_file,
        csv_file,
        n_or_labels=n_links is not None or labels_file is not None,
        is_mailto=is_mailto,
        is_sent=is_sent,
    )
    text = mail.read_invitation_text(message_file)
    if is_sent:
        mail.server_from_environment()  # before links are made
    if not is_sent or csv_file is None or not csv_file.exists():
        emails = None if emails_file is None else mail.read_addresses(emails_file)
        _warn_of_local_address(address)
        Workspace(rating=rating_url).invite(
            study_name,
            n=n_links if emails is None else len(emails),
            labels=labels_file,
            address=address,
            files=LinkFiles(csv_file, qr_folder, emails),
            on_links=partial(_print_mailto, emails, _writer(study_name, text, rating_url))
            if is_mailto and emails is not None
            else _print,
            on_note=partial(click.echo, err=True),
        )
        click.echo(
            "Keep these links: only their digests are stored, so they cannot be shown again.", err=True
        )
    if is_sent and csv_file is not None:
        _send(study_name, csv_file, text, rating_url, yes=yes)


def _warn_of_local_address(address: str) -> None:
    if urlsplit(address).hostname in {"localhost", "127.0.0.1", "::1"}:
        click.echo(
            "These links work on this machine only. Give the public address of the server: "
            "--address https://study.example.org (or set RATER_ADDRESS).",
            err=True,
        )


def _require_mail_options(
    emails_file: Path | None, csv_file: Path | None, *, n_or_labels: bool, is_mailto: bool, is_sent: bool
) -> None:
    """Refuse options that do not fit each other.

    Raises:
        RaterError: they do not.
    """
    from rater.errors import RaterError

    has_table = csv_file is not None and csv_file.exists()
    problems = {
        "--emails sets the number of links, and their labels are numbers; leave out --n and --labels.": (
            emails_file is not None and n_or_labels
        ),
        "--emails needs --csv FILE, which keeps the link of each address.": (
            emails_file is not None and csv_file is None
        ),
        "--mailto and --send exclude each other; give one of them.": is_mailto and is_sent,
        "--mailto needs the addresses: give --emails FILE.": is_mailto and emails_file is None,
        "--send needs --csv FILE, the table of links, which records those that were sent.": (
            is_sent and csv_file is None
        ),
        f"--send needs the addresses: give --emails FILE, since {csv_file} does not exist.": (
            is_sent and emails_file is None and not has_table
        ),
    }
    for problem, is_there in problems.items():
        if is_there:
            raise RaterError(problem)


def _send(study_name: str, path: Path, text: "InvitationText", rating_url: str, *, yes: bool) -> None:
    """Send the links of a table that were not sent before, after a confirmation."""
    from datetime import UTC, datetime

    from rater.admin import mail

    server = mail.server_from_environment()
    rows = mail.read_link_table(path)
    n_waiting = sum(not row["sent_at"] for row in rows)
    if not n_waiting:
        click.echo(f"All {len(rows)} links of {path} have been sent.")
        return
    write = _writer(study_name, text, rating_url)
    click.echo(f"From {server.sender}, by {server.host}:{server.port}: {n_waiting} messages.", err=True)
    click.echo(f"“{write('').subject_line}”", err=True)
    if not yes:
        click.confirm("Send?", abort=True, err=True)
    sent = mail.send_invitations(path, server, write, now=lambda: datetime.now(UTC))
    click.echo(f"{sent.n_sent} of {n_waiting} messages were sent; {path} records when.")
    for address, why in sent.refused:
        click.echo(f"{address} was refused: {why}", err=True)


def _writer(study_name: str, text: "InvitationText", rating_url: str) -> "Callable[[str], InvitationText]":
    """Return a function that writes the message for a link."""
    from rater.store.engine import disposing, reading
    from rater.store.rating.monitoring import read_stated_minutes
    from rater.store.rating.open import open_rating
    from rater.store.rating.studies import get_study
    from rater.study.duration import describe_duration

    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        study = get_study(session, study_name)
        minutes = read_stated_minutes(session, study)
    values = {
        "title": study.protocol.title,
        "duration": "a few minutes" if minutes is None else describe_duration(60 * minutes),
        "contact": study.protocol.contact or "",
    }
    return lambda link: text.fill({**values, "link": link})


def _print(links: "Links") -> None:
    for label, link in links:
        click.echo(f"{label}\t{link}")


def _print_mailto(emails: list[str], write: "Callable[[str], InvitationText]", links: "Links") -> None:
    from rater.admin.mail import mailto_link

    for email, (_, link) in zip(emails, links, strict=True):
        click.echo(mailto_link(email, write(link)))
