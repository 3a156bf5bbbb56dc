"""Simulate studies in which raters see different texts, and print how often the linear mixed model is wrong.

A valid test finds a difference in 5 % of studies without one, and a valid 95% interval covers the truth in
95%. Not a test of the suite: nothing is asserted.

    python tests/benchmarks/mixed_model.py --raters 12 --prompts 12 --sims 2000
    python tests/benchmarks/mixed_model.py --design "low ratings leave" --effect 1

The designs (two texts of each prompt and arm, unless one is named):

    complete            every rater rates every text
    sampled texts       every rater rates one text of each arm of each prompt, so that raters see other texts
    Latin square        every rater rates one text of each prompt; the arms alternate over raters and prompts
    Latin, one text     the same with one text of each prompt and arm
    random arms         every rater rates one text of each prompt, in an arm drawn by chance
    between raters      every rater rates one text of each prompt, all in one arm
    half missing        complete, and half of the answers are missing by chance
    low ratings leave   sampled texts; from the third rating of 1 or 2 on, a rater leaves with a chance of
                        15 % after each further one

Standard deviations are those of `rater.analysis.simulate`, in logits: raters 1.0, prompts 0.8, texts 0.5,
effects over raters and over prompts 0.5; with --strong both effects and texts 1.0.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rater.analysis.contrast_data import Ratings, score_cells
from rater.analysis.crossed import contrast_t
from rater.analysis.mixed_model import mixed_model_test
from rater.analysis.results import NotEstimable, Outcome
from rater.analysis.simulate import ModelSDs, Trials, crossed, difference_of, evenly_cut, simulate

SCALE = evenly_cut(5)
MAX_LOW, LEAVES = 3, 0.15


@dataclass(frozen=True)
class Design:
    """The size of a simulated study, and how its texts are assigned."""

    name: str
    raters: int
    prompts: int
    effect: float
    spread: ModelSDs
    texts: int = 2


def _assign(design: Design, rng: np.random.Generator) -> Trials:
    """Return what every rater rates."""
    n_texts = 1 if design.name == "Latin, one text" else design.texts
    if design.name in {"complete", "half missing"}:
        trials = crossed(design.raters, design.prompts, n_texts)
        kept = rng.random(trials.rater.size) >= (0.5 if design.name == "half missing" else 0.0)
        return trials.take(kept)
    if design.name in {"sampled texts", "low ratings leave"}:
        rater, prompt, arm = (each.ravel() for each in np.indices((design.raters, design.prompts, 2)))
    else:
        rater, prompt = (each.ravel() for each in np.indices((design.raters, design.prompts)))
        arm = {
            "Latin square": (rater + prompt) % 2,
            "Latin, one text": (rater + prompt) % 2,
            "random arms": rng.integers(2, size=rater.size),
            "between raters": rater % 2,
        }[design.name]
    text = rng.integers(n_texts, size=rater.size)
    order = rng.permutation(rater.size)  # the order in which a rater sees them
    order = order[np.argsort(rater[order], kind="stable")]
    item = (prompt * 2 + arm) * n_texts + text
    return Trials(rater[order], prompt[order], item[order], arm[order] == 0)


DESIGNS = (
    "complete", "sampled texts", "Latin square", "Latin, one text", "random arms", "between raters",
    "half missing", "low ratings leave",
)  # fmt: skip


def simulate_ratings(design: Design, rng: np.random.Generator) -> Ratings:
    """Draw one study."""
    ratings = simulate(_assign(design, rng), effect=design.effect, scale=SCALE, rng=rng, spread=design.spread)
    assert isinstance(ratings, Ratings)
    return ratings.take(_stays(ratings, rng)) if design.name == "low ratings leave" else ratings


def _stays(ratings: Ratings, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Mark the answers before each rater leaves; answers are in the order of their raters."""
    kept = np.ones(ratings.answer.size, dtype=np.bool_)
    for rater in np.unique(ratings.rater):
        own = np.flatnonzero(ratings.rater == rater)
        is_low = ratings.answer[own] <= 2
        leaves = is_low & (np.cumsum(is_low) >= MAX_LOW) & (rng.random(own.size) < LEAVES)
        kept[own] = np.cumsum(leaves) - leaves == 0
    return kept


def _without_texts(ratings: Ratings) -> Outcome:
    """Fit the model without the random intercept of texts: as if each text had one answer."""
    return mixed_model_test(replace(ratings, item=np.arange(ratings.answer.size)))


TESTS: dict[str, Callable[[Ratings], Outcome]] = {
    "linear mixed model": mixed_model_test,
    "  without texts": _without_texts,
    "crossed t, scale points": lambda ratings: contrast_t(score_cells(ratings), "scale_points"),
    "crossed t, net superiority": lambda ratings: contrast_t(score_cells(ratings), "net_superiority"),
}


def _rate(flags: list[bool], n: int) -> str:
    if not n:
        return "–"
    rate = sum(flags) / n
    return f"{rate:.3f} ± {math.sqrt(rate * (1 - rate) / n):.3f}"


def _print_table(design: Design, *, n_sims: int, seed: int) -> None:
    truth = difference_of(design.effect, SCALE, design.spread)
    started, out = time.monotonic(), sys.stdout.write
    found: dict[str, list[bool]] = {name: [] for name in TESTS}
    covered: dict[str, list[bool]] = {name: [] for name in TESTS}
    for rng in np.random.default_rng(seed).spawn(n_sims):
        ratings = simulate_ratings(design, rng)
        for name, test in TESTS.items():
            outcome = test(ratings)
            if isinstance(outcome, NotEstimable):
                continue
            found[name].append(outcome.rejects(0.05))
            if outcome.score == "scale_points" and outcome.interval is not None:
                covered[name].append(outcome.interval.low <= truth <= outcome.interval.high)
    title = f"{design.raters} × {design.prompts}, {design.name}"
    out(f"\n{title:<33} {'p < .05':^15} {'covers':^15} estimable ({time.monotonic() - started:.0f} s)\n")
    for name in TESTS:
        # a test that is not estimable finds nothing
        out(f"{name:<33} {_rate(found[name], n_sims):<15} {_rate(covered[name], len(covered[name])):<15} ")
        out(f"{len(found[name]) / n_sims:.3f}\n")
    sys.stdout.flush()


def main() -> None:
    """Read the sizes from the command line and print a table for each design."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--design", choices=[*DESIGNS, "all"], default="all")
    parser.add_argument("--raters", type=int, default=12)
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--texts", type=int, default=2, help="texts of each prompt and arm")
    parser.add_argument("--effect", type=float, default=0.0, help="logits; above 0 the rates are power")
    parser.add_argument("--strong", action="store_true", help="effects and texts differ by 1 logit")
    parser.add_argument("--sims", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    spread = ModelSDs(rater_arm=1.0, prompt_arm=1.0, item=1.0) if given.strong else ModelSDs()
    sys.stdout.write(f"effect {given.effect:g} logits, {given.sims} studies each; ± Monte Carlo error\n")
    for name in DESIGNS if given.design == "all" else [given.design]:
        design = Design(name, given.raters, given.prompts, given.effect, spread, given.texts)
        _print_table(design, n_sims=given.sims, seed=given.seed)


if __name__ == "__main__":
    main()
