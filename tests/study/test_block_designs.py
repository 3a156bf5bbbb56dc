from collections import Counter
from itertools import chain, combinations

import pytest

from rater.study.block_designs import block_rounds

SIZES = [(n_arms, n_texts) for n_texts in range(1, 7) for n_arms in range(n_texts, n_texts + 3)]


@pytest.mark.parametrize(("n_arms", "n_texts"), [*SIZES, (7, 3), (13, 4), (11, 5), (11, 6)])
def test_every_arm_and_every_two_arms_are_shown_equally_often(n_arms: int, n_texts: int) -> None:
    blocks = list(chain(*block_rounds(n_arms, n_texts)))

    arms = Counter(chain(*blocks))
    pairs = Counter(pair for block in blocks for pair in combinations(block, 2))

    assert all(len(set(block)) == n_texts for block in blocks)
    assert set(arms) == set(range(n_arms))
    assert len(set(arms.values())) == 1
    assert n_texts == 1 or len(pairs) == n_arms * (n_arms - 1) // 2
    assert len(set(pairs.values())) <= 1


@pytest.mark.parametrize(("n_arms", "n_texts"), SIZES)
def test_no_arm_comes_twice_in_a_round(n_arms: int, n_texts: int) -> None:
    for blocks in block_rounds(n_arms, n_texts):
        assert max(Counter(chain(*blocks)).values()) == 1


@pytest.mark.parametrize(
    ("n_arms", "n_texts", "n_blocks", "n_rounds"),
    [(4, 1, 4, 1), (4, 2, 6, 3), (5, 2, 10, 5), (4, 4, 1, 1), (4, 3, 4, 4), (7, 3, 7, 7), (6, 3, 20, 10)],
)
def test_the_smallest_design_that_is_known_is_used(
    n_arms: int, n_texts: int, n_blocks: int, n_rounds: int
) -> None:
    rounds = block_rounds(n_arms, n_texts)

    assert (sum(map(len, rounds)), len(rounds)) == (n_blocks, n_rounds)


def test_more_texts_than_arms_are_refused() -> None:
    with pytest.raises(ValueError, match="3 texts of different arms, but the study has 2 arms"):
        block_rounds(2, 3)
