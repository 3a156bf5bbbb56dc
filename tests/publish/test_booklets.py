"""Hold the promises of `deal_booklets` against random designs."""

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.errors import StudyError
from rater.publish.booklets import Completion, Design, deal_booklets


@st.composite
def designs(draw: st.DrawFn) -> Design:
    n_prompts, n_arms, n_samples = draw(st.integers(1, 8)), draw(st.integers(2, 4)), draw(st.integers(1, 5))
    n_sets = draw(st.integers(1, n_prompts * n_samples))
    return Design(
        n_raters=draw(st.integers(1, 12)),
        items_per_rater=n_sets * n_arms,
        n_prompts=n_prompts,
        n_arms=n_arms,
        n_samples=n_samples,
    )


seeds = st.integers(0, 2**32)


def deal(design: Design, seed: int) -> list[list[Completion]]:
    return deal_booklets(design, np.random.default_rng(seed))


def spread(counts: Mapping[Any, int], possible: int) -> int:
    values = [*counts.values(), *[0] * (possible - len(counts))]
    return max(values) - min(values)


@given(designs(), seeds)
def test_every_planned_rater_gets_a_booklet_of_the_planned_length(design: Design, seed: int) -> None:
    booklets = deal(design, seed)

    assert [len(booklet) for booklet in booklets] == [design.items_per_rater] * design.n_raters


@given(designs(), seeds)
def test_a_rater_never_sees_a_completion_twice(design: Design, seed: int) -> None:
    for booklet in deal(design, seed):
        assert len(set(booklet)) == len(booklet)


@given(designs(), seeds)
def test_a_rater_sees_every_arm_of_a_prompt_equally_often(design: Design, seed: int) -> None:
    for booklet in deal(design, seed):
        by_cell = Counter((completion.prompt, completion.arm) for completion in booklet)
        for prompt in {completion.prompt for completion in booklet}:
            assert len({by_cell[prompt, arm] for arm in range(design.n_arms)}) == 1


@given(designs(), seeds)
def test_prompts_differ_by_at_most_one_set_within_a_booklet_and_over_all(design: Design, seed: int) -> None:
    booklets = deal(design, seed)

    for booklet in booklets:
        assert spread(Counter(c.prompt for c in booklet if c.arm == 0), design.n_prompts) <= 1
    over_all = Counter(c.prompt for booklet in booklets for c in booklet if c.arm == 0)
    assert spread(over_all, design.n_prompts) <= 1


@given(designs(), seeds)
def test_samples_of_a_prompt_and_arm_differ_by_at_most_one_rating(design: Design, seed: int) -> None:
    uses = Counter(completion for booklet in deal(design, seed) for completion in booklet)

    for prompt in range(design.n_prompts):
        for arm in range(design.n_arms):
            of_cell = Counter({c: n for c, n in uses.items() if (c.prompt, c.arm) == (prompt, arm)})
            assert spread(of_cell, design.n_samples) <= 1


@given(designs(), seeds)
def test_texts_of_one_prompt_are_kept_apart_wherever_that_is_possible(design: Design, seed: int) -> None:
    for booklet in deal(design, seed):
        most = max(Counter(completion.prompt for completion in booklet).values())
        n_neighbours = sum(before.prompt == after.prompt for before, after in pairwise(booklet))
        if most <= (len(booklet) + 1) // 2:
            assert n_neighbours == 0


@given(designs(), seeds)
def test_the_same_seed_deals_the_same_booklets(design: Design, seed: int) -> None:
    assert deal(design, seed) == deal(design, seed)


def test_arms_come_first_equally_often_over_many_booklets() -> None:
    design = Design(n_raters=2_000, items_per_rater=8, n_prompts=4, n_arms=2, n_samples=2)

    first = Counter(booklet[0].arm for booklet in deal(design, 1))

    assert abs(first[0] - 1_000) < 4 * np.sqrt(2_000 / 4)


@pytest.mark.parametrize("n_items", [0, 3, 14])
def test_a_booklet_that_cannot_be_balanced_is_refused_with_what_can(n_items: int) -> None:
    with pytest.raises(StudyError, match=r"multiple of the number of arms \(2\) and at most 12"):
        Design(n_raters=1, items_per_rater=n_items, n_prompts=3, n_arms=2, n_samples=2)
