"""Say whether the web process works, for whatever watches over it."""

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
    """Answer 200 as long as the process answers at all: if it does not, start it again. Costs no query."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answer 200 if the rating database can be used, else 503. Costs three queries, and a file of 256 KiB.

    It can if it is of our revision, at its path still, and on a disk that is not full.
    """
    try:
        require_current(running().engine, "rating")
        file = open_file(running().engine)
        if file is not None:
            file.require_room()
    except DatabaseError:  # whose message names the database, which is nobody's business here
        return Response("The rating database cannot be used.\n", status=503, mimetype="text/plain")
    return Response("ready\n", mimetype="text/plain")


@blueprint.get("/metrics")
def metrics() -> Response:
    """Give Prometheus its counts: to this machine, or to who has the token. Costs no query."""
    if not _may_read_metrics():
        abort(404)  # as if there were nothing here
    return Response(counts.expose(current_app), content_type=counts.CONTENT_TYPE)


def _may_read_metrics() -> bool:
    token = running().settings.metrics_token
    if token is None:
        return is_from_this_machine()
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return hmac.compare_digest(sent.encode(), token.encode())
