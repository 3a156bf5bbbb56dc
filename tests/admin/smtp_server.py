"""A real SMTP server on loopback, with a certificate, a login and addresses that it refuses."""

import contextlib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

USER, PASSWORD = "ada", "secret of a test"


@dataclass
class Mailbox:
    """The messages that a server received, and its answers."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    fails_after: int | None = None
    """The number of messages after which the server fails."""
    logins: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 (the interface of aiosmtpd)
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return "550 5.1.1 No such person here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (as above)
        if self.fails_after is not None and len(self.messages) >= self.fails_after:
            return "451 4.3.0 Out of order"
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 OK"

    def authenticate(
        self, _server: object, _session: object, _envelope: object, _mechanism: str, data: object
    ) -> AuthResult:
        is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (
            USER.encode(),
            PASSWORD.encode(),
        )
        self.logins.append(is_right)
        return AuthResult(success=is_right, handled=False)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for localhost and its key, with OpenSSL."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@contextlib.contextmanager
def serving(certificate: tuple[Path, Path] | None = None, *, is_ssl: bool = False) -> Iterator[Mailbox]:
    """Serve on a free port of loopback: with STARTTLS and a login, all in TLS, or without either."""
    mailbox = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        mailbox.port = probe.getsockname()[1]
    options: dict[str, Any] = {}
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        # the server does not count a connection that is encrypted from its beginning as TLS
        with_ssl = {"ssl_context": context, "auth_require_tls": False}
        with_starttls = {"tls_context": context, "require_starttls": True, "auth_required": True}
        options = {"authenticator": mailbox.authenticate, **(with_ssl if is_ssl else with_starttls)}
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, **options)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
