"""The questionnaire's pages: questions about the raters, before and after the trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Response, abort, request
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as AnyResponse

from rater.store.rating import steps
from rater.store.rating.sessions import RaterSession
from rater.study.questionnaire import MAX_TEXT, Given, Question, QuestionKind, When
from rater.study.typed_numbers import write_number
from rater.web.language import gettext as _
from rater.web.rating.flow import Place, Visit, blueprint, move_on, read_visit
from rater.web.rating.page import Page, frame_of, render
from rater.web.rating.questions import AnswerKeys, Measure, OptionField

ABOUT, DECLINED = "about.", "declined."
"""Prefixes of the fields: an answer, and the box for none."""
_MAX_TYPED = 2 * MAX_TEXT
_STEPS: Mapping[When, Place] = {"before": Place("questions_before"), "after": Place("questions_after")}


@dataclass(frozen=True)
class Filled:
    """The contents of one question's fields."""

    chosen: frozenset[int] = frozenset()
    """The options chosen, by number from 0."""
    typed: str = ""
    is_declined: bool = False


@dataclass(frozen=True)
class AboutField:
    """A question about the rater, as a fieldset."""

    id: str
    name: str
    question: str
    kind: QuestionKind
    options: tuple[OptionField, ...]
    measure: Measure | None
    """The ends of a number; None for other kinds."""
    value: str
    """The number or text that was typed."""
    longest: int
    """Characters of a text."""
    declined: str
    """Name of the box that declines the question."""
    is_declined: bool
    problem: str
    """The message for a missing or invalid answer."""
    has_problem: bool


@dataclass(frozen=True)
class QuestionnairePage(Page):
    """The questions about the rater before the trials, or after them."""

    template = "questionnaire.html"

    questions: tuple[AboutField, ...]
    is_after: bool
    digits: AnswerKeys


@blueprint.get("/s/<slug>/questions-before")
def questions_before(slug: str) -> str:
    """Ask the questions before the trials. Costs one query."""
    return _ask(slug, "before")


@blueprint.post("/s/<slug>/questions-before")
def answer_before(slug: str) -> AnyResponse:
    """Store the answers before the trials. Costs five queries, an update and an insert each.

    A study with quotas costs up to two queries more.
    """
    return _store(slug, "before")


@blueprint.get("/s/<slug>/questions-after")
def questions_after(slug: str) -> str:
    """Ask the questions after the trials. Costs one query."""
    return _ask(slug, "after")


@blueprint.post("/s/<slug>/questions-after")
def answer_after(slug: str) -> AnyResponse:
    """Store the answers after the trials. Costs five queries, an update and an insert each."""
    return _store(slug, "after")


def _ask(slug: str, when: When) -> str:
    visit, _rater_session = read_visit(slug, _STEPS[when])
    return render(questionnaire_page(visit, when, {}))


def _store(slug: str, when: When) -> AnyResponse:
    def store(session: Session, visit: Visit, rater_session: RaterSession) -> None:
        # options are stored in the words of the study's own language, whatever the rater's is
        asked = visit.study.protocol.questions(when)
        filled = read_filled(request.form, asked)
        given = {each.name: parse_filled(each, filled[each.name]) for each in asked}
        wrong = [
            each.name for each in asked if given[each.name] is None and not filled[each.name].is_declined
        ]
        if wrong:
            page = render(questionnaire_page(visit, when, filled, wrong))
            abort(Response(page, status=422, mimetype="text/html"))
        steps.record_questionnaire(
            session,
            rater_session.rater_id,
            given,
            when=when,
            now=visit.now,
            quotas=visit.study.protocol.quotas,
        )

    return move_on(slug, _STEPS[when], store)


def read_filled(form: MultiDict[str, str], questions: Sequence[Question]) -> dict[str, Filled]:
    """Read the contents of a form, which may be incomplete or wrong.

    Raises:
        BadRequest: a field is unknown, or has a value that the page cannot send.
    """
    known = {prefix + each.name for each in questions for prefix in (ABOUT, DECLINED)}
    if not known.issuperset(form):
        raise BadRequest
    return {each.name: _read_question(form, each) for each in questions}


def _read_question(form: MultiDict[str, str], question: Question) -> Filled:
    sent = form.getlist(ABOUT + question.name)
    declined = form.getlist(DECLINED + question.name)
    if declined not in ([], ["1"]) or (question.kind != "choices" and len(sent) > 1):
        raise BadRequest
    if not question.has_options:
        return Filled(typed=(sent or [""])[0].strip()[:_MAX_TYPED], is_declined=bool(declined))
    valid = {str(number): number for number in range(len(question.options))}
    if len(set(sent)) < len(sent) or not valid.keys() >= set(sent):
        raise BadRequest
    return Filled(chosen=frozenset(valid[each] for each in sent), is_declined=bool(declined))


def parse_filled(question: Question, filled: Filled) -> Given | None:
    """Return the answer; None if it was declined, is missing, or is not valid."""
    if filled.is_declined:
        return None
    if not question.has_options:
        return question.parse_typed(filled.typed)
    chosen = tuple(question.options[number] for number in sorted(filled.chosen))
    if question.kind == "choices":
        return chosen or None
    return chosen[0] if chosen else None


def questionnaire_page(
    visit: Visit, when: When, filled: Mapping[str, Filled], wrong: Sequence[str] = ()
) -> QuestionnairePage:
    """Make the page: empty or, where answers are missing or wrong, with what was sent."""
    asked = visit.protocol.questions(when)
    return QuestionnairePage(
        frame=frame_of(visit, holds_answers=True),
        title=visit.protocol.title,
        questions=tuple(
            _field(number, each, filled.get(each.name, Filled()), has_problem=each.name in wrong)
            for number, each in enumerate(asked)
        ),
        is_after=when == "after",
        digits=AnswerKeys(1, max((len(each.options) for each in asked if each.kind == "choice"), default=0)),
    )


def _field(number: int, question: Question, filled: Filled, *, has_problem: bool) -> AboutField:
    return AboutField(
        id=f"about-{number}",
        name=ABOUT + question.name,
        question=question.question,
        kind=question.kind,
        options=tuple(
            OptionField(str(place), label, place in filled.chosen)
            for place, label in enumerate(question.options)
        ),
        measure=_measure(question) if question.kind == "number" else None,
        value=filled.typed,
        longest=MAX_TEXT,
        declined=DECLINED + question.name,
        is_declined=filled.is_declined,
        problem=_problem(question),
        has_problem=has_problem,
    )


def _measure(question: Question) -> Measure:
    return Measure(
        minimum=write_number(question.minimum),
        maximum=write_number(question.maximum),
        step="",
        low="",
        high="",
        unit=question.unit or "",
        keyboard="text" if question.minimum < 0 else "decimal",
    )


def _problem(question: Question) -> str:
    if question.kind == "choice":
        return _("Please choose an answer, or “I prefer not to say”.")
    if question.kind == "choices":
        return _("Please choose at least one answer, or “I prefer not to say”.")
    if question.kind == "text":
        return _(
            "Please write an answer of at most %(n)s characters, or choose “I prefer not to say”.",
            n=str(MAX_TEXT),
        )
    return _(
        "Please enter a number from %(low)s to %(high)s, or choose “I prefer not to say”.",
        low=write_number(question.minimum),
        high=write_number(question.maximum),
    )
