"""Composite scores: one number from the answers of a rater about a text on several dimensions.

A composite is computed within an answer, never from means: the mean of minima is not the minimum of means.
The harmonic mean is 0 if a part is 0, as in AxBench (Wu et al. 2025, arXiv 2501.17148).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from pydantic import Field

from rater.errors import nearest
from rater.study.declaration import Declaration, InOrder, Name, require_different
from rater.study.scales import AnswerScale, RangeScale

CompositeRule = Literal["harmonic_mean", "minimum", "mean"]
RULES: dict[CompositeRule, str] = {
    "harmonic_mean": "harmonic mean",
    "minimum": "minimum",
    "mean": "mean",
}
"""The rules in words."""


class Composite(Declaration):
    """A score that combines the answers of a rater about a text on several dimensions."""

    name: Name
    """Name of the score, which `primary` may be. (experimenter)"""
    of: Annotated[tuple[Name, ...], Field(min_length=2), InOrder]
    """Dimensions that are combined; if one has no answer, the score is missing. (experimenter)"""
    by: CompositeRule
    """Rule: "harmonic_mean" (0 if any part is 0), "minimum" or "mean". (experimenter)"""


@dataclass(frozen=True)
class CompositeScale(RangeScale):
    """The range of a composite score, which is that of its parts."""

    rule: CompositeRule
    of: tuple[str, ...]


@dataclass(frozen=True)
class CompositeScore:
    """A composite score as a dimension of the analysis."""

    name: str
    question: str
    """The rule and the parts, in words."""
    scale: CompositeScale


class Part(Protocol):
    """A dimension of a study, or of external ratings."""

    @property
    def name(self) -> str:
        """The name of the dimension."""

    @property
    def scale(self) -> AnswerScale:
        """Its scale."""


def make_composite(
    name: str, rule: CompositeRule, of: Sequence[str], dimensions: Sequence[Part]
) -> CompositeScore:
    """Return a composite score of some of the dimensions.

    Raises:
        ValueError: If the name is taken, a part is unknown or named twice, texts are chosen between, the
            scales differ, or the rule makes no sense on them.
    """
    known = {each.name: each for each in dimensions}
    if name in known:
        msg = f"the composite {name!r} has the name of a dimension; give it another name"
        raise ValueError(msg)
    require_different(f"of ({name!r})", of, "name each dimension once")
    for part in of:
        _require_part(name, part, known)
    first, *others = (known[part] for part in of)
    if first.scale.n_texts > 1:
        msg = f"the composite {name!r} combines answers about one text, but {first.name!r} compares texts"
        raise ValueError(msg)
    low, high = first.scale.lowest, first.scale.highest
    for other in others:
        if (other.scale.lowest, other.scale.highest) != (low, high):
            ends = f"{other.scale.lowest:g} to {other.scale.highest:g}"
            msg = (
                f"the composite {name!r} has parts on different scales: {first.name!r} from {low:g} to "
                f"{high:g}, {other.name!r} from {ends}; give all parts one scale"
            )
            raise ValueError(msg)
    if rule == "harmonic_mean" and low < 0:
        msg = (
            f"the composite {name!r} is a harmonic mean, which needs answers from 0 upwards, but the scale "
            f"of {first.name!r} begins at {low:g}; valid: by='minimum' or 'mean', or a scale from 0"
        )
        raise ValueError(msg)
    question = f"{RULES[rule]} of {', '.join(of[:-1])} and {of[-1]}, within each answer"
    return CompositeScore(name, question, CompositeScale(float(low), float(high), rule, tuple(of)))


def _require_part(name: str, part: str, known: Mapping[str, Part]) -> None:
    if part not in known:
        msg = f"the composite {name!r} has an unknown part {part!r}.{nearest(part, known)}"
        raise ValueError(msg)
    if known[part].scale.chance is not None:
        msg = f"the composite {name!r} combines numbers, but {part!r} is a choice among labels"
        raise ValueError(msg)


def make_composites(declared: Sequence[Composite], dimensions: Sequence[Part]) -> tuple[CompositeScore, ...]:
    """Return the declared composite scores.

    Raises:
        ValueError: If one does not fit the dimensions, or two have one name.
    """
    require_different("composites", (each.name for each in declared), "give each its own name")
    return tuple(make_composite(each.name, each.by, each.of, dimensions) for each in declared)
