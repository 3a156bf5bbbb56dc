"""Verify what the rating database proves by itself: its log, and what the log's digests cover.

Answers, visits and guesses are compared with every closing of the study, not with the last one alone.
Otherwise a change could be hidden: change answers of a closed study, open it and close it again, and the
digests of the new closing are those of the changed answers.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, cast

from sqlalchemy.orm import Session

from rater.store.log import Event, EventColumns, broken_link, read_events
from rater.store.rating.amendments import digest_protocol, read_amendments, read_logged_amendments
from rater.store.rating.digests import (
    Closing,
    CollectedDigests,
    RaterDigests,
    digest_closings,
    digest_collected,
    digest_published,
    read_closings,
)
from rater.store.rating.forget import find_returned, read_redacted
from rater.store.rating.publication import UnparsedStudy, count_cut_booklets
from rater.store.rating.schema import EventRow as EventTable
from rater.study.state import PUBLISHED_STATES, State
from rater.verify.checks import Check, compare, not_checked, tampered, valid

Redacted = Mapping[str, Mapping[int, RaterDigests]]
_HEAD = "log against its head"


def verify_rating(session: Session, study: UnparsedStudy, *, head: str | None) -> Iterator[Check]:
    """Verify the log and what its digests cover. Reads every text, trial and answer of the study once."""
    broken = broken_link(session, EventTable, study.id)
    if broken is not None:
        yield tampered("log", f"The hash chain is broken from row {broken} on: the log was rewritten there.")
        yield not_checked("what the log covers", "A log that was rewritten proves nothing.")
        return
    events = read_events(session, EventTable, study.id)
    if not events or events[0].kind != State.PUBLISHED:
        yield tampered("log", "The log does not begin with the publication: rows were deleted.")
        return
    yield valid("log", f"The hash chain of its {len(events)} rows is valid; the head is {events[-1].hash}.")
    yield _against_head(events, head)
    yield from verify_kinds("log", EventTable, events)
    yield _state(study, events)
    yield from _publication(session, study, events[0].detail)
    yield from _amendments(session, study)
    yield from _verify_closings(session, study, events)


def _against_head(events: list[Event], head: str | None) -> Check:
    if head is None:
        return not_checked(
            _HEAD,
            "The owner of the database could have rewritten the whole log, or cut off its end, with a valid "
            "hash chain. Only a head from another place shows that: add --head HASH.",
        )
    hashes = [event.hash for event in events]
    matching = [place for place, known in enumerate(hashes, start=1) if known == head.strip().lower()]
    if not matching:
        return tampered(
            _HEAD,
            "No row has the given head: since it was printed, the log was rewritten or its end cut off.",
        )
    since = len(hashes) - matching[0]
    later = f"; {since} row{'s' * (since != 1)} came after it" if since else ", the last one"
    return valid(_HEAD, f"The given head is that of row {matching[0]}{later}.")


def verify_kinds(log: str, table: type[EventColumns], events: Sequence[Event]) -> Iterator[Check]:
    """Report rows of a log that rater does not write."""
    unknown = [event for event in events if event.kind not in table.kinds]
    if unknown:
        named = ", ".join(f"row {event.sequence} ({event.kind!r})" for event in unknown)
        yield tampered(f"{log}'s rows", f"rater does not write rows of this kind: {named}.")


def _state(study: UnparsedStudy, events: list[Event]) -> Check:
    logged = [State(event.kind) for event in events if event.kind in PUBLISHED_STATES]
    for before, after in pairwise(logged):
        if before not in after.sources:
            return tampered(
                "state",
                f"According to the log it went from {before} to {after}, which is not possible: its state "
                "was changed by hand in between.",
            )
    if logged[-1] != study.state:
        return tampered("state", f"The study is {study.state}, but {logged[-1]} according to the log.")
    return valid("state", f"The study is {study.state}, as logged.")


def _publication(session: Session, study: UnparsedStudy, detail: Mapping[str, object]) -> Iterator[Check]:
    for name, recorded, actual in (
        ("commitment", detail.get("commitment"), study.commitment),
        ("study hash", detail.get("study_hash"), study.study_hash),
    ):
        if recorded != actual:
            yield tampered(name, f"The {name} of the study is not the one that was logged at publication.")
        else:
            yield valid(name, f"{actual}, as logged at publication.")
    recorded_digests = dict(cast("Mapping[str, str]", detail.get("digests", {})))
    amended = read_logged_amendments(session, study.id)
    if amended:
        recorded_digests["booklets"] = amended[-1].booklets
    published = digest_published(session, study.id)
    for name, actual, what in (
        ("address and time", published.study, "name, address, hashes and time of the publication"),
        ("protocol", published.protocol, "texts, questions and scales around the texts rated"),
        ("items", published.items, "texts rated and their prompts"),
        ("booklets", published.booklets, "booklets"),
        ("checks", published.checks, "answers that pass attention checks"),
    ):
        recorded = recorded_digests.get("study" if name == "address and time" else name)
        yield compare(name, recorded=recorded, actual=actual, what=what)
    cut = count_cut_booklets(session, study.id)
    if cut:
        yield tampered("booklets' lengths", f"{cut} booklets do not have the number of trials in their row.")


def _amendments(session: Session, study: UnparsedStudy) -> Iterator[Check]:
    """Compare every amendment with the log, which has its number, its digest and its reason."""
    rows = [
        (row.version, digest_protocol(row.protocol), row.reason, row.amended_at)
        for row in read_amendments(session, study.id)
    ]
    logged = [
        (each.version, each.protocol, each.reason, each.at)
        for each in read_logged_amendments(session, study.id)
    ]
    if rows == logged:
        if rows:
            n = len(rows)
            yield valid("amendments", f"{n} amendment{'s' * (n != 1)}, each as logged, with its reason.")
        return
    wrong = sorted({version for version, *_ in set(rows) ^ set(logged)})
    named = ", ".join(map(str, wrong)) or "their order"
    yield tampered("amendments", f"Not as logged: version {named}.")


class _Compared(NamedTuple):
    """The recorded digests of a closing, and the digests of the rows."""

    row: int
    recorded: Mapping[str, object]
    actual: CollectedDigests


def _verify_closings(session: Session, study: UnparsedStudy, events: Sequence[Event]) -> Iterator[Check]:
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
            if any(each.recorded.get(key) != getattr(each.actual, key) for key in fields)
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
    computed = digest_closings(session, study.id, closings, redacted=by_closing)
    if study.state.is_over:
        last = by_closing[closings[-1].sequence]
        computed[-1] = digest_collected(session, study.id, redacted=last)
    for closing, each in zip(closings, computed, strict=True):
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
