"""Receive whole requests before a thread takes them, so that who sends slowly, or vanishes, holds up nobody.

gunicorn's threaded worker gives a thread to each connection at once: it waits five seconds for a first byte,
and for the rest of a request for ever. With four threads, four phones that lost their network in the middle
of a request would stop a worker. Its loop, in turn, waits two seconds for a client that was answered to close
its side. Here the loop, which can wait for any number of clients at once, takes in what comes until a request
is whole, and goes on while a client leaves.
"""

import re
import socket
import struct
import time
from concurrent.futures import Future
from functools import partial
from io import BytesIO
from selectors import EVENT_READ

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
_FRAMING = re.compile(rb"\r\n(?:content-length|transfer-encoding)", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,6})[ \t]*\r\n", re.IGNORECASE)
_NOT_READ = 0


def request_length(received: bytes | bytearray, n_searched: int = 0) -> int | None:
    """Say how many bytes a request has with its body; None until its head is there.

    It is 0 for one whose body is not read, such as no browser sends: in chunks, too long for us, or of
    a length that may be read in two ways. A search for the head's end goes on where the last one stopped.
    """
    end = received.find(b"\r\n\r\n", max(0, n_searched - 3))
    if end < 0:
        return None
    head = bytes(received[: end + 2])
    n_framing, found = len(_FRAMING.findall(head)), _LENGTH.search(head)
    if not n_framing:
        return end + 4
    if n_framing > 1 or found is None or int(found[1]) > MAX_REQUEST_BYTES:
        return _NOT_READ
    return end + 4 + int(found[1])


class Connection(TConn):  # type: ignore[misc] # gunicorn is not typed
    """A client, with what it has sent of a request so far."""

    received: bytearray
    length: int | None
    """What `request_length` says of its request."""
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
        self._wait_for(connection, PATIENCE_S)
        self._take_in(connection, connection.parser.unreader.take_buffered())

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
        try:
            connection.sock.shutdown(socket.SHUT_WR)
            self._wait_for(connection, LINGER_S)
        except OSError:  # it has gone already, or its answer broke off
            self.nr_conns -= 1
            connection.close()

    def handle_request(self, request: Request, connection: Connection) -> bool:
        """Answer a request; one that is not read gets no body, and none comes after it."""
        if connection.length == _NOT_READ:
            request.body = BytesIO()  # else a thread would wait for it
            request.force_close()
        return bool(super().handle_request(request, connection))

    def _cap_keepalive(self, deadline: float) -> None:
        """Wait no longer than a worker that stops may."""
        super()._cap_keepalive(deadline)
        for connection in self._waiting:
            connection.timeout = min(connection.timeout, deadline)

    def _wait_for(self, connection: Connection, patience_s: float) -> None:
        connection.received, connection.length = bytearray(), None
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
            self._take_in(connection, chunk)

    def _take_in(self, connection: Connection, chunk: bytes) -> None:
        """Add to what a client has sent, and answer once that is a whole request."""
        n_searched = len(connection.received)
        connection.received += chunk
        if connection.length is None:
            connection.length = request_length(connection.received, n_searched)
        if connection.length is None or len(connection.received) < connection.length:
            return
        self._stop_waiting_for(connection)
        connection.sock.settimeout(None)
        connection.init()
        connection.parser.unreader.unread(bytes(connection.received))
        connection.data_ready = True
        super().enqueue_req(connection)

    def _stop_waiting_for(self, connection: Connection) -> None:
        self._waiting.discard(connection)
        self.poller.unregister(connection.sock)

    def _drop(self, connection: Connection) -> None:
        self._stop_waiting_for(connection)
        self.nr_conns -= 1
        connection.close()
