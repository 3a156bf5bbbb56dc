"""Hold the promises of `assign_booklets` against random designs."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from itertools import chain, combinations, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rater.publish.booklets import ASSIGNMENT_VERSION, ArmsOfLabels, assign_booklets
from rater.publish.trials import CompletionIndex, Trial
from rater.study.design import Asking, Design

ASKING: tuple[Asking, ...] = ("together", "blocks", "one_per_rater")


@st.composite
def designs(draw: st.DrawFn, *, is_pairwise: bool | None = None) -> Design:
    pairwise_ = draw(st.booleans()) if is_pairwise is None else is_pairwise
    n_arms = draw(st.integers(2, 4))
    set_size = n_arms * (n_arms - 1) // 2 if pairwise_ else n_arms
    per_set = (n_arms - 1 if n_arms % 2 == 0 else n_arms) if pairwise_ else 1
    n_prompts, rounds = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    n_dimensions, asking = draw(st.integers(1, 3)), draw(st.sampled_from(ASKING))
    n_blocks = n_dimensions if asking == "blocks" else 1
    most = n_prompts * rounds // n_blocks
    if most == 0:
        n_prompts, most = n_blocks, rounds
    items = draw(st.integers(1, most)) * set_size * n_blocks
    return Design(
        n_raters=draw(st.integers(1, 12)),
        items_per_rater=items,
        n_prompts=n_prompts,
        n_arms=n_arms,
        n_samples=rounds * per_set + draw(st.integers(0, per_set - 1)),
        is_pairwise=pairwise_,
        n_dimensions=n_dimensions,
        asking=asking,
        n_repeats=draw(st.integers(0, min(4, items // 2))),
        n_checks=draw(st.integers(0, 3)),
    )


seeds = st.integers(0, 2**32)


def assign(design: Design, seed: int) -> list[list[Trial]]:
    return assign_booklets(design, np.random.default_rng(seed))


def first_shown(booklet: list[Trial]) -> list[Trial]:
    return [trial for trial in booklet if trial.shown and not trial.is_repeat]


def spread(counts: Mapping[Any, int], possible: int) -> int:
    values = [*counts.values(), *[0] * (possible - len(counts))]
    return max(values) - min(values)


@given(designs(), seeds)
def test_a_booklet_holds_its_trials_repeats_and_checks(design: Design, seed: int) -> None:
    booklets = assign(design, seed)

    assert len(booklets) == design.n_raters
    for booklet in booklets:
        assert len(first_shown(booklet)) == design.items_per_rater
        assert sum(trial.is_repeat for trial in booklet) == design.n_repeats
        checks = sorted(trial.check for trial in booklet if trial.check is not None)
        assert checks == list(range(design.n_checks))
        assert booklet[0].check is None


@given(designs(), seeds)
def test_a_rater_never_sees_a_completion_twice_except_as_a_repeat(design: Design, seed: int) -> None:
    for booklet in assign(design, seed):
        shown = [completion for trial in first_shown(booklet) for completion in trial.shown]
        assert len(set(shown)) == len(shown)


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
def test_a_rater_meets_all_arms_of_a_prompt_equally_often(design: Design, seed: int) -> None:
    sets = design.n_arms if not design.is_pairwise else len(list(combinations(range(design.n_arms), 2)))

    for booklet in assign(design, seed):
        by_cell = Counter((trial.dimension, trial.prompt, trial.arms) for trial in first_shown(booklet))
        for dimension, prompt in {(trial.dimension, trial.prompt) for trial in first_shown(booklet)}:
            counts = [n for cell, n in by_cell.items() if cell[:2] == (dimension, prompt)]
            assert len(counts) == sets
            assert len(set(counts)) == 1


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


@given(designs(is_pairwise=False), seeds)
def test_completions_of_a_prompt_and_arm_differ_by_at_most_one_rating(design: Design, seed: int) -> None:
    uses = Counter(trial.shown[0] for booklet in assign(design, seed) for trial in first_shown(booklet))

    most = 1 if design.asking == "together" else design.n_dimensions
    for prompt in range(design.n_prompts):
        for arm in range(design.n_arms):
            of_cell = Counter({c: n for c, n in uses.items() if (c.prompt, c.arm) == (prompt, arm)})
            assert spread(of_cell, design.n_samples) <= most


@pytest.mark.parametrize("n_arms", [2, 3, 4])
def test_both_of_a_pair_come_from_one_sample_and_are_rated_evenly(n_arms: int) -> None:
    items = 6 * n_arms * (n_arms - 1) // 2
    design = Design(
        n_raters=30, items_per_rater=items, n_prompts=6, n_arms=n_arms, n_samples=4, is_pairwise=True
    )
    trials = [trial for booklet in assign(design, 1) for trial in first_shown(booklet)]

    uses = Counter(completion for trial in trials for completion in trial.shown)

    assert all(len({completion.sample for completion in trial.shown}) == 1 for trial in trials)
    assert all(abs(n - design.ratings_per_item) <= 1 for n in uses.values())
    assert len(uses) == design.n_completions


@given(designs(is_pairwise=True), seeds)
def test_each_of_a_pair_is_left_and_right_equally_often_give_or_take_one(design: Design, seed: int) -> None:
    lean = Counter[tuple[object, ...]]()
    for booklet in assign(design, seed):
        for trial in first_shown(booklet):
            lean[tuple(sorted(trial.shown))] += 1 if trial.shown[0].arm < trial.shown[1].arm else -1

    assert all(abs(n) <= 1 for n in lean.values())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_where_arms_meet_in_pairs_each_two_are_left_and_right_of_each_other_in_each_prompt(seed: int) -> None:
    design = Design(n_raters=30, items_per_rater=18, n_prompts=6, n_arms=3, n_samples=4, is_pairwise=True)
    lean = Counter[tuple[object, ...]]()
    for booklet in assign(design, seed):
        for trial in booklet:
            lean[trial.prompt, trial.arms] += 1 if trial.shown[0].arm < trial.shown[1].arm else -1

    assert all(abs(n) <= 2 for n in lean.values())


def test_the_side_of_an_odd_pair_is_left_to_chance() -> None:
    design = Design(n_raters=1, items_per_rater=1, n_prompts=1, n_arms=2, n_samples=1, is_pairwise=True)

    left = Counter(assign(design, seed)[0][0].shown[0].arm for seed in range(100))

    assert 30 < left[0] < 70


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


def test_raters_are_asked_each_dimension_equally_often() -> None:
    design = Design(
        n_raters=20,
        items_per_rater=12,
        n_prompts=6,
        n_arms=2,
        n_samples=4,
        n_dimensions=3,
        asking="one_per_rater",
    )

    asked = Counter(booklet[0].dimension for booklet in assign(design, 1))

    assert spread(asked, 3) == 1


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


def test_repeats_are_spread_over_prompts_and_their_arms() -> None:
    design = Design(n_raters=24, items_per_rater=24, n_prompts=6, n_arms=2, n_samples=4, n_repeats=4)
    booklets = assign(design, 1)

    repeats = [[trial for trial in booklet if trial.is_repeat] for booklet in booklets]

    assert all(len({trial.prompt for trial in own}) == 4 for own in repeats)
    assert spread(Counter((trial.prompt, trial.arms) for own in repeats for trial in own), 12) <= 4


@given(designs(), seeds)
def test_the_same_seed_deals_the_same_booklets(design: Design, seed: int) -> None:
    assert assign(design, seed) == assign(design, seed)


def test_arms_come_first_equally_often_over_many_booklets() -> None:
    design = Design(n_raters=2_000, items_per_rater=8, n_prompts=4, n_arms=2, n_samples=2)

    first = Counter(booklet[0].shown[0].arm for booklet in assign(design, 1))

    assert abs(first[0] - 1_000) < 4 * np.sqrt(2_000 / 4)


@settings(deadline=None, max_examples=30)
@given(design=designs(), more=st.integers(1, 6), seed=seeds)
def test_added_booklets_leave_the_first_ones_as_they_are_and_all_together_even(
    design: Design, more: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)

    assigned = assign_booklets(design, rng, added=(more, 2))

    assert len(assigned) == design.n_raters + more + 2
    assert assigned[: design.n_raters] == assign(design, seed)
    assert assigned[: design.n_raters + more] == assign_booklets(
        design, np.random.default_rng(seed), added=(more,)
    )
    sets = Counter(trial.prompt for booklet in assigned for trial in first_shown(booklet))
    n_dimensions = 1 if design.asking == "together" else design.n_dimensions
    assert spread(sets, design.n_prompts) <= design.set_size * n_dimensions


def test_added_booklets_ask_the_dimensions_whose_turn_it_is() -> None:
    design = Design(
        n_raters=2,
        items_per_rater=2,
        n_prompts=1,
        n_arms=2,
        n_samples=1,
        n_dimensions=3,
        asking="one_per_rater",
    )

    assigned = assign_booklets(design, np.random.default_rng(1), added=(1,))

    assert {booklet[0].dimension for booklet in assigned} == {0, 1, 2}


PINNED = (
    Design(n_raters=5, items_per_rater=8, n_prompts=4, n_arms=2, n_samples=3, n_repeats=2, n_checks=1),
    Design(n_raters=7, items_per_rater=9, n_prompts=4, n_arms=3, n_samples=3, is_pairwise=True),
    Design(
        n_raters=6,
        items_per_rater=12,
        n_prompts=3,
        n_arms=2,
        n_samples=4,
        n_dimensions=3,
        asking="blocks",
        n_repeats=1,
    ),
)
"""Designs that use every part of the assignment between them."""


def test_the_version_is_raised_with_every_change_of_the_assignment() -> None:
    trials = [
        [trial.shown, trial.dimension, trial.is_repeat, trial.check]
        for design in PINNED
        for booklet in assign_booklets(design, np.random.default_rng(7), added=(2,))
        for trial in booklet
    ]
    digest = hashlib.sha256(json.dumps(trials).encode()).hexdigest()

    assert (ASSIGNMENT_VERSION, digest[:16]) == (1, "a72fdcba6b587075"), (
        "The same seed gives other booklets than before: raise ASSIGNMENT_VERSION, and write the new digest "
        "here. Otherwise `rater verify` calls published studies tampered."
    )


@given(designs(), seeds)
def test_other_arms_for_the_labels_of_a_prompt_change_nothing_else(design: Design, seed: int) -> None:
    one, other = (
        assign_booklets(design, np.random.default_rng(seed), label_rng=np.random.default_rng(labels))
        for labels in (1, 2)
    )

    changed: dict[CompletionIndex, CompletionIndex] = {}
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
        [Trial((CompletionIndex(prompt, label, sample),)) for label in range(design.n_arms)]
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
