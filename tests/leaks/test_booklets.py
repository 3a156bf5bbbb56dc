"""Search published booklets and masked exports for the arms, and hold that only chance joins prompts.

Booklets in which the places or sides of each arm are evened out are sorted wholly by this search, as the
first test shows. In ours, the texts of one prompt can be sorted, since each rater sees its arms equally
often. Over a whole study that is worth what turning the arms of each prompt at random is worth.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations

import numpy as np
import pytest

from rater.publish.booklets import assign_booklets
from rater.publish.trials import Trial
from rater.store.rating.export import masked_id
from rater.study.design import Design
from tests.leaks.arm_search import (
    BY_BOOKLETS,
    BY_PROMPTS,
    Effort,
    SeenTrial,
    find_arms,
    share_sorted,
    share_sorted_by_chance,
    share_sorted_within_prompts,
)

ONE_TEXT = Design(n_raters=12, items_per_rater=24, n_prompts=8, n_arms=2, n_samples=3)
REPEATED = Design(n_raters=12, items_per_rater=24, n_prompts=8, n_arms=2, n_samples=3, n_repeats=4)
PAIRS = Design(n_raters=40, items_per_rater=12, n_prompts=12, n_arms=2, n_samples=1, n_texts=2)
THREE_ARMS = Design(n_raters=18, items_per_rater=18, n_prompts=6, n_arms=3, n_samples=3)
THREE_ARMS_IN_PAIRS = Design(n_raters=30, items_per_rater=18, n_prompts=6, n_arms=3, n_samples=3, n_texts=2)
ALL_OF_THREE_ARMS = Design(n_raters=40, items_per_rater=12, n_prompts=12, n_arms=3, n_samples=1, n_texts=3)
THREE_OF_FOUR_ARMS = Design(n_raters=24, items_per_rater=24, n_prompts=6, n_arms=4, n_samples=4, n_texts=3)
ODD_ONE_OUT = Design(
    n_raters=24, items_per_rater=16, n_prompts=8, n_arms=2, n_samples=6, n_texts=3, has_odd_text=True
)
ODD_OF_THREE_ARMS = Design(
    n_raters=18, items_per_rater=24, n_prompts=4, n_arms=3, n_samples=9, n_texts=3, has_odd_text=True
)
DESIGNS = {
    "one text": ONE_TEXT,
    "one text, with repeats": REPEATED,
    "pairs": PAIRS,
    "three arms": THREE_ARMS,
    "three arms in pairs": THREE_ARMS_IN_PAIRS,
    "all of three arms": ALL_OF_THREE_ARMS,
    "three of four arms": THREE_OF_FOUR_ARMS,
    "odd one out": ODD_ONE_OUT,
    "odd one out of three arms": ODD_OF_THREE_ARMS,
}
LARGER = {
    "24 raters, 96 texts": Design(24, 24, 12, 2, 4),
    "12 raters, 4 prompts": Design(12, 24, 4, 2, 6),
    "blocks": Design(24, 24, 12, 2, 4, n_dimensions=2, asking="blocks"),
    "60 raters, pairs": Design(60, 20, 20, 2, 2, n_texts=2),
    "three arms, 96 texts": Design(32, 24, 8, 3, 4),
    "all of four arms": Design(30, 12, 12, 4, 2, n_texts=4),
    "four of five arms": Design(20, 20, 4, 5, 5, n_texts=4),
    "all of five arms": Design(30, 10, 10, 5, 2, n_texts=5),
}
Arms = dict[Hashable, int]


def as_published(booklets: Sequence[Sequence[Trial]]) -> tuple[list[SeenTrial], Arms]:
    """Return the booklets as in a rating database, and the arm of each text."""
    seen, arms = [], Arms()
    for number, booklet in enumerate(booklets):
        for place, trial in enumerate(booklet):
            arms |= {completion: completion.arm for completion in trial.shown}
            relative = (place + 0.5) / len(booklet) - 0.5
            seen.append(
                SeenTrial(number, trial.prompt, trial.shown, relative, trial.dimension, trial.is_repeat)
            )
    return seen, arms


def as_exported(booklets: Sequence[Sequence[Trial]]) -> tuple[list[SeenTrial], Arms]:
    """Return the booklets as in a masked export: an item's id is another one for each rater."""
    published, of_items = as_published(booklets)
    seen, arms = [], Arms()
    for trial in published:
        items = tuple(masked_id(str(trial.booklet), str(item)) for item in trial.items)
        arms |= {own: of_items[item] for own, item in zip(items, trial.items, strict=True)}
        seen.append(
            SeenTrial(
                trial.booklet,
                (trial.booklet, trial.prompt),
                items,
                trial.place,
                trial.dimension,
                trial.is_repeat,
            )
        )
    return seen, arms


def evened_out_by_arm(design: Design, seed: int) -> list[list[Trial]]:
    """Booklets whose places (or sides) are evened out by arm: what the search must be able to find."""
    rng = np.random.default_rng(seed)
    evened = []
    for booklet in assign_booklets(design, rng):
        orders = [[booklet[index] for index in rng.permutation(len(booklet))] for _ in range(16)]
        if design.n_texts > 1:
            orders = [[_turned(trial, rng) for trial in booklet] for _ in range(16)]
        evened.append(min(orders, key=_unevenness))
    return evened


def _turned(trial: Trial, rng: np.random.Generator) -> Trial:
    return Trial(tuple(trial.shown[index] for index in rng.permutation(len(trial.shown))))


def _unevenness(booklet: Sequence[Trial]) -> float:
    places = np.arange(len(booklet)) / (len(booklet) - 1) - 0.5
    n_texts = len(booklet[0].shown)
    if n_texts > 1:
        sides = np.arange(n_texts) - (n_texts - 1) / 2
        sums = Counter[int]()
        for trial in booklet:
            for side, completion in zip(sides.tolist(), trial.shown, strict=True):
                sums[completion.arm] += side
        return sum(each**2 for each in sums.values())
    arms = np.array([trial.shown[0].arm for trial in booklet])
    return float(sum((places[arms == arm].sum()) ** 2 for arm in set(arms.tolist())))


def attack(
    seen: Sequence[SeenTrial],
    arms: Mapping[Hashable, int],
    *,
    seed: int,
    weights: Mapping[str, float] = BY_BOOKLETS,
    n_kicks: int = 40,
) -> tuple[float, float, float]:
    """Return the shares sorted within prompts, over the study, and over the study by chance."""
    rng = np.random.default_rng(seed)
    n_arms = len(set(arms.values()))
    found = find_arms(seen, Effort(n_arms, rng, n_starts=4, n_kicks=n_kicks), weights)
    return (
        share_sorted_within_prompts(found, arms),
        share_sorted(found, arms),
        share_sorted_by_chance(found, arms, rng, 100),
    )


@pytest.mark.parametrize(
    "design",
    [ONE_TEXT, PAIRS, THREE_ARMS, ALL_OF_THREE_ARMS],
    ids=["one text", "pairs", "three arms", "all of three arms"],
)
def test_the_search_sorts_a_study_whose_booklets_even_the_arms_out(design: Design) -> None:
    seen, arms = as_published(evened_out_by_arm(design, 1))

    _, whole, chance = attack(seen, arms, seed=1)

    assert chance < 0.75
    assert whole > 0.95


@pytest.mark.parametrize("weights", [BY_BOOKLETS, BY_PROMPTS], ids=["by booklets", "by prompts"])
@pytest.mark.parametrize("design", DESIGNS.values(), ids=DESIGNS)
def test_published_booklets_join_no_prompts_of_an_arm(design: Design, weights: Mapping[str, float]) -> None:
    shares = [
        attack(
            *as_published(assign_booklets(design, np.random.default_rng(seed))), seed=seed, weights=weights
        )
        for seed in range(6)
    ]

    _, whole, chance = np.mean(shares, axis=0)
    # a share has a standard deviation of about 0.1, and so the mean of six one of 0.04
    assert abs(whole - chance) < 0.17


def test_published_pairs_of_two_arms_do_not_even_tell_the_arms_within_a_prompt() -> None:
    design = Design(n_raters=40, items_per_rater=12, n_prompts=4, n_arms=2, n_samples=6, n_texts=2)
    shares = [
        attack(
            *as_published(assign_booklets(design, np.random.default_rng(seed))), seed=seed, weights=weights
        )
        for seed in range(6)
        for weights in (BY_BOOKLETS, BY_PROMPTS)
    ]

    # six pairs turned at random, renamed for the best: 0.656
    assert np.mean(shares, axis=0)[0] < 0.656 + 0.1


@pytest.mark.parametrize("design", [ODD_ONE_OUT, ODD_OF_THREE_ARMS], ids=["two arms", "three arms"])
def test_published_booklets_do_not_show_which_text_is_odd(design: Design) -> None:
    """Booklets hold who sees the three texts of a trial, when, where and with what else: all equal."""
    booklets = assign_booklets(design, np.random.default_rng(1))
    n_shown, with_others, places = Counter[object](), Counter[object](), Counter[tuple[object, int]]()
    groups = set()
    for booklet in booklets:
        for trial in booklet:
            groups.add(frozenset(trial.shown))
            n_shown.update(trial.shown)
            with_others.update(frozenset(pair) for pair in combinations(trial.shown, 2))
            places.update((text, place) for place, text in enumerate(trial.shown))

    for group in groups:
        assert len({n_shown[text] for text in group}) == 1
        assert len({with_others[frozenset(pair)] for pair in combinations(group, 2)}) == 1
        counts = [places[text, place] for text in group for place in range(3)]
        assert max(counts) - min(counts) <= 1
        assert len({text.sample for text in group}) == 3
    # no text is in two groups, so that nothing is known of one group from another
    assert sum(map(len, groups)) == len(frozenset().union(*groups))


def test_guesses_from_places_find_the_odd_text_as_often_as_by_chance() -> None:
    """The rarest place of a text within its group is all that differs: guesses are at chance."""
    n_found = n_groups = 0
    for seed in range(6):
        places: dict[frozenset[object], Counter[tuple[object, int]]] = defaultdict(Counter)
        arms: dict[object, int] = {}
        for booklet in assign_booklets(ODD_ONE_OUT, np.random.default_rng(seed))[:13]:
            for trial in booklet:
                arms |= {text: text.arm for text in trial.shown}
                own = places[frozenset(trial.shown)]
                own.update((text, place) for place, text in enumerate(trial.shown))
        for group, counts in places.items():
            guess = max(sorted(group, key=str), key=lambda text: counts[text, 0])
            n_of_arm = Counter(arms[text] for text in group)
            n_found += n_of_arm[arms[guess]] == 1
            n_groups += 1

    assert abs(n_found / n_groups - 1 / 3) < 4 * (2 / 9 / n_groups) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("design", LARGER.values(), ids=LARGER)
def test_larger_studies_join_no_prompts_of_an_arm_either(design: Design) -> None:
    shares = [
        attack(
            *as_published(assign_booklets(design, np.random.default_rng(seed))),
            seed=seed,
            weights=(BY_BOOKLETS, BY_PROMPTS)[seed % 2],
            n_kicks=60,
        )
        for seed in range(8)
    ]

    _, whole, chance = np.mean(shares, axis=0)
    assert abs(whole - chance) < 0.14


@pytest.mark.parametrize(
    "design",
    [ONE_TEXT, PAIRS, THREE_ARMS, THREE_OF_FOUR_ARMS],
    ids=["one text", "pairs", "three arms", "three of four arms"],
)
def test_a_masked_export_joins_no_texts_of_an_arm(design: Design) -> None:
    shares = [
        attack(*as_exported(assign_booklets(design, np.random.default_rng(seed))), seed=seed, n_kicks=5)
        for seed in range(3)
    ]

    _, whole, chance = np.mean(shares, axis=0)
    assert abs(whole - chance) < 0.06
