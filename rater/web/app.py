"""Put the raters' web app together, with the desk if it is wanted, under the path of the server.

The app may be served under a path of a host that has other things too, such as ``/rater`` of a university's
web server. A proxy may hand on the whole path or cut the prefix off; both work. The prefix is that of
``--prefix`` or, where proxies are trusted, the one that they send as ``X-Forwarded-Prefix``. WSGI calls it
``SCRIPT_NAME``: links, redirects, cookies and static files follow it.
"""

import re
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask
from jinja2 import StrictUndefined
from markupsafe import Markup
from werkzeug.middleware.proxy_fix import ProxyFix

from rater.errors import RaterError
from rater.sanitize import sanitize_for_display
from rater.store.rating.open import open_rating
from rater.web import caches, errors, health, language, logs, rate_limits, security, webhook
from rater.web.rating import arrival, ending, further, practice, preparation, questionnaire, trial
from rater.web.rating.flow import blueprint
from rater.web.settings import Running, WebSettings, init_app
from rater.web.theme import STATIC_FOLDER, static_version

# importing a stage adds its views to the blueprint
_STAGES = (arrival, preparation, questionnaire, practice, trial, ending, further)
_ONE_YEAR_S = 365 * 24 * 3600


def create_app(settings: WebSettings) -> Flask:
    """Make the app: one engine on the rating database, the raters' pages, and what keeps them safe.

    Raises:
        DatabaseError: the rating database is missing, of another revision or cannot be reached.
    """
    app = Flask(
        __name__, static_folder=STATIC_FOLDER, static_url_path=f"/static/{static_version(STATIC_FOLDER)}"
    )
    app.config.update(
        SEND_FILE_MAX_AGE_DEFAULT=_ONE_YEAR_S,  # a changed file gets a new address
        MAX_CONTENT_LENGTH=security.MAX_REQUEST_BYTES,
        MAX_FORM_MEMORY_SIZE=security.MAX_REQUEST_BYTES,
        MAX_FORM_PARTS=security.MAX_FORM_PARTS,
    )
    running = Running(settings=settings, engine=open_rating(settings.rating_url))
    init_app(app, running)
    if not settings.is_preview:  # what happens in a preview is counted on the desk
        logs.init_app(app)
        health.init_app(app)
        rate_limits.init_app(app, storage=settings.limits_storage)
        if settings.webhook is not None:
            webhook.init_app(app, running)
    security.init_app(app)
    language.init_app(app)
    caches.init_app(app, language.surroundings)
    errors.init_app(app)
    app.register_blueprint(blueprint)
    app.register_blueprint(health.blueprint)
    if settings.with_desk:
        _add_desk(app)
    _put_behind_proxies(app, settings)
    _confine_templates(app)
    _share_macros(app)
    return app


def _add_desk(app: Flask) -> None:
    """Add the desk; importing a page's module adds its views to the desk's blueprint."""
    from rater.web.desk import (  # noqa: PLC0415 (raters' pages need no passwords)
        access,
        dashboard,
        downloads,
        invitations,
        participants,
        preview,
        recruit,
        studies,
        texts,
    )

    preview.init_app(app, create_app)
    pages = (access, dashboard, downloads, invitations, participants, preview, recruit, studies, texts)
    for desk_blueprint in dict.fromkeys(page.blueprint for page in pages):  # the login has one of its own
        app.register_blueprint(desk_blueprint)


def _put_behind_proxies(app: Flask, settings: WebSettings) -> None:
    """Take from trusted proxies for whom they forward, by which scheme, host and prefix; else nothing."""
    n = settings.n_proxies
    outer: WSGIApplication = Prefixed(app.wsgi_app, prefix=settings.prefix, trusts_header=n > 0)
    if n:
        outer = ProxyFix(outer, x_for=n, x_proto=n, x_host=n)
    app.wsgi_app = outer  # type: ignore[method-assign, assignment] # as Flask's documentation says to


def _confine_templates(app: Flask) -> None:
    """Let a template see its page's fields and nothing else: no request, no session, no configuration."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.finalize = _sanitize
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    for processors in app.template_context_processors.values():
        processors.clear()
    for name in ("config", "request", "session", "g", "get_flashed_messages"):
        app.jinja_env.globals.pop(name, None)


def _share_macros(app: Flask) -> None:
    """Give all templates the macros of `_macros.html` as `ui`, compiled with the settings made before.

    They are loaded once: importing them in a template takes 0.1 ms on each page.
    """
    app.jinja_env.globals["ui"] = app.jinja_env.get_template("_macros.html").module


def _sanitize(value: object) -> object:
    """Show every value of every page without the characters that a browser obeys.

    Markup is our own words, what a macro made of values that came through here, or a study's Markdown.
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return sanitize_for_display(value)


_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_HEADER = "HTTP_X_FORWARDED_PREFIX"


def read_prefix(written: str) -> str:
    """Return a prefix without a slash at its end; empty for none.

    Raises:
        RaterError: it is not a path that a browser's address could have.
    """
    prefix = written.strip().rstrip("/")
    if prefix and not _is_path(prefix):
        msg = (
            f"--prefix is {written!r}; valid: the path under which raters reach the server, such as /rater, "
            "of letters, digits and . _ ~ -"
        )
        raise RaterError(msg)
    return prefix


class Prefixed:
    """A WSGI app around another that is reached under a prefix."""

    def __init__(self, app: WSGIApplication, *, prefix: str, trusts_header: bool) -> None:
        """Put an app under a prefix.

        Args:
            app: What is called.
            prefix: The prefix, without a slash at its end; empty for none.
            trusts_header: Whether, without a prefix, that of the last proxy counts.
        """
        self._app = app
        self._prefix = prefix
        self._trusts_header = trusts_header

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request as the app does, with the prefix in every address."""
        prefix = self._prefix or self._forwarded(environ)
        if prefix:
            path = environ["PATH_INFO"]
            if path == prefix or path.startswith(f"{prefix}/"):
                environ["PATH_INFO"] = path.removeprefix(prefix) or "/"
            environ["SCRIPT_NAME"] = prefix
        return self._app(environ, start_response)

    def _forwarded(self, environ: WSGIEnvironment) -> str:
        if not self._trusts_header:
            return ""
        last = environ.get(_HEADER, "").rpartition(",")[2].strip().rstrip("/")
        return last if _is_path(last) else ""


def _is_path(prefix: str) -> bool:
    return bool(_PREFIX.fullmatch(prefix)) and not {".", ".."} & set(prefix.split("/"))
