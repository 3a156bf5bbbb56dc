import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.cache_utils import Cache

from rater.steering.cache import empty_cache, gather
from rater.steering.cpu_decoding import DecodingStep, fast_decoder, supports_dtype
from rater.steering.cpu_decoding.llama import LlamaStep


def config_of(**options: Any) -> LlamaConfig:
    """A small Llama with shared keys and a head size that is not d_model over heads."""
    sizes: dict[str, Any] = {
        "vocab_size": 50,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
    }
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}
    return LlamaConfig(**{**sizes, **heads, **options})


def made_of(config: LlamaConfig) -> LlamaForCausalLM:
    torch.manual_seed(0)
    model = LlamaForCausalLM(config).requires_grad_(requires_grad=False)
    for name, weight in model.named_parameters():
        if "norm" in name or "bias" in name:  # which are ones and zeros in a new model
            weight.uniform_(0.5, 1.5)
    model.train(mode=False)
    return model


@torch.no_grad()
def prefilled(model: LlamaForCausalLM, tokens: Tensor, real: Tensor) -> Cache:
    """The cache after the first four columns, once for each row."""
    cache = empty_cache()
    positions = (real[:, :4].long().cumsum(-1) - 1).clamp(min=0)
    model(
        input_ids=tokens[:, :4],
        attention_mask=real[:, :4].long(),
        position_ids=positions,
        past_key_values=cache,
    )
    return gather([(cache, torch.arange(len(tokens)))], 4)


@torch.no_grad()
def logits_of(step: DecodingStep, cache: Cache, tokens: Tensor, real: Tensor) -> Tensor:
    """The logits of the columns after the fourth, one step after the other."""
    positions = real.long().cumsum(-1) - 1
    columns = range(4, tokens.shape[1])
    return torch.stack([step(tokens[:, at], real[:, : at + 1], positions[:, at], cache) for at in columns])


def plain_step(model: LlamaForCausalLM) -> DecodingStep:
    def step(tokens: Tensor, real: Tensor, positions: Tensor, cache: Cache) -> Tensor:
        given = {"attention_mask": real.long(), "position_ids": positions[:, None], "past_key_values": cache}
        logits: Tensor = model(input_ids=tokens[:, None], **given).logits[:, -1]
        return logits

    return step


@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize(
    "config",
    [
        config_of(),
        config_of(attention_bias=True, mlp_bias=True, tie_word_embeddings=True, rms_norm_eps=0.1),
        config_of(
            num_key_value_heads=4,
            rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 100.0},
        ),
    ],
    ids=["shared keys", "biases and tied embeddings", "other rotations"],
)
def test_a_step_gives_the_plain_models_logits(config: LlamaConfig, padding: int) -> None:
    model = made_of(config)
    tokens, real = torch.randint(0, 50, (3, 9)), torch.ones(3, 9, dtype=torch.bool)
    real[0, :padding] = False
    step = fast_decoder(model).step

    mine = logits_of(step, prefilled(model, tokens, real), tokens, real)

    theirs = logits_of(plain_step(model), prefilled(model, tokens, real), tokens, real)
    assert isinstance(step, LlamaStep)
    assert mine.shape == (5, 3, 50)
    assert (mine - theirs).abs().max().item() < 1e-5


@pytest.mark.skipif(not supports_dtype("bfloat16"), reason="this processor has no instructions for bfloat16")
@pytest.mark.parametrize("padding", [0, 3])
def test_a_step_in_bfloat16_is_as_close_to_float32_as_the_plain_models(padding: int) -> None:
    exact = made_of(config_of(attention_bias=True, num_hidden_layers=4))
    model = copy.deepcopy(exact)
    nn.Module.to(model, torch.bfloat16)
    exact.load_state_dict(model.state_dict())  # the same weights, which are rounded
    tokens, real = torch.randint(0, 50, (30, 12)), torch.ones(30, 12, dtype=torch.bool)
    real[0, :padding] = False
    step = fast_decoder(model).step

    mine = logits_of(step, prefilled(model, tokens, real), tokens, real)

    theirs = logits_of(plain_step(model), prefilled(model, tokens, real), tokens, real)
    expected = logits_of(plain_step(exact), prefilled(exact, tokens, real), tokens, real)
    assert isinstance(step, LlamaStep)
    assert mine.dtype == torch.float32
    assert (mine - expected).std().item() < 1.1 * (theirs - expected).std().item()
    assert (mine - expected).std().item() < 0.02 * expected.std().item()


def test_a_llama_with_hooks_or_replaced_modules_is_run_by_its_own_modules() -> None:
    hooked, exchanged, patched = (made_of(config_of()) for _ in range(3))
    hooked.model.layers[1].mlp.register_forward_hook(lambda *_: None)
    exchanged.model.layers[0].mlp.act_fn = nn.GELU()
    patched.model.norm.forward = lambda states: states

    assert [LlamaStep.supports(model) for model in (hooked, exchanged, patched)] == [False, False, False]
    assert LlamaStep.supports(made_of(config_of()))
    assert not LlamaStep.supports(made_of(config_of(hidden_act="gelu")))
