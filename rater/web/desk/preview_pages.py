"""Open a preview at one of its pages: a new rater of the copy is put there.

Everything before the page counts as done. Texts before it have the answer "cannot judge".
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from rater.store.engine import writing
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import Answer, Rater, TrialRow
from rater.store.rating.sessions import RaterSession
from rater.store.rating.studies import PublishedStudy, list_studies
from rater.study.protocol import Protocol
from rater.study.visit import Channel, LeavingReason
from rater.web.rating.flow import Place, Step

_ASKED_IF: tuple[tuple[Step, str, Callable[[Protocol], bool]], ...] = (
    ("consent", "Consent form", lambda _: True),
    ("screening", "Eligibility questions", lambda protocol: bool(protocol.screening)),
    ("questions_before", "Questions before the trials", lambda protocol: bool(protocol.questions("before"))),
    ("instructions", "Instructions", lambda _: True),
    ("practice", "Practice", lambda protocol: bool(protocol.practice)),
    ("trial", "Trial number", lambda _: True),
    ("rest", "Break", lambda protocol: protocol.break_every is not None),
    ("finish", "End of the trials", lambda protocol: protocol.revising != "none" or bool(protocol.blinding)),
    ("guesses", "Blinding question", lambda protocol: protocol.blinding is not None),
    ("questions_after", "Questions after the trials", lambda protocol: bool(protocol.questions("after"))),
    ("comment", "Final comment", lambda protocol: protocol.final_comment is not None),
    ("thanks", "Last page", lambda _: True),
    ("ended", "Last page of raters who stop", lambda _: True),
)
"""The pages in the order of a visit, with a label and whether a study has them."""
_ORDER = [step for step, _, _ in _ASKED_IF]
_DONE: tuple[tuple[Step, str], ...] = (
    ("screening", "screened_at"),
    ("questions_before", "questions_before_at"),
    ("instructions", "instructed_at"),
    ("practice", "practised_at"),
    ("trial", "finished_at"),
    ("finish", "asked_at"),
    ("guesses", "guessed_at"),
    ("questions_after", "questions_after_at"),
    ("comment", "commented_at"),
)
"""The time at which a rater leaves each page."""


@dataclass(frozen=True)
class PreviewChoice:
    """A page at which a preview can be opened."""

    step: Step
    label: str


def list_pages(protocol: Protocol) -> tuple[PreviewChoice, ...]:
    """List the pages of a study at which a preview can be opened, in the order of a visit."""
    return tuple(PreviewChoice(step, label) for step, label, has_page in _ASKED_IF if has_page(protocol))


def find_page(protocol: Protocol, step: str) -> Step | None:
    """Find a page of a study by its step; None where the study has no such page."""
    return next((each.step for each in list_pages(protocol) if each.step == step), None)


def put_rater(copy: Engine, step: Step, position: int, *, token: str, now: datetime) -> Place:
    """Let a new rater of a copy be at a page, and return the place.

    Args:
        copy: The copy's database.
        step: The page, of `list_pages`.
        position: The number of the trial, from 1; a larger number than there are means the last one.
        token: The rater's token.
        now: The time.

    Raises:
        FullError: all booklets of the copy are used up.
    """
    if step == "consent":
        return Place("consent")
    with writing(copy) as session:
        study = list_studies(session)[0]
        rater_session = claim_booklet(
            session, study.id, token, arrival=Arrival(Channel.WEB), protocol=study.protocol, now=now
        )
        rater = session.get_one(Rater, rater_session.rater_id)
        if step == "ended":
            rater.left_at, rater.left_why = now, LeavingReason.STOPPED
            return Place("ended")
        for each, column in _DONE:
            if _ORDER.index(each) < _ORDER.index(step) and (each, step) != ("trial", "rest"):
                setattr(rater, column, now)
        n_answered = _count_answered(study, rater_session, step, position)
        _answer(session, study, rater_session, n_answered, now=now)
    return Place(step, {"trial": n_answered + 1, "rest": n_answered, "practice": 1}.get(step))


def _count_answered(study: PublishedStudy, rater_session: RaterSession, step: Step, position: int) -> int:
    """Return the number of trials that come before a page."""
    n_trials = rater_session.n_trials
    if step == "trial":
        return min(max(position, 1), n_trials) - 1
    if step == "rest":
        return min(study.protocol.break_every or 1, n_trials - 1)
    return n_trials if _ORDER.index(step) > _ORDER.index("rest") else 0


def _answer(
    session: Session, study: PublishedStudy, rater_session: RaterSession, n_answered: int, *, now: datetime
) -> None:
    """Store that the rater cannot judge the first trials."""
    rows = session.execute(
        select(TrialRow.position, TrialRow.dimension).where(
            TrialRow.booklet_id == rater_session.booklet_id, TrialRow.position <= n_answered
        )
    )
    names = [dimension.name for dimension in study.protocol.dimensions]
    session.add_all(
        Answer(
            rater_id=rater_session.rater_id,
            booklet_id=rater_session.booklet_id,
            position=row.position,
            dimension=name,
            revision=1,
            value=None,
            submission_id=f"preview-{row.position:08d}",
            answered_at=now,
        )
        for row in rows
        for name in ([row.dimension] if row.dimension else names)
    )
