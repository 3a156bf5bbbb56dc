from typing import Any

import pytest
import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.bridge import tokenize
from rater.steering.context import steer
from rater.steering.positions import Touch
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition, Position, When
from rater.study.arms import ActivationAddition, XVector

pytestmark = pytest.mark.model


SHORT, LONG = "I hate you because", "When I woke up this morning and looked out of the window, I saw that"


AT = "blocks.6.hook_resid_pre"


LOVE = XVector("Love", "Hate", coeff=5, at=6)


N_SHORT = 5


def direction(position: Position = "front", when: When = "prompt") -> SteeringVector:
    numbers = torch.randn(1, 576, generator=torch.Generator().manual_seed(1))
    return SteeringVector(AT, 10 * numbers, position, when)


def run(model: TransformerBridge, tokens: list[int], additions: list[AnyAddition | SteeringVector]) -> Tensor:
    with torch.no_grad(), steer(model, additions):
        logits: Tensor = model(torch.tensor([tokens]))
    return logits[0]


def positions(touched: list[Touch], row: int = 0) -> list[int]:
    return [position for at_row, position, _ in touched if at_row == row]


# https://github.com/TransformerLensOrg/TransformerLens/issues/1005: a prompt that is padded on the left in a
# batch was continued as if its padding were text; additions "at the front" then fall on the padding.
@pytest.mark.parametrize("position", ["front", "back"])
def test_a_padded_prompt_is_steered_as_it_is_alone(
    position: Position, embedded_model: TransformerBridge
) -> None:
    options: dict[str, Any] = {"max_new_tokens": 6, "do_sample": False, "verbose": False}

    with steer(embedded_model, [direction(position)], trace=True) as steering:
        together: Any = embedded_model.generate([SHORT, LONG], **options)
    with steer(embedded_model, [direction(position)]):
        alone = [embedded_model.generate(prompt, **options) for prompt in (SHORT, LONG)]

    assert together == alone
    n_long = len(tokenize(embedded_model, LONG))
    expected = ([0], [0]) if position == "front" else ([N_SHORT - 1], [n_long - 1])
    assert (positions(steering.touched, 0), positions(steering.touched, 1)) == expected


def test_padding_on_the_right_is_not_touched(embedded_model: TransformerBridge) -> None:
    # Without a mask, "front" needs no end of a row to be known.
    with torch.no_grad(), steer(embedded_model, [LOVE], trace=True) as steering:
        embedded_model([SHORT, LONG])

    assert positions(steering.touched, 0) == positions(steering.touched, 1) == [0, 1, 2]


def test_tokens_without_bos_are_refused(embedded_model: TransformerBridge) -> None:
    with pytest.raises(
        ModelError, match=r"row 0 begins with token 57, but positions are counted from BOS \(1"
    ):
        run(embedded_model, tokenize(embedded_model, SHORT)[1:], [LOVE])


def test_a_sequence_that_grows_without_a_cache_is_refused_where_its_prompt_matters(
    embedded_model: TransformerBridge,
) -> None:
    # llm-steering's "back" slides over the completion here.
    options: dict[str, Any] = {
        "max_new_tokens": 3,
        "do_sample": False,
        "verbose": False,
        "use_past_kv_cache": False,
    }

    with (
        pytest.raises(ModelError, match="may be a new prompt"),
        steer(embedded_model, [direction("back")]),
    ):
        embedded_model.generate(SHORT, **options)
    with steer(embedded_model, [direction("back")], prompt_lengths=N_SHORT, trace=True) as steering:
        embedded_model.generate(SHORT, **options)

    assert positions(steering.touched) == [4, 4, 4]


def test_prompt_lengths_are_one_for_each_row(embedded_model: TransformerBridge) -> None:
    with (
        pytest.raises(ModelError, match="it has 2 rows, but prompt_lengths 1"),
        torch.no_grad(),
        steer(embedded_model, [ActivationAddition(1, 6, "Love")], prompt_lengths=[3]),
    ):
        embedded_model([SHORT, SHORT])
