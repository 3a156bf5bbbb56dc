"""The blueprint of the desk's pages, which need a login; a page's fields are its template's whole context."""

from dataclasses import dataclass, fields
from typing import ClassVar

from flask import Blueprint, abort, render_template
from sqlalchemy.orm import Session

from rater.store.rating.studies import PublishedStudy, find_study
from rater.web.security import DESK_PATH

blueprint = Blueprint("desk", __name__, url_prefix=DESK_PATH)


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
