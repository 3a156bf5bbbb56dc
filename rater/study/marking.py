"""Mark practice: whether an answer is right, and whether enough of a rater's answers are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rater.study.asides import Practice

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
