"""Read a study's submissions from Prolific, match them with raters, and free the places of those who left.

A submission is matched by its participant ID. The place of a rater is freed if Prolific returned, timed out
or rejected their submission; a rater who finished before it timed out keeps theirs, since the answers are
complete. No answer is read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from rater.errors import RaterError
from rater.names import normalise_name
from rater.prolific.client import ProlificClient, ProlificError, require_id
from rater.store.engine import writing
from rater.store.rating.places import free_place
from rater.store.rating.schema import Identifier, Rater
from rater.study.visit import PROLIFIC, FreedReason

AWAITING_REVIEW = "AWAITING REVIEW"
APPROVED = "APPROVED"
_IS_OVER = {
    "RETURNED": FreedReason.RETURNED,
    "TIMED OUT": FreedReason.TIMED_OUT,
    "REJECTED": FreedReason.REJECTED,
}
"""The statuses that end a submission without approval, with the reason for which the place is freed."""
_FIRST = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Submission:
    """A participant's submission, as Prolific lists it."""

    id: str
    participant_id: str
    status: str
    """In capitals, with spaces, such as "AWAITING REVIEW"."""
    started_at: datetime | None
    code: str
    """The completion code that the participant entered; empty if none."""
    bonuses: tuple[float, ...] = ()
    """Bonuses paid so far, in hundredths of the currency."""


@dataclass(frozen=True)
class KnownRater:
    """A rater with a participant ID of Prolific."""

    id: str
    has_finished: bool
    holds_place: bool


@dataclass(frozen=True)
class Matched:
    """A participant's latest submission with their rater; None if the participant never began here."""

    submission: Submission
    rater: KnownRater | None


@dataclass(frozen=True)
class Freeing:
    """A place to free, with the reason."""

    rater_id: str
    participant_id: str
    reason: FreedReason


@dataclass
class Freed:
    """The places that were freed, and those that could not be, with the error."""

    done: list[Freeing] = field(default_factory=list)
    failed: list[tuple[Freeing, str]] = field(default_factory=list)


def read_submissions(client: ProlificClient, study_id: str) -> list[Submission]:
    """Read all submissions of a study, the earliest first.

    Raises:
        ProlificError: the site refuses the request, or a submission has no id or participant.
    """
    path = f"studies/{require_id(study_id, '--id')}/submissions/"
    return sorted(map(_parse, client.get_results(path)), key=lambda each: each.started_at or _FIRST)


def match_submissions(session: Session, study_id: int, submissions: Iterable[Submission]) -> list[Matched]:
    """Match each participant's latest submission with their rater, in the order of the participants' IDs.

    Costs one query.
    """
    raters = _raters_by_participant(session, study_id)
    latest: dict[str, Submission] = {}
    for each in sorted(submissions, key=lambda each: each.started_at or _FIRST):
        latest[each.participant_id] = each
    return [
        Matched(latest[participant], raters.get(normalise_name(participant)))
        for participant in sorted(latest)
    ]


def plan_freeing(matched: Iterable[Matched]) -> list[Freeing]:
    """List the places to free: of raters who hold one, if their latest submission is over without pay."""
    found = []
    for each in matched:
        reason = _IS_OVER.get(each.submission.status)
        if reason is None or each.rater is None or not each.rater.holds_place or is_late(each):
            continue
        found.append(Freeing(each.rater.id, each.submission.participant_id, reason))
    return found


def is_late(matched: Matched) -> bool:
    """Return whether a rater finished, but their submission timed out: they need to be paid by hand."""
    return (
        matched.submission.status == "TIMED OUT" and matched.rater is not None and matched.rater.has_finished
    )


def free_places(rating: Engine, study_id: int, plan: Sequence[Freeing], *, by: str, now: datetime) -> Freed:
    """Free places one by one, each in a transaction of its own, so that one failure undoes no other."""
    freed = Freed()
    for each in plan:
        try:
            with writing(rating) as session:
                free_place(session, study_id, each.rater_id, reason=each.reason, by=by, now=now)
        except RaterError as error:
            freed.failed.append((each, str(error)))
        else:
            freed.done.append(each)
    return freed


def find_prolific_study(session: Session, study_id: int) -> str:
    """Return the id of the study on Prolific from the links of its raters. Costs one query.

    Raises:
        ProlificError: no rater has come from Prolific, or they came from several studies.
    """
    ids = sorted(
        session.scalars(
            select(Identifier.value)
            .where(Identifier.study_id == study_id, Identifier.name == "STUDY_ID")
            .distinct()
        )
    )
    if len(ids) == 1:
        return require_id(ids[0], "STUDY_ID in the links")
    found = (
        f"raters came from several: {', '.join(ids[:5])}" if ids else "no rater has come from Prolific yet"
    )
    msg = f"The id of the study on Prolific is not known: {found}. Give it with --id, or set PROLIFIC_STUDY."
    raise ProlificError(msg)


def _raters_by_participant(session: Session, study_id: int) -> dict[str, KnownRater]:
    rows = session.execute(
        select(Identifier.value, Rater.id, Rater.finished_at, Rater.left_at, Rater.replaced_at)
        .join(Rater, Rater.id == Identifier.rater_id)
        .where(
            Identifier.study_id == study_id,
            Identifier.name == PROLIFIC.participant_id,
        )
    )
    return {
        value: KnownRater(
            rater_id,
            has_finished=finished_at is not None,
            holds_place=left_at is None and replaced_at is None,
        )
        for value, rater_id, finished_at, left_at, replaced_at in rows
    }


def _parse(sent: dict[str, Any]) -> Submission:
    participant = sent.get("participant_id") or sent.get("participant")
    if not sent.get("id") or not participant:
        msg = "A submission that Prolific listed has no id or no participant; rater expects both."
        raise ProlificError(msg)
    bonuses = sent.get("bonus_payments")
    return Submission(
        id=require_id(str(sent["id"]), "The id of a submission"),
        participant_id=require_id(str(participant), "The participant of a submission"),
        status=str(sent.get("status", "")).upper().replace("_", " ").replace("-", " "),
        started_at=_parse_time(sent.get("started_at")),
        code=str(sent.get("study_code") or sent.get("entered_code") or ""),
        bonuses=tuple(float(each) for each in bonuses if isinstance(each, int | float))
        if isinstance(bonuses, list)
        else (),
    )


def _parse_time(sent: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(sent))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
