"""The login of the desk: every other page requires a session, and a page of a study a right in it."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, current_app, g, redirect, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as AnyResponse

from rater.errors import StateError
from rater.store.engine import reading, writing
from rater.store.rating import rights, users
from rater.store.rating.rights import Rights
from rater.web.desk import page
from rater.web.desk.page import DeskPage, Right, needed_rights, render, user
from rater.web.security import DESK_COOKIE, DESK_PATH, is_token
from rater.web.settings import running

__all__ = ["user"]

_WAYS_BACK = re.compile(r"/desk(/[A-Za-z0-9._~/-]{0,300})?")

blueprint = Blueprint("access", __name__, url_prefix=DESK_PATH)


@dataclass(frozen=True)
class LoginPage(DeskPage):
    """Name and password."""

    template = "desk/login.html"

    name: str
    is_wrong: bool
    is_cookie_missing: bool
    """True if the browser did not send back the cookie of a login."""
    next_path: str


@dataclass(frozen=True)
class RefusedPage(DeskPage):
    """A page that needs a right which the user does not have."""

    template = "desk/refused.html"

    user: str
    explanation: str
    command: str
    """The command that grants the right."""
    back_url: str


@blueprint.get("/login")
def login() -> str:
    """Ask for name and password. Costs no query."""
    return _ask(request.args.get("next", DESK_PATH), is_cookie_missing="cookie_missing" in request.args)


@blueprint.post("/login")
def check_login() -> AnyResponse:
    """Log in; attempts are limited by `rater.web.rate_limits`.

    Takes 50 ms. Costs up to four queries.
    """
    name, password = request.form.get("name", ""), request.form.get("password", "")
    if "\0" in name:  # which PostgreSQL refuses
        raise BadRequest
    way_back = request.form.get("next", DESK_PATH)
    engine = running().engine
    with reading(engine) as session:
        password_hash = users.read_password_hash(session, name)
    if not users.is_password(password_hash, password):
        return Response(_ask(way_back, name=name, is_wrong=True), status=403, mimetype="text/html")
    try:
        with writing(engine) as session:
            token = users.begin_session(session, name, now=running().settings.now())
    except StateError:  # removed a moment ago
        return redirect(url_for("access.login"), 303)
    way_back = way_back if _WAYS_BACK.fullmatch(way_back) else DESK_PATH
    response = redirect(request.script_root + way_back, 303)
    response.set_cookie(
        DESK_COOKIE,
        token,
        max_age=int(users.LASTS_FOR.total_seconds()),
        path=url_for("desk.studies"),
        httponly=True,
        secure=running().settings.secure_cookies or request.is_secure,
        samesite="Strict",
    )
    return response


@blueprint.post("/logout")
def logout() -> AnyResponse:
    """Log out. Costs one query."""
    token = request.cookies.get(DESK_COOKIE, "")
    if is_token(token):
        with writing(running().engine) as session:
            users.end_session(session, token)
    response = redirect(url_for("access.login"), 303)
    response.delete_cookie(DESK_COOKIE, path=url_for("desk.studies"))
    return response


@page.blueprint.before_request
def require_user() -> AnyResponse | None:
    """Require a login, and on a page of a study a right in it.

    Anyone who is not logged in is sent to the login. A study in which a user has no role does not exist for
    them: 404. A missing right is explained: 403. Costs up to two queries, and an update a minute.
    """
    token = request.cookies.get(DESK_COOKIE, "")
    now = running().settings.now()
    name = (request.view_args or {}).get("name")
    login, own = None, None
    if is_token(token):
        with reading(running().engine) as session:
            login = users.find_session(session, token, now=now)
            if login is not None and name is not None and "\0" not in name:
                own = rights.rights_in(session, login[0], name)
    if login is None:
        way_back = request.path if request.method == "GET" and _WAYS_BACK.fullmatch(request.path) else None
        # who comes from the login without a cookie has a browser that did not keep it
        missing = "1" if urlsplit(request.referrer or "").path == url_for("access.login") else None
        return redirect(url_for("access.login", next=way_back, cookie_missing=missing), 303)
    g.desk_user, is_to_be_noted = login
    # a page that updates itself is nobody who sits there
    if is_to_be_noted and request.endpoint != "desk.progress":
        with writing(running().engine) as session:
            users.note_seen(session, token, now=now)
    return None if name is None else _require_rights(name, own)


def _require_rights(name: str, own: Rights | None) -> AnyResponse | None:
    """Refuse a page of a study that needs a right which the user does not have."""
    if own is None:
        abort(404)
    g.desk_rights = own
    needed = needed_rights(current_app.view_functions[request.endpoint or ""], request.method)
    if Right.CHANGE in needed and not own.may_change:
        return _refuse(
            name,
            f"You are a {own.role} of this study: you can see its progress and cannot change it.",
            f"rater user grant {user().name} {name} owner",
        )
    if Right.IDENTIFIERS in needed and not own.sees_identifiers:
        return _refuse(
            name,
            "This page has participants' identifiers, which you may not see.",
            f"rater user grant {user().name} {name} {own.role} --identifiers",
        )
    return None


def _refuse(name: str, explanation: str, command: str) -> AnyResponse:
    refused = RefusedPage(
        title="Not allowed",
        user=user().name,
        explanation=explanation,
        command=command,
        back_url=url_for("desk.study", name=name),
    )
    return Response(render(refused), status=403, mimetype="text/html")


def _ask(way_back: str, *, name: str = "", is_wrong: bool = False, is_cookie_missing: bool = False) -> str:
    next_path = way_back if _WAYS_BACK.fullmatch(way_back) else DESK_PATH
    return render(
        LoginPage(
            title="Log in",
            name=name,
            is_wrong=is_wrong,
            is_cookie_missing=is_cookie_missing,
            next_path=next_path,
        )
    )
