"""Read the raters' forms strictly: what our page cannot have sent is refused, and nothing of it stored."""

import re
import secrets
from collections.abc import Mapping, Sequence

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from rater.store.rating.steps import GuessChoice
from rater.study.visit import ScreeningQuestion
from rater.web.security import is_token

_SUBMISSION_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_GUESS = re.compile(r"guess\.([0-9]{1,4})")
_INDEX = re.compile(r"[0-9]{1,2}")
_CHOICES: Mapping[str, GuessChoice] = {"first": "first", "second": "second", "unsure": "unsure"}
LONGEST_COMMENT = 5_000


def new_submission_id() -> str:
    """Draw the id by which one page's form, sent twice, is stored once (128 bits)."""
    return secrets.token_urlsafe(16)


def is_submission_id(sent: str) -> bool:
    """Say whether a text has the form of a submission id."""
    return _SUBMISSION_ID.fullmatch(sent) is not None


def read_decision(form: MultiDict[str, str]) -> tuple[str, bool]:
    """Read the consent form: the token that its page was made with, and whether a rater agreed.

    Raises:
        BadRequest: there is no decision, or no token.
    """
    token = form.get("token", "")
    if form.get("decision") not in {"agree", "decline"} or not is_token(token):
        raise BadRequest
    return token, form["decision"] == "agree"


def read_screening(form: MultiDict[str, str], questions: Sequence[ScreeningQuestion]) -> dict[int, str]:
    """Read the answers to the screening by the number of the question, from 0; unanswered ones are missing.

    Raises:
        BadRequest: an answer is not one that was offered.
    """
    answers = {}
    for number, question in enumerate(questions):
        sent = form.get(f"screening.{number}", "")
        if not sent:
            continue
        if not _INDEX.fullmatch(sent) or int(sent) >= len(question.options):
            raise BadRequest
        answers[number] = question.options[int(sent)]
    return answers


def read_guesses(form: MultiDict[str, str]) -> dict[int, GuessChoice]:
    """Read the answers to the blinding question by the position of the text, 0 for all.

    Raises:
        BadRequest: an answer is not one of the three, or is about no position.
    """
    guesses = {}
    for name, sent in form.items():
        position = _GUESS.fullmatch(name)
        choice = _CHOICES.get(sent)
        if position is None or choice is None:
            raise BadRequest
        guesses[int(position[1])] = choice
    return guesses


def read_comment(form: MultiDict[str, str]) -> str:
    """Read the comment at the end; longer ones are cut, as the page says."""
    return form.get("comment", "").replace("\x00", "").strip()[:LONGEST_COMMENT]


def read_leaving(form: MultiDict[str, str]) -> str:
    """Read how a rater leaves: stopped or withdrawn.

    Raises:
        BadRequest: neither.
    """
    why = form.get("why", "")
    if why not in {"stopped", "withdrawn"}:
        raise BadRequest
    return why
