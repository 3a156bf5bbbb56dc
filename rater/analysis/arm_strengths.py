"""Strengths of arms relative to the control, as models of choices and rankings report them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from rater.analysis.intervals import (
    ProgressCallback,
    draw,
    n_replicates,
    percentile_interval,
    too_few_replicates,
)
from rater.analysis.results import Counts, Estimate, Quantity

Floats = NDArray[np.float64]

NO_INTERVAL = "no interval: too few raters or prompts, or too few wins and losses, to resample"


@dataclass(frozen=True)
class ArmStrength:
    """The strength of an arm relative to the control."""

    arm: str
    log_strength: Quantity
    """The log odds that its text is preferred to the control's, where one of them is."""
    beats_control: Quantity
    """The share of choices against the control that it would win, neither counting as half."""


@dataclass(frozen=True, kw_only=True)
class ArmRanking:
    """All arms that met, from the strongest to the weakest."""

    control: str
    arms: tuple[ArmStrength, ...]
    tie: Quantity | None = None
    """0 where there is never a tie, 2 where equal arms tie in half of their meetings; None if none did."""
    side: Quantity | None = None
    """The effect of the left side on the log odds of being preferred; None if sides are unknown."""
    n: Counts
    model: str
    """The name of the model."""
    method: str
    reference: str


@dataclass(frozen=True)
class Quantify:
    """Make a quantity of an estimate and its bootstrap replicates."""

    n: Counts
    alpha: float
    model: str
    reference: str

    def __call__(self, name: str, estimand: str, value: float, drawn: Sequence[Floats]) -> Quantity:
        """Return the estimate with the percentile interval of its replicates, where there are enough."""
        replicates = np.concatenate(drawn) if drawn else np.empty(0)
        interval = percentile_interval(replicates, self.alpha) if replicates.size else None
        why = too_few_replicates(replicates.size, self.alpha) if replicates.size else ""
        return Estimate(
            name=name,
            estimand=estimand,
            estimate=value,
            interval=interval,
            n=self.n,
            method=f"{self.model}; pigeonhole bootstrap over raters and prompts",
            reference=self.reference,
            warnings=() if interval else (why or NO_INTERVAL,),
            settings={"replicates": replicates.size},
        )


def resample_counts(
    counts: csr_array,
    shape: tuple[int, int, int],
    n: Counts,
    *,
    rng: np.random.Generator,
    progress: ProgressCallback | None,
) -> Iterator[Floats]:
    """Yield counts of bootstrap replicates, some at a time: (replicates, *shape[:2]).

    The pigeonhole bootstrap counts an answer as often as its rater was drawn times its prompt was drawn.

    Args:
        counts: The counts by kind of answer, outcome and prompt (rows) and rater (columns).
        shape: The numbers of kinds, outcomes and prompts.
        n: The numbers of raters and others.
        rng: What is drawn from.
        progress: Told how many of how many replicates are done.
    """
    n_rows = counts.shape[0]
    for draws in draw(
        rng,
        n_raters=n.raters,
        n_others=shape[2],
        replicates=n_replicates(2.0 * n_rows + counts.nnz),
        numbers=n_rows * 2,
        progress=progress,
    ):
        by_prompt = (counts @ draws.rater.T).reshape(*shape, -1)  # kind outcome prompt replicate
        drawn: Floats = np.einsum("kopb,bp->bko", by_prompt, draws.other, optimize=True)
        yield drawn
