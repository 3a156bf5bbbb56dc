"""Shared parts of rater-facing pages: the frame, and the link back to the recruitment site."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar
from urllib.parse import urlsplit

from flask import render_template, request, url_for
from markupsafe import Markup

from rater.store.engine import reading, writing
from rater.store.rating import steps
from rater.store.rating.proofs import session_mark
from rater.store.rating.raters import read_identifiers
from rater.store.rating.sessions import digest
from rater.study.endings import Ending, Outcome
from rater.web import language
from rater.web.language import Direction
from rater.web.markdown import render_markdown
from rater.web.rating import flow
from rater.web.rating.flow import Place
from rater.web.rating.logo import ShownLogo, logo_of
from rater.web.rating.request_context import Visit, contact_of_request, link_contact, write_arrival
from rater.web.settings import running


@dataclass(frozen=True)
class WayOut:
    """A code to copy and an address to go to, where the study has them."""

    code: str | None = None
    url: str | None = None
    leads_on: bool = False
    """True if the page itself goes to the address after a while."""
    is_preview: bool = False
    """True in the desk's preview, which names the address and does not leave."""

    @classmethod
    def of(cls, ending: Ending, identifiers: Mapping[str, str], *, leads_on: bool = True) -> "WayOut":
        """Take them from the study, with the parameters of the rater's link in the address."""
        url = ending.address_for(identifiers)
        return cls(ending.code, url, leads_on and url is not None)

    @property
    def exists(self) -> bool:
        """True if there is anything to do before the page is closed."""
        return self.code is not None or self.url is not None

    @property
    def host(self) -> str:
        """The site that the address leads to."""
        return (urlsplit(self.url or "").hostname or "").removeprefix("www.")


def way_out(visit: Visit, outcome: Outcome, *, leads_on: bool = True) -> WayOut:
    """Make the way out of a visit, and record the code that a known rater is shown.

    A rater at a further booklet has finished another one, and keeps the code of that one however the further
    one ends.

    Costs nothing if the study has neither code nor URL for the outcome. Otherwise it costs up to two queries
    for a known rater, and an insert the first time.
    """
    identifiers, rater_session = visit.arrival.identifiers, visit.rater_session
    if rater_session is not None and rater_session.is_further:
        outcome = Outcome.FINISHED
    ending = visit.protocol.endings.of(outcome)
    has_way = ending.code is not None or ending.url is not None
    if has_way and rater_session is not None:
        with reading(running().engine) as session:
            is_new = not steps.has_seen_ending(session, rater_session.person_id, outcome)
            if ending.placeholders:
                identifiers = read_identifiers(session, rater_session.person_id)
        if is_new:
            with writing(running().engine) as session:
                steps.note_ending(session, rater_session.person_id, outcome, ending.code, now=visit.now)
    way = WayOut.of(ending, identifiers, leads_on=leads_on)
    return replace(way, is_preview=running().settings.is_preview)


def own_words(visit: Visit, outcome: Outcome) -> Markup | None:
    """Render the text that the study has for an outcome; None if it has none. Costs nothing.

    The text is about raters without a finished booklet, so it is not for those at a further one.
    """
    if visit.rater_session is not None and visit.rater_session.is_further:
        return None
    text = visit.protocol.endings.of(outcome).text
    return None if text is None else render_markdown(text)


@dataclass(frozen=True)
class LanguageChoice:
    """A language that the study can be read in."""

    code: str
    name: str
    is_current: bool


@dataclass(frozen=True)
class Frame:
    """The parts of a page around its main content."""

    language: str
    direction: Direction
    look_url: str | None = None
    """The style sheet of the study's own colour."""
    logo: ShownLogo | None = None
    """The picture at the top of the page."""
    languages: tuple[LanguageChoice, ...] = ()
    """Empty where there is one only, and where a change would lose what is on the page."""
    language_url: str = ""
    again_url: str | None = None
    """The address at which the instructions can be read again."""
    agreed_url: str | None = None
    """The address of the consent form."""
    code_url: str | None = None
    """The address of the code that a rater at a further booklet has earned."""
    leave_url: str | None = None
    """The address at which a rater can stop or withdraw."""
    contact: Markup | None = None
    """The contact for questions about the study."""
    mark: str = ""
    """By which a browser distinguishes one rater's drafts and unsent answers from another's."""

    @classmethod
    def bare(cls) -> "Frame":
        """Frame a page without its study: none is meant, or it cannot be read."""
        return cls(
            language=language.current_language(),
            direction="ltr",
            contact=link_contact(contact_of_request()),
        )


@dataclass(frozen=True)
class Page:
    """The fields of every page: its frame, and a title for the browser's tab."""

    template: ClassVar[str]

    frame: Frame
    title: str


@dataclass(frozen=True)
class NoticePage(Page):
    """One friendly message: what is the case, and what to do."""

    template = "notice.html"

    paragraphs: tuple[str, ...]
    own_words: Markup | None = None
    """The study's own text, in place of the paragraphs."""
    way: WayOut = field(default_factory=WayOut)
    """The way back to the site where they came from."""
    next_url: str | None = None
    """The target of the page's button; None for no button."""
    next_label: str = ""
    is_next_usual: bool = True
    """True if the button is what most people who read this will press."""


@dataclass(frozen=True)
class ErrorPage(Page):
    """An error in plain words; the reference finds it in the log."""

    template = "error.html"

    paragraphs: tuple[str, ...]
    reference: str | None
    studies_url: str = ""
    """The list of studies, for users of the desk; empty for raters."""


def render(page: Page) -> str:
    """Render a page's template with its fields."""
    return render_template(page.template, **{each.name: getattr(page, each.name) for each in fields(page)})


def frame_of(visit: Visit, *, holds_answers: bool = False) -> Frame:
    """Frame a page of a study.

    Args:
        visit: Who is at it.
        holds_answers: Whether something may have been filled in, which a change of language would lose.
    """
    slug, protocol = visit.study.slug, visit.protocol
    # how a newcomer came, and to which page they return after a change of language
    kept = dict(write_arrival(visit.arrival))
    if request.endpoint == "rater.consent":
        kept["at"] = "consent"
    is_rating = visit.rater_session is not None and flow.current_place(visit).step == "trial"
    return Frame(
        language=visit.language,
        direction=language.direction_of((protocol.title, protocol.dimensions[0].question)),
        look_url=url_for("rater.look", accent=protocol.accent[1:]) if protocol.accent else None,
        logo=logo_of(visit),
        languages=() if holds_answers else _languages(visit),
        language_url=flow.url_of(slug, Place("change_language"), kept),
        again_url=flow.url_of(slug, Place("again")) if is_rating else None,
        agreed_url=flow.url_of(slug, Place("agreed")) if visit.rater_session is not None else None,
        code_url=_code_url(visit),
        leave_url=flow.url_of(slug, Place("leave")) if flow.may_open(visit, Place("leave")) else None,
        contact=link_contact(visit.protocol.contact),
        mark=session_mark(digest(visit.token)) if visit.token else "",
    )


def _code_url(visit: Visit) -> str | None:
    rater_session, ending = visit.rater_session, visit.protocol.endings.of(Outcome.FINISHED)
    has_code = ending.code is not None or ending.url is not None
    if rater_session is None or not rater_session.is_further or not has_code:
        return None
    return flow.url_of(visit.study.slug, Place("code"))


def _languages(visit: Visit) -> tuple[LanguageChoice, ...]:
    codes = language.offered(visit.study.protocol)
    if len(codes) == 1:
        return ()
    return tuple(LanguageChoice(code, language.name_of(code), code == visit.language) for code in codes)
