"""Analyse a million answers of 10,000 raters, and print how long it takes and how much memory it needs.

Not a test of the suite: nothing is asserted. The bar is one minute and 4 GiB.

    python tests/benchmarks/million.py
    python tests/benchmarks/million.py --gaps 0.1 --arms 3
    python tests/benchmarks/million.py --slider
    python tests/benchmarks/million.py --pairs
"""

import argparse
import resource
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd

from rater.analysis import Planned, analyze
from rater.analysis.answer_scale import Numbers, Preferences, Rated
from rater.analysis.simulate import (
    AnswerModel,
    ContinuousAnswers,
    ModelSDs,
    PairwiseAnswers,
    Trials,
    crossed,
    evenly_cut,
    simulate,
)
from rater.study.analysis_plan import Exclusions
from rater.study.scales import Likert

EFFECT = 0.3
POINTS = Rated("happiness", "How happy?", Likert(points=5, low="not", high="very"))
SLIDER = Rated("happiness", "How happy?", Numbers(0, 100))
WHICH = Rated("happiness", "Which is happier?", Preferences())


def make_frame(
    *, n_raters: int, n_prompts: int, n_arms: int, gaps: float, judged: Rated
) -> tuple[pd.DataFrame, Planned]:
    """Let every rater answer each prompt in every arm once, or choose between two; some are missing."""
    rng = np.random.default_rng(1)
    pairwise = judged is WHICH
    trials = crossed(n_raters, n_prompts, 1)
    scale: AnswerModel = evenly_cut(5) if judged is POINTS else ContinuousAnswers(0, 100, 50, 20)
    if pairwise:
        trials = trials.take(trials.is_first)
        trials = Trials(trials.rater, trials.prompt, trials.item, trials.is_first, other_item=trials.item + 1)
        scale = PairwiseAnswers(tie=0.5)
    answers = simulate(trials, effect=EFFECT, scale=scale, rng=rng, spread=ModelSDs())
    arm = np.where(trials.is_first, 0, 1)
    answer = np.round(answers.answer)
    if n_arms > 2:
        arm = np.where(rng.random(arm.size) < 1 / n_arms, 2, arm)
    names = np.array(["steered", "unsteered", "strong"])
    frame = pd.DataFrame(
        {
            "rater": np.char.add("r", trials.rater.astype(str)),
            "prompt": np.char.add("p", trials.prompt.astype(str)),
            "item": np.char.add("i", (trials.item * 3 + arm).astype(str)),
            "arm": names[arm],
            "dimension": "happiness",
            "answer": answer,
            "position": np.tile(np.arange(trials.rater.size // n_raters) + 1, n_raters),
            "shown_ms": rng.integers(2_000, 30_000, trials.rater.size),
            "is_repeat": False,
            "cannot_judge": False,
        }
    )
    if pairwise:
        frame = frame.assign(other_arm="unsteered", arm_is_left=rng.random(len(frame)) < 0.5)
    plan = Planned(
        contrast=("steered", "unsteered"),
        dimensions=(judged,),
        primary="happiness",
        exclusions=Exclusions(min_median_seconds=1, max_same_answer_share=0.9),
    )
    if n_arms > 2:
        plan = replace(plan, doses={"unsteered": 0.0, "steered": 1.0, "strong": 2.0})
    return frame[rng.random(len(frame)) >= gaps].reset_index(drop=True), plan


def main() -> None:
    """Read the size from the command line, and print the result with time and memory."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--raters", type=int, default=10_000)
    parser.add_argument("--prompts", type=int, default=50)
    parser.add_argument("--arms", type=int, choices=[2, 3], default=2)
    parser.add_argument("--gaps", type=float, default=0.0, help="the share of answers that are missing")
    parser.add_argument("--slider", action="store_true", help="a slider instead of five points")
    parser.add_argument("--pairs", action="store_true", help="choices between two texts")
    given = parser.parse_args()
    judged = WHICH if given.pairs else SLIDER if given.slider else POINTS
    frame, plan = make_frame(
        n_raters=given.raters,
        n_prompts=given.prompts * (2 if given.pairs else 1),
        n_arms=given.arms,
        gaps=given.gaps,
        judged=judged,
    )
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    analysis = analyze(frame, plan)
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    out = sys.stdout.write
    out(f"{len(frame):,} answers, {frame['rater'].nunique():,} raters: {seconds:.1f} s, ")
    out(f"{peak / 2**20:.2f} GiB at most ({before / 2**20:.2f} GiB before)\n")
    out(f"{analysis.dimensions[0].headline}\n")


if __name__ == "__main__":
    main()
