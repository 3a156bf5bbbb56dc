from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rater.publish.booklets import assign_booklets
from rater.publish.trials import Trial
from rater.study.block_designs import block_rounds
from rater.study.design import Design, set_size
from tests.publish.test_booklets import designs

seeds = st.integers(0, 2**32)


def assign(design: Design, seed: int) -> list[list[Trial]]:
    return assign_booklets(design, np.random.default_rng(seed))


def first_shown(booklet: list[Trial]) -> list[Trial]:
    return [trial for trial in booklet if trial.shown and not trial.is_repeat]


def spread(counts: Mapping[Any, int], possible: int) -> int:
    values = [*counts.values(), *[0] * (possible - len(counts))]
    return max(values) - min(values)


@given(designs(), seeds)
def test_a_rater_never_sees_a_completion_twice_except_as_a_repeat(design: Design, seed: int) -> None:
    for booklet in assign(design, seed):
        shown = [completion for trial in first_shown(booklet) for completion in trial.shown]
        assert len(set(shown)) == len(shown)


IN_TWO_BLOCKS = Design(
    n_raters=9, items_per_rater=12, n_prompts=4, n_arms=2, n_samples=2, n_dimensions=2, asking="blocks"
)


@given(designs(), seeds)
@example(IN_TWO_BLOCKS, 1)
def test_prompts_differ_by_at_most_one_set_within_a_booklet_and_over_all(design: Design, seed: int) -> None:
    booklets = assign(design, seed)

    for booklet in booklets:
        blocks = [[trial for trial in booklet if trial.dimension == of] for of in range(design.n_blocks)]
        for trials in (booklet, *(blocks if design.n_blocks > 1 else [])):
            sets = Counter(trial.prompt for trial in first_shown(trials))
            assert spread(sets, design.n_prompts) <= design.set_size
    over_all = Counter(trial.prompt for booklet in booklets for trial in first_shown(booklet))
    n_dimensions = 1 if design.asking == "together" else design.n_dimensions
    assert spread(over_all, design.n_prompts) <= design.set_size * n_dimensions


@given(st.one_of(designs(n_texts=1), designs(shows_all_arms=True)), seeds)
def test_completions_of_a_prompt_and_arm_differ_by_at_most_one_rating(design: Design, seed: int) -> None:
    trials = (trial for booklet in assign(design, seed) for trial in first_shown(booklet))
    uses = Counter(completion for trial in trials for completion in trial.shown)

    most = 1 if design.asking == "together" else design.n_dimensions
    for prompt in range(design.n_prompts):
        for arm in range(design.n_arms):
            of_cell = Counter({c: n for c, n in uses.items() if (c.prompt, c.arm) == (prompt, arm)})
            assert spread(of_cell, design.n_samples) <= most


@pytest.mark.parametrize(
    ("n_arms", "n_texts"), [(2, 2), (3, 2), (4, 2), (3, 3), (4, 3), (4, 4), (5, 4), (6, 6), (7, 3)]
)
def test_the_texts_of_a_trial_come_from_one_sample_and_are_rated_evenly(n_arms: int, n_texts: int) -> None:
    n_samples = 2 * len(block_rounds(n_arms, n_texts))
    design = Design(
        n_raters=30,
        items_per_rater=6 * set_size(n_arms, n_texts),
        n_prompts=6,
        n_arms=n_arms,
        n_samples=n_samples,
        n_texts=n_texts,
    )
    trials = [trial for booklet in assign(design, 1) for trial in first_shown(booklet)]

    uses = Counter(completion for trial in trials for completion in trial.shown)

    assert all(len({completion.sample for completion in trial.shown}) == 1 for trial in trials)
    assert all(abs(n - design.ratings_per_item) <= 1 for n in uses.values())
    assert len(uses) == design.n_completions
