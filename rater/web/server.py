"""Serve the app with gunicorn, used as a library: the port first, then workers, one line when it listens.

Workers are threaded: their loop receives (`rater.web.receiving`), since browsers open connections ahead of
need and leave them idle, and their threads compute in turns (`rater.web.gate`). Two
processes are the default, so that one can fail or be busy while the other answers; a request takes a few
milliseconds, and SQLite has one writer at a time anyway.

On SIGHUP the workers are replaced by new ones, each when it has finished what it was at; no request is lost.
"""

import contextlib
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped] # it has no types
from gunicorn.glogging import Logger  # type: ignore[import-untyped] # as above
from gunicorn.http.message import Request  # type: ignore[import-untyped] # as above

from rater.errors import RaterError
from rater.store.rating.open import open_rating
from rater.temp_files import temporary_folder
from rater.web import logs, metrics
from rater.web.app import create_app
from rater.web.gate import Gate
from rater.web.receiving import Connection, ReceivingWorker
from rater.web.security import DESK_PATH, HEADERS, MAX_REQUEST_BYTES
from rater.web.settings import WebSettings

DEFAULT_PORT = 8000
DEFAULT_WORKERS = 2
_THREADS = 4  # one computes at a time, the others wait for clients; with twelve it keeps a quarter less
_REQUESTS_A_CONNECTION = 32
_BACKLOG = 256
_MOST_CLIENTS = 1_000
_OTHER_FILES = 100
"""How many files a worker may have open beside its clients: databases, locks, logs."""
_TIMEOUT_S = 60  # more than SQLite waits for a lock, so that a wait ends as a page and not as a killed worker
_GRACE_S = 5
_LAST_PORT = 65_535


def serve(
    settings: WebSettings,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    *,
    workers: int = DEFAULT_WORKERS,
    log_format: logs.LogFormat = "text",
    on_listening: Callable[[str], None] = print,
) -> None:
    """Serve until interrupted (Ctrl-C) or terminated; returns when the workers have stopped.

    Args:
        settings: What the app is told.
        host: The address to listen on.
        port: The port; 0 for a free one.
        workers: How many processes answer requests.
        log_format: How the server's own log is written; `rater.web.logs.configure` sets the app's.
        on_listening: Called once with the address, when connections are accepted.

    Raises:
        DatabaseError: the rating database is missing, of another revision or cannot be reached.
        RaterError: the port is taken or may not be used.
    """
    open_rating(
        settings.rating_url
    ).dispose()  # here rather than in a worker, where it would only be a log line
    listener = _listen(host, port)
    address = _address(listener)
    os.register_at_fork(after_in_child=_end_when_told)
    with temporary_folder("rater-serve-") as folder, _ending_workers_here():
        _Server(
            _with_folders(settings, folder),
            listener,
            workers=workers,
            log_format=log_format,
            on_listening=lambda: on_listening(address),
        ).run()


def serve_dev(
    settings: WebSettings,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    *,
    on_listening: Callable[[str], None] = print,
) -> None:
    """Serve with Flask's own server, which starts again when a file of the app changes; for yourself only.

    Raises:
        DatabaseError: as `serve`.
    """
    from werkzeug.serving import run_simple  # noqa: PLC0415 (serving has no use for it)

    with temporary_folder("rater-serve-") as folder:
        app = create_app(replace(settings, previews_folder=folder))
        app.debug = True
        if not os.environ.get("WERKZEUG_RUN_MAIN"):
            on_listening(f"http://{host}:{port}")
        run_simple(host, port, app, use_reloader=True, use_debugger=False, threaded=True)


def _with_folders(settings: WebSettings, folder: Path) -> WebSettings:
    """Make what the workers share while the server runs: their counts' files, and the desk's previews."""
    counts, previews = folder / "metrics", folder / "previews"
    counts.mkdir()
    previews.mkdir()
    os.environ[metrics.FOLDER_VARIABLE] = str(counts)
    return replace(settings, previews_folder=previews)


class _Nameless(logging.Filter):
    """Takes out of the server's own messages who asked and what for, which no line of ours says."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Put words of ours in place of a message that quotes a request."""
        for begins, says in (
            ("Invalid request from", "What came was no request that can be read."),
            ("Error handling request", "A request failed."),
        ):
            if str(record.msg).startswith(begins):
                record.msg, record.args = says, ()
        return True


class _TextLogger(Logger):  # type: ignore[misc] # gunicorn is not typed
    """The server's own log, in the form of the app's."""

    log_format: logs.LogFormat = "text"

    def setup(self, cfg: object) -> None:
        """Take gunicorn's handlers, and write as the app does."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.addFilter(_Nameless())
            handler.addFilter(logs.RepeatLimit())
            handler.setFormatter(logs.formatter(self.log_format))


class _JsonLogger(_TextLogger):
    log_format: logs.LogFormat = "json"


class _WithHeaders:
    """A client whose answer, written by the server itself, gets the headers of the app's pages."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client

    def sendall(self, answer: bytes) -> None:
        """Send an answer with our headers after its first line."""
        status, _, rest = answer.partition(b"\r\n")
        headers = HEADERS | {"Cache-Control": "no-store"}
        ours = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._client.sendall(status + b"\r\n" + ours.encode() + rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class _Worker(ReceivingWorker):
    """A worker that keeps no client to itself, and that can be told to end wherever it is."""

    def handle_request(self, request: Request, connection: Connection) -> bool:
        """Answer a request, and now and then let the client come again, to whichever worker has time."""
        if connection.parser.req_count % _REQUESTS_A_CONNECTION == 0:
            request.force_close()
        return bool(super().handle_request(request, connection))

    def handle_error(self, req: Request, client: socket.socket, addr: object, exc: BaseException) -> None:
        """Refuse what is no request with the headers of every page of ours."""
        super().handle_error(req, _WithHeaders(client), addr, exc)

    def handle_quit(self, _sig: int, _frame: FrameType | None) -> None:
        """End at once: the exception that gunicorn raises is lost where a callback is interrupted."""
        os._exit(0)


class _Server(BaseApplication):  # type: ignore[misc] # gunicorn is not typed
    """One app in several processes, each with its own engine: connections do not survive a fork."""

    def __init__(
        self,
        settings: WebSettings,
        listener: socket.socket,
        *,
        workers: int,
        log_format: logs.LogFormat,
        on_listening: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._options: dict[str, object] = {
            "bind": [f"fd://{listener.detach()}"],
            "workers": workers,
            "worker_class": _Worker,
            "threads": _THREADS,
            "worker_connections": _most_clients(),
            "timeout": _TIMEOUT_S,
            "graceful_timeout": _GRACE_S,
            "loglevel": "warning",
            # whom a proxy forwards for is told by the app's own settings (`rater serve --proxies`)
            "forwarded_allow_ips": "",
            "forwarder_headers": "",
            "logger_class": _JsonLogger if log_format == "json" else _TextLogger,
            "child_exit": lambda _arbiter, worker: metrics.forget_worker(worker.pid),
            "control_socket_disable": True,
            "when_ready": lambda _arbiter: on_listening(),
        }
        super().__init__()

    def load_config(self) -> None:
        """Take our options only: no command line, no file, no environment."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Gate:
        """Make the app, in the worker."""
        return Gate(
            create_app(self._settings),
            most_bytes=MAX_REQUEST_BYTES,
            free=(DESK_PATH, self._settings.prefix + DESK_PATH),
        )


def _most_clients() -> int:
    """Say how many clients a worker may have: past the system's limit it would try in vain, over and over."""
    import resource  # noqa: PLC0415 (POSIX only)

    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return _MOST_CLIENTS
    return max(2 * _THREADS, min(_MOST_CLIENTS, allowed - _OTHER_FILES))


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= _LAST_PORT:  # the resolver would take it modulo 65536
        msg = f"Port {port} is no port. Valid: 0 (a free one) to {_LAST_PORT}."
        raise RaterError(msg)
    listener = None
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise RaterError(_why_not(host, port, error)) from error
    return listener


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken. Stop what uses it, or choose another: --port {port + 1} "
            f"(make demo PORT={port + 1}), or --port 0 for a free one."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} on {host} may not be used by you. Choose one from 1024 to 65535."
    return f"{host} port {port} cannot be listened on ({error.strerror}). Valid: an address of this machine."


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _end_when_told() -> None:
    """End a worker that is told to before it listens to signals, which it would lose until then."""
    for each in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(each, lambda *_: os._exit(0))


@contextlib.contextmanager
def _ending_workers_here() -> Iterator[None]:
    """Return in the process that called `serve`, and end a worker at once.

    gunicorn leaves both by SystemExit; a worker must not run the clean-up of whoever called `serve`.
    """
    served_by = os.getpid()
    try:
        yield
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if os.getpid() != served_by:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        if code:
            msg = "The server could not start its workers. What they wrote above says why."
            raise RuntimeError(msg) from stop
