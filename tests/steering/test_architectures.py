"""Steer small models of many architectures through the bridge, and as plain models by PyTorch's hooks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoConfig, AutoModelForCausalLM

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.bridge import load_model, plain_model, tokenize
from rater.steering.completions import Draws, generate
from rater.steering.vectors import SteeringVector
from rater.study.additions import ActivationAddition

pytestmark = pytest.mark.model

SHORT, LONG = "When", "I hate you because"
N_NEW = 4
ADDED = 3 * torch.randn(2, 32, generator=torch.Generator().manual_seed(1))
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
WIDE = SIZES | {"intermediate_size": 64}
GROUPED = WIDE | {"num_key_value_heads": 2, "head_dim": 8}
OLDER = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
GPT_NEO = {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]]}
ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "gemma2": ("model.layers", GROUPED),
    "gpt_neox": ("gpt_neox.layers", WIDE),  # attention and MLP side by side
    "opt": ("model.decoder.layers", SIZES | {"ffn_dim": 64, "word_embed_proj_dim": 32}),
    "bloom": ("transformer.h", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "falcon": ("transformer.h", SIZES),
    "gemma3_text": ("model.layers", GROUPED),
    "gpt2": ("transformer.h", OLDER),
    "gpt_neo": ("transformer.h", GPT_NEO),
    "gptj": ("transformer.h", OLDER | {"rotary_dim": 4}),
    "llama": ("model.layers", GROUPED),
    "mistral": ("model.layers", GROUPED),
    "mixtral": ("model.layers", GROUPED | {"num_local_experts": 4}),
    "olmo2": ("model.layers", GROUPED),
    "phi": ("model.layers", WIDE),
    "phi3": ("model.layers", WIDE),
    "qwen2": ("model.layers", GROUPED),
    "qwen3": ("model.layers", GROUPED),
    "stablelm": ("model.layers", WIDE | {"num_key_value_heads": 2}),
}
EVERY_DAY = {"gemma2", "gpt_neox", "opt"}


def make(kind: str, folder: Path, tokenizer: Any) -> TransformerBridge:
    """A small model of random weights."""
    tokens = {"vocab_size": len(tokenizer), "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
    config = AutoConfig.for_model(kind, **ARCHITECTURES[kind][1], **tokens)
    torch.manual_seed(0)
    build: Any = AutoModelForCausalLM  # partly untyped
    build.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return load_model(folder, device="cpu", dtype=torch.float32)


@contextmanager
def plainly_added(plain: nn.Module, blocks: str, where: str) -> Iterator[list[Tensor]]:
    """Add to the first two tokens before or after block 1, and keep what came by."""
    seen: list[Tensor] = []

    def changed(stream: Tensor) -> Tensor:
        seen.append(stream.clone())
        return torch.cat([stream[:, :2] + ADDED, stream[:, 2:]], dim=1)

    def before(module: object, args: Any, kwargs: Any) -> Any:
        if args:
            return (changed(args[0]), *args[1:]), kwargs
        return args, kwargs | {"hidden_states": changed(kwargs["hidden_states"])}

    def after(module: object, args: object, output: Any) -> Any:
        return (changed(output[0]), *output[1:]) if isinstance(output, tuple) else changed(output)

    block = plain.get_submodule(blocks)[1]  # type: ignore[index] # a list of modules
    handle = (
        block.register_forward_pre_hook(before, with_kwargs=True)
        if where == "pre"
        else block.register_forward_hook(after)
    )
    yield seen
    handle.remove()


@torch.no_grad()
def greedily(plain: Any, tokens: list[int]) -> list[int]:
    """Continue a prompt token by token without a cache, and so alone and unpadded."""
    made = list(tokens)
    for _ in range(N_NEW):
        made.append(int(plain(torch.tensor([made]), use_cache=False).logits[0, -1].argmax()))
    return made[len(tokens) :]


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=() if kind in EVERY_DAY else pytest.mark.slow) for kind in ARCHITECTURES],
)
def test_a_batch_is_steered_as_pytorchs_hooks_steer_each_prompt_alone(
    kind: str, tmp_path: Path, embedded_model: TransformerBridge
) -> None:
    model = make(kind, tmp_path, embedded_model.tokenizer)
    plain, blocks = plain_model(model), ARCHITECTURES[kind][0]
    arms = {where: [SteeringVector(f"blocks.1.hook_resid_{where}", ADDED)] for where in ("pre", "post")}

    made = generate(model, [SHORT, LONG], arms, Draws(max_new_tokens=N_NEW, temperature=0))
    [read] = resolve(model, [ActivationAddition(1, 1, "Love")])

    for each in made:
        with plainly_added(plain, blocks, each.arm):
            assert list(each.token_ids) == greedily(plain, tokenize(model, each.prompt))
    assert {each.token_ids for each in made} != {
        tuple(greedily(plain, tokenize(model, each.prompt))) for each in made
    }
    with plainly_added(plain, blocks, "pre") as seen, torch.no_grad():
        plain(torch.tensor([tokenize(model, "Love")]))
    assert (read.activations - seen[0][0]).abs().max().item() < 1e-5


def test_blocks_without_a_middle_are_refused_there(tmp_path: Path, embedded_model: TransformerBridge) -> None:
    model = make("gpt_neox", tmp_path, embedded_model.tokenizer)

    with pytest.raises(
        ModelError, match=r"blocks of .* have no middle.*valid: hook_resid_pre, hook_resid_post"
    ):
        resolve(model, [SteeringVector("blocks.1.hook_resid_mid", ADDED)])
