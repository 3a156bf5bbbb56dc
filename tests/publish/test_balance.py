from dataclasses import replace

import numpy as np
import pytest

from rater.publish.balance import Range, measure_balance
from rater.publish.booklets import assign_booklets
from rater.publish.trials import CompletionIndex, Trial
from rater.study.design import Design


def test_an_even_assignment_is_said_to_be_even() -> None:
    design = Design(n_raters=40, items_per_rater=24, n_prompts=12, n_arms=2, n_samples=4)

    balance = measure_balance(design, assign_booklets(design, np.random.default_rng(1)))

    assert balance.ratings_per_completion == Range(10, 10)
    assert balance.ratings_per_arm == {0: 480, 1: 480}
    assert (balance.arms_differ_within_booklets, balance.n_neighbours) == (0, 0)
    assert balance.mean_places_of_arms == pytest.approx({0: 0.5, 1: 0.5}, abs=0.02)


def test_an_uneven_assignment_is_said_to_be_uneven() -> None:
    design = Design(n_raters=1, items_per_rater=4, n_prompts=2, n_arms=2, n_samples=2)
    cells = ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0))
    booklet = [Trial((CompletionIndex(*cell),)) for cell in cells]

    balance = measure_balance(design, [booklet])

    assert balance.ratings_per_completion == Range(0, 1)
    assert balance.ratings_per_arm == {0: 3, 1: 1}
    assert balance.arms_differ_within_booklets == 2
    assert balance.n_neighbours == 2
    assert balance.mean_places_of_arms == pytest.approx({0: (1 + 3 + 7) / 24, 1: 5 / 8})


def test_pairs_that_are_on_both_sides_alike_are_reported_so() -> None:
    design = Design(n_raters=10, items_per_rater=4, n_prompts=4, n_arms=2, n_samples=1, is_pairwise=True)

    balance = measure_balance(design, assign_booklets(design, np.random.default_rng(1)))

    assert balance.first_left == {(0, 1): 0.5}
    assert balance.ratings_per_completion == Range(10, 10)


def test_pairs_that_lean_to_a_side_are_said_to_and_repeats_count_for_nothing() -> None:
    design = Design(n_raters=1, items_per_rater=2, n_prompts=2, n_arms=2, n_samples=1, is_pairwise=True)
    first, second = (
        Trial((CompletionIndex(prompt, 0, 0), CompletionIndex(prompt, 1, 0))) for prompt in (0, 1)
    )

    balance = measure_balance(design, [[first, second, replace(first, is_repeat=True)]])

    assert balance.first_left == {(0, 1): 1.0}
    assert balance.ratings_per_completion == Range(1, 1)
    places = balance.mean_places_of_prompts
    assert (places.least, places.greatest) == pytest.approx((1 / 6, 1 / 2))
