"""The list of studies."""

from dataclasses import dataclass
from datetime import datetime

from flask import url_for

from rater.store.engine import reading
from rater.store.rating import counts
from rater.store.rating.studies import list_studies
from rater.study.state import State
from rater.web.desk import access
from rater.web.desk.blueprint import blueprint
from rater.web.desk.page import DeskPage, render
from rater.web.settings import running


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


@blueprint.get("")
def studies() -> str:
    """List the studies. Costs three queries, however many there are; no answer is read."""
    with reading(running().engine) as session:
        found, progress = list_studies(session), counts.read_progress_by_study(session)
    lines = [
        StudyLine(
            url=url_for("desk.study", name=study.name),
            title=study.protocol.title,
            name=study.name,
            state=study.state,
            n_finished=progress[study.id].n_finished,
            n_booklets=progress[study.id].n_booklets,
            last_at=progress[study.id].last_at,
        )
        for study in found
    ]
    return render(StudiesPage(title="Studies", user=access.user().name, studies=tuple(lines)))
