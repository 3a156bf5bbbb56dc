"""Metrics for Prometheus: requests and times by page and status, never by rater, study or arm.

The counts of all workers are added up through files in a folder that the server creates and removes
(prometheus_client's multi-process mode). The library reads the folder from the environment when it is
imported, so it is imported late.
"""

import os
import time

from flask import Flask, Response, g, request

from rater.web.logs import known_method

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
