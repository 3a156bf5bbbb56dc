"""Load a checkpoint in bfloat16, as models of billions of parameters come, and look at what is in memory."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from transformer_lens.model_bridge import TransformerBridge
from transformers import LlamaConfig, LlamaForCausalLM

from rater.errors import ModelError
from rater.steering.bridge import load_model, plain_model, tokenize
from rater.steering.cpu_decoding import fast_decoder

pytestmark = pytest.mark.model

END_OF_TEXT = "<|endoftext|>"

LOAD_AND_GENERATE = r"""
import re, resource, sys
from pathlib import Path
from rater.steering import Draws, XVector, generate, load_model

def peak():
    status = Path("/proc/self/status")  # Linux's ru_maxrss begins with that of the process that started this
    if status.exists():
        return 1024 * int(re.search(r"VmHWM:\s*(\d+)", status.read_text())[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

def load_and_generate(path):
    model = load_model(path, device="cpu")
    love = XVector("Love", "Hate", coeff=5, at=1)
    always = XVector("Love", "Hate", coeff=5, at=1, read="last", when="all")
    arms = {"unsteered": (), "steered": (love,), "always": (always,)}
    generate(model, "I hate you because", arms, Draws(max_new_tokens=3))

load_and_generate(sys.argv[1])  # a small one, so that all libraries are there before
before = peak()
load_and_generate(sys.argv[2])
print(peak() - before)
"""


def save(folder: Path, tokenizer: object, *, d_model: int, n_layers: int) -> int:
    """Save a model of random weights in bfloat16; gives its bytes."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),  # type: ignore[arg-type] # transformers' tokenizers have a length
        hidden_size=d_model,
        intermediate_size=4 * d_model,
        num_hidden_layers=n_layers,
        num_attention_heads=8,
        num_key_value_heads=8,
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = LlamaForCausalLM(config)
    nn.Module.to(model, torch.bfloat16)  # transformers' own `to` is untyped
    model.save_pretrained(folder, max_shard_size="100MB")
    tokenizer.save_pretrained(folder)  # type: ignore[attr-defined] # as above
    return sum(parameter.nbytes for parameter in model.parameters())


def test_weights_are_held_once_and_in_their_own_type(
    tmp_path: Path, embedded_model: TransformerBridge
) -> None:
    n_bytes = save(tmp_path, embedded_model.tokenizer, d_model=64, n_layers=2)

    model = load_model(tmp_path, device="cpu")

    plain = plain_model(model)
    parts = [model, plain, fast_decoder(plain).module]
    held = {
        weight.untyped_storage().data_ptr(): weight
        for part in parts
        for weight in part.parameters()
        if weight.dim() > 1
    }
    assert {weight.dtype for weight in held.values()} == {torch.bfloat16}
    assert sum(weight.nbytes for weight in held.values()) <= n_bytes


def test_a_tokenizer_without_bos_is_refused_until_it_is_given_one(
    tmp_path: Path, embedded_model: TransformerBridge
) -> None:
    tokenizer = copy.deepcopy(embedded_model.tokenizer)
    tokenizer.bos_token = None
    save(tmp_path, tokenizer, d_model=64, n_layers=2)
    with pytest.raises(ModelError, match="has no BOS token"):
        load_model(tmp_path, device="cpu")

    tokenizer.bos_token = END_OF_TEXT
    tokenizer.save_pretrained(tmp_path)
    model = load_model(tmp_path, device="cpu")

    assert tokenize(model, "I hate")[0] == tokenizer.convert_tokens_to_ids(END_OF_TEXT)


@pytest.mark.slow
def test_the_peak_of_memory_is_the_weights_once(tmp_path: Path, embedded_model: TransformerBridge) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    save(small, embedded_model.tokenizer, d_model=64, n_layers=2)
    n_bytes = save(large, embedded_model.tokenizer, d_model=1024, n_layers=8)

    ran = subprocess.run(
        [sys.executable, "-c", LOAD_AND_GENERATE, small, large],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert ran.returncode == 0, ran.stderr[-4000:]
    assert n_bytes > 400_000_000  # everything else is small compared with this
    # Rows of the embedding that no token has are never read from the disk.
    assert 0.6 * n_bytes < int(ran.stdout) < 1.4 * n_bytes
