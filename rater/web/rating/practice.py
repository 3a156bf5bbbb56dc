"""Practice trials with feedback.

Written as ``4,x;2,n``: one text's answers by dimension, then the next text's; x is "cannot judge", n is "not
applicable".

Where a rater is asked one dimension only, that is the one they practise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from flask import Response, abort, redirect, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from rater.store.engine import reading, writing
from rater.store.rating import steps
from rater.store.rating.frame import read_only_dimension
from rater.store.rating.sessions import RaterSession
from rater.store.rating.trials import Judgement
from rater.study.dimension import Dimension
from rater.study.fields import PROMPT
from rater.study.practice_and_checks import PRACTICE_ATTEMPTS, Practice, is_within, mark
from rater.study.protocol import Protocol
from rater.study.typed_numbers import write_number
from rater.web.language import gettext as _
from rater.web.markdown import render_markdown
from rater.web.rating import flow
from rater.web.rating.flow import Place, Visit, blueprint
from rater.web.rating.forms import FormAnswer, read_given
from rater.web.rating.page import frame_of, render
from rater.web.rating.preparation import FeedbackField, FeedbackPage, PracticePage, noting_return
from rater.web.rating.questions import answer_keys, question_fields, room_for, shown_fields
from rater.web.rating.shown_text import text_fields
from rater.web.rating.trial import asked_dimensions
from rater.web.settings import running

OptedOut = Literal["x", "n"]
"""Cannot judge, and not applicable."""
_OPTED_OUT: Mapping[str, OptedOut] = {"x": "x", "n": "n"}
_MAX_WRITTEN = 2_000

Practised = tuple[float | OptedOut, ...]
"""The answers to a text, by dimension."""
Answers = tuple[Practised, ...]
"""By text."""


def write_answers(answers: Answers) -> str:
    """Write answers for an address."""
    return ";".join(
        ",".join(value if isinstance(value, str) else write_number(value) for value in text)
        for text in answers
    )


def read_answers(written: str, dimensions: Sequence[Dimension]) -> Answers | None:
    """Read answers from an address; None where they are not ours."""
    if not written:
        return ()
    texts = [text.split(",") for text in written[:_MAX_WRITTEN].split(";")]
    try:
        answers = tuple(
            tuple(_OPTED_OUT[value] if value in _OPTED_OUT else float(value) for value in values)
            for values in texts
        )
    except ValueError:
        return None
    return answers if all(_fit(text, dimensions) for text in answers) else None


def _fit(values: Practised, dimensions: Sequence[Dimension]) -> bool:
    return len(values) == len(dimensions) and all(map(_is_offered, values, dimensions))


def _is_offered(value: float | OptedOut, dimension: Dimension) -> bool:
    if isinstance(value, str):
        return bool(dimension.cannot_judge if value == "x" else dimension.not_applicable)
    return abs(value) < 1e12 and dimension.scale.is_valid(value)


def answers_of(form_answers: dict[str, FormAnswer]) -> Practised:
    """Return a complete form's answers in the order of the dimensions."""
    return tuple(practised_as(each.judgement) for each in form_answers.values())


def practised_as(judgement: Judgement) -> float | OptedOut:
    """Return an answer as practice writes it."""
    if judgement.value is not None:
        return judgement.value
    return "n" if judgement.not_applicable else "x"


def _number(value: float | OptedOut) -> float | None:
    return None if isinstance(value, str) else value


def has_passed(protocol: Protocol, answers: Answers) -> bool:
    """Return whether enough practice texts were rated right, or none had to be."""
    names = [dimension.name for dimension in protocol.dimensions]
    answered = [dict(zip(names, map(_number, values), strict=True)) for values in answers]
    return mark(protocol.practice, answered, needed=protocol.practice_pass).has_passed


def has_feedback(practice: Practice) -> bool:
    """Return whether feedback is shown after a practice text."""
    return bool(practice.feedback or practice.accepted)


def feedback_fields(practice: Practice, protocol: Protocol, answers: Practised) -> tuple[FeedbackField, ...]:
    """Pair each answer with the expected answer."""
    return tuple(
        FeedbackField(
            question=dimension.question,
            answered=name_answer(dimension, value),
            is_right=is_within(_number(value), accepted) if accepted else None,
            accepted=_name_range(dimension, accepted) if accepted else "",
        )
        for dimension, value in zip(shown_dimensions(protocol, practice), answers, strict=True)
        for accepted in (practice.accepted.get(dimension.name),)
    )


def shown_dimensions(protocol: Protocol, practice: Practice) -> tuple[Dimension, ...]:
    """Return the dimensions as they are asked of a practice text."""
    fields = {PROMPT: practice.prompt, **practice.fields}
    return tuple(dimension.filled(fields) for dimension in protocol.dimensions)


def _name_range(dimension: Dimension, ends: tuple[float, float]) -> str:
    low, high = (name_answer(dimension, end) for end in ends)
    return low if ends[0] == ends[1] else _("%(low)s to %(high)s", low=low, high=high)


def name_answer(dimension: Dimension, value: float | OptedOut) -> str:
    """Return an answer in the words of its scale."""
    if value == "n" and isinstance(dimension.not_applicable, str):
        return dimension.not_applicable
    if isinstance(value, str):
        return _("cannot judge") if value == "x" else _("not applicable")
    return dimension.scale.name_value(value)


@blueprint.get("/s/<slug>/practice/<int:position>")
def practice(slug: str, position: int) -> str:
    """Show a practice text. Costs one query; as below, one more where the study has several dimensions."""
    visit, answers = _at(slug, Place("practice", position), request.args.get("given", ""))
    return _render_practice(visit, position, answers, {})


@blueprint.post("/s/<slug>/practice/<int:position>")
def practise(slug: str, position: int) -> AnyResponse:
    """Take a practice text's answers: to the feedback, to the next text, or to the end. Costs one query."""
    visit, answers = _at(slug, Place("practice", position), request.form.get("given", ""))
    form_answers = _read(visit)
    if any(each.problem for each in form_answers.values()):
        return _refused(_render_practice(visit, position, answers, form_answers))
    answers = (*answers, answers_of(form_answers))
    written = {"given": write_answers(answers)}
    if has_feedback(visit.protocol.practice[position - 1]):
        return redirect(flow.url_of(slug, Place("feedback", position), written), 303)
    if position < len(visit.protocol.practice):
        return redirect(flow.url_of(slug, Place("practice", position + 1), written), 303)
    return _finish(slug, answers)


@blueprint.get("/s/<slug>/practice/<int:position>/feedback")
def feedback(slug: str, position: int) -> str:
    """Show the expected answers of a practice text. Costs one query."""
    visit, answers = _at(slug, Place("feedback", position), request.args.get("given", ""))
    is_last = position == len(visit.protocol.practice)
    given = write_answers(answers)
    next_url = None if is_last else flow.url_of(slug, Place("practice", position + 1), {"given": given})
    return _render_feedback(visit, position, answers[-1], given=given, next_url=next_url)


@blueprint.post("/s/<slug>/practice/<int:position>/feedback")
def end_practice(slug: str, position: int) -> AnyResponse:
    """Mark the practice after its last text. Costs six queries and an update."""
    visit, answers = _at(slug, Place("feedback", position), request.form.get("given", ""))
    if position != len(visit.protocol.practice):
        flow.go_to_current(visit)
    return _finish(slug, answers)


@blueprint.get("/s/<slug>/again/practice")
def again_practice(slug: str) -> str:
    """Show one practice text to a rater who returns after hours. Costs one query."""
    return _render_practice(_back(slug, Place("again_practice")), 1, (), {})


@blueprint.post("/s/<slug>/again/practice")
def practise_again(slug: str) -> AnyResponse:
    """Take its answers, which count for nothing. Costs one query."""
    visit = _back(slug, Place("again_practice"))
    form_answers = _read(visit)
    if any(each.problem for each in form_answers.values()):
        return _refused(_render_practice(visit, 1, (), form_answers))
    url = flow.url_of(slug, flow.current_place(visit))
    if has_feedback(visit.protocol.practice[0]):
        written = write_answers((answers_of(form_answers),))
        url = flow.url_of(slug, Place("again_feedback"), {"given": written})
        return redirect(url, 303)
    return noting_return(redirect(url, 303), visit)


@blueprint.get("/s/<slug>/again/feedback")
def again_feedback(slug: str) -> str:
    """Show its expected answers. Costs one query."""
    visit = _back(slug, Place("again_feedback"))
    answers = read_answers(request.args.get("given", ""), visit.protocol.dimensions)
    if answers is None or len(answers) != 1:
        flow.go_to_current(visit)
    written = write_answers(answers)
    return _render_feedback(visit, 1, answers[0], given=written, next_url=None)


@blueprint.post("/s/<slug>/again/feedback")
def come_back(slug: str) -> AnyResponse:
    """Lead who came back on to the texts. Costs one query."""
    visit = _back(slug, Place("again_feedback"))
    return noting_return(redirect(flow.url_of(slug, flow.current_place(visit)), 303), visit)


def _at(slug: str, place: Place, written: str) -> tuple[Visit, Answers]:
    """Find who practises, and what they answered before this page."""
    visit = _find(slug, Place(place.step))
    answers = read_answers(written, visit.protocol.dimensions)
    position = place.position or 0
    n_before = position if place.step == "feedback" else position - 1
    if not 1 <= position <= len(visit.protocol.practice) or answers is None or len(answers) != n_before:
        abort(redirect(flow.url_of(visit.study.slug, Place("practice", 1)), 303))
    return visit, answers


def _back(slug: str, place: Place) -> Visit:
    visit = _find(slug, place)
    if not visit.protocol.practice:
        flow.go_to_current(visit)
    return visit


def _find(slug: str, place: Place) -> Visit:
    """Find who practises; of the dimensions, they see those that their texts will ask."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
        rater_session = flow.require_rater_session(visit, place)
        return replace(visit, protocol=_asked(session, visit, rater_session))


def _asked(session: Session, visit: Visit, rater_session: RaterSession) -> Protocol:
    protocol = visit.protocol
    if len(protocol.dimensions) == 1:
        return protocol
    name = read_only_dimension(session, rater_session.booklet_id)
    return protocol.model_copy(update={"dimensions": asked_dimensions(protocol, name)})


def _read(visit: Visit) -> dict[str, FormAnswer]:
    return {dimension.name: read_given(request.form, dimension) for dimension in visit.protocol.dimensions}


def _finish(slug: str, answers: Answers) -> AnyResponse:
    with writing(running().engine) as session:
        visit = flow.find_visit(session, slug)
        rater_session = flow.require_rater_session(visit, Place("practice"))
        passed = has_passed(_asked(session, visit, rater_session), answers)
        steps.finish_practice(
            session, rater_session.rater_id, passed=passed, attempts=PRACTICE_ATTEMPTS, now=visit.now
        )
        visit = flow.find_visit(session, slug)
    place = flow.current_place(visit)
    return redirect(flow.url_of(slug, Place("again") if place.step == "practice" else place), 303)


def _refused(page: str) -> Response:
    return Response(page, status=422, mimetype="text/html")


def _render_practice(
    visit: Visit, position: int, answers: Answers, form_answers: dict[str, FormAnswer]
) -> str:
    protocol = visit.protocol
    shown = protocol.practice[position - 1]
    assert visit.rater_session is not None  # noqa: S101 (required by every view)
    return render(
        PracticePage(
            frame=frame_of(visit, holds_answers=True),
            title=protocol.title,
            position=position,
            n_texts=_n_shown(visit),
            shown_fields=shown_fields(protocol, {PROMPT: shown.prompt, **shown.fields}),
            texts_of=text_fields(protocol, shown.prompt, shown.texts),
            room=room_for(protocol, visit.rater_session),
            questions=question_fields(
                [each.shown_to(visit.rater_session.person_id) for each in shown_dimensions(protocol, shown)],
                form_answers,
            ),
            digits=answer_keys(protocol.dimensions),
            given=write_answers(answers),
        )
    )


def _n_shown(visit: Visit) -> int:
    """Return how many practice texts are shown: all before the first trial, one after hours away."""
    has_practised = visit.rater_session is not None and visit.rater_session.has_practised
    return 1 if has_practised else len(visit.protocol.practice)


def _render_feedback(
    visit: Visit, position: int, answered: Practised, *, given: str, next_url: str | None
) -> str:
    protocol = visit.protocol
    shown = protocol.practice[position - 1]
    return render(
        FeedbackPage(
            frame=frame_of(visit, holds_answers=True),
            title=protocol.title,
            position=position,
            n_texts=_n_shown(visit),
            shown_fields=shown_fields(protocol, {PROMPT: shown.prompt, **shown.fields}),
            texts_of=text_fields(protocol, shown.prompt, shown.texts),
            answers=feedback_fields(shown, protocol, answered),
            feedback=render_markdown(shown.feedback) if shown.feedback else None,
            given=given,
            next_url=next_url,
        )
    )
