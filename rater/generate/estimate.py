"""Say what generating will take, from a model's configuration and file sizes alone: nothing is loaded."""

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rater.generate.checkpoint import BYTES, read_checkpoint
from rater.store.sealed.completions import Cell
from rater.study.pace import describe_duration
from rater.study.study import Study

_CHARACTERS_PER_TOKEN = 4
_MOST_PACKED_BYTES = 2 * 2**30
"""As in `rater.steering.products`, which needs torch."""
_COPIES_OF_LOGITS = 3
"""The model's, the probabilities, and what sorting them takes."""
_LIBRARIES = 500_000_000
"""What torch and the others take before any model is there, measured."""


@dataclass(frozen=True)
class Estimate:
    """What making some completions with one model will take, at most and roughly."""

    model: str
    n_completions: int
    n_tokens: int
    """The new tokens, if none ends before the limit."""
    batch_size: int
    device: str
    """Where the model would run, as far as that is known without torch."""
    dtype: str | None
    weight_bytes: int | None
    """None where the model does not lie on this disk, as the next two."""
    memory_bytes: int | None
    """Weights (packed ones too), keys and values of a whole batch, logits, and the libraries."""
    flops: float | None
    """Two for each weight and token, in making and in measuring."""


def estimate(
    study: Study,
    model: str,
    cells: Sequence[Cell],
    *,
    batch_size: int,
    device: str | None = None,
    dtype: str | None = None,
) -> Estimate:
    """Estimate what making completions takes. Costs reading a configuration file and the weights' headers.

    Args:
        study: what declares them.
        model: the model that makes them.
        cells: which of them.
        batch_size: how many are decoded together.
        device: where the model would run; None for a GPU if there seems to be one.
        dtype: what the weights are loaded in; None for the checkpoint's own type.
    """
    n_new = study.sampling.max_new_tokens
    n_tokens = len(cells) * n_new
    where = device or likely_device()
    checkpoint = read_checkpoint(model)
    if checkpoint is None:
        return Estimate(model, len(cells), n_tokens, batch_size, where, dtype, None, None, None)
    used = dtype or checkpoint.dtype
    n_prompt = max((len(prompt) for prompt in study.prompts), default=0) // _CHARACTERS_PER_TOKEN + 1
    length, weights = n_prompt + n_new, checkpoint.n_bytes(used)
    n_logits = max(batch_size * _COPIES_OF_LOGITS, 2 * kept_together(batch_size) * (n_new + 1))
    logits = 4 * n_logits * int(checkpoint.config.get("vocab_size", 0))
    cache = batch_size * length * _cached_numbers(checkpoint.config) * BYTES.get(used, 4)
    is_packed = is_cpu(where) and used == "float32" and weights <= _MOST_PACKED_BYTES
    memory = weights + (weights if is_packed else 0) + cache + logits + _LIBRARIES
    flops = 2.0 * checkpoint.n_weights * (n_tokens + len(cells) * length)
    return Estimate(model, len(cells), n_tokens, batch_size, where, used, weights, memory, flops)


def likely_device() -> str:
    """Guess where a model runs that is told no device: whether torch finds a GPU costs seconds to ask."""
    try:
        is_cpu_build = version("torch").endswith("+cpu")
    except PackageNotFoundError:
        is_cpu_build = True
    are_hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}
    return "cpu" if is_cpu_build or are_hidden or shutil.which("nvidia-smi") is None else "cuda"


def is_cpu(device: str) -> bool:
    """Tell whether a device's memory is the machine's own."""
    return device.partition(":")[0] == "cpu"


def default_batch_size(n_completions: int) -> int:
    """Choose how many to decode together: a quarter, so that an interruption loses no more; 64 to 128.

    Measured with the embedded model on two cores: 16 rows take half as long as 64, and 128 twice as long.
    """
    return min(128, max(64, n_completions // 4))


def kept_together(batch_size: int) -> int:
    """Choose how many finished completions are measured and kept together: an eighth of a batch, 8 at least.

    Each group costs a forward pass, and a GPU takes about as long for few rows as for many.
    """
    return max(8, batch_size // 8)


def describe(expected: Estimate, *, free: int | None = None) -> list[str]:
    """Say in lines what an estimate comes to.

    Args:
        expected: the estimate.
        free: the bytes of the machine's memory that are free; None where that is not known.
    """
    what = (
        f"{expected.model} would make {expected.n_completions} completions of at most "
        f"{expected.n_tokens // max(1, expected.n_completions)} tokens ({expected.n_tokens:,} in all), "
        f"{expected.batch_size} together, on {expected.device}."
    )
    if expected.memory_bytes is None or expected.flops is None:
        return [what, "  The model does not lie on this disk, so its memory and time are not known before."]
    weights = (expected.weight_bytes or 0) / 1e9
    there = f"; {free / 1e9:.1f} GB are free" if free is not None and is_cpu(expected.device) else ""
    memory = (
        f"  memory: about {expected.memory_bytes / 1e9:.1f} GB, of which {weights:.1f} GB are weights in "
        f"{expected.dtype}{there}"
    )
    if not is_cpu(expected.device):
        return [what, memory, "  time: not known before for a GPU"]
    seconds = expected.flops / cpu_flops_per_second()
    return [what, memory, f"  time: roughly {describe_duration(seconds)} on this machine while it is idle"]


def cpu_flops_per_second() -> float:
    """Measure what this machine's processors do in matrix products, in a tenth of a second."""
    import numpy as np  # noqa: PLC0415 (for this alone)

    left, right = np.ones((64, 2048), np.float32), np.ones((2048, 2048), np.float32)
    fastest = float("inf")
    end = time.perf_counter() + 0.1
    while time.perf_counter() < end:
        start = time.perf_counter()
        left @ right
        fastest = min(fastest, time.perf_counter() - start)
    per_thread = 2.0 * left.size * right.shape[1] / fastest
    one_thread = os.environ.get("OPENBLAS_NUM_THREADS") == "1"  # as in the command `rater`
    return per_thread * (
        len(os.sched_getaffinity(0)) if one_thread and hasattr(os, "sched_getaffinity") else 1
    )


def _cached_numbers(config: Mapping[str, Any]) -> int:
    """Count the numbers that the cache keeps of a token: keys and values of all layers."""
    n_layers = int(config.get("num_hidden_layers") or config.get("n_layer") or 0)
    width = int(config.get("hidden_size") or config.get("n_embd") or 0)
    n_heads = int(config.get("num_attention_heads") or config.get("n_head") or 1)
    n_keys = int(config.get("num_key_value_heads") or n_heads)
    d_head = int(config.get("head_dim") or width // n_heads)
    return 2 * n_layers * n_keys * d_head
