"""Verify answers, visits and guesses against every closing of a study, not against the last one alone.

Otherwise a change could be hidden: alter answers of a closed study, open it and close it again, and the new
closing vouches for the altered ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from rater.store.log import Event
from rater.store.rating.digests import (
    Closing,
    CollectedDigests,
    RaterDigests,
    digest_closings,
    digest_collected,
    read_closings,
)
from rater.store.rating.forget import find_returned, read_redacted
from rater.store.rating.publication import UnparsedStudy
from rater.verify.checks import Check, altered, intact, not_checked

Redacted = Mapping[str, Mapping[int, RaterDigests]]


class _Compared(NamedTuple):
    """A closing as the log has it, and what comes out of the rows."""

    row: int
    recorded: Mapping[str, object]
    found: CollectedDigests


def verify_closings(session: Session, study: UnparsedStudy, events: Sequence[Event]) -> Iterator[Check]:
    """Compare answers, raters and guesses with what each closing vouches for. Reads answers twice at most.

    A rater who was redacted since is represented by their digests in the log. Of a study that was opened
    again, what came after the last closing is not covered.
    """
    closings = read_closings(events)
    redacted = read_redacted(events)
    yield from _redactions(session, study, redacted)
    if not closings:
        yield not_checked("answers", "Answers are digested when the study is closed, which it has not been.")
        return
    compared = list(_compare(session, study, closings, events=events, redacted=redacted))
    what_else = " given before the last closing" if study.state.takes_raters else ""
    for name, fields in (
        ("answers", ("n_answers", "answers")),
        ("raters", ("raters",)),
        ("guesses", ("guesses",)),
    ):
        wrong = [
            each.row
            for each in compared
            if any(each.recorded.get(key) != getattr(each.found, key) for key in fields)
        ]
        yield _check(name, f"{name}{what_else}", wrong=wrong, n_closings=len(compared))


def _check(name: str, what: str, *, wrong: Sequence[int], n_closings: int) -> Check:
    capital = what[:1].upper() + what[1:]
    if not wrong:
        which = "the closing vouches" if n_closings == 1 else f"all {n_closings} closings vouch"
        return intact(name, f"{capital} are those that {which} for.")
    rows = ", ".join(map(str, wrong))
    of = (
        f"the closing in row {rows} of the log vouches"
        if len(wrong) == 1
        else f"the closings in rows {rows} vouch"
    )
    return altered(name, f"{capital} were changed: {of} for others.")


def _compare(
    session: Session,
    study: UnparsedStudy,
    closings: Sequence[Closing],
    *,
    events: Sequence[Event],
    redacted: Redacted,
) -> Iterator[_Compared]:
    """Recompute each closing; what a closed study holds beyond its last closing counts too."""
    details = {event.sequence: event.detail for event in events}
    by_closing = {
        closing.sequence: {
            rater: digests[closing.sequence]
            for rater, digests in redacted.items()
            if closing.sequence in digests
        }
        for closing in closings
    }
    found = digest_closings(session, study.id, closings, redacted=by_closing)
    if study.state.is_over:
        last = by_closing[closings[-1].sequence]
        found[-1] = digest_collected(session, study.id, redacted=last)
    for closing, each in zip(closings, found, strict=True):
        yield _Compared(closing.sequence, details[closing.sequence], each)


def _redactions(session: Session, study: UnparsedStudy, redacted: Redacted) -> Iterator[Check]:
    returned = find_returned(session, study.id, redacted)
    if returned:
        yield altered(
            "redactions", f"By the log these raters were deleted, but they are there: {', '.join(returned)}."
        )
        return
    n = sum(bool(digests) for digests in redacted.values())
    if n:
        yield intact(
            "redactions",
            f"All that {n} rater{'s' * (n != 1)} gave was deleted at their wish after a closing, and the log "
            "has the digests of it.",
        )
