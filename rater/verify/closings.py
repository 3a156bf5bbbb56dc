"""Verify answers, visits and guesses against every closing of a study, not against the last one alone.

Otherwise a change could be hidden: change answers of a closed study, open it and close it again, and the
digests of the new closing are those of the changed answers.
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
from rater.verify.checks import Check, not_checked, tampered, valid

Redacted = Mapping[str, Mapping[int, RaterDigests]]


class _Compared(NamedTuple):
    """The recorded digests of a closing, and the digests of the rows."""

    row: int
    recorded: Mapping[str, object]
    found: CollectedDigests


def verify_closings(session: Session, study: UnparsedStudy, events: Sequence[Event]) -> Iterator[Check]:
    """Compare answers, raters and guesses with the digests of each closing. Reads answers twice at most.

    A rater who was redacted since is represented by their digests in the log. What came after the last
    closing of a study that was opened again is not covered.
    """
    closings = read_closings(events)
    redacted = read_redacted(events)
    yield from _redactions(session, study, redacted)
    if not closings:
        yield not_checked("answers", "Answers are digested when the study is closed; it was not closed yet.")
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
        of = "the closing" if n_closings == 1 else f"all {n_closings} closings"
        return valid(name, f"{capital} have the digest of {of}.")
    rows = ", ".join(map(str, wrong))
    of = (
        f"the closing in row {rows} of the log has"
        if len(wrong) == 1
        else f"the closings in rows {rows} of the log have"
    )
    return tampered(name, f"{capital} were changed: {of} other digests.")


def _compare(
    session: Session,
    study: UnparsedStudy,
    closings: Sequence[Closing],
    *,
    events: Sequence[Event],
    redacted: Redacted,
) -> Iterator[_Compared]:
    """Recompute the digests of each closing; rows added to a closed study count in its last closing."""
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
        yield tampered(
            "redactions", f"These raters were deleted according to the log, but exist: {', '.join(returned)}."
        )
        return
    n = sum(bool(digests) for digests in redacted.values())
    if n:
        yield valid(
            "redactions",
            f"The data of {n} rater{'s' * (n != 1)} was deleted at their request after a closing; the log "
            "has its digests.",
        )
