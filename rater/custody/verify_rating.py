"""Verify what the rating database can vouch for by itself: its log, and what the log's digests cover."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import cast

from sqlalchemy.orm import Session

from rater.custody.checks import Check, altered, compare, intact, not_checked
from rater.store.log import Event, broken_link, read_events
from rater.store.rating.as_published import StudyRow
from rater.store.rating.digests import digest_collected, digest_published
from rater.store.rating.schema import Event as EventTable

_STATES = {"published", "open", "closed", "unblinded"}
_HEAD = "log against its head"


def verify_rating(session: Session, study: StudyRow, *, head: str | None) -> Iterator[Check]:
    """Verify the log and what it vouches for. Reads every text, trial and answer of the study once."""
    broken = _broken_at(session, study.id)
    if broken is not None:
        yield altered("log", f"The log does not fit together from row {broken} on: it was rewritten there.")
        yield not_checked("what the log vouches for", "A log that was rewritten vouches for nothing.")
        return
    events = read_events(session, EventTable, study.id)
    if not events or events[0].kind != "published":
        yield altered("log", "The log does not begin with the publication: rows were taken out.")
        return
    yield intact("log", f"Its {len(events)} rows fit together; the head is {events[-1].hash}.")
    yield _against_head(events, head)
    yield _state(study, events)
    yield from _publication(session, study, events[0].detail)
    yield from _closing(session, study, events)


def _broken_at(session: Session, study_id: int) -> int | None:
    try:
        return broken_link(session, EventTable, study_id)
    except (TypeError, ValueError):  # a column that holds something else than it did
        return 1


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


def _state(study: StudyRow, events: list[Event]) -> Check:
    logged = [event.kind for event in events if event.kind in _STATES][-1]
    if logged != study.state:
        return altered("state", f"The study is {study.state}, but by its log it is {logged}.")
    return intact("state", f"The study is {study.state}, as its log says.")


def _publication(session: Session, study: StudyRow, detail: Mapping[str, object]) -> Iterator[Check]:
    for name, recorded, found in (
        ("commitment", detail.get("commitment"), study.commitment),
        ("study hash", detail.get("study_hash"), study.study_hash),
    ):
        if recorded != found:
            yield altered(name, f"The {name} beside the study is not the one in the log of its publication.")
        else:
            yield intact(name, f"{found}, as in the log of its publication.")
    recorded_digests = cast("Mapping[str, str]", detail.get("digests") or {})
    published = digest_published(session, study.id)
    for name, found, what in (
        ("protocol", published.protocol, "texts, questions and scales around the texts rated"),
        ("items", published.items, "texts rated and their prompts"),
        ("booklets", published.booklets, "booklets"),
    ):
        yield compare(name, recorded=recorded_digests.get(name), found=found, what=what)


def _closing(session: Session, study: StudyRow, events: list[Event]) -> Iterator[Check]:
    """Compare answers with the last closing's digest; what came after a reopening is not covered."""
    closings = [event for event in events if event.kind == "closed"]
    if not closings:
        yield not_checked("answers", "Answers are digested when the study is closed, which it has not been.")
        return
    detail = closings[-1].detail
    last = detail.get("last_answer_id")
    if not isinstance(last, int):
        yield not_checked("answers", "No digest of answers is in the log: an earlier version wrote it.")
        return
    is_open = study.state == "open"
    collected = asdict(digest_collected(session, study.id, last_answer_id=last if is_open else None))
    yield compare(
        "answers",
        recorded=[detail.get("n_answers"), detail.get("answers")],
        found=[collected["n_answers"], collected["answers"]],
        what="answers" + (" given before the last closing" if is_open else ""),
    )
    if is_open:
        yield not_checked("raters", "The study was opened again, so that raters come and finish.")
    else:
        yield compare("raters", recorded=detail.get("raters"), found=collected["raters"], what="raters")
