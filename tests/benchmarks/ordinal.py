"""Time the ordinal mixed model, write what R needs for the same fit, and count its false positives.

Studies are those of `tests.benchmarks.validity`: five points, crossed raters and prompts that differ in level
and effect, and texts. Not a test of the suite: nothing is asserted. From the repository's root:

    python -m tests.benchmarks.ordinal time --raters 200 --prompts 100 --missing 0.5
    python -m tests.benchmarks.ordinal size --raters 12 --prompts 12 --sims 300
    python -m tests.benchmarks.ordinal csv --raters 12 --prompts 10 > study.csv

On cores that others use too, set OPENBLAS_NUM_THREADS=1: threads that wait for a core are slow.
"""

import argparse
import math
import sys
import time
from dataclasses import dataclass, field

import numpy as np

from rater.analysis.contrast_data import Ratings
from rater.analysis.ordinal.clmm import ClmmFit, fit_clmm
from rater.analysis.ordinal.odds import analyze_ordinal
from rater.analysis.results import Result
from tests.benchmarks.validity import Design, simulate_ratings

R_FIT = """d <- read.csv("study.csv"); d$y <- factor(d$y, ordered = TRUE)
for (v in c("rater", "prompt", "item")) d[[v]] <- factor(d[[v]])
system.time(ordinal::clmm(
  y ~ x + (1|rater) + (0+x|rater) + (1|prompt) + (0+x|prompt) + (1|item), data = d))"""


@dataclass
class Tally:
    """Counts over simulated studies."""

    tested: int = 0
    rejected: dict[str, int] = field(default_factory=lambda: {"likelihood ratio": 0, "Wald z": 0})
    covered: int = 0
    intervals: int = 0
    singular: int = 0
    unconverged: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def add(self, outcome: Result, effect: float) -> None:
        """Count one study."""
        self.tested += 1
        self.rejected["likelihood ratio"] += outcome.p < 0.05
        self.rejected["Wald z"] += float(outcome.settings.get("wald_p", 1.0)) < 0.05
        if outcome.interval is not None:
            self.intervals += 1
            self.covered += outcome.interval.low <= effect <= outcome.interval.high
        self.singular += any("singular" in warning for warning in outcome.warnings)
        self.unconverged += any("converge" in warning for warning in outcome.warnings)


def fit(ratings: Ratings) -> ClmmFit:
    """Fit the maximal model of a simulated study."""
    return fit_clmm(
        ratings.answer,
        np.where(ratings.is_first, 0.5, -0.5),
        {"rater": ratings.rater, "prompt": ratings.prompt, "item": ratings.item},
        slopes=("rater", "prompt"),
    )


def print_time(design: Design, seed: int) -> None:
    """Print how long one fit takes, and the whole analysis of it."""
    ratings = simulate_ratings(design, np.random.default_rng(seed))
    start = time.perf_counter()
    fitted = fit(ratings)
    after_fit = time.perf_counter()
    analysis = analyze_ordinal(ratings)
    done = time.perf_counter()
    n = ratings.count()
    print(f"{n.answers} answers of {n.raters} raters to {n.items} texts of {n.prompts} prompts")
    print(f"one fit {after_fit - start:.2f} s; fit, test, interval and check {done - after_fit:.2f} s")
    print(f"beta {fitted.beta:.4f} (SE {fitted.beta_error}), log-likelihood {fitted.log_likelihood:.4f}")
    print(analysis.outcome)


def print_size(design: Design, *, n_sims: int, seed: int) -> None:
    """Print how often the tests reject, and how often the interval covers the effect."""
    tally = Tally()
    for rng in np.random.default_rng(seed).spawn(n_sims):
        outcome = analyze_ordinal(simulate_ratings(design, rng)).outcome
        if isinstance(outcome, Result):
            tally.add(outcome, design.effect)
        else:
            tally.refused[outcome.reason] = tally.refused.get(outcome.reason, 0) + 1
    print(f"{design.raters} raters × {design.prompts} prompts, effect {design.effect}: {n_sims} studies")
    for name, count in tally.rejected.items():
        share = count / max(tally.tested, 1)
        error = math.sqrt(share * (1 - share) / max(tally.tested, 1))
        print(f"  {name:17s} p < .05: {share:.3f} (Monte Carlo error {error:.3f})")
    print(f"  interval covers the effect: {tally.covered / max(tally.intervals, 1):.3f}")
    print(f"  intervals {tally.intervals}, singular fits {tally.singular}, unconverged {tally.unconverged}")
    for reason, count in tally.refused.items():
        print(f"  {count} not estimable, because {reason}")


def print_csv(design: Design, seed: int) -> None:
    """Print a study for R on stdout, and the call on stderr."""
    ratings = simulate_ratings(design, np.random.default_rng(seed))
    print("rater,prompt,item,x,y")
    for row in zip(
        ratings.rater, ratings.prompt, ratings.item, ratings.is_first, ratings.answer, strict=True
    ):
        rater, prompt, item, is_first, answer = row
        print(f"r{rater},p{prompt},i{item},{0.5 if is_first else -0.5},{answer:.0f}")
    print(R_FIT, file=sys.stderr)


def main() -> None:
    """Parse the command line and run one benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("do", choices=("time", "size", "csv"))
    parser.add_argument("--raters", type=int, default=12)
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--missing", type=float, default=0.0)
    parser.add_argument("--effect", type=float, default=0.0)
    parser.add_argument("--sims", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    design = Design(options.raters, options.prompts, missing=options.missing, effect=options.effect)
    if options.do == "time":
        print_time(design, options.seed)
    elif options.do == "size":
        print_size(design, n_sims=options.sims, seed=options.seed)
    else:
        print_csv(design, options.seed)


if __name__ == "__main__":
    main()
