"""Directions that are zero at every position are refused, whatever made them so."""

import operator
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import get_x_vector, resolve
from rater.steering.comparisons import print_n_comparisons
from rater.steering.effects import position_norms
from rater.steering.vector_files import save_vectors
from rater.steering.vectors import SteeringVector, coeff_for, residual_norm, sum_up
from rater.study.arms import ActivationAddition, DatasetVector, RandomVector, VectorFile, XVector

pytestmark = pytest.mark.model


# What is known of the residual stream of this model: 85-115 at layers 4 to 8, 130 at 12, 200 at 20, and 350
# to 700 in the last six, over text tokens; BOS reaches 25,000.
@pytest.mark.parametrize(
    ("layer", "low", "high"), [(0, 1, 4), (6, 85, 115), (12, 120, 150), (20, 180, 250), (28, 350, 700)]
)
def test_the_residual_norm_is_that_of_text_tokens(
    layer: int, low: float, high: float, embedded_model: TransformerBridge
) -> None:
    assert low < residual_norm(embedded_model, f"blocks.{layer}.hook_resid_pre") < high


@pytest.mark.parametrize("layer", [6, 20])
def test_relative_is_a_share_of_the_residual_norm(layer: int, embedded_model: TransformerBridge) -> None:
    residual = residual_norm(embedded_model, f"blocks.{layer}.hook_resid_pre")

    [vector] = resolve(embedded_model, [XVector("Love", "Hate", relative=0.5, at=layer)])

    assert max(vector.norms().tolist()) == pytest.approx(0.5 * residual, rel=1e-4)


def test_bos_is_not_what_is_scaled(embedded_model: TransformerBridge) -> None:
    residual = residual_norm(embedded_model, "blocks.20.hook_resid_pre")

    [vector] = resolve(embedded_model, [ActivationAddition(act_name=20, prompt="I love", relative=1)])

    bos, *text = vector.norms().tolist()
    assert max(text) == pytest.approx(residual, rel=1e-4)
    assert bos > 5 * residual


def test_a_negative_share_turns_the_direction_round(embedded_model: TransformerBridge) -> None:
    kinds = [DatasetVector(["good"], ["bad"], at=6, relative=share, when="all") for share in (0.25, -0.25)]

    forth, back = (resolve(embedded_model, [kind])[0] for kind in kinds)

    assert forth == -back


def test_a_control_is_as_strong_as_what_it_controls(embedded_model: TransformerBridge) -> None:
    like = XVector("Love", "Hate", relative=0.5, at=6)
    [vector], [control] = resolve(embedded_model, [like]), resolve(embedded_model, [RandomVector(like)])

    assert control.norms().tolist() == pytest.approx(vector.norms().tolist(), rel=1e-4, abs=1e-3)


def test_nothing_cannot_be_scaled(embedded_model: TransformerBridge) -> None:
    vector = SteeringVector("blocks.6.hook_resid_pre", torch.tensor([[1.0] * 576, [0.0] * 576]))

    with pytest.raises(ModelError, match=r"x is zero at every text token, so no coeff gives it"):
        coeff_for(embedded_model, [vector], 0.5, "x")


def test_norms_are_reported_by_position(embedded_model: TransformerBridge) -> None:
    # The numbers are llm-steering's for this case (tests/data/steering_oracle.json).
    vectors = resolve(embedded_model, [ActivationAddition(1, 6, "Love")])

    report = position_norms(embedded_model, "I hate you because", vectors)

    assert [each.position for each in report] == [0, 1, 2, 3, 4]
    assert [each.addition for each in report] == pytest.approx([792.316, 626.029, 0, 0, 0], abs=0.05)
    assert [each.residual for each in report] == pytest.approx(
        [792.317, 92.137, 97.388, 94.834, 91.753], abs=0.05
    )
    assert report[1].ratio == pytest.approx(626.029 / 92.137, rel=1e-3)


pytestmark_vanishing = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore::rater.steering.additions.BosOnlyWarning"),
]
LOVE = XVector("Love", "Hate", coeff=12, at=2)
TEXTS = ("I love this.", "Good day.", "What a night!")


def saved(folder: Path, model: TransformerBridge) -> VectorFile:
    path = folder / "zero.safetensors"
    vector = SteeringVector("blocks.6.hook_resid_pre", torch.zeros(1, 576), when="all")
    save_vectors(path, [vector], model, made="nothing")
    return VectorFile(str(path), coeff=3)


@pytest.mark.parametrize(
    "addition",
    [
        XVector("Love", "Love", coeff=12, at=2),
        XVector("Love", "Love", coeff=12, at=2, read="mean", when="all"),
        XVector("", "", coeff=1, at=6),
        XVector("Love", "Love", relative=0.2, at=2),
        DatasetVector(positive=TEXTS, negative=TEXTS, at=12, coeff=3, when="all"),
        DatasetVector(positive=TEXTS, negative=TEXTS[::-1], at=12, coeff=3, when="all"),
        DatasetVector(positive=TEXTS, negative=TEXTS, at=12, coeff=3, when="all", method="pca"),
        RandomVector(XVector("Love", "Love", coeff=12, at=2)),
        RandomVector((LOVE, XVector("Hate", "Love", coeff=12, at=2))),
    ],
    ids=str,
)
def test_an_addition_that_is_zero_at_every_position_is_refused(
    embedded_model: TransformerBridge, addition: XVector
) -> None:
    with pytest.raises(ModelError, match=r"additions\[0\].*at every position"):
        resolve(embedded_model, [addition])


@pytest.mark.parametrize(
    "additions",
    [
        (LOVE, XVector("Hate", "Love", coeff=12, at=2)),
        (LOVE, XVector("Love", "Hate", coeff=-12, at="blocks.2.hook_resid_pre")),
        (ActivationAddition(3, 6, "Love"), ActivationAddition(-3, 6, "Love")),
        (
            ActivationAddition(1, 6, "Love"),
            ActivationAddition(2, 6, "Love"),
            ActivationAddition(-3, 6, "Love"),
        ),
        tuple(get_x_vector("Love", "Love", 5, 6)),
    ],
    ids=["turned", "negative", "two terms", "three terms", "a pair of one text"],
)
def test_additions_that_cancel_are_refused(
    embedded_model: TransformerBridge, additions: Sequence[XVector]
) -> None:
    with pytest.raises(ModelError, match="cancel each other at every position"):
        resolve(embedded_model, additions)


def test_a_file_of_zeros_is_refused(embedded_model: TransformerBridge, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"zero at every position"):
        resolve(embedded_model, [saved(tmp_path, embedded_model)])


def test_the_library_refuses_too(embedded_model: TransformerBridge) -> None:
    with pytest.raises(ModelError, match="at every position"):
        print_n_comparisons(
            prompt="I hate you because",
            model=embedded_model,
            activation_additions=list(get_x_vector("Love", "Love", 5, 6)),
            num_comparisons=1,
            tokens_to_generate=2,
            seed=0,
            temperature=1,
            freq_penalty=1,
            top_p=0.3,
        )


@pytest.mark.parametrize(
    "additions",
    [
        (XVector("Love", "Hate", coeff=0, at=2),),
        (LOVE, XVector("Hate", "Love", coeff=11, at=2)),
        (LOVE, XVector("Hate", "Love", coeff=12, at=3)),
        (LOVE, XVector("Hate", "Love", coeff=12, at=2, position="back")),
        (),
    ],
    ids=["coefficient 0", "another coefficient", "another layer", "another position", "nothing"],
)
def test_what_does_not_vanish_is_taken(
    embedded_model: TransformerBridge, additions: Sequence[XVector]
) -> None:
    resolve(embedded_model, additions)


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


@pytest.mark.parametrize("wrap", [lambda x: x[None], lambda x: x.numpy(), lambda x: x[None].numpy()])
def test_activations_come_as_a_cache_or_an_array_has_them(wrap: Callable[[torch.Tensor], Any]) -> None:
    activations = torch.arange(6.0).reshape(3, 2)

    vector = SteeringVector("hook_embed", wrap(activations))

    assert vector == SteeringVector("hook_embed", activations)
    assert isinstance(vector.activations, torch.Tensor)


def test_a_batch_of_two_texts_is_not_one_vector() -> None:
    with pytest.raises(ModelError, match=r"have the shape \(2, 3, 2\)"):
        SteeringVector("hook_embed", torch.ones(2, 3, 2))


def test_a_product_of_vectors_is_none() -> None:
    product: Any = operator.mul

    with pytest.raises(TypeError, match="unsupported operand"):
        product(vector([1.0]), vector([1.0]))
