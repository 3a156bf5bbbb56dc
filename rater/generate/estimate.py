"""Say what generating will take, from a model's configuration and file sizes alone: nothing is loaded."""

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rater.embedded import EMBEDDED_MODEL, embedded_model_path
from rater.store.sealed.completions import Cell
from rater.study.study import Study

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
"""The types that weights may be loaded in, and the bytes that a number takes in them."""
_CHARACTERS_PER_TOKEN = 4
_MEASURED_TOGETHER = 8
_MOST_PACKED_BYTES = 2 * 2**30
"""As in `rater.steering.products`, which needs torch."""
_COPIES_OF_LOGITS = 3
"""The model's, the probabilities, and what sorting them takes."""


@dataclass(frozen=True)
class Estimate:
    """What making some completions with one model will take, at most and roughly."""

    model: str
    n_completions: int
    n_tokens: int
    """The new tokens, if none ends before the limit."""
    batch_size: int
    dtype: str | None
    weight_bytes: int | None
    """None where the model does not lie on this disk, as the next two."""
    memory_bytes: int | None
    """Weights (packed ones too), keys and values of a whole batch, and logits."""
    flops: float | None
    """Two for each weight and token, in making and in measuring."""


def estimate(
    study: Study, model: str, cells: Sequence[Cell], *, batch_size: int, dtype: str | None = None
) -> Estimate:
    """Estimate what making completions takes. Costs reading a configuration file.

    Args:
        study: what declares them.
        model: the model that makes them.
        cells: which of them.
        batch_size: how many are decoded together.
        dtype: what the weights are loaded in; None for the checkpoint's own type.
    """
    n_new = study.sampling.max_new_tokens
    n_tokens = len(cells) * n_new
    folder = _folder(model)
    config = _read_config(folder) if folder else None
    if folder is None or config is None:
        return Estimate(model, len(cells), n_tokens, batch_size, dtype, None, None, None)
    own = str(config.get("dtype") or config.get("torch_dtype") or "float32")
    used = dtype or own
    n_weights = _file_bytes(folder) // BYTES.get(own, 4)
    n_prompt = max((len(prompt) for prompt in study.prompts), default=0) // _CHARACTERS_PER_TOKEN + 1
    length, size = n_prompt + n_new, BYTES.get(used, 4)
    n_logits = max(batch_size * _COPIES_OF_LOGITS, 2 * _MEASURED_TOGETHER * (n_new + 1))
    cache = batch_size * length * _cached_numbers(config) * size
    packed = n_weights * size if used == "float32" and n_weights * size <= _MOST_PACKED_BYTES else 0
    memory = n_weights * size + packed + cache + 4 * n_logits * int(config.get("vocab_size", 0))
    flops = 2.0 * n_weights * (n_tokens + len(cells) * length)
    return Estimate(model, len(cells), n_tokens, batch_size, used, n_weights * size, memory, flops)


def default_batch_size(n_completions: int) -> int:
    """Choose how many to decode together: a quarter, so that an interruption loses no more; 64 to 128.

    Measured with the embedded model on two cores: 16 rows take half as long as 64, and 128 twice as long.
    """
    return min(128, max(64, n_completions // 4))


def describe(expected: Estimate, device: str | None) -> list[str]:
    """Say in lines what an estimate comes to."""
    what = (
        f"{expected.model} would make {expected.n_completions} completions of at most "
        f"{expected.n_tokens // max(1, expected.n_completions)} tokens ({expected.n_tokens:,} in all), "
        f"{expected.batch_size} together."
    )
    if expected.memory_bytes is None or expected.flops is None:
        return [what, "  The model does not lie on this disk, so its memory and time are not known before."]
    weights = (expected.weight_bytes or 0) / 1e9
    memory = (
        f"  memory: about {expected.memory_bytes / 1e9:.1f} GB, of which {weights:.1f} GB are weights in "
        f"{expected.dtype}"
    )
    if (device or "cpu") != "cpu" or (device is None and shutil.which("nvidia-smi")):
        return [what, memory, "  time: not known before for a GPU"]
    seconds = expected.flops / cpu_flops_per_second()
    return [what, memory, f"  time: roughly {_duration(seconds)} on this machine while it is idle"]


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


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


def _folder(model: str) -> Path | None:
    """Find the folder of a model that lies on this disk, in the hub's cache too."""
    if model == EMBEDDED_MODEL:
        return embedded_model_path()
    if Path(model).is_dir():
        return Path(model)
    try:
        from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 (may not be installed)

        found = try_to_load_from_cache(model, "config.json")
    except (ImportError, ValueError):  # no such name is possible
        return None
    return Path(found).parent if isinstance(found, str) else None


def _read_config(folder: Path) -> Mapping[str, Any] | None:
    try:
        config: Mapping[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return config


def _file_bytes(folder: Path) -> int:
    for pattern in ("*.safetensors", "*.bin"):
        sizes = [path.stat().st_size for path in folder.glob(pattern)]
        if sizes:
            return sum(sizes)
    return 0


def _cached_numbers(config: Mapping[str, Any]) -> int:
    """Count the numbers that the cache keeps of a token: keys and values of all layers."""
    n_layers = int(config.get("num_hidden_layers") or config.get("n_layer") or 0)
    width = int(config.get("hidden_size") or config.get("n_embd") or 0)
    n_heads = int(config.get("num_attention_heads") or config.get("n_head") or 1)
    n_keys = int(config.get("num_key_value_heads") or n_heads)
    d_head = int(config.get("head_dim") or width // n_heads)
    return 2 * n_layers * n_keys * d_head
