"""A rater's browser, reduced to what costs the driver least: one keep-alive connection, and its cookie."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlencode

_COOKIE = re.compile(rb"set-cookie: (rater=[^;]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_LOCATION = re.compile(rb"location: (\S+)", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    location: str
    body: bytes


@dataclass
class Browser:
    """One rater's connection to a server on this machine; opened again when the server closes it."""

    port: int
    cookie: bytes = b""
    page: bytes = b""
    """The page that is open."""
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, repr=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()

    async def get(self, path: str) -> Answer:
        return await self._send("GET", path, b"")

    async def post(self, path: str, form: dict[str, str]) -> Answer:
        return await self._send("POST", path, urlencode(form).encode())

    async def _send(self, method: str, path: str, body: bytes) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Content-Length: {len(body)}"]
        if body:
            lines.append("Content-Type: application/x-www-form-urlencoded")
        head = "\r\n".join(lines).encode()
        if self.cookie:
            head += b"\r\nCookie: " + self.cookie
        message = head + b"\r\n\r\n" + body
        try:
            return await self._exchange(message)
        except (ConnectionError, asyncio.IncompleteReadError):  # a kept connection that the server gave up
            self._close()
            return await self._exchange(message)

    async def _exchange(self, message: bytes) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await reader.readexactly(int(length[1])) if length else b""
        found = _COOKIE.search(head)
        if found:
            self.cookie = found[1]
        if b"connection: close" in head.lower():
            self._close()
        location = _LOCATION.search(head)
        return Answer(int(head[9:12]), location[1].decode() if location else "", body)

    def _close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
