"""Randomise which arm a label means, anew for each prompt, so that balance is no code for the arms.

Booklets are balanced over labels 0, 1, …, and the arms are put in for the labels at the end. Whoever has the
booklets can search for labels that make every balanced count come out. That sorts the texts of one prompt by
label, but says nothing of another prompt's arms: the booklets depend on labels alone, and for each prompt all
assignments of arms to labels are equally likely.

Where two arms are shown in pairs, each pair has an assignment of its own: then the booklets tell nothing of
the arms at all.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rater.publish.dealt import Completion, Trial
from rater.study.design import Design


class ArmsOfLabels:
    """The arm that each label means, by prompt and sample."""

    def __init__(self, design: Design, rng: np.random.Generator) -> None:
        n_drawn = design.n_samples if design.is_pairwise and design.n_arms == 2 else 1
        labels = np.broadcast_to(np.arange(design.n_arms), (design.n_prompts, n_drawn, design.n_arms))
        arms = rng.permuted(labels, axis=-1)
        self._arms: list[list[list[int]]] = np.repeat(arms, design.n_samples // n_drawn, axis=1).tolist()

    def put_in(self, booklet: Sequence[Trial]) -> list[Trial]:
        """Return a booklet of arms for one of labels."""
        return [
            replace(trial, shown=tuple(map(self._completion, trial.shown))) if trial.shown else trial
            for trial in booklet
        ]

    def _completion(self, labelled: Completion) -> Completion:
        return labelled._replace(arm=self._arms[labelled.prompt][labelled.sample][labelled.arm])
