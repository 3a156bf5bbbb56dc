"""The page of `rater try`: a small Flask app for one person on one machine, apart from the raters' app.

Anyone who can reach the page can make the machine compute, and the texts are private. So the server listens
on 127.0.0.1 only; the address has a random token, which other users and pages do not know; a request with
another host name is refused, so that no page can reach it through a name of its own (DNS rebinding); and so
is a run that another site starts, by the browser's Fetch Metadata. No page has a script.
"""

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar

from flask import Flask, Response, abort, render_template, request
from jinja2 import StrictUndefined
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from rater.errors import RaterError
from rater.explore.settings import (
    DEFAULTS,
    LABELS,
    MAX_CHARACTERS,
    MAX_NEW_TOKENS,
    FormError,
    RunSettings,
    read_form,
)
from rater.sanitize import sanitize_for_display

if TYPE_CHECKING:
    from rater.explore.measure import RunResult

_WAIT_S = 60.0
"""A request waits this long for the runs before it."""
_MAX_QUERY_BYTES = 16_000
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """The model as the page shows it."""

    name: str
    n_layers: int


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message about a field, or about the whole form."""

    field: str | None
    text: str


@dataclass(frozen=True, kw_only=True)
class ExplorePage:
    """Everything that the page shows."""

    model: ModelFacts
    values: Mapping[str, str]
    messages: tuple[Message, ...]
    result: "RunResult | None"
    """The `RunResult`, if the form was sent and is valid."""
    python_lines: str
    study_lines: str
    labels: ClassVar[Mapping[str, str]] = LABELS
    max_characters: int = MAX_CHARACTERS
    max_new_tokens: int = MAX_NEW_TOKENS

    def message(self, field: str) -> str | None:
        """Return the message about a field."""
        return next((each.text for each in self.messages if each.field == field), None)


def create_app(
    model: ModelFacts, run: "Callable[[RunSettings], RunResult]", *, token: str, hosts: Callable[[], set[str]]
) -> Flask:
    """Make the app.

    Args:
        model: The model's name and number of layers.
        run: Computes a run; called by one request at a time.
        token: The secret first part of each path.
        hosts: Returns the valid values of ``Host``, such as ``127.0.0.1:8000``.
    """
    app = Flask(__name__, static_url_path=f"/{token}/static")
    app.config.update(MAX_CONTENT_LENGTH=0)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.finalize = _sanitize
    app.jinja_env.filters["percent"] = _percent
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    lock = threading.Lock()

    app.before_request(lambda: _refuse_foreign(hosts()))

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    @app.errorhandler(HTTPException)
    def show_error(error: HTTPException) -> tuple[str, int]:
        is_lost = error.code == HTTPStatus.NOT_FOUND
        text = "Open the address that `rater try` printed." if is_lost else error.description
        return render_template("error.html", title=error.name, text=text), error.code or 500

    @app.get(f"/{token}/")
    def explore() -> tuple[str, int]:
        """Show the form, and the run if the form was sent."""
        page = _answer(model, run, request.args, lock)
        return render_template("explore.html", page=page), 400 if page.messages else 200

    return app


def _refuse_foreign(hosts: set[str]) -> None:
    """Refuse a request that was not made by the page, or by a person who opened its address."""
    if request.host not in hosts:
        abort(HTTPStatus.FORBIDDEN, "This address has another host name than the one that was printed.")
    if len(request.query_string) > _MAX_QUERY_BYTES:
        abort(HTTPStatus.REQUEST_URI_TOO_LONG, "The form has too much text.")
    is_ours = request.headers.get("Sec-Fetch-Site", "none") in {"same-origin", "none"}
    is_link = request.headers.get("Sec-Fetch-Mode") == "navigate" and not request.args
    if not is_ours and not is_link:
        abort(HTTPStatus.FORBIDDEN, "Another site started this request. Use the form on the page.")


def _answer(
    model: ModelFacts,
    run: "Callable[[RunSettings], RunResult]",
    form: Mapping[str, str],
    lock: threading.Lock,
) -> ExplorePage:
    values = {**DEFAULTS, **{name: form[name] for name in DEFAULTS if name in form}}
    if not form:
        values["layer"] = str(min(int(values["layer"]), model.n_layers - 1))
        return _page(model, values)
    try:
        settings = read_form(form, n_layers=model.n_layers)
    except FormError as error:
        return _page(model, values, [Message(field=name, text=text) for name, text in error.messages.items()])
    if not lock.acquire(timeout=_WAIT_S):
        abort(HTTPStatus.SERVICE_UNAVAILABLE, "The runs before this one are still computing. Reload later.")
    try:
        return _page(model, values, result=run(settings), settings=settings)
    except RaterError as error:
        return _page(model, values, [Message(field=None, text=str(error))])
    finally:
        lock.release()


def _page(
    model: ModelFacts,
    values: Mapping[str, str],
    messages: list[Message] | None = None,
    *,
    result: "RunResult | None" = None,
    settings: RunSettings | None = None,
) -> ExplorePage:
    return ExplorePage(
        model=model,
        values=values,
        messages=tuple(messages or ()),
        result=result,
        python_lines=settings.python_lines(model.name) if settings else "",
        study_lines=settings.study_lines(model.name) if settings else "",
    )


def _sanitize(value: object) -> object:
    """Show every value without the characters that a browser obeys."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return sanitize_for_display(value)


def _percent(logprob: float) -> str:
    """Write a natural-log probability as a percentage."""
    return f"{100 * math.exp(logprob):.2f}%"
