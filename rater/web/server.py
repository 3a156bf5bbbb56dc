"""Serve the app with Granian: bind the port, start worker processes, print one line when they listen.

Two processes are the default, so that one can fail or be busy while the other answers; a request takes a few
milliseconds, and SQLite has one writer at a time anyway. Each worker has its own database engine: connections
do not survive a fork. A worker that dies is replaced.

On SIGHUP the workers are replaced by new ones, each when it has finished its requests. On SIGTERM the server
can first report to a load balancer that it stops (`rater.web.drain`).
"""

import contextlib
import errno
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from rater.errors import RaterError
from rater.store.engine import sqlite_path
from rater.store.rating.open import open_rating
from rater.temp_files import temporary_folder
from rater.web import health, logs
from rater.web.app import create_app
from rater.web.drain import drain_on_sigterm
from rater.web.rsgi import WsgiBridge
from rater.web.security import DESK_PATH, HEADERS, MAX_REQUEST_BYTES
from rater.web.settings import WebSettings

DEFAULT_PORT = 8000
DEFAULT_WORKERS = 2
_BACKLOG = 1024
_MAX_CONNECTIONS = 1_000
# files of a worker that are not connections: databases, locks, logs
_OTHER_FILES = 100
# how long a client may take to send a request's head, and an idle connection is kept
_HEAD_TIMEOUT_MS = 30_000
# how long a worker may finish its requests when the server stops or reloads
_GRACE_S = 10
# how long a replaced worker and its successor both run on SIGHUP; a worker starts within a second
_OVERLAP_S = 3.0
_POLL_S = 0.02
# Pages that a worker computes at the same time with a database server: one computes while another waits for
# a commit. In turns on busy cores, 20 raters made 85 ratings a second with one thread, 131 with two and 98
# with four; the 99th percentile of the times was 0.62, 0.52 and 0.57 s.
_PAGE_THREADS_SERVER = 2
# a proxy of the same group may connect
_SOCKET_MODE = 0o660
_MAX_PORT = 65_535
_HEALTH_PATHS = ("/healthz", "/readyz", "/metrics")

_log = logging.getLogger("rater.web")


def serve(
    settings: WebSettings,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    *,
    socket_path: Path | None = None,
    workers: int = DEFAULT_WORKERS,
    drain_s: float = 0.0,
    log_format: logs.LogFormat = "text",
    on_listening: Callable[[str], None] = print,
) -> None:
    """Serve until interrupted (Ctrl-C) or terminated; returns when the workers have stopped.

    Args:
        settings: The app's settings.
        host: The address to listen on.
        port: The port; 0 for a free one.
        socket_path: A Unix socket to listen on instead of an address and port.
        workers: The number of processes that answer requests.
        drain_s: How long it still answers after SIGTERM while /readyz reports 503; 0 stops it at once.
        log_format: The form of the server's own log; `rater.web.logs.configure` sets the app's.
        on_listening: Called once with the address, when connections are accepted.

    Raises:
        DatabaseError: the rating database is missing, of another revision or cannot be reached.
        RaterError: the port is taken or may not be used, or the workers do not start.
    """
    # checked here rather than in a worker, where an error would only be a log line
    open_rating(settings.rating_url).dispose()
    with temporary_folder("rater-serve-") as folder, _metrics_folder(folder):
        flag = folder / "draining"
        settings = replace(settings, previews_folder=_make(folder / "previews"), drain_flag=flag)
        run_workers(
            partial(_load, settings),
            host,
            port,
            socket_path=socket_path,
            workers=workers,
            on_startup=partial(drain_on_sigterm, flag, drain_s) if drain_s else None,
            log_format=log_format,
            on_listening=on_listening,
        )


def serve_dev(
    settings: WebSettings,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    *,
    on_listening: Callable[[str], None] = print,
) -> None:
    """Serve with Flask's own server, which restarts when a file of the app changes; for development only.

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


def run_workers(
    load: Callable[[], WsgiBridge],
    host: str,
    port: int,
    *,
    socket_path: Path | None = None,
    workers: int = DEFAULT_WORKERS,
    on_startup: Callable[[], None] | None = None,
    log_format: logs.LogFormat = "text",
    on_listening: Callable[[str], None] = print,
) -> None:
    """Run worker processes until interrupted or terminated.

    Args:
        load: Makes the application; called in each worker.
        host: The address to listen on.
        port: The port; 0 for a free one.
        socket_path: A Unix socket to listen on instead of an address and port.
        workers: The number of processes.
        on_startup: Called in the main process when it handles signals, before the workers start.
        log_format: The form of the server's own log.
        on_listening: Called once with the address, when connections are accepted.

    Raises:
        RaterError: the port is taken or may not be used, or the workers do not start.
    """
    with _reserve(host, port) if socket_path is None else _reserve_socket(socket_path) as address:
        ip, number = ("", 0) if isinstance(address, str) else address
        server = Granian(
            "rater",  # a name; the application comes from the loader
            address=ip,
            port=number,
            uds=socket_path,
            uds_permissions=_SOCKET_MODE,
            interface=Interfaces.RSGI,
            workers=workers,
            http=HTTPModes.http1,
            websockets=False,
            backlog=_BACKLOG,
            backpressure=_max_connections(),
            http1_settings=HTTP1Settings(header_read_timeout=_HEAD_TIMEOUT_MS),
            log_level=LogLevels.warning,
            log_dictconfig=_log_config(log_format),
            respawn_failed_workers=True,
            respawn_interval=_OVERLAP_S,
            workers_kill_timeout=_GRACE_S,
        )
        # inherited memory: the workers share what the settings hold
        multiprocessing.set_start_method("fork", force=True)
        os.register_at_fork(after_in_child=_exit_when_signalled)
        announce = threading.Thread(target=_announce, args=(address, on_listening), daemon=True)
        server.on_startup(announce.start)
        if on_startup is not None:
            server.on_startup(on_startup)
        try:
            server.serve(target_loader=partial(_load_in_worker, load), wrap_loader=False)
        except SystemExit as stop:
            msg = "The server stopped: its workers ended right after they had started. See its log."
            raise RaterError(msg) from stop


def bridge(app: Any, database_url: str, *, prefix: str = "") -> WsgiBridge:
    """Put a WSGI app behind the limits of the raters' app, with page threads for its kind of database."""
    return WsgiBridge(
        app,
        max_body_bytes=MAX_REQUEST_BYTES,
        other_paths=tuple(start + path for start in {"", prefix} for path in (DESK_PATH, *_HEALTH_PATHS)),
        headers=HEADERS | {"Cache-Control": "no-store"},
        n_page_threads=_PAGE_THREADS_SERVER if sqlite_path(database_url) is None else 1,
    )


def _load(settings: WebSettings) -> WsgiBridge:
    return bridge(create_app(settings), settings.rating_url, prefix=settings.prefix)


def _load_in_worker(load: Callable[[], WsgiBridge]) -> WsgiBridge:
    """Make the application in a worker, which ends without a traceback where that fails."""
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    try:
        return load()
    except RaterError as error:
        _log.error("A worker could not start: %s", error)
        sys.exit(1)


def _stop_with_parent() -> None:
    """Stop this worker when the main process was killed, so that it does not keep the port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _exit_when_signalled() -> None:
    """End a worker that is signalled before it handles signals itself; until then it would lose them."""
    for each in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(each, lambda *_: os._exit(0))


@contextlib.contextmanager
def _metrics_folder(folder: Path) -> Iterator[None]:
    """Let the workers that start during a block add up their metrics in files of a folder."""
    os.environ[health.FOLDER_VARIABLE] = str(_make(folder / "metrics"))
    try:
        yield
    finally:
        del os.environ[health.FOLDER_VARIABLE]


def _make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _log_config(log_format: logs.LogFormat) -> dict[str, Any]:
    """Return the configuration of Granian's log: warnings to standard error, in the form of the app's log."""
    return {
        "formatters": {"rater": {"()": partial(logs.formatter, log_format)}},
        "filters": {"repeats": {"()": logs.RepeatLimit}, "alarms": {"()": lambda: _is_no_false_alarm}},
        "handlers": {
            "rater": {
                "class": "logging.StreamHandler",
                "formatter": "rater",
                "filters": ["alarms", "repeats"],
                "stream": "ext://sys.stderr",
            }
        },
        "loggers": {"_granian": {"handlers": ["rater"], "level": "WARNING", "propagate": False}},
    }


def _is_no_false_alarm(record: logging.LogRecord) -> bool:
    """Return False for Granian's warning that it kills a worker that did not stop in time.

    Two of its threads wait for each worker's end. On a busy machine the one that is second takes an ended
    worker for a running one, and warns (seen with 2.8.9 at about every fifth stop).
    """
    return "refused to gracefully stop" not in record.getMessage()


def _max_connections() -> int:
    """Return the number of connections that a worker accepts, within the system's limit of open files."""
    try:
        import resource  # noqa: PLC0415 (not on every system)
    except ImportError:
        return _MAX_CONNECTIONS
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return _MAX_CONNECTIONS
    return max(8, min(_MAX_CONNECTIONS, allowed - _OTHER_FILES))


@contextlib.contextmanager
def _reserve(host: str, port: int) -> Iterator[tuple[str, int]]:
    """Hold a port for the length of a block, so that workers can listen on it; yields its numeric address.

    Every worker listens on a socket of its own (SO_REUSEPORT). That option alone would let a second server of
    the same user share a taken port without an error, so it is set only after an exclusive bind.
    """
    if not 0 <= port <= _MAX_PORT:  # the resolver would take it modulo 65536
        msg = f"Port {port} does not exist. Valid: 0 (a free one) to {_MAX_PORT}."
        raise RaterError(msg)
    with contextlib.ExitStack() as stack:
        try:
            family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            holder = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(address)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        except OSError as error:
            raise RaterError(_explain(host, port, error)) from error
        bound = holder.getsockname()
        yield str(bound[0]), int(bound[1])


def _explain(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken. Stop the program that uses it, or choose another: "
            f"--port {port + 1} (make demo PORT={port + 1}), or --port 0 for a free one."
        )
    if error.errno == errno.EACCES:
        return f"You may not use port {port} on {host}. Choose one from 1024 to 65535."
    return f"Cannot listen on {host} port {port} ({error.strerror}). Valid: an address of this machine."


@contextlib.contextmanager
def _reserve_socket(path: Path) -> Iterator[str]:
    """Remove a Unix socket that a killed server left at a path, before and after a block; yields the path."""
    if path.exists() and not path.is_socket():
        msg = f"{path} exists and is not a socket. Choose another path."
        raise RaterError(msg)
    if _accepts(str(path)):
        msg = f"Another server listens on {path}. Stop it, or choose another path."
        raise RaterError(msg)
    try:
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as attempt:
            attempt.bind(str(path))
        path.unlink()
    except OSError as error:
        msg = f"Cannot listen on {path} ({error.strerror or error}). Choose a path in a folder of yours."
        raise RaterError(msg) from error
    try:
        yield str(path)
    finally:
        path.unlink(missing_ok=True)


def _accepts(address: tuple[str, int] | str) -> bool:
    """Return whether a server accepts connections at a TCP address or on a Unix socket."""
    with contextlib.suppress(OSError):
        if isinstance(address, str):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(address)
        else:
            socket.create_connection(address).close()
        return True
    return False


def _announce(address: tuple[str, int] | str, on_listening: Callable[[str], None]) -> None:
    """Report the address once a worker accepts connections."""
    while not _accepts(address):
        time.sleep(_POLL_S)
    if isinstance(address, str):
        on_listening(f"unix:{address}")
    else:
        host, port = address
        on_listening(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
