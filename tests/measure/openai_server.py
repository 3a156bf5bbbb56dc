"""A server with OpenAI's interface for chats on loopback, which answers as a function of a test does."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Requests:
    """The requests that a server was sent."""

    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, body: dict[str, Any], authorization: str | None) -> int:
        """Record a request, and return its number from 0."""
        with self._lock:
            self.bodies.append(body)
            self.authorizations.append(authorization)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            return len(self.bodies) - 1

    def end(self) -> None:
        """Record the end of a request."""
        with self._lock:
            self._at_once -= 1


@dataclass(frozen=True)
class Answer:
    """The answer of a server: a completion, or a status with a body."""

    text: str = ""
    status: int = 200
    finish_reason: str = "stop"
    headers: tuple[tuple[str, str], ...] = ()
    body: object = None


Respond = Callable[[int, str], Answer | str]
"""From the number of the request and its message to the answer."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Print nothing where a judge that stops closes a connection half-way; its own result is tested."""


@contextlib.contextmanager
def serving(respond: Respond, *, port: int = 0) -> Iterator[Requests]:
    """Serve on a port of loopback, by default a free one, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            number = requests.begin(body, self.headers.get("Authorization"))
            try:
                given = respond(number, body["messages"][-1]["content"])
            finally:
                requests.end()
            answer = Answer(given) if isinstance(given, str) else given
            choice = {
                "message": {"role": "assistant", "content": answer.text},
                "finish_reason": answer.finish_reason,
            }
            sent = json.dumps({"choices": [choice]} if answer.body is None else answer.body).encode()
            self.send_response(answer.status if self.path == "/v1/chat/completions" else 404)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            pass

    server = _Server(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    requests = Requests(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
