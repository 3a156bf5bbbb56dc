"""Say whether the web process works, for whatever watches over it."""

from flask import Blueprint, Response
from sqlalchemy import text

from rater.errors import DatabaseError
from rater.store.engine import reading
from rater.web.settings import running

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer 200 if the rating database can be read, 503 if not. Costs one query."""
    try:
        with reading(running().engine) as session:
            session.execute(text("SELECT 1 FROM study LIMIT 1"))
    except DatabaseError:
        return Response("The rating database cannot be read.\n", status=503, mimetype="text/plain")
    return Response("ok\n", mimetype="text/plain")
