"""Personal links: how many there are, and a form to make more."""

import re
from dataclasses import dataclass

from flask import Response, abort, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from rater.store.engine import reading, writing
from rater.store.rating.raters import count_invitations, make_invitations
from rater.store.rating.studies import PublishedStudy
from rater.web.desk import access
from rater.web.desk.downloads import attachment, links_csv
from rater.web.desk.page import DeskPage, Right, blueprint, find_or_404, needs, render
from rater.web.settings import running

MAX_LINKS = 500
_COUNT = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True)
class InvitePage(DeskPage):
    """Personal links: how many there are, and those just made, which are not shown again."""

    template = "desk/invite.html"

    user: str
    n_made: int
    n_used: int
    is_needed: bool
    """True if the study opens by personal links only."""
    most: int
    links: tuple[tuple[str, str], ...]
    """Label and address."""
    rater_url: str
    post_url: str
    back_url: str


@blueprint.get("/studies/<name>/invite")
@needs(Right.CHANGE)
def invite(name: str) -> str:
    """Offer to make personal links. Costs two queries."""
    with reading(running().engine) as session:
        return _render_invitations(session, find_or_404(session, name))


@blueprint.post("/studies/<name>/invite")
def make_links(name: str) -> AnyResponse:
    """Make personal links, shown this once: the database keeps digests only. Costs four queries."""
    n = _read_count(request.form.get("n", ""))
    with writing(running().engine) as session:
        published = find_or_404(session, name)
        first = count_invitations(session, published.id).n_made + 1
        labels = [str(number) for number in range(first, first + n)]
        invitations = make_invitations(session, published.id, labels, now=running().settings.now())
        links = tuple(
            (each.label, url_for("rater.invited", slug=published.slug, code=each.code, _external=True))
            for each in invitations
        )
        if request.form.get("as") == "csv":
            return attachment(links_csv(links), f"{name}-links.csv")
        return Response(_render_invitations(session, published, links), mimetype="text/html")


def _render_invitations(
    session: Session, published: PublishedStudy, links: tuple[tuple[str, str], ...] = ()
) -> str:
    n_made, n_used = count_invitations(session, published.id)
    return render(
        InvitePage(
            title=f"Invite: {published.protocol.title}",
            user=access.user().name,
            n_made=n_made,
            n_used=n_used,
            is_needed=published.protocol.invited_only,
            most=MAX_LINKS,
            links=links,
            rater_url=url_for("rater.landing", slug=published.slug, _external=True),
            post_url=url_for("desk.make_links", name=published.name),
            back_url=url_for("desk.study", name=published.name),
        )
    )


def _read_count(sent: str) -> int:
    """Read how many links are wanted.

    Raises:
        BadRequest: it is not a valid number of links.
    """
    digits = sent.strip()
    if not _COUNT.fullmatch(digits) or not 1 <= int(digits) <= MAX_LINKS:
        abort(400)
    return int(digits)
