"""A rater's browser, reduced to the minimum: one keep-alive connection, and its cookie."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlencode

_COOKIE = re.compile(rb"set-cookie: (rater=[^;]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_NEXT = re.compile(rb"(?:location|x-rater-url): (\S+)", re.IGNORECASE)
_OUTCOME = re.compile(rb"x-rater: (\S+)", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    outcome: str
    """The app's header about a form that a script sent."""
    next_url: str
    body: bytes


@dataclass
class Browser:
    """One rater's connection to a server on this machine; opened again when the server closes it."""

    port: int
    address: str = ""
    """The rater's address, as a proxy in front of the server reports it; empty without a proxy."""
    cookie: bytes = b""
    url: str = ""
    """The address of the page that is open."""
    page: bytes = b""
    position: int = 1
    """The next trial, for pages that do not contain it."""
    n_resent: int = 0
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, repr=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()

    async def get(self, path: str) -> Answer:
        """Open a page."""
        return await self._send("GET", path, b"", {})

    async def post(
        self, path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a form; again, unchanged, if no response came."""
        return await self._send("POST", path, urlencode(form).encode(), headers or {})

    async def _send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Content-Length: {len(body)}",
            *([f"X-Forwarded-For: {self.address}"] if self.address else []),
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        if body:
            lines.append("Content-Type: application/x-www-form-urlencoded")
        head = "\r\n".join(lines).encode()
        if self.cookie:
            head += b"\r\nCookie: " + self.cookie
        message = head + b"\r\n\r\n" + body
        try:
            return await self._exchange(message)
        except (ConnectionError, asyncio.IncompleteReadError):  # an idle connection that the server closed
            self._close()
            self.n_resent += 1
            return await self._exchange(message)

    async def _exchange(self, message: bytes) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await reader.readexactly(int(length[1])) if length else b""
        cookie, outcome, next_url = _COOKIE.search(head), _OUTCOME.search(head), _NEXT.search(head)
        if cookie:
            self.cookie = cookie[1]
        if b"connection: close" in head.lower():
            self._close()
        return Answer(
            int(head[9:12]),
            outcome[1].decode() if outcome else "",
            next_url[1].decode() if next_url else "",
            body,
        )

    def _close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
