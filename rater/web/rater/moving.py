"""What the views have in common: find who may be at a page, and lead them on from it in one transaction."""

from collections.abc import Callable

from flask import redirect
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from rater.store.engine import reading, writing
from rater.store.rating.sittings import Sitting
from rater.web import flow
from rater.web.flow import Place, Visit
from rater.web.settings import running

Step = Callable[[Session, Visit, Sitting], None]


def read_visit(slug: str, place: Place) -> tuple[Visit, Sitting]:
    """Find who may be at a place, or send them to where they are now. Costs one query.

    Raises:
        HTTPException: the redirect.
    """
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
    return visit, flow.require_sitting(visit, place)


def move_on(slug: str, place: Place, step: Step) -> AnyResponse:
    """Take a step in one transaction, and lead to where the rater is then. Costs two queries and the step's.

    Args:
        slug: The study's address.
        place: Where the rater must be.
        step: Stores what was done there; what it aborts with, such as a page that points at what is missing,
            is the answer, and nothing is stored.

    Raises:
        HTTPException: the redirect of who is elsewhere, or what the step aborted with.
    """
    with writing(running().engine) as session:
        visit = flow.find_visit(session, slug)
        step(session, visit, flow.require_sitting(visit, place))
        visit = flow.find_visit(session, slug)
    return redirect(flow.url_of(slug, flow.current_place(visit)), 303)
