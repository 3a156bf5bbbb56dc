import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from rater.steering.draw import draw, nucleus, penalise

PROBS = torch.tensor([[0.1, 0.4, 0.2, 0.3]])


@pytest.mark.parametrize(
    ("top_p", "ids", "probs"),
    [
        (0.3, [1], [1.0]),
        (0.45, [1, 3], [4 / 7, 3 / 7]),
        (0.75, [1, 3, 2], [4 / 9, 3 / 9, 2 / 9]),
        (0.95, [1, 3, 2, 0], [0.4, 0.3, 0.2, 0.1]),
    ],
)
def test_a_nucleus_is_the_smallest_set_that_exceeds_top_p(
    top_p: float, ids: list[int], probs: list[float]
) -> None:
    found = nucleus(PROBS.log(), top_p)

    n_kept = len(ids)
    assert found.ids[0, :n_kept].tolist() == ids
    assert found.probs[0, :n_kept].tolist() == pytest.approx(probs)
    assert found.probs[0, n_kept:].sum().item() == 0


def test_a_flat_row_gets_a_wide_nucleus_beside_a_narrow_one() -> None:
    flat, peaked = torch.zeros(5000), torch.zeros(5000)
    peaked[7] = 50

    found = nucleus(torch.stack([flat, peaked]), 0.5)

    assert (found.probs > 0).sum(-1).tolist() == [pytest.approx(2501, abs=2), 1]
    assert found.probs.sum(-1).tolist() == pytest.approx([1, 1])
    assert found.ids[1, 0].item() == 7


def test_tokens_of_equal_probability_are_ranked_by_their_logits() -> None:
    found = nucleus(torch.tensor([[-1e-30, 0.0]]), 0.25)

    assert found.ids[0, 0].item() == 1
    assert found.probs[0, 0].item() == 1


def test_the_penalty_counts_each_occurrence_but_not_padding() -> None:
    logits = torch.zeros(1, 4)
    history = torch.tensor([[0, 0, 2, 3, 2]])
    real = torch.tensor([[False, True, True, True, True]])

    penalised = penalise(logits, history, real, temperature=1.0, frequency_penalty=0.5)

    assert penalised.tolist() == [[-0.5, 0, -1.0, -0.5]]


def test_the_penalty_comes_after_the_temperature() -> None:
    penalised = penalise(
        torch.tensor([[2.0, 4.0]]),
        torch.tensor([[1]]),
        torch.tensor([[True]]),
        temperature=2.0,
        frequency_penalty=0.5,
    )

    assert penalised.tolist() == [[1.0, 1.5]]


@pytest.mark.parametrize(
    ("uniform", "token"), [(0.0, 1), (0.39, 1), (0.41, 3), (0.69, 3), (0.71, 2), (0.99, 0)]
)
def test_a_draw_inverts_the_distribution_in_falling_order(uniform: float, token: int) -> None:
    assert draw(PROBS.log(), torch.tensor([uniform]), top_p=0.999).tolist() == [token]


@pytest.mark.parametrize(
    ("uniform", "token"), [(0.0, 0), (0.09, 0), (0.11, 1), (0.51, 2), (0.69, 2), (0.99, 3)]
)
def test_a_draw_without_a_nucleus_goes_by_the_vocabulary(uniform: float, token: int) -> None:
    assert draw(PROBS.log(), torch.tensor([uniform]), top_p=1.0).tolist() == [token]


@given(
    st.lists(st.floats(-20, 20, width=32), min_size=2, max_size=300),
    st.floats(0.01, 1),
    st.floats(0, 1, exclude_max=True),
)
def test_a_draw_is_in_the_nucleus(logits: list[float], top_p: float, uniform: float) -> None:
    row = torch.tensor([logits])

    [token] = draw(row, torch.tensor([uniform]), top_p).tolist()

    likelier = row.softmax(-1)[row > row[0, token]].sum().item()
    assert likelier <= top_p + 1e-5


def test_draws_follow_the_probabilities() -> None:
    uniform = (torch.arange(10_000) + 0.5) / 10_000

    drawn = draw(PROBS.log().expand(10_000, 4), uniform, top_p=0.75)

    assert torch.bincount(drawn, minlength=4).tolist() == pytest.approx([0, 4444, 2222, 3333], abs=2)
