"""Outcomes of verification, and what verification cannot prove."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sqlalchemy.exc import OperationalError

CheckOutcome = Literal["intact", "altered", "not checked"]


@dataclass(frozen=True)
class Check:
    """One thing that was verified."""

    name: str
    outcome: CheckOutcome
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


class Unprovable(NamedTuple):
    """A change that verification does not name."""

    what: str
    why: str


UNPROVABLE = (
    Unprovable(
        "answers before the first closing, and those since the study was opened again",
        "they are digested when the study is closed; until then the owner of the database can change them",
    ),
    Unprovable(
        "a log (of the ratings or of the generation) rewritten as a whole, cut off at its end, or continued",
        "its owner can compute new hashes; compare it with a head kept elsewhere (--head HASH)",
    ),
    Unprovable(
        "both databases replaced together, or made anew until the booklets please",
        "they vouch for each other only; give the commitment to a registry before the first rater comes",
    ),
    Unprovable(
        "a step of a visit added to the row of a rater before a closed study is opened again",
        "it cannot be told from a step that was taken while the study was open",
    ),
    Unprovable(
        "raters made up by whoever controls the web process",
        "an answer that comes in over the pages is stored like any other",
    ),
    Unprovable(
        "raters deleted by a logged redaction",
        "deletion at a rater's wish is a right; the log has its time and digests, and the report counts it",
    ),
    Unprovable(
        "comments at the end",
        "they may identify their author and can be deleted alone, so that no digest covers them",
    ),
    Unprovable(
        "identifiers, personal links, cookies' digests, users and sessions of the desk",
        "they are personal data or logins that can be deleted at any time; no result is computed from them",
    ),
    Unprovable(
        "the number of people who declined",
        "it is a counter that also changes outside open hours; no result is computed from it",
    ),
    Unprovable(
        "numbers of rows, and their order in the file",
        "no result depends on them; answers are read in the order of their revisions",
    ),
)
