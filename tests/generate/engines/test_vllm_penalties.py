"""Penalties before the division by the temperature equal those of a study after it."""

import pytest
import torch

from rater.generate.engines.vllm_penalties import Penalties
from rater.steering.draw import penalise_
from rater.study.arms import Sampling


@pytest.mark.parametrize("temperature", [0, 0.5, 1, 2])
def test_penalties_count_the_prompt_and_equal_those_of_the_torch_engine(temperature: float) -> None:
    sampling = Sampling(temperature=temperature, frequency_penalty=0.7, presence_penalty=0.3)
    logits = torch.tensor([1.0, -2.0, 3.0, 0.5])
    history = torch.tensor([[0, 2, 2, 1, 2]])
    expected = penalise_(logits[None].clone(), history, torch.ones_like(history, dtype=torch.bool), sampling)

    penalised = Penalties.of(sampling)([0, 2, 2], [1, 2], logits.clone())

    torch.testing.assert_close(penalised / (temperature or 1), expected[0])


def test_no_penalties_are_false() -> None:
    assert not Penalties.of(Sampling())
    assert Penalties.of(Sampling(presence_penalty=-0.1))
