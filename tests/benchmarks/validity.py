"""Simulate studies under crossed nulls, and print how often each test and each interval is wrong.

A valid test finds a difference in 5 % of studies without one, and a valid 95% interval covers the truth in
95%. Not a test of the suite: nothing is asserted.

    python tests/benchmarks/validity.py --raters 12 --prompts 12 --sims 2000
    python tests/benchmarks/validity.py --null both --effect 1 --bootstrap

The nulls (standard deviations on the logit scale; raters 1.0 and prompts 0.8 in all of them):

    both                  raters × arms 0.5, prompts × arms 0.5, items 0.5: the base case
    exchangeable          nothing but levels: labels within a cell could be swapped
    items only            items 0.5
    rater slopes          raters × arms 0.5, items 0.5
    prompt slopes         prompts × arms 0.5, items 0.5
    strong slopes         raters × arms 1.0, prompts × arms 1.0, items 0.5
    fixed prompts         as both, but the effects of these prompts average exactly 0
    fixed prompts+items   as fixed prompts, and so do the effects of these texts

Ratings are made as arrays, past the frame and its checks: a simulation costs about 5 ms, 20 ms more with
--bootstrap.
"""

import argparse
import math
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rater.analysis.by_unit_tests import by_prompt_signed_rank, by_prompt_t, by_rater_sign_flip, by_rater_t
from rater.analysis.contrast_data import Cells, Ratings, score_cells
from rater.analysis.crossed import contrast_t
from rater.analysis.effects import pooled_effects
from rater.analysis.results import Estimate, Interval, NotEstimable, Outcome
from rater.analysis.secondary import mann_whitney
from rater.analysis.simulate import Fixed, ModelSDs, crossed, evenly_cut, simulate

Floats = NDArray[np.float64]

SCALE = evenly_cut(5)
POINTS = np.arange(1.0, 6.0)


@dataclass(frozen=True)
class Design:
    """The size of a simulated study, and what is random in it."""

    raters: int = 12
    prompts: int = 12
    items_per_cell: int = 2
    missing: float = 0.0
    """The share of answers that are missing at random."""
    effect: float = 0.0
    """First arm minus second, in logits: 0.5 is 0.32 scale points here, 1.0 is 0.63."""
    spread: ModelSDs = ModelSDs()  # noqa: RUF009 (it is frozen)
    fixed: Fixed = "nothing"
    """Factor whose effects average exactly 0; needs an even number of prompts."""


NO_SLOPES = ModelSDs(rater_arm=0, prompt_arm=0)
NULLS: dict[str, Design] = {
    "both": Design(),
    "exchangeable": Design(spread=replace(NO_SLOPES, item=0)),
    "items only": Design(spread=NO_SLOPES),
    "rater slopes": Design(spread=ModelSDs(prompt_arm=0)),
    "prompt slopes": Design(spread=ModelSDs(rater_arm=0)),
    "strong slopes": Design(spread=ModelSDs(rater_arm=1, prompt_arm=1)),
    "fixed prompts": Design(fixed="prompts"),
    "fixed prompts+items": Design(fixed="prompts and items"),
}


@dataclass(frozen=True)
class Truth:
    """True values, by the name of the estimand."""

    net_superiority: float
    scale_points: float
    cohens_d: float
    cliffs_delta: float


def _variances(spread: ModelSDs) -> tuple[float, float]:
    """The variance of the logit that both arms of a cell share, and the one that they do not share."""
    arms = (spread.rater_arm**2 + spread.prompt_arm**2) / 4
    shared = spread.rater**2 + spread.prompt**2 - arms  # the slopes enter the arms with opposite signs
    return shared, 2 * arms + spread.item**2


def find_truth(design: Design) -> Truth:
    """Integrate over raters, prompts and texts; the fixed nulls are 0 by construction."""
    shared, own = _variances(design.spread)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights /= weights.sum()

    def superiority(covariance: float) -> float:
        """E sign(first − second) for logits with this covariance and the variance of one answer."""
        total = shared + own
        lower = covariance / math.sqrt(total)
        rest = math.sqrt(max(total - lower**2, 0.0))
        first = _shares(design.effect / 2 + math.sqrt(total) * nodes)  # node point
        second = _shares(-design.effect / 2 + lower * nodes[:, None] + rest * nodes)  # node node point
        below = np.cumsum(second, axis=-1) - second
        above = 1 - below - second
        given = ((below - above) * first[:, None, :]).sum(axis=-1)
        return float(weights @ given @ weights)

    total = math.sqrt(shared + own)
    marginal = [weights @ _shares(sign * design.effect / 2 + total * nodes) for sign in (1, -1)]
    means = [float(shares @ POINTS) for shares in marginal]
    variances = [float(shares @ POINTS**2) - mean**2 for shares, mean in zip(marginal, means, strict=True)]
    points = means[0] - means[1]
    return Truth(
        net_superiority=superiority(shared),
        scale_points=points,
        cohens_d=points / math.sqrt(sum(variances) / 2),
        cliffs_delta=superiority(0.0),
    )


def _shares(level: Floats) -> Floats:
    """The probabilities of points 1 to 5 at levels of the logit: … point."""
    at_most = 1 / (1 + np.exp(level[..., None] - np.array(SCALE.at)))
    ends = np.zeros((*level.shape, 1))
    return np.diff(np.concatenate([ends, at_most, ends + 1], axis=-1), axis=-1)


def simulate_ratings(design: Design, rng: np.random.Generator) -> Ratings:
    """Draw one study: every rater answers every item, but for what is missing."""
    trials = crossed(design.raters, design.prompts, design.items_per_cell)
    ratings = simulate(
        trials, effect=design.effect, scale=SCALE, rng=rng, spread=design.spread, fixed=design.fixed
    )
    assert isinstance(ratings, Ratings)
    return ratings.take(rng.random(ratings.answer.size) >= design.missing)


Test = Callable[[Ratings, Cells, np.random.Generator], Outcome]
TESTS: dict[str, Test] = {
    "two-way t, net superiority": lambda _, cells, __: contrast_t(cells, "net_superiority"),
    "two-way t, scale points": lambda _, cells, __: contrast_t(cells, "scale_points"),
    "by-rater t": lambda ratings, cells, _: by_rater_t(ratings, cells, "scale_points"),
    "by-rater sign-flip": lambda ratings, cells, rng: by_rater_sign_flip(
        ratings, cells, "scale_points", rng=rng
    ),
    "by-prompt t": lambda ratings, cells, _: by_prompt_t(ratings, cells, "scale_points"),
    "by-prompt signed-rank": lambda ratings, cells, _: by_prompt_signed_rank(ratings, cells, "scale_points"),
    "naive Mann–Whitney": lambda ratings, _, __: mann_whitney(ratings),
}


@dataclass
class Tally:
    """Numbers of intervals that were made, that exclude 0, and that cover the true value."""

    made: int = 0
    tested: int = 0
    found: int = 0
    with_interval: int = 0
    covered: int = 0

    def add(self, p: float | None, interval: Interval | None, truth: float) -> None:
        """Count one study."""
        self.made += 1
        if p is not None:
            self.tested += 1
            self.found += p < 0.05
        if interval is not None:
            self.with_interval += 1
            self.covered += interval.low <= truth <= interval.high


def tally(design: Design, *, n_sims: int, seed: int, bootstrap: bool) -> dict[str, Tally]:
    """Simulate studies of one design and count, for each test and estimate."""
    counts: dict[str, Tally] = defaultdict(Tally)
    truth = find_truth(design)
    for rng in np.random.default_rng(seed).spawn(n_sims):
        ratings = simulate_ratings(design, rng)
        cells = score_cells(ratings)
        for name, test in TESTS.items():
            outcome = test(ratings, cells, rng)
            if not isinstance(outcome, NotEstimable):
                of = truth.net_superiority if outcome.score == "net_superiority" else truth.scale_points
                counts[name].add(outcome.p, outcome.interval, of)
        if bootstrap:
            for effect, of in _bootstrapped(ratings, truth, rng):
                counts[f"{effect.name}, bootstrap"].add(None, effect.interval, of)
    return counts


def _bootstrapped(
    ratings: Ratings, truth: Truth, rng: np.random.Generator
) -> Iterator[tuple[Estimate, float]]:
    effects = pooled_effects(ratings, alpha=0.05, rng=rng)
    for effect, of in zip(effects, (truth.cohens_d, truth.cliffs_delta), strict=True):
        if isinstance(effect, Estimate):
            yield effect, of


def _rate(count: int, n: int) -> str:
    if not n:
        return "–".center(13)
    rate = count / n
    return f"{rate:.3f} ± {math.sqrt(rate * (1 - rate) / n):.3f}"


def main() -> None:
    """Read the designs from the command line and print a table for each null."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--null", choices=[*NULLS, "all"], default="all")
    parser.add_argument("--raters", type=int, default=12)
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--missing", type=float, default=0.0, help="share of answers missing at random")
    parser.add_argument("--effect", type=float, default=0.0, help="logits; above 0 the rates are power")
    parser.add_argument("--bootstrap", action="store_true", help="the bootstrapped effect sizes, too")
    parser.add_argument("--sims", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    base = Design(given.raters, given.prompts, missing=given.missing, effect=given.effect)

    out = sys.stdout.write
    out(f"{given.raters} raters × {given.prompts} prompts, {given.missing:.0%} missing, ")
    out(f"effect {given.effect:g} logits, {given.sims} studies each; ± Monte Carlo error\n")
    for null in NULLS if given.null == "all" else [given.null]:
        started = time.monotonic()
        design = replace(base, spread=NULLS[null].spread, fixed=NULLS[null].fixed)
        counts = tally(design, n_sims=given.sims, seed=given.seed, bootstrap=given.bootstrap)
        out(f"\n{null:<33} {'p < .05':^15} {'interval covers':^15}  ({time.monotonic() - started:.0f} s)\n")
        for name, count in counts.items():
            out(f"{name:<33} {_rate(count.found, count.tested):<15} ")
            out(f"{_rate(count.covered, count.with_interval):<15}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
