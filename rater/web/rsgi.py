"""Call a WSGI app through Granian's asynchronous interface (RSGI), once a request has arrived completely.

Granian's own WSGI interface calls the app when the head of a request is complete, and the app's thread reads
the body. A client that sends half a form and stops would occupy that thread until it disconnects, since
Granian has no timeout for bodies (its issue 728, closed as "wontfix"). It also maps ``X_Forwarded_For`` to
the same variable as ``X-Forwarded-For``, so that clients could forge the header behind a proxy that passes
both on.

Here the event loop waits for the body, so that slow clients occupy no thread. The app then runs in a thread,
and its complete response goes back to Granian, which sends it as fast as the client reads.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from granian.rsgi import (  # type: ignore[attr-defined] # its types leave out what it imports itself
    HTTPProtocol,
    ProtocolClosed,
    ProtocolError,
    Scope,
)

BODY_TIMEOUT_S = 30.0
_N_OTHER_THREADS = 2
_UNPREFIXED = ("CONTENT_TYPE", "CONTENT_LENGTH")


@dataclass(frozen=True)
class _Response:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class WsgiBridge:
    """An RSGI application that calls a WSGI app with complete requests."""

    def __init__(
        self,
        app: WSGIApplication,
        *,
        max_body_bytes: int,
        other_paths: tuple[str, ...] = (),
        headers: Mapping[str, str] | None = None,
        body_timeout_s: float = BODY_TIMEOUT_S,
        n_page_threads: int = 1,
    ) -> None:
        """Prepare to call an app.

        Args:
            app: The WSGI app.
            max_body_bytes: Longer bodies are not received; the app gets an empty one and its declared length,
                and answers 413.
            other_paths: Paths that start with one of these run in threads of their own, since they may take
                long or must answer while a page waits.
            headers: The headers of responses that do not come from the app.
            body_timeout_s: How long a client may take to send a body, in seconds.
            n_page_threads: How many of all other requests run at the same time. More than one helps where
                they wait for a database server. Python threads that compute at the same time slow each other
                down, and one that waits for the interpreter may hold SQLite's write lock.
        """
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._other_paths = other_paths
        self._headers = list((headers or {}).items())
        self._body_timeout_s = body_timeout_s
        self._pages = ThreadPoolExecutor(n_page_threads, thread_name_prefix="pages")
        self._others = ThreadPoolExecutor(_N_OTHER_THREADS, thread_name_prefix="others")

    async def __call__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answer one request."""
        try:
            body = await self._receive(scope, protocol)
        except TimeoutError:
            headers = [*self._headers, ("Content-Type", "text/plain"), ("Connection", "close")]
            protocol.response_str(408, headers, "The request did not arrive in time.\n")
            return
        except (ProtocolError, ProtocolClosed):  # the client disconnected
            protocol.response_empty(400, self._headers)
            return
        environ = make_environ(scope, body, n_declared=self._max_body_bytes + 1)
        is_other = environ["PATH_INFO"].startswith(self._other_paths)
        threads = self._others if is_other else self._pages
        response = await asyncio.get_running_loop().run_in_executor(threads, _call, self._app, environ)
        protocol.response_bytes(response.status, response.headers, response.body)

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop) -> None:
        """Finish what is running when the worker stops."""
        self._pages.shutdown()
        self._others.shutdown()

    async def _receive(self, scope: Scope, protocol: HTTPProtocol) -> bytes | None:
        """Return the body; None if it is longer than allowed."""
        length = scope.headers.get("content-length")
        if length is None and "transfer-encoding" not in scope.headers:
            return b""
        if length is not None and int(length) > self._max_body_bytes:
            return None
        received = bytearray()
        async with asyncio.timeout(self._body_timeout_s):
            async for chunk in protocol:
                received += chunk
                if len(received) > self._max_body_bytes:
                    return None
        return bytes(received)


def make_environ(scope: Scope, body: bytes | None, *, n_declared: int) -> WSGIEnvironment:
    """Make the WSGI environment of a request (PEP 3333).

    Headers whose name has an underscore are left out: in the environment they would be indistinguishable from
    those with a hyphen.

    Args:
        scope: The request without its body.
        body: The body; None if it is too long to be received.
        n_declared: The length that is declared for a body that was not received.
    """
    host, _, port = scope.server.rpartition(":")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host.strip("[]") or "localhost",
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(body or b""),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for header, value in scope.headers.items():
        if "_" in header:
            continue
        name = header.upper().replace("-", "_")
        if name not in _UNPREFIXED:
            name = f"HTTP_{name}"
        environ[name] = f"{environ[name]},{value}" if name in environ else value
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ["CONTENT_LENGTH"] = str(n_declared if body is None else len(body))
    if "HTTP_HOST" not in environ and scope.authority:
        environ["HTTP_HOST"] = scope.authority
    return environ


def _call(app: WSGIApplication, environ: WSGIEnvironment) -> _Response:
    """Call an app and collect its whole response."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    chunks: list[bytes] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], _exc_info: Any = None
    ) -> Callable[[bytes], object]:
        started.append((status, headers))
        return chunks.append

    result = app(environ, start_response)
    try:
        chunks.extend(result)
    finally:
        close = getattr(result, "close", None)
        if close is not None:
            close()
    status, headers = started[-1]
    return _Response(int(status.split(" ", 1)[0]), headers, b"".join(chunks))
