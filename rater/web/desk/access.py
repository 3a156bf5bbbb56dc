"""The login of the desk: every other page of it requires a session."""

import re
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, redirect, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as AnyResponse

from rater.errors import StateError
from rater.store.engine import reading, writing
from rater.store.rating import users
from rater.store.rating.users import User
from rater.web.desk import page
from rater.web.desk.page import DeskPage, render
from rater.web.security import DESK_COOKIE, DESK_PATH, is_token
from rater.web.settings import running

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


def user() -> User:
    """Return the user of this request."""
    return cast("User", g.desk_user)


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
    """Send anyone who is not logged in to the login. Costs one query, and an update a minute."""
    token = request.cookies.get(DESK_COOKIE, "")
    now = running().settings.now()
    login = None
    if is_token(token):
        with reading(running().engine) as session:
            login = users.find_session(session, token, now=now)
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
    return None


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
