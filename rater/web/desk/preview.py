"""Walk a study as a rater does, on a temporary copy: the same app, in a frame, on a database of its own.

The copy has the study as it is now and a few of its booklets, is open to everybody whatever the study is, and
knows nobody. It has a random name, and is deleted after some hours or when many newer ones were made
(`rater.web.desk.preview_copies`).
"""

import contextlib
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import cast

from flask import Flask, Response, abort, current_app, redirect, request, url_for
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from rater.errors import FullError
from rater.store.engine import disposing, reading, writing
from rater.store.rating.open import create_rating
from rater.store.rating.publication import insert_study, read_booklets, read_checks, read_items
from rater.store.rating.sessions import new_token
from rater.store.rating.studies import PublishedStudy, move_study
from rater.study.state import State
from rater.web.desk import access
from rater.web.desk.page import DeskPage, Right, blueprint, find_or_404, needs, render
from rater.web.desk.preview_copies import copies_folder, copy_name, has_copy, keep_copy, using_copy
from rater.web.desk.preview_pages import find_page, list_pages, put_rater
from rater.web.rating.flow import Place, Step
from rater.web.security import CONTENT_SECURITY_POLICY, TOKEN_COOKIE, is_secure, keep_token
from rater.web.settings import WebSettings, running

_N_BOOKLETS = 20
_MAX_OPEN = 4
_EXTENSION = "rater-previews"
_STYLE_SHEET = re.compile(r'(<link rel="stylesheet" href="[^"?]*\.css)"')
_DARK = re.compile(r"\(prefers-color-scheme: ?dark\)")

# an argument, since the application imports the desk
AppFactory = Callable[[WebSettings], Flask]


class _OpenCopies:
    """The apps of copies that this process serves; the one that was not used for longest is closed first."""

    def __init__(self, create_app: AppFactory) -> None:
        self._create_app = create_app
        self._apps: OrderedDict[str, Flask] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close all copies that are open."""
        while self._apps:
            self._apps.popitem()[1].extensions["rater"].engine.dispose()

    def get(self, key: str, path: Path) -> Flask:
        """Return the app of a copy, made when it is first asked for."""
        with self._lock:
            app = self._apps.pop(key, None)
            if app is None:
                settings = replace(
                    running().settings,
                    rating_url=f"sqlite:///{path}",
                    is_preview=True,
                    with_desk=False,
                    n_proxies=0,  # the desk's own request has been resolved already
                    prefix="",
                    metrics_token=secrets.token_urlsafe(16),
                )
                app = self._create_app(settings)
            self._apps[key] = app
            if len(self._apps) > _MAX_OPEN:
                _, oldest = self._apps.popitem(last=False)
                oldest.extensions["rater"].engine.dispose()
            return app


def init_app(app: Flask, create_app: AppFactory) -> None:
    """Let an app serve copies, each by an app of its own that ``create_app`` makes."""
    app.extensions[_EXTENSION] = _OpenCopies(create_app)


def make_copy(session: Session, study: PublishedStudy, *, now: datetime) -> str:
    """Copy a study into a database of its own, open and without raters; returns its random key.

    Costs three queries, and takes some tenths of a second.
    """
    booklets = read_booklets(session, study.id)[:_N_BOOKLETS]
    shown = {item_id for booklet in booklets for item_id in booklet.item_ids}
    items = [item for item in read_items(session, study.id) if item.id in shown]
    checks = [check for check in read_checks(session, study.id) if check.item_id in shown]
    key = secrets.token_urlsafe(16)
    unfinished = copies_folder() / f"{key}.unfinished"
    with disposing(create_rating(f"sqlite:///{unfinished}")) as copy, writing(copy) as its:
        insert_study(its, _opened_to_all(study), items=items, booklets=booklets, checks=checks)
        move_study(its, study.name, State.OPEN, at=now)
    keep_copy(copy_name(study.name, key), unfinished)
    unfinished.with_name(f"{unfinished.name}-turn").unlink(missing_ok=True)  # the writers' lock
    return key


def serve_copy(copies: object, name: str, rest: str, mount: str) -> AnyResponse:
    """Let the app of a copy answer this request, as if it were mounted where the frame is.

    Raises:
        NotFound: the copy does not exist.
    """
    assert isinstance(copies, _OpenCopies)  # noqa: S101 (put there by `init_app`)
    environ = {
        name: value for name, value in request.environ.items() if not name.startswith(("werkzeug.", "flask."))
    }
    environ |= {
        "SCRIPT_NAME": request.script_root + mount,
        "PATH_INFO": f"/{rest}".encode().decode("latin-1"),
    }
    with using_copy(name) as path:
        if path is None:
            abort(404)
        return Response.from_app(copies.get(name, path), environ, buffered=True)


def _opened_to_all(study: PublishedStudy) -> PublishedStudy:
    """Take away what keeps strangers out of a study, so that it can be walked through."""
    site = study.protocol.recruitment
    # the site's parameters stay declared, since endings may name them
    update = {"invited_only": False, "recruitment": site and site.model_copy(update={"required": False})}
    protocol = study.protocol.model_copy(update=update)
    return replace(study, id=0, state=State.PUBLISHED, protocol=protocol)


_SCHEME_COOKIE = "rater-preview-scheme"
_SCHEMES = {"device": "As on this device", "light": "Light", "dark": "Dark"}
_WIDTHS = {"full": "Full width", "phone": "Phone (390 px)"}
_AT = re.compile(r"(consent|rest/[0-9]{1,4})")
_POSITION = re.compile(r" *([0-9]{1,4}) *")


@dataclass(frozen=True)
class PreviewOption:
    """One of the choices of how a preview is shown."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True)
class PreviewPage(DeskPage):
    """A study as a rater sees it, in a frame."""

    template = "desk/preview.html"

    user: str
    frame_url: str
    width: str
    """full or phone."""
    widths: tuple[PreviewOption, ...]
    schemes: tuple[PreviewOption, ...]
    pages: tuple[PreviewOption, ...]
    jump_url: str
    back_url: str
    again_url: str


@blueprint.post("/studies/<name>/preview")
@needs(Right.SEE)
def make_preview(name: str) -> AnyResponse:
    """Make a temporary copy of a study to walk through. Costs four queries."""
    with reading(running().engine) as session:
        published = find_or_404(session, name)
        key = make_copy(session, published, now=running().settings.now())
    return redirect(url_for("desk.show_preview", name=name, key=key), 303)


@blueprint.get("/studies/<name>/preview/<key>")
def show_preview(name: str, key: str) -> AnyResponse:
    """Show a copy in a frame, as wide as a phone or in another theme where asked. Costs one query."""
    with reading(running().engine) as session:
        found = find_or_404(session, name)
    if not has_copy(copy_name(name, key)):
        return redirect(url_for("desk.study", name=name), 303)
    width = _choose(request.args.get("width"), _WIDTHS)
    scheme = _choose(request.args.get("scheme", request.cookies.get(_SCHEME_COOKIE)), _SCHEMES)
    pages: dict[str, str] = {each.step: each.label for each in list_pages(found.protocol)}
    at = request.args.get("at", "")
    rest = f"s/{found.slug}" + (f"/{at}" if _AT.fullmatch(at) else "")
    page = PreviewPage(
        title=f"Preview: {found.protocol.title}",
        user=access.user().name,
        frame_url=url_for("desk.walk", name=name, key=key, rest=rest),
        width=width,
        widths=_options(_WIDTHS, width),
        schemes=_options(_SCHEMES, scheme),
        pages=_options(pages, _choose(request.args.get("jumped"), pages)),
        jump_url=url_for("desk.jump", name=name, key=key, width=width),
        back_url=url_for("desk.study", name=name),
        again_url=url_for("desk.make_preview", name=name),
    )
    response = Response(render(page), mimetype="text/html")
    response.headers["Content-Security-Policy"] = f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"
    response.set_cookie(
        _SCHEME_COOKIE,
        scheme,
        path=url_for("desk.studies"),
        httponly=True,
        secure=is_secure(),
        samesite="Strict",
    )
    return response


def _choose(sent: str | None, valid: Mapping[str, str]) -> str:
    """Return a choice that was sent, or the first one."""
    return sent if sent is not None and sent in valid else next(iter(valid))


def _options(valid: Mapping[str, str], chosen: str) -> tuple[PreviewOption, ...]:
    return tuple(PreviewOption(value, label, value == chosen) for value, label in valid.items())


@blueprint.post("/studies/<name>/preview/<key>/jump")
@needs(Right.SEE)
def jump(name: str, key: str) -> AnyResponse:
    """Open a preview at a page, as a new rater. Costs one query here, and up to 16 in the copy.

    Where all booklets of the copy are used up, another copy is made.
    """
    now = running().settings.now()
    with reading(running().engine) as session:
        found = find_or_404(session, name)
        step = find_page(found.protocol, request.form.get("page", ""))
        number = _POSITION.fullmatch(request.form.get("position", "1") or "1")
        if step is None or number is None:
            abort(400)
        token = new_token()
        place = _put_rater(name, key, step, int(number[1]), token=token, now=now)
        if place is None:
            key = make_copy(session, found, now=now)
            place = _put_rater(name, key, step, int(number[1]), token=token, now=now)
    assert place is not None  # noqa: S101 (a new copy has free booklets)
    at = {"consent": "consent", "rest": f"rest/{place.position}"}.get(place.step)
    width = _choose(request.args.get("width"), _WIDTHS)
    response = redirect(
        url_for("desk.show_preview", name=name, key=key, width=width, at=at, jumped=step), 303
    )
    path = url_for("desk.walk", name=name, key=key, rest=f"s/{found.slug}")
    if place.step == "consent":
        response.delete_cookie(TOKEN_COOKIE, path=path)
    else:
        keep_token(response, token, path=path)
    return response


def _put_rater(
    study_name: str, key: str, step: Step, position: int, *, token: str, now: datetime
) -> Place | None:
    """Let a new rater of a copy be at a page; returns None where the copy is gone or has no free booklet."""
    copies = current_app.extensions[_EXTENSION]
    assert isinstance(copies, _OpenCopies)  # noqa: S101 (put there by `init_app`)
    name = copy_name(study_name, key)
    with contextlib.suppress(FullError), using_copy(name) as path:
        if path is not None:
            engine = cast("Engine", copies.get(name, path).extensions["rater"].engine)
            return put_rater(engine, step, position, token=token, now=now)
    return None


@blueprint.route("/studies/<name>/previews/<key>/<path:rest>", methods=["GET", "POST"])
@needs(Right.SEE)
def walk(name: str, key: str, rest: str) -> AnyResponse:
    """Let a copy's own app answer. Costs what a rater's page costs."""
    mount = url_for("desk.walk", name=name, key=key, rest="")
    copies = current_app.extensions[_EXTENSION]
    response = serve_copy(copies, copy_name(name, key), rest, mount.removeprefix(request.script_root))
    return _in_scheme(response, request.cookies.get(_SCHEME_COOKIE, ""))


def _in_scheme(response: AnyResponse, scheme: str) -> AnyResponse:
    """Show a copy in the theme that was chosen, whatever the device prefers.

    A style sheet is kept by the browser, so one of a theme has an address of its own.
    """
    if scheme in {"light", "dark"} and response.status_code == 200:
        text = response.get_data(as_text=True)
        if response.mimetype == "text/html":
            response.set_data(_STYLE_SHEET.sub(rf'\1?scheme={scheme}"', text))
        elif response.mimetype == "text/css":
            media = "all" if scheme == "dark" else "not all"
            text = _DARK.sub(media, text).replace("color-scheme: light dark", f"color-scheme: {scheme}")
            response.set_data(text)
    return response
