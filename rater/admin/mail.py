"""Send personal links by mail: addresses, the text of an invitation, mailto links, and an SMTP server.

Each person gets a message of their own. The table of links records when each was sent, and is written again
after every message, so that the same command continues after a failure. If a run is killed between a message
and its record, that message is sent twice.
"""

import csv
import io
import os
import re
import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

from rater.errors import RaterError
from rater.study.declaration import require_different
from rater.tables.text_file import read_text
from rater.tables.write import csv_lines, restore
from rater.temp_files import write_whole

COLUMNS = ("label", "link", "email", "sent_at")
MAX_ADDRESSES = 10_000
_TIMEOUT_S = 30.0
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_FIELD = re.compile(r"\{(\w*)\}")
_FIELDS = ("link", "title", "duration", "contact")
_DEFAULT = """Invitation: {title}

Hello,

you are invited to take part in the study "{title}". It takes about {duration}.

This link is for you alone. You can use it again on any device, to continue where you stopped:

{link}

{contact}
"""


class Security(StrEnum):
    """The encryption of the connection to a mail server."""

    STARTTLS = "starttls"
    SSL = "ssl"
    NONE = "none"
    """For a server on this machine only."""


@dataclass(frozen=True)
class InvitationText:
    """The subject line and text of an invitation; link, title, duration and contact are fields in braces."""

    subject_line: str
    body: str

    def fill(self, values: Mapping[str, str]) -> "InvitationText":
        """Return the text with the values of its fields."""

        def put(found: re.Match[str]) -> str:
            return values[found[1]]

        subject_line = " ".join(_FIELD.sub(put, self.subject_line).split())
        return InvitationText(subject_line, _FIELD.sub(put, self.body).strip() + "\n")


@dataclass(frozen=True)
class MailServer:
    """An SMTP server, and the sender."""

    host: str
    port: int
    security: Security
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass
class Sent:
    """The number of messages sent, and the addresses that the server refused, with the reason."""

    n_sent: int = 0
    n_before: int = 0
    """Messages that an earlier run had sent."""
    refused: list[tuple[str, str]] = field(default_factory=list)


def read_addresses(path: Path) -> list[str]:
    """Read mail addresses, one in each line, with or without a name, as in ``Ada <ada@example.org>``.

    Raises:
        RaterError: the file cannot be read, has no address or too many, or a line is not an address or is
            there twice.
    """
    lines = [line.strip() for line in read_text(path).splitlines()]
    found = []
    for number, line in enumerate(lines, start=1):
        if line:
            found.append(require_address(line, f"{path}, line {number}"))
    if not 1 <= len(found) <= MAX_ADDRESSES:
        msg = f"{path} has {len(found):,} addresses; valid: 1 to {MAX_ADDRESSES:,}, one in each line."
        raise RaterError(msg)
    try:
        require_different(str(path), [each.lower() for each in found], "give each address once")
    except ValueError as error:
        raise RaterError(str(error)) from error
    return found


def require_address(text: str, what: str) -> str:
    """Return the address in a text such as ``Ada <ada@example.org>``.

    Raises:
        RaterError: the text is not an address.
    """
    address = parseaddr(text)[1] if "<" in text else text
    if not _ADDRESS.fullmatch(address):
        msg = f"{what} is {text[:80]!r}; valid: a mail address such as ada@example.org"
        raise RaterError(msg)
    return address


def read_invitation_text(path: Path | None) -> InvitationText:
    """Read an invitation: its first line is the subject line, the rest is the text; by default our own.

    Raises:
        RaterError: the file cannot be read, has no ``{link}`` after the first line, or has an unknown field.
    """
    text = _DEFAULT if path is None else read_text(path)
    head, _, body = text.strip().partition("\n")
    unknown = sorted(set(_FIELD.findall(text)) - set(_FIELDS))
    if unknown:
        valid = ", ".join(f"{{{name}}}" for name in _FIELDS)
        msg = f"{path} has the unknown field {{{unknown[0]}}}; valid: {valid}"
        raise RaterError(msg)
    if "{link}" not in body:
        msg = f"{path} does not contain {{link}} below its first line, so nobody could take part."
        raise RaterError(msg)
    return InvitationText(head.strip(), body.strip())


def mailto_link(address: str, text: InvitationText) -> str:
    """Return a link that opens a filled-in message in a mail program (RFC 6068)."""
    body = text.body.replace("\n", "\r\n")
    subject_line, sent_body = quote(text.subject_line, safe=""), quote(body, safe="")
    return f"mailto:{quote(address, safe='@')}?subject={subject_line}&body={sent_body}"


def server_from_environment(environ: Mapping[str, str] = os.environ) -> MailServer:
    """Read the mail server from the environment: RATER_SMTP_HOST, _PORT, _SECURITY, _USER, _PASSWORD, _FROM.

    Raises:
        RaterError: the host or the sender is missing, or a value is not valid.
    """
    host = environ.get("RATER_SMTP_HOST", "").strip()
    if not host:
        msg = "RATER_SMTP_HOST is not set; valid: the name of your mail server, such as smtp.example.org"
        raise RaterError(msg)
    given = environ.get("RATER_SMTP_SECURITY", Security.STARTTLS).strip().lower()
    if given not in set(Security):
        msg = f"RATER_SMTP_SECURITY is {given!r}; valid: {', '.join(Security)}"
        raise RaterError(msg)
    security = Security(given)
    if security is Security.NONE and host not in _LOCAL_HOSTS:
        msg = f"RATER_SMTP_SECURITY is 'none', but {host} is not this machine; valid: starttls or ssl"
        raise RaterError(msg)
    port = environ.get("RATER_SMTP_PORT", "465" if security is Security.SSL else "587").strip()
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        msg = f"RATER_SMTP_PORT is {port!r}; valid: 1 to 65535, usually 587 or 465"
        raise RaterError(msg)
    sender = environ.get("RATER_SMTP_FROM", "").strip()
    require_address(sender, "RATER_SMTP_FROM")
    if "\n" in sender or "\r" in sender:
        msg = "RATER_SMTP_FROM has more than one line; valid: one sender."
        raise RaterError(msg)
    return MailServer(
        host,
        int(port),
        security,
        sender,
        environ.get("RATER_SMTP_USER", ""),
        environ.get("RATER_SMTP_PASSWORD", ""),
    )


def send_invitations(
    path: Path,
    server: MailServer,
    write: Callable[[str], InvitationText],
    *,
    now: Callable[[], datetime],
) -> Sent:
    """Send each link of a table that was not sent before, and record the time in the table.

    An address that the server refuses is left out and reported; any other failure stops the run.

    Args:
        path: The table, with the columns label, link, email and sent_at.
        server: The mail server.
        write: Returns the message for a link.
        now: Returns the time.

    Raises:
        RaterError: the table is not of this form, or the server cannot be reached, refuses the login, or
            fails. Messages sent before are recorded.
    """
    rows = read_link_table(path)
    sent = Sent(n_before=sum(bool(row["sent_at"]) for row in rows))
    waiting = [row for row in rows if not row["sent_at"]]
    if not waiting:
        return sent
    try:
        with _connect(server) as connection:
            for row in waiting:
                message = compose(row["email"], write(row["link"]), server, now=now())
                try:
                    connection.send_message(message)
                except smtplib.SMTPRecipientsRefused as error:
                    sent.refused.append((row["email"], _reason(error.recipients[row["email"]])))
                    continue
                row["sent_at"] = now().isoformat(timespec="seconds")
                sent.n_sent += 1
                _write_table(path, rows)
    except (smtplib.SMTPException, OSError) as error:
        msg = (
            f"{server.host}:{server.port} failed after {sent.n_sent} of {len(waiting)} messages: "
            f"{_describe(error)}. {path} records those that were sent; run the same command again to "
            "continue."
        )
        raise RaterError(msg) from error
    return sent


def read_link_table(path: Path) -> list[dict[str, str]]:
    """Read a table of links that was made with mail addresses.

    Raises:
        RaterError: it cannot be read, or has other columns.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        found = ", ".join(reader.fieldnames or ())
        msg = (
            f"{path} has the columns {found or 'none'}; valid: {', '.join(COLUMNS)}, as --emails makes them."
        )
        raise RaterError(msg)
    return [{name: restore(row[name] or "") for name in COLUMNS} for row in reader]


def compose(address: str, text: InvitationText, server: MailServer, *, now: datetime) -> EmailMessage:
    """Compose the message of one person."""
    message = EmailMessage()
    message["From"] = server.sender
    message["To"] = address
    message["Subject"] = text.subject_line
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=parseaddr(server.sender)[1].rpartition("@")[2])
    message.set_content(text.body)
    return message


def _connect(server: MailServer) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.security is Security.SSL:
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=_TIMEOUT_S, context=context
        )
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_S)
    try:
        if server.security is Security.STARTTLS:
            connection.starttls(context=context)
        if server.user:
            connection.login(server.user, server.password)
    except BaseException:
        connection.close()
        raise
    return connection


def _write_table(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    lines = csv_lines(COLUMNS, [tuple(row[name] for name in COLUMNS) for row in rows])
    write_whole(path, "".join(lines).encode())


def _describe(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_reason((error.smtp_code, error.smtp_error))}"
    return " ".join(str(error).split()) or type(error).__name__


def _reason(answer: tuple[int, bytes | str]) -> str:
    words = answer[1]
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return " ".join(text.split())[:300]
