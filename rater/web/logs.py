"""Log what the server does as lines or as JSON objects; never who asked, from where, or what was sent.

A request is logged by the name of its page, not by its address: an address can hold a recruitment site's
identifiers. Addresses of clients, cookies, forms and answers are in no line.
"""

import json
import logging
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from typing import Literal

from flask import Flask, Response, g, request

LogFormat = Literal["text", "json"]

_requests = logging.getLogger("rater.web.requests")
_MAX_KINDS = 500
_OWN = ("reference", "page", "method", "status", "ms")
"""Fields that a record can have in addition to its message."""


class JsonLines(logging.Formatter):
    """One JSON object a line: when, how bad, which logger and process, what, and a failure's traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as one line."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        line.update({name: getattr(record, name) for name in _OWN if hasattr(record, name)})
        if record.exc_info and record.exc_info[1] is not None:
            line["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        return json.dumps(line, ensure_ascii=False)


class TextLines(logging.Formatter):
    """A line to read: when, how bad, which process, what."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s [%(process)d] %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    converter = staticmethod(time.gmtime)  # the same hours as in the database


class RepeatLimit(logging.Filter):
    """Lets lines of one kind through up to a number a minute, and then counts them.

    A kind is a message before its values are put in. The first line of the next minute reports how many were
    left out, so that no flood of bad requests fills a disk, or hides another line.
    """

    def __init__(self, most: int = 20, window_s: float = 60.0) -> None:
        super().__init__()
        self._most, self._window_s = most, window_s
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Count a line, and let it through unless there were many of its kind."""
        if record.levelno < logging.WARNING:  # each request, where that is asked for
            return True
        kind = (record.name, record.levelno, str(record.msg)[:200])
        with self._lock:
            if len(self._seen) >= _MAX_KINDS:
                self._seen.clear()
            since, n = self._seen.get(kind, (record.created, 0))
            n_left_out = 0
            if record.created - since >= self._window_s or record.created < since:
                since, n, n_left_out = record.created, 0, max(0, n - self._most)
            self._seen[kind] = since, n + 1
        if n_left_out:
            record.msg = f"{record.msg} ({n_left_out} more such lines within a minute were left out)"
        return n < self._most


def configure(log_format: LogFormat, level: str = "warning") -> None:
    """Send what the app logs to standard error, in one of the two forms.

    Args:
        log_format: Lines to read, or JSON objects for a program.
        level: ``warning``, or ``info`` for a line a request as well.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(log_format))
    handler.addFilter(RepeatLimit())
    logger = logging.getLogger("rater.web")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(level.upper())


def formatter(log_format: LogFormat) -> logging.Formatter:
    """Make the formatter of a form."""
    return JsonLines() if log_format == "json" else TextLines()


def init_app(app: Flask) -> None:
    """Log each request once it is answered, at level info."""
    app.before_request(_start)
    app.after_request(_finish)


def _start() -> None:
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    if _requests.isEnabledFor(logging.INFO):
        ms = round(1000 * (time.perf_counter() - g.get("started", time.perf_counter())), 1)
        page, status = request.endpoint or "none", response.status_code
        method = known_method()
        extra = {"page": page, "method": method, "status": status, "ms": ms}
        _requests.info("%s %s %d %.1f ms", method, page, status, ms, extra=extra)
    return response


def known_method() -> str:
    """Return the method of a request, or "other" for an unknown one."""
    known = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"}
    return request.method if request.method in known else "other"
