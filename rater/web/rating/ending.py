"""Pages after the last trial, and pages of raters who leave early."""

from dataclasses import dataclass

from flask import Response, abort, request
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from rater.errors import StateError
from rater.rendering.shown import visible_text, visible_whole
from rater.store.engine import reading
from rater.store.rating import steps
from rater.store.rating.frame import ABOUT_ALL, AskedText, count_checks, read_asked
from rater.store.rating.sessions import RaterSession
from rater.store.rating.trials import TrialView, first_revisable, view_trials
from rater.study.endings import Outcome
from rater.study.protocol import MAX_FINAL_COMMENT, Protocol, TrialNoun
from rater.study.visit import BlindingQuestion, GuessChoice, LeavingReason
from rater.web.language import Direction, blinding_of, direction_of, thanks_of
from rater.web.markdown import render_markdown
from rater.web.rating import flow, forms, notices
from rater.web.rating.flow import Place, Visit, blueprint, move_on, read_visit
from rater.web.rating.further import FurtherOffer, read_further
from rater.web.rating.page import Page, WayOut, frame_of, own_words, render, way_out
from rater.web.rating.practice import name_answer, practised_as
from rater.web.rating.questions import AnswerKeys, OneOfField, OptionField, ShownValue, shown_fields
from rater.web.rating.shown_text import TextField
from rater.web.settings import running

_MAX_WORDS = 60
"""Characters of a text by which a rater recognises it."""


@dataclass(frozen=True)
class FinishPage(Page):
    """All texts are rated: the last chance to change an answer."""

    template = "finish.html"

    noun: TrialNoun
    n_texts: int
    revisable: tuple["GivenAnswer", ...]
    """The texts, or pairs, whose answers can still be changed."""


@dataclass(frozen=True)
class GivenAnswer:
    """One text, or pair, with what was answered."""

    number: int
    url: str
    answer: str
    words: str
    """The beginning of the text."""
    direction: Direction


@dataclass(frozen=True)
class GuessField(OneOfField):
    """The blinding question about one text, or about all."""

    text: TextField | None
    shown_fields: tuple[ShownValue, ...] = ()
    """The fields of the text that raters see."""


@dataclass(frozen=True)
class GuessesPage(Page):
    """The blinding question."""

    template = "guesses.html"

    guesses: tuple[GuessField, ...]
    digits: AnswerKeys


@dataclass(frozen=True)
class CommentPage(Page):
    """A free comment at the end."""

    template = "comment.html"

    question: str
    longest: int


@dataclass(frozen=True)
class ThanksPage(Page):
    """The page after the last text."""

    template = "thanks.html"

    thanks: Markup
    debrief: Markup | None
    noun: TrialNoun
    n_texts: int
    way: WayOut
    further: FurtherOffer | None
    """The further booklet that the rater is offered."""
    another_url: str


@dataclass(frozen=True)
class LeavePage(Page):
    """The choice to stop or to withdraw."""

    template = "leave.html"

    noun: TrialNoun
    n_saved: int
    may_stop: bool
    """True if stopping is possible: raters who rated every text can only withdraw."""
    has_earlier: bool
    """True if the rater finished another booklet before."""
    back_url: str


@dataclass(frozen=True)
class EndedPage(Page):
    """For raters who left before the end, declined, or could not take part."""

    template = "ended.html"

    paragraphs: tuple[str, ...]
    own_words: Markup | None
    """The study's own text, in place of the paragraphs."""
    way: WayOut


def given_answer(view: TrialView, protocol: Protocol, url: str) -> GivenAnswer:
    """Show a trial among those that can still be changed."""
    answered = (
        name_answer(dimension.filled(view.fields), practised_as(view.answers[dimension.name]))
        for dimension in protocol.dimensions
        if dimension.name in view.answers
    )
    text = " ".join(_beginning(protocol, view).split())
    words = text if len(text) <= _MAX_WORDS else f"{text[:_MAX_WORDS].rstrip()}…"
    return GivenAnswer(view.position, url, " · ".join(answered), words, direction_of((text,)))


def _beginning(protocol: Protocol, view: TrialView) -> str:
    """Return the first text as plain text; of a conversation, the rated turn alone."""
    if protocol.rated == "last_turn":
        return visible_text(protocol, view.texts[0])
    return visible_whole(protocol, view.prompt, view.texts[0])


def guess_fields(
    protocol: Protocol,
    blinding: BlindingQuestion,
    asked: list[AskedText],
    sent: dict[int, GuessChoice] | None,
) -> tuple[GuessField, ...]:
    """Ask about each of some texts or, where there are none, about all at once."""
    texts: dict[int, AskedText | None] = {each.position: each for each in asked}
    return tuple(
        GuessField(
            id=f"guess-{position}",
            name=f"guess.{position}",
            question=blinding.question,
            options=_options(blinding, sent.get(position) if sent else None),
            is_missing=sent is not None and position not in sent,
            text=TextField.of("", text.prompt, text.text, protocol) if text else None,
            shown_fields=shown_fields(protocol, text.fields) if text else (),
        )
        for position, text in (texts or {0: None}).items()
    )


def _options(blinding: BlindingQuestion, chosen: GuessChoice | None) -> tuple[OptionField, ...]:
    labels: tuple[tuple[GuessChoice, str], ...] = (
        (GuessChoice.FIRST, blinding.labels[0]),
        (GuessChoice.SECOND, blinding.labels[1]),
        (GuessChoice.UNSURE, blinding.unsure),
    )
    return tuple(OptionField(value, label, value == chosen) for value, label in labels)


@blueprint.get("/s/<slug>/finish")
def finish(slug: str) -> str:
    """Show the answers to every text, and offer to change them. Costs three queries."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
        rater_session = flow.require_rater_session(visit, Place("finish"))
        views = view_trials(session, rater_session, first_revisable(rater_session, visit.protocol.revising))
    return render(
        FinishPage(
            frame=frame_of(visit),
            title=visit.protocol.title,
            noun=visit.protocol.trial_noun,
            n_texts=rater_session.n_trials,
            revisable=tuple(
                given_answer(view, visit.protocol, flow.url_of(slug, Place("trial", view.position)))
                for view in views
            ),
        )
    )


@blueprint.post("/s/<slug>/finish")
def end_texts(slug: str) -> AnyResponse:
    """Note that no answer will change any more. Costs five queries and an update."""
    return move_on(
        slug,
        Place("finish"),
        lambda session, visit, rater_session: steps.open_guesses(
            session, rater_session.rater_id, now=visit.now
        ),
    )


@blueprint.get("/s/<slug>/guesses")
def guesses(slug: str) -> str:
    """Ask the blinding question. Costs two queries."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
        asked = _read_asked(session, visit, flow.require_rater_session(visit, Place("guesses")))
    return render(_guesses_page(visit, asked, None))


@blueprint.post("/s/<slug>/guesses")
def guess(slug: str) -> AnyResponse:
    """Keep the answers to the blinding question. Costs seven queries, an update and an insert each."""
    return move_on(slug, Place("guesses"), _guess)


def _guess(session: Session, visit: Visit, rater_session: RaterSession) -> None:
    sent = forms.read_guesses(request.form)
    asked = _read_asked(session, visit, rater_session)
    if sent.keys() != ({each.position for each in asked} or {ABOUT_ALL}):
        page = render(_guesses_page(visit, asked, sent))
        abort(Response(page, status=422, mimetype="text/html"))
    try:
        steps.record_guesses(session, rater_session.rater_id, sent, now=visit.now)
    except StateError:
        flow.go_to_current(visit)


@blueprint.get("/s/<slug>/comment")
def comment(slug: str) -> str:
    """Ask for a free comment. Costs one query."""
    visit, _ = read_visit(slug, Place("comment"))
    question = visit.protocol.final_comment
    assert question is not None  # noqa: S101 (else the page is not due)
    return render(
        CommentPage(
            frame=frame_of(visit, holds_answers=True),
            title=visit.protocol.title,
            question=question,
            longest=MAX_FINAL_COMMENT,
        )
    )


@blueprint.post("/s/<slug>/comment")
def keep_comment(slug: str) -> AnyResponse:
    """Keep what was written, which may be nothing. Costs five queries, an update and an insert."""
    comment = forms.read_comment(request.form)
    return move_on(
        slug,
        Place("comment"),
        lambda session, visit, rater_session: steps.record_comment(
            session, rater_session.rater_id, comment, now=visit.now
        ),
    )


@blueprint.get("/s/<slug>/thanks")
def thanks(slug: str) -> str:
    """Thank the rater, with the completion link and, if allowed, the debriefing.

    Costs one query, another one if the study has a rule for attention checks, and what `way_out` and
    `read_further` cost.
    """
    visit, rater_session = read_visit(slug, Place("thanks"))
    further = read_further(visit, rater_session)
    protocol, outcome = visit.protocol, _outcome_of_finished(visit, rater_session)
    may_debrief = protocol.debrief_immediately or visit.study.state.is_over
    debrief = render_markdown(protocol.debrief) if protocol.debrief and may_debrief else None
    return render(
        ThanksPage(
            frame=frame_of(visit),
            title=protocol.title,
            thanks=own_words(visit, outcome) or render_markdown(thanks_of(protocol)),
            debrief=debrief,
            noun=protocol.trial_noun,
            n_texts=rater_session.n_trials,
            way=way_out(visit, outcome, leads_on=debrief is None and further is None),
            further=further,
            another_url=flow.url_of(slug, Place("another")),
        )
    )


def _outcome_of_finished(visit: Visit, rater_session: RaterSession) -> Outcome:
    rule = visit.protocol.check_rule
    if rule is None or rater_session.is_further:
        return Outcome.FINISHED
    rater_id = rater_session.rater_id
    with reading(running().engine) as session:
        checks = count_checks(session, visit.study.id, rater_id=rater_id).get(rater_id, (0, 0))
    return Outcome.FAILED_CHECKS if rule.is_failed(*checks) else Outcome.FINISHED


@blueprint.get("/s/<slug>/leave")
def leave(slug: str) -> str:
    """Offer to stop or to withdraw, and explain the effect on the answers. Costs one query."""
    visit, rater_session = read_visit(slug, Place("leave"))
    return render(
        LeavePage(
            frame=frame_of(visit),
            title=visit.protocol.title,
            noun=visit.protocol.trial_noun,
            n_saved=rater_session.n_answered,
            may_stop=not rater_session.has_finished,
            has_earlier=rater_session.is_further,
            back_url=flow.url_of(slug, flow.current_place(visit)),
        )
    )


@blueprint.post("/s/<slug>/leave")
def go(slug: str) -> AnyResponse:
    """Note that a rater stops or withdraws. Costs five queries and an update."""
    why = forms.read_leaving(request.form)

    def leave_now(session: Session, visit: Visit, rater_session: RaterSession) -> None:
        if why is LeavingReason.STOPPED and rater_session.has_finished:
            flow.go_to_current(visit)
        steps.leave(session, rater_session.rater_id, why=why, now=visit.now)

    return move_on(slug, Place("leave"), leave_now)


@blueprint.get("/s/<slug>/ended")
def ended(slug: str) -> str:
    """Show raters who left before the end the result, with their own completion link.

    Costs one query, and what `way_out` costs.
    """
    visit, rater_session = read_visit(slug, Place("ended"))
    assert rater_session.left_why is not None  # noqa: S101 (else the page is not due)
    outcome = Outcome.of_leaving(rater_session.left_why)
    return render(
        EndedPage(
            frame=frame_of(visit),
            title=visit.protocol.title,
            paragraphs=notices.left(visit, rater_session, rater_session.left_why),
            own_words=own_words(visit, outcome),
            way=way_out(visit, outcome),
        )
    )


def _read_asked(session: Session, visit: Visit, rater_session: RaterSession) -> list[AskedText]:
    """Choose the texts that the blinding question is about; none where it is about all of them."""
    blinding = visit.protocol.blinding
    assert blinding is not None  # noqa: S101 (else the page is not due)
    return read_asked(session, rater_session.booklet_id, blinding.n_texts) if blinding.n_texts else []


def _guesses_page(visit: Visit, asked: list[AskedText], sent: dict[int, GuessChoice] | None) -> GuessesPage:
    blinding = visit.protocol.blinding
    assert blinding is not None  # noqa: S101 (else the page is not due)
    fields = guess_fields(visit.protocol, blinding_of(blinding), asked, sent)
    return GuessesPage(
        frame=frame_of(visit, holds_answers=True),
        title=visit.protocol.title,
        guesses=fields,
        digits=AnswerKeys(1, max(len(field.options) for field in fields)),
    )
