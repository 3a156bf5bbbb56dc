from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rater.analysis.contrast_data import Ratings, score_cells


def make_ratings(rows: list[tuple[int, int, bool, float]]) -> Ratings:
    """Make ratings from (rater, prompt, is_first, answer); every answer is an item of its own."""
    rater, prompt, is_first, answer = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Ratings(
        ("steered", "unsteered"),
        rater=np.array(rater, dtype=np.intp),
        prompt=np.array(prompt, dtype=np.intp),
        item=np.arange(len(rows)),
        is_first=np.array(is_first, dtype=np.bool_),
        answer=np.array(answer, dtype=np.float64),
    )


def test_net_superiority_counts_the_pairs_that_win_minus_those_that_lose() -> None:
    # Pairs 5>3, 5>4, 3=3, 3<4: (2 − 1) / 4.
    cells = score_cells(make_ratings([(0, 0, True, 5), (0, 0, True, 3), (0, 0, False, 3), (0, 0, False, 4)]))

    assert cells.net_superiority.tolist() == [0.25]
    assert cells.scale_points.tolist() == [0.5]


def test_a_cell_with_one_arm_only_is_left_out_and_counted() -> None:
    cells = score_cells(make_ratings([(0, 0, True, 5), (0, 0, False, 1), (0, 1, True, 2), (1, 0, False, 3)]))

    assert (cells.n.cells, cells.n.raters, cells.n.prompts, cells.n.answers) == (1, 1, 1, 2)
    assert cells.n_unpaired == 2


def test_a_cell_weighs_as_much_as_its_smaller_arm_allows() -> None:
    cells = score_cells(make_ratings([(0, 0, True, 5), (0, 0, False, 1), (0, 0, False, 2)]))

    assert cells.weight.tolist() == pytest.approx([2 / 3])  # 1 / (1/1 + 1/2)


def test_no_answers_make_no_cells() -> None:
    cells = score_cells(make_ratings([]))

    assert cells.n.cells == 0
    assert cells.net_superiority.size == 0


row = st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans(), st.integers(1, 5).map(float))


@settings(deadline=None)
@given(st.lists(row, max_size=40))
def test_mid_ranks_give_the_same_as_comparing_every_pair(rows: list[tuple[int, int, bool, float]]) -> None:
    cells = score_cells(make_ratings(rows))

    expected = []
    for rater, prompt in product(range(3), range(3)):
        first = [answer for r, p, is_first, answer in rows if (r, p) == (rater, prompt) and is_first]
        second = [answer for r, p, is_first, answer in rows if (r, p) == (rater, prompt) and not is_first]
        signs = [np.sign(x - y) for x, y in product(first, second)]
        expected += [np.mean(signs)] if signs else []
    assert cells.net_superiority.tolist() == pytest.approx(expected, abs=1e-12)
