"""Verify what the rating database can vouch for by itself: its log, and what the log's digests cover."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import cast

from sqlalchemy.orm import Session

from rater.store.log import Event, EventColumns, broken_link, read_events
from rater.store.rating.amendments import digest_protocol, read_amendments, read_logged_amendments
from rater.store.rating.digests import digest_published
from rater.store.rating.publication import UnparsedStudy, count_cut_booklets
from rater.store.rating.schema import EventRow as EventTable
from rater.study.state import PUBLISHED_STATES, State
from rater.verify.checks import Check, altered, compare, intact, not_checked
from rater.verify.closings import verify_closings

_HEAD = "log against its head"


def verify_rating(session: Session, study: UnparsedStudy, *, head: str | None) -> Iterator[Check]:
    """Verify the log and what it vouches for. Reads every text, trial and answer of the study once."""
    broken = broken_link(session, EventTable, study.id)
    if broken is not None:
        yield altered("log", f"The log does not fit together from row {broken} on: it was rewritten there.")
        yield not_checked("what the log vouches for", "A log that was rewritten vouches for nothing.")
        return
    events = read_events(session, EventTable, study.id)
    if not events or events[0].kind != State.PUBLISHED:
        yield altered("log", "The log does not begin with the publication: rows were taken out.")
        return
    yield intact("log", f"Its {len(events)} rows fit together; the head is {events[-1].hash}.")
    yield _against_head(events, head)
    yield from verify_kinds("log", EventTable, events)
    yield _state(study, events)
    yield from _publication(session, study, events[0].detail)
    yield from _amendments(session, study)
    yield from verify_closings(session, study, events)


def _against_head(events: list[Event], head: str | None) -> Check:
    if head is None:
        return not_checked(
            _HEAD,
            "Whoever owns the database could have rewritten the whole log, or cut off its end, so that it "
            "fits together. That shows only against a head kept elsewhere: add --head HASH.",
        )
    hashes = [event.hash for event in events]
    matching = [place for place, known in enumerate(hashes, start=1) if known == head.strip().lower()]
    if not matching:
        return altered(
            _HEAD,
            "The head given is in no row: the log was rewritten, or its end cut off, since it was printed.",
        )
    since = len(hashes) - matching[0]
    later = f"; {since} row{'s' * (since != 1)} came after it" if since else ", and is its last"
    return intact(_HEAD, f"The head given is row {matching[0]}{later}.")


def verify_kinds(log: str, table: type[EventColumns], events: Sequence[Event]) -> Iterator[Check]:
    """Name rows of a log that rater does not write."""
    unknown = [event for event in events if event.kind not in table.kinds]
    if unknown:
        named = ", ".join(f"row {event.sequence} ({event.kind!r})" for event in unknown)
        yield altered(f"{log}'s rows", f"Of a kind that rater does not write: {named}.")


def _state(study: UnparsedStudy, events: list[Event]) -> Check:
    logged = [State(event.kind) for event in events if event.kind in PUBLISHED_STATES]
    for before, after in pairwise(logged):
        if before not in after.sources:
            return altered(
                "state",
                f"By its log it became {after} when it was {before}, which it cannot: in between, its state "
                "was changed by hand.",
            )
    if logged[-1] != study.state:
        return altered("state", f"The study is {study.state}, but by its log it is {logged[-1]}.")
    return intact("state", f"The study is {study.state}, as its log says.")


def _publication(session: Session, study: UnparsedStudy, detail: Mapping[str, object]) -> Iterator[Check]:
    for name, recorded, found in (
        ("commitment", detail.get("commitment"), study.commitment),
        ("study hash", detail.get("study_hash"), study.study_hash),
    ):
        if recorded != found:
            yield altered(name, f"The {name} beside the study is not the one in the log of its publication.")
        else:
            yield intact(name, f"{found}, as in the log of its publication.")
    recorded_digests = dict(cast("Mapping[str, str]", detail.get("digests", {})))
    amended = read_logged_amendments(session, study.id)
    if amended:
        recorded_digests["booklets"] = amended[-1].booklets
    published = digest_published(session, study.id)
    for name, found, what in (
        ("address and time", published.study, "name, address, hashes and time of the publication"),
        ("protocol", published.protocol, "texts, questions and scales around the texts rated"),
        ("items", published.items, "texts rated and their prompts"),
        ("booklets", published.booklets, "booklets"),
        ("checks", published.checks, "answers that pass attention checks"),
    ):
        recorded = recorded_digests.get("study" if name == "address and time" else name)
        yield compare(name, recorded=recorded, found=found, what=what)
    cut = count_cut_booklets(session, study.id)
    if cut:
        yield altered("booklets' lengths", f"{cut} booklets say that they have another number of trials.")


def _amendments(session: Session, study: UnparsedStudy) -> Iterator[Check]:
    """Hold every later version against the log, which has its number, its digest and its reason."""
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
            yield intact(
                "amendments", f"{n} amendment{'s' * (n != 1)}, each as it was logged with its reason."
            )
        return
    wrong = sorted({version for version, *_ in set(rows) ^ set(logged)})
    named = ", ".join(map(str, wrong)) or "their order"
    yield altered("amendments", f"Not as they were logged: version {named}.")
