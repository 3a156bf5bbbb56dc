"""The context of a rater's request: study, session, arrival, and the study's contact.

An arrival is what a recruitment site added to the link, or the code of a personal one. Only what the study
declares is read; it is carried from page to page until consent, and shown on none.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

from flask import abort, current_app, has_request_context, request
from markupsafe import Markup, escape
from sqlalchemy import Connection
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from rater.names import Unnamed, normalise_name, why_unnamed
from rater.store.rating.raters import Arrival, find_known
from rater.store.rating.sessions import RaterSession, find_study_and_session
from rater.store.rating.studies import PublishedStudy, find_study_by_slug
from rater.store.rating.trials import Turn, lock_turn
from rater.study.protocol import Protocol
from rater.study.state import State
from rater.study.visit import Channel
from rater.web import language
from rater.web.security import read_token
from rater.web.settings import running

INVITATION = "personal-link"
"""The parameter of a personal link's code; recruitment parameters cannot contain its hyphen."""
ARRIVAL_PREFIX = "arrival."
"""The prefix of names in our forms, so that none collides with a field of the form."""

_VALUE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
_CODE = re.compile(r"[A-Za-z0-9_-]{8,64}")
_MAX_SENT = 2_000
# what publishing draws; anything else (a NUL, which PostgreSQL refuses) is not worth a query
_SLUG = re.compile(r"[A-Za-z0-9_-]{1,100}")
# larger numbers in an address would be too large for PostgreSQL
_MAX_POSITION = 1_000_000
BACK_COOKIE = "rater-back"
AWAY = timedelta(hours=4)
"""After so long without an answer, a rater is shown the instructions again."""
_EXTENSION = "rater-contacts"
_LINK = re.compile(r"(?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)|(?P<url>https?://[^\s<>\"']+[^\s<>\"'.,;:!?)])")


@dataclass(frozen=True)
class RecruitmentLink:
    """The parameters of a recruitment link."""

    arrival: Arrival = field(default_factory=lambda: Arrival(Channel.WEB))
    unnamed: Mapping[str, Unnamed] = field(default_factory=dict)
    """Declared parameters that name nobody, with the reason; one that is not there only if it is required."""


def read_link(
    sent: MultiDict[str, str], protocol: Protocol, *, prefix: str = "", code: str | None = None
) -> RecruitmentLink:
    """Read a link from an address or, with a prefix, from our own form; what names nobody is left out."""
    identifiers, unnamed = {}, {}
    recruitment = protocol.recruitment
    required = recruitment.participant_id if recruitment and recruitment.required else None
    for name in recruitment.parameters if recruitment else ():
        values = sent.getlist(prefix + name)
        values_read = [_read_identifier(value, name, protocol) for value in values]
        # a site that adds its own values to a link leaves what the experimenter wrote there before
        named = next((each for each in values_read if not isinstance(each, Unnamed)), None)
        if named is not None:
            identifiers[name] = named
        elif values:
            unnamed[name] = Unnamed(values_read[0])
        elif name == required:
            unnamed[name] = Unnamed.ABSENT
    invitation = code or sent.get(prefix + INVITATION, "")
    arrival = Arrival(
        channel=Channel.WEB,
        identifiers=identifiers,
        invitation=invitation if _CODE.fullmatch(invitation) else None,
    )
    return RecruitmentLink(arrival, unnamed)


def _read_identifier(value: str, name: str, protocol: Protocol) -> str | Unnamed:
    """Return an identifier in the form by which it is compared, or why it names nobody."""
    reason = why_unnamed(value[:_MAX_SENT], parameter=name)
    if reason is not None:
        return reason
    identifier = normalise_name(value)
    if not _VALUE.fullmatch(identifier):
        return Unnamed.MALFORMED
    recruitment = protocol.recruitment
    pattern = recruitment.pattern if recruitment and name == recruitment.participant_id else None
    return identifier if pattern is None or re.fullmatch(pattern, identifier) else Unnamed.MALFORMED


def write_arrival(arrival: Arrival, *, prefix: str = "") -> Mapping[str, str]:
    """Write an arrival as fields of an address or, with a prefix, of our own form."""
    fields = dict(arrival.identifiers)
    if arrival.invitation is not None:
        fields[INVITATION] = arrival.invitation
    return {prefix + name: value for name, value in fields.items()}


def identifies_person(arrival: Arrival, protocol: Protocol) -> bool:
    """Return whether an arrival tells one person from another."""
    return arrival.invitation is not None or is_person_known(arrival, protocol)


def is_person_known(arrival: Arrival, protocol: Protocol) -> bool:
    """Return whether the recruitment site identified the visitor."""
    return protocol.recruitment is not None and protocol.recruitment.participant_id in arrival.identifiers


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
    for match in _LINK.finditer(contact):
        parts.append(escape(contact[end : match.start()]))
        address = f"mailto:{match['mail']}" if match["mail"] else match["url"]
        parts.append(Markup('<a href="{}" rel="external noopener">{}</a>').format(address, match[0]))
        end = match.end()
    return Markup("").join([*parts, escape(contact[end:])])


def _contacts() -> dict[str, str | None]:
    return cast("dict[str, str | None]", current_app.extensions.setdefault(_EXTENSION, {}))


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
    arrival: Arrival = field(default_factory=lambda: Arrival(Channel.WEB))
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
        """True if they come back after hours, and have not seen the instructions again."""
        rater_session = self.rater_session
        return (
            rater_session is not None
            and not self.has_come_back
            and self.now - rater_session.last_seen_at > AWAY
        )

    @property
    def is_stopped_late(self) -> bool:
        """True if their booklet was assigned again, and the study does not let them finish it."""
        rater_session = self.rater_session
        return rater_session is not None and rater_session.is_replaced and self.protocol.late_raters == "stop"


def find_visit(at: Session | Connection, slug: str) -> Visit:
    """Find the study at an address and the rater who asks. Costs one query.

    Raises:
        NotFound: the address is of a study that does not exist.
    """
    token = read_token()
    study, rater_session = None, None
    if _SLUG.fullmatch(slug):
        if token:
            study, rater_session = find_study_and_session(at, slug, token)
        else:
            study = find_study_by_slug(at, slug)
    if study is None:
        abort(404)
    return _make_visit(study, rater_session, token)


def find_turn(connection: Connection, slug: str, position: int) -> tuple[Visit, Turn | None]:
    """Find the study and the rater who submits a trial, with all that storing it needs; lock them.

    Costs one query; two for an unknown rater, who has no turn.

    Raises:
        NotFound: the address is of a study that does not exist.
    """
    token = read_token()
    if token and position <= _MAX_POSITION and _SLUG.fullmatch(slug):
        turn = lock_turn(connection, slug, token, position)
        if turn is not None:
            return _make_visit(turn.study, turn.rater_session, token), turn
    return find_visit(connection, slug), None


def _make_visit(study: PublishedStudy, rater_session: RaterSession | None, token: str | None) -> Visit:
    chosen = language.choose_language(study.protocol)
    remember_contact(study.slug, study.protocol.contact)
    return Visit(
        study=study,
        protocol=language.translate(study.protocol, chosen),
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
    link = read_link(sent, visit.protocol, prefix=prefix, code=code)
    arrival = link.arrival
    visit = replace(visit, unnamed=link.unnamed)
    if not identifies_person(arrival, visit.protocol):
        return replace(visit, arrival=arrival)
    known = find_known(session, visit.study.id, arrival=arrival, protocol=visit.protocol)
    if visit.rater_session is not None and visit.rater_session.rater_id == known:
        return replace(visit, arrival=arrival)
    return replace(visit, arrival=arrival, known=known, rater_session=None, token=None)
