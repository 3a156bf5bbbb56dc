"""The plan and the design: who rates how much, and what each booklet contains.

A booklet is made of *sets*. A set is, for one prompt, one completion of every arm or, where two texts are
shown together, one pair of every two arms; so each rater meets all arms equally often within each prompt,
which the primary test needs.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from rater.study.declaration import Declaration, InOrder
from rater.study.practice_and_checks import Check

Asking = Literal["together", "blocks", "one_per_rater"]


class Plan(Declaration):
    """How many raters are planned, how many texts each of them rates, and how they are asked."""

    raters: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How many booklets are dealt, one for each planned rater; by default 12. (experimenter)"""
    ratings_per_item: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How often each text is rated, from which the number of raters follows. (experimenter)"""
    items_per_rater: Annotated[int, Field(ge=1, le=1_000)] | None = None
    """How many trials a rater sees, without repeats and checks; by default one set of each prompt: one text
    of each arm, or one pair of each two arms. (experimenter)"""
    asking: Asking = "together"
    """How several dimensions are asked: under each text together, in blocks of texts, each with one of them,
    or each rater only one of them. (experimenter)"""
    repeats: Annotated[int, Field(ge=0, le=100)] = 0
    """How many of a rater's trials are shown a second time, for test and retest. (experimenter)"""
    checks: Annotated[tuple[Check, ...], Field(max_length=20), InOrder] = ()
    """Trials with known answers, one of each in every booklet. (experimenter)"""


def set_size(n_arms: int, *, is_pairwise: bool) -> int:
    """Return the number of trials of a set: one for each arm, or one for each pair of arms."""
    return n_arms * (n_arms - 1) // 2 if is_pairwise else n_arms


@dataclass(frozen=True)
class Design:
    """The counts that booklets are dealt from."""

    n_raters: int
    items_per_rater: int
    """Trials of a booklet, without repeats and checks."""
    n_prompts: int
    n_arms: int
    n_samples: int
    is_pairwise: bool = False
    n_dimensions: int = 1
    asking: Asking = "together"
    n_repeats: int = 0
    n_checks: int = 0

    def __post_init__(self) -> None:
        """Refuse counts that no balanced booklet has.

        Raises:
            ValueError: a booklet cannot hold whole sets, would need a text twice, or cannot repeat so many.
        """
        unit = self.set_size * self.n_blocks
        most = self.most_sets // self.n_blocks * unit
        if most == 0:
            msg = (
                f"sampling.samples_per_prompt is {self.n_samples}, but a rater needs {self.samples_per_set} "
                f"samples of a prompt for one set and {self.n_blocks} sets; raise it, or name more prompts"
            )
            raise ValueError(msg)
        if self.items_per_rater % unit or not 0 < self.items_per_rater <= most:
            nearby = min(max(unit, self.items_per_rater // unit * unit), most)
            msg = (
                f"plan.items_per_rater is {self.items_per_rater}, but a rater sees {self._equally} equally "
                f"often{self._in_each_block} and no text twice; valid: a multiple of {unit} up to {most}, "
                f"such as {nearby}"
            )
            raise ValueError(msg)
        if self.n_repeats > self.items_per_rater // 2:
            msg = (
                f"plan.repeats is {self.n_repeats}, but only the first half of a booklet's "
                f"{self.items_per_rater} trials can be shown again later; "
                f"valid: 0 to {self.items_per_rater // 2}"
            )
            raise ValueError(msg)

    @property
    def _equally(self) -> str:
        pairs = f"each of the {self.set_size} pairs of arms"
        return pairs if self.is_pairwise else f"each of the {self.n_arms} arms"

    @property
    def _in_each_block(self) -> str:
        return f" in each of {self.n_blocks} blocks" if self.n_blocks > 1 else ""

    @property
    def set_size(self) -> int:
        """The number of trials of a set."""
        return set_size(self.n_arms, is_pairwise=self.is_pairwise)

    @property
    def samples_per_set(self) -> int:
        """How many samples of a prompt a set needs: rounds of a round robin, if its arms meet in pairs."""
        if not self.is_pairwise:
            return 1
        return self.n_arms - 1 if self.n_arms % 2 == 0 else self.n_arms

    @property
    def most_sets(self) -> int:
        """How many sets a booklet can hold without showing a text twice."""
        return self.n_prompts * (self.n_samples // self.samples_per_set)

    @property
    def n_blocks(self) -> int:
        """How many runs of trials a booklet has, each asking one dimension; 1 if all are asked alike."""
        return self.n_dimensions if self.asking == "blocks" else 1

    @property
    def sets_per_rater(self) -> int:
        """How many sets a booklet holds."""
        return self.items_per_rater // self.set_size

    @property
    def trials_per_rater(self) -> int:
        """How many trials a booklet holds, with repeats and checks."""
        return self.items_per_rater + self.n_repeats + self.n_checks

    @property
    def n_completions(self) -> int:
        """How many completions there are to rate."""
        return self.n_prompts * self.n_arms * self.n_samples

    @property
    def answers_per_trial(self) -> int:
        """How many dimensions a trial asks."""
        return self.n_dimensions if self.asking == "together" else 1

    @property
    def answers_per_rater(self) -> int:
        """How many answers a finished booklet has, those to repeats and checks too."""
        return self.trials_per_rater * self.answers_per_trial

    @property
    def ratings_per_item(self) -> float:
        """How often each completion is shown on average, repeats aside."""
        shown = 2 if self.is_pairwise else 1
        return self.n_raters * self.items_per_rater * shown / self.n_completions
