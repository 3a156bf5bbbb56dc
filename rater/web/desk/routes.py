"""Register the desk: importing a page's module adds its views to the blueprint."""

from flask import Flask

from rater.web.desk import access, dashboard, downloads, invitations, preview, studies, transitions
from rater.web.desk.blueprint import blueprint

_PAGES = (studies, dashboard, transitions, downloads, invitations, preview)


def init_app(app: Flask, create_app: preview.AppFactory) -> None:
    """Add the desk to an app; ``create_app`` makes the apps of its previews."""
    preview.init_app(app, create_app)
    app.register_blueprint(access.blueprint)
    app.register_blueprint(blueprint)
