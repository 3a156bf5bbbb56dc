"""Strengths of arms relative to the control, as models of choices and rankings report them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rater.analysis.intervals import percentile_interval, too_few_replicates
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
