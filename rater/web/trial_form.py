"""Read what a rater gave on a trial: an answer on each scale, or that they cannot judge, and comments.

The same fields come from the page, from the draft that a browser keeps when a rater goes back, and from a
file of answers that could not be sent.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from math import isclose
from typing import Literal
from urllib.parse import parse_qsl, urlencode

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from rater.store.rating.trials import Judgement, Timing
from rater.study.protocol import Dimension
from rater.study.scales import Number, Scale, Slider
from rater.web.forms import is_submission_id

ANSWER, COMMENT, UNABLE = "answer.", "comment.", "cannot."
CANNOT = "cannot"
"""What a rater chooses on a scale of choices who cannot judge."""
LONGEST_COMMENT = 2_000
LONGEST_SHOWN_MS = 24 * 3600 * 1000
"""A page left open for more than a day says nothing about how long its text was read."""
LONGEST_DRAFT = 3_000
"""Characters of a draft, which is a cookie."""

_POINT = re.compile(r"-?[0-9]{1,2}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,12}(?:[.,][0-9]{1,9})?|[.,][0-9]{1,9})")
# 1,500 is one and a half to some, and 1500 to others
_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
# what keyboards and other programs write for a minus sign, a decimal point and a decimal comma
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-"),
        "\uff0b": "+",
        "\uff0e": ".",
        "\uff0c": ",",
        "\u066b": ",",
    }
)
_MILLISECONDS = re.compile(r"[0-9]{1,15}")
_OTHER_FIELDS = {"submission_id", "shown_ms", "first_render_ms", "hidden_ms", "go"}

Problem = Literal["missing", "wrong"]


@dataclass(frozen=True)
class Given:
    """What was given on one dimension, as the page shows it again."""

    value: str = ""
    is_unable: bool = False
    """Whether the rater cannot judge."""
    comment: str = ""
    problem: Problem | None = None

    @classmethod
    def of(cls, judgement: Judgement) -> "Given":
        """Show a stored answer."""
        value = "" if judgement.value is None else write_number(judgement.value)
        return cls(value, is_unable=judgement.value is None, comment=judgement.comment or "")

    @property
    def judgement(self) -> Judgement:
        """The answer to be stored."""
        return Judgement(None if self.is_unable else read_number(self.value), self.comment or None)


@dataclass(frozen=True)
class TrialForm:
    """What a trial's form said."""

    submission_id: str
    given: Mapping[str, Given]
    """By dimension, each of those asked."""
    timing: Timing = field(default_factory=Timing)
    goes_back: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether every dimension is answered."""
        return all(given.problem is None for given in self.given.values())

    @property
    def judgements(self) -> dict[str, Judgement]:
        """The answers of a complete form."""
        return {name: given.judgement for name, given in self.given.items()}

    @property
    def draft(self) -> str:
        """What was given so far, to be kept by the browser; empty where that is nothing or too much."""
        kept = {
            prefix + name: value
            for name, given in self.given.items()
            for prefix, value in (
                (ANSWER, given.value),
                (UNABLE, "1" if given.is_unable else ""),
                (COMMENT, given.comment),
            )
            if value
        }
        written = urlencode(kept)
        return written if len(written) <= LONGEST_DRAFT else ""


def read_trial_form(form: MultiDict[str, str], dimensions: Sequence[Dimension]) -> TrialForm:
    """Read a trial's form; answers may be left out or be off their scale, which the page then points at.

    Raises:
        BadRequest: a field is missing, unknown, given twice, or has a value that the page cannot send.
    """
    known = _OTHER_FIELDS | {
        prefix + dimension.name for dimension in dimensions for prefix in (ANSWER, COMMENT, UNABLE)
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


def read_draft(draft: str, dimensions: Sequence[Dimension]) -> dict[str, Given]:
    """Read a draft; what cannot be read, or was not begun, is left out."""
    form = MultiDict(parse_qsl(draft[:LONGEST_DRAFT]))
    try:
        given = {dimension.name: read_given(form, dimension) for dimension in dimensions}
    except BadRequest:
        return {}
    begun = {name: each for name, each in given.items() if each != Given(problem="missing")}
    return {name: replace(each, problem=None) for name, each in begun.items()}


def read_given(form: MultiDict[str, str], dimension: Dimension) -> Given:
    """Read what was given on a dimension.

    Raises:
        BadRequest: it is nothing that its field can send.
    """
    sent = form.get(ANSWER + dimension.name)
    unable = form.get(UNABLE + dimension.name, "")
    comment = _read_comment(form.get(COMMENT + dimension.name, ""), dimension)
    if unable not in {"", "1"} or (unable and not dimension.cannot_judge):
        raise BadRequest
    typed = "" if sent is None or dimension.scale.choices else sent.strip()
    if typed:
        return _read_number(typed, dimension, comment, is_unable=bool(unable))
    if unable or (sent == CANNOT and dimension.cannot_judge):
        return Given(is_unable=True, comment=comment)
    if sent is None or not dimension.scale.choices:
        return Given(comment=comment, problem="missing")
    return Given(_read_point(sent, dimension), comment=comment)


def _read_point(sent: str, dimension: Dimension) -> str:
    if not _POINT.fullmatch(sent) or not dimension.scale.holds(int(sent)):
        raise BadRequest
    return str(int(sent))


def read_number(typed: str) -> float | None:
    """Read a number as people type it, with a decimal point or comma; None for anything else.

    Digits of every script are read, such as full-width and Arabic ones. Separators between thousands are not.
    """
    written = _in_ascii(typed)
    return float(written.replace(",", ".")) if _NUMBER.fullmatch(written) else None


def write_number(value: float) -> str:
    """Write a number in full, so that it is read again as the same one."""
    return format(Decimal(repr(float(value))), "f").removesuffix(".0")


def _in_ascii(typed: str) -> str:
    visible = "".join(sign for sign in typed if unicodedata.category(sign) != "Cf").strip()
    digits = (str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in visible)
    return "".join(digits).translate(_SIGNS)


def _read_number(typed: str, dimension: Dimension, comment: str, *, is_unable: bool) -> Given:
    """Read what was typed, which may be anything, and nothing that "cannot judge" may come with."""
    value, scale = read_number(typed), dimension.scale
    is_ambiguous = _GROUPED.fullmatch(_in_ascii(typed)) is not None and not _has_thousandths(scale)
    is_right = value is not None and scale.holds(value) and not is_ambiguous and not is_unable
    problem: Problem | None = None if is_right else "wrong"
    return Given(typed[:30], is_unable=is_unable, comment=comment, problem=problem)


def _has_thousandths(scale: Scale) -> bool:
    if not isinstance(scale, Slider | Number):
        return False
    return not all(
        isclose(100 * part, round(100 * part), abs_tol=1e-6) for part in (scale.minimum, scale.step)
    )


def _read_comment(sent: str, dimension: Dimension) -> str:
    if sent and dimension.comment is None:
        raise BadRequest
    return sent.replace("\x00", "").strip()[:LONGEST_COMMENT]


def _read_milliseconds(sent: str) -> int | None:
    if not sent:
        return None
    if not _MILLISECONDS.fullmatch(sent):
        raise BadRequest
    return int(sent) if int(sent) <= LONGEST_SHOWN_MS else None
