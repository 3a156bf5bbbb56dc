"""Draw the answers of a study that was never held: who rates what is given, the effect is known.

The level that a rater feels is β x + a_r + a'_r x + b_p + b'_p x + c_i + e, with x = ±1/2 for the two arms,
all random effects normal and e logistic (STATISTICS.md section 2). Points of a scale cut it; a slider or a
number shows it between its ends; of two texts the higher is preferred, unless they are too near to another.

Planning a study and checking the tests (tests/benchmarks/validity.py) both draw from here.
"""

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rater.analysis.preferences import Preferred
from rater.analysis.ratings import Ratings

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Fixed: TypeAlias = Literal["nothing", "prompts", "prompts and items"]
"""What has an effect of exactly 0 on average over those that are there."""

CONTRAST = ("first", "second")
LOGISTIC_SD = math.pi / math.sqrt(3)
"""The standard deviation of what a rater feels about a text this time and not another time."""


@dataclass(frozen=True)
class Spread:
    """Standard deviations in logits; the defaults are those a careful planner assumes."""

    rater: float = 1.0
    prompt: float = 0.8
    item: float = 0.5
    rater_arm: float = 0.5
    """How much the effect differs between raters. A pilot estimates it badly: plan with at least 0.5."""
    prompt_arm: float = 0.5
    """How much the effect differs between prompts; as above."""

    @property
    def within_arm(self) -> float:
        """The standard deviation of a text's level within one arm, over raters, prompts and items."""
        slopes = (self.rater_arm**2 + self.prompt_arm**2) / 4
        return math.sqrt(self.rater**2 + self.prompt**2 + self.item**2 + slopes)

    @property
    def within_pair(self) -> float:
        """The standard deviation of the difference of two texts of one prompt in two arms."""
        return math.sqrt(self.rater_arm**2 + self.prompt_arm**2 + 2 * self.item**2)


@dataclass(frozen=True)
class Cuts:
    """A scale of points, numbered from 1: where the level is cut."""

    at: tuple[float, ...]

    def answer(self, level: Floats) -> Floats:
        """Turn levels into points."""
        return 1.0 + np.searchsorted(self.at, level).astype(np.float64)


@dataclass(frozen=True)
class Line:
    """A slider or a number: so many units a logit from its middle, and no further than its ends."""

    low: float
    high: float
    middle: float
    unit: float

    def answer(self, level: Floats) -> Floats:
        """Turn levels into numbers."""
        return np.clip(self.middle + self.unit * level, self.low, self.high)


@dataclass(frozen=True)
class Choice:
    """A choice between two texts: neither, where their levels differ by less than `tie`."""

    tie: float
    degrees: int = 1

    def answer(self, difference: Floats) -> Floats:
        """Turn differences of levels into choices; every further logit is a further degree."""
        strength = np.clip(1 + np.floor(np.abs(difference) - self.tie), 1, self.degrees)
        chosen = np.abs(difference) >= self.tie
        return np.where(chosen, np.sign(difference) * strength, 0.0)


Scale: TypeAlias = Cuts | Line | Choice


@dataclass(frozen=True)
class Trials:
    """Who will rate what, as codes from 0; arrays run over trials.

    A pair is told by its item of the first arm; its other item counts as ``other_item``.
    """

    rater: Codes
    prompt: Codes
    item: Codes
    is_first: NDArray[np.bool_]
    other_item: Codes | None = None
    place: Floats = field(default_factory=lambda: np.empty(0))
    """How far through its rater's booklet a trial stands, from 0 to below 1; empty where nobody leaves."""

    def take(self, keep: NDArray[np.bool_]) -> "Trials":
        """Keep some of the trials; codes stay as they are."""
        return Trials(
            rater=self.rater[keep],
            prompt=self.prompt[keep],
            item=self.item[keep],
            is_first=self.is_first[keep],
            other_item=None if self.other_item is None else self.other_item[keep],
            place=self.place[keep] if self.place.size else self.place,
        )


def crossed(n_raters: int, n_prompts: int, n_samples: int) -> Trials:
    """Let every rater rate every item: so many of each prompt and arm."""
    shape = (n_raters, n_prompts, 2, n_samples)
    rater, prompt, arm, sample = (axis.ravel() for axis in np.indices(shape))
    return Trials(rater, prompt, (prompt * 2 + arm) * n_samples + sample, arm == 0)


def leave_early(trials: Trials, share: float, rng: np.random.Generator) -> Trials:
    """Let a share of the raters, drawn at random, leave at any moment of their booklet."""
    if not share:
        return trials
    n_raters = int(trials.rater.max()) + 1
    leaves_at = np.where(rng.random(n_raters) < share, rng.random(n_raters), 1.0)
    return trials.take(trials.place < leaves_at[trials.rater])


def simulate(
    trials: Trials,
    *,
    effect: float,
    scale: Scale,
    rng: np.random.Generator,
    spread: Spread | None = None,
    fixed: Fixed = "nothing",
) -> Ratings | Preferred:
    """Draw the answers to trials; those of a `Choice` are preferences.

    Args:
        trials: Who rates what. For fixed items, a crossed design with an even number of prompts.
        effect: First arm minus second, in logits.
        scale: How levels become answers.
        rng: What is drawn from.
        spread: How much everything differs.
        fixed: Whether each prompt has a twin of the same level and the opposite effect (and its texts too),
            so that the effect averages exactly ``effect`` over the prompts (and texts) that are there.
    """
    effects = _draw(trials, spread or Spread(), fixed, rng)
    if trials.other_item is not None:
        assert isinstance(scale, Choice)  # noqa: S101 (the callers pair them)
        difference = (
            effect
            + effects.rater_arm[trials.rater]
            + effects.prompt_arm[trials.prompt]
            + effects.item[trials.item]
            - effects.item[trials.other_item]
            + rng.logistic(size=trials.rater.size)
        )
        pair = trials.item * (int(trials.other_item.max()) + 1) + trials.other_item
        return Preferred(CONTRAST, trials.rater, trials.prompt, pair, scale.answer(difference))
    x = np.where(trials.is_first, 0.5, -0.5)
    level = (
        (effect + effects.rater_arm[trials.rater] + effects.prompt_arm[trials.prompt]) * x
        + effects.rater[trials.rater]
        + effects.prompt[trials.prompt]
        + effects.item[trials.item]
        + rng.logistic(size=x.size)
    )
    answer = scale.answer(level)
    return Ratings(CONTRAST, trials.rater, trials.prompt, trials.item, trials.is_first, answer)


@dataclass(frozen=True)
class _Effects:
    rater: Floats
    rater_arm: Floats
    prompt: Floats
    prompt_arm: Floats
    item: Floats


def _draw(trials: Trials, sd: Spread, fixed: Fixed, rng: np.random.Generator) -> _Effects:
    others = trials.item if trials.other_item is None else trials.other_item
    n_raters, n_prompts, n_items = (
        int(max(codes.max(initial=0) for codes in of)) + 1
        for of in ((trials.rater,), (trials.prompt,), (trials.item, others))
    )
    prompt, prompt_arm = rng.normal(0, sd.prompt, n_prompts), rng.normal(0, sd.prompt_arm, n_prompts)
    item = rng.normal(0, sd.item, n_items)
    if fixed != "nothing":
        prompt[1::2], prompt_arm[1::2] = prompt[::2], -prompt_arm[::2]
    if fixed == "prompts and items":
        by_arm = item.reshape(n_prompts, 2, -1)  # prompt arm sample
        by_arm[1::2] = by_arm[::2, ::-1]
    return _Effects(
        rater=rng.normal(0, sd.rater, n_raters),
        rater_arm=rng.normal(0, sd.rater_arm, n_raters),
        prompt=prompt,
        prompt_arm=prompt_arm,
        item=item,
    )
