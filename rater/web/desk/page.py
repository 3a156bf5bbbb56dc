"""The blueprint of the desk's pages, which need a login; a page's fields are its template's whole context.

A page of a study needs a right in it: to see the study, and for a POST to change it, unless its view names
another with `needs`. `rater.web.desk.access` checks it before the view runs.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, TypeVar, cast

from flask import Blueprint, abort, g, render_template
from sqlalchemy.orm import Session

from rater.store.rating.rights import Rights
from rater.store.rating.studies import PublishedStudy, find_study
from rater.store.rating.users import User
from rater.web.security import DESK_PATH

blueprint = Blueprint("desk", __name__, url_prefix=DESK_PATH)
View = TypeVar("View", bound=Callable[..., Any])


class Right(StrEnum):
    """A right in a study that a page needs."""

    SEE = "see"
    CHANGE = "change"
    IDENTIFIERS = "identifiers"
    """To see participants' identifiers; every owner or monitor may have it or not."""


def needs(*rights: Right) -> Callable[[View], View]:
    """Declare the rights that a page needs, in place of the usual ones. Put it under the route."""

    def declare(view: View) -> View:
        cast("Any", view).needed_rights = frozenset(rights)
        return view

    return declare


def needed_rights(view: Callable[..., Any], method: str) -> frozenset[Right]:
    """Return the rights that a page needs for a method."""
    usual = Right.SEE if method in {"GET", "HEAD", "OPTIONS"} else Right.CHANGE
    return cast("frozenset[Right]", getattr(view, "needed_rights", frozenset({usual})))


def user() -> User:
    """Return the user of this request."""
    return cast("User", g.desk_user)


def rights() -> Rights:
    """Return the rights of the user of this request in the study of its address."""
    return cast("Rights", g.desk_rights)


@dataclass(frozen=True)
class DeskPage:
    """The fields of every page of the desk: a title, which the browser's tab shows too."""

    template: ClassVar[str]

    title: str


def render(page: DeskPage) -> str:
    """Render a page's template with its fields."""
    return render_template(page.template, **{field.name: getattr(page, field.name) for field in fields(page)})


def find_or_404(session: Session, name: str) -> PublishedStudy:
    """Find a study.

    Raises:
        NotFound: there is none of that name.
    """
    published = None if "\0" in name else find_study(session, name)
    return published or abort(404)
