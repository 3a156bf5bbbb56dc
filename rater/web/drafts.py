"""Keep what was half answered when a rater goes back: in their own browser, a cookie for each such trial."""

from collections.abc import Sequence

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from rater.study.protocol import Dimension
from rater.web.flow import Place, url_of
from rater.web.security import set_rater_cookie
from rater.web.trial_form import LONGEST_DRAFT, Given, read_draft

_COOKIE = "rater-draft-"
_LIFETIME_S = 24 * 3600
_MOST = 2 * LONGEST_DRAFT
"""Characters of all drafts: a server takes 8,190 of all cookies, and refuses every page with more."""


def keep_draft(response: AnyResponse, draft: str, *, slug: str, position: int) -> None:
    """Let the browser keep a draft for a trial, unless it has as many as a request can carry."""
    name = f"{_COOKIE}{position}"
    others = (len(kept) for of, kept in request.cookies.items() if of.startswith(_COOKIE) and of != name)
    if sum(others) + len(draft) > _MOST:
        return
    path = url_of(slug, Place("landing"))
    set_rater_cookie(response, name, draft, lifetime_s=_LIFETIME_S, path=path)


def drop_draft(response: AnyResponse, *, slug: str, position: int) -> None:
    """Forget a trial's draft once its answers are stored."""
    name = f"{_COOKIE}{position}"
    if name in request.cookies:
        response.delete_cookie(name, path=url_of(slug, Place("landing")))


def read_kept_draft(position: int, dimensions: Sequence[Dimension]) -> dict[str, Given]:
    """Read the draft that the browser kept for a trial; empty where there is none."""
    return read_draft(request.cookies.get(f"{_COOKIE}{position}", ""), dimensions)
