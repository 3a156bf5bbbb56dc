"""Mark practice, and carry what was answered so far in addresses and forms: nothing of it is stored.

Written as ``4,x;2,5``: one text's answers by dimension, then the next text's; x is "cannot judge".
"""

from collections.abc import Sequence

from rater.study.asides import Practice
from rater.study.marking import is_within, mark
from rater.study.protocol import Dimension, Protocol
from rater.study.scales import Scale
from rater.study.typed_numbers import write_number
from rater.web.language import gettext as _
from rater.web.pages.preparation import FeedbackField
from rater.web.trial_form import Given

_UNABLE = "x"
_LONGEST = 2_000

Answers = tuple[tuple[float | None, ...], ...]
"""By text, then by dimension; None where a rater cannot judge."""


def write_answers(answers: Answers) -> str:
    """Write answers for an address."""
    return ";".join(
        ",".join(_UNABLE if value is None else write_number(value) for value in text) for text in answers
    )


def read_answers(written: str, dimensions: Sequence[Dimension]) -> Answers | None:
    """Read answers from an address; None where they are not ours."""
    if not written:
        return ()
    texts = [text.split(",") for text in written[:_LONGEST].split(";")]
    try:
        answers = tuple(
            tuple(None if value == _UNABLE else float(value) for value in values) for values in texts
        )
    except ValueError:
        return None
    return answers if all(_fit(text, dimensions) for text in answers) else None


def _fit(values: tuple[float | None, ...], dimensions: Sequence[Dimension]) -> bool:
    return len(values) == len(dimensions) and all(
        dimension.cannot_judge if value is None else abs(value) < 1e12 and dimension.scale.is_valid(value)
        for value, dimension in zip(values, dimensions, strict=True)
    )


def answers_of(given: dict[str, Given]) -> tuple[float | None, ...]:
    """Return a complete form's answers in the order of the dimensions."""
    return tuple(each.judgement.value for each in given.values())


def has_passed(protocol: Protocol, answers: Answers) -> bool:
    """Say whether enough practice texts were rated right, or none had to be."""
    names = [dimension.name for dimension in protocol.dimensions]
    answered = [dict(zip(names, given, strict=True)) for given in answers]
    return mark(protocol.practice, answered, needed=protocol.practice_pass).has_passed


def says_something(practice: Practice) -> bool:
    """Say whether there is something to be said after a practice text."""
    return bool(practice.feedback or practice.accepted)


def feedback_fields(
    practice: Practice, protocol: Protocol, given: tuple[float | None, ...]
) -> tuple[FeedbackField, ...]:
    """Set what was answered beside what counts as right."""
    return tuple(
        FeedbackField(
            question=dimension.question,
            answered=name_answer(dimension.scale, value),
            is_right=is_within(value, accepted) if accepted else None,
            accepted=_name_range(dimension.scale, accepted) if accepted else "",
        )
        for dimension, value in zip(protocol.dimensions, given, strict=True)
        for accepted in (practice.accepted.get(dimension.name),)
    )


def _name_range(scale: Scale, ends: tuple[float, float]) -> str:
    if ends[0] == ends[1]:
        return name_answer(scale, ends[0])
    return _("%(low)s to %(high)s", low=name_answer(scale, ends[0]), high=name_answer(scale, ends[1]))


def name_answer(scale: Scale, value: float | None) -> str:
    """Return an answer in the words of its scale."""
    return _("cannot judge") if value is None else scale.name_value(value)
