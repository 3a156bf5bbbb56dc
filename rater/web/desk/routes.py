"""Serve the desk: each view reads, calls the store, and renders or redirects; all of it behind a login."""

import contextlib
import os
import re
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, current_app, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from rater.errors import DatabaseError
from rater.store.engine import empty_wal, reading, writing
from rater.store.rating import counts
from rater.store.rating.export import log_masked_export, read_rater_table
from rater.store.rating.frame import read_answers
from rater.store.rating.raters import count_invitations, make_invitations
from rater.store.rating.studies import PublishedStudy, find_study, list_studies, move_study
from rater.study.state import State
from rater.web.desk import access, downloads, preview
from rater.web.desk.dashboard import read_order, read_overview, study_page
from rater.web.desk.pages import ConfirmPage, InvitePage, PreviewPage, StudiesPage, StudyLine, render
from rater.web.desk.transitions import find_transition
from rater.web.security import CONTENT_SECURITY_POLICY, DESK_PATH
from rater.web.settings import running

blueprint = Blueprint("desk", __name__, url_prefix=DESK_PATH)
blueprint.before_request(access.require_user)
_REPORT = "report.html"
MAX_LINKS = 500
_COUNT = re.compile(r"[0-9]{1,6}")
# a report is a file that somebody made: it may look like something, and do nothing
_REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
)


def init_app(app: Flask, create_app: preview.AppFactory) -> None:
    """Add the desk to an app; ``create_app`` makes the apps of its previews."""
    preview.init_app(app, create_app)
    app.register_blueprint(access.blueprint)
    app.register_blueprint(blueprint)


@blueprint.get("")
def studies() -> str:
    """List the studies. Costs three queries, however many there are; no answer is read."""
    with reading(running().engine) as session:
        found, progress = list_studies(session), counts.read_progress_by_study(session)
    lines = [
        StudyLine(
            url=url_for("desk.study", name=study.name),
            title=study.protocol.title,
            name=study.name,
            state=study.state,
            n_finished=progress[study.id].n_finished,
            n_booklets=progress[study.id].n_booklets,
            last_at=progress[study.id].last_at,
        )
        for study in found
    ]
    return render(StudiesPage(title="Studies", user=access.user().name, studies=tuple(lines)))


@blueprint.get("/studies/<name>")
def study(name: str) -> str:
    """Show how a study goes. Costs up to sixteen queries."""
    now = running().settings.now()
    order = read_order(request.args.get("sort", ""))
    with reading(running().engine) as session:
        found = _find(session, name)
        page = study_page(
            session,
            read_overview(session, found, now=now),
            user=access.user().name,
            order=order,
            has_report=_report_file(found) is not None,
            now=now,
        )
    return render(page)


@blueprint.get("/studies/<name>/progress.json")
def progress(name: str) -> dict[str, object]:
    """Give the numbers that update by themselves. Costs up to thirteen queries."""
    with reading(running().engine) as session:
        seen = read_overview(session, _find(session, name), now=running().settings.now())
    return {"version": seen.version, "state": seen.study.state, "numbers": seen.numbers}


@blueprint.get("/studies/<name>/move/<state>")
def confirm(name: str, state: str) -> str:
    """Show the effects of a change of state, before it is made. Costs one query."""
    with reading(running().engine) as session:
        found = _find(session, name)
    transition = find_transition(found.state, state) or abort(404)
    return render(
        ConfirmPage(
            title=f"{transition.label}: {found.protocol.title}",
            user=access.user().name,
            says=transition.description,
            post_url=url_for("desk.move", name=name, state=state),
            button=transition.label,
            back_url=url_for("desk.study", name=name),
        )
    )


@blueprint.post("/studies/<name>/move/<state>")
def move(name: str, state: str) -> AnyResponse:
    """Change a study's state; its log says who did. Costs four queries; closing reads every answer."""
    with writing(running().engine) as session:
        found = _find(session, name)
        transition = find_transition(found.state, state)
        if transition is not None:
            move_study(session, name, transition.target, at=running().settings.now(), by=access.user().name)
    if state == State.CLOSED:
        with contextlib.suppress(DatabaseError):  # the study is closed, also where the disk is full
            empty_wal(running().engine)
    return redirect(url_for("desk.study", name=name), 303)


@blueprint.get("/studies/<name>/answers.csv")
def download_answers(name: str) -> Response:
    """Hand out the ratings without arms, and log it. Costs three queries, and an insert."""
    with writing(running().engine) as session:
        study_id = _find(session, name).id
        rows = read_answers(session, study_id)
        log_masked_export(
            session,
            study_id,
            who=access.user().name,
            by="desk",
            n_answers=len(rows),
            now=running().settings.now(),
        )
    return _attachment(downloads.answers_csv(rows), f"{name}-answers.csv")


@blueprint.get("/studies/<name>/raters.csv")
def download_raters(name: str) -> Response:
    """Hand out the table of raters. Costs six queries."""
    with reading(running().engine) as session:
        raters = read_rater_table(session, _find(session, name), now=running().settings.now())
    return _attachment(downloads.raters_csv(raters), f"{name}-raters.csv")


@blueprint.get("/studies/<name>/report")
def report(name: str) -> Response:
    """Show the report that `rater analyze --report` wrote, once the study is unblinded. Costs one query."""
    with reading(running().engine) as session:
        file = _report_file(_find(session, name))
    if file is None:
        abort(404)
    response = Response(file.read_bytes(), mimetype="text/html")
    response.headers["Content-Security-Policy"] = _REPORT_POLICY
    return response


@blueprint.get("/studies/<name>/invite")
def invite(name: str) -> str:
    """Offer to make personal links. Costs two queries."""
    with reading(running().engine) as session:
        return _render_invitations(session, _find(session, name))


@blueprint.post("/studies/<name>/invite")
def make_links(name: str) -> AnyResponse:
    """Make personal links, shown this once: the database keeps digests only. Costs four queries."""
    n = _read_count(request.form.get("n", ""))
    with writing(running().engine) as session:
        found = _find(session, name)
        first = count_invitations(session, found.id).n_made + 1
        labels = [str(number) for number in range(first, first + n)]
        made = make_invitations(session, found.id, labels, now=running().settings.now())
        links = tuple((each.label, _link(found.slug, each.code)) for each in made)
        if request.form.get("as") == "csv":
            return _attachment(downloads.links_csv(links), f"{name}-links.csv")
        return Response(_render_invitations(session, found, links), mimetype="text/html")


@blueprint.post("/studies/<name>/preview")
def make_preview(name: str) -> AnyResponse:
    """Make a temporary copy of a study to walk through. Costs four queries."""
    with reading(running().engine) as session:
        found = _find(session, name)
        key = preview.make_copy(session, found, now=running().settings.now())
    return redirect(url_for("desk.show_preview", name=name, key=key), 303)


@blueprint.get("/studies/<name>/preview/<key>")
def show_preview(name: str, key: str) -> AnyResponse:
    """Show a copy in a frame. Costs one query."""
    with reading(running().engine) as session:
        found = _find(session, name)
    if not preview.has_copy(key):
        return redirect(url_for("desk.study", name=name), 303)
    page = PreviewPage(
        title=f"Preview: {found.protocol.title}",
        user=access.user().name,
        frame_url=url_for("desk.walk", key=key, rest=f"s/{found.slug}"),
        back_url=url_for("desk.study", name=name),
        again_url=url_for("desk.make_preview", name=name),
    )
    response = Response(render(page), mimetype="text/html")
    response.headers["Content-Security-Policy"] = f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"
    return response


@blueprint.route("/previews/<key>/<path:rest>", methods=["GET", "POST"])
def walk(key: str, rest: str) -> AnyResponse:
    """Let a copy's own app answer. Costs what a rater's page costs."""
    mount = url_for("desk.walk", key=key, rest="")
    return preview.serve_copy(
        current_app.extensions["rater-previews"], key, rest, mount.removeprefix(request.script_root)
    )


def _find(session: Session, name: str) -> PublishedStudy:
    """Find a study.

    Raises:
        NotFound: there is none of that name.
    """
    found = None if "\0" in name else find_study(session, name)
    return found or abort(404)


def _render_invitations(
    session: Session, found: PublishedStudy, links: tuple[tuple[str, str], ...] = ()
) -> str:
    n_made, n_used = count_invitations(session, found.id)
    return render(
        InvitePage(
            title=f"Invite: {found.protocol.title}",
            user=access.user().name,
            n_made=n_made,
            n_used=n_used,
            is_needed=found.protocol.invited_only,
            most=MAX_LINKS,
            links=links,
            rater_url=url_for("rater.landing", slug=found.slug, _external=True),
            post_url=url_for("desk.make_links", name=found.name),
            back_url=url_for("desk.study", name=found.name),
        )
    )


def _link(slug: str, code: str) -> str:
    return url_for("rater.invited", slug=slug, code=code, _external=True)


def _read_count(sent: str) -> int:
    """Read how many links are wanted.

    Raises:
        BadRequest: it is not a valid number of links.
    """
    digits = sent.strip()
    if not _COUNT.fullmatch(digits) or not 1 <= int(digits) <= MAX_LINKS:
        abort(400)
    return int(digits)


def _report_file(study: PublishedStudy) -> Path | None:
    """Find the report of a study that may be read: one that is unblinded."""
    folder = running().settings.reports_folder
    if folder is None or not study.state.is_unblinded:
        return None
    file = folder / study.name / _REPORT
    is_readable = file.is_file() and os.access(file, os.R_OK)
    return file if is_readable and file.resolve().is_relative_to(folder.resolve()) else None


def _attachment(lines: object, name: str) -> Response:
    response = Response(lines, mimetype="text/csv")  # type: ignore[arg-type] # an iterator of text
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
