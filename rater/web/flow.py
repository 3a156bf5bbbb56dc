"""Decide which page a rater is on; whoever asks for another one is sent there.

landing → consent (or declined) → instructions → trial 1 … n → thanks. What a rater has done is in the
database, never in the address or the browser: so back, reload, pasted links and second tabs are harmless.
"""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple, NoReturn

from flask import abort, redirect, url_for
from sqlalchemy.orm import Session

from rater.store.rating.raters import Sitting, find_sitting
from rater.store.rating.studies import PublishedStudy, find_study_by_slug
from rater.web.security import read_token

# what publishing draws; anything else (a NUL, which PostgreSQL refuses) is not worth a query
_SLUG = re.compile(r"[A-Za-z0-9_-]{1,100}")

Step = Literal["landing", "consent", "declined", "instructions", "trial", "thanks"]


class Place(NamedTuple):
    """A page of the flow; a trial has a position, from 1."""

    step: Step
    position: int | None = None


@dataclass(frozen=True)
class Visit:
    """Somebody at a study's pages: known by a token, or not yet."""

    study: PublishedStudy
    sitting: Sitting | None

    @property
    def is_open(self) -> bool:
        """Whether the study takes answers now."""
        return self.study.state == "open"


def find_visit(session: Session, slug: str) -> Visit:
    """Find the study at an address and the rater who asks. Costs one query, two for who has a token.

    Raises:
        NotFound: there is no study at this address.
    """
    study = find_study_by_slug(session, slug) if _SLUG.fullmatch(slug) else None
    if study is None:
        abort(404)
    token = read_token()
    return Visit(study=study, sitting=find_sitting(session, study.id, token) if token else None)


def current_place(visit: Visit) -> Place:
    """Say where a visitor is now."""
    sitting = visit.sitting
    if sitting is None:
        return Place("landing")
    if sitting.has_finished:
        return Place("thanks")
    if not visit.is_open:
        return Place("landing")  # which says that the study is closed, and what is saved
    if not sitting.has_read_instructions:
        return Place("instructions")
    return Place("trial", sitting.next_position)


def may_open(visit: Visit, place: Place) -> bool:
    """Say whether a visitor may be at a place: where they are now, or at a trial they answered before."""
    current = current_place(visit)
    if place.step in {"consent", "declined"}:
        return visit.sitting is None and visit.is_open
    if place.step == "trial" and current.step == "trial":
        assert place.position is not None  # noqa: S101 (a trial's address has a position)
        assert current.position is not None  # noqa: S101 (as above)
        return 1 <= place.position <= current.position
    return place == current


def require(visit: Visit, place: Place) -> None:
    """Send a visitor to where they are now, unless they may be at this place.

    Raises:
        HTTPException: the redirect.
    """
    if not may_open(visit, place):
        go_to_current(visit)


def require_sitting(visit: Visit) -> Sitting:
    """Return the visitor's sitting, or send one who has none to the landing page.

    Raises:
        HTTPException: the redirect.
    """
    if visit.sitting is None:
        go_to_current(visit)
    return visit.sitting


def require_rater(visit: Visit) -> Sitting:
    """Return the sitting of who may answer: whoever has read the instructions, finished or not.

    A second tab may send a changed answer after the last text was answered in the first; it is kept.

    Raises:
        HTTPException: the redirect for all others.
    """
    sitting = require_sitting(visit)
    if not sitting.has_read_instructions:
        go_to_current(visit)
    return sitting


def go_to_current(visit: Visit) -> NoReturn:
    """Send a visitor to where they are now, as GET whatever was asked.

    Raises:
        HTTPException: the redirect.
    """
    abort(redirect(url_of(visit.study.slug, current_place(visit)), 303))


def url_of(slug: str, place: Place) -> str:
    """Build the address of a place in a study."""
    if place.position is not None:
        return url_for(f"rater.{place.step}", slug=slug, position=place.position)
    return url_for(f"rater.{place.step}", slug=slug)
