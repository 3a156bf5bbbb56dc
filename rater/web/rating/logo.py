"""The logo of a study: the picture at the top of its pages, and its address."""

from dataclasses import dataclass

from flask import Response, abort, url_for

from rater.store.engine import reading
from rater.web.rating.flow import blueprint
from rater.web.rating.request_context import Visit, find_visit
from rater.web.security import allow_caching
from rater.web.settings import running


@dataclass(frozen=True)
class ShownLogo:
    """A logo as a page shows it."""

    url: str
    alt: str


def logo_of(visit: Visit) -> ShownLogo | None:
    """Return the logo of a visited study; None without one. Costs nothing."""
    logo = visit.protocol.logo
    if logo is None or logo.picture is None:
        return None
    return ShownLogo(url_for("rater.logo", slug=visit.study.slug, digest=logo.picture.digest), logo.alt)


@blueprint.get("/s/<slug>/logo/<digest>")
def logo(slug: str, digest: str) -> Response:
    """Serve the picture of a study's logo. Costs one query, once for each browser.

    The digest of the content is part of the address, so that browsers can keep the picture, and load another
    one after an amendment.
    """
    with reading(running().engine) as session:
        declared = find_visit(session, slug).protocol.logo
    picture = declared.picture if declared else None
    if picture is None or picture.digest != digest:
        abort(404)
    allow_caching()
    return Response(picture.content, mimetype=picture.media_type)
