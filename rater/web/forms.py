"""Read a trial's form strictly: what our page cannot have sent is refused, and nothing of it stored."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from rater.study.protocol import Dimension
from rater.web.security import is_token

ANSWER_PREFIX = "answer."
LONGEST_SHOWN_MS = 24 * 3600 * 1000
"""A page left open for more than a day says nothing about how long its text was read."""

_SUBMISSION_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_POINT = re.compile(r"[0-9]{1,2}")
_MILLISECONDS = re.compile(r"[0-9]{1,15}")
_OTHER_FIELDS = {"submission_id", "shown_ms", "go"}


@dataclass(frozen=True)
class TrialForm:
    """What a trial's form said."""

    submission_id: str
    answers: Mapping[str, int]
    """The points chosen, by dimension; one that was left out is missing here."""
    shown_ms: int | None
    goes_back: bool

    def is_complete(self, dimensions: tuple[Dimension, ...]) -> bool:
        """Say whether every dimension is answered."""
        return all(dimension.name in self.answers for dimension in dimensions)


def new_submission_id() -> str:
    """Draw the id by which one page's form, sent twice, is stored once (128 bits)."""
    return secrets.token_urlsafe(16)


def read_trial_form(form: MultiDict[str, str], dimensions: tuple[Dimension, ...]) -> TrialForm:
    """Read a trial's form; answers may be left out, but those given must be on their scale.

    Raises:
        BadRequest: a field is missing, unknown, given twice, or has a value that the page does not offer.
    """
    known = _OTHER_FIELDS | {ANSWER_PREFIX + dimension.name for dimension in dimensions}
    if any(name not in known or len(values) != 1 for name, values in form.lists()):
        raise BadRequest
    if not _SUBMISSION_ID.fullmatch(form.get("submission_id", "")) or form.get("go", "next") not in {
        "next",
        "back",
    }:
        raise BadRequest
    answers = {
        dimension.name: _read_point(form[ANSWER_PREFIX + dimension.name], dimension)
        for dimension in dimensions
        if ANSWER_PREFIX + dimension.name in form
    }
    return TrialForm(
        submission_id=form["submission_id"],
        answers=answers,
        shown_ms=_read_milliseconds(form.get("shown_ms", "")),
        goes_back=form.get("go") == "back",
    )


def read_decision(form: MultiDict[str, str]) -> str | None:
    """Read the consent form: the token that its page was made with, or None where a rater declined.

    Raises:
        BadRequest: there is no decision, or no token.
    """
    token = form.get("token", "")
    if form.get("decision") not in {"agree", "decline"} or not is_token(token):
        raise BadRequest
    return token if form["decision"] == "agree" else None


def _read_point(sent: str, dimension: Dimension) -> int:
    if not _POINT.fullmatch(sent) or not 1 <= int(sent) <= dimension.scale.points:
        raise BadRequest
    return int(sent)


def _read_milliseconds(sent: str) -> int | None:
    if not sent:
        return None
    if not _MILLISECONDS.fullmatch(sent):
        raise BadRequest
    return int(sent) if int(sent) <= LONGEST_SHOWN_MS else None
