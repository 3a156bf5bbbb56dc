"""Shared parts of the desk's pages: a page's fields are the whole context of its template."""

from dataclasses import dataclass, fields
from typing import ClassVar

from flask import render_template


@dataclass(frozen=True)
class DeskPage:
    """The fields of every page of the desk: a title, which the browser's tab shows too."""

    template: ClassVar[str]

    title: str


def render(page: DeskPage) -> str:
    """Render a page's template with its fields."""
    return render_template(page.template, **{field.name: getattr(page, field.name) for field in fields(page)})
