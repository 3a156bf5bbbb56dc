"""Define each page of the desk as one frozen dataclass: its fields are the whole context of its template."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import ClassVar

from flask import render_template

from rater.study.state import State


@dataclass(frozen=True)
class DeskPage:
    """The fields of every page of the desk: a title, which the browser's tab shows too."""

    template: ClassVar[str]

    title: str


def render(page: DeskPage) -> str:
    """Render a page's template with its fields."""
    return render_template(page.template, **{field.name: getattr(page, field.name) for field in fields(page)})


@dataclass(frozen=True)
class LoginPage(DeskPage):
    """Name and password."""

    template = "desk/login.html"

    name: str
    is_wrong: bool
    is_cookie_missing: bool
    """True if the browser did not send back the cookie of a login."""
    next_path: str


@dataclass(frozen=True)
class StudyLine:
    """A study in the list."""

    url: str
    title: str
    name: str
    state: State
    n_finished: int
    n_booklets: int
    last_at: datetime | None
    """The time at which the last rater arrived."""


@dataclass(frozen=True)
class StudiesPage(DeskPage):
    """All studies of this database."""

    template = "desk/studies.html"

    user: str
    studies: tuple[StudyLine, ...]


@dataclass(frozen=True)
class Figure:
    """A number that updates by itself."""

    key: str
    label: str
    value: str
    of: str
    """The total, or an explanation; may be empty."""


@dataclass(frozen=True)
class LifecycleStep:
    """A box of the flow diagram."""

    label: str
    n: int
    lost: str
    """Raters who did not reach the next step, in words; may be empty."""


@dataclass(frozen=True)
class ChartBar:
    """One bar of a chart, in units of its drawing."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Strip:
    """A chart of counts over time."""

    says: str
    """The chart in a sentence, for users who cannot see it."""
    bars: tuple[ChartBar, ...]
    first: str
    last: str
    most: str


@dataclass(frozen=True)
class CountRow:
    """A row of a histogram: a table whose last column is a bar."""

    label: str
    n: int
    width: float
    """Of the bar, in percent of the widest."""


@dataclass(frozen=True)
class RaterLine:
    """A rater in the table."""

    id: str
    came: datetime
    status: str
    at: str
    pace: str
    checks: str
    flags: str


@dataclass(frozen=True)
class Heading:
    """A column that the table can be sorted by."""

    label: str
    url: str
    sorted: str
    """ascending, descending or none, as ``aria-sort`` has it."""
    is_number: bool


@dataclass(frozen=True)
class LogLine:
    """A row of the study's log."""

    at: datetime
    kind: str
    hash: str


@dataclass(frozen=True)
class Action:
    """An action that is available for a study now."""

    url: str
    label: str


@dataclass(frozen=True)
class StudyPage(DeskPage):
    """The progress of one study."""

    template = "desk/study.html"

    user: str
    name: str
    state: State
    state_description: str
    next_command: str
    """Empty where the next step is taken at the desk."""
    is_masked: bool
    rater_url: str
    """Empty where personal links alone let raters in."""
    preview_url: str
    invite_url: str
    """Empty where nobody can come any more."""
    download_url: str
    raters_url: str
    progress_url: str
    report_url: str
    """Empty where there is none."""
    primary: Action | None
    actions: tuple[Action, ...]
    version: str
    """Changes with any number on the page."""
    figures: tuple[Figure, ...]
    turned_away: tuple[str, ...]
    """Visitors who could not begin, with the reason and what to do, in a sentence each."""
    steps: tuple[LifecycleStep, ...]
    arrivals: Strip | None
    ratings: tuple[CountRow, ...]
    places_left: tuple[CountRow, ...]
    headings: tuple[Heading, ...]
    raters: tuple[RaterLine, ...]
    comments: tuple[str, ...]
    guesses: tuple[CountRow, ...]
    log: tuple[LogLine, ...]


@dataclass(frozen=True)
class ConfirmPage(DeskPage):
    """The effects of a change of state, shown before it is made."""

    template = "desk/confirm.html"

    user: str
    says: str
    post_url: str
    button: str
    back_url: str


@dataclass(frozen=True)
class PreviewPage(DeskPage):
    """A study as a rater sees it, in a frame."""

    template = "desk/preview.html"

    user: str
    frame_url: str
    back_url: str
    again_url: str


@dataclass(frozen=True)
class InvitePage(DeskPage):
    """Personal links: how many there are, and those just made, which are not shown again."""

    template = "desk/invite.html"

    user: str
    n_made: int
    n_used: int
    is_needed: bool
    """True if the study opens by personal links only."""
    most: int
    links: tuple[tuple[str, str], ...]
    """Label and address."""
    rater_url: str
    post_url: str
    back_url: str
