import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.effects import position_norms
from rater.steering.strength import coeff_for, residual_norm
from rater.steering.vectors import SteeringVector
from rater.study.arms import ActivationAddition, DatasetVector, RandomVector, XVector

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
    # The numbers are the seed system's for this case (tests/data/steering_oracle.json).
    vectors = resolve(embedded_model, [ActivationAddition(1, 6, "Love")])

    report = position_norms(embedded_model, "I hate you because", vectors)

    assert [each.position for each in report] == [0, 1, 2, 3, 4]
    assert [each.addition for each in report] == pytest.approx([792.316, 626.029, 0, 0, 0], abs=0.05)
    assert [each.residual for each in report] == pytest.approx(
        [792.317, 92.137, 97.388, 94.834, 91.753], abs=0.05
    )
    assert report[1].ratio == pytest.approx(626.029 / 92.137, rel=1e-3)
