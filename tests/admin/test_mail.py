import csv
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from rater.admin.mail import (
    InvitationText,
    MailServer,
    Security,
    mailto_link,
    read_addresses,
    read_invitation_text,
    read_link_table,
    send_invitations,
    server_from_environment,
)
from rater.errors import RaterError
from tests.admin.smtp_server import PASSWORD, USER, Mailbox, make_certificate, serving

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
SENDER = "Ada Example <ada@example.org>"


def at_now() -> datetime:
    return NOW


def write(link: str) -> InvitationText:
    return InvitationText("Invitation: Zoë’s texts", f"Your link:\n{link}\n")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of three links; the label of the second begins as a formula does."""
    path = tmp_path / "links.csv"
    rows = [
        (label, f"https://r.example.org/s/x/i/{n}", f"p{n}@example.org", "")
        for n, label in enumerate(("1", "'=2", "3"))
    ]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("label", "link", "email", "sent_at"), *rows])
    return path


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def local(mailbox: Mailbox, security: Security = Security.NONE, **login: str) -> MailServer:
    return MailServer("localhost", mailbox.port, security, SENDER, **login)


def test_each_person_gets_their_own_link_and_the_table_records_when(table: Path) -> None:
    with serving() as mailbox:
        sent = send_invitations(table, local(mailbox), write, now=at_now)

    assert (sent.n_sent, sent.n_before, sent.refused) == (3, 0, [])
    assert [message["To"] for message in mailbox.messages] == [f"p{n}@example.org" for n in range(3)]
    for n, message in enumerate(mailbox.messages):
        assert message["From"] == SENDER
        assert message["Subject"] == "Invitation: Zoë’s texts"
        assert message["Message-ID"].endswith("@example.org>")
        text = message.get_content()
        assert [f"/i/{other}" in text for other in range(3)] == [other == n for other in range(3)]
    rows = read_link_table(table)
    assert {row["sent_at"] for row in rows} == {"2026-02-03T04:05:06+00:00"}
    assert [row["label"] for row in rows] == ["1", "=2", "3"]


def test_a_second_run_sends_nothing_again(table: Path) -> None:
    with serving() as mailbox:
        send_invitations(table, local(mailbox), write, now=at_now)
        again = send_invitations(table, local(mailbox), write, now=at_now)

    assert (again.n_sent, again.n_before) == (0, 3)
    assert len(mailbox.messages) == 3


def test_a_run_that_failed_continues_where_it_stopped(table: Path) -> None:
    with serving() as mailbox:
        mailbox.fails_after = 1
        with pytest.raises(RaterError, match=r"failed after 1 of 3 messages: 451 4\.3\.0 Out of order"):
            send_invitations(table, local(mailbox), write, now=at_now)
        mailbox.fails_after = None
        rest = send_invitations(table, local(mailbox), write, now=at_now)

    assert (rest.n_sent, rest.n_before) == (2, 1)
    assert [message["To"] for message in mailbox.messages] == [f"p{n}@example.org" for n in range(3)]


def test_an_address_that_the_server_refuses_is_reported_and_the_others_are_sent(table: Path) -> None:
    with serving() as mailbox:
        mailbox.refused = {"p1@example.org"}
        sent = send_invitations(table, local(mailbox), write, now=at_now)

    assert sent.n_sent == 2
    assert sent.refused == [("p1@example.org", "5.1.1 No such person here")]
    assert [bool(row["sent_at"]) for row in read_link_table(table)] == [True, False, True]


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.SSL])
def test_login_and_messages_are_encrypted(
    table: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, security: Security
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))

    with serving(certificate, is_ssl=security is Security.SSL) as mailbox:
        sent = send_invitations(
            table, local(mailbox, security, user=USER, password=PASSWORD), write, now=at_now
        )

    assert sent.n_sent == 3
    assert mailbox.logins == [True]


def test_a_wrong_password_is_reported_and_not_shown(
    table: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))

    with serving(certificate) as mailbox:
        server = local(mailbox, Security.STARTTLS, user=USER, password="not the password")  # noqa: S106 (a test's)
        with pytest.raises(RaterError, match="failed after 0 of 3") as raised:
            send_invitations(table, server, write, now=at_now)

    assert "535" in str(raised.value)
    assert "not the password" not in f"{raised.value}{server!r}"
    assert mailbox.messages == []


def test_a_certificate_that_nobody_vouches_for_is_refused(
    table: Path, certificate: tuple[Path, Path]
) -> None:
    with serving(certificate) as mailbox, pytest.raises(RaterError, match="certificate"):
        send_invitations(
            table, local(mailbox, Security.STARTTLS, user=USER, password=PASSWORD), write, now=at_now
        )

    assert mailbox.logins == []


def test_a_server_without_encryption_is_sent_no_password(table: Path) -> None:
    with serving() as mailbox, pytest.raises(RaterError, match="STARTTLS"):
        send_invitations(
            table, local(mailbox, Security.STARTTLS, user=USER, password=PASSWORD), write, now=at_now
        )


def test_a_server_that_cannot_be_reached_is_named(table: Path) -> None:
    server = MailServer("127.0.0.1", 9, Security.NONE, SENDER)

    with pytest.raises(RaterError, match=r"127\.0\.0\.1:9 failed after 0 of 3 messages"):
        send_invitations(table, server, write, now=at_now)


def test_a_table_of_another_form_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    path.write_text("label,link\n1,https://x\n")

    with pytest.raises(RaterError, match="has the columns label, link; valid: label, link, email, sent_at"):
        read_link_table(path)


def test_addresses_are_read_with_and_without_names(tmp_path: Path) -> None:
    path = tmp_path / "people.txt"
    path.write_text("\ufeffada@example.org\n\n Bo Example <bo.b+x@sub.example.org> \n")

    assert read_addresses(path) == ["ada@example.org", "bo.b+x@sub.example.org"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "has 0 addresses"),
        ("ada@example.org\nADA@example.org\n", "give each address once"),
        ("ada", "line 1 is 'ada'"),
        ("a@b@c", "line 1 is"),
        ("ok@example.org\nada@-x.org", "line 2 is"),
        ("ada@example.org, bo@example.org", "line 1 is"),
        ("ada@exa mple.org", "line 1 is"),
        ("ada@example.org\x0bBcc: x@y.z", "line 2 is 'Bcc"),
    ],
)
def test_a_line_that_is_no_address_is_refused(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "people.txt"
    path.write_text(text)

    with pytest.raises(RaterError, match=named):
        read_addresses(path)


def test_the_text_of_an_invitation_is_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("{title}\n\nHi,\n{link}\n{duration}, {contact}\n")
    values = {"title": "A\nB {link}", "link": "https://x", "duration": "5 minutes", "contact": "Ada"}

    text = read_invitation_text(path).fill(values)

    assert text.subject_line == "A B {link}"
    assert text.body == "Hi,\nhttps://x\n5 minutes, Ada\n"
    assert "{link}" in read_invitation_text(None).body


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "does not contain {link}"),
        ("{link}", "does not contain {link} below its first line"),
        ("An invitation\n\nno link", "does not contain {link}"),
        ("An invitation\n\n{link} {name}", r"unknown field \{name\}"),
    ],
)
def test_a_text_that_nobody_could_use_is_refused(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "text.txt"
    path.write_text(text)

    with pytest.raises(RaterError, match=named):
        read_invitation_text(path)


def test_a_mailto_link_has_recipient_subject_and_text() -> None:
    link = mailto_link("ada+x@example.org", InvitationText("A & B", "Hi,\nhttps://x?a=1&b=2\n"))

    split = urlsplit(link)
    assert (split.scheme, split.path) == ("mailto", "ada%2Bx@example.org")
    assert parse_qs(split.query) == {"subject": ["A & B"], "body": ["Hi,\r\nhttps://x?a=1&b=2\r\n"]}


def test_the_mail_server_is_read_from_the_environment() -> None:
    environ = {"RATER_SMTP_HOST": "smtp.example.org", "RATER_SMTP_FROM": SENDER}

    assert server_from_environment(environ) == MailServer("smtp.example.org", 587, Security.STARTTLS, SENDER)
    assert server_from_environment({**environ, "RATER_SMTP_SECURITY": "SSL"}).port == 465


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"RATER_SMTP_HOST": ""}, "RATER_SMTP_HOST is not set"),
        ({"RATER_SMTP_SECURITY": "tls"}, "RATER_SMTP_SECURITY is 'tls'; valid: starttls, ssl, none"),
        ({"RATER_SMTP_SECURITY": "none"}, "is not this machine"),
        ({"RATER_SMTP_PORT": "99999"}, "RATER_SMTP_PORT is '99999'"),
        ({"RATER_SMTP_FROM": ""}, "RATER_SMTP_FROM is ''"),
        ({"RATER_SMTP_FROM": "Ada\n <ada@example.org>"}, "more than one line"),
    ],
)
def test_a_setting_of_the_mail_server_that_is_not_valid_is_named(environ: dict[str, str], named: str) -> None:
    valid = {"RATER_SMTP_HOST": "smtp.example.org", "RATER_SMTP_FROM": SENDER}

    with pytest.raises(RaterError, match=named):
        server_from_environment({**valid, **environ})
