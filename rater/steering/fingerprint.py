"""Tell models and tokenizers apart by a short hash of what they compute with."""

import hashlib
import json
import weakref

import torch
from torch import nn
from transformer_lens.model_bridge import TransformerBridge

from rater.steering.bridge import plain_model

_SAMPLED = 64
_KNOWN: "weakref.WeakKeyDictionary[nn.Module, str]" = weakref.WeakKeyDictionary()


def model_fingerprint(model: TransformerBridge) -> str:
    """Hash each weight matrix's name, shape and 64 numbers spread over it: 16 hexadecimal digits.

    The numbers are taken in bfloat16, so that a checkpoint has one fingerprint in whatever type it is loaded.
    Two models that differ in a few numbers only may share it; two checkpoints do not.
    """
    if model not in _KNOWN:
        digest = hashlib.sha256()
        for name, weight in plain_model(model).named_parameters():
            flat = weight.detach().reshape(-1)
            step = max(1, len(flat) // _SAMPLED)
            numbers = flat[::step][:_SAMPLED].to(torch.bfloat16).float().cpu().numpy().tobytes()
            # A bridge that was made elsewhere wraps each module in a layer of names.
            plain = name.replace("_original_component.", "")
            digest.update(f"{plain} {tuple(weight.shape)}".encode() + numbers)
        _KNOWN[model] = digest.hexdigest()[:16]
    return _KNOWN[model]


def tokenizer_fingerprint(model: TransformerBridge) -> str:
    """Hash the vocabulary and the special tokens: 16 hexadecimal digits."""
    tokenizer = model.tokenizer
    special = [tokenizer.bos_token_id, tokenizer.eos_token_id]
    known = json.dumps([sorted(tokenizer.get_vocab().items()), special])
    return hashlib.sha256(known.encode()).hexdigest()[:16]
