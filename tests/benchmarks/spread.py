"""Measure level and coverage of the ratio of standard deviations of `rater.analysis.variability`.

Run: python tests/benchmarks/spread.py [N]. Answers come from the crossed model on the logit scale (SDs: rater
1, prompt .8, rater × arm and prompt × arm .5, text .5) with errors × 1 or × 2 in the first arm.
"""

import sys

import numpy as np

from rater.analysis.contrast_data import Ratings
from rater.analysis.results import NotEstimable, Result
from rater.analysis.variability import compare_spread
from rater.study.dimension import Dimension
from rater.study.scales import Likert

JUDGED = Dimension(name="happiness", question="How happy?", scale=Likert(low="not", high="very"))
CUTS = {"middle": (-2.0, -0.7, 0.7, 2.0), "floor": (2.0, 3.0, 4.0, 5.0), "line": ()}
DESIGNS = ((4, 8, 0.0), (6, 12, 0.0), (12, 12, 0.0), (12, 30, 0.2), (30, 12, 0.0))


def make(
    rng: np.random.Generator,
    n_raters: int,
    n_prompts: int,
    *,
    factor: float,
    cuts: tuple[float, ...],
    missing: float,
) -> Ratings:
    """Draw the answers of a study, two texts of each arm a prompt, of which a share is missing."""
    rater, prompt, arm, text = (axis.ravel() for axis in np.indices((n_raters, n_prompts, 2, 2)))
    slopes = rng.normal(0, 0.5, n_raters)[rater] + rng.normal(0, 0.5, n_prompts)[prompt]
    felt = rng.normal(0, 1.0, n_raters)[rater] + rng.normal(0, 0.8, n_prompts)[prompt]
    felt = (
        felt
        + np.where(arm == 0, 0.5, -0.5) * slopes
        + rng.normal(0, 0.5, (n_prompts, 2, 2))[prompt, arm, text]
    )
    felt = felt + rng.logistic(size=rater.size) * np.where(arm == 0, factor, 1.0)
    answer = np.searchsorted(np.array(cuts), felt) + 1.0 if cuts else felt
    kept = rng.random(rater.size) >= missing
    item = prompt * 4 + arm * 2 + text
    return Ratings(("s", "u"), rater[kept], prompt[kept], item[kept], (arm == 0)[kept], answer[kept])


def test(ratings: Ratings) -> Result | NotEstimable:
    """Test the ratio of the standard deviations."""
    nothing = NotEstimable(test="none", score="answers", reason="not needed", n=ratings.count())
    return compare_spread(ratings, JUDGED, nothing, alpha=0.05).log_ratio


if __name__ == "__main__":
    n_simulations = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    print("scale   errors  raters × prompts  missing  covers  p < .05")
    for name, cuts in CUTS.items():
        for factor in (1.0, 2.0):
            rng = np.random.default_rng(9)
            large = [
                test(make(rng, 300, 300, factor=factor, cuts=cuts, missing=0)).estimate for _ in range(6)
            ]
            true = 0.0 if factor == 1 else float(np.mean([each or 0.0 for each in large]))
            for n_raters, n_prompts, missing in DESIGNS:
                rng = np.random.default_rng(1)
                found = [
                    test(make(rng, n_raters, n_prompts, factor=factor, cuts=cuts, missing=missing))
                    for _ in range(n_simulations)
                ]
                made = [each for each in found if isinstance(each, Result) and each.interval]
                covers = np.mean(
                    [each.interval.low <= true <= each.interval.high for each in made if each.interval]
                )
                rejects = np.mean([each.rejects(0.05) for each in made])
                design = f"{name:7} × {factor:.0f}     {n_raters:2} × {n_prompts:2}  {missing:.0%}"
                print(f"{design}  {covers:.3f}  {rejects:.3f}", flush=True)
