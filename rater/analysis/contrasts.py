"""Compare more than two arms: every other arm with the control, and the trend over doses.

The control is the second arm of the planned contrast. The contrasts with it are one family, adjusted by
Holm's method; the trend is one test of its own (STATISTICS.md section 10).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rater.analysis.crossed import About, CellScores, crossed_t
from rater.analysis.multiple import holm
from rater.analysis.ratings import cell_codes
from rater.analysis.results import Counts, NotEstimable, Outcome, Result

TREND = "linear trend over doses"


@dataclass(frozen=True)
class ArmContrast:
    """One arm against the control."""

    arm: str
    control: str
    dose: float | None
    outcome: Outcome
    p_adjusted: float | None
    """p after Holm, among the contrasts that have one."""


def compare_with_control(
    frame: pd.DataFrame,
    dimension: str,
    control: str,
    *,
    doses: Mapping[str, float],
    test: Callable[[tuple[str, str]], Outcome],
) -> tuple[ArmContrast, ...]:
    """Compare every other arm that has answers with the control by a test, in the order of doses."""
    present = set(frame.loc[frame["dimension"] == dimension, "arm"]) - {control}
    arms = sorted(present, key=lambda arm: (doses.get(arm, np.inf), arm))
    outcomes = [test((arm, control)) for arm in arms]
    adjusted = adjust(outcomes)
    return tuple(
        ArmContrast(arm, control, doses.get(arm), outcome, p)
        for arm, outcome, p in zip(arms, outcomes, adjusted, strict=True)
    )


def adjust(outcomes: list[Outcome]) -> list[float | None]:
    """Adjust the p-values of a family by Holm's method; what could not be tested has none and counts none."""
    adjusted = iter(holm([outcome.p for outcome in outcomes if isinstance(outcome, Result)]))
    return [next(adjusted) if isinstance(outcome, Result) else None for outcome in outcomes]


def linear_trend(frame: pd.DataFrame, dimension: str, doses: Mapping[str, float], *, alpha: float) -> Outcome:
    """Test the mean slope of the answers on the dose, in scale points a unit of dose.

    Each rater × prompt cell with answers at two doses or more gives its least-squares slope, sum (d − d̄)(y −
    ȳ) / sum (d − d̄)², which weighs sum (d − d̄)² in the two-way t: a rater's and a prompt's own level never
    enters, and the false-positive rate is that of the primary test.
    """
    scores = _slopes(frame[(frame["dimension"] == dimension) & frame["arm"].isin(list(doses))], doses)
    if not scores.values.size:
        reason = "no rater has answered texts of the same prompt at two doses"
        return NotEstimable(test=TREND, score="scale_points", reason=reason, n=scores.n)
    estimand = "how many scale points the mean answer rises for each unit of dose"
    return crossed_t(scores, About(TREND, estimand, "scale_points", "slope"), alpha=alpha)


def _slopes(rows: pd.DataFrame, doses: Mapping[str, float]) -> CellScores:
    """Fit each cell's least-squares slope; cells with answers at one dose only have none."""
    rater, prompt = (pd.factorize(rows[column], sort=True)[0] for column in ("rater", "prompt"))
    dose = rows["arm"].map(dict(doses)).to_numpy(dtype=np.float64)
    answer = rows["answer"].to_numpy(dtype=np.float64)
    codes, at, cell = np.unique(cell_codes(rater, prompt), return_index=True, return_inverse=True)
    size = np.bincount(cell, minlength=codes.size)
    centred = dose - (np.bincount(cell, weights=dose) / size)[cell]
    weight = np.bincount(cell, weights=centred**2, minlength=codes.size)
    used = weight > 1e-12
    slope = np.bincount(cell, weights=centred * answer, minlength=codes.size)[used] / weight[used]
    raters, rater = np.unique(rater[at][used], return_inverse=True)
    prompts, prompt = np.unique(prompt[at][used], return_inverse=True)
    n = Counts(
        raters=raters.size,
        prompts=prompts.size,
        items=rows["item"][used[cell]].nunique(),
        answers=int(used[cell].sum()),
        cells=slope.size,
    )
    return CellScores(rater, prompt, slope, weight[used].astype(np.float64), n)
