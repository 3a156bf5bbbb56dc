"""Practice trials and attention checks, and scoring of practice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from rater.study.conversation import CompletionText, Turn, read_transcript, require_turns, with_prompt
from rater.study.declaration import Declaration, InOrder, Name, Text
from rater.study.fields import FieldName, fill_all


def _require_two_ends(value: object) -> object:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        msg = "the lowest and the highest answer, such as (4, 5)"
        raise ValueError(msg)
    return value


def _require_range(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        msg = f"a range from {value[0]:g} to {value[1]:g} is empty; the lower end comes first"
        raise ValueError(msg)
    return value


Accepted = Annotated[
    tuple[float, float], InOrder, BeforeValidator(_require_two_ends), AfterValidator(_require_range)
]
"""The lowest and the highest correct answer."""


MAX_TEXTS = 6
"""Maximum number of texts that a trial shows."""
PRACTICE_ATTEMPTS = 2
"""Number of attempts at the practice trials, if the study has a pass mark."""


class _AuthoredTrial(Declaration):
    """A trial whose texts the study declares; with `fields`, they are templates over these."""

    prompt: Text = ""
    """The prompt that the texts continue. (rater)"""
    turns: Annotated[tuple[Turn, ...], InOrder] = ()
    """The conversation that the texts continue, instead of a prompt. (rater)"""
    text: CompletionText
    """The text; of several, the one in the first place. Where the whole conversation is rated, a list of the
    assistant's turns. (rater)"""
    other_texts: Annotated[tuple[CompletionText, ...], Field(max_length=MAX_TEXTS - 1), InOrder] = ()
    """The other texts, if trials show several, from left to right. (rater)"""
    fields: dict[FieldName, Text] = Field(default_factory=dict)
    """Values of the fields that questions name or raters see, as in ``{"concept": "weddings"}``. (rater)"""

    @model_validator(mode="before")
    @classmethod
    def _write_prompt(cls, given: Any) -> Any:
        return with_prompt(given)

    @model_validator(mode="after")
    def _turns_are_a_conversation(self) -> Self:
        require_turns(self.prompt, self.turns)
        return self

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts of the trial, from left to right."""
        return (self.text, *self.other_texts)

    @property
    def templates(self) -> dict[str, str | tuple[str, ...]]:
        """The texts that may name its fields, by the field of the study file; none without `fields`."""
        names = ("prompt", "text", "other_texts", "feedback")
        texts = {name: getattr(self, name, None) for name in names if self.fields}
        return {name: text for name, text in texts.items() if text is not None}

    @property
    def filled(self) -> Self:
        """The trial as raters see it."""
        update = fill_all(self.templates, self.fields)
        if self.turns and "prompt" in update:
            update["turns"] = tuple(Turn(*turn) for turn in read_transcript(update["prompt"]))
        return self.model_copy(update=update)


class Practice(_AuthoredTrial):
    """A practice trial."""

    accepted: dict[Name, Accepted] = Field(default_factory=dict)
    """The lowest and the highest correct answer, by dimension, as in ``{"happiness": (4, 5)}``; every answer
    is correct on dimensions that are not listed. (rater)"""
    feedback: Text | None = None
    """Feedback after the answer, in Markdown. (rater)"""


class AttentionCheck(_AuthoredTrial):
    """A trial with a known answer: an instruction ("choose 5"), or a text with an obvious rating."""

    kind: Literal["authored"] = "authored"
    accepted: Annotated[dict[Name, Accepted], Field(min_length=1)]
    """The lowest and the highest answer that pass, by dimension, as in ``{"happiness": (5, 5)}``.
    (experimenter)"""

    @property
    def passing(self) -> dict[str, tuple[float, float]]:
        """The answers that pass, by dimension."""
        return self.accepted


class ShuffledWords(Declaration):
    """An attention check with the words of a completion in random order, for studies that rate fluency."""

    kind: Literal["shuffled"] = "shuffled"
    dimension: Name
    """The dimension that rates fluency. (experimenter)"""
    accepted: Accepted
    """The lowest and the highest answer that pass: those for a text without meaning, as in ``(1, 2)``.
    (experimenter)"""

    @property
    def passing(self) -> dict[str, tuple[float, float]]:
        """The answers that pass, by dimension."""
        return {self.dimension: self.accepted}


def _which_check(value: object) -> str | None:
    kind = value.get("kind", "authored") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if kind in CHECK_KINDS else None


CHECK_KINDS = frozenset({"authored", "shuffled"})
"""Tags that pydantic adds to the place of a value, for the class of check that it chose."""

DeclaredCheck = Annotated[
    Annotated[AttentionCheck, Tag("authored")] | Annotated[ShuffledWords, Tag("shuffled")],
    Discriminator(
        _which_check,
        custom_error_type="not_a_check",
        custom_error_message="an AttentionCheck(…) or a ShuffledWords(…)",
    ),
]


class CheckRule(Declaration):
    """The rule by which raters fail the attention checks, and how many of them are replaced.

    It reads no answer to a rated text. The analysis excludes raters by `analysis.exclusions` alone.
    """

    max_failed: Annotated[int, Field(ge=0)] = 0
    """Number of attention checks that a rater may fail. (experimenter)"""
    max_replaced: Annotated[int, Field(ge=0)] = 0
    """Number of raters of the study who are replaced because they failed more. (experimenter)"""

    def is_failed(self, n_checks: int, n_passed: int) -> bool:
        """Return whether a rater who passed some of the attention checks fails by this rule."""
        return n_checks - n_passed > self.max_failed


Answered = Mapping[str, float | None]
"""The answers to a text, by dimension; None for "cannot judge"."""


@dataclass(frozen=True)
class PracticeScore:
    """The result of the practice trials."""

    n_right: int
    n_needed: int
    """0 without a pass mark."""

    @property
    def has_passed(self) -> bool:
        """True if enough answers are correct."""
        return self.n_right >= self.n_needed


def mark(practice: Sequence[Practice], answered: Sequence[Answered], *, needed: int | None) -> PracticeScore:
    """Score the practice trials; `needed` is the pass mark, None for no pass mark.

    For raters who are asked one of several dimensions, the pass mark is at most the number of practice trials
    with correct answers on that dimension.
    """
    results = [
        is_right(each, answers)
        for each, answers in zip(practice, answered, strict=True)
        if not each.accepted.keys().isdisjoint(answers)
    ]
    return PracticeScore(n_right=sum(results), n_needed=min(needed or 0, len(results)))


def is_right(practice: Practice, answered: Answered) -> bool:
    """Return whether all answers to a practice trial are correct."""
    return all(
        is_within(answered[name], ends) for name, ends in practice.accepted.items() if name in answered
    )


def is_within(value: float | None, ends: tuple[float, float]) -> bool:
    """Return whether an answer is given and lies in a closed range."""
    return value is not None and ends[0] <= value <= ends[1]
