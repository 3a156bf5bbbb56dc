"""The plan and the design: who rates how much, and what each booklet contains.

A booklet consists of *sets*. A set contains, for one prompt, one completion of each arm or, if trials show
several texts, the trials of a balanced block design: one pair of each two arms, or one trial of all arms
(`rater.study.block_designs`). Each rater therefore sees all arms equally often within each prompt, as a test
on rater × prompt cells requires.

With ``arms_per_prompt="one"`` a set is one completion of one arm, and no rater sees a prompt twice: raters
cannot compare the arms of a prompt. The raters of a prompt are divided evenly between its arms, by chance.
The planned test is then a linear mixed model of all answers.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from rater.study.block_designs import SAMPLES_PER_TRIANGLE, block_rounds, triangles
from rater.study.declaration import Declaration, InOrder
from rater.study.practice_and_checks import DeclaredCheck

Asking = Literal["together", "blocks", "one_per_rater"]
ArmsPerPrompt = Literal["all", "one"]


class Plan(Declaration):
    """The number of raters, the number of texts per rater, and the arrangement of questions."""

    raters: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Number of planned raters, one booklet each; by default 12. (experimenter)"""
    ratings_per_item: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Number of ratings per text, which determines the number of raters. (experimenter)"""
    items_per_rater: Annotated[int, Field(ge=1, le=1_000)] | None = None
    """Number of trials per rater, without repeats and attention checks; by default one set of each prompt:
    one text of each arm, one pair of each two arms, or one trial of all arms. (experimenter)"""
    asking: Asking = "together"
    """Arrangement of several dimensions: all under each text, one per block of texts, or one per rater.
    (experimenter)"""
    arms_per_prompt: ArmsPerPrompt = "all"
    """Arms of a prompt that a rater sees: "all", equally often, so that the arms are compared within rater
    and prompt; or "one", drawn at random, where seeing two arms of a prompt would reveal or change something.
    The test is then a linear mixed model of all answers. (experimenter)"""
    repeats: Annotated[int, Field(ge=0, le=100)] = 0
    """Number of trials per rater that are shown twice, for test–retest reliability. (experimenter)"""
    checks: Annotated[tuple[DeclaredCheck, ...], Field(max_length=20), InOrder] = ()
    """Attention checks; each booklet contains all of them. (experimenter)"""


def set_size(
    n_arms: int, n_texts: int, *, arms_per_prompt: ArmsPerPrompt = "all", has_odd_text: bool = False
) -> int:
    """Return the number of trials of a set: one, or one for each arm, or the blocks of a balanced design.

    With an odd text, it is two for each two arms.

    Raises:
        ValueError: If there are fewer arms than texts in a trial.
    """
    if has_odd_text:
        return len(triangles(n_arms))
    return 1 if arms_per_prompt == "one" else sum(map(len, block_rounds(n_arms, n_texts)))


@dataclass(frozen=True)
class Design:
    """The numbers that determine the booklets."""

    n_raters: int
    items_per_rater: int
    """Trials per booklet, without repeats and attention checks."""
    n_prompts: int
    n_arms: int
    n_samples: int
    n_texts: int = 1
    """Texts per trial, each of another arm, unless one is odd."""
    n_dimensions: int = 1
    asking: Asking = "together"
    n_repeats: int = 0
    n_checks: int = 0
    arms_per_prompt: ArmsPerPrompt = "all"
    has_odd_text: bool = False
    """True if one text of a trial is of one arm, and the others are of another arm."""

    def __post_init__(self) -> None:
        """Validate that balanced booklets exist.

        Raises:
            ValueError: If a booklet cannot contain whole sets, would contain a text twice, or has too many
                repeats.
        """
        if self.has_odd_text and (not self.n_samples or self.n_samples % self.samples_per_set):
            n = self.samples_per_set
            msg = (
                f"sampling.samples_per_prompt is {self.n_samples}, but the texts of an OddOneOut trial are "
                f"different samples of a prompt, and each two of {self.n_arms} arms have texts of their own; "
                f"valid: a multiple of {n}, such as {n}"
            )
            raise ValueError(msg)
        unit = self.set_size * self.n_blocks
        maximum = self.max_sets // self.n_blocks * unit
        if maximum == 0:
            msg = self._too_few_samples
            raise ValueError(msg)
        if self.items_per_rater % unit or not 0 < self.items_per_rater <= maximum:
            nearby = min(max(unit, self.items_per_rater // unit * unit), maximum)
            msg = (
                f"plan.items_per_rater is {self.items_per_rater}, but a rater sees {self._balance_rule}; "
                f"valid: a multiple of {unit} up to {maximum}, such as {nearby}"
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
    def _balance_rule(self) -> str:
        """Return the balance that each booklet must have, for an error message."""
        in_each_block = f" in each of {self.n_blocks} blocks" if self.n_blocks > 1 else ""
        if self.arms_per_prompt == "one":
            return f"equally many prompts{in_each_block} and no prompt twice"
        if self.has_odd_text:
            what = "each two arms equally often, and each of the two equally often as the odd one"
        elif self.n_texts == 1:
            what = f"each of the {self.n_arms} arms equally often"
        elif self.n_texts == self.n_arms:
            what = f"all {self.n_arms} arms in each trial, equally many trials"
        else:
            what = f"each of the {self.set_size} {self._groups} equally often"
        return f"{what}{in_each_block} and no text twice"

    @property
    def _too_few_samples(self) -> str:
        """Return why no booklet is possible: each set takes its samples from one prompt."""
        if self.arms_per_prompt == "one":
            return (
                f"prompts has {self.n_prompts}, but a rater sees each in one arm and one dimension; "
                f"valid: at least {self.n_blocks}"
            )
        least = self.samples_per_set * -(-self.n_blocks // self.n_prompts)
        more_prompts = ", or more prompts" if self.n_blocks > 1 else ""
        return (
            f"sampling.samples_per_prompt is {self.n_samples}, but a rater sees {self._balance_rule}, which "
            f"takes {least} samples of a prompt; valid: at least {least}{more_prompts}"
        )

    @property
    def _groups(self) -> str:
        return "pairs of arms" if self.n_texts == 2 else f"groups of {self.n_texts} arms"

    @property
    def set_size(self) -> int:
        """The number of trials in a set."""
        return set_size(
            self.n_arms,
            self.n_texts,
            arms_per_prompt=self.arms_per_prompt,
            has_odd_text=self.has_odd_text,
        )

    @property
    def samples_per_set(self) -> int:
        """The number of samples of a prompt in a set: the rounds of the block design, or three for each."""
        if self.has_odd_text:
            return SAMPLES_PER_TRIANGLE * len(block_rounds(self.n_arms, 2))
        return len(block_rounds(self.n_arms, self.n_texts))

    @property
    def max_sets_per_prompt(self) -> int:
        """The maximum number of sets of a prompt in a booklet that shows no text twice."""
        return 1 if self.arms_per_prompt == "one" else self.n_samples // self.samples_per_set

    @property
    def max_sets(self) -> int:
        """The maximum number of sets in a booklet."""
        return self.n_prompts * self.max_sets_per_prompt

    @property
    def n_blocks(self) -> int:
        """The number of blocks of trials, which ask one dimension each; 1 if there are no blocks."""
        return self.n_dimensions if self.asking == "blocks" else 1

    @property
    def sets_per_rater(self) -> int:
        """The number of sets in a booklet."""
        return self.items_per_rater // self.set_size

    @property
    def trials_per_rater(self) -> int:
        """The number of trials in a booklet, with repeats and attention checks."""
        return self.items_per_rater + self.n_repeats + self.n_checks

    @property
    def n_completions(self) -> int:
        """The number of completions."""
        return self.n_prompts * self.n_arms * self.n_samples

    @property
    def answers_per_trial(self) -> int:
        """The number of dimensions that a trial asks."""
        return self.n_dimensions if self.asking == "together" else 1

    @property
    def answers_per_rater(self) -> int:
        """The number of answers in a complete booklet, with repeats and attention checks."""
        return self.trials_per_rater * self.answers_per_trial

    @property
    def ratings_per_item(self) -> float:
        """The mean number of times that each completion is shown, without repeats."""
        return self.n_raters * self.items_per_rater * self.n_texts / self.n_completions
