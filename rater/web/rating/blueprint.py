"""Hold the raters' blueprint, and what serves every stage: the study's colour, and all other addresses."""

from flask import Blueprint, Response, abort, request

from rater.store.engine import reading
from rater.web import theme
from rater.web.rating import flow
from rater.web.rating.request_context import find_newcomer
from rater.web.settings import running

blueprint = Blueprint("rater", __name__)


@blueprint.get("/look/<accent>.css")
def look(accent: str) -> Response:
    """Serve the style sheet of an accent colour. Costs no query: the address has the colour."""
    if not theme.ACCENT.fullmatch(accent):
        abort(404)
    return Response(theme.look_css(accent), mimetype="text/css")


@blueprint.get("/s/<slug>/")
@blueprint.get("/s/<slug>/<path:_rest>")
def other_page(slug: str, _rest: str = "") -> str:
    """Redirect requests for any other page of a study to the current page. Costs up to three queries."""
    with reading(running().engine) as session:
        flow.go_to_current(find_newcomer(session, slug, request.args))
