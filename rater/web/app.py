"""Put the raters' web app together."""

from wsgiref.types import WSGIApplication

from flask import Flask
from jinja2 import StrictUndefined
from markupsafe import Markup
from werkzeug.middleware.proxy_fix import ProxyFix

from rater.sanitize import sanitize_for_display
from rater.store.rating.open import open_rating
from rater.web import errors, health, language, logs, metrics, rate_limits, security
from rater.web.prefix import Prefixed
from rater.web.rating import arrival, ending, practice, preparation, trial
from rater.web.rating.blueprint import blueprint
from rater.web.settings import Running, WebSettings, init_app
from rater.web.theme import STATIC_FOLDER, static_version

_STAGES = (arrival, preparation, practice, trial, ending)  # importing a stage adds its views to the blueprint
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
    init_app(app, Running(settings=settings, engine=open_rating(settings.rating_url)))
    if not settings.is_preview:  # what happens in a preview is counted on the desk
        logs.init_app(app)
        metrics.init_app(app)
        rate_limits.init_app(app, storage=settings.limits_storage)
    security.init_app(app)
    language.init_app(app)
    errors.init_app(app)
    app.register_blueprint(blueprint)
    app.register_blueprint(health.blueprint)
    if settings.with_desk:
        from rater.web.desk import routes as desk  # noqa: PLC0415 (raters' pages need no passwords)

        desk.init_app(app, create_app)
    _put_behind_proxies(app, settings)
    _confine_templates(app)
    return app


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


def _sanitize(value: object) -> object:
    """Show every value of every page without the characters that a browser obeys.

    Markup is our own words, what a macro made of values that came through here, or a study's Markdown.
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return sanitize_for_display(value)
