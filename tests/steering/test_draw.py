import hypothesis.strategies as st
import pytest
import torch
from hypothesis import example, given

from rater.steering.draw import draw, gumbel, likeliest, nucleus, penalise_
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


@pytest.mark.parametrize("n", [1, 3, 16, 40, 41])
@pytest.mark.parametrize("d_vocab", [2560, 2610])  # 40 blocks, and 50 tokens more
def test_the_likeliest_are_those_of_the_whole_vocabulary(d_vocab: int, n: int) -> None:
    logits = torch.stack([torch.randperm(d_vocab, generator=torch.manual_seed(row)) for row in range(9)])
    logits[0] = torch.arange(d_vocab)  # all of them in the last blocks, or after the last
    logits[1] = -torch.arange(d_vocab)
    logits[2] = torch.arange(d_vocab).roll(-49)  # the likeliest is the first after the last whole block

    found = likeliest(logits.float(), n)

    assert torch.equal(found, logits.topk(n).indices)


UNIFORM = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000


@pytest.mark.parametrize(
    ("top_p", "top_k", "expected"),
    [
        (1.0, None, [0.1, 0.4, 0.2, 0.3]),
        (0.75, None, [0, 4 / 9, 2 / 9, 3 / 9]),
        (1.0, 2, [0, 4 / 7, 0, 3 / 7]),
        (0.5, 3, [0, 4 / 7, 0, 3 / 7]),
    ],
)
def test_draws_follow_the_probabilities(top_p: float, top_k: int | None, expected: list[float]) -> None:
    drawn = draw(PROBS.log().expand(10_000, 4), UNIFORM, top_p, top_k)

    counts = torch.bincount(drawn, minlength=4)
    # Standard deviations are at most 50.
    assert counts.tolist() == pytest.approx([10_000 * p for p in expected], abs=200)
    assert [count == 0 for count in counts.tolist()] == [p == 0 for p in expected]


@pytest.mark.parametrize("d_vocab", [128, 150, 2610])
def test_draws_from_several_blocks_follow_the_probabilities(d_vocab: int) -> None:
    logits = torch.linspace(-2, 2, d_vocab)

    drawn = draw(logits.expand(10_000, d_vocab), UNIFORM, 1.0)

    tenths = torch.arange(d_vocab) * 10 // d_vocab
    expected = torch.zeros(10).scatter_add_(0, tenths, logits.softmax(-1)) * 10_000
    observed = torch.bincount(tenths[drawn], minlength=10)
    # Chi-squared with 9 degrees of freedom: 27.9 is the 99.9th percentile.
    assert float(((observed - expected) ** 2 / expected).sum()) < 27.9


def test_noise_is_gumbel_and_independent_between_ids_and_rows() -> None:
    noise = gumbel(torch.arange(3_000), torch.arange(40).expand(3_000, 40), torch.float64)

    assert noise.mean().item() == pytest.approx(0.5772, abs=0.02)
    assert noise.var().item() == pytest.approx(1.6449, abs=0.04)
    between_ids, between_rows = torch.corrcoef(noise.T), torch.corrcoef(noise[:, :40])
    # Among 780 pairs of columns of 3,000 the largest correlation is about 3.5/√3000.
    assert (between_ids - torch.eye(40)).abs().max().item() < 0.09
    assert torch.corrcoef(torch.stack([noise[:-1].flatten(), noise[1:].flatten()]))[0, 1].abs() < 0.02
    assert between_rows.isfinite().all()


@pytest.mark.parametrize(("top_p", "top_k"), [(1.0, None), (0.95, None), (1.0, 500)])
def test_the_last_digits_of_the_logits_do_not_change_a_draw(top_p: float, top_k: int | None) -> None:
    generator = torch.manual_seed(1)
    logits = 2 * torch.randn(400, 5_000, generator=generator)
    noisy = logits + 1e-6 * torch.randn(400, 5_000, generator=generator)
    uniform = torch.rand(400, dtype=torch.float64, generator=generator)

    assert torch.equal(draw(logits, uniform, top_p, top_k), draw(noisy, uniform, top_p, top_k))


def test_similar_rows_with_the_same_random_number_mostly_draw_the_same_token() -> None:
    generator = torch.manual_seed(2)
    logits = 2 * torch.randn(400, 1_000, generator=generator)
    similar = logits + 0.1 * torch.randn(400, 1_000, generator=generator)
    uniform, other = torch.rand(2, 400, dtype=torch.float64, generator=generator)

    is_same = draw(logits, uniform, 1.0) == draw(similar, uniform, 1.0)

    assert is_same.float().mean() > 0.85
    assert (draw(logits, uniform, 1.0) == draw(similar, other, 1.0)).float().mean() < 0.1


MANY = [37 * n % 301 for n in range(300)]  # hypothesis rarely makes lists that need a second, wider look


def nucleus_by_sorting(row: torch.Tensor, top_p: float, top_k: int | None) -> set[int]:
    """The tokens of a nucleus by its definition, in double precision, and those next to its boundary."""
    logits, ids = row.double().sort(descending=True, stable=True)
    probs = logits[:top_k].softmax(-1)
    before = probs.cumsum(-1) - probs
    return set(ids[:top_k][before <= top_p + 1e-5].tolist())


@given(
    st.lists(st.integers(-2000, 2000), min_size=2, max_size=300, unique=True),
    st.sampled_from([0.01, 0.3, 0.5, 0.9, 0.999, 1.0]),
    st.sampled_from([None, 1, 2, 17, 64, 65, 200]),
    st.floats(0, 1, exclude_max=True, width=32),
)
@example(MANY, 0.5, 17, 0.9)
@example(MANY, 1.0, 65, 0.7)
@example(MANY, 0.9, 200, 0.95)
def test_a_draw_is_from_the_nucleus(
    hundredths: list[int], top_p: float, top_k: int | None, uniform: float
) -> None:
    row = torch.tensor(hundredths) / 100

    # next to a flat row, which needs a wider nucleus than the other one
    drawn = draw(torch.stack([row, torch.zeros(len(row))]), torch.tensor([uniform, 0.5]), top_p, top_k)

    assert drawn[0].item() in nucleus_by_sorting(row, top_p, top_k)
