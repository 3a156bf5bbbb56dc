"""Rater-facing forms: strict parsing, answers of a trial, and the draft cookie.

The same fields come from the page, from the draft that a browser keeps when a rater goes back, and from a
file of answers that could not be sent.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import parse_qsl, urlencode

from flask import request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as AnyResponse

from rater.store.rating.trials import Judgement, Timing
from rater.study.dimension import MAX_ANSWER_COMMENT, Dimension
from rater.study.protocol import MAX_FINAL_COMMENT
from rater.study.typed_numbers import read_number, write_number
from rater.study.visit import GuessChoice, LeavingReason, ScreeningQuestion
from rater.web.rating.flow import Place, url_of
from rater.web.security import is_token, set_rater_cookie

_SUBMISSION_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_GUESS = re.compile(r"guess\.([0-9]{1,4})")
_INDEX = re.compile(r"[0-9]{1,2}")
_CHOICES: Mapping[str, GuessChoice] = {choice.value: choice for choice in GuessChoice}


def new_submission_id() -> str:
    """Draw the id by which one page's form, sent twice, is stored once (128 bits)."""
    return secrets.token_urlsafe(16)


def is_submission_id(sent: str) -> bool:
    """Return whether a text has the form of a submission id."""
    return _SUBMISSION_ID.fullmatch(sent) is not None


def read_decision(form: MultiDict[str, str]) -> tuple[str, bool]:
    """Read the consent form: the token that its page was made with, and whether a rater agreed.

    Raises:
        BadRequest: the decision or the token is missing.
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
    """Read the comment at the end; longer ones are cut, as the page warns."""
    return form.get("comment", "").replace("\x00", "").strip()[:MAX_FINAL_COMMENT]


def read_booklet_number(form: MultiDict[str, str]) -> int:
    """Read to which of the rater's booklets a trial's form belongs; the first one's have no such field.

    Raises:
        BadRequest: it is not a number from 1.
    """
    sent = form.get("booklet", "1")
    if not _INDEX.fullmatch(sent) or int(sent) < 1:
        raise BadRequest
    return int(sent)


def read_leaving(form: MultiDict[str, str]) -> LeavingReason:
    """Read how a rater leaves: stopped or withdrawn.

    Raises:
        BadRequest: neither.
    """
    why = form.get("why", "")
    if why not in {LeavingReason.STOPPED, LeavingReason.WITHDRAWN}:
        raise BadRequest
    return LeavingReason(why)


ANSWER, COMMENT, UNABLE = "answer.", "comment.", "cannot."
INAPPLICABLE, CONFIDENCE = "inapplicable.", "confidence."
CANNOT, APPLIES_NOT = "cannot", "inapplicable"
"""The values of "cannot judge" and "not applicable" on a scale of choices."""
MAX_SHOWN_MS = 24 * 3600 * 1000
"""A page left open for more than a day has no usable reading time."""
MAX_DRAFT_CHARACTERS = 3_000
"""Characters of a draft, which is a cookie."""

_MILLISECONDS = re.compile(r"[0-9]{1,15}")
_OTHER_FIELDS = {"booklet", "submission_id", "shown_ms", "first_render_ms", "hidden_ms", "go"}

Problem = Literal["missing", "wrong"]
NO_PLACE = "0"
"""The digit of a rank that no text has yet, in an order of texts that was begun."""


def rank_field(dimension: str, rank: int) -> str:
    """Return the name of the field with the place of the text that has a rank, from 1."""
    return f"{ANSWER}{dimension}.{rank}"


@dataclass(frozen=True)
class FormAnswer:
    """The answer on one dimension, as the page shows it again."""

    value: str = ""
    is_unable: bool = False
    """True if the rater cannot judge."""
    is_inapplicable: bool = False
    """True if the question does not apply."""
    confidence: str = ""
    comment: str = ""
    problem: Problem | None = None

    @classmethod
    def of(cls, judgement: Judgement) -> "FormAnswer":
        """Show a stored answer."""
        return cls(
            "" if judgement.value is None else write_number(judgement.value),
            is_unable=judgement.value is None and not judgement.not_applicable,
            is_inapplicable=judgement.not_applicable,
            confidence="" if judgement.confidence is None else str(judgement.confidence),
            comment=judgement.comment or "",
        )

    @property
    def judgement(self) -> Judgement:
        """The answer to be stored."""
        has_value = not (self.is_unable or self.is_inapplicable)
        return Judgement(
            read_number(self.value) if has_value else None,
            self.comment or None,
            not_applicable=self.is_inapplicable,
            confidence=int(self.confidence) if self.confidence and has_value else None,
        )


@dataclass(frozen=True)
class TrialForm:
    """The contents of a trial's form."""

    submission_id: str
    given: Mapping[str, FormAnswer]
    """By dimension, each of those asked."""
    timing: Timing = field(default_factory=Timing)
    goes_back: bool = False

    @property
    def is_complete(self) -> bool:
        """True if every dimension is answered."""
        return all(given.problem is None for given in self.given.values())

    @property
    def judgements(self) -> dict[str, Judgement]:
        """The answers of a complete form."""
        return {name: given.judgement for name, given in self.given.items()}

    @property
    def draft(self) -> str:
        """The answers so far, to be kept by the browser; empty where there are none or too many."""
        kept = {
            prefix + name: value
            for name, given in self.given.items()
            for prefix, value in (
                (ANSWER, given.value),
                (UNABLE, "1" if given.is_unable else ""),
                (INAPPLICABLE, "1" if given.is_inapplicable else ""),
                (CONFIDENCE, given.confidence),
                (COMMENT, given.comment),
            )
            if value
        }
        written = urlencode(kept)
        return written if len(written) <= MAX_DRAFT_CHARACTERS else ""


def read_trial_form(form: MultiDict[str, str], dimensions: Sequence[Dimension]) -> TrialForm:
    """Read a trial's form; answers may be left out or be off their scale, which the page then points at.

    Raises:
        BadRequest: a field is missing, unknown, given twice, or has a value that the page cannot send.
    """
    known = _OTHER_FIELDS | {
        prefix + dimension.name
        for dimension in dimensions
        for prefix in (ANSWER, COMMENT, UNABLE, INAPPLICABLE, CONFIDENCE)
    }
    known |= {
        rank_field(dimension.name, rank)
        for dimension in dimensions
        for rank in range(1, len(dimension.scale.ranks) + 1)
    }
    if any(name not in known or len(values) != 1 for name, values in form.lists()):
        raise BadRequest
    if not is_submission_id(form.get("submission_id", "")) or form.get("go", "next") not in {"next", "back"}:
        raise BadRequest
    return TrialForm(
        submission_id=form["submission_id"],
        given={dimension.name: read_given(form, dimension) for dimension in dimensions},
        timing=Timing(
            shown_ms=_read_milliseconds(form.get("shown_ms", "")),
            first_render_ms=_read_milliseconds(form.get("first_render_ms", "")),
            hidden_ms=_read_milliseconds(form.get("hidden_ms", "")),
        ),
        goes_back=form.get("go") == "back",
    )


def read_draft(draft: str, dimensions: Sequence[Dimension]) -> dict[str, FormAnswer]:
    """Read a draft; what cannot be read, or was not begun, is left out."""
    form = MultiDict(parse_qsl(draft[:MAX_DRAFT_CHARACTERS]))
    try:
        given = {dimension.name: read_given(form, dimension) for dimension in dimensions}
    except BadRequest:
        return {}
    begun = {name: each for name, each in given.items() if each != FormAnswer(problem="missing")}
    return {name: replace(each, problem=None) for name, each in begun.items()}


def read_given(form: MultiDict[str, str], dimension: Dimension) -> FormAnswer:
    """Read what was given on a dimension.

    Raises:
        BadRequest: it is nothing that its field can send.
    """
    more = _read_boxes(form, dimension)
    if dimension.scale.ranks:
        return _read_order(form, dimension, more)
    sent = form.get(ANSWER + dimension.name)
    has_opted_out = more.is_unable or more.is_inapplicable
    typed = "" if sent is None or dimension.scale.choices else sent.strip()
    if typed:
        # anything may be typed, and no number goes with "cannot judge" or "not applicable"
        is_right = dimension.scale.parse(typed) is not None and not has_opted_out
        return replace(more, value=typed[:30], problem=None if is_right else "wrong")
    if has_opted_out or (sent == CANNOT and dimension.cannot_judge):
        return replace(more, is_unable=not more.is_inapplicable)
    if sent == APPLIES_NOT and dimension.not_applicable:
        return replace(more, is_inapplicable=True)
    if sent is None or not dimension.scale.choices:
        return replace(more, problem="missing")
    return replace(more, value=_read_choice(sent, dimension))


def _read_boxes(form: MultiDict[str, str], dimension: Dimension) -> FormAnswer:
    """Read everything about an answer but its value: boxes, confidence and comment."""
    unable = form.get(UNABLE + dimension.name, "")
    inapplicable = form.get(INAPPLICABLE + dimension.name, "")
    comment = form.get(COMMENT + dimension.name, "")
    for box, is_offered in ((unable, dimension.cannot_judge), (inapplicable, dimension.not_applicable)):
        if box not in {"", "1"} or (box and not is_offered):
            raise BadRequest
    if (comment and dimension.comment is None) or (unable and inapplicable):
        raise BadRequest
    return FormAnswer(
        is_unable=bool(unable),
        is_inapplicable=bool(inapplicable),
        confidence=_read_confidence(form.get(CONFIDENCE + dimension.name, ""), dimension),
        comment=comment.replace("\x00", "").strip()[:MAX_ANSWER_COMMENT],
    )


def _read_confidence(sent: str, dimension: Dimension) -> str:
    if sent and sent not in map(str, range(1, dimension.n_confidence + 1)):
        raise BadRequest
    return sent


def _read_order(form: MultiDict[str, str], dimension: Dimension, more: FormAnswer) -> FormAnswer:
    """Read the place of the text that has each rank; a draft has them as the digits of one field."""
    scale = dimension.scale
    ranks = range(1, len(scale.ranks) + 1)
    places = [form.get(rank_field(dimension.name, rank), NO_PLACE) for rank in ranks]
    drafted = form.get(ANSWER + dimension.name, "")
    if drafted:
        if len(drafted) != len(places):
            raise BadRequest
        places = list(drafted)
    valid = {NO_PLACE, *(str(place) for place in range(1, scale.n_texts + 1))}
    if not valid.issuperset(places):
        raise BadRequest
    order = "".join(places)
    given = replace(more, value=order if set(order) != {NO_PLACE} else "")
    if more.is_unable or more.is_inapplicable:  # no order goes with "cannot judge" or "not applicable"
        return replace(given, problem="wrong" if given.value else None)
    if NO_PLACE in order:
        return replace(given, problem="missing")
    return replace(given, problem=None if scale.parse(order) is not None else "wrong")


def _read_choice(sent: str, dimension: Dimension) -> str:
    value = dimension.scale.parse(sent)
    if value is None:
        raise BadRequest
    return write_number(value)


def _read_milliseconds(sent: str) -> int | None:
    if not sent:
        return None
    if not _MILLISECONDS.fullmatch(sent):
        raise BadRequest
    return int(sent) if int(sent) <= MAX_SHOWN_MS else None


_COOKIE = "rater-draft-"
_LIFETIME_S = 24 * 3600
_MAX_ALL_DRAFTS = 2 * MAX_DRAFT_CHARACTERS
"""Characters of all drafts: a server takes 8,190 of all cookies, and refuses every page with more."""


def keep_draft(response: AnyResponse, draft: str, *, slug: str, position: int) -> None:
    """Let the browser keep a draft for a trial, unless it has as many as a request can carry."""
    name = f"{_COOKIE}{position}"
    others = (len(kept) for of, kept in request.cookies.items() if of.startswith(_COOKIE) and of != name)
    if sum(others) + len(draft) > _MAX_ALL_DRAFTS:
        return
    path = url_of(slug, Place("landing"))
    set_rater_cookie(response, name, draft, lifetime_s=_LIFETIME_S, path=path)


def drop_draft(response: AnyResponse, *, slug: str, position: int) -> None:
    """Forget a trial's draft once its answers are stored."""
    name = f"{_COOKIE}{position}"
    if name in request.cookies:
        response.delete_cookie(name, path=url_of(slug, Place("landing")))


def read_kept_draft(position: int, dimensions: Sequence[Dimension]) -> dict[str, FormAnswer]:
    """Read the draft that the browser kept for a trial; empty where there is none."""
    draft = request.cookies.get(f"{_COOKIE}{position}")
    return read_draft(draft, dimensions) if draft else {}
