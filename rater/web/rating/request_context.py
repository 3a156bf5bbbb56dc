"""The context of a rater's request: study, session, arrival, and the study's contact."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

from flask import abort, current_app, has_request_context, request
from markupsafe import Markup, escape
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from rater.names import Unnamed
from rater.store.rating.raters import Arrival, find_known
from rater.store.rating.sessions import RaterSession, find_study_and_session
from rater.store.rating.studies import PublishedStudy, find_study_by_slug
from rater.study.protocol import Protocol
from rater.study.state import State
from rater.web import language, recruitment_params
from rater.web.security import read_token
from rater.web.settings import running

_EXTENSION = "rater-contacts"
_LINK = re.compile(r"(?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)|(?P<url>https?://[^\s<>\"']+[^\s<>\"'.,;:!?)])")


def remember_contact(slug: str, contact: str | None) -> None:
    """Keep a study's contact for error pages, which cannot rely on the database."""
    _contacts()[slug] = contact


def contact_of_request() -> str | None:
    """Return the contact of the study whose page was asked for, as far as it was read before."""
    if not has_request_context():
        return None
    return _contacts().get(str((request.view_args or {}).get("slug", "")))


def link_contact(contact: str | None) -> Markup | None:
    """Render a contact with its mail and web addresses as links."""
    if contact is None:
        return None
    parts, end = [], 0
    for found in _LINK.finditer(contact):
        parts.append(escape(contact[end : found.start()]))
        address = f"mailto:{found['mail']}" if found["mail"] else found["url"]
        parts.append(Markup('<a href="{}" rel="external noopener">{}</a>').format(address, found[0]))
        end = found.end()
    return Markup("").join([*parts, escape(contact[end:])])


def _contacts() -> dict[str, str | None]:
    return cast("dict[str, str | None]", current_app.extensions.setdefault(_EXTENSION, {}))


# what publishing draws; anything else (a NUL, which PostgreSQL refuses) is not worth a query
_SLUG = re.compile(r"[A-Za-z0-9_-]{1,100}")
BACK_COOKIE = "rater-back"
AWAY = timedelta(hours=4)
"""After so long without an answer, a rater is shown the instructions again."""


@dataclass(frozen=True)
class Visit:
    """Somebody at a study's pages: known by a token, or not yet."""

    study: PublishedStudy
    protocol: Protocol
    """The protocol in the language of the page."""
    language: str
    now: datetime
    rater_session: RaterSession | None
    token: str | None = None
    """By which the session was found."""
    arrival: Arrival = field(default_factory=lambda: Arrival("web"))
    """The parameters of the link."""
    unnamed: Mapping[str, Unnamed] = field(default_factory=dict)
    """Declared parameters of the link that name nobody, with the reason."""
    known: str | None = None
    """The rater whom the link identifies; they started in another browser, or before."""
    has_come_back: bool = False
    """True if they saw the instructions again after they had been away."""

    @property
    def is_open(self) -> bool:
        """True if the study takes answers now."""
        return self.study.state is State.OPEN

    @property
    def is_away(self) -> bool:
        """True if they come back after hours, and have not been told again what to do."""
        rater_session = self.rater_session
        return (
            rater_session is not None
            and not self.has_come_back
            and self.now - rater_session.last_seen_at > AWAY
        )

    @property
    def is_stopped_late(self) -> bool:
        """True if their booklet was dealt again, and the study does not let them finish it."""
        rater_session = self.rater_session
        return rater_session is not None and rater_session.is_replaced and self.protocol.late_raters == "stop"


def find_visit(session: Session, slug: str) -> Visit:
    """Find the study at an address and the rater who asks. Costs one query.

    Raises:
        NotFound: the address is of a study that does not exist.
    """
    token = read_token()
    study, rater_session = None, None
    if _SLUG.fullmatch(slug):
        if token:
            study, rater_session = find_study_and_session(session, slug, token)
        else:
            study = find_study_by_slug(session, slug)
    if study is None:
        abort(404)
    chosen = language.choose_language(study.protocol)
    remember_contact(slug, study.protocol.contact)
    return Visit(
        study=study,
        protocol=study.protocol.in_language(chosen),
        language=chosen,
        now=running().settings.now(),
        rater_session=rater_session,
        token=token if rater_session else None,
        has_come_back=BACK_COOKIE in request.cookies,
    )


def find_newcomer(
    session: Session, slug: str, sent: MultiDict[str, str], *, prefix: str = "", code: str | None = None
) -> Visit:
    """Identify a visitor: the link takes precedence over the cookie of an earlier user of the browser.

    Costs one query, and up to two more where the link identifies the visitor.

    Args:
        session: Reading is enough.
        slug: The study's address.
        sent: What came with it: fields of the address, or of our own form.
        prefix: What the fields' names begin with.
        code: The code of a personal link.

    Raises:
        NotFound: the address is of a study that does not exist.
    """
    visit = find_visit(session, slug)
    link = recruitment_params.read_link(sent, visit.protocol, prefix=prefix, code=code)
    arrival = link.arrival
    visit = replace(visit, unnamed=link.unnamed)
    if not recruitment_params.identifies_person(arrival, visit.protocol):
        return replace(visit, arrival=arrival)
    known = find_known(session, visit.study.id, arrival=arrival, protocol=visit.protocol)
    if visit.rater_session is not None and visit.rater_session.rater_id == known:
        return replace(visit, arrival=arrival)
    return replace(visit, arrival=arrival, known=known, rater_session=None, token=None)
