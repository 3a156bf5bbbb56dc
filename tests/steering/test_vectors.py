import operator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rater.errors import ModelError
from rater.steering.vectors import SteeringVector, sum_up

AT = "blocks.6.hook_resid_pre"


def vector(*rows: list[float], **place: object) -> SteeringVector:
    return SteeringVector(AT, torch.tensor(rows), **place)  # type: ignore[arg-type] # one of two fields


numbers = st.integers(-100, 100)
vectors = st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=4).map(
    lambda rows: SteeringVector(AT, torch.tensor(rows, dtype=torch.float32))
)


@given(vectors, vectors)
def test_sums_do_not_depend_on_the_order(one: SteeringVector, other: SteeringVector) -> None:
    assert one + other == other + one
    assert hash(one + other) == hash(other + one)


@given(vectors, vectors)
def test_a_difference_is_the_sum_with_the_negative(one: SteeringVector, other: SteeringVector) -> None:
    assert one - other == one + -other
    assert (one - one).norms().tolist() == [0.0] * len(one)


@given(vectors, numbers)
def test_scaling_scales_the_norms(one: SteeringVector, coeff: int) -> None:
    scaled = coeff * one

    assert scaled == one * coeff
    assert scaled.norms().tolist() == pytest.approx([abs(coeff) * n for n in one.norms().tolist()], rel=1e-5)


def test_vectors_are_equal_by_value_and_place() -> None:
    assert vector([1.0, 2.0]) == vector([1.0, 2.0])
    assert vector([1.0, 2.0]) != vector([1.0, 3.0])
    assert vector([1.0, 2.0]) != vector([1.0, 2.0], position="back")
    assert vector([1.0, 2.0]) != vector([1.0, 2.0], when="all")
    assert vector([1.0, 2.0]) != vector([1.0, 2.0], [0.0, 0.0])
    assert vector([2.0, 4.0]) / 2 == vector([1.0, 2.0])


def test_from_the_front_the_shorter_one_ends_first() -> None:
    total = vector([1.0, 1.0]) + vector([2.0, 0.0], [3.0, 4.0])

    assert total.activations.tolist() == [[3.0, 1.0], [3.0, 4.0]]
    assert total.norms().tolist() == pytest.approx([10**0.5, 5.0])


def test_what_is_added_in_different_places_has_no_sum() -> None:
    with pytest.raises(ModelError, match="are not added in the same place, so they have no sum; list both"):
        vector([1.0]) + vector([1.0], position="back")


def test_the_back_of_unequal_lengths_has_no_sum_but_both_are_kept() -> None:
    short, long = vector([1.0], position="back"), vector([1.0], [2.0], position="back")

    assert sum_up([short, long, short]) == (2 * short, long)


@pytest.mark.parametrize(
    ("rows", "place", "message"),
    [
        ([[1.0], [2.0]], {"when": "all"}, r"when is 'all', but .* has 2 positions; it needs one"),
        ([[1.0], [2.0]], {"position": (1, 2, 3)}, r"names 3 tokens, but .* has 2 positions"),
        ([[1.0]], {"when": "always"}, r"when is 'always'; valid: 'prompt', 'generated', 'all'"),
        (
            [[1.0]],
            {"when": "all", "position": "back"},
            r"position is 'back', but it names tokens of the prompt",
        ),
        ([[1.0]], {"position": "end"}, r"position is 'end'; valid: 'front', 'mid', 'back'"),
        ([[1.0]], {"position": 3}, r"position is 3; valid: 'front'"),
        ([], {}, r"have the shape \(0,\); valid: \[pos, d_model\]"),
    ],
)
def test_a_vector_that_cannot_be_placed_is_refused(
    rows: list[list[float]], place: dict[str, object], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        vector(*rows, **place)


@pytest.mark.parametrize("activations", [[[1.0]], torch.ones(1, 2, dtype=torch.long)])
def test_activations_are_a_tensor_of_floating_point_numbers(activations: Any) -> None:
    with pytest.raises(
        ModelError, match=r"are (list|torch\.int64); valid: a tensor of floating-point numbers"
    ):
        SteeringVector("blocks.0.hook_resid_pre", activations)


def test_a_product_of_vectors_is_none() -> None:
    product: Any = operator.mul

    with pytest.raises(TypeError, match="unsupported operand"):
        product(vector([1.0]), vector([1.0]))
