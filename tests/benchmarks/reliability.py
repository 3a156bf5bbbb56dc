"""Measure how often the prediction intervals of `rater.analysis.variability` cover, on simulated cells.

Run: python tests/benchmarks/reliability.py [N]. Each design is simulated N times (default 1,000); the effects
of prompts are normal, skewed (exponential), of two classes (three in five prompts at +1.22 × .67, the others
below), or heavy-tailed (t with 4 degrees of freedom), all with the same standard deviation.
"""

import sys
from collections.abc import Callable

import numpy as np

from rater.analysis.cell_scores import CellScores
from rater.analysis.results import Counts
from rater.analysis.unit_effects import shrink
from rater.analysis.variability import NewUnit, predict_new_units

Draw = Callable[[np.random.Generator, int], np.ndarray]
_UPPER, _LOWER = np.sqrt(2 / 3), -np.sqrt(3 / 2)
SHAPES: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "skewed": lambda rng, n: rng.exponential(size=n) - 1,
    "two classes": lambda rng, n: np.where(rng.random(n) < 0.6, _UPPER, _LOWER),
    "heavy-tailed": lambda rng, n: rng.standard_t(4, size=n) / np.sqrt(2),
}
DESIGNS = ((6, 8), (12, 12), (12, 30), (30, 12))


def simulate_cells(
    rng: np.random.Generator,
    n_raters: int,
    n_prompts: int,
    *,
    mean: float,
    effect: Draw,
    sd: float,
    missing: float,
) -> CellScores:
    """Draw cells with residual SD 1 and rater SD .3, of which a share is missing."""
    rater, prompt = (axis.ravel() for axis in np.indices((n_raters, n_prompts)))
    values = mean + 0.3 * rng.normal(size=n_raters)[rater] + sd * effect(rng, n_prompts)[prompt]
    values = values + rng.normal(size=rater.size)
    kept = rng.random(rater.size) >= missing
    raters, rater = np.unique(rater[kept], return_inverse=True)
    prompts, prompt = np.unique(prompt[kept], return_inverse=True)
    size = rater.size
    n = Counts(raters=raters.size, prompts=prompts.size, items=size, answers=size, cells=size)
    return CellScores(rater, prompt, values[kept], np.ones(size), n)


def coverage(
    n_raters: int, n_prompts: int, *, shape: str, sd: float, missing: float, n: int, seed: int = 0
) -> tuple[float, float, float]:
    """Return the coverage of a new prompt, that of the share of the opposite sign, and the mean width."""
    rng, effect, mean = np.random.default_rng(seed), SHAPES[shape], 0.4
    others = mean + sd * effect(np.random.default_rng(1), 200_000)
    true_share = float((others < 0).mean())
    covered, share_covered, width = [], [], []
    for _ in range(n):
        cells = simulate_cells(rng, n_raters, n_prompts, mean=mean, effect=effect, sd=sd, missing=missing)
        found = predict_new_units(cells, shrink(cells), alpha=0.05, rng=rng).texts
        if not isinstance(found, NewUnit):
            continue
        low, high = found.interval.low, found.interval.high
        covered.append(float(((others[:20_000] >= low) & (others[:20_000] <= high)).mean()))
        ends = found.opposite_interval
        true = true_share if found.mean >= 0 else 1 - true_share
        share_covered.append(ends.low <= true <= ends.high)
        width.append(high - low)
    return float(np.mean(covered)), float(np.mean(share_covered)), float(np.mean(width))


if __name__ == "__main__":
    n_simulations = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    print("effects       raters × prompts   SD  missing   new prompt   share   width")
    for shape in SHAPES:
        for sd in (0.0, 0.2, 0.6):
            for n_raters, n_prompts in DESIGNS:
                for missing in (0.0, 0.2):
                    new, share, width = coverage(
                        n_raters, n_prompts, shape=shape, sd=sd, missing=missing, n=n_simulations
                    )
                    print(
                        f"{shape:13} {n_raters:3} × {n_prompts:2}  {sd:.1f}  {missing:.0%}  "
                        f"{new:.3f}  {share:.3f}  {width:.2f}",
                        flush=True,
                    )
