"""Serve the pages between consent and the first text: screening, instructions; and these once more."""

from flask import Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from rater.store.engine import reading, writing
from rater.store.rating import steps
from rater.web import flow, forms, pages, security
from rater.web.flow import Place, Visit
from rater.web.markdown import render_markdown
from rater.web.pages.frame import frame_of
from rater.web.pages.preparation import InstructionsPage, screening_page
from rater.web.pages.questions import last_key
from rater.web.rater.blueprint import blueprint
from rater.web.settings import running
from rater.web.visit import AWAY, BACK_COOKIE


@blueprint.get("/s/<slug>/screening")
def screening(slug: str) -> str:
    """Ask what decides whether somebody can take part. Costs one query."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
    flow.require(visit, Place("screening"))
    return pages.render(screening_page(frame_of(visit, holds_answers=True), visit.protocol))


@blueprint.post("/s/<slug>/screening")
def screen(slug: str) -> AnyResponse:
    """Let on who can take part, and kindly out who cannot; no answer is stored. Costs five queries."""
    with writing(running().engine) as session:
        visit = flow.find_visit(session, slug)
        sitting = flow.require_sitting(visit, Place("screening"))
        questions = visit.protocol.screening
        answers = forms.read_screening(request.form, questions)
        if len(answers) < len(questions):
            frame = frame_of(visit, holds_answers=True)
            page = pages.render(screening_page(frame, visit.protocol, answers))
            return Response(page, status=422, mimetype="text/html")
        if all(answers[number] in question.accepted for number, question in enumerate(questions)):
            steps.pass_screening(session, sitting.rater_id, now=visit.now)
        else:
            steps.leave(session, sitting.rater_id, why="screened_out", now=visit.now)
        visit = flow.find_visit(session, slug)
    return redirect(flow.url_of(slug, flow.current_place(visit)), 303)


@blueprint.get("/s/<slug>/instructions")
def instructions(slug: str) -> str:
    """Explain how to rate. Costs one query."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
    flow.require(visit, Place("instructions"))
    return pages.render(_instructions_page(visit, n_again=0))


@blueprint.post("/s/<slug>/instructions")
def begin(slug: str) -> AnyResponse:
    """Note that the instructions were read, and go on. Costs four queries and an update."""
    with writing(running().engine) as session:
        visit = flow.find_visit(session, slug)
        sitting = flow.require_sitting(visit, Place("instructions"))
        steps.finish_instructions(session, sitting.rater_id, now=visit.now)
        visit = flow.find_visit(session, slug)
    return redirect(flow.url_of(slug, flow.current_place(visit)), 303)


@blueprint.get("/s/<slug>/again")
def again(slug: str) -> str:
    """Show the instructions once more: to who comes back after hours, or asks for them. Costs one query."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
    sitting = flow.require_sitting(visit, Place("again"))
    return pages.render(_instructions_page(visit, n_again=sitting.n_answered))


@blueprint.post("/s/<slug>/again")
def go_on(slug: str) -> AnyResponse:
    """Go on after the instructions; who was away for hours tries one practice text first. Costs one query."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
    flow.require(visit, Place("again"))
    if visit.is_away and visit.protocol.practice:
        return redirect(flow.url_of(slug, Place("again_practice")), 303)
    response = redirect(flow.url_of(slug, flow.current_place(visit)), 303)
    return noting_return(response, visit) if visit.is_away else response


def noting_return(response: AnyResponse, visit: Visit) -> AnyResponse:
    """Let the browser note that its rater has been told again what to do, and lead them on."""
    response.set_cookie(
        BACK_COOKIE,
        "1",
        max_age=int(AWAY.total_seconds()),
        path=flow.url_of(visit.study.slug, Place("landing")),
        httponly=True,
        secure=security.is_secure(),
        samesite="Lax",
    )
    sitting = visit.sitting
    if sitting is not None:
        response.headers["Location"] = flow.url_of(
            visit.study.slug, Place("trial", min(sitting.next_position, sitting.n_trials))
        )
    return response


def _instructions_page(visit: Visit, *, n_again: int) -> InstructionsPage:
    protocol, sitting = visit.protocol, visit.sitting
    assert sitting is not None  # noqa: S101 (who reads the instructions has one)
    is_practising = bool(protocol.practice) and not sitting.has_practised
    return InstructionsPage(
        frame=frame_of(visit),
        title=protocol.title,
        instructions=render_markdown(protocol.instructions),
        is_pairwise=protocol.is_pairwise,
        may_go_back=protocol.revising != "none",
        n_texts=sitting.n_trials,
        n_practice=len(protocol.practice) if is_practising else 0,
        last_key=last_key(protocol.dimensions),
        n_again=n_again,
        has_failed=is_practising and sitting.n_practice_attempts > 0,
    )
