"""Simulate studies in which no arm differs, and print how often each test finds a difference all the same.

The null is "both" of STATISTICS.md: a cumulative logit with five points and standard deviations (logit
scale) of 1.0 for raters, 0.8 for prompts, 0.5 for items, 0.5 for raters × arms and 0.5 for prompts × arms.
A valid test finds something in 5 % of such studies. Not a test of the suite: nothing is asserted.

    python tests/benchmarks/validity.py --raters 12 --prompts 12 --sims 2000

Ratings are made as arrays, past the frame and its checks: a simulation costs about 3 ms, or 9 ms with
--missing.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rater.analysis.cells import Cells, score_cells
from rater.analysis.crossed import two_way_t
from rater.analysis.naive import mann_whitney
from rater.analysis.one_way import by_prompt_t, by_rater_t
from rater.analysis.ratings import Ratings
from rater.analysis.results import NotEstimable, Outcome

THRESHOLDS = np.array([-1.5, -0.5, 0.5, 1.5])
"""Where the logit scale is cut into points 1 to 5."""

TESTS: dict[str, Callable[[Ratings, Cells], Outcome]] = {
    "two-way t, net superiority": lambda _, cells: two_way_t(cells, "net_superiority"),
    "two-way t, scale points": lambda _, cells: two_way_t(cells, "scale_points"),
    "by-rater t, scale points": lambda ratings, cells: by_rater_t(ratings, cells, "scale_points"),
    "by-prompt t, scale points": lambda ratings, cells: by_prompt_t(ratings, cells, "scale_points"),
    "naive Mann–Whitney": lambda ratings, _: mann_whitney(ratings),
}


@dataclass(frozen=True)
class Design:
    """The size of a simulated study and its standard deviations on the logit scale."""

    raters: int
    prompts: int
    items_per_cell: int = 2
    missing: float = 0.0
    """The share of answers that are missing at random."""
    effect: float = 0.0
    """First arm minus second, in logits: 0.5 is 0.29 scale points, 1.0 is 0.58."""
    sd_rater: float = 1.0
    sd_prompt: float = 0.8
    sd_item: float = 0.5
    sd_rater_arm: float = 0.5
    sd_prompt_arm: float = 0.5


def simulate_ratings(design: Design, rng: np.random.Generator) -> Ratings:
    """Draw one study: every rater answers every item, but for what is missing."""
    shape = (design.raters, design.prompts, 2, design.items_per_cell)
    rater, prompt, arm, sample = (axis.ravel() for axis in np.indices(shape))
    item = (prompt * 2 + arm) * design.items_per_cell + sample
    x = 0.5 - arm  # arm 0 is the first, +1/2
    level = (
        design.effect * x
        + rng.normal(0, design.sd_rater, design.raters)[rater]
        + rng.normal(0, design.sd_rater_arm, design.raters)[rater] * x
        + rng.normal(0, design.sd_prompt, design.prompts)[prompt]
        + rng.normal(0, design.sd_prompt_arm, design.prompts)[prompt] * x
        + rng.normal(0, design.sd_item, item.max() + 1)[item]
        + rng.logistic(size=item.size)
    )
    answer = 1.0 + np.searchsorted(THRESHOLDS, level)
    kept = rng.random(answer.size) >= design.missing
    return Ratings(("first", "second"), rater, prompt, item, arm == 0, answer).take(kept)


def count_findings(design: Design, *, n_sims: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Count, for each test, the studies it could be made in and those with p < .05."""
    made, found = np.zeros(len(TESTS), np.intp), np.zeros(len(TESTS), np.intp)
    for rng in np.random.default_rng(seed).spawn(n_sims):
        ratings = simulate_ratings(design, rng)
        cells = score_cells(ratings)
        for index, test in enumerate(TESTS.values()):
            outcome = test(ratings, cells)
            if not isinstance(outcome, NotEstimable):
                made[index] += 1
                found[index] += outcome.p < 0.05
    return made, found


def main() -> None:
    """Read the design from the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raters", type=int, default=12)
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--missing", type=float, default=0.0, help="share of answers missing at random")
    parser.add_argument("--effect", type=float, default=0.0, help="logits; above 0 the table shows power")
    parser.add_argument(
        "--sd-rater-arm", type=float, default=0.5, help="how much raters differ in the effect"
    )
    parser.add_argument(
        "--sd-prompt-arm", type=float, default=0.5, help="how much prompts differ in the effect"
    )
    parser.add_argument("--sims", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    design = Design(
        given.raters,
        given.prompts,
        missing=given.missing,
        effect=given.effect,
        sd_rater_arm=given.sd_rater_arm,
        sd_prompt_arm=given.sd_prompt_arm,
    )

    started = time.monotonic()
    made, found = count_findings(design, n_sims=given.sims, seed=given.seed)

    out = sys.stdout.write
    out(f"{given.sims} studies, {given.raters} raters × {given.prompts} prompts, ")
    out(f"{given.missing:.0%} missing, effect {given.effect:g} logits, {time.monotonic() - started:.1f} s\n")
    for name, n, positive in zip(TESTS, made, found, strict=True):
        rate = positive / n if n else math.nan
        error = math.sqrt(rate * (1 - rate) / n) if n else math.nan
        out(f"{name:<28} p < .05 in {rate:.3f} ± {error:.3f} of {n}\n")


if __name__ == "__main__":
    main()
