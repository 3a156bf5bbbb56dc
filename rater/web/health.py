"""Health checks and metrics, for monitoring."""

import hmac

from flask import Blueprint, Response, abort, current_app, request

from rater.errors import DatabaseError
from rater.store.migrate import require_current
from rater.store.open_file import open_file
from rater.web import metrics as counts
from rater.web.rate_limits import is_from_this_machine
from rater.web.settings import running

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Return 200 (liveness): restart a process that does not answer. Costs no query."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def readyz() -> Response:
    """Return 200 if the rating database can be used (readiness), else 503. Costs three queries.

    The database must have the current revision and still be at its path. Its disk must have 256 KiB of space,
    which is tested with a temporary file.
    """
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
    return Response(counts.expose(current_app), content_type=counts.CONTENT_TYPE)


def _may_read_metrics() -> bool:
    token = running().settings.metrics_token
    if token is None:
        return is_from_this_machine()
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return hmac.compare_digest(sent.encode(), token.encode())
