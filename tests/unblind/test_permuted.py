"""Hold the secret permutation of arms against booklets that are written out."""

from itertools import product

import pytest

from rater.store.rating.publication import NewBooklet, NewTrial
from rater.store.sealed.completions import Cell
from rater.unblind.permuted import permute_arms

ARMS = ("a", "b", "c")
CELLS = {f"{p}{arm}{n}": Cell(p, arm, n) for p, arm, n in product((0, 1), ARMS, (0, 1))}
SEED = "11" * 32


def stand_ins(*trials: NewTrial, seed: str = SEED) -> list[dict[str, str]]:
    """The arm that stands in for each item's own, in each of forty booklets with the same trials."""
    booklets = [NewBooklet(f"booklet {n}", trials) for n in range(40)]
    found = permute_arms(booklets, CELLS, ARMS, seed)
    return [{item: arm for (of, item), arm in found.items() if of == each.id} for each in booklets]


@pytest.mark.parametrize(
    ("one", "other", "dimensions"),
    [
        (("0a0", "0b0", "0c0"), ("1a0", "1b0", "1c0"), (None, None)),
        (("0a0", "0b0", "0c0"), ("0a1", "0b1", "0c1"), (None, None)),
        (("0a0", "0b1", "0c0"), ("0a1", "0b0", "0c1"), ("joy", "fluency")),
    ],
    ids=["prompts", "samples of a prompt", "dimensions asked apart"],
)
def test_the_arms_of_each_set_are_swapped_by_a_permutation_of_its_own(
    one: tuple[str, ...], other: tuple[str, ...], dimensions: tuple[str | None, str | None]
) -> None:
    trials = [
        NewTrial(item, dimension=of)
        for items, of in zip((one, other), dimensions, strict=True)
        for item in items
    ]

    found = stand_ins(*trials)

    sets = [(tuple(arm[item] for item in one), tuple(arm[item] for item in other)) for arm in found]
    assert {tuple(sorted(arms)) for pair in sets for arms in pair} == {ARMS}
    assert len({first for first, _ in sets}) == 6
    assert sum(first == second for first, second in sets) < 20  # by chance, in one of six


def test_a_repeat_or_an_attention_check_is_no_part_of_a_set() -> None:
    trials = [*map(NewTrial, ("0a1", "check", "0b0", "0c1")), NewTrial("0a1", is_repeat=True)]

    found = stand_ins(*trials)

    assert {tuple(sorted(arms)) for arms in found} == {("0a1", "0b0", "0c1")}
    assert {tuple(sorted(arms.values())) for arms in found} == {ARMS}


def test_all_pairs_of_a_prompt_are_swapped_as_one() -> None:
    found = stand_ins(NewTrial("0a0", "0b0"), NewTrial("0c1", "0a1"), NewTrial("0b1", "0c0"))

    for arms in found:
        swapped = arms["0a0"], arms["0b0"], arms["0c0"]
        assert swapped == (arms["0a1"], arms["0b1"], arms["0c1"])
        assert tuple(sorted(swapped)) == ARMS


def test_the_permutation_follows_from_the_seed_and_not_from_the_order_of_trials() -> None:
    trials = [NewTrial(f"0{arm}0") for arm in ARMS]

    assert stand_ins(*trials) == stand_ins(*trials[::-1])
    assert stand_ins(*trials) != stand_ins(*trials, seed="22" * 32)
