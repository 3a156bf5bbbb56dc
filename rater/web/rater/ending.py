"""Serve the pages after the last text, and those of who leaves before it."""

from typing import cast

from flask import Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from rater.errors import StateError
from rater.store.engine import reading, writing
from rater.store.rating import steps
from rater.store.rating.asked import read_asked
from rater.store.rating.sittings import LeftWhy
from rater.store.rating.trials import first_revisable
from rater.web import flow, forms, notices, pages
from rater.web.flow import Place, Visit
from rater.web.markdown import render_markdown
from rater.web.pages.ending import (
    CommentPage,
    EndedPage,
    FinishPage,
    GuessesPage,
    LeavePage,
    ThanksPage,
    WayOut,
    guess_fields,
)
from rater.web.pages.frame import frame_of
from rater.web.rater.blueprint import blueprint
from rater.web.settings import running

_OVER = {"closed", "unblinded", "archived"}


@blueprint.get("/s/<slug>/finish")
def finish(slug: str) -> str:
    """Say that every text is rated, and offer to change answers. Costs one query."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
    sitting = flow.require_sitting(visit, Place("finish"))
    first = first_revisable(sitting, visit.protocol.revising)
    return pages.render(
        FinishPage(
            frame=frame_of(visit),
            title=visit.protocol.title,
            n_texts=sitting.n_trials,
            revisable=tuple(
                (position, flow.url_of(slug, Place("trial", position)))
                for position in range(first, sitting.n_trials + 1)
            ),
        )
    )


@blueprint.post("/s/<slug>/finish")
def end_texts(slug: str) -> AnyResponse:
    """Note that no answer will change any more. Costs five queries and an update."""
    with writing(running().engine) as session:
        visit = flow.find_visit(session, slug)
        sitting = flow.require_sitting(visit, Place("finish"))
        steps.open_guesses(session, sitting.rater_id, now=visit.now)
        visit = flow.find_visit(session, slug)
    return redirect(flow.url_of(slug, flow.current_place(visit)), 303)


@blueprint.get("/s/<slug>/guesses")
def guesses(slug: str) -> str:
    """Ask the blinding question. Costs two queries."""
    return _render_guesses(slug, None)


@blueprint.post("/s/<slug>/guesses")
def guess(slug: str) -> AnyResponse:
    """Keep the answers to the blinding question. Costs seven queries, an update and an insert each."""
    sent = forms.read_guesses(request.form)
    with writing(running().engine) as session:
        visit = flow.find_visit(session, slug)
        sitting = flow.require_sitting(visit, Place("guesses"))
        blinding = visit.protocol.blinding
        assert blinding is not None  # noqa: S101 (else the page is not due)
        asked = {each.position for each in read_asked(session, sitting.booklet_id, blinding.n_texts)} or {0}
        is_complete = sent.keys() == asked
        if is_complete:
            try:
                steps.record_guesses(session, sitting.rater_id, sent, now=visit.now)
            except StateError:
                flow.go_to_current(visit)
            visit = flow.find_visit(session, slug)
    if not is_complete:
        return Response(_render_guesses(slug, sent), status=422, mimetype="text/html")
    return redirect(flow.url_of(slug, flow.current_place(visit)), 303)


@blueprint.get("/s/<slug>/comment")
def comment(slug: str) -> str:
    """Ask for a free comment. Costs one query."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
    flow.require(visit, Place("comment"))
    question = visit.protocol.final_comment
    assert question is not None  # noqa: S101 (else the page is not due)
    return pages.render(
        CommentPage(
            frame=frame_of(visit, holds_answers=True),
            title=visit.protocol.title,
            question=question,
            longest=forms.LONGEST_COMMENT,
        )
    )


@blueprint.post("/s/<slug>/comment")
def keep_comment(slug: str) -> AnyResponse:
    """Keep what was written, which may be nothing. Costs five queries, an update and an insert."""
    with writing(running().engine) as session:
        visit = flow.find_visit(session, slug)
        sitting = flow.require_sitting(visit, Place("comment"))
        steps.record_comment(session, sitting.rater_id, forms.read_comment(request.form), now=visit.now)
        visit = flow.find_visit(session, slug)
    return redirect(flow.url_of(slug, flow.current_place(visit)), 303)


@blueprint.get("/s/<slug>/thanks")
def thanks(slug: str) -> str:
    """Say thanks, with the way out, and what the study was about when that may be said. Costs one query."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
    sitting = flow.require_sitting(visit, Place("thanks"))
    protocol = visit.protocol
    may_debrief = protocol.debrief_at_once or visit.study.state in _OVER
    return pages.render(
        ThanksPage(
            frame=frame_of(visit),
            title=protocol.title,
            thanks=render_markdown(protocol.thanks),
            debrief=render_markdown(protocol.debrief) if protocol.debrief and may_debrief else None,
            n_texts=sitting.n_trials,
            way=WayOut.of(protocol.endings.finished),
        )
    )


@blueprint.get("/s/<slug>/leave")
def leave(slug: str) -> str:
    """Offer to stop or to withdraw, and say what becomes of the answers. Costs one query."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
    sitting = flow.require_sitting(visit, Place("leave"))
    return pages.render(
        LeavePage(
            frame=frame_of(visit),
            title=visit.protocol.title,
            n_saved=sitting.n_answered,
            may_stop=not sitting.has_finished,
            back_url=flow.url_of(slug, flow.current_place(visit)),
        )
    )


@blueprint.post("/s/<slug>/leave")
def go(slug: str) -> AnyResponse:
    """Note that a rater stops or withdraws. Costs four queries and an update."""
    why = cast("LeftWhy", forms.read_leaving(request.form))
    with writing(running().engine) as session:
        visit = flow.find_visit(session, slug)
        sitting = flow.require_sitting(visit, Place("leave"))
        if why == "stopped" and sitting.has_finished:
            flow.go_to_current(visit)
        steps.leave(session, sitting.rater_id, why=why, now=visit.now)
    return redirect(flow.url_of(slug, Place("ended")), 303)


@blueprint.get("/s/<slug>/ended")
def ended(slug: str) -> str:
    """Say how it ended for who left before the end, with their own way out. Costs one query."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
    sitting = flow.require_sitting(visit, Place("ended"))
    assert sitting.left_why is not None  # noqa: S101 (else the page is not due)
    endings = visit.protocol.endings
    was_let_out = sitting.left_why in {"screened_out", "failed_practice"}
    return pages.render(
        EndedPage(
            frame=frame_of(visit),
            title=visit.protocol.title,
            paragraphs=notices.left(sitting, sitting.left_why),
            way=WayOut.of(endings.screened_out if was_let_out else endings.stopped),
        )
    )


def _render_guesses(slug: str, sent: dict[int, steps.GuessChoice] | None) -> str:
    with reading(running().engine) as session:
        visit: Visit = flow.find_visit(session, slug)
        sitting = flow.require_sitting(visit, Place("guesses"))
        blinding = visit.protocol.blinding
        assert blinding is not None  # noqa: S101 (else the page is not due)
        asked = read_asked(session, sitting.booklet_id, blinding.n_texts) if blinding.n_texts else []
    return pages.render(
        GuessesPage(
            frame=frame_of(visit, holds_answers=True),
            title=visit.protocol.title,
            question=blinding.question,
            guesses=guess_fields(blinding, asked, sent),
        )
    )
