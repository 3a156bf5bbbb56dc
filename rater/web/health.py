"""Health checks, and metrics for Prometheus: requests and times by page and status, never by rater or arm.

The counts of all workers are added up through files in a folder that the server creates and removes
(prometheus_client's multi-process mode). The library reads the folder from the environment when it is
imported, so it is imported late.
"""

import hmac
import os
import time

from flask import Blueprint, Flask, Response, abort, current_app, g, request

from rater.errors import DatabaseError
from rater.store.migrate import require_current
from rater.store.open_file import open_file
from rater.web.logs import known_method
from rater.web.rate_limits import is_from_this_machine
from rater.web.settings import running

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_EXTENSION = "rater-metrics"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0)


class Metrics:
    """The metrics of one app."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram  # noqa: PLC0415 (see above)

        self.registry = CollectorRegistry()
        self.requests = Counter(
            "rater_requests",
            "Requests answered, by page, method and status.",
            ("page", "method", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "rater_request_seconds",
            "Time from a request to its answer, by page.",
            ("page",),
            buckets=_SECONDS,
            registry=self.registry,
        )

    def count(self, response: Response) -> Response:
        """Count an answered request."""
        page = request.endpoint or "none"
        self.requests.labels(page, known_method(), str(response.status_code)).inc()
        started = g.get("started")
        if started is not None:
            self.seconds.labels(page).observe(time.perf_counter() - started)
        return response


def init_app(app: Flask) -> None:
    """Count every request of an app."""
    metrics = Metrics()
    app.extensions[_EXTENSION] = metrics
    app.after_request(metrics.count)


def expose(app: Flask) -> bytes:
    """Return the metrics in Prometheus' format: of all workers, or of the only process."""
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 (see above)
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415 (see above)

    if FOLDER_VARIABLE not in os.environ:
        metrics: Metrics = app.extensions[_EXTENSION]
        return generate_latest(metrics.registry)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # its class has types, its constructor not
    return generate_latest(registry)


blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Return 200 (liveness): restart a process that does not answer. Costs no query."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def readyz() -> Response:
    """Return 200 if this server should get requests (readiness), else 503. Costs three queries.

    The database must have the current revision and still be at its path. Its disk must have 256 KiB of space,
    which is tested with a temporary file. A server that is about to stop is not ready.
    """
    flag = running().settings.drain_flag
    if flag is not None and flag.exists():
        return Response("The server is stopping.\n", status=503, mimetype="text/plain")
    try:
        require_current(running().engine, "rating")
        file = open_file(running().engine)
        if file is not None:
            file.require_room()
    except DatabaseError:  # its message names the database, which a stranger should not see
        return Response("The rating database cannot be used.\n", status=503, mimetype="text/plain")
    return Response("ready\n", mimetype="text/plain")


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return Prometheus metrics, to this machine or to a client with the token. Costs no query."""
    if not _may_read_metrics():
        abort(404)  # do not reveal that the page exists
    return Response(expose(current_app), content_type=CONTENT_TYPE)


def _may_read_metrics() -> bool:
    token = running().settings.metrics_token
    if token is None:
        return is_from_this_machine()
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return hmac.compare_digest(sent.encode(), token.encode())
