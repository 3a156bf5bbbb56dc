"""The study's log at the desk: each event with the person who caused it, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rater.store.log import Event, EventKind

_MAX_LINES = 20
_NOT_PERSONS = frozenset({"command", "desk", "permuted"})
"""Values of ``by`` that name the way of an export, whose person is in ``who``."""


@dataclass(frozen=True)
class LogLine:
    """A row of the study's log."""

    at: datetime
    who: str
    """The user of the desk or the system's user who caused the event; a dash where none is recorded."""
    kind: str
    detail: str
    """The event in a few words; may be empty. Never by arm."""
    hash: str


def log_lines(events: Sequence[Event]) -> tuple[LogLine, ...]:
    """Write the latest events of a log, newest first."""
    return tuple(
        LogLine(event.at, name_person(event), event.kind, describe_event(event), event.hash)
        for event in events[: -_MAX_LINES - 1 : -1]
    )


def name_person(event: Event) -> str:
    """Return who caused an event; a dash where the log does not record it."""
    for key in ("who", "by"):
        named = event.detail.get(key)
        if isinstance(named, str) and named and named not in _NOT_PERSONS:
            return named
    return "–"


def describe_event(event: Event) -> str:
    """Describe an event by its numbers and reasons; nothing in a log of ratings is by arm."""
    detail = event.detail
    if event.kind == EventKind.GRANTED:
        role = detail.get("role")
        rights = f"{role} with identifiers" if detail.get("identifiers") else role
        return f"{detail['user']}: {rights or 'role removed'}"
    words = []
    if event.kind == EventKind.AMENDED and "version" in detail:
        words.append(f"version {detail['version']}")
    if "n_answers" in detail:
        words.append(f"{detail['n_answers']} answer{'s' * (detail['n_answers'] != 1)}")
    words += [str(detail[key]) for key in ("reason", "why") if detail.get(key)]
    return "; ".join(words)
