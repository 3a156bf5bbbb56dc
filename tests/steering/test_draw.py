import hypothesis.strategies as st
import pytest
import torch
from hypothesis import example, given

from rater.steering.draw import draw, likeliest, nucleus, penalise_
from rater.study.arms import Sampling

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


@pytest.mark.parametrize(
    ("top_p", "top_k", "ids", "probs"),
    [
        (1.0, 1, [1], [1.0]),
        (1.0, 3, [1, 3, 2], [4 / 9, 3 / 9, 2 / 9]),
        (0.5, 3, [1, 3], [4 / 7, 3 / 7]),  # of the three: 4/9 is not more than a half
        (1.0, 9, [1, 3, 2, 0], [0.4, 0.3, 0.2, 0.1]),
    ],
)
def test_top_k_is_applied_before_top_p(top_p: float, top_k: int, ids: list[int], probs: list[float]) -> None:
    found = nucleus(PROBS.log(), top_p, top_k)

    n_kept = len(ids)
    assert found.ids[0, :n_kept].tolist() == ids
    assert found.probs[0, :n_kept].tolist() == pytest.approx(probs)
    assert found.probs[0, n_kept:].sum().item() == 0


def test_a_flat_row_gets_a_wide_nucleus_next_to_a_narrow_one() -> None:
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

    penalised = penalise_(logits, history, real, Sampling(frequency_penalty=0.5))

    assert penalised.tolist() == [[-0.5, 0, -1.0, -0.5]]


def test_the_penalty_comes_after_the_temperature() -> None:
    penalised = penalise_(
        torch.tensor([[2.0, 4.0]]),
        torch.tensor([[1]]),
        torch.tensor([[True]]),
        Sampling(temperature=2, frequency_penalty=0.5),
    )

    assert penalised.tolist() == [[1.0, 1.5]]


def test_the_presence_penalty_counts_a_token_once_and_no_padding() -> None:
    logits = torch.zeros(2, 4)
    history = torch.tensor([[0, 0, 2, 3, 2], [1, 1, 1, 1, 1]])
    real = torch.tensor([[False, False, True, True, True], [True] * 5])

    penalised = penalise_(logits, history, real, Sampling(frequency_penalty=0.5, presence_penalty=0.25))

    assert penalised.tolist() == [[0, 0, -1.25, -0.75], [0, -2.75, 0, 0]]


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


def drawn_by_sorting(row: torch.Tensor, uniform: float, top_p: float, top_k: int | None) -> set[int]:
    """The nucleus by its definition, sorting in double precision: one token, or all near a boundary."""
    logits, ids = row.double().sort(descending=True, stable=True)
    logits, ids = logits[:top_k], ids[:top_k]
    probs = logits.softmax(-1)
    before = probs.cumsum(-1) - probs
    if (top_k is None or top_k >= len(row)) and top_p == 1:  # nothing is left out: the vocabulary's order
        probs, ids = row.double().softmax(-1), torch.arange(len(row))
    allowed = set()
    for slack in (-1e-5, 1e-5):
        kept = probs.where(before <= top_p + slack, 0.0)
        reached = kept.cumsum(-1) / kept.sum()
        last = int((kept > 0).sum()) - 1
        first, to = (min(int((reached <= at).sum()), last) for at in (uniform - 1e-5, uniform + 1e-5))
        allowed.update(ids[first : to + 1].tolist())
    return allowed


@pytest.mark.parametrize("n", [1, 3, 16, 40, 41])
@pytest.mark.parametrize("d_vocab", [2560, 2610])  # 40 blocks, and 50 tokens more
def test_the_likeliest_are_those_of_the_whole_vocabulary(d_vocab: int, n: int) -> None:
    logits = torch.stack([torch.randperm(d_vocab, generator=torch.manual_seed(row)) for row in range(9)])
    logits[0] = torch.arange(d_vocab)  # all of them in the last blocks, or after the last
    logits[1] = -torch.arange(d_vocab)
    logits[2] = torch.arange(d_vocab).roll(-49)  # the likeliest is the first after the last whole block

    found = likeliest(logits.float(), n)

    assert torch.equal(found, logits.topk(n).indices)


MANY = [37 * n % 301 for n in range(300)]  # hypothesis rarely makes lists that need a second, wider look


@given(
    st.lists(st.integers(-2000, 2000), min_size=2, max_size=300, unique=True),
    st.sampled_from([0.01, 0.3, 0.5, 0.9, 0.999, 1.0]),
    st.sampled_from([None, 1, 2, 17, 64, 65, 200]),
    st.floats(0, 1, exclude_max=True, width=32),
)
@example(MANY, 0.5, 17, 0.9)
@example(MANY, 1.0, 65, 0.7)
@example(MANY, 0.9, 200, 0.95)
@example([895, -257, -769], 1.0, None, 0.9999999403953552)  # the second is less likely than what is near
def test_a_draw_is_what_sorting_the_whole_vocabulary_gives(
    hundredths: list[int], top_p: float, top_k: int | None, uniform: float
) -> None:
    row = torch.tensor(hundredths) / 100

    # next to a flat row, which needs a wider nucleus than the other one
    drawn = draw(torch.stack([row, torch.zeros(len(row))]), torch.tensor([uniform, 0.5]), top_p, top_k)

    assert drawn[0].item() in drawn_by_sorting(row, uniform, top_p, top_k)


def test_draws_follow_the_probabilities() -> None:
    uniform = (torch.arange(10_000) + 0.5) / 10_000

    drawn = draw(PROBS.log().expand(10_000, 4), uniform, top_p=0.75)

    assert torch.bincount(drawn, minlength=4).tolist() == pytest.approx([0, 4444, 2222, 3333], abs=2)
