"""Simulate studies that are looked at every few raters, and print how often they find a difference.

Without an effect a study that keeps its alpha finds one in 5 %; with one, a plan that may stop early needs
fewer raters. "stops at" is the mean number of raters when the study stopped, at a find or at its end. Not a
test of the suite: nothing is asserted.

    python tests/benchmarks/looks.py --sims 2000
    python tests/benchmarks/looks.py --sims 500 --effect 1
"""

import argparse
import math
import sys
from collections.abc import Iterator

import numpy as np

from rater.analysis.contrast_data import Ratings, score_cells
from rater.analysis.crossed import contrast_t
from rater.analysis.plan import Planned
from rater.analysis.results import Result
from rater.analysis.sequential import Seen, at_look
from rater.analysis.simulate import crossed, evenly_cut, simulate
from rater.study.analysis_plan import InterimLooks
from rater.study.dimension import Dimension
from rater.study.scales import Likert

SCALE = evenly_cut(5)
FOUND = Dimension(name="happiness", question="How happy?", scale=Likert(low="not", high="very"))


def policies(n_raters: int, every: int) -> dict[str, list[tuple[int, float]]]:
    """Name ways to look: for each, the numbers of raters to look at, and the level to test at there."""
    at = range(every, n_raters + 1, every)
    shares = tuple(n / n_raters for n in at)
    ways = {
        "the end alone": [(n_raters, 0.05)],
        "every look at .05": [(n, 0.05) for n in at],
        "Bonferroni over looks": [(n, 0.05 / len(at)) for n in at],
    }
    for spending in ("obrien-fleming", "pocock"):
        looks = InterimLooks.model_validate({"at": shares, "spending": spending})
        planned = Planned(contrast=("a", "b"), dimensions=(FOUND,), primary="happiness", looks=looks)
        seen = [Seen(n, n_raters, is_interim=n < n_raters) for n in at]
        ways[f"spread, {spending}"] = [
            (n, at_look(planned, seen[: place + 1]).alpha) for place, n in enumerate(at)
        ]
    return ways


def p_values(ratings: Ratings, sizes: range) -> Iterator[tuple[int, float]]:
    """Test the first ``n`` raters, for each ``n`` of ``sizes``."""
    for n in sizes:
        found = contrast_t(score_cells(ratings.take(ratings.rater < n)), "net_superiority")
        yield n, found.p if isinstance(found, Result) else 1.0


def main() -> None:
    """Read the design from the command line and print a line for each policy."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--raters", type=int, default=30)
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--every", type=int, default=3, help="raters between two interim looks")
    parser.add_argument("--effect", type=float, default=0.0, help="logits; above 0 the rates are power")
    parser.add_argument("--sims", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()

    ways = policies(given.raters, given.every)
    stops: dict[str, list[tuple[bool, int]]] = {name: [] for name in ways}
    sizes = range(given.every, given.raters + 1, given.every)
    for rng in np.random.default_rng(given.seed).spawn(given.sims):
        trials = crossed(given.raters, given.prompts, 2)
        ratings = simulate(trials, effect=given.effect, scale=SCALE, rng=rng)
        assert isinstance(ratings, Ratings)
        p = dict(p_values(ratings, sizes))
        for name, looks in ways.items():
            found = next((n for n, level in looks if p[n] < level), None)
            stops[name].append((found is not None, found or given.raters))

    out = sys.stdout.write
    out(f"{given.raters} raters × {given.prompts} prompts, a look every {given.every} raters, effect ")
    out(f"{given.effect:g} logits, {given.sims} studies; ± Monte Carlo error\n\n")
    out(f"{'':<24} {'finds one':^15} {'stops at':>8}\n")
    for name, ends in stops.items():
        rate = float(np.mean([found for found, _ in ends]))
        error = math.sqrt(rate * (1 - rate) / len(ends))
        out(f"{name:<24} {rate:.3f} ± {error:.3f}   {np.mean([n for _, n in ends]):>8.1f}\n")


if __name__ == "__main__":
    main()
