"""Outcomes of verification, and what verification cannot prove."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy.exc import OperationalError


class CheckOutcome(StrEnum):
    """The result of one check."""

    VALID = "valid"
    TAMPERED = "tampered"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Check:
    """One thing that was verified."""

    name: str
    outcome: CheckOutcome
    description: str
    """The values that were compared, the tampering, or the reason why it could not be checked."""

    @property
    def is_tampered(self) -> bool:
        """Return whether the thing was changed by anything but rater."""
        return self.outcome is CheckOutcome.TAMPERED


def valid(name: str, description: str) -> Check:
    """Return the check of something that is unchanged."""
    return Check(name, CheckOutcome.VALID, description)


def tampered(name: str, description: str) -> Check:
    """Return the check of something that was tampered with."""
    return Check(name, CheckOutcome.TAMPERED, description)


def not_checked(name: str, description: str) -> Check:
    """Return the check of something that could not be checked, with the reason."""
    return Check(name, CheckOutcome.NOT_CHECKED, description)


def report_unreadable(checks: Iterator[Check]) -> Iterator[Check]:
    """Yield checks up to a value of the wrong type, and report that value: it was written by hand."""
    try:
        yield from checks
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        yield tampered("stored values", f"A value cannot have been stored by rater: {error}.")
    except OperationalError as error:
        if "decode to UTF-8" not in str(error.orig):
            raise
        yield tampered("stored values", "A text cannot have been stored by rater: it is not UTF-8.")


def compare(name: str, *, recorded: object, actual: object, what: str) -> Check:
    """Compare a digest with the recorded one; a log without the record was rewritten."""
    if recorded != actual:
        return tampered(name, f"{what[:1].upper()}{what[1:]} were changed: the log has another digest.")
    return valid(name, f"{what[:1].upper()}{what[1:]} have the digest in the log.")


class Unprovable(NamedTuple):
    """A change that verification cannot find."""

    what: str
    why: str


UNPROVABLE = (
    Unprovable(
        "answers before the study is first closed, and answers since it was opened again",
        "they are digested when the study is closed; until then the owner of the database can change them",
    ),
    Unprovable(
        "a log (of the ratings or of the generation) that was rewritten as a whole, cut off at its end, or "
        "extended",
        "the owner can compute new hashes; compare the log with a head from another place (--head HASH)",
    ),
    Unprovable(
        "both databases replaced together, or made again until the booklets suit the owner",
        "they prove each other only; register the commitment before the first rater comes",
    ),
    Unprovable(
        "a step of a visit that was added to a rater's row before a closed study was opened again",
        "it looks like a step that was taken while the study was open",
    ),
    Unprovable(
        "raters invented by anyone who controls the web process",
        "an answer that arrives through the pages is stored like any other",
    ),
    Unprovable(
        "raters deleted by a logged redaction",
        "raters have a right to deletion; the log has its time and digests, and the report counts it",
    ),
    Unprovable(
        "comments at the end",
        "they may identify their author and can be deleted alone, so no digest covers them",
    ),
    Unprovable(
        "answers to the questionnaire",
        "they are personal and can be deleted alone, so no digest covers them; the table of characteristics "
        "and the moderators rest on them, and no other result",
    ),
    Unprovable(
        "identifiers, personal links, cookies' digests, users and sessions of the desk",
        "they are personal data or logins that can be deleted at any time; no result is computed from them",
    ),
    Unprovable(
        "the number of people who declined",
        "it is a counter that also changes while the study is not open; no result is computed from it",
    ),
    Unprovable(
        "row numbers, and the order of rows in the file",
        "no result depends on them; answers are read in the order of their revisions",
    ),
)
