import pytest
import torch
from torch import nn
from transformer_lens.model_bridge import TransformerBridge
from transformers import GPT2Config, GPT2LMHeadModel, MistralConfig, MistralForCausalLM, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from rater.steering.bridge import plain_model
from rater.steering.cache import empty_cache
from rater.steering.cpu_decoding import fast_decoder
from rater.steering.cpu_decoding.decoder import attend

MISTRAL = MistralConfig(
    vocab_size=50,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=8,
    sliding_window=4,
)
GPT2 = GPT2Config(vocab_size=50, n_positions=32, n_embd=32, n_layer=2, n_head=4)


@torch.no_grad()
def logits_of(model: nn.Module, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Logits of each column, fed one after the other through a cache."""
    cache = empty_cache()
    columns = [
        model(
            input_ids=tokens[:, : end + 1][:, -1:], attention_mask=mask[:, : end + 1], past_key_values=cache
        )
        for end in range(tokens.shape[1])
    ]
    return torch.cat([column.logits for column in columns], dim=1)


@pytest.mark.parametrize(
    ("architecture", "config"),
    [(MistralForCausalLM, MISTRAL), (GPT2LMHeadModel, GPT2)],
    ids=["sliding window and shared keys", "layers that are not nn.Linear"],
)
def test_a_decoder_gives_the_plain_models_logits(
    architecture: type[PreTrainedModel], config: MistralConfig | GPT2Config
) -> None:
    torch.manual_seed(0)
    plain = architecture(config).requires_grad_(requires_grad=False)
    plain.train(mode=False)
    tokens, mask = torch.randint(0, 50, (3, 9)), torch.ones(3, 9, dtype=torch.long)
    mask[0, :5] = 0

    decoded = logits_of(fast_decoder(plain).module, tokens, mask)

    difference = (decoded - logits_of(plain, tokens, mask))[mask == 1]
    assert difference.abs().max().item() < 1e-5


def test_a_decoder_shares_the_weights_and_does_not_change_the_plain_model(
    embedded_model: TransformerBridge,
) -> None:
    plain = plain_model(embedded_model)

    decoder = fast_decoder(plain).module

    shared = zip(decoder.parameters(), plain.parameters(), strict=True)
    assert all(mine is theirs for mine, theirs in shared)
    assert plain.config._attn_implementation == "sdpa"  # type: ignore[union-attr] # noqa: SLF001 (to compare)
    assert {type(module).__name__ for module in plain.modules()}.isdisjoint({"_FastLinear"})


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_model_in_another_precision_is_used_as_it_is(dtype: torch.dtype) -> None:
    plain: nn.Module = GPT2LMHeadModel(GPT2)
    plain.to(dtype)

    assert fast_decoder(plain).module is plain


def test_a_decoder_has_gradients_where_they_are_asked_for() -> None:
    decoder = fast_decoder(MistralForCausalLM(MISTRAL)).module

    decoder(input_ids=torch.tensor([[1, 2]])).logits.sum().backward()

    assert all(parameter.grad is not None for parameter in decoder.parameters())


@pytest.mark.parametrize("n_new", [1, 3])
@pytest.mark.parametrize("kind", ["none", "columns", "floats"])
def test_attention_is_pytorchs(n_new: int, kind: str) -> None:
    torch.manual_seed(0)
    module = nn.Module()
    module.num_key_value_groups = 3  # type: ignore[assignment] # as transformers' attention modules have it
    query, key, value = torch.randn(2, 6, n_new, 8), torch.randn(2, 2, 7, 8), torch.randn(2, 2, 7, 8)
    real = torch.ones(2, 1, n_new, 7, dtype=torch.bool)
    real[1, :, :, :4] = False
    mask = {"none": None, "columns": real, "floats": torch.zeros(2, 1, n_new, 7).masked_fill(~real, -1e9)}[
        kind
    ]

    mine, _ = attend(module, query, key, value, mask, scaling=0.3)
    theirs, _ = sdpa_attention_forward(module, query, key, value, mask, scaling=0.3)

    assert mine.shape == (2, n_new, 6, 8)
    assert torch.allclose(mine, theirs, atol=1e-6)
