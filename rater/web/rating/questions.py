"""Turn texts and dimensions into what a trial's page shows: fields of a form, with what was given so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Literal

from rater.store.rating.publication import text_lines
from rater.store.rating.sessions import RaterSession
from rater.study.dimension import MAX_ANSWER_COMMENT, Dimension
from rater.study.fields import PROMPT, Fields
from rater.study.protocol import Protocol
from rater.study.scales import NumberRange, StudyScale, Widget
from rater.study.typed_numbers import write_number
from rater.web.caches import kept_for
from rater.web.language import current_language
from rater.web.language import gettext as _
from rater.web.rating.forms import (
    ANSWER,
    APPLIES_NOT,
    CANNOT,
    COMMENT,
    CONFIDENCE,
    INAPPLICABLE,
    NO_PLACE,
    UNABLE,
    FormAnswer,
    rank_field,
)
from rater.web.rating.shown_text import TextField

_MAX_BRIEF_CHOICES, _MAX_BRIEF_CHARACTERS = 5, 8
_THOUSAND = 1000
# from where on a page begins higher, to leave more of the window to its text
_MANY_LINES = 10


@dataclass(frozen=True)
class ShownValue:
    """A field of a text that raters see, with its label."""

    label: str
    value: str
    text: TextField | None = None
    """The value as a text to compare with, after the prompt; None for a short value."""


@dataclass(frozen=True)
class Room:
    """The lines that a text has room for, so that the scale is in one place for all texts."""

    wide: int
    narrow: int
    """On a phone."""
    shared: int = 0
    """On a wide page, above several texts."""

    @property
    def is_large(self) -> bool:
        """True if the text needs much of a wide window."""
        return self.wide + self.shared > _MANY_LINES


@dataclass(frozen=True)
class ChoiceField:
    """One answer that can be pressed, as a radio button."""

    value: str
    number: str
    """The number of the point; empty where only the label is shown."""
    label: str
    is_chosen: bool


@dataclass(frozen=True)
class Measure:
    """The ends of a slider, or of a number."""

    minimum: str
    maximum: str
    step: str
    low: str
    high: str
    unit: str
    keyboard: Literal["numeric", "decimal", "text"]
    """The keyboard of a phone: a numeric one has no minus sign."""


@dataclass(frozen=True)
class OptOut:
    """The control for "I cannot judge this" or "Not applicable": one more choice, or a box."""

    name: str
    value: str
    box_name: str
    """Its name as a box of its own, which a script makes of a choice."""
    key: str
    """The key that chooses it."""
    label: str
    is_own_label: bool
    """True if the study wrote the label."""
    is_chosen: bool


@dataclass(frozen=True)
class ConfidenceField:
    """The question how sure a rater is of an answer, which can be left out."""

    name: str
    id: str
    question: str
    points: tuple[ChoiceField, ...]


@dataclass(frozen=True)
class AnswerKeys:
    """The numbers that choose an answer when they are typed: those of the points, or of the places."""

    first: int
    last: int
    """0 where none does."""


@dataclass(frozen=True)
class CommentField:
    """A field for a free comment."""

    name: str
    label: str
    value: str
    longest: int


@dataclass(frozen=True)
class RankField:
    """A rank that one of the texts gets, as a fieldset with a radio button for each text."""

    id: str
    name: str
    label: str
    choices: tuple[ChoiceField, ...]
    problem: str
    """The message for a missing or repeated text."""
    has_problem: bool


@dataclass(frozen=True)
class QuestionField:
    """One question with its scale, as a fieldset."""

    name: str
    id: str
    question: str
    kind: Widget
    choices: tuple[ChoiceField, ...]
    labels_between: bool
    """True if points between the ends have labels, which then need room of their own."""
    begins_at_zero: bool
    """True if the first point is 0, which a key then chooses."""
    hides_numbers: bool
    """True if points are shown without their numbers."""
    has_brief_labels: bool
    """True if choices are so few, and their words so short, that they fit in a row on a phone."""
    measure: Measure | None
    ranks: tuple[RankField, ...]
    """The ranks that texts get, where they are put in order."""
    value: str
    """The value that was typed or set; empty for none."""
    opt_outs: tuple[OptOut, ...]
    confidence: ConfidenceField | None
    comment: CommentField | None
    problem: str
    """The message for a missing or invalid answer."""
    has_problem: bool


@dataclass(frozen=True)
class OptionField:
    """One answer of a question that has a few, each with a label."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True)
class OneOfField:
    """A question outside the trials, as a fieldset: one answer of a few is chosen."""

    id: str
    name: str
    question: str
    options: tuple[OptionField, ...]
    is_missing: bool


def shown_fields(protocol: Protocol, fields: Fields) -> tuple[ShownValue, ...]:
    """Show the fields of a text that raters see."""
    return tuple(
        ShownValue(
            each.label,
            fields[each.name],
            TextField.of("", fields[PROMPT], fields[each.name], protocol) if each.is_text else None,
        )
        for each in protocol.shown_fields
    )


def room_for(protocol: Protocol, rater_session: RaterSession) -> Room:
    """Return one room for the texts of a booklet and of practice, so that the scale stays where it is."""
    practice = _practice_room(protocol)
    return Room(
        wide=max(rater_session.n_lines, practice.wide),
        narrow=max(rater_session.n_narrow_lines, practice.narrow),
        shared=max(rater_session.n_shared_lines, practice.shared),
    )


@kept_for
def _practice_room(protocol: Protocol) -> Room:
    """Return the room for the texts of practice; one line without practice."""
    lines = [
        text_lines(protocol, practice.prompt, text, practice.fields)
        for practice in protocol.practice
        for text in practice.texts
    ]
    return Room(
        wide=max((each.wide for each in lines), default=1),
        narrow=max((each.narrow for each in lines), default=1),
        shared=max((each.shared for each in lines), default=0),
    )


def questions_of(
    dimensions: Sequence[Dimension], given: Mapping[str, FormAnswer], *, fields: Fields, rater_id: str
) -> tuple[QuestionField, ...]:
    """Make the fieldsets of a trial, as its texts fill them in and a rater sees them.

    A question that is the same for all texts and raters is made once for all pages on which it is unanswered.
    """
    return tuple(
        _question_of(number, dimension, given.get(dimension.name), fields=fields, rater_id=rater_id)
        for number, dimension in enumerate(dimensions, start=1)
    )


def _question_of(
    number: int, dimension: Dimension, given: FormAnswer | None, *, fields: Fields, rater_id: str
) -> QuestionField:
    filled = dimension.filled(fields) if _names_fields(dimension) else dimension
    shown = filled.shown_to(rater_id)
    if given is None and shown is dimension:
        return _unanswered(dimension, number, current_language())
    return _question_field(number, shown, given or FormAnswer())


@kept_for
def _names_fields(dimension: Dimension) -> bool:
    return dimension.names_fields


@kept_for
def _unanswered(dimension: Dimension, number: int, _language: str) -> QuestionField:
    return _question_field(number, dimension, FormAnswer())


def question_fields(
    dimensions: Sequence[Dimension], answers: Mapping[str, FormAnswer]
) -> tuple[QuestionField, ...]:
    """Make the fieldsets of a trial."""
    return tuple(
        _question_field(number, dimension, answers.get(dimension.name, FormAnswer()))
        for number, dimension in enumerate(dimensions, start=1)
    )


def answer_keys(dimensions: Sequence[Dimension]) -> AnswerKeys:
    """Return the numbers that choose the answers of a trial."""
    counts = [_n_keys(dimension) for dimension in dimensions]
    first = 0 if any(is_zero for _, is_zero in counts) else 1
    return AnswerKeys(first, max(n - is_zero for n, is_zero in counts))


@kept_for
def _n_keys(dimension: Dimension) -> tuple[int, bool]:
    """Return the number of answers that can be chosen by a number, and whether the first is 0."""
    scale = dimension.scale
    return scale.n_texts if scale.ranks else len(scale.choices), _begins_at_zero(scale)


def _begins_at_zero(scale: StudyScale) -> bool:
    return scale.widget == "points" and scale.lowest == 0


def _question_field(number: int, dimension: Dimension, answer: FormAnswer) -> QuestionField:
    scale = dimension.scale
    return QuestionField(
        name=ANSWER + dimension.name,
        id=f"question-{number}",
        question=dimension.question,
        kind=scale.widget,
        choices=tuple(
            ChoiceField(
                value=str(choice.value),
                number=choice.number if scale.widget == "points" else "",
                label=choice.label,
                is_chosen=str(choice.value) == answer.value
                and not (answer.is_unable or answer.is_inapplicable),
            )
            for choice in scale.choices
        ),
        labels_between=scale.widget == "points" and any(choice.label for choice in scale.choices[1:-1]),
        begins_at_zero=_begins_at_zero(scale),
        hides_numbers=scale.hides_numbers,
        has_brief_labels=len(scale.choices) <= _MAX_BRIEF_CHOICES
        and all(
            len(word) <= _MAX_BRIEF_CHARACTERS for choice in scale.choices for word in choice.label.split()
        ),
        measure=_measure(dimension),
        ranks=_ranks(number, dimension, answer),
        value=answer.value,
        opt_outs=_opt_outs(dimension, answer),
        confidence=_confidence(number, dimension, answer) if dimension.confidence else None,
        comment=None
        if dimension.comment is None
        else CommentField(COMMENT + dimension.name, dimension.comment, answer.comment, MAX_ANSWER_COMMENT),
        problem=_problem(dimension) + _or_not_applicable(dimension),
        has_problem=answer.problem is not None,
    )


def _ranks(number: int, dimension: Dimension, answer: FormAnswer) -> tuple[RankField, ...]:
    """Make the fields of an order of texts; a problem is with the first rank without a text of its own."""
    scale = dimension.scale
    places = list(answer.value) or [NO_PLACE] * len(scale.ranks)
    is_open = [place == NO_PLACE or place in places[:rank] for rank, place in enumerate(places)]
    wrong = next((rank for rank, each in enumerate(is_open) if each), 0) if answer.problem else None
    return tuple(
        RankField(
            id=f"question-{number}-{rank + 1}",
            name=rank_field(dimension.name, rank + 1),
            label=label,
            choices=tuple(
                ChoiceField(
                    value=str(place),
                    number="",
                    label=ascii_uppercase[place - 1],
                    is_chosen=places[rank] == str(place),
                )
                for place in range(1, scale.n_texts + 1)
            ),
            problem=_rank_problem(dimension, is_repeated=rank == wrong and places[rank] != NO_PLACE)
            + _or_not_applicable(dimension),
            has_problem=rank == wrong,
        )
        for rank, label in enumerate(scale.ranks)
    )


def _rank_problem(dimension: Dimension, *, is_repeated: bool) -> str:
    if is_repeated:
        return _("Please choose a different text here: each text can be chosen only once.")
    if dimension.cannot_judge:
        return _("Please choose a text, or choose “I cannot judge this”.")
    return _("Please choose a text.")


def _measure(dimension: Dimension) -> Measure | None:
    numbers = dimension.scale.number_range
    if numbers is None:
        return None
    return Measure(
        minimum=write_number(numbers.minimum),
        maximum=write_number(numbers.maximum),
        step=write_number(numbers.step),
        low=numbers.low,
        high=numbers.high,
        unit=numbers.unit,
        keyboard="text" if numbers.minimum < 0 else "numeric" if numbers.is_whole else "decimal",
    )


def _opt_outs(dimension: Dimension, answer: FormAnswer) -> tuple[OptOut, ...]:
    is_choice, own = bool(dimension.scale.choices), dimension.not_applicable
    offered = (
        (bool(dimension.cannot_judge), UNABLE, CANNOT, "x", _("I cannot judge this"), answer.is_unable),
        (
            bool(own),
            INAPPLICABLE,
            APPLIES_NOT,
            "n",
            own if isinstance(own, str) else _("Not applicable"),
            answer.is_inapplicable,
        ),
    )
    return tuple(
        OptOut(
            name=(ANSWER if is_choice else prefix) + dimension.name,
            value=value if is_choice else "1",
            box_name=prefix + dimension.name,
            key=key,
            label=label,
            is_own_label=label == own,
            is_chosen=is_chosen,
        )
        for is_offered, prefix, value, key, label, is_chosen in offered
        if is_offered
    )


def _confidence(number: int, dimension: Dimension, answer: FormAnswer) -> ConfidenceField:
    question = dimension.confidence
    ours = (_("not sure at all"), _("not very sure"), _("fairly sure"), _("very sure"))
    return ConfidenceField(
        name=CONFIDENCE + dimension.name,
        id=f"confidence-{number}",
        question=question if isinstance(question, str) else _("How sure are you of this answer?"),
        points=tuple(
            ChoiceField(str(point), str(point), label, str(point) == answer.confidence)
            for point, label in enumerate(dimension.confidence_labels or ours, start=1)
        ),
    )


def _problem(dimension: Dimension) -> str:
    """Describe what is missing; for a number that is off the scale the same words do, which name its ends."""
    scale = dimension.scale
    if scale.widget == "number" and scale.number_range is not None:
        return _number_problem(scale.number_range, cannot_judge=dimension.cannot_judge)
    if scale.widget == "slider":
        if dimension.cannot_judge:
            return _("Please set the slider, or choose “I cannot judge this”.")
        return _("Please set the slider.")
    if dimension.cannot_judge:
        return _("Please choose an answer, or choose “I cannot judge this”.")
    return _("Please choose an answer.")


def _or_not_applicable(dimension: Dimension) -> str:
    """Name the box next to a number; next to choices it is one of the answers."""
    label = dimension.not_applicable
    if not label or dimension.scale.choices:
        return ""
    return " " + _("Or choose “%(label)s”.", label=label if isinstance(label, str) else _("Not applicable"))


def _number_problem(numbers: NumberRange, *, cannot_judge: bool) -> str:
    ends = {
        "low": write_number(numbers.minimum),
        "high": write_number(numbers.maximum),
        "step": write_number(numbers.step),
    }
    if numbers.step == 1 and cannot_judge:
        words = _(
            "Please enter a whole number from %(low)s to %(high)s, or choose “I cannot judge this”.", **ends
        )
    elif numbers.step == 1:
        words = _("Please enter a whole number from %(low)s to %(high)s.", **ends)
    elif cannot_judge:
        words = _(
            "Please enter a number from %(low)s to %(high)s in steps of %(step)s, "
            "or choose “I cannot judge this”.",
            **ends,
        )
    else:
        words = _("Please enter a number from %(low)s to %(high)s in steps of %(step)s.", **ends)
    if max(abs(numbers.minimum), abs(numbers.maximum)) < _THOUSAND:
        return words
    return words + " " + _("Please write thousands without a separator, for example 1500.")
