import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import get_x_vector, resolve
from rater.steering.pairs import UnequalPairWarning
from rater.study.arms import ActivationAddition, XVector

pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore::rater.steering.additions.BosOnlyWarning"),
]


def test_an_unpadded_pair_is_named_by_its_prompts() -> None:
    pair = get_x_vector("Love", "Hate", coeff=5.0, act_name=6)

    assert pair == (ActivationAddition(5, 6, "Love"), ActivationAddition(-5, 6, "Hate"))


def test_a_padded_pair_is_as_long_as_its_longer_prompt(embedded_model: TransformerBridge) -> None:
    # "Love" is one token here, "Hate" two; 216 is the space.
    pair = get_x_vector(
        "Love", "Hate", 5.0, 6, model=embedded_model, pad_method="tokens_right", custom_pad_id=216
    )

    assert pair == (
        ActivationAddition(5, 6, tokens=(1, 30200, 216)),
        ActivationAddition(-5, 6, tokens=(1, 56, 368)),
    )


def test_pad_id_0_is_a_token_and_not_none(embedded_model: TransformerBridge) -> None:
    love, _ = get_x_vector(
        "Love", "Hate", 5.0, 6, model=embedded_model, pad_method="tokens_right", custom_pad_id=0
    )

    assert love.tokens == (1, 30200, 0)


@pytest.mark.parametrize(("pad", "last"), [("space", 216), ("model", 2), (0, 0), (17, 17)])
def test_an_x_vector_pads_as_it_says(pad: str | int, last: int, embedded_model: TransformerBridge) -> None:
    padded = XVector("Love", "Hate", coeff=5, at=6, pad=pad)  # type: ignore[arg-type] # parametrized
    by_tokens = (
        ActivationAddition(5, 6, tokens=(1, 30200, last)),
        ActivationAddition(-5, 6, tokens=(1, 56, 368)),
    )

    [vector], [expected] = resolve(embedded_model, [padded]), resolve(embedded_model, by_tokens)

    assert torch.equal(vector.activations, expected.activations)


def test_an_x_vector_without_padding_is_as_long_as_its_longer_prompt_and_warns(
    embedded_model: TransformerBridge,
) -> None:
    with pytest.warns(UnequalPairWarning, match=r"additions\[0\] subtracts 'Hate' \(2 tokens\) from 'Love'"):
        [vector] = resolve(embedded_model, [XVector("Love", "Hate", coeff=5, at=6, pad=None)])

    assert len(vector) == 3


def test_an_equal_pair_without_padding_does_not_warn(embedded_model: TransformerBridge) -> None:
    [vector] = resolve(embedded_model, get_x_vector(" wedding", " ", 4, 6))

    assert len(vector) == 2


def test_padding_needs_a_model_and_a_method_that_exists() -> None:
    with pytest.raises(ModelError, match="model is None, but pad_method='tokens_right' needs the model"):
        get_x_vector("Love", "Hate", 5.0, 6, pad_method="tokens_right")
    with pytest.raises(ModelError, match=r"pad_method is 'tokens_left', but .* 'tokens_right' only"):
        get_x_vector("Love", "Hate", 5.0, 6, pad_method="tokens_left")


def test_a_pair_equals_the_additions_that_it_is_short_for() -> None:
    at = "blocks.6.hook_resid_pre"

    assert get_x_vector("Love", "Hate", coeff=5, act_name=6) == (
        ActivationAddition(5, at, "Love"),
        ActivationAddition(-5, at, "Hate"),
    )
