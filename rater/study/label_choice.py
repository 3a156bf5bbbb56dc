"""A choice among labels, such as the concept that a text was pushed towards.

Each rater sees the options in an order of their own, on all of their trials. It is computed from the
id of the rater, which the web process knows, so that a page that is loaded again is the same, and the
analysis can compute the order again.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Discriminator, Field, PrivateAttr, Tag, model_validator

from rater.study.declaration import InOrder, Label, require_different
from rater.study.scale import AnswerScale, Choice, StudyScale, Widget

CONCEPTS: Literal["concepts"] = "concepts"
"""The value of `options` that names the concepts of the study."""
NONE_VALUE = 0
"""The answer "none of these"; the options are 1, 2, …"""
OPTION_TAGS = frozenset({"option_list", "option_source"})
"""Tags that pydantic adds to the place of a value in `options`."""


def shuffled_places(rater: str, n: int) -> tuple[int, ...]:
    """Return the indices of ``n`` options in the order in which a rater sees them.

    Options are sorted by the SHA-256 of the id of the rater and the index, so that every order is as likely.
    """
    keys = [hashlib.sha256(f"{rater}\n{index}".encode()).digest() for index in range(n)]
    return tuple(sorted(range(n), key=keys.__getitem__))


SEPARATOR = " | "
"""The separator of labels in a column of tables."""


@dataclass(frozen=True)
class TargetScore(AnswerScale):
    """The score of a choice among labels: 1 if the target was chosen, 0 otherwise."""

    answer_unit: ClassVar[str] = "proportion of target choices"
    analysed_as: ClassVar[str] = "label_choices"

    options: tuple[str, ...]
    """The labels in the order of the study."""
    none: str | None = None
    """The label of "none of these", which is never the target."""

    @property
    def levels(self) -> Sequence[Choice]:
        """The two scores."""
        return [Choice(0, "another answer", "0"), Choice(1, "the target", "1")]

    @property
    def lowest(self) -> float:
        """The score of any answer but the target."""
        return 0.0

    @property
    def highest(self) -> float:
        """The score of the target."""
        return 1.0

    @property
    def chance(self) -> float:
        """The probability of the target for raters who guess among the options."""
        return 1 / len(self.options)

    def is_valid(self, value: float) -> bool:
        """Return whether a value is 0 or 1."""
        return value in (0, 1)

    def describe_values(self) -> str:
        """Return the meaning of the two scores."""
        return "1 if the target was chosen, 0 otherwise"


def _which_options(value: object) -> str:
    return "option_source" if isinstance(value, str) else "option_list"


class Choose(StudyScale):
    """A choice among labels, of which one is correct for each text: its target.

    The target is the concept of the text, or an option that `AnalysisPlan.targets` names for its arm.
    """

    widget: ClassVar[Widget] = "labels"
    is_ordered: ClassVar[bool] = False
    has_target: ClassVar[bool] = True

    kind: Literal["choose"] = "choose"
    options: Annotated[
        Annotated[tuple[Label, ...], Field(min_length=2, max_length=12), InOrder, Tag("option_list")]
        | Annotated[Literal["concepts"], Tag("option_source")],
        Discriminator(_which_options),
    ]
    """The labels, 2 to 12, or "concepts" for the concepts of the study; each rater sees them in an order of
    their own. (rater)"""
    none: Label | None = None
    """Label of the answer "none of these", which is always shown last; None to require a choice. (rater)"""

    _shown: tuple[int, ...] | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _options_are_labels(self) -> Self:
        if self.options == CONCEPTS:
            return self
        require_different("options", self.options, "give each option its own label")
        if self.none in self.options:
            msg = f"none is {self.none!r}, which is an option; give it another label"
            raise ValueError(msg)
        for place, label in [
            *((f"options[{i}]", each) for i, each in enumerate(self.options)),
            ("none", self.none),
        ]:
            if label is not None and set("{}|") & set(label):
                msg = f"{place} is {label!r}; valid: a label without braces and |"
                raise ValueError(msg)
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """The options in the order of the study; none before the concepts of a study are known."""
        return () if self.options == CONCEPTS else self.options

    @property
    def target_labels(self) -> Sequence[str]:
        """The options in the order of the study."""
        return self.labels

    @property
    def chance(self) -> float:
        """The probability of the target for raters who guess among the options."""
        return 1 / max(len(self.labels), 1)

    @property
    def choices(self) -> Sequence[Choice]:
        """The options in the order shown, with their numbers in the study; "none of these" is last."""
        places = self._shown or range(len(self.labels))
        shown = [(index + 1, self.labels[index]) for index in places]
        shown += [] if self.none is None else [(NONE_VALUE, self.none)]
        return [Choice(value, label, str(place)) for place, (value, label) in enumerate(shown, start=1)]

    @property
    def lowest(self) -> float:
        """The number of the first option, or that of "none of these"."""
        return float(NONE_VALUE if self.none is not None else 1)

    @property
    def highest(self) -> float:
        """The number of the last option."""
        return float(len(self.labels))

    @property
    def scored(self) -> TargetScore:
        """The score that is analysed: whether the target was chosen."""
        return TargetScore(self.labels, self.none)

    def shown_to(self, rater: str) -> Self:
        """Return the scale with its options in the order of a rater."""
        shown = self.model_copy()
        # the order does not belong to the declaration
        shown._shown = shuffled_places(rater, len(self.labels))  # noqa: SLF001
        return shown

    def list_shown(self, rater: str) -> str:
        """Return the labels in the order in which a rater sees them, for tables."""
        return SEPARATOR.join(choice.label for choice in self.shown_to(rater).choices)

    def answer(self, label: str) -> tuple[float, float]:
        """Return an option as the only correct answer, for `accepted` of practice and attention checks.

        Raises:
            ValueError: If there is no such option.
        """
        for choice in self.choices:
            if choice.label == label:
                return float(choice.value), float(choice.value)
        valid = (
            ", ".join(repr(choice.label) for choice in self.choices) or "none, because options is 'concepts'"
        )
        msg = f"{label!r} is not an option; valid: {valid}"
        raise ValueError(msg)

    def name_value(self, value: float) -> str:
        """Return the label of an answer."""
        return next((choice.label for choice in self.choices if choice.value == value), f"{value:g}")

    def describe_order(self) -> str:
        """Return that the options have an order of each rater's own."""
        return "Each rater sees the options in an order of their own."

    def describe(self) -> str:
        """Return the options, and how they are ordered."""
        none = "" if self.none is None else f", or “{self.none}”"
        listed = ", ".join(f"“{label}”" for label in self.labels)
        return f"a choice among {listed}{none}, in an order of each rater's own"

    def describe_values(self) -> str:
        """Return the options with their numbers."""
        named = [f"{number} {label}" for number, label in enumerate(self.labels, start=1)]
        named += [] if self.none is None else [f"{NONE_VALUE} {self.none}"]
        return f"options {', '.join(named)}"


def require_as_many_options(place: str, scale: StudyScale, options: Sequence[str] | None) -> None:
    """Refuse translated options that are not as many as those of the study.

    Raises:
        ValueError: If they are more or fewer.
    """
    n = len(scale.target_labels)
    if options is not None and len(options) != n:
        msg = f"{place}.options has {len(options)}, but the study has {n}; give as many, in the same order"
        raise ValueError(msg)
