"""Hooks of one's own on a model, without additions: llm-steering's `gen_using_hooks`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.activations import is_hooked
from rater.steering.bridge import tokenize
from rater.steering.completions import ArmCompletion, Draws, generate
from rater.steering.likelihood import completion_nlls, text_nll
from rater.steering.prefill import next_token_logprobs
from rater.steering.vectors import SteeringVector, residual_norm

pytestmark = pytest.mark.model

AT = "blocks.12.hook_resid_pre"
PROMPTS = ["I hate you because", "When I woke up this morning and looked out of the window, I saw that"]
SHIFT = 10 * torch.randn(576, generator=torch.Generator().manual_seed(3))
EVERYWHERE = SteeringVector(AT, SHIFT[None], when="all")
GREEDY = Draws(max_new_tokens=12, temperature=0)


def shift(activations: Tensor, hook: object) -> Tensor:
    return activations + SHIFT


@contextmanager
def within_hooks(model: TransformerBridge) -> Iterator[None]:
    with model.hooks(fwd_hooks=[(AT, shift)]):
        yield


@contextmanager
def after_add_hook(model: TransformerBridge) -> Iterator[None]:
    model.add_hook(AT, shift)
    try:
        yield
    finally:
        model.reset_hooks()


def texts(made: list[ArmCompletion]) -> list[tuple[int, ...]]:
    return [each.token_ids for each in made]


@pytest.mark.parametrize("hooking", [within_hooks, after_add_hook])
def test_hooks_run_at_every_token_of_a_batch(hooking: Any, embedded_model: TransformerBridge) -> None:
    unhooked = generate(embedded_model, PROMPTS, {"plain": ()}, GREEDY, measure=False)
    expected = generate(embedded_model, PROMPTS, {"all": [EVERYWHERE]}, GREEDY, measure=False)

    with hooking(embedded_model):
        hooked = generate(embedded_model, PROMPTS, {"plain": ()}, GREEDY, measure=False)

    assert texts(hooked) == texts(expected) != texts(unhooked)
    assert texts(generate(embedded_model, PROMPTS, {"plain": ()}, GREEDY, measure=False)) == texts(unhooked)


def test_a_hooked_completion_is_the_bridges_own_greedy_one(embedded_model: TransformerBridge) -> None:
    with within_hooks(embedded_model):
        [made] = generate(embedded_model, PROMPTS[0], {"plain": ()}, GREEDY, measure=False)
        written: Any = embedded_model.generate(
            torch.tensor([tokenize(embedded_model, PROMPTS[0])]),
            max_new_tokens=12,
            do_sample=False,
            verbose=False,
        )

    assert written[0].tolist()[-12:] == list(made.token_ids)


def test_samples_are_drawn_from_the_hooked_model(embedded_model: TransformerBridge) -> None:
    draws = Draws(max_new_tokens=6, seed=3, samples_per_prompt=3)
    expected = generate(embedded_model, PROMPTS, {"all": [EVERYWHERE]}, draws, measure=False)

    with within_hooks(embedded_model):
        hooked = generate(embedded_model, PROMPTS, {"plain": ()}, draws, measure=False, batch_size=2)

    assert texts(hooked) == texts(expected)


def test_additions_are_made_to_the_hooked_model(embedded_model: TransformerBridge) -> None:
    other = SteeringVector("blocks.6.hook_resid_pre", -SHIFT[None], "back")
    expected = generate(embedded_model, PROMPTS, {"both": [EVERYWHERE, other]}, GREEDY, measure=False)

    with within_hooks(embedded_model):
        hooked = generate(embedded_model, PROMPTS, {"one": [other]}, GREEDY, measure=False)

    assert texts(hooked) == texts(expected)


def test_the_unsteered_model_cannot_measure_while_it_is_hooked(embedded_model: TransformerBridge) -> None:
    with within_hooks(embedded_model), pytest.raises(ModelError, match="valid: measure=False"):
        generate(embedded_model, PROMPTS, {"plain": ()}, GREEDY)


def test_likelihoods_are_those_of_the_hooked_model(embedded_model: TransformerBridge) -> None:
    completions = [(PROMPTS[0], [346, 359]), (PROMPTS[1], [260, 3])]
    expected = completion_nlls(embedded_model, completions, [EVERYWHERE])
    unhooked = text_nll(embedded_model, PROMPTS[0], " you are")

    with within_hooks(embedded_model):
        assert completion_nlls(embedded_model, completions) == pytest.approx(expected, abs=1e-4)
        assert text_nll(embedded_model, PROMPTS[0], " you are") > unhooked + 0.5
        hooked = next_token_logprobs(embedded_model, PROMPTS[0])

    assert text_nll(embedded_model, PROMPTS[0], " you are") == unhooked
    assert (hooked - next_token_logprobs(embedded_model, PROMPTS[0], [EVERYWHERE])).abs().max() < 1e-3


def test_a_norm_of_the_hooked_model_is_not_kept(embedded_model: TransformerBridge) -> None:
    unhooked = residual_norm(embedded_model, AT)

    with within_hooks(embedded_model):
        assert residual_norm(embedded_model, AT) > unhooked * 1.2

    assert residual_norm(embedded_model, AT) == unhooked


def test_no_hook_of_our_own_remains(embedded_model: TransformerBridge) -> None:
    generate(embedded_model, PROMPTS, {"all": [EVERYWHERE]}, GREEDY)

    assert not is_hooked(embedded_model)
