"""Let a worker process compute for one request at a time.

Python threads that compute at the same time hold each other up: one that comes back from a database call
waits some milliseconds for the interpreter, and keeps the database's write lock meanwhile. In turns, a
process with four threads keeps a third more ratings a second, each of them sooner. What waits for a client,
not for the interpreter, does so outside: a form is received before its turn, a reply is sent after it.
"""

import threading
from collections.abc import Iterable
from io import BytesIO
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Gate:
    """A WSGI app around another, which it calls for one request at a time."""

    def __init__(
        self, app: WSGIApplication, *, most_bytes: int, free: str | tuple[str, ...], patience_s: float = 1.0
    ) -> None:
        """Put a gate before an app.

        Args:
            app: What is called.
            most_bytes: The largest body that is received before its turn; a larger one the app refuses.
            free: What the paths of requests begin with that need no turn, since they may take long.
            patience_s: How long a request waits for its turn, in seconds; then it goes on, since the one
                before it waits for something else itself.
        """
        self._app = app
        self._most_bytes = most_bytes
        self._free = free
        self._patience_s = patience_s
        self._turn = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request when it is its turn."""
        self._receive(environ)
        if environ["PATH_INFO"].startswith(self._free):
            return self._app(environ, start_response)
        has_turn = self._turn.acquire(timeout=self._patience_s)
        try:
            return self._app(environ, start_response)
        finally:
            if has_turn:
                self._turn.release()

    def _receive(self, environ: WSGIEnvironment) -> None:
        """Wait for the whole body, which a slow client sends byte by byte; of unknown length it is none."""
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal():
            length = "0"
        if int(length) <= self._most_bytes:
            environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(int(length)))
