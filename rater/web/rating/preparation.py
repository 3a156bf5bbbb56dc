"""Pages between consent and the first trial: screening and instructions."""

from dataclasses import dataclass

from flask import Response, abort, redirect, request
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from rater.store.rating import steps
from rater.store.rating.sessions import RaterSession
from rater.study.conversation import RatedPart
from rater.study.protocol import Protocol, TrialNoun
from rater.study.visit import LeavingReason, ScreeningQuestion
from rater.web import security
from rater.web.markdown import render_markdown
from rater.web.rating import flow, forms
from rater.web.rating.flow import Place, Visit, blueprint, move_on, read_visit
from rater.web.rating.page import Frame, Page, frame_of, render
from rater.web.rating.questions import (
    AnswerKeys,
    OneOfField,
    OptionField,
    QuestionField,
    Room,
    ShownValue,
    answer_keys,
)
from rater.web.rating.request_context import AWAY, BACK_COOKIE
from rater.web.rating.shown_text import TextField


@dataclass(frozen=True)
class ScreeningPage(Page):
    """The screening questions."""

    template = "screening.html"

    questions: tuple[OneOfField, ...]
    digits: AnswerKeys


@dataclass(frozen=True)
class InstructionsPage(Page):
    """The instructions and the keyboard shortcuts."""

    template = "instructions.html"

    instructions: Markup
    explains_bold: bool
    """True if a sentence of ours explains the words in bold."""
    rated: RatedPart | None
    """The part of conversations that is rated, which a sentence explains; None for prompts."""
    noun: TrialNoun
    may_go_back: bool
    n_texts: int
    n_practice: int
    digits: AnswerKeys
    may_be_unable: bool
    may_not_apply: bool
    """True if a question can be answered with "cannot judge"."""
    n_again: int
    """The number of texts that a returning rater has rated; 0 for a newcomer."""
    has_failed: bool
    """True if they come from practice that did not go well."""


@dataclass(frozen=True)
class PracticePage(Page):
    """One practice text and its questions."""

    template = "practice.html"

    position: int
    n_texts: int
    shown_fields: tuple[ShownValue, ...]
    texts_of: tuple[TextField, ...]
    room: Room
    questions: tuple[QuestionField, ...]
    digits: AnswerKeys
    given: str
    """The answers to the previous texts."""


@dataclass(frozen=True)
class FeedbackField:
    """The given and the expected answer on one dimension of a practice text."""

    question: str
    answered: str
    is_right: bool | None
    """None where the study declares no expected answers."""
    accepted: str


@dataclass(frozen=True)
class FeedbackPage(Page):
    """The feedback after a practice text."""

    template = "feedback.html"

    position: int
    n_texts: int
    shown_fields: tuple[ShownValue, ...]
    texts_of: tuple[TextField, ...]
    answers: tuple[FeedbackField, ...]
    feedback: Markup | None
    given: str
    """The answers so far, for the next page."""
    next_url: str | None
    """The address of the next practice text; None after the last one."""


def screening_page(frame: Frame, protocol: Protocol, answers: dict[int, str] | None = None) -> ScreeningPage:
    """Make the screening's page: empty or, where some answers are missing, with those just sent."""
    return ScreeningPage(
        frame=frame,
        title=protocol.title,
        questions=tuple(
            _screening_field(number, question, answers) for number, question in enumerate(protocol.screening)
        ),
        digits=AnswerKeys(1, max(len(question.options) for question in protocol.screening)),
    )


def _screening_field(number: int, question: ScreeningQuestion, answers: dict[int, str] | None) -> OneOfField:
    chosen = answers.get(number) if answers else None
    return OneOfField(
        id=f"screening-{number}",
        name=f"screening.{number}",
        question=question.question,
        options=tuple(
            OptionField(str(i), label, label == chosen) for i, label in enumerate(question.options)
        ),
        is_missing=answers is not None and chosen is None,
    )


@blueprint.get("/s/<slug>/screening")
def screening(slug: str) -> str:
    """Ask what decides whether somebody can take part. Costs one query."""
    visit, _ = read_visit(slug, Place("screening"))
    return render(screening_page(frame_of(visit, holds_answers=True), visit.protocol))


@blueprint.post("/s/<slug>/screening")
def screen(slug: str) -> AnyResponse:
    """Admit or screen out a rater; no answer is stored. Costs five queries."""
    return move_on(slug, Place("screening"), _screen)


def _screen(session: Session, visit: Visit, rater_session: RaterSession) -> None:
    questions = visit.protocol.screening
    answers = forms.read_screening(request.form, questions)
    if len(answers) < len(questions):
        page = screening_page(frame_of(visit, holds_answers=True), visit.protocol, answers)
        abort(Response(render(page), status=422, mimetype="text/html"))
    if all(answers[number] in question.accepted for number, question in enumerate(questions)):
        steps.pass_screening(session, rater_session.rater_id, now=visit.now)
    else:
        steps.leave(session, rater_session.rater_id, why=LeavingReason.SCREENED_OUT, now=visit.now)


@blueprint.get("/s/<slug>/instructions")
def instructions(slug: str) -> str:
    """Explain how to rate. Costs one query."""
    visit, rater_session = read_visit(slug, Place("instructions"))
    return render(_instructions_page(visit, rater_session, n_again=0))


@blueprint.post("/s/<slug>/instructions")
def begin(slug: str) -> AnyResponse:
    """Note that the instructions were read, and continue. Costs four queries and an update."""
    return move_on(
        slug,
        Place("instructions"),
        lambda session, visit, rater_session: steps.finish_instructions(
            session, rater_session.rater_id, now=visit.now
        ),
    )


@blueprint.get("/s/<slug>/again")
def again(slug: str) -> str:
    """Show the instructions again, after hours away or on request. Costs one query."""
    visit, rater_session = read_visit(slug, Place("again"))
    return render(_instructions_page(visit, rater_session, n_again=rater_session.n_answered))


@blueprint.post("/s/<slug>/again")
def leave_instructions(slug: str) -> AnyResponse:
    """Continue after the instructions, after hours away with a practice text. Costs one query."""
    visit, _ = read_visit(slug, Place("again"))
    if visit.is_away and visit.protocol.practice:
        return redirect(flow.url_of(slug, Place("again_practice")), 303)
    response = redirect(flow.url_of(slug, flow.current_place(visit)), 303)
    return noting_return(response, visit) if visit.is_away else response


def noting_return(response: AnyResponse, visit: Visit) -> AnyResponse:
    """Let the browser note that its rater has seen the instructions again, and lead them on."""
    path = flow.url_of(visit.study.slug, Place("landing"))
    lifetime_s = int(AWAY.total_seconds())
    security.set_rater_cookie(response, BACK_COOKIE, "1", lifetime_s=lifetime_s, path=path)
    rater_session = visit.rater_session
    if rater_session is not None:
        response.headers["Location"] = flow.url_of(
            visit.study.slug, Place("trial", min(rater_session.next_position, rater_session.n_trials))
        )
    return response


def _instructions_page(visit: Visit, rater_session: RaterSession, *, n_again: int) -> InstructionsPage:
    protocol = visit.protocol
    is_practising = bool(protocol.practice) and not rater_session.has_practised
    return InstructionsPage(
        frame=frame_of(visit),
        title=protocol.title,
        instructions=render_markdown(protocol.instructions),
        explains_bold=protocol.explains_bold,
        rated=protocol.rated,
        noun=protocol.trial_noun,
        may_go_back=protocol.revising != "none",
        n_texts=rater_session.n_trials,
        n_practice=len(protocol.practice) if is_practising else 0,
        digits=answer_keys(protocol.dimensions),
        may_be_unable=any(dimension.cannot_judge for dimension in protocol.dimensions),
        may_not_apply=any(dimension.not_applicable for dimension in protocol.dimensions),
        n_again=n_again,
        has_failed=is_practising and rater_session.n_practice_attempts > 0,
    )
