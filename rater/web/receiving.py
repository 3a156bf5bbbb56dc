"""Receive whole requests before a thread takes them, so that who sends slowly, or vanishes, holds up nobody.

gunicorn's threaded worker gives a thread to each connection at once: it waits five seconds for a first byte,
and for the rest of a request for ever. With four threads, four phones that lost their network in the middle
of a request would stop a worker. Its loop, in turn, waits two seconds for a client that was answered to close
its side. Here the loop, which can wait for any number of clients at once, takes in what comes until a request
is whole, and goes on while a client leaves.
"""

import contextlib
import re
import socket
import struct
import time
from concurrent.futures import Future
from functools import partial
from selectors import EVENT_READ
from typing import Literal

from gunicorn.http.message import Request  # type: ignore[import-untyped] # it has no types
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped] # as above

from rater.web.security import MAX_REQUEST_BYTES

PATIENCE_S = 30.0
"""How long a client may take to send a request, from when it connected or was answered last."""
LINGER_S = 2.0
"""How long a client has to take what is on its way to it, once all of it is sent."""
_LONGEST_HEAD = 64 * 1024
_CHUNK = 64 * 1024
_SENDING = struct.pack("ll", int(PATIENCE_S), 0)
"""How long a client may take none of an answer, as the system's timeval."""
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_IN_CHUNKS = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)


Received = Literal["unfinished", "whole", "not read"]


def judge(received: bytes) -> Received:
    """Say whether a request is there, with its body; one in chunks, or too long for us, is not read."""
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return "unfinished"
    found = _LENGTH.search(head + b"\r\n")
    length = int(found[1]) if found else 0
    if length > MAX_REQUEST_BYTES or _IN_CHUNKS.search(head):  # which no browser sends
        return "not read"
    return "whole" if len(body) >= length else "unfinished"


class Connection(TConn):  # type: ignore[misc] # gunicorn is not typed
    """A client, with what it has sent of a request so far."""

    received = b""
    is_read = True
    """Whether its request was read to its end."""
    is_leaving = False
    """Whether it was answered for the last time."""


class ReceivingWorker(ThreadWorker):  # type: ignore[misc] # as above
    """A threaded worker whose loop receives requests."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: set[Connection] = set()

    def accept(self, listener: socket.socket) -> None:
        """Accept a client, and wait for what it sends."""
        try:
            client, address = listener.accept()
        except OSError:  # another worker was quicker, or it has gone
            return
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SENDING)
        self.nr_conns += 1
        self._wait_for(Connection(self.cfg, client, address, listener.getsockname()), PATIENCE_S)

    def on_client_socket_readable(self, connection: Connection, client: socket.socket) -> None:
        """Receive the next request of a client that was answered before."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(connection)
        self._wait_for(connection, PATIENCE_S)

    def enqueue_req(self, connection: Connection) -> None:
        """Go on with what a client sent beyond its last request."""
        connection.received = connection.parser.unreader.take_buffered()
        self._wait_for(connection, PATIENCE_S)
        self._answer_if_whole(connection)

    def murder_pending(self) -> None:
        """Close the connections of those who took too long."""
        now = time.monotonic()
        for connection in [each for each in self._waiting if each.timeout <= now]:
            self._drop(connection)

    def finish_request(self, connection: Connection, answered: "Future[bool]") -> None:
        """Wait for the next request, or let the client go."""
        if answered.cancelled() or answered.exception() or answered.result():
            super().finish_request(connection, answered)
            return
        connection.is_leaving = True
        with contextlib.suppress(OSError):  # it has gone already
            connection.sock.shutdown(socket.SHUT_WR)
        self._wait_for(connection, LINGER_S)

    def handle_request(self, request: Request, connection: Connection) -> bool:
        """Answer a request, and no other after one that was not read to its end."""
        if not connection.is_read:
            request.force_close()
        return bool(super().handle_request(request, connection))

    def _cap_keepalive(self, deadline: float) -> None:
        """Wait no longer than a worker that stops may."""
        super()._cap_keepalive(deadline)
        for connection in self._waiting:
            connection.timeout = min(connection.timeout, deadline)

    def _wait_for(self, connection: Connection, patience_s: float) -> None:
        connection.timeout = time.monotonic() + patience_s
        connection.sock.settimeout(0)
        self._waiting.add(connection)
        self.poller.register(connection.sock, EVENT_READ, partial(self._receive, connection))

    def _receive(self, connection: Connection, client: socket.socket) -> None:
        try:
            chunk = client.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk or len(connection.received) > _LONGEST_HEAD + MAX_REQUEST_BYTES:
            self._drop(connection)
        elif not connection.is_leaving:
            connection.received += chunk
            self._answer_if_whole(connection)

    def _answer_if_whole(self, connection: Connection) -> None:
        found = judge(connection.received)
        if found == "unfinished":
            return
        self._stop_waiting_for(connection)
        connection.is_read = found == "whole"
        connection.sock.settimeout(None)
        connection.init()
        connection.parser.unreader.unread(connection.received)
        connection.received, connection.data_ready = b"", True
        super().enqueue_req(connection)

    def _stop_waiting_for(self, connection: Connection) -> None:
        self._waiting.discard(connection)
        self.poller.unregister(connection.sock)

    def _drop(self, connection: Connection) -> None:
        self._stop_waiting_for(connection)
        self.nr_conns -= 1
        connection.close()
