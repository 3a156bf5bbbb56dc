"""Practice trials and attention checks, and scoring of practice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from rater.study.declaration import Declaration, InOrder, Name, Text


def _require_two_ends(value: object) -> object:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        msg = "the lowest and the highest answer, such as (4, 5)"
        raise ValueError(msg)
    return value


def _require_range(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        msg = f"a range from {value[0]:g} to {value[1]:g} holds nothing; the lower end comes first"
        raise ValueError(msg)
    return value


Accepted = Annotated[
    tuple[float, float], InOrder, BeforeValidator(_require_two_ends), AfterValidator(_require_range)
]
"""The lowest and the highest answer that counts as right."""


PRACTICE_ATTEMPTS = 2
"""How often a rater may go through the practice texts, where the study sets a pass mark."""


class Practice(Declaration):
    """A text that raters try the scale on before the first trial."""

    prompt: Text
    """What the text continues. (rater)"""
    text: Text
    """The text; the left one of a pair. (rater)"""
    other_text: Text | None = None
    """The right one of a pair, where the study shows two texts together. (rater)"""
    accepted: dict[Name, Accepted] = Field(default_factory=dict)
    """The answers that count as right, from the lowest to the highest, by dimension, as in
    ``{"happiness": (4, 5)}``; none is wrong where nothing is said. (rater)"""
    feedback: Text | None = None
    """What is said after it was answered, in Markdown. (rater)"""


class AttentionCheck(Declaration):
    """A trial with a known answer that looks like any other: an instruction, or a text anybody can rate."""

    kind: Literal["authored"] = "authored"
    prompt: Text
    """What the text continues. (rater)"""
    text: Text
    """The text; the left one of a pair. (rater)"""
    other_text: Text | None = None
    """The right one of a pair, where the study shows two texts together. (rater)"""
    accepted: Annotated[dict[Name, Accepted], Field(min_length=1)]
    """The lowest and the highest answer that pass, by dimension, as in ``{"happiness": (5, 5)}``.
    (experimenter)"""

    @property
    def passing(self) -> dict[str, tuple[float, float]]:
        """The answers that pass, by dimension."""
        return self.accepted


class ShuffledWords(Declaration):
    """A completion with its words in random order, as a check where raters judge how well a text reads."""

    kind: Literal["shuffled"] = "shuffled"
    dimension: Name
    """The dimension that says how fluent a text is. (experimenter)"""
    accepted: Accepted
    """The lowest and the highest answer that pass: those for a text that makes no sense, as in ``(1, 2)``.
    (experimenter)"""

    @property
    def passing(self) -> dict[str, tuple[float, float]]:
        """The answers that pass, by dimension."""
        return {self.dimension: self.accepted}


def _which_check(value: object) -> str | None:
    kind = value.get("kind", "authored") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if kind in CHECK_KINDS else None


CHECK_KINDS = frozenset({"authored", "shuffled"})
"""What pydantic adds to a place in a study to say which kind of check it took the value for."""

Check = Annotated[
    Annotated[AttentionCheck, Tag("authored")] | Annotated[ShuffledWords, Tag("shuffled")],
    Discriminator(
        _which_check,
        custom_error_type="not_a_check",
        custom_error_message="an AttentionCheck(…) or a ShuffledWords(…)",
    ),
]


Answered = Mapping[str, float | None]
"""What was answered on a text, by the dimensions that were asked; None where a rater cannot judge."""


@dataclass(frozen=True)
class Mark:
    """How a practice went."""

    n_right: int
    n_needed: int
    """0 where nothing has to be right."""

    @property
    def has_passed(self) -> bool:
        """Whether enough was right."""
        return self.n_right >= self.n_needed


def mark(practice: Sequence[Practice], answered: Sequence[Answered], *, needed: int | None) -> Mark:
    """Mark a whole practice, of which so many texts must be answered rightly; None for none.

    Who is asked one dimension of several needs no more of them than say which answers to that are right.
    """
    said = [
        is_right(each, given)
        for each, given in zip(practice, answered, strict=True)
        if not each.accepted.keys().isdisjoint(given)
    ]
    return Mark(n_right=sum(said), n_needed=min(needed or 0, len(said)))


def is_right(practice: Practice, answered: Answered) -> bool:
    """Say whether every answer given about a practice text is among those accepted."""
    return all(
        is_within(answered[name], ends) for name, ends in practice.accepted.items() if name in answered
    )


def is_within(value: float | None, ends: tuple[float, float]) -> bool:
    """Say whether an answer is one, and between two others or equal to one of them."""
    return value is not None and ends[0] <= value <= ends[1]
