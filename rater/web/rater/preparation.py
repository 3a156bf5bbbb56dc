"""Serve the pages between consent and the first text: screening, instructions; and these once more."""

from flask import Response, abort, redirect, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from rater.store.rating import steps
from rater.store.rating.sittings import Sitting
from rater.web import flow, forms, pages, security
from rater.web.flow import Place, Visit
from rater.web.markdown import render_markdown
from rater.web.pages.frame import frame_of
from rater.web.pages.preparation import InstructionsPage, screening_page
from rater.web.pages.questions import last_key
from rater.web.rater.blueprint import blueprint
from rater.web.rater.moving import move_on, read_visit
from rater.web.visit import AWAY, BACK_COOKIE


@blueprint.get("/s/<slug>/screening")
def screening(slug: str) -> str:
    """Ask what decides whether somebody can take part. Costs one query."""
    visit, _ = read_visit(slug, Place("screening"))
    return pages.render(screening_page(frame_of(visit, holds_answers=True), visit.protocol))


@blueprint.post("/s/<slug>/screening")
def screen(slug: str) -> AnyResponse:
    """Let on who can take part, and kindly out who cannot; no answer is stored. Costs five queries."""
    return move_on(slug, Place("screening"), _screen)


def _screen(session: Session, visit: Visit, sitting: Sitting) -> None:
    questions = visit.protocol.screening
    answers = forms.read_screening(request.form, questions)
    if len(answers) < len(questions):
        page = screening_page(frame_of(visit, holds_answers=True), visit.protocol, answers)
        abort(Response(pages.render(page), status=422, mimetype="text/html"))
    if all(answers[number] in question.accepted for number, question in enumerate(questions)):
        steps.pass_screening(session, sitting.rater_id, now=visit.now)
    else:
        steps.leave(session, sitting.rater_id, why="screened_out", now=visit.now)


@blueprint.get("/s/<slug>/instructions")
def instructions(slug: str) -> str:
    """Explain how to rate. Costs one query."""
    visit, sitting = read_visit(slug, Place("instructions"))
    return pages.render(_instructions_page(visit, sitting, n_again=0))


@blueprint.post("/s/<slug>/instructions")
def begin(slug: str) -> AnyResponse:
    """Note that the instructions were read, and go on. Costs four queries and an update."""
    return move_on(
        slug,
        Place("instructions"),
        lambda session, visit, sitting: steps.finish_instructions(session, sitting.rater_id, now=visit.now),
    )


@blueprint.get("/s/<slug>/again")
def again(slug: str) -> str:
    """Show the instructions once more: to who comes back after hours, or asks for them. Costs one query."""
    visit, sitting = read_visit(slug, Place("again"))
    return pages.render(_instructions_page(visit, sitting, n_again=sitting.n_answered))


@blueprint.post("/s/<slug>/again")
def go_on(slug: str) -> AnyResponse:
    """Go on after the instructions; who was away for hours tries one practice text first. Costs one query."""
    visit, _ = read_visit(slug, Place("again"))
    if visit.is_away and visit.protocol.practice:
        return redirect(flow.url_of(slug, Place("again_practice")), 303)
    response = redirect(flow.url_of(slug, flow.current_place(visit)), 303)
    return noting_return(response, visit) if visit.is_away else response


def noting_return(response: AnyResponse, visit: Visit) -> AnyResponse:
    """Let the browser note that its rater has been told again what to do, and lead them on."""
    path = flow.url_of(visit.study.slug, Place("landing"))
    lifetime_s = int(AWAY.total_seconds())
    security.set_rater_cookie(response, BACK_COOKIE, "1", lifetime_s=lifetime_s, path=path)
    sitting = visit.sitting
    if sitting is not None:
        response.headers["Location"] = flow.url_of(
            visit.study.slug, Place("trial", min(sitting.next_position, sitting.n_trials))
        )
    return response


def _instructions_page(visit: Visit, sitting: Sitting, *, n_again: int) -> InstructionsPage:
    protocol = visit.protocol
    is_practising = bool(protocol.practice) and not sitting.has_practised
    return InstructionsPage(
        frame=frame_of(visit),
        title=protocol.title,
        instructions=render_markdown(protocol.instructions),
        explains_bold=protocol.explains_bold,
        is_pairwise=protocol.is_pairwise,
        may_go_back=protocol.revising != "none",
        n_texts=sitting.n_trials,
        n_practice=len(protocol.practice) if is_practising else 0,
        last_key=last_key(protocol.dimensions),
        may_be_unable=any(dimension.cannot_judge for dimension in protocol.dimensions),
        n_again=n_again,
        has_failed=is_practising and sitting.n_practice_attempts > 0,
    )
