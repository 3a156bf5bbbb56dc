from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.runners.runner import InProcess, divide, in_order


def test_tasks_share_one_worker_in_this_process() -> None:
    n_made = 0

    def job() -> Callable[[int], int]:
        nonlocal n_made
        n_made += 1
        return lambda number: number + 1

    assert list(InProcess().run(job, [5, 6])) == [(0, 6), (1, 7)]
    assert n_made == 1


def test_no_worker_is_made_where_nothing_is_to_be_done() -> None:
    def job() -> Callable[[int], int]:
        raise AssertionError

    assert list(InProcess().run(job, [])) == []


@given(st.permutations(range(6)))
def test_results_come_in_the_order_of_their_tasks(order: list[int]) -> None:
    assert list(in_order((number, str(number)) for number in order)) == ["0", "1", "2", "3", "4", "5"]


def test_a_result_is_not_kept_longer_than_its_predecessors_need() -> None:
    results = in_order(iter([(1, "b"), (0, "a"), (2, "c")]))

    assert [next(results), next(results)] == ["a", "b"]


@pytest.mark.parametrize(
    ("n", "n_groups", "groups"),
    [(7, 3, [range(2), range(2, 4), range(4, 7)]), (2, 5, [range(1), range(1, 2)]), (0, 2, [])],
)
def test_groups_are_of_nearly_equal_size_and_none_is_empty(
    n: int, n_groups: int, groups: list[range]
) -> None:
    assert divide(n, n_groups) == groups
