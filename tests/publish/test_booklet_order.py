from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.publish.booklets import assign_booklets
from rater.publish.trials import Trial
from rater.study.design import Design
from tests.publish.test_booklets import designs

seeds = st.integers(0, 2**32)


def assign(design: Design, seed: int) -> list[list[Trial]]:
    return assign_booklets(design, np.random.default_rng(seed))


def first_shown(booklet: list[Trial]) -> list[Trial]:
    return [trial for trial in booklet if trial.shown and not trial.is_repeat]


@given(designs(), seeds)
def test_a_repeat_shows_the_same_again_on_the_same_question_a_third_of_a_block_later(
    design: Design, seed: int
) -> None:
    third = design.items_per_rater // design.n_blocks // 3

    for booklet in assign(design, seed):
        asked = [(trial.shown, trial.dimension) for trial in booklet]
        for place, trial in enumerate(booklet):
            if trial.is_repeat:
                assert asked[:place].count(asked[place]) == 1
                assert place - asked.index(asked[place]) > third


@given(designs(), seeds)
def test_texts_of_one_prompt_are_kept_apart_wherever_that_is_possible(design: Design, seed: int) -> None:
    for booklet in assign(design, seed):
        most = max(Counter(trial.prompt for trial in first_shown(booklet)).values())
        n_neighbours = sum(
            before.prompt == after.prompt and before.prompt is not None for before, after in pairwise(booklet)
        )
        can_be_apart = design.n_blocks == 1 and most <= (design.items_per_rater + 1) // 2
        if can_be_apart and design.n_repeats == 0:
            assert n_neighbours == 0


@given(designs(), seeds)
def test_each_block_asks_one_dimension(design: Design, seed: int) -> None:
    for booklet in assign(design, seed):
        asked = [trial.dimension for trial in booklet]
        runs = [asked[0], *(after for before, after in pairwise(asked) if before != after)]
        expected = {"together": 1, "one_per_rater": 1, "blocks": design.n_dimensions}[design.asking]
        assert len(runs) == len(set(runs)) == expected
        assert (None in runs) == (design.asking == "together")


def test_blocks_come_at_each_place_and_after_each_other_equally_often() -> None:
    design = Design(
        n_raters=24, items_per_rater=12, n_prompts=6, n_arms=2, n_samples=4, n_dimensions=3, asking="blocks"
    )

    orders = [list(dict.fromkeys(trial.dimension for trial in booklet)) for booklet in assign(design, 1)]

    assert set(Counter(order[0] for order in orders).values()) == {8}
    assert set(Counter(pair for order in orders for pair in pairwise(order)).values()) == {8}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_mean_positions_of_prompts_and_of_their_arms_are_even_over_booklets(seed: int) -> None:
    design = Design(n_raters=40, items_per_rater=24, n_prompts=12, n_arms=2, n_samples=4)
    places: dict[object, list[float]] = {}
    for booklet in assign(design, seed):
        for place, trial in enumerate(booklet):
            for key in ((trial.prompt, trial.arms), trial.prompt, trial.arms):
                places.setdefault(key, []).append((place + 0.5) / len(booklet))

    means = {key: float(np.mean(values)) for key, values in places.items()}

    # random orders would have standard errors of 0.046 (arms within prompts), 0.03 (prompts) and 0.009 (arms)
    assert np.std([means[prompt, (arm,)] for prompt in range(12) for arm in range(2)]) < 0.03
    assert np.std([means[prompt] for prompt in range(12)]) < 0.02
    assert all(abs(means[(arm,)] - 0.5) < 0.02 for arm in range(2))


def test_arms_come_first_equally_often_over_many_booklets() -> None:
    design = Design(n_raters=2_000, items_per_rater=8, n_prompts=4, n_arms=2, n_samples=2)

    first = Counter(booklet[0].shown[0].arm for booklet in assign(design, 1))

    assert abs(first[0] - 1_000) < 4 * np.sqrt(2_000 / 4)
