"""Hold that arms are put in for labels at random, and that nothing else of a booklet depends on them."""

from collections import Counter
from itertools import chain

import numpy as np
from hypothesis import given

from rater.publish.booklets import deal_booklets
from rater.publish.dealt import Completion, Trial
from rater.publish.labels import ArmsOfLabels
from rater.study.design import Design
from tests.publish.test_booklets import designs, seeds


@given(designs(), seeds)
def test_other_arms_for_the_labels_of_a_prompt_change_nothing_else(design: Design, seed: int) -> None:
    one, other = (
        deal_booklets(design, np.random.default_rng(seed), label_rng=np.random.default_rng(labels))
        for labels in (1, 2)
    )

    changed: dict[Completion, Completion] = {}
    for trial, renamed in zip(chain(*one), chain(*other), strict=True):
        assert (trial.dimension, trial.is_repeat, trial.check, len(trial.shown)) == (
            renamed.dimension,
            renamed.is_repeat,
            renamed.check,
            len(renamed.shown),
        )
        for shown, instead in zip(trial.shown, renamed.shown, strict=True):
            assert changed.setdefault(shown, instead) == instead
            assert (shown.prompt, shown.sample) == (instead.prompt, instead.sample)
    # within a prompt (or, where two arms are shown in pairs, within a pair) the arms are permuted as a whole
    by_sample = design.is_pairwise and design.n_arms == 2
    arms = Counter(
        (shown.prompt, shown.sample if by_sample else 0, shown.arm, instead.arm)
        for shown, instead in changed.items()
    )
    assert len({cell[:3] for cell in arms}) == len(arms) == len({(*cell[:2], cell[3]) for cell in arms})


def _arms(design: Design, seed: int) -> list[tuple[int, ...]]:
    """The arms of the labels of each prompt's first two samples, in order."""
    arms = ArmsOfLabels(design, np.random.default_rng(seed))
    cells = [
        [Trial((Completion(prompt, label, sample),)) for label in range(design.n_arms)]
        for prompt in range(design.n_prompts)
        for sample in range(2)
    ]
    return [tuple(trial.arms[0] for trial in arms.put_in(cell)) for cell in cells]


def test_each_prompt_has_each_order_of_the_arms_equally_often_whatever_another_prompt_has() -> None:
    design = Design(n_raters=1, items_per_rater=3, n_prompts=2, n_arms=3, n_samples=2)

    found = [_arms(design, seed) for seed in range(3_600)]

    assert all(first == second and third == fourth for first, second, third, fourth in found)
    both = Counter((first, third) for first, _, third, _ in found)
    assert len(both) == 36
    assert all(60 <= n <= 145 for n in both.values())  # 100 ± 10


def test_each_pair_of_two_arms_has_an_order_of_its_own() -> None:
    design = Design(n_raters=1, items_per_rater=2, n_prompts=2, n_arms=2, n_samples=2, is_pairwise=True)

    found = Counter(tuple(_arms(design, seed)) for seed in range(1_600))

    assert len(found) == 16
    assert all(60 <= n <= 145 for n in found.values())
