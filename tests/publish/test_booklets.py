"""Hold the promises of `assign_booklets` against random designs."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain, combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rater.publish.booklets import ASSIGNMENT_VERSION, ArmsOfLabels, Range, assign_booklets, measure_balance
from rater.publish.trials import CompletionIndex, Trial
from rater.study.block_designs import block_rounds, triangles
from rater.study.design import Asking, Design, set_size

ASKING: tuple[Asking, ...] = ("together", "blocks", "one_per_rater")


@st.composite
def designs(draw: st.DrawFn, *, n_texts: int | None = None, shows_all_arms: bool = False) -> Design:
    """Draw designs whose trials show 1 to 6 texts of 2 to 7 arms."""
    n_shown = draw(st.integers(1 + shows_all_arms, 6)) if n_texts is None else n_texts
    n_arms = n_shown if shows_all_arms else draw(st.integers(max(2, n_shown), max(4, n_shown + 1)))
    in_set, per_set = set_size(n_arms, n_shown), len(block_rounds(n_arms, n_shown))
    n_prompts, rounds = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    n_dimensions, asking = draw(st.integers(1, 3)), draw(st.sampled_from(ASKING))
    n_blocks = n_dimensions if asking == "blocks" else 1
    most = n_prompts * rounds // n_blocks
    if most == 0:
        n_prompts, most = n_blocks, rounds
    items = draw(st.integers(1, most)) * in_set * n_blocks
    return Design(
        n_raters=draw(st.integers(1, 12)),
        items_per_rater=items,
        n_prompts=n_prompts,
        n_arms=n_arms,
        n_samples=rounds * per_set + draw(st.integers(0, per_set - 1)),
        n_texts=n_shown,
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
def test_a_rater_meets_all_arms_of_a_prompt_equally_often(design: Design, seed: int) -> None:
    arms = range(design.n_arms)
    together = [*((arm,) for arm in arms), *(combinations(arms, 2) if design.n_texts > 1 else ())]

    for booklet in assign(design, seed):
        counts: defaultdict[tuple[int | None, ...], Counter[tuple[int, ...]]] = defaultdict(Counter)
        for trial in first_shown(booklet):
            assert len(set(trial.arms)) == len(trial.shown) == design.n_texts
            own = counts[trial.dimension, trial.prompt]
            own.update([*((arm,) for arm in trial.arms), *combinations(trial.arms, 2)])
        for own in counts.values():
            for n_arms in (1, 2):
                equal = {own[group] for group in together if len(group) == n_arms}
                assert len(equal) <= 1
                assert 0 not in equal


@given(designs(), seeds)
def test_each_text_is_in_each_place_equally_often_give_or_take_one(design: Design, seed: int) -> None:
    places: defaultdict[tuple[CompletionIndex, ...], Counter[tuple[CompletionIndex, int]]]
    places = defaultdict(Counter)
    for booklet in assign(design, seed):
        for trial in first_shown(booklet):
            own = places[tuple(sorted(trial.shown))]
            own.update((completion, place) for place, completion in enumerate(trial.shown))

    for own in places.values():
        assert spread(own, design.n_texts**2) <= 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_where_arms_meet_in_pairs_each_two_are_left_and_right_of_each_other_in_each_prompt(seed: int) -> None:
    design = Design(n_raters=30, items_per_rater=18, n_prompts=6, n_arms=3, n_samples=4, n_texts=2)
    lean = Counter[tuple[object, ...]]()
    for booklet in assign(design, seed):
        for trial in booklet:
            lean[trial.prompt, trial.arms] += 1 if trial.shown[0].arm < trial.shown[1].arm else -1

    assert all(abs(n) <= 2 for n in lean.values())


@st.composite
def odd_designs(draw: st.DrawFn) -> Design:
    """Draw designs of odd-one-out trials, of 2 to 4 arms."""
    n_arms, n_sets, n_prompts = draw(st.integers(2, 4)), draw(st.integers(1, 2)), draw(st.integers(1, 4))
    in_set, n_rounds = len(triangles(n_arms)), len(block_rounds(n_arms, 2))
    items = draw(st.integers(1, n_prompts * n_sets)) * in_set
    return Design(
        n_raters=draw(st.integers(1, 9)),
        items_per_rater=items,
        n_prompts=n_prompts,
        n_arms=n_arms,
        n_samples=n_sets * n_rounds * 3,
        n_texts=3,
        has_odd_text=True,
        n_repeats=draw(st.integers(0, min(3, items // 2))),
    )


@given(odd_designs(), seeds)
def test_an_odd_text_is_of_each_arm_and_in_each_place_equally_often(design: Design, seed: int) -> None:
    places: defaultdict[frozenset[CompletionIndex], Counter[int]] = defaultdict(Counter)
    for booklet in assign(design, seed):
        rated = first_shown(booklet)
        texts = Counter(text for trial in rated for text in trial.shown)
        assert max(texts.values()) == 1
        pairs = Counter[tuple[int | None, int, int]]()
        for trial in rated:
            n_of_arm = Counter(text.arm for text in trial.shown)
            assert sorted(n_of_arm.values()) == [1, 2]
            assert len({text.sample for text in trial.shown}) == 3
            (twice, _), (odd, _) = n_of_arm.most_common()
            pairs[trial.prompt, twice, odd] += 1
            odd_place = next(place for place, text in enumerate(trial.shown) if text.arm == odd)
            places[frozenset(trial.shown)][odd_place] += 1
        n_arms = range(design.n_arms)
        for prompt in {trial.prompt for trial in rated}:
            assert len({pairs[prompt, a, b] for a in n_arms for b in n_arms if a != b}) == 1
    assert all(max(own.values()) - min(own[place] for place in range(3)) <= 1 for own in places.values())


def test_the_side_of_an_odd_pair_is_left_to_chance() -> None:
    design = Design(n_raters=1, items_per_rater=1, n_prompts=1, n_arms=2, n_samples=1, n_texts=2)

    left = Counter(assign(design, seed)[0][0].shown[0].arm for seed in range(100))

    assert 30 < left[0] < 70


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


def test_repeats_are_spread_over_prompts_and_their_arms() -> None:
    design = Design(n_raters=24, items_per_rater=24, n_prompts=6, n_arms=2, n_samples=4, n_repeats=4)
    booklets = assign(design, 1)

    repeats = [[trial for trial in booklet if trial.is_repeat] for booklet in booklets]

    assert all(len({trial.prompt for trial in own}) == 4 for own in repeats)
    assert spread(Counter((trial.prompt, trial.arms) for own in repeats for trial in own), 12) <= 4


@given(designs(), seeds)
def test_the_same_seed_deals_the_same_booklets(design: Design, seed: int) -> None:
    assert assign(design, seed) == assign(design, seed)


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
    Design(n_raters=7, items_per_rater=9, n_prompts=4, n_arms=3, n_samples=3, n_texts=2),
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
    Design(n_raters=5, items_per_rater=8, n_prompts=3, n_arms=4, n_samples=5, n_texts=3),
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

    assert (ASSIGNMENT_VERSION, digest[:16]) == (2, "8eec68dc10ed1674"), (
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
    # within a prompt (or, where a trial shows all arms, within a sample) the arms are permuted as a whole
    by_sample = design.n_texts == design.n_arms
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
    design = Design(n_raters=1, items_per_rater=2, n_prompts=2, n_arms=2, n_samples=2, n_texts=2)

    found = Counter(tuple(_arms(design, seed)) for seed in range(1_600))

    assert len(found) == 16
    assert all(60 <= n <= 145 for n in found.values())


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
    design = Design(n_raters=10, items_per_rater=4, n_prompts=4, n_arms=2, n_samples=1, n_texts=2)

    balance = measure_balance(design, assign_booklets(design, np.random.default_rng(1)))

    assert balance.first_left == {(0, 1): 0.5}
    assert balance.ratings_per_completion == Range(10, 10)


def test_pairs_that_lean_to_a_side_are_said_to_and_repeats_count_for_nothing() -> None:
    design = Design(n_raters=1, items_per_rater=2, n_prompts=2, n_arms=2, n_samples=1, n_texts=2)
    first, second = (
        Trial((CompletionIndex(prompt, 0, 0), CompletionIndex(prompt, 1, 0))) for prompt in (0, 1)
    )

    balance = measure_balance(design, [[first, second, replace(first, is_repeat=True)]])

    assert balance.first_left == {(0, 1): 1.0}
    assert balance.ratings_per_completion == Range(1, 1)
    places = balance.mean_places_of_prompts
    assert (places.least, places.greatest) == pytest.approx((1 / 6, 1 / 2))


@st.composite
def one_arm_designs(draw: st.DrawFn) -> Design:
    n_prompts, n_dimensions = draw(st.integers(2, 8)), draw(st.integers(1, 2))
    asking = draw(st.sampled_from(ASKING))
    n_blocks = n_dimensions if asking == "blocks" else 1
    return Design(
        n_raters=draw(st.integers(1, 12)),
        items_per_rater=draw(st.integers(1, n_prompts // n_blocks)) * n_blocks,
        n_prompts=n_prompts,
        n_arms=draw(st.integers(2, 4)),
        n_samples=draw(st.integers(1, 3)),
        n_dimensions=n_dimensions,
        asking=asking,
        arms_per_prompt="one",
    )


@given(one_arm_designs(), seeds)
def test_a_rater_may_meet_each_prompt_in_one_arm_alone(design: Design, seed: int) -> None:
    booklets = assign(design, seed)

    for booklet in booklets:
        shown = [trial.prompt for trial in first_shown(booklet)]
        assert len(shown) == len(set(shown)) == design.items_per_rater
    arms = Counter((trial.prompt, *trial.arms) for booklet in booklets for trial in first_shown(booklet))
    for prompt in range(design.n_prompts):
        of_prompt = {cell: n for cell, n in arms.items() if cell[0] == prompt}
        assert design.asking != "together" or spread(of_prompt, design.n_arms) <= 1
    texts = Counter(each for booklet in booklets for trial in first_shown(booklet) for each in trial.shown)
    for prompt, arm in {(each.prompt, each.arm) for each in texts}:
        samples = {each: n for each, n in texts.items() if (each.prompt, each.arm) == (prompt, arm)}
        assert design.asking != "together" or spread(samples, design.n_samples) <= 1


def test_the_arms_of_one_rater_come_from_chance() -> None:
    """No count over prompts is balanced, since such a balance would reveal which texts share an arm."""
    design = Design(
        n_raters=40, items_per_rater=12, n_prompts=12, n_arms=2, n_samples=1, arms_per_prompt="one"
    )

    n_first = [sum(trial.arms == (0,) for trial in booklet) for booklet in assign(design, seed=1)]

    assert min(n_first) < 5
    assert max(n_first) > 7
    assert np.mean(n_first) == 6
