"""Put the raters' web app together."""

from flask import Flask
from jinja2 import StrictUndefined

from rater.store.rating.open import open_rating
from rater.web import errors, health, rater, security
from rater.web.assets import STATIC_FOLDER, static_version
from rater.web.settings import Running, WebSettings, install

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
    install(app, Running(settings=settings, engine=open_rating(settings.rating_url)))
    security.install(app)
    errors.install(app)
    app.register_blueprint(rater.blueprint)
    app.register_blueprint(health.blueprint)
    _confine_templates(app)
    return app


def _confine_templates(app: Flask) -> None:
    """Let a template see its page's fields and nothing else: no request, no session, no configuration."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    for processors in app.template_context_processors.values():
        processors.clear()
    for name in ("config", "request", "session", "g", "get_flashed_messages"):
        app.jinja_env.globals.pop(name, None)
