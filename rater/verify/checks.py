"""The outcome of verifying one thing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.exc import OperationalError

Outcome = Literal["intact", "altered", "not checked"]


@dataclass(frozen=True)
class Check:
    """One thing that was verified."""

    name: str
    outcome: Outcome
    says: str
    """What was compared; or what was altered; or why it could not be checked."""


def intact(name: str, says: str) -> Check:
    """Return the check of a thing that is as it was."""
    return Check(name, "intact", says)


def altered(name: str, says: str) -> Check:
    """Return the check of a thing that was changed."""
    return Check(name, "altered", says)


def not_checked(name: str, says: str) -> Check:
    """Return the check of a thing that could not be checked, with the reason."""
    return Check(name, "not checked", says)


def unless_unreadable(checks: Iterator[Check]) -> Iterator[Check]:
    """Pass checks on, up to a value that is not of its column's kind: it was put there by hand."""
    try:
        yield from checks
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        yield altered("stored values", f"One is such as rater cannot have stored: {error}.")
    except OperationalError as error:
        if "decode to UTF-8" not in str(error.orig):
            raise
        yield altered("stored values", "One is no text that rater can have stored: it is not UTF-8.")


def compare(name: str, *, recorded: object, found: object, what: str) -> Check:
    """Compare a digest with the one on record; a log that lacks one was rewritten."""
    if recorded != found:
        return altered(name, f"{what[:1].upper()}{what[1:]} were changed: the log vouches for others.")
    return intact(name, f"{what[:1].upper()}{what[1:]} are those that the log vouches for.")
